//! What Windows tells: so far nothing of these, which the report then says.

use std::{io, path::Path};

/// How much may still be written.
pub(super) fn free_bytes(_: &Path) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the desktop shows notifications.
pub(super) async fn shows_notifications() -> Option<bool> {
    None
}

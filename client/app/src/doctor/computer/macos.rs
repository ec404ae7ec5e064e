//! What macOS tells: whether it shows notifications it tells nobody, which the report then says.

use std::{io, path::Path};

/// How much may still be written.
pub(super) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = nix::sys::statvfs::statvfs(folder)?;
    Ok(u64::from(disk.blocks_available()).saturating_mul(disk.fragment_size()))
}

/// Whether the desktop shows notifications.
pub(super) async fn shows_notifications() -> Option<bool> {
    None
}

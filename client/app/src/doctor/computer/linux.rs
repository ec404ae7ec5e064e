//! What Linux tells.

use std::{io, path::Path};

use zbus::{Connection, fdo::DBusProxy};

use crate::notification::SERVICE;

/// How much may still be written.
pub(super) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = nix::sys::statvfs::statvfs(folder)?;
    Ok(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

/// Whether a service of the desktop for them runs, or starts when it is asked.
pub(super) async fn shows_notifications() -> Option<bool> {
    Some(is_served().await.unwrap_or(false))
}

async fn is_served() -> zbus::Result<bool> {
    let bus = Connection::session().await?;
    let bus = DBusProxy::new(&bus).await?;
    let mut names = bus.list_names().await?;
    names.extend(bus.list_activatable_names().await?);
    Ok(names.iter().any(|name| name.as_str() == SERVICE))
}

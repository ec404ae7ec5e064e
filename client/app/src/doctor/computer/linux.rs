//! What Linux tells.

use std::{io, path::Path, process::Stdio};

use tokio::process::Command;
use zbus::{Connection, fdo::DBusProxy};

use crate::notification;

/// What every desktop's service for them is called.
const SERVICE: &str = "org.freedesktop.Notifications";

/// How much may still be written.
pub(super) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = nix::sys::statvfs::statvfs(folder)?;
    Ok(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

/// Whether the program for them is installed, and a service of the desktop runs or starts when it is asked.
pub(super) async fn shows_notifications() -> Option<bool> {
    let program = Command::new(notification::PROGRAM)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await;
    let is_installed = program.is_ok_and(|status| status.success());
    Some(is_installed && is_served().await.unwrap_or(false))
}

async fn is_served() -> zbus::Result<bool> {
    let bus = Connection::session().await?;
    let bus = DBusProxy::new(&bus).await?;
    let mut names = bus.list_names().await?;
    names.extend(bus.list_activatable_names().await?);
    Ok(names.iter().any(|name| name.as_str() == SERVICE))
}

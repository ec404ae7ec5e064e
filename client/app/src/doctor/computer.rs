//! What a session needs of this computer.

#[cfg(target_os = "linux")]
#[path = "computer/linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "computer/macos.rs"]
mod system;
#[cfg(windows)]
#[path = "computer/windows.rs"]
mod system;

use std::{fs, io, net::Ipv4Addr, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{Check, Finding};
use crate::{api::plain, config::file, gui, keyring, private, rdp};

/// What the program writes at most, with room: certificates, window, workstations, a report.
const ENOUGH_MIB: u64 = 16;
/// For a connection from this computer to itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// Under which nothing is kept in the keyring.
const NOBODY: &str = "doctor";

/// Whether a program here can reach a door of this one.
pub(super) async fn door() -> Finding {
    let reach = async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        TcpStream::connect(listener.local_addr()?).await?;
        listener.accept().await.map(drop)
    };
    match timeout(PATIENCE, reach).await {
        Ok(Ok(())) => Finding::Door,
        Ok(Err(error)) => Finding::NoDoor { cause: plain(&error) },
        Err(_) => Finding::NoDoor { cause: "no answer".to_owned() },
    }
}

/// Whether there is one, and whether it runs.
pub(super) async fn rdp_program() -> Finding {
    let Some(found) = rdp::find() else { return Finding::NoRdpProgram };
    match rdp::version(&found).await {
        Ok(version) => Finding::RdpProgram { version: format!("{}: {version}", found.name()) },
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Finding::RdpProgram { version: found.name() },
        // FreeRDP 2 says nothing at all where it finds no screen.
        Err(_) if !gui::has_screen() => Finding::NotLooked(Check::RdpProgram),
        Err(error) => Finding::RdpProgramBroken { program: found.name(), cause: plain(&error) },
    }
}

/// Whether there is one that answers: it is asked for what it does not hold.
pub(super) fn keyring() -> Finding {
    match keyring::fetch(NOBODY) {
        Ok(_) | Err(keyring::Trouble::NoKey) => Finding::Keyring,
        Err(keyring::Trouble::Unusable(_)) => Finding::NoKeyring,
    }
}

/// Whether the desktop shows notifications.
pub(super) async fn notifications() -> Finding {
    match timeout(PATIENCE, system::shows_notifications()).await {
        Ok(Some(true)) => Finding::Notifications,
        Ok(Some(false)) | Err(_) => Finding::NoNotifications,
        Ok(None) => Finding::NotLooked(Check::Notifications),
    }
}

/// Whether the program's files can be written, tried with one.
pub(super) fn folder() -> Finding {
    match write_and_remove() {
        Ok(()) => Finding::Folder,
        Err(error) => Finding::NoFolder { cause: plain(&error) },
    }
}

fn write_and_remove() -> io::Result<()> {
    let folder = file::needed_folder()?;
    private::create_folder(&folder)?;
    let file = folder.join(format!("doctor-{}.new", std::process::id()));
    let written = fs::write(&file, vec![b'x'; 4096]);
    let _ = fs::remove_file(&file);
    written
}

/// Whether there is room where these files are.
pub(super) fn disk() -> Finding {
    let free = file::needed_folder().and_then(|folder| system::free_bytes(&folder));
    match free.map(|bytes| bytes >> 20) {
        Ok(free_mib) if free_mib < ENOUGH_MIB => Finding::DiskFull { free_mib },
        Ok(free_mib) => Finding::Disk { free_mib },
        Err(_) => Finding::NotLooked(Check::Disk),
    }
}

//! mstsc, the program of Windows itself: it is told everything in a file.
//!
//! The file lies in this user's own folder, has no password in it, and is removed when the program ends; a password that it may have
//! lies in the Credential Manager as long ([`credential`]). What a killed program of ours left behind is removed at the next start.
//! Nobody says what mstsc's exit codes mean, so what came from the workstation tells how it ended.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use gateway_api::login::Password;

use super::{
    Call, Codes, Desktop, Ended, Run, Screen, Seen, Why,
    credential::{self, Credential},
    rdp_file,
};
use crate::{config::file, private};

/// A folder with one `.rdp` file, maybe a password, and gone when it is dropped.
pub(super) struct Aside {
    folder: PathBuf,
    _credential: Option<Credential>,
}

/// How it is called.
pub(super) fn call(_: &Path, desktop: &Desktop<'_>, screen: Screen, _version: Option<&str>) -> io::Result<Call> {
    let home = file::folder().ok_or_else(|| io::Error::other("this user has no folder"))?;
    let folders = home.join("desktop");
    // What is still used by another program of ours has been read by its mstsc.
    let _ = fs::remove_dir_all(&folders);
    let host = desktop.door.ip();
    credential::forget_left(host);
    let credential = desktop.password.and_then(|password| match Credential::keep(host, desktop.user, password) {
        Ok(kept) => kept,
        Err(error) => {
            tracing::debug!(%error, "mstsc will ask for the password");
            None
        }
    });
    let text = rdp_file::text(desktop, screen, credential.is_some());
    let aside = Aside { folder: folders.join(std::process::id().to_string()), _credential: credential };
    private::create_folder(&aside.folder)?;
    // Its name stands in the title of the desktop's window.
    let path = aside.folder.join(format!("{}.rdp", plain(desktop.workstation)));
    // As mstsc itself writes it.
    let units = "\u{feff}".encode_utf16().chain(text.encode_utf16().collect::<Vec<_>>());
    private::create(&path)?.write_all(&units.flat_map(u16::to_le_bytes).collect::<Vec<_>>())?;
    Ok(Call { arguments: vec![path.into()], aside: Some(aside), codes: Codes::Known, ..Call::default() })
}

/// The Credential Manager takes any.
pub(super) fn takes(_: &Password) -> bool {
    true
}

/// It asks for a password in a window of its own.
pub(super) fn asks(_: &Path) -> bool {
    true
}

/// How it ended, where that is anything particular.
pub(super) fn meaning(_code: i32, status: String, run: Run) -> Option<Ended> {
    match run.seen {
        Seen::Nothing => Some(Ended::Because(Why::Unreached, status)),
        Seen::Answer => Some(Ended::Because(Why::Unshown, status)),
        Seen::Desktop => Some(Ended::Normally),
    }
}

/// A name that can stand in a file's.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' }).collect()
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

//! mstsc, the program of Windows itself: it is told everything in a file.
//!
//! The file lies aside as long as it runs ([`aside`](super::aside)), and so does a password that it may have, in the Credential Manager
//! ([`credential`]).
//! Nobody says what mstsc's exit codes mean, so what came from the workstation tells how it ended.

use std::{io, path::Path};

use gateway_api::login::Password;

use super::{
    Call, Codes, Desktop, Ended, Run, Screen, Seen, Why, aside,
    credential::{self, Credential},
    rdp_file,
};

/// The file, and maybe a password.
pub(super) struct Aside {
    _folder: aside::Aside,
    _credential: Option<Credential>,
}

/// How it is called.
pub(super) fn call(_: &Path, desktop: &Desktop<'_>, screen: Screen, _version: Option<&str>) -> io::Result<Call> {
    let folder = aside::Aside::new()?;
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
    // As mstsc itself writes it.
    let units = "\u{feff}".encode_utf16().chain(text.encode_utf16().collect::<Vec<_>>());
    let bytes = units.flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    // Its name stands in the title of the desktop's window.
    let path = folder.write(&format!("{}.rdp", plain(desktop.workstation)), &bytes)?;
    let aside = Aside { _folder: folder, _credential: credential };
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

//! The RDP programs of a Mac: Microsoft's application, which is told everything in a file, and FreeRDP.
//!
//! The file lies in this user's own folder, has no password in it, and is removed when the application ends. What a killed program of
//! ours left behind is removed at the next start. The application takes no password from anybody but the person.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{Call, Codes, Desktop, Screen, freerdp, rdp_file, system::is_application};
use crate::{config::file, private};

// `open` knows 0 and 1; an end with 1 after a desktop was seen reads as one by the workstation.
pub(super) use freerdp::{meaning, takes};

/// Whether it asks for a password in a window of its own.
pub(super) fn asks(program: &Path) -> bool {
    is_application(program) || freerdp::asks(program)
}

/// A folder with one `.rdp` file, and gone when it is dropped.
pub(super) struct Aside(PathBuf);

/// How it is called.
pub(super) fn call(program: &Path, desktop: &Desktop<'_>, screen: Screen, version: Option<&str>) -> io::Result<Call> {
    if !is_application(program) {
        return freerdp::call(program, desktop, screen, version);
    }
    let home = file::folder().ok_or_else(|| io::Error::other("there is no home folder"))?;
    let folders = home.join("desktop");
    // What is still used by another program of ours has been read by its application.
    let _ = fs::remove_dir_all(&folders);
    let aside = Aside(folders.join(std::process::id().to_string()));
    private::create_folder(&aside.0)?;
    // Its name stands in the title of the desktop's window.
    let path = aside.0.join(format!("{}.rdp", freerdp::plain(desktop.workstation)));
    private::create(&path)?.write_all(rdp_file::text(desktop, screen, false).as_bytes())?;
    Ok(Call { arguments: vec![path.into()], aside: Some(aside), codes: Codes::Known, ..Call::default() })
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

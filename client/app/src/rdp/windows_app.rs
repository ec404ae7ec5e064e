//! The RDP programs of a Mac: Microsoft's application, which is told everything in a file, and FreeRDP.
//!
//! The file lies aside as long as the application runs ([`aside`](super::aside)). It takes no password from anybody but the person.

use std::{io, path::Path};

use super::{Call, Codes, Desktop, Screen, freerdp, rdp_file, system::is_application};

pub(super) use super::aside::Aside;
// `open` knows 0 and 1; an end with 1 after a desktop was seen reads as one by the workstation.
pub(super) use freerdp::{meaning, takes};

/// Whether it asks for a password in a window of its own.
pub(super) fn asks(program: &Path) -> bool {
    is_application(program) || freerdp::asks(program)
}

/// How it is called.
pub(super) fn call(program: &Path, desktop: &Desktop<'_>, screen: Screen, version: Option<&str>) -> io::Result<Call> {
    if !is_application(program) {
        return freerdp::call(program, desktop, screen, version);
    }
    let aside = Aside::new()?;
    // Its name stands in the title of the desktop's window.
    let name = format!("{}.rdp", freerdp::plain(desktop.workstation));
    let path = aside.write(&name, rdp_file::text(desktop, screen, false).as_bytes())?;
    Ok(Call { arguments: vec![path.into()], aside: Some(aside), codes: Codes::Known, ..Call::default() })
}

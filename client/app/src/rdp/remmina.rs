//! The RDP programs of Linux: FreeRDP, and where there is none of it, Remmina, which is told everything in a profile.
//!
//! Remmina gets folders of ours in place of the person's, so that nothing of theirs is touched or offered, and no bus: over that it would
//! hand the work to another Remmina of theirs and end at once. The profile has no password in it, and none is kept in it; it lies aside as
//! long as Remmina runs, with what that puts beside it ([`aside`](super::aside)).
//!
//! Nor is there a user name in it: with one Remmina signs in by itself, at a workstation that does not ask before (NLA), with an empty
//! password, each time that it connects; and that counts as a wrong one.
//!
//! A certificate that is new to it, or another than before, it shows and asks about. What was accepted it remembers by address and port, as
//! the library that it uses does for FreeRDP: our address says nothing, so each workstation has a memory of its own.
//!
//! Seen with Remmina 1.4.29 (FreeRDP 2.11.7): it ends when its window is closed, and when the workstation ends the session, with 0
//! whatever it met; that it shows in its window.

use std::{io, path::Path};

use gateway_api::login::Redirection;

use super::{Call, Desktop, Screen, freerdp, system::is_remmina};
use crate::private;

pub(super) use super::aside::Aside;
// Remmina's codes are not known, and so never asked about.
pub(super) use freerdp::{meaning, takes};

/// Whether it asks for a password in a window of its own.
pub(super) fn asks(program: &Path) -> bool {
    is_remmina(program) || freerdp::asks(program)
}

/// What is no bus to anybody.
const NO_BUS: &str = "disabled:";
/// Closing the window is enough, nothing stays beside the clock, and it goes on trying as FreeRDP does with a password: it has one from the
/// person where the workstation asks for it first.
const PREFERENCES: &str = "[remmina_pref]\nconfirm_close=false\ndisable_tray_icon=true\nrdp_reconnect_attempts=6\n";

/// How it is called.
pub(super) fn call(program: &Path, desktop: &Desktop<'_>, screen: Screen, version: Option<&str>) -> io::Result<Call> {
    if !is_remmina(program) {
        return freerdp::call(program, desktop, screen, version);
    }
    let name = freerdp::plain(desktop.workstation);
    let memory = freerdp::folder(desktop.gateway)?.join("remmina").join(&name);
    freerdp::remember(&memory, &desktop.door.ip().to_string(), desktop.door.port())?;
    private::replace(&memory.join("remmina/remmina.pref"), PREFERENCES.as_bytes())?;
    let aside = Aside::new()?;
    let text = profile(desktop, screen, std::env::home_dir().as_deref());
    let path = aside.write(&format!("{name}.remmina"), text.as_bytes())?;
    let environment = vec![
        ("XDG_CONFIG_HOME", memory),
        ("XDG_DATA_HOME", path.with_file_name("data")),
        ("XDG_CACHE_HOME", path.with_file_name("cache")),
        ("DBUS_SESSION_BUS_ADDRESS", NO_BUS.into()),
    ];
    Ok(Call { arguments: vec!["-c".into(), path.into()], environment, aside: Some(aside), ..Call::default() })
}

/// The profile's text. `home` is what drives are to share.
fn profile(desktop: &Desktop<'_>, screen: Screen, home: Option<&Path>) -> String {
    let granted = |what: Redirection| desktop.redirect.contains(&what);
    let number = |key: &str, value: u8| format!("{key}={value}");
    let folder = home.and_then(Path::to_str).filter(|_| granted(Redirection::Drives)).unwrap_or_default();
    let lines = [
        "[remmina]".to_owned(),
        "protocol=RDP".to_owned(),
        // It stands in the title of the desktop's window.
        format!("name={}", value(desktop.workstation)),
        format!("server={}", desktop.door),
        number("viewmode", if screen == Screen::Full { 3 } else { 1 }),
        number("window_maximize", 0),
        "window_width=1100".to_owned(),
        "window_height=820".to_owned(),
        // The desktop is as large as there is room, and follows it.
        number("resolution_mode", 1),
        number("scale", 2),
        number("cert_ignore", 0),
        number("disablepasswordstoring", 1),
        number("multitransport", 0), // TCP only: the tunnel carries nothing else
        number("disableclipboard", (!granted(Redirection::Clipboard)).into()),
        format!("sharefolder={}", value(folder)),
        number("shareprinter", granted(Redirection::Printers).into()),
        number("sharesmartcard", granted(Redirection::Smartcards).into()),
        format!("sound={}", if granted(Redirection::Audio) { "local" } else { "off" }),
        format!("microphone={}", if granted(Redirection::Microphone) { "sys:pulse" } else { "" }),
        number("shareserial", 0),
        number("shareparallel", 0),
    ];
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

/// A value on one line, as GLib reads it.
fn value(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect::<String>().replace('\\', "\\\\")
}

#[cfg(test)]
mod tests {
    use gateway_api::login::Password;

    use super::*;

    fn told(workstation: &str, screen: Screen, redirect: &[Redirection]) -> String {
        let password = Password::new("Segreto! 42".to_owned());
        let desktop = Desktop {
            door: ([127, 0, 0, 1], 4711).into(),
            user: "m.rossi",
            workstation,
            gateway: "gw",
            certificate: None,
            redirect,
            password: Some(&password),
        };
        profile(&desktop, screen, Some(Path::new("/home/x")))
    }

    fn has(text: &str, line: &str) -> bool {
        text.lines().any(|found| found == line)
    }

    #[test]
    fn nothing_is_shared_unless_granted() {
        let nothing = told("pc", Screen::Window, &[]);
        for line in
            ["disableclipboard=1", "sharefolder=", "shareprinter=0", "sharesmartcard=0", "sound=off", "microphone="]
        {
            assert!(has(&nothing, line), "{line} is not in:\n{nothing}");
        }
        let some = told("pc", Screen::Window, &[Redirection::Clipboard, Redirection::Drives, Redirection::Audio]);
        for line in ["disableclipboard=0", "sharefolder=/home/x", "shareprinter=0", "sound=local"] {
            assert!(has(&some, line), "{line} is not in:\n{some}");
        }
    }

    #[test]
    fn it_begins_as_it_was_chosen_at_the_door_and_under_the_workstations_name() {
        let text = told("anagrafe-07", Screen::Full, &[]);
        for line in ["name=anagrafe-07", "server=127.0.0.1:4711", "viewmode=3"] {
            assert!(has(&text, line), "{line} is not in:\n{text}");
        }
        assert!(has(&told("anagrafe-07", Screen::Window, &[]), "viewmode=1"));
    }

    #[test]
    fn neither_password_nor_name_stands_in_it_and_a_name_cannot_smuggle_a_line_in() {
        let text = told("pc\ncert_ignore=1\\n", Screen::Window, &[]);
        assert!(!text.contains("Segreto") && !text.contains("m.rossi"), "{text}");
        assert!(has(&text, "cert_ignore=0") && !has(&text, "cert_ignore=1"), "{text}");
        assert!(has(&text, "name=pccert_ignore=1\\\\n"), "{text}");
    }
}

//! What a `.rdp` file says: where to, as whom, and what may be shared. Never a password.
//!
//! mstsc takes a file for what nobody has chosen; what its own policy (on a managed computer) forbids stays forbidden.

use gateway_api::login::Redirection;

use super::{Desktop, Screen};

/// The file's text; `lies_ready` says whether mstsc finds the password by itself.
pub(super) fn text(desktop: &Desktop<'_>, screen: Screen, lies_ready: bool) -> String {
    let granted = |what: Redirection| desktop.redirect.contains(&what);
    let number = |key: &str, value: u8| format!("{key}:i:{value}");
    let share = |key: &str, what: Redirection| number(key, granted(what).into());
    let lines = [
        format!("full address:s:{}", desktop.door),
        format!("username:s:{}", plain(desktop.user)),
        // Where it fills the screen, the bar at its top leads back.
        number("screen mode id", if screen == Screen::Full { 2 } else { 1 }),
        number("use multimon", 0),
        number("dynamic resolution", 1),
        number("displayconnectionbar", 1),
        number("autoreconnection enabled", 1),
        number("networkautodetect", 1),
        // The door leads to the workstation: no other gateway, and no other program there.
        number("gatewayusagemethod", 0),
        "alternate shell:s:".to_owned(),
        // Where none is to be found, mstsc asks all the same.
        number("prompt for credentials", (!lies_ready).into()),
        // A certificate that cannot be checked is shown, not taken.
        number("authentication level", 2),
        number("enablecredsspsupport", 1),
        share("redirectclipboard", Redirection::Clipboard),
        format!("drivestoredirect:s:{}", if granted(Redirection::Drives) { "*" } else { "" }),
        share("redirectprinters", Redirection::Printers),
        share("redirectsmartcards", Redirection::Smartcards),
        // Here, or nowhere.
        number("audiomode", if granted(Redirection::Audio) { 0 } else { 2 }),
        share("audiocapturemode", Redirection::Microphone),
        number("redirectcomports", 0),
        number("redirectposdevices", 0),
        number("redirectlocation", 0),
        number("redirectwebauthn", 0),
        "camerastoredirect:s:".to_owned(),
        "devicestoredirect:s:".to_owned(),
        "usbdevicestoredirect:s:".to_owned(),
    ];
    lines.iter().fold(String::new(), |text, line| text + line + "\r\n")
}

/// A name on one line.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use gateway_api::login::Password;

    use super::*;

    fn desktop<'a>(user: &'a str, redirect: &'a [Redirection], password: Option<&'a Password>) -> Desktop<'a> {
        let door = ([127, 0, 0, 1], 4711).into();
        Desktop { door, user, workstation: "anagrafe-07", gateway: "gw", certificate: None, redirect, password }
    }

    fn told(user: &str, redirect: &[Redirection]) -> String {
        text(&desktop(user, redirect, None), Screen::Full, false)
    }

    #[test]
    fn a_password_that_lies_ready_is_not_asked_for_and_not_written_down() {
        assert!(told("m.rossi", &[]).contains("prompt for credentials:i:1\r\n"));
        let password = Password::new("Segreto! 42".to_owned());
        let desktop = desktop("m.rossi", &[], Some(&password));
        let ready = text(&desktop, Screen::Full, true);
        assert!(ready.contains("prompt for credentials:i:0\r\n") && !ready.contains("Segreto"), "{ready}");
        // What the person keeps there is not what mstsc may take unasked.
        assert!(text(&desktop, Screen::Full, false).contains("prompt for credentials:i:1\r\n"));
    }

    #[test]
    fn nothing_is_shared_unless_granted() {
        let nothing = told("m.rossi", &[]);
        for line in ["redirectclipboard:i:0", "drivestoredirect:s:", "redirectprinters:i:0", "audiomode:i:2"] {
            assert!(nothing.lines().any(|found| found == line), "{line}");
        }
        let some = told("m.rossi", &[Redirection::Clipboard, Redirection::Drives]);
        for line in ["redirectclipboard:i:1", "drivestoredirect:s:*", "redirectprinters:i:0"] {
            assert!(some.lines().any(|found| found == line), "{line}");
        }
    }

    #[test]
    fn it_begins_as_it_was_chosen() {
        let desktop = desktop("m.rossi", &[], None);
        assert!(text(&desktop, Screen::Full, false).contains("screen mode id:i:2\r\n"));
        assert!(text(&desktop, Screen::Window, false).contains("screen mode id:i:1\r\n"));
    }

    #[test]
    fn it_leads_to_the_door_and_a_name_cannot_smuggle_a_line_in() {
        let text = told("m\r\nredirectclipboard:i:1", &[]);
        assert!(text.starts_with("full address:s:127.0.0.1:4711\r\n"), "{text}");
        assert!(text.lines().all(|line| line != "redirectclipboard:i:1"), "{text}");
        assert!(!text.contains("password"));
    }
}

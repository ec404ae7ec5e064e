//! On Linux desktops `notify-send` of libnotify shows it.

use tokio::process::Command;

use super::Urgency;

/// What shows it.
pub(crate) const PROGRAM: &str = "notify-send";

/// How it is told a sentence. Over a window that fills the screen, GNOME shows critical ones alone, and leaves them there until they are
/// clicked away.
pub(super) fn command(sentence: &str, urgency: Urgency) -> Command {
    let urgency = match urgency {
        Urgency::Normal => "--urgency=normal",
        Urgency::Critical => "--urgency=critical",
    };
    let mut command = Command::new(PROGRAM);
    command.args(["--app-name=deskgate", urgency, "--", "Deskgate", sentence]);
    command
}

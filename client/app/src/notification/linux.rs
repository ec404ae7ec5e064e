//! On Linux desktops `notify-send` of libnotify shows it.

use tokio::process::Command;

/// What shows it.
pub(crate) const PROGRAM: &str = "notify-send";

/// How it is told a sentence.
pub(super) fn command(sentence: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--app-name=deskgate", "--", "Deskgate", sentence]);
    command
}

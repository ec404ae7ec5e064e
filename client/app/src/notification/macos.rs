//! On macOS a script of the system's own shows it. What it shows is handed to the script as an argument and is never part of it.

use tokio::process::Command;

use super::Urgency;

/// What runs scripts; the system's own, whatever `PATH` says.
const PROGRAM: &str = "/usr/bin/osascript";
/// The title is the first argument, so that no sentence is ever taken for an option.
const SCRIPT: [&str; 3] =
    ["on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run"];

/// How it is told a sentence. A script has no word for its urgency: what is shown over a full screen, the person's own settings say.
pub(super) fn command(sentence: &str, _: Urgency) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(SCRIPT.iter().flat_map(|line| ["-e", line])).args(["Deskgate", sentence]);
    command
}

//! On macOS a script of the system's own shows it. What it shows is handed to the script as an argument and is never part of it.

use std::{process::Stdio, sync::Arc, time::Duration};

use tokio::{process::Command, time::timeout};

use super::{Unshown, Urgency};

/// What runs scripts; the system's own, whatever `PATH` says.
const PROGRAM: &str = "/usr/bin/osascript";
/// The title is the first argument, so that no sentence is ever taken for an option.
const SCRIPT: [&str; 3] =
    ["on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run"];
/// For the desktop to take it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Shows a sentence, or tells that nothing does. A script has no word for its urgency: what is shown over a full screen, the person's own
/// settings say.
pub(super) fn show(sentence: &str, _: Urgency, unshown: Arc<Unshown>) {
    let started = Command::new(PROGRAM)
        .args(SCRIPT.iter().flat_map(|line| ["-e", line]))
        .args(["Deskgate", sentence])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let ended = async {
        let mut program = started?;
        timeout(PATIENCE, program.wait()).await?
    };
    drop(tokio::spawn(async move {
        match ended.await {
            Ok(status) if status.success() => {}
            ended => {
                tracing::debug!(?ended, "no notification");
                unshown.tell();
            }
        }
    }));
}

//! On Unix desktops a program shows it, another one on each.

use std::{process::Stdio, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{Unshown, Urgency, program};

/// For the desktop to take it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Shows a sentence, or tells that nothing does: no such program, or none of the desktop's services behind it.
pub(super) fn show(sentence: &str, urgency: Urgency, unshown: Arc<Unshown>) {
    let started = program::command(sentence, urgency)
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

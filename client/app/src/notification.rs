//! Words on the worker's desktop, by the desktop's own service (`notify-send` of libnotify): whoever works in a window that fills the
//! screen sees no terminal.
//!
//! A notification takes no focus. A window of ours would, and an RDP program that loses the focus and gets it back sends what
//! looks like a person (docs/IDLE.md): a warning would keep the session open that it warns of.

use std::{io, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

pub(crate) const PROGRAM: &str = "notify-send";
/// For the desktop to take it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Shows a sentence. Where there is no such service, the terminal alone has it.
pub(crate) fn show(sentence: &str) {
    let started = Command::new(PROGRAM)
        .args(["--app-name=deskgate", "--", "Deskgate", sentence])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    match started {
        Ok(mut program) => drop(tokio::spawn(async move { timeout(PATIENCE, program.wait()).await.map(drop) })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::debug!(%error, "no notification"),
    }
}

//! On Unix desktops a program shows it, another one on each.

use std::{io, process::Stdio, time::Duration};

use tokio::time::timeout;

use super::program;

/// For the desktop to take it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Shows a sentence. Where there is no such service, the terminal alone has it.
pub(crate) fn show(sentence: &str) {
    let started = program::command(sentence)
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

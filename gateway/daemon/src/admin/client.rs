//! The administrator's end of the socket: one question, its answer, or why there is none.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
};

use serde_json::Value;
use zeroize::Zeroizing;

use super::{Line, Question};

/// Room for any question, in bytes: growing would leave copies behind.
const LONGEST: usize = 16 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum AskError {
    /// No gateway answers on the socket; what the system said.
    NotRunning(String),
    /// The gateway, or the line to it, said no.
    Failed(String),
}

impl std::fmt::Display for AskError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotRunning(why) => write!(f, "no gateway answers: {why}"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// Puts a question that has one answer.
pub(crate) fn ask(socket: &Path, question: &Question) -> Result<Value, AskError> {
    ask_rows(socket, question, |_| Ok(()))
}

/// Puts a question that is answered line by line.
pub(crate) fn ask_rows(
    socket: &Path,
    question: &Question,
    mut row: impl FnMut(Value) -> Result<(), String>,
) -> Result<Value, AskError> {
    let broken = |error: &dyn std::fmt::Display| AskError::Failed(format!("the gateway broke off: {error}"));
    let mut stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => AskError::Failed(format!(
            "you may not use `{}`: be root, or in the group that [admin] names",
            socket.display()
        )),
        _ => AskError::NotRunning(format!("`{}`: {error}", socket.display())),
    })?;
    // It may hold a password.
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST));
    serde_json::to_writer(&mut *text, question).map_err(|error| broken(&error))?;
    text.push(b'\n');
    stream.write_all(&text).map_err(|error| broken(&error))?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(|error| broken(&error))?;
        match serde_json::from_str(&line).map_err(|error| broken(&error))? {
            Line::Row(value) => row(value).map_err(AskError::Failed)?,
            Line::Done(value) => return Ok(value),
            Line::Failed(why) => return Err(AskError::Failed(why)),
        }
    }
    Err(broken(&"it said nothing"))
}

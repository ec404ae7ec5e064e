//! `session`, `status` and `reload`: what is asked of the running gateway.

mod drops;
mod pcapng;

use std::{io::Write as _, process::ExitCode};

use gateway_api::SessionNumber;
use serde_json::Value;

pub(crate) use drops::Drops;

use crate::{
    Failure,
    admin::{
        Question,
        client::{self, AskError},
    },
    cli::{Output, SessionCommand},
    config::Config,
};

/// `session …`
pub(crate) fn run(config: &Config, command: SessionCommand) -> Result<ExitCode, Failure> {
    match command {
        SessionCommand::List(output) => {
            let sessions = ask(config, &Question::SessionList)?;
            if output.json { json(&sessions) } else { list(&sessions) }
        }
        SessionCommand::Show { number, worker, output } => {
            let question = match (number, worker) {
                (_, Some(worker)) => Question::SessionFind { worker },
                (number, None) => Question::SessionShow { number: parse(&number.unwrap_or_default())? },
            };
            let session = ask(config, &question)?;
            if output.json { json(&session) } else { table(&session) }
        }
        SessionCommand::Drops(drops) => drops.run(config),
        SessionCommand::Close { number, output } => {
            let number = parse(&number)?;
            let answer = ask(config, &Question::SessionClose { number })?;
            if output.json { json(&answer) } else { say(&format!("session {number} is closed")) }
        }
    }
}

/// `status`
pub(crate) fn status(config: &Config, output: Output) -> Result<ExitCode, Failure> {
    let status = ask(config, &Question::Status)?;
    if output.json { json(&status) } else { table(&status) }
}

/// `reload`
pub(crate) fn reload(config: &Config, output: Output) -> Result<ExitCode, Failure> {
    let answer = ask(config, &Question::Reload)?;
    let hash = answer.get("policy").and_then(Value::as_str).unwrap_or_default();
    if output.json { json(&answer) } else { say(&format!("loaded; the policy in force is {hash}")) }
}

/// `stop`
pub(crate) fn stop(config: &Config, end_sessions: bool, warn: u32, output: Output) -> Result<ExitCode, Failure> {
    let answer = ask(config, &Question::Stop { end_sessions, warn_s: warn })?;
    match (output.json, end_sessions) {
        (true, _) => json(&answer),
        (false, false) => say("stopping; sessions go on with the next start"),
        (false, true) => {
            say(&format!("no login is answered any more; every session ends in {warn} seconds, then the gateway stops"))
        }
    }
}

/// A session number as people write it.
pub(crate) fn parse(text: &str) -> Result<SessionNumber, Failure> {
    SessionNumber::parse(text).ok_or_else(|| {
        Failure::Unusable(format!("`{text}` is not a number of eight letters or digits, such as K7QM-2F9D"))
    })
}

/// Puts one question to the running gateway.
pub(crate) fn ask(config: &Config, question: &Question) -> Result<Value, Failure> {
    client::ask(&config.admin.socket, question).map_err(|error| match error {
        AskError::NotRunning(why) => Failure::Failed(format!("no gateway is running ({why})")),
        AskError::Failed(why) => Failure::Failed(why),
    })
}

/// Prints a value for programs.
pub(crate) fn json(value: &Value) -> Result<ExitCode, Failure> {
    say(&format!("{value:#}"))
}

/// Prints a line. Whoever closed the pipe has read enough.
pub(crate) fn say(text: &str) -> Result<ExitCode, Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("cannot write: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn list(sessions: &Value) -> Result<ExitCode, Failure> {
    let sessions = sessions.as_array().map(Vec::as_slice).unwrap_or_default();
    if sessions.is_empty() {
        return say("no session is open");
    }
    let mut text = format!("{:<10} {:<9} {:<21} {:<21} STRUCTURE", "NUMBER", "PHASE", "OPENED", "ENDS AT THE LATEST");
    for session in sessions {
        let field = |name: &str| session.get(name).map(word).unwrap_or_default();
        text += &format!(
            "\n{:<10} {:<9} {:<21} {:<21} {}",
            field("number"),
            field("phase"),
            seconds(&field("opened_at")),
            seconds(&field("ends_at")),
            field("structure")
        );
        if session.get("assists").is_some_and(Value::is_string) {
            text += &format!(", assists {}", field("assists"));
        }
    }
    say(&text)
}

/// A moment without what follows the seconds.
pub(crate) fn seconds(moment: &str) -> String {
    let cut = moment.split('.').next().unwrap_or(moment).trim_end_matches('Z');
    format!("{}Z", cut.replace('T', " "))
}

/// An object as lines of `name: value`, inner objects indented.
pub(crate) fn table(value: &Value) -> Result<ExitCode, Failure> {
    let mut text = String::new();
    lines(value, 0, &mut text);
    say(text.trim_end())
}

fn lines(value: &Value, depth: usize, text: &mut String) {
    let Value::Object(fields) = value else { return };
    let width = fields.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in fields {
        let label = name.replace('_', " ");
        match value {
            Value::Object(inner) if inner.is_empty() => {}
            Value::Object(_) => {
                *text += &format!("{:depth$}{label}:\n", "");
                lines(value, depth + 2, text);
            }
            _ => *text += &format!("{:depth$}{label:<width$}  {}\n", "", word(value)),
        }
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(word).collect::<Vec<_>>().join(" "),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

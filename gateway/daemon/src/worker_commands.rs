//! `worker …`: who may not come in, whatever directory and policy say, and who has read which notice.

use std::process::ExitCode;

use serde_json::Value;

use crate::{
    Failure,
    admin::Question,
    cli::WorkerCommand,
    config::Config,
    session_commands::{ask, json, say, seconds},
};

/// `worker …`
pub(crate) fn run(config: &Config, command: WorkerCommand) -> Result<ExitCode, Failure> {
    match command {
        WorkerCommand::Block { name } => {
            let answer = ask(config, &Question::WorkerBlock { worker: name.clone() })?;
            let ended = answer.get("ended").and_then(Value::as_u64).unwrap_or_default();
            say(&format!("`{name}` is blocked; sessions ended: {ended}"))
        }
        WorkerCommand::Unblock { name } => {
            ask(config, &Question::WorkerUnblock { worker: name.clone() })?;
            say(&format!("`{name}` is no longer blocked"))
        }
        WorkerCommand::List(output) => {
            let list = ask(config, &Question::WorkersBlocked)?;
            if output.json { json(&list) } else { say(&lines(&list)) }
        }
        WorkerCommand::Notices { name, output } => {
            let list = ask(config, &Question::NoticesRead { worker: name })?;
            if output.json { json(&list) } else { say(&readings(&list)) }
        }
    }
}

fn text(entry: &Value, field: &str) -> String {
    entry.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn readings(list: &Value) -> String {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |entry: &Value| {
        let version: String = text(entry, "version").chars().take(12).collect();
        let (worker, notice, at) = (text(entry, "worker"), text(entry, "notice"), seconds(&text(entry, "read_at")));
        format!("{worker:<24} {notice:<20} {version} read {at}")
    };
    if entries.is_empty() {
        "nobody has read a notice".to_owned()
    } else {
        entries.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn lines(list: &Value) -> String {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |entry: &Value| format!("{:<24} since {}", text(entry, "worker"), seconds(&text(entry, "since")));
    if entries.is_empty() {
        "nobody is blocked".to_owned()
    } else {
        entries.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

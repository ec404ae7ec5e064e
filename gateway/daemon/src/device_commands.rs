//! `device …`: managed home computers, over the administrators' socket.

use std::process::ExitCode;

use serde_json::Value;

use crate::{
    Failure,
    admin::Question,
    cli::DeviceCommand,
    config::Config,
    session_commands::{ask, json, say, seconds},
};

/// `device …`
pub(crate) fn run(config: &Config, command: DeviceCommand) -> Result<ExitCode, Failure> {
    match command {
        DeviceCommand::Enrol { worker, name, output } => {
            let answer = ask(config, &Question::DeviceEnrol { worker: worker.clone(), name: name.clone() })?;
            if output.json {
                return json(&answer);
            }
            say(&format!(
                "code for `{name}` of `{worker}`: {}\nIt is good once, until {}. At that computer, `{worker}` runs: deskgate device enrol",
                text(&answer, "code"),
                seconds(&text(&answer, "until"))
            ))
        }
        DeviceCommand::List(output) => {
            let list = ask(config, &Question::DeviceList)?;
            if output.json { json(&list) } else { say(&lines(&list)) }
        }
        DeviceCommand::Revoke { which } => {
            let answer = ask(config, &Question::DeviceRevoke { which: which.clone() })?;
            let ended = answer.get("ended").and_then(Value::as_u64).unwrap_or_default();
            say(&format!("`{which}` is revoked; sessions ended: {ended}"))
        }
    }
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn lines(list: &Value) -> String {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |entry: &Value| {
        let serial = entry.get("serials").and_then(Value::as_array).and_then(|all| all.last()?.as_str());
        let state = match entry.get("revoked_at").and_then(Value::as_str) {
            Some(at) => format!("revoked {}", seconds(at)),
            None => format!("until {}", seconds(&text(entry, "until"))),
        };
        format!("{:<20} {:<20} {:<32} {state}", text(entry, "name"), text(entry, "worker"), serial.unwrap_or_default())
    };
    if entries.is_empty() {
        "no device is enrolled".to_owned()
    } else {
        entries.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

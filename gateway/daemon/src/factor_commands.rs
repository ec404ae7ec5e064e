//! `factor …`: second factors of workers.

use std::process::ExitCode;

use serde_json::Value;

use crate::{
    Failure,
    admin::Question,
    cli::{FactorCommand, Output},
    config::Config,
    session_commands::{ask, json, say, seconds},
};

/// `factor …`
pub(crate) fn run(config: &Config, command: FactorCommand) -> Result<ExitCode, Failure> {
    match command {
        FactorCommand::Enrol { name, output } => {
            hand_over(&ask(config, &Question::FactorEnrol { worker: name })?, output)
        }
        FactorCommand::Reset { name, output } => {
            hand_over(&ask(config, &Question::FactorReset { worker: name })?, output)
        }
        FactorCommand::Remove { name } => {
            ask(config, &Question::FactorRemove { worker: name.clone() })?;
            say(&format!("`{name}` has no second factor any more"))
        }
        FactorCommand::List(output) => {
            let list = ask(config, &Question::FactorList)?;
            if output.json { json(&list) } else { say(&lines(&list)) }
        }
    }
}

/// The code, and what to do with it.
fn hand_over(offered: &Value, output: Output) -> Result<ExitCode, Failure> {
    if output.json {
        return json(offered);
    }
    say(&format!(
        "{}\n\nHand this code to `{}` in person. With it, and the office password, they run `deskgate factor enrol` at home\n\
         until {}. It is shown here once; another `factor enrol` gives another.",
        text(offered, "code"),
        text(offered, "worker"),
        seconds(&text(offered, "ends_at")),
    ))
}

fn text(entry: &Value, field: &str) -> String {
    entry.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn lines(list: &Value) -> String {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        "nobody has a second factor".to_owned()
    } else {
        entries.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn line(entry: &Value) -> String {
    let (since, until) = (text(entry, "enrolled_at"), text(entry, "offered_until"));
    let codes = entry.get("recovery_codes").and_then(Value::as_u64).unwrap_or_default();
    let stands = match (since.as_str(), until.as_str()) {
        ("", "") => "enrolment code expired".to_owned(),
        ("", until) => format!("enrolment code until {}", seconds(until)),
        (since, _) => format!("enrolled {}, recovery codes left: {codes}", seconds(since)),
    };
    format!("{:<24} {stands}", text(entry, "worker"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_how_they_stand() {
        let list = serde_json::json!([
            { "worker": "m.rossi", "enrolled_at": "2026-11-22T08:00:00.5Z", "recovery_codes": 9, "offered_until": null },
            { "worker": "g.verdi", "enrolled_at": null, "recovery_codes": null, "offered_until": "2026-11-29T08:00:00Z" },
            { "worker": "l.neri", "enrolled_at": null, "recovery_codes": null, "offered_until": null },
        ]);
        let told = lines(&list);
        for words in ["m.rossi ", "recovery codes left: 9", "enrolment code until 2026-11-29", "enrolment code expired"]
        {
            assert!(told.contains(words), "{told}");
        }
    }
}

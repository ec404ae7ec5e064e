//! `policy apply`: what the running gateway does with its policy folder, as it says itself.

use std::{fmt::Write as _, process::ExitCode};

use serde_json::Value;

use crate::{
    Failure,
    admin::Question,
    cli::Output,
    config::Config,
    session_commands::{ask, json, say},
};

/// Asks the running gateway. 0: done, or the preview told; 1: held by the brake; 64: the folder cannot be used.
pub(super) fn run(config: &Config, dry_run: bool, yes: bool, output: Output) -> Result<ExitCode, Failure> {
    let question = if dry_run { Question::PolicyPreview } else { Question::PolicyApply { confirmed: yes } };
    let answer = ask(config, &question)?;
    let held = answer.get("held").is_some();
    let unusable = answer.get("mistakes").is_some();
    if output.json {
        json(&answer)?;
    } else if let Some(mistakes) = answer.get("mistakes").and_then(Value::as_str) {
        return Err(Failure::Unusable(mistakes.trim_end().to_owned()));
    } else {
        say(told(&answer, dry_run).trim_end())?;
    }
    Ok(match (unusable, held) {
        (true, _) => ExitCode::from(64),
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    })
}

fn told(answer: &Value, dry_run: bool) -> String {
    let preview = answer.get("preview").unwrap_or(&Value::Null);
    let live = preview.get("live").and_then(Value::as_u64).unwrap_or_default();
    let hash = preview.get("hash").and_then(Value::as_str).unwrap_or_default();
    let mut text = String::new();
    let held = answer.get("held").and_then(Value::as_str);
    let (ends, changes) = match (dry_run, held) {
        (true, _) => ("would end", "would change"),
        (false, Some(_)) => ("would end", "would change"),
        (false, None) => ("ended", "changed"),
    };
    for (field, verb) in [("ends", ends), ("changes", changes)] {
        for fate in preview.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
            write_fate(&mut text, verb, fate);
        }
    }
    let count = |field: &str| preview.get(field).and_then(Value::as_array).map_or(0, Vec::len);
    let _ = writeln!(text, "{live} live: {} {ends}, {} {changes}", count("ends"), count("changes"));
    let _ = match (dry_run, held) {
        (true, _) => writeln!(text, "nothing was done; the folder's hash is {hash}"),
        (false, Some(held)) => writeln!(text, "not applied: {held}"),
        (false, None) => writeln!(text, "in force: {hash}"),
    };
    text
}

fn write_fate(text: &mut String, verb: &str, fate: &Value) {
    let word = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |field: &str| fate.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().to_vec();
    let what: Vec<_> = list("what").iter().map(|what| word(Some(what))).collect();
    let _ = writeln!(
        text,
        "session {} ({}) {verb}: {}",
        word(fate.get("number")),
        word(fate.get("structure")),
        what.join("; ")
    );
    for rule in list("rules") {
        let _ = match rule.get("place").and_then(Value::as_str) {
            Some(place) => writeln!(text, "    {place}: {}", word(rule.get("says"))),
            None => writeln!(text, "    {}", word(rule.get("says"))),
        };
    }
}

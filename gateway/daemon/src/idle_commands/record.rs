//! `idle record`: has the running gateway record a session, and tells what becomes of it.

use std::{process::ExitCode, time::Duration};

use serde_json::Value;

use crate::{
    Failure,
    admin::{
        Question,
        client::{self, AskError},
    },
    config::Config,
    session_commands::{ask, json, parse, say, seconds},
};

/// What is asked of recordings.
#[derive(Debug, clap::Args)]
pub(crate) struct Record {
    /// The number of the session to record
    #[arg(long, value_name = "NUMBER", required_unless_present_any = ["list", "delete"])]
    session: Option<String>,
    /// How long at most: `30s`, `10m`, up to `1h`
    #[arg(long = "for", value_name = "TIME", default_value = "10m", requires = "session", value_parser = super::timeout)]
    span: Duration,
    /// The recordings that are kept
    #[arg(long, conflicts_with_all = ["session", "delete"])]
    list: bool,
    /// Delete a recording before its seven days are over; that you did is recorded
    #[arg(long, value_name = "NAME", conflicts_with = "session")]
    delete: Option<String>,
    /// For programs; while it goes on, a line for each step
    #[arg(long)]
    json: bool,
}

impl Record {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode, Failure> {
        match (self.session, self.delete) {
            (Some(number), _) => record(config, &number, self.span, self.json),
            (None, Some(trace)) => {
                let answer = ask(config, &Question::TraceDelete { trace: trace.clone() })?;
                if self.json { json(&answer) } else { say(&format!("recording {trace} is deleted")) }
            }
            (None, None) => {
                let traces = ask(config, &Question::Traces)?;
                if self.json { json(&traces) } else { list(&traces) }
            }
        }
    }
}

fn record(config: &Config, number: &str, span: Duration, for_programs: bool) -> Result<ExitCode, Failure> {
    let number = parse(number)?;
    let seconds = u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
    let told = |step: Value| match for_programs {
        true => say(&step.to_string()).map(drop).map_err(|_| "cannot write the answer".to_owned()),
        false => {
            eprintln!("{}", step_in_words(&step));
            Ok(())
        }
    };
    let question = Question::TraceRecord { number, seconds };
    let answer = client::ask_rows(&config.admin.socket, &question, told).map_err(|error| match error {
        AskError::NotRunning(why) => Failure::Failed(format!("no gateway is running ({why})")),
        AskError::Failed(why) => Failure::Failed(why),
    })?;
    if for_programs {
        return say(&answer.to_string());
    }
    let word = |name: &str| {
        answer.get(name).map(|value| value.as_str().map_or(value.to_string(), str::to_owned)).unwrap_or_default()
    };
    say(&format!(
        "recorded: {} packets of {} connections ({})\n{}\nit is deleted after seven days; `deskgate-gateway idle replay` reads it",
        word("packets"),
        word("connections"),
        word("why"),
        word("folder")
    ))
}

fn step_in_words(step: &Value) -> String {
    let number = |name: &str| step.get(name).and_then(Value::as_u64).unwrap_or_default();
    match step.get("step").and_then(Value::as_str) {
        Some("asked") => format!("the worker is asked; no answer within {} seconds is a no", number("answer_s")),
        Some("begun") => format!("recording for {} seconds; Ctrl-C ends it and keeps what there is", number("seconds")),
        _ => step.to_string(),
    }
}

fn list(traces: &Value) -> Result<ExitCode, Failure> {
    let traces = traces.as_array().map(Vec::as_slice).unwrap_or_default();
    if traces.is_empty() {
        return say("no recording is kept");
    }
    let mut text = format!("{:<26} {:<21} KEPT UNTIL", "NAME", "BEGAN");
    for trace in traces {
        let field = |name: &str| trace.get(name).and_then(Value::as_str).unwrap_or_default();
        text += &format!("\n{:<26} {:<21} {}", field("trace"), seconds(field("began")), seconds(field("kept_until")));
    }
    say(&text)
}

//! `log show` and `log verify`: over the running gateway, or straight from the database when none runs.

use std::{path::Path, process::ExitCode};

use gateway_record::{Anchor, Draft, Fields, Journal, Kind, Report};
use jiff::{Span, Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Value, json};

use crate::{
    Failure,
    admin::{
        self, Question,
        client::{self, AskError},
    },
    cli::LogCommand,
    clock,
    config::Config,
    identity::StateFolder,
    session_commands::{json as print_json, parse, say, seconds},
    store::{self, DATABASE, Query, Store, StoreError},
};

/// `log …`
pub(crate) fn run(config: &Config, command: LogCommand) -> Result<ExitCode, Failure> {
    match command {
        LogCommand::Show { journal, session, support, since, until, names, output } => {
            let now = clock::now().wall;
            let moment = |text: Option<String>| text.map(|text| moment(&text, now)).transpose();
            let query = Query {
                journal: Journal::from_word(&journal),
                session: session.as_deref().map(parse).transpose()?,
                support: support.as_deref().map(parse).transpose()?,
                since: moment(since)?,
                until: moment(until)?,
                names,
            };
            show(config, query, output.json)
        }
        LogCommand::Verify { database, output } => {
            let database = database.unwrap_or_else(|| config.state.join(DATABASE));
            verify(&database, output.json)
        }
    }
}

fn show(config: &Config, query: Query, json: bool) -> Result<ExitCode, Failure> {
    let mut out = Lines { json, rows: 0 };
    let question = Question::LogShow { query };
    match client::ask_rows(&config.admin.socket, &question, |row| out.row(&row)) {
        Ok(_) => {}
        Err(AskError::NotRunning(_)) => {
            let Question::LogShow { query } = question else { return Ok(ExitCode::SUCCESS) };
            from_database(config, query, &mut out)?;
        }
        Err(AskError::Failed(why)) => return Err(Failure::Failed(why)),
    }
    out.end()
}

/// Prints rows as they come.
struct Lines {
    json: bool,
    rows: u64,
}

impl Lines {
    fn row(&mut self, row: &Value) -> Result<(), String> {
        self.rows += 1;
        let text = match (self.json, self.rows) {
            (true, 1) => format!("[{row}"),
            (true, _) => format!(",{row}"),
            (false, _) => line(row),
        };
        say(&text).map(|_| ()).map_err(|_| "cannot write".to_owned())
    }

    fn end(&self) -> Result<ExitCode, Failure> {
        match (self.json, self.rows) {
            (true, 0) => say("[]"),
            (true, _) => say("]"),
            (false, 0) => say("no records"),
            (false, _) => Ok(ExitCode::SUCCESS),
        }
    }
}

/// A record for people: when, what, which session, the rest.
fn line(row: &Value) -> String {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut line = format!("{}  {:<24} {:<9}", seconds(text("time")), text("kind"), text("session"));
    if !text("structure").is_empty() {
        line += &format!("  [{}]", text("structure"));
    }
    for part in ["fields", "names"] {
        for (name, value) in row.get(part).and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            line += &format!("  {name}={value}");
        }
    }
    line
}

fn from_database(config: &Config, query: Query, out: &mut Lines) -> Result<(), Failure> {
    let database = config.state.join(DATABASE);
    let failed = |StoreError(why)| Failure::Failed(why);
    runtime()?.block_on(async {
        if query.names {
            record_names_shown(config, &query).await?;
        }
        let mut rows = store::read(&database, query);
        while let Some(row) = rows.recv().await {
            out.row(&admin::row_value(&row.map_err(failed)?)).map_err(Failure::Failed)?;
        }
        Ok(())
    })
}

/// Names are shown only once it is written that they were.
async fn record_names_shown(config: &Config, query: &Query) -> Result<(), Failure> {
    let failed = |StoreError(why)| Failure::Failed(why);
    if !config.state.join(DATABASE).exists() {
        return Ok(());
    }
    let _held = StateFolder::take(&config.state).map_err(Failure::Failed)?;
    let now = clock::now().wall;
    let (store, writer) = Store::open(&config.state, now).await.map_err(failed)?;
    let uid = nix::unistd::getuid().as_raw();
    let fields = Fields::default().with("uid", i64::from(uid));
    let noted = store.note(Draft { session: query.session, fields, ..Draft::new(Kind::NamesShown, now) }).await;
    drop(store);
    // Closed in order, so that nothing of ours is left beside the database.
    let _ = writer.await;
    noted.map_err(failed)
}

fn verify(database: &Path, json: bool) -> Result<ExitCode, Failure> {
    let failed = |StoreError(why)| Failure::Failed(why);
    let mut reports = Vec::new();
    runtime()?.block_on(async {
        for journal in Journal::ALL {
            for (gateway, report) in store::verify(database, journal).await.map_err(failed)? {
                reports.push((gateway, journal, report));
            }
        }
        Ok(())
    })?;
    let whole = reports.iter().all(|(_, _, report)| report.is_whole());
    if json {
        print_json(
            &reports.iter().map(|(gateway, journal, report)| report_value(gateway, *journal, report)).collect(),
        )?;
    } else {
        for (gateway, journal, report) in &reports {
            say(&report_words(gateway, *journal, report))?;
        }
    }
    Ok(ExitCode::from(u8::from(!whole)))
}

fn report_value(gateway: &str, journal: Journal, report: &Report) -> Value {
    json!({
        "gateway": gateway,
        "journal": journal,
        "records": report.records,
        "begins_after": report.anchor.sequence,
        "last": report.last,
        "whole": report.is_whole(),
        "end": "not_proven",
        "faults": report.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn report_words(gateway: &str, journal: Journal, report: &Report) -> String {
    let begins = match report.anchor {
        Anchor { sequence: 0, .. } => String::new(),
        Anchor { sequence, .. } => format!(", those up to {sequence} were deleted in their time"),
    };
    let mut text = format!("journal `{}` of gateway {gateway}: {} records{begins}", journal.word(), report.records);
    for fault in report.faults.iter().take(20) {
        text += &format!("\n  {fault}");
    }
    if report.faults.len() > 20 {
        text += &format!("\n  and {} more", report.faults.len() - 20);
    }
    if report.is_whole() {
        text += "\n  nothing was altered, removed from inside or moved\n  end not proven: whoever can change the database could have removed its newest records together with the note of them";
    }
    text
}

/// A moment as people write it: a date, a date and time in local time, an instant, or a span ago.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let local = TimeZone::system();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    if let Ok(civil) = text.parse::<DateTime>() {
        return civil
            .to_zoned(local)
            .map(|zoned| zoned.timestamp())
            .map_err(|error| Failure::Unusable(error.to_string()));
    }
    let ago =
        text.trim_end_matches(" ago").parse::<Span>().ok().and_then(|span| now.to_zoned(local).checked_sub(span).ok());
    ago.map(|zoned| zoned.timestamp()).ok_or_else(|| {
        Failure::Unusable(format!(
            "`{text}` is no moment: write `2026-11-21`, `2026-11-21T08:00`, or `2h`, `3d` for so long ago"
        ))
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::Failed(format!("cannot start: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let read = |text: &str| moment(text, now).unwrap();
        assert_eq!(read("2h"), "2026-11-21T10:00:00Z".parse().unwrap());
        assert_eq!(read("2026-11-20T08:00:00+01:00"), "2026-11-20T07:00:00Z".parse().unwrap());
        assert!(read("2026-11-20") < read("2026-11-21"));
        assert!(matches!(moment("yesterday", now), Err(Failure::Unusable(_))));
    }
}

//! `log show`, `log export`, `log verify` and `log key`: over the running gateway, or straight from the database when none runs.

use std::{collections::BTreeMap, io::Write as _, path::Path, process::ExitCode};

use gateway_record::{
    Checkpoint, Draft, End, Exported, Fault, Fields, Journal, Key, Kind, Language, Report, Signed, Table,
};
use jiff::{Span, Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    Failure,
    admin::{
        self, Question,
        client::{self, AskError},
    },
    cli::LogCommand,
    clock,
    config::Config,
    identity::{self, StateFolder},
    norms, review_keys,
    session_commands::{json as print_json, parse, say, seconds},
    store::{self, DATABASE, Kept, Query, Store, StoreError, Verified},
    store_commands, witness,
};

/// What `log export` makes of records.
pub(crate) const FORMATS: [&str; 3] = ["jsonl", "csv", "cef"];

/// `log …`; the configuration is read where it is needed, for a copy can be checked where there is none.
pub(crate) fn run(config: impl FnOnce() -> Result<Config, Failure>, command: LogCommand) -> Result<ExitCode, Failure> {
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
                named: None,
                pseudonyms: false,
            };
            show(&config()?, query, output.json)
        }
        LogCommand::Export { format, journal, since, until } => {
            let now = clock::now().wall;
            let moment = |text: Option<String>| text.map(|text| moment(&text, now)).transpose();
            let journal = Journal::from_word(&journal);
            let (since, until) = (moment(since)?, moment(until)?);
            let query = Query { journal, since, until, pseudonyms: true, ..Query::default() };
            export(&config()?, query, &format)
        }
        LogCommand::Verify { database, witness, keys, output } => {
            // For a copy elsewhere, what is not given is not known either.
            let config = if database.is_some() { config().ok() } else { Some(config()?) };
            let keys: Vec<Key> = match (&*keys, &config) {
                ([], Some(config)) if database.is_none() => {
                    identity::record_key(&config.state).map_err(Failure::Failed)?.into_iter().collect()
                }
                (keys, _) => keys.iter().map(|key| parse_key(key)).collect::<Result<_, _>>()?,
            };
            // What a copy was handed over with is not known here.
            let configured = config.as_ref().and_then(|config| config.record.witness.as_ref());
            let configured = configured.filter(|_| database.is_none());
            let file = witness.or_else(|| configured?.file().map(Path::to_owned));
            let elsewhere = configured.filter(|_| file.is_none()).map(ToString::to_string);
            let witnessed = file.map(|file| witness::read(&file)).transpose().map_err(Failure::Failed)?;
            let database = database.or(config.map(|config| config.state.join(DATABASE))).unwrap_or_default();
            let witness = Brought { witnessed: witnessed.unwrap_or_default(), elsewhere };
            verify(&database, &keys, &witness, output.json)
        }
        LogCommand::Norms { language } => {
            norms::show(&config()?, Language::from_word(&language).unwrap_or(Language::Italian))
        }
        LogCommand::BeginAnew { why } => begin_anew(&config()?, &why),
        LogCommand::Key => match identity::record_key(&config()?.state).map_err(Failure::Failed)? {
            Some(key) => say(&key.to_string()),
            None => Err(Failure::Failed("no gateway has run here yet: its first start makes the key".to_owned())),
        },
    }
}

/// Moves the record away and begins another, which says so.
fn begin_anew(config: &Config, why: &str) -> Result<ExitCode, Failure> {
    let failed = |StoreError(why)| Failure::Failed(why);
    let _held = StateFolder::take(&config.state).map_err(Failure::Failed)?;
    let Some(before) = store::begun(&config.state).map_err(failed)?.pop() else {
        return Err(Failure::Failed("no record was begun here yet: the first start begins it".to_owned()));
    };
    let database = config.state.join(DATABASE);
    let aside = store_commands::move_aside(&config.state)
        .map_err(|error| Failure::Failed(format!("cannot move `{}` away: {error}", database.display())))?;
    let now = clock::now().wall;
    // Ends that wait in the reserve are ends of that record's sessions.
    let reserve = store_commands::move_reserve_aside(&config.state);
    reserve.map_err(|error| Failure::Failed(format!("cannot move the record's reserve away: {error}")))?;
    let begun = runtime()?.block_on(async {
        let (store, writer) = Store::begin_anew(&config.state, now).await?;
        let uid = nix::unistd::getuid().as_raw();
        let fields = Fields::default().with("uid", i64::from(uid)).with("before", &*before).with("why", why);
        let noted = store.note(Draft { fields, ..Draft::new(Kind::RecordBegunAnew, now) }).await;
        store.checkpoint(now).await?;
        drop(store);
        let _ = writer.await;
        noted
    });
    if let Err(StoreError(why)) = begun {
        return Err(Failure::Failed(match store_commands::put_back(&database, aside.as_deref()) {
            Ok(()) => format!("{why}; the database is as it was"),
            Err(error) => format!("{why}; and the database before could not be put back: {error}"),
        }));
    }
    store_commands::give_to_owner(&config.state);
    let word = store::begun(&config.state).map_err(failed)?.pop().unwrap_or_default();
    let kept = aside.map_or(String::new(), |aside| format!("; the database before is `{}`", aside.display()));
    say(&format!(
        "a new record is begun: gateway {word}, after {before}{kept}. Sessions that were open end with the next start, second factors must be enrolled again"
    ))
}

fn parse_key(text: &str) -> Result<Key, Failure> {
    let advice = || format!("`{text}` is no key: 64 hexadecimal digits, as `log key` shows them on the gateway");
    Key::parse(text).ok_or_else(|| Failure::Unusable(advice()))
}

fn show(config: &Config, query: Query, json: bool) -> Result<ExitCode, Failure> {
    let mut out = Lines { json, rows: 0 };
    each_row(config, Question::LogShow { query }, |row| out.row(row))?;
    out.end()
}

fn export(config: &Config, query: Query, format: &str) -> Result<ExitCode, Failure> {
    let form: fn(&Exported) -> String = match format {
        "csv" => Table::row,
        "cef" => |record| record.cef() + "\n",
        _ => |record| record.json() + "\n",
    };
    if format == "csv" {
        write(&Table::head()).map_err(Failure::Failed)?;
    }
    let question = Question::LogExport { query, format: format.to_owned() };
    each_row(config, question, |row| {
        let record =
            serde_json::from_value(row.clone()).map_err(|error| format!("a record cannot be read: {error}"))?;
        write(&form(&record))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what has its own end. Whoever closed the pipe has read enough.
fn write(text: &str) -> Result<(), String> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("cannot write: {error}")),
        _ => Ok(()),
    }
}

/// Each record that a question is about, from the gateway that runs or from its database.
fn each_row(
    config: &Config,
    question: Question,
    mut with: impl FnMut(&Value) -> Result<(), String>,
) -> Result<(), Failure> {
    match client::ask_rows(&config.admin.socket, &question, |row| with(&row)) {
        Ok(_) => Ok(()),
        Err(AskError::NotRunning(_)) => from_database(config, question, with),
        Err(AskError::Failed(why)) => Err(Failure::Failed(why)),
    }
}

/// Prints rows as they come.
pub(crate) struct Lines {
    pub(crate) json: bool,
    pub(crate) rows: u64,
}

impl Lines {
    pub(crate) fn row(&mut self, row: &Value) -> Result<(), String> {
        self.rows += 1;
        let text = match (self.json, self.rows) {
            (true, 1) => format!("[{row}"),
            (true, _) => format!(",{row}"),
            (false, _) => line(row),
        };
        say(&text).map(|_| ()).map_err(|_| "cannot write".to_owned())
    }

    pub(crate) fn end(&self) -> Result<ExitCode, Failure> {
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
    if !text("names_are").is_empty() {
        line += &format!("  names are {}", text("names_are"));
    }
    for part in ["fields", "names"] {
        for (name, value) in row.get(part).and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            line += &format!("  {name}={value}");
        }
    }
    line
}

fn from_database(
    config: &Config,
    question: Question,
    mut with: impl FnMut(&Value) -> Result<(), String>,
) -> Result<(), Failure> {
    let database = config.state.join(DATABASE);
    let failed = |StoreError(why)| Failure::Failed(why);
    let read = |query| store::read(&database, review_keys::day_keys(config), query);
    let uid = nix::unistd::getuid().as_raw();
    runtime()?.block_on(async {
        let (query, mut left) = if let Question::LogExport { query, format } = question {
            let records = count(read(query.clone())).await.map_err(failed)?;
            record_here(config, exported(uid, &query, &format, records)).await?;
            (query, records)
        } else if let Question::LogShow { query } = question {
            if query.names {
                let fields = Fields::default().with("uid", i64::from(uid));
                let draft = Draft::new(Kind::NamesShown, clock::now().wall);
                record_here(config, Draft { session: query.session, fields, ..draft }).await?;
            }
            (query, u64::MAX)
        } else {
            return Ok(());
        };
        let mut rows = read(query);
        while left > 0
            && let Some(row) = rows.recv().await
        {
            with(&admin::row_value(&row.map_err(failed)?)).map_err(Failure::Failed)?;
            left -= 1;
        }
        Ok(())
    })
}

/// How many records there are to read.
pub(crate) async fn count(mut rows: mpsc::Receiver<Result<Kept, StoreError>>) -> Result<u64, StoreError> {
    let mut count = 0;
    while let Some(row) = rows.recv().await {
        row?;
        count += 1;
    }
    Ok(count)
}

/// What the administrators' journal says of records that leave the gateway.
pub(crate) fn exported(uid: u32, query: &Query, format: &str, records: u64) -> Draft {
    let fields = Fields::default()
        .with("uid", i64::from(uid))
        .with("journal", query.journal.unwrap_or(Journal::Workers).word())
        .with("format", format)
        .with("records", records);
    let bounds = [("from", query.since), ("until", query.until)];
    let bounds = bounds.into_iter().filter_map(|(name, at)| Some((name, at?.to_string())));
    let fields = bounds.fold(fields, |fields, (name, at)| fields.with(name, at));
    Draft { fields, ..Draft::new(Kind::LogExported, clock::now().wall) }
}

/// Writes to the record of a gateway that does not run: what is to be shown is shown only once it is written that it was.
pub(crate) async fn record_here(config: &Config, draft: Draft) -> Result<(), Failure> {
    let failed = |StoreError(why)| Failure::Failed(why);
    if !config.state.join(DATABASE).exists() {
        return Ok(());
    }
    let _held = StateFolder::take(&config.state).map_err(Failure::Failed)?;
    let (store, writer) = Store::open(&config.state, clock::now().wall).await.map_err(failed)?;
    let noted = store.note(draft).await;
    drop(store);
    // Closed in order, so that nothing of ours is left beside the database.
    let _ = writer.await;
    noted.map_err(failed)
}

/// What a check has of the witness.
struct Brought {
    /// What it holds.
    witnessed: Vec<Checkpoint>,
    /// The witness whose file somebody has to bring first.
    elsewhere: Option<String>,
}

fn verify(database: &Path, keys: &[Key], witness: &Brought, json: bool) -> Result<ExitCode, Failure> {
    let verified = runtime()?
        .block_on(store::verify(database, keys, &witness.witnessed))
        .map_err(|StoreError(why)| Failure::Failed(why))?;
    if json {
        print_json(&verified.iter().map(|gateway| verified_value(gateway, keys, witness)).collect())?;
    } else {
        for gateway in &verified {
            say(&verified_words(gateway, keys, witness))?;
        }
    }
    Ok(ExitCode::from(u8::from(!verified.iter().all(Verified::is_whole))))
}

fn verified_value(gateway: &Verified, keys: &[Key], witness: &Brought) -> Value {
    let stranger = |(key, lines): (&Key, &u64)| json!({ "key": key, "lines": lines });
    json!({
        "gateway": gateway.gateway,
        "whole": gateway.is_whole(),
        "key_known": !keys.is_empty(),
        "checkpoints": gateway.signed.checkpoints,
        "witnessed": gateway.signed.witnessed,
        "witness_elsewhere": witness.elsewhere,
        "strangers": gateway.signed.strangers.iter().map(stranger).collect::<Vec<_>>(),
        "checkpoint_faults": gateway.signed.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "journals": gateway.journals.iter().map(|(journal, report)| report_value(*journal, report)).collect::<Vec<_>>(),
    })
}

fn report_value(journal: Journal, report: &Report) -> Value {
    let (end, proven_to, proven_at) = match report.end {
        End::NotProven => ("not_proven", None, None),
        End::ProvenTo { sequence, time } => ("proven_to", Some(sequence), Some(time)),
        End::Proven { time } => ("proven", Some(report.last), Some(time)),
    };
    let fault =
        |fault: &Fault| json!({ "fault": fault.word(), "record": fault.first_record(), "words": fault.to_string() });
    json!({
        "journal": journal,
        "records": report.records,
        "begins_after": report.anchor.sequence,
        "begins_at_cut": report.cut,
        "keys_destroyed": report.keys_destroyed,
        "last": report.last,
        "signed": report.signed,
        "whole": report.is_whole(),
        "end": end,
        "proven_to": proven_to,
        "proven_at": proven_at,
        "first_bad": report.first_bad(),
        "faults": report.faults.iter().map(fault).collect::<Vec<_>>(),
    })
}

fn verified_words(gateway: &Verified, keys: &[Key], witness: &Brought) -> String {
    let Signed { checkpoints, witnessed, strangers, faults, .. } = &gateway.signed;
    let mut text =
        format!("gateway {}: {checkpoints} checkpoints hold, and {witnessed} of the witness", gateway.gateway);
    if let Some((_, place)) = gateway.gateway.split_once('.') {
        text += &format!(
            "\n  this is record {place} of its gateway: the one before was ended, and this one begun, by order"
        );
    }
    if keys.is_empty() {
        text += "\n  no key was given: whoever made these signatures, it may have been somebody else than the gateway";
    }
    text += &first_few(faults);
    text += &strangers_words(strangers);
    for (journal, report) in &gateway.journals {
        text += &format!("\n{}", report_words(*journal, report));
    }
    if let Some(elsewhere) = &witness.elsewhere {
        text += &format!(
            "\nwhat the witness {elsewhere} holds is not on this machine, and nothing else proves that no newest records were cut off: bring its file and say `deskgate-gateway log verify --witness FILE`"
        );
    }
    text
}

/// Lines of the witness that count for nothing.
fn strangers_words(strangers: &BTreeMap<Key, u64>) -> String {
    let lines: u64 = strangers.values().sum();
    if lines == 0 {
        return String::new();
    }
    let of = |(key, lines): (&Key, &u64)| format!("by {key}, as they say: {lines}");
    let few: Vec<String> = strangers.iter().map(of).collect();
    format!(
        "\n  lines of somebody else in the witness, which count for nothing: {lines}; if one of these keys was this gateway's, name all that it had with --key{}",
        first_few(&few)
    )
}

fn report_words(journal: Journal, report: &Report) -> String {
    let begins = match (report.cut, report.keys_destroyed) {
        (0, _) => String::new(),
        (cut, keys) => {
            let keys = if keys == 0 { String::new() } else { format!(", and the keys of {keys} days destroyed") };
            format!(", begins at cut {cut}: those up to {} were deleted in their time{keys}", report.anchor.sequence)
        }
    };
    let mut text = format!("journal `{}`: {} records{begins}", journal.word(), report.records);
    text += &first_few(&report.faults);
    if let Some(record) = report.first_bad() {
        text += &format!("\n  the first that is not as it was written: record {record}");
    }
    if report.is_whole() {
        text += &format!(
            "\n  nothing was altered, removed from inside or moved; signed up to record {}\n  {}",
            report.signed,
            end_words(report)
        );
    }
    text
}

fn end_words(report: &Report) -> String {
    match report.end {
        End::Proven { time } => format!("the end is proven: the witness holds record {} since {time}", report.last),
        End::ProvenTo { sequence, time } => format!(
            "the end is proven up to record {sequence} of {time}, the witness's last word; whether newer ones were removed behind {} it cannot say",
            report.last
        ),
        End::NotProven if report.last == 0 => "nothing was written to it yet, or all of it was removed".to_owned(),
        End::NotProven => "end not proven: without a witness, whoever can change the database could have removed its newest records together with the note of them".to_owned(),
    }
}

fn first_few(faults: &[impl std::fmt::Display]) -> String {
    const FEW: usize = 20;
    let mut text: String = faults.iter().take(FEW).map(|fault| format!("\n  {fault}")).collect();
    if faults.len() > FEW {
        text += &format!("\n  and {} more", faults.len() - FEW);
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

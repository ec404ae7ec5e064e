//! `review …`: the keys that names are sealed to, the steps of a review, and the opening of names by those who hold the keys.
//!
//! The gateway has no part in an opening but to record it first: it cannot read what it wrote. Here both holders bring their
//! private halves, for exactly the records that are named.

mod steps;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use gateway_api::SessionNumber;
use gateway_record::{Draft, Fields, Journal, Kind, NotOpened, PrivateHalf, PublicHalf, Role};
use serde_json::{Value, json};

pub(crate) use self::steps::SignInSource;

use crate::{
    Failure,
    admin::{
        self, Question,
        client::{self, AskError},
    },
    cli::{Keys, KeysCommand, OpenNames, Output, ReviewCommand},
    clock,
    config::Config,
    log_commands::{self, Lines},
    passphrase::Piped,
    review_keys, secret_file,
    session_commands::{json as print_json, parse, say},
    store::{self, DATABASE, Kept, Query, Shown, StoreError},
};

/// The most records of one opening.
const MOST: usize = 100;

/// `review …`; keys are made where there is no configuration.
pub(crate) fn run(config: impl Fn() -> Result<Config, Failure>, command: ReviewCommand) -> Result<ExitCode, Failure> {
    match command {
        ReviewCommand::Keys(Keys {
            command: Some(KeysCommand::Make { role, private, public, passphrase }), ..
        }) => {
            let role = Role::from_word(&role).ok_or_else(|| Failure::Unusable("no such role".to_owned()))?;
            let passphrase = passphrase.of_new(&format!("the key of the {}", role.word()), &mut passphrase.piped()?)?;
            let passphrase = passphrase.as_ref().map(|text| text.as_str());
            make(role, private.as_deref(), public.as_deref(), passphrase, config().ok().as_ref())
        }
        ReviewCommand::Keys(Keys { command: None, output }) => show_keys(&config()?, output),
        ReviewCommand::Open(OpenNames { file: Some(file), keys, passphrase_stdin, output, .. }) => {
            steps::open_file(&file, (&keys, passphrase_stdin), output)
        }
        ReviewCommand::Open(asked) => match asked.request {
            Some(request) => steps::open_request(&config()?, request, asked),
            None => open(&config()?, &asked),
        },
        step => steps::run(&config()?, step),
    }
}

/// `review keys make`
fn make(
    role: Role,
    private: Option<&Path>,
    public: Option<&Path>,
    passphrase: Option<&str>,
    config: Option<&Config>,
) -> Result<ExitCode, Failure> {
    let half = review_keys::draw(role).map_err(Failure::Failed)?;
    let line = review_keys::private_line(&half, passphrase).map_err(Failure::Failed)?;
    if let (Some(private), Some(config)) = (private, config)
        && [&config.state, &config.record.day_keys].into_iter().any(|folder| lies_in(private, folder))
    {
        return Err(Failure::Unusable(format!(
            "`{}` is in a folder of the gateway's: the private half must not be where the record is",
            private.display()
        )));
    }
    match private {
        Some(path) => secret_file::create(path, line.as_bytes()).map_err(|error| Failure::Failed(error.to_string()))?,
        None => {
            say(line.trim_end())?;
        }
    }
    let public_line = review_keys::public_line(&half);
    match public {
        Some(path) => write_public(path, &public_line)?,
        None => {
            say(public_line.trim_end())?;
        }
    }
    let (word, fingerprint) = (role.word(), half.public().fingerprint());
    say(&format!(
        "# the key of the {word} has the fingerprint {fingerprint}: compare it with `review keys` on the gateway"
    ))
}

fn write_public(path: &Path, line: &str) -> Result<(), Failure> {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = made.and_then(|mut file| std::io::Write::write_all(&mut file, line.as_bytes()));
    written.map_err(|error| Failure::Failed(format!("cannot make `{}`: {error}", path.display())))
}

fn lies_in(file: &Path, folder: &Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Ok(parent), Ok(folder)) = (parent.canonicalize(), folder.canonicalize()) else { return false };
    parent.starts_with(folder)
}

/// How many records are sealed to whom.
#[derive(Debug, Default)]
struct Count {
    to: BTreeMap<(Role, PublicHalf), u64>,
    nobody: u64,
    gone: u64,
    damaged: u64,
}

/// `review keys`
fn show_keys(config: &Config, output: Output) -> Result<ExitCode, Failure> {
    let holders = review_keys::holders(&config.record).map_err(Failure::Unusable)?;
    let count = count(config)?;
    let files = config.record.controllers.iter().chain(&config.record.reviewers);
    let configured: Vec<(Role, PublicHalf, &PathBuf)> = holders
        .iter()
        .flat_map(gateway_record::Holders::keys)
        .zip(files)
        .map(|((role, key), file)| (*role, *key, file))
        .collect();
    let before = count.to.keys().filter(|(_, key)| !configured.iter().any(|(_, configured, _)| configured == key));
    let row = |role: Role, key: PublicHalf, file: Option<&PathBuf>| {
        json!({
            "role": role.word(),
            "fingerprint": key.fingerprint(),
            "file": file.map(|file| file.display().to_string()),
            "records": count.to.get(&(role, key)).copied().unwrap_or(0),
        })
    };
    let mut rows: Vec<Value> = configured.iter().map(|(role, key, file)| row(*role, *key, Some(file))).collect();
    rows.extend(before.map(|(role, key)| row(*role, *key, None)));
    if output.json {
        return print_json(&json!({
            "keys": rows,
            "sealed_to_nobody": count.nobody,
            "gone": count.gone,
            "damaged": count.damaged,
        }));
    }
    if configured.is_empty() {
        say("names are sealed to nobody yet: make keys with `review keys make`, and name them under [record]")?;
    }
    for row in &rows {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        say(&format!(
            "{:<12} {}  {} records  {}",
            text("role").unwrap_or_default(),
            text("fingerprint").unwrap_or_default(),
            row.get("records").unwrap_or(&Value::Null),
            text("file").unwrap_or("not configured any more"),
        ))?;
    }
    say(&format!(
        "sealed to nobody: {}; gone with their day's key: {}; damaged: {}",
        count.nobody, count.gone, count.damaged
    ))
}

fn count(config: &Config) -> Result<Count, Failure> {
    let mut count = Count::default();
    let database = config.state.join(DATABASE);
    if !database.exists() {
        return Ok(count);
    }
    for journal in Journal::ALL {
        let query = Query { journal: Some(journal), names: true, ..Query::default() };
        for kept in rows(config, &database, query)? {
            match kept.names {
                None => {}
                Some(Shown::Open(_)) => count.nobody += 1,
                Some(Shown::Gone(_)) => count.gone += 1,
                Some(Shown::Damaged) => count.damaged += 1,
                Some(Shown::Sealed(letter)) => letter.keys().for_each(|key| *count.to.entry(key).or_default() += 1),
            }
        }
    }
    Ok(count)
}

fn rows(config: &Config, database: &Path, query: Query) -> Result<Vec<Kept>, Failure> {
    runtime()?.block_on(async {
        let mut rows = store::read(database, review_keys::day_keys(config), query);
        let mut all = Vec::new();
        while let Some(row) = rows.recv().await {
            all.push(row.map_err(|StoreError(why)| Failure::Failed(why))?);
        }
        Ok(all)
    })
}

/// `review open`
fn open(config: &Config, asked: &OpenNames) -> Result<ExitCode, Failure> {
    let mut piped = Piped::read(asked.passphrase_stdin)?;
    let halves = halves(&asked.keys, &mut piped)?;
    let database = asked.database.clone().unwrap_or_else(|| config.state.join(DATABASE));
    let wanted = wanted(config, &database, asked)?;
    // Before anything is shown.
    record(config, &wanted, &halves)?;
    let mut out = Lines { json: asked.output.json, rows: 0 };
    for query in queries(asked, true)? {
        for kept in rows(config, &database, query)?.into_iter().filter(|kept| kept.names.is_some()) {
            out.row(&opened(kept, &halves)).map_err(Failure::Failed)?;
        }
    }
    out.end()
}

/// The private halves, at least one of each role.
fn halves(files: &[PathBuf], piped: &mut Piped) -> Result<Vec<PrivateHalf>, Failure> {
    let mut halves = Vec::new();
    for file in files {
        let passphrase = |role: Role| {
            let prompt = format!("Passphrase of the {} for `{}`: ", role.word(), file.display());
            piped.next("the passphrase", &prompt).map_err(|(Failure::Failed(why) | Failure::Unusable(why))| why)
        };
        halves.push(review_keys::read_private(file, passphrase).map_err(Failure::Unusable)?);
    }
    for role in Role::ALL {
        if !halves.iter().any(|half| half.role() == role) {
            return Err(Failure::Unusable(format!(
                "names open by one key of each role together: there is none of the {}",
                role.word()
            )));
        }
    }
    Ok(halves)
}

/// One question for each session, and for each refused login.
fn queries(asked: &OpenNames, names: bool) -> Result<Vec<Query>, Failure> {
    let sessions: Vec<SessionNumber> = asked.sessions.iter().map(|text| parse(text)).collect::<Result<_, _>>()?;
    let supports: Vec<SessionNumber> = asked.supports.iter().map(|text| parse(text)).collect::<Result<_, _>>()?;
    let of_session = sessions.into_iter().map(|number| Query { session: Some(number), names, ..Query::default() });
    let of_support = supports.into_iter().map(|number| Query { support: Some(number), names, ..Query::default() });
    Ok(of_session.chain(of_support).collect())
}

/// The places of the records that are asked for: those that name somebody.
fn wanted(config: &Config, database: &Path, asked: &OpenNames) -> Result<Vec<u64>, Failure> {
    let mut wanted = Vec::new();
    for query in queries(asked, false)? {
        let named = rows(config, database, query)?.into_iter().filter(|kept| kept.record.private_digest.is_some());
        wanted.extend(named.map(|kept| kept.record.sequence));
    }
    match wanted.len() {
        0 => Err(Failure::Failed("no record of these numbers names anybody".to_owned())),
        1..=MOST => Ok(wanted),
        _ => Err(Failure::Failed(format!("an opening is of {MOST} records at most"))),
    }
}

/// Durable on return: in the reviews journal of the gateway that runs, or of its database where none does.
fn record(config: &Config, wanted: &[u64], halves: &[PrivateHalf]) -> Result<(), Failure> {
    let of = |role: Role| {
        let keys = halves.iter().filter(|half| half.role() == role).map(|half| half.public().fingerprint());
        keys.collect::<Vec<_>>().join(" ")
    };
    let records: Vec<String> = wanted.iter().map(u64::to_string).collect();
    let question = Question::ReviewOpen {
        records: records.join(" "),
        controllers: of(Role::Controllers),
        reviewers: of(Role::Reviewers),
    };
    match client::ask(&config.admin.socket, &question) {
        Ok(_) => Ok(()),
        Err(AskError::Failed(why)) => Err(Failure::Failed(why)),
        Err(AskError::NotRunning(_)) => {
            let Question::ReviewOpen { records, controllers, reviewers } = question else { return Ok(()) };
            let draft = opening(nix::unistd::getuid().as_raw(), &records, &controllers, &reviewers);
            runtime()?.block_on(log_commands::record_here(config, draft))
        }
    }
}

/// What the reviews journal says of an opening: that it was by both holders, and that no procedure was before it.
pub(crate) fn opening(uid: u32, records: &str, controllers: &str, reviewers: &str) -> Draft {
    let fields = Fields::default()
        .with("uid", i64::from(uid))
        .with("records", records)
        .with("controllers", controllers)
        .with("reviewers", reviewers)
        .with("by", "both_key_holders");
    Draft { fields, ..Draft::new(Kind::NamesOpened, clock::now().wall) }
}

/// A record with the names that the halves open, or why they do not.
fn opened(kept: Kept, halves: &[PrivateHalf]) -> Value {
    let (mut kept, mut why) = (kept, None);
    if let Some(Shown::Sealed(letter)) = &kept.names {
        match letter.open(halves) {
            Ok(names) => kept.names = Some(Shown::Open(names)),
            Err(NotOpened::Missing(role)) => why = Some(format!("sealed to another key of the {}", role.word())),
            Err(NotOpened::Damaged) => kept.names = Some(Shown::Damaged),
        }
    }
    let mut value = admin::row_value(&kept);
    if let (Some(why), Value::Object(fields)) = (why, &mut value) {
        fields.insert("names_are".to_owned(), json!(why));
    }
    value
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::Failed(format!("cannot start: {error}")))
}

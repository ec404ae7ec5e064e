//! Steps of a review at the terminal: whoever takes one is asked for name, password and code, each time.

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use gateway_api::login::{Code, Language, Password};
use gateway_record::{
    PrivateHalf,
    review::{Ground, figures::Figures},
};
use serde_json::Value;

use super::halves;
use crate::{
    Failure,
    admin::{Question, reviews::Step},
    cli::{OpenNames, Output, ReviewCommand, ReviewRequest},
    clock,
    config::Config,
    control::SignIn,
    log_commands::Lines,
    passphrase::Piped,
    reviews::{LONGEST_NOTICE, export::Export, report},
    secret_file,
    session_commands::{ask, json as print_json, parse, say, table},
};

/// Who takes the step.
#[derive(Debug, Args)]
pub(crate) struct SignInSource {
    /// Sign in as this person, instead of being asked for the name
    #[arg(long = "as", value_name = "NAME")]
    user: Option<String>,
    /// Read the password and the code of the second factor from standard input, a line each, instead of being asked for them
    #[arg(long, requires = "user")]
    sign_in_stdin: bool,
}

impl SignInSource {
    fn shown(self, piped: &mut Piped) -> Result<SignIn, Failure> {
        let user = match self.user {
            Some(user) => user,
            None => asked("Your office user name: ")?,
        };
        let mut password = piped.next("the password", &format!("Password of {user}: "))?;
        let mut code = piped.next("the code", "Code of the second factor: ")?;
        let (password, code) = (std::mem::take(&mut *password), std::mem::take(&mut *code));
        Ok(SignIn { user, password: Password::new(password), code: Code::new(code) })
    }
}

fn asked(prompt: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Unusable("there is no terminal to ask for your name on: see --help".to_owned()));
    }
    let mut line = String::new();
    let _ = write!(std::io::stderr(), "{prompt}");
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::Failed(format!("cannot read your name: {error}")))?;
    Ok(line.trim().to_owned())
}

fn put(config: &Config, sign_in: SignInSource, step: Step) -> Result<Value, Failure> {
    let mut piped = Piped::read(sign_in.sign_in_stdin)?;
    let sign_in = sign_in.shown(&mut piped)?;
    ask(config, &Question::Review { sign_in, step })
}

/// A step that has one answer.
pub(super) fn run(config: &Config, command: ReviewCommand) -> Result<ExitCode, Failure> {
    let (sign_in, output, step) = match command {
        ReviewCommand::Request(request) => return ask_for(config, request),
        ReviewCommand::Approve { request, sign_in, output } => (sign_in, output, Step::Approve { request }),
        ReviewCommand::Refuse { request, why, sign_in, output } => (sign_in, output, Step::Refuse { request, why }),
        ReviewCommand::Postpone { request, until, why, sign_in, output } => {
            (sign_in, output, Step::Postpone { request, until, why })
        }
        ReviewCommand::Notice { structure, it, en, sign_in, output } => {
            let read = |file: Option<PathBuf>| file.map(|file| notice_text(&file)).transpose();
            (sign_in, output, Step::Notice { structure, italian: read(it)?, english: read(en)? })
        }
        ReviewCommand::Extract { request, to, until, why, sign_in, output } => {
            is_free(&to)?;
            let mut value = put(config, sign_in, Step::Extract { request, until, why })?;
            write_file(&to, &value)?;
            value.as_object_mut().map(|fields| (fields.remove("file"), fields.remove("text")));
            return if output.json { print_json(&value) } else { table(&value) };
        }
        ReviewCommand::Figures { html, pdf, language, sign_in, output } => {
            let language = if language == "en" { Language::En } else { Language::It };
            return figures(config, (html, pdf, language), sign_in, output);
        }
        ReviewCommand::Requests { sign_in, output } => return requests(config, sign_in, output),
        ReviewCommand::Minute { minute, sign_in, output } => {
            let value = put(config, sign_in, Step::Minute { minute })?;
            return match output.json {
                true => print_json(&value),
                false => say(value.get("text").and_then(Value::as_str).unwrap_or_default().trim_end()),
            };
        }
        ReviewCommand::Keys(_) | ReviewCommand::Open(_) => return Ok(ExitCode::SUCCESS),
    };
    let value = put(config, sign_in, step)?;
    if output.json { print_json(&value) } else { table(&value) }
}

fn ask_for(config: &Config, request: ReviewRequest) -> Result<ExitCode, Failure> {
    let ReviewRequest { worker, sessions, structure, events, from, until, ground, reason, sign_in, output } = request;
    let ground = Ground::from_letter(&ground).ok_or_else(|| Failure::Unusable("no such ground".to_owned()))?;
    let sessions = sessions.iter().map(|number| parse(number)).collect::<Result<_, _>>()?;
    let step = Step::Request { worker, sessions, structure, events, from, until, ground, reason };
    let value = put(config, sign_in, step)?;
    if output.json { print_json(&value) } else { table(&value) }
}

fn notice_text(file: &Path) -> Result<String, Failure> {
    let unusable = |why: &str| Failure::Unusable(format!("`{}` {why}", file.display()));
    let size = std::fs::metadata(file).map_err(|error| unusable(&format!("cannot be read: {error}")))?.len();
    if size > LONGEST_NOTICE as u64 {
        return Err(unusable(&format!("is too long: {LONGEST_NOTICE} bytes are the most")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| unusable(&format!("cannot be read: {error}")))?;
    if text.trim().is_empty() { Err(unusable("is empty")) } else { Ok(text.trim().to_owned()) }
}

fn requests(config: &Config, sign_in: SignInSource, output: Output) -> Result<ExitCode, Failure> {
    let value = put(config, sign_in, Step::Requests)?;
    if output.json {
        return print_json(&value);
    }
    let list = |name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for holder in list("new_roles") {
        let text = |name: &str| holder.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let structure = text("structure");
        let of = if structure.is_empty() { String::new() } else { format!(" of {structure}") };
        say(&format!("new: {} is {}{of} since {}", text("name"), text("role"), text("since")))?;
    }
    let requests = list("requests");
    if requests.is_empty() {
        return say("there are no requests that you may read");
    }
    for request in requests {
        table(&request)?;
        say("")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `review figures`
fn figures(
    config: &Config,
    (html, pdf, language): (Option<PathBuf>, Option<PathBuf>, Language),
    sign_in: SignInSource,
    output: Output,
) -> Result<ExitCode, Failure> {
    [&html, &pdf].into_iter().flatten().try_for_each(|path| is_free(path))?;
    let value = put(config, sign_in, Step::Figures)?;
    if output.json {
        return print_json(&value);
    }
    let figures: Vec<Figures> = serde_json::from_value(value)
        .map_err(|error| Failure::Failed(format!("the gateway's answer cannot be read: {error}")))?;
    if html.is_none() && pdf.is_none() {
        return say(report::text(&figures).trim_end());
    }
    let html = html.map(|path| write_report(&path, report::html(&figures).as_bytes()));
    let pdf = pdf.map(|path| write_report(&path, &report::pdf(&figures, language)));
    [html, pdf].into_iter().flatten().collect::<Result<(), _>>().map(|()| ExitCode::SUCCESS)
}

fn write_report(path: &Path, report: &[u8]) -> Result<(), Failure> {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = made.and_then(|mut file| file.write_all(report));
    written.map_err(|error| Failure::Failed(format!("cannot make `{}`: {error}", path.display())))
}

/// `review open --request`: to a file, or on the spot, or both.
pub(super) fn open_request(config: &Config, request: u64, asked: OpenNames) -> Result<ExitCode, Failure> {
    let OpenNames { to, keys, passphrase_stdin, sign_in, output, .. } = asked;
    if to.is_none() && keys.is_empty() {
        return Err(Failure::Unusable("where to? Say --to FILE, or open the records here with both --key".to_owned()));
    }
    to.as_deref().map(is_free).transpose()?;
    let mut piped = Piped::read(sign_in.sign_in_stdin || passphrase_stdin)?;
    let sign_in = sign_in.shown(&mut piped)?;
    let halves = if keys.is_empty() { None } else { Some(halves(&keys, &mut piped)?) };
    let value = ask(config, &Question::Review { sign_in, step: Step::Open { request } })?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    to.as_deref().map(|path| write_file(path, &value)).transpose()?;
    if !output.json {
        say(text("text").trim_end())?;
    }
    match halves {
        Some(halves) => show(&Export::parse(text("file").as_bytes()).map_err(Failure::Failed)?, &halves, output),
        None if output.json => {
            let mut value = value.clone();
            value.as_object_mut().map(|fields| fields.remove("file"));
            print_json(&value)
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Before anything is opened for it.
fn is_free(path: &Path) -> Result<(), Failure> {
    match path.exists() {
        true => Err(Failure::Unusable(format!("`{}` is there already", path.display()))),
        false => Ok(()),
    }
}

/// What was handed out, for its owner's eyes.
fn write_file(path: &Path, handed: &Value) -> Result<(), Failure> {
    let file = handed.get("file").and_then(Value::as_str).unwrap_or_default();
    let written = secret_file::create(path, file.as_bytes());
    written.map_err(|error| Failure::Failed(format!("{error}; do it again, within the time of the opening")))
}

/// `review open --file`: on any computer, by both holders.
pub(super) fn open_file(
    file: &Path,
    (keys, passphrase_stdin): (&[PathBuf], bool),
    output: Output,
) -> Result<ExitCode, Failure> {
    let unusable = |why: String| Failure::Unusable(format!("`{}`: {why}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    let export = Export::parse(&bytes).map_err(unusable)?;
    if export.until <= clock::now().wall {
        return Err(Failure::Failed(format!(
            "the time of this opening is over since {}: delete the file, and ask for the records again if they are needed",
            export.until
        )));
    }
    let halves = halves(keys, &mut Piped::read(passphrase_stdin)?)?;
    show(&export, &halves, output)
}

fn show(export: &Export, halves: &[PrivateHalf], output: Output) -> Result<ExitCode, Failure> {
    let mut out = Lines { json: output.json, rows: 0 };
    for record in &export.records {
        out.row(&record.opened(halves)).map_err(Failure::Failed)?;
    }
    out.end()
}

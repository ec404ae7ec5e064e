//! `deskgate doctor`: shows what was found, line by line, and writes the report for the help desk.

use std::{
    cell::RefCell,
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use gateway_api::{SessionNumber, login::Language};
use serde::Serialize;
use tokio::sync::mpsc::unbounded_channel;

use super::{Connect, Front, Office, Stop, complain, password, print_json, second_factor, wait_for};
use crate::{
    Exit,
    answers::Answers,
    api::{Client, plain, trust},
    clock,
    config::{Config, Prepared, Server},
    device::Device,
    doctor::{
        self, Check, Finding, Verdict,
        trial::{self, Trial},
    },
    failures,
    session::{self, Event, Order, Show},
    signals::Signals,
    telling,
    terminal::Terminal,
    words::{
        Text,
        doctor::{Words, words},
        local_language,
    },
};

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Examine {
    #[command(flatten)]
    office: Office,
    /// Write what was found to this file too, for the help desk; must not exist
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Sign in as well, and open a session for a moment, to see whether UDP gets through and your office computer answers
    #[arg(long)]
    sign_in: bool,
    /// Read the password from one line of standard input
    #[arg(long, requires = "sign_in")]
    password_stdin: bool,
    /// Read the code of the second factor from the next line of standard input
    #[arg(long, requires = "password_stdin")]
    code_stdin: bool,
    /// Print findings as lines of JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(flags: Examine) -> Exit {
    let Examine { office, report, sign_in, password_stdin, code_stdin, json } = flags;
    let flags = office.connect(password_stdin, code_stdin);
    let prepared = Config::examine(&flags);
    let language = match &prepared {
        Ok(Prepared::Ready(config)) => config.language,
        Ok(Prepared::FirstUse(first)) => first.language(),
        Err(_) => flags.language.unwrap_or_else(local_language),
    };
    let mut sheet = match Sheet::new(language, json) {
        Ok(sheet) => sheet,
        Err(Stop { exit, text }) => {
            complain(&text.say(language));
            return exit;
        }
    };
    if let Err(Stop { exit, text }) = examine(prepared, &flags, sign_in, &mut sheet) {
        complain(&text.say(language));
        return exit;
    }
    sheet.end(report)
}

fn examine(prepared: Result<Prepared, String>, flags: &Connect, sign_in: bool, sheet: &mut Sheet) -> Result<(), Stop> {
    let front = Front { language: sheet.language, ..Front::default() };
    match prepared {
        Ok(Prepared::Ready(config)) => {
            sheet.note(if config.profile.is_some() { Finding::Profile } else { Finding::NoProfile });
            sheet.help.clone_from(&config.help);
            match config.server.clone() {
                None => sheet.note(Finding::NoServer),
                Some(server) => {
                    sheet.server = Some(server.to_string());
                    wait_for(doctor::way(&config, &server, &mut |finding| sheet.note(finding)))?;
                    if !sheet.has(Check::Udp) {
                        let tried = if sign_in {
                            session(config, &server, flags, &front)
                        } else {
                            Ok([Finding::UdpUntried, Finding::WorkstationUntried])
                        };
                        // Why nobody could sign in is told, and the rest is looked at all the same.
                        let unable = |Stop { text, .. }: Stop| {
                            let why = text.say(front.language);
                            [Finding::NoSession { why }, Finding::NotLooked(Check::Workstation)]
                        };
                        tried.unwrap_or_else(unable).into_iter().for_each(|finding| sheet.note(finding));
                    }
                }
            }
        }
        Ok(Prepared::FirstUse(_)) => sheet.note(Finding::ProfileUnknown),
        Err(why) => sheet.note(Finding::ProfileRefused { why: without_folder(&why, flags.profile.as_deref()) }),
    }
    wait_for(doctor::computer(&mut |finding| sheet.note(finding)))
}

/// Opens a session, knocks at its workstation, and closes it: what was found of the way and of the workstation.
fn session(config: Config, server: &Server, flags: &Connect, front: &Front) -> Result<[Finding; 2], Stop> {
    let language = config.language;
    let tls = trust::config(&config.trust).map_err(Stop::broken)?;
    let user = super::ask_user(config.user, front, flags)?;
    let password = password(front, flags, &user)?;
    let second_factor = second_factor(front, flags)?;
    let device = Device::load(server).map_err(Stop::broken)?;
    let client = Client::new(server.clone(), tls, device);
    let answers = Answers::Terminal(Terminal::default());
    let show = Show::Door;
    let order = Order {
        client: client.clone(),
        user,
        password,
        second_factor,
        language,
        show,
        assist: None,
        answers,
        notifications: front.notifications.clone(),
    };
    let trial = RefCell::new(Trial::default());
    let outcome = wait_for(async {
        let mut signals = Signals::new().map_err(|error| Stop::broken(error.to_string()))?;
        let (enough, pressed) = unbounded_channel();
        signals.listen_to(pressed);
        let (next, steps) = unbounded_channel();
        let mut tell = |event: &Event| {
            if let Some(step) = trial.borrow_mut().told(event) {
                let _ = next.send(step);
            }
            if matches!(event, Event::Notice { .. } | Event::NoticeAsked | Event::Waking { .. }) {
                telling::event(event.clone(), false).iter().for_each(|text| front.say(text));
            }
        };
        Ok(tokio::select! {
            outcome = session::work(order, &mut signals, &mut tell) => outcome,
            never = trial::follow(&trial, steps, enough) => match never {},
        })
    })??;
    let say = |outcome| telling::outcome(outcome, client.name().to_string()).1.say(language);
    Ok(trial.into_inner().findings(outcome, say))
}

/// What was found so far, shown as it comes.
struct Sheet {
    language: Language,
    json: bool,
    words: &'static Words,
    number: SessionNumber,
    server: Option<String>,
    help: Option<String>,
    findings: Vec<Finding>,
}

/// A line for programs.
#[derive(Serialize)]
struct Line<'a> {
    check: Check,
    verdict: Verdict,
    message: &'a str,
}

impl Sheet {
    fn new(language: Language, json: bool) -> Result<Self, Stop> {
        let number = failures::draw().map_err(|error| Stop::broken(error.to_string()))?;
        let words = words(language);
        complain(&(words.title)(&number.to_string()));
        Ok(Self { language, json, words, number, server: None, help: None, findings: Vec::new() })
    }

    fn has(&self, check: Check) -> bool {
        self.findings.iter().any(|finding| finding.check() == check)
    }

    fn note(&mut self, finding: Finding) {
        if self.json {
            let message = &without_home(&(self.words.say)(&finding));
            print_json(&Line { check: finding.check(), verdict: finding.verdict(), message });
        } else {
            let mut stdout = io::stdout().lock();
            let _ = writeln!(stdout, "{}", self.line(&finding)).and_then(|()| stdout.flush());
        }
        self.findings.push(finding);
    }

    fn line(&self, finding: &Finding) -> String {
        let (verdict, check) = ((self.words.verdict)(finding.verdict()), (self.words.check)(finding.check()));
        format!("{verdict:<5} {check:<14} {}", without_home(&(self.words.say)(finding)))
    }

    fn end(self, report: Option<PathBuf>) -> Exit {
        let bad = self.findings.iter().filter(|finding| finding.verdict() == Verdict::Bad).count();
        let mut exit = if bad == 0 { Exit::Ended } else { Exit::Failed };
        complain(&match bad {
            0 => self.words.well.to_owned(),
            _ => (self.words.unwell)(bad, &self.number.to_string()),
        });
        if let Some(path) = report {
            let shown = path.display().to_string();
            let written = OpenOptions::new().write(true).create_new(true).open(&path);
            match written.and_then(|mut file| file.write_all(self.report().as_bytes())) {
                Ok(()) => complain(&(self.words.written)(&shown)),
                Err(error) => {
                    complain(&(self.words.unwritten)(&shown, &plain(&error)));
                    exit = Exit::Failed;
                }
            }
        }
        if let (Some(phone), true) = (self.help, bad > 0) {
            complain(&Text::HelpDesk { phone }.say(self.language));
        }
        exit
    }

    /// For the help desk: the same lines, which program on which system said them when, and what failed before.
    fn report(&self) -> String {
        let server = self.server.as_deref().unwrap_or("-");
        let mut text = format!(
            "deskgate doctor {}\nversion {}, {} {}\ntime {}\ngateway {server}\n\n",
            self.number,
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
            clock::stamp(),
        );
        for finding in &self.findings {
            text += &self.line(finding);
            text.push('\n');
        }
        let noted = failures::noted();
        if !noted.is_empty() {
            text += "\nfailed without a session, the newest last\n";
        }
        for line in noted {
            text += &line;
            text.push('\n');
        }
        text
    }
}

/// The folder that a profile lies in may name somebody: a stick's, a share's.
fn without_folder(text: &str, profile: Option<&Path>) -> String {
    match profile.and_then(|path| Some((path.to_str()?, path.file_name()?.to_str()?))) {
        Some((path, name)) => text.replace(path, name),
        None => text.to_owned(),
    }
}

/// A path in somebody's home names them.
fn without_home(text: &str) -> String {
    match std::env::var("HOME").or_else(|_| std::env::var("USERPROFILE")) {
        Ok(home) if home.len() > 1 => text.replace(&home, "~"),
        _ => text.to_owned(),
    }
}

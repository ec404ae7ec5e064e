//! The command line: flags, questions at the terminal, and what is said while a session lasts.
//!
//! Standard output carries what programs read (the door's address, JSON, a configuration); everything for people goes
//! to standard error. That nobody reads either is no reason to end.

mod assist;
mod device;
mod doctor;
mod factor;
mod office;
mod password;
mod record;

use std::{
    cell::RefCell,
    ffi::OsStr,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use gateway_api::{
    CloseReason,
    login::{Assist, Code, Language, Password},
};
use serde::Serialize;

use crate::{
    Exit,
    answers::Answers,
    api::{Client, trust},
    config::{self, Carrier, Config, Prepared, Server, file::is_called_profile},
    device::Device,
    failures, gui,
    notification::Notifications,
    rdp::Screen,
    runtime,
    secret::{self, NoPassword},
    session::{self, Event, Order, Outcome, Show},
    signals::Signals,
    telling,
    terminal::Terminal,
    words::Text,
};

/// Reach your own office computer from home.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Without a command, a window opens; with the file alone that your office sent you, too."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sign in, open your desktop, and close everything when you are done
    Connect(Connect),
    /// For technicians: reach the office computer of a worker who is connected and says yes
    Assist(assist::AssistWorker),
    /// Open the window; without any command it opens too
    Window(OpenWindow),
    /// Give your office account another password, also when the present one has expired
    Password(password::ChangePassword),
    /// See what your office's gateway has recorded about you, and who looked at it
    Record(record::ShowRecord),
    /// Find out why your office computer is not reached: looks at all that a session needs, and says what to do
    Doctor(doctor::Examine),
    /// Make this computer one that your office manages
    #[command(subcommand)]
    Device(device::DeviceCommand),
    /// Whose profiles this computer follows
    #[command(subcommand)]
    Office(office::OfficeCommand),
    /// Your second factor: an authenticator app on your phone
    #[command(subcommand)]
    Factor(factor::FactorCommand),
}

/// Which gateway, and as whom, for commands that open no desktop.
#[derive(Debug, Args)]
struct Office {
    /// The office's gateway; port 443 unless given
    #[arg(long, value_name = "HOST[:PORT]")]
    server: Option<String>,
    /// Your office user name
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The file your office sent you [default: the one beside the program, then ~/.config/deskgate/profile.toml]
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// The six words of the profile, as they stand in your office's letter, instead of being asked whether they do
    #[arg(long, value_name = "WORDS")]
    trust: Option<String>,
    /// Know the gateway by the certificate authority in this PEM file
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Know the gateway by the SHA-256 of its public key; may be given for the present key and the next
    #[arg(long, value_name = "sha256:HEX")]
    fingerprint: Vec<String>,
    /// The language of what is said [default: that of the system]
    #[arg(long, value_name = "it|en", value_parser = parse_language)]
    language: Option<Language>,
}

impl Office {
    /// The same gateway is asked in the same way; no desktop is opened.
    fn connect(self, password_stdin: bool, code_stdin: bool) -> Connect {
        Connect {
            server: self.server,
            user: self.user,
            profile: self.profile,
            trust: self.trust,
            ca: self.ca,
            fingerprint: self.fingerprint,
            password_stdin,
            code_stdin,
            run: None,
            screen: None,
            no_run: true,
            wireguard_config: None,
            language: self.language,
            json: false,
        }
    }
}

/// Flags of `window`.
#[derive(Debug, Args)]
struct OpenWindow {
    /// The file your office sent you, as with --profile
    #[arg(value_name = "FILE", conflicts_with = "profile")]
    file: Option<PathBuf>,
    #[command(flatten)]
    office: Office,
    /// Start this command instead of the RDP program that is found; {host}, {port} and {user} are filled in
    #[arg(long, value_name = "COMMAND")]
    run: Option<String>,
    /// Open the desktop in a window, or let it fill the screen [default: as chosen in the window]
    #[arg(long, value_name = "window|full", value_parser = parse_screen, conflicts_with = "run")]
    screen: Option<Screen>,
}

impl OpenWindow {
    fn connect(self) -> Connect {
        let Self { file, office, run, screen } = self;
        let connect = office.connect(false, false);
        Connect { profile: file.or(connect.profile.clone()), no_run: false, run, screen, ..connect }
    }
}

/// Runs a command that opens no desktop, and tells what came of it.
fn without_desktop(flags: &Connect, work: impl FnOnce(Config, &Connect, &Front) -> Result<Exit, Stop>) -> Exit {
    let config = match configured(flags) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let (help, front) = (config.help.clone(), Front { language: config.language, ..Front::default() });
    let exit = work(config, flags, &front).unwrap_or_else(|Stop { exit, text }| {
        front.say(&text);
        exit
    });
    if let (Some(phone), true) = (help, exit != Exit::Ended) {
        front.say(&Text::HelpDesk { phone });
    }
    exit
}

/// The configuration, once it is clear whose profile it is.
fn configured(flags: &Connect) -> Result<Config, Exit> {
    match Config::prepare(flags) {
        Ok(Prepared::Ready(config)) => Ok(config),
        Ok(Prepared::FirstUse(first)) => office::compare(first, flags),
        Err(mistake) => {
            complain(&format!("deskgate: {mistake}"));
            Err(Exit::Usage)
        }
    }
}

/// Flags of `connect`.
#[derive(Debug, Default, Args)]
pub(crate) struct Connect {
    /// The office's gateway; port 443 unless given
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) server: Option<String>,
    /// Your office user name
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// The file your office sent you [default: the one beside the program, then ~/.config/deskgate/profile.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
    /// The six words of the profile, as they stand in your office's letter, instead of being asked whether they do
    #[arg(long, value_name = "WORDS")]
    pub(crate) trust: Option<String>,
    /// Know the gateway by the certificate authority in this PEM file
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Know the gateway by the SHA-256 of its public key; may be given for the present key and the next
    #[arg(long, value_name = "sha256:HEX")]
    pub(crate) fingerprint: Vec<String>,
    /// Read the password from one line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Read the code of the second factor from the next line of standard input
    #[arg(long, requires = "password_stdin")]
    pub(crate) code_stdin: bool,
    /// Start this command instead of the RDP program that is found; {host}, {port} and {user} are filled in
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["no_run", "wireguard_config"])]
    pub(crate) run: Option<String>,
    /// Open the desktop in a window, or let it fill the screen [default: window; on Windows and macOS full]
    #[arg(
        long,
        value_name = "window|full",
        value_parser = parse_screen,
        conflicts_with_all = ["run", "no_run", "wireguard_config"],
    )]
    pub(crate) screen: Option<Screen>,
    /// Start nothing: print the address of the door and keep it open
    #[arg(long, conflicts_with = "wireguard_config")]
    pub(crate) no_run: bool,
    /// Hand the session to another WireGuard program: write its configuration to FILE, or print it (-)
    #[arg(long, value_name = "FILE")]
    pub(crate) wireguard_config: Option<PathBuf>,
    /// The language of what is said [default: that of the system]
    #[arg(long, value_name = "it|en", value_parser = parse_language)]
    pub(crate) language: Option<Language>,
    /// Print events as lines of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_language(text: &str) -> Result<Language, String> {
    match text {
        "it" => Ok(Language::It),
        "en" => Ok(Language::En),
        _ => Err("expected `it` or `en`".to_owned()),
    }
}

fn parse_screen(text: &str) -> Result<Screen, String> {
    match text {
        "window" => Ok(Screen::Window),
        "full" => Ok(Screen::Full),
        _ => Err("expected `window` or `full`".to_owned()),
    }
}

/// Runs the command line.
pub(crate) fn run() -> Exit {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(profile) = opened(&arguments) {
        return gui::run(Connect { profile: Some(profile.to_owned()), ..Connect::default() });
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(message) => {
            if gui::has_terminal() {
                let _ = message.print();
            } else {
                gui::say(&message.to_string());
            }
            return if message.use_stderr() { Exit::Usage } else { Exit::Ended };
        }
    };
    match cli.command {
        None => gui::run(Connect::default()),
        Some(Command::Window(flags)) => gui::run(flags.connect()),
        Some(Command::Connect(flags)) => connect(&flags, None),
        Some(Command::Assist(flags)) => assist::run(flags),
        Some(Command::Password(flags)) => password::run(flags),
        Some(Command::Record(flags)) => record::run(flags),
        Some(Command::Factor(command)) => factor::run(command),
        Some(Command::Device(command)) => device::run(command),
        Some(Command::Doctor(flags)) => doctor::run(flags),
        Some(Command::Office(command)) => office::run(&command),
    }
}

/// The profile that the program was started with and nothing else, as by a double click or when it is dropped on the program.
fn opened(arguments: &[impl AsRef<OsStr>]) -> Option<&Path> {
    let [_, only] = arguments else { return None };
    let path = Path::new(only);
    let is_profile = is_called_profile(path) || (path.is_file() && !is_command(only.as_ref()));
    is_profile.then_some(path)
}

fn is_command(word: &OsStr) -> bool {
    let mut command = Cli::command();
    // Brings `help` in.
    command.build();
    command.find_subcommand(word).is_some()
}

/// Works one session: the worker's own, or a technician's.
fn connect(flags: &Connect, assist: Option<Assist>) -> Exit {
    let config = match configured(flags) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    // What a technician reaches is seldom RDP's: the doors are told, whether or not that program is started.
    let door = config.carrier == Carrier::Door || (assist.is_some() && matches!(config.carrier, Carrier::Rdp(_)));
    let front = Front { language: config.language, json: flags.json, door, ..Front::default() };
    let help = config.help.clone();
    let show = match &assist {
        None => Show::prepare(config.carrier.clone()),
        Some(_) => Some(Show::prepare_assistance(config.carrier.clone())),
    };
    let exit = match show.map(|show| prepare(config, show, flags, assist, &front)) {
        None => front.end(Outcome::NoRdpProgram, String::new()),
        Some(Ok(order)) => front.work(order),
        Some(Err(Stop { exit, text })) => {
            front.last(&text.say(front.language), "failed", None);
            exit
        }
    };
    if let (Some(phone), true) = (help, exit != Exit::Ended) {
        front.say(&Text::HelpDesk { phone });
    }
    exit
}

/// Why nothing was begun.
struct Stop {
    exit: Exit,
    text: Text,
}

impl Stop {
    fn usage(text: Text) -> Self {
        Self { exit: Exit::Usage, text }
    }

    fn broken(cause: String) -> Self {
        Self { exit: Exit::Failed, text: Text::Broken { cause } }
    }
}

/// Asks for what is missing, before anything is begun.
fn prepare(config: Config, show: Show, flags: &Connect, assist: Option<Assist>, front: &Front) -> Result<Order, Stop> {
    let Config { server, user, trust, language, .. } = config;
    let tls = trust::config(&trust).map_err(Stop::broken)?;
    let server = ask_server(server, front, flags)?;
    let user = ask_user(user, front, flags)?;
    let password = password(front, flags, &user)?;
    let second_factor = match &assist {
        None => second_factor(front, flags)?,
        Some(_) => Some(needed_factor(front, flags)?),
    };
    let device = Device::load(&server).map_err(Stop::broken)?;
    let client = Client::new(server, tls, device);
    let answers = Answers::Terminal(Terminal::default());
    let notifications = front.notifications.clone();
    Ok(Order { client, user, password, second_factor, language, show, assist, answers, notifications })
}

/// Where to, unless it is known.
fn ask_server(known: Option<Server>, front: &Front, flags: &Connect) -> Result<Server, Stop> {
    known.map_or_else(|| ask(front, flags, &Text::AskServer, "--server", config::parse_server), Ok)
}

/// Who, unless it is known.
fn ask_user(known: Option<String>, front: &Front, flags: &Connect) -> Result<String, Stop> {
    known.map_or_else(|| ask(front, flags, &Text::AskUser, "--user", config::parse_user), Ok)
}

/// Waits for an answer.
fn wait_for<T>(work: impl Future<Output = T>) -> Result<T, Stop> {
    runtime::run(work).map_err(|error| Stop::broken(error.to_string()))
}

/// Asks until the answer makes sense.
fn ask<T>(
    front: &Front,
    flags: &Connect,
    question: &Text,
    option: &'static str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Stop> {
    let nobody = || Stop::usage(Text::NobodyToAsk { option });
    if flags.password_stdin || !io::stdin().is_terminal() {
        return Err(nobody());
    }
    loop {
        let _ = write!(io::stderr(), "{}", question.say(front.language));
        let mut line = String::new();
        match io::stdin().lock().read_line(&mut line) {
            Ok(0) | Err(_) => return Err(nobody()),
            Ok(_) => match parse(line.trim()) {
                Ok(answer) => return Ok(answer),
                Err(mistake) => complain(&mistake),
            },
        }
    }
}

fn password(front: &Front, flags: &Connect, user: &str) -> Result<Password, Stop> {
    let password = if flags.password_stdin {
        secret::read(&mut io::stdin().lock())
    } else {
        secret::ask(&Text::AskPassword { user: user.to_owned() }.say(front.language))
    };
    password.map_err(|none| Stop::usage(no_password(none)))
}

/// Asked of everybody: who has none says so.
fn second_factor(front: &Front, flags: &Connect) -> Result<Option<Code>, Stop> {
    code(front, flags, &Text::AskCode)
}

/// Of a technician, who never gets in without one.
fn needed_factor(front: &Front, flags: &Connect) -> Result<Code, Stop> {
    code(front, flags, &Text::AskNeededCode)?.ok_or_else(|| Stop::usage(Text::CodeEmpty))
}

fn code(front: &Front, flags: &Connect, question: &Text) -> Result<Option<Code>, Stop> {
    let code = match (flags.password_stdin, flags.code_stdin) {
        (true, false) => Ok(None),
        (true, true) => secret::read_code(&mut io::stdin().lock()),
        (false, _) => secret::ask_code(&question.say(front.language)),
    };
    code.map_err(|none| Stop::usage(no_password(none)))
}

fn no_password(none: NoPassword) -> Text {
    match none {
        NoPassword::Empty => Text::PasswordEmpty,
        NoPassword::TooLong => Text::PasswordTooLong,
        NoPassword::CodeTooLong => Text::CodeTooLong,
        NoPassword::Unreadable(error) => Text::PasswordUnreadable { cause: crate::api::plain(&error) },
    }
}

/// A line for people. In one piece: the program that was started writes there too.
fn complain(line: &str) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// The terminal as a front end.
#[derive(Default)]
struct Front {
    language: Language,
    json: bool,
    /// Whether the door's address is what standard output is for.
    door: bool,
    /// Who assists, as long as somebody does: it stands in the last line all the time.
    assistance: RefCell<Option<Text>>,
    notifications: Notifications,
}

/// A line for programs: the event, and the sentence that people read.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: &'a Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// The last line for programs.
#[derive(Serialize)]
struct LastLine<'a> {
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<CloseReason>,
    message: &'a str,
}

impl Front {
    fn work(&self, order: Order) -> Exit {
        let client = order.client.clone();
        let work = async {
            match Signals::new() {
                Err(error) => Outcome::Broken { cause: error.to_string() },
                Ok(mut signals) => session::work(order, &mut signals, &mut |event| self.show(event)).await,
            }
        };
        let outcome = runtime::run(work).unwrap_or_else(|error| Outcome::Broken { cause: error.to_string() });
        self.end(outcome, client.name().to_string())
    }

    fn show(&self, event: &Event) {
        let text = telling::event(event.clone(), self.door);
        if self.json {
            let message = text.as_ref().map(|text| text.say(self.language));
            print_json(&Line { event, message });
        } else if let (Event::Open { doors, .. }, true) = (event, self.door) {
            let mut stdout = io::stdout().lock();
            for door in doors {
                let _ = match doors.len() {
                    1 => writeln!(stdout, "{}", door.address),
                    _ => writeln!(stdout, "{} {}", door.name, door.address),
                };
            }
            let _ = stdout.flush();
        }
        if let Some(text) = text {
            self.say(&text);
            match event {
                Event::AssistanceBegun { .. } | Event::AssistanceMoved { .. } => {
                    drop(self.assistance.replace(Some(text)));
                }
                Event::AssistanceEnded => drop(self.assistance.take()),
                _ => self.assistance.borrow().iter().for_each(|assistance| self.say(assistance)),
            }
        }
        if let Some((text, urgency)) = telling::aside(event) {
            self.notifications.show(&text.say(self.language), urgency);
        }
    }

    fn say(&self, text: &Text) {
        complain(&text.say(self.language));
    }

    fn last(&self, message: &str, event: &str, reason: Option<CloseReason>) {
        if self.json {
            print_json(&LastLine { event, reason, message });
        }
        complain(message);
    }

    /// Tells what came of it, and as which exit code.
    fn end(&self, outcome: Outcome, server: String) -> Exit {
        let (event, reason) = match &outcome {
            Outcome::Ended { reason, .. } => (Some("ended"), Some(*reason)),
            Outcome::AssistanceOver { reason } => (Some("ended"), Some(*reason)),
            Outcome::NotWoken { .. } => (Some("ended"), Some(CloseReason::NotWoken)),
            Outcome::Desktop { why, .. } if why.is_well() => (Some("ended"), Some(CloseReason::ProgramEnded)),
            Outcome::ProgramWentAway { .. } => (Some("ended"), Some(CloseReason::ProgramEnded)),
            _ => (None, None),
        };
        let support = failures::note(&outcome);
        let (exit, text) = telling::outcome(outcome, server);
        let message = telling::numbered(text.say(self.language), support, self.language);
        self.last(&message, event.unwrap_or_else(|| exit.word()), reason);
        exit
    }
}

fn print_json(line: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(line) {
        let mut stdout = io::stdout().lock();
        let _ = writeln!(stdout, "{text}");
        let _ = stdout.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(line: &str) -> Result<Connect, clap::Error> {
        Cli::try_parse_from(line.split_whitespace()).map(|cli| match cli.command {
            Some(Command::Connect(flags)) => flags,
            _ => panic!("another command"),
        })
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_file_alone_is_a_profile_to_open_and_a_command_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("profile");
        std::fs::write(&file, "").unwrap();
        let file = file.to_str().unwrap();
        for only in ["comune.deskgate", "gone/Comune 2.DESKGATE", file] {
            assert_eq!(opened(&["deskgate", only]), Some(Path::new(only)));
        }
        for line in [&["deskgate"][..], &["deskgate", "extra"], &["deskgate", "--help"], &["deskgate", file, "more"]] {
            assert_eq!(opened(line), None, "{line:?}");
        }
        for (word, expected) in [("connect", true), ("window", true), ("help", true), ("extra", false)] {
            assert_eq!(is_command(OsStr::new(word)), expected, "{word}");
        }
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        assert!(flags("deskgate connect --server gw --user m --fingerprint sha256:1 --fingerprint sha256:2").is_ok());
        for line in [
            "deskgate connect --run x --no-run",
            "deskgate connect --no-run --wireguard-config -",
            "deskgate connect --run x --wireguard-config -",
            "deskgate connect --language fr",
            "deskgate connect --password secret",
            "deskgate connect --code 123456",
            "deskgate connect --code-stdin",
            "deskgate connect --screen half",
            "deskgate connect --screen full --run x",
            "deskgate connect --screen full --no-run",
            "deskgate connect --screen full --wireguard-config -",
            "deskgate window --screen full --run x",
            "deskgate connect extra",
            "deskgate extra",
            "deskgate window a.toml --profile b.toml",
        ] {
            assert!(flags(line).is_err(), "{line}");
        }
    }
}

//! Starts the program that shows the desktop, and notices its end.
//!
//! It gets the door's address and the user's name. The password it gets only where the grant lets it (`single_sign_on`), in
//! memory and never as an argument, in the environment or in a file; a command that the person gives never gets it. What it may
//! share with the workstation is what the grant says; that is advice to an honest program, the workstation's own settings enforce it.

mod aside;
#[cfg(windows)]
mod credential;
#[cfg(unix)]
mod freerdp;
#[cfg(any(windows, target_os = "macos", test))]
mod rdp_file;
mod seen;
#[cfg(target_os = "linux")]
#[path = "rdp/linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "rdp/macos.rs"]
mod system;
#[cfg(windows)]
#[path = "rdp/windows.rs"]
mod system;
#[cfg(unix)]
mod unix;
#[cfg(target_os = "linux")]
#[path = "rdp/remmina.rs"]
mod viewer;
#[cfg(target_os = "macos")]
#[path = "rdp/windows_app.rs"]
mod viewer;
#[cfg(windows)]
#[path = "rdp/mstsc.rs"]
mod viewer;
mod why;

use std::{
    ffi::{OsStr, OsString},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use gateway_api::{
    Fingerprint,
    login::{Password, Redirection},
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::clock;

pub(crate) use seen::Seen;
pub(crate) use system::{Launcher, become_program};
pub(crate) use why::Why;

/// A program that ends sooner never showed a desktop.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How long a program may take to end when asked to.
const GRACE: Duration = Duration::from_millis(400);

/// For it to say its version.
const VERSION_TIME: Duration = Duration::from_secs(10);
/// The same while a person waits for the desktop.
const QUICK: Duration = Duration::from_secs(2);

/// What the program is told.
#[derive(Debug)]
pub(crate) struct Desktop<'a> {
    /// The door on this computer.
    pub(crate) door: SocketAddr,
    /// The office user name.
    pub(crate) user: &'a str,
    /// The workstation's name in the policy.
    pub(crate) workstation: &'a str,
    /// The gateway's name.
    #[cfg_attr(windows, expect(dead_code, reason = "mstsc keeps its own memory of workstations"))]
    pub(crate) gateway: &'a str,
    /// Of the one certificate that the workstation may show, where the policy names it.
    pub(crate) certificate: Option<Fingerprint>,
    /// What may be shared.
    pub(crate) redirect: &'a [Redirection],
    /// The office password, where the grant lets the program have it.
    pub(crate) password: Option<&'a Password>,
}

/// How much of the screen the desktop takes. A person's choice, and no more than how it begins: the program's own keys and buttons change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Screen {
    /// All of it.
    Full,
    Window,
}

impl Screen {
    /// Where nobody has chosen: what the programs of this system do by themselves.
    pub(crate) const USUAL: Self = system::USUAL_SCREEN;
}

/// A command given by the person: words, in which `{host}`, `{port}` and `{user}` stand for what is known later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<String>);

impl Template {
    /// Splits a command into words as a shell would, without being one: no variables, no patterns, no second command.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let words = words(text).map_err(|mistake| format!("--run `{text}`: {mistake}"))?;
        if words.is_empty() {
            return Err("--run: the command is empty".to_owned());
        }
        for word in &words {
            if let Some(unknown) = unknown_placeholder(word) {
                return Err(format!("--run: `{{{unknown}}}` is not known: use {{host}}, {{port}}, {{user}}"));
            }
        }
        Ok(Self(words))
    }

    /// What people know the program by.
    pub(crate) fn name(&self) -> &str {
        let name = self.0.first().and_then(|word| Path::new(word).file_name());
        name.and_then(OsStr::to_str).unwrap_or_default()
    }

    /// The words with their places filled in. What is filled in is never looked at again.
    fn fill(&self, desktop: &Desktop<'_>) -> Vec<OsString> {
        let (host, port) = (desktop.door.ip().to_string(), desktop.door.port().to_string());
        let fill = |word: &String| {
            let mut filled = String::new();
            let mut rest = word.as_str();
            while let Some((before, after)) = rest.split_once('{') {
                filled.push_str(before);
                let (value, length) = match after {
                    _ if after.starts_with("host}") => (host.as_str(), 5),
                    _ if after.starts_with("port}") => (port.as_str(), 5),
                    _ if after.starts_with("user}") => (desktop.user, 5),
                    _ => ("{", 0),
                };
                filled.push_str(value);
                rest = after.get(length..).unwrap_or_default();
            }
            filled.push_str(rest);
            OsString::from(filled)
        };
        self.0.iter().map(fill).collect()
    }
}

/// The first `{word}` that stands for nothing. Other braces are left to the command.
fn unknown_placeholder(word: &str) -> Option<&str> {
    word.split('{').skip(1).find_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let is_word = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase());
        (is_word && !["host", "port", "user"].contains(&name)).then_some(name)
    })
}

fn words(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' => loop {
                match characters.next() {
                    Some('\'') => break,
                    Some(inside) => word.get_or_insert_default().push(inside),
                    None => return Err("a quotation mark is not closed"),
                }
            },
            '"' => loop {
                match characters.next() {
                    Some('"') => break,
                    Some('\\') => match characters.next() {
                        Some(escaped @ ('"' | '\\' | '$' | '`')) => word.get_or_insert_default().push(escaped),
                        Some(other) => word.get_or_insert_default().extend(['\\', other]),
                        None => return Err("a quotation mark is not closed"),
                    },
                    Some(inside) => word.get_or_insert_default().push(inside),
                    None => return Err("a quotation mark is not closed"),
                }
            },
            '\\' if system::BACKSLASH_ESCAPES => {
                word.get_or_insert_default().push(characters.next().ok_or("a backslash stands at the end")?);
            }
            space if space.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
        if matches!(character, '\'' | '"') {
            word.get_or_insert_default(); // quotation marks around nothing are a word
        }
    }
    words.extend(word);
    Ok(words)
}

/// How a program is called.
#[derive(Default)]
struct Call {
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, PathBuf)>,
    /// What it reads on standard input; nothing if there is none.
    input: Option<io::PipeReader>,
    /// What lies ready for it as long as it runs.
    aside: Option<viewer::Aside>,
    codes: Codes,
}

/// A running program.
pub(crate) struct Program {
    name: String,
    running: system::Running,
    started: Instant,
    codes: Codes,
    knows_password: bool,
    _aside: Option<viewer::Aside>,
}

/// Whether a program's exit codes are known.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Codes {
    Known,
    #[default]
    Unknown,
}

/// What is known of a program's run besides its exit status.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(windows, expect(dead_code, reason = "mstsc asks for the password by itself"))]
struct Run {
    seen: Seen,
    /// Whether it was handed the password, or asks for it itself.
    knows_password: bool,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(windows, expect(dead_code, reason = "nobody says what the exit codes of mstsc mean"))]
pub(crate) enum Ended {
    /// After it had been used, or could have been.
    Normally,
    /// At once, with an error: its exit status in words.
    AtOnce(String),
    /// At once, without one: it may have left the work to another program.
    WentAway,
    /// With an error, after it had been used: its exit status in words.
    Broke(String),
    /// Because the workstation's certificate is not the one that is remembered.
    Untrusted,
    /// Because the workstation did not take name and password.
    LogonRefused,
    /// Because the account is locked there.
    LockedOut,
    /// For another reason that can be told; its exit status in words.
    Because(Why, String),
}

impl Program {
    fn start(program: &OsStr, call: Call, launcher: &Launcher) -> io::Result<Self> {
        let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
        let knows_password = call.input.is_some() || viewer::asks(Path::new(program));
        let input = call.input.map_or_else(Stdio::null, Stdio::from);
        let running = launcher.start(program, &call.arguments, call.environment, input)?;
        Ok(Self { name, running, started: clock::now(), codes: call.codes, knows_password, _aside: call.aside })
    }

    /// What people know it by.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for its end. `seen` is what came from the workstation until now.
    pub(crate) async fn ended(&mut self, seen: Seen) -> Ended {
        let status = self.running.wait().await;
        let at_once = clock::now() < self.started + AT_ONCE;
        let status = match status {
            Ok(status) => status,
            Err(error) => return Ended::AtOnce(error.to_string()),
        };
        let words = system::describe(status);
        let known = status.code().filter(|_| self.codes == Codes::Known);
        let run = Run { seen, knows_password: self.knows_password };
        match known.and_then(|code| viewer::meaning(code, words.clone(), run)) {
            Some(Ended::Broke(words)) if at_once => Ended::AtOnce(words),
            Some(ended) => ended,
            None if at_once && status.success() => Ended::WentAway,
            None if at_once => Ended::AtOnce(words),
            None => Ended::Normally,
        }
    }

    /// Asks it and whatever it started to end, and ends them where that is not enough.
    pub(crate) async fn end(mut self) {
        let group = system::Group::of(&self.running);
        group.ask_to_end();
        let _: Result<io::Result<ExitStatus>, _> = timeout(GRACE, self.running.wait()).await;
        group.end();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        system::Group::of(&self.running).end();
    }
}

/// An RDP program of this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found(PathBuf);

impl Found {
    /// What people know it by.
    pub(crate) fn name(&self) -> String {
        self.0.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Looks for an RDP program.
pub(crate) fn find() -> Option<Found> {
    system::find().map(Found)
}

/// Starts the command of the person.
pub(crate) fn given(template: &Template, desktop: &Desktop<'_>, launcher: &Launcher) -> io::Result<Program> {
    let words = template.fill(desktop);
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let call = Call { arguments: arguments.to_vec(), ..Call::default() };
    Program::start(program, call, launcher)
}

/// Starts the RDP program that was found.
pub(crate) async fn found(
    found: &Found,
    desktop: &Desktop<'_>,
    screen: Screen,
    launcher: &Launcher,
) -> io::Result<Program> {
    // What it is told of a certificate depends on it.
    let version = match desktop.certificate {
        Some(_) => timeout(QUICK, version(found)).await.ok().and_then(Result::ok),
        None => None,
    };
    Program::start(found.0.as_os_str(), viewer::call(&found.0, desktop, screen, version.as_deref())?, launcher)
}

/// Whether a program can be handed this password. One that cannot is typed at the workstation.
pub(crate) fn takes(password: &Password) -> bool {
    !password.expose().is_empty() && viewer::takes(password)
}

/// What the RDP program that was found says of itself.
pub(crate) async fn version(found: &Found) -> io::Result<String> {
    if !system::tells_version(&found.0) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut command = tokio::process::Command::new(&found.0);
    command.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(VERSION_TIME, command.output()).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
    line.ok_or_else(|| io::Error::other(system::describe(output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desktop() -> Desktop<'static> {
        Desktop {
            door: ([127, 0, 0, 1], 4711).into(),
            user: "m rossi; {port}",
            workstation: "w",
            gateway: "g",
            certificate: None,
            redirect: &[],
            password: None,
        }
    }

    fn filled(text: &str) -> Vec<String> {
        let words = Template::parse(text).unwrap().fill(&desktop());
        words.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn a_command_becomes_words_and_no_shell_reads_it() {
        assert_eq!(filled("nc {host} {port}"), ["nc", "127.0.0.1", "4711"]);
        assert_eq!(filled(r#"a 'b c' "d \"e\" \x" f\ g '' "#), ["a", "b c", r#"d "e" \x"#, "f g", ""]);
        assert_eq!(filled("a $HOME; rm * | `b` && c"), ["a", "$HOME;", "rm", "*", "|", "`b`", "&&", "c"]);
        assert_eq!(filled("/v:{host}:{port} {}{ { a}"), ["/v:127.0.0.1:4711", "{}{", "{", "a}"]);
    }

    #[test]
    fn what_is_filled_in_stays_one_word_and_is_not_filled_in_again() {
        assert_eq!(filled("x /u:{user}"), ["x", "/u:m rossi; {port}"]);
    }

    #[test]
    fn mistakes_in_a_command_are_told() {
        for text in ["", "  ", "a 'b", "a \"b", "a \\", "a {pott}", "a {password}"] {
            assert!(Template::parse(text).unwrap_err().starts_with("--run"), "{text}");
        }
    }
}

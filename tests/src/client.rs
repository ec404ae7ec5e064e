//! The worker's program under test, as a process on a home computer.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use nix::{sys::signal::Signal, unistd::Pid};

use crate::{
    gateway::{CONTROL_PORT, Gateway, at, label, password},
    netns::{Computer, Process},
    wait,
    window::letter,
    world::{GATEWAY, World, program},
};

/// How the program ended.
pub mod exit {
    /// The session ended in order.
    pub const ENDED: Option<i32> = Some(0);
    /// Something failed.
    pub const FAILED: Option<i32> = Some(1);
    /// Called wrongly.
    pub const USAGE: Option<i32> = Some(2);
    /// The gateway refused the login.
    pub const REFUSED: Option<i32> = Some(3);
    /// The gateway cannot be reached.
    pub const UNREACHABLE: Option<i32> = Some(4);
}

/// A call of `deskgate connect`: change what the test is about, then [`Connect::start`].
#[derive(Debug, Clone)]
pub struct Connect {
    /// The command with what is its own: `connect`, or `assist` and whom.
    pub command: Vec<String>,
    /// `host:port` of the gateway.
    pub server: String,
    /// The pin.
    pub fingerprint: String,
    /// The file that the office sent, in the place of both.
    pub profile: Option<PathBuf>,
    /// Who signs in.
    pub user: String,
    /// With which password.
    pub password: String,
    /// With which second factor, if any.
    pub code: Option<String>,
    /// `it` or `en`.
    pub language: &'static str,
    /// Whatever else, such as `--no-run`.
    pub arguments: Vec<String>,
    /// The screen for the RDP program, if it has one.
    pub display: Option<&'static str>,
}

impl Connect {
    /// As `user` with the right password, to where the gateway is, running nothing.
    pub fn new(gateway: &Gateway<'_>, user: &str) -> Self {
        Self {
            command: vec!["connect".to_owned()],
            server: at(GATEWAY, CONTROL_PORT),
            fingerprint: gateway.fingerprint(),
            profile: None,
            user: user.to_owned(),
            password: password(user),
            code: None,
            language: "en",
            arguments: vec!["--no-run".to_owned()],
            display: None,
        }
    }

    /// The same with another password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = password.to_owned();
        self
    }

    /// The same with a second factor.
    #[must_use]
    pub fn code(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    /// The same as a technician, for a worker's workstation.
    #[must_use]
    pub fn assist(mut self, worker: &str, reason: &str) -> Self {
        self.command = ["assist", worker, "--reason", reason].map(str::to_owned).to_vec();
        self
    }

    /// The same with other arguments instead of `--no-run`.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    /// The same running a command, on a screen.
    #[must_use]
    pub fn run(mut self, command: &str, display: Option<&'static str>) -> Self {
        self.arguments = vec!["--run".to_owned(), command.to_owned()];
        self.display = display;
        self
    }

    /// Starts it on a computer.
    pub fn start(&self, computer: &Computer) -> Client {
        self.start_through(computer, &[])
    }

    /// Starts it on a computer through another program, `wrapper`, with its arguments.
    pub fn start_through(&self, computer: &Computer, wrapper: &[&str]) -> Client {
        let program = program("deskgate");
        let mut words = wrapper.iter().map(AsRef::as_ref).chain([program.as_os_str()]);
        let mut command = computer.command(words.next().unwrap_or_default());
        command.args(words);
        self.start_as(computer, command)
    }

    /// Starts it on a computer by a command that names the program already.
    pub fn start_as(&self, computer: &Computer, mut command: Command) -> Client {
        command.args(&self.command).args(self.known());
        command.args(["--user", &self.user, "--language", self.language, "--password-stdin"]);
        command.args(&self.arguments);
        let mut stdin = format!("{}\n", self.password);
        if let Some(code) = &self.code {
            command.arg("--code-stdin");
            stdin += &format!("{code}\n");
        }
        if let Some(display) = self.display {
            command.env("DISPLAY", display);
        }
        Client { process: computer.spawn(&label("client"), command, &stdin) }
    }

    /// Which gateway, and how it is known.
    fn known(&self) -> [String; 4] {
        match &self.profile {
            Some(profile) => known_by(profile),
            None => ["--server", &self.server, "--fingerprint", &self.fingerprint].map(str::to_owned),
        }
    }

    /// Starts it at a terminal, where a worker types; the password is typed already.
    ///
    /// # Panics
    /// When it does not ask for the password.
    pub fn start_at_terminal(&self, world: &World) -> (Client, Keyboard) {
        let keys = world.folder().join(label("keys"));
        world.home.sh(&format!("mkfifo '{}'", keys.display()));
        // Both ways, so that opening waits for nobody.
        let file = File::options().read(true).write(true).open(&keys).expect("made above");
        let mut line = format!("'{}' connect", program("deskgate").display());
        line += &format!(" --user {} --language {}", self.user, self.language);
        self.known().iter().chain(&self.arguments).for_each(|argument| line += &format!(" '{argument}'"));
        let mut command = world.home.command("sh");
        command
            .args(["-c", r#"exec script --quiet --return --flush --command "$1" /dev/null < "$0""#])
            .arg(&keys)
            .arg(line);
        let client = Client { process: world.home.spawn(&label("client"), command, "") };
        let mut keyboard = Keyboard { file };
        client.wait_for_words("Office password");
        keyboard.type_line(&self.password);
        client.wait_for_words("Code (");
        keyboard.type_line("");
        (client, keyboard)
    }

    /// Starts it and waits for its end: its exit code and all it said.
    pub fn refused(&self, computer: &Computer) -> (Option<i32>, String) {
        let mut client = self.start(computer);
        let code = client.wait(wait::SOON).code();
        (code, client.said())
    }
}

/// Runs `deskgate password` to its end: its exit code and all it said.
///
/// # Panics
/// When it does not end soon.
pub fn change_password(
    computer: &Computer,
    gateway: &Gateway<'_>,
    user: &str,
    old: &str,
    new: &str,
) -> (Option<i32>, String) {
    change_password_with(computer, gateway, user, [old, new], None)
}

/// The same with a second factor. `passwords` are the old and the new one.
///
/// # Panics
/// When it does not end soon.
pub fn change_password_with(
    computer: &Computer,
    gateway: &Gateway<'_>,
    user: &str,
    passwords: [&str; 2],
    code: Option<&str>,
) -> (Option<i32>, String) {
    let mut command = computer.command(program("deskgate"));
    command.args(["password", "--server", &at(GATEWAY, CONTROL_PORT), "--user", user, "--language", "en"]);
    command.args(["--fingerprint", &gateway.fingerprint(), "--password-stdin"]);
    command.args(code.map(|_| "--code-stdin"));
    let lines = passwords.into_iter().chain(code).fold(String::new(), |lines, line| lines + line + "\n");
    let mut process = computer.spawn(&label("password"), command, &lines);
    let code = process.wait(wait::SOON).code();
    (code, process.stdout() + &process.stderr())
}

/// Asks what is recorded about a worker: the exit code, what was printed for programs, and what was said.
///
/// # Panics
/// When the program does not end.
pub fn own_record(
    computer: &Computer,
    gateway: &Gateway<'_>,
    user: &str,
    password: &str,
) -> (Option<i32>, [String; 2]) {
    let mut command = computer.command(program("deskgate"));
    command.args(["record", "--server", &at(GATEWAY, CONTROL_PORT), "--user", user, "--language", "en"]);
    command.args(["--fingerprint", &gateway.fingerprint(), "--password-stdin"]);
    let mut process = computer.spawn(&label("record"), command, &format!("{password}\n"));
    let code = process.wait(wait::SOON).code();
    (code, [process.stdout(), process.stderr()])
}

/// Runs `deskgate doctor`, with m.rossi's password at hand: the exit code, and what it found, as `check verdict` and the words.
///
/// # Panics
/// When it does not end, or prints what is no JSON.
pub fn doctor(computer: &Computer, gateway: &Gateway<'_>, more: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
    doctor_with(computer, &[&["--fingerprint", &gateway.fingerprint()], more].concat())
}

/// The same for whoever knows the gateway in another way, which these arguments say.
pub fn doctor_with(computer: &Computer, arguments: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
    examined(computer, &[&["--server", &at(GATEWAY, CONTROL_PORT)], arguments].concat())
}

/// The same for whoever has the office's file.
pub fn doctor_by(computer: &Computer, profile: &Path, more: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
    let known = known_by(profile);
    examined(computer, &[&known.each_ref().map(String::as_str), more].concat())
}

/// What stands for an office's file whose six words were compared.
fn known_by(profile: &Path) -> [String; 4] {
    ["--profile", &profile.display().to_string(), "--trust", &letter(profile).to_string()].map(str::to_owned)
}

fn examined(computer: &Computer, arguments: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
    let mut command = computer.command(program("deskgate"));
    command.args(["doctor", "--json", "--language", "en"]).args(arguments);
    let mut process = computer.spawn(&label("doctor"), command, &format!("{}\n", password("m.rossi")));
    let code = process.wait(4 * wait::SOON).code();
    let found = process
        .stdout()
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            let word = |name: &str| line[name].as_str().expect("a word").to_owned();
            (format!("{} {}", word("check"), word("verdict")), word("message"))
        })
        .collect();
    (code, found)
}

/// What a worker types at a terminal.
#[derive(Debug)]
pub struct Keyboard {
    file: File,
}

/// Between one yes and the next.
const BETWEEN: Duration = Duration::from_millis(300);

impl Keyboard {
    /// Types a line, and Enter.
    ///
    /// # Panics
    /// When nobody takes it.
    pub fn type_line(&mut self, line: &str) {
        self.file.write_all(format!("{line}\n").as_bytes()).expect("a pipe of ours takes a line");
    }

    /// Types a yes until it counts: one to a question that has not stood for a second is asked for again.
    ///
    /// # Panics
    /// When it never does.
    pub fn agree(&mut self, mut counts: impl FnMut() -> bool) {
        wait::until("the yes", wait::SOON, || {
            self.type_line("y");
            wait::within(BETWEEN, || counts().then_some(()))
        });
    }
}

/// Runs `deskgate device enrol` to its end: its exit code and all it said.
///
/// # Panics
/// When it does not end soon.
pub fn enrol_device(computer: &Computer, gateway: &Gateway<'_>, user: &str, code: &str) -> (Option<i32>, String) {
    let mut command = computer.command(program("deskgate"));
    command.args(["device", "enrol", "--server", &at(GATEWAY, CONTROL_PORT), "--user", user, "--language", "en"]);
    command.args(["--fingerprint", &gateway.fingerprint(), "--password-stdin"]);
    let mut process = computer.spawn(&label("enrol"), command, &format!("{}\n{code}\n", password(user)));
    let code = process.wait(wait::SOON).code();
    (code, process.stdout() + &process.stderr())
}

/// Runs `deskgate device renew` to its end: its exit code and all it said.
///
/// # Panics
/// When it does not end soon.
pub fn renew_device(computer: &Computer, gateway: &Gateway<'_>) -> (Option<i32>, String) {
    let mut command = computer.command(program("deskgate"));
    command.args(["device", "renew", "--server", &at(GATEWAY, CONTROL_PORT), "--language", "en"]);
    command.args(["--fingerprint", &gateway.fingerprint()]);
    let mut process = computer.spawn(&label("renew"), command, "");
    let code = process.wait(wait::SOON).code();
    (code, process.stdout() + &process.stderr())
}

/// A running `deskgate`.
#[derive(Debug)]
pub struct Client {
    process: Process,
}

impl Client {
    /// The loopback port it opened.
    ///
    /// # Panics
    /// When it opens none soon; what it said is shown.
    pub fn port(&mut self) -> u16 {
        wait::within(wait::SOON, || {
            let text = self.process.stdout();
            let after = text.split("127.0.0.1:").nth(1)?;
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            // A whole number only once something stands behind it.
            (after.len() > digits.len()).then(|| digits.parse().ok()).flatten()
        })
        .unwrap_or_else(|| panic!("no port was opened: {}", self.said()))
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<Pid> {
        self.process.pid()
    }

    /// All it said, to the terminal and aside.
    pub fn said(&self) -> String {
        format!("{}{}", self.process.stdout(), self.process.stderr())
    }

    /// Waits until it said this.
    pub fn wait_for_words(&self, words: &str) {
        wait::until(words, wait::SOON, || self.said().contains(words).then_some(()));
    }

    /// The file that receives what it says to people.
    pub fn words(&self) -> &Path {
        self.process.words()
    }

    /// What it printed for programs.
    pub fn stdout(&self) -> String {
        self.process.stdout()
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        self.process.wait(limit)
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }
}

//! The real program, running: what it is started with, what it says, and how it ends.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::gateway::{Gateway, PASSWORD};

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// An end is there within a second; room for a machine that is busy with other things, far below any of our timers.
pub(crate) const ROOM: Duration = Duration::from_secs(5);

/// An address at which nobody listens, and no other test's process will: it is made of this one's number.
pub(crate) fn nobody() -> String {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    format!("127.{}.{middle}.{low}:4430", 64 + high)
}

/// The program, running, in a home of its own.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) home: TempDir,
    pub(crate) stdout: mpsc::Receiver<String>,
    stderr: mpsc::Receiver<String>,
    pub(crate) said: Vec<String>,
}

impl Program {
    pub(crate) fn start(arguments: &[&str], password: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments, password)
    }

    pub(crate) fn start_in(home: TempDir, arguments: &[&str], password: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deskgate"));
        command.args(arguments);
        let (program, mut keys) = Self::spawn(home, command);
        let _ = keys.write_all(format!("{password}\n").as_bytes());
        program
    }

    /// As it lies in a folder, beside whatever else is there.
    pub(crate) fn start_beside(home: TempDir, folder: &Path, arguments: &[&str]) -> Self {
        let program = folder.join("deskgate");
        if !program.exists() {
            fs::copy(env!("CARGO_BIN_EXE_deskgate"), &program).unwrap();
        }
        let mut command = Command::new("env");
        command.arg("DESKGATE_LOG=info").arg(program).args(arguments);
        let (program, mut keys) = Self::spawn(home, command);
        let _ = keys.write_all(format!("{PASSWORD}\n").as_bytes());
        program
    }

    /// At a terminal of its own, which shows everything on standard output. What is typed there goes into the second.
    pub(crate) fn start_at_terminal(home: TempDir, arguments: &[&str]) -> (Self, ChildStdin) {
        let program = [env!("CARGO_BIN_EXE_deskgate")];
        let line: Vec<String> = program.iter().chain(arguments).map(|word| format!("'{word}'")).collect();
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--flush", "--command", &line.join(" "), "/dev/null"]);
        Self::spawn(home, command)
    }

    fn spawn(home: TempDir, mut command: Command) -> (Self, ChildStdin) {
        let mut child = command
            .env_clear()
            .env("PATH", search_path(&home))
            .env("HOME", home.path())
            .env("LANG", "C")
            .env("DBUS_SESSION_BUS_ADDRESS", bus(home.path()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let keys = child.stdin.take().unwrap();
        let (stdout, stderr) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        (Self { child, home, stdout, stderr, said: vec![] }, keys)
    }

    /// `connect` to a gateway, knowing it by its fingerprint.
    pub(crate) fn connect(gateway: &Gateway, more: &[&str]) -> Self {
        Self::connect_in(tempfile::tempdir().unwrap(), gateway, more)
    }

    /// The same from a home that has programs of its own.
    pub(crate) fn connect_in(home: TempDir, gateway: &Gateway, more: &[&str]) -> Self {
        let server = gateway.address.to_string();
        Self::start_in(home, &connecting(&server, gateway, more), PASSWORD)
    }

    /// The next line of standard output.
    pub(crate) fn line(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("a line on standard output")
    }

    /// The address of the only door.
    pub(crate) fn door(&self) -> SocketAddr {
        self.line().parse().unwrap()
    }

    /// Waits until it says something to people.
    pub(crate) fn says(&mut self, text: &str) {
        self.tells(text, |program| &program.stderr);
    }

    /// Waits until the terminal shows something.
    pub(crate) fn shows(&mut self, text: &str) {
        self.tells(text, |program| &program.stdout);
    }

    fn tells(&mut self, text: &str, by: impl Fn(&Self) -> &mpsc::Receiver<String>) {
        while !self.said.iter().any(|line| line.contains(text)) {
            match by(self).recv_timeout(PATIENCE) {
                Ok(line) => self.said.push(line),
                Err(error) => panic!("`{text}` was never said ({error}): {:#?}", self.said),
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for its end: its exit code and everything it said to people.
    pub(crate) fn end(&mut self) -> (i32, String) {
        let status = wait(&mut self.child);
        self.said.extend(self.stderr.iter());
        (status.code().unwrap_or(-1), self.said.join("\n"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connecting<'a>(server: &'a str, gateway: &'a Gateway, more: &[&'a str]) -> Vec<&'a str> {
    let arguments = ["connect", "--server", server, "--user", "m.rossi", "--password-stdin"];
    [&arguments[..], &["--fingerprint", &gateway.fingerprint], more].concat()
}

/// The programs of a home, if it has any, come before those of the system.
pub(crate) fn search_path(home: &TempDir) -> std::ffi::OsString {
    let system = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(home.path().join("bin")).chain(std::env::split_paths(&system));
    std::env::join_paths(folders).unwrap()
}

/// Where the desktop of a home has its bus, if it has one: never that of whoever runs the tests.
pub(crate) fn bus(home: &Path) -> String {
    format!("unix:path={}/bus", home.display())
}

/// Puts a program of one line into a home.
pub(crate) fn install(home: &TempDir, name: &str, line: &str) {
    let folder = home.path().join("bin");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn lines(stream: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| sender.send(line).ok())
    });
    receiver
}

pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    until("the program's end", || child.try_wait().unwrap())
}

/// Waits for a condition.
pub(crate) fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what} never came");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

pub(crate) fn echo(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, bytes);
}

pub(crate) fn is_reset_or_ended(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_))
}

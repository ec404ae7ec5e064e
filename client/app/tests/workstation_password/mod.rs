//! A workstation that wants the password before it shows anything, and a program that cannot ask for it: the worker is asked at the terminal.

use std::{
    fs,
    io::Write as _,
    process::ChildStdin,
    time::{Duration, Instant},
};

use nix::{sys::stat::Mode, unistd::mkfifo};
use serde_json::json;

use super::{
    gateway::{Asked, Gateway, Manners, PASSWORD},
    running::{Program, install, until},
};

/// Takes one password, and nothing without one, for which it first waits for a word. To whom something came back twice, what came first
/// has been counted.
const WANTS_PASSWORD: &str = r#"exec bash -c '
exec 3<>/dev/tcp/127.0.0.1/${1##*:}
for _ in 1 2; do echo >&3; head -c 1 <&3; done
case "$*" in *from-stdin*) read -r line; test "$line" = right-one && echo shown && exec sleep 60; exit 147;; esac
echo tries; read -r _ <"$HOME/go"; exit 147' xfreerdp3 "$@""#;

/// `connect` at a terminal.
struct AtTerminal {
    program: Program,
    keys: ChildStdin,
    /// All that was shown so far.
    shown: Vec<String>,
}

impl AtTerminal {
    fn start(gateway: &Gateway) -> Self {
        let home = tempfile::tempdir().unwrap();
        install(&home, "xfreerdp3", WANTS_PASSWORD);
        mkfifo(&home.path().join("go"), Mode::S_IRWXU).unwrap();
        let server = gateway.address.to_string();
        let arguments = ["connect", "--server", &server, "--user", "m.rossi", "--password-stdin"];
        let known = ["--fingerprint", &gateway.fingerprint];
        let (program, keys) = Program::start_at_terminal(home, &[&arguments[..], &known].concat());
        let mut terminal = Self { program, keys, shown: Vec::new() };
        terminal.types(&format!("{PASSWORD}\n"));
        terminal.shows("tries");
        terminal
    }

    /// The program that cannot ask gives up.
    fn gives_up(&self) {
        fs::write(self.program.home.path().join("go"), "\n").unwrap();
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether something is among what came since it was last asked for.
    fn is_shown(&mut self, text: &str) -> bool {
        let new: Vec<_> = self.program.stdout.try_iter().collect();
        let is_shown = new.iter().any(|line| line.contains(text));
        self.shown.extend(new);
        is_shown
    }

    /// What is shown next: what was shown before does not count.
    fn shows(&mut self, text: &str) {
        self.shown.append(&mut self.program.said);
        self.program.shows(text);
    }

    /// The exit code, and all that was ever shown.
    fn end(mut self) -> (i32, String) {
        let (code, said) = self.program.end();
        self.shown.push(said);
        self.shown.extend(self.program.stdout.iter());
        (code, self.shown.join("\n"))
    }
}

#[test]
fn the_worker_is_asked_for_it_and_nothing_of_it_is_shown() {
    let gateway = Gateway::start(Manners::default());
    let mut terminal = AtTerminal::start(&gateway);
    terminal.gives_up();
    terminal.shows("anagrafe-07 wants your password before it shows your desktop:");
    terminal.types("wrong-one\n");
    terminal.shows("anagrafe-07 did not take that password. Once more:");
    terminal.types("\n");
    terminal.shows("anagrafe-07 did not take that password. Once more:");
    terminal.types("right-one\n");
    terminal.shows("shown");
    assert!(gateway.closes().is_empty(), "it is one session");
    terminal.types("\u{3}");
    let (_, shown) = terminal.end();
    assert!(!shown.contains("-one"), "{shown}");
    assert_eq!(gateway.closes(), ["worker_closed"]);
}

#[test]
fn three_wrong_ones_are_enough() {
    let gateway = Gateway::start(Manners::default());
    let mut terminal = AtTerminal::start(&gateway);
    terminal.gives_up();
    terminal.shows("anagrafe-07 wants your password");
    for _ in 0..2 {
        terminal.types("wrong-one\n");
        terminal.shows("did not take that password");
    }
    terminal.types("wrong-one\n");
    terminal.shows("anagrafe-07 broke off while you were being signed in there (status 147)");
    let (code, shown) = terminal.end();
    assert_eq!((code, gateway.closes()), (1, vec!["program_ended".to_owned()]), "{shown}");
    assert!(!shown.contains("wrong-one"), "{shown}");
}

#[test]
fn it_is_asked_for_after_other_questions_and_enter_alone_still_ends_what_goes_on() {
    let gateway = Gateway::start(Manners::default());
    let mut terminal = AtTerminal::start(&gateway);
    gateway.tell(&json!({
        "event": "assistance_asked", "question": 7, "technician": "g.neri", "reason": "the printer",
        "seconds": 900, "answer_s": 60,
    }));
    terminal.shows("Type y and Enter within 1 minute");
    terminal.gives_up();
    // Until it counts: a yes within the first second has read nothing, and is asked for again. Never two at once: one that came after it
    // counted would be a password.
    let yes = Asked::Request(json!({ "request": "answer_assistance", "question": 7, "consent": true }));
    let counts = || gateway.asked().contains(&yes);
    while !counts() {
        let shown = Instant::now();
        until("time to read", || (shown.elapsed() > Duration::from_millis(1300)).then_some(()));
        terminal.types("y\n");
        until("a word about it", || (counts() || terminal.is_shown("Type y and Enter")).then_some(()));
    }
    gateway.tell(&json!({ "event": "assistance_begun", "technician": "g.neri", "seconds": 900 }));
    terminal.shows("anagrafe-07 wants your password");
    terminal.shows("Press Enter here to end that.");
    terminal.types("\n");
    let end = Asked::Request(json!({ "request": "end_assistance" }));
    gateway.wait_for("the end", |asked| asked.contains(&end));
    terminal.shows("anagrafe-07 wants your password");
    gateway.tell(&json!({ "event": "assistance_ended" }));
    terminal.shows("The assistance is over");
    terminal.types("right-one\n");
    terminal.shows("shown");
    terminal.types("\u{3}");
    let (_, shown) = terminal.end();
    assert!(!shown.contains("-one"), "{shown}");
}

//! A workstation that wants the password before it shows anything, and a program that cannot ask for it: the worker is asked at the terminal.

use std::{io::Write as _, process::ChildStdin};

use nix::sys::signal::Signal;

use super::{
    gateway::{Gateway, Manners, PASSWORD},
    running::{Program, install},
};

/// Takes one password, and nothing without one. To whom something came back twice, what came first has been counted.
const WANTS_PASSWORD: &str = r#"exec bash -c '
exec 3<>/dev/tcp/127.0.0.1/${1##*:}
for _ in 1 2; do echo >&3; head -c 1 <&3; done
case "$*" in *from-stdin*) read -r line; test "$line" = right-one && echo shown && exec sleep 60;; esac
exit 147' xfreerdp3 "$@""#;

/// `connect` at a terminal.
fn at_terminal(gateway: &Gateway) -> (Program, ChildStdin) {
    let home = tempfile::tempdir().unwrap();
    install(&home, "xfreerdp3", WANTS_PASSWORD);
    let server = gateway.address.to_string();
    let arguments = ["connect", "--server", &server, "--user", "m.rossi", "--password-stdin"];
    let known = ["--fingerprint", &gateway.fingerprint];
    let (program, mut keys) = Program::start_at_terminal(home, &[&arguments[..], &known].concat());
    type_line(&mut keys, PASSWORD);
    (program, keys)
}

/// What it says next: what it said before does not count.
fn wait_for(program: &mut Program, text: &str) {
    program.said.clear();
    program.shows(text);
}

fn type_line(keys: &mut ChildStdin, line: &str) {
    keys.write_all(format!("{line}\n").as_bytes()).unwrap();
}

#[test]
fn the_worker_is_asked_for_it_and_nothing_of_it_is_shown() {
    let gateway = Gateway::start(Manners::default());
    let (mut program, mut keys) = at_terminal(&gateway);
    wait_for(&mut program, "anagrafe-07 wants your password before it shows your desktop:");
    type_line(&mut keys, "wrong-one");
    wait_for(&mut program, "anagrafe-07 did not take that password. Once more:");
    type_line(&mut keys, "");
    wait_for(&mut program, "anagrafe-07 did not take that password. Once more:");
    type_line(&mut keys, "right-one");
    wait_for(&mut program, "shown");
    assert!(gateway.closes().is_empty(), "it is one session");
    program.signal(Signal::SIGTERM);
    let (_, said) = program.end();
    let shown: String = program.stdout.iter().chain([said]).collect();
    assert!(!shown.contains("-one"), "{shown}");
    assert_eq!(gateway.closes(), ["worker_closed"]);
}

#[test]
fn three_wrong_ones_are_enough() {
    let gateway = Gateway::start(Manners::default());
    let (mut program, mut keys) = at_terminal(&gateway);
    wait_for(&mut program, "anagrafe-07 wants your password");
    for _ in 0..2 {
        type_line(&mut keys, "wrong-one");
        wait_for(&mut program, "did not take that password");
    }
    type_line(&mut keys, "wrong-one");
    wait_for(&mut program, "anagrafe-07 broke off while you were being signed in there (status 147)");
    let (code, said) = program.end();
    assert_eq!((code, gateway.closes()), (1, vec!["program_ended".to_owned()]), "{said}");
}

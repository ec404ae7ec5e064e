//! A technician is asked for, let in, shown and sent away; and the technician's own program, which waits for that.

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpStream},
    process::ChildStdin,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{
    desktop::Desktop,
    gateway::{Asked, Gateway, Manners, PASSWORD},
    office::Role,
    running::{Program, echo, install, until},
};

/// `connect` at a terminal, with a desktop that takes notifications.
fn at_terminal(gateway: &Gateway, more: &[&str]) -> (Program, ChildStdin, Desktop) {
    let home = tempfile::tempdir().unwrap();
    let desktop = Desktop::start(&home);
    let server = gateway.address.to_string();
    let arguments = ["connect", "--server", &server, "--user", "m.rossi", "--password-stdin", "--no-run"];
    let known = ["--fingerprint", &gateway.fingerprint];
    let (mut program, mut keys) = Program::start_at_terminal(home, &[&arguments[..], &known, more].concat());
    type_line(&mut keys, PASSWORD);
    program.shows("127.0.0.1:");
    gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
    (program, keys, desktop)
}

fn type_line(keys: &mut ChildStdin, line: &str) {
    keys.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn asked(question: u32) -> Value {
    json!({
        "event": "assistance_asked", "question": question, "technician": "g.neri",
        "reason": "the \u{1b}[2Jprinter\u{202e}", "seconds": 900, "answer_s": 60,
    })
}

fn wait_answer(gateway: &Gateway, question: u32, consent: bool) {
    let answer = json!({ "request": "answer_assistance", "question": question, "consent": consent });
    gateway.wait_for("the answer", |asked| asked.contains(&Asked::Request(answer.clone())));
}

/// Says yes until it counts: a yes to a question that has not stood for a second is asked for again.
fn agree(keys: &mut ChildStdin, gateway: &Gateway, question: u32) {
    let answer = Asked::Request(json!({ "request": "answer_assistance", "question": question, "consent": true }));
    let mut said: Option<Instant> = None;
    until("the yes", || {
        if said.is_none_or(|said| said.elapsed() > Duration::from_millis(300)) {
            type_line(keys, "y");
            said = Some(Instant::now());
        }
        gateway.asked().contains(&answer).then_some(())
    });
}

/// `assist` by a technician who has a code.
fn assist(gateway: &Gateway, more: &[&str]) -> Program {
    let server = gateway.address.to_string();
    let arguments = ["assist", "m.rossi", "--reason", "the printer", "--server", &server, "--user", "g.neri"];
    let known = ["--fingerprint", &gateway.fingerprint, "--password-stdin", "--code-stdin"];
    let home = tempfile::tempdir().unwrap();
    install(&home, "xfreerdp", "echo \"$*\" >>\"$HOME/desktop\"; exec sleep 60");
    Program::start_in(home, &[&arguments[..], &known, more].concat(), &format!("{PASSWORD}\n123456"))
}

/// A gateway whose technicians reach VNC.
fn vnc() -> Manners {
    let services = json!([{ "name": "vnc", "tcp": [5900] }]);
    Manners { ports: vec![(5900, Role::Echo)], services, ..Manners::default() }
}

#[test]
fn a_technician_is_let_in_by_a_yes_shown_and_sent_away_by_enter() {
    let gateway = Gateway::start(Manners::default());
    let (mut program, mut keys, desktop) = at_terminal(&gateway, &[]);
    gateway.tell(&asked(7));
    program.shows("g.neri, a technician of your office, asks to reach your office computer for up to 15 minutes");
    program.shows("What for: “the [2Jprinter”");
    program.shows("Type y and Enter within 1 minute");
    agree(&mut keys, &gateway, 7);
    // Answered, the question is none any more.
    desktop.shows_nothing();
    gateway.tell(&json!({ "event": "assistance_begun", "technician": "g.neri", "seconds": 900 }));
    desktop.shows(1, "A technician reaches your office computer now. Deskgate shows who, and ends it when you want.");
    program.shows("*** g.neri reaches your office computer, until ");
    program.shows("Press Enter here to end that.");
    // Whatever else is said, who is there stands in the last line.
    gateway.tell(&json!({ "event": "warning", "limit": "idle", "seconds": 300 }));
    program.shows("You seem to be away");
    program.shows("*** g.neri reaches your office computer, until ");
    // The office lets it end earlier.
    gateway.tell(&json!({ "event": "assistance_begun", "technician": "g.neri", "seconds": 60 }));
    program.shows("*** g.neri reaches your office computer, until ");
    type_line(&mut keys, "");
    let end = Asked::Request(json!({ "request": "end_assistance" }));
    gateway.wait_for("the end", |asked| asked.contains(&end));
    gateway.tell(&json!({ "event": "assistance_ended" }));
    program.shows("*** The assistance is over: no technician reaches your office computer any more. ***");
    let shown: Vec<&String> = program.said.iter().filter(|line| line.contains("*** g.neri reaches")).collect();
    assert!(matches!(shown[..], [begun, again, moved] if begun == again && again != moved), "{shown:?}");
    // The warning is as true as before.
    let warning = "You seem to be away: the session closes in 5 minutes. Move the mouse at your desktop to stay.";
    desktop
        .shows(2, &format!("The assistance is over: no technician reaches your office computer any more.\n{warning}"));
    let ever: Vec<(u8, String)> = desktop.ever().into_iter().map(|shown| (shown.urgency, shown.sentences)).collect();
    for (urgency, note) in [(2, "please answer in Deskgate"), (1, "reaches your office computer now")] {
        assert!(ever.iter().any(|(shown, said)| *shown == urgency && said.contains(note)), "{ever:?}");
    }
    let others = ever.iter().any(|(_, said)| said.contains("printer") || said.contains("g.neri"));
    assert!(!others, "nothing that others wrote: {ever:?}");
}

#[test]
fn a_no_at_the_terminal_is_a_no_in_italian_too() {
    let gateway = Gateway::start(Manners::default());
    let (mut program, mut keys, desktop) = at_terminal(&gateway, &["--language", "it"]);
    gateway.tell(&asked(8));
    program.shows("g.neri, tecnico del tuo ufficio, chiede di raggiungere il tuo computer in ufficio");
    let question = "Un tecnico chiede di raggiungere il tuo computer in ufficio: rispondi in Deskgate, per favore.";
    desktop.shows(2, question);
    type_line(&mut keys, "no");
    wait_answer(&gateway, 8, false);
    program.shows("Nessun tecnico raggiunge il tuo computer in ufficio.");
    desktop.shows_nothing();
    gateway.tell(&asked(9));
    desktop.shows(2, question);
    gateway.tell(&json!({ "event": "assistance_ended" }));
    program.shows("La domanda è ritirata");
    desktop.shows_nothing();
}

#[test]
fn two_questions_are_asked_one_after_the_other_and_answered_each_for_itself() {
    let gateway = Gateway::start(Manners::default());
    let (mut program, mut keys, _desktop) = at_terminal(&gateway, &[]);
    gateway.tell(&json!({ "event": "trace_asked", "question": 3, "seconds": 600, "answer_s": 60 }));
    program.shows("asks to record this session");
    gateway.tell(&asked(4));
    type_line(&mut keys, "no");
    program.shows("Nothing is recorded.");
    program.shows("a technician of your office, asks");
    agree(&mut keys, &gateway, 4);
    let no = json!({ "request": "answer_trace", "question": 3, "consent": false });
    assert!(gateway.asked().contains(&Asked::Request(no)));
}

#[test]
fn where_nobody_can_be_asked_nobody_is_let_in() {
    let gateway = Gateway::start(Manners::default());
    let mut program = Program::connect(&gateway, &["--no-run"]);
    gateway.tell(&asked(5));
    wait_answer(&gateway, 5, false);
    program.says("g.neri asked to reach your office computer. You could not be asked here, so the answer was no.");
}

#[test]
fn a_technician_waits_for_the_worker_and_is_at_the_door_after_a_yes() {
    let gateway = Gateway::start(vnc());
    let mut program = assist(&gateway, &["--minutes", "15"]);
    program.says("Asking for the consent of m.rossi: the answer is waited for, up to 1 minute");
    gateway.wait_for("the login", |asked| matches!(asked, [Asked::Login(_)]));
    let Asked::Login(login) = &gateway.asked()[0] else { panic!("no login") };
    assert_eq!(login["assist"], json!({ "worker": "m.rossi", "reason": "the printer", "minutes": 15 }));
    assert_eq!((&login["user"], &login["second_factor"]), (&json!("g.neri"), &json!("123456")));
    gateway.answer(true);
    program.says("m.rossi agreed. Their computer is anagrafe-07, until ");
    program.says("The way to anagrafe-07 is open. Press Ctrl-C to close it.");
    echo(&mut TcpStream::connect(program.door()).unwrap(), b"vnc");
    gateway.tell(&json!({ "event": "warning", "limit": "longest_session", "seconds": 60 }));
    program.says("The time for this assistance is over in 1 minute.");
    gateway.tell(&json!({ "event": "closed", "reason": "assistance_ended" }));
    let (code, said) = program.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("The assistance is over: the worker ended it"), "{said}");
    assert!(!said.contains("Your desktop is opening"), "what is not RDP's starts no program of RDP: {said}");
}

#[test]
fn a_worker_who_says_no_is_a_refusal_with_its_words_and_code() {
    let gateway = Gateway::start(vnc());
    let mut program = assist(&gateway, &["--json"]);
    let next = |program: &Program| serde_json::from_str::<Value>(&program.line()).unwrap();
    assert_eq!([next(&program)["event"].clone(), next(&program)["event"].clone()], ["reaching", "reached"]);
    let waits = next(&program);
    assert_eq!((&waits["event"], &waits["worker"]), (&json!("assistance_waits"), &json!("m.rossi")));
    gateway.answer(false);
    assert_eq!(next(&program)["event"], "refused");
    let (code, said) = program.end();
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("Said no. Support number: S-78"), "{said}");
}

#[test]
fn a_technician_without_a_code_asks_nobody() {
    let gateway = Gateway::start(vnc());
    let server = gateway.address.to_string();
    let arguments = ["assist", "m.rossi", "--reason", "x", "--server", &server, "--user", "g.neri", "--password-stdin"];
    for (more, password) in [(&[][..], PASSWORD.to_owned()), (&["--code-stdin"], format!("{PASSWORD}\n"))] {
        let (code, said) = Program::start(&[&arguments[..], more].concat(), &password).end();
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("No code was given."), "{said}");
    }
    assert_eq!(gateway.asked(), []);
}

#[test]
fn a_viewer_of_the_technicians_own_is_given_the_door() {
    let gateway = Gateway::start(vnc());
    gateway.answer(true);
    let mut program = assist(&gateway, &["--run", "bash -c 'echo got {host}:{port}; exec sleep 60'"]);
    program.says("got 127.0.0.1:");
    let door = program.said.iter().find_map(|line| line.strip_prefix("got ")).unwrap().parse::<SocketAddr>().unwrap();
    echo(&mut TcpStream::connect(door).unwrap(), b"vnc");
    program.signal(Signal::SIGINT);
    assert_eq!(program.end().0, 0);
    assert_eq!(gateway.closes(), ["worker_closed"]);
}

#[test]
fn an_assistance_whose_time_is_over_says_so_in_words_for_a_technician() {
    let gateway = Gateway::start(vnc());
    gateway.answer(true);
    let mut program = assist(&gateway, &[]);
    gateway.tell(&json!({ "event": "closed", "reason": "longest_session" }));
    let (code, said) = program.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("The time for this assistance is over") && !said.contains("Your programs"), "{said}");
}

#[test]
fn where_a_service_is_rdps_its_program_is_started_and_the_doors_are_told() {
    let services = json!([{ "name": "vnc", "tcp": [5900] }, { "name": "rdp", "tcp": [3389] }]);
    let gateway = Gateway::start(Manners { services, ..Manners::default() });
    gateway.answer(true);
    let mut program = assist(&gateway, &["--language", "it"]);
    let doors = [program.line(), program.line()];
    let rdp = doors.iter().find_map(|line| line.strip_prefix("rdp ")).unwrap();
    program.says("m.rossi acconsente");
    program.says("Si apre il tuo desktop");
    let desktop = program.home.path().join("desktop");
    let started = until("the program", || fs::read_to_string(&desktop).ok().filter(|line| line.ends_with('\n')));
    assert!(started.contains(rdp), "{started}");
}

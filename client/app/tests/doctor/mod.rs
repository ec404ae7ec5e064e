//! `deskgate doctor` in small worlds that are broken in one place each.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    desktop::Desktop,
    gateway::{Asked, Gateway, Greets, Manners, PASSWORD},
    profile::{office, sign, words},
    running::{Program, bus, nobody},
};

/// A home with an RDP program that says its version and does nothing else.
fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("bin/xfreerdp3");
    fs::create_dir(home.path().join("bin")).unwrap();
    fs::write(&program, "#!/bin/sh\necho\necho 'This is FreeRDP version 3.15.0'\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    home
}

/// Runs it: the exit code, standard output and what it says to people.
fn run(home: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_deskgate"))
        .arg("doctor")
        .args(arguments)
        .env_clear()
        .env("PATH", home.join("bin"))
        .env("HOME", home)
        .env("LANG", "C")
        .env("DBUS_SESSION_BUS_ADDRESS", bus(home))
        .env("DISPLAY", ":0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What it found, as `check verdict`.
fn found(home: &Path, arguments: &[&str]) -> (Option<i32>, Vec<String>, String) {
    let (code, lines, said) = run(home, &[arguments, &["--json"]].concat());
    let word = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let found = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| format!("{} {}", word(&line, "check"), word(&line, "verdict")))
        .collect();
    (code, found, lines + &said)
}

#[track_caller]
fn assert_found(home: &Path, arguments: &[&str], code: i32, expected: &[&str], words: &str) {
    let (ended, found, said) = found(home, arguments);
    for line in expected {
        assert!(found.iter().any(|found| found == line), "no `{line}`: {found:#?}\n{said}");
    }
    assert!(said.contains(words), "no `{words}`: {said}");
    assert_eq!(ended, Some(code), "{said}");
}

fn at(gateway: &Gateway) -> Vec<String> {
    let server = format!("localhost:{}", gateway.address.port());
    ["--server", &server, "--fingerprint", &gateway.fingerprint].map(str::to_owned).to_vec()
}

#[test]
fn where_all_is_well_it_says_so_and_signs_nobody_in() {
    let (gateway, home) = (Gateway::start(Manners::default()), home());
    let _desktop = Desktop::start(&home);
    let at = at(&gateway);
    let at: Vec<&str> = at.iter().map(String::as_str).collect();
    let well = [
        "profile note",
        "names good",
        "gateway good",
        "certificate good",
        "clock good",
        "protocol good",
        "udp skipped",
        "workstation skipped",
        "door good",
        "rdp_program good",
        "notifications good",
        "folder good",
        "disk good",
    ];
    assert_found(home.path(), &at, 0, &well, "xfreerdp3: This is FreeRDP version 3.15.0");
    let asked = gateway.asked();
    assert!(!asked.iter().any(|asked| matches!(asked, Asked::Login(_))), "{asked:?}");
    assert!(!home.path().join(".config/deskgate").read_dir().unwrap().any(|_| true), "nothing is left behind");
}

/// What arguments make of it when somebody signs in there.
fn signing_in(gateway: &Gateway) -> Vec<String> {
    [at(gateway), ["--sign-in", "--user", "m.rossi", "--password-stdin"].map(str::to_owned).to_vec()].concat()
}

#[track_caller]
fn assert_found_in_a_session(manners: Manners, code: i32, expected: &[&str], words: &str) -> Gateway {
    let (gateway, home) = (Gateway::start(manners), home());
    let arguments = signing_in(&gateway);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_found(home.path(), &arguments, code, expected, words);
    gateway
}

#[test]
fn a_session_for_a_moment_shows_which_way_packets_take_and_whether_the_workstation_answers() {
    let answers = "Your office computer answers.";
    for (udp, verdict) in [(true, "udp good"), (false, "udp note")] {
        // The channel is taken too where UDP is slow to answer.
        let manners = Manners { udp, by_channel: !udp, ..Manners::default() };
        let gateway = assert_found_in_a_session(manners, 0, &[verdict, "workstation good"], answers);
        assert_eq!(gateway.closes(), ["worker_closed"]);
    }
    let refuses = Manners { ports: vec![], by_channel: false, ..Manners::default() };
    let gateway = assert_found_in_a_session(refuses, 1, &["udp good", "workstation bad"], "refuses the connection");
    assert_eq!(gateway.closes(), ["worker_closed"]);
}

#[test]
fn without_a_session_or_a_tunnel_the_workstation_is_not_looked_at() {
    let refused = Some((401, r#"{"code":"wrong_credentials","message":"No.","support":"K7QM-2F9D"}"#.to_owned()));
    let refused = Manners { login: refused, ..Manners::default() };
    assert_found_in_a_session(refused, 1, &["udp bad", "workstation skipped"], "K7QM-2F9D");
    let no_way = Manners { udp: false, by_channel: false, ..Manners::default() };
    let gateway = assert_found_in_a_session(no_way, 1, &["udp bad", "workstation skipped"], "get through neither");
    assert_eq!(gateway.closes(), ["worker_closed"]);
}

#[test]
fn a_workstation_that_sleeps_is_waited_for_and_told() {
    let not_yet = "which does not answer yet: it sleeps, is still starting";
    for (event, code, words) in [
        (Some(json!({ "event": "workstation_ready" })), 0, "your office woke it, and after "),
        (Some(json!({ "event": "closed", "reason": "not_woken" })), 1, not_yet),
        (None, 1, not_yet),
    ] {
        let gateway = Gateway::start(Manners { asleep: true, ..Manners::default() });
        let arguments = [vec!["doctor".to_owned()], signing_in(&gateway)].concat();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut program = Program::start_in(home(), &arguments, PASSWORD);
        program.says("anagrafe-07 is asleep: your office is waking it up");
        gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
        match &event {
            Some(event) => gateway.tell(event),
            None => program.signal(Signal::SIGINT),
        }
        program.shows(words);
        assert_eq!(program.end().0, code, "{:?}", program.said);
        let told = event.is_some_and(|event| event["event"] == "closed");
        assert_eq!(gateway.closes(), if told { vec![] } else { vec!["worker_closed"] });
    }
}

#[test]
fn each_thing_that_is_broken_is_named_and_what_rests_on_it_is_not_looked_at() {
    let nobody = nobody();
    let home = home();
    let pin = format!("sha256:{}", "0".repeat(64));
    let known = ["--fingerprint", &pin];
    let look = |server: &str, expected: &[&str], words: &str| {
        let arguments = [&["--server", server], &known[..]].concat();
        assert_found(home.path(), &arguments, 1, expected, words);
    };
    look("no-such-name.invalid", &["names bad", "gateway skipped", "udp skipped", "door good"], "");
    look(&nobody, &["names good", "gateway bad", "certificate skipped"], "connection refused");
    let foreign = Gateway::start(Manners::default());
    let server = foreign.address.to_string();
    look(&server, &["gateway good", "certificate bad", "clock skipped"], "Do not give a password to anybody");
    assert!(foreign.asked().is_empty(), "nothing is told to who is not believed");

    // Nothing that could tell whom to believe: nobody is asked, and nobody is accused.
    let ca = home.path().join("office.pem");
    fs::write(&ca, "no certificate").unwrap();
    let arguments = ["--server", &server, "--ca", ca.to_str().unwrap()];
    let unread = ["names skipped", "gateway skipped", "certificate bad", "protocol skipped", "udp skipped"];
    assert_found(home.path(), &arguments, 1, &unread, "cannot be read here");

    // Something in between that does not know TLS.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    look(&server, &["certificate bad"], "does not let encryption through");
    answering.join().unwrap();
}

#[test]
fn a_gateways_next_name_is_looked_at_where_the_first_is_silent_and_not_where_a_stranger_answers() {
    let (gateway, stranger, home) = (Gateway::start(Manners::default()), Gateway::start(Manners::default()), home());
    let nobody = nobody();
    let (second, words) = (gateway.address.to_string(), words(&office(1)));
    let look = |first: &str, code: i32, expected: &[&str], said: &str| {
        let pin = &gateway.fingerprint;
        let text = format!("servers = [\"{first}\", \"{second}\"]\nfingerprints = [\"{pin}\"]\n");
        let profile = sign(home.path(), "several.deskgate", &office(1), &text, &[], 0);
        assert_found(home.path(), &["--profile", &profile, "--trust", &words], code, expected, said);
    };
    look(
        &nobody,
        0,
        &["gateway note", "gateway good", "protocol good"],
        &format!("{nobody} does not answer (connection refused)"),
    );
    look(&stranger.address.to_string(), 1, &["certificate bad", "clock skipped"], "Do not give a password");
}

#[test]
fn a_clock_that_is_wrong_shows_by_the_gateways_or_by_its_certificate() {
    let home = home();
    for (off_s, words) in [(7200, "2 hours slow"), (-7200, "2 hours fast")] {
        let gateway = Gateway::start(Manners { greets: Greets { off_s, ..Greets::default() }, ..Manners::default() });
        let at = at(&gateway);
        let at: Vec<&str> = at.iter().map(String::as_str).collect();
        assert_found(home.path(), &at, 1, &["clock bad", "protocol good"], words);
    }
    let gateway = Gateway::start(Manners { expired: true, ..Manners::default() });
    let ca = home.path().join("office.pem");
    fs::write(&ca, &gateway.certificate).unwrap();
    let server = format!("localhost:{}", gateway.address.port());
    let arguments = ["--server", &server, "--ca", ca.to_str().unwrap()];
    assert_found(home.path(), &arguments, 1, &["clock bad", "protocol skipped"], "Check date and year");

    // A stranger's that is out of date as well is a stranger's.
    let stranger = Gateway::start(Manners { expired: true, ..Manners::default() });
    let server = format!("localhost:{}", stranger.address.port());
    let arguments = ["--server", &server, "--ca", ca.to_str().unwrap()];
    let foreign = ["certificate bad", "clock skipped"];
    assert_found(home.path(), &arguments, 1, &foreign, "Do not give a password to anybody");
}

#[test]
fn a_gateway_of_another_version_says_which_to_update() {
    let home = home();
    for (status, words) in [(404, "Update this program"), (500, "status 500")] {
        let gateway = Gateway::start(Manners { greets: Greets { status, ..Greets::default() }, ..Manners::default() });
        let at = at(&gateway);
        let at: Vec<&str> = at.iter().map(String::as_str).collect();
        assert_found(home.path(), &at, 1, &["protocol bad", "udp skipped"], words);
    }
}

#[test]
fn what_is_missing_on_this_computer_is_named() {
    let (gateway, home) = (Gateway::start(Manners::default()), home());
    let at = at(&gateway);
    let at: Vec<&str> = at.iter().map(String::as_str).collect();
    let program = home.path().join("bin/xfreerdp3");
    fs::write(&program, "#!/bin/sh\nexit 127\n").unwrap();
    assert_found(home.path(), &at, 1, &["rdp_program bad"], "does not run (status 127)");
    fs::remove_file(program).unwrap();
    assert_found(home.path(), &at, 1, &["rdp_program bad", "notifications note"], "Install FreeRDP");
    fs::remove_dir_all(home.path().join(".config")).unwrap();
    fs::write(home.path().join(".config"), "a file in the place of the folder").unwrap();
    assert_found(home.path(), &at, 1, &["folder bad", "disk skipped"], "cannot be written");
}

#[test]
fn the_report_holds_what_was_found_and_nothing_that_names_anybody() {
    let (gateway, home) = (Gateway::start(Manners::default()), home());
    let text = format!(
        "server = \"{}\"\nuser = \"m.rossi\"\nfingerprints = [\"{}\"]\nhelp = \"06 1\"\nlanguage = \"it\"\n",
        gateway.address, gateway.fingerprint
    );
    let profile = sign(home.path(), "comune.deskgate", &office(1), &text, &[], 0);
    let report = home.path().join("report.txt");
    let arguments = ["--profile", &profile, "--report", report.to_str().unwrap()];
    // Before anybody has compared its words, nothing of it counts.
    let (code, lines, said) = run(home.path(), &arguments);
    assert_eq!(code, Some(1), "{said}");
    assert!(lines.contains("sei parole") && !said.contains("06 1"), "{lines}{said}");
    assert!(gateway.asked().is_empty());
    fs::remove_file(&report).unwrap();

    let words = words(&office(1));
    let arguments = [&arguments[..], &["--trust", &words]].concat();
    let (code, lines, said) = run(home.path(), &arguments);
    assert_eq!(code, Some(0), "{lines}{said}");
    let written = fs::read_to_string(&report).unwrap();
    for line in lines.lines() {
        assert!(written.contains(line), "{line} is not in {written}");
    }
    let number = said.lines().next().unwrap().rsplit(' ').next().unwrap();
    assert!(written.contains(number) && written.contains("gateway 127.0.0.1:") && written.contains("127.0.…"));
    for name in ["m.rossi", PASSWORD, home.path().to_str().unwrap()] {
        assert!(!written.contains(name), "`{name}` is in {written}");
    }
    // Never over another one.
    let (code, _, said) = run(home.path(), &arguments);
    assert_eq!(code, Some(1), "{said}");

    // Of a session it has the number, and neither whose it was nor which workstation's.
    let gateway = Gateway::start(Manners { ports: vec![], ..Manners::default() });
    fs::remove_file(&report).unwrap();
    let arguments = [signing_in(&gateway), vec!["--report".to_owned(), report.to_str().unwrap().to_owned()]].concat();
    let (code, _, said) = run(home.path(), &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(code, Some(1), "{said}");
    let written = fs::read_to_string(&report).unwrap();
    assert!(written.contains("refuses the connection") && written.contains("K7QM-2F9D"), "{written}");
    for name in ["m.rossi", PASSWORD, "anagrafe-07"] {
        assert!(!written.contains(name), "`{name}` is in {written}");
    }

    // A profile that nobody signed is told by its name, but not where it lies: a stick is named after somebody.
    let stick = home.path().join("mario.rossi");
    let unsigned = stick.join("unsigned.deskgate");
    fs::create_dir(&stick).unwrap();
    fs::write(&unsigned, &text).unwrap();
    let (code, lines, _) = run(home.path(), &["--profile", unsigned.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(lines.contains(" unsigned.deskgate is not signed") && !lines.contains("mario.rossi"), "{lines}");
}

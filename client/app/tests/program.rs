//! The real program against a small gateway: what it prints, what it tells the gateway, and how it ends.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may")]

mod assistance;
mod desktop;
mod doctor;
mod doors;
mod failures;
mod gateway;
mod notifications;
#[path = "../../core/tests/office/mod.rs"]
mod office;
mod profile;
mod reaching;
mod running;
mod single_sign_on;
mod versions;
mod waking;
mod workstation_password;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::{Command, Stdio},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use desktop::Desktop;
use gateway::{Asked, Gateway, Manners, PASSWORD};
use nix::{
    sys::{signal::Signal, stat::Mode},
    unistd::mkfifo,
};
use office::{Role, pattern};
use profile::{office, sign, words};
use running::{Program, ROOM, echo, is_reset_or_ended, nobody, until};
use serde_json::{Value, json};

#[test]
fn a_door_carries_bytes_until_a_signal_closes_it() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let gateway = Gateway::start(Manners::default());
        let mut program = Program::connect(&gateway, &["--no-run"]);
        let mut stream = TcpStream::connect(program.door()).unwrap();
        echo(&mut stream, b"hello");
        let big: Vec<u8> = (0..1_000_000).map(pattern).collect();
        let mut writer = stream.try_clone().unwrap();
        std::thread::scope(|scope| {
            let sent = big.clone();
            scope.spawn(move || {
                writer.write_all(&sent).unwrap();
                writer.shutdown(Shutdown::Write).unwrap();
            });
            let mut back = Vec::new();
            stream.read_to_end(&mut back).unwrap();
            assert!(back == big, "{} of {} bytes came back right", back.len(), big.len());
        });
        gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
        let start = Instant::now();
        program.signal(signal);
        let (code, said) = program.end();
        assert_eq!(code, 0, "{said}");
        assert!(start.elapsed() < ROOM, "{:?}", start.elapsed());
        assert_eq!(gateway.closes(), ["worker_closed"]);
        assert_eq!(program.stdout.iter().count(), 0, "standard output has the door's address and nothing else");
        assert!(said.contains("Signed in. Your computer is anagrafe-07") && said.contains("K7QM-2F9D"), "{said}");
        assert!(!said.contains(PASSWORD));
    }
}

#[test]
fn a_logout_that_is_said_twice_still_tells_the_gateway() {
    let said_twice =
        [(Signal::SIGTERM, Signal::SIGHUP), (Signal::SIGHUP, Signal::SIGTERM), (Signal::SIGINT, Signal::SIGTERM)];
    for (first, second) in said_twice {
        let gateway = Gateway::start(Manners::default());
        let mut program = Program::connect(&gateway, &["--no-run"]);
        program.door();
        // As the system says it at a logout: one right after the other.
        program.signal(first);
        program.signal(second);
        let (code, said) = program.end();
        assert_eq!((code, gateway.closes()), (0, vec!["worker_closed".to_owned()]), "{first}, {second}: {said}");
    }
}

#[test]
fn the_end_of_the_program_ends_the_session_within_a_second_and_loses_nothing() {
    let manners = Manners { ports: vec![(3389, Role::Drain)], ..Manners::default() };
    let gateway = Gateway::start(manners);
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    mkfifo(&go, Mode::S_IRWXU).unwrap();
    // Opens the door, waits to be told to go, writes more than one window, and ends in the same breath.
    let script = format!(
        "exec 3<>/dev/tcp/{{host}}/{{port}}; echo here; read -r _ <{go}; head -c 300000 /dev/zero >&3",
        go = go.display()
    );
    let mut program = Program::connect(&gateway, &["--run", &format!("bash -c \"{script}\"")]);
    program.says("here");
    let start = Instant::now();
    until("two seconds of life", || (start.elapsed() > Duration::from_millis(2100)).then_some(()));
    fs::write(&go, "\n").unwrap();
    let start = Instant::now();
    let (code, said) = program.end();
    assert_eq!(code, 0, "{said}");
    assert!(start.elapsed() < ROOM, "{:?}", start.elapsed());
    assert_eq!(gateway.closes(), ["program_ended"]);
    assert!(said.contains("You closed your desktop"), "{said}");
    assert_eq!(gateway.sunk.load(Ordering::Relaxed), 300_000);
}

#[test]
fn the_program_gets_host_port_and_user_and_no_terminal() {
    let gateway = Gateway::start(Manners::default());
    let run = "bash -c 'echo got {host} {port} {user} stdin=$(cat | wc -c) sid=$(ps -o sid= -p $$) pid=$$'";
    let mut program = Program::connect(&gateway, &["--run", run]);
    program.says("got 127.0.0.1 ");
    let line = program.said.iter().find(|line| line.starts_with("got")).unwrap().clone();
    assert!(line.contains(" m.rossi stdin=0"), "{line}");
    let number = |name: &str| line.split(name).nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_eq!(number("sid="), number("pid="), "a session of its own: {line}");
    assert_eq!(program.end().0, 0);
}

#[test]
fn a_program_that_ends_at_once_or_does_not_exist_is_told_and_the_session_is_closed() {
    for (run, code, texts, closed) in [
        ("sh -c 'exit 7'", 1, &["ended at once with an error (status 7)"][..], "program_ended"),
        ("true", 0, &["ended at once", "--no-run"], "program_ended"),
        ("no-such-program {port}", 1, &["no-such-program could not be started"], "worker_closed"),
    ] {
        let gateway = Gateway::start(Manners::default());
        let mut program = Program::connect(&gateway, &["--run", run]);
        let (ended, said) = program.end();
        assert_eq!(ended, code, "{said}");
        assert!(texts.iter().all(|text| said.contains(text)), "{said}");
        assert_eq!(gateway.closes(), [closed]);
    }
}

#[test]
fn the_rdp_program_that_is_found_gets_what_the_grant_says_and_its_exit_codes_are_understood() {
    for (status, code, text) in [
        (143, 1, "anagrafe-07 shows another certificate than at your last visit"),
        (130, 1, "xfreerdp3 ended at once with an error (status 130)"),
        (131, 1, "xfreerdp3 ended before it had reached anagrafe-07 (status 131)"),
        (148, 1, "anagrafe-07 says that your password has expired"),
        (12, 0, "Your desktop at anagrafe-07 was logged off"),
    ] {
        let gateway = Gateway::start(Manners::default());
        let home = tempfile::tempdir().unwrap();
        let script = home.path().join("bin/xfreerdp3");
        fs::create_dir(home.path().join("bin")).unwrap();
        // To whom something came back twice, what came first has been counted.
        let reach = "exec 3<>/dev/tcp/127.0.0.1/${1##*:}; for _ in 1 2; do echo >&3; head -c 1 <&3; done";
        let reach = if (130..=131).contains(&status) { "" } else { reach };
        let told = "echo \"got $*\"; echo \"keeps $XDG_CONFIG_HOME\"";
        fs::write(&script, format!("#!/bin/bash\n{told}\n{reach}\nexit {status}\n")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let server = gateway.address.to_string();
        let known = ["--fingerprint", &gateway.fingerprint];
        let arguments = ["connect", "--server", &server, "--user", "m.rossi", "--password-stdin"];
        let mut program = Program::start_in(home, &[&arguments[..], &known[..]].concat(), PASSWORD);
        program.says("got /v:127.0.0.1:");
        program.says("/u:m.rossi /t:anagrafe-07 /cert:tofu,deny,name:anagrafe-07 -multitransport");
        program.says("-clipboard");
        let folder = program.home.path().join(".config/deskgate/workstations/127.0.0.1");
        program.says(&format!("keeps {}", folder.display()));
        assert_eq!(fs::metadata(folder.join("freerdp")).unwrap().permissions().mode() & 0o777, 0o700);
        let (exit, said) = program.end();
        assert_eq!(exit, code, "{said}");
        assert!(said.contains(text), "{said}");
        assert!(!said.contains(PASSWORD), "{said}");
        assert_eq!(gateway.closes(), ["program_ended"]);
    }
}

#[test]
fn what_came_from_the_workstation_tells_how_a_program_ended() {
    // The exit code that FreeRDP 2 has for many things, after so many bytes. One byte more comes back only once those were counted.
    for (single_sign_on, bytes, text) in [
        (true, 0, "xfreerdp3 ended before it had reached anagrafe-07 (status 147)"),
        (true, 100, "anagrafe-07 broke off while you were being signed in there (status 147)"),
        (false, 100, "anagrafe-07 wants your password before it shows anything"),
        (false, 50_000, "xfreerdp3 ended at once with an error (status 147)"),
    ] {
        let gateway = Gateway::start(Manners { single_sign_on, ..Manners::default() });
        let home = tempfile::tempdir().unwrap();
        let script = home.path().join("bin/xfreerdp3");
        fs::create_dir(home.path().join("bin")).unwrap();
        let text_of_script = format!(
            "#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/${{1##*:}}\n\
             if [ {bytes} != 0 ]; then head -c {bytes} /dev/zero >&3 & head -c {bytes} <&3 | wc -c; wait; echo >&3; head -c 1 <&3; fi\n\
             exit 147\n"
        );
        fs::write(&script, text_of_script).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let server = gateway.address.to_string();
        let known = ["--fingerprint", &gateway.fingerprint, "--json"];
        let arguments = ["connect", "--server", &server, "--user", "m.rossi", "--password-stdin"];
        let mut program = Program::start_in(home, &[&arguments[..], &known[..]].concat(), PASSWORD);
        let (exit, said) = program.end();
        let told: Vec<String> = program.stdout.iter().collect();
        assert_eq!(exit, 1, "{said}");
        assert!(told.last().unwrap().contains(text), "{bytes}: {told:?}");
        assert_eq!(told.iter().any(|line| line.contains("desktop_begins")), bytes > 0, "{told:?}");
    }
}

#[test]
fn a_signal_ends_the_program_and_all_it_started() {
    let gateway = Gateway::start(Manners::default());
    let run = "bash -c 'sleep 1000 & echo started $$ $!; trap \"\" TERM; wait; wait'";
    let mut program = Program::connect(&gateway, &["--run", run]);
    program.says("started ");
    let line = program.said.iter().find(|line| line.starts_with("started")).unwrap();
    let pids: Vec<i32> = line.split_whitespace().skip(1).map(|pid| pid.parse().unwrap()).collect();
    let start = Instant::now();
    program.signal(Signal::SIGINT);
    let (code, said) = program.end();
    assert_eq!(code, 0, "{said}");
    assert!(start.elapsed() < ROOM, "{:?}", start.elapsed());
    assert_eq!(gateway.closes(), ["worker_closed"]);
    for pid in pids {
        until("the end of what was started", || is_gone(pid).then_some(()));
    }
}

#[test]
fn a_program_does_not_outlive_a_client_that_is_killed() {
    let gateway = Gateway::start(Manners::default());
    let mut program = Program::connect(&gateway, &["--run", "bash -c 'echo started $$; exec sleep 1000'"]);
    program.says("started ");
    let line = program.said.iter().find(|line| line.starts_with("started")).unwrap();
    let pid: i32 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    program.signal(Signal::SIGKILL);
    until("the program's end", || is_gone(pid).then_some(()));
}

#[test]
fn a_terminal_that_is_gone_closes_the_session() {
    let gateway = Gateway::start(Manners::default());
    let home = tempfile::tempdir().unwrap();
    let password = home.path().join("password");
    fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    let command = format!(
        "exec {} connect --server {} --fingerprint {} --user m.rossi --password-stdin --no-run <{}",
        env!("CARGO_BIN_EXE_deskgate"),
        gateway.address,
        gateway.fingerprint,
        password.display()
    );
    // A terminal of its own, that of `script`, which goes as it does when its window is killed: nobody signals the program, and what it
    // says to people goes nowhere.
    let mut terminal = Command::new("script")
        .args(["--quiet", "--command", &command, "/dev/null"])
        .env("HOME", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    gateway.wait_for("the end", |asked| asked.contains(&Asked::Closed("worker_closed".into())));
}

/// Gone, or a zombie that nobody has collected yet.
fn is_gone(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.is_empty() || status.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}

#[test]
fn a_wrong_password_is_refused_with_the_gateways_words() {
    let gateway = Gateway::start(Manners::default());
    let server = gateway.address.to_string();
    let arguments = ["connect", "--server", &server, "--user", "m.rossi", "--password-stdin", "--no-run"];
    let mut program =
        Program::start(&[&arguments[..], &["--fingerprint", &gateway.fingerprint]].concat(), "Sbagliata! 13");
    let (code, said) = program.end();
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("Nope. Support number: S-77"), "{said}");
    assert!(!said.contains("Sbagliata"), "{said}");
    let Asked::Login(request) = &gateway.asked()[0] else { panic!("{:?}", gateway.asked()) };
    assert_eq!(request["password"], "Sbagliata! 13");
    assert_eq!((&request["language"], &request["wireguard_config"]), (&json!("en"), &json!(false)));
}

#[test]
fn a_code_goes_with_the_password_and_what_happened_to_the_second_factor_is_told() {
    let gateway = Gateway::start(Manners::default());
    let server = gateway.address.to_string();
    let arguments = ["connect", "--server", &server, "--user", "m.rossi", "--fingerprint", &gateway.fingerprint];
    let stdin = ["--password-stdin", "--code-stdin", "--no-run"];
    let mut program = Program::start(&[&arguments[..], &stdin].concat(), &format!("{PASSWORD}\n123 456"));
    program.says("one of your recovery codes");
    program.signal(Signal::SIGTERM);
    let (code, said) = program.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("14 Nov 2023") && !said.contains("123 456"), "{said}");
    let Asked::Login(request) = &gateway.asked()[0] else { panic!("{:?}", gateway.asked()) };
    assert_eq!((&request["password"], &request["second_factor"]), (&json!(PASSWORD), &json!("123 456")));

    // No code is none, for a gateway that knows of none.
    let mut program = Program::connect(&gateway, &["--no-run"]);
    program.door();
    program.signal(Signal::SIGTERM);
    program.end();
    let logins: Vec<Asked> = gateway.asked().into_iter().filter(|asked| matches!(asked, Asked::Login(_))).collect();
    let Asked::Login(request) = &logins[1] else { panic!() };
    assert_eq!(request.get("second_factor"), None);
}

#[test]
fn a_foreign_certificate_stops_everything_before_the_password_is_sent() {
    let gateway = Gateway::start(Manners::default());
    let server = gateway.address.to_string();
    let other = format!("sha256:{}", "0".repeat(64));
    for trust in [vec!["--fingerprint", &other], vec![]] {
        let mut arguments = vec!["connect", "--server", &server, "--user", "m.rossi", "--password-stdin", "--no-run"];
        arguments.extend(trust);
        let mut program = Program::start(&arguments, PASSWORD);
        let (code, said) = program.end();
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("is not the office's") || said.contains("no certificate authorities"), "{said}");
        assert_eq!(gateway.asked(), []);
    }
}

#[test]
fn an_unreachable_gateway_and_a_blocked_tunnel_have_the_same_code_and_other_words() {
    let nobody = nobody();
    let arguments = ["connect", "--server", &nobody, "--user", "m", "--password-stdin", "--no-run", "--language", "it"];
    let (code, said) = Program::start(&arguments, PASSWORD).end();
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("non risponde (connessione rifiutata)"), "{said}");

    let gateway = Gateway::start(Manners { udp: false, by_channel: false, ..Manners::default() });
    let mut program = Program::connect(&gateway, &["--no-run"]);
    let (code, said) = program.end();
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("neither directly (UDP to 127.0.0.1:"), "{said}");
    assert_eq!(gateway.closes(), ["worker_closed"], "no half-open session is left");
}

#[test]
fn wrong_usage_is_told_before_anything_is_asked_of_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let profile = &sign(folder.path(), "p.toml", &office(1), "server = \"gw\"\npasword = \"x\"\n", &[], 0);
    let words = words(&office(1));
    let full = ["connect", "--server", "127.0.0.1:1", "--user", "m", "--password-stdin"];
    for (arguments, password, text) in [
        (vec!["connect", "--unknown"], PASSWORD, "--unknown"),
        // Before the words are compared they may be anybody's: nothing of what stands there is repeated.
        (vec!["connect", "--profile", profile], PASSWORD, "made wrongly"),
        (vec!["connect", "--profile", profile, "--trust", &words], PASSWORD, "pasword"),
        (vec!["connect", "--profile", "/nonexistent"], PASSWORD, "/nonexistent"),
        (vec!["connect", "--server", "a b", "--user", "m"], PASSWORD, "`a b`"),
        (vec!["connect", "--user", "m", "--password-stdin", "--no-run"], PASSWORD, "--server"),
        (vec!["connect", "--server", "gw", "--password-stdin", "--no-run"], PASSWORD, "--user"),
        ([&full[..], &["--run", "a 'b"]].concat(), PASSWORD, "quotation mark"),
        ([&full[..], &["--fingerprint", "sha256:12"]].concat(), PASSWORD, "sha256:12"),
        ([&full[..], &["--no-run"]].concat(), "", "No password"),
    ] {
        let (code, said) = Program::start(&arguments, password).end();
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains(text), "{arguments:?}: {said}");
    }
}

#[test]
fn the_gateways_warnings_and_its_end_are_told_in_the_workers_language() {
    let gateway = Gateway::start(Manners::default());
    let mut program = Program::connect(&gateway, &["--run", "sleep 1000", "--language", "it"]);
    program.says("Si apre il tuo desktop (sleep)");
    gateway.tell(&json!({ "event": "warning", "limit": "idle", "seconds": 300 }));
    program.says("la sessione si chiude tra 5 minuti");
    gateway.tell(&json!({ "event": "warning_lifted", "limit": "idle" }));
    program.says("Bentornato");
    gateway.tell(&json!({ "event": "something_from_the_future", "x": 1 }));
    gateway.tell(&json!({ "event": "closed", "reason": "idle" }));
    let start = Instant::now();
    let (code, said) = program.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Sei stato assente per 15 minuti"), "{said}");
    assert!(start.elapsed() < ROOM, "{:?}", start.elapsed());
    assert!(gateway.closes().is_empty(), "what the gateway has closed is not closed again");
}

#[test]
fn the_gateways_end_resets_what_was_open() {
    let gateway = Gateway::start(Manners::default());
    let mut program = Program::connect(&gateway, &["--no-run"]);
    let door = program.door();
    let mut stream = TcpStream::connect(door).unwrap();
    echo(&mut stream, b"here");
    gateway.tell(&json!({ "event": "closed", "reason": "replaced" }));
    let (code, said) = program.end();
    assert_eq!(code, 0);
    assert!(said.contains("You signed in somewhere else"), "{said}");
    assert!(is_reset_or_ended(&mut stream));
    assert!(TcpStream::connect(door).is_err(), "the door is shut");
}

#[test]
fn a_lost_channel_comes_back_and_the_desktop_does_not_notice() {
    let gateway = Gateway::start(Manners::default());
    let mut program = Program::connect(&gateway, &["--no-run"]);
    let mut stream = TcpStream::connect(program.door()).unwrap();
    gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
    echo(&mut stream, b"before");
    gateway.hang_up();
    program.says("The line to the gateway was lost");
    echo(&mut stream, b"between");
    program.says("The line to the gateway is back");
    echo(&mut stream, b"after");
    gateway.tell(&json!({ "event": "warning", "limit": "agreement_ended", "seconds": 60 }));
    program.says("Your hours end in 1 minute");
    program.signal(Signal::SIGINT);
    assert_eq!(program.end().0, 0);
    assert_eq!(gateway.closes(), ["worker_closed"]);
}

#[test]
fn a_channel_that_does_not_come_back_ends_the_session_after_the_grace_and_says_why() {
    let gateway = Gateway::start(Manners { channels: 1, grace_s: 12, ..Manners::default() });
    let mut program = Program::connect(&gateway, &["--no-run"]);
    let door = program.door();
    let mut stream = TcpStream::connect(door).unwrap();
    gateway.hang_up();
    let lost = Instant::now();
    program.says("The line to the gateway was lost. Trying");
    echo(&mut stream, b"meanwhile");
    let (code, said) = program.end();
    assert_eq!(code, 4, "{said}");
    assert!(lost.elapsed() > Duration::from_secs(11), "{:?}", lost.elapsed());
    assert!(said.contains("The line to the gateway was lost for too long: the session was closed."), "{said}");
    assert_eq!(said.matches("Trying").count(), 1, "one line, however often it is tried: {said}");
    assert!(is_reset_or_ended(&mut stream));
}

#[test]
fn where_udp_is_blocked_the_session_channel_carries_the_desktop() {
    let gateway = Gateway::start(Manners { udp: false, ..Manners::default() });
    let mut program = Program::connect(&gateway, &["--no-run"]);
    let mut stream = TcpStream::connect(program.door()).unwrap();
    program.says("Your network blocks fast connections (UDP)");
    echo(&mut stream, &[7; 100_000]);
    gateway.hang_up();
    program.says("The line to the gateway is back");
    echo(&mut stream, b"after");
    program.signal(Signal::SIGINT);
    assert_eq!(program.end().0, 0);
}

#[test]
fn a_workstation_that_refuses_is_told_and_the_local_connection_reset() {
    let gateway = Gateway::start(Manners { ports: vec![], ..Manners::default() });
    let mut program = Program::connect(&gateway, &["--no-run"]);
    let mut stream = TcpStream::connect(program.door()).unwrap();
    assert!(is_reset_or_ended(&mut stream));
    program.says("anagrafe-07 refuses the connection (port 3389)");
}

#[test]
fn several_ports_have_a_door_each_with_its_name() {
    let manners = Manners {
        ports: vec![(3389, Role::Echo), (80, Role::Echo), (443, Role::Source(3))],
        services: json!([{ "name": "rdp", "tcp": [3389] }, { "name": "web", "tcp": [80, 443], "udp": [443] }]),
        ..Manners::default()
    };
    let gateway = Gateway::start(manners);
    let program = Program::connect(&gateway, &["--no-run"]);
    let doors: Vec<(String, SocketAddr)> = (0..3)
        .map(|_| program.line())
        .map(|line| line.split_once(' ').map(|(name, address)| (name.to_owned(), address.parse().unwrap())).unwrap())
        .collect();
    assert_eq!(doors.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["rdp", "web/80", "web/443"]);
    echo(&mut TcpStream::connect(doors[1].1).unwrap(), b"web");
    let mut source = Vec::new();
    TcpStream::connect(doors[2].1).unwrap().read_to_end(&mut source).unwrap();
    assert_eq!(source, [pattern(0), pattern(1), pattern(2)]);
}

#[test]
fn events_are_lines_of_json_for_programs() {
    // By one way only, for a change of ways is an event too.
    let gateway = Gateway::start(Manners { by_channel: false, ..Manners::default() });
    let home = tempfile::tempdir().unwrap();
    let _desktop = Desktop::start(&home);
    let mut program = Program::connect_in(home, &gateway, &["--no-run", "--json"]);
    let next = || serde_json::from_str::<Value>(&program.line()).unwrap();
    assert_eq!(next()["event"], "reaching");
    assert_eq!(next()["event"], "reached");
    let signed_in = next();
    assert_eq!((&signed_in["event"], &signed_in["session"]), (&json!("signed_in"), &json!("K7QM-2F9D")));
    let open = next();
    assert_eq!((&open["event"], &open["doors"][0]["name"]), (&json!("open"), &json!("rdp")));
    let door: SocketAddr = open["doors"][0]["address"].as_str().unwrap().parse().unwrap();
    echo(&mut TcpStream::connect(door).unwrap(), b"json");
    let reached = next();
    assert_eq!((&reached["event"], &reached["port"]), (&json!("workstation_reached"), &json!(3389)));
    gateway.tell(&json!({ "event": "warning", "limit": "longest_session", "seconds": 900 }));
    let warning = next();
    assert_eq!((&warning["event"], &warning["seconds"]), (&json!("warning"), &json!(900)));
    assert!(warning["message"].as_str().unwrap().contains("15 minutes"));
    gateway.tell(&json!({ "event": "end_moved", "seconds": 300 }));
    let moved = next();
    assert_eq!((&moved["event"], &moved["remaining_s"]), (&json!("end_moved"), &json!(300)));
    assert!(moved["message"].as_str().unwrap().contains("at the latest"), "{moved}");
    gateway.tell(&json!({ "event": "closed", "reason": "longest_session" }));
    let ended = next();
    assert_eq!((&ended["event"], &ended["reason"]), (&json!("ended"), &json!("longest_session")));
    assert_eq!(program.end().0, 0);
}

#[test]
fn another_wireguard_program_gets_its_configuration_and_this_one_holds_the_session() {
    let gateway = Gateway::start(Manners::default());
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("office.conf");
    let mut program = Program::connect(&gateway, &["--wireguard-config", file.to_str().unwrap()]);
    program.says("holds a private key");
    program.says("is open for your WireGuard program");
    gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("PrivateKey = ") && text.contains("AllowedIPs = 10.20.3.47/32"), "{text}");
    let Asked::Login(request) = &gateway.asked()[0] else { panic!() };
    assert_eq!(request["wireguard_config"], true);
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end().0, 0);
    assert_eq!(gateway.closes(), ["worker_closed"]);

    let mut second = Program::connect(&gateway, &["--wireguard-config", file.to_str().unwrap()]);
    let (code, said) = second.end();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("could not be written: file exists"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(gateway.closes().len(), 2, "the session that nobody can use is closed");
}

#[test]
fn an_answer_that_no_gateway_would_give_is_told_as_such() {
    for (status, body) in [(200, "<html>"), (302, ""), (500, "{}"), (200, "{}")] {
        let gateway = Gateway::start(Manners { login: Some((status, body.to_owned())), ..Manners::default() });
        let (code, said) = Program::connect(&gateway, &["--no-run"]).end();
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("not as a Deskgate gateway"), "{said}");
    }
}

#[test]
fn an_idle_client_uses_no_processor_time_and_little_memory() {
    let gateway = Gateway::start(Manners::default());
    let program = Program::connect(&gateway, &["--no-run"]);
    let mut stream = TcpStream::connect(program.door()).unwrap();
    echo(&mut stream, &vec![7; 100_000]);
    gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", program.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let (before, start) = (ticks(), Instant::now());
    until("five seconds", || (start.elapsed() > Duration::from_secs(5)).then_some(()));
    assert!(ticks() - before <= 2, "{} hundredths of a second in five idle seconds", ticks() - before);
    let status = fs::read_to_string(format!("/proc/{}/status", program.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let resident: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(resident < 40_000, "{line}");
}

#[test]
fn other_users_of_this_computer_do_not_get_in() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can be somebody else");
        return;
    }
    let gateway = Gateway::start(Manners::default());
    let program = Program::connect(&gateway, &["--no-run"]);
    let door = program.door();
    let knock = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{}; echo hello >&3; read -r -t 5 back <&3; echo \"got:$back\"",
        door.port()
    );
    let as_user = |user: u32| {
        let output = Command::new("bash").args(["-c", &knock]).uid(user).gid(user).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(as_user(65534), "got:\n");
    assert_eq!(as_user(0), "got:hello\n");
    assert!(program.home.path().exists());
}

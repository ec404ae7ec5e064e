//! What is said over the desktop as well, what is true of it later, and what is said where nothing shows it.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{
    desktop::Desktop,
    gateway::{Asked, Gateway, Manners},
    running::Program,
};

const SENTENCE: &str = "Warnings cannot be shown over your desktop.";
const NORMAL: u8 = 1;
const CRITICAL: u8 = 2;

fn warn(gateway: &Gateway, limit: &str, seconds: u32) {
    gateway.tell(&json!({ "event": "warning", "limit": limit, "seconds": seconds }));
}

/// A session on a computer whose desktop shows notifications.
fn at_work() -> (Gateway, Desktop, Program) {
    let gateway = Gateway::start(Manners::default());
    let home = tempfile::tempdir().unwrap();
    let desktop = Desktop::start(&home);
    let program = Program::connect_in(home, &gateway, &["--no-run"]);
    gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
    (gateway, desktop, program)
}

#[test]
fn the_gateways_warnings_stand_over_the_desktop_as_long_as_they_are_true() {
    let (gateway, desktop, mut program) = at_work();
    let away = |minutes| {
        format!("You seem to be away: the session closes in {minutes}. Move the mouse at your desktop to stay.")
    };

    // Each takes the place of the one before, which nobody has to click away.
    warn(&gateway, "idle", 300);
    let first = desktop.shows(CRITICAL, &away("5 minutes"));
    warn(&gateway, "idle", 120);
    assert_eq!(desktop.shows(CRITICAL, &away("2 minutes")), first);
    // Another end comes too, and one of them does not any more.
    warn(&gateway, "workstation_gone", 60);
    program.says("closes in 1 minute");
    let gone = program.said.iter().find(|line| line.contains("closes in 1 minute")).unwrap().clone();
    assert_eq!(desktop.shows(CRITICAL, &format!("{gone}\n{}", away("2 minutes"))), first);
    gateway.tell(&json!({ "event": "warning_lifted", "limit": "idle" }));
    assert_eq!(desktop.shows(CRITICAL, &format!("Welcome back: the session goes on.\n{gone}")), first);
    gateway.tell(&json!({ "event": "warning_lifted", "limit": "workstation_gone" }));
    assert_eq!(desktop.shows(NORMAL, "Your office computer answers: the session goes on."), first);

    // What was clicked away comes again when there is more to say.
    desktop.click_away();
    warn(&gateway, "idle", 300);
    assert_ne!(desktop.shows(CRITICAL, &away("5 minutes")), first);
    program.signal(Signal::SIGINT);
    let (code, said) = program.end();
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains(SENTENCE), "{said}");
    desktop.shows_nothing();
    let ours = ("Deskgate".to_owned(), "org.deskgate.Deskgate".to_owned(), false);
    assert!(desktop.from().iter().all(|from| *from == ours), "{:?}", desktop.from());
}

#[test]
fn nothing_is_left_over_the_desktop_of_a_session_that_the_gateway_ends() {
    let (gateway, desktop, mut program) = at_work();
    warn(&gateway, "longest_session", 60);
    program.says("1 minute");
    let sentence = program.said.iter().find(|line| line.contains("1 minute")).unwrap().clone();
    desktop.shows(CRITICAL, &sentence);
    // The office lets it last longer, and then not.
    gateway.tell(&json!({ "event": "end_moved", "seconds": 90_000 }));
    desktop.shows_nothing();
    warn(&gateway, "longest_session", 60);
    desktop.shows(CRITICAL, &sentence);
    gateway.tell(&json!({ "event": "closed", "reason": "longest_session" }));
    assert_eq!(program.end().0, 0);
    desktop.shows_nothing();
}

#[test]
fn that_nothing_shows_notifications_is_said_once_a_session() {
    // As in a login without a desktop, and as on a desktop without a service for them.
    for has_bus in [false, true] {
        let gateway = Gateway::start(Manners::default());
        let home = tempfile::tempdir().unwrap();
        let _desktop = has_bus.then(|| Desktop::without_service(&home));
        let mut program = Program::connect_in(home, &gateway, &["--no-run", "--json"]);
        gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
        warn(&gateway, "idle", 300);
        program.says(SENTENCE);
        warn(&gateway, "idle", 120);
        warn(&gateway, "idle", 60);
        program.says("closes in 1 minute");
        program.signal(Signal::SIGINT);
        let (code, said) = program.end();
        assert_eq!(code, 0, "{said}");
        assert_eq!(said.matches(SENTENCE).count(), 1, "{said}");
        let lines = program.stdout.iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
        let told: Vec<_> = lines.filter(|line| line["event"] == "no_notifications").collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0]["message"].as_str().unwrap().starts_with(SENTENCE), "{told:?}");
    }
}

//! What is said over the desktop as well, and what is said where nothing shows it.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{
    gateway::{Asked, Gateway, Manners},
    running::{Program, install},
};

const SENTENCE: &str = "Warnings cannot be shown over your desktop.";

fn warn(gateway: &Gateway, seconds: u32) {
    gateway.tell(&json!({ "event": "warning", "limit": "idle", "seconds": seconds }));
}

#[test]
fn the_gateways_warnings_are_shown_by_the_desktop_too() {
    let gateway = Gateway::start(Manners::default());
    let home = tempfile::tempdir().unwrap();
    install(&home, "notify-send", "echo \"$*\" >>\"$HOME/notified\"");
    let mut program = Program::connect_in(home, &gateway, &["--no-run"]);
    gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
    warn(&gateway, 120);
    gateway.tell(&json!({ "event": "warning_lifted", "limit": "idle" }));
    let notified = program.notified(2);
    for (urgency, sentence) in
        [("critical", "You seem to be away: the session closes in 2 minutes."), ("normal", "Welcome back")]
    {
        let line = format!("--app-name=deskgate --urgency={urgency} -- Deskgate {sentence}");
        assert!(notified.contains(&line), "{notified}");
    }
    program.signal(Signal::SIGINT);
    let (code, said) = program.end();
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains(SENTENCE), "{said}");
}

#[test]
fn that_nothing_shows_notifications_is_said_once_a_session() {
    // As where libnotify is missing, and where no service of the desktop is behind it.
    for notify_send in [None, Some("echo \"$*\" >>\"$HOME/notified\"; exit 1")] {
        let gateway = Gateway::start(Manners::default());
        let home = tempfile::tempdir().unwrap();
        if let Some(line) = notify_send {
            install(&home, "notify-send", line);
        }
        let mut program = Program::connect_alone(home, &gateway, &["--no-run", "--json"]);
        gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
        warn(&gateway, 300);
        program.says(SENTENCE);
        warn(&gateway, 120);
        if notify_send.is_some() {
            program.notified(2);
        }
        warn(&gateway, 60);
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

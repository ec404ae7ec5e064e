//! A session's sizes and times are recorded for trying the idle rule: of a test account, or of a worker who agreed a moment ago,
//! who sees it and can end it. Nothing else is recorded of anybody.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::Value;

use e2e::{
    client::Connect,
    gateway::{Gateway, Setup},
    netns::Process,
    rdp::{self, BLUE, Desktop},
    screen::Screen,
    wait,
    world::World,
};

fn record(gateway: &Gateway<'_>, number: &str) -> Process {
    gateway.begin(&["idle", "record", "--session", number, "--json"])
}

fn wait_begun(recording: &Process) {
    wait::until("the recording to begin", wait::SOON, || recording.stdout().contains("\"begun\"").then_some(()));
}

fn kinds(gateway: &Gateway<'_>, number: &str) -> Vec<String> {
    gateway.acts(number).into_iter().map(|(kind, _)| kind).collect()
}

/// The folder of the only recording that is kept.
fn only_folder(gateway: &Gateway<'_>) -> PathBuf {
    wait::until("one recording", wait::SOON, || {
        let traces = gateway.json(&["idle", "record", "--list", "--json"]);
        match traces.as_array().expect("a list").as_slice() {
            [trace] => trace["folder"].as_str().map(PathBuf::from),
            _ => None,
        }
    })
}

/// Of the connections of a recording: packets and bytes from home.
fn from_home(folder: &Path) -> (u64, u64) {
    let (mut packets, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder).expect("it is whole") {
        let path = entry.expect("our own folder").path();
        if path.extension().is_some_and(|kind| kind == "gz") {
            let unpacked = Command::new("zcat").arg(&path).output().expect("zcat is part of gzip");
            let text = String::from_utf8(unpacked.stdout).expect("lines of text");
            for row in text.lines().filter(|row| row.contains(",c2s,")) {
                packets += 1;
                bytes += row.split(',').nth(2).and_then(|length| length.parse::<u64>().ok()).expect("a length");
            }
        }
    }
    (packets, bytes)
}

#[test]
fn a_desktop_of_a_test_account_is_recorded_without_a_question_and_replayed() {
    let world = World::new();
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", "pw-desk", BLUE, "xterm -geometry 60x10+20+20");
    let gateway = Setup { test_accounts: vec!["m.rossi"], ..Setup::default() }.start(&world);
    let screen = Screen::start(&world.home);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let port = client.port();
    let number = gateway.held_session();
    let mut recording = record(&gateway, &number);
    wait_begun(&recording);
    client.wait_for_words("are being recorded");
    assert!(!client.said().contains("Do you agree"), "{}", client.said());

    let viewer = rdp::xfreerdp(&world.home, Screen::DISPLAY, crate::LOOPBACK, port, "m.rossi", "pw-desk");
    let mut viewer = world.home.spawn("viewer", viewer, "");
    screen.wait_for_about(BLUE);
    // Beyond a connection's first seconds, in which marks are not a person's.
    let begun = Instant::now();
    let long_enough = || (begun.elapsed() > Duration::from_secs(40)).then_some(());
    while wait::within(Duration::from_secs(3), long_enough).is_none() {
        screen.type_text("a");
    }
    viewer.stop();
    wait::until("the desktop to be let go", wait::SOON, || {
        (desktop.connections(&world.workstation) == 0).then_some(())
    });
    // The last packets of the connection have passed once nothing is counted any more.
    let shown = || gateway.json(&["session", "show", &number, "--json"]);
    let carried = wait::until("a quiet tunnel", wait::SOON, || {
        let before = shown()["packets_to_office"].clone();
        let is_more = || (shown()["packets_to_office"] != before).then_some(());
        wait::within(Duration::from_secs(2), is_more).is_none().then(shown)
    });
    recording.signal(Signal::SIGINT);
    let folder = only_folder(&gateway);
    let _ = recording.wait(wait::SOON);

    let meant = (carried["packets_to_office"].as_u64().unwrap(), carried["bytes_to_office"].as_u64().unwrap());
    assert_eq!(from_home(&folder), meant, "every packet, and none twice");
    let acts = gateway.acts(&number);
    let [(begun, by), (ended, why)] = acts.as_slice() else { panic!("{acts:?}") };
    assert_eq!((begun.as_str(), &by["by"]), ("trace_begun", &Value::from("test_account")));
    assert_eq!((ended.as_str(), &why["why"]), ("trace_ended", &Value::from("administrator")));

    let replayed = gateway.json(&["idle", "replay", folder.to_str().unwrap(), "--json"]);
    let traces: Vec<&Value> = replayed["traces"].as_array().unwrap().iter().collect();
    // The keys are seen. That a person pressed them nobody told the recording, so each window that has one counts as false.
    let seen = |trace: &&&Value| trace["false_windows"].as_u64() >= Some(2) && trace["unknown"] == false;
    assert_eq!(traces.iter().filter(seen).count(), 1, "{replayed}");
    assert_eq!(replayed["left_out"], serde_json::json!([]), "the cipher is known of every connection");

    let name = folder.file_name().unwrap().to_str().unwrap();
    gateway.command(&["idle", "record", "--delete", name]);
    assert!(!folder.exists());
    assert_eq!(kinds(&gateway, &number).last().map(String::as_str), Some("trace_deleted"));
}

#[test]
fn a_worker_is_asked_each_time_and_only_a_yes_typed_then_is_one() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let (mut client, mut keyboard) = Connect::new(&gateway, "m.rossi").start_at_terminal(&world);
    client.port();
    let number = gateway.held_session();
    // Typed before anybody asked.
    keyboard.type_line("y");
    client.wait_for_words("\ny");

    let mut recording = record(&gateway, &number);
    client.wait_for_words("Do you agree?");
    keyboard.type_line("no");
    assert_eq!(recording.wait(wait::SOON).code(), Some(1));
    assert!(recording.stderr().contains("the worker does not agree"), "{}", recording.stderr());
    client.wait_for_words("Nothing is recorded.");
    assert_eq!(kinds(&gateway, &number), ["trace_asked", "trace_refused"]);
    assert_eq!(gateway.command(&["idle", "record", "--list"]).trim(), "no recording is kept");
    let state = gateway.files().folder().join("state/traces");
    assert!(!state.exists() || fs::read_dir(&state).unwrap().next().is_none(), "nothing was written");

    let mut recording = record(&gateway, &number);
    wait::until("the question", wait::SOON, || (client.said().matches("Do you agree?").count() == 2).then_some(()));
    keyboard.agree(|| client.said().contains("are being recorded"));
    wait_begun(&recording);
    let other = gateway.begin(&["idle", "record", "--session", &number]).wait(wait::SOON);
    assert_eq!(other.code(), Some(1), "one at a time");
    keyboard.type_line("");
    client.wait_for_words("The recording is over.");
    assert_eq!(recording.wait(wait::SOON).code(), Some(0), "{}", recording.stderr());
    let ended: Value = serde_json::from_str(recording.stdout().lines().last().unwrap()).unwrap();
    assert_eq!(ended["why"], "worker");
    assert_eq!(only_folder(&gateway), Path::new(ended["folder"].as_str().unwrap()));
    let kinds = kinds(&gateway, &number);
    assert_eq!(kinds[2..], ["trace_asked", "trace_consented", "trace_begun", "trace_ended"]);
    assert_eq!(gateway.only_session(), number, "the session goes on");
}

#[test]
fn who_cannot_be_asked_is_not_recorded() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let number = gateway.held_session();
    let mut recording = record(&gateway, &number);
    assert_eq!(recording.wait(wait::SOON).code(), Some(1));
    client.wait_for_words("You could not be asked here");
    assert_eq!(kinds(&gateway, &number), ["trace_asked", "trace_refused"]);
}

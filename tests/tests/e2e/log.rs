//! Promise 9, recorded before it is true: the log tells each story in order, and shows if it was touched.

use e2e::{api, client::Connect, gateway::Setup, wait, world::World};
use nix::sys::signal::Signal;

#[test]
fn the_log_tells_a_session_from_login_to_close() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let _ = api::login(&world, &world.home, "m.rossi", "pw-wrong");
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    assert!(e2e::echo::greeting(&world.home, crate::LOOPBACK, client.port()).is_some());
    let number = gateway.only_session();
    client.signal(Signal::SIGTERM);
    client.wait(wait::SOON);
    gateway.close_reason(&number, wait::SOON);

    assert_eq!(gateway.story(&number), ["session_opened", "session_closed"]);
    let records = gateway.records();
    let kinds: Vec<_> = records.iter().filter_map(|record| record["kind"].as_str()).collect();
    assert_eq!(kinds, ["login_refused", "session_opened", "session_closed"]);
    let sequence: Vec<_> = records.iter().filter_map(|record| record["sequence"].as_u64()).collect();
    assert_eq!(sequence, [1, 2, 3]);
    assert!(gateway.command(&["log", "verify"]).contains('3'));
}

#[test]
fn a_name_that_matches_nobody_is_never_written_down() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let _ = api::login(&world, &world.home, "MyPassword!23", "whatever");
    assert_eq!(gateway.records().len(), 1, "the attempt itself is recorded");
    for (place, text) in [("log", gateway.log()), ("record", gateway.command(&["log", "show", "--json", "--names"]))] {
        assert!(!text.contains("MyPassword!23"), "the {place} holds it: {text}");
    }
}

#[test]
fn the_daemons_own_log_names_no_worker_and_no_password() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let number = gateway.only_session();
    client.signal(Signal::SIGTERM);
    client.wait(wait::SOON);
    gateway.close_reason(&number, wait::SOON);
    let log = gateway.log();
    assert!(log.contains(&number), "the session is told by its number: {log}");
    assert!(!log.contains("rossi") && !log.contains("pw-"), "{log}");
}

#[test]
fn an_altered_record_is_found() {
    let world = World::new();
    let mut gateway = Setup::default().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    client.signal(Signal::SIGTERM);
    client.wait(wait::SOON);
    gateway.assert_nothing_left();
    assert!(gateway.files().command(&world, &["log", "verify"], "").status.success());
    gateway.stop();
    gateway.tamper("UPDATE records SET kind = 'session_opened' WHERE kind = 'session_closed'");
    let verdict = gateway.files().command(&world, &["log", "verify"], "");
    assert!(!verdict.status.success(), "{}", String::from_utf8_lossy(&verdict.stdout));
}

#[test]
fn a_missing_record_is_found() {
    let world = World::new();
    let mut gateway = Setup::default().start(&world);
    for _ in 0..3 {
        let _ = api::login(&world, &world.home, "m.rossi", "pw-wrong");
    }
    gateway.stop();
    gateway.tamper("DELETE FROM records WHERE journal = 'workers' AND sequence = 2");
    let verdict = gateway.files().command(&world, &["log", "verify"], "");
    assert!(!verdict.status.success(), "{}", String::from_utf8_lossy(&verdict.stdout));
}

#[test]
fn a_crash_loses_no_record_of_a_session_that_was_open() {
    let world = World::new();
    let mut gateway = Setup::default().start(&world);
    let (session, _) = api::session(&world, &world.home, "m.rossi");
    gateway.kill();
    let files = gateway.files().clone();
    drop(gateway);
    let gateway = e2e::gateway::Gateway::start(&world, files);
    // It goes on, and since nobody comes for it, ends after its grace like any other.
    let number = session.number.to_string();
    assert_eq!(gateway.close_reason(&number, wait::SOON), "client_lost");
    assert_eq!(gateway.story(&number), ["session_opened", "session_resumed", "session_closed"]);
    gateway.assert_nothing_left();
    gateway.command(&["log", "verify"]);
}

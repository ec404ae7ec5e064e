//! `deskgate doctor` in the world: where everything is well, where UDP is blocked, and where the workstation is not there. What it finds in
//! a hotel stands in `hotel.rs`.

use e2e::{
    client::{self, Connect, exit},
    gateway::{CONTROL_PORT, Gateway, Setup},
    world::World,
};
use serde_json::Value;

use crate::waking::Sleeper;

fn doctor(world: &World, gateway: &Gateway<'_>, more: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
    client::doctor(&world.home, gateway, more)
}

#[track_caller]
pub(crate) fn assert_found(found: &[(String, String)], expected: &[&str]) {
    for line in expected {
        assert!(found.iter().any(|(found, _)| found == line), "no `{line}`: {found:#?}");
    }
}

pub(crate) const SIGN_IN: [&str; 4] = ["--sign-in", "--user", "m.rossi", "--password-stdin"];

#[test]
fn a_home_where_all_is_well_is_told_so_and_its_session_lasts_a_moment() {
    let world = World::new();
    let desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let (code, found) = doctor(&world, &gateway, &[]);
    let well =
        ["gateway good", "certificate good", "clock good", "protocol good", "udp skipped", "workstation skipped"];
    assert_found(&found, &well);
    assert_eq!(code, Some(0), "{found:#?}");
    assert!(gateway.records().is_empty(), "nobody signed in: {:?}", gateway.records());
    let (code, found) = doctor(&world, &gateway, &SIGN_IN);
    assert_found(&found, &["udp good", "workstation good", "door good", "folder good"]);
    assert_eq!(code, Some(0), "{found:#?}");
    assert_eq!(desk.visits(), 1, "it was knocked at once");
    assert_eq!(gateway.close_reasons(), ["worker_closed"]);
    gateway.assert_nothing_left();
}

#[test]
fn a_workstation_that_refuses_and_one_that_is_silent_are_told_apart() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let numbers = || {
        let opened = |record: &Value| record["kind"] == "session_opened";
        let numbers = |record: &Value| record["session"].as_str().expect("a number").to_owned();
        gateway.records().iter().filter(|record| opened(record)).map(numbers).collect::<Vec<_>>()
    };
    for (times, sentence) in [(1, "refuses the connection (port 3389)"), (2, "does not answer (port 3389)")] {
        let (code, found) = doctor(&world, &gateway, &SIGN_IN);
        assert_found(&found, &["udp good", "workstation bad", "door good"]);
        assert_eq!(code, Some(1), "{found:#?}");
        let numbers = numbers();
        assert_eq!((numbers.len(), gateway.close_reasons()), (times, vec!["worker_closed".to_owned(); times]));
        let said = |text: &str| found.iter().any(|(_, words)| words.contains(text));
        assert!(said(sentence) && said(&format!("the session's number is {}", numbers[times - 1])), "{found:#?}");
        world.workstation.ip("link set eth0 down");
    }
    gateway.assert_nothing_left();
}

#[test]
fn a_workstation_that_sleeps_is_told_to_have_been_woken() {
    let world = World::new();
    let sleeper = Sleeper::new(&world);
    let gateway = sleeper.setup().start(&world);
    std::thread::scope(|scope| {
        let found = scope.spawn(|| doctor(&world, &gateway, &SIGN_IN));
        sleeper.wake();
        let _desk = crate::desk(&world);
        let (code, found) = found.join().expect("it ends");
        assert_found(&found, &["udp good", "workstation good"]);
        assert!(found.iter().any(|(_, words)| words.contains("your office woke it, and after ")), "{found:#?}");
        assert_eq!(code, Some(0), "{found:#?}");
    });
    gateway.assert_nothing_left();
}

#[test]
fn blocked_ports_are_told_apart() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    crate::channel::block_udp(&world);
    let (code, found) = doctor(&world, &gateway, &SIGN_IN);
    assert_found(&found, &["udp note", "workstation good"]);
    assert_eq!(code, Some(0), "{found:#?}");
    world.internet.sh(&format!("nft add rule ip hotel pass tcp dport {CONTROL_PORT} reject with tcp reset"));
    let (code, found) = doctor(&world, &gateway, &[]);
    assert_found(&found, &["names good", "gateway bad", "certificate skipped"]);
    assert_eq!(code, Some(1), "{found:#?}");
    world.home.sh("ip route flush table main; ip -6 route flush table main");
    let (_, found) = doctor(&world, &gateway, &[]);
    assert!(found.iter().any(|(_, words)| words.contains("in no network")), "{found:#?}");
    let (code, said) = Connect::new(&gateway, "m.rossi").refused(&world.home);
    assert!(said.contains("in no network"), "the gateway's address is known, and leads nowhere: {said}");
    assert_eq!(code, exit::UNREACHABLE);
}

//! Pings pass where the grant has them: to the workstation, and back as often as home has asked.

mod world;

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use gateway_api::CloseReason;
use gateway_core::{Drop, Family, MOST_AWAITED, MOST_FLOWS};
use policy::Grant;
use world::{
    Client, Flags, World, grant, grant_with_pings,
    packets::{Ping, ping},
    tcp,
};

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
const SECOND: Duration = Duration::from_secs(1);

fn worlds() -> impl Iterator<Item = (World, Client)> {
    FAMILIES.into_iter().map(|family| {
        let mut world = World::of(family);
        let client = world.connect_with("m.rossi", 1, grant_with_pings());
        (world, client)
    })
}

fn question(client: &Client, identifier: u16) -> Vec<u8> {
    ping(client.address, client.workstation(), Ping::Question, identifier, b"are you there?")
}

fn answer(client: &Client, identifier: u16) -> Vec<u8> {
    ping(client.workstation(), client.address, Ping::Answer, identifier, b"are you there?")
}

/// Whether it passes to the office; as it is, if it does.
fn asks(world: &mut World, client: &mut Client, packet: &[u8]) -> bool {
    client.send(world, packet);
    let seen = world.take_office();
    assert!(seen.is_empty() || seen == [packet], "{seen:02x?}");
    !seen.is_empty()
}

/// Whether it comes home; as it is, but for padding.
fn comes_home(world: &mut World, client: &mut Client, packet: &[u8]) -> bool {
    world.office_sends(packet);
    let seen = client.take(world);
    assert!(seen.iter().all(|seen| seen.starts_with(packet)), "{seen:02x?}");
    !seen.is_empty()
}

/// Whether a question of this identifier passes.
fn ask(world: &mut World, client: &mut Client, identifier: u16) -> bool {
    let question = question(client, identifier);
    asks(world, client, &question)
}

/// Whether an answer of this identifier comes home.
fn hears(world: &mut World, client: &mut Client, identifier: u16) -> bool {
    let answer = answer(client, identifier);
    comes_home(world, client, &answer)
}

#[test]
fn a_question_reaches_the_workstation_and_its_answer_comes_back_once() {
    for (mut world, mut client) in worlds() {
        let (question, answer) = (question(&client, 7), answer(&client, 7));
        assert!(asks(&mut world, &mut client, &question));
        assert!(comes_home(&mut world, &mut client, &answer));
        assert!(!comes_home(&mut world, &mut client, &answer), "nobody asked twice");
        assert_eq!(world.dropped(Drop::NotAnAnswer), 1);
        for _ in 0..3 {
            assert!(asks(&mut world, &mut client, &question));
        }
        let came = (0..5).filter(|_| comes_home(&mut world, &mut client, &answer)).count();
        assert_eq!(came, 3, "one for each question");
    }
}

#[test]
fn an_answer_to_somebody_else_s_question_does_not_come() {
    for (mut world, mut client) in worlds() {
        let neighbour: IpAddr = if client.address.is_ipv4() { "10.20.3.48" } else { "fd20:3::48" }.parse().unwrap();
        assert!(ask(&mut world, &mut client, 7));
        let from_neighbour = ping(neighbour, client.address, Ping::Answer, 7, b"are you there?");
        for packet in [answer(&client, 8), from_neighbour] {
            assert!(!comes_home(&mut world, &mut client, &packet));
        }
        assert_eq!(world.dropped(Drop::NotAnAnswer), 2);
        assert!(hears(&mut world, &mut client, 7));
    }
}

#[test]
fn the_workstation_asks_nothing() {
    for (mut world, mut client) in worlds() {
        assert!(ask(&mut world, &mut client, 7));
        let its_own = ping(client.workstation(), client.address, Ping::Question, 7, b"and you?");
        assert!(!comes_home(&mut world, &mut client, &its_own));
        assert_eq!(world.dropped(Drop::NotAnAnswer), 1);
    }
}

#[test]
fn without_the_word_in_the_grant_nobody_is_asked() {
    for family in FAMILIES {
        let mut world = World::of(family);
        let mut client = world.connect("m.rossi", 1);
        assert!(!ask(&mut world, &mut client, 7));
        assert!(!hears(&mut world, &mut client, 7));
        assert_eq!((world.dropped(Drop::OtherProtocol), world.dropped(Drop::NotAnAnswer)), (1, 1));
    }
}

#[test]
fn nobody_but_the_workstation_is_asked_and_nobody_else_asks() {
    for (mut world, mut client) in worlds() {
        let (own, desk) = (client.address, client.workstation());
        let [neighbour, gateway, colleague] = match own {
            IpAddr::V4(_) => ["10.20.3.48", "100.96.0.1", "100.96.0.3"],
            IpAddr::V6(_) => ["fd20:3::48", "fd64::1", "fd64::3"],
        }
        .map(|text| text.parse::<IpAddr>().unwrap());
        let mut odd_code = question(&client, 7);
        let body = if own.is_ipv4() { 20 } else { 40 };
        odd_code[body + 1] = 1;
        odd_code[body + 3] = odd_code[body + 3].wrapping_sub(1);
        let mut wrong_sum = question(&client, 7);
        wrong_sum[body + 2] ^= 1;
        let cases = [
            (ping(own, neighbour, Ping::Question, 7, &[]), Drop::OtherHost),
            (ping(own, gateway, Ping::Question, 7, &[]), Drop::OtherHost),
            (ping(own, colleague, Ping::Question, 7, &[]), Drop::OtherHost),
            (ping(colleague, desk, Ping::Question, 7, &[]), Drop::SpoofedSource),
            (ping(own, desk, Ping::Answer, 7, &[]), Drop::OtherProtocol),
            (odd_code, Drop::OtherProtocol),
            (wrong_sum, Drop::OtherProtocol),
        ];
        for (packet, reason) in cases {
            let before = world.dropped(reason);
            assert!(!asks(&mut world, &mut client, &packet), "{reason:?} passed");
            assert_eq!(world.dropped(reason), before + 1, "{reason:?}: {:?}", world.gateway.counters());
        }
    }
    let mut world = World::of(Family::V6);
    let mut client = world.connect_with("m.rossi", 1, grant_with_pings());
    let by_the_other = ping(Ipv4Addr::new(100, 96, 0, 2), world::WORKSTATION, Ping::Question, 7, &[]);
    assert!(!asks(&mut world, &mut client, &by_the_other));
    assert_eq!(world.dropped(Drop::OtherFamily), 1);
}

#[test]
fn a_question_is_forgotten_after_a_while() {
    for (mut world, mut client) in worlds() {
        assert!(ask(&mut world, &mut client, 7));
        world.pass(29 * SECOND);
        assert_eq!(world.gateway.sessions(world.now)[0].flows, 1);
        world.pass(SECOND);
        assert_eq!(world.gateway.sessions(world.now)[0].flows, 0);
        assert!(!hears(&mut world, &mut client, 7));
    }
}

#[test]
fn what_was_never_answered_is_not_owed_without_end() {
    for (mut world, mut client) in worlds() {
        assert!((0..100).all(|_| ask(&mut world, &mut client, 7)));
        let came = (0..100).filter(|_| hears(&mut world, &mut client, 7)).count();
        assert_eq!(came, usize::from(MOST_AWAITED));
    }
}

#[test]
fn however_many_programs_ping_a_desktop_finds_room() {
    for (mut world, mut client) in worlds() {
        for identifier in 0..200 {
            assert!(ask(&mut world, &mut client, identifier));
            world.step_to(world.now.instant + Duration::from_millis(1));
        }
        assert_eq!(world.gateway.sessions(world.now)[0].flows, 8);
        let came: Vec<u16> = (0..200).filter(|identifier| hears(&mut world, &mut client, *identifier)).collect();
        assert_eq!(came, (192..200).collect::<Vec<_>>(), "the newest");
        for port in 0..MOST_FLOWS as u16 {
            let syn = tcp(client.address, 50_000 + port, client.workstation(), 3389, Flags::Syn, 1, &[]);
            assert!(asks(&mut world, &mut client, &syn), "connection {port}");
        }
        assert!(!ask(&mut world, &mut client, 7), "no ping takes a connection's place");
        assert_eq!(world.dropped(Drop::TooManyFlows), 1);
    }
}

#[test]
fn a_grant_without_the_word_ends_pings_at_once() {
    for (mut world, mut client) in worlds() {
        assert!(ask(&mut world, &mut client, 7));
        assert!(world.change_grant(client.number, grant()));
        assert!(!hears(&mut world, &mut client, 7));
        assert!(!ask(&mut world, &mut client, 7));
        assert!(world.change_grant(client.number, grant_with_pings()));
        assert!(ask(&mut world, &mut client, 7));
        assert!(hears(&mut world, &mut client, 7));
    }
}

#[test]
fn after_a_restart_who_pings_asks_again() {
    for (mut world, mut client) in worlds() {
        client.open_flow(&mut world);
        assert!(ask(&mut world, &mut client, 7));
        world.pass(2 * SECOND);
        assert_eq!(world.restart(true), []);
        assert_eq!(world.gateway.sessions(world.now)[0].flows, 1, "the desktop's alone");
        client.forget_tunnel();
        client.handshake(&mut world);
        assert!(!hears(&mut world, &mut client, 7));
        assert!(ask(&mut world, &mut client, 7));
        assert!(hears(&mut world, &mut client, 7));
    }
}

#[test]
fn a_ping_is_no_person_and_no_use_of_the_workstation() {
    let minute = 60 * SECOND;
    for (limits, reason) in [
        (Grant { idle: 5 * minute, ..grant_with_pings() }, CloseReason::Idle),
        (Grant { unused: 5 * minute, ..grant_with_pings() }, CloseReason::NeverUsed),
    ] {
        let mut world = World::new();
        let mut client = world.connect_with("m.rossi", 1, limits);
        for _ in 0..5 * 6 {
            assert_eq!(world.closed(), []);
            let (question, answer) = (question(&client, 7), answer(&client, 7));
            assert!(asks(&mut world, &mut client, &question));
            assert!(comes_home(&mut world, &mut client, &answer));
            world.pass(10 * SECOND);
        }
        assert_eq!(world.closed(), [reason]);
    }
}

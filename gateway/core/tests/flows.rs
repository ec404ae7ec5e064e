//! How many flows a session may have, and how long each is remembered: afterwards nothing is an answer to it.

mod world;

use std::time::Duration;

use gateway_core::{Drop, Family};
use world::{Flags, WORKSTATION, World, grant, tcp, udp};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_udp_answer_returns_and_is_forgotten_after_three_minutes() {
    for family in [Family::V4, Family::V6] {
        let mut world = World::of(family);
        let mut client = world.connect("m.rossi", 1);
        client.send(&mut world, &udp(client.address, 40000, client.workstation(), 3390, b"ping"));
        let answer = udp(client.workstation(), 3390, client.address, 40000, b"pong");
        world.office_sends(&answer);
        assert_eq!(client.take(&mut world), std::slice::from_ref(&answer));
        world.pass(3 * MINUTE);
        world.office_sends(&answer);
        assert_eq!(world.dropped(Drop::NotAnAnswer), 1);
    }
}

/// Whether the workstation's answer passes so long after the last packet of a flow that home began and went on with by `then`.
fn is_answered_after(span: Duration, then: &[Flags]) -> bool {
    let mut world = World::new();
    let mut grant = grant();
    grant.idle = 24 * 60 * MINUTE;
    let mut client = world.connect_with("m.rossi", 1, grant);
    if then.is_empty() {
        client.send(&mut world, &client.tcp(Flags::Syn, 999, &[]));
    } else {
        client.open_flow(&mut world);
    }
    for flags in then {
        client.send(&mut world, &client.tcp(*flags, 1000, &[]));
    }
    world.pass(span);
    let answer = client.tcp_back(if then.is_empty() { Flags::SynAck } else { Flags::Ack }, 4999, &[]);
    client.take(&mut world);
    world.office_sends(&answer);
    let passed = client.take(&mut world) == [answer];
    assert_eq!(world.dropped(Drop::NotAnAnswer), u64::from(!passed));
    passed
}

#[test]
fn a_tcp_flow_is_forgotten_after_30_seconds_while_it_opens_4_hours_while_it_is_open_and_20_seconds_after_its_end() {
    for (then, span) in [
        (&[][..], 30 * SECOND),
        (&[Flags::Ack], 4 * 60 * MINUTE),
        (&[Flags::Reset], 20 * SECOND),
        // Its end is said by both.
        (&[Flags::Fin], 4 * 60 * MINUTE),
    ] {
        assert!(is_answered_after(span - SECOND, then), "{then:?}");
        assert!(!is_answered_after(span, then), "{then:?}");
    }
}

#[test]
fn a_session_has_so_many_flows_and_no_more_and_room_again_when_one_ends() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    let from = |port| tcp(client.address, port, WORKSTATION, 3389, Flags::Syn, 1, &[]);
    let reset = tcp(client.address, 40000, WORKSTATION, 3389, Flags::Reset, 2, &[]);
    let packets: Vec<_> = (0..=gateway_core::MOST_FLOWS as u16).map(|n| from(40000 + n)).collect();
    for packet in &packets {
        client.send(&mut world, packet);
    }
    assert_eq!(world.dropped(Drop::TooManyFlows), 1);
    client.send(&mut world, &reset);
    client.send(&mut world, &packets[gateway_core::MOST_FLOWS]);
    assert_eq!(world.dropped(Drop::TooManyFlows), 1);
}

//! A session whose workstation never answers, or stops answering, has an end; one that merely rests has none of these.

mod world;

use std::time::Duration;

use gateway_api::{CloseReason, session::Limit};
use gateway_core::Event;
use policy::Grant;
use world::{Client, Flags, WORKSTATION, World, grant, udp};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Five minutes of waiting for the workstation, and nothing else that would end the session.
fn waiting() -> Grant {
    Grant { idle: 600 * MINUTE, unused: 5 * MINUTE, unanswered: 5 * MINUTE, ..grant() }
}

fn at_work() -> (World, Client) {
    let mut world = World::new();
    let mut client = world.connect_with("m.rossi", 1, waiting());
    client.open_flow(&mut world);
    (world, client)
}

/// What was told: warnings with the seconds left, warnings lifted (no seconds), and the end.
fn told(world: &mut World) -> Vec<(Option<Limit>, Option<u64>, Option<CloseReason>)> {
    world.drain();
    let told = |event| match event {
        Event::Warning { limit, left, .. } => Some((Some(limit), Some(left.as_secs()), None)),
        Event::WarningLifted { limit, .. } => Some((Some(limit), None, None)),
        Event::Closed { reason, .. } => Some((None, None, Some(reason))),
        Event::Handshaken { .. } | Event::Traced { .. } | Event::Moved { .. } => None,
    };
    world.events.drain(..).filter_map(told).collect()
}

/// Lets time pass; home sends `packet` at the end of each step.
fn asks(world: &mut World, client: &mut Client, step: Duration, times: usize, packet: &[u8]) {
    for _ in 0..times {
        world.pass(step);
        client.send(world, packet);
    }
}

#[test]
fn a_session_that_never_reaches_its_workstation_is_warned_and_ended() {
    let mut world = World::new();
    let mut client = world.connect_with("m.rossi", 1, waiting());
    let syn = client.tcp(Flags::Syn, 999, &[]);
    asks(&mut world, &mut client, MINUTE, 4, &syn);
    assert_eq!(told(&mut world), []);
    world.pass(31 * SECOND);
    assert_eq!(told(&mut world), [(Some(Limit::NeverUsed), Some(30), None)]);
    world.pass(28 * SECOND);
    assert_eq!(told(&mut world), []);
    world.pass(SECOND);
    assert_eq!(told(&mut world), [(None, None, Some(CloseReason::NeverUsed))]);
}

#[test]
fn a_workstation_that_refuses_was_not_used() {
    let mut world = World::new();
    let mut client = world.connect_with("m.rossi", 1, waiting());
    client.send(&mut world, &client.tcp(Flags::Syn, 999, &[]));
    world.office_sends(&client.tcp_back(Flags::Reset, 0, &[]));
    world.pass(5 * MINUTE);
    assert_eq!(told(&mut world).last(), Some(&(None, None, Some(CloseReason::NeverUsed))));
}

#[test]
fn an_answer_in_the_last_moment_lifts_the_warning() {
    let mut world = World::new();
    let mut client = world.connect_with("m.rossi", 1, waiting());
    world.pass(5 * MINUTE - SECOND);
    assert_eq!(told(&mut world), [(Some(Limit::NeverUsed), Some(30), None)]);
    client.open_flow(&mut world);
    assert_eq!(told(&mut world), [(Some(Limit::NeverUsed), None, None)]);
    world.pass(60 * MINUTE);
    assert_eq!(told(&mut world), []);
}

#[test]
fn a_workstation_that_slept_is_waited_for_anew_once_it_is_awake() {
    let mut world = World::new();
    let client = world.connect_with("m.rossi", 1, waiting());
    world.pass(5 * MINUTE - SECOND);
    assert_eq!(told(&mut world), [(Some(Limit::NeverUsed), Some(30), None)]);
    assert!(world.gateway.wait_anew(client.number, world.now));
    assert_eq!(told(&mut world), [(Some(Limit::NeverUsed), None, None)]);
    world.pass(5 * MINUTE - SECOND);
    assert_eq!(told(&mut world), [(Some(Limit::NeverUsed), Some(30), None)]);
    world.pass(SECOND);
    assert_eq!(told(&mut world), [(None, None, Some(CloseReason::NeverUsed))]);
    assert!(!world.gateway.wait_anew(client.number, world.now));
}

#[test]
fn while_a_workstation_wakes_nobody_becomes_idle() {
    let mut world = World::new();
    let idle = Grant { idle: 5 * MINUTE, unused: 60 * MINUTE, ..waiting() };
    let client = world.connect_with("m.rossi", 1, idle);
    world.pass(5 * MINUTE - SECOND);
    assert_eq!(told(&mut world).last(), Some(&(Some(Limit::Idle), Some(30), None)));
    assert!(world.gateway.wait_anew(client.number, world.now));
    assert_eq!(told(&mut world), [(Some(Limit::Idle), None, None)]);
    world.pass(5 * MINUTE - 31 * SECOND);
    assert_eq!(told(&mut world).iter().filter(|(limit, ..)| *limit != Some(Limit::Idle)).count(), 0);
    world.pass(31 * SECOND);
    assert_eq!(told(&mut world).last(), Some(&(None, None, Some(CloseReason::Idle))));
}

#[test]
fn a_workstation_that_is_used_is_not_waited_for_anew() {
    let (mut world, client) = at_work();
    assert!(world.gateway.wait_anew(client.number, world.now));
    world.pass(60 * MINUTE);
    assert_eq!(told(&mut world), []);
}

#[test]
fn who_only_reads_is_never_without_an_answer() {
    let (mut world, mut client) = at_work();
    let seen = client.tcp(Flags::Ack, 1000, &[]);
    asks(&mut world, &mut client, MINUTE, 20, &seen);
    world.pass(60 * MINUTE);
    assert_eq!(told(&mut world), []);
}

#[test]
fn datagrams_need_no_answer() {
    let (mut world, mut client) = at_work();
    let datagram = udp(client.address, 50000, WORKSTATION, 3390, b"picture seen");
    asks(&mut world, &mut client, MINUTE, 20, &datagram);
    assert_eq!(told(&mut world), []);
}

#[test]
fn a_workstation_that_stops_answering_ends_the_session_after_a_warning() {
    let (mut world, mut client) = at_work();
    world.pass(60 * MINUTE);
    let typed = client.tcp(Flags::Push, 1000, b"x");
    client.send(&mut world, &typed);
    asks(&mut world, &mut client, MINUTE, 4, &typed);
    assert_eq!(told(&mut world), []);
    world.pass(30 * SECOND);
    assert_eq!(told(&mut world), [(Some(Limit::WorkstationGone), Some(30), None)]);
    world.pass(30 * SECOND);
    assert_eq!(told(&mut world), [(None, None, Some(CloseReason::WorkstationGone))]);
}

#[test]
fn a_workstation_that_answers_once_and_never_again_is_not_waited_for_longer() {
    let mut world = World::new();
    let mut client = world.connect_with("m.rossi", 1, Grant { unused: 60 * MINUTE, ..waiting() });
    world.pass(MINUTE);
    client.open_flow(&mut world);
    client.send(&mut world, &client.tcp(Flags::Push, 1000, b"x"));
    let typed = client.tcp(Flags::Push, 1000, b"x");
    asks(&mut world, &mut client, MINUTE, 4, &typed);
    world.pass(MINUTE);
    let ended = [(Some(Limit::WorkstationGone), Some(30), None), (None, None, Some(CloseReason::WorkstationGone))];
    assert_eq!(told(&mut world), ended);
}

#[test]
fn a_workstation_that_restarts_in_time_ends_nothing() {
    let (mut world, mut client) = at_work();
    let typed = client.tcp(Flags::Push, 1000, b"x");
    for answer in [client.tcp_back(Flags::Reset, 5000, &[]), client.tcp_back(Flags::SynAck, 4999, &[])] {
        let ask = if answer[33] & 2 == 0 { typed.clone() } else { client.tcp(Flags::Syn, 999, &[]) };
        asks(&mut world, &mut client, 2 * MINUTE, 3, &ask);
        world.pass(45 * SECOND);
        assert_eq!(told(&mut world), [(Some(Limit::WorkstationGone), Some(30), None)]);
        client.send(&mut world, &ask);
        world.office_sends(&answer);
        assert_eq!(told(&mut world), [(Some(Limit::WorkstationGone), None, None)]);
    }
    world.pass(60 * MINUTE);
    assert_eq!(told(&mut world), []);
}

#[test]
fn who_gave_up_asking_is_not_ended_and_asks_anew_later() {
    let (mut world, mut client) = at_work();
    let typed = client.tcp(Flags::Push, 1000, b"x");
    asks(&mut world, &mut client, 50 * SECOND, 2, &typed);
    world.pass(20 * MINUTE);
    assert_eq!(told(&mut world), []);
    asks(&mut world, &mut client, MINUTE, 5, &typed);
    assert_eq!(told(&mut world), [], "the time before does not count");
    world.pass(MINUTE);
    assert_eq!(told(&mut world).last(), Some(&(None, None, Some(CloseReason::WorkstationGone))));
}

#[test]
fn over_a_restart_a_used_session_stays_used_and_an_unused_one_waits_anew() {
    for in_order in [true, false] {
        let mut world = World::new();
        let mut used = world.connect_with("m.rossi", 1, waiting());
        used.send(&mut world, &used.tcp(Flags::Syn, 999, &[]));
        // The flow is kept before it is answered.
        world.pass(5 * SECOND);
        world.office_sends(&used.tcp_back(Flags::SynAck, 4999, &[]));
        world.pass(2 * SECOND);
        world.connect_with("g.verdi", 2, waiting());
        world.pass(4 * MINUTE);
        assert_eq!(world.restart(in_order), []);
        for number in world.gateway.sessions(world.now).iter().map(|view| view.number).collect::<Vec<_>>() {
            assert!(world.gateway.handle_channel(number, true, world.now));
        }
        world.pass(4 * MINUTE);
        assert_eq!(told(&mut world), []);
        world.pass(MINUTE);
        let ended = [(Some(Limit::NeverUsed), Some(30), None), (None, None, Some(CloseReason::NeverUsed))];
        assert_eq!(told(&mut world), ended);
        let left: Vec<_> = world.gateway.sessions(world.now).iter().map(|view| view.number).collect();
        assert_eq!(left, [used.number]);
        world.pass(60 * MINUTE);
        assert_eq!(told(&mut world), []);
    }
}

#[test]
fn a_changed_grant_changes_how_long_is_waited() {
    for (changed, expected) in [(2, 2), (10, 10)] {
        let mut world = World::new();
        let client = world.connect_with("m.rossi", 1, waiting());
        world.pass(MINUTE);
        let grant = Grant { unused: changed * MINUTE, ..waiting() };
        assert!(world.gateway.change_grant(client.number, grant, world.now));
        world.pass((expected - 1) * MINUTE - SECOND);
        assert_eq!(told(&mut world), [(Some(Limit::NeverUsed), Some(30), None)]);
        world.pass(SECOND);
        assert_eq!(told(&mut world), [(None, None, Some(CloseReason::NeverUsed))]);
    }
}

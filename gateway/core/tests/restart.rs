//! A restart cuts nobody: what was kept of a session is enough for it to go on, and for nobody to replay its past.

mod world;

use std::time::Duration;

use gateway_api::CloseReason;
use gateway_core::{Drop, Event, Family, NotRestored, Phase};
use world::{Client, Flags, World, grant};

const SECOND: Duration = Duration::from_secs(1);

/// Takes what came for the client and passes its answers on, until both are done.
fn settle(world: &mut World, client: &mut Client) -> Vec<Vec<u8>> {
    (0..4).flat_map(|_| client.take(world)).collect()
}

/// A worker at work, the gateway restarted under them.
fn restarted(in_order: bool) -> (World, Client) {
    restarted_of(Family::V4, in_order)
}

fn restarted_of(family: Family, in_order: bool) -> (World, Client) {
    let mut world = World::of(family);
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    world.pass(2 * SECOND);
    assert_eq!(world.restart(in_order), []);
    (world, client)
}

#[test]
fn the_gateway_calls_by_itself_and_both_sides_of_a_flow_go_on() {
    for (family, in_order) in [(Family::V4, true), (Family::V4, false), (Family::V6, true), (Family::V6, false)] {
        let (mut world, mut client) = restarted_of(family, in_order);
        let view = &world.gateway.sessions(world.now)[0];
        assert_eq!((view.phase, view.number, view.address), (Phase::Away, client.number, client.address));
        world.pass(Duration::from_millis(300));
        assert_eq!(settle(&mut world, &mut client), Vec::<Vec<u8>>::new());
        // The screen first: whoever only looks sends nothing.
        let screen = client.tcp_back(Flags::Push, 5000, b"desktop");
        world.office_sends(&screen);
        assert_eq!(client.take(&mut world), [screen]);
        client.send(&mut world, &client.tcp(Flags::Push, 1000, b"hello"));
        assert_eq!(world.take_office(), [client.tcp(Flags::Push, 1000, b"hello")]);
        assert_eq!(world.gateway.counters().drops.total(), 0);
    }
}

#[test]
fn a_flow_that_began_too_late_to_be_kept_is_taken_up_when_home_goes_on() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    assert_eq!(world.restart(false), []);
    client.handshake(&mut world);
    world.office_sends(&client.tcp_back(Flags::Push, 5000, b"desktop"));
    assert_eq!(client.take(&mut world), Vec::<Vec<u8>>::new());
    assert_eq!(world.dropped(Drop::NotAnAnswer), 1, "the workstation opens nothing");
    client.send(&mut world, &client.tcp(Flags::Ack, 1000, &[]));
    assert_eq!(world.take_office().len(), 1);
    let screen = client.tcp_back(Flags::Push, 5000, b"desktop");
    world.office_sends(&screen);
    assert_eq!(client.take(&mut world), [screen]);
}

#[test]
fn a_session_that_was_not_restarted_takes_up_no_flow_in_the_middle() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.send(&mut world, &client.tcp(Flags::Ack, 1000, &[]));
    assert_eq!(world.dropped(Drop::NoFlow), 1);
}

#[test]
fn an_initiation_from_before_the_restart_is_not_taken_again() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    let (earlier, last) = (client.initiation(), client.initiation());
    world.gateway.handle_datagram(client.from, &last, world.now);
    world.drain();
    assert_eq!(world.restart(false), []);
    for replayed in [&earlier, &last] {
        world.gateway.handle_datagram(client.from, replayed, world.now);
    }
    assert_eq!((world.gateway.counters().handshakes, world.dropped(Drop::BadHandshake)), (0, 2));
    client.handshake(&mut world);
}

#[test]
fn an_initiation_is_answered_only_once_it_is_kept() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    world.home.clear();
    let (first, second) = (client.initiation(), client.initiation());
    for initiation in [&first, &second] {
        world.gateway.handle_datagram(client.from, initiation, world.now);
    }
    assert!(world.gateway.poll_transmit().is_none());
    world.gateway.release_answer(client.number, first[..].try_into().unwrap());
    assert!(world.gateway.poll_transmit().is_none(), "the answer to a later one waits for that");
    world.gateway.release_answer(client.number, second[..].try_into().unwrap());
    assert!(world.gateway.poll_transmit().is_some());
    assert!(world.gateway.poll_transmit().is_none());
}

#[test]
fn a_client_that_does_not_hear_the_first_call_hears_another() {
    let (mut world, mut client) = restarted(false);
    world.pass(Duration::from_millis(100));
    assert_eq!(world.home.len(), 1);
    world.home.clear();
    world.pass(3 * SECOND);
    settle(&mut world, &mut client);
    world.office_sends(&client.tcp_back(Flags::Push, 5000, b"desktop"));
    assert_eq!(client.take(&mut world).len(), 1);
}

#[test]
fn limits_hold_over_a_restart() {
    let (mut world, client) = restarted(true);
    world.pass(31 * SECOND);
    let closed = |world: &World| match world.events.as_slice() {
        [Event::Closed { reason, .. }] => Some(*reason),
        _ => None,
    };
    assert_eq!(closed(&world), Some(CloseReason::ClientLost), "the grace began anew and nobody came back");

    let (mut world, _) = restarted(true);
    assert!(world.gateway.handle_channel(client.number, true, world.now));
    world.pass(601 * SECOND);
    assert!(matches!(world.events.last(), Some(Event::Closed { reason: CloseReason::Idle, .. })), "{:?}", world.events);
}

#[test]
fn a_grant_that_ended_meanwhile_and_an_address_that_is_gone_are_told() {
    let mut world = World::new();
    let short = policy::Grant { ends_at: world.now.wall + 10 * SECOND, ..grant() };
    let client = world.connect_with("m.rossi", 1, short);
    world.drain();
    world.gateway.leave(world.now);
    world.drain();
    world.now.wall += 60 * SECOND;
    assert_eq!(world.restart(false), [(client.number, NotRestored::Over(CloseReason::AgreementEnded))]);
    assert_eq!(world.gateway.sessions(world.now).len(), 0);

    let (mut world, client) = restarted(false);
    assert_eq!(world.restore(&[client.number]), [(client.number, NotRestored::Taken)]);
}

#[test]
fn an_end_after_a_restart_disconnects_both_sides() {
    let (mut world, mut client) = restarted(false);
    world.pass(Duration::from_millis(300));
    settle(&mut world, &mut client);
    world.office_sends(&client.tcp_back(Flags::Push, 5000, b"desktop"));
    client.take(&mut world);
    assert!(world.gateway.close_session(client.number, CloseReason::Administrator));
    let resets = world.take_office();
    assert!(resets.iter().any(|reset| reset[24..28] == 1000u32.to_be_bytes()), "at the number that is awaited");
    let [home] = &client.take(&mut world)[..] else { panic!("one reset for home") };
    assert_eq!(home[24..28], 5007u32.to_be_bytes());
}

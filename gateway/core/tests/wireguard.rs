//! What `peer.rs` lists of boringtun, met: each of its habits that a promise would break by has a test here, or where the
//! promise has one.

mod world;

use std::time::Duration;

use gateway_core::Drop;
use world::{Client, Flags, World};

/// A session taken up after a restart: the flow to its desktop is known, keys are not yet there.
fn without_keys() -> (World, Client) {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    assert_eq!(world.restart(true), []);
    (world, client)
}

#[test]
fn while_a_client_has_no_keys_its_answers_are_dropped_and_begin_no_handshake() {
    let (mut world, client) = without_keys();
    for n in 0..300 {
        world.office_sends(&client.tcp_back(Flags::Push, 5000 + n, b"x"));
    }
    world.drain();
    assert_eq!(world.dropped(Drop::NotConnected), 300);
    assert_eq!(world.home, [], "the gateway began a handshake by itself");
}

#[test]
fn of_what_was_dropped_without_keys_nothing_comes_later() {
    let (mut world, mut client) = without_keys();
    world.office_sends(&client.tcp_back(Flags::Push, 5000, b"stale"));
    client.handshake(&mut world);
    let screen = client.tcp_back(Flags::Push, 5000, b"desktop");
    world.office_sends(&screen);
    assert_eq!(client.take(&mut world), [screen]);
    assert_eq!(world.dropped(Drop::NotConnected), 1);
}

#[test]
fn a_keepalive_holds_nothing_and_reaches_nobody() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    let empty = world.gateway.counters().empty;
    client.send(&mut world, &[]);
    assert_eq!(world.gateway.counters().empty, empty + 1);
    assert_eq!(world.gateway.counters().drops.total(), 0);
    assert!(world.take_office().is_empty() && client.take(&mut world).is_empty());
}

#[test]
fn a_packet_that_says_it_has_no_length_is_dropped() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    let mut packet = client.tcp(Flags::Syn, 999, &[]);
    packet[2..4].fill(0);
    client.send(&mut world, &packet);
    assert_eq!(world.dropped(Drop::Malformed), 1, "boringtun hands over an empty packet");
    assert!(world.take_office().is_empty());
}

#[test]
fn while_keys_are_renewed_nothing_under_way_is_lost() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    let (key, screen) = (client.tcp(Flags::Push, 1000, b"key"), client.tcp_back(Flags::Push, 5000, b"screen"));
    let (sealed, initiation) = (client.seal(&key), client.initiation());
    world.office_sends(&screen);
    client.pass(&mut world, &initiation);
    // What was sealed with the keys that were there comes behind the handshake, either way.
    client.pass(&mut world, &sealed);
    world.office_sends(&screen);
    assert_eq!(world.take_office(), std::slice::from_ref(&key));
    assert_eq!(client.take(&mut world), [screen.clone(), screen.clone()]);
    // And with the new ones it goes on, for as long as the first ones are over.
    client.send(&mut world, &key);
    world.pass(Duration::from_secs(1));
    world.office_sends(&screen);
    assert_eq!(client.take(&mut world), [screen]);
    assert_eq!(world.take_office(), [key]);
    assert_eq!(world.gateway.counters().drops.total(), 0);
}

//! What went home while nothing came from there goes again once something does, by the way that it came.

mod world;

use std::{net::SocketAddr, time::Duration};

use gateway_core::Way;
use world::{Client, Flags, WORKSTATION, World, tcp, udp};

const LONG: Duration = Duration::from_millis(1100);

fn at_work() -> (World, Client) {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    (world, client)
}

/// A packet of the workstation's that goes home; whoever is there does not get it.
fn lost(world: &mut World, packet: &[u8]) {
    world.office_sends(packet);
    world.drain();
    world.home.clear();
}

/// The client says something that carries nothing.
fn speak(world: &mut World, client: &mut Client) {
    let word = client.seal(&[]);
    client.pass(world, &word);
}

#[test]
fn a_way_that_changes_carries_the_newest_of_what_the_old_one_lost() {
    let (mut world, mut client) = at_work();
    lost(&mut world, &client.tcp_back(Flags::Push, 5000, &[1; 1000]));
    lost(&mut world, &client.tcp_back(Flags::Push, 6000, &[2; 1000]));
    world.pass(LONG);
    // TCP repeats what comes first, again and again.
    let first = client.tcp_back(Flags::Push, 5000, &[1; 1000]);
    lost(&mut world, &first);
    world.pass(LONG);
    lost(&mut world, &first);
    client.by_channel = true;
    speak(&mut world, &mut client);
    assert_eq!(client.take(&mut world), [first], "once, and sealed afresh");
    speak(&mut world, &mut client);
    assert_eq!(client.take(&mut world), Vec::<Vec<u8>>::new());
    assert_eq!(world.gateway.counters().drops.total(), 0);
}

#[test]
fn the_same_way_carries_it_too_when_it_works_again() {
    let (mut world, mut client) = at_work();
    lost(&mut world, &client.tcp_back(Flags::Push, 5000, &[1; 1000]));
    world.pass(10 * LONG);
    let first = client.tcp_back(Flags::Push, 5000, &[1; 1000]);
    lost(&mut world, &first);
    speak(&mut world, &mut client);
    assert_eq!(client.take(&mut world), [first]);
}

#[test]
fn who_answers_gets_nothing_twice() {
    let (mut world, mut client) = at_work();
    for sequence in 0..100 {
        let packet = client.tcp_back(Flags::Push, 5000 + sequence, &[1; 1000]);
        world.office_sends(&packet);
        assert_eq!(client.take(&mut world), [packet]);
        let answer = client.tcp(Flags::Ack, 1000, &[]);
        client.send(&mut world, &answer);
        assert_eq!(client.take(&mut world), Vec::<Vec<u8>>::new());
        world.pass(Duration::from_millis(100));
    }
}

#[test]
fn only_what_a_connection_waits_for_is_kept_and_of_few_connections() {
    let (mut world, mut client) = at_work();
    for port in 50001..50010 {
        let syn = tcp(client.address, port, WORKSTATION, 3389, Flags::Syn, 999, &[]);
        client.send(&mut world, &syn);
        let answer = tcp(WORKSTATION, 3389, client.address, port, Flags::SynAck, 4999, &[]);
        world.office_sends(&answer);
        client.take(&mut world);
    }
    let datagram = udp(client.address, 50100, WORKSTATION, 3390, &[1; 100]);
    client.send(&mut world, &datagram);
    world.drain();
    lost(&mut world, &client.tcp_back(Flags::Ack, 5000, &[]));
    world.pass(LONG);
    lost(&mut world, &client.tcp_back(Flags::Ack, 5000, &[]));
    lost(&mut world, &udp(WORKSTATION, 3390, client.address, 50100, &[1; 100]));
    speak(&mut world, &mut client);
    assert_eq!(client.take(&mut world), Vec::<Vec<u8>>::new());

    lost(&mut world, &client.tcp_back(Flags::Ack, 5000, &[]));
    world.pass(LONG);
    let kept: Vec<_> = (50001..50010)
        .map(|port| tcp(WORKSTATION, 3389, client.address, port, Flags::Push, 5000, &[1; 1000]))
        .collect();
    kept.iter().for_each(|packet| lost(&mut world, packet));
    speak(&mut world, &mut client);
    assert_eq!(client.take(&mut world), kept[..4]);
}

#[test]
fn who_only_looks_is_called_by_the_channel() {
    let (mut world, mut client) = at_work();
    lost(&mut world, &client.tcp_back(Flags::Push, 5000, &[1; 1000]));
    world.pass(LONG);
    let first = client.tcp_back(Flags::Push, 5000, &[1; 1000]);
    world.office_sends(&first);
    world.drain();
    let ways: Vec<_> = world.home.iter().map(|(to, _)| *to).collect();
    assert_eq!(ways, [client.way(), Way::Channel(client.number)]);
    client.by_channel = true;
    assert_eq!(client.take(&mut world), [first]);

    // Without a channel there is nothing to call by.
    client.by_channel = false;
    assert!(world.gateway.handle_channel(client.number, false, world.now));
    world.home.clear();
    world.office_sends(&client.tcp_back(Flags::Push, 5000, &[1; 1000]));
    world.drain();
    assert_eq!(world.home.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [client.way()]);
}

#[test]
fn a_copier_makes_nothing_go_to_him_that_would_not_anyway() {
    let (mut world, mut client) = at_work();
    let stranger = SocketAddr::from(([198, 51, 100, 1], 50000));
    lost(&mut world, &client.tcp_back(Flags::Push, 5000, &[1; 1000]));
    world.pass(LONG);
    let first = client.tcp_back(Flags::Push, 5000, &[1; 1000]);
    lost(&mut world, &first);
    let word = client.seal(&[]);
    world.gateway.handle_datagram(stranger, &word, world.now);
    world.gateway.handle_datagram(stranger, &word, world.now);
    world.drain();
    let to_him: usize = world.home.iter().filter(|(to, _)| *to == Way::Udp(stranger)).map(|(_, d)| d.len()).sum();
    assert!(to_him < 1500, "{to_him} bytes");
    assert_eq!(client.take(&mut world), [first]);
}

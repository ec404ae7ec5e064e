//! Several loops of one gateway: each session is one loop's, whatever the kernel gives to whom; and what a peer costs that
//! nobody hears from.

mod world;

use std::time::Duration;

use gateway_core::{Counters, Drop, Timer, VIRTIO_HEADER};
use world::{Client, Flags, World, grant};

const SECOND: Duration = Duration::from_secs(1);

/// A session in `world`, admitted, without a handshake.
fn session(world: &mut World, worker: &str, serial: u32) -> Client {
    let mut client = Client::serial(serial);
    let opened = world.open(worker, &client, grant()).unwrap();
    client.hold(opened.address);
    assert!(world.gateway.admit_session(client.number, world.now));
    assert!(world.gateway.handle_channel(client.number, true, world.now));
    client
}

/// A client's initiation given to the first loop, and handed over where that asks for it.
fn handshake_by_way_of_the_first(worlds: &mut [World], client: &mut Client, owner: usize) {
    let initiation = client.initiation();
    let now = worlds[0].now;
    worlds[0].gateway.handle_datagram(client.from, &initiation, now);
    while let Some(stray) = worlds[0].gateway.poll_stray() {
        assert_eq!((stray.key, stray.from), (client.public_key(), client.from));
        worlds[owner].gateway.handle_stray(&stray, now);
    }
    worlds[0].drain();
    worlds[owner].drain();
}

#[test]
fn a_handshake_that_reaches_another_loop_is_handed_over_once_and_answered() {
    let mut worlds = World::sharded(2, 1000);
    let mut client = session(&mut worlds[1], "m.rossi", 1);
    handshake_by_way_of_the_first(&mut worlds, &mut client, 1);
    assert!(worlds[0].home.is_empty());
    let [(_, response)] = worlds[1].home.as_slice() else { panic!("no answer") };
    assert_eq!(response[5], 1, "the index names the loop");
    client.take(&mut worlds[1]);
    client.open_flow(&mut worlds[1]);
    let mut sum = Counters::default();
    worlds.iter().for_each(|world| sum.add(world.gateway.counters()));
    assert_eq!((sum.handshakes, sum.drops.total()), (1, 0));
    assert_eq!(sum.arrived(), sum.settled());
    assert_eq!(sum.traffic.packets_to_office, 2);
}

#[test]
fn a_stranger_is_handed_to_nobody_twice() {
    let mut worlds = World::sharded(2, 1000);
    let mut stranger = Client::serial(9);
    handshake_by_way_of_the_first(&mut worlds, &mut stranger, 1);
    assert_eq!(worlds[1].dropped(Drop::UnknownPeer), 1);
    assert_eq!(worlds[1].gateway.poll_stray(), None);
}

#[test]
fn data_that_reaches_another_loop_opens_nothing() {
    let mut worlds = World::sharded(2, 1000);
    let mut client = worlds[1].connect("m.rossi", 1);
    let _other = worlds[0].connect("g.verdi", 2);
    let packet = client.tcp(Flags::Syn, 999, &[]);
    client.send(&mut worlds[0], &packet);
    assert_eq!(worlds[0].dropped(Drop::UnknownPeer), 1);
    assert_eq!(worlds[0].gateway.counters().traffic.packets_to_office, 0);
}

#[test]
fn an_answer_for_another_loops_session_is_known_by_its_address() {
    let mut worlds = World::sharded(3, 1000);
    let clients: Vec<_> = (0..3).map(|shard| worlds[shard].connect("m.rossi", shard as u8 + 1)).collect();
    for (shard, world) in worlds.iter_mut().enumerate() {
        for (owner, client) in clients.iter().enumerate() {
            let packet = client.tcp_back(Flags::Push, 5000, b"screen");
            let room = world.gateway.room_for_packet();
            room[..VIRTIO_HEADER].fill(0);
            room[VIRTIO_HEADER..][..packet.len()].copy_from_slice(&packet);
            let foreign = world.gateway.foreign_packet(VIRTIO_HEADER + packet.len());
            let expected = (owner != shard).then_some((owner as u8, &packet[..]));
            assert_eq!(foreign.map(|(owner, read)| (owner, &read[VIRTIO_HEADER..])), expected);
        }
    }
}

#[test]
fn a_cookie_that_one_loop_made_is_good_for_another() {
    let mut worlds = World::sharded(2, 0);
    let mut client = session(&mut worlds[1], "m.rossi", 1);
    handshake_by_way_of_the_first(&mut worlds, &mut client, 1);
    assert_eq!((worlds[0].gateway.counters().cookies, worlds[1].gateway.counters().handshakes), (1, 0));
    client.take(&mut worlds[0]);
    let (initiation, now) = (client.initiation(), worlds[1].now);
    worlds[1].gateway.handle_datagram(client.from, &initiation, now);
    assert_eq!((worlds[1].gateway.counters().cookies, worlds[1].gateway.counters().handshakes), (0, 1));
    // And it is the address that it proves.
    let initiation = client.initiation();
    worlds[1].gateway.handle_datagram("198.51.100.77:4000".parse().unwrap(), &initiation, now);
    assert_eq!(worlds[1].gateway.counters().cookies, 1);
}

#[test]
fn under_load_an_address_has_a_share_and_others_have_theirs() {
    let mut world = World::answering(0);
    let (mut loud, mut quiet) = (session(&mut world, "m.rossi", 1), session(&mut world, "g.verdi", 2));
    for client in [&mut loud, &mut quiet] {
        let initiation = client.initiation();
        world.gateway.handle_datagram(client.from, &initiation, world.now);
        client.take(&mut world);
    }
    for _ in 0..150 {
        let initiation = loud.initiation();
        world.gateway.handle_datagram(loud.from, &initiation, world.now);
        world.drain();
    }
    assert_eq!(world.dropped(Drop::TooManyHandshakes), 50);
    let before = world.gateway.counters().handshakes;
    let initiation = quiet.initiation();
    world.gateway.handle_datagram(quiet.from, &initiation, world.now);
    assert_eq!(world.gateway.counters().handshakes, before + 1);
}

/// How often the peer's clock wants to move within a span.
fn ticks(world: &mut World, span: Duration) -> usize {
    let end = world.now.instant + span;
    let mut ticks = 0;
    while let Some((at, timer)) = world.gateway.poll_timeout().filter(|(at, _)| *at <= end) {
        ticks += usize::from(timer == Timer::Wireguard);
        world.pass(at.saturating_duration_since(world.now.instant));
    }
    world.pass(end.saturating_duration_since(world.now.instant));
    ticks
}

#[test]
fn a_peer_that_nobody_hears_from_wants_nothing_until_its_keys_end() {
    let mut world = World::new();
    let _client = world.connect("m.rossi", 1);
    assert_eq!(ticks(&mut world, 2 * SECOND), 1, "once, to tell where the client is");
    assert_eq!(ticks(&mut world, 168 * SECOND), 0);
    assert!(ticks(&mut world, 20 * SECOND) > 0, "nobody takes the keys away");
}

#[test]
fn a_peer_with_traffic_has_a_clock_and_a_while_after_it_none() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    world.pass(60 * SECOND);
    client.open_flow(&mut world);
    let awake = ticks(&mut world, 25 * SECOND);
    assert!((15..=25).contains(&awake), "{awake} in the 25 seconds after a packet");
    assert_eq!(ticks(&mut world, 60 * SECOND), 0);
    world.office_sends(&client.tcp_back(Flags::Push, 5000, b"screen"));
    assert!(ticks(&mut world, 25 * SECOND) >= 15);
}

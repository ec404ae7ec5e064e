//! A new address of the home computer is confirmed before it is believed: who copies packets on the path can neither cut
//! nor redirect, and who really moves notices nothing.

mod world;

use std::{net::SocketAddr, time::Duration};

use gateway_api::CloseReason;
use gateway_core::{Drop, Event, Way};
use world::{Client, Flags, World, grant};

const SECOND: Duration = Duration::from_secs(1);
const BUDGET: usize = 512 * 1024;
const NEW: fn(u8) -> SocketAddr = |last| SocketAddr::from(([198, 51, 100, last], 50000));

fn at_work() -> (World, Client) {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    (world, client)
}

fn way(world: &World) -> Option<Way> {
    world.gateway.sessions(world.now)[0].endpoint
}

fn screen(world: &mut World, client: &Client) -> Vec<u8> {
    let screen = client.tcp_back(Flags::Push, 5000, &[7; 1200]);
    world.office_sends(&screen);
    screen
}

/// A key pressed; taken by the gateway wherever it comes from.
fn press(world: &mut World, client: &mut Client, from: SocketAddr) {
    let key = client.seal(&client.tcp(Flags::Push, 1000, b"key"));
    world.gateway.handle_datagram(from, &key, world.now);
    assert_eq!(world.take_office().len(), 1);
}

/// Bytes that wait to be sent to an address.
fn bytes_to(world: &mut World, address: SocketAddr) -> usize {
    world.drain();
    let (there, others): (Vec<_>, Vec<_>) = world.home.drain(..).partition(|(to, _)| *to == Way::Udp(address));
    world.home = others;
    there.iter().map(|(_, datagram)| datagram.len()).sum()
}

fn closed(world: &World) -> Option<CloseReason> {
    world.events.iter().find_map(|event| match event {
        Event::Closed { reason, .. } => Some(*reason),
        _ => None,
    })
}

#[test]
fn who_moves_is_answered_at_once_and_believed_once_the_probe_is_answered() {
    let (mut world, mut client) = at_work();
    let old = client.way();
    client.from = NEW(1);
    press(&mut world, &mut client, NEW(1));
    let packet = screen(&mut world, &client);
    assert_eq!(client.take(&mut world), [packet], "before anything is confirmed");
    assert_eq!(way(&world), Some(old));
    assert_eq!(client.probed.len(), 1);
    client.confirm(&mut world);
    world.pass(2 * SECOND);
    assert_eq!(way(&world), Some(client.way()));
    assert_eq!(world.standings[&client.number].endpoint, Some(client.way()), "kept for a restart");
    world.home.clear();
    screen(&mut world, &client);
    world.drain();
    assert!(world.home.iter().all(|(to, _)| *to != old), "the old address gets nothing more");
    assert_eq!(world.gateway.counters().drops.total(), 0);
}

#[test]
fn who_moves_twice_before_anything_is_confirmed_is_answered_where_they_are() {
    let (mut world, mut client) = at_work();
    client.from = NEW(1);
    press(&mut world, &mut client, NEW(1));
    world.drain();
    world.home.clear();
    client.from = NEW(2);
    press(&mut world, &mut client, NEW(2));
    assert_eq!(client.take(&mut world), Vec::<Vec<u8>>::new());
    assert_eq!(client.probed.len(), 1);
    client.confirm(&mut world);
    let packet = screen(&mut world, &client);
    assert_eq!(client.take(&mut world), [packet]);
    world.pass(SECOND);
    assert_eq!(way(&world), Some(client.way()));
}

#[test]
fn whose_channel_broke_with_the_line_confirms_when_it_is_back() {
    let (mut world, mut client) = at_work();
    client.from = NEW(1);
    press(&mut world, &mut client, NEW(1));
    world.gateway.handle_channel(client.number, false, world.now);
    world.pass(3 * SECOND);
    client.take(&mut world);
    client.probed.clear();
    world.gateway.handle_channel(client.number, true, world.now);
    world.pass(Duration::ZERO);
    client.take(&mut world);
    assert_eq!(client.probed.len(), 1, "asked again at once");
    client.confirm(&mut world);
    world.pass(SECOND);
    assert_eq!(way(&world), Some(client.way()));
}

#[test]
fn who_copies_packets_and_is_faster_cuts_nobody_and_gets_little() {
    let (mut world, mut client) = at_work();
    let honest = client.way();
    let (mut diverted, mut seen) = (0, 0);
    // A minute in which every packet comes from the copier first, and the screen is busy.
    for round in 0..600u32 {
        let key = client.seal(&client.tcp(Flags::Push, 1000, b"key"));
        world.gateway.handle_datagram(NEW(1), &key, world.now);
        client.pass(&mut world, &key);
        for _ in 0..10 {
            screen(&mut world, &client);
        }
        seen += client.take(&mut world).len();
        // The answer takes its time, and the copier passes nothing on.
        if round % 2 == 0 {
            client.confirm(&mut world);
        }
        diverted += bytes_to(&mut world, NEW(1));
        world.pass(Duration::from_millis(100));
    }
    assert_eq!(seen, 6000, "the screen goes on");
    assert_eq!(way(&world), Some(honest));
    assert!(diverted > 0 && diverted <= BUDGET + BUDGET / 8, "{diverted}");
    assert_eq!(closed(&world), None);
}

#[test]
fn who_copies_packets_and_passes_on_what_he_gets_is_not_needed() {
    let (mut world, mut client) = at_work();
    let honest = client.way();
    for _ in 0..20 {
        press(&mut world, &mut client, NEW(1));
        world.drain();
        // His copies come to the client first.
        for (to, _) in &mut world.home {
            if *to == Way::Udp(NEW(1)) {
                *to = honest;
            }
        }
        world.home.sort_by_key(|(to, _)| *to == honest);
        client.take(&mut world);
        client.confirm(&mut world);
        world.pass(SECOND);
        assert_eq!(way(&world), Some(honest));
    }
    assert_eq!(closed(&world), None);
}

#[test]
fn many_addresses_get_no_more_than_one() {
    let (mut world, mut client) = at_work();
    let mut diverted = 0;
    for last in 0..25 {
        press(&mut world, &mut client, NEW(last));
        for _ in 0..100 {
            screen(&mut world, &client);
            world.drain();
        }
        client.take(&mut world);
        diverted += (0..25).map(|last| bytes_to(&mut world, NEW(last))).sum::<usize>();
        world.pass(SECOND);
    }
    assert!(diverted > BUDGET / 2 && diverted <= BUDGET + BUDGET / 8, "{diverted}");
}

#[test]
fn who_is_never_where_packets_come_from_is_closed_after_the_grace() {
    let mut world = World::new();
    let mut client = world.connect_with("m.rossi", 1, policy::Grant { grace: 60 * SECOND, ..grant() });
    client.open_flow(&mut world);
    for second in 0..100 {
        press(&mut world, &mut client, NEW(1));
        if closed(&world).is_some() {
            panic!("too early: {second} s");
        }
        world.pass(SECOND);
        if closed(&world).is_some() {
            assert!(second >= 60, "{second}");
            assert_eq!(closed(&world), Some(CloseReason::RoamUnconfirmed));
            return;
        }
    }
    panic!("it goes on for ever");
}

#[test]
fn without_a_channel_the_grace_decides() {
    let (mut world, mut client) = at_work();
    world.gateway.handle_channel(client.number, false, world.now);
    for _ in 0..29 {
        press(&mut world, &mut client, NEW(1));
        world.pass(SECOND);
        assert_eq!(closed(&world), None);
    }
    world.pass(2 * SECOND);
    assert_eq!(closed(&world), Some(CloseReason::ClientLost));
}

#[test]
fn another_wireguard_program_answers_through_the_tunnel_where_policy_hands_sessions_to_such() {
    for allowed in [false, true] {
        let mut world = World::new();
        let mut client = world.connect_with("m.rossi", 1, policy::Grant { wireguard_config: allowed, ..grant() });
        client.open_flow(&mut world);
        client.from = NEW(1);
        press(&mut world, &mut client, NEW(1));
        client.take(&mut world);
        for nonce in std::mem::take(&mut client.probed) {
            let mut reply = gateway_api::probe::make(client.address, client.workstation(), nonce).unwrap();
            reply[20] = 0;
            client.send(&mut world, &reply);
        }
        assert_eq!(world.take_office(), Vec::<Vec<u8>>::new());
        world.pass(SECOND);
        assert_eq!(way(&world) == Some(client.way()), allowed);
        assert_eq!(world.dropped(Drop::OtherProtocol), u64::from(!allowed));
    }
}

#[test]
fn after_a_restart_the_old_way_is_believed_and_a_new_one_is_asked_for() {
    let (mut world, mut client) = at_work();
    world.pass(2 * SECOND);
    let old = client.way();
    assert_eq!(world.restart(false), []);
    assert_eq!(way(&world), Some(old));
    client.from = NEW(1);
    client.handshake(&mut world);
    press(&mut world, &mut client, NEW(1));
    assert_eq!(way(&world), Some(old));
    world.gateway.handle_channel(client.number, true, world.now);
    world.pass(Duration::ZERO);
    client.take(&mut world);
    client.confirm(&mut world);
    world.pass(SECOND);
    assert_eq!(way(&world), Some(client.way()));
}

#[test]
fn a_probe_that_somebody_makes_up_confirms_nothing() {
    let (mut world, mut client) = at_work();
    let old = client.way();
    press(&mut world, &mut client, NEW(1));
    for number in [client.number, gateway_api::SessionNumber::new(99)] {
        assert!(!world.gateway.confirm_way(number, gateway_api::probe::Nonce([9; 16]), world.now));
    }
    world.pass(SECOND);
    assert_eq!(way(&world), Some(old));
}

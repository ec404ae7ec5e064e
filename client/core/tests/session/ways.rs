//! By UDP and by the session channel: which way a session takes, when it changes, and how it is found again.

use std::time::Duration;

use client_core::{Event, Way};
use gateway_api::probe::Nonce;

use crate::{
    office::{Role, WORKER, WORKER_V6},
    world::{Local, QUIET, World},
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn where_udp_is_blocked_the_session_opens_by_its_channel_within_two_seconds() {
    let mut world = World::new(&[(82, Role::Echo)], QUIET);
    world.udp_cut = true;
    let start = world.now;
    world.run_until(|world| world.session.is_open());
    assert!(world.now - start < 2 * SECOND, "{:?}", world.now - start);
    let id = world.connect(82, Local { send: 200_000, checked: true, ..Local::default() });
    world.run_until(|world| world.locals[&id].received == 200_000);
    assert_eq!(world.events, [Event::Way(Way::Channel), Event::TunnelUp, Event::Answered { port: 82 }]);
}

#[test]
fn a_channel_that_comes_late_is_taken_when_it_comes() {
    let mut world = World::new(&[(82, Role::Echo)], QUIET);
    world.session.handle_channel_lost(world.now);
    world.udp_cut = true;
    world.run_for(5 * SECOND);
    assert_eq!(world.by_channel, 0);
    world.session.handle_channel_attached(world.now);
    let start = world.now;
    world.run_until(|world| world.session.is_open());
    assert!(world.now - start < SECOND / 2, "{:?}", world.now - start);
}

#[test]
fn where_udp_works_the_channel_carries_nothing() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    let id = world.connect(82, Local { send: 200_000, ..Local::default() });
    world.run_until(|world| world.locals[&id].received == 200_000);
    world.run_for(300 * SECOND);
    assert_eq!((world.by_channel, &world.events[..]), (0, &[Event::TunnelUp, Event::Answered { port: 82 }][..]));
}

#[test]
fn udp_that_is_blocked_in_the_middle_stops_the_desktop_for_less_than_three_seconds_and_comes_back_by_itself() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    let id = world.connect(82, Local { send: 10, checked: true, ..Local::default() });
    world.run_until(|world| world.locals[&id].received == 10);
    world.run_for(20 * SECOND);
    world.udp_cut = true;
    let cut = world.now;
    world.locals.get_mut(&id).unwrap().send = 20;
    world.run_until(|world| world.locals[&id].received == 20);
    assert!(world.now - cut < 3 * SECOND, "{:?}", world.now - cut);
    assert_eq!(world.events, [Event::TunnelUp, Event::Answered { port: 82 }, Event::Way(Way::Channel)]);

    // While it stays blocked, trying UDP disturbs nobody and is done seldom.
    let before = world.by_udp;
    world.run_for(300 * SECOND);
    let tried = world.by_udp - before;
    assert!((4..=8).contains(&tried), "{tried} handshakes");
    world.locals.get_mut(&id).unwrap().send = 30;
    let asked = world.now;
    world.run_until(|world| world.locals[&id].received == 30);
    assert!(world.now - asked < SECOND / 2, "{:?}", world.now - asked);

    world.udp_cut = false;
    world.run_for(61 * SECOND);
    assert_eq!(world.events.last(), Some(&Event::Way(Way::Udp)));
    let before = world.by_channel;
    world.locals.get_mut(&id).unwrap().send = 40;
    world.run_until(|world| world.locals[&id].received == 40);
    assert_eq!((world.by_channel, world.back), (before, Way::Udp));
}

#[test]
fn a_copy_that_loses_its_way_in_the_middle_goes_on_by_the_channel_at_once_and_whole() {
    let mut world = World::open(&[(82, Role::Sink)], QUIET);
    let id = world.connect(82, Local { send: 40_000_000, checked: true, ..Local::default() });
    world.run_until(|world| world.office.sunk > 10_000_000);
    world.udp_cut = true;
    let (cut, sunk) = (world.now, world.office.sunk);
    world.run_until(|world| world.office.sunk > sunk + 2_000_000);
    assert!(world.now - cut < 3 * SECOND, "{:?}", world.now - cut);
    world.run_until(|world| world.office.sunk == 40_000_000);
    assert_eq!(world.locals[&id].sent, 40_000_000);
}

#[test]
fn what_went_into_a_silence_is_repeated_when_the_gateway_is_heard_again() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    let id = world.connect(82, Local { send: 10, checked: true, ..Local::default() });
    world.run_until(|world| world.locals[&id].received == 10);
    // A gateway that was started anew, say: it sends something, long after TCP has begun to wait.
    world.cut = true;
    world.locals.get_mut(&id).unwrap().send = 20;
    world.run_for(Duration::from_millis(3500));
    world.cut = false;
    let heard = world.now;
    world.office.probe(WORKER, Nonce([7; 16]), world.now);
    world.office.keep_alive();
    world.run_until(|world| world.locals[&id].received == 20);
    assert!(world.now - heard < SECOND / 2, "{:?}", world.now - heard);
}

#[test]
fn a_connection_that_is_being_made_keeps_its_patience_when_things_are_repeated() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    world.session.open_connection(84, world.now).unwrap();
    let begun = world.now;
    world.office.silent = true;
    world.run_for(2 * SECOND);
    world.office.keep_alive();
    world.run_until(|world| world.events.contains(&Event::NoAnswer { port: 84 }));
    let patience = world.now - begun;
    assert!(patience > 9 * SECOND && patience < 12 * SECOND, "{patience:?}");
}

#[test]
fn who_only_looks_learns_by_the_channel_that_the_gateway_calls_in_vain() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    world.run_for(20 * SECOND);
    world.udp_cut = true;
    world.back = Way::Channel;
    let called = world.now;
    world.office.keep_alive();
    world.run_until(|world| world.events.contains(&Event::Way(Way::Channel)));
    assert!(world.now - called < 2 * SECOND, "{:?}", world.now - called);
}

#[test]
fn a_call_by_the_channel_moves_nobody_whose_udp_works() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    world.run_for(20 * SECOND);
    let before = world.office.handshakes;
    for _ in 0..20 {
        world.back = Way::Channel;
        world.office.keep_alive();
        world.settle();
        world.back = Way::Udp;
        world.run_for(SECOND);
    }
    assert_eq!(world.events, [Event::TunnelUp]);
    let asked = world.office.handshakes - before;
    assert!((2..=5).contains(&asked), "{asked} handshakes");
}

#[test]
fn a_workstation_that_is_silent_moves_nobody_to_the_channel() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    world.session.open_connection(84, world.now).unwrap();
    world.office.silent = true;
    let before = world.office.handshakes;
    world.run_for(60 * SECOND);
    assert_eq!(world.by_channel, 0);
    assert!(!world.events.contains(&Event::Way(Way::Channel)), "{:?}", world.events);
    let asked = world.office.handshakes - before;
    assert!((1..15).contains(&asked), "{asked} handshakes");
}

#[test]
fn a_lost_channel_leaves_udp_to_be_tried_at_once() {
    let mut world = World::new(&[(82, Role::Echo)], QUIET);
    world.udp_cut = true;
    world.run_until(|world| world.session.is_open());
    world.udp_cut = false;
    world.session.handle_channel_lost(world.now);
    let id = world.connect(82, Local { send: 10, ..Local::default() });
    let start = world.now;
    world.run_until(|world| world.locals[&id].received == 10);
    assert!(world.now - start < SECOND, "{:?}", world.now - start);
    assert_eq!(world.back, Way::Udp);
}

#[test]
fn after_a_sleep_the_gateway_is_asked_at_once_and_the_channel_taken_if_it_must_be() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    let before = world.office.handshakes;
    world.now += 3600 * SECOND;
    world.session.handle_woken(world.now);
    world.run_for(SECOND);
    assert_eq!((world.office.handshakes - before, world.by_channel), (1, 0));
    world.udp_cut = true;
    world.now += 3600 * SECOND;
    world.session.handle_woken(world.now);
    world.run_for(2 * SECOND);
    assert_eq!(world.back, Way::Channel);
}

#[test]
fn a_probe_is_told_and_goes_no_further() {
    let ports = [(3389, Role::Echo)];
    for (mut world, worker) in [(World::open(&ports, QUIET), WORKER), (World::open_v6(&ports, QUIET), WORKER_V6)] {
        let id = world.connect(3389, Local { send: 1000, checked: true, ..Local::default() });
        world.run_until(|world| world.locals[&id].received == 1000);
        let before = world.by_udp;
        world.office.probe(worker, Nonce([7; 16]), world.now);
        world.run_until(|world| !world.probed.is_empty());
        world.run_for(Duration::from_millis(100));
        assert_eq!((world.probed.as_slice(), world.by_udp), (&[Nonce([7; 16])][..], before), "no ping is answered");
    }
}

#[test]
fn who_moves_and_only_looks_is_heard_of_at_once() {
    let mut world = World::open(&[(3389, Role::Echo)], QUIET);
    world.run_for(Duration::from_secs(5));
    let before = world.by_udp;
    world.session.handle_moved(world.now);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.by_udp, before + 1);
    world.session.handle_channel_lost(world.now);
    world.session.handle_channel_attached(world.now);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.by_udp, before + 2);
}

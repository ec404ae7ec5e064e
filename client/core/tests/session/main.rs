//! A session against an office that shares no code with it: everything that a connection may live through, over a line
//! that loses, delays and swaps datagrams by a seed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

#[path = "../office/mod.rs"]
mod office;
mod ways;
mod world;

use std::time::{Duration, Instant};

use client_core::{Deadline, End, Event, OpenError, Step, Way};
use gateway_api::CloseReason;
use office::Role;
use world::{Bottleneck, Line, Local, QUIET, World};

#[test]
fn bytes_arrive_whole_both_ways_whatever_the_line_does() {
    for seed in 1..=12 {
        let line = Line { seed, lost: 8 * (seed % 3), late: 20 * (seed % 4), delay: Duration::from_millis(3 + seed) };
        let ports = [(80, Role::Sink), (81, Role::Source(700_000)), (82, Role::Echo)];
        let mut world = if seed % 2 == 0 { World::open(&ports, line) } else { World::open_v6(&ports, line) };
        let local = |send| Local { send, checked: true, finish_when_sent: true, ..Local::default() };
        let up = world.connect(80, local(900_000));
        let down = world.connect(81, local(0));
        let echo = world.connect(82, local(300_000));
        world.run_until(|world| world.locals.values().all(|local| local.steps.contains(&Step::Close)));
        assert_eq!(world.office.sunk, 900_000, "{line:?}");
        assert_eq!(world.locals[&up].received, 0);
        assert_eq!(world.locals[&down].received, 700_000, "{line:?}");
        assert_eq!(world.locals[&echo].received, 300_000, "{line:?}");
        for local in world.locals.values() {
            assert_eq!(local.steps, [Step::Finish, Step::Close], "{line:?}");
        }
        world.events.retain(|event| !matches!(event, Event::Way(_) | Event::Answered { .. }));
        assert_eq!(world.events, [Event::TunnelUp], "{line:?}");
    }
}

#[test]
fn sizes_of_keystrokes_do_not_show_on_the_wire() {
    let worlds = [World::open(&[(82, Role::Echo)], QUIET), World::open_v6(&[(82, Role::Echo)], QUIET)];
    for mut world in worlds {
        for send in 1..40 {
            world.connect(82, Local { send, finish_when_sent: true, ..Local::default() });
            world.run_until(|world| world.locals.values().all(|local| local.steps.contains(&Step::Close)));
        }
        assert_eq!(world.office.unpadded, 0);
    }
}

#[test]
fn each_side_may_finish_first_and_still_hear_the_other_out() {
    let mut world = World::open(&[(80, Role::Sink), (83, Role::Mute)], QUIET);
    let quick = world.connect(80, Local { send: 10, finish_when_sent: true, ..Local::default() });
    world.run_until(|world| world.locals[&quick].steps.contains(&Step::Close));
    assert_eq!((world.office.sunk, world.office.sinks_ended), (10, 1));

    let slow = world.connect(83, Local { checked: true, ..Local::default() });
    world.run_until(|world| world.locals[&slow].steps == [Step::Finish]);
    world.locals.get_mut(&slow).unwrap().send = 100_000;
    world.run_until(|world| world.office.sunk == 100_010);
    world.locals.get_mut(&slow).unwrap().finish_when_sent = true;
    world.run_until(|world| world.locals[&slow].steps == [Step::Finish, Step::Close]);
}

#[test]
fn a_refused_connection_is_reset_at_home_and_told() {
    let mut world = World::open(&[(80, Role::Sink)], QUIET);
    let id = world.connect(3389, Local { send: 5, ..Local::default() });
    world.run_until(|world| !world.locals[&id].steps.is_empty());
    assert_eq!(world.locals[&id].steps, [Step::Reset]);
    assert_eq!(world.events, [Event::TunnelUp, Event::Refused { port: 3389 }]);
    assert_eq!(world.session.upload(id, |_| (0, ())), None, "the number means nothing any more");
}

#[test]
fn what_becomes_of_each_connection_is_told() {
    let mut world = World::open(&[(80, Role::Sink)], QUIET);
    let attempt = |world: &mut World, port| {
        let id = world.connect(port, Local { send: 5, finish_when_sent: true, ..Local::default() });
        world.run_until(|world| !world.locals[&id].steps.is_empty());
    };
    for port in [80, 80, 3389] {
        attempt(&mut world, port);
    }
    world.office.listen(3389, Role::Sink);
    attempt(&mut world, 3389);
    let (answered, refused) = (|port| Event::Answered { port }, Event::Refused { port: 3389 });
    assert_eq!(world.events, [Event::TunnelUp, answered(80), answered(80), refused, answered(3389)]);
}

#[test]
fn a_workstation_that_does_not_answer_is_told_after_ten_seconds() {
    let mut world = World::open(&[], QUIET);
    world.cut = true;
    let start = world.now;
    let id = world.connect(3389, Local::default());
    world.run_until(|world| !world.locals[&id].steps.is_empty());
    assert_eq!(world.locals[&id].steps, [Step::Reset]);
    assert!(world.events.contains(&Event::NoAnswer { port: 3389 }), "{:?}", world.events);
    let waited = world.now - start;
    assert!(waited >= Duration::from_secs(10) && waited < Duration::from_secs(12), "{waited:?}");
}

#[test]
fn a_connection_that_the_workstation_resets_is_reset_at_home() {
    let mut world = World::open(&[(84, Role::Rude)], QUIET);
    let id = world.connect(84, Local { send: 20, ..Local::default() });
    world.run_until(|world| !world.locals[&id].steps.is_empty());
    assert_eq!(world.locals[&id].steps, [Step::Reset]);
    assert_eq!(world.events, [Event::TunnelUp, Event::Answered { port: 84 }], "it was accepted, so it was not refused");
}

#[test]
fn a_connection_that_home_gives_up_is_reset_at_the_workstation_and_forgotten() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    let id = world.connect(82, Local { send: 10, ..Local::default() });
    world.run_until(|world| world.locals[&id].received == 10);
    assert_eq!(world.office.connections(), 1);
    world.session.abort(id);
    world.locals.clear();
    world.run_until(|world| world.office.connections() == 0);
}

#[test]
fn many_connections_come_and_go_and_too_many_are_turned_away() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    for _ in 0..8 {
        for _ in 0..10 {
            let local = Local { send: 5000, checked: true, finish_when_sent: true, ..Local::default() };
            world.connect(82, local);
        }
        world.run_until(|world| world.locals.values().all(|local| local.steps.contains(&Step::Close)));
    }
    assert_eq!(world.locals.values().map(|local| local.received).sum::<u64>(), 80 * 5000);
    world.run_for(Duration::from_secs(1));
    let opened = (0..100).take_while(|_| world.session.open_connection(82, world.now).is_ok()).count();
    assert_eq!(opened, 32, "none of the earlier ones is still counted");
    assert_eq!(world.session.open_connection(82, world.now), Err(OpenError::TooMany));
    assert_eq!(world.session.open_connection(8080, world.now), Err(OpenError::NotGranted));
}

#[test]
fn a_slow_line_is_not_filled_with_more_than_it_can_take() {
    // 100 ms each way and nothing comes back: what was taken in beyond what left is one gulp at most.
    let mut world = World::open(&[(80, Role::Sink)], Line { delay: Duration::from_millis(100), ..QUIET });
    let id = world.connect(80, Local { send: 50_000_000, ..Local::default() });
    world.run_until(|world| world.locals[&id].sent > 0);
    world.settle();
    let ahead = world.locals[&id].sent - world.office.sunk;
    assert!(ahead < 200_000, "{ahead} bytes were taken in before anything was acknowledged");
}

#[test]
fn a_copy_uses_the_line_and_queues_next_to_nothing_on_the_way() {
    for (rate, buffer, delay, bytes, used) in [
        (20e6, 64_000.0, 10, 6_000_000, 0.85),
        (100e6, 250_000.0, 5, 12_000_000, 0.8),
        (2e6, 64_000.0, 20, 700_000, 0.85),
    ] {
        let line = Line { delay: Duration::from_millis(delay), ..QUIET };
        let mut world = World::open(&[(80, Role::Drain)], line);
        world.bottleneck = Some(Bottleneck::new(true, rate, buffer, world.now));
        let start = world.now;
        world.connect(80, Local { send: bytes, ..Local::default() });
        world.run_until(|world| world.office.sunk == bytes);
        let share = bytes as f64 * 8.0 / (world.now - start).as_secs_f64() / rate;
        let bottleneck = world.bottleneck.unwrap();
        assert!(share > used, "{share:.2} of {rate} bit/s: {bottleneck:?}");
        assert_eq!(bottleneck.dropped, 0, "{bottleneck:?}");
        // The first window is let out at once; nothing later waits longer than it, nor than 15 ms.
        let first = Duration::from_secs_f64(18_000.0 * 8.0 / rate);
        assert!(bottleneck.longest < first.max(Duration::from_millis(15)), "{rate} bit/s: {bottleneck:?}");
    }
}

#[test]
fn a_copy_from_the_office_uses_the_line_and_lets_everything_else_through() {
    // Before a buffer that takes all that the sender is allowed to send.
    for (rate, delay) in [(20e6, 10), (100e6, 5), (50e6, 25), (400e6, 2)] {
        let line = Line { delay: Duration::from_millis(delay), ..QUIET };
        let mut world = World::open(&[(80, Role::Flood(u64::MAX)), (82, Role::Echo)], line);
        world.bottleneck = Some(Bottleneck::new(false, rate, 4e6, world.now));
        let copy = world.connect(80, Local::default());
        let keys = world.connect(82, Local::default());
        // It begins with what is a page on most lines.
        world.run_for(Duration::from_secs(1));
        world.bottleneck.as_mut().unwrap().longest = Duration::ZERO;
        let (start, before) = (world.now, world.locals[&copy].received);
        let mut echo = Duration::ZERO;
        for typed in 1..=20 {
            let pressed = world.now;
            world.locals.get_mut(&keys).unwrap().send = typed;
            world.run_until(|world| world.locals[&keys].received == typed);
            echo = echo.max(world.now - pressed);
            world.run_for(Duration::from_millis(50));
        }
        let came = world.locals[&copy].received - before;
        let share = came as f64 * 8.0 / (world.now - start).as_secs_f64() / rate;
        let bottleneck = world.bottleneck.unwrap();
        assert!(share > 0.85, "{share:.2} of {rate} bit/s: {bottleneck:?}");
        // A round trip, or what round trips differ by, or the least that a page needs; and a quarter more, for a look makes room for a burst.
        let wait = Duration::from_millis(delay * 2)
            .max(Duration::from_millis(8))
            .max(Duration::from_secs_f64(65_536.0 * 8.0 / rate))
            * 5
            / 4;
        assert!(bottleneck.longest < wait, "{rate} bit/s: {bottleneck:?}");
        assert!(
            echo < wait + Duration::from_millis(delay * 2 + 12),
            "{rate} bit/s: an echo after {echo:?}, {bottleneck:?}"
        );
    }
}

#[test]
fn two_copies_from_the_office_never_take_their_own_queue_for_the_line() {
    let line = Line { delay: Duration::from_millis(10), ..QUIET };
    let mut world = World::open(&[(80, Role::Flood(u64::MAX))], line);
    world.bottleneck = Some(Bottleneck::new(false, 20e6, 4e6, world.now));
    let copies = [(); 2].map(|()| {
        let copy = world.connect(80, Local::default());
        world.run_for(Duration::from_secs(2));
        copy
    });
    for _ in 0..4 {
        world.bottleneck.as_mut().unwrap().longest = Duration::ZERO;
        let before = copies.map(|copy| world.locals[&copy].received);
        world.run_for(Duration::from_secs(20));
        let bottleneck = world.bottleneck.as_ref().unwrap();
        let came: Vec<_> =
            copies.iter().zip(before).map(|(copy, before)| world.locals[copy].received - before).collect();
        assert!(came.iter().sum::<u64>() as f64 * 8.0 / 20.0 > 0.9 * 20e6, "{came:?}: {bottleneck:?}");
        assert!(came.iter().all(|came| *came > 5_000_000), "{came:?}: one leaves the other nothing");
        // Not much more than the round trip, in the first twenty seconds as in the last.
        assert!(bottleneck.longest < Duration::from_millis(45), "{bottleneck:?}");
    }
}

#[test]
fn an_idle_session_costs_nothing_and_keeps_its_way_open() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    world.connect(82, Local { send: 10, ..Local::default() });
    world.run_for(Duration::from_secs(60));
    let mut wakes = 0;
    let start = world.now;
    let mut sent = vec![];
    while world.now < start + Duration::from_secs(300) {
        let (at, deadline) = world.session.poll_timeout(world.now).unwrap();
        assert_eq!(deadline, Deadline::Tunnel);
        assert!(wakes == 0 || at > world.now + Duration::from_secs(20), "woken after {:?}", at - world.now);
        world.now = at;
        world.session.handle_timeout(at);
        wakes += 1;
        let before = world.serial;
        world.settle();
        if world.serial > before {
            sent.push(world.now - start);
        }
    }
    assert!(wakes <= 13, "{wakes} wakes in five minutes");
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] <= Duration::from_secs(26)), "{sent:?}");
    assert!(sent.len() >= 11, "{sent:?}");
}

#[test]
fn a_gateway_that_never_answers_is_unanswered_after_ten_seconds() {
    let mut world = World::new(&[], QUIET);
    world.cut = true;
    let start = world.now;
    let before = world.serial;
    world.run_until(|world| world.session.is_closed());
    assert_eq!(world.events, [Event::Closed(End::Unanswered)]);
    assert_eq!((world.now - start).as_secs(), 10);
    assert!((4..8).contains(&(world.serial - before)), "{} handshakes", world.serial - before);
    assert_eq!(world.session.poll_timeout(world.now), None);
}

#[test]
fn a_lost_first_handshake_is_repeated_within_a_second() {
    let mut world = World::new(&[], QUIET);
    world.cut = true;
    world.settle();
    world.cut = false;
    let start = world.now;
    world.run_until(|world| world.session.is_open());
    assert!(world.now - start < Duration::from_secs(1));
}

#[test]
fn a_lost_channel_ends_the_session_after_its_grace_and_not_if_it_comes_back() {
    let mut world = World::open(&[], QUIET);
    world.session.handle_channel_lost(world.now);
    world.run_for(Duration::from_secs(59));
    world.session.handle_channel_attached(world.now);
    world.run_for(Duration::from_secs(120));
    assert!(world.session.is_open());
    let start = world.now;
    world.session.handle_channel_lost(world.now);
    world.run_for(Duration::from_secs(30));
    world.session.handle_channel_lost(world.now);
    world.run_until(|world| world.session.is_closed());
    assert_eq!((world.now - start).as_secs(), 60, "a second loss does not begin a second grace");
    assert_eq!(world.events.last(), Some(&Event::Closed(End::Closed(CloseReason::ClientLost))));
}

#[test]
fn closing_delivers_what_was_sent_and_takes_no_longer_than_it_must() {
    let mut world =
        World::open(&[(80, Role::Sink), (82, Role::Echo)], Line { delay: Duration::from_millis(20), ..QUIET });
    let idle = world.connect(82, Local { send: 1, ..Local::default() });
    world.run_until(|world| world.locals[&idle].received == 1);
    let id = world.connect(80, Local { send: 2000, ..Local::default() });
    world.run_until(|world| world.locals[&id].sent == 2000);
    let start = world.now;
    world.session.close(CloseReason::ProgramEnded, world.now);
    assert_eq!(world.session.open_connection(80, world.now), Err(OpenError::NotOpen));
    world.run_until(|world| world.session.is_closed());
    assert_eq!(world.office.sunk, 2000);
    assert!(world.now - start < Duration::from_millis(150), "{:?}", world.now - start);
    assert_eq!(world.events.last(), Some(&Event::Closed(End::Closed(CloseReason::ProgramEnded))));
    assert_eq!(world.session.step(id), Step::Reset);
}

#[test]
fn closing_does_not_wait_for_a_line_that_is_dead() {
    let mut world = World::open(&[(80, Role::Sink)], QUIET);
    let id = world.connect(80, Local { send: 5_000_000, ..Local::default() });
    world.run_until(|world| world.office.sunk > 0);
    world.cut = true;
    let start = world.now;
    world.session.close(CloseReason::WorkerClosed, world.now);
    world.run_until(|world| world.session.is_closed());
    assert_eq!((world.now - start).as_millis(), 300);
    assert!(world.locals[&id].sent < 5_000_000);
}

#[test]
fn the_gateways_word_ends_a_session_at_once() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    let id = world.connect(82, Local { send: 10, ..Local::default() });
    world.run_until(|world| world.locals[&id].received == 10);
    world.session.handle_closed(CloseReason::Idle);
    world.settle();
    assert_eq!(world.events.last(), Some(&Event::Closed(End::Closed(CloseReason::Idle))));
    assert_eq!(world.session.step(id), Step::Reset);
    world.session.handle_closed(CloseReason::Replaced);
    world.settle();
    assert_eq!(world.events.last(), Some(&Event::Closed(End::Closed(CloseReason::Idle))), "there is one end only");
}

#[test]
fn datagrams_of_strangers_change_nothing() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    let mut line = Line { seed: 42, ..QUIET };
    for length in (0..3000).step_by(7) {
        let mut datagram: Vec<u8> = (0..length).map(|_| line.draw() as u8).collect();
        if let Some(kind) = datagram.get_mut(..4) {
            kind.copy_from_slice(&[(length % 5) as u8, 0, 0, 0]);
        }
        world.session.handle_datagram(Way::Udp, &datagram, world.now);
    }
    let id = world.connect(82, Local { send: 10, ..Local::default() });
    world.run_until(|world| world.locals[&id].received == 10);
}

#[test]
fn a_silent_line_is_told_and_so_is_its_return() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    let id = world.connect(82, Local { send: 10, ..Local::default() });
    world.run_until(|world| world.locals[&id].received == 10);
    world.cut = true;
    world.locals.get_mut(&id).unwrap().send = 20;
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.events, [Event::TunnelUp, Event::Answered { port: 82 }, Event::TunnelSilent]);
    world.cut = false;
    world.run_until(|world| world.locals[&id].received == 20);
    world.run_for(Duration::from_secs(2));
    world.events.retain(|event| !matches!(event, Event::Way(_)));
    assert_eq!(world.events, [Event::TunnelUp, Event::Answered { port: 82 }, Event::TunnelSilent, Event::TunnelUp]);
}

/// boringtun's clock cannot be moved, so this takes the time that it is about.
#[test]
fn in_real_time_keys_are_renewed_every_two_minutes_and_not_for_a_keystroke_after_a_silence() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    let id = world.connect(82, Local { send: 1, ..Local::default() });
    let start = Instant::now();
    let mut handshakes = vec![];
    for second in 1..=150 {
        let moment = start + Duration::from_secs(second);
        std::thread::park_timeout(moment.saturating_duration_since(Instant::now()));
        world.run_for(moment.saturating_duration_since(world.now));
        if second % 20 == 0 {
            world.locals.get_mut(&id).unwrap().send += 1;
        }
        if handshakes.last().is_none_or(|(_, count)| *count != world.office.handshakes) {
            handshakes.push((second, world.office.handshakes));
        }
    }
    assert_eq!(world.locals[&id].received, world.locals[&id].send);
    assert!(matches!(handshakes[..], [(1, 1), (120..=145, 2)]), "{handshakes:?}");
}

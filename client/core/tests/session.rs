//! A session against an office that shares no code with it: everything that a connection may live through, over a line
//! that loses, delays and swaps datagrams by a seed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

mod office;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use client_core::{ConnectionId, Deadline, End, Event, Keys, OpenError, Parameters, Session, Step, Way};
use gateway_api::{CloseReason, probe::Nonce};
use office::{Office, PRESHARED, Role, WORKER, WORKSTATION, fill, pattern};
use x25519_dalek::{PublicKey, StaticSecret};

const SECRET: [u8; 32] = [3; 32];

/// A line: what it does to each datagram, by a seed.
#[derive(Debug, Clone, Copy)]
struct Line {
    seed: u64,
    /// Of a thousand datagrams, how many are lost, and how many are late.
    lost: u64,
    late: u64,
    delay: Duration,
}

const QUIET: Line = Line { seed: 1, lost: 0, late: 0, delay: Duration::from_millis(1) };

impl Line {
    fn draw(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % 1000
    }
}

/// The narrowest place on the way to the office.
#[derive(Debug)]
struct Bottleneck {
    /// Bits in a second, and bytes that may wait there.
    rate: f64,
    buffer: f64,
    free_at: Instant,
    dropped: u64,
    /// The longest that anything waited.
    longest: Duration,
}

impl Bottleneck {
    /// How long a datagram takes to be through, if it fits.
    fn pass(&mut self, length: usize, now: Instant) -> Option<Duration> {
        let wait = self.free_at.saturating_duration_since(now);
        if wait.as_secs_f64() * self.rate / 8.0 + length as f64 > self.buffer {
            self.dropped += 1;
            return None;
        }
        self.longest = self.longest.max(wait);
        self.free_at = self.free_at.max(now) + Duration::from_secs_f64(length as f64 * 8.0 / self.rate);
        Some(self.free_at - now)
    }
}

/// A local program's end of a connection.
#[derive(Debug, Default)]
struct Local {
    /// Bytes still to send, of how many.
    send: u64,
    sent: u64,
    received: u64,
    /// Whether what comes is checked against the pattern.
    checked: bool,
    finish_when_sent: bool,
    finished: bool,
    steps: Vec<Step>,
}

struct World {
    now: Instant,
    session: Session,
    office: Office,
    line: Line,
    /// Datagrams under way, by arrival; true goes to the office.
    under_way: BTreeMap<(Instant, u64), (bool, Way, Vec<u8>)>,
    /// The way that the office's packets take: that of the client's last.
    back: Way,
    /// How many datagrams took the session channel.
    by_channel: u64,
    /// How many of the client's took UDP, or tried to.
    by_udp: u64,
    serial: u64,
    locals: BTreeMap<ConnectionId, Local>,
    events: Vec<Event>,
    /// The nonces of the probes that came.
    probed: Vec<Nonce>,
    /// Nothing gets through at all; nothing by UDP.
    cut: bool,
    udp_cut: bool,
    bottleneck: Option<Bottleneck>,
}

impl World {
    fn new(ports: &[(u16, Role)], line: Line) -> Self {
        let now = Instant::now();
        let client = *PublicKey::from(&StaticSecret::from(SECRET)).as_bytes();
        let session = Session::open(
            Parameters {
                keys: Keys { private: SECRET, gateway: Office::public_key(), preshared: PRESHARED },
                address: WORKER,
                mtu: office::MTU,
                workstation: WORKSTATION,
                ports: vec![3389, 80, 81, 82, 83, 84],
                grace: Duration::from_secs(60),
                random_seed: line.seed,
            },
            now,
        );
        let office = Office::new(client, ports, 12, now);
        let under_way = BTreeMap::new();
        let mut world = Self {
            now,
            session,
            office,
            line,
            under_way,
            serial: 0,
            locals: BTreeMap::new(),
            events: vec![],
            probed: vec![],
            back: Way::Udp,
            by_channel: 0,
            by_udp: 0,
            cut: false,
            udp_cut: false,
            bottleneck: None,
        };
        world.session.handle_channel_attached(now);
        world
    }

    fn open(ports: &[(u16, Role)], line: Line) -> Self {
        let mut world = Self::new(ports, line);
        world.run_until(|world| world.session.is_open());
        world
    }

    fn connect(&mut self, port: u16, local: Local) -> ConnectionId {
        let id = self.session.open_connection(port, self.now).unwrap();
        self.locals.insert(id, local);
        id
    }

    fn send(&mut self, to_office: bool, way: Way, datagram: Vec<u8>) {
        self.serial += 1;
        if way == Way::Channel {
            // TCP carries it: nothing is lost, nothing overtakes.
            self.by_channel += 1;
            if !self.cut {
                self.under_way.insert((self.now + self.line.delay, self.serial), (to_office, way, datagram));
            }
            return;
        }
        self.by_udp += u64::from(to_office);
        if self.cut || self.udp_cut || self.line.draw() < self.line.lost {
            return;
        }
        let late = self.line.draw() < self.line.late;
        let (length, now) = (datagram.len(), self.now);
        let passed = match &mut self.bottleneck {
            Some(bottleneck) if to_office => bottleneck.pass(length, now),
            _ => Some(Duration::ZERO),
        };
        let Some(passed) = passed else { return };
        let arrival = now + passed + if late { self.line.delay * 3 } else { self.line.delay };
        self.under_way.insert((arrival, self.serial), (to_office, way, datagram));
    }

    /// Everything that can happen at this moment.
    fn settle(&mut self) {
        loop {
            let moved = self.pump();
            while let Some(transmit) = self.session.poll_transmit(self.now) {
                assert!(transmit.contents.len() <= 65_000 && transmit.segment_size > 0);
                let datagrams: Vec<Vec<u8>> =
                    transmit.contents.chunks(transmit.segment_size).map(<[u8]>::to_vec).collect();
                let way = transmit.way;
                self.session.transmitted();
                datagrams.into_iter().for_each(|datagram| self.send(true, way, datagram));
            }
            while let Some(datagram) = self.office.out.pop_front() {
                self.send(false, self.back, datagram);
            }
            while let Some(event) = self.session.poll_event(self.now) {
                self.events.push(event);
            }
            if !moved {
                return;
            }
        }
    }

    /// What local programs do.
    fn pump(&mut self) -> bool {
        let mut moved = false;
        let Self { session, locals, .. } = self;
        for (id, local) in locals {
            if matches!(local.steps.last(), Some(Step::Close | Step::Reset)) {
                continue;
            }
            let taken = (local.sent < local.send).then(|| {
                session.upload(*id, |room| {
                    let length = room.len().min((local.send - local.sent) as usize);
                    fill(&mut room[..length], local.sent);
                    (length, length)
                })
            });
            if let Some(Some(length)) = taken {
                local.sent += length as u64;
                moved = true;
            }
            if local.sent == local.send && local.finish_when_sent && !local.finished {
                session.finish(*id);
                local.finished = true;
            }
            while let Some(length) = session.download(*id, |bytes| {
                for (at, byte) in bytes.iter().enumerate() {
                    let at = local.received + at as u64;
                    assert!(!local.checked || *byte == pattern(at), "byte {at} came wrong");
                }
                (bytes.len(), bytes.len())
            }) {
                local.received += length as u64;
                moved = true;
            }
            match session.step(*id) {
                Step::Continue => {}
                step => {
                    local.steps.push(step);
                    moved = true;
                }
            }
        }
        moved
    }

    /// Moves time to whatever comes next. False if nothing ever will.
    fn step(&mut self) -> bool {
        self.settle();
        let deadline = self.session.poll_timeout(self.now).map(|(at, _)| at);
        let office = self.office.poll_at(self.now);
        let arrival = self.under_way.keys().next().map(|(at, _)| *at);
        let Some(next) = [deadline, office, arrival].into_iter().flatten().min() else { return false };
        self.now = self.now.max(next);
        while let Some(entry) = self.under_way.first_entry()
            && entry.key().0 <= self.now
        {
            match entry.remove() {
                (true, way, datagram) => self.arrive(way, &datagram),
                (false, way, datagram) => self.probed.extend(self.session.handle_datagram(way, &datagram, self.now)),
            }
        }
        if self.session.poll_timeout(self.now).is_some_and(|(at, _)| at <= self.now) {
            self.session.handle_timeout(self.now);
        }
        self.office.poll(self.now);
        true
    }

    /// At the office: a handshake is answered where it came from, and moves nothing.
    fn arrive(&mut self, way: Way, datagram: &[u8]) {
        while let Some(earlier) = self.office.out.pop_front() {
            self.send(false, self.back, earlier);
        }
        self.office.handle_datagram(datagram, self.now);
        if datagram.first() == Some(&1) {
            while let Some(answer) = self.office.out.pop_front() {
                self.send(false, way, answer);
            }
        } else {
            self.back = way;
        }
    }

    fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        let limit = self.now + Duration::from_secs(600);
        while !done(self) {
            let moved = self.step();
            assert!(
                done(self) || (moved && self.now < limit),
                "{:?}: never came, after {:?}, {:?}",
                self.line,
                self.events,
                self.locals
            );
        }
        self.settle();
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.settle();
            let deadline = self.session.poll_timeout(self.now).map(|(at, _)| at);
            let arrival = self.under_way.keys().next().map(|(at, _)| *at);
            let office = self.office.poll_at(self.now);
            if [deadline, arrival, office].into_iter().flatten().all(|at| at > end) {
                self.now = end;
                return;
            }
            self.step();
        }
    }
}

#[test]
fn bytes_arrive_whole_both_ways_whatever_the_line_does() {
    for seed in 1..=12 {
        let line = Line { seed, lost: 8 * (seed % 3), late: 20 * (seed % 4), delay: Duration::from_millis(3 + seed) };
        let mut world = World::open(&[(80, Role::Sink), (81, Role::Source(700_000)), (82, Role::Echo)], line);
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
        world.events.retain(|event| !matches!(event, Event::Way(_)));
        assert_eq!(world.events, [Event::TunnelUp], "{line:?}");
    }
}

#[test]
fn sizes_of_keystrokes_do_not_show_on_the_wire() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    for send in 1..40 {
        world.connect(82, Local { send, finish_when_sent: true, ..Local::default() });
        world.run_until(|world| world.locals.values().all(|local| local.steps.contains(&Step::Close)));
    }
    assert_eq!(world.office.unpadded, 0);
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
    assert_eq!(world.events, [Event::TunnelUp], "it was accepted, so it was not refused");
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
        let free_at = world.now;
        world.bottleneck = Some(Bottleneck { rate, buffer, free_at, dropped: 0, longest: Duration::ZERO });
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
    assert_eq!(world.events, [Event::Way(Way::Channel), Event::TunnelUp]);
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
    assert_eq!((world.by_channel, &world.events[..]), (0, &[Event::TunnelUp][..]));
}

#[test]
fn udp_that_is_blocked_in_the_middle_stops_the_desktop_for_seconds_and_comes_back_by_itself() {
    let mut world = World::open(&[(82, Role::Echo)], QUIET);
    let id = world.connect(82, Local { send: 10, checked: true, ..Local::default() });
    world.run_until(|world| world.locals[&id].received == 10);
    world.run_for(20 * SECOND);
    world.udp_cut = true;
    let cut = world.now;
    world.locals.get_mut(&id).unwrap().send = 20;
    world.run_until(|world| world.locals[&id].received == 20);
    assert!(world.now - cut < 8 * SECOND, "{:?}", world.now - cut);
    assert_eq!(world.events, [Event::TunnelUp, Event::Way(Way::Channel)]);

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
    assert_eq!(world.events, [Event::TunnelUp, Event::TunnelSilent]);
    world.cut = false;
    world.run_until(|world| world.locals[&id].received == 20);
    world.run_for(Duration::from_secs(2));
    world.events.retain(|event| !matches!(event, Event::Way(_)));
    assert_eq!(world.events, [Event::TunnelUp, Event::TunnelSilent, Event::TunnelUp]);
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

#[test]
fn a_probe_is_told_and_goes_no_further() {
    let mut world = World::open(&[(3389, Role::Echo)], QUIET);
    let id = world.connect(3389, Local { send: 1000, checked: true, ..Local::default() });
    world.run_until(|world| world.locals[&id].received == 1000);
    let before = world.by_udp;
    world.office.probe(Nonce([7; 16]), world.now);
    world.run_until(|world| !world.probed.is_empty());
    world.run_for(Duration::from_millis(100));
    assert_eq!((world.probed.as_slice(), world.by_udp), (&[Nonce([7; 16])][..], before), "no ping is answered");
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

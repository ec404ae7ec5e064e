//! A session, an office and the line between them, in time that is moved by hand.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use client_core::{ConnectionId, Event, Keys, Parameters, Session, Step, Way};
use gateway_api::probe::Nonce;
use x25519_dalek::{PublicKey, StaticSecret};

use crate::office::{self, Office, PRESHARED, Role, WORKER, WORKER_V6, WORKSTATION, WORKSTATION_V6, fill, pattern};

pub(crate) const SECRET: [u8; 32] = [3; 32];

/// A line: what it does to each datagram, by a seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) seed: u64,
    /// Of a thousand datagrams, how many are lost, and how many are late.
    pub(crate) lost: u64,
    pub(crate) late: u64,
    pub(crate) delay: Duration,
}

pub(crate) const QUIET: Line = Line { seed: 1, lost: 0, late: 0, delay: Duration::from_millis(1) };

impl Line {
    pub(crate) fn draw(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % 1000
    }
}

/// The narrowest place on the way to the office, or from there.
#[derive(Debug)]
pub(crate) struct Bottleneck {
    pub(crate) to_office: bool,
    /// Bits in a second, and bytes that may wait there.
    pub(crate) rate: f64,
    pub(crate) buffer: f64,
    pub(crate) free_at: Instant,
    pub(crate) dropped: u64,
    /// The longest that anything waited.
    pub(crate) longest: Duration,
}

impl Bottleneck {
    pub(crate) fn new(to_office: bool, rate: f64, buffer: f64, now: Instant) -> Self {
        Self { to_office, rate, buffer, free_at: now, dropped: 0, longest: Duration::ZERO }
    }

    /// How long a datagram takes to be through, if it fits.
    pub(crate) fn pass(&mut self, length: usize, now: Instant) -> Option<Duration> {
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
pub(crate) struct Local {
    /// Bytes still to send, of how many.
    pub(crate) send: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Whether what comes is checked against the pattern.
    pub(crate) checked: bool,
    pub(crate) finish_when_sent: bool,
    pub(crate) finished: bool,
    pub(crate) steps: Vec<Step>,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) session: Session,
    pub(crate) office: Office,
    pub(crate) line: Line,
    /// Datagrams under way, by arrival; true goes to the office.
    pub(crate) under_way: BTreeMap<(Instant, u64), (bool, Way, Vec<u8>)>,
    /// The way that the office's packets take: that of the client's last.
    pub(crate) back: Way,
    /// How many datagrams took the session channel.
    pub(crate) by_channel: u64,
    /// How many of the client's took UDP, or tried to.
    pub(crate) by_udp: u64,
    pub(crate) serial: u64,
    pub(crate) locals: BTreeMap<ConnectionId, Local>,
    pub(crate) events: Vec<Event>,
    /// The nonces of the probes that came.
    pub(crate) probed: Vec<Nonce>,
    /// Nothing gets through at all; nothing by UDP.
    pub(crate) cut: bool,
    pub(crate) udp_cut: bool,
    pub(crate) bottleneck: Option<Bottleneck>,
}

impl World {
    pub(crate) fn new(ports: &[(u16, Role)], line: Line) -> Self {
        Self::between((WORKER, WORKSTATION), ports, line)
    }

    /// A world whose workstation is reached by IPv6, its session open.
    pub(crate) fn open_v6(ports: &[(u16, Role)], line: Line) -> Self {
        Self::between((WORKER_V6, WORKSTATION_V6), ports, line).opened()
    }

    fn between((worker, workstation): (IpAddr, IpAddr), ports: &[(u16, Role)], line: Line) -> Self {
        let now = Instant::now();
        let client = *PublicKey::from(&StaticSecret::from(SECRET)).as_bytes();
        let session = Session::open(
            Parameters {
                keys: Keys { private: SECRET, gateway: Office::public_key(), preshared: PRESHARED },
                address: worker,
                mtu: office::MTU,
                workstation,
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

    pub(crate) fn open(ports: &[(u16, Role)], line: Line) -> Self {
        Self::new(ports, line).opened()
    }

    fn opened(mut self) -> Self {
        self.run_until(|world| world.session.is_open());
        self
    }

    pub(crate) fn connect(&mut self, port: u16, local: Local) -> ConnectionId {
        let id = self.session.open_connection(port, self.now).unwrap();
        self.locals.insert(id, local);
        id
    }

    pub(crate) fn send(&mut self, to_office: bool, way: Way, datagram: Vec<u8>) {
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
            Some(bottleneck) if bottleneck.to_office == to_office => bottleneck.pass(length, now),
            _ => Some(Duration::ZERO),
        };
        let Some(passed) = passed else { return };
        let arrival = now + passed + if late { self.line.delay * 3 } else { self.line.delay };
        self.under_way.insert((arrival, self.serial), (to_office, way, datagram));
    }

    /// Everything that can happen at this moment.
    pub(crate) fn settle(&mut self) {
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
    pub(crate) fn pump(&mut self) -> bool {
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
    pub(crate) fn step(&mut self) -> bool {
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
    pub(crate) fn arrive(&mut self, way: Way, datagram: &[u8]) {
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

    pub(crate) fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
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

    pub(crate) fn run_for(&mut self, time: Duration) {
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

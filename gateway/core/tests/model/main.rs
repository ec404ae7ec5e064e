//! Whole lives of many sessions, drawn at random, against a reference small enough to believe.
//!
//! Workers sign in, work, rest, change networks, lose their channel; workstations answer, refuse, fall silent; policies
//! change, gateways restart in order or not, clocks are set. What must hold at every moment: the sessions there are those
//! that the reference has; each opened session closes exactly once, when the reference says and for its reason; each
//! warning comes once and at its time; no address is held twice; a handshake is answered and a packet passes exactly
//! while its session is admitted.
//!
//! `DESKGATE_STEPS` sets how long (20,000 by default), `DESKGATE_SEED` repeats a run; the seed is printed.

mod reference;
#[path = "../world/mod.rs"]
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gateway_api::{CloseReason, SessionNumber};
use gateway_core::{Drop, NotRestored, OpenError, Phase};
use policy::{End, Grant, Jiggler, SecondLogin};
use reference::Reference;
use world::{Client, Draw, Flags, WORKSTATION, WORKSTATION_V6, World, grant, number};

const WORKERS: usize = 6;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A TLS record as large as a key press.
const MARK: [u8; 28] = [23, 3, 3, 0, 23, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7];

/// A worker's computer, and how much it has sent in its connection.
struct Home {
    client: Client,
    sequence: u32,
    /// Handshakes begun since the last that it finished.
    begun: usize,
}

/// boringtun keeps eight pairs of keys, and ours begins handshakes too. Whoever begins more and hears none of the answers loses the keys in use.
const MOST_BEGUN: usize = 4;

struct Story {
    draw: Draw,
    world: World,
    reference: Reference,
    homes: BTreeMap<SessionNumber, Home>,
    opened: u32,
}

#[test]
fn lives_go_as_the_reference_says() {
    let seed = number("DESKGATE_SEED", u64::from(std::process::id()));
    let steps = number("DESKGATE_STEPS", 20_000);
    println!("DESKGATE_SEED={seed} DESKGATE_STEPS={steps}");
    let world = World::answering(u32::MAX);
    let reference = Reference::new(world.now);
    let mut story = Story { draw: Draw(seed), world, reference, homes: BTreeMap::new(), opened: 0 };
    for _ in 0..steps {
        story.step();
    }
    let mut reasons: BTreeMap<CloseReason, usize> = BTreeMap::new();
    for reason in story.reference.closed.values() {
        *reasons.entry(*reason).or_default() += 1;
    }
    println!("{} openings, ends: {reasons:?}", story.opened);
    assert!(steps < 20_000 || reasons.len() >= 7, "some end never came: {reasons:?}");
}

impl Story {
    fn step(&mut self) {
        let some = self.some_session();
        match self.draw.below(28) {
            0 => self.open(),
            1 | 2 => self.sign_in(),
            3..=5 => self.admit(some),
            6 | 7 => self.channel(some),
            8 if self.draw.one_in(2) => self.close(some),
            9 | 10 => self.begin_handshake(some),
            11..=13 => self.connect(some),
            14..=17 => self.type_a_key(some),
            18 => self.roam(some),
            19 => self.change_grant(some),
            20 if self.draw.one_in(4) => self.restart(),
            21 if self.draw.one_in(4) => self.set_clock(),
            _ => {
                let most: u64 = self.draw.of(&[50, 1_000, 5_000, 20_000, 20_000, 60_000, 60_000, 400_000]);
                let span = Duration::from_millis(self.draw.next() % most);
                self.pass(span);
            }
        }
        self.pass(Duration::ZERO);
        self.compare();
        if self.homes.len() > 20 {
            let lives = &self.reference.lives;
            self.homes.retain(|number, _| lives.contains_key(number));
        }
    }

    /// One that is there, mostly; or one that was, or never was.
    fn some_session(&mut self) -> SessionNumber {
        let among: Vec<_> = match self.draw.one_in(8) {
            true => self.homes.keys().copied().collect(),
            false => self.reference.lives.keys().copied().collect(),
        };
        if among.is_empty() { SessionNumber::new(u64::MAX) } else { self.draw.of(&among) }
    }

    /// As far as the desktop, if nothing comes between.
    fn sign_in(&mut self) {
        self.open();
        let number = SessionNumber::new(u64::from(self.opened));
        let steps: [fn(&mut Self, SessionNumber); 3] = [Self::admit, Self::channel, Self::connect];
        for step in steps {
            if !self.homes.contains_key(&number) || self.draw.one_in(8) {
                return;
            }
            step(self, number);
            self.pass(Duration::ZERO);
        }
    }

    /// Lets time pass, deadline by deadline, and holds what is told at each against the reference.
    fn pass(&mut self, span: Duration) {
        let end = self.world.now.instant + span;
        loop {
            let due = self.world.gateway.poll_timeout().map(|(at, _)| at.max(self.world.now.instant));
            let next = due.filter(|at| *at <= end).unwrap_or(end);
            self.world.step_to(next);
            self.world.gateway.handle_timeout(self.world.now);
            self.listen();
            self.reference.check(self.world.now);
            let again = self.world.gateway.poll_timeout();
            assert!(again.is_none_or(|(at, _)| at > next), "a timer that has fired fires again: {again:?}");
            if next == end {
                return;
            }
        }
    }

    fn listen(&mut self) {
        self.world.drain();
        self.world.home.clear();
        self.world.office.clear();
        for event in std::mem::take(&mut self.world.events) {
            self.reference.handle(&event, self.world.now);
        }
    }

    fn compare(&mut self) {
        let there = self.world.gateway.sessions(self.world.now);
        let numbers: Vec<_> = there.iter().map(|session| (session.number, session.phase)).collect();
        let expected: Vec<_> = self.reference.lives.iter().map(|(number, life)| (*number, life.phase)).collect();
        assert_eq!(numbers, expected);
        let addresses: BTreeSet<_> = there.iter().map(|session| session.address).collect();
        assert_eq!(addresses.len(), there.len(), "an address is held twice");
    }

    fn terms(&mut self) -> Grant {
        let draw = &mut self.draw;
        let mut terms = grant();
        terms.idle = draw.of(&[60, 600, 3000]) * SECOND;
        terms.grace = draw.of(&[5, 120, 3000]) * SECOND;
        terms.unused = draw.of(&[60, 300, 3000]) * SECOND;
        terms.unanswered = draw.of(&[60, 300, 600]) * SECOND;
        terms.second_login = draw.of(&[SecondLogin::Replace, SecondLogin::Replace, SecondLogin::Refuse]);
        terms.ends_at = self.world.now.wall + draw.of(&[40, 1000, 20_000]) * SECOND;
        terms.ends_by = End::Agreement;
        terms.idle_rule.jiggler = Jiggler::Counts;
        terms
    }

    fn open(&mut self) {
        self.opened += 1;
        let terms = self.terms();
        let worker = self.draw.below(WORKERS);
        let mut client = Client::serial(self.opened);
        self.world.workstation = self.draw.of(&[WORKSTATION.into(), WORKSTATION_V6.into()]);
        let pending = self.reference.of(worker, |phase| phase == Phase::Pending);
        let admitted = self.reference.of(worker, |phase| phase != Phase::Pending);
        let refused = terms.second_login == SecondLogin::Refuse && (pending.is_some() || admitted.is_some());
        match self.world.open(&format!("worker-{worker}"), &client, terms.clone()) {
            Err(error) => {
                assert!(refused, "refused: {error:?}");
                assert_eq!(error, OpenError::AlreadyConnected);
            }
            Ok(opened) => {
                assert!(!refused);
                assert_eq!(opened.replaces, admitted);
                if let Some(overtaken) = pending {
                    self.reference.ends(overtaken, CloseReason::Replaced);
                }
                client.hold(opened.address);
                self.reference.open(client.number, worker, terms, self.world.now);
                self.homes.insert(client.number, Home { client, sequence: 0, begun: 0 });
            }
        }
    }

    fn admit(&mut self, number: SessionNumber) {
        let pending = self.reference.lives.get(&number).filter(|life| life.phase == Phase::Pending);
        let worker = pending.map(|life| life.worker);
        assert_eq!(self.world.gateway.admit_session(number, self.world.now), worker.is_some());
        let Some(worker) = worker else { return };
        if let Some(replaced) = self.reference.of(worker, |phase| phase != Phase::Pending) {
            self.reference.ends(replaced, CloseReason::Replaced);
        }
        self.reference.admit(number, self.world.now);
    }

    fn channel(&mut self, number: SessionNumber) {
        let attached = !self.draw.one_in(3);
        let there = self.world.gateway.handle_channel(number, attached, self.world.now);
        assert_eq!(there, self.reference.lives.contains_key(&number));
        if let Some(life) = self.reference.lives.get_mut(&number) {
            life.handle_channel(attached, self.world.now);
        }
    }

    fn close(&mut self, number: SessionNumber) {
        let there = self.reference.lives.contains_key(&number);
        assert_eq!(self.world.gateway.close_session(number, CloseReason::Administrator), there);
        if there {
            self.reference.ends(number, CloseReason::Administrator);
        }
    }

    fn begin_handshake(&mut self, number: SessionNumber) {
        let Some(home) = self.homes.get_mut(&number) else { return };
        if home.begun == MOST_BEGUN {
            return;
        }
        let before = self.world.gateway.counters().handshakes;
        let initiation = home.client.initiation();
        self.world.gateway.handle_datagram(home.client.from, &initiation, self.world.now);
        let answered = self.world.gateway.counters().handshakes - before;
        assert_eq!(answered, u64::from(self.reference.is_admitted(number)));
        home.begun += usize::from(answered > 0);
    }

    /// The RDP program connects: a fresh tunnel, a new connection in place of the last one, which the workstation answers,
    /// refuses or does not hear.
    fn connect(&mut self, number: SessionNumber) {
        if !self.reference.is_admitted(number) {
            return self.begin_handshake(number);
        }
        let (Some(home), world) = (self.homes.get_mut(&number), &mut self.world) else { return };
        let life = self.reference.lives.get_mut(&number).unwrap();
        let client = &mut home.client;
        client.forget_tunnel();
        client.handshake(world);
        home.begun = 0;
        if life.connected_at.take().is_some() {
            client.send(world, &client.tcp(Flags::Reset, 1000 + home.sequence, &[]));
        }
        world.take_office();
        client.send(world, &client.tcp(Flags::Syn, 999, &[]));
        assert_eq!(world.take_office().len(), 1, "a connection begins");
        life.handle_asked(world.now);
        home.sequence = 0;
        match self.draw.below(4) {
            0 => {}
            1 => {
                world.office_sends(&client.tcp_back(Flags::Reset, 0, &[]));
                life.handle_answered(true, world.now);
            }
            _ => {
                world.office_sends(&client.tcp_back(Flags::SynAck, 4999, &[]));
                world.office_sends(&client.tcp_back(Flags::Push, 5000, &server_hello()));
                life.handle_answered(false, world.now);
                life.connected_at = Some(world.now.instant);
            }
        }
        assert_eq!(world.dropped(Drop::NotAnAnswer), 0);
    }

    /// A key is pressed, and what it makes passes exactly while the session is there. The workstation answers, or not.
    fn type_a_key(&mut self, number: SessionNumber) {
        let Some(home) = self.homes.get_mut(&number).filter(|home| home.sequence > 0 || self.draw.one_in(2)) else {
            return;
        };
        let world = &mut self.world;
        let Some(life) = self.reference.lives.get_mut(&number) else {
            if home.sequence > 0 {
                home.client.send(world, &home.client.tcp(Flags::Push, 1000 + home.sequence, &MARK));
                assert!(world.take_office().is_empty(), "a packet of a session that ended has passed");
            }
            return;
        };
        if life.connected_at.is_none() {
            return;
        }
        world.take_office();
        home.client.send(world, &home.client.tcp(Flags::Push, 1000 + home.sequence, &MARK));
        home.sequence += MARK.len() as u32;
        assert_eq!(world.take_office().len(), 1, "a key press of an open session passes");
        life.handle_typed(world.now);
        if !self.draw.one_in(3) {
            world.office_sends(&home.client.tcp_back(Flags::Ack, 5000, &[]));
            life.handle_answered(false, world.now);
        }
    }

    /// The home computer is elsewhere; it confirms that, or cannot.
    fn roam(&mut self, number: SessionNumber) {
        let Some(home) = self.homes.get_mut(&number) else { return };
        home.client.from = ([198, 51, 100, self.draw.below(250) as u8], 50_000).into();
        if let Some(life) = self.reference.lives.get_mut(&number) {
            life.roamed_at.get_or_insert(self.world.now.instant);
        }
        self.type_a_key(number);
        if let Some(home) = self.homes.get_mut(&number).filter(|_| self.draw.one_in(2)) {
            home.client.take(&mut self.world);
            home.client.confirm(&mut self.world);
        }
    }

    fn change_grant(&mut self, number: SessionNumber) {
        let terms = self.terms();
        let there = self.reference.lives.get_mut(&number);
        assert_eq!(self.world.change_grant(number, terms.clone()), there.is_some());
        if let Some(life) = there {
            life.change_grant(terms, self.world.now);
        }
    }

    /// The gateway stops in order or not, and another takes its sessions up.
    fn restart(&mut self) {
        let in_order = self.draw.one_in(2);
        let not_restored: BTreeMap<_, _> = self.world.restart(in_order).into_iter().collect();
        self.listen();
        self.reference.forget_pending();
        let now = self.world.now;
        let mut over = Vec::new();
        for (number, life) in &mut self.reference.lives {
            let used = self.world.standings.get(number).is_some_and(|standing| standing.used);
            let known = life.used_since.is_some_and(|since| in_order || now.instant - since > 2 * SECOND);
            assert!(used == life.used_since.is_some() || (!used && !known), "kept {used}: {life:?}");
            if life.grant.ends_at <= now.wall {
                over.push(*number);
            } else {
                life.restore(used, now);
            }
        }
        let expected = over.iter().map(|number| (*number, NotRestored::Over(CloseReason::AgreementEnded)));
        assert_eq!(not_restored, expected.collect());
        over.into_iter().for_each(|number| self.reference.close(number, CloseReason::AgreementEnded));
    }

    /// Somebody sets the wall clock. The other one only ever goes on.
    fn set_clock(&mut self) {
        let span = self.draw.of(&[SECOND, 60 * SECOND, HOUR, YEAR]);
        match self.draw.one_in(2) {
            true => self.world.now.wall += span,
            false => self.world.now.wall -= span,
        }
        self.reference.set_clock(self.world.now);
    }
}

/// The beginning of what a workstation says in TLS 1.3 with AES-GCM.
fn server_hello() -> Vec<u8> {
    let mut hello = vec![22, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3];
    hello.extend([9; 32]);
    hello.extend([0, 0x13, 0x01]);
    hello.extend([0; 80]);
    hello
}

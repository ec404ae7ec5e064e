//! Whole lives of many sessions, drawn at random, against a reference small enough to believe.
//!
//! The reference knows four deadlines and one rule about second logins. What must hold at every step: the sessions there
//! are those the reference has; each opened session closes exactly once, with the reference's reason; no address is held
//! twice; a handshake is answered exactly while its session is admitted.
//!
//! `DESKGATE_STEPS` sets how long (20,000 by default), `DESKGATE_SEED` repeats a run; the seed is printed.

mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use gateway_api::{CloseReason, SessionNumber};
use gateway_core::{Event, OpenError, Phase};
use policy::{End, SecondLogin};
use world::{Client, Draw, World, grant, number};

const WORKERS: usize = 6;
const PENDING: Duration = Duration::from_secs(30);

/// One session as the reference sees it.
struct Life {
    worker: usize,
    phase: Phase,
    /// Ends it when it comes, unless something else did before.
    pending_until: Instant,
    grace: Duration,
    away_until: Option<Instant>,
    idle_until: Option<Instant>,
    idle: Duration,
    ends_at: Instant,
}

impl Life {
    /// The first deadline, and the reason it ends with. Ties are broken as the core's timers are ordered.
    fn end(&self) -> (Instant, CloseReason) {
        let pending = (self.phase == Phase::Pending).then_some((self.pending_until, 0, CloseReason::NeverUsed));
        let away = self.away_until.map(|at| (at, 1, CloseReason::ClientLost));
        let idle = self.idle_until.map(|at| (at, 2, CloseReason::Idle));
        let over = (self.phase != Phase::Pending).then_some((self.ends_at, 3, CloseReason::AgreementEnded));
        let (at, _, reason) = [pending, away, idle, over].into_iter().flatten().min().unwrap();
        (at, reason)
    }
}

#[derive(Default)]
struct Reference {
    lives: BTreeMap<SessionNumber, Life>,
    closed: BTreeMap<SessionNumber, CloseReason>,
}

impl Reference {
    fn close(&mut self, number: SessionNumber, reason: CloseReason) {
        self.lives.remove(&number);
        assert!(self.closed.insert(number, reason).is_none(), "{number} closed twice");
    }

    fn of(&self, worker: usize, pending: bool) -> Option<SessionNumber> {
        let is = |life: &Life| life.worker == worker && (life.phase == Phase::Pending) == pending;
        self.lives.iter().find(|(_, life)| is(life)).map(|(number, _)| *number)
    }

    fn pass_to(&mut self, now: Instant) {
        while let Some((number, reason)) = self
            .lives
            .iter()
            .map(|(number, life)| (life.end(), *number))
            .min()
            .filter(|((at, _), _)| *at <= now)
            .map(|((_, reason), number)| (number, reason))
        {
            self.close(number, reason);
        }
    }
}

#[test]
fn lives_go_as_the_reference_says() {
    let seed = number("DESKGATE_SEED", u64::from(std::process::id()));
    let steps = number("DESKGATE_STEPS", 20_000);
    println!("DESKGATE_SEED={seed} DESKGATE_STEPS={steps}");
    let mut draw = Draw(seed);
    let mut world = World::answering(u32::MAX);
    let mut reference = Reference::default();
    let mut clients: BTreeMap<SessionNumber, Client> = BTreeMap::new();
    let mut opened = 0u32;
    for step in 0..steps {
        let worker = draw.below(WORKERS);
        let known: Vec<_> = clients.keys().copied().collect();
        let some = (!known.is_empty()).then(|| draw.of(&known));
        match draw.below(8) {
            0 | 1 => {
                opened += 1;
                open(&mut world, &mut reference, &mut clients, &mut draw, worker, opened);
            }
            2 | 3 => {
                if let Some(number) = some {
                    admit(&mut world, &mut reference, number);
                }
            }
            4 => {
                if let Some(number) = some {
                    channel(&mut world, &mut reference, number, draw.one_in(2));
                }
            }
            5 => {
                if let Some(number) = some.filter(|_| draw.one_in(3)) {
                    let there = reference.lives.contains_key(&number);
                    assert_eq!(world.gateway.close_session(number, CloseReason::Administrator), there);
                    if there {
                        reference.close(number, CloseReason::Administrator);
                    }
                }
            }
            6 => {
                if let Some(client) = some.and_then(|number| clients.get_mut(&number)) {
                    let admitted = reference.lives.get(&client.number).is_some_and(|life| life.phase != Phase::Pending);
                    let before = world.gateway.counters().handshakes;
                    let initiation = client.initiation();
                    world.gateway.handle_datagram(client.from, &initiation, world.now);
                    assert_eq!(world.gateway.counters().handshakes - before, u64::from(admitted), "seed {seed}");
                }
            }
            _ => {
                let span = Duration::from_millis(draw.next() % draw.of(&[50, 20_000, 400_000]));
                world.pass(span);
                reference.pass_to(world.now.instant);
            }
        }
        compare(&mut world, &reference, seed, step);
        if clients.len() > 60 {
            clients.retain(|number, _| reference.lives.contains_key(number));
        }
    }
    let mut reasons: BTreeMap<CloseReason, usize> = BTreeMap::new();
    for reason in reference.closed.values() {
        *reasons.entry(*reason).or_default() += 1;
    }
    println!("{opened} openings, ends: {reasons:?}");
    assert!(steps < 20_000 || reasons.len() == 6, "some end never came: {reasons:?}");
}

fn open(
    world: &mut World,
    reference: &mut Reference,
    clients: &mut BTreeMap<SessionNumber, Client>,
    draw: &mut Draw,
    worker: usize,
    serial: u32,
) {
    let now = world.now;
    let mut terms = grant();
    terms.idle = Duration::from_secs(draw.of(&[60, 600]));
    terms.grace = Duration::from_secs(draw.of(&[5, 120]));
    terms.second_login = draw.of(&[SecondLogin::Replace, SecondLogin::Replace, SecondLogin::Refuse]);
    let length = Duration::from_secs(draw.of(&[40, 3600]));
    terms.ends_at = now.wall + length;
    terms.ends_by = End::Agreement;
    let life = Life {
        worker,
        phase: Phase::Pending,
        pending_until: now.instant + PENDING,
        grace: terms.grace,
        away_until: None,
        idle_until: None,
        idle: terms.idle,
        ends_at: now.instant + length,
    };
    let client = Client::serial(serial);
    let (pending, admitted) = (reference.of(worker, true), reference.of(worker, false));
    let refused = terms.second_login == SecondLogin::Refuse && (pending.is_some() || admitted.is_some());
    match world.open(&format!("worker-{worker}"), &client, terms) {
        Err(error) => {
            assert!(refused, "refused: {error:?}");
            assert_eq!(error, OpenError::AlreadyConnected);
        }
        Ok(opened) => {
            assert!(!refused);
            assert_eq!(opened.replaces, admitted);
            if let Some(overtaken) = pending {
                reference.close(overtaken, CloseReason::Replaced);
            }
            reference.lives.insert(client.number, life);
            clients.insert(client.number, client);
        }
    }
}

fn admit(world: &mut World, reference: &mut Reference, number: SessionNumber) {
    let was_pending = reference.lives.get(&number).is_some_and(|life| life.phase == Phase::Pending);
    assert_eq!(world.gateway.admit_session(number, world.now), was_pending);
    if !was_pending {
        return;
    }
    let worker = reference.lives[&number].worker;
    if let Some(replaced) = reference.of(worker, false) {
        reference.close(replaced, CloseReason::Replaced);
    }
    let now = world.now.instant;
    let life = reference.lives.get_mut(&number).unwrap();
    life.phase = Phase::Away;
    life.away_until = Some(now + life.grace);
    life.idle_until = Some(now + life.idle);
    // A grant whose end came while the session was pending ends it now.
    world.pass(Duration::ZERO);
    reference.pass_to(now);
}

fn channel(world: &mut World, reference: &mut Reference, number: SessionNumber, attached: bool) {
    let there = world.gateway.handle_channel(number, attached, world.now);
    assert_eq!(there, reference.lives.contains_key(&number));
    let now = world.now.instant;
    let Some(life) = reference.lives.get_mut(&number) else { return };
    match (life.phase, attached) {
        (Phase::Pending, _) | (Phase::Attached, true) | (Phase::Away, false) => {}
        (Phase::Away, true) => {
            life.phase = Phase::Attached;
            life.away_until = None;
        }
        (Phase::Attached, false) => {
            life.phase = Phase::Away;
            life.away_until = Some(now + life.grace);
        }
    }
}

fn compare(world: &mut World, reference: &Reference, seed: u64, step: u64) {
    world.drain();
    world.home.clear();
    for event in world.events.drain(..) {
        if let Event::Closed { number, reason, .. } = event {
            assert_eq!(reference.closed.get(&number), Some(&reason), "seed {seed}, step {step}: {number}");
        }
    }
    let there = world.gateway.sessions(world.now);
    let numbers: Vec<_> = there.iter().map(|session| (session.number, session.phase)).collect();
    let expected: Vec<_> = reference.lives.iter().map(|(number, life)| (*number, life.phase)).collect();
    assert_eq!(numbers, expected, "seed {seed}, step {step}");
    let addresses: BTreeSet<_> = there.iter().map(|session| session.address).collect();
    assert_eq!(addresses.len(), there.len(), "an address is held twice: seed {seed}, step {step}");
}

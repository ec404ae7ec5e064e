//! The named deadlines of a session, the next one first.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Timer {
    /// A pending session that nobody admits.
    Pending,
    /// A session whose channel is away.
    Grace,
    /// The person is idle, or is to be warned.
    Idle,
    /// The grant ends, or the worker is to be warned.
    End,
    /// The workstation's answer is missing, or the worker is to be warned of it.
    Answer,
    /// The peer's clock moves.
    Wireguard,
    /// An address is probed, believed or refused.
    Way,
}

/// How many there are.
const PER_SESSION: usize = 7;

/// How often a grant's end is compared with the wall clock, which may be set.
pub(crate) const WALL_CLOCK: Duration = Duration::from_secs(30);

/// The deadlines of one session.
#[derive(Debug, Default)]
pub(crate) struct Deadlines([Option<Instant>; PER_SESSION]);

const SESSION_TIMERS: [Timer; PER_SESSION] =
    [Timer::Pending, Timer::Grace, Timer::Idle, Timer::End, Timer::Answer, Timer::Wireguard, Timer::Way];

impl Deadlines {
    pub(crate) fn arm(&mut self, timer: Timer, at: Instant) {
        self.set(timer, Some(at));
    }

    pub(crate) fn disarm(&mut self, timer: Timer) {
        self.set(timer, None);
    }

    pub(crate) fn at(&self, timer: Timer) -> Option<Instant> {
        self.0.get(timer as usize).copied().flatten()
    }

    /// The next deadline.
    pub(crate) fn next(&self) -> Option<(Instant, Timer)> {
        SESSION_TIMERS.into_iter().zip(self.0).filter_map(|(timer, at)| Some((at?, timer))).min()
    }

    /// Takes out one deadline that has passed.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = self.next()?;
        if at > now {
            return None;
        }
        self.disarm(timer);
        Some(timer)
    }

    fn set(&mut self, timer: Timer, at: Option<Instant>) {
        if let Some(place) = self.0.get_mut(timer as usize) {
            *place = at;
        }
    }
}

/// The next deadline of every session, in order of time.
#[derive(Debug, Default)]
pub(crate) struct Agenda(BTreeSet<(Instant, Timer, usize)>);

impl Agenda {
    /// Replaces a session's entry.
    pub(crate) fn move_to(&mut self, slot: usize, old: Option<(Instant, Timer)>, new: Option<(Instant, Timer)>) {
        if old == new {
            return;
        }
        if let Some((at, timer)) = old {
            self.0.remove(&(at, timer, slot));
        }
        if let Some((at, timer)) = new {
            self.0.insert((at, timer, slot));
        }
    }

    pub(crate) fn next(&self) -> Option<(Instant, Timer)> {
        self.0.first().map(|(at, timer, _)| (*at, *timer))
    }

    /// The slot whose deadline passed first.
    pub(crate) fn due(&self, now: Instant) -> Option<usize> {
        self.0.first().filter(|(at, ..)| *at <= now).map(|(_, _, slot)| *slot)
    }
}

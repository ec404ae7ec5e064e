//! What must become of sessions, in the fewest words: a list of deadlines for each, and what moves them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use gateway_api::{CloseReason, SessionNumber, session::Limit};
use gateway_core::{Event, Now, Phase};
use policy::Grant;

const PENDING: Duration = Duration::from_secs(30);
/// A grant's end is compared with the wall clock at least so often.
const WALL_CLOCK: Duration = Duration::from_secs(30);
/// Before an end for want of an answer the worker is warned.
const WARNING: Duration = Duration::from_secs(30);
/// Nobody asks any more.
const GIVEN_UP: Duration = Duration::from_secs(150);

/// What the workstation owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workstation {
    Unheard { since: Instant },
    Answering,
    Silent { since: Instant, asked: Instant },
}

/// One session.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) worker: usize,
    pub(crate) phase: Phase,
    pub(crate) grant: Grant,
    pending_until: Instant,
    away_until: Option<Instant>,
    last_mark: Instant,
    pub(crate) workstation: Workstation,
    /// Since when its workstation is known to answer.
    pub(crate) used_since: Option<Instant>,
    /// When a connection began that marks can be seen in.
    pub(crate) connected_at: Option<Instant>,
    /// When it first sent from another address than where it was believed to be.
    pub(crate) roamed_at: Option<Instant>,
    /// When the grant last changed.
    changed_at: Instant,
    /// Of which end, how long before it, when.
    warned: Vec<(Limit, Duration, Instant)>,
    /// It is being ended, by this.
    ending: Option<CloseReason>,
}

impl Life {
    fn is_admitted(&self) -> bool {
        self.phase != Phase::Pending
    }

    /// When each of the timers ends it as things stand, the grant's end left out.
    fn deadlines(&self) -> Vec<(Instant, CloseReason)> {
        if !self.is_admitted() {
            return vec![(self.pending_until, CloseReason::NeverUsed)];
        }
        let away = self.away_until.map(|at| (at, CloseReason::ClientLost));
        let idle = (self.last_mark + self.grant.idle, CloseReason::Idle);
        let answer = match self.workstation {
            Workstation::Unheard { since } => Some((since + self.grant.unused, CloseReason::NeverUsed)),
            Workstation::Answering => None,
            Workstation::Silent { since, asked } => {
                let end = since + self.grant.unanswered;
                let looked = (end - WARNING).max(self.changed_at);
                let is_asked = self.warned_of(Limit::WorkstationGone).is_some() || asked + GIVEN_UP > looked;
                is_asked.then_some((end, CloseReason::WorkstationGone))
            }
        };
        [away, Some(idle), answer].into_iter().flatten().collect()
    }

    fn warned_of(&self, limit: Limit) -> Option<Duration> {
        self.warned.iter().rev().find(|(of, ..)| *of == limit).map(|(_, left, _)| *left)
    }

    /// Whether it may have been elsewhere for the whole grace without confirming it.
    fn is_strange(&self, now: Now) -> bool {
        self.phase == Phase::Attached && self.roamed_at.is_some_and(|at| now.instant - at >= self.grant.grace)
    }

    fn is_over(&self, now: Now) -> bool {
        self.is_admitted() && self.grant.ends_at <= now.wall
    }

    /// Home types; the packet passed.
    pub(crate) fn handle_typed(&mut self, now: Now) {
        if self.connected_at.is_some_and(|at| now.instant - at >= Duration::from_secs(15)) {
            self.last_mark = now.instant;
        }
        self.handle_asked(now);
    }

    /// Something passed that TCP must answer.
    pub(crate) fn handle_asked(&mut self, now: Now) {
        let anew = Workstation::Silent { since: now.instant, asked: now.instant };
        self.workstation = match self.workstation {
            Workstation::Unheard { .. } => self.workstation,
            Workstation::Silent { since, asked }
                if now.instant - asked < GIVEN_UP || self.warned_of(Limit::WorkstationGone).is_some() =>
            {
                Workstation::Silent { since, asked: now.instant }
            }
            Workstation::Silent { .. } | Workstation::Answering => anew,
        };
    }

    /// The workstation sent something in a known flow.
    pub(crate) fn handle_answered(&mut self, is_reset: bool, now: Now) {
        if is_reset && matches!(self.workstation, Workstation::Unheard { .. }) {
            return;
        }
        self.used_since.get_or_insert(now.instant);
        self.workstation = Workstation::Answering;
    }

    pub(crate) fn handle_channel(&mut self, attached: bool, now: Now) {
        match (self.phase, attached) {
            (Phase::Pending, _) | (Phase::Attached, true) | (Phase::Away, false) => {}
            (Phase::Away, true) => {
                self.phase = Phase::Attached;
                self.away_until = None;
            }
            (Phase::Attached, false) => self.go_away(now),
        }
    }

    pub(crate) fn change_grant(&mut self, grant: Grant, now: Now) {
        self.grant = grant;
        self.changed_at = now.instant;
    }

    fn go_away(&mut self, now: Now) {
        self.phase = Phase::Away;
        self.away_until = Some(now.instant + self.grant.grace);
    }

    /// Away, with all limits but the grant's end counted from now.
    fn begin(&mut self, now: Now) {
        self.go_away(now);
        self.last_mark = now.instant;
        self.workstation = Workstation::Unheard { since: now.instant };
        self.warned.clear();
    }

    /// Another gateway took it up, which knows or does not know that its workstation answered.
    pub(crate) fn restore(&mut self, used: bool, now: Now) {
        self.begin(now);
        self.connected_at = None;
        if used {
            self.workstation = Workstation::Answering;
        } else {
            self.used_since = None;
        }
    }
}

/// All sessions, and how those that are gone ended.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) lives: BTreeMap<SessionNumber, Life>,
    pub(crate) closed: BTreeMap<SessionNumber, CloseReason>,
    /// When the wall clock was last set.
    set_at: Instant,
}

impl Reference {
    pub(crate) fn new(now: Now) -> Self {
        Self { lives: BTreeMap::new(), closed: BTreeMap::new(), set_at: now.instant }
    }

    pub(crate) fn of(&self, worker: usize, phase: impl Fn(Phase) -> bool) -> Option<SessionNumber> {
        self.lives.iter().find(|(_, life)| life.worker == worker && phase(life.phase)).map(|(number, _)| *number)
    }

    pub(crate) fn is_admitted(&self, number: SessionNumber) -> bool {
        self.lives.get(&number).is_some_and(Life::is_admitted)
    }

    pub(crate) fn open(&mut self, number: SessionNumber, worker: usize, grant: Grant, now: Now) {
        let at = now.instant;
        let life = Life {
            worker,
            phase: Phase::Pending,
            grant,
            pending_until: at + PENDING,
            away_until: None,
            last_mark: at,
            workstation: Workstation::Unheard { since: at },
            used_since: None,
            connected_at: None,
            roamed_at: None,
            changed_at: at,
            warned: Vec::new(),
            ending: None,
        };
        assert!(self.lives.insert(number, life).is_none() && !self.closed.contains_key(&number));
    }

    pub(crate) fn admit(&mut self, number: SessionNumber, now: Now) {
        if let Some(life) = self.lives.get_mut(&number) {
            life.begin(now);
        }
    }

    /// It is about to be told closed, for this.
    pub(crate) fn ends(&mut self, number: SessionNumber, reason: CloseReason) {
        self.lives.get_mut(&number).unwrap().ending = Some(reason);
    }

    /// It ended while no gateway ran.
    pub(crate) fn close(&mut self, number: SessionNumber, reason: CloseReason) {
        assert!(self.lives.remove(&number).is_some(), "{number} ended that was not there");
        assert!(self.closed.insert(number, reason).is_none(), "{number} closed twice");
    }

    /// Those that were never admitted are forgotten with the gateway that knew them.
    pub(crate) fn forget_pending(&mut self) {
        self.lives.retain(|_, life| life.is_admitted());
    }

    pub(crate) fn set_clock(&mut self, now: Now) {
        self.set_at = now.instant;
    }

    /// Something was told at this moment: was it time for it?
    pub(crate) fn handle(&mut self, event: &Event, now: Now) {
        match *event {
            Event::Closed { number, reason, .. } => {
                let life = self.lives.get(&number).unwrap_or_else(|| panic!("{number} closed twice, or never opened"));
                let is_due = life.deadlines().contains(&(now.instant, reason))
                    || life.deadlines().iter().any(|due| due.0 <= life.changed_at && *due == (due.0, reason))
                    || (reason == CloseReason::AgreementEnded && life.is_over(now))
                    || (reason == CloseReason::RoamUnconfirmed && life.is_strange(now));
                assert!(life.ending.map_or(is_due, |ending| ending == reason), "{reason:?} is not due: {life:?}");
                let limit = match reason {
                    CloseReason::Idle => Some(Limit::Idle),
                    CloseReason::NeverUsed if life.is_admitted() => Some(Limit::NeverUsed),
                    CloseReason::WorkstationGone => Some(Limit::WorkstationGone),
                    _ => None,
                };
                if let Some(limit) = limit.filter(|_| now.instant - life.changed_at >= WARNING) {
                    assert!(life.warned_of(limit).is_some_and(|left| left <= WARNING), "not warned: {life:?}");
                }
                self.close(number, reason);
            }
            Event::Warning { number, limit, left } => {
                let life = self.lives.get_mut(&number).unwrap();
                let reason = match limit {
                    Limit::Idle => CloseReason::Idle,
                    Limit::NeverUsed => CloseReason::NeverUsed,
                    Limit::WorkstationGone => CloseReason::WorkstationGone,
                    Limit::AgreementEnded => {
                        let ends_in = life.grant.ends_at.duration_since(now.wall);
                        return assert_eq!(Duration::try_from(ends_in).unwrap(), left, "{life:?}");
                    }
                    Limit::LongestSession | Limit::GatewayStopped => panic!("nobody was granted that: {limit:?}"),
                };
                assert!(life.deadlines().contains(&(now.instant + left, reason)), "a false {limit:?}: {life:?}");
                let before = life.warned.iter().rev().find(|(of, ..)| *of == limit);
                let is_news = before.is_none_or(|(_, before, at)| left < *before || *at <= life.changed_at);
                assert!(is_news, "{limit:?} told twice: {life:?}");
                life.warned.push((limit, left, now.instant));
            }
            Event::WarningLifted { number, limit } => {
                let life = self.lives.get_mut(&number).unwrap();
                let warned = life.warned_of(limit).unwrap_or_else(|| panic!("{limit:?} lifted, not warned: {life:?}"));
                match limit {
                    Limit::Idle => assert!(life.last_mark + life.grant.idle > now.instant + warned, "{life:?}"),
                    _ => assert_eq!(life.workstation, Workstation::Answering),
                }
                life.warned.retain(|(of, ..)| *of != limit);
            }
            Event::Handshaken { .. } | Event::Traced { .. } | Event::Moved { .. } => {}
        }
    }

    /// All was told that had to be told by now: is anybody there who should not be?
    pub(crate) fn check(&self, now: Now) {
        for (number, life) in &self.lives {
            assert_eq!(life.ending, None, "{number} was ended and is there: {life:?}");
            let late = life.deadlines().into_iter().find(|(at, _)| *at <= now.instant);
            assert_eq!(late, None, "{number} should be gone: {life:?}");
            if life.is_over(now) {
                let over_for = Duration::try_from(now.wall.duration_since(life.grant.ends_at)).unwrap();
                // Nobody can see a clock that is set before the next look at it.
                let since = now.instant.checked_sub(over_for).map_or(self.set_at, |at| at.max(self.set_at));
                let is_late = now.instant - since > WALL_CLOCK || since - self.set_at > WALL_CLOCK;
                assert!(!is_late, "{number} is past its grant for {:?}: {life:?}", now.instant - since);
            }
        }
    }
}

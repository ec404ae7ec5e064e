//! One session: whose, which grant, which address, when it ends, why it ended.
//!
//! ```text
//!                admit                    channel comes
//!   (open) ─► pending ──────────► away ◄───────────────► attached
//!                │                  │    channel goes        │
//!                │ nobody admits    │ grace over             │ idle, grant over, replaced, no answer from the workstation,
//!                ▼                  ▼                        ▼ closed by worker, program, administrator, policy
//!              closed(reason) ◄─────┴────────────────────────┘
//! ```
//!
//! A pending session holds its address and its worker's place and has no peer: nothing of it works before its opening
//! is durable. A session of an earlier run of the gateway begins as away. INVARIANT: `peer`
//! is there exactly from admission to close.

use std::{net::IpAddr, sync::Arc, time::Duration, time::Instant};

use gateway_api::{CloseReason, PresharedKey, PublicKey, SessionNumber, session::Limit};
use jiff::Timestamp;
use policy::{End, Grant};

use crate::{
    Drop, Event, Now, Phase, Restore, Standing, Traffic, View, Way,
    activity::{Activity, replay},
    answers::Answers,
    dropped::Look,
    drops::{Drops, IdleTotals},
    filter::Filter,
    flows::Flows,
    peer::Peer,
    recorder::{Recorder, TraceEnd},
    silence::Silence,
    timer::{Deadlines, Timer, WALL_CLOCK},
    ways::Ways,
};

/// How long a pending session waits to be admitted: writing one record takes milliseconds.
pub(crate) const PENDING: Duration = Duration::from_secs(30);

/// How long before an idle end the worker is warned, longest first.
const IDLE_WARNINGS: [Duration; 2] = [Duration::from_secs(120), Duration::from_secs(30)];

/// Handshakes that one channel may begin in such a span: an honest client needs one in two minutes, and a few when ways change.
const MOST_HANDSHAKES: u32 = 10;
const HANDSHAKE_SPAN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) number: SessionNumber,
    pub(crate) worker: Arc<str>,
    pub(crate) grant: Grant,
    pub(crate) workstation: IpAddr,
    /// Inside the tunnel; of the workstation's family.
    pub(crate) address: IpAddr,
    pub(crate) public_key: PublicKey,
    pub(crate) phase: Phase,
    opened_at: Timestamp,
    preshared_key: Option<PresharedKey>,
    pub(crate) peer: Option<Peer>,
    pub(crate) filter: Filter,
    pub(crate) flows: Flows,
    pub(crate) activity: Activity,
    pub(crate) answers: Answers,
    pub(crate) silence: Silence,
    /// While sizes and times are recorded.
    pub(crate) recorder: Option<Box<Recorder>>,
    /// While the headers of dropped packets are kept.
    pub(crate) look: Option<Box<Look>>,
    pub(crate) traffic: Traffic,
    pub(crate) drops: Drops,
    pub(crate) deadlines: Deadlines,
    /// The shortest warning given of the idle end that is coming, and of the grant's end.
    idle_warned: Option<Duration>,
    end_warned: Option<Duration>,
    /// What the rule on trial would have ended the session at, once counted, and whether a machine was.
    tried: Option<Instant>,
    jiggler_counted: bool,
    /// Since when, and how many, handshakes were begun by the channel.
    handshakes_by_channel: Option<(Instant, u32)>,
    /// The answer to the client's last initiation, until that is kept.
    pub(crate) held: Option<Held>,
    /// The endpoint that was last told to be kept.
    told_endpoint: Option<Way>,
    /// Whether it was told that the workstation answered.
    told_used: bool,
}

/// An answer that waits.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) to: Way,
    pub(crate) answer: Box<[u8]>,
}

/// What a deadline asks of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Close(CloseReason),
    Tell(Event),
    Tick,
    /// Of the client's ways.
    Way,
}

impl Session {
    pub(crate) fn new(open: crate::Open, address: IpAddr, now: Now) -> Self {
        let workstation = open.workstation;
        let mut deadlines = Deadlines::default();
        deadlines.arm(Timer::Pending, now.instant + PENDING);
        Self {
            filter: Filter::new(&open.grant, address, workstation),
            number: open.number,
            worker: open.worker,
            grant: open.grant,
            workstation,
            address,
            public_key: open.public_key,
            phase: Phase::Pending,
            opened_at: now.wall,
            preshared_key: Some(open.preshared_key),
            peer: None,
            flows: Flows::default(),
            activity: Activity::new(now.instant),
            answers: Answers::never(now.instant),
            silence: Silence::default(),
            recorder: None,
            look: None,
            traffic: Traffic::default(),
            drops: Drops::default(),
            deadlines,
            idle_warned: None,
            end_warned: None,
            tried: None,
            jiggler_counted: false,
            handshakes_by_channel: None,
            held: None,
            told_endpoint: None,
            told_used: false,
        }
    }

    /// A session of an earlier run: away until its channel comes back, calling its client from `call_at` on. Its idle
    /// limit is counted anew, for nothing of what the person did was kept; and so is the wait for its workstation.
    pub(crate) fn restore(restore: Restore, index: u32, now: Now, call_at: Instant) -> Self {
        let Restore { open, address, opened_at, initiation, standing } = restore;
        let mut session = Self::new(open, address, now);
        session.admit(index, now);
        session.peer = session.peer.take().map(|peer| peer.resume(standing.endpoint, initiation));
        session.opened_at = opened_at;
        session.flows = Flows::restore(&standing.flows, &session.filter, now.instant);
        session.traffic = standing.traffic;
        session.told_endpoint = standing.endpoint;
        session.told_used = standing.used;
        if standing.used {
            session.answers = Answers::answering();
        }
        if standing.endpoint.is_some() {
            session.deadlines.arm(Timer::Wireguard, call_at);
        }
        session
    }

    /// From pending to away: the peer exists, the channel is awaited. False if it is not pending.
    pub(crate) fn admit(&mut self, index: u32, now: Now) -> bool {
        let Some(preshared_key) = self.preshared_key.take() else { return false };
        self.peer = Some(Peer::new(self.public_key, preshared_key, index));
        self.phase = Phase::Away;
        self.activity = Activity::new(now.instant);
        self.answers = Answers::never(now.instant);
        self.deadlines.disarm(Timer::Pending);
        self.deadlines.arm(Timer::Grace, now.instant + self.grant.grace);
        self.deadlines.arm(Timer::Idle, now.instant);
        self.deadlines.arm(Timer::End, now.instant);
        self.deadlines.arm(Timer::Answer, now.instant);
        true
    }

    /// The session channel came.
    pub(crate) fn attach(&mut self, now: Instant) {
        if self.phase != Phase::Pending {
            self.phase = Phase::Attached;
            self.deadlines.disarm(Timer::Grace);
            self.change_ways(|ways| ways.handle_channel_came(now));
        }
    }

    /// The session channel went.
    pub(crate) fn detach(&mut self, now: Now) {
        if self.phase == Phase::Attached {
            self.phase = Phase::Away;
            self.deadlines.arm(Timer::Grace, now.instant + self.grant.grace);
            self.change_ways(Ways::handle_channel_went);
        }
    }

    /// Changes what is known of the client's ways; what becomes due of it is looked at then.
    pub(crate) fn change_ways<T>(&mut self, change: impl FnOnce(&mut Ways) -> T) -> Option<T> {
        let ways = &mut self.peer.as_mut()?.ways;
        let outcome = change(ways);
        match ways.next() {
            Some(at) => self.deadlines.arm(Timer::Way, at),
            None => self.deadlines.disarm(Timer::Way),
        }
        Some(outcome)
    }

    /// Whether the client was to be found for the whole grace, its channel there, and nobody answered where it seemed to be.
    pub(crate) fn is_unconfirmed(&self) -> bool {
        let strange_for = self.peer.as_ref().map_or(Duration::ZERO, |peer| peer.ways.strange_for());
        self.phase == Phase::Attached && strange_for >= self.grant.grace
    }

    /// Another grant takes over: what it opens and when it ends hold from now on.
    pub(crate) fn change_grant(&mut self, grant: Grant, now: Instant) {
        self.filter = Filter::new(&grant, self.address, self.workstation);
        self.grant = grant;
        self.end_warned = None;
        if self.phase != Phase::Pending {
            self.deadlines.arm(Timer::Idle, now);
            self.deadlines.arm(Timer::End, now);
            self.deadlines.arm(Timer::Answer, now);
        }
    }

    /// Whether an answer of the workstation is missing that no deadline waits for, or one that comes too late. A deadline
    /// that comes too early is not moved: the next answer would make that vain.
    pub(crate) fn is_unwatched(&self) -> bool {
        let look_at = self.answers.look_at(&self.grant);
        look_at.is_some_and(|look_at| self.deadlines.at(Timer::Answer).is_none_or(|at| at > look_at))
    }

    /// The workstation slept until now, and nobody could do anything at it. The ends that the worker was warned of, and that do not come.
    pub(crate) fn wait_anew(&mut self, now: Instant) -> [Option<Limit>; 2] {
        let answer = self.answers.begin_anew(now);
        self.activity.begin_anew(now);
        let idle = self.is_warning_lifted(now).then_some(Limit::Idle);
        if idle.is_some() {
            self.lift_idle_warning(now);
        }
        // A pending session waits for nobody yet.
        if self.phase != Phase::Pending {
            self.watch();
        }
        [answer, idle]
    }

    /// The workstation's answer is waited for, if it is missing.
    pub(crate) fn watch(&mut self) {
        if let Some(at) = self.answers.look_at(&self.grant) {
            self.deadlines.arm(Timer::Answer, at);
        }
    }

    /// Whether the peer's clock stands still though a packet passed, from which something may follow.
    pub(crate) fn is_drowsy(&self, now: Instant) -> bool {
        self.deadlines.at(Timer::Wireguard).is_none_or(|at| at > now + crate::peer::TICK)
    }

    /// The peer's clock moves soon.
    pub(crate) fn wake_peer(&mut self, now: Instant) {
        self.deadlines.arm(Timer::Wireguard, now + crate::peer::TICK);
    }

    /// The peer's clock moves when it must, and not at all where there are no keys.
    pub(crate) fn rest_peer(&mut self) {
        match self.peer.as_ref().and_then(Peer::next_tick) {
            Some(at) => self.deadlines.arm(Timer::Wireguard, at),
            None => self.deadlines.disarm(Timer::Wireguard),
        }
    }

    /// Whether the channel may begin a handshake: each costs as much as thousands of packets, and no cookie stands before it.
    pub(crate) fn may_handshake_by_channel(&mut self, now: Instant) -> bool {
        let (since, begun) = self
            .handshakes_by_channel
            .filter(|(since, _)| now.saturating_duration_since(*since) < HANDSHAKE_SPAN)
            .unwrap_or((now, 0));
        self.handshakes_by_channel = Some((since, begun + 1));
        begun < MOST_HANDSHAKES
    }

    /// Whether an idle warning was given that marks have made untrue since.
    pub(crate) fn is_warning_lifted(&self, now: Instant) -> bool {
        let Some(warned) = self.idle_warned else { return false };
        self.idle_at().is_none_or(|at| at.saturating_duration_since(now) > warned)
    }

    /// Takes the idle warning back; the deadline is counted anew.
    pub(crate) fn lift_warning(&mut self, now: Instant) -> Event {
        self.lift_idle_warning(now);
        Event::WarningLifted { number: self.number, limit: Limit::Idle }
    }

    fn lift_idle_warning(&mut self, now: Instant) {
        self.idle_warned = None;
        self.deadlines.arm(Timer::Idle, now);
    }

    /// What a deadline that has passed asks for; arms what follows it.
    pub(crate) fn handle_deadline(&mut self, timer: Timer, now: Now) -> Due {
        match timer {
            Timer::Pending => Due::Close(CloseReason::NeverUsed),
            Timer::Grace => Due::Close(CloseReason::ClientLost),
            Timer::Idle => self.handle_idle(now.instant),
            Timer::End => self.handle_end(now),
            Timer::Answer => self.handle_no_answer(now.instant),
            Timer::Wireguard => Due::Tick,
            Timer::Way => Due::Way,
        }
    }

    /// What the idle rule saw that has not been counted yet.
    pub(crate) fn take_idle_totals(&mut self, now: Instant) -> IdleTotals {
        let mut totals = IdleTotals::default();
        if self.activity.is_jiggler() && !std::mem::replace(&mut self.jiggler_counted, true) {
            totals.jigglers = 1;
        }
        let rule = self.grant.idle_rule;
        let due = rule.dry_run.then(|| self.activity.idle_at(self.grant.idle, rule)).flatten().filter(|at| *at <= now);
        // Once for each time that nobody was there, and not for each look.
        if due.is_some() && std::mem::replace(&mut self.tried, due) != due {
            totals.would_have_ended = 1;
        }
        totals
    }

    /// When the person will have been idle for the limit; none where the rule does not apply.
    fn idle_at(&self) -> Option<Instant> {
        let rule = self.grant.idle_rule;
        if rule.dry_run { None } else { self.activity.idle_at(self.grant.idle, rule) }
    }

    fn handle_idle(&mut self, now: Instant) -> Due {
        let Some(idle_at) = self.idle_at() else {
            // Not understood, or a trial: looked at again, for a client may yet show itself; a trial when it would end.
            let trial = self.activity.idle_at(self.grant.idle, self.grant.idle_rule).filter(|at| *at > now);
            self.deadlines.arm(Timer::Idle, trial.unwrap_or(now + self.grant.idle));
            return Due::Nothing;
        };
        let left = idle_at.saturating_duration_since(now);
        if left.is_zero() {
            return Due::Close(CloseReason::Idle);
        }
        let (next, warn) = next_warning(&IDLE_WARNINGS, left, self.grant.idle, &mut self.idle_warned);
        self.deadlines.arm(Timer::Idle, idle_at.checked_sub(next).unwrap_or(now));
        warning(warn, self.number, Limit::Idle, left)
    }

    fn handle_end(&mut self, now: Now) -> Due {
        let (reason, limit) = end_of(&self.grant);
        let Ok(left) = Duration::try_from(self.grant.ends_at.duration_since(now.wall)) else {
            return Due::Close(reason);
        };
        if left.is_zero() {
            return Due::Close(reason);
        }
        let whole = Duration::try_from(self.grant.ends_at.duration_since(self.opened_at)).unwrap_or_default();
        let (next, warn) = next_warning(&self.grant.warnings, left, whole, &mut self.end_warned);
        self.deadlines.arm(Timer::End, now.instant + (left - next.min(left)).min(WALL_CLOCK));
        warning(warn, self.number, limit, left)
    }

    fn handle_no_answer(&mut self, now: Instant) -> Due {
        self.answers.forget(now);
        let Some(end) = self.answers.end(&self.grant) else { return Due::Nothing };
        let left = end.at.saturating_duration_since(now);
        if left.is_zero() {
            return Due::Close(end.reason);
        }
        let warn = self.answers.look_at(&self.grant).is_some_and(|at| at <= now);
        if warn {
            self.answers.warn(end.limit);
        }
        self.watch();
        warning(warn, self.number, end.limit, left)
    }

    /// A piece of the recording, where there is one and the piece is due, or it is ended now.
    pub(crate) fn take_traced(&mut self, end: Option<TraceEnd>, now: Option<Instant>) -> Option<Event> {
        let traced = self.recorder.as_mut()?.take(end, now)?;
        if traced.over.is_some() {
            self.recorder = None;
        }
        Some(Event::Traced { number: self.number, traced: Box::new(traced) })
    }

    /// A packet dropped for `reason`.
    pub(crate) fn count_drop(&mut self, reason: Drop, packets: u64) {
        self.drops.count(reason, packets);
    }

    /// A packet that can be read was dropped for `reason`; it stands for so many.
    pub(crate) fn count_dropped(&mut self, from: replay::End, reason: Drop, packet: &[u8], packets: u64, now: Instant) {
        self.count_drop(reason, packets);
        if let Some(look) = &mut self.look {
            look.note(from, reason, packet, now);
        }
    }

    /// Where the session stands, if what has to be kept of it has changed since the last call; in any case if `anyway`.
    pub(crate) fn take_standing(&mut self, anyway: bool, now: Instant) -> Option<Standing> {
        let endpoint = self.endpoint();
        let used = self.answers.is_used();
        let moved = self.flows.take_changed() | (endpoint != self.told_endpoint) | (used != self.told_used);
        (self.told_endpoint, self.told_used) = (endpoint, used);
        let wanted = self.phase != Phase::Pending && (moved || anyway);
        wanted.then(|| Standing { endpoint, flows: self.flows.kept(now), traffic: self.traffic, used })
    }

    /// Whether the client's way is another than was last told.
    pub(crate) fn has_moved(&self) -> bool {
        self.endpoint() != self.told_endpoint
    }

    pub(crate) fn endpoint(&self) -> Option<Way> {
        self.peer.as_ref().and_then(|peer| peer.ways.confirmed())
    }

    pub(crate) fn view(&self, now: Instant) -> View {
        View {
            number: self.number,
            worker: Arc::clone(&self.worker),
            grant: self.grant.clone(),
            workstation: self.workstation,
            address: self.address,
            endpoint: self.endpoint(),
            phase: self.phase,
            opened_at: self.opened_at,
            traffic: self.traffic,
            drops: self.drops.iter().collect(),
            flows: self.flows.count(now),
        }
    }
}

/// What a grant's end is called.
pub(crate) fn end_of(grant: &Grant) -> (CloseReason, Limit) {
    match grant.ends_by {
        End::Agreement => (CloseReason::AgreementEnded, Limit::AgreementEnded),
        End::Longest => (CloseReason::LongestSession, Limit::LongestSession),
    }
}

/// Of `warnings` (longest first), which one `left` has reached for the first time, and how long before the end to look
/// again. A warning as long as the whole limit would come at its beginning and says nothing.
fn next_warning(
    warnings: &[Duration],
    left: Duration,
    whole: Duration,
    warned: &mut Option<Duration>,
) -> (Duration, bool) {
    let reached = warnings.iter().copied().filter(|warning| left <= *warning && *warning < whole).min();
    let warn = reached.is_some_and(|reached| warned.is_none_or(|before| reached < before));
    if reached.is_some() {
        *warned = reached;
    }
    let next = warnings.iter().copied().filter(|warning| *warning < left && *warning < whole).max();
    (next.unwrap_or_default(), warn)
}

fn warning(warn: bool, number: SessionNumber, limit: Limit, left: Duration) -> Due {
    if warn { Due::Tell(Event::Warning { number, limit, left }) } else { Due::Nothing }
}

//! What a recording says of the rule: bursts seen, idle windows taken for input, and whether a timer would have ended
//! the session at the right moment.

use std::time::{Duration, Instant};

use policy::{IdleRule, Jiggler, UnknownClient};

use super::{
    segments::{HOME, OFFICE, Segments},
    trace::{Burst, End, Moment, Trace},
};
use crate::activity::{Activity, CONNECTION_PHASE, Cipher, Heard, Meter};

const SECOND: Moment = 1_000_000;
/// Scores leave the connection phase out.
const FIRST: Moment = CONNECTION_PHASE.as_micros() as Moment;
/// A mark belongs to a burst from this much before its start,
const BEFORE: Moment = SECOND / 5;
/// to this much after its end.
const AFTER: Moment = SECOND;
const WINDOW: Moment = 10 * SECOND;
/// A window that begins this soon after a burst is neither idle nor anything.
const NEITHER: Moment = 3 * SECOND / 2;
/// How far from the truth a timer may be.
const TOLERANCE: Moment = SECOND;

/// One recording's scores, as its README defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// Inputs by a person.
    pub bursts: usize,
    /// Of these, the ones that made a mark.
    pub bursts_seen: usize,
    /// Ten-second windows without a person.
    pub idle_windows: usize,
    /// Of these, the ones with a mark.
    pub false_windows: usize,
    /// The same windows the other way round: with a burst in them,
    pub busy_windows: usize,
    /// and of these the ones without a mark. Not a fault: a window may hold but the first instant of a burst.
    pub silent_windows: usize,
    /// The idle timer.
    pub timer: Timer,
    /// Whether the rule called the client unknown at the end.
    pub unknown: bool,
    /// When the marks were first recognised as a machine's, since the first packet.
    pub jiggler_at: Option<Duration>,
}

/// What an idle timer did and should have done; times are since the first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    /// When it ended the session; `None` if it was still open at the recording's end.
    pub ended_at: Option<Duration>,
    /// When it should have.
    pub due_at: Option<Duration>,
}

impl Timer {
    /// Whether the decision is right, and its moment within a second.
    pub fn is_right(&self) -> bool {
        match (self.ended_at, self.due_at) {
            (None, None) => true,
            (Some(ended), Some(due)) => ended.abs_diff(due) <= Duration::from_micros(TOLERANCE.unsigned_abs()),
            _ => false,
        }
    }

    /// Whether it ended a session whose person was there.
    pub fn is_false_end(&self) -> bool {
        let due = self.due_at.unwrap_or(Duration::MAX);
        self.ended_at.is_some_and(|ended| ended + Duration::from_micros(TOLERANCE.unsigned_abs()) < due)
    }
}

/// Replays a recording through the gateway's meter, with an idle limit of `timeout`, from any `began` on.
pub fn replay(trace: &Trace, cipher: Option<Cipher>, timeout: Duration, began: Instant) -> Score {
    let heard = listen(trace, cipher, timeout, began);
    let marks: Vec<Moment> = heard.marks.iter().copied().filter(|at| *at <= trace.end - SECOND).collect();
    let bursts: Vec<Burst> = trace.bursts.iter().copied().filter(|burst| burst.is_scored(trace)).collect();
    let mut score = Score {
        bursts: bursts.len(),
        bursts_seen: bursts.iter().filter(|burst| burst.is_seen(&marks)).count(),
        idle_windows: 0,
        false_windows: 0,
        busy_windows: 0,
        silent_windows: 0,
        timer: Timer { ended_at: heard.ended_at.map(since_first), due_at: due(trace, &heard.marks, timeout) },
        unknown: heard.unknown,
        jiggler_at: heard.jiggler_at.map(since_first),
    };
    score.add_windows(trace, &marks);
    score
}

impl Score {
    fn add_windows(&mut self, trace: &Trace, marks: &[Moment]) {
        let starts = (0..).map(|index| FIRST + index * WINDOW);
        for start in starts.take_while(|start| start + WINDOW <= trace.end - SECOND) {
            let marked = marks.iter().any(|at| (start..start + WINDOW).contains(at));
            if trace.bursts.iter().any(|burst| burst.start < start + WINDOW && burst.end > start) {
                self.busy_windows += 1;
                self.silent_windows += usize::from(!marked);
            } else if !trace.bursts.iter().any(|burst| (burst.end..=burst.end + NEITHER).contains(&start)) {
                self.idle_windows += 1;
                self.false_windows += usize::from(marked);
            }
        }
    }
}

impl Burst {
    fn is_scored(&self, trace: &Trace) -> bool {
        self.end >= FIRST && self.start <= trace.end - SECOND
    }

    /// The moments at which a mark belongs to it.
    fn reach(&self) -> std::ops::RangeInclusive<Moment> {
        self.start - BEFORE..=self.end + AFTER
    }

    fn is_seen(&self, marks: &[Moment]) -> bool {
        marks.iter().any(|at| self.reach().contains(at))
    }
}

/// What the gateway would have noticed.
#[derive(Default)]
struct Listened {
    marks: Vec<Moment>,
    ended_at: Option<Moment>,
    unknown: bool,
    jiggler_at: Option<Moment>,
}

fn listen(trace: &Trace, cipher: Option<Cipher>, timeout: Duration, began: Instant) -> Listened {
    let at = |moment: Moment| began + Duration::from_micros(moment.unsigned_abs());
    let mut listened = Listened::default();
    let mut segments = Segments::new(cipher);
    let mut meter = Meter::new(HOME, began);
    meter.handle_office_syn(OFFICE);
    // The person signs in when the connection phase ends: recordings are scored from there on.
    let mut activity = Activity::new(at(FIRST));
    let mut payload = Vec::new();
    for packet in trace.packets.iter().take_while(|packet| packet.at <= trace.end) {
        let now = at(packet.at);
        listened.ended_at = listened.ended_at.or(ended(&activity, timeout, began, packet.at));
        let sequence = segments.next(packet, &mut payload);
        match packet.from {
            End::Office => meter.handle_from_office(sequence, &payload),
            End::Home => {
                let heard = meter.handle_from_home(sequence, &payload, now);
                activity.handle_heard(heard, now);
                listened.marks.extend(matches!(heard, Heard::Marks(_)).then_some(packet.at));
            }
        }
        listened.jiggler_at = listened.jiggler_at.or(activity.is_jiggler().then_some(packet.at));
    }
    listened.ended_at = listened.ended_at.or(ended(&activity, timeout, began, trace.end));
    listened.unknown = activity.is_unknown();
    listened
}

/// When the idle timer ended the session, if it did by `moment`. The rule alone: everything that looks like a mark counts.
fn ended(activity: &Activity, timeout: Duration, began: Instant, moment: Moment) -> Option<Moment> {
    let rule = IdleRule { unknown_client: UnknownClient::Warn, jiggler: Jiggler::Counts, dry_run: false };
    let idle_at = activity.idle_at(timeout, rule)?;
    let idle_at = Moment::try_from(idle_at.saturating_duration_since(began).as_micros()).ok()?;
    (idle_at <= moment).then_some(idle_at)
}

/// When the timer should end the session: the timeout after the last mark of the last burst that came in time.
fn due(trace: &Trace, marks: &[Moment], timeout: Duration) -> Option<Duration> {
    let timeout = Moment::try_from(timeout.as_micros()).unwrap_or(Moment::MAX / 2);
    let mut last = FIRST;
    for burst in trace.bursts.iter().filter(|burst| burst.end >= FIRST) {
        if burst.start > last + timeout {
            break;
        }
        let own = marks.iter().copied().filter(|at| burst.reach().contains(at)).max();
        last = last.max(own.unwrap_or(burst.end));
    }
    (last + timeout <= trace.end).then_some(since_first(last + timeout))
}

fn since_first(moment: Moment) -> Duration {
    Duration::from_micros(moment.unsigned_abs())
}

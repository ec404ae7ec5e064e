//! The named deadlines of one session, the next one first. They say when; `session` acts on them.

use std::time::Instant;

/// What becomes due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deadline {
    /// The tunnel's own timers: handshakes, their repetition, keepalives.
    Tunnel,
    /// The timers of TCP: acknowledgements, repetitions.
    Connections,
    /// The gateway has not answered the first handshake for too long.
    Unanswered,
    /// The session channel was lost and its grace is over.
    Grace,
    /// What was still under way when the session was closed had its time.
    Flush,
    /// Another way may have to be tried.
    Way,
}

const COUNT: usize = 6;

/// One moment for each [`Deadline`], or none.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    moments: [Option<Instant>; COUNT],
}

impl Timer {
    pub(crate) fn set(&mut self, deadline: Deadline, at: Option<Instant>) {
        if let Some(moment) = self.moments.get_mut(deadline as usize) {
            *moment = at;
        }
    }

    pub(crate) fn is_set(&self, deadline: Deadline) -> bool {
        self.moments.get(deadline as usize).copied().flatten().is_some()
    }

    pub(crate) fn is_due(&self, deadline: Deadline, now: Instant) -> bool {
        self.moments.get(deadline as usize).copied().flatten().is_some_and(|at| at <= now)
    }

    /// The next moment and the word for it.
    pub(crate) fn next(&self) -> Option<(Instant, Deadline)> {
        use Deadline::{Connections, Flush, Grace, Tunnel, Unanswered, Way};
        let named = [Tunnel, Connections, Unanswered, Grace, Flush, Way];
        self.moments.iter().zip(named).filter_map(|(at, deadline)| at.map(|at| (at, deadline))).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_next_deadline_is_the_earliest_one_and_has_its_name() {
        let now = Instant::now();
        let mut timer = Timer::default();
        assert_eq!(timer.next(), None);
        timer.set(Deadline::Grace, Some(now + Duration::from_secs(2)));
        timer.set(Deadline::Flush, Some(now + Duration::from_secs(1)));
        assert_eq!(timer.next(), Some((now + Duration::from_secs(1), Deadline::Flush)));
        timer.set(Deadline::Flush, None);
        assert_eq!(timer.next(), Some((now + Duration::from_secs(2), Deadline::Grace)));
        assert!(!timer.is_due(Deadline::Grace, now) && timer.is_due(Deadline::Grace, now + Duration::from_secs(2)));
    }
}

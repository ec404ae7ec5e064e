//! How far the record is behind what happens.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How the writing goes at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lag {
    /// Records that are not on disk yet.
    pub(crate) waiting: usize,
    /// For how long the oldest of them has waited.
    pub(crate) oldest: Duration,
    /// Attempts to write that failed.
    pub(crate) failures: u64,
}

/// What waits to be written.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting(Arc<Mutex<Line>>);

#[derive(Debug, Default)]
struct Line {
    next: u64,
    since: BTreeMap<u64, Instant>,
    failures: u64,
}

/// One record's place among them; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    line: Waiting,
    number: u64,
}

impl Waiting {
    pub(super) fn enter(&self, now: Instant) -> Place {
        let mut line = self.line();
        let number = line.next;
        line.next += 1;
        line.since.insert(number, now);
        drop(line);
        Place { line: self.clone(), number }
    }

    pub(super) fn fail(&self) {
        self.line().failures += 1;
    }

    pub(super) fn lag(&self, now: Instant) -> Lag {
        let line = self.line();
        let oldest = line.since.values().next().map_or(Duration::ZERO, |since| now.saturating_duration_since(*since));
        Lag { waiting: line.since.len(), oldest, failures: line.failures }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.line().since.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_waits_is_the_lag() {
        let (waiting, begun) = (Waiting::default(), Instant::now());
        let second = Duration::from_secs(1);
        let first = waiting.enter(begun);
        let later = waiting.enter(begun + second);
        let lag = |after| waiting.lag(begun + after * second);
        assert_eq!((lag(3).waiting, lag(3).oldest), (2, 3 * second));
        drop(first);
        assert_eq!((lag(3).waiting, lag(3).oldest), (1, 2 * second));
        drop(later);
        waiting.fail();
        assert_eq!(lag(3), Lag { waiting: 0, oldest: Duration::ZERO, failures: 1 });
    }
}

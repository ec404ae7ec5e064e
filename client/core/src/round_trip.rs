//! The shortest round trip to the workstation lately: what the line takes for everything while nothing waits in it.

use std::time::{Duration, Instant};

/// For how long one counts at least, and up to twice as long: lines change.
const MEMORY: Duration = Duration::from_secs(10);
/// Between two looks at the line without a queue: more than one in a [`MEMORY`], so the shortest is never one with a queue in it.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// What was measured, in the present stretch of [`MEMORY`] and in the one before.
#[derive(Debug)]
pub(crate) struct RoundTrip {
    latest: Option<Duration>,
    before: Option<Duration>,
    began: Instant,
    epoch: Instant,
}

impl RoundTrip {
    pub(crate) fn new(now: Instant) -> Self {
        Self { latest: None, before: None, began: now, epoch: now }
    }

    /// The line is another one.
    pub(crate) fn forget(&mut self) {
        (self.latest, self.before) = (None, None);
    }

    pub(crate) fn measured(&mut self, took: Duration, now: Instant) {
        if now >= self.began + MEMORY {
            self.began = now;
            self.before = self.latest.take();
        }
        self.latest = Some(self.latest.map_or(took, |known| known.min(took)));
    }

    /// None before the first.
    pub(crate) fn shortest(&self) -> Option<Duration> {
        self.latest.into_iter().chain(self.before).min()
    }

    /// The number of the present stretch of [`BETWEEN_LOOKS`]. All connections look when it changes: one alone would see the queue that the
    /// others make.
    pub(crate) fn look(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_secs() / BETWEEN_LOOKS.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_counts_until_the_line_is_another_one() {
        let ms = Duration::from_millis;
        let start = Instant::now();
        let mut trip = RoundTrip::new(start);
        assert_eq!(trip.shortest(), None);
        for (after, took, shortest) in
            [(0, 20, 20), (1_000, 5, 5), (9_999, 45, 5), (10_000, 40, 5), (19_000, 45, 5), (20_000, 50, 40)]
        {
            trip.measured(ms(took), start + ms(after));
            assert_eq!(trip.shortest(), Some(ms(shortest)), "after {after} ms");
        }
        trip.forget();
        assert_eq!(trip.shortest(), None);
    }
}

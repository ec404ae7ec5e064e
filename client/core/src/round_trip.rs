//! The shortest round trip of a connection lately: what the line takes for everything while nothing waits in it.

use std::time::{Duration, Instant};

/// For how long one counts at least, and up to twice as long: lines change.
pub(crate) const MEMORY: Duration = Duration::from_secs(10);

/// What was measured, in the present stretch of [`MEMORY`] and in the one before.
#[derive(Debug, Default)]
pub(crate) struct RoundTrip {
    latest: Option<Duration>,
    before: Option<Duration>,
    began: Option<Instant>,
}

impl RoundTrip {
    pub(crate) fn measured(&mut self, took: Duration, now: Instant) {
        if self.began.is_none_or(|began| now >= began + MEMORY) {
            self.began = Some(now);
            self.before = self.latest.take();
        }
        self.latest = Some(self.latest.map_or(took, |known| known.min(took)));
    }

    /// None before the first.
    pub(crate) fn shortest(&self) -> Option<Duration> {
        self.latest.into_iter().chain(self.before).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_counts_until_the_line_is_another_one() {
        let ms = Duration::from_millis;
        let (mut trip, start) = (RoundTrip::default(), Instant::now());
        assert_eq!(trip.shortest(), None);
        for (after, took, shortest) in
            [(0, 20, 20), (1_000, 5, 5), (9_999, 45, 5), (10_000, 40, 5), (19_000, 45, 5), (20_000, 50, 40)]
        {
            trip.measured(ms(took), start + ms(after));
            assert_eq!(trip.shortest(), Some(ms(shortest)), "after {after} ms");
        }
    }
}

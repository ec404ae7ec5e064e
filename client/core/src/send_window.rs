//! How much one connection may have under way to the workstation, so that nothing queues on the way.
//!
//! smoltcp's congestion control learns from loss alone, and recovers from it slowly: one lost segment in a round trip,
//! or one second. So loss must be rare, and for a keystroke behind a copy the queue that precedes it must be short.
//! This watches the round trip instead: when it grows beyond the shortest one seen, what is under way waits in some
//! router, and less is let in. Loss shrinks the window too, and is remembered, so that it is not provoked again soon.
//!
//! ```text
//!  starting: twice as much each round trip ── queue, or loss ──> steady: a little more each round trip,
//!                                                                less when a queue or a loss is seen
//! ```
//!
//! It refuses to know what TCP is: bytes are counted along one ever growing (wrapping) number.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::round_trip::RoundTrip;

/// The window at the start, and the least at any time, in bytes: what any line takes at once, and what a keystroke and a
/// page of clipboard need.
const LEAST: usize = 16 << 10;
/// One segment, roughly; the smallest step.
const STEP: usize = 1380;
/// How long bytes may wait in queues along the way.
const QUEUE: Duration = Duration::from_millis(6);
/// What a start takes for a queue: sooner, for it doubles before it looks again.
const FIRST_QUEUE: Duration = Duration::from_millis(2);
/// Round trips measured at a time, so that one late acknowledgement is not taken for a queue.
const MARKS: usize = 8;
/// For how long the window at the last loss counts: lines change.
const CEILING_MEMORY: Duration = Duration::from_secs(60);
/// Between two steps near the window of the last loss. A second loss there costs a second, so it may well take ten.
const CAREFUL: Duration = Duration::from_millis(200);

/// The window of one connection.
#[derive(Debug)]
pub(crate) struct SendWindow {
    bytes: usize,
    most: usize,
    starting: bool,
    /// Bytes whose acknowledgement is being timed: where they end, and when they left.
    marks: VecDeque<(u32, Instant)>,
    /// The round that is being looked at: where it ends, its shortest and longest round trip.
    round_end: u32,
    round_trips: Option<[Duration; 2]>,
    /// The window was the reason for sending no more, in this round.
    was_full: bool,
    /// What was lost lies before this; until all before it has arrived, nothing new is learned from losses.
    repairing: Option<u32>,
    /// The window at the last loss, and when that was.
    ceiling: Option<(usize, Instant)>,
    last_step: Option<Instant>,
}

impl SendWindow {
    /// Never more than `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            bytes: LEAST.min(most),
            most,
            starting: true,
            marks: VecDeque::with_capacity(MARKS),
            round_end: 0,
            round_trips: None,
            was_full: false,
            repairing: None,
            ceiling: None,
            last_step: None,
        }
    }

    /// Where counting begins.
    pub(crate) fn begin(&mut self, at: u32) {
        self.round_end = at;
    }

    /// Bytes that may be let in while `under_way` are: none rather than a crumb.
    pub(crate) fn room(&mut self, under_way: usize) -> usize {
        let room = self.bytes.saturating_sub(under_way);
        if room < (self.bytes / 8).clamp(1, 4 * STEP) {
            self.was_full = true;
            return 0;
        }
        room
    }

    /// New bytes left, up to `end`.
    pub(crate) fn sent(&mut self, end: u32, now: Instant) {
        let apart = self.bytes / MARKS;
        let due = self.marks.back().is_none_or(|(last, _)| end.wrapping_sub(*last) as usize >= apart);
        if due && self.marks.len() < MARKS {
            self.marks.push_back((end, now));
        }
    }

    /// Bytes left again: some were lost, or thought so. `end` is where what has ever left ends.
    pub(crate) fn sent_again(&mut self, end: u32, now: Instant) {
        // Whose acknowledgement comes now, cannot be told.
        self.marks.clear();
        if self.repairing.is_none() {
            self.repairing = Some(end);
            self.starting = false;
            self.ceiling = Some((self.bytes, now));
            self.bytes = (self.bytes / 10 * 7).max(LEAST);
        }
    }

    /// Everything before `upto` has arrived; `end` is where what has left ends.
    pub(crate) fn acknowledged(&mut self, upto: u32, end: u32, trip: &mut RoundTrip, now: Instant) {
        while let Some((mark, left)) = self.marks.front().copied()
            && upto.wrapping_sub(mark).cast_signed() >= 0
        {
            self.marks.pop_front();
            self.measure(now.saturating_duration_since(left), trip, now);
        }
        if self.repairing.is_some_and(|repaired| upto.wrapping_sub(repaired).cast_signed() >= 0) {
            self.repairing = None;
        }
        if upto.wrapping_sub(self.round_end).cast_signed() >= 0 {
            self.end_round(trip, now);
            self.round_end = end;
        }
    }

    fn measure(&mut self, took: Duration, trip: &mut RoundTrip, now: Instant) {
        trip.measured(took, now);
        let [shortest, longest] = self.round_trips.unwrap_or([took; 2]);
        self.round_trips = Some([shortest.min(took), longest.max(took)]);
    }

    fn end_round(&mut self, trip: &RoundTrip, now: Instant) {
        let full = std::mem::take(&mut self.was_full);
        let (Some(base), Some([shortest, longest])) = (trip.shortest(), self.round_trips.take()) else { return };
        if self.starting && longest > base + FIRST_QUEUE {
            self.starting = false;
            self.shrink(base + FIRST_QUEUE, longest);
        } else if shortest > base + QUEUE {
            self.shrink(base + QUEUE, shortest);
        } else if full && self.repairing.is_none() {
            self.grow(now);
        }
    }

    /// To what would have taken `wanted` where `took` was taken; by half at most.
    fn shrink(&mut self, wanted: Duration, took: Duration) {
        let share = (wanted.as_secs_f64() / took.as_secs_f64().max(f64::MIN_POSITIVE)).clamp(0.5, 1.0);
        self.bytes = ((self.bytes as f64 * share) as usize).max(LEAST);
    }

    fn grow(&mut self, now: Instant) {
        if self.ceiling.is_some_and(|(_, at)| now >= at + CEILING_MEMORY) {
            self.ceiling = None;
        }
        let near = self.ceiling.is_some_and(|(ceiling, _)| self.bytes >= ceiling / 10 * 8);
        if near && self.last_step.is_some_and(|last| now < last + CAREFUL) {
            return;
        }
        self.last_step = Some(now);
        let step = match near {
            _ if self.starting => self.bytes,
            true => STEP,
            false => (self.bytes / 16).max(STEP),
        };
        self.bytes = (self.bytes + step).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that takes `trip` for everything, and a sender that always has more.
    struct Line {
        window: SendWindow,
        trip: RoundTrip,
        now: Instant,
        sent: u32,
    }

    impl Line {
        fn new() -> Self {
            let mut window = SendWindow::new(1 << 20);
            window.begin(0);
            Self { window, trip: RoundTrip::new(Instant::now()), now: Instant::now(), sent: 0 }
        }

        /// One round trip; the window that it was sent with.
        fn round(&mut self, trip: Duration) -> usize {
            let begin = self.sent;
            loop {
                let room = self.window.room(self.sent.wrapping_sub(begin) as usize);
                if room == 0 {
                    break;
                }
                self.sent = self.sent.wrapping_add(room.min(STEP) as u32);
                self.window.sent(self.sent, self.now);
            }
            self.now += trip;
            self.window.acknowledged(self.sent, self.sent, &mut self.trip, self.now);
            self.sent.wrapping_sub(begin) as usize
        }
    }

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_millis(40);

    #[test]
    fn it_doubles_while_nothing_queues_and_stops_at_the_most() {
        let mut line = Line::new();
        let sizes: Vec<usize> = (0..12).map(|_| line.round(SHORT)).collect();
        assert!(sizes[1] > sizes[0] * 3 / 2 && sizes[2] > sizes[1] * 3 / 2, "{sizes:?}");
        assert!(sizes.iter().all(|size| *size <= 1 << 20) && sizes[11] > 900_000, "{sizes:?}");
    }

    #[test]
    fn a_longer_round_trip_is_a_queue_and_shrinks_it_but_never_to_nothing() {
        let mut line = Line::new();
        for _ in 0..5 {
            line.round(SHORT);
        }
        let before = line.window.bytes;
        line.round(LONG);
        line.round(LONG);
        assert!(line.window.bytes <= before * 3 / 4, "{} of {before}", line.window.bytes);
        for _ in 0..50 {
            line.round(LONG);
        }
        assert_eq!(line.window.bytes, LEAST);
        for _ in 0..500 {
            line.round(SHORT);
        }
        assert!(line.window.bytes > before, "it comes back when the queue is gone");
    }

    #[test]
    fn a_line_that_became_longer_for_good_is_learned() {
        let mut line = Line::new();
        for _ in 0..5 {
            line.round(SHORT);
        }
        for _ in 0..1500 {
            line.round(LONG);
        }
        assert!(line.window.bytes > 900_000, "{}", line.window.bytes);
    }

    #[test]
    fn one_loss_shrinks_it_once_until_it_is_repaired_and_is_not_provoked_again_soon() {
        let mut line = Line::new();
        for _ in 0..5 {
            line.round(SHORT);
        }
        let before = line.window.bytes;
        for _ in 0..10 {
            line.window.sent_again(line.sent, line.now);
        }
        assert!(line.window.bytes > before / 2 && line.window.bytes < before * 3 / 4);
        for _ in 0..50 {
            line.round(SHORT);
        }
        assert!(line.window.bytes < before, "one second later: {} of {before}", line.window.bytes);
        for _ in 0..4000 {
            line.round(SHORT);
        }
        assert!(line.window.bytes > before, "a minute later: {} of {before}", line.window.bytes);
    }

    #[test]
    fn crumbs_are_not_worth_a_call() {
        let mut window = SendWindow::new(1 << 20);
        assert_eq!(window.room(0), LEAST);
        assert_eq!(window.room(LEAST - 100), 0);
        assert_eq!(window.room(LEAST * 2), 0);
    }
}

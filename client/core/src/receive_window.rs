//! How much the workstation may have under way on one connection, so that nothing queues on the way home.
//!
//! A sender fills what it is allowed, in the router before a home line as in our own socket, and everything else waits behind
//! it. So no more is allowed than the line carries in its shortest round trip, and as much again: the bandwidth-delay
//! product, twice (as BBR has it, draft-ietf-ccwg-bbr; a receiver's window that follows the delay is RFC 9840's).
//!
//! What is timed is a windowful, from when its end was allowed until all of it is here: the round trip, where the window is
//! what holds the sender back, and else what the sender took for it. Either way so many bytes came in so much time.
//!
//! ```text
//!  allow an end ──> all before it is here: more, or less, than was allowed ──> allow the next
//!                   a pause before much of it was used: the sender had nothing to send, so nothing is learned
//! ```
//!
//! INVARIANT: what was allowed once stays allowed (RFC 9293, section 3.8.6: a receiver should not shrink its window); in the header it is
//! rounded up to the shift.

use std::time::{Duration, Instant};

use crate::round_trip::RoundTrip;

/// The window at the start: a page of a desktop. The least later: a page on a slow line.
const FIRST: usize = 256 << 10;
const LEAST: usize = 64 << 10;
/// What may wait along the way beyond the shortest round trip: as long as that takes, at least so long, for home lines' round trips
/// differ by as much, and never more bytes than these, which keep a fast line busy.
const WAIT: Duration = Duration::from_millis(8);
const WAITING: f64 = (512 << 10) as f64;

/// The window of one connection.
#[derive(Debug)]
pub(crate) struct ReceiveWindow {
    bytes: usize,
    most: usize,
    /// Where what was allowed ends.
    end: u32,
    /// Everything before this is here, since then.
    arrived: u32,
    arrived_at: Instant,
    /// The windowful that is being timed.
    timed: Option<Windowful>,
    look: Option<Look>,
    /// The number of the last stretch in which there was one, or none was needed.
    looked: u64,
}

/// What was allowed at a moment.
#[derive(Debug)]
struct Windowful {
    end: u32,
    bytes: usize,
    allowed_at: Instant,
}

/// So little is allowed that the queue goes.
#[derive(Debug)]
struct Look {
    bytes: usize,
    /// For two windowfuls: in the first the other connections may not look yet.
    again: bool,
}

impl ReceiveWindow {
    /// Counts from `begin`. Never more than `most` bytes.
    pub(crate) fn new(begin: u32, most: usize, trip: &RoundTrip, now: Instant) -> Self {
        Self {
            bytes: FIRST.min(most),
            most,
            end: begin,
            arrived: begin,
            arrived_at: now,
            timed: None,
            look: None,
            looked: trip.look(now),
        }
    }

    /// The line is another one: what is being timed is not all of it.
    pub(crate) fn forget(&mut self) {
        (self.timed, self.look) = (None, None);
    }

    /// How much may be under way now that everything before `arrived` is here and there is `room` for so many bytes.
    pub(crate) fn allow(&mut self, arrived: u32, room: usize, trip: &mut RoundTrip, now: Instant) -> usize {
        if arrived != self.arrived {
            let pause = trip.shortest().unwrap_or_default() * 2 + WAIT;
            // Whoever has used nearly all was waiting for more, however long that took.
            let is_used = |all: &Windowful| all.end.wrapping_sub(self.arrived) as usize <= all.bytes / 4;
            if now > self.arrived_at + pause && !self.timed.as_ref().is_some_and(is_used) {
                // No queue stands through a pause, either.
                (self.timed, self.look) = (None, None);
            }
            (self.arrived, self.arrived_at) = (arrived, now);
            if let Some(all) = self.timed.take_if(|all| is_past(arrived, all.end)) {
                self.learn(all.bytes, now.saturating_duration_since(all.allowed_at), trip, now);
            }
        }
        // Rings are far smaller than the sequence space.
        let end = arrived.wrapping_add(self.look.as_ref().map_or(self.bytes, |look| look.bytes).min(room) as u32);
        let has_moved = end != self.end && is_past(end, self.end);
        if has_moved {
            self.end = end;
        }
        let bytes = self.end.wrapping_sub(arrived) as usize;
        if has_moved && self.timed.is_none() {
            self.timed = Some(Windowful { end, bytes, allowed_at: now });
        }
        bytes
    }

    /// So many bytes took so long.
    fn learn(&mut self, bytes: usize, took: Duration, trip: &mut RoundTrip, now: Instant) {
        trip.measured(took, now);
        let Some(shortest) = trip.shortest() else { return };
        if let Some(look) = &mut self.look {
            if !std::mem::take(&mut look.again) {
                // All at once would be a queue of its own.
                self.bytes = self.bytes.min(look.bytes * 2);
                self.look = None;
            }
            return;
        }
        let rate = bytes as f64 / took.as_secs_f64().max(f64::MIN_POSITIVE);
        let carried = rate * shortest.as_secs_f64();
        let waiting = (rate * shortest.max(WAIT).as_secs_f64()).min(WAITING);
        // Less only step by step: one late packet is no queue.
        let wanted = ((carried + waiting) as usize).clamp(self.bytes / 8 * 7, self.bytes * 2);
        self.bytes = wanted.max(LEAST).min(self.most);
        if self.looked != trip.look(now) {
            self.looked = trip.look(now);
            let bytes = (carried as usize / 4 * 3).clamp(LEAST / 4, self.bytes);
            self.look = (took > shortest + shortest / 4).then_some(Look { bytes, again: true });
        }
    }
}

/// Whether `one` is not before `other`, of two numbers that grow and wrap.
fn is_past(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() >= 0
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const SEGMENT: u32 = 1380;
    const RING: usize = 2 << 20;
    const SECOND: Duration = Duration::from_secs(1);

    /// A line of so many bytes a second and so long a round trip, and a sender that fills what it is allowed.
    struct Line {
        rate: f64,
        shortest: Duration,
        window: ReceiveWindow,
        trip: RoundTrip,
        now: Instant,
        /// What the sender has sent, and may send.
        sent: u32,
        allowed: u32,
        /// When the slowest place on the way is free again.
        free_at: Instant,
        /// What is on its way: when a word of what is allowed is with the sender; when a segment is here, and how long it waited.
        words: VecDeque<(Instant, u32)>,
        segments: VecDeque<(Instant, u32, Duration)>,
        arrived: u32,
    }

    /// What a while on the line was like.
    struct While {
        bytes_per_s: f64,
        /// The longest that a segment waited.
        wait: Duration,
    }

    impl Line {
        fn new(megabits: f64, shortest_ms: f64) -> Self {
            // Counts wrap soon.
            let (begin, now) = (u32::MAX - 500_000, Instant::now());
            let mut line = Self {
                rate: megabits * 125_000.0,
                shortest: Duration::from_secs_f64(shortest_ms / 1000.0),
                window: ReceiveWindow::new(begin, RING, &RoundTrip::new(now), now),
                trip: RoundTrip::new(now),
                now,
                sent: begin,
                allowed: begin,
                free_at: now,
                words: VecDeque::new(),
                segments: VecDeque::new(),
                arrived: begin,
            };
            // The handshake's.
            line.trip.measured(line.shortest, now);
            line.allow();
            line
        }

        fn allow(&mut self) {
            let before = self.window.end;
            let bytes = self.window.allow(self.arrived, RING, &mut self.trip, self.now);
            let end = self.arrived.wrapping_add(bytes as u32);
            assert!(is_past(end, before), "what was allowed was taken back");
            self.words.push_back((self.now + self.shortest / 2, end));
        }

        /// The sender has `left` bytes to send, and sends what it may.
        fn send(&mut self, left: &mut u64) {
            while *left >= u64::from(SEGMENT) && is_past(self.allowed, self.sent.wrapping_add(SEGMENT)) {
                *left -= u64::from(SEGMENT);
                self.sent = self.sent.wrapping_add(SEGMENT);
                let begins = self.free_at.max(self.now);
                self.free_at = begins + Duration::from_secs_f64(f64::from(SEGMENT) / self.rate);
                let here = self.free_at + self.shortest / 2;
                // Jitter puts nothing out of order.
                let here = self.segments.back().map_or(here, |(last, ..)| here.max(*last));
                self.segments.push_back((here, self.sent, begins - self.now));
            }
        }

        /// Until the next word or segment, or `until`.
        fn step(&mut self, until: Instant, left: &mut u64) -> Option<(u32, Duration)> {
            let word = self.words.front().map(|(at, _)| *at);
            let segment = self.segments.front().map(|(at, ..)| *at);
            let Some(next) = word.into_iter().chain(segment).min().filter(|next| *next < until) else {
                self.now = until;
                return None;
            };
            self.now = next;
            if word == Some(next) {
                self.allowed = self.words.pop_front()?.1;
                self.send(left);
                return Some((0, Duration::ZERO));
            }
            let (_, end, waited) = self.segments.pop_front()?;
            let came = end.wrapping_sub(self.arrived);
            self.arrived = end;
            self.allow();
            Some((came, waited))
        }

        fn run(&mut self, time: Duration) -> While {
            let (until, mut bytes, mut wait) = (self.now + time, 0.0, Duration::ZERO);
            while let Some((came, waited)) = self.step(until, &mut { u64::MAX }) {
                bytes += f64::from(came);
                wait = wait.max(waited);
            }
            While { bytes_per_s: bytes / time.as_secs_f64(), wait }
        }

        /// The sender has nothing to send.
        fn rest(&mut self, time: Duration) {
            let until = self.now + time;
            while self.step(until, &mut 0).is_some() {}
        }

        /// How long the sender takes for so many bytes, from nothing under way.
        fn burst(&mut self, bytes: u64) -> Duration {
            let (begun, mut left) = (self.now, bytes / u64::from(SEGMENT) * u64::from(SEGMENT));
            let end = self.sent.wrapping_add(left as u32);
            self.send(&mut left);
            while self.arrived != end {
                self.step(self.now + SECOND, &mut left).expect("it stands still");
            }
            self.now - begun
        }
    }

    #[test]
    fn every_line_is_full_and_little_waits_in_it() {
        for (megabits, shortest_ms, most_ms) in [
            (20.0, 20.0, 31),
            (50.0, 40.0, 45),
            (100.0, 5.0, 10),
            (300.0, 15.0, 13),
            (1000.0, 3.0, 4),
            (4000.0, 0.3, 1),
        ] {
            let mut line = Line::new(megabits, shortest_ms);
            line.run(3 * SECOND);
            let then = line.run(10 * SECOND);
            let share = then.bytes_per_s / line.rate;
            assert!(share > 0.97, "{megabits} Mbit/s at {shortest_ms} ms: {share} of the line");
            assert!(then.wait.as_millis() <= most_ms, "{megabits} Mbit/s at {shortest_ms} ms: {:?}", then.wait);
        }
    }

    #[test]
    fn a_queue_that_stands_for_long_is_never_taken_for_the_line() {
        let mut line = Line::new(100.0, 10.0);
        line.run(3 * SECOND);
        for _ in 0..20 {
            let minute = line.run(60 * SECOND);
            assert!(minute.wait.as_millis() <= 14, "{:?}", minute.wait);
        }
    }

    #[test]
    fn a_line_that_became_longer_or_slower_or_faster_is_learned() {
        let mut line = Line::new(100.0, 10.0);
        for (megabits, shortest_ms) in
            [(100.0, 45.0), (10.0, 45.0), (200.0, 5.0), (100.0, 50.0), (300.0, 1.0), (100.0, 12.0), (50.0, 100.0)]
        {
            (line.rate, line.shortest) = (megabits * 125_000.0, Duration::from_secs_f64(shortest_ms / 1000.0));
            line.run(25 * SECOND);
            let then = line.run(5 * SECOND);
            assert!(
                then.bytes_per_s > 0.9 * line.rate,
                "{megabits} at {shortest_ms}: {}",
                then.bytes_per_s / line.rate
            );
            let most = 0.06_f64.max(shortest_ms / 1000.0 * 1.1);
            assert!(then.wait.as_secs_f64() < most, "{megabits} at {shortest_ms}: {:?}", then.wait);
        }
    }

    #[test]
    fn whoever_sends_a_little_now_and_then_may_still_send_a_page_at_once() {
        let mut line = Line::new(100.0, 10.0);
        for _ in 0..600 {
            line.burst(30_000);
            line.rest(Duration::from_millis(100));
        }
        let took = line.burst(FIRST as u64);
        // A round trip, and its bytes.
        assert!(took < Duration::from_millis(45), "{took:?}");
    }
}

//! Whether marks come at a machine's fixed beat.
//!
//! Marks less than two seconds apart are one burst. When the last six bursts have the same few marks and their
//! spacing varies by less than 3 %, no hand made them. Tuned on recordings (docs/IDLE.md): at five bursts and 15 % it
//! took a person who pages through a text for a machine.

use std::time::{Duration, Instant};

/// A pause this long ends a burst.
const PAUSE: Duration = Duration::from_secs(2);
/// Closed bursts alike that make, with an open one on their beat, the six of a machine.
const CLOSED: u8 = 5;
/// Marks in a burst beyond which it is a person's: a press and a release, there and back.
const FEW: u16 = 4;
/// Spacings between the closed ones.
const SPACINGS: usize = CLOSED as usize - 1;

/// The last bursts of marks, as far as it takes to know a fixed beat.
#[derive(Debug, Clone, Default)]
pub(super) struct Beat {
    open: Option<Burst>,
    /// When the last closed burst began.
    closed: Option<Instant>,
    /// Closed bursts alike at the end of what was seen, at most [`CLOSED`].
    run: u8,
    /// Marks in each of them.
    marks: u16,
    /// Milliseconds between the starts of the last closed bursts, the newest last; of these, `run - 1` are the run's.
    spacings: [u32; SPACINGS],
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    start: Instant,
    last: Instant,
    marks: u16,
}

impl Beat {
    /// Whether the last six bursts are alike, as far as the open one has come. A mark off the beat, or one too many on
    /// it, is a person's at once.
    pub(super) fn is_machine(&self) -> bool {
        let (Some(open), Some(closed)) = (self.open, self.closed) else { return false };
        let spacing = milliseconds(open.start.saturating_duration_since(closed));
        self.run >= CLOSED && open.marks <= self.marks && is_steady(self.run_spacings().chain([spacing]))
    }

    /// Takes the marks of one packet.
    pub(super) fn handle_marks(&mut self, marks: u16, now: Instant) {
        match &mut self.open {
            Some(burst) if now.saturating_duration_since(burst.last) <= PAUSE => {
                burst.last = now;
                burst.marks = burst.marks.saturating_add(marks);
            }
            _ => {
                if let Some(burst) = self.open.replace(Burst { start: now, last: now, marks }) {
                    self.close(burst);
                }
            }
        }
    }

    fn close(&mut self, burst: Burst) {
        if let Some(closed) = self.closed.replace(burst.start) {
            self.spacings.rotate_left(1);
            let [.., newest] = &mut self.spacings;
            *newest = milliseconds(burst.start.saturating_duration_since(closed));
        }
        if self.run == 0 || burst.marks != self.marks {
            self.run = u8::from(burst.marks <= FEW);
            self.marks = burst.marks;
            return;
        }
        self.run = CLOSED.min(self.run + 1);
        while self.run > 2 && !is_steady(self.run_spacings()) {
            self.run -= 1;
        }
    }

    fn run_spacings(&self) -> impl Iterator<Item = u32> + Clone {
        let meant = usize::from(self.run).saturating_sub(1);
        self.spacings.iter().copied().skip(SPACINGS.saturating_sub(meant))
    }
}

/// Whether the longest and the shortest spacing differ by less than 3 % of the mean.
fn is_steady(spacings: impl Iterator<Item = u32>) -> bool {
    let (mut count, mut sum, mut least, mut most) = (0_u64, 0_u64, u64::MAX, 0_u64);
    for spacing in spacings.map(u64::from) {
        (count, sum) = (count + 1, sum + spacing);
        (least, most) = (least.min(spacing), most.max(spacing));
    }
    count > 0 && (most - least) * 100 * count < 3 * sum
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

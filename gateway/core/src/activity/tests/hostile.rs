//! Streams drawn at random, against a reader small enough to believe: it keeps every byte and reads the whole stream
//! from its start each time it is asked. A failing case names its seed.

use std::num::NonZeroU16;

use super::*;

const SEEDS: u64 = 100;
const HOME: u32 = u32::MAX - 3_000;
/// TLS 1.3.
const OVERHEAD: usize = 22;

/// SplitMix64: small, seedable, good enough to draw lengths.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `below` - 1.
    fn below(&mut self, below: usize) -> usize {
        (self.next() % below as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    /// A record, mostly of the sizes that matter, seldom the longest.
    fn record(&mut self) -> Vec<u8> {
        let length = match self.below(8) {
            0..=4 => 6 + self.below(60),
            5 => 6 + self.below(2_000),
            6 => 5 + OVERHEAD + self.below(24),
            _ if self.one_in(4) => 16_406,
            _ => 27,
        };
        let [high, low] = u16::try_from(length - 5).unwrap().to_be_bytes();
        let kind = if self.one_in(12) { 20 + self.below(5) as u8 } else { 23 };
        [&[kind, 3, 3, high, low], &self.bytes(length - 5)[..]].concat()
    }

    fn records(&mut self, count: usize) -> Vec<u8> {
        (0..count).flat_map(|_| self.record()).collect()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

/// The reader to believe.
#[derive(Default)]
struct Reference {
    bytes: Vec<Option<u8>>,
}

impl Reference {
    fn handle(&mut self, at: usize, payload: &[u8]) {
        self.bytes.resize(self.bytes.len().max(at + payload.len()), None);
        for (place, byte) in self.bytes[at..].iter_mut().zip(payload) {
            place.get_or_insert(*byte);
        }
    }

    /// Marks in all that came without a hole from the start on.
    fn marks(&self) -> usize {
        let stream: Vec<u8> = self.bytes.iter().map_while(|byte| *byte).collect();
        let (mut at, mut marks) = (0, 0);
        while let Some(header) = stream.get(at..at + 5) {
            let body = usize::from(u16::from_be_bytes([header[3], header[4]]));
            marks += usize::from(header[0] == 23 && (3..=23).contains(&(body + 5).saturating_sub(OVERHEAD)));
            at += 5 + body;
        }
        marks
    }
}

/// A meter past its connection phase and what it counted, fed like the reference.
struct Metered {
    meter: Meter,
    now: Instant,
    marks: usize,
    unreadable: usize,
}

impl Metered {
    fn new() -> Self {
        let began = Instant::now();
        let mut meter = Meter::new(HOME, began);
        meter.handle_from_office(1, &meter::hello(0x1301));
        Self { meter, now: began + CONNECTION_PHASE, marks: 0, unreadable: 0 }
    }

    fn handle(&mut self, at: usize, payload: &[u8]) {
        let sequence = HOME.wrapping_add(1).wrapping_add(at as u32);
        match self.meter.handle_from_home(sequence, payload, self.now) {
            Heard::Marks(marks) => self.marks += usize::from(NonZeroU16::get(marks)),
            Heard::Unreadable => self.unreadable += 1,
            Heard::Nothing | Heard::NoMark => {}
        }
    }
}

/// Cuts a stream into segments, at most 64 KiB each, most of them small: where each begins, and where it ends.
fn cuts(draw: &mut Draw, length: usize) -> Vec<(usize, usize)> {
    let mut cuts = Vec::new();
    let mut at = 0;
    while at < length {
        let most = [3, 40, 1_400, 65_535][draw.below(4)];
        let end = length.min(at + 1 + draw.below(most));
        cuts.push((at, end));
        at = end;
    }
    cuts
}

#[test]
fn any_cuts_and_repetitions_make_the_marks_of_the_whole_stream() {
    for seed in 0..SEEDS {
        let mut draw = Draw(seed);
        let stream = draw.records(60);
        let (mut metered, mut reference) = (Metered::new(), Reference::default());
        for (start, end) in cuts(&mut draw, stream.len()) {
            // Sent again from somewhere before, with other bytes where the first copy counts.
            let again = start - if draw.one_in(3) { draw.below(start.min(3_000) + 1) } else { 0 };
            let lie = draw.bytes(start - again);
            let payload = [&lie, &stream[start..end]].concat();
            metered.handle(again, &payload);
            reference.handle(again, &payload);
            assert_eq!(metered.marks, reference.marks(), "seed {seed}, byte {end}");
        }
        assert_eq!(metered.unreadable, 0, "seed {seed}");
    }
}

#[test]
fn whole_records_in_any_order_of_a_short_window_count_once_each() {
    for seed in 0..SEEDS {
        let mut draw = Draw(seed);
        let (mut metered, mut reference) = (Metered::new(), Reference::default());
        let (mut at, mut segments) = (0, Vec::new());
        for _ in 0..60 {
            let count = 1 + draw.below(3);
            let records = draw.records(count);
            segments.push((at, records.clone()));
            at += records.len();
        }
        // Six segments in any order leave at most three holes.
        for window in segments.chunks_mut(6) {
            draw.shuffle(window);
            for (at, payload) in window {
                metered.handle(*at, payload);
                reference.handle(*at, payload);
            }
            assert_eq!(metered.marks, reference.marks(), "seed {seed}");
        }
    }
}

#[test]
fn any_cuts_in_any_order_make_no_mark_that_is_not_there_and_the_place_is_found_again() {
    for seed in 0..SEEDS {
        let mut draw = Draw(seed);
        let stream = draw.records(40);
        let (mut metered, mut reference) = (Metered::new(), Reference::default());
        let mut cuts = cuts(&mut draw, stream.len());
        let reach = 1 + draw.below(12);
        for window in cuts.chunks_mut(reach) {
            draw.shuffle(window);
            for (start, end) in window {
                metered.handle(*start, &stream[*start..*end]);
                reference.handle(*start, &stream[*start..*end]);
            }
        }
        assert!(metered.marks <= reference.marks(), "seed {seed}: {} of {}", metered.marks, reference.marks());
        let before = metered.marks;
        let mut at = stream.len();
        // If the place is lost, the record that finds it again counts as well.
        for _ in 0..10 {
            let key = [&[23, 3, 3, 0, 22][..], &[0; 22]].concat();
            metered.handle(at, &key);
            at += key.len();
        }
        assert_eq!(metered.marks, before + 10, "seed {seed}");
    }
}

#[test]
fn rubbish_is_survived_and_makes_no_more_marks_than_it_has_room_for() {
    for seed in 0..SEEDS {
        let mut draw = Draw(seed);
        let mut metered = Metered::new();
        metered.handle(0, &draw.record());
        let (mut at, mut sent) = (0_usize, 0);
        for _ in 0..300 {
            let length = 1 + draw.below(200);
            let payload = match draw.below(4) {
                0 => draw.bytes(length),
                1 => draw.record(),
                2 => [23, 3, 3].into_iter().chain(draw.bytes(length)).collect(),
                _ => [23, 3, 3, 0, 22].into_iter().cycle().take(length).collect(),
            };
            at = match draw.below(4) {
                0 => draw.next() as usize,
                1 => at.wrapping_add(draw.below(3_000)),
                2 => at.wrapping_sub(draw.below(3_000)),
                _ => at.wrapping_add(payload.len()),
            };
            metered.handle(at, &payload);
            sent += payload.len();
        }
        assert!(metered.marks <= sent / 5, "seed {seed}");
    }
}

#[test]
fn what_never_was_tls_is_unreadable_for_good() {
    for seed in 0..SEEDS {
        let mut draw = Draw(seed);
        let mut metered = Metered::new();
        let mut at = 0;
        let mut first = vec![draw.below(3) as u8];
        first.extend(draw.bytes(50));
        metered.handle(0, &first);
        at += first.len();
        for _ in 0..50 {
            let payload = draw.record();
            metered.handle(at, &payload);
            at += payload.len();
        }
        assert_eq!((metered.marks, metered.unreadable), (0, 51), "seed {seed}");
    }
}

#[test]
fn a_workstation_that_says_anything_at_all_breaks_nothing() {
    for seed in 0..SEEDS {
        let mut draw = Draw(seed);
        let mut meter = Meter::new(HOME, Instant::now());
        if draw.one_in(2) {
            meter.handle_office_syn(draw.next() as u32);
        }
        for _ in 0..20 {
            let length = draw.below(200);
            let mut payload = draw.bytes(length);
            if draw.one_in(2) {
                payload.splice(..0, [[3, 0, 0, 19, 2], [22, 3, 3, 0, 90]][draw.below(2)]);
            }
            let sequence = if draw.one_in(3) { draw.next() as u32 } else { draw.below(100) as u32 };
            meter.handle_from_office(sequence, &payload);
        }
    }
}

//! Follows TLS records through a TCP stream by sequence number, reading nothing but their 5-byte headers.
//!
//! Reading goes on at the *front*. A segment that arrives early leaves a *hole* behind the new front, which is read when
//! it is filled. Each byte is read once, whatever is sent twice; the first copy counts. Nothing is kept of a segment
//! but where the next header stands, so a super-packet is judged as its pieces would be.
//!
//! ```text
//!     read       hole       read       hole      read
//!  ───────────┃·········┃───────────┃········┃──────────┃ front
//! ```
//!
//! A hole inside a record is jumped, for the record's length is known. A hole with a header in it loses the place;
//! it is found again at the next plausible header (programs write whole records, so mostly at a segment's start), or
//! when the hole is filled and its last record turns out to cover what was passed over.

/// Header of a TLS record: type, version (two bytes), length (two bytes).
const HEADER: usize = 5;
/// RFC 5246 section 6.2.3: 2^14 bytes and 2 KiB of expansion. Bounds RDP's negotiation as well.
const LONGEST_BODY: u16 = (1 << 14) + (1 << 11);
/// From change_cipher_spec to heartbeat.
const TYPES: std::ops::RangeInclusive<u8> = 20..=24;
const APPLICATION_DATA: u8 = 23;
/// The shortest TPKT that can carry anything (RFC 1006).
const SHORTEST_NEGOTIATION: u16 = 7;
/// Holes that are remembered; of a further one the marks are lost.
const HOLES: usize = 3;
/// What is farther from the front than any window belongs to no part of the stream.
const FARTHEST: u32 = 1 << 26;
/// Segments in a row without a place, after which the stream is called unreadable. The longest record is 14 full
/// segments, and a place is found again at one of the next headers.
const LOST: u8 = 200;

/// One record, known from its header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    kind: u8,
    body: u16,
}

impl Record {
    /// The whole length on the wire in bytes, header included, if the record carries application data.
    pub(super) fn application_data(self) -> Option<u16> {
        (self.kind == APPLICATION_DATA).then_some(self.body + HEADER as u16)
    }
}

/// The place in a stream of records.
#[derive(Debug, Clone)]
pub(super) struct Records {
    stream: Stream,
    front: Place,
    /// Sequence number of the first byte beyond everything seen.
    next: u32,
    /// In no order; an empty one is free.
    holes: [Hole; HOLES],
    /// Segments in a row after which the front had no place.
    lost: u8,
}

/// What the stream has shown itself to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    /// Nothing has come yet.
    Beginning,
    /// RDP's negotiation in clear; TLS or nothing we know comes next.
    Negotiated,
    /// TLS records.
    Tls,
    /// It began with something else.
    Other,
}

/// Bytes that have not come, from `next` to before `end`.
#[derive(Debug, Clone, Copy)]
struct Hole {
    next: u32,
    end: u32,
    place: Place,
}

/// What stands at the next byte.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// This many bytes of a record's body, then a header.
    Body(u16),
    /// The rest of a header, of which the first `have` (1 to 4) bytes came.
    Header { bytes: [u8; HEADER], have: u8 },
    /// Who knows.
    Lost,
}

impl Records {
    /// A stream whose first byte has this sequence number.
    pub(super) fn new(first: u32) -> Self {
        Self::start(first, Stream::Beginning, Place::Body(0))
    }

    /// A stream of TLS records that is met on its way, at this sequence number.
    pub(super) fn adopt(next: u32) -> Self {
        Self::start(next, Stream::Tls, Place::Lost)
    }

    fn start(next: u32, stream: Stream, front: Place) -> Self {
        let none = Hole { next, end: next, place: Place::Lost };
        Self { stream, front, next, holes: [none; HOLES], lost: 0 }
    }

    /// Whether records can be told in this stream.
    pub(super) fn is_readable(&self) -> bool {
        self.stream != Stream::Other && self.lost < LOST
    }

    /// Reads a segment's payload, whose first byte has this sequence number. `tell` gets each record once, when its
    /// header is complete, in the order of arrival.
    pub(super) fn handle(&mut self, sequence: u32, payload: &[u8], mut tell: impl FnMut(Record)) {
        if self.stream == Stream::Other {
            return;
        }
        let ahead = sequence.wrapping_sub(self.next);
        if ahead == 0 {
            self.read_front(payload, &mut tell);
        } else if ahead <= FARTHEST {
            self.leave_hole(sequence, ahead);
            self.read_front(payload, &mut tell);
        } else if ahead.wrapping_neg() <= FARTHEST {
            self.handle_old(sequence, payload, &mut tell);
        }
    }

    fn read_front(&mut self, bytes: &[u8], tell: &mut impl FnMut(Record)) {
        self.front = self.front.read(&mut self.stream, bytes, tell);
        self.next = self.next.wrapping_add(length(bytes));
        self.lost = match self.front {
            Place::Body(_) | Place::Header { .. } => 0,
            Place::Lost => self.lost.saturating_add(1),
        };
    }

    /// Moves the front on to `sequence`, `gap` bytes ahead.
    fn leave_hole(&mut self, sequence: u32, gap: u32) {
        let end = sequence;
        match self.front.jump(gap) {
            Some(place) => self.front = place,
            None => {
                self.remember(Hole { next: self.next, end, place: self.front });
                self.front = Place::Lost;
            }
        }
        self.next = sequence;
    }

    /// Keeps a hole in a free place, or in that of the oldest one.
    fn remember(&mut self, hole: Hole) {
        let front = self.next;
        let free_or_oldest = self.holes.iter_mut().max_by_key(|hole| match hole.is_filled() {
            true => u32::MAX,
            false => front.wrapping_sub(hole.next),
        });
        if let Some(slot) = free_or_oldest {
            *slot = hole;
        }
    }

    /// Reads a segment that starts before the front: what fills holes, and what goes beyond.
    fn handle_old(&mut self, sequence: u32, payload: &[u8], tell: &mut impl FnMut(Record)) {
        let behind = usize::try_from(self.next.wrapping_sub(sequence)).unwrap_or(usize::MAX);
        let (old, new) = payload.split_at(behind.min(payload.len()));
        for index in 0..HOLES {
            self.fill(index, sequence, old, tell);
        }
        if !new.is_empty() {
            self.read_front(new, tell);
        }
    }

    /// Reads what of these bytes, all before the front, falls into one hole.
    fn fill(&mut self, index: usize, sequence: u32, bytes: &[u8], tell: &mut impl FnMut(Record)) {
        // Distances back from the front, which is ahead of all of this: farther is earlier.
        let front = self.next;
        let back = |sequence| front.wrapping_sub(sequence);
        let is_meant = |hole: &Hole| !hole.is_filled() && back(hole.next) <= FARTHEST;
        let Some(mut hole) = self.holes.get(index).copied().filter(is_meant) else { return };
        let start = back(hole.next).min(back(sequence));
        let stop = back(hole.end).max(back(sequence).saturating_sub(length(bytes)));
        if start <= stop {
            return;
        }
        let skipped = usize::try_from(back(sequence) - start).unwrap_or(usize::MAX);
        let meant = bytes.len().min(skipped + usize::try_from(start - stop).unwrap_or(usize::MAX));
        let Some(bytes) = bytes.get(skipped..meant) else { return };
        let gap = back(hole.next) - start;
        let earlier = (gap > 0).then_some(Hole { end: front.wrapping_sub(start), ..hole });
        hole.next = front.wrapping_sub(stop);
        let jumped = hole.place.jump(gap);
        hole.place = jumped.unwrap_or(Place::Lost).read(&mut self.stream, bytes, tell);
        if let Some(slot) = self.holes.get_mut(index) {
            *slot = hole;
        }
        if let Some(earlier) = earlier.filter(|_| jumped.is_none()) {
            self.remember(earlier);
        }
        if hole.is_filled() {
            self.settle(hole);
        }
    }

    /// A filled hole knows what stands at its end; whoever read on behind it without a place may have been in the
    /// body of its last record.
    fn settle(&mut self, filled: Hole) {
        let front = (&mut self.next, &mut self.front);
        let later =
            self.holes.iter_mut().filter(|hole| !hole.is_filled()).map(|hole| (&mut hole.next, &mut hole.place));
        let distance = |next: u32| next.wrapping_sub(filled.end);
        let following = later.filter(|(next, _)| distance(**next) <= FARTHEST).chain([front]);
        if let Some((next, place)) = following.min_by_key(|(next, _)| distance(**next))
            && let (Place::Lost, Some(known)) = (*place, filled.place.jump(distance(*next)))
        {
            *place = known;
        }
    }
}

impl Hole {
    fn is_filled(&self) -> bool {
        self.next == self.end
    }
}

impl Place {
    /// The place `gap` bytes on, if these are all of one record's body.
    fn jump(self, gap: u32) -> Option<Self> {
        match self {
            Self::Body(left) => Some(Self::Body(left.checked_sub(u16::try_from(gap).ok()?)?)),
            Self::Header { .. } if gap == 0 => Some(self),
            Self::Lost if gap == 0 => Some(self),
            Self::Header { .. } | Self::Lost => None,
        }
    }

    /// Reads on through `bytes`.
    fn read(self, stream: &mut Stream, mut bytes: &[u8], tell: &mut impl FnMut(Record)) -> Self {
        let mut place = self;
        if let Self::Lost = place
            && let Some(found) = find_record(bytes)
        {
            (place, bytes) = (Self::Body(0), found);
        }
        while !bytes.is_empty() {
            (place, bytes) = match place {
                Self::Lost => return place,
                Self::Body(0) => match bytes.split_first_chunk() {
                    Some((header, rest)) => (stream.begin(*header, tell), rest),
                    None => (Self::Header { bytes: [0; HEADER], have: 0 }, bytes),
                },
                Self::Body(left) => {
                    let (body, rest) = bytes.split_at(bytes.len().min(usize::from(left)));
                    (Self::Body(left.saturating_sub(length(body) as u16)), rest)
                }
                Self::Header { bytes: mut header, have } => {
                    let (_, missing) = header.split_at_mut(usize::from(have).min(HEADER));
                    let (part, rest) = bytes.split_at(bytes.len().min(missing.len()));
                    missing.iter_mut().zip(part).for_each(|(place, byte)| *place = *byte);
                    match usize::from(have) + part.len() {
                        HEADER => (stream.begin(header, tell), rest),
                        have => (Self::Header { bytes: header, have: have as u8 }, rest),
                    }
                }
            };
        }
        place
    }
}

impl Stream {
    /// Takes a complete header; answers where it leads.
    fn begin(&mut self, header: [u8; HEADER], tell: &mut impl FnMut(Record)) -> Place {
        let [kind, version, minor, high, _] = header;
        if *self == Self::Beginning && (kind, version) == (3, 0) {
            // RDP's negotiation: version 3, a reserved zero, then the whole length in the third and fourth byte.
            let whole = u16::from_be_bytes([minor, high]);
            if (SHORTEST_NEGOTIATION..=LONGEST_BODY).contains(&whole) {
                *self = Self::Negotiated;
                return Place::Body(whole - HEADER as u16);
            }
        }
        if let Some(record) = record(header) {
            *self = Self::Tls;
            tell(record);
            return Place::Body(record.body);
        }
        if *self != Self::Tls {
            *self = Self::Other;
        }
        Place::Lost
    }
}

/// What a header says, if it is plausible.
fn record([kind, version, minor, high, low]: [u8; HEADER]) -> Option<Record> {
    let body = u16::from_be_bytes([high, low]);
    let is_one = TYPES.contains(&kind) && version == 3 && minor <= 4 && (1..=LONGEST_BODY).contains(&body);
    is_one.then_some(Record { kind, body })
}

/// The whole length of the record whose header stands at the beginning of these bytes, in bytes; `None` where none does.
pub(super) fn length_at(bytes: &[u8]) -> Option<u16> {
    record(*bytes.first_chunk()?).map(|record| record.body + HEADER as u16)
}

/// What follows from the first plausible header on. Once keys are agreed only application data matters, and its version
/// is always written 3.3; 16 KiB of ciphertext look like that somewhere once in three thousand times, and then the
/// header after it does not.
fn find_record(segment: &[u8]) -> Option<&[u8]> {
    let is_header = |bytes: &[u8]| match bytes {
        [APPLICATION_DATA, 3, 3, high, low] => (1..=LONGEST_BODY).contains(&u16::from_be_bytes([*high, *low])),
        _ => false,
    };
    segment.get(segment.windows(HEADER).position(is_header)?..)
}

/// The length of one packet's bytes, at most 64 KiB.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

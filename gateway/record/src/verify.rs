//! Checks a journal: altered, missing, reordered, cut short, each told apart.
//!
//! A chain proves that nothing *inside* it changed. Whoever can write to the database can make another chain, or cut one short
//! together with the note of where it ended; signed checkpoints show the former, and those that a witness holds the latter.
//! What was not handed to a witness is not claimed to be all there is.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{Checkpoint, Cut, Hash, Journal, Key, Link, Names, Record};

/// Where a chain legitimately begins: after the last record that was deleted because its time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The place of the last deleted record; 0 if none ever was.
    pub sequence: u64,
    /// Its hash; [`Hash::GENESIS`] if none ever was.
    pub hash: Hash,
}

impl Anchor {
    /// The beginning of a chain of which nothing was deleted.
    pub const GENESIS: Self = Self { sequence: 0, hash: Hash::GENESIS };
}

/// One thing that is wrong, at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The record does not say what was written, or was written by somebody else.
    Altered {
        /// Which.
        sequence: u64,
    },
    /// The names of the record are not those that were written.
    NamesAltered {
        /// Which.
        sequence: u64,
    },
    /// The names of the record are gone.
    NamesMissing {
        /// Which.
        sequence: u64,
    },
    /// Records are gone from inside the chain, or from its beginning without a cut that says so.
    Missing {
        /// The first that is gone.
        from: u64,
        /// The last that is gone.
        to: u64,
    },
    /// A record stands at another place than it was written.
    Reordered {
        /// Where it stands.
        sequence: u64,
        /// Where it was written.
        written: u64,
    },
    /// Something names a later record than the last there is.
    CutShort {
        /// The last there is; the anchor's place if there is none.
        last: u64,
        /// The last that was written.
        noted: u64,
        /// What says so.
        by: Teller,
    },
    /// The chain is sound in itself, but not the one that was signed: somebody wrote it anew.
    Rewritten {
        /// The first record that may be another.
        from: u64,
        /// The place at which it was signed.
        to: u64,
        /// What says so.
        by: Teller,
    },
    /// The last record, or the gateway's own note of it, was altered: they disagree.
    EndAltered {
        /// What the note names.
        noted: u64,
    },
    /// The first record does not follow what the cut before it says was deleted.
    CutAltered {
        /// The place of the last deleted record, as the cut says.
        sequence: u64,
    },
    /// A cut is not what the gateway signed, or does not go on where the one before ended.
    CutForged {
        /// Which.
        number: u64,
    },
    /// Cuts are gone.
    CutMissing {
        /// The first that is gone.
        number: u64,
    },
}

impl Fault {
    /// The word for it, for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Altered { .. } => "altered",
            Self::NamesAltered { .. } => "names_altered",
            Self::NamesMissing { .. } => "names_missing",
            Self::Missing { .. } => "missing",
            Self::Reordered { .. } => "reordered",
            Self::CutShort { .. } => "cut_short",
            Self::Rewritten { .. } => "rewritten",
            Self::EndAltered { .. } => "end_altered",
            Self::CutAltered { .. } => "cut_altered",
            Self::CutForged { .. } => "cut_forged",
            Self::CutMissing { .. } => "cut_missing",
        }
    }

    /// The first record that is not as it was written, where the fault is one of records.
    pub fn first_record(&self) -> Option<u64> {
        match self {
            Self::Altered { sequence }
            | Self::NamesAltered { sequence }
            | Self::NamesMissing { sequence }
            | Self::Reordered { sequence, .. } => Some(*sequence),
            Self::Missing { from, .. } | Self::Rewritten { from, .. } => Some(*from),
            Self::CutShort { last, .. } => Some(last + 1),
            Self::EndAltered { noted } => Some(*noted),
            Self::CutAltered { .. } | Self::CutForged { .. } | Self::CutMissing { .. } => None,
        }
    }
}

/// Who says that a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    /// The gateway's own note of where the chain ended.
    Note,
    /// A checkpoint in the database, by its number.
    Checkpoint(u64),
    /// A checkpoint that the witness holds, by its number.
    Witness(u64),
}

impl std::fmt::Display for Teller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Note => f.write_str("the gateway's note"),
            Self::Checkpoint(number) => write!(f, "checkpoint {number}"),
            Self::Witness(number) => write!(f, "the witness (checkpoint {number})"),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Altered { sequence } => write!(f, "record {sequence} was altered"),
            Self::NamesAltered { sequence } => write!(f, "the names in record {sequence} were altered"),
            Self::NamesMissing { sequence } => write!(f, "the names in record {sequence} are missing"),
            Self::Missing { from, to } if from == to => write!(f, "record {from} is missing"),
            Self::Missing { from, to } => write!(f, "records {from} to {to} are missing"),
            Self::Reordered { sequence, written } => {
                write!(f, "the record at place {sequence} was written as record {written}")
            }
            Self::CutShort { last, noted, by } => {
                write!(f, "the journal was cut short: it ends at record {last}, and {by} names record {noted}")
            }
            Self::Rewritten { from, to, by } if from == to => {
                write!(f, "record {to} is not the one that {by} names: it was written anew")
            }
            Self::Rewritten { from, to, by } => {
                write!(
                    f,
                    "record {to} is not the one that {by} names: records were written anew, from {from} on or later"
                )
            }
            Self::EndAltered { noted } => {
                write!(f, "the last record was altered, or the note of it, which names record {noted}")
            }
            Self::CutAltered { sequence } => {
                write!(f, "the cut after record {sequence} was altered: the first record does not follow it")
            }
            Self::CutForged { number } => write!(f, "cut {number} was forged: it is not what the gateway signed"),
            Self::CutMissing { number } => write!(f, "cut {number} is missing"),
        }
    }
}

/// What is known of a chain's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// No witness says anything: whoever can delete records could have mended the gateway's own notes too.
    NotProven,
    /// The witness holds this place, and what follows is newer than its last word.
    ProvenTo {
        /// The place.
        sequence: u64,
        /// When it was signed.
        time: Timestamp,
    },
    /// The last record there is is the last that the witness holds.
    Proven {
        /// When it was signed.
        time: Timestamp,
    },
}

/// One thing that is wrong with checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointFault {
    /// One of the database is not what its key signed.
    Forged {
        /// Which.
        number: u64,
    },
    /// One of the database is signed by a key that is not the gateway's.
    Foreign {
        /// Which.
        number: u64,
        /// By whom.
        key: Key,
    },
    /// The note of which checkpoints there should be is gone, or names others.
    NoteAltered,
    /// Checkpoints are gone from the database.
    Missing {
        /// The first that is gone.
        from: u64,
        /// The last that is gone.
        to: u64,
    },
    /// The witness was told by others, and never by this gateway.
    Unwitnessed,
}

impl std::fmt::Display for CheckpointFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Forged { number } => {
                write!(f, "checkpoint {number} was forged: it is not what the gateway signed")
            }
            Self::Foreign { number, key } => {
                write!(f, "checkpoint {number} is signed by another key, {key}: give that too if it was this gateway's")
            }
            Self::NoteAltered => f.write_str("the note of which checkpoints there should be was altered"),
            Self::Missing { from, to } if from == to => write!(f, "checkpoint {from} is missing"),
            Self::Missing { from, to } => write!(f, "checkpoints {from} to {to} are missing"),
            Self::Unwitnessed => f.write_str(
                "the witness holds checkpoints, and none of this gateway: it is another's witness, or this record was made anew",
            ),
        }
    }
}

/// Whose signatures count.
///
/// The database is its gateway's alone: a signature in it by anybody else is a fault. A witness takes what is sent to it, also from others:
/// what none of these keys signed is nobody's word, and neither makes a sound record look broken nor takes the place of what one of them did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// These alone.
    Given(Vec<Key>),
    /// None is known. In the database each signature is believed by its own key. Of the witness those count that signed the database's
    /// checkpoints; all of them, where it has none: somebody may have taken those away.
    OfDatabase(Vec<Key>),
}

impl Keys {
    /// The keys that somebody named; where they named none, those of the database's checkpoints.
    pub fn new<'c>(named: &[Key], own: impl IntoIterator<Item = &'c Checkpoint>) -> Self {
        match named {
            [] => Self::OfDatabase(own.into_iter().filter(|own| own.holds()).map(|own| own.key).collect()),
            named => Self::Given(named.to_vec()),
        }
    }

    /// Whether a signature of the database may be by this key.
    fn may_sign(&self, key: Key) -> bool {
        match self {
            Self::Given(keys) => keys.contains(&key),
            Self::OfDatabase(_) => true,
        }
    }

    /// Whether a line of the witness counts.
    pub fn counts(&self, checkpoint: &Checkpoint) -> bool {
        let is_ours = match self {
            Self::OfDatabase(keys) if keys.is_empty() => true,
            Self::Given(keys) | Self::OfDatabase(keys) => keys.contains(&checkpoint.key),
        };
        is_ours && checkpoint.holds()
    }
}

/// What signed checkpoints say of one gateway's journals, each of them looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signed {
    /// The places that were signed; of several that name the same, the first that the witness was handed.
    places: BTreeMap<(Journal, u64), Place>,
    /// How many checkpoints of the database hold.
    pub checkpoints: u64,
    /// How many of the witness count.
    pub witnessed: u64,
    /// Those of the witness that name this gateway and count for nothing, by the keys that they say signed them: somebody else's.
    pub strangers: BTreeMap<Key, u64>,
    /// What is wrong with them; empty if nothing is.
    pub faults: Vec<CheckpointFault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    hash: Hash,
    by: Teller,
    time: Timestamp,
}

impl Signed {
    /// Looks at a gateway's checkpoints in the database, in the order of their numbers, and at all that the witness holds, also of others.
    /// `noted` are the first and last numbers that the database should hold.
    pub fn judge(
        gateway: &str,
        own: &[Checkpoint],
        witnessed: &[Checkpoint],
        noted: Option<(u64, u64)>,
        keys: &Keys,
    ) -> Self {
        let mut signed = Self::default();
        let (first, last) = noted.unwrap_or((1, 0));
        let held = own.first().zip(own.last()).map(|(first, last)| (first.number, last.number));
        if held.is_some_and(|(lowest, highest)| lowest < first || highest > last) {
            signed.faults.push(CheckpointFault::NoteAltered);
        }
        let mut next = first;
        for checkpoint in own {
            if checkpoint.number > next {
                signed.faults.push(CheckpointFault::Missing { from: next, to: checkpoint.number - 1 });
            }
            next = next.max(checkpoint.number.saturating_add(1));
            signed.take_own(checkpoint, keys);
        }
        if next <= last {
            signed.faults.push(CheckpointFault::Missing { from: next, to: last });
        }
        let of_it = || witnessed.iter().filter(|checkpoint| checkpoint.gateway == gateway);
        of_it().for_each(|checkpoint| signed.take_witnessed(checkpoint, keys));
        // The gateway's word is drawn at random: nobody else can have told it to the witness first. Else whoever forges a whole record, with
        // a key of his own, would make strangers of those who testify against it.
        match of_it().find(|checkpoint| checkpoint.holds()) {
            Some(first) if !keys.counts(first) => {
                signed.faults.push(CheckpointFault::Foreign { number: first.number, key: first.key });
            }
            // Nor may he take another word for it.
            None if !own.is_empty() && witnessed.iter().any(Checkpoint::holds) => {
                signed.faults.push(CheckpointFault::Unwitnessed);
            }
            Some(_) | None => {}
        }
        signed
    }

    fn take_own(&mut self, checkpoint: &Checkpoint, keys: &Keys) {
        let (number, key) = (checkpoint.number, checkpoint.key);
        if !keys.may_sign(key) {
            return self.faults.push(CheckpointFault::Foreign { number, key });
        }
        if !checkpoint.holds() {
            return self.faults.push(CheckpointFault::Forged { number });
        }
        self.checkpoints += 1;
        let places = places(checkpoint, Teller::Checkpoint(number));
        self.places.extend(places);
    }

    fn take_witnessed(&mut self, checkpoint: &Checkpoint, keys: &Keys) {
        if !keys.counts(checkpoint) {
            *self.strangers.entry(checkpoint.key).or_default() += 1;
            return;
        }
        self.witnessed += 1;
        for (at, place) in places(checkpoint, Teller::Witness(checkpoint.number)) {
            let kept = self.places.entry(at).or_insert(place);
            // What a witness elsewhere holds is an older truth than what stands in the database, and what it was handed first is older than
            // what anybody who has the key by now hands it.
            if !matches!(kept.by, Teller::Witness(_)) {
                *kept = place;
            }
        }
    }

    /// The places of one journal in their order.
    fn of(&self, journal: Journal) -> impl Iterator<Item = (u64, Place)> + '_ {
        self.places.range((journal, 0)..=(journal, u64::MAX)).map(|((_, sequence), place)| (*sequence, *place))
    }
}

/// The places that a checkpoint names.
fn places(checkpoint: &Checkpoint, by: Teller) -> impl Iterator<Item = ((Journal, u64), Place)> + '_ {
    let heads = checkpoint.heads.iter().filter(|head| head.sequence > 0);
    heads.map(move |head| ((head.journal, head.sequence), Place { hash: head.hash, by, time: checkpoint.time }))
}

/// What was found in one journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many records there are.
    pub records: u64,
    /// Where the chain begins.
    pub anchor: Anchor,
    /// The number of the cut it begins at; 0 if nothing was ever deleted.
    pub cut: u64,
    /// How many days' keys were destroyed, as its cuts count them; those of versions that did not count say nothing.
    pub keys_destroyed: u64,
    /// The last record's place; the anchor's if there is none.
    pub last: u64,
    /// The last place that a checkpoint or the witness confirms; the anchor's if none does.
    pub signed: u64,
    /// How sure its end is.
    pub end: End,
    /// What is wrong, in the order of places; empty if the chain is whole.
    pub faults: Vec<Fault>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }

    /// The first record that is not as it was written; None if only cuts are not, or nothing.
    pub fn first_bad(&self) -> Option<u64> {
        self.faults.iter().filter_map(Fault::first_record).min()
    }
}

/// What a journal is held against.
#[derive(Debug, Clone, Copy)]
pub struct Against<'a> {
    /// Which journal.
    pub journal: Journal,
    /// What was deleted in its time, in the order of the cuts' numbers.
    pub cuts: &'a [Cut],
    /// Where the gateway noted its end.
    pub head: (u64, Hash),
    /// What checkpoints say.
    pub signed: &'a Signed,
    /// Whose signatures count.
    pub keys: &'a Keys,
}

/// What was found at one place of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A record of which nothing is wrong by itself.
    Sound(Link),
    /// A record, and its names, as somebody has yet to look at them.
    Record(Box<(Record, Option<Names>)>),
    /// Something that is no record of ours.
    Unreadable {
        /// Where.
        sequence: u64,
    },
}

/// Checks the records of one journal, given in the order of their places. `place_of` finds the place of the record that
/// carries a hash; it is asked only about records that do not fit.
pub fn verify(
    records: impl Iterator<Item = Found>,
    against: Against<'_>,
    place_of: impl FnMut(Hash) -> Option<u64>,
) -> Report {
    let mut faults = Vec::new();
    let (cut, anchor) = beginning(against, &mut faults);
    let keys_destroyed = against.cuts.iter().filter_map(|cut| cut.keys).fold(0, u64::saturating_add);
    let end = End::NotProven;
    let last = anchor.sequence;
    let mut walk = Walk {
        report: Report { records: 0, anchor, cut, keys_destroyed, last, signed: last, end, faults },
        before: anchor,
        before_is_sound: true,
        places: against.signed.of(against.journal).filter(|(sequence, _)| *sequence > anchor.sequence).peekable(),
        witnessed: None,
        place_of,
    };
    records.for_each(|found| match found {
        Found::Sound(link) => walk.step_sound(link),
        Found::Record(record) => walk.step(&record.0, record.1.as_ref()),
        Found::Unreadable { sequence } => walk.step_over(sequence),
    });
    walk.finish(against.head)
}

/// Where the chain begins, as the last cut says; every cut is looked at.
fn beginning(against: Against<'_>, faults: &mut Vec<Fault>) -> (u64, Anchor) {
    let (mut number, mut anchor) = (0, Anchor::GENESIS);
    for cut in against.cuts {
        if cut.number > number + 1 {
            faults.push(Fault::CutMissing { number: number + 1 });
        }
        let follows = cut.number == number + 1 && cut.last.sequence.checked_sub(anchor.sequence) == Some(cut.records);
        if !(against.keys.may_sign(cut.key) && cut.holds() && (follows || cut.number > number + 1)) {
            faults.push(Fault::CutForged { number: cut.number });
        }
        (number, anchor) = (cut.number, cut.last);
    }
    (number, anchor)
}

/// What is wrong with a record that stands behind its place.
fn displaced(sequence: u64, next: u64) -> Option<Fault> {
    (sequence < next).then_some(Fault::Reordered { sequence: next, written: sequence })
}

struct Walk<F, P: Iterator> {
    report: Report,
    /// The record before, or the anchor.
    before: Anchor,
    /// Whether nothing was wrong with it: its successor's doubt falls on it only then, so that one wrong record is one fault.
    before_is_sound: bool,
    /// Signed places that were not reached yet.
    places: std::iter::Peekable<P>,
    /// The last place that the witness confirms.
    witnessed: Option<(u64, Timestamp)>,
    place_of: F,
}

impl<F: FnMut(Hash) -> Option<u64>, P: Iterator<Item = (u64, Place)>> Walk<F, P> {
    /// Counts what stands at a place, and says which place should have come.
    fn arrive(&mut self, sequence: u64) -> u64 {
        self.report.records += 1;
        let next = self.before.sequence.saturating_add(1);
        if sequence > next {
            self.fault(Fault::Missing { from: next, to: sequence - 1 });
        }
        next
    }

    fn step_over(&mut self, sequence: u64) {
        self.arrive(sequence);
        self.fault(Fault::Altered { sequence });
        self.before = Anchor { sequence, hash: Hash::GENESIS };
        self.before_is_sound = false;
        self.hold_against_signed();
    }

    fn step(&mut self, record: &Record, names: Option<&Names>) {
        let next = self.arrive(record.sequence);
        let own = self.own_fault(record, names, next);
        self.stand(Link { sequence: record.sequence, previous: record.previous, hash: record.hash }, own, next);
    }

    fn step_sound(&mut self, link: Link) {
        let next = self.arrive(link.sequence);
        self.stand(link, displaced(link.sequence, next), next);
    }

    /// Puts a record into the chain where `next` should come.
    fn stand(&mut self, record: Link, own: Option<Fault>, next: u64) {
        let is_next = record.sequence == next;
        let distrusts = is_next && own.is_none() && record.previous != self.before.hash && self.before_is_sound;
        if distrusts {
            let sequence = self.before.sequence;
            let first = sequence == self.report.anchor.sequence;
            self.fault(if first { Fault::CutAltered { sequence } } else { Fault::Altered { sequence } });
        }
        self.before_is_sound = own.is_none();
        own.into_iter().for_each(|fault| self.fault(fault));
        self.before = Anchor { sequence: record.sequence, hash: record.hash };
        self.hold_against_signed();
    }

    /// Whether the record that was just looked at is the one that was signed at its place.
    fn hold_against_signed(&mut self) {
        let here = self.before;
        while let Some((sequence, place)) = self.places.next_if(|(sequence, _)| *sequence <= here.sequence) {
            if sequence < here.sequence {
                continue;
            }
            if place.hash == here.hash {
                self.report.signed = sequence;
                if matches!(place.by, Teller::Witness(_)) {
                    self.witnessed = Some((sequence, place.time));
                }
            } else if self.before_is_sound && !self.is_rewritten() {
                self.fault(Fault::Rewritten { from: self.report.signed + 1, to: sequence, by: place.by });
            }
        }
    }

    /// Told once: everything behind the first such place is another chain as well.
    fn is_rewritten(&self) -> bool {
        self.report.faults.iter().any(|fault| matches!(fault, Fault::Rewritten { .. }))
    }

    /// What is wrong with a record by itself.
    fn own_fault(&mut self, record: &Record, names: Option<&Names>, next: u64) -> Option<Fault> {
        let sequence = record.sequence;
        if let Some(displaced) = displaced(sequence, next) {
            return Some(displaced);
        }
        if record.hash != record.expected_hash() {
            return Some(match self.written_as(record) {
                Some(written) => Fault::Reordered { sequence, written },
                None => Fault::Altered { sequence },
            });
        }
        match (record.private_digest, names) {
            (None, None) => None,
            (Some(_), None) => Some(Fault::NamesMissing { sequence }),
            (digest, Some(names)) if digest == Some(names.digest()) => None,
            (_, Some(_)) => Some(Fault::NamesAltered { sequence }),
        }
    }

    /// The place at which the record's own hash comes out right, if that is all that was changed: after the record that it
    /// names as its previous, or nearby if that one was moved as well.
    fn written_as(&mut self, record: &Record) -> Option<u64> {
        const NEARBY: u64 = 64;
        let behind_previous = (self.place_of)(record.previous).map(|place| place.saturating_add(1));
        let nearby = record.sequence.saturating_sub(NEARBY)..=record.sequence.saturating_add(NEARBY);
        behind_previous.into_iter().chain(nearby).find(|place| record.hash_at(*place) == record.hash)
    }

    fn finish(mut self, (noted, noted_hash): (u64, Hash)) -> Report {
        let last = self.before.sequence;
        self.report.last = last;
        let signed = self.places.by_ref().last();
        if let Some((noted, by)) =
            signed.map(|(sequence, place)| (sequence, place.by)).into_iter().chain([(noted, Teller::Note)]).max_by_key(
                // What was signed says more than a note of the same place.
                |(sequence, by)| (*sequence, *by != Teller::Note),
            )
            && noted > last
        {
            self.fault(Fault::CutShort { last, noted, by });
        } else if self.before_is_sound && (noted < last || noted_hash != self.before.hash) {
            self.fault(Fault::EndAltered { noted });
        }
        self.report.end = match self.witnessed {
            None => End::NotProven,
            Some((sequence, time)) if sequence == last => End::Proven { time },
            Some((sequence, time)) => End::ProvenTo { sequence, time },
        };
        self.report
    }

    fn fault(&mut self, fault: Fault) {
        self.report.faults.push(fault);
    }
}

#[cfg(test)]
mod tests;

//! Checks a journal: altered, missing, reordered, cut short, each told apart.
//!
//! A chain proves that nothing *inside* it changed. Whether records are missing at its very end it cannot prove by itself: who
//! can delete rows can also mend the note of where the chain ended. The report says so instead of claiming more.

use crate::{Hash, Private, Record};

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
    /// The gateway's own note of where the chain ended names a later record than the last there is.
    CutShort {
        /// The last there is; the anchor's place if there is none.
        last: u64,
        /// The last that was written.
        noted: u64,
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
            Self::CutShort { last, noted } => {
                write!(f, "the journal was cut short: it ends at record {last}, and record {noted} had been written")
            }
            Self::EndAltered { noted } => {
                write!(f, "the last record was altered, or the note of it, which names record {noted}")
            }
            Self::CutAltered { sequence } => {
                write!(f, "the cut after record {sequence} was altered: the first record does not follow it")
            }
        }
    }
}

/// What is known of a chain's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It agrees with the gateway's own note, which whoever can delete records could have mended too.
    NotProven,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many records there are.
    pub records: u64,
    /// Where the chain begins.
    pub anchor: Anchor,
    /// The last record's place; the anchor's if there is none.
    pub last: u64,
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
}

/// Checks the records of one journal, given in the order of their places, against where the chain begins and where the
/// gateway noted its end. `place_of` finds the place of the record that carries a hash; it is asked only about records that
/// do not fit.
pub fn verify(
    records: impl Iterator<Item = (Record, Option<Private>)>,
    anchor: Anchor,
    head: (u64, Hash),
    place_of: impl FnMut(Hash) -> Option<u64>,
) -> Report {
    let mut walk = Walk {
        report: Report { records: 0, anchor, last: anchor.sequence, end: End::NotProven, faults: Vec::new() },
        before: anchor,
        before_is_sound: true,
        place_of,
    };
    records.for_each(|(record, private)| walk.step(&record, private.as_ref()));
    walk.finish(head)
}

struct Walk<F> {
    report: Report,
    /// The record before, or the anchor.
    before: Anchor,
    /// Whether nothing was wrong with it: its successor's doubt falls on it only then, so that one wrong record is one fault.
    before_is_sound: bool,
    place_of: F,
}

impl<F: FnMut(Hash) -> Option<u64>> Walk<F> {
    fn step(&mut self, record: &Record, private: Option<&Private>) {
        self.report.records += 1;
        let next = self.before.sequence.saturating_add(1);
        let is_next = record.sequence == next;
        if record.sequence > next {
            self.fault(Fault::Missing { from: next, to: record.sequence - 1 });
        }
        let own = self.own_fault(record, private, next);
        let distrusts = is_next && own.is_none() && record.previous != self.before.hash && self.before_is_sound;
        if distrusts {
            let sequence = self.before.sequence;
            let first = sequence == self.report.anchor.sequence;
            self.fault(if first { Fault::CutAltered { sequence } } else { Fault::Altered { sequence } });
        }
        self.before_is_sound = own.is_none();
        own.into_iter().for_each(|fault| self.fault(fault));
        self.before = Anchor { sequence: record.sequence, hash: record.hash };
    }

    /// What is wrong with a record by itself.
    fn own_fault(&mut self, record: &Record, private: Option<&Private>, next: u64) -> Option<Fault> {
        let sequence = record.sequence;
        if sequence < next {
            return Some(Fault::Reordered { sequence: next, written: sequence });
        }
        if record.hash != record.expected_hash() {
            return Some(match self.written_as(record) {
                Some(written) => Fault::Reordered { sequence, written },
                None => Fault::Altered { sequence },
            });
        }
        match (record.private_digest, private) {
            (None, None) => None,
            (Some(_), None) => Some(Fault::NamesMissing { sequence }),
            (digest, Some(private)) if digest == Some(private.digest()) => None,
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
        if noted > last {
            self.fault(Fault::CutShort { last, noted });
        } else if self.before_is_sound && (noted < last || noted_hash != self.before.hash) {
            self.fault(Fault::EndAltered { noted });
        }
        self.report
    }

    fn fault(&mut self, fault: Fault) {
        self.report.faults.push(fault);
    }
}

#[cfg(test)]
mod tests;

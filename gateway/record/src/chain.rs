//! Extends a chain: gives each record its place, the hash of the one before, and its own.

use gateway_api::SessionNumber;
use jiff::Timestamp;

use crate::{Fields, Hash, Journal, Kind, Record};

/// What happened, before it has its place in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// When.
    pub time: Timestamp,
    /// What.
    pub kind: Kind,
    /// Whose, where it is about a session.
    pub session: Option<SessionNumber>,
    /// The structure of the agreement, where there is one.
    pub structure: Option<String>,
    /// The rest that may be shown.
    pub fields: Fields,
    /// What names people, computers or addresses: sealed before it is kept.
    pub names: Fields,
}

impl Draft {
    /// Something of `kind` at `time`, with nothing more to say.
    pub fn new(kind: Kind, time: Timestamp) -> Self {
        Self { time, kind, session: None, structure: None, fields: Fields::default(), names: Fields::default() }
    }
}

/// The end of one journal's chain, where the next record goes. A copy taken before a write that fails puts it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    gateway: String,
    journal: Journal,
    last_sequence: u64,
    last_hash: Hash,
}

impl Chain {
    /// A chain without records.
    pub fn new(gateway: &str, journal: Journal) -> Self {
        Self::resume(gateway, journal, 0, Hash::GENESIS)
    }

    /// A chain whose last record, maybe deleted meanwhile, had this place and hash.
    pub fn resume(gateway: &str, journal: Journal, last_sequence: u64, last_hash: Hash) -> Self {
        Self { gateway: gateway.to_owned(), journal, last_sequence, last_hash }
    }

    /// Where the chain ends: the place and hash of its last record.
    pub fn head(&self) -> (u64, Hash) {
        (self.last_sequence, self.last_hash)
    }

    /// The journal.
    pub fn journal(&self) -> Journal {
        self.journal
    }

    /// Turns a draft of this journal, and the digest of its sealed names if it has any, into the chain's next record. Its time is
    /// cut to milliseconds.
    pub fn extend(&mut self, draft: &Draft, names: Option<Hash>) -> Record {
        let time = Timestamp::from_millisecond(draft.time.as_millisecond()).unwrap_or(draft.time);
        let mut record = Record {
            gateway: self.gateway.clone(),
            journal: self.journal,
            sequence: self.last_sequence + 1,
            time,
            kind: draft.kind,
            session: draft.session,
            structure: draft.structure.clone(),
            fields: draft.fields.clone(),
            private_digest: names,
            previous: self.last_hash,
            hash: Hash::GENESIS,
        };
        record.hash = record.expected_hash();
        self.last_sequence = record.sequence;
        self.last_hash = record.hash;
        record
    }
}

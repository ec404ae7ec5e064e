//! A row of the records, and what it says.

use gateway_api::SessionNumber;
use gateway_record::{Fields, Hash, Journal, Kind, Lent, Names, Private, Record, Sealed};
use jiff::Timestamp;
use sqlx::{Row as _, sqlite::SqliteRow};

use super::super::Place;

pub(super) fn place(row: &SqliteRow) -> sqlx::Result<Place> {
    Ok(Place { sequence: unsigned(row.try_get("sequence")?), hash: hash(row.try_get("hash")?)? })
}

/// A record, and its names as they are kept.
pub(super) fn kept(row: &SqliteRow) -> sqlx::Result<(Record, Option<Names>)> {
    let columns = Columns {
        gateway: row.try_get("gateway")?,
        journal: row.try_get("journal")?,
        sequence: row.try_get("sequence")?,
        time: row.try_get("time")?,
        kind: row.try_get("kind")?,
        session: row.try_get("session")?,
        structure: row.try_get("structure")?,
        fields: row.try_get("fields")?,
        private_digest: row.try_get("private_digest")?,
        private: row.try_get("private")?,
        sealed: row.try_get("sealed")?,
        previous: row.try_get("previous")?,
        hash: row.try_get("hash")?,
    };
    columns.record().map_err(|what| sqlx::Error::Decode(format!("a record's {what} cannot be read").into()))
}

/// A row of the records as it lies there.
#[derive(Debug)]
pub(super) struct Columns<'r> {
    pub(super) gateway: &'r str,
    pub(super) journal: &'r str,
    pub(super) sequence: i64,
    pub(super) time: i64,
    pub(super) kind: &'r str,
    pub(super) session: Option<i64>,
    pub(super) structure: Option<&'r str>,
    pub(super) fields: &'r str,
    pub(super) private_digest: Option<&'r [u8]>,
    pub(super) private: Option<&'r str>,
    pub(super) sealed: Option<&'r [u8]>,
    pub(super) previous: &'r [u8],
    pub(super) hash: &'r [u8],
}

impl Columns<'_> {
    /// The same for a look at it; None for a row of a version that did not seal names.
    pub(super) fn lent(&self, journal: Journal) -> Option<Lent<'_>> {
        let lent = Lent {
            gateway: self.gateway,
            journal,
            sequence: unsigned(self.sequence),
            time: self.time,
            kind: self.kind,
            session: self.session.map(|bits| SessionNumber::new(unsigned(bits))),
            structure: self.structure,
            fields: self.fields,
            private_digest: self.private_digest,
            sealed: self.sealed,
            previous: self.previous,
            hash: self.hash,
        };
        self.private.is_none().then_some(lent)
    }

    /// What it says, or the first of its parts that says nothing.
    pub(super) fn record(&self) -> Result<(Record, Option<Names>), &'static str> {
        let hash = |bytes: &[u8]| Hash::from_bytes(bytes).ok_or("hash");
        let record = Record {
            gateway: self.gateway.to_owned(),
            journal: Journal::from_word(self.journal).ok_or("journal")?,
            sequence: unsigned(self.sequence),
            time: Timestamp::from_millisecond(self.time).map_err(|_| "time")?,
            kind: Kind::from_word(self.kind).ok_or("kind")?,
            session: self.session.map(|bits| SessionNumber::new(unsigned(bits))),
            structure: self.structure.map(str::to_owned),
            fields: serde_json::from_str::<Fields>(self.fields).map_err(|_| "fields")?,
            private_digest: self.private_digest.map(hash).transpose()?,
            previous: hash(self.previous)?,
            hash: hash(self.hash)?,
        };
        let names = match (self.private, self.sealed) {
            (None, None) => None,
            (Some(text), None) => Some(Names::Open(serde_json::from_str::<Private>(text).map_err(|_| "names")?)),
            (None, Some(bytes)) => Some(Names::Sealed(Sealed::from_bytes(bytes).ok_or("names")?)),
            (Some(_), Some(_)) => return Err("names"),
        };
        Ok((record, names))
    }
}

pub(super) fn hash(bytes: &[u8]) -> sqlx::Result<Hash> {
    Hash::from_bytes(bytes).ok_or_else(|| sqlx::Error::Decode("a record's hash cannot be read".into()))
}

/// SQLite's integers are signed; ours never need the last bit.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

//! Records as they leave the gateway: without names, in the forms that others read.
//!
//! Who a record is about is a [pseudonym](Exported::pseudonyms): the same for the same name on one day and in one journal, another
//! one on the next day. Whatever stands in a field, it stays in its field: each form escapes as its own rules ask, and `tests.rs`
//! reads back what was written.
//!
//! - `export/cef.rs`: ArcSight's Common Event Format
//! - `export/table.rs`: CSV
//! - `export/syslog.rs`: RFC 5424, and the framing of RFC 5425
//! - `export/journald.rs`: the native protocol of systemd's journal

mod cef;
mod journald;
mod syslog;
mod table;

use gateway_api::SessionNumber;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Fields, Hash, Journal, Kind, Record};

pub use table::Table;

/// The names that have a pseudonym; others do not leave the gateway at all.
pub const PSEUDONYMS: [&str; 3] = ["worker", "workstation", "from"];

/// A record as others get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// The gateway's word.
    pub gateway: String,
    /// Which chain.
    pub journal: Journal,
    /// Its place there, by which what arrived twice is known.
    pub sequence: u64,
    /// When, in UTC.
    pub time: Timestamp,
    /// What.
    pub kind: Kind,
    /// Whose, where it is about a session.
    pub session: Option<SessionNumber>,
    /// The structure of the agreement, where there is one.
    pub structure: Option<String>,
    /// The rest that may be shown.
    pub fields: Fields,
    /// What stands for [names](PSEUDONYMS).
    pub pseudonyms: Fields,
    /// The record's hash.
    pub hash: Hash,
}

/// How much it should wake others, in syslog's numbers (RFC 5424, section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody should look.
    Warning = 4,
    /// An administrator's act, or the gateway's own.
    Notice = 5,
    /// A session's life.
    Information = 6,
}

impl Severity {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::LoginRefused
            | Kind::PolicyRejected
            | Kind::DiskWasFull
            | Kind::RecordBegunAnew
            | Kind::BackupRestored
            | Kind::NamesShown
            | Kind::NamesOpened => Self::Warning,
            _ if kind.journal() == Journal::Workers => Self::Information,
            _ => Self::Notice,
        }
    }
}

impl Exported {
    /// A record with what stands for its names.
    pub fn new(record: &Record, pseudonyms: Fields) -> Self {
        Self {
            gateway: record.gateway.clone(),
            journal: record.journal,
            sequence: record.sequence,
            time: record.time,
            kind: record.kind,
            session: record.session,
            structure: record.structure.clone(),
            fields: record.fields.clone(),
            pseudonyms,
            hash: record.hash,
        }
    }

    /// How much it should wake others.
    pub fn severity(&self) -> Severity {
        Severity::of(self.kind)
    }

    /// As one line of JSON, without its end.
    pub fn json(&self) -> String {
        // Text and numbers only: there is nothing that JSON could not say.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;

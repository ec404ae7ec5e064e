//! CSV (RFC 4180), with a head of names.
//!
//! Cells that a spreadsheet would take for a formula begin with `'`: a structure may be called what it likes.

use super::{Exported, PSEUDONYMS};

const BEFORE: [&str; 8] = ["gateway", "journal", "sequence", "time", "kind", "session", "structure", "reason"];
const BEHIND: [&str; 2] = ["fields", "hash"];

/// Rows of a table, one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Table;

impl Table {
    /// The head, with its end.
    pub fn head() -> String {
        line(BEFORE.iter().chain(&PSEUDONYMS).chain(&BEHIND).map(|name| (*name).to_owned()))
    }

    /// A record's row, with its end.
    pub fn row(exported: &Exported) -> String {
        let text = |value: Option<&crate::Value>| value.map(ToString::to_string).unwrap_or_default();
        let before = [
            exported.gateway.clone(),
            exported.journal.word().to_owned(),
            exported.sequence.to_string(),
            exported.time.to_string(),
            exported.kind.word().to_owned(),
            exported.session.map(|session| session.to_string()).unwrap_or_default(),
            exported.structure.clone().unwrap_or_default(),
            text(exported.fields.value("reason")),
        ];
        let pseudonyms = PSEUDONYMS.map(|name| text(exported.pseudonyms.value(name)));
        // Text and numbers only: there is nothing that JSON could not say.
        let fields = serde_json::to_string(&exported.fields).unwrap_or_default();
        line(before.into_iter().chain(pseudonyms).chain([fields, exported.hash.to_string()]))
    }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // A vector takes everything.
    let _ = writer.write_record(cells.map(harmless));
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// What no spreadsheet calculates.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

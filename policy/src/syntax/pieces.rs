//! Long files cut into pieces that can be read one after the other.
//!
//! The tree of a TOML file takes twenty times the memory of its text: half a gigabyte for a town's agreements. What makes
//! files long are lists of agreements and workstations, whose tables have no tables below them, so that a file may be cut
//! before any of their headers and means the same. Everything else of such a file is read together, in its own place.

use std::{borrow::Cow, ops::Range};

/// A file in pieces.
pub(super) struct Pieces<'t> {
    /// Pieces that hold nothing but agreements and workstations.
    pub(super) lists: Vec<Range<usize>>,
    /// Everything else, at its place: where the pieces were, there are spaces.
    pub(super) rest: Cow<'t, str>,
}

/// Files up to this size are read whole, in bytes.
const LONG: usize = 256 << 10;
/// How long a piece is, in bytes, give or take a table: its tree fits a processor's own cache.
const PIECE: usize = 16 << 10;

/// Cuts a long file; leaves any other whole.
pub(super) fn split(text: &str) -> Pieces<'_> {
    // In a text of several lines a header may be part of the text.
    if text.len() <= LONG || text.contains("\"\"\"") || text.contains("'''") {
        return Pieces { lists: Vec::new(), rest: Cow::Borrowed(text) };
    }
    let mut lists: Vec<Range<usize>> = Vec::new();
    let mut inside = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (start, end) = (at, at + line.len());
        at = end;
        if line.starts_with('[') {
            let begins = heads_a_list(line);
            let full = lists.last().is_none_or(|piece| piece.len() >= PIECE);
            if begins && (!inside || full) {
                lists.push(start..start);
            }
            inside = begins;
        }
        if let Some(piece) = lists.last_mut().filter(|_| inside) {
            piece.end = end;
        }
    }
    let rest = Cow::Owned(without(text, &lists));
    Pieces { lists, rest }
}

/// Whether a line is the header of an agreement or of a workstation.
fn heads_a_list(line: &str) -> bool {
    let line = line.trim_end();
    if line.starts_with("[[agreements]]") {
        return true;
    }
    let name = line.strip_prefix("[workstations.");
    name.is_some_and(|name| !name.contains('.') || name.starts_with('"') || name.starts_with('\''))
}

fn without(text: &str, pieces: &[Range<usize>]) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut at = 0;
    for piece in pieces {
        rest.push_str(text.get(at..piece.start).unwrap_or_default());
        rest.push_str(&" ".repeat(piece.len().saturating_sub(1)));
        rest.push('\n');
        at = piece.end;
    }
    rest.push_str(text.get(at..).unwrap_or_default());
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_cut_before_headers_of_lists_and_loses_nothing() {
        let list = "[[agreements]]\nworker = \"a\"\nhours = [\n\"08:00-09:00\",\n]\n\n".repeat(8_000);
        let text = format!("timezone = \"UTC\"\n{list}[profiles.p]\nidle = \"5m\"\n[workstations.\"a.b\"]\nx = 1\n");
        let Pieces { lists, rest } = split(&text);
        assert!(lists.len() > 4 && lists.iter().all(|piece| piece.len() < 2 * PIECE));
        assert_eq!(rest.len(), text.len());
        for piece in &lists {
            assert!(
                text[piece.clone()].starts_with("[[agreements]]") || text[piece.clone()].starts_with("[workstations.")
            );
        }
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&rest), words("timezone = \"UTC\" [profiles.p] idle = \"5m\""));
        assert_eq!(lists.iter().map(|piece| text[piece.clone()].matches("[[").count()).sum::<usize>(), 8_000);
    }
}

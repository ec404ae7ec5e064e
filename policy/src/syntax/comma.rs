//! CSV to written agreements: the list that human resources export.
//!
//! Spreadsheets disagree about everything but the rows: the separator is whichever of `;`, `,` and tab the header has
//! most of; a byte-order mark is skipped; columns may stand in any order, under their English or Italian names; cells
//! may be quoted (RFC 4180). A row remembers where its cells stand, so that a mistake is shown in the cell.

use std::borrow::Cow;

use super::{AgreementWritten, Name, Written, hour_set, keys, table::checked_text, value};
use crate::{
    day::{Weekdays, Window},
    error::{Mistake, Mistakes, all_of, any_of, typed},
    name::{folded, meant},
    source::{At, Span},
};

/// The columns, each with what Italian offices call it. The first name is the key of `[[agreements]]`.
const COLUMNS: [&[&str]; 11] = [
    &["worker", "user", "utente", "lavoratore", "account"],
    &["structure", "struttura", "settore", "servizio", "ufficio"],
    &["workstation", "postazione", "computer", "pc"],
    &["profile", "profilo"],
    &["from", "dal", "da", "inizio"],
    &["until", "al", "fino al", "fine"],
    &["days", "giorni"],
    &["hours", "orario", "orari"],
    &["phone_app", "phone app", "app", "app telefono"],
    &["device", "dispositivo"],
    &["quota", "giornate"],
];

/// Reads one file into the written form.
pub(super) fn read(file: u16, text: &str, written: &mut Written, mistakes: &mut Mistakes) {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut rows = Rows::new(file, text, start);
    let Some(header) = rows.next_row(mistakes) else {
        let mistake = Mistake::error(Span::new(file, 0..0), "the file is empty");
        mistakes.push(
            mistake.advice(
                "its first line names the columns: `worker;structure;workstation;profile;from;until;days;hours`",
            ),
        );
        return;
    };
    let width = header.len();
    let Some(columns) = columns(&header, mistakes) else { return };
    while let Some(cells) = rows.next_row(mistakes) {
        let span = row_span(&cells);
        if cells.iter().all(|cell| cell.value.is_empty()) {
            continue;
        }
        if cells.len() != width {
            let message = format!("a row of {} cells under a header of {width}", cells.len());
            mistakes.push(Mistake::error(span, message).advice("check the separators and quotes of this line"));
            continue;
        }
        let mut row = Row { columns: &columns, cells: &cells, span, mistakes };
        let agreement = row.agreement(written);
        written.agreements.push(agreement);
    }
}

type Cell<'t> = At<Cow<'t, str>>;

/// Which cell of a row is which column.
fn columns(header: &[Cell<'_>], mistakes: &mut Mistakes) -> Option<[Option<usize>; 11]> {
    let mut columns = [None; 11];
    let mut readable = true;
    for (place, cell) in header.iter().enumerate() {
        let name = folded(&cell.value);
        let found = COLUMNS.iter().zip(&mut columns).find(|(names, _)| names.contains(&name.as_ref()));
        let mistake = match found {
            Some((_, column @ None)) => {
                *column = Some(place);
                continue;
            }
            Some((names, Some(_))) => {
                let name = names.first().copied().unwrap_or_default();
                Mistake::error(cell.span, format!("column `{name}` is there twice")).label("remove one of the two")
            }
            None => {
                let mistake = Mistake::error(cell.span, format!("unknown column {}", typed(&cell.value)));
                match meant(&cell.value, COLUMNS.iter().flat_map(|names| names.iter().copied())) {
                    Some(name) => mistake.label(format!("did you mean `{name}`?")),
                    None => mistake.label("not a column of agreements").advice(format!(
                        "known: {}; remove the others from the export",
                        any_of(COLUMNS.iter().filter_map(|names| names.first().copied()))
                    )),
                }
            }
        };
        mistakes.push_unreadable(mistake);
        readable = false;
    }
    let needed = keys::AGREEMENT.keys.iter().zip(&columns).filter(|(key, column)| key.needed && column.is_none());
    let absent: Vec<&str> = needed.map(|(key, _)| key.name).collect();
    if !absent.is_empty() && readable {
        let message = format!("the header lacks {}", all_of(&absent));
        mistakes.push(Mistake::error(row_span(header), message).advice("each agreement needs these columns"));
        readable = false;
    }
    readable.then_some(columns)
}

fn row_span(cells: &[Cell<'_>]) -> Span {
    match (cells.first(), cells.last()) {
        (Some(first), Some(last)) => Span { end: last.span.end, ..first.span },
        _ => Span::default(),
    }
}

/// One row, its cells found by column.
struct Row<'r, 't> {
    columns: &'r [Option<usize>; 11],
    cells: &'r [Cell<'t>],
    span: Span,
    mistakes: &'r mut Mistakes,
}

impl Row<'_, '_> {
    fn agreement(&mut self, written: &mut Written) -> AgreementWritten {
        let names = &mut written.names;
        AgreementWritten {
            worker: self.name(0, names),
            structure: self.name(1, names),
            workstation: self.name(2, names),
            profile: self.name(3, names),
            from: self.value(4, value::date),
            until: self.value(5, value::date),
            days: self.value(6, weekdays),
            hours: self.hours(7, written),
            phone_app: self.value(8, value::switch).map(|phone_app| phone_app.value),
            device: self.name(9, &mut written.names),
            quota: self.value(10, value::quota),
            span: self.span,
        }
    }

    /// The cell of a column, unless there is no such column or it is empty; tells if it must not be.
    fn cell(&mut self, column: usize) -> Option<(&'static str, At<&str>)> {
        let name = COLUMNS.get(column).and_then(|names| names.first()).copied().unwrap_or_default();
        let place = self.columns.get(column).copied().flatten()?;
        let cell = self.cells.get(place)?;
        let text = cell.value.trim();
        let needed = keys::AGREEMENT.keys.iter().any(|key| key.name == name && key.needed);
        if text.is_empty() && needed {
            let place = if cell.span.start == cell.span.end { self.span } else { cell.span };
            self.mistakes
                .push(Mistake::error(place, format!("`{name}` is empty")).label(format!("this row has no {name}")));
        }
        (!text.is_empty()).then_some((name, At { value: text, span: cell.span }))
    }

    fn value<T>(&mut self, column: usize, read: impl FnOnce(&str) -> Result<T, value::Expected>) -> Option<At<T>> {
        let (name, cell) = self.cell(column)?;
        let span = cell.span;
        match read(cell.value) {
            Ok(value) => Some(At { value, span }),
            Err(expected) => {
                self.mistakes.push(
                    Mistake::error(span, format!("`{name}`: expected {expected}")).label("cannot be read as that"),
                );
                None
            }
        }
    }

    fn name(&mut self, column: usize, names: &mut super::Names) -> Option<At<Name>> {
        self.value(column, |text| checked_text(text).map(|text| names.add(text)))
    }

    fn hours(&mut self, column: usize, written: &mut Written) -> Option<At<u32>> {
        let windows = self.value(column, windows)?;
        let span = windows.span;
        let listed = windows.value.into_iter().map(|value| At { value, span }).collect();
        hour_set(listed, &mut written.hours, self.mistakes).map(|value| At { value, span })
    }
}

/// Days in one cell: `mar, gio`, `lun-ven`.
fn weekdays(text: &str) -> Result<Weekdays, value::Expected> {
    let mut days = Weekdays::default();
    for piece in value::pieces(text) {
        let said = value::weekdays(piece)?;
        if days.0 & said.0 != 0 {
            return Err("each day once");
        }
        days.0 |= said.0;
    }
    if days == Weekdays::default() { Err("days of the week, `mar gio`") } else { Ok(days) }
}

/// Windows in one cell: `08:00-13:00, 14:00-18:00`.
fn windows(text: &str) -> Result<Vec<Window>, value::Expected> {
    // Spaces part windows, and people also write them around the hyphen.
    let mut tight = String::with_capacity(text.len());
    for part in text.split('-') {
        if !tight.is_empty() {
            tight.truncate(tight.trim_end().len());
            tight.push('-');
        }
        tight.push_str(if tight.is_empty() { part } else { part.trim_start() });
    }
    let windows = value::pieces(&tight).map(value::window).collect::<Result<Vec<_>, _>>()?;
    if windows.is_empty() { Err("a window of the day, `07:30-19:30`") } else { Ok(windows) }
}

/// The rows of a file, cell by cell.
struct Rows<'t> {
    file: u16,
    text: &'t str,
    at: usize,
    separator: u8,
}

impl<'t> Rows<'t> {
    fn new(file: u16, text: &'t str, start: usize) -> Self {
        let header =
            text.get(start..).and_then(|text| text.lines().find(|line| !line.trim().is_empty())).unwrap_or_default();
        let count = |separator: u8| header.bytes().filter(|byte| *byte == separator).count();
        let separator = [b';', b',', b'\t'].into_iter().rev().max_by_key(|separator| count(*separator)).unwrap_or(b';');
        Self { file, text, at: start, separator }
    }

    /// The next row that is not an empty line.
    fn next_row(&mut self, mistakes: &mut Mistakes) -> Option<Vec<Cell<'t>>> {
        while self.at < self.text.len() {
            let row = self.row(mistakes);
            let blank = row.len() == 1 && row.first().is_some_and(|cell| cell.value.trim().is_empty());
            if !blank {
                return Some(row);
            }
        }
        None
    }

    fn row(&mut self, mistakes: &mut Mistakes) -> Vec<Cell<'t>> {
        let mut row = Vec::with_capacity(COLUMNS.len());
        loop {
            row.push(self.next_cell(mistakes));
            match self.byte() {
                Some(byte) if byte == self.separator => self.at += 1,
                _ => break,
            }
        }
        if self.byte() == Some(b'\r') {
            self.at += 1;
        }
        if self.byte() == Some(b'\n') {
            self.at += 1;
        }
        row
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next_cell(&mut self, mistakes: &mut Mistakes) -> Cell<'t> {
        if self.byte() == Some(b'"') {
            return self.quoted(mistakes);
        }
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let ends = |byte: &u8| *byte == self.separator || matches!(byte, b'\n' | b'\r');
        self.at = rest.iter().position(ends).map_or(self.text.len(), |length| start + length);
        let text = self.text.get(start..self.at).unwrap_or_default();
        let trimmed = text.trim();
        let from = start + (text.len() - text.trim_start().len());
        At { value: Cow::Borrowed(trimmed), span: Span::new(self.file, from..from + trimmed.len()) }
    }

    /// A cell in quotes; a quote in it is written twice.
    fn quoted(&mut self, mistakes: &mut Mistakes) -> Cell<'t> {
        let start = self.at;
        let mut cell = String::new();
        self.at += 1;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(quote) = rest.find('"') else {
                let line = rest.find('\n').map_or(self.text.len(), |newline| self.at + newline);
                let mistake = Mistake::error(Span::new(self.file, start..line), "a quoted cell is never closed");
                mistakes.push_unreadable(
                    mistake.label("the quote opens here").advice("close it with `\"`; a quote inside is written twice"),
                );
                self.at = self.text.len();
                break;
            };
            cell.push_str(rest.get(..quote).unwrap_or_default());
            self.at += quote + 1;
            if self.byte() != Some(b'"') {
                break;
            }
            cell.push('"');
            self.at += 1;
        }
        let end = self.at;
        let follows = |byte: u8| byte == self.separator || matches!(byte, b'\n' | b'\r');
        if self.byte().is_some_and(|byte| !follows(byte)) {
            let rest = self.text.as_bytes().get(end..).unwrap_or_default();
            self.at = rest.iter().position(|byte| follows(*byte)).map_or(self.text.len(), |length| end + length);
            if !self.text.get(end..self.at).unwrap_or_default().trim().is_empty() {
                let mistake = Mistake::error(Span::new(self.file, end..self.at), "text after a quoted cell");
                mistakes.push_unreadable(mistake.label("the cell ended before this"));
            }
        }
        At { value: Cow::Owned(cell), span: Span::new(self.file, start..end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        let mut rows = Rows::new(0, text, 0);
        let mut mistakes = Mistakes::default();
        let mut read = Vec::new();
        while let Some(row) = rows.next_row(&mut mistakes) {
            for cell in &row {
                let written = &text[cell.span.range()];
                let unquoted = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                assert_eq!(unquoted.map_or(written.to_owned(), |inner| inner.replace("\"\"", "\"")), cell.value);
            }
            read.push(row.into_iter().map(|cell| cell.value.into_owned()).collect());
        }
        assert!(mistakes.is_empty());
        read
    }

    /// Every file of two rows of two cells, each cell one of a few that are hard in their own way.
    #[test]
    fn rows_are_split_as_rfc_4180_says() {
        const CELLS: [&str; 7] = ["", "a", "\"\"", "\"a;b\"", "\"a\"\"b\"", "\"a\r\nb\"", "è"];
        for (one, other, ending) in pairs(CELLS) {
            let text = format!("x;y{ending}{one};{other}{ending}{other};{one}{ending}");
            let mut oracle = csv::ReaderBuilder::new().delimiter(b';').has_headers(false).from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> =
                oracle.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
            assert_eq!(rows(&text), expected, "{text:?}");
        }
    }

    fn pairs<const N: usize>(cells: [&str; N]) -> impl Iterator<Item = (&str, &str, &str)> {
        let both = cells.into_iter().flat_map(move |one| cells.into_iter().map(move |other| (one, other)));
        both.flat_map(|(one, other)| ["\n", "\r\n"].map(|ending| (one, other, ending)))
    }

    #[test]
    fn the_separator_is_the_one_that_the_header_has_most_of() {
        assert_eq!(rows("a,b,c;d\n1,2,3\n")[1], ["1", "2", "3"]);
        assert_eq!(rows("a;b,c;d\n1;2;3\n")[1], ["1", "2", "3"]);
        assert_eq!(rows("a\tb\n1 , x\t2\n")[1], ["1 , x", "2"]);
    }
}

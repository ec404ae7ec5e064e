//! TOML to written rules.
//!
//! The tree is `toml`'s spanned one, read with recovery, so that a file with a missing bracket still has its other
//! mistakes told. Long lists are read in pieces (see `pieces`).

use std::{
    net::{IpAddr, Ipv4Addr},
    ops::Range,
    time::Duration,
};

use jiff::civil::DateTime;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
    value::Datetime,
};

use super::{
    HolidayWritten, Name, Written, hour_set,
    keys::{self, Sheet},
    pieces::{self, Pieces},
    value::{self, Expected},
};
use crate::{
    Address, Redirection,
    day::{Day, Weekdays, Window},
    error::{Mistake, Mistakes, all_of, any_of, typed},
    name::meant,
    source::{At, Span},
};

mod rules;

/// Reads one file into the written form.
pub(super) fn read(file: u16, text: &str, written: &mut Written, mistakes: &mut Mistakes) {
    let skip = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let text = text.get(skip..).unwrap_or_default();
    let Pieces { lists, rest } = pieces::split(text);
    for piece in lists {
        let base = skip + piece.start;
        read_piece(file, base, text.get(piece).unwrap_or_default(), written, mistakes);
    }
    read_piece(file, skip, &rest, written, mistakes);
}

fn read_piece(file: u16, base: usize, text: &str, written: &mut Written, mistakes: &mut Mistakes) {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { file, base, mistakes };
    for error in errors {
        reader.syntax_error(&error);
    }
    let span = reader.span(0..0);
    let top = reader.open(&keys::POLICY, tree.into_inner(), span);
    reader.top(top, written);
}

/// A value of the tree with its place in the piece.
type Node<'t> = Spanned<DeValue<'t>>;

/// What reading one file needs at hand.
struct Reader<'m> {
    file: u16,
    /// Where the piece begins in the file.
    base: usize,
    mistakes: &'m mut Mistakes,
}

/// One table, its keys known to its sheet.
struct Table<'t> {
    sheet: &'static Sheet,
    /// The values, in the sheet's order.
    values: Vec<Option<Node<'t>>>,
    /// The header, or the table itself where it is written in a line.
    span: Span,
}

impl<'t> Table<'t> {
    fn take(&mut self, key: &'static str) -> Option<Node<'t>> {
        let place = self.sheet.keys.iter().position(|known| known.name == key);
        debug_assert!(place.is_some(), "`{key}` is on no sheet");
        self.values.get_mut(place?)?.take()
    }
}

impl Reader<'_> {
    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range.start + self.base..range.end + self.base)
    }

    fn syntax_error(&mut self, error: &toml::de::Error) {
        let span = self.span(error.span().unwrap_or(0..0));
        let (what, expected) = match error.message().split_once(", expected ") {
            Some((what, expected)) => (what, Some(expected)),
            None => (error.message(), None),
        };
        let mistake = Mistake::error(span, what);
        self.mistakes.push_unreadable(match (what, expected) {
            ("duplicate key", _) => mistake.label("said before in this table").advice("keep one of the two"),
            (_, Some(expected)) => mistake.label(format!("expected {expected}")),
            (_, None) => mistake,
        });
    }

    /// Refuses what the sheet does not know.
    fn open<'t>(&mut self, sheet: &'static Sheet, entries: DeTable<'t>, span: Span) -> Table<'t> {
        let mut values: Vec<Option<Node<'t>>> = sheet.keys.iter().map(|_| None).collect();
        for (key, value) in entries {
            let place = sheet.keys.iter().position(|known| known.name == key.get_ref());
            match place.and_then(|place| values.get_mut(place)) {
                Some(known) => *known = Some(value),
                None => self.unknown_key(sheet, &key),
            }
        }
        // What the office as a whole needs may stand in another file: `resolve` knows when it is nowhere.
        if !std::ptr::eq(sheet, &keys::POLICY) {
            self.check_needed(sheet, &values, span);
        }
        Table { sheet, values, span }
    }

    fn check_needed(&mut self, sheet: &'static Sheet, values: &[Option<Node<'_>>], span: Span) {
        let absent = sheet.keys.iter().zip(values).filter(|(key, value)| key.needed && value.is_none());
        let absent: Vec<&str> = absent.map(|(key, _)| key.name).collect();
        if absent.is_empty() {
            return;
        }
        let are = if absent.len() == 1 { "is" } else { "are" };
        let message = format!("{} {are} missing in {}", all_of(&absent), sheet.title);
        let label = format!("add `{} = …`", absent.join(" = …`, `"));
        self.mistakes.push(Mistake::error(span, message).label(label).follows());
    }

    fn unknown_key(&mut self, sheet: &'static Sheet, key: &Spanned<std::borrow::Cow<'_, str>>) {
        let span = self.span(key.span());
        let names = || sheet.keys.iter().map(|key| key.name);
        let mistake = Mistake::error(span, format!("unknown key {} in {}", typed(key.get_ref()), sheet.title));
        self.mistakes.push(match meant(key.get_ref(), names()) {
            Some(name) => mistake.label(format!("did you mean `{name}`?")),
            None => mistake.label("not a word of the policy").advice(format!("known here: {}", any_of(names()))),
        });
    }

    fn expected(&mut self, key: &str, node: &Node<'_>, expected: &str) {
        let span = self.span(node.span());
        let found = match node.get_ref() {
            DeValue::String(text) if text.is_empty() => "this is empty".to_owned(),
            DeValue::String(_) => "cannot be read as that".to_owned(),
            other => format!("this is {}", kind(other)),
        };
        self.mistakes.push(Mistake::error(span, format!("`{key}`: expected {expected}")).label(found));
    }

    /// The key's value, read by `read`, which tells if it cannot.
    fn value<T>(
        &mut self,
        table: &mut Table<'_>,
        key: &'static str,
        read: impl FnOnce(&mut Self, &'static str, &Node<'_>) -> Option<T>,
    ) -> Option<At<T>> {
        let node = table.take(key)?;
        let span = self.span(node.span());
        read(self, key, &node).map(|value| At { value, span })
    }

    /// A reader of a value written as text.
    fn by<T>(
        read: impl Fn(&str) -> Result<T, Expected>,
        expected: &'static str,
    ) -> impl Fn(&mut Self, &'static str, &Node<'_>) -> Option<T> {
        move |reader, key, node| {
            let said = match node.get_ref() {
                DeValue::String(text) => read(text),
                _ => Err(expected),
            };
            said.map_err(|expected| reader.expected(key, node, expected)).ok()
        }
    }

    fn text(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<At<String>> {
        self.value(table, key, Self::by(plain_text, "a text in quotes"))
    }

    fn name(&mut self, table: &mut Table<'_>, key: &'static str, written: &mut Written) -> Option<At<Name>> {
        let names = &mut written.names;
        self.value(table, key, |reader, key, node| {
            let said = match node.get_ref() {
                DeValue::String(text) => checked_text(text).map(|text| names.add(text)),
                _ => Err("a text in quotes"),
            };
            said.map_err(|expected| reader.expected(key, node, expected)).ok()
        })
    }

    fn switch(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<At<bool>> {
        self.value(table, key, |reader, key, node| {
            let switch = node.get_ref().as_bool();
            if switch.is_none() {
                reader.expected(key, node, "`true` or `false`, without quotes");
            }
            switch
        })
    }

    fn day(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<At<Day>> {
        self.value(table, key, |reader, key, node| {
            let said = match node.get_ref() {
                DeValue::String(text) => value::date(text),
                DeValue::Datetime(moment) => {
                    day_of(moment).ok_or("a date between 2000 and 2199 without a time, `2026-12-31`")
                }
                _ => Err("a date, `2026-12-31`"),
            };
            said.map_err(|expected| reader.expected(key, node, expected)).ok()
        })
    }

    fn minute(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<At<u16>> {
        self.value(table, key, |reader, key, node| {
            let said = match node.get_ref() {
                DeValue::String(text) => value::minute(text),
                DeValue::Datetime(Datetime { date: None, time: Some(time), offset: None }) => {
                    Ok(u16::from(time.hour) * 60 + u16::from(time.minute))
                }
                _ => Err("a time of day, `\"21:00\"`"),
            };
            said.map_err(|expected| reader.expected(key, node, expected)).ok()
        })
    }

    fn duration(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<At<Duration>> {
        self.value(table, key, Self::by(value::duration, "a length of time, `\"15m\"`"))
    }

    /// One of a few words, each with its meaning, in the order of `words`.
    fn word<T: Copy>(
        &mut self,
        table: &mut Table<'_>,
        key: &'static str,
        words: &'static [&'static str],
        meanings: &[T],
    ) -> Option<At<T>> {
        self.value(table, key, |reader, key, node| reader.one_word(key, node, words, meanings))
    }

    fn one_word<T: Copy>(
        &mut self,
        key: &str,
        node: &Node<'_>,
        words: &'static [&'static str],
        meanings: &[T],
    ) -> Option<T> {
        let text = node.get_ref().as_str();
        let found = text.and_then(|text| words.iter().zip(meanings).find(|(word, _)| **word == text));
        if let Some((_, meaning)) = found {
            return Some(*meaning);
        }
        let guess = text.and_then(|text| meant(text, words.iter().copied()));
        match guess {
            Some(guess) => {
                let span = self.span(node.span());
                let message = format!("`{key}`: expected {}", any_of(words.iter().copied()));
                self.mistakes.push(Mistake::error(span, message).label(format!("did you mean `{guess}`?")));
            }
            None => self.expected(key, node, &any_of(words.iter().copied())),
        }
        None
    }

    /// A list; each of its values is read by `read`.
    fn list<T>(
        &mut self,
        table: &mut Table<'_>,
        key: &'static str,
        expected: &'static str,
        mut read: impl FnMut(&mut Self, &'static str, &Node<'_>) -> Option<T>,
    ) -> Option<At<Vec<At<T>>>> {
        self.value(table, key, |reader, key, node| reader.items(key, node, expected, &mut read))
    }

    fn items<T>(
        &mut self,
        key: &'static str,
        node: &Node<'_>,
        expected: &'static str,
        read: &mut impl FnMut(&mut Self, &'static str, &Node<'_>) -> Option<T>,
    ) -> Option<Vec<At<T>>> {
        let DeValue::Array(items) = node.get_ref() else {
            self.expected(key, node, expected);
            return None;
        };
        let mut read_items = Vec::with_capacity(items.len());
        for item in items.iter() {
            let span = self.span(item.span());
            read_items.extend(read(self, key, item).map(|value| At { value, span }));
        }
        // A list in which nothing can be read is not an empty list.
        (items.is_empty() || !read_items.is_empty()).then_some(read_items)
    }

    /// A list of texts; one text stands for a list of one.
    fn texts(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<At<Vec<At<String>>>> {
        self.value(table, key, Self::text_or_texts)
    }

    fn text_or_texts(&mut self, key: &'static str, node: &Node<'_>) -> Option<Vec<At<String>>> {
        let mut read = Self::by(plain_text, "a text in quotes");
        if node.get_ref().is_str() {
            let span = self.span(node.span());
            return read(self, key, node).map(|value| vec![At { value, span }]);
        }
        self.items(key, node, "a list of texts", &mut read)
    }

    fn ports(&mut self, table: &mut Table<'_>, key: &'static str) -> (Vec<u16>, Option<Span>) {
        const EXPECTED: &str = "a list of ports, 1 to 65535";
        let ports = self.list(table, key, EXPECTED, |reader, key, node| {
            let port = node
                .get_ref()
                .as_integer()
                .and_then(|number| u16::from_str_radix(number.as_str(), number.radix()).ok());
            if port.is_none_or(|port| port == 0) {
                reader.expected(key, node, "a port, 1 to 65535");
            }
            port.filter(|port| *port > 0)
        });
        let Some(ports) = ports else { return (Vec::new(), None) };
        let mut sorted: Vec<u16> = Vec::with_capacity(ports.value.len());
        for port in &ports.value {
            if sorted.contains(&port.value) {
                self.mistakes.push(
                    Mistake::error(port.span, format!("port {} is listed twice", port.value)).label("said before"),
                );
            } else {
                sorted.push(port.value);
            }
        }
        sorted.sort_unstable();
        (sorted, Some(ports.span))
    }

    fn weekdays(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<At<Weekdays>> {
        self.value(table, key, |reader, key, node| {
            let mut days = Weekdays::default();
            let listed = std::slice::from_ref(node);
            let listed = if let DeValue::Array(items) = node.get_ref() { items } else { listed };
            if listed.is_empty() {
                reader.expected(key, node, "at least one day, `[\"Tue\", \"Thu\"]`");
                return None;
            }
            for item in listed {
                let said = Self::by(value::weekdays, "days of the week, `[\"Tue\", \"Thu\"]`")(reader, key, item)?;
                if days.0 & said.0 != 0 {
                    let span = reader.span(item.span());
                    reader.mistakes.push(Mistake::error(span, "a day is listed twice").label("said before"));
                }
                days.0 |= said.0;
            }
            Some(days)
        })
    }

    fn hours(&mut self, table: &mut Table<'_>, key: &'static str, written: &mut Written) -> Option<At<u32>> {
        let windows = self.value(table, key, |reader, key, node| {
            let read = Self::by(value::window, "a window of the day, `\"07:30-19:30\"`");
            let listed = std::slice::from_ref(node);
            let listed = if let DeValue::Array(items) = node.get_ref() { items } else { listed };
            if listed.is_empty() {
                reader.expected(key, node, "at least one window, `\"07:30-19:30\"`");
            }
            let mut windows: Vec<At<Window>> = Vec::new();
            for item in listed {
                let span = reader.span(item.span());
                windows.extend(read(reader, key, item).map(|value| At { value, span }));
            }
            (windows.len() == listed.len()).then_some(windows)
        })?;
        hour_set(windows.value, &mut written.hours, self.mistakes).map(|value| At { value, span: windows.span })
    }

    fn holidays(&mut self, table: &mut Table<'_>) -> Option<At<Vec<At<HolidayWritten>>>> {
        self.list(table, "holidays", "a list, `[\"italy\", \"06-24\"]`", |reader, key, node| match node.get_ref() {
            DeValue::String(text) => Some(holiday(text)),
            DeValue::Datetime(moment) if day_of(moment).is_some() => day_of(moment).map(HolidayWritten::Once),
            _ => {
                reader.expected(
                    key,
                    node,
                    "a calendar, a day of every year or a date: `\"italy\"`, `\"06-24\"`, `2026-12-07`",
                );
                None
            }
        })
    }

    fn moments(&mut self, table: &mut Table<'_>) -> Option<At<Vec<At<DateTime>>>> {
        const EXPECTED: &str = "a local date and time, `2026-03-03T09:00:00`";
        self.value(table, "at", |reader, key, node| {
            let listed = std::slice::from_ref(node);
            let listed = if let DeValue::Array(items) = node.get_ref() { items } else { listed };
            if listed.is_empty() {
                reader.expected(key, node, EXPECTED);
            }
            let mut moments = Vec::new();
            for item in listed {
                let span = reader.span(item.span());
                match moment_of(item.get_ref()) {
                    Some(value) => moments.push(At { value, span }),
                    None => reader.expected(key, item, EXPECTED),
                }
            }
            Some(moments)
        })
    }

    /// The tables of a table of tables, each with its name.
    fn named<'t>(
        &mut self,
        top: &mut Table<'t>,
        key: &'static str,
        sheet: &'static Sheet,
    ) -> Vec<(At<String>, Table<'t>)> {
        let Some(node) = top.take(key) else { return Vec::new() };
        let span = self.span(node.span());
        let entries = match node.into_inner() {
            DeValue::Table(entries) => entries,
            other => {
                self.mistakes.push(
                    Mistake::error(span, format!("`{key}` holds tables with names, not {}", kind(&other)))
                        .advice(format!("write `{}`", sheet.title)),
                );
                return Vec::new();
            }
        };
        let mut tables = Vec::with_capacity(entries.len());
        for (name, node) in entries {
            let name = At { span: self.span(name.span()), value: name.into_inner().into_owned() };
            if let Err(expected) = checked_text(&name.value) {
                self.mistakes.push(Mistake::error(name.span, format!("a name in `{key}`: expected {expected}")));
            }
            let span = self.span(node.span());
            match node.into_inner() {
                DeValue::Table(entries) => tables.push((name, self.open(sheet, entries, span))),
                other => {
                    let message = format!("{} is {}, not a table", typed(&name.value), kind(&other));
                    self.mistakes.push(Mistake::error(span, message).advice(format!("write `{}`", sheet.title)));
                }
            }
        }
        tables
    }

    /// The tables of a list of tables.
    fn many<'t>(&mut self, top: &mut Table<'t>, key: &'static str, sheet: &'static Sheet) -> Vec<Table<'t>> {
        let Some(node) = top.take(key) else { return Vec::new() };
        let span = self.span(node.span());
        let DeValue::Array(items) = node.into_inner() else {
            let message = format!("`{key}` is a list of tables");
            self.mistakes.push(Mistake::error(span, message).label(format!("write `{}`", sheet.title)));
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(items.len());
        for item in items {
            let span = self.span(item.span());
            match item.into_inner() {
                DeValue::Table(entries) => tables.push(self.open(sheet, entries, span)),
                other => {
                    let message = format!("`{key}` holds {}, not a table", kind(&other));
                    self.mistakes.push(Mistake::error(span, message).label(format!("write `{}`", sheet.title)));
                }
            }
        }
        tables
    }

    fn one<'t>(&mut self, top: &mut Table<'t>, key: &'static str, sheet: &'static Sheet) -> Option<Table<'t>> {
        let node = top.take(key)?;
        let span = self.span(node.span());
        match node.into_inner() {
            DeValue::Table(entries) => Some(self.open(sheet, entries, span)),
            other => {
                let message = format!("`{key}` is {}, not a table", kind(&other));
                self.mistakes.push(Mistake::error(span, message).advice(format!("write `{}`", sheet.title)));
                None
            }
        }
    }
}

/// In the order of [`keys::REDIRECTIONS`].
const REDIRECTIONS: [Redirection; 6] = [
    Redirection::Clipboard,
    Redirection::Drives,
    Redirection::Printers,
    Redirection::Audio,
    Redirection::Microphone,
    Redirection::Smartcards,
];

/// A line of text that is not empty and hides nothing.
pub(super) fn checked_text(text: &str) -> Result<&str, Expected> {
    if text.is_empty() {
        return Err("a text that is not empty");
    }
    if text.trim() != text {
        return Err("a text without spaces around it");
    }
    if text.chars().any(char::is_control) {
        return Err("one line of text without control characters");
    }
    if text.len() > 512 {
        return Err("a text of at most 512 bytes");
    }
    Ok(text)
}

fn plain_text(text: &str) -> Result<String, Expected> {
    checked_text(text).map(str::to_owned)
}

fn address(text: &str) -> Result<Address, Expected> {
    if let Ok(address) = text.parse::<IpAddr>() {
        // An IPv4 address written as IPv6 is the same computer.
        return Ok(Address::Ip(address.to_canonical()));
    }
    // Compared without regard to case, as DNS does.
    value::host(text).map(|host| Address::Host(host.to_ascii_lowercase().into()))
}

/// There is no broadcast in IPv6.
fn broadcast(text: &str) -> Result<Ipv4Addr, Expected> {
    text.parse().map_err(|_| "an IPv4 address")
}

/// A date without time or offset, in years that are meant.
fn day_of(moment: &Datetime) -> Option<Day> {
    match moment {
        Datetime { date: Some(date), time: None, offset: None } => {
            value::civil(date.year, date.month.into(), date.day.into())
        }
        _ => None,
    }
}

/// A local date and time, as TOML has it or in quotes with a space.
fn moment_of(node: &DeValue<'_>) -> Option<DateTime> {
    let text = match node {
        DeValue::Datetime(moment @ Datetime { date: Some(_), time: Some(_), offset: None }) => moment.to_string(),
        DeValue::String(text) => text.to_string(),
        _ => return None,
    };
    let moment: DateTime = text.parse().ok()?;
    let day = value::civil(
        moment.year().unsigned_abs(),
        moment.month().unsigned_abs().into(),
        moment.day().unsigned_abs().into(),
    );
    (moment.year() > 0 && day.is_some()).then_some(moment)
}

/// `06-24` is a day of every year, `2026-12-07` one day, anything else the name of a calendar.
fn holiday(text: &str) -> HolidayWritten {
    if let Ok(day) = value::date(text) {
        return HolidayWritten::Once(day);
    }
    let yearly = text.split_once('-').and_then(|(month, of_month)| {
        let number = |text: &str| if text.len() == 2 { text.parse::<u8>().ok() } else { None };
        number(month).zip(number(of_month))
    });
    // A leap year knows every day that any year has.
    match yearly.filter(|(month, of_month)| value::civil(2024, (*month).into(), (*of_month).into()).is_some()) {
        Some((month, of_month)) => HolidayWritten::Yearly(month, of_month),
        None => HolidayWritten::Calendar(text.to_owned()),
    }
}

/// How a kind of value is called.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(Datetime { time: None, .. }) => "a date",
        DeValue::Datetime(Datetime { date: None, .. }) => "a time",
        DeValue::Datetime(Datetime { offset: Some(_), .. }) => "a time with an offset",
        DeValue::Datetime(_) => "a date and time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

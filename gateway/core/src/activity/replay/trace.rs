//! A recording as written, three CSV files, and as meant. What is unclear is refused with its line; a score that rests
//! on a misread file would be worse than none.

use crate::activity::Cipher;

/// Where a text departs from the format, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Counted from 1, the header line included; 0 for the whole file.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            line => write!(f, "line {line}: {}", self.message),
        }
    }
}

impl std::error::Error for Mistake {}

/// A moment in microseconds since the recording's first packet; before it, less than zero.
pub(super) type Moment = i64;

/// One line of a folder's `index.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Names the recording's two files: `NAME.csv.gz` and `NAME.events.csv`.
    pub name: String,
    /// What each TLS record adds; `None` if the recording is not RDP and the rule is not scored on it.
    pub cipher: Option<Cipher>,
}

/// One recording: what passed, and what the person really did.
#[derive(Debug, Clone)]
pub struct Trace {
    pub(super) packets: Vec<Packet>,
    /// Input by a person, in order: first and last moment.
    pub(super) bursts: Vec<Burst>,
    /// When the recording's client was stopped.
    pub(super) end: Moment,
}

/// One input by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Burst {
    pub(super) start: Moment,
    pub(super) end: Moment,
}

/// One packet that carried payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) at: Moment,
    pub(super) from: End,
    /// Bytes of payload, 1 to 65,535.
    pub(super) payload: u16,
    pub(super) records: Starts,
}

/// Who sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The computer at home.
    Home,
    /// The workstation.
    Office,
}

/// Which TLS records start in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Starts {
    /// One that fills it.
    Whole,
    /// None at its beginning: it goes on with one that started before, or is not TLS.
    None,
    /// These lengths in bytes, header included, one behind the other; the last may go on in the next segment. What the
    /// recorder did not see is left out.
    Lengths(Vec<u16>),
}

const INDEX_NAME: &str = "name";
const INDEX_OVERHEAD: &str = "tls_overhead";
/// The first line of `NAME.csv`.
pub const PACKETS: &str = "t_ms,dir,ip_len,l4_payload_len,tcp_flags,c2s_tls_recs";
/// The first line of `NAME.events.csv`.
pub const EVENTS: &str = "t_ms,kind,detail,n";
/// One press and release of a key, in microseconds.
const KEY: Moment = 300_000;
/// One turn of the wheel, in microseconds.
const WHEEL: Moment = 1_200_000;
/// Header of a TLS record.
const SHORTEST_RECORD: u16 = 5;
/// 2^14 bytes, 2 KiB of expansion, header.
const LONGEST_RECORD: u16 = (1 << 14) + (1 << 11) + 5;

/// Reads a folder's `index.csv`.
pub fn read_index(text: &str) -> Result<Vec<Entry>, Mistake> {
    let mut lines = numbered(text);
    let (_, header) = lines.next().ok_or_else(|| mistake(0, "the index is empty"))?;
    let columns = fields(header);
    let column = |name: &str| {
        let found = columns.iter().position(|column| column == name);
        found.ok_or_else(|| mistake(1, format!("the index has no column `{name}`")))
    };
    let (name, overhead) = (column(INDEX_NAME)?, column(INDEX_OVERHEAD)?);
    lines
        .map(|(line, row)| {
            let row = fields(row);
            let (Some(name), Some(overhead)) = (row.get(name), row.get(overhead)) else {
                return Err(mistake(line, format!("expected {} columns", columns.len())));
            };
            // It becomes part of a path.
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
                return Err(mistake(line, format!("`{name}` is no name: use letters, digits, `_` and `-`")));
            }
            Ok(Entry { name: name.clone(), cipher: cipher(line, overhead)? })
        })
        .collect()
}

fn cipher(line: usize, overhead: &str) -> Result<Option<Cipher>, Mistake> {
    if overhead.is_empty() {
        return Ok(None);
    }
    let known = [Cipher::Tls13, Cipher::Tls12Gcm, Cipher::Tls12ChaCha20].into_iter();
    let found = known.into_iter().find(|cipher| cipher.overhead().is_some_and(|bytes| bytes.to_string() == overhead));
    let message = || format!("`{overhead}` is no cipher's overhead: expected 21, 22, 29 or nothing");
    found.map(Some).ok_or_else(|| mistake(line, message()))
}

impl Trace {
    /// Reads the packets of `NAME.csv` (unpacked).
    pub fn read_packets(text: &str) -> Result<Packets, Mistake> {
        let packets = rows(text, PACKETS)?.map(|(line, row)| packet(line, row)).filter_map(Result::transpose);
        Ok(Packets(packets.collect::<Result<_, _>>()?))
    }

    /// Adds what `NAME.events.csv` tells.
    pub fn new(packets: Packets, events: &str) -> Result<Self, Mistake> {
        let mut truth = Truth::default();
        for (line, row) in rows(events, EVENTS)? {
            truth.add(line, row)?;
        }
        truth.finish(packets)
    }
}

/// The packets of a recording that carried payload.
#[derive(Debug, Clone)]
pub struct Packets(Vec<Packet>);

fn packet(line: usize, row: &str) -> Result<Option<Packet>, Mistake> {
    let fields: Vec<&str> = row.split(',').collect();
    let [at, from, _, payload, _, records] = fields[..] else {
        return Err(mistake(line, "expected 6 columns"));
    };
    let payload = payload.parse().map_err(|_| mistake(line, format!("`{payload}` is no length of a payload")))?;
    if payload == 0 {
        return Ok(None);
    }
    let from = match from {
        "c2s" => End::Home,
        "s2c" => End::Office,
        other => return Err(mistake(line, format!("`{other}` is no direction: expected `c2s` or `s2c`"))),
    };
    Ok(Some(Packet { at: moment(line, at)?, from, payload, records: starts(line, records)? }))
}

fn starts(line: usize, text: &str) -> Result<Starts, Mistake> {
    match text {
        "" => Ok(Starts::Whole),
        "-" => Ok(Starts::None),
        lengths => {
            let seen = lengths.split('+').take_while(|length| *length != "?");
            seen.map(|length| record_length(line, length)).collect::<Result<_, _>>().map(Starts::Lengths)
        }
    }
}

fn record_length(line: usize, text: &str) -> Result<u16, Mistake> {
    let length = text.parse().ok().filter(|length| (SHORTEST_RECORD..=LONGEST_RECORD).contains(length));
    length.ok_or_else(|| {
        mistake(line, format!("`{text}` is no length of a TLS record: {SHORTEST_RECORD} to {LONGEST_RECORD}"))
    })
}

/// What the events tell, while they are read.
#[derive(Default)]
struct Truth {
    bursts: Vec<Burst>,
    typing: Option<Moment>,
    moving: Option<Moment>,
    end: Option<Moment>,
}

impl Truth {
    fn add(&mut self, line: usize, row: &str) -> Result<(), Mistake> {
        let fields: Vec<&str> = row.split(',').collect();
        let [at, kind, detail, _] = fields[..] else {
            return Err(mistake(line, "expected 4 columns"));
        };
        let at = moment(line, at)?;
        match kind {
            "click" => self.burst(at, at),
            "key" => self.burst(at, at + KEY),
            "wheel" => self.burst(at, at + WHEEL),
            "type" => self.span(line, at, detail, |truth| &mut truth.typing)?,
            "mouse_move" => self.span(line, at, detail, |truth| &mut truth.moving)?,
            "phase" if detail == "end" => self.end = Some(at),
            "phase" | "person" | "session" => {}
            "jiggler" | "local_popup" | "local_clipboard" | "remote_clipboard" | "window" => {}
            other => return Err(mistake(line, format!("`{other}` is no kind of event"))),
        }
        Ok(())
    }

    fn burst(&mut self, start: Moment, end: Moment) {
        self.bursts.push(Burst { start, end });
    }

    fn span(
        &mut self,
        line: usize,
        at: Moment,
        detail: &str,
        open: fn(&mut Self) -> &mut Option<Moment>,
    ) -> Result<(), Mistake> {
        match (detail, open(self).take()) {
            ("start", None) => *open(self) = Some(at),
            ("end", Some(start)) => self.burst(start, at),
            ("start", Some(_)) => return Err(mistake(line, "a second `start` before the `end`")),
            ("end", None) => return Err(mistake(line, "an `end` without a `start`")),
            (other, _) => return Err(mistake(line, format!("`{other}`: expected `start` or `end`"))),
        }
        Ok(())
    }

    fn finish(mut self, packets: Packets) -> Result<Trace, Mistake> {
        if self.typing.or(self.moving).is_some() {
            return Err(mistake(0, "a `start` without an `end`"));
        }
        let end = self.end.ok_or_else(|| mistake(0, "there is no event `phase,end`"))?;
        self.bursts.sort_by_key(|burst| burst.start);
        Ok(Trace { packets: packets.0, bursts: self.bursts, end })
    }
}

fn rows<'a>(text: &'a str, header: &str) -> Result<impl Iterator<Item = (usize, &'a str)>, Mistake> {
    let mut lines = numbered(text);
    match lines.next() {
        Some((_, first)) if first == header => Ok(lines),
        _ => Err(mistake(1, format!("expected the header `{header}`"))),
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.is_empty())
}

/// Milliseconds, as written, in microseconds.
fn moment(line: usize, text: &str) -> Result<Moment, Mistake> {
    // A year is longer than any recording and far from what a float cannot hold.
    let milliseconds = text.parse::<f64>().ok().filter(|value| value.abs() < 1e3 * 60.0 * 60.0 * 24.0 * 365.0);
    let milliseconds = milliseconds.ok_or_else(|| mistake(line, format!("`{text}` is no time in milliseconds")))?;
    Ok((milliseconds * 1e3).round() as Moment)
}

/// The fields of one line, in which quotation marks hide commas (RFC 4180, without line breaks in a field).
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match (character, fields.last_mut()) {
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => fields.push(String::new()),
            (other, Some(field)) => field.push(other),
            (_, None) => {}
        }
    }
    fields
}

fn mistake(line: usize, message: impl Into<String>) -> Mistake {
    Mistake { line, message: message.into() }
}

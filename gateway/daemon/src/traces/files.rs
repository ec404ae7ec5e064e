//! Recordings on disk: a folder each, in the format that `idle replay` reads, for the gateway's user alone, and for seven days.
//!
//! A recording is written beside its place and put there when it is whole.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use gateway_api::SessionNumber;
use gateway_core::Tcp;
use gateway_core::{
    TraceEnd, Traced,
    activity::{
        Cipher,
        replay::{EVENTS, PACKETS, Row, milliseconds, overhead},
    },
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::secret_file;

/// Between looks for recordings whose time is over.
pub(crate) const LOOK: Duration = Duration::from_secs(3600);
/// How long a recording is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// In the state folder.
const FOLDER: &str = "traces";
/// Of a folder that is being written.
const UNFINISHED: &str = ".part";
/// The moment in a name, UTC.
const MOMENT: &str = "%Y%m%dT%H%M%SZ";

/// Where a gateway with this state folder keeps recordings.
pub(crate) fn folder(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

/// What a recording is called: its session's number and when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) session: SessionNumber,
    /// To the second.
    pub(crate) began: Timestamp,
}

impl Name {
    pub(crate) fn new(session: SessionNumber, now: Timestamp) -> Self {
        Self { session, began: Timestamp::from_second(now.as_second()).unwrap_or(now) }
    }

    /// Reads [`fmt::Display`] back, and nothing else: it becomes part of a path.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (session, moment) = text.rsplit_once('-')?;
        let began = jiff::civil::DateTime::strptime(MOMENT, moment).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let name = Self { session: SessionNumber::parse(session)?, began };
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.session, self.began.strftime(MOMENT))
    }
}

/// A recording that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) folder: PathBuf,
    pub(crate) packets: u64,
    pub(crate) connections: usize,
    pub(crate) end: TraceEnd,
}

/// Writes pieces as they come, on a thread of its own, until the last one.
pub(crate) fn write(
    folder: &Path,
    name: &Name,
    mut pieces: mpsc::UnboundedReceiver<Traced>,
) -> JoinHandle<Result<Written, String>> {
    let (folder, name) = (folder.to_owned(), *name);
    tokio::task::spawn_blocking(move || {
        let (part, whole) = (folder.join(format!("{name}{UNFINISHED}")), folder.join(name.to_string()));
        let written = secret_file::create_folder(&folder)
            .and_then(|()| secret_file::create_folder(&part))
            .map_err(|error| error.to_string())
            .and_then(|()| write_all(&part, &name, &mut pieces).map_err(|error| error.to_string()))
            .and_then(|written| {
                fs::rename(&part, &whole).map_err(|error| error.to_string())?;
                Ok(Written { folder: whole, ..written })
            });
        if written.is_err() {
            // What is left is deleted at the next start.
            let _ = fs::remove_dir_all(&part);
        }
        written
    })
}

/// One connection's files.
struct Connection {
    rows: GzEncoder<BufWriter<File>>,
    first: Duration,
    last: Duration,
    packets: u64,
    begins: bool,
    is_over: bool,
}

fn write_all(part: &Path, name: &Name, pieces: &mut mpsc::UnboundedReceiver<Traced>) -> io::Result<Written> {
    let mut connections: Vec<Connection> = Vec::new();
    while let Some(piece) = pieces.blocking_recv() {
        for (connection, row) in &piece.rows {
            let place = usize::from(*connection);
            if place == connections.len() {
                connections.push(Connection::begin(part, name, place, row)?);
            }
            if let Some(connection) = connections.get_mut(place) {
                connection.add(row)?;
            }
        }
        if let Some((end, at)) = piece.over {
            let packets = connections.iter().map(|connection| connection.packets).sum();
            let count = connections.len();
            finish(part, name, connections, &piece.ciphers, at)?;
            return Ok(Written { folder: part.to_owned(), packets, connections: count, end });
        }
    }
    Err(io::Error::other("the gateway stops"))
}

impl Connection {
    fn begin(part: &Path, name: &Name, place: usize, row: &Row) -> io::Result<Self> {
        let file = create(&part.join(format!("{}.csv.gz", connection_name(name, place))))?;
        let mut rows = GzEncoder::new(BufWriter::new(file), Compression::fast());
        writeln!(rows, "{PACKETS}")?;
        let begins = row.flags & Tcp::SYN != 0;
        Ok(Self { rows, first: row.at, last: row.at, packets: 0, begins, is_over: false })
    }

    fn add(&mut self, row: &Row) -> io::Result<()> {
        self.last = row.at;
        self.packets += 1;
        self.is_over |= row.flags & (Tcp::FIN | Tcp::RST) != 0;
        writeln!(self.rows, "{}", row.line(self.first))
    }
}

fn finish(
    part: &Path,
    name: &Name,
    connections: Vec<Connection>,
    ciphers: &[Option<Cipher>],
    at: Duration,
) -> io::Result<()> {
    let mut index = create(&part.join("index.csv"))?;
    writeln!(index, "name,started_at,seconds,tls_overhead,packets,note")?;
    for (place, connection) in connections.into_iter().enumerate() {
        let (own, first) = (connection_name(name, place), connection.first);
        // Who sat still to the end was there to the end.
        let end = if connection.is_over { connection.last } else { at.max(connection.last) }.saturating_sub(first);
        connection.rows.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        let mut events = create(&part.join(format!("{own}.events.csv")))?;
        writeln!(events, "{EVENTS}\n{},phase,end,0", milliseconds(end))?;
        events.sync_all()?;
        let started_at = name.began.saturating_add(SignedDuration::try_from(first).unwrap_or_default());
        let started_at = started_at.unwrap_or(name.began);
        let (seconds, overhead) = (end.as_secs(), overhead(ciphers.get(place).copied().flatten()));
        let note =
            if connection.begins { "from the connection's beginning" } else { "from the middle of a connection" };
        writeln!(index, "{own},{started_at},{seconds},{overhead},{},{note}", connection.packets)?;
    }
    index.sync_all()
}

fn connection_name(name: &Name, place: usize) -> String {
    format!("{name}-{}", place + 1)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// The recordings that are whole, the oldest first.
pub(crate) fn list(folder: &Path) -> Result<Vec<Name>, String> {
    let mut names: Vec<Name> = entries(folder)?.iter().filter_map(|entry| Name::parse(entry)).collect();
    names.sort_by_key(|name| (name.began, name.session));
    Ok(names)
}

/// Until when a recording is kept.
pub(crate) fn kept_until(name: &Name) -> Timestamp {
    name.began.saturating_add(KEPT).unwrap_or(Timestamp::MAX)
}

/// Deletes a recording. False if there is none of this name.
pub(crate) fn delete(folder: &Path, name: &Name) -> Result<bool, String> {
    let path = folder.join(name.to_string());
    match fs::remove_dir_all(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(format!("cannot delete `{}`: {error}", path.display())),
    }
}

/// What was deleted because its time was over, or because nobody finishes it any more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    pub(crate) old: Vec<Name>,
    pub(crate) unfinished: Vec<Name>,
}

/// Deletes recordings that are seven days old, and `at_start` those that an earlier run left unfinished.
pub(crate) fn sweep(folder: &Path, now: Timestamp, at_start: bool) -> Result<Swept, String> {
    let mut swept = Swept::default();
    for name in list(folder)?.into_iter().filter(|name| kept_until(name) <= now) {
        if delete(folder, &name)? {
            swept.old.push(name);
        }
    }
    for entry in entries(folder)?.into_iter().filter(|_| at_start) {
        let Some(name) = entry.strip_suffix(UNFINISHED).and_then(Name::parse) else { continue };
        fs::remove_dir_all(folder.join(&entry)).map_err(|error| format!("cannot delete `{entry}`: {error}"))?;
        swept.unfinished.push(name);
    }
    Ok(swept)
}

fn entries(folder: &Path) -> Result<Vec<String>, String> {
    let failed = |error: io::Error| format!("cannot look into `{}`: {error}", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    names.collect::<io::Result<_>>().map_err(failed)
}

#[cfg(test)]
mod tests;

//! Records one session's packets for trying the idle rule on an office's own desktops: sizes, times, TCP flags and the lengths
//! of TLS records, never a byte of what passes. What comes out is what `activity::replay` reads.
//!
//! A session that is not recorded has no recorder, and pays nothing. A recorder is bounded in time and in packets.
//! Refuses to know who may be recorded, and where recordings are kept.

use std::time::{Duration, Instant};

use crate::{
    Packet, Tcp,
    activity::{
        Cipher,
        replay::{End, Row, Starts},
    },
    flows::Key,
    packet::Transport,
};

/// The longest recording.
pub const LONGEST_TRACE: Duration = Duration::from_secs(60 * 60);
/// The most packets of a recording: ten minutes of a film, in super-packets.
pub const MOST_TRACED: u32 = 1_000_000;
/// Connections that are told apart; packets of further ones are left out.
const MOST_CONNECTIONS: usize = 64;
/// Rows that are handed out together.
const TOGETHER: usize = 512;

/// A piece of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Each with its connection, which is counted from 0, in the order of their moments.
    pub rows: Vec<(u16, Row)>,
    /// How each connection is ciphered, as far as it is known by now.
    pub ciphers: Vec<Option<Cipher>>,
    /// With the last piece: why nothing follows, and when, since the recording began.
    pub over: Option<(TraceEnd, Duration)>,
}

/// Why a recording is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceEnd {
    /// It was ended.
    Ordered,
    /// It lasted as long as it was to.
    TimeOver,
    /// It holds [`MOST_TRACED`] packets.
    Full,
    /// The session is gone.
    SessionClosed,
}

/// A recording under way.
#[derive(Debug)]
pub(crate) struct Recorder {
    began: Instant,
    span: Duration,
    left: u32,
    connections: Vec<Connection>,
    rows: Vec<(u16, Row)>,
    /// When the last packet passed, since the beginning.
    last: Duration,
    over: Option<TraceEnd>,
}

#[derive(Debug)]
struct Connection {
    key: Key,
    cipher: Option<Cipher>,
    /// Nothing but its first SYN was seen.
    only_begun: bool,
}

impl Recorder {
    /// Records for `span`, at most [`LONGEST_TRACE`], from `now` on.
    pub(crate) fn new(span: Duration, now: Instant) -> Self {
        let span = span.min(LONGEST_TRACE);
        Self {
            began: now,
            span,
            left: MOST_TRACED,
            connections: Vec::new(),
            rows: Vec::new(),
            last: Duration::ZERO,
            over: None,
        }
    }

    /// Takes note of a packet that passes, if it is TCP.
    pub(crate) fn note(&mut self, from: End, key: Key, cipher: Option<Cipher>, packet: &Packet<'_>, now: Instant) {
        let Transport::Tcp(tcp) = packet.transport else { return };
        let at = now.saturating_duration_since(self.began);
        if at >= self.span {
            self.over = Some(TraceEnd::TimeOver);
        } else if self.left == 0 {
            self.over = Some(TraceEnd::Full);
        }
        if self.over.is_some() {
            return;
        }
        let starts = match from {
            End::Home => Starts::of(packet.payload()),
            End::Office => Starts::Whole,
        };
        let Some(connection) = self.connection(from, key, &tcp, packet.payload().len(), &starts) else { return };
        if let Some(known) = self.connections.get_mut(usize::from(connection)) {
            known.cipher = cipher.or(known.cipher);
            known.only_begun &= from == End::Home && tcp.has(Tcp::SYN);
        }
        self.left -= 1;
        self.last = at;
        let row = Row {
            at,
            from,
            length: u16::try_from(packet.bytes().len()).unwrap_or(u16::MAX),
            payload: u16::try_from(packet.payload().len()).unwrap_or(u16::MAX),
            flags: tcp.flags,
            records: starts,
        };
        self.rows.push((connection, row));
    }

    /// What there is to hand out: once it is enough to be worth it, once the recording is over, or at once if it is ended now.
    /// A session that is closed ends where its last packet was.
    pub(crate) fn take(&mut self, end: Option<TraceEnd>, now: Option<Instant>) -> Option<Traced> {
        let over = self.over.or(end);
        if over.is_none() && self.rows.len() < TOGETHER {
            return None;
        }
        let at = now.map_or(self.last, |now| now.saturating_duration_since(self.began)).min(self.span);
        Some(Traced {
            rows: std::mem::take(&mut self.rows),
            ciphers: self.connections.iter().map(|connection| connection.cipher).collect(),
            over: over.map(|over| (over, at)),
        })
    }

    /// The place of a packet's connection. One that was there before is taken up where a record begins, so that its stream
    /// can be followed from the first byte that is told.
    fn connection(&mut self, from: End, key: Key, tcp: &Tcp, payload: usize, starts: &Starts) -> Option<u16> {
        let known = self.connections.iter().rposition(|connection| connection.key == key);
        let begins = from == End::Home && tcp.has(Tcp::SYN);
        let is_new = match known.and_then(|place| self.connections.get(place)) {
            Some(known) => begins && !known.only_begun,
            None => begins || from == End::Home && payload > 0 && *starts != Starts::None,
        };
        if !is_new {
            return known.and_then(|place| u16::try_from(place).ok());
        }
        if self.connections.len() == MOST_CONNECTIONS {
            return None;
        }
        self.connections.push(Connection { key, cipher: None, only_begun: begins });
        u16::try_from(self.connections.len() - 1).ok()
    }
}

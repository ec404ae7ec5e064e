//! What leaves for home: datagrams sealed one behind the other, so that equal ones to one client go by one system call
//! (UDP_SEGMENT), or through its session channel in one piece.

use std::{net::SocketAddr, ops::Range};

use gateway_api::SessionNumber;
use serde::{Deserialize, Serialize};

/// The way that a client's datagrams take, both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// UDP, with this address at the other end.
    Udp(SocketAddr),
    /// The channel of this session, where UDP does not get through.
    Channel(SessionNumber),
}

/// Datagrams for one client, all of `segment` bytes but the last, which may be shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit<'a> {
    /// Where to.
    pub to: Way,
    /// The datagrams, one behind the other.
    pub datagrams: &'a [u8],
    /// The size of each, in bytes.
    pub segment: usize,
}

/// The most datagrams and bytes that one system call takes (UDP_MAX_SEGMENTS; a UDP payload's 65,507 less room).
const MOST_DATAGRAMS: usize = 64;
const MOST_BYTES: usize = 65_000;

/// Room for the datagrams between two rounds of sending, in bytes: three super-packets of 64 KiB sealed.
const ROOM: usize = 256 * 1024;

#[derive(Debug)]
struct Run {
    to: Way,
    range: Range<usize>,
    segment: usize,
    datagrams: usize,
    /// The last datagram was shorter than the others: nothing may follow it.
    complete: bool,
}

/// The datagrams not sent yet.
#[derive(Debug)]
pub(crate) struct ToHome {
    buffer: Box<[u8]>,
    used: usize,
    runs: Vec<Run>,
    sent: usize,
    /// Where the datagram lies that was added last.
    last: Range<usize>,
}

impl ToHome {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; ROOM].into(), used: 0, runs: Vec::with_capacity(256), sent: 0, last: 0..0 }
    }

    /// Lets `write` put one datagram of at most `length` bytes behind the others; it says how long the datagram became,
    /// or none. False if there is no room.
    pub(crate) fn add(&mut self, to: Way, length: usize, write: impl FnOnce(&mut [u8]) -> usize) -> bool {
        let Some(space) = self.buffer.get_mut(self.used..).filter(|space| space.len() >= length) else {
            return false;
        };
        let written = write(space);
        self.last = self.used..self.used + written;
        if written > 0 {
            self.push(to);
        }
        true
    }

    /// The size of the datagram that was added last, in bytes; 0 if none came of it.
    pub(crate) fn last_length(&self) -> usize {
        self.last.len()
    }

    /// Sends the datagram that was added last another way too, if there is room.
    pub(crate) fn repeat(&mut self, to: Way) {
        let last = self.last.clone();
        if last.is_empty() || self.used + last.len() > self.buffer.len() || last.end > self.used {
            return;
        }
        self.buffer.copy_within(last.clone(), self.used);
        self.last = self.used..self.used + last.len();
        self.push(to);
    }

    /// Puts what lies last in the buffer into a run.
    fn push(&mut self, to: Way) {
        let (range, written) = (self.last.clone(), self.last.len());
        self.used = range.end;
        match self.runs.last_mut() {
            Some(run) if run.takes(to, written) => {
                run.range.end = range.end;
                run.datagrams += 1;
                run.complete = written < run.segment;
            }
            _ => self.runs.push(Run { to, range, segment: written, datagrams: 1, complete: false }),
        }
    }

    /// Whether a super-packet sealed might find no room.
    pub(crate) fn is_crowded(&self) -> bool {
        self.used > ROOM / 2
    }

    /// The next run of datagrams; none when all are handed out, after which there is room again.
    pub(crate) fn poll(&mut self) -> Option<Transmit<'_>> {
        if self.sent == self.runs.len() {
            self.runs.clear();
            self.used = 0;
            self.sent = 0;
            return None;
        }
        let run = self.runs.get(self.sent)?;
        self.sent += 1;
        let datagrams = self.buffer.get(run.range.clone())?;
        Some(Transmit { to: run.to, datagrams, segment: run.segment })
    }
}

impl Run {
    fn takes(&self, to: Way, written: usize) -> bool {
        self.to == to
            && !self.complete
            && written <= self.segment
            && self.datagrams < MOST_DATAGRAMS
            && self.range.len() + written <= MOST_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Way {
        Way::Udp(SocketAddr::from(([192, 0, 2, 1], port)))
    }

    fn add(batch: &mut ToHome, port: u16, length: usize) {
        assert!(batch.add(at(port), length, |space| {
            space[..length].fill(port as u8);
            length
        }));
    }

    #[test]
    fn equal_datagrams_to_one_client_go_together_and_a_shorter_one_ends_the_run() {
        let mut batch = ToHome::new();
        for length in [100, 100, 60, 100] {
            add(&mut batch, 1, length);
        }
        add(&mut batch, 2, 100);
        let runs: Vec<_> = std::iter::from_fn(|| batch.poll().map(|t| (t.to, t.datagrams.len(), t.segment))).collect();
        assert_eq!(runs, [(at(1), 260, 100), (at(1), 100, 100), (at(2), 100, 100)]);
        assert!(batch.poll().is_none());
    }

    #[test]
    fn a_datagram_goes_two_ways() {
        let mut batch = ToHome::new();
        add(&mut batch, 1, 100);
        batch.repeat(at(2));
        let runs: Vec<_> = std::iter::from_fn(|| batch.poll().map(|t| (t.to, t.datagrams.to_vec()))).collect();
        assert_eq!(runs, [(at(1), vec![1; 100]), (at(2), vec![1; 100])]);
        assert!(batch.poll().is_none());
        batch.repeat(at(2));
        assert!(batch.poll().is_none(), "it has left");
    }

    #[test]
    fn a_longer_datagram_begins_a_run_of_its_own() {
        let mut batch = ToHome::new();
        add(&mut batch, 1, 60);
        add(&mut batch, 1, 100);
        assert_eq!(batch.poll().map(|t| t.datagrams.len()), Some(60));
        assert_eq!(batch.poll().map(|t| t.datagrams.len()), Some(100));
    }

    #[test]
    fn no_run_is_more_than_one_system_call_takes() {
        let mut batch = ToHome::new();
        for _ in 0..150 {
            add(&mut batch, 1, 1000);
        }
        while let Some(run) = batch.poll() {
            assert!(run.datagrams.len() <= MOST_BYTES && run.datagrams.len() / run.segment <= MOST_DATAGRAMS);
        }
    }

    #[test]
    fn what_finds_no_room_is_refused_and_finds_it_after_sending() {
        let mut batch = ToHome::new();
        let mut added = 0;
        while batch.add(at(1), 1500, |_| 1500) {
            added += 1;
        }
        assert_eq!(added, ROOM / 1500);
        while batch.poll().is_some() {}
        assert!(batch.add(at(1), 1500, |_| 1500));
    }
}

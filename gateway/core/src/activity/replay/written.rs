//! A recording as it is written, line by line, for the gateway that makes one. What is written here reads back in `trace`.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use super::trace::{End, Starts};
use crate::activity::{Cipher, records};

/// One packet of a recording: a line of `NAME.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Since the recording began.
    pub at: Duration,
    /// Who sent it.
    pub from: End,
    /// Of the IP packet, in bytes.
    pub length: u16,
    /// What follows the TCP header, in bytes.
    pub payload: u16,
    /// Of TCP, as in the header.
    pub flags: u8,
    /// Which TLS records start in it; of the workstation's packets nothing is known.
    pub records: Starts,
}

/// The letters of TCP's flags, the lowest bit first.
const FLAGS: &str = "FSRPAUEC";

impl Row {
    /// The line, without its end; moments are counted from `first`, that of the connection's first packet.
    pub fn line(&self, first: Duration) -> String {
        let from = match self.from {
            End::Home => "c2s",
            End::Office => "s2c",
        };
        let letters = FLAGS.chars().enumerate().filter(|(bit, _)| self.flags & 1 << bit != 0);
        let flags: String = letters.map(|(_, letter)| letter).collect();
        let (at, length, payload) = (milliseconds(self.at.saturating_sub(first)), self.length, self.payload);
        format!("{at},{from},{length},{payload},{flags},{}", self.records)
    }
}

/// A moment of a recording, as its files write it.
pub fn milliseconds(at: Duration) -> String {
    format!("{:.1}", at.as_secs_f64() * 1e3)
}

/// The column `tls_overhead` of an index: empty where sizes tell nothing.
pub fn overhead(cipher: Option<Cipher>) -> String {
    cipher.and_then(Cipher::overhead).map(|bytes| bytes.to_string()).unwrap_or_default()
}

impl Starts {
    /// Which records start in a segment from home. One whose header goes on in the next segment is not told.
    pub(crate) fn of(payload: &[u8]) -> Self {
        let (mut rest, mut lengths) = (payload, Vec::new());
        while let Some(length) = records::length_at(rest) {
            if lengths.is_empty() && usize::from(length) == payload.len() {
                return Self::Whole;
            }
            lengths.push(length);
            rest = rest.get(usize::from(length)..).unwrap_or_default();
        }
        match (lengths.is_empty(), payload.is_empty()) {
            (_, true) => Self::Whole,
            (true, false) => Self::None,
            (false, false) => Self::Lengths(lengths),
        }
    }
}

impl Display for Starts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::None => f.write_str("-"),
            Self::Lengths(lengths) => {
                let lengths: Vec<String> = lengths.iter().map(u16::to_string).collect();
                f.write_str(&lengths.join("+"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::replay::trace::{PACKETS, Trace};

    fn record(length: u16) -> Vec<u8> {
        let [high, low] = (length - 5).to_be_bytes();
        let mut bytes = vec![23, 3, 3, high, low];
        bytes.resize(length.into(), 0xa5);
        bytes
    }

    #[test]
    fn the_records_that_start_in_a_segment_are_told_and_nothing_of_what_they_hold() {
        let told = |payload: &[u8]| Starts::of(payload).to_string();
        assert_eq!(told(&record(34)), "");
        assert_eq!(told(&[record(34), record(6)].concat()), "34+6");
        assert_eq!(told(&record(500)[..120]), "500");
        assert_eq!(told(&[record(34), record(500)[..100].to_vec()].concat()), "34+500");
        assert_eq!(told(&[record(34), record(500)[..4].to_vec()].concat()), "34");
        assert_eq!(told(&record(500)[120..]), "-");
        assert_eq!(told(&[3, 0, 0, 19, 14, 208]), "-");
        assert_eq!(told(&[]), "");
    }

    #[test]
    fn what_is_written_reads_back() {
        let row = |from, payload: u16, flags, records| Row {
            at: Duration::from_micros(12_345_678),
            from,
            length: payload + 52,
            payload,
            flags,
            records,
        };
        let rows = [
            row(End::Home, 0, 0x02, Starts::Whole),
            row(End::Home, 34, 0x18, Starts::Whole),
            row(End::Home, 80, 0x18, Starts::Lengths(vec![6, 74])),
            row(End::Home, 1448, 0x10, Starts::None),
            row(End::Office, 60_000, 0xd9, Starts::Whole),
        ];
        let lines: Vec<String> = rows.iter().map(|row| row.line(Duration::from_secs(12))).collect();
        assert_eq!(lines[0], "345.7,c2s,52,0,S,");
        assert_eq!(lines[2], "345.7,c2s,132,80,PA,6+74");
        assert_eq!(lines[4], "345.7,s2c,60052,60000,FPAEC,");
        let packets = Trace::read_packets(&format!("{PACKETS}\n{}\n", lines.join("\n"))).unwrap();
        let read = Trace::new(packets, "t_ms,kind,detail,n\n400.0,phase,end,0\n").unwrap();
        let told: Vec<_> = read.packets.iter().map(|packet| (packet.from, packet.payload, &packet.records)).collect();
        let meant: Vec<_> = rows[1..].iter().map(|row| (row.from, row.payload, &row.records)).collect();
        assert_eq!(told, meant);
    }
}

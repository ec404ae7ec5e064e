//! Who judges packets a second time: slow, written from the promise, and without a line of the gateway's code. "A session's
//! packets reach the granted address, protocol and ports, and nothing else. The workstation can answer, and can open nothing
//! towards home."
//!
//! What may pass leaves as it came, but for two things: padding behind the packet is cut off, and a SYN that offers larger
//! segments than the tunnel carries offers those instead, its checksum as right or as wrong as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::packets::{slow_sum, workstation_of};

/// As many answers may be outstanding to one who pings.
const MOST_OWED: u16 = 32;

/// The promise, word by word, for one session, in which no time passes.
pub(crate) struct Judge {
    own: IpAddr,
    mtu: u16,
    /// Ports at home of the TCP connections that the worker began, and of the datagrams that they sent.
    connections: BTreeSet<u16>,
    datagrams: BTreeSet<u16>,
    /// By identifier, how many answers to pings are owed.
    owed: BTreeMap<u16, u16>,
}

/// What a packet is that can be believed.
struct Read<'a> {
    from: IpAddr,
    to: IpAddr,
    /// Without padding.
    packet: &'a [u8],
    body: Body,
}

enum Body {
    /// Ports, flags.
    Tcp(u16, u16, u8),
    /// Ports.
    Udp(u16, u16),
    /// Whether it asks, and its identifier.
    Ping(bool, u16),
}

impl Judge {
    /// For the session that has the address `own` and a grant of TCP 3389, UDP 3390 and pings of its workstation, through a
    /// tunnel that carries packets of `mtu` bytes.
    pub(crate) fn new(own: IpAddr, mtu: u16) -> Self {
        let (connections, datagrams, owed) = Default::default();
        Self { own, mtu, connections, datagrams, owed }
    }

    /// What of a packet from home reaches the office; none if it may not pass. Remembers what those before it began.
    pub(crate) fn pass_to_office(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let read = read(packet).filter(|read| read.from == self.own && read.to == workstation_of(self.own))?;
        let may = match read.body {
            Body::Tcp(from, 3389, flags) => {
                let [fin, syn, rst, ack] = [1, 2, 4, 16].map(|flag| flags & flag != 0);
                if syn && !ack && !rst && !fin {
                    self.connections.insert(from);
                }
                self.connections.contains(&from)
            }
            Body::Udp(from, 3390) => {
                self.datagrams.insert(from);
                true
            }
            Body::Ping(true, identifier) => {
                let owed = self.owed.entry(identifier).or_default();
                *owed = (*owed + 1).min(MOST_OWED);
                true
            }
            Body::Tcp(..) | Body::Udp(..) | Body::Ping(false, _) => false,
        };
        may.then(|| self.as_it_leaves(&read))
    }

    /// What of a packet from the office reaches home; none if it may not pass.
    pub(crate) fn pass_to_home(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let read = read(packet).filter(|read| read.to == self.own && read.from == workstation_of(self.own))?;
        let may = match read.body {
            // One that only wants a connection is no answer.
            Body::Tcp(3389, to, flags) => self.connections.contains(&to) && flags & 18 != 2,
            Body::Udp(3390, to) => self.datagrams.contains(&to),
            Body::Ping(false, identifier) => {
                let owed = self.owed.entry(identifier).or_default();
                let is_owed = *owed > 0;
                *owed = owed.saturating_sub(1);
                is_owed
            }
            Body::Tcp(..) | Body::Udp(..) | Body::Ping(true, _) => false,
        };
        may.then(|| self.as_it_leaves(&read))
    }

    fn as_it_leaves(&self, read: &Read<'_>) -> Vec<u8> {
        let mut packet = read.packet.to_vec();
        let header = if packet[0] == 0x45 { 20 } else { 40 };
        let most = self.mtu - header as u16 - 20;
        let Body::Tcp(_, _, flags) = read.body else { return packet };
        let Some(at) = offered_at(&packet[header..]).filter(|_| flags & 2 != 0).map(|at| header + at) else {
            return packet;
        };
        if u16::from_be_bytes([packet[at], packet[at + 1]]) <= most {
            return packet;
        }
        // Only what is covered changes, and the sum stays what it was: right, or wrong by as much.
        let before = u32::from(slow_sum(&[&packet[header..]]));
        packet[at..at + 2].copy_from_slice(&most.to_be_bytes());
        packet[header + 16..header + 18].fill(0);
        let rest = u32::from(slow_sum(&[&packet[header..]]));
        let checksum = (before + 0xffff - rest) % 0xffff;
        packet[header + 16..header + 18].copy_from_slice(&(checksum as u16).to_be_bytes());
        packet
    }
}

/// A packet without options, extension headers, or lies, that is no fragment.
fn read(packet: &[u8]) -> Option<Read<'_>> {
    let byte = |at: usize| packet.get(at).copied();
    let word = |at: usize| Some(u16::from_be_bytes([byte(at)?, byte(at + 1)?]));
    let v4 = |at: usize| Some(IpAddr::from([byte(at)?, byte(at + 1)?, byte(at + 2)?, byte(at + 3)?]));
    let v6 = |at: usize| Some(IpAddr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
    // Where the header ends, where the packet ends, what it carries, from where, to where.
    let (header, length, protocol, from, to) = match byte(0)? {
        // Version 4 without options, no fragment, and with a checksum that holds.
        0x45 if word(6)? & 0xbfff == 0 && slow_sum(&[packet.get(..20)?]) == 0xffff => {
            (20, usize::from(word(2)?), byte(9)?, v4(12)?, v4(16)?)
        }
        // Version 6; what comes behind an extension header is never looked for.
        0x60..=0x6f => (40, 40 + usize::from(word(4)?), byte(6)?, v6(8)?, v6(24)?),
        _ => return None,
    };
    let packet = packet.get(..length)?;
    let message = packet.get(header..)?;
    let body = match protocol {
        6 => {
            let tcp_header = usize::from(message.get(12)? >> 4) * 4;
            if message.len() < 20 || tcp_header < 20 || tcp_header > message.len() {
                return None;
            }
            Body::Tcp(word(header)?, word(header + 2)?, message[13])
        }
        17 if message.len() >= 8 && usize::from(word(header + 4)?) == message.len() => {
            Body::Udp(word(header)?, word(header + 2)?)
        }
        1 if header == 20 => ping(message, [8, 0], slow_sum(&[message]))?,
        58 if header == 40 => {
            let length = (message.len() as u32).to_be_bytes();
            ping(message, [128, 129], slow_sum(&[&packet[8..40], &length, &[0, 0, 0, 58], message]))?
        }
        _ => return None,
    };
    Some(Read { from, to, packet, body })
}

/// Question or answer, and a checksum that is right (RFC 792; RFC 4443, section 2.3).
fn ping(message: &[u8], [question, answer]: [u8; 2], sum: u16) -> Option<Body> {
    let [kind, 0, _, _, i0, i1, _, _, ..] = *message else { return None };
    let asks = kind == question;
    ((asks || kind == answer) && sum == 0xffff).then(|| Body::Ping(asks, u16::from_be_bytes([i0, i1])))
}

/// Where in a TCP header the first offer of a segment size stands (RFC 9293, section 3.2), if its options can be read that far.
fn offered_at(tcp: &[u8]) -> Option<usize> {
    let end = usize::from(tcp[12] >> 4) * 4;
    let mut at = 20;
    while at < end {
        match tcp[at] {
            0 => return None,
            1 => at += 1,
            kind => {
                let length = usize::from(*tcp.get(at + 1).filter(|_| at + 1 < end)?);
                if kind == 2 && length == 4 {
                    return (at + 4 <= end).then_some(at + 2);
                }
                if length < 2 {
                    return None;
                }
                at += length;
            }
        }
    }
    None
}

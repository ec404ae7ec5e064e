//! Packets drawn at random, most of them nearly right, and who judges them.
//!
//! The judge is slow, written from the promise, and knows nothing of the gateway's code: "a session's packets reach the
//! granted address, protocol and ports, and nothing else". The end-to-end world draws from here too.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{collections::BTreeSet, net::Ipv4Addr};

use etherparse::PacketBuilder;

/// The granted workstation.
pub(crate) const WORKSTATION: Ipv4Addr = Ipv4Addr::new(10, 20, 3, 47);

/// The promise, word by word, for one session. Knows nothing of the gateway's code.
pub(crate) struct Judge {
    own: Ipv4Addr,
    /// Source ports of the TCP connections that the worker began.
    opened: BTreeSet<u16>,
}

impl Judge {
    /// For the session that has the address `own` and a grant of TCP 3389 and UDP 3390 of [`WORKSTATION`].
    pub(crate) fn new(own: Ipv4Addr) -> Self {
        Self { own, opened: BTreeSet::new() }
    }

    /// Whether a packet may pass towards the office; remembers the connections that those before it began.
    pub(crate) fn lets_pass(&mut self, packet: &[u8]) -> bool {
        let byte = |at: usize| packet.get(at).copied();
        let word = |at: usize| Some(u16::from_be_bytes([byte(at)?, byte(at + 1)?]));
        let address = |at: usize| Some(Ipv4Addr::new(byte(at)?, byte(at + 1)?, byte(at + 2)?, byte(at + 3)?));
        let mut judge = || -> Option<bool> {
            let version_4_without_options = byte(0)? == 0x45;
            let length = usize::from(word(2)?);
            let whole = length >= 20 && length <= packet.len();
            let fragment = word(6)? & 0xbfff != 0;
            let own = address(12)? == self.own;
            let there = address(16)? == WORKSTATION;
            if !(version_4_without_options && whole && !fragment && own && there) {
                return Some(false);
            }
            let body = length - 20;
            let (from, to) = (word(20)?, word(22)?);
            match byte(9)? {
                6 => {
                    let header = usize::from(byte(32)? >> 4) * 4;
                    if body < 20 || header < 20 || header > body || to != 3389 {
                        return Some(false);
                    }
                    let flags = byte(33)?;
                    let (fin, syn, rst, ack) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0, flags & 16 != 0);
                    if syn && !ack && !rst && !fin {
                        self.opened.insert(from);
                    }
                    Some(self.opened.contains(&from))
                }
                17 => Some(body >= 8 && usize::from(word(24)?) == body && to == 3390),
                _ => Some(false),
            }
        };
        judge().unwrap_or(false)
    }
}

/// A packet as a hostile or broken home computer might send it.
pub(crate) fn draw_packet(draw: &mut Draw, own: Ipv4Addr) -> Vec<u8> {
    let others = [Ipv4Addr::new(10, 20, 3, 48), Ipv4Addr::new(100, 96, 0, 1), Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST];
    let from = if draw.one_in(12) { Ipv4Addr::new(100, 96, 0, 3) } else { own };
    let to = if draw.one_in(8) { draw.of(&others) } else { WORKSTATION };
    let from_port = 50000 + draw.below(20) as u16;
    let payload = vec![draw.next() as u8; draw.below(40)];
    let sequence = draw.next() as u32;
    let mut packet = if draw.one_in(3) {
        udp(from, from_port, to, draw.of(&[3390, 3390, 3390, 3389, 53]), &payload)
    } else {
        let flags = draw.of(&[Flags::Syn, Flags::Ack, Flags::Push, Flags::SynAck]);
        tcp(from, from_port, to, draw.of(&[3389, 3389, 3389, 3390, 445]), flags, sequence, &payload)
    };
    for _ in 0..draw.below(3) {
        match draw.below(4) {
            // One byte of the headers, where lies are told.
            0 | 1 => {
                // The source port stays: a session's flows are bounded, which has a test of its own.
                let at = match draw.below(packet.len().min(40)) {
                    20 | 21 => 0,
                    at => at,
                };
                packet[at] = draw.of(&[0, 1, 4, 0x40, 0x45, 0x46, 0x65, 0xff, 0x7f]);
            }
            2 => packet.truncate(draw.below(packet.len() + 1)),
            _ => packet.extend(vec![0; draw.below(17)]),
        }
        if packet.is_empty() {
            packet.push(draw.next() as u8);
        }
    }
    packet
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flags {
    Syn,
    SynAck,
    Ack,
    Push,
    Fin,
    Reset,
}

pub(crate) fn tcp(
    from: Ipv4Addr,
    from_port: u16,
    to: Ipv4Addr,
    to_port: u16,
    flags: Flags,
    sequence: u32,
    payload: &[u8],
) -> Vec<u8> {
    let builder = PacketBuilder::ipv4(from.octets(), to.octets(), 64).tcp(from_port, to_port, sequence, 64240);
    // Home's numbers begin at 1000, the workstation's at 5000.
    let awaited = if from == WORKSTATION { 1000 } else { 5000 };
    let builder = match flags {
        Flags::Syn => builder.syn(),
        Flags::SynAck => builder.syn().ack(awaited),
        Flags::Ack => builder.ack(awaited),
        Flags::Push => builder.ack(awaited).psh(),
        Flags::Fin => builder.ack(awaited).fin(),
        Flags::Reset => builder.rst(),
    };
    let mut packet = Vec::new();
    builder.write(&mut packet, payload).unwrap();
    packet
}

pub(crate) fn udp(from: Ipv4Addr, from_port: u16, to: Ipv4Addr, to_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(from.octets(), to.octets(), 64).udp(from_port, to_port).write(&mut packet, payload).unwrap();
    packet
}

/// A small generator whose every draw follows from the seed (SplitMix64).
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub(crate) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// A number from the environment, so that a run can be longer or be repeated.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

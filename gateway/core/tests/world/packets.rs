//! Packets drawn at random, most of them nearly right, and who judges them.
//!
//! The judge is slow, written from the promise, and knows nothing of the gateway's code: "a session's packets reach the
//! granted address, protocol and ports, and nothing else". The end-to-end world draws from here too.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use etherparse::{IcmpEchoHeader, Icmpv4Type, Icmpv6Type, IpHeaders, PacketBuilder, PacketBuilderStep};

/// The granted workstation.
pub(crate) const WORKSTATION: Ipv4Addr = Ipv4Addr::new(10, 20, 3, 47);
/// The granted workstation of sessions that have an IPv6 address.
pub(crate) const WORKSTATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd20, 3, 0, 0, 0, 0, 0, 0x47);

/// The workstation of the session that has the address `own`.
pub(crate) fn workstation_of(own: IpAddr) -> IpAddr {
    if own.is_ipv4() { WORKSTATION.into() } else { WORKSTATION_V6.into() }
}

/// The promise, word by word, for one session. Knows nothing of the gateway's code.
pub(crate) struct Judge {
    own: IpAddr,
    /// Source ports of the TCP connections that the worker began.
    opened: BTreeSet<u16>,
}

impl Judge {
    /// For the session that has the address `own` and a grant of TCP 3389, UDP 3390 and pings of its workstation.
    pub(crate) fn new(own: IpAddr) -> Self {
        Self { own, opened: BTreeSet::new() }
    }

    /// Whether a packet may pass towards the office; remembers the connections that those before it began.
    pub(crate) fn lets_pass(&mut self, packet: &[u8]) -> bool {
        self.judge(packet).unwrap_or(false)
    }

    fn judge(&mut self, packet: &[u8]) -> Option<bool> {
        let byte = |at: usize| packet.get(at).copied();
        let word = |at: usize| Some(u16::from_be_bytes([byte(at)?, byte(at + 1)?]));
        let v4 = |at: usize| Some(IpAddr::from([byte(at)?, byte(at + 1)?, byte(at + 2)?, byte(at + 3)?]));
        let v6 = |at: usize| Some(IpAddr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
        // Where the header ends, where the packet ends, what it carries, from where, to where.
        let (header, length, protocol, from, to) = match byte(0)? {
            // Version 4 without options, and no fragment.
            0x45 if word(6)? & 0xbfff == 0 => (20, usize::from(word(2)?), byte(9)?, v4(12)?, v4(16)?),
            // Version 6; what comes behind an extension header is never looked for.
            0x60..=0x6f => (40, 40 + usize::from(word(4)?), byte(6)?, v6(8)?, v6(24)?),
            _ => return Some(false),
        };
        let whole = length >= header && length <= packet.len();
        if !whole || from != self.own || to != workstation_of(self.own) {
            return Some(false);
        }
        let body = length - header;
        if protocol == if self.own.is_ipv4() { 1 } else { 58 } {
            return Some(is_ping(packet.get(..length)?, header));
        }
        let (from, to) = (word(header)?, word(header + 2)?);
        match protocol {
            6 => {
                let tcp_header = usize::from(byte(header + 12)? >> 4) * 4;
                if body < 20 || tcp_header < 20 || tcp_header > body || to != 3389 {
                    return Some(false);
                }
                let flags = byte(header + 13)?;
                let (fin, syn, rst, ack) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0, flags & 16 != 0);
                if syn && !ack && !rst && !fin {
                    self.opened.insert(from);
                }
                Some(self.opened.contains(&from))
            }
            17 => Some(body >= 8 && usize::from(word(header + 4)?) == body && to == 3390),
            _ => Some(false),
        }
    }
}

/// Whether a whole packet holds a question: type and code, and a checksum that is right (RFC 792; RFC 4443, section 2.3).
fn is_ping(packet: &[u8], header: usize) -> bool {
    let message = &packet[header..];
    let mut covered = Vec::new();
    if header == 40 {
        covered.extend(&packet[8..40]);
        covered.extend((message.len() as u32).to_be_bytes());
        covered.extend([0, 0, 0, 58]);
    }
    covered.extend(message);
    let mut sum = 0u32;
    for pair in covered.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let question = if header == 40 { 128 } else { 8 };
    message.len() >= 8 && message[..2] == [question, 0] && sum == 0xffff
}

/// Addresses that a session which has the address `own` may neither reach nor come from; the last is another session's.
fn others(own: IpAddr) -> [IpAddr; 6] {
    let texts = match own {
        IpAddr::V4(_) => ["10.20.3.48", "100.96.0.1", "127.0.0.1", "255.255.255.255", "224.0.0.1", "100.96.0.3"],
        // One of them is the workstation in IPv4's clothes.
        IpAddr::V6(_) => ["fd20:3::48", "fd64::1", "::1", "ff02::1", "::ffff:10.20.3.47", "fd64::3"],
    };
    texts.map(|text| text.parse().unwrap())
}

/// A packet as a hostile or broken home computer might send it.
pub(crate) fn draw_packet(draw: &mut Draw, own: IpAddr) -> Vec<u8> {
    let others = others(own);
    let from = if draw.one_in(12) { others[5] } else { own };
    let to = if draw.one_in(8) { draw.of(&others) } else { workstation_of(own) };
    let from_port = 50000 + draw.below(20) as u16;
    let payload = vec![draw.next() as u8; draw.below(40)];
    let sequence = draw.next() as u32;
    let mut packet = if draw.one_in(8) {
        ping(from, to, draw.of(&[Ping::Question, Ping::Question, Ping::Question, Ping::Answer]), from_port, &payload)
    } else if draw.one_in(3) {
        udp(from, from_port, to, draw.of(&[3390, 3390, 3390, 3389, 53]), &payload)
    } else {
        let flags = draw.of(&[Flags::Syn, Flags::Ack, Flags::Push, Flags::SynAck]);
        tcp(from, from_port, to, draw.of(&[3389, 3389, 3389, 3390, 445]), flags, sequence, &payload)
    };
    if !own.is_ipv4() && draw.one_in(10) {
        extend(draw, &mut packet);
    }
    for _ in 0..draw.below(3) {
        spoil(draw, &mut packet, own);
    }
    packet
}

/// Puts up to three extension headers between an IPv6 header and what it carries, each true to its format.
fn extend(draw: &mut Draw, packet: &mut Vec<u8>) {
    for _ in 0..=draw.below(3) {
        let kind = draw.of(&[0, 43, 44, 51, 60, 135]);
        // What follows, its length beyond eight bytes, and padding (or "no fragment after all", or no segments left).
        packet.splice(40..40, [packet[6], 0, 0, 0, 0, 0, 0, 0]);
        packet[6] = kind;
        let length = (packet.len() - 40) as u16;
        packet[4..6].copy_from_slice(&length.to_be_bytes());
    }
}

fn spoil(draw: &mut Draw, packet: &mut Vec<u8>, own: IpAddr) {
    let (headers, source_port) = if own.is_ipv4() { (40, [20, 21]) } else { (60, [40, 41]) };
    match draw.below(4) {
        // One byte of the headers, where lies are told.
        0 | 1 => {
            // The source port stays: a session's flows are bounded, which has a test of its own.
            let at = match draw.below(packet.len().min(headers)) {
                at if source_port.contains(&at) => 0,
                at => at,
            };
            packet[at] = draw.of(&[0, 1, 4, 6, 17, 41, 44, 58, 0x40, 0x45, 0x46, 0x60, 0x65, 0xff, 0x7f]);
        }
        2 => packet.truncate(draw.below(packet.len() + 1)),
        _ => packet.extend(vec![0; draw.below(17)]),
    }
    if packet.is_empty() {
        packet.push(draw.next() as u8);
    }
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
    from: impl Into<IpAddr>,
    from_port: u16,
    to: impl Into<IpAddr>,
    to_port: u16,
    flags: Flags,
    sequence: u32,
    payload: &[u8],
) -> Vec<u8> {
    let (from, to) = (from.into(), to.into());
    let builder = ip(from, to).tcp(from_port, to_port, sequence, 64240);
    // Home's numbers begin at 1000, the workstation's at 5000.
    let awaited = if from == workstation_of(from) { 1000 } else { 5000 };
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

pub(crate) fn udp(
    from: impl Into<IpAddr>,
    from_port: u16,
    to: impl Into<IpAddr>,
    to_port: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = Vec::new();
    ip(from.into(), to.into()).udp(from_port, to_port).write(&mut packet, payload).unwrap();
    packet
}

/// What a ping is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ping {
    Question,
    Answer,
}

/// One half of a ping.
pub(crate) fn ping(
    from: impl Into<IpAddr>,
    to: impl Into<IpAddr>,
    half: Ping,
    identifier: u16,
    payload: &[u8],
) -> Vec<u8> {
    let (from, to) = (from.into(), to.into());
    let echo = IcmpEchoHeader { id: identifier, seq: 1 };
    let mut packet = Vec::new();
    match (from.is_ipv4(), half) {
        (true, Ping::Question) => ip(from, to).icmpv4(Icmpv4Type::EchoRequest(echo)).write(&mut packet, payload),
        (true, Ping::Answer) => ip(from, to).icmpv4(Icmpv4Type::EchoReply(echo)).write(&mut packet, payload),
        (false, Ping::Question) => ip(from, to).icmpv6(Icmpv6Type::EchoRequest(echo)).write(&mut packet, payload),
        (false, Ping::Answer) => ip(from, to).icmpv6(Icmpv6Type::EchoReply(echo)).write(&mut packet, payload),
    }
    .unwrap();
    packet
}

/// A packet between two addresses of one family, to be continued.
pub(crate) fn ip(from: IpAddr, to: IpAddr) -> PacketBuilderStep<IpHeaders> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), 64),
        (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), 64),
        other => panic!("two families: {other:?}"),
    }
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

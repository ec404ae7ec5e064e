//! Packets drawn at random, most of them nearly right, for the judge beside this file. The end-to-end world draws from here
//! too.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{IcmpEchoHeader, Icmpv4Type, Icmpv6Type, IpHeaders, PacketBuilder, PacketBuilderStep};

/// The granted workstation.
pub(crate) const WORKSTATION: Ipv4Addr = Ipv4Addr::new(10, 20, 3, 47);
/// The granted workstation of sessions that have an IPv6 address.
pub(crate) const WORKSTATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd20, 3, 0, 0, 0, 0, 0, 0x47);

/// The workstation of the session that has the address `own`.
pub(crate) fn workstation_of(own: IpAddr) -> IpAddr {
    if own.is_ipv4() { WORKSTATION.into() } else { WORKSTATION_V6.into() }
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
    draw_packets(draw, own, 1).remove(0)
}

/// The same, `count` of them, each of which goes on where the one before it ended.
pub(crate) fn draw_packets(draw: &mut Draw, own: IpAddr, count: usize) -> Vec<Vec<u8>> {
    let others = others(own);
    let from = if draw.one_in(12) { others[5] } else { own };
    let to = if draw.one_in(8) { draw.of(&others) } else { workstation_of(own) };
    let from_port = HOME_PORT + draw.below(20) as u16;
    let to_port = draw.of(&[3389, 3389, 3389, 3390, 445]);
    let flags = [Flags::Syn, Flags::Ack, Flags::Ack, Flags::Push, Flags::SynAck, Flags::Fin, Flags::Reset];
    let asks = [Ping::Question, Ping::Question, Ping::Question, Ping::Answer];
    draw_between(draw, own, (from, from_port), (to, to_port), (&flags, &asks), count)
}

/// Packets as anybody in the office might send them to a session's address.
pub(crate) fn draw_answers(draw: &mut Draw, own: IpAddr, count: usize) -> Vec<Vec<u8>> {
    let others = others(own);
    let from = if draw.one_in(8) { draw.of(&others) } else { workstation_of(own) };
    let to = if draw.one_in(12) { others[5] } else { own };
    let from_port = draw.of(&[3389, 3389, 3389, 3390, 445]);
    // A few more than home ever uses.
    let to_port = HOME_PORT + draw.below(24) as u16;
    let flags = [Flags::SynAck, Flags::Ack, Flags::Ack, Flags::Push, Flags::Syn, Flags::Fin, Flags::Reset];
    let answers = [Ping::Answer, Ping::Answer, Ping::Answer, Ping::Question];
    draw_between(draw, own, (from, from_port), (to, to_port), (&flags, &answers), count)
}

/// The first port at home, and the first identifier of pings.
const HOME_PORT: u16 = 50_000;

fn draw_between(
    draw: &mut Draw,
    own: IpAddr,
    (from, from_port): (IpAddr, u16),
    (to, to_port): (IpAddr, u16),
    (flags, pings): (&[Flags], &[Ping]),
    count: usize,
) -> Vec<Vec<u8>> {
    // Eight identifiers may be asked by at a time, and spoiling makes one or two of its own; more have a test of their own.
    let identifier = HOME_PORT + draw.below(6) as u16;
    let (kind, half, flags) = (draw.below(24), draw.of(pings), draw.of(flags));
    let datagrams_to = draw.of(&[to_port, 3390, 3390]);
    let payload = vec![draw.next() as u8; draw.below(40)];
    let sequence = draw.next() as u32;
    let options = match flags {
        Flags::Syn | Flags::SynAck => draw_options(draw),
        Flags::Ack | Flags::Push | Flags::Fin | Flags::Reset => Vec::new(),
    };
    let one = |draw: &mut Draw, n: usize| {
        let sequence = sequence.wrapping_add((n * payload.len()) as u32);
        // Whoever has said all pushes it.
        let is_last = flags == Flags::Ack && n + 1 == count && draw.one_in(2);
        let flags = if is_last { Flags::Push } else { flags };
        let mut packet = match kind {
            0..3 => ping(from, to, half, identifier, &payload),
            3..10 if from == own => udp(from, from_port, to, datagrams_to, &payload),
            3..10 => udp(from, if from_port == 445 { 445 } else { 3390 }, to, to_port, &payload),
            _ => tcp_with(from, from_port, to, to_port, flags, sequence, &options, &payload),
        };
        if !own.is_ipv4() && draw.one_in(10) {
            extend(draw, &mut packet);
        }
        let spoils = draw.below(3);
        for _ in 0..spoils {
            spoil(draw, &mut packet, own);
        }
        // Whoever lies takes care of the checksums, mostly: a lie that these betray is seen by nothing behind them.
        if spoils > 0 && !draw.one_in(6) {
            mend(&mut packet, !draw.one_in(4));
        }
        packet
    };
    (0..count).map(|n| one(draw, n)).collect()
}

/// Options of a SYN, most of which offer a segment size, some of them in a way that offers nothing.
fn draw_options(draw: &mut Draw) -> Vec<u8> {
    let [hi, lo] = draw.of(&[1460u16, 1460, 8960, 1240, 536, 0xffff, 0]).to_be_bytes();
    let all: [&[u8]; 10] = [
        &[],
        &[2, 4, hi, lo],
        &[1, 2, 4, hi, lo, 1, 1, 1],
        &[3, 3, 7, 2, 4, hi, lo, 1],
        &[4, 2, 2, 4, hi, lo, 0, 0],
        &[2, 4, hi, lo, 2, 4, 255, 255],
        &[0, 0, 0, 0, 2, 4, hi, lo],
        &[2, 3, hi, 2, 4, hi, lo, 1],
        &[9, 0, 2, 4, hi, lo, 1, 1],
        &[1, 1, 1, 1, 1, 2, 4, hi],
    ];
    draw.of(&all).to_vec()
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
    let (headers, protocol, icmp) = if own.is_ipv4() { (48, 9, 1) } else { (68, 6, 58) };
    let body = if own.is_ipv4() { 20 } else { 40 };
    match draw.below(4) {
        // One byte of the headers, where lies are told.
        0 | 1 => {
            // The source port stays, and a ping's identifier: a session's flows are bounded, which has a test of its own.
            let is_ping = packet.get(protocol) == Some(&icmp);
            let at = match draw.below(packet.len().min(headers)) {
                at if at == body || at == body + 1 => 0,
                at if is_ping && (at == body + 4 || at == body + 5) => 0,
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

/// Gives an IPv4 header the checksum that holds, and what it carries, too, if `all`.
pub(crate) fn mend(packet: &mut [u8], all: bool) {
    let Some(first) = packet.first() else { return };
    let (header, length, protocol, pseudo) = match first >> 4 {
        4 if packet.len() >= 20 => {
            let header = usize::from(first & 15) * 4;
            if header < 20 || header > packet.len() {
                return;
            }
            put_checksum(&mut packet[..header], 10, &[]);
            let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            (header, length, packet[9], packet[12..20].to_vec())
        }
        6 if packet.len() >= 40 => {
            (40, 40 + usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet[6], packet[8..40].to_vec())
        }
        _ => return,
    };
    let Some(body) = packet.get_mut(header..length).filter(|_| all) else { return };
    let sizes = (body.len() as u32).to_be_bytes();
    let pseudo = [&pseudo, &sizes[..], &[0, 0, 0, protocol]].concat();
    match protocol {
        6 if body.len() >= 20 => put_checksum(body, 16, &pseudo),
        17 if body.len() >= 8 => put_checksum(body, 6, &pseudo),
        1 if body.len() >= 8 => put_checksum(body, 2, &[]),
        58 if body.len() >= 8 => put_checksum(body, 2, &pseudo),
        _ => {}
    }
}

fn put_checksum(covered: &mut [u8], at: usize, pseudo: &[u8]) {
    covered[at..at + 2].fill(0);
    let sum = !slow_sum(&[pseudo, covered]);
    covered[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The Internet checksum's sum, a pair of bytes at a time (RFC 1071): of parts each of which but the last has an even length.
pub(crate) fn slow_sum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
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
    tcp_with(from.into(), from_port, to.into(), to_port, flags, sequence, &[], payload)
}

/// The same with options, in multiples of four bytes.
#[allow(clippy::too_many_arguments, reason = "a header has as many fields")]
fn tcp_with(
    from: IpAddr,
    from_port: u16,
    to: IpAddr,
    to_port: u16,
    flags: Flags,
    sequence: u32,
    options: &[u8],
    payload: &[u8],
) -> Vec<u8> {
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
    builder.options_raw(options).unwrap().write(&mut packet, payload).unwrap();
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

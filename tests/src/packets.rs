//! Packets as a hostile home computer would write them, byte by byte where need be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{
    IcmpEchoHeader, Icmpv4Slice, Icmpv4Type, Icmpv6Slice, Icmpv6Type, IpHeaders, Ipv4Header, Ipv6Header, NetSlice,
    PacketBuilder, PacketBuilderStep, SlicedPacket, TransportSlice, icmpv4::DestUnreachableHeader,
};

/// The protocol numbers of IPv6's extension headers for a route and for fragments.
const ROUTE: u8 = 43;
const FRAGMENT: u8 = 44;

/// An IP header; both addresses are of one family.
fn ip(from: IpAddr, to: IpAddr) -> PacketBuilderStep<IpHeaders> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), 64),
        (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), 64),
        other => panic!("two families: {other:?}"),
    }
}

/// A TCP SYN.
pub fn syn(from: IpAddr, to: IpAddr, port: u16) -> Vec<u8> {
    syn_from(from, 40000, to, port)
}

/// A TCP SYN from a port of choice.
pub fn syn_from(from: IpAddr, from_port: u16, to: IpAddr, port: u16) -> Vec<u8> {
    let builder = ip(from, to).tcp(from_port, port, 7, 64000).syn();
    let mut packet = Vec::new();
    builder.write(&mut packet, &[]).expect("memory");
    packet
}

/// A TCP segment in the middle of a connection that nobody opened.
pub fn stray_segment(from: IpAddr, to: IpAddr, port: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    ip(from, to).tcp(40001, port, 7, 64000).ack(9).psh().write(&mut packet, b"hello").expect("memory");
    packet
}

/// A segment with data that may not be cut, in the connection that [`syn`] begins.
pub fn data(from: IpAddr, to: IpAddr, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    ip(from, to).tcp(40000, port, 8, 64000).ack(9).write(&mut packet, payload).expect("memory");
    packet
}

/// What `from` says to `to` of a packet that it cannot take: how many bytes it takes, and how that packet begins.
pub fn too_big(from: IpAddr, to: IpAddr, mtu: u16, about: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    if from.is_ipv4() {
        let needed = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: mtu };
        ip(from, to).icmpv4(Icmpv4Type::DestinationUnreachable(needed)).write(&mut packet, about).expect("memory");
    } else {
        ip(from, to).icmpv6(Icmpv6Type::PacketTooBig { mtu: mtu.into() }).write(&mut packet, about).expect("memory");
    }
    packet
}

/// A UDP datagram.
pub fn udp(from: IpAddr, to: IpAddr, port: u16) -> Vec<u8> {
    udp_with(from, to, port, b"hello")
}

/// A UDP datagram with a payload of choice.
pub fn udp_with(from: IpAddr, to: IpAddr, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    ip(from, to).udp(40000, port).write(&mut packet, payload).expect("memory");
    packet
}

/// What a UDP datagram carries, whose lengths and checksum are right. None of any other packet.
pub fn udp_payload(packet: &[u8]) -> Option<&[u8]> {
    let sliced = SlicedPacket::from_ip(packet).ok()?;
    let Some(TransportSlice::Udp(udp)) = sliced.transport else { return None };
    let (header, payload) = (udp.to_header(), udp.payload());
    let (whole, checksum) = match sliced.net? {
        NetSlice::Ipv4(ip) => {
            let header_of_ip = ip.header().to_header();
            let whole = usize::from(header_of_ip.total_len);
            (whole, header.calc_checksum_ipv4(&header_of_ip, payload).ok()?)
        }
        NetSlice::Ipv6(ip) => {
            let header_of_ip = ip.header().to_header();
            let whole = Ipv6Header::LEN + usize::from(header_of_ip.payload_length);
            (whole, header.calc_checksum_ipv6(&header_of_ip, payload).ok()?)
        }
        NetSlice::Arp(_) => return None,
    };
    let is_right = whole == packet.len() && header.checksum == checksum;
    is_right.then_some(payload)
}

/// A ping.
pub fn ping(from: IpAddr, to: IpAddr) -> Vec<u8> {
    ping_of(1, from, to)
}

/// A ping of a program whose identifier is known.
pub fn ping_of(id: u16, from: IpAddr, to: IpAddr) -> Vec<u8> {
    let echo = IcmpEchoHeader { id, seq: 1 };
    let mut packet = Vec::new();
    if from.is_ipv4() {
        ip(from, to).icmpv4(Icmpv4Type::EchoRequest(echo)).write(&mut packet, b"hello").expect("memory");
    } else {
        ip(from, to).icmpv6(Icmpv6Type::EchoRequest(echo)).write(&mut packet, b"hello").expect("memory");
    }
    packet
}

/// What a computer's system answers to a ping. None for any other packet.
pub fn pong(packet: &[u8]) -> Option<Vec<u8>> {
    let mut answer = Vec::new();
    if packet.first()? >> 4 == 4 {
        let (header, payload) = Ipv4Header::from_slice(packet).ok()?;
        let ping = Icmpv4Slice::from_slice(payload).ok().filter(|_| header.protocol.0 == 1)?;
        let Icmpv4Type::EchoRequest(echo) = ping.icmp_type() else { return None };
        let builder = ip(Ipv4Addr::from(header.destination).into(), Ipv4Addr::from(header.source).into());
        builder.icmpv4(Icmpv4Type::EchoReply(echo)).write(&mut answer, ping.payload()).expect("memory");
    } else {
        let (header, payload) = Ipv6Header::from_slice(packet).ok()?;
        let ping = Icmpv6Slice::from_slice(payload).ok().filter(|_| header.next_header.0 == 58)?;
        let Icmpv6Type::EchoRequest(echo) = ping.icmp_type() else { return None };
        let builder = ip(Ipv6Addr::from(header.destination).into(), Ipv6Addr::from(header.source).into());
        builder.icmpv6(Icmpv6Type::EchoReply(echo)).write(&mut answer, ping.payload()).expect("memory");
    }
    Some(answer)
}

/// A ping over IPv6, link-local to all nodes.
pub fn ping_v6() -> Vec<u8> {
    let echo = Icmpv6Type::EchoRequest(IcmpEchoHeader { id: 1, seq: 1 });
    let (from, to): (Ipv6Addr, Ipv6Addr) =
        ("fe80::1".parse().expect("an address"), "ff02::1".parse().expect("an address"));
    let mut packet = Vec::new();
    PacketBuilder::ipv6(from.octets(), to.octets(), 1).icmpv6(echo).write(&mut packet, b"hello").expect("memory");
    packet
}

/// The same packet said to be a piece of a larger one, at `offset` (in units of eight bytes).
pub fn fragment(packet: &[u8], offset: u16, more: bool) -> Vec<u8> {
    if packet[0] >> 4 == 6 {
        let [high, low] = (offset << 3 | u16::from(more)).to_be_bytes();
        return extended(packet, FRAGMENT, &[0, high, low, 0, 0, 0, 7]);
    }
    let (mut header, payload) = Ipv4Header::from_slice(packet).expect("an IPv4 packet");
    header.dont_fragment = false;
    header.more_fragments = more;
    header.fragment_offset = offset.try_into().expect("13 bits");
    with_header(&mut header, payload)
}

/// The same packet with a header or an option that asks routers to send it by way of `hop` (a loose source route, or what
/// IPv6 has for it).
pub fn source_routed(packet: &[u8], hop: IpAddr) -> Vec<u8> {
    match hop {
        IpAddr::V4(hop) => {
            let (mut header, payload) = Ipv4Header::from_slice(packet).expect("an IPv4 packet");
            let [a, b, c, d] = hop.octets();
            header.options = [131, 7, 4, a, b, c, d, 0].into();
            header.set_payload_len(payload.len()).expect("short");
            with_header(&mut header, payload)
        }
        // Two units of eight bytes more, of type 0, one segment left.
        IpAddr::V6(hop) => extended(packet, ROUTE, &[&[2, 0, 1, 0, 0, 0, 0][..], &hop.octets()].concat()),
    }
}

/// The same IPv6 packet with an extension header in front of what it carries; `rest` is all but that header's first byte.
pub fn extended(packet: &[u8], kind: u8, rest: &[u8]) -> Vec<u8> {
    let (mut header, payload) = Ipv6Header::from_slice(packet).expect("an IPv6 packet");
    let next = std::mem::replace(&mut header.next_header, kind.into());
    header.set_payload_length(1 + rest.len() + payload.len()).expect("short");
    let mut packet = Vec::new();
    header.write(&mut packet).expect("memory");
    packet.push(next.0);
    packet.extend(rest);
    packet.extend(payload);
    packet
}

fn with_header(header: &mut Ipv4Header, payload: &[u8]) -> Vec<u8> {
    header.header_checksum = header.calc_header_checksum();
    let mut packet = Vec::new();
    header.write_raw(&mut packet).expect("memory");
    packet.extend(payload);
    packet
}

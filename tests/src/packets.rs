//! Packets as a hostile home computer would write them, byte by byte where need be.

use std::net::{IpAddr, Ipv4Addr};

use etherparse::{
    IcmpEchoHeader, Icmpv4Slice, Icmpv4Type, Icmpv6Type, Ipv4Header, PacketBuilder, icmpv4::DestUnreachableHeader,
};

fn v4(address: IpAddr) -> [u8; 4] {
    match address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(_) => panic!("an IPv4 address was meant"),
    }
}

/// A TCP SYN.
pub fn syn(from: IpAddr, to: IpAddr, port: u16) -> Vec<u8> {
    syn_from(from, 40000, to, port)
}

/// A TCP SYN from a port of choice.
pub fn syn_from(from: IpAddr, from_port: u16, to: IpAddr, port: u16) -> Vec<u8> {
    let builder = PacketBuilder::ipv4(v4(from), v4(to), 64).tcp(from_port, port, 7, 64000).syn();
    let mut packet = Vec::new();
    builder.write(&mut packet, &[]).expect("memory");
    packet
}

/// A TCP segment in the middle of a connection that nobody opened.
pub fn stray_segment(from: IpAddr, to: IpAddr, port: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(v4(from), v4(to), 64)
        .tcp(40001, port, 7, 64000)
        .ack(9)
        .psh()
        .write(&mut packet, b"hello")
        .expect("memory");
    packet
}

/// A segment with data that may not be cut, in the connection that [`syn`] begins.
pub fn data(from: IpAddr, to: IpAddr, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(v4(from), v4(to), 64)
        .tcp(40000, port, 8, 64000)
        .ack(9)
        .write(&mut packet, payload)
        .expect("memory");
    packet
}

/// What `from` says to `to` of a packet that it cannot take: how many bytes it takes, and how that packet begins.
pub fn too_big(from: IpAddr, to: IpAddr, mtu: u16, about: &[u8]) -> Vec<u8> {
    let needed = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: mtu };
    let mut packet = Vec::new();
    PacketBuilder::ipv4(v4(from), v4(to), 64)
        .icmpv4(Icmpv4Type::DestinationUnreachable(needed))
        .write(&mut packet, about)
        .expect("memory");
    packet
}

/// A UDP datagram.
pub fn udp(from: IpAddr, to: IpAddr, port: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(v4(from), v4(to), 64).udp(40000, port).write(&mut packet, b"hello").expect("memory");
    packet
}

/// A ping.
pub fn ping(from: IpAddr, to: IpAddr) -> Vec<u8> {
    let echo = Icmpv4Type::EchoRequest(IcmpEchoHeader { id: 1, seq: 1 });
    let mut packet = Vec::new();
    PacketBuilder::ipv4(v4(from), v4(to), 64).icmpv4(echo).write(&mut packet, b"hello").expect("memory");
    packet
}

/// What a computer's system answers to a ping. None for any other packet.
pub fn pong(packet: &[u8]) -> Option<Vec<u8>> {
    let (header, payload) = Ipv4Header::from_slice(packet).ok()?;
    let ping = Icmpv4Slice::from_slice(payload).ok()?;
    let Icmpv4Type::EchoRequest(echo) = ping.icmp_type() else { return None };
    let mut answer = Vec::new();
    PacketBuilder::ipv4(header.destination, header.source, 64)
        .icmpv4(Icmpv4Type::EchoReply(echo))
        .write(&mut answer, ping.payload())
        .expect("memory");
    Some(answer)
}

/// A TCP SYN over IPv6.
pub fn syn_v6(to: &str, port: u16) -> Vec<u8> {
    let to: std::net::Ipv6Addr = to.parse().expect("an IPv6 address");
    let mut packet = Vec::new();
    PacketBuilder::ipv6([0xfd, 0x20, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99], to.octets(), 64)
        .tcp(40000, port, 7, 64000)
        .syn()
        .write(&mut packet, &[])
        .expect("memory");
    packet
}

/// A ping over IPv6, link-local to all nodes.
pub fn ping_v6() -> Vec<u8> {
    let echo = Icmpv6Type::EchoRequest(IcmpEchoHeader { id: 1, seq: 1 });
    let (from, to): (std::net::Ipv6Addr, std::net::Ipv6Addr) =
        ("fe80::1".parse().expect("an address"), "ff02::1".parse().expect("an address"));
    let mut packet = Vec::new();
    PacketBuilder::ipv6(from.octets(), to.octets(), 1).icmpv6(echo).write(&mut packet, b"hello").expect("memory");
    packet
}

/// The same packet said to be a piece of a larger one, at `offset` (in units of eight bytes).
pub fn fragment(packet: &[u8], offset: u16, more: bool) -> Vec<u8> {
    let (mut header, payload) = Ipv4Header::from_slice(packet).expect("an IPv4 packet");
    header.dont_fragment = false;
    header.more_fragments = more;
    header.fragment_offset = offset.try_into().expect("13 bits");
    with_header(&mut header, payload)
}

/// The same packet with an IP option that asks routers to send it by way of `hop` (loose source route).
pub fn source_routed(packet: &[u8], hop: Ipv4Addr) -> Vec<u8> {
    let (mut header, payload) = Ipv4Header::from_slice(packet).expect("an IPv4 packet");
    let [a, b, c, d] = hop.octets();
    header.options = [131, 7, 4, a, b, c, d, 0].into();
    header.set_payload_len(payload.len()).expect("short");
    with_header(&mut header, payload)
}

fn with_header(header: &mut Ipv4Header, payload: &[u8]) -> Vec<u8> {
    header.header_checksum = header.calc_header_checksum();
    let mut packet = Vec::new();
    header.write_raw(&mut packet).expect("memory");
    packet.extend(payload);
    packet
}

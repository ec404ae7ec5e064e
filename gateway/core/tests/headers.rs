//! The gateway's one reader of IP headers against etherparse, which shares no line with it: both believe the same packets,
//! and read the same out of them.
//!
//! `DESKGATE_PACKETS` sets how many (100,000 by default), `DESKGATE_SEED` repeats a run; the seed is printed.

mod world;

use std::net::IpAddr;

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice, UdpHeaderSlice};
use gateway_core::{Packet, Transport};
use world::{
    Draw, number,
    packets::{ip, mend},
};

/// What is read of a packet that is believed: addresses, ports, length, where its payload begins, and of TCP the numbers
/// and flags.
type Read = (IpAddr, IpAddr, u16, u16, usize, usize, Option<(u32, u32, u8)>);

/// What the IP header says: from where, to where, protocol, its own length, the packet's.
fn ip_by_etherparse(bytes: &[u8]) -> Option<(IpAddr, IpAddr, u8, usize, usize)> {
    if let Ok(ip) = Ipv6HeaderSlice::from_slice(bytes) {
        let total = 40 + usize::from(ip.payload_length());
        let (source, destination) = (ip.source_addr().into(), ip.destination_addr().into());
        return (total <= bytes.len()).then_some((source, destination, ip.next_header().0, 40, total));
    }
    let ip = Ipv4HeaderSlice::from_slice(bytes).ok()?;
    let total = usize::from(ip.total_len());
    let reserved = ip.slice()[6] & 0x80 != 0;
    let is_whole = total >= 20 && total <= bytes.len();
    let holds = ip.to_header().calc_header_checksum() == ip.header_checksum();
    if !ip.options().is_empty() || ip.is_fragmenting_payload() || reserved || !is_whole || !holds {
        return None;
    }
    Some((ip.source_addr().into(), ip.destination_addr().into(), ip.protocol().0, 20, total))
}

fn by_etherparse(bytes: &[u8]) -> Option<Read> {
    let (source, destination, protocol, header, total) = ip_by_etherparse(bytes)?;
    let body = &bytes[header..total];
    match protocol {
        6 => {
            let tcp = TcpHeaderSlice::from_slice(body).ok()?;
            let numbers = (tcp.sequence_number(), tcp.acknowledgment_number(), tcp.slice()[13]);
            let payload_at = header + tcp.slice().len();
            Some((source, destination, tcp.source_port(), tcp.destination_port(), total, payload_at, Some(numbers)))
        }
        17 => {
            let udp = UdpHeaderSlice::from_slice(body).ok().filter(|udp| usize::from(udp.length()) == body.len())?;
            Some((source, destination, udp.source_port(), udp.destination_port(), total, header + 8, None))
        }
        _ => None,
    }
}

fn by_the_gateway(bytes: &[u8]) -> Option<Read> {
    let packet = Packet::parse(bytes).ok()?;
    let (from, to, numbers) = match packet.transport {
        Transport::Tcp(tcp) => (tcp.source, tcp.destination, Some((tcp.sequence, tcp.acknowledged, tcp.flags))),
        Transport::Udp { source, destination } => (source, destination, None),
    };
    assert_eq!(packet.payload(), &packet.bytes()[packet.headers()..]);
    Some((packet.source, packet.destination, from, to, packet.bytes().len(), packet.headers(), numbers))
}

fn draw_packet(draw: &mut Draw) -> Vec<u8> {
    let is_v4 = draw.one_in(2);
    let mut address = || match is_v4 {
        true => IpAddr::from((draw.next() as u32).to_be_bytes()),
        false => IpAddr::from((u128::from(draw.next()) << 64 | u128::from(draw.next())).to_be_bytes()),
    };
    let builder = ip(address(), address());
    let (from, to) = (draw.next() as u16, draw.next() as u16);
    let payload = vec![draw.next() as u8; draw.below(60)];
    let mut packet = Vec::new();
    if draw.one_in(3) {
        builder.udp(from, to).write(&mut packet, &payload).unwrap();
    } else {
        let options = vec![1; 4 * draw.below(11)];
        let builder = builder.tcp(from, to, draw.next() as u32, 64000).ack(draw.next() as u32);
        builder.options_raw(&options).unwrap().write(&mut packet, &payload).unwrap();
    }
    for _ in 0..draw.below(4) {
        match draw.below(5) {
            0 => packet.truncate(draw.below(packet.len() + 1).max(1)),
            1 => packet.extend(vec![0; draw.below(17)]),
            // Any bit of where headers lie.
            _ => {
                let at = draw.below(packet.len().min(100));
                packet[at] ^= 1 << draw.below(8);
            }
        }
    }
    // Otherwise the checksum would give most of it away before anything else does.
    if !draw.one_in(6) {
        mend(&mut packet, false);
    }
    packet
}

#[test]
fn both_readers_believe_the_same_packets_and_read_the_same() {
    let seed = number("DESKGATE_SEED", u64::from(std::process::id()));
    let packets = number("DESKGATE_PACKETS", 100_000);
    println!("DESKGATE_SEED={seed} DESKGATE_PACKETS={packets}");
    let mut draw = Draw(seed);
    let mut believed = 0;
    for n in 0..packets {
        let packet = draw_packet(&mut draw);
        let read = by_the_gateway(&packet);
        assert_eq!(read, by_etherparse(&packet), "seed {seed}, packet {n}: {packet:02x?}");
        believed += u64::from(read.is_some());
    }
    println!("{believed} believed");
    assert!(believed > packets / 10 && believed < packets * 9 / 10, "the draw is one-sided");
}

//! What the kernel makes of a super-packet that is written to the TUN, spelled out slowly with etherparse.

use etherparse::NetSlice;
use gateway_core::{Packet, Transport, VIRTIO_HEADER};

use super::udp;

/// The packets that a packet stands for, by its virtio header.
pub(crate) fn as_the_kernel_cuts(read: &[u8]) -> Vec<Vec<u8>> {
    let (header, packet) = read.split_at(VIRTIO_HEADER);
    let size = usize::from(u16::from_ne_bytes([header[4], header[5]]));
    if header[1] == 0 {
        return vec![packet.to_vec()];
    }
    let (kind, ip_header) = if packet[0] >> 4 == 4 { (1, 20) } else { (4, 40) };
    let parsed = etherparse::SlicedPacket::from_ip(packet).unwrap();
    let word = |at: usize| usize::from(u16::from_ne_bytes([header[at], header[at + 1]]));
    if let Some(etherparse::TransportSlice::Udp(slice)) = &parsed.transport {
        assert_eq!((header[0], header[1]), (1, 5), "datagrams whose checksums are to be made");
        assert_eq!((word(2), word(6), word(8)), (ip_header + 8, ip_header, 6), "where their headers end");
        assert_eq!(usize::from(slice.length()), packet.len() - ip_header, "all of them");
        let pieces = slice.payload().chunks(size);
        assert!((2..=64).contains(&pieces.len()));
        return pieces.map(|piece| datagram_like(packet, piece)).collect();
    }
    assert_eq!((header[0], header[1]), (1, kind), "a TCP super-packet whose checksum is to be made");
    let Some(etherparse::TransportSlice::Tcp(slice)) = parsed.transport else { panic!("not TCP") };
    let tcp_header = slice.slice().len() - slice.payload().len();
    assert_eq!((word(2), word(6), word(8)), (ip_header + tcp_header, ip_header, 16), "where its headers end");
    let pieces: Vec<_> = slice.payload().chunks(size).collect();
    let last = pieces.len() - 1;
    let mut offset = 0;
    let mut cut = Vec::new();
    for (n, piece) in pieces.into_iter().enumerate() {
        let mut tcp = slice.to_header();
        tcp.sequence_number = tcp.sequence_number.wrapping_add(offset);
        tcp.psh &= n == last;
        let mut packet = Vec::new();
        match &parsed.net {
            Some(NetSlice::Ipv4(ip)) => {
                let mut ip = ip.header().to_header();
                ip.set_payload_len(tcp.header_len() + piece.len()).unwrap();
                ip.header_checksum = ip.calc_header_checksum();
                tcp.checksum = tcp.calc_checksum_ipv4(&ip, piece).unwrap();
                ip.write(&mut packet).unwrap();
            }
            Some(NetSlice::Ipv6(ip)) => {
                let mut ip = ip.header().to_header();
                ip.set_payload_length(tcp.header_len() + piece.len()).unwrap();
                tcp.checksum = tcp.calc_checksum_ipv6(&ip, piece).unwrap();
                ip.write(&mut packet).unwrap();
            }
            other => panic!("{other:?}"),
        }
        tcp.write(&mut packet).unwrap();
        packet.extend_from_slice(piece);
        cut.push(packet);
        offset += piece.len() as u32;
    }
    cut
}

/// A datagram with the addresses and ports of another one.
fn datagram_like(packet: &[u8], payload: &[u8]) -> Vec<u8> {
    let read = Packet::parse(packet).unwrap();
    let Transport::Udp { source, destination } = read.transport else { panic!("no datagram") };
    let mut made = udp(read.source, source, read.destination, destination, payload);
    // The same service class, hops and whatever else the header said.
    let kept = if packet[0] >> 4 == 4 { [0..2, 6..9] } else { [0..4, 7..8] };
    kept.into_iter().for_each(|range| made[range.clone()].copy_from_slice(&packet[range]));
    made
}

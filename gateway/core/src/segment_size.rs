//! The largest segment that each end of a TCP connection offers to take (RFC 9293, section 3.7.1), held to what the
//! tunnel carries.
//!
//! An office computer offers 1460 bytes, for its own wire takes 1500; inside the tunnel fewer fit. Told so from the
//! beginning, neither end ever sends a packet that a router must send back first.

use crate::{
    checksum, offload,
    packet::{IP_HEADER, Packet, Tcp, Transport},
};

/// Option kinds (RFC 9293, section 3.1).
const END: u8 = 0;
const NOTHING: u8 = 1;
const LARGEST_SEGMENT: u8 = 2;
/// IPv4 and TCP headers without options, which the offered size does not count (RFC 6691).
const HEADERS: u16 = 40;
const TCP_HEADER: usize = 20;
const CHECKSUM_AT: usize = IP_HEADER + 16;

/// Lowers what a SYN or SYN-ACK offers to what packets of `mtu` bytes carry, its checksum with it. Other packets, and
/// options that do not hold, are left as they are: they promise nothing.
pub(crate) fn clamp(bytes: &mut [u8], mtu: u16) {
    let most = mtu.saturating_sub(HEADERS);
    let Some((at, offered)) = offered(bytes) else { return };
    if offered <= most {
        return;
    }
    let Some(old) = bytes.get(CHECKSUM_AT..CHECKSUM_AT + 2).and_then(|sum| sum.first_chunk::<2>()).copied() else {
        return;
    };
    offload::put(bytes, at, most.to_be_bytes());
    // The option may begin at an odd place: then its bytes lie the other way round in the words that are summed.
    let swap = |size: u16| if at % 2 == 0 { size } else { size.swap_bytes() };
    let new = adjusted(u16::from_be_bytes(old), swap(offered), swap(most));
    offload::put(bytes, CHECKSUM_AT, new.to_be_bytes());
}

/// A checksum after one word of what it covers changed (RFC 1624, equation 3).
fn adjusted(sum: u16, before: u16, after: u16) -> u16 {
    !checksum::fold(u64::from(!sum) + u64::from(!before) + u64::from(after))
}

/// Where in a packet the size stands that a SYN offers, and the size.
fn offered(bytes: &[u8]) -> Option<(usize, u16)> {
    let packet = Packet::parse(bytes).ok()?;
    let Transport::Tcp(tcp) = packet.transport else { return None };
    if !tcp.has(Tcp::SYN) {
        return None;
    }
    let mut at = IP_HEADER + TCP_HEADER;
    loop {
        let rest = bytes.get(at..packet.headers())?;
        match *rest {
            [END, ..] | [] => return None,
            [NOTHING, ..] => at += 1,
            [LARGEST_SEGMENT, 4, hi, lo, ..] => return Some((at + 2, u16::from_be_bytes([hi, lo]))),
            [_, length, ..] if length >= 2 => at += usize::from(length),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{PacketBuilder, PacketHeaders, TcpOptionElement, TransportHeader};

    use super::*;

    fn syn(options: &[TcpOptionElement]) -> Vec<u8> {
        let builder = PacketBuilder::ipv4([100, 96, 0, 2], [10, 20, 3, 47], 64).tcp(40000, 3389, 7, 64000).syn();
        let mut packet = Vec::new();
        builder.options(options).unwrap().write(&mut packet, &[]).unwrap();
        packet
    }

    fn read(packet: &[u8]) -> Option<u16> {
        let headers = PacketHeaders::from_ip_slice(packet).unwrap();
        let Some(TransportHeader::Tcp(tcp)) = headers.transport else { panic!("TCP") };
        let (Some(etherparse::NetHeaders::Ipv4(ip, _)), payload) = (headers.net, headers.payload) else {
            panic!("IPv4")
        };
        assert_eq!(tcp.checksum, tcp.calc_checksum_ipv4(&ip, payload.slice()).unwrap(), "the checksum holds");
        tcp.options_iterator().find_map(|option| match option {
            Ok(TcpOptionElement::MaximumSegmentSize(size)) => Some(size),
            _ => None,
        })
    }

    #[test]
    fn a_larger_offer_is_lowered_wherever_it_stands_and_its_checksum_holds() {
        use TcpOptionElement::{MaximumSegmentSize, Noop, SelectiveAcknowledgementPermitted, WindowScale};
        let offer = MaximumSegmentSize(1460);
        for options in [
            vec![offer.clone()],
            vec![Noop, offer.clone()],
            vec![SelectiveAcknowledgementPermitted, WindowScale(7), offer.clone(), Noop],
            vec![WindowScale(7), SelectiveAcknowledgementPermitted, Noop, Noop, offer.clone()],
        ] {
            for mtu in [1280, 1312, 1420] {
                let mut packet = syn(&options);
                clamp(&mut packet, mtu);
                assert_eq!(read(&packet), Some(mtu - 40), "{options:?}");
            }
        }
    }

    #[test]
    fn a_smaller_offer_and_none_at_all_stay() {
        for (options, expected) in [(vec![TcpOptionElement::MaximumSegmentSize(900)], Some(900)), (vec![], None)] {
            let mut packet = syn(&options);
            let before = packet.clone();
            clamp(&mut packet, 1312);
            assert_eq!(packet, before);
            assert_eq!(read(&packet), expected);
        }
    }

    #[test]
    fn whatever_stands_in_the_options_nothing_but_size_and_checksum_changes() {
        // Every pair of option bytes, in front of an honest offer.
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let mut packet = syn(&[
                    TcpOptionElement::Noop,
                    TcpOptionElement::Noop,
                    TcpOptionElement::Noop,
                    TcpOptionElement::Noop,
                    TcpOptionElement::MaximumSegmentSize(1460),
                ]);
                packet[40] = first;
                packet[41] = second;
                let before = packet.clone();
                clamp(&mut packet, 1312);
                for at in (0..packet.len()).filter(|at| ![36, 37, 46, 47].contains(at)) {
                    assert_eq!(packet[at], before[at], "{first} {second} at {at}");
                }
            }
        }
    }
}

//! The largest segment that each end of a TCP connection offers to take (RFC 9293, section 3.7.1), held to what the
//! tunnel carries.
//!
//! An office computer offers 1460 bytes, for its own wire takes 1500; inside the tunnel fewer fit. Told so from the
//! beginning, neither end ever sends a packet that a router must send back first.

use crate::{
    checksum, offload,
    packet::{Packet, Tcp, Transport},
};

/// Option kinds (RFC 9293, section 3.1).
const END: u8 = 0;
const NOTHING: u8 = 1;
const LARGEST_SEGMENT: u8 = 2;
const TCP_HEADER: usize = 20;
/// In the TCP header.
const CHECKSUM_AT: usize = 16;

/// What a SYN offers, and where it stands.
struct Offer {
    at: usize,
    size: u16,
    /// Length of the IP header.
    ip_header: usize,
}

/// Lowers what a SYN or SYN-ACK offers to what packets of `mtu` bytes carry, its checksum with it. Other packets, and
/// options that do not hold, are left as they are: they promise nothing.
pub(crate) fn clamp(bytes: &mut [u8], mtu: u16) {
    let Some(Offer { at, size, ip_header }) = offered(bytes) else { return };
    // The offered size counts neither header, both taken without options (RFC 6691).
    let most = mtu.saturating_sub((ip_header + TCP_HEADER) as u16);
    if size <= most {
        return;
    }
    let checksum_at = ip_header + CHECKSUM_AT;
    let Some(old) = bytes.get(checksum_at..checksum_at + 2).and_then(|sum| sum.first_chunk::<2>()).copied() else {
        return;
    };
    offload::put(bytes, at, most.to_be_bytes());
    // The option may begin at an odd place: then its bytes lie the other way round in the words that are summed.
    let swap = |size: u16| if at % 2 == 0 { size } else { size.swap_bytes() };
    let new = adjusted(u16::from_be_bytes(old), swap(size), swap(most));
    offload::put(bytes, checksum_at, new.to_be_bytes());
}

/// A checksum after one word of what it covers changed (RFC 1624, equation 3).
fn adjusted(sum: u16, before: u16, after: u16) -> u16 {
    !checksum::fold(u64::from(!sum) + u64::from(!before) + u64::from(after))
}

/// What a SYN offers, if it offers anything.
fn offered(bytes: &[u8]) -> Option<Offer> {
    let packet = Packet::parse(bytes).ok()?;
    let Transport::Tcp(tcp) = packet.transport else { return None };
    if !tcp.has(Tcp::SYN) {
        return None;
    }
    let ip_header = packet.family().header();
    let mut at = ip_header + TCP_HEADER;
    loop {
        let rest = bytes.get(at..packet.headers())?;
        match *rest {
            [END, ..] | [] => return None,
            [NOTHING, ..] => at += 1,
            [LARGEST_SEGMENT, 4, hi, lo, ..] => {
                return Some(Offer { at: at + 2, size: u16::from_be_bytes([hi, lo]), ip_header });
            }
            [_, length, ..] if length >= 2 => at += usize::from(length),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{
        IpHeaders, NetHeaders, PacketBuilder, PacketBuilderStep, PacketHeaders, TcpOptionElement, TransportHeader,
    };

    use super::*;

    fn syn(options: &[TcpOptionElement]) -> Vec<u8> {
        syn_after(PacketBuilder::ipv4([100, 96, 0, 2], [10, 20, 3, 47], 64), options)
    }

    fn syn_v6(options: &[TcpOptionElement]) -> Vec<u8> {
        syn_after(PacketBuilder::ipv6([0xfd; 16], [0x20; 16], 64), options)
    }

    fn syn_after(ip: PacketBuilderStep<IpHeaders>, options: &[TcpOptionElement]) -> Vec<u8> {
        let builder = ip.tcp(40000, 3389, 7, 64000).syn();
        let mut packet = Vec::new();
        builder.options(options).unwrap().write(&mut packet, &[]).unwrap();
        packet
    }

    fn read(packet: &[u8]) -> Option<u16> {
        let headers = PacketHeaders::from_ip_slice(packet).unwrap();
        let Some(TransportHeader::Tcp(tcp)) = headers.transport else { panic!("TCP") };
        let payload = headers.payload.slice();
        let checksum = match headers.net {
            Some(NetHeaders::Ipv4(ip, _)) => tcp.calc_checksum_ipv4(&ip, payload),
            Some(NetHeaders::Ipv6(ip, _)) => tcp.calc_checksum_ipv6(&ip, payload),
            _ => panic!("IP"),
        };
        assert_eq!(Ok(tcp.checksum), checksum, "the checksum holds");
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
                for (mut packet, headers) in [(syn(&options), 40), (syn_v6(&options), 60)] {
                    clamp(&mut packet, mtu);
                    assert_eq!(read(&packet), Some(mtu - headers), "{options:?}");
                }
            }
        }
    }

    #[test]
    fn a_smaller_offer_and_none_at_all_stay() {
        for (options, expected) in [(vec![TcpOptionElement::MaximumSegmentSize(900)], Some(900)), (vec![], None)] {
            for mut packet in [syn(&options), syn_v6(&options)] {
                let before = packet.clone();
                clamp(&mut packet, 1312);
                assert_eq!(packet, before);
                assert_eq!(read(&packet), expected);
            }
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

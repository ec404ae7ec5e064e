//! The headers of one session's dropped packets, for support: whoever helps a worker sees what their computer tried and why
//! it went no further.
//!
//! INVARIANT: never a byte of payload. What is kept of a packet ends with its TCP, UDP or ICMP header, and with its IP header
//! where there is none that could be told from payload. A session that nobody looks into keeps nothing and pays nothing; a
//! look is bounded in time and in headers.
//!
//! Where headers end is read here apart from `packet`, which knows it only of what it does not refuse.

use std::time::{Duration, Instant};

use crate::{Drop, activity::replay::End, checksum};

/// The longest look into a session's drops.
pub const LONGEST_LOOK: Duration = Duration::from_secs(10 * 60);
/// The most headers of one look.
pub const MOST_HEADERS: u32 = 10_000;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP6: u8 = 58;
const IPV4_LEAST: usize = 20;
const IPV6: usize = 40;
const TCP_LEAST: usize = 20;
/// Of UDP, and of ICMP before what it embeds.
const SHORT: usize = 8;

/// What is kept of a dropped packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedHeader {
    /// Since the look began.
    pub at: Duration,
    /// Who sent it.
    pub from: End,
    /// Why it went no further.
    pub reason: Drop,
    /// The packet's length, in bytes.
    pub length: u32,
    /// Its headers.
    pub header: Box<[u8]>,
}

/// What a look has seen since it was last asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DroppedHeaders {
    /// In the order of their moments.
    pub headers: Vec<DroppedHeader>,
    /// Nothing follows: the time is over, or there were [`MOST_HEADERS`].
    pub over: bool,
}

/// A look under way.
#[derive(Debug)]
pub(crate) struct Look {
    began: Instant,
    span: Duration,
    left: u32,
    headers: Vec<DroppedHeader>,
}

impl Look {
    /// Looks for `span`, at most [`LONGEST_LOOK`], from `now` on.
    pub(crate) fn new(span: Duration, now: Instant) -> Self {
        Self { began: now, span: span.min(LONGEST_LOOK), left: MOST_HEADERS, headers: Vec::new() }
    }

    /// Takes note of a packet that was dropped.
    pub(crate) fn note(&mut self, from: End, reason: Drop, packet: &[u8], now: Instant) {
        let at = now.saturating_duration_since(self.began);
        if at >= self.span || self.left == 0 {
            return;
        }
        self.left -= 1;
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        self.headers.push(DroppedHeader { at, from, reason, length, header: headers(packet).into() });
    }

    /// What there is since the last time.
    pub(crate) fn take(&mut self, now: Instant) -> DroppedHeaders {
        let over = self.left == 0 || now.saturating_duration_since(self.began) >= self.span;
        DroppedHeaders { headers: std::mem::take(&mut self.headers), over }
    }
}

/// The headers that a packet begins with; nothing of what is no IP packet.
fn headers(packet: &[u8]) -> &[u8] {
    packet.get(..length(packet)).unwrap_or(packet)
}

fn length(packet: &[u8]) -> usize {
    match packet.first().map(|first| first >> 4) {
        Some(4) => ipv4(packet),
        Some(6) => ipv6(packet),
        _ => 0,
    }
}

/// Only what its checksum shows to be a header: a text may begin with the same bits.
fn ipv4(packet: &[u8]) -> usize {
    let [first, _, l0, l1, _, _, f0, f1, _, protocol, ..] = *packet else { return 0 };
    let own = usize::from(first & 0x0f) * 4;
    let is_header = packet.get(..own).is_some_and(|header| checksum::fold(checksum::sum(header)) == 0xffff);
    if own < IPV4_LEAST || !is_header {
        return 0;
    }
    // Behind the first piece of a packet comes payload.
    let is_later_fragment = u16::from_be_bytes([f0, f1]) & 0x1fff != 0;
    // What is padded beyond its length is no header either.
    let end = usize::from(u16::from_be_bytes([l0, l1])).min(packet.len());
    if is_later_fragment { own } else { own + packet.get(own..end).map_or(0, |rest| transport(protocol, rest)) }
}

/// Only what its length shows to be a header, for it has no checksum.
fn ipv6(packet: &[u8]) -> usize {
    let [_, _, _, _, l0, l1, next, ..] = *packet else { return 0 };
    let Some(rest) = packet.get(IPV6..).filter(|rest| rest.len() == usize::from(u16::from_be_bytes([l0, l1]))) else {
        return 0;
    };
    IPV6 + transport(next, rest)
}

fn transport(protocol: u8, rest: &[u8]) -> usize {
    let header = match protocol {
        TCP => match rest.get(12).map(|offset| usize::from(offset >> 4) * 4) {
            Some(length @ TCP_LEAST..) if length <= rest.len() => length,
            // A length that lies: what follows the fields that always are may be anything.
            _ => TCP_LEAST,
        },
        UDP | ICMP | ICMP6 => SHORT,
        _ => 0,
    };
    header.min(rest.len())
}

#[cfg(test)]
mod tests {
    use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice};
    use proptest::prelude::*;

    use super::*;

    const PAYLOAD: u8 = 0xEE;

    fn ipv4_of(protocol: u8, fragment: u16, transport: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet[6..8].copy_from_slice(&fragment.to_be_bytes());
        packet.extend_from_slice(transport);
        packet.extend([PAYLOAD; 100]);
        let length = packet.len() as u16;
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        seal(&mut packet, 20);
        packet
    }

    fn seal(packet: &mut [u8], header: usize) {
        packet[10..12].fill(0);
        let sum = !checksum::fold(checksum::sum(&packet[..header]));
        packet[10..12].copy_from_slice(&sum.to_ne_bytes());
    }

    fn ipv6_of(next: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = [[0x60, 0, 0, 0, 0, 0, next, 64].as_slice(), &[1; 32], rest, &[PAYLOAD; 9]].concat();
        let length = (packet.len() - IPV6) as u16;
        packet[4..6].copy_from_slice(&length.to_be_bytes());
        packet
    }

    #[test]
    fn of_no_packet_a_byte_of_payload_is_kept() {
        let mut tcp = [0; 32];
        tcp[12] = 8 << 4;
        let mut options = ipv4_of(UDP, 0, &[0; 12]);
        options[0] = 0x46;
        seal(&mut options, 24);
        let mut wrong = ipv4_of(UDP, 0, &[0; 8]);
        wrong[10] ^= 1;
        let mut lies = ipv6_of(UDP, &[0; 8]);
        lies[5] ^= 1;
        let mut far = tcp;
        far[12] = 15 << 4;
        let mut padded = ipv4_of(TCP, 0, &[]);
        padded[2..4].copy_from_slice(&[0, 20]);
        seal(&mut padded, 20);
        for (packet, kept) in [
            (ipv4_of(TCP, 0, &tcp), 52),
            (ipv4_of(UDP, 0, &[0; 8]), 28),
            (ipv4_of(ICMP, 0, &[3, 4, 0, 0, 0, 0, 0, 0]), 28),
            (ipv4_of(47, 0, &[]), 20),
            (ipv4_of(TCP, 0x2000, &tcp), 52),
            (ipv4_of(TCP, 7, &[]), 20),
            (options, 32),
            (ipv6_of(TCP, &far), 60),
            (padded, 20),
            (ipv6_of(TCP, &tcp), 72),
            (ipv6_of(0, &[]), 40),
            (wrong, 0),
            (lies, 0),
            (vec![PAYLOAD; 60], 0),
            (b"GET / HTTP/1.1 and so on, for longer than a header".to_vec(), 0),
            (vec![], 0),
        ] {
            assert_eq!(headers(&packet).len(), kept, "{packet:02x?}");
            assert!(!headers(&packet).contains(&PAYLOAD), "{packet:02x?}");
        }
    }

    /// Where another reader finds that headers end; of TCP that lies about it, behind the fields that always are.
    fn end_by_etherparse(packet: &[u8]) -> usize {
        let (own, protocol, rest) = if let Ok(ip) = Ipv4HeaderSlice::from_slice(packet) {
            let (own, end) = (ip.slice().len(), usize::from(ip.total_len()));
            // Not by `to_header`, which forgets the reserved bit.
            let sum: u32 = ip.slice().chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
            if !sum.is_multiple_of(0xffff) {
                return 0;
            }
            if ip.fragments_offset().value() != 0 {
                return own;
            }
            (own, ip.protocol().0, &packet[own..end.clamp(own, packet.len())])
        } else if let Ok(ip) = Ipv6HeaderSlice::from_slice(packet) {
            if packet.len() != 40 + usize::from(ip.payload_length()) {
                return 0;
            }
            (40, ip.next_header().0, &packet[40..])
        } else {
            return 0;
        };
        let header = match protocol {
            6 => TcpHeaderSlice::from_slice(rest).map_or(20, |tcp| tcp.slice().len()),
            1 | 17 | 58 => 8,
            _ => 0,
        };
        own + header.min(rest.len())
    }

    /// Packets of either family, some bytes of which are changed, their end cut or drawn out, their checksum mostly right.
    fn near_packets() -> impl Strategy<Value = Vec<u8>> {
        let protocol = prop::sample::select(vec![TCP, UDP, ICMP, ICMP6, 0, 44, 47]);
        let offset = (0u8..16).prop_map(|words| words << 4);
        let changes = prop::collection::vec((0usize..64, any::<u8>()), 0..3);
        let length = prop_oneof![4 => Just(None), 1 => (0usize..160).prop_map(Some)];
        (any::<bool>(), protocol, offset, changes, length, prop::bool::weighted(0.9)).prop_map(
            |(is_v4, protocol, offset, changes, length, sealed)| {
                let transport = &[&[0; 12][..], &[offset], &[0; 27]].concat();
                let mut packet = if is_v4 { ipv4_of(protocol, 0, transport) } else { ipv6_of(protocol, transport) };
                packet.resize(length.unwrap_or(packet.len()), PAYLOAD);
                for (at, value) in changes {
                    if let Some(byte) = packet.get_mut(at) {
                        *byte = value;
                    }
                }
                let own = packet.first().map_or(0, |first| usize::from(first & 15) * 4);
                if is_v4 && sealed && own >= IPV4_LEAST && own <= packet.len() {
                    seal(&mut packet, own);
                }
                packet
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_kept_ends_where_another_reader_finds_that_headers_end(packet in near_packets()) {
            prop_assert_eq!(headers(&packet).len(), end_by_etherparse(&packet), "{:02x?}", packet);
        }
    }

    #[test]
    fn a_look_ends_with_its_time_and_with_its_measure() {
        let now = Instant::now();
        let mut look = Look::new(Duration::from_secs(3600), now);
        let packet = ipv4_of(UDP, 0, &[0; 8]);
        look.note(End::Home, Drop::OtherPort, &packet, now + Duration::from_secs(1));
        let taken = look.take(now + Duration::from_secs(1));
        assert_eq!((taken.headers.len(), taken.over), (1, false));
        assert_eq!((taken.headers[0].length, &*taken.headers[0].header), (128, &packet[..28]));
        look.note(End::Home, Drop::OtherPort, &packet, now + LONGEST_LOOK);
        assert_eq!(look.take(now + LONGEST_LOOK), DroppedHeaders { headers: Vec::new(), over: true });
        let mut look = Look::new(LONGEST_LOOK, now);
        (0..MOST_HEADERS + 5).for_each(|_| look.note(End::Office, Drop::NotAnAnswer, &packet, now));
        let taken = look.take(now);
        assert_eq!((taken.headers.len(), taken.over), (MOST_HEADERS as usize, true));
    }
}

//! What leaves for the office: packets of one flow that follow each other are piled into one super-packet, which the
//! kernel takes by one call and, where the card can, cuts in hardware.
//!
//! A packet is piled only where the super-packet stands for exactly the packets that came: same headers but for number,
//! length and checksum, full size but for the last, and a checksum that holds, since the kernel will make new ones.
//! Everything else goes as it is, after whatever of its own flow came before. Several piles are open at a time, so that
//! interleaved flows do not break each other up.

use std::collections::VecDeque;

use crate::{
    Family,
    offload::{self, VIRTIO_HEADER},
    packet::{Packet, Tcp, Transport},
};

/// Piles open at a time.
const MOST_OPEN: usize = 16;
/// The largest super-packet, in bytes of IP packet.
const LARGEST: usize = 65_000;
/// Room in a buffer that never holds more than one packet.
const ONE_PACKET: usize = 2048;

#[derive(Debug)]
struct Pile {
    /// The header for the TUN, then the packet.
    buffer: Vec<u8>,
    family: Family,
    headers: usize,
    segment: usize,
    next: u32,
    pieces: usize,
    /// A shorter piece or a push: nothing may follow.
    complete: bool,
}

impl Pile {
    fn packet(&self) -> &[u8] {
        self.buffer.get(VIRTIO_HEADER..).unwrap_or_default()
    }

    fn is_of_flow(&self, packet: &Packet<'_>) -> bool {
        self.family == packet.family() && is_one_flow(self.family, self.packet(), packet.bytes())
    }

    /// Asked of a packet of the same flow, and so of the same family.
    fn takes(&self, packet: &Packet<'_>, tcp: &Tcp) -> bool {
        let (mine, its) = (self.packet(), packet.bytes());
        !self.complete
            && self.headers == packet.headers()
            && self.next == tcp.sequence
            && packet.payload().len() <= self.segment
            && mine.len() + packet.payload().len() <= LARGEST
            && match self.family {
                // Version and service class; don't fragment, hops, protocol.
                Family::V4 => {
                    field::<2>(mine, 0) == field::<2>(its, 0)
                        && field::<4>(mine, 6) == field::<4>(its, 6)
                        && is_alike::<20>(mine, its, self.headers)
                }
                // Version, traffic class and flow label; protocol, hops.
                Family::V6 => {
                    field::<4>(mine, 0) == field::<4>(its, 0)
                        && field::<2>(mine, 6) == field::<2>(its, 6)
                        && is_alike::<40>(mine, its, self.headers)
                }
            }
    }

    fn pile(&mut self, packet: &Packet<'_>, tcp: &Tcp) {
        let payload = packet.payload();
        self.buffer.extend_from_slice(payload);
        self.next = self.next.wrapping_add(payload.len() as u32);
        self.pieces += 1;
        if tcp.has(Tcp::PSH)
            && let Some(flags) = self.buffer.get_mut(VIRTIO_HEADER + self.family.header() + 13)
        {
            *flags |= Tcp::PSH;
        }
        self.complete = tcp.has(Tcp::PSH) || payload.len() < self.segment;
    }

    /// Makes the headers true for what was piled up.
    fn finish(&mut self) {
        if self.pieces < 2 {
            return;
        }
        let header = offload::super_packet(self.family, self.headers, self.segment);
        offload::put(&mut self.buffer, 0, header);
        if let Some(packet) = self.buffer.get_mut(VIRTIO_HEADER..) {
            self.family.put_length(packet, packet.len());
            offload::start_tcp_checksum(packet, self.family);
        }
    }
}

/// The packets not written yet.
#[derive(Debug, Default)]
pub(crate) struct ToOffice {
    open: Vec<Pile>,
    ready: VecDeque<Vec<u8>>,
    handed_out: Option<Vec<u8>>,
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
}

impl ToOffice {
    /// Takes a packet that may pass.
    pub(crate) fn add(&mut self, packet: &Packet<'_>) {
        let open = self.open.iter().position(|pile| pile.is_of_flow(packet));
        let Some(tcp) = may_be_piled(packet) else {
            if let Some(place) = open {
                self.close(place);
            }
            self.add_alone(packet.bytes());
            return;
        };
        if let Some(place) = open {
            match self.open.get_mut(place) {
                Some(pile) if pile.takes(packet, &tcp) => {
                    pile.pile(packet, &tcp);
                    return;
                }
                _ => self.close(place),
            }
        }
        self.begin(packet, &tcp);
    }

    /// Takes a packet that goes by itself, after everything that is ready.
    pub(crate) fn add_alone(&mut self, packet: &[u8]) {
        let mut buffer = self.small.pop().unwrap_or_else(|| Vec::with_capacity(ONE_PACKET));
        fill(&mut buffer, packet);
        self.ready.push_back(buffer);
    }

    /// Makes all that was piled up ready.
    pub(crate) fn flush(&mut self) {
        while !self.open.is_empty() {
            self.close(0);
        }
    }

    /// The next packet for the TUN, header first; none when all that is ready is handed out.
    pub(crate) fn poll(&mut self) -> Option<&[u8]> {
        if let Some(buffer) = self.handed_out.take() {
            if buffer.capacity() > 2 * ONE_PACKET { self.large.push(buffer) } else { self.small.push(buffer) }
        }
        self.handed_out = self.ready.pop_front();
        self.handed_out.as_deref()
    }

    fn begin(&mut self, packet: &Packet<'_>, tcp: &Tcp) {
        if self.open.len() >= MOST_OPEN {
            self.close(0);
        }
        let mut buffer = self.large.pop().unwrap_or_else(|| Vec::with_capacity(VIRTIO_HEADER + LARGEST));
        fill(&mut buffer, packet.bytes());
        let payload = packet.payload().len();
        self.open.push(Pile {
            buffer,
            family: packet.family(),
            headers: packet.headers(),
            segment: payload,
            next: tcp.sequence.wrapping_add(payload as u32),
            pieces: 1,
            complete: tcp.has(Tcp::PSH),
        });
    }

    fn close(&mut self, place: usize) {
        if place < self.open.len() {
            let mut pile = self.open.remove(place);
            pile.finish();
            self.ready.push_back(pile.buffer);
        }
    }
}

fn fill(buffer: &mut Vec<u8>, packet: &[u8]) {
    buffer.clear();
    buffer.extend_from_slice(&offload::COMPLETE);
    buffer.extend_from_slice(packet);
}

/// Whether two packets of one family have the same addresses and ports, which lie side by side.
fn is_one_flow(family: Family, one: &[u8], other: &[u8]) -> bool {
    match family {
        Family::V4 => field::<12>(one, 12) == field::<12>(other, 12),
        Family::V6 => field::<36>(one, 8) == field::<36>(other, 8),
    }
}

/// Whether the TCP headers behind IP headers of `IP` bytes differ in nothing but number, push and checksum.
fn is_alike<const IP: usize>(one: &[u8], other: &[u8], headers: usize) -> bool {
    field::<5>(one, IP + 8) == field::<5>(other, IP + 8)                    // acknowledgement, header length
        && field::<2>(one, IP + 14) == field::<2>(other, IP + 14)           // window
        && one.get(IP + 20..headers) == other.get(IP + 20..headers) // options
}

fn field<const N: usize>(packet: &[u8], at: usize) -> Option<&[u8; N]> {
    packet.get(at..)?.first_chunk()
}

/// A TCP packet that carries data and nothing else of note, and whose checksum holds.
fn may_be_piled(packet: &Packet<'_>) -> Option<Tcp> {
    match packet.transport {
        Transport::Tcp(tcp)
            if tcp.flags & !Tcp::PSH == Tcp::ACK
                && !packet.payload().is_empty()
                && offload::tcp_checksum_holds(packet) =>
        {
            Some(tcp)
        }
        Transport::Tcp(_) | Transport::Udp { .. } => None,
    }
}

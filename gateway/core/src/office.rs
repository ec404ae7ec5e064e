//! What leaves for the office: packets of one flow that follow each other are piled into one super-packet, which the
//! kernel takes by one call and, where the card can, cuts in hardware.
//!
//! A packet is piled only where the super-packet stands for exactly the packets that came: same headers but for number,
//! length and checksum, full size but for the last, and a checksum that holds, since the kernel will make new ones. Datagrams
//! are piled where the kernel can cut them apart again, which is from Linux 6.2 on.
//! Everything else goes as it is, after whatever of its own flow came before. Several piles are open at a time, so that
//! interleaved flows do not break each other up; and a pile of bulk outlives its round where more of its session waits already, so
//! that flows which share a round still leave in large super-packets.

use std::{collections::VecDeque, net::IpAddr};

use crate::{
    Family,
    offload::{self, SuperPacket, VIRTIO_HEADER},
    packet::{Packet, Tcp, Transport},
};

/// Piles open at a time.
const MOST_OPEN: usize = 16;
/// The largest super-packet, in bytes of IP packet.
const LARGEST: usize = 65_000;
/// The most datagrams of one super-packet, as of one that a program sends (UDP_MAX_SEGMENTS of older kernels).
const MOST_DATAGRAMS: usize = 64;
/// Bytes of payload from which on pieces are bulk, which a person does not wait for.
const BULK: usize = 512;
/// Rounds that a pile of bulk may be kept open for, at most.
const MOST_ROUNDS: u8 = 4;
/// Room in a buffer that never holds more than one packet.
const ONE_PACKET: usize = 2048;

#[derive(Debug)]
struct Pile {
    /// The header for the TUN, then the packet.
    buffer: Vec<u8>,
    family: Family,
    kind: SuperPacket,
    headers: usize,
    segment: usize,
    /// The number that the next piece must have; datagrams have none.
    next: Option<u32>,
    pieces: usize,
    /// Whose packets they are: the tunnel address of a session.
    source: IpAddr,
    /// Ends of rounds that it has seen.
    rounds: u8,
}

impl Pile {
    fn packet(&self) -> &[u8] {
        self.buffer.get(VIRTIO_HEADER..).unwrap_or_default()
    }

    fn is_of_flow(&self, packet: &Packet<'_>) -> bool {
        self.family == packet.family() && is_one_flow(self.family, self.packet(), packet.bytes())
    }

    /// Asked of a packet of the same flow, and so of the same family.
    fn takes(&self, packet: &Packet<'_>, piece: &Piece) -> bool {
        let (mine, its) = (self.packet(), packet.bytes());
        self.headers == packet.headers()
            && self.next == piece.number
            && (self.kind == SuperPacket::Tcp || self.pieces < MOST_DATAGRAMS)
            && packet.payload().len() <= self.segment
            && mine.len() + packet.payload().len() <= LARGEST
            && match self.family {
                // Version and service class; don't fragment, hops, protocol.
                Family::V4 => {
                    field::<2>(mine, 0) == field::<2>(its, 0)
                        && field::<4>(mine, 6) == field::<4>(its, 6)
                        && self.is_alike::<20>(mine, its)
                }
                // Version, traffic class and flow label; protocol, hops.
                Family::V6 => {
                    field::<4>(mine, 0) == field::<4>(its, 0)
                        && field::<2>(mine, 6) == field::<2>(its, 6)
                        && self.is_alike::<40>(mine, its)
                }
            }
    }

    /// Whether the headers behind IP headers of `IP` bytes differ in nothing but what a piece's may.
    fn is_alike<const IP: usize>(&self, mine: &[u8], its: &[u8]) -> bool {
        match self.kind {
            SuperPacket::Tcp => is_alike::<IP>(mine, its, self.headers),
            // Ports, which are the flow's, length and checksum are all that there is.
            SuperPacket::Datagrams => true,
        }
    }

    /// True if nothing may follow: after a shorter piece, or a push.
    fn pile(&mut self, packet: &Packet<'_>, piece: &Piece) -> bool {
        let payload = packet.payload();
        self.buffer.extend_from_slice(payload);
        self.next = piece.next(payload);
        self.pieces += 1;
        if piece.push
            && let Some(flags) = self.buffer.get_mut(VIRTIO_HEADER + self.family.header() + 13)
        {
            *flags |= Tcp::PSH;
        }
        piece.push || payload.len() < self.segment
    }

    /// Whether nobody is kept waiting by it: who stops typing has sent less than that, or said that it is all.
    fn is_bulk(&self) -> bool {
        self.segment >= BULK
    }

    /// Makes the headers true for what was piled up.
    fn finish(&mut self) {
        if self.pieces < 2 {
            return;
        }
        let header = self.kind.header(self.family, self.headers, self.segment);
        offload::put(&mut self.buffer, 0, header);
        if let Some(packet) = self.buffer.get_mut(VIRTIO_HEADER..) {
            self.family.put_length(packet, packet.len());
            self.kind.begin_transport(packet, self.family);
        }
    }
}

/// What may go on a pile.
#[derive(Debug, Clone, Copy)]
struct Piece {
    kind: SuperPacket,
    /// Of TCP.
    number: Option<u32>,
    /// Nothing may follow it.
    push: bool,
}

impl Piece {
    /// The number of what follows.
    fn next(&self, payload: &[u8]) -> Option<u32> {
        self.number.map(|number| number.wrapping_add(payload.len() as u32))
    }
}

/// The packets not written yet.
#[derive(Debug)]
pub(crate) struct ToOffice {
    /// Whether the kernel cuts super-packets of datagrams.
    cuts_datagrams: bool,
    open: Vec<Pile>,
    ready: VecDeque<Vec<u8>>,
    handed_out: Option<Vec<u8>>,
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
}

impl ToOffice {
    pub(crate) fn new(cuts_datagrams: bool) -> Self {
        Self {
            cuts_datagrams,
            open: Vec::new(),
            ready: VecDeque::new(),
            handed_out: None,
            small: Vec::new(),
            large: Vec::new(),
        }
    }

    /// Takes a packet that may pass.
    pub(crate) fn add(&mut self, packet: &Packet<'_>) {
        let open = self.open.iter().position(|pile| pile.is_of_flow(packet));
        let Some(piece) = self.may_be_piled(packet) else {
            if let Some(place) = open {
                self.close(place);
            }
            self.add_alone(packet.bytes());
            return;
        };
        if let Some(place) = open {
            match self.open.get_mut(place) {
                Some(pile) if pile.takes(packet, &piece) => {
                    if pile.pile(packet, &piece) {
                        self.close(place);
                    }
                    return;
                }
                _ => self.close(place),
            }
        }
        self.begin(packet, &piece);
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

    /// Ends a round: makes what was piled up ready, but for bulk of those for whom `more` waits.
    pub(crate) fn end_round(&mut self, more: impl Fn(IpAddr) -> bool) {
        self.close_all_but(Pile::is_bulk);
        self.open.iter_mut().for_each(|pile| pile.rounds += 1);
        self.close_all_but(|pile| pile.rounds < MOST_ROUNDS && more(pile.source));
    }

    /// The next packet for the TUN, header first; none when all that is ready is handed out.
    pub(crate) fn poll(&mut self) -> Option<&[u8]> {
        if let Some(buffer) = self.handed_out.take() {
            if buffer.capacity() > 2 * ONE_PACKET { self.large.push(buffer) } else { self.small.push(buffer) }
        }
        self.handed_out = self.ready.pop_front();
        self.handed_out.as_deref()
    }

    /// A packet that carries data and nothing else of note, and whose checksum holds.
    fn may_be_piled(&self, packet: &Packet<'_>) -> Option<Piece> {
        let kind = match packet.transport {
            Transport::Tcp(tcp) if tcp.flags & !Tcp::PSH == Tcp::ACK => SuperPacket::Tcp,
            Transport::Udp { .. } if self.cuts_datagrams => SuperPacket::Datagrams,
            Transport::Tcp(_) | Transport::Udp { .. } => return None,
        };
        let (number, push) = match packet.transport {
            Transport::Tcp(tcp) => (Some(tcp.sequence), tcp.has(Tcp::PSH)),
            Transport::Udp { .. } => (None, false),
        };
        let is_fit = !packet.payload().is_empty() && kind.checksum_holds(packet);
        is_fit.then_some(Piece { kind, number, push })
    }

    fn begin(&mut self, packet: &Packet<'_>, piece: &Piece) {
        // A key press, most often: before the bulk whose piles fill up in this round.
        if piece.push {
            return self.add_alone(packet.bytes());
        }
        if self.open.len() >= MOST_OPEN {
            self.close(0);
        }
        let mut buffer = self.large.pop().unwrap_or_else(|| Vec::with_capacity(VIRTIO_HEADER + LARGEST));
        fill(&mut buffer, packet.bytes());
        self.open.push(Pile {
            buffer,
            family: packet.family(),
            kind: piece.kind,
            headers: packet.headers(),
            segment: packet.payload().len(),
            next: piece.next(packet.payload()),
            pieces: 1,
            source: packet.source,
            rounds: 0,
        });
    }

    fn close_all_but(&mut self, may_wait: impl Fn(&Pile) -> bool) {
        let mut place = 0;
        while let Some(pile) = self.open.get(place) {
            if may_wait(pile) { place += 1 } else { self.close(place) }
        }
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
        && field::<2>(one, IP + 18) == field::<2>(other, IP + 18)           // urgent pointer, though nothing is urgent
        && one.get(IP + 20..headers) == other.get(IP + 20..headers) // options
}

fn field<const N: usize>(packet: &[u8], at: usize) -> Option<&[u8; N]> {
    packet.get(at..)?.first_chunk()
}

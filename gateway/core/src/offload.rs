//! What the kernel says about a packet read from the TUN (virtio 1.2, section 5.1.6), and how a super-packet becomes the
//! packets it stands for.
//!
//! The kernel hands over up to 64 KiB of one TCP or UDP flow at once, with a header for the first piece and the size of
//! the pieces; cutting it here, straight into the datagrams, is what one system call per 45 packets means.

use crate::{
    Drop, Family, checksum,
    packet::{Packet, TCP, Tcp, Transport, UDP},
};

/// Length of the header that stands before each packet of the TUN, in bytes.
pub const VIRTIO_HEADER: usize = 10;

const NEEDS_CHECKSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCP4: u8 = 1;
const GSO_TCP6: u8 = 4;
const GSO_UDP: u8 = 5;
/// Set beside the kind where TCP said that congestion was seen.
const GSO_ECN: u8 = 0x80;

const TCP_CHECKSUM_AT: usize = 16;
const UDP_CHECKSUM_AT: usize = 6;
const UDP_LENGTH_AT: usize = 4;

/// What is left to do for a packet from the TUN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offload {
    /// Nothing.
    Complete,
    /// Its transport checksum covers the pseudo header only.
    Checksum,
    /// It stands for several, each with this many bytes of payload but the last, which may have fewer.
    Pieces(u16),
}

impl Offload {
    /// Reads the header that the kernel put before a packet.
    pub fn parse(header: &[u8; VIRTIO_HEADER]) -> Result<Self, Drop> {
        let [flags, kind, _, _, size0, size1, ..] = *header;
        let size = u16::from_ne_bytes([size0, size1]);
        match kind & !GSO_ECN {
            GSO_NONE if flags & NEEDS_CHECKSUM != 0 => Ok(Self::Checksum),
            GSO_NONE => Ok(Self::Complete),
            GSO_TCP4 | GSO_TCP6 | GSO_UDP if size > 0 => Ok(Self::Pieces(size)),
            _ => Err(Drop::Malformed),
        }
    }

    /// How many packets `packet` stands for; one that cannot be read, for itself.
    pub(crate) fn pieces(self, packet: &[u8]) -> u64 {
        match self {
            Self::Complete | Self::Checksum => 1,
            Self::Pieces(size) => {
                let payload = Packet::parse(packet).map_or(0, |packet| packet.payload().len());
                payload.div_ceil(usize::from(size).max(1)).max(1) as u64
            }
        }
    }
}

/// What the kernel can be given to cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SuperPacket {
    /// A stretch of a TCP connection.
    Tcp,
    /// Datagrams of one size but the last, which may be smaller.
    Datagrams,
}

impl SuperPacket {
    /// The header for one that the kernel is to cut into pieces of `size` bytes of payload.
    pub(crate) fn header(self, family: Family, headers: usize, size: usize) -> [u8; VIRTIO_HEADER] {
        let kind = match (self, family) {
            (Self::Tcp, Family::V4) => GSO_TCP4,
            (Self::Tcp, Family::V6) => GSO_TCP6,
            (Self::Datagrams, _) => GSO_UDP,
        };
        let [h0, h1] = (headers as u16).to_ne_bytes();
        let [s0, s1] = (size as u16).to_ne_bytes();
        let [c0, c1] = (family.header() as u16).to_ne_bytes();
        let [o0, o1] = (self.checksum_at() as u16).to_ne_bytes();
        [NEEDS_CHECKSUM, kind, h0, h1, s0, s1, c0, c1, o0, o1]
    }

    /// Puts what the transport header says of the whole: the length, of datagrams, and the sum of the pseudo header, from
    /// which the kernel goes on.
    pub(crate) fn begin_transport(self, packet: &mut [u8], family: Family) {
        let length = packet.len().saturating_sub(family.header()) as u16;
        if self == Self::Datagrams {
            put(packet, family.header() + UDP_LENGTH_AT, length.to_be_bytes());
        }
        let addresses = packet.get(family.addresses());
        let sum = addresses.map_or(0, |addresses| checksum::pseudo_header(addresses, self.protocol(), length));
        put(packet, family.header() + self.checksum_at(), checksum::fold(sum).to_ne_bytes());
    }

    /// Whether the packet's transport checksum is there and holds.
    pub(crate) fn checksum_holds(self, packet: &Packet<'_>) -> bool {
        let at = packet.family().header() + self.checksum_at();
        let is_there = self == Self::Tcp || packet.bytes().get(at..at + 2) != Some(&[0, 0]);
        is_there && checksum::fold(transport_sum(packet.bytes(), packet.family(), self.protocol())) == 0xffff
    }

    fn protocol(self) -> u8 {
        match self {
            Self::Tcp => TCP,
            Self::Datagrams => UDP,
        }
    }

    fn checksum_at(self) -> usize {
        match self {
            Self::Tcp => TCP_CHECKSUM_AT,
            Self::Datagrams => UDP_CHECKSUM_AT,
        }
    }
}

/// The header for a packet that is complete.
pub(crate) const COMPLETE: [u8; VIRTIO_HEADER] = [0; VIRTIO_HEADER];

/// Makes every packet that `packet` stands for at the beginning of `space`, one after the other and in order, and calls
/// `each` with the space and the packet's length.
///
/// A packet of more than `largest` bytes is refused as too big, and those behind it with it.
pub(crate) fn cut(
    packet: &Packet<'_>,
    offload: Offload,
    largest: usize,
    space: &mut [u8],
    mut each: impl FnMut(&mut [u8], usize),
) -> Result<(), Drop> {
    let whole = packet.bytes();
    let size = match offload {
        Offload::Complete | Offload::Checksum => {
            let piece = piece_of(space, whole.len(), largest)?;
            piece.copy_from_slice(whole);
            if offload == Offload::Checksum {
                seal_transport(piece, packet);
            }
            each(space, whole.len());
            return Ok(());
        }
        Offload::Pieces(size) => usize::from(size),
    };
    let headers = packet.headers();
    let head = whole.get(..headers).ok_or(Drop::Malformed)?;
    let payload = packet.payload();
    if payload.is_empty() {
        return Err(Drop::Malformed);
    }
    let family = packet.family();
    let first_identification = identification(head);
    let mut pieces = 0u16;
    for part in payload.chunks(size) {
        let length = headers + part.len();
        let piece = piece_of(space, length, largest)?;
        let (piece_head, piece_payload) = piece.split_at_mut(headers);
        piece_head.copy_from_slice(head);
        piece_payload.copy_from_slice(part);
        let offset = usize::from(pieces) * size;
        let is_last = offset + part.len() == payload.len();
        match packet.transport {
            Transport::Tcp(tcp) => {
                put(piece_head, family.header() + 4, tcp.sequence.wrapping_add(offset as u32).to_be_bytes());
                // The end is the last one's; that the window was reduced is said once, by the first (RFC 3168, section 6.1.2).
                let not_last = if is_last { 0 } else { Tcp::FIN | Tcp::PSH };
                let not_first = if pieces > 0 { Tcp::CWR } else { 0 };
                put(piece_head, family.header() + 13, [tcp.flags & !(not_last | not_first)]);
            }
            Transport::Udp { .. } => {
                put(piece_head, family.header() + UDP_LENGTH_AT, ((8 + part.len()) as u16).to_be_bytes());
            }
        }
        if family == Family::V4 {
            put(piece_head, 4, first_identification.wrapping_add(pieces).to_be_bytes());
        }
        family.put_length(piece_head, length);
        seal_transport(piece, packet);
        each(space, length);
        pieces = pieces.wrapping_add(1);
    }
    Ok(())
}

fn piece_of(space: &mut [u8], length: usize, largest: usize) -> Result<&mut [u8], Drop> {
    if length > largest {
        return Err(Drop::TooBig);
    }
    space.get_mut(..length).ok_or(Drop::TooBig)
}

/// What an IPv4 header numbers its packet with: each piece has the next number.
fn identification(head: &[u8]) -> u16 {
    head.get(4..6).and_then(|field| field.first_chunk::<2>()).map_or(0, |field| u16::from_be_bytes(*field))
}

/// Puts the transport checksum of a whole packet.
fn seal_transport(packet: &mut [u8], like: &Packet<'_>) {
    let (protocol, at) = match like.transport {
        Transport::Tcp(_) => (TCP, TCP_CHECKSUM_AT),
        Transport::Udp { .. } => (UDP, UDP_CHECKSUM_AT),
    };
    let family = like.family();
    let at = family.header() + at;
    put(packet, at, [0, 0]);
    let sum = !checksum::fold(transport_sum(packet, family, protocol));
    // RFC 768: a UDP checksum that comes out as zero is sent as all ones, for zero means there is none.
    let sum = if sum == 0 && protocol == UDP { 0xffff } else { sum };
    put(packet, at, sum.to_ne_bytes());
}

fn transport_sum(packet: &[u8], family: Family, protocol: u8) -> u64 {
    let (Some(addresses), Some(body)) = (packet.get(family.addresses()), packet.get(family.header()..)) else {
        return 0;
    };
    checksum::pseudo_header(addresses, protocol, body.len() as u16) + checksum::sum(body)
}

/// Writes a field; one that lies outside is not written, which the lengths above rule out.
pub(crate) fn put<const N: usize>(packet: &mut [u8], at: usize, field: [u8; N]) {
    debug_assert!(at + N <= packet.len());
    if let Some(place) = packet.get_mut(at..at + N) {
        place.copy_from_slice(&field);
    }
}

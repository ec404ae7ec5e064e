//! A borrowed look at one IP packet: addresses, protocol, ports.
//!
//! The only reader of IP headers in the gateway, and a strict one: what it cannot vouch for it refuses with a reason.
//! Refused here: IPv6 (no tunnel address of that family is lent), options (source routing hides in them), fragments
//! (only the first would show its ports), lengths that lie, protocols other than TCP and UDP. The packet may be followed
//! by padding (WireGuard pads to 16 bytes); the header's own length counts, once it is known to be true.

use std::net::Ipv4Addr;

use crate::Drop;

/// A packet whose headers are known to be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The packet without padding: IP header, transport header, payload.
    bytes: &'a [u8],
    /// Where it says it comes from.
    pub source: Ipv4Addr,
    /// Where it goes.
    pub destination: Ipv4Addr,
    /// What it carries.
    pub transport: Transport,
    payload_at: usize,
}

/// The transport header of a packet, as far as the gateway looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// RFC 9293.
    Tcp(Tcp),
    /// RFC 768.
    Udp {
        /// The sender's port.
        source: u16,
        /// The receiver's port.
        destination: u16,
    },
}

impl Transport {
    /// Whether it begins a TCP connection, where each end says what it takes.
    pub(crate) fn offers_segment_size(self) -> bool {
        matches!(self, Self::Tcp(tcp) if tcp.has(Tcp::SYN))
    }

    /// Whether both are of one protocol and the same ports.
    pub(crate) fn is_flow_of(self, other: Self) -> bool {
        match (self, other) {
            (Self::Tcp(one), Self::Tcp(other)) => (one.source, one.destination) == (other.source, other.destination),
            (Self::Udp { source, destination }, Self::Udp { source: s, destination: d }) => {
                (source, destination) == (s, d)
            }
            (Self::Tcp(_), Self::Udp { .. }) | (Self::Udp { .. }, Self::Tcp(_)) => false,
        }
    }
}

/// What the gateway reads of a TCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// Number of the first byte.
    pub sequence: u32,
    /// Number of the byte awaited next, where [`Tcp::ACK`] is set.
    pub acknowledged: u32,
    /// The flags, as in the header.
    pub flags: u8,
}

impl Tcp {
    /// The sender is done.
    pub const FIN: u8 = 0x01;
    /// A connection begins.
    pub const SYN: u8 = 0x02;
    /// A connection is no more.
    pub const RST: u8 = 0x04;
    /// Hand it over now.
    pub const PSH: u8 = 0x08;
    /// `acknowledged` means something.
    pub const ACK: u8 = 0x10;

    /// Whether a flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// IPv4's protocol numbers that may pass.
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
/// Length of an IPv4 header without options.
pub(crate) const IP_HEADER: usize = 20;

/// Where a packet says it goes, nothing else of it looked at.
pub(crate) fn destination(bytes: &[u8]) -> Option<Ipv4Addr> {
    match *bytes.first_chunk::<IP_HEADER>()? {
        [first, .., d0, d1, d2, d3] if first >> 4 == 4 => Some(Ipv4Addr::new(d0, d1, d2, d3)),
        _ => None,
    }
}

impl<'a> Packet<'a> {
    /// Reads a packet that may be followed by padding.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Drop> {
        let version = bytes.first().ok_or(Drop::Malformed)? >> 4;
        match version {
            4 => {}
            6 => return Err(Drop::Ipv6),
            _ => return Err(Drop::Malformed),
        }
        let header: &[u8; IP_HEADER] = bytes.first_chunk().ok_or(Drop::Malformed)?;
        let [first, _, len_hi, len_lo, _, _, frag_hi, frag_lo, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
            *header;
        match first & 0x0f {
            5 => {}
            6..=15 => return Err(Drop::IpOptions),
            _ => return Err(Drop::Malformed),
        }
        // More-fragments or an offset; the don't-fragment bit alone is fine, the reserved bit is not.
        if frag_hi & 0xbf != 0 || frag_lo != 0 {
            return Err(Drop::Fragment);
        }
        let total = usize::from(u16::from_be_bytes([len_hi, len_lo]));
        // A total length of 0 is what boringtun delivers as an empty packet; less than a header or more than was
        // delivered is a lie.
        let bytes = bytes.get(..total).filter(|packet| packet.len() >= IP_HEADER).ok_or(Drop::Malformed)?;
        let body = bytes.get(IP_HEADER..).ok_or(Drop::Malformed)?;
        let (transport, transport_header) = match protocol {
            TCP => tcp(body)?,
            UDP => udp(body)?,
            _ => return Err(Drop::OtherProtocol),
        };
        Ok(Self {
            bytes,
            source: Ipv4Addr::new(s0, s1, s2, s3),
            destination: Ipv4Addr::new(d0, d1, d2, d3),
            transport,
            payload_at: IP_HEADER + transport_header,
        })
    }

    /// The whole packet, without padding.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What follows the transport header.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.payload_at..).unwrap_or_default()
    }

    /// Length of both headers, in bytes: 28 to 80.
    pub fn headers(&self) -> usize {
        self.payload_at
    }
}

fn tcp(body: &[u8]) -> Result<(Transport, usize), Drop> {
    let header: &[u8; 20] = body.first_chunk().ok_or(Drop::Malformed)?;
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, ..] = *header;
    let length = usize::from(offset >> 4) * 4;
    if length < 20 || length > body.len() {
        return Err(Drop::Malformed);
    }
    let tcp = Tcp {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
        sequence: u32::from_be_bytes([q0, q1, q2, q3]),
        acknowledged: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
    };
    Ok((Transport::Tcp(tcp), length))
}

fn udp(body: &[u8]) -> Result<(Transport, usize), Drop> {
    let header: &[u8; 8] = body.first_chunk().ok_or(Drop::Malformed)?;
    let [s0, s1, d0, d1, l0, l1, ..] = *header;
    // RFC 768 knows no length but the whole datagram's; a shorter one would hide bytes behind the datagram.
    if usize::from(u16::from_be_bytes([l0, l1])) != body.len() {
        return Err(Drop::Malformed);
    }
    Ok((Transport::Udp { source: u16::from_be_bytes([s0, s1]), destination: u16::from_be_bytes([d0, d1]) }, 8))
}

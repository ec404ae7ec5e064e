//! A borrowed look at one IP packet: addresses, protocol, ports.
//!
//! The only reader of IP headers by which anything passes, and a strict one: what it cannot vouch for it refuses with a
//! reason. Refused here: IPv4's options and IPv6's extension headers (source routing hides in both), fragments (only the
//! first would show its ports), lengths that lie, an IPv4 header whose checksum does not hold (every router would drop it,
//! and a pile would get a right one), protocols other than TCP and UDP. A chain of extension headers is refused at its
//! first: no system needs one for TCP or UDP, and what is not walked cannot mislead. The packet may be followed by padding
//! (WireGuard pads to 16 bytes); the header's own length counts, once it is known to be true.
//!
//! `icmp` reads by [`Header`] as well, and `path_mtu` the beginning of the packet that an error quotes. Two look at headers
//! and let nothing pass by them: [`destination`], for whose loop a packet is, and `dropped`, for how much of a refused packet
//! is header, whatever it was refused for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Drop, Family, checksum};

/// A packet whose headers are known to be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The packet without padding: IP header, transport header, payload.
    bytes: &'a [u8],
    /// Where it says it comes from.
    pub source: IpAddr,
    /// Where it goes; of the same family.
    pub destination: IpAddr,
    /// What it carries.
    pub transport: Transport,
    family: Family,
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
    /// The sender has reduced its congestion window (RFC 3168).
    pub const CWR: u8 = 0x80;
    /// `acknowledged` means something.
    pub const ACK: u8 = 0x10;

    /// Whether a flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The protocol numbers that may pass.
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
/// IPv6's extension headers (RFC 8200, section 4, and IANA's list of them): the fragment's, and those that hold anything else.
/// What is encrypted or authenticated (ESP, AH) counts as another protocol, as in IPv4.
const FRAGMENT: u8 = 44;
const EXTENSIONS: [u8; 8] = [0, 43, 60, 135, 139, 140, 253, 254];

/// Where a packet says it goes, nothing else of it looked at.
pub(crate) fn destination(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.first()? >> 4 {
        4 => bytes.get(16..20)?.first_chunk::<4>().map(|address| Ipv4Addr::from(*address).into()),
        6 => bytes.get(24..40)?.first_chunk::<16>().map(|address| Ipv6Addr::from(*address).into()),
        _ => None,
    }
}

/// What the IP header of a packet says that has neither options nor extensions and is no fragment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) family: Family,
    pub(crate) protocol: u8,
    pub(crate) source: IpAddr,
    /// Of the same family.
    pub(crate) destination: IpAddr,
    /// Of the packet, in bytes: not yet known to be true.
    length: usize,
}

impl Header {
    /// Of a packet that is all there and may be followed by padding; and the packet without it.
    pub(crate) fn of_whole(bytes: &[u8]) -> Result<(Self, &[u8]), Drop> {
        let header = Self::parse(bytes)?;
        // A length of 0 is what boringtun delivers as an empty packet; less than a header or more than was delivered is a lie.
        let packet = bytes.get(..header.length).ok_or(Drop::Malformed)?;
        match packet.first_chunk::<{ Family::V4.header() }>() {
            Some(own) if header.family == Family::V4 && checksum::fold(checksum::sum(own)) != 0xffff => {
                Err(Drop::Malformed)
            }
            Some(_) => Ok((header, packet)),
            None => Err(Drop::Malformed),
        }
    }

    /// Of a packet of which the beginning is there, as an error quotes it; and as much of it. Its checksum is not looked at, for
    /// some routers quote a header that they had begun to change.
    pub(crate) fn of_beginning(bytes: &[u8]) -> Result<(Self, &[u8]), Drop> {
        let header = Self::parse(bytes)?;
        Ok((header, bytes.get(..header.length).unwrap_or(bytes)))
    }

    fn parse(bytes: &[u8]) -> Result<Self, Drop> {
        match bytes.first().ok_or(Drop::Malformed)? >> 4 {
            4 => Self::parse_v4(bytes),
            6 => Self::parse_v6(bytes),
            _ => Err(Drop::Malformed),
        }
    }

    fn parse_v4(bytes: &[u8]) -> Result<Self, Drop> {
        let header: &[u8; Family::V4.header()] = bytes.first_chunk().ok_or(Drop::Malformed)?;
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
        let length = usize::from(u16::from_be_bytes([len_hi, len_lo]));
        let source = Ipv4Addr::new(s0, s1, s2, s3).into();
        let destination = Ipv4Addr::new(d0, d1, d2, d3).into();
        Ok(Self { family: Family::V4, protocol, source, destination, length })
    }

    fn parse_v6(bytes: &[u8]) -> Result<Self, Drop> {
        let header: &[u8; Family::V6.header()] = bytes.first_chunk().ok_or(Drop::Malformed)?;
        let [_, _, _, _, len_hi, len_lo, protocol, _, addresses @ ..] = header;
        let (source, destination) = addresses.split_first_chunk::<16>().ok_or(Drop::Malformed)?;
        let destination = destination.first_chunk::<16>().ok_or(Drop::Malformed)?;
        match *protocol {
            FRAGMENT => return Err(Drop::Fragment),
            next if EXTENSIONS.contains(&next) => return Err(Drop::IpOptions),
            _ => {}
        }
        // Of what follows the header; 0 would be a jumbogram's (RFC 2675), which holds no transport header here.
        let length = header.len() + usize::from(u16::from_be_bytes([*len_hi, *len_lo]));
        let source = Ipv6Addr::from(*source).into();
        let destination = Ipv6Addr::from(*destination).into();
        Ok(Self { family: Family::V6, protocol: *protocol, source, destination, length })
    }
}

impl<'a> Packet<'a> {
    /// Reads a packet that may be followed by padding.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Drop> {
        let (header, bytes) = Header::of_whole(bytes)?;
        let Header { family, protocol, source, destination, .. } = header;
        let body = bytes.get(family.header()..).ok_or(Drop::Malformed)?;
        let (transport, transport_header) = match protocol {
            TCP => tcp(body)?,
            UDP => udp(body)?,
            _ => return Err(Drop::OtherProtocol),
        };
        Ok(Self { bytes, source, destination, transport, family, payload_at: family.header() + transport_header })
    }

    /// The version of IP that it is of.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The whole packet, without padding.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What follows the transport header.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.payload_at..).unwrap_or_default()
    }

    /// Length of both headers, in bytes: 28 to 100.
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

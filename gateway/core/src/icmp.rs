//! The messages of ICMP that may pass, each under conditions of its own: "too big" ([`crate::path_mtu`]), and pings where
//! the grant has them ([`crate::echo`]).
//!
//! Read as strictly as `packet` reads: no options, no extension headers, no fragments, no length that lies; and a checksum
//! that holds, for what is said here is believed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Family, checksum, echo::Echo, path_mtu::TooBig};

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// Type, code, checksum, and four bytes that each message has its own use for.
const HEADER: usize = 8;

/// One that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    TooBig(TooBig<'a>),
    Echo(Echo<'a>),
}

impl<'a> Message<'a> {
    /// Reads a packet that may be followed by padding; none if it is anything else, or does not hold.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let frame = Frame::parse(bytes)?;
        TooBig::read(&frame).map(Self::TooBig).or_else(|| Echo::read(&frame).map(Self::Echo))
    }

    /// The whole packet, without padding.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        match self {
            Self::TooBig(message) => message.bytes(),
            Self::Echo(message) => message.bytes(),
        }
    }

    /// Who is told.
    pub(crate) fn destination(&self) -> IpAddr {
        match self {
            Self::TooBig(message) => message.destination,
            Self::Echo(message) => message.destination,
        }
    }
}

/// A message of ICMP whose checksum holds, whatever it says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// The whole packet, without padding.
    pub(crate) bytes: &'a [u8],
    pub(crate) family: Family,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// Type and code.
    pub(crate) kind: [u8; 2],
    /// What follows the checksum.
    pub(crate) rest: [u8; 4],
    pub(crate) body: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, bytes) = split(bytes, true)?;
        let message = bytes.get(header.family.header()..)?;
        let ([kind, code, _, _, rest @ ..], body) = message.split_first_chunk::<HEADER>()?;
        let (protocol, covered) = match header.family {
            Family::V4 => (ICMP, 0),
            Family::V6 => {
                let addresses = bytes.get(Family::V6.addresses())?;
                (ICMPV6, checksum::pseudo_header(addresses, ICMPV6, message.len() as u16))
            }
        };
        if header.protocol != protocol || checksum::fold(covered + checksum::sum(message)) != 0xffff {
            return None;
        }
        let Header { family, source, destination, .. } = header;
        Some(Self { bytes, family, source, destination, kind: [*kind, *code], rest: *rest, body })
    }
}

/// What an IP header without options or extensions says.
pub(crate) struct Header {
    pub(crate) family: Family,
    pub(crate) protocol: u8,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
}

/// The header of a packet without options or extensions that is no fragment, and the packet without padding. `whole` asks
/// that all of it is there.
pub(crate) fn split(bytes: &[u8], whole: bool) -> Option<(Header, &[u8])> {
    let (header, total) = match bytes.first()? >> 4 {
        4 => header_v4(bytes)?,
        6 => header_v6(bytes)?,
        _ => return None,
    };
    let bytes = if whole { bytes.get(..total)? } else { bytes.get(..total).unwrap_or(bytes) };
    Some((header, bytes))
}

fn header_v4(bytes: &[u8]) -> Option<(Header, usize)> {
    let header: &[u8; Family::V4.header()] = bytes.first_chunk()?;
    let [first, _, len_hi, len_lo, _, _, frag_hi, frag_lo, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    let total = usize::from(u16::from_be_bytes([len_hi, len_lo]));
    if first != 0x45 || frag_hi & 0xbf != 0 || frag_lo != 0 || total < header.len() {
        return None;
    }
    let source = Ipv4Addr::new(s0, s1, s2, s3).into();
    let destination = Ipv4Addr::new(d0, d1, d2, d3).into();
    Some((Header { family: Family::V4, protocol, source, destination }, total))
}

fn header_v6(bytes: &[u8]) -> Option<(Header, usize)> {
    let header: &[u8; Family::V6.header()] = bytes.first_chunk()?;
    let [_, _, _, _, len_hi, len_lo, protocol, _, addresses @ ..] = header;
    let (source, destination) = addresses.split_first_chunk::<16>()?;
    let source = Ipv6Addr::from(*source).into();
    let destination = Ipv6Addr::from(*destination.first_chunk::<16>()?).into();
    let total = header.len() + usize::from(u16::from_be_bytes([*len_hi, *len_lo]));
    Some((Header { family: Family::V6, protocol: *protocol, source, destination }, total))
}

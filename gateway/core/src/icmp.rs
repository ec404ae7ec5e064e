//! The messages of ICMP that may pass, each under conditions of its own: "too big" ([`crate::path_mtu`]), and pings where
//! the grant has them ([`crate::echo`]).
//!
//! The IP header is read by `packet`; here the message's checksum has to hold, too, for what is said is believed.

use std::net::IpAddr;

use crate::{Family, checksum, echo::Echo, packet::Header, path_mtu::TooBig};

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
        let (header, bytes) = Header::of_whole(bytes).ok()?;
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

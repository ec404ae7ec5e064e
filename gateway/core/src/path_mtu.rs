//! The one ICMP message that passes without being granted: "too big", which a router on the way, or the other end's own
//! stack, says of a packet of a live flow (RFC 792 type 3 code 4 with RFC 1191's MTU; RFC 4443 type 2).
//!
//! Without it a path narrower than both ends believe swallows every full packet, and a desktop stands still for ever.
//! It names the packet that did not fit by its beginning; whether that packet could have been sent is for the filter and
//! the flows.

use std::net::IpAddr;

use crate::{
    Family,
    flows::Protocol,
    icmp::Frame,
    packet::{Header, TCP, UDP},
};

/// "Too big", with the packet that it speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooBig<'a> {
    bytes: &'a [u8],
    /// Who says so: a router, or the receiver itself.
    pub source: IpAddr,
    /// Who is told: whoever sent the packet that did not fit. Of the same family, as is that packet.
    pub destination: IpAddr,
    /// The packet that did not fit.
    pub about: About,
    /// The largest packet that fits, in bytes: 576 to 65,535, with IPv6 from 1280 on.
    pub mtu: u16,
}

/// The beginning of a packet that did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Where it came from.
    pub source: IpAddr,
    /// Where it was going.
    pub destination: IpAddr,
    /// What it carried.
    pub protocol: Protocol,
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
}

/// Type and code: "fragmentation needed", and "packet too big".
const NEEDED: [u8; 2] = [3, 4];
const TOO_BIG: [u8; 2] = [2, 0];

impl<'a> TooBig<'a> {
    /// Reads a packet that may be followed by padding; none if it is anything else, or does not hold.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        Self::read(&Frame::parse(bytes)?)
    }

    pub(crate) fn read(frame: &Frame<'a>) -> Option<Self> {
        let Frame { bytes, family, source, destination, kind, rest, body } = *frame;
        let meaning = match family {
            Family::V4 => NEEDED,
            Family::V6 => TOO_BIG,
        };
        // What RFC 1191 leaves unused, and the upper half of RFC 4443's size, is zero. A router that puts something there
        // (RFC 4884) is not believed.
        let [0, 0, mtu_hi, mtu_lo] = rest else { return None };
        let mtu = u16::from_be_bytes([mtu_hi, mtu_lo]);
        if kind != meaning || mtu < least_mtu(family) || bytes.len() > longest(family) {
            return None;
        }
        Some(Self { bytes, source, destination, about: About::parse(body, family)?, mtu })
    }

    /// The whole packet, without padding.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl About {
    fn parse(bytes: &[u8], family: Family) -> Option<Self> {
        let (header, bytes) = Header::of_beginning(bytes).ok()?;
        let protocol = match header.protocol {
            _ if header.family != family => return None,
            TCP => Protocol::Tcp,
            UDP => Protocol::Udp,
            _ => return None,
        };
        // RFC 792: at least eight bytes, which hold the ports.
        let [s0, s1, d0, d1, ..] = *bytes.get(family.header()..)?.first_chunk::<8>()?;
        let [source_port, destination_port] = [[s0, s1], [d0, d1]].map(u16::from_be_bytes);
        Some(Self { source: header.source, destination: header.destination, protocol, source_port, destination_port })
    }
}

/// An error is no longer than this, so that nothing else travels in it (RFC 1812, section 4.3.2.3; RFC 4443, section 2.4).
fn longest(family: Family) -> usize {
    match family {
        Family::V4 => 576,
        Family::V6 => 1280,
    }
}

/// What every host and line takes (RFC 791; RFC 8200, section 5): less is no line, but somebody who wants a connection to
/// crawl.
fn least_mtu(family: Family) -> u16 {
    match family {
        Family::V4 => 576,
        Family::V6 => 1280,
    }
}

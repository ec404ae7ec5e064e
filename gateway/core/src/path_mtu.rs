//! The one ICMP message that may pass: "too big", which a router on the way, or the other end's own stack, says of a
//! packet of a live flow (RFC 792 type 3 code 4 with RFC 1191's MTU; RFC 4443 type 2).
//!
//! Without it a path narrower than both ends believe swallows every full packet, and a desktop stands still for ever.
//! It names the packet that did not fit by its beginning; whether that packet could have been sent is for the filter and
//! the flows. Everything else of ICMP is refused, and so is one of these that lies about its length or checksum.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    Family, checksum,
    flows::Protocol,
    packet::{TCP, UDP},
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

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// Type and code: "fragmentation needed", and "packet too big".
const NEEDED: [u8; 2] = [3, 4];
const TOO_BIG: [u8; 2] = [2, 0];
const ICMP_HEADER: usize = 8;

/// What an IP header without options or extensions says.
struct Header {
    family: Family,
    protocol: u8,
    source: IpAddr,
    destination: IpAddr,
}

impl<'a> TooBig<'a> {
    /// Reads a packet that may be followed by padding; none if it is anything else, or does not hold.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, bytes) = split(bytes, true)?;
        let body = bytes.get(header.family.header()..)?;
        if bytes.len() > longest(header.family) {
            return None;
        }
        // What RFC 1191 leaves unused, and the upper half of RFC 4443's size, is zero. A router that puts something there
        // (RFC 4884) is not believed.
        let ([kind, code, _, _, 0, 0, mtu_hi, mtu_lo], about) = body.split_first_chunk::<ICMP_HEADER>()? else {
            return None;
        };
        let mtu = u16::from_be_bytes([*mtu_hi, *mtu_lo]);
        let (protocol, meaning, covered) = match header.family {
            Family::V4 => (ICMP, NEEDED, 0),
            Family::V6 => {
                let addresses = bytes.get(Family::V6.addresses())?;
                (ICMPV6, TOO_BIG, checksum::pseudo_header(addresses, ICMPV6, body.len() as u16))
            }
        };
        if header.protocol != protocol || [*kind, *code] != meaning || mtu < least_mtu(header.family) {
            return None;
        }
        if checksum::fold(covered + checksum::sum(body)) != 0xffff {
            return None;
        }
        let about = About::parse(about, header.family)?;
        Some(Self { bytes, source: header.source, destination: header.destination, about, mtu })
    }

    /// The whole packet, without padding.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl About {
    fn parse(bytes: &[u8], family: Family) -> Option<Self> {
        let (header, bytes) = split(bytes, false)?;
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

/// The header of a packet without options or extensions that is no fragment, and the packet without padding. `whole` asks
/// that all of it is there.
fn split(bytes: &[u8], whole: bool) -> Option<(Header, &[u8])> {
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

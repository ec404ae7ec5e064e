//! The one ICMP message that may pass: "too big", which a router on the way, or the other end's own stack, says of a
//! packet of a live flow (RFC 792 type 3 code 4 with RFC 1191's MTU; RFC 4443 type 2).
//!
//! Without it a path narrower than both ends believe swallows every full packet, and a desktop stands still for ever.
//! It names the packet that did not fit by its beginning; whether that packet could have been sent is for the filter and
//! the flows. Everything else of ICMP is refused, and so is one of these that lies about its length or checksum.

use std::net::Ipv4Addr;

use crate::{
    checksum,
    flows::Protocol,
    packet::{IP_HEADER, TCP, UDP},
};

/// "Too big", with the packet that it speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooBig<'a> {
    bytes: &'a [u8],
    /// Who says so: a router, or the receiver itself.
    pub source: Ipv4Addr,
    /// Who is told: whoever sent the packet that did not fit.
    pub destination: Ipv4Addr,
    /// The packet that did not fit.
    pub about: About,
    /// The largest packet that fits, in bytes: 576 to 65,535.
    pub mtu: u16,
}

/// The beginning of a packet that did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Where it came from.
    pub source: Ipv4Addr,
    /// Where it was going.
    pub destination: Ipv4Addr,
    /// What it carried.
    pub protocol: Protocol,
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
}

const ICMP: u8 = 1;
const UNREACHABLE: u8 = 3;
const FRAGMENTATION_NEEDED: u8 = 4;
const ICMP_HEADER: usize = 8;
/// RFC 1812, section 4.3.2.3: an error is no longer than this, so that nothing else travels in it.
const LONGEST: usize = 576;
/// What every host takes (RFC 791): less is no line, but somebody who wants a connection to crawl.
const LEAST_MTU: u16 = 576;

impl<'a> TooBig<'a> {
    /// Reads a packet that may be followed by padding; none if it is anything else, or does not hold.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (bytes, body) = split(bytes, true)?;
        if bytes.len() > LONGEST || bytes.get(9) != Some(&ICMP) {
            return None;
        }
        // What RFC 1191 leaves unused is zero. A router that puts something there (RFC 4884) is not believed.
        let ([kind, code, _, _, 0, 0, mtu_hi, mtu_lo], about) = body.split_first_chunk::<ICMP_HEADER>()? else {
            return None;
        };
        let mtu = u16::from_be_bytes([*mtu_hi, *mtu_lo]);
        if (*kind, *code) != (UNREACHABLE, FRAGMENTATION_NEEDED) || mtu < LEAST_MTU {
            return None;
        }
        if checksum::fold(checksum::sum(body)) != 0xffff {
            return None;
        }
        let (source, destination) = addresses(bytes)?;
        Some(Self { bytes, source, destination, about: About::parse(about)?, mtu })
    }

    /// The whole packet, without padding.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl About {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (header, body) = split(bytes, false)?;
        let protocol = match *header.get(9)? {
            TCP => Protocol::Tcp,
            UDP => Protocol::Udp,
            _ => return None,
        };
        // RFC 792: at least eight bytes, which hold the ports.
        let [s0, s1, d0, d1, ..] = *body.first_chunk::<8>()?;
        let (source, destination) = addresses(header)?;
        let [source_port, destination_port] = [[s0, s1], [d0, d1]].map(u16::from_be_bytes);
        Some(Self { source, destination, protocol, source_port, destination_port })
    }
}

/// An IPv4 packet without options that is no fragment, and what follows its header. `whole` asks that all of it is there.
fn split(bytes: &[u8], whole: bool) -> Option<(&[u8], &[u8])> {
    let [first, _, len_hi, len_lo, _, _, frag_hi, frag_lo, ..] = *bytes.first_chunk::<IP_HEADER>()?;
    let total = usize::from(u16::from_be_bytes([len_hi, len_lo]));
    if first != 0x45 || frag_hi & 0xbf != 0 || frag_lo != 0 || total < IP_HEADER {
        return None;
    }
    let bytes = if whole { bytes.get(..total)? } else { bytes.get(..total).unwrap_or(bytes) };
    Some((bytes, bytes.get(IP_HEADER..)?))
}

fn addresses(header: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let [s0, s1, s2, s3, d0, d1, d2, d3] = *header.get(12..IP_HEADER)?.first_chunk()?;
    Some((Ipv4Addr::new(s0, s1, s2, s3), Ipv4Addr::new(d0, d1, d2, d3)))
}

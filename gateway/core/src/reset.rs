//! How flows are ended when their session closes: a TCP reset for each end, made from the flow's own sequence numbers.
//!
//! Dropping packets is not disconnecting: the desktop stays connected for minutes, its screen unlocked. A reset is
//! believed only where its number is exactly the one awaited (RFC 5961, section 3), so each end gets one it must believe.

use std::net::IpAddr;

use crate::{
    Family, checksum,
    flows::{Flow, Progress},
    offload,
    packet::{TCP, Tcp},
};

/// A TCP header without options.
const TCP_HEADER: usize = 20;
const CHECKSUM_AT: usize = 16;
/// The longest reset, in bytes.
pub(crate) const LONGEST: usize = Family::V6.header() + TCP_HEADER;

/// An IP header and a TCP header, no options, no payload.
#[derive(Debug)]
pub(crate) struct Reset {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Reset {
    /// The packet.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// One end of a flow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
}

/// The resets for the workstation: at the number it awaits, and at the number home would send next, where data that
/// was under way makes them differ.
pub(crate) fn for_office(flow: &Flow, home: IpAddr, workstation: IpAddr) -> impl Iterator<Item = Reset> {
    let Progress { home_next, office_next, office_awaits, .. } = flow.progress;
    let from = End { address: home, port: flow.key.home_port };
    let to = End { address: workstation, port: flow.key.office_port };
    let second = (office_awaits != home_next).then_some(office_awaits);
    [Some(home_next), second].into_iter().flatten().map(move |sequence| make(from, to, sequence, office_next))
}

/// The reset for the program at home.
pub(crate) fn for_home(flow: &Flow, home: IpAddr, workstation: IpAddr) -> Reset {
    let Progress { home_next, office_next, .. } = flow.progress;
    let from = End { address: workstation, port: flow.key.office_port };
    let to = End { address: home, port: flow.key.home_port };
    make(from, to, office_next, home_next)
}

fn make(from: End, to: End, sequence: u32, acknowledged: u32) -> Reset {
    let mut bytes = [0; LONGEST];
    let family = begin(&mut bytes, from.address, to.address);
    let length = family.header() + TCP_HEADER;
    let [p0, p1] = from.port.to_be_bytes();
    let [q0, q1] = to.port.to_be_bytes();
    let [n0, n1, n2, n3] = sequence.to_be_bytes();
    let [a0, a1, a2, a3] = acknowledged.to_be_bytes();
    let flags = Tcp::RST | Tcp::ACK;
    let tcp = [p0, p1, q0, q1, n0, n1, n2, n3, a0, a1, a2, a3, 0x50, flags, 0, 0, 0, 0, 0, 0];
    offload::put(&mut bytes, family.header(), tcp);
    family.put_length(&mut bytes, length);
    let addresses = bytes.get(family.addresses()).unwrap_or_default();
    let covered = checksum::pseudo_header(addresses, TCP, TCP_HEADER as u16) + checksum::sum(&tcp);
    offload::put(&mut bytes, family.header() + CHECKSUM_AT, (!checksum::fold(covered)).to_ne_bytes());
    Reset { bytes, length }
}

/// Puts an IP header without its length. Both addresses are of one family, as a session's are.
fn begin(bytes: &mut [u8], from: IpAddr, to: IpAddr) -> Family {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            // Version and header length, no service class, no identification, don't fragment, 64 hops.
            offload::put(bytes, 0, [0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, TCP]);
            offload::put(bytes, 12, from.octets());
            offload::put(bytes, 16, to.octets());
            Family::V4
        }
        (from, to) => {
            let octets = |address: IpAddr| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            };
            // Version, no traffic class, no flow label, 64 hops.
            offload::put(bytes, 0, [0x60, 0, 0, 0, 0, 0, TCP, 64]);
            offload::put(bytes, 8, octets(from));
            offload::put(bytes, 24, octets(to));
            Family::V6
        }
    }
}

//! How flows are ended when their session closes: a TCP reset for each end, made from the flow's own sequence numbers.
//!
//! Dropping packets is not disconnecting: the desktop stays connected for minutes, its screen unlocked. A reset is
//! believed only where its number is exactly the one awaited (RFC 5961, section 3), so each end gets one it must believe.

use std::net::Ipv4Addr;

use crate::{
    checksum,
    flows::{Flow, Progress},
    packet::{IP_HEADER, TCP, Tcp},
};

/// A reset: an IPv4 header and a TCP header, no options, no payload.
pub(crate) type Reset = [u8; IP_HEADER + 20];

/// One end of a flow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
}

/// The resets for the workstation: at the number it awaits, and at the number home would send next, where data that
/// was under way makes them differ.
pub(crate) fn for_office(flow: &Flow, home: Ipv4Addr, workstation: Ipv4Addr) -> impl Iterator<Item = Reset> {
    let Progress { home_next, office_next, office_awaits, .. } = flow.progress;
    let from = End { address: home, port: flow.key.home_port };
    let to = End { address: workstation, port: flow.key.office_port };
    let second = (office_awaits != home_next).then_some(office_awaits);
    [Some(home_next), second].into_iter().flatten().map(move |sequence| make(from, to, sequence, office_next))
}

/// The reset for the program at home.
pub(crate) fn for_home(flow: &Flow, home: Ipv4Addr, workstation: Ipv4Addr) -> Reset {
    let Progress { home_next, office_next, .. } = flow.progress;
    let from = End { address: workstation, port: flow.key.office_port };
    let to = End { address: home, port: flow.key.home_port };
    make(from, to, office_next, home_next)
}

fn make(from: End, to: End, sequence: u32, acknowledged: u32) -> Reset {
    let [s0, s1, s2, s3] = from.address.octets();
    let [d0, d1, d2, d3] = to.address.octets();
    let [p0, p1] = from.port.to_be_bytes();
    let [q0, q1] = to.port.to_be_bytes();
    let [n0, n1, n2, n3] = sequence.to_be_bytes();
    let [a0, a1, a2, a3] = acknowledged.to_be_bytes();
    let flags = Tcp::RST | Tcp::ACK;
    let address = [s0, s1, s2, s3, d0, d1, d2, d3];
    // IPv4: version and header length, no service class, 40 bytes, no identification, don't fragment, 64 hops.
    let ip = [0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, TCP, 0, 0];
    let tcp = [p0, p1, q0, q1, n0, n1, n2, n3, a0, a1, a2, a3, 0x50, flags, 0, 0, 0, 0, 0, 0];
    let [c0, c1] = (!checksum::fold(checksum::sum(&ip) + checksum::sum(&address))).to_ne_bytes();
    let [t0, t1] = (!checksum::fold(checksum::pseudo_header(&address, TCP, 20) + checksum::sum(&tcp))).to_ne_bytes();
    [
        0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, TCP, c0, c1, s0, s1, s2, s3, d0, d1, d2, d3, //
        p0, p1, q0, q1, n0, n1, n2, n3, a0, a1, a2, a3, 0x50, flags, 0, 0, t0, t1, 0, 0,
    ]
}

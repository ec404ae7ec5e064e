//! What passes on a wire, written down by tcpdump and read packet by packet.

use std::{fs, net::IpAddr, path::PathBuf};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use crate::{
    netns::{Computer, Process},
    wait,
    world::World,
};

/// The kind of a wire on which there is nothing but IP (LINKTYPE_RAW), as a tunnel's device is.
const RAW: u32 = 101;

/// A running capture of one interface.
#[derive(Debug)]
pub struct Capture {
    file: PathBuf,
    process: Process,
}

/// One IP packet seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Where from.
    pub source: IpAddr,
    /// Where to.
    pub destination: IpAddr,
    /// The IP protocol number: 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6.
    pub protocol: u8,
    /// TCP or UDP ports, source first.
    pub ports: Option<(u16, u16)>,
    /// The message's type, of ICMP and ICMPv6.
    pub icmp: Option<u8>,
    /// How many routers it may pass yet.
    pub hops: u8,
    /// A piece of a larger packet.
    pub fragment: bool,
    /// What TCP or UDP carried.
    pub payload: Vec<u8>,
}

impl Seen {
    /// What a computer's system says to its neighbours unasked: IPv6 neighbour discovery, and reports of the multicast groups
    /// that it listens to.
    pub fn is_neighbourly(&self) -> bool {
        // Of discovery nothing is believed that came through a router (RFC 4861, section 7.1).
        let discovers = self.protocol == 58 && matches!(self.icmp, Some(133..=136)) && self.hops == 255;
        discovers || matches!(self.protocol, 2 | 58) && self.destination.is_multicast() && self.payload.is_empty()
    }
}

impl Capture {
    /// Begins with all that passes; returns once packets are being written down.
    ///
    /// # Panics
    /// When tcpdump does not start.
    pub fn start(world: &World, computer: &Computer, interface: &str) -> Self {
        Self::of(world, computer, interface, "inout")
    }

    /// Begins with what the computer itself sends, whatever source it names, and not with what others on the wire say to
    /// each other; returns once packets are being written down.
    ///
    /// # Panics
    /// When tcpdump does not start.
    pub fn of_sent(world: &World, computer: &Computer, interface: &str) -> Self {
        Self::of(world, computer, interface, "out")
    }

    fn of(world: &World, computer: &Computer, interface: &str, direction: &str) -> Self {
        let label = format!("{}.{interface}.capture", computer.name());
        let file = world.folder().join(format!("{label}.pcap"));
        let mut command = computer.command("tcpdump");
        command
            .args(["-Z", "root", "-i", interface, "-Q", direction, "--immediate-mode", "-U", "-s", "0", "-w"])
            .arg(&file);
        let process = computer.spawn(&label, command, "");
        wait::until("the capture", wait::SOON, || process.stderr().contains("listening on").then_some(()));
        Self { file, process }
    }

    /// The IP packets seen so far; ARP and the like are left out.
    pub fn seen(&self) -> Vec<Seen> {
        let file = fs::read(&self.file).unwrap_or_default();
        let is_raw = file.get(20..24).is_some_and(|kind| kind == RAW.to_le_bytes());
        let mut rest = file.get(24..).unwrap_or_default();
        let mut packets = Vec::new();
        while let Some(length) = rest.get(8..12) {
            let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
            let Some(frame) = rest.get(16..16 + length) else { break };
            packets.extend(read(frame, is_raw));
            rest = &rest[16 + length..];
        }
        packets
    }

    /// Ends the capture and returns all that it saw.
    pub fn finish(mut self) -> Vec<Seen> {
        self.process.stop();
        self.seen()
    }
}

fn read(frame: &[u8], is_raw: bool) -> Option<Seen> {
    let packet = if is_raw { SlicedPacket::from_ip(frame).ok()? } else { SlicedPacket::from_ethernet(frame).ok()? };
    let net = packet.net?;
    let payload = net.ip_payload_ref()?;
    let (protocol, fragment) = (payload.ip_number.0, payload.fragmented);
    let (source, destination, hops) = match &net {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            (header.source_addr().into(), header.destination_addr().into(), header.ttl())
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            (header.source_addr().into(), header.destination_addr().into(), header.hop_limit())
        }
        NetSlice::Arp(_) => return None,
    };
    let icmp = match &packet.transport {
        Some(TransportSlice::Icmpv4(icmp)) => Some(icmp.type_u8()),
        Some(TransportSlice::Icmpv6(icmp)) => Some(icmp.type_u8()),
        _ => None,
    };
    let (ports, payload) = match packet.transport {
        Some(TransportSlice::Tcp(tcp)) => (Some((tcp.source_port(), tcp.destination_port())), tcp.payload().to_vec()),
        Some(TransportSlice::Udp(udp)) => (Some((udp.source_port(), udp.destination_port())), udp.payload().to_vec()),
        _ => (None, Vec::new()),
    };
    Some(Seen { source, destination, protocol, ports, icmp, hops, fragment, payload })
}

//! What is asked of the core with bytes from anywhere: the bodies of the fuzz targets, and of the short run that
//! `tests/bytes.rs` makes of them.
//!
//! None may panic or loop, let a packet pass that the promise does not name, or lose count of one.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use etherparse::{Icmpv4Type, Icmpv6Type, NetSlice, SlicedPacket, TransportSlice};
use gateway_core::{Echo, EchoKind, Family, Filter, Flows, MOST_FLOWS, Packet, Transport, VIRTIO_HEADER};

use crate::world::{
    Client, Flags, World, grant, grant_with_pings, octets,
    packets::{Ping, ping},
    tcp, udp, workstation_of,
};

/// The longest packet or datagram that a target makes.
const LONGEST: usize = 4096;
/// Tunnel addresses of whom filters of their own are for, one of each family.
const OWN: [&str; 2] = ["100.96.0.2", "fd64::2"];

/// The bytes are an IP packet: what is read of it, another reader reads too.
pub(crate) fn packet(bytes: &[u8]) {
    let Ok(packet) = Packet::parse(bytes) else { return half_a_ping(bytes) };
    assert_eq!(
        [&packet.bytes()[..packet.headers()], packet.payload()].concat(),
        packet.bytes(),
        "nothing is left over"
    );
    let other = SlicedPacket::from_ip(packet.bytes()).expect("another reader refuses it");
    let ends: (IpAddr, IpAddr) = match &other.net {
        Some(NetSlice::Ipv4(ip)) => {
            assert!(!ip.payload().fragmented && ip.header().options().is_empty());
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        Some(NetSlice::Ipv6(ip)) => {
            assert!(!ip.payload().fragmented && ip.extensions().first_header().is_none());
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        other => panic!("another reader sees {other:?}"),
    };
    assert_eq!((packet.source, packet.destination), ends);
    let ports = match other.transport {
        Some(TransportSlice::Tcp(tcp)) => (tcp.source_port(), tcp.destination_port()),
        Some(TransportSlice::Udp(udp)) => (udp.source_port(), udp.destination_port()),
        other => panic!("another reader sees {other:?}"),
    };
    match packet.transport {
        Transport::Tcp(tcp) => assert_eq!((tcp.source, tcp.destination), ports),
        Transport::Udp { source, destination } => assert_eq!((source, destination), ports),
    }
}

/// The same of what is one half of a ping.
fn half_a_ping(bytes: &[u8]) {
    let Some(echo) = Echo::parse(bytes) else { return };
    let other = SlicedPacket::from_ip(echo.bytes()).expect("another reader refuses it");
    let (kind, header) = match other.transport {
        Some(TransportSlice::Icmpv4(icmp)) => match icmp.icmp_type() {
            Icmpv4Type::EchoRequest(header) => (EchoKind::Request, header),
            Icmpv4Type::EchoReply(header) => (EchoKind::Reply, header),
            other => panic!("another reader sees {other:?}"),
        },
        Some(TransportSlice::Icmpv6(icmp)) => match icmp.icmp_type() {
            Icmpv6Type::EchoRequest(header) => (EchoKind::Request, header),
            Icmpv6Type::EchoReply(header) => (EchoKind::Reply, header),
            other => panic!("another reader sees {other:?}"),
        },
        other => panic!("another reader sees {other:?}"),
    };
    assert_eq!((echo.kind, echo.identifier), (kind, header.id));
}

/// The bytes are an IP packet: the filter lets through what its bytes, read by hand, say is granted, and nothing else.
pub(crate) fn filter(bytes: &[u8]) {
    let Ok(packet) = Packet::parse(bytes) else { return };
    for own in OWN.map(|text| text.parse::<IpAddr>().expect("an address")) {
        let desk = workstation_of(own);
        let filter = Filter::new(&grant(), own, desk);
        // Where both addresses, the protocol and the receiver's port lie.
        let (first, second, protocol, port) = match own {
            IpAddr::V4(_) => (12..16, 16..20, 9, 22),
            IpAddr::V6(_) => (8..24, 24..40, 6, 42),
        };
        let same = bytes[0] >> 4 == if own.is_ipv4() { 4 } else { 6 };
        let from = |address| same && bytes.get(first.clone()) == Some(&*octets(address));
        let is_own = from(own) && bytes.get(second) == Some(&*octets(desk));
        let granted = || match (bytes[protocol], u16::from_be_bytes([bytes[port], bytes[port + 1]])) {
            (6, port) => port == 3389,
            (17, port) => port == 3390,
            _ => false,
        };
        assert_eq!(filter.judge_from_home(&packet).is_ok(), is_own && granted());
        assert_eq!(filter.judge_from_office(&packet).is_ok(), from(desk));
    }
}

/// Every four bytes are something that happens to a session's flows: only what home began is answered.
pub(crate) fn flows(bytes: &[u8]) {
    let mut world = World::of(family(bytes));
    let mut client = world.connect_with("m.rossi", 1, grant_with_pings());
    let desk = client.workstation();
    let mut begun = BTreeSet::new();
    // Of each identifier, how many answers are owed at most.
    let mut asked = BTreeMap::<u16, usize>::new();
    for step in bytes.chunks_exact(4).take(200) {
        let [kind, port, more, sequence] = *step else { return };
        let port = 50_000 + u16::from(port);
        let all = [Flags::Syn, Flags::SynAck, Flags::Ack, Flags::Push, Flags::Fin, Flags::Reset];
        let flags = all[usize::from(more) % all.len()];
        let (own, sequence) = (client.address, 990 + u32::from(sequence));
        world.take_office();
        client.take(&mut world);
        match kind % 7 {
            0 => {
                client.send(&mut world, &tcp(own, port, desk, 3389, flags, sequence, &[]));
                let passed = world.take_office().len();
                assert!(passed == 0 || flags == Flags::Syn || begun.contains(&(6, port)), "{flags:?} opens nothing");
                if passed > 0 {
                    begun.insert((6, port));
                }
            }
            1 => {
                client.send(&mut world, &udp(own, port, desk, 3390, &[1]));
                if !world.take_office().is_empty() {
                    begun.insert((17, port));
                }
            }
            2 => {
                world.office_sends(&tcp(desk, 3389, own, port, flags, sequence, &[]));
                let passed = client.take(&mut world).len();
                assert!(passed == 0 || begun.contains(&(6, port)) && flags != Flags::Syn, "home began no such flow");
            }
            3 => {
                world.office_sends(&udp(desk, 3390, own, port, &[1]));
                let passed = client.take(&mut world).len();
                assert!(passed == 0 || begun.contains(&(17, port)), "home began no such flow");
            }
            4 => {
                client.send(&mut world, &ping(own, desk, Ping::Question, port, &[1]));
                *asked.entry(port).or_default() += world.take_office().len();
            }
            5 => {
                world.office_sends(&ping(desk, own, Ping::Answer, port, &[1]));
                let passed = client.take(&mut world).len();
                let owed = asked.entry(port).or_default();
                assert!(passed <= *owed, "home asked no such question");
                *owed -= passed;
            }
            _ => world.pass(Duration::from_secs(u64::from(more))),
        }
        let Some(session) = world.gateway.sessions(world.now).pop() else { return };
        assert!(session.flows <= MOST_FLOWS);
    }
    assert_eq!(Flows::default().count(world.now.instant), 0);
}

/// The bytes are what arrives, piece by piece, each with its length and where it comes from: from strangers, in the tunnel, by the
/// channel, from the office. What passes was granted, and each is counted once.
pub(crate) fn datagram(bytes: &[u8]) {
    let mut world = World::of(family(bytes));
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    let mut rest = bytes;
    while let Some((&[kind, low, high, size], after)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_le_bytes([low, high])) % LONGEST;
        let (piece, next) = after.split_at(length.min(after.len()));
        rest = next;
        arrive(&mut world, &mut client, kind, usize::from(size) + 1, piece);
        for packet in world.take_office() {
            let packet = Packet::parse(&packet).expect("a packet that cannot be read reaches the office");
            let filter = Filter::new(&grant(), client.address, client.workstation());
            assert!(filter.judge_from_home(&packet).is_ok(), "the office sees {packet:?}");
        }
        client.take(&mut world);
    }
    world.pass(Duration::from_secs(1));
    let counters = world.gateway.counters();
    assert_eq!(counters.arrived(), counters.settled(), "{counters:?}");
}

/// Of the session that the bytes happen to: the first of them says it.
fn family(bytes: &[u8]) -> Family {
    if bytes.first().is_some_and(|first| first & 0x80 != 0) { Family::V6 } else { Family::V4 }
}

fn arrive(world: &mut World, client: &mut Client, kind: u8, size: usize, piece: &[u8]) {
    let from = client.from;
    match kind % 8 {
        0 => world.gateway.handle_datagram(from, piece, world.now),
        1 if !piece.is_empty() => {
            world.home_queues(from, piece, size);
            world.serve();
        }
        // A message that authenticates up to where the bytes change it.
        2 => {
            let mut sealed = client.seal(&client.tcp(Flags::Push, 1000, b"k"));
            sealed.iter_mut().zip(piece).for_each(|(byte, change)| *byte ^= change);
            client.pass(world, &sealed);
        }
        3 => client.send(world, piece),
        4 => world.gateway.handle_channel_datagram(client.number, piece, world.now),
        5 if piece.len() >= VIRTIO_HEADER => {
            let (header, packet) = piece.split_first_chunk().expect("it is long enough");
            world.office_queues(*header, packet);
            world.serve();
        }
        6 => world.office_sends(piece),
        7 => {
            let mut initiation = client.initiation();
            initiation.iter_mut().zip(piece).for_each(|(byte, change)| *byte ^= change);
            world.gateway.handle_datagram(from, &initiation, world.now);
        }
        _ => {}
    }
}

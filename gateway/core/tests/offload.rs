//! Piling packets up and cutting super-packets are each other's inverse, whatever comes.

mod world;

use std::collections::BTreeMap;

use etherparse::NetSlice;
use gateway_core::{Drop, Family, Offload, Packet, Transport};
use proptest::prelude::*;
use world::{Client, Flags, MTU, World, checksums_hold, kernel::as_the_kernel_cuts, tcp, udp};

/// Packets by flow, in order, without what the kernel numbers anew.
fn by_flow(packets: impl IntoIterator<Item = Vec<u8>>) -> BTreeMap<u16, Vec<Vec<u8>>> {
    let mut flows: BTreeMap<u16, Vec<Vec<u8>>> = BTreeMap::new();
    for mut packet in packets {
        assert!(checksums_hold(&packet) || is_datagram_without_checksum(&packet));
        let ports_at = if packet[0] >> 4 == 4 { 20 } else { 40 };
        let port = u16::from_be_bytes([packet[ports_at], packet[ports_at + 1]]);
        if ports_at == 20 {
            packet[4..6].fill(0);
            packet[10..12].fill(0);
        }
        flows.entry(port).or_default().push(packet);
    }
    flows
}

#[derive(Debug, Clone)]
struct Step {
    flow: u16,
    length: usize,
    push: bool,
    skip: bool,
    /// One whose IPv4 header has a wrong checksum comes before it.
    lie: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length = prop_oneof![Just(0), Just(1), Just(1000), Just(1000), Just(1000), 1..usize::from(MTU) - 60];
    let chances = [0.1, 0.05, 0.05].map(prop::bool::weighted);
    let step = (0..20u16, length, chances).prop_map(|(flow, length, [push, skip, lie])| Step {
        flow,
        length,
        push,
        skip,
        lie,
    });
    prop::collection::vec(step, 1..200)
}

/// Which flows of [`steps`] are of datagrams, and not of TCP.
fn is_of_datagrams(flow: u16) -> bool {
    flow % 4 == 3
}

/// Now and then one without a checksum, or of another service class: neither may become like the others.
fn datagram(step: &Step, mut packet: Vec<u8>) -> Vec<u8> {
    match packet[0] >> 4 {
        4 if step.skip => packet[26..28].fill(0),
        6 if step.push => packet[1] |= 0x80,
        _ => {}
    }
    packet
}

fn is_datagram_without_checksum(packet: &[u8]) -> bool {
    packet[0] == 0x45 && packet[9] == 17 && packet[26..28] == [0, 0]
}

fn families() -> impl Strategy<Value = Family> {
    prop::sample::select(vec![Family::V4, Family::V6])
}

/// Few cases, for each is long; a case that failed is kept beside this file and tried first.
fn config() -> ProptestConfig {
    let kept = proptest::test_runner::FileFailurePersistence::WithSource("regressions");
    ProptestConfig { cases: 48, failure_persistence: Some(Box::new(kept)), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_home_sent_is_what_the_office_gets(steps in steps(), family in families()) {
        let mut world = World::of(family);
        let mut client = world.connect("m.rossi", 1);
        let mut next = [1000u32; 20];
        for flow in (0..20).filter(|flow| !is_of_datagrams(*flow)) {
            let syn = tcp(client.address, 40000 + flow, client.workstation(), 3389, Flags::Syn, 999, &[]);
            client.send(&mut world, &syn);
        }
        world.drain();
        world.office.clear();
        let (mut sent, mut lies) = (Vec::new(), 0);
        for step in steps {
            let sequence = &mut next[usize::from(step.flow)];
            *sequence = sequence.wrapping_add(if step.skip { 77 } else { 0 });
            let flags = if step.push { Flags::Push } else { Flags::Ack };
            let payload: Vec<u8> = (0..step.length).map(|n| (n as u32 ^ *sequence) as u8).collect();
            let desk = client.workstation();
            let packet = match is_of_datagrams(step.flow) {
                false => tcp(client.address, 40000 + step.flow, desk, 3389, flags, *sequence, &payload),
                true => datagram(&step, udp(client.address, 40000 + step.flow, desk, 3390, &payload)),
            };
            *sequence = sequence.wrapping_add(step.length as u32);
            if step.lie && family == Family::V4 {
                let mut lie = packet.clone();
                lie[11] ^= 1;
                client.send(&mut world, &lie);
                lies += 1;
            }
            client.send(&mut world, &packet);
            sent.push(packet);
        }
        world.drain();
        let got = world.office.iter().flat_map(|read| as_the_kernel_cuts(read)).collect::<Vec<_>>();
        prop_assert_eq!(by_flow(got), by_flow(sent));
        prop_assert_eq!(world.dropped(Drop::Malformed), lies);
    }

    #[test]
    fn a_super_packet_reaches_home_whole(
        length in 1usize..60_000,
        size in 1u16..1252,
        push in any::<bool>(),
        family in families(),
    ) {
        let mut world = World::of(family);
        let headers = if family == Family::V4 { 40 } else { 60 };
        let mut client = world.connect("m.rossi", 1);
        client.open_flow(&mut world);
        // So many pieces find room at once; the loop sends in between when they do not.
        let length = length.min(usize::from(size) * 180);
        let payload: Vec<u8> = (0..length).map(|n| (n * 31) as u8).collect();
        let flags = if push { Flags::Push } else { Flags::Ack };
        let whole = client.tcp_back(flags, 5000, &payload);
        world.gateway.handle_packet(Offload::Pieces(size), &whole, world.now);
        let pieces = client.take(&mut world);
        prop_assert_eq!(pieces.len(), length.div_ceil(usize::from(size)));
        let mut joined = Vec::new();
        for piece in &pieces {
            prop_assert!(checksums_hold(piece));
            joined.extend_from_slice(&piece[headers..]);
        }
        prop_assert_eq!(joined, payload);
    }

    #[test]
    fn a_packet_is_read_as_another_reader_reads_it(bytes in near_packets()) {
        let ours = Packet::parse(&bytes);
        let theirs = etherparse::SlicedPacket::from_ip(&bytes);
        if let Ok(packet) = ours {
            let theirs = theirs.expect("what we vouch for, others can read");
            match &theirs.net {
                Some(NetSlice::Ipv4(ip)) => {
                    prop_assert_eq!(ip.header().source_addr(), packet.source);
                    prop_assert_eq!(ip.header().destination_addr(), packet.destination);
                    prop_assert!(!ip.is_payload_fragmented() && ip.header().options().is_empty());
                }
                Some(NetSlice::Ipv6(ip)) => {
                    prop_assert_eq!(ip.header().source_addr(), packet.source);
                    prop_assert_eq!(ip.header().destination_addr(), packet.destination);
                    prop_assert!(!ip.is_payload_fragmented() && ip.extensions().first_header().is_none());
                }
                other => panic!("{other:?}"),
            }
            match (theirs.transport, packet.transport) {
                (Some(etherparse::TransportSlice::Tcp(theirs)), Transport::Tcp(ours)) => {
                    prop_assert_eq!(theirs.source_port(), ours.source);
                    prop_assert_eq!(theirs.destination_port(), ours.destination);
                    prop_assert_eq!(theirs.sequence_number(), ours.sequence);
                    prop_assert_eq!(theirs.payload(), packet.payload());
                }
                (Some(etherparse::TransportSlice::Udp(theirs)), Transport::Udp { source, destination }) => {
                    prop_assert_eq!((theirs.source_port(), theirs.destination_port()), (source, destination));
                    prop_assert_eq!(theirs.payload(), packet.payload());
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}

/// Datagrams of 100 bytes, sent in one round: the lengths of what is written for them, virtio headers off.
fn written(change: impl Fn(usize, &mut Vec<u8>), count: usize) -> Vec<usize> {
    let mut world = World::of(Family::V4);
    let mut client = world.connect("m.rossi", 1);
    for n in 0..count {
        let mut packet = udp(client.address, 40000, client.workstation(), 3390, &[n as u8; 100]);
        change(n, &mut packet);
        client.send(&mut world, &packet);
    }
    world.take_office().iter().map(Vec::len).collect()
}

#[test]
fn no_more_than_64_datagrams_go_together() {
    assert_eq!(written(|_, _| {}, 100), [28 + 64 * 100, 28 + 36 * 100]);
}

#[test]
fn a_corrupt_datagram_and_one_that_has_no_checksum_go_alone_as_they_are() {
    let pile = 28 + 2 * 100;
    let corrupt = |n: usize, packet: &mut Vec<u8>| packet[60] ^= u8::from(n == 2);
    assert_eq!(written(corrupt, 5), [pile, 128, pile]);
    // Bytes over which a checksum of zero, which means that there is none, would hold.
    let none = |n: usize, packet: &mut Vec<u8>| {
        if n == 2 {
            let checksum = u16::from_be_bytes([packet[26], packet[27]]);
            let word = u16::from_be_bytes([packet[28], packet[29]]);
            let (sum, carry) = word.overflowing_add(checksum);
            packet[28..30].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
            packet[26..28].fill(0);
        }
    };
    assert_eq!(written(none, 5), [pile, 128, pile]);
}

/// A good packet with a few bytes changed and its end cut or drawn out.
fn near_packets() -> impl Strategy<Value = Vec<u8>> {
    let mut client = Client::new(1);
    let mut good = Vec::new();
    for address in ["100.96.0.2", "fd64::2"] {
        client.hold(address.parse().unwrap());
        good.push(client.tcp(Flags::Push, 1, b"payload"));
        good.push(udp(client.address, 1, client.workstation(), 2, b"payload"));
    }
    let good = prop::sample::select(good);
    let changes = prop::collection::vec((0usize..64, any::<u8>()), 0..4);
    (good, changes, 0usize..80).prop_map(|(mut packet, changes, length)| {
        for (at, value) in changes {
            if let Some(byte) = packet.get_mut(at) {
                *byte = value;
            }
        }
        if length < 60 {
            packet.resize(length.max(packet.len() * usize::from(length < 20)), 0);
        }
        packet
    })
}

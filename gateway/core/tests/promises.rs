//! The gateway core keeps its promises, one small test each: real WireGuard on both ends, time moved by hand.

mod world;

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use gateway_api::CloseReason;
use gateway_core::{Drop, Family, Offload, OpenError};
use policy::SecondLogin;
use world::{
    Client, Flags, MTU, WORKSTATION, WORKSTATION_V6, World, checksums_hold, grant, packets::ip, sequence_of_reset, tcp,
    udp,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_session_carries_a_flow_both_ways() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    client.send(&mut world, &client.tcp(Flags::Push, 1000, b"hello"));
    assert_eq!(world.take_office(), [client.tcp(Flags::Push, 1000, b"hello")]);
    let answer = client.tcp_back(Flags::Push, 5000, b"desktop");
    world.office_sends(&answer);
    assert_eq!(client.take(&mut world), [answer]);
    let traffic = world.gateway.sessions(world.now)[0].traffic;
    assert_eq!((traffic.packets_to_office, traffic.packets_to_home), (3, 2));
    assert_eq!(world.gateway.counters().drops.total(), 0);
}

#[test]
fn a_session_goes_on_by_its_channel_and_back_by_udp() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    for by_channel in [true, false] {
        client.by_channel = by_channel;
        client.send(&mut world, &client.tcp(Flags::Push, 1000, b"hello"));
        assert_eq!(world.take_office(), [client.tcp(Flags::Push, 1000, b"hello")]);
        let answer = client.tcp_back(Flags::Push, 5000, b"desktop");
        world.office_sends(&answer);
        assert_eq!(client.take(&mut world), [answer], "the answer takes the way of the last authentic datagram");
        client.handshake(&mut world);
    }
    assert_eq!(world.gateway.counters().drops.total(), 0);
}

#[test]
fn a_handshake_alone_moves_no_session_to_another_way() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    let by_udp = client.way();
    client.by_channel = true;
    let initiation = client.initiation();
    client.pass(&mut world, &initiation);
    world.drain();
    assert_eq!(world.home.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [client.way()], "answered where it came from");
    world.home.clear();
    world.office_sends(&client.tcp_back(Flags::Push, 5000, b"desktop"));
    world.drain();
    assert_eq!(world.home.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [by_udp]);
}

#[test]
fn a_channel_carries_its_own_session_and_no_other() {
    let mut world = World::new();
    let (mut mine, mut other) = (world.connect("m.rossi", 1), world.connect("g.verdi", 2));
    mine.open_flow(&mut world);
    other.open_flow(&mut world);
    let stolen = other.seal(&other.tcp(Flags::Push, 1000, b"stolen"));
    world.gateway.handle_channel_datagram(mine.number, &stolen, world.now);
    let initiation = other.initiation();
    world.gateway.handle_channel_datagram(mine.number, &initiation, world.now);
    assert_eq!(world.take_office(), Vec::<Vec<u8>>::new());
    assert_eq!(world.home, []);
    assert_eq!(world.dropped(Drop::OtherSession), 2);
    // By its own channel, the same datagram is good.
    world.gateway.handle_channel_datagram(other.number, &stolen, world.now);
    assert_eq!(world.take_office().len(), 1);
    let views = world.gateway.sessions(world.now);
    assert_eq!(views[0].drops, [(Drop::OtherSession, 2)]);
    assert_eq!(views[1].drops, []);
}

#[test]
fn a_channel_cannot_make_the_gateway_shake_hands_for_ever() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.by_channel = true;
    for _ in 0..100 {
        let initiation = client.initiation();
        client.pass(&mut world, &initiation);
        world.drain();
    }
    assert!(world.dropped(Drop::TooManyHandshakes) >= 90, "{:?}", world.gateway.counters());
    world.pass(6 * SECOND);
    world.home.clear();
    client.handshake(&mut world);
    assert!(matches!(world.gateway.sessions(world.now)[0].endpoint, Some(gateway_core::Way::Channel(_))));
}

#[test]
fn a_channel_is_answered_while_strangers_flood_the_gateway() {
    let mut world = World::answering(1);
    let mut client = world.connect("m.rossi", 1);
    for serial in 0..50 {
        let initiation = Client::serial(1000 + serial).initiation();
        world.gateway.handle_datagram(client.from, &initiation, world.now);
    }
    world.drain();
    assert!(world.gateway.counters().cookies > 0);
    world.home.clear();
    client.by_channel = true;
    let before = world.gateway.counters().handshakes;
    client.handshake(&mut world);
    assert_eq!(world.gateway.counters().handshakes, before + 1);
}

#[test]
fn a_pending_session_has_no_peer() {
    let mut world = World::new();
    let mut client = Client::new(1);
    world.open("m.rossi", &client, grant()).unwrap();
    let initiation = client.initiation();
    world.gateway.handle_datagram(client.from, &initiation, world.now);
    world.drain();
    assert_eq!((world.home.len(), world.dropped(Drop::UnknownPeer)), (0, 1));
    world.pass(MINUTE);
    assert_eq!(world.closed(), [CloseReason::NeverUsed]);
    assert!(!world.gateway.admit_session(client.number, world.now));
}

#[test]
fn a_closed_session_leaves_no_peer_and_no_way_back() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    assert!(world.gateway.close_session(client.number, CloseReason::Administrator));
    world.drain();
    world.office.clear();
    client.send(&mut world, &client.tcp(Flags::Push, 1000, b"still here?"));
    assert_eq!(world.take_office(), Vec::<Vec<u8>>::new());
    let initiation = client.initiation();
    world.gateway.handle_datagram(client.from, &initiation, world.now);
    assert_eq!(world.dropped(Drop::UnknownPeer), 2);
    world.office_sends(&client.tcp_back(Flags::Push, 5000, b"anybody?"));
    assert_eq!(world.dropped(Drop::NoSession), 1);
    assert!(world.gateway.sessions(world.now).is_empty());
    assert!(!world.gateway.close_session(client.number, CloseReason::Administrator), "closed twice");
    assert_eq!(world.closed(), [CloseReason::Administrator]);
}

#[test]
fn an_end_resets_the_flow_on_both_sides_with_numbers_that_are_believed() {
    for family in [Family::V4, Family::V6] {
        let mut world = World::of(family);
        let mut client = world.connect("m.rossi", 1);
        client.open_flow(&mut world);
        client.send(&mut world, &client.tcp(Flags::Push, 1000, b"12345"));
        world.office_sends(&client.tcp_back(Flags::Push, 5000, b"1234567"));
        client.take(&mut world);
        world.take_office();
        world.gateway.close_session(client.number, CloseReason::Idle);
        // The workstation acknowledged 1000 and five bytes are under way: a reset at each number.
        let (home, desk) = (client.address, client.workstation());
        let resets = world.take_office();
        let numbers: Vec<_> = resets.iter().map(|packet| sequence_of_reset(packet, home, desk)).collect();
        assert_eq!(numbers, [1005, 1000]);
        let resets = client.take(&mut world);
        let numbers: Vec<_> = resets.iter().map(|packet| sequence_of_reset(packet, desk, home)).collect();
        assert_eq!(numbers, [5007]);
    }
}

#[test]
fn from_home_nothing_passes_but_the_granted_address_protocol_and_ports() {
    let own = Ipv4Addr::new(100, 96, 0, 2);
    let colleague = Ipv4Addr::new(100, 96, 0, 3);
    let gateway = Ipv4Addr::new(100, 96, 0, 1);
    let to = |address, port| tcp(own, 50000, address, port, Flags::Syn, 1, &[]);
    let changed = |at: usize, value: u8| {
        let mut packet = to(WORKSTATION, 3389);
        packet[at] = value;
        packet
    };
    let mut icmp = Vec::new();
    etherparse::PacketBuilder::ipv4(own.octets(), WORKSTATION.octets(), 64)
        .icmpv4_echo_request(1, 1)
        .write(&mut icmp, &[0; 32])
        .unwrap();
    let ipv6 = udp(IpAddr::from([0xfd; 16]), 1, IpAddr::from([0xfe; 16]), 3390, &[0; 8]);
    let mut options = to(WORKSTATION, 3389);
    options[0] = 0x46;
    let cases = [
        (to(Ipv4Addr::new(10, 20, 3, 48), 3389), Drop::OtherHost),
        (to(gateway, 3389), Drop::OtherHost),
        (to(colleague, 3389), Drop::OtherHost),
        (to(Ipv4Addr::BROADCAST, 3389), Drop::OtherHost),
        (to(WORKSTATION, 445), Drop::OtherPort),
        (udp(own, 50000, WORKSTATION, 3389, b"x"), Drop::OtherPort),
        (tcp(colleague, 50000, WORKSTATION, 3389, Flags::Syn, 1, &[]), Drop::SpoofedSource),
        (tcp(own, 50000, WORKSTATION, 3389, Flags::Push, 1, b"no flow"), Drop::NoFlow),
        (tcp(own, 50000, WORKSTATION, 3389, Flags::SynAck, 1, &[]), Drop::NoFlow),
        (icmp, Drop::OtherProtocol),
        (ipv6, Drop::OtherFamily),
        (options, Drop::IpOptions),
        (changed(6, 0x20), Drop::Fragment),   // more fragments follow
        (changed(7, 1), Drop::Fragment),      // an offset
        (changed(3, 30), Drop::Malformed),    // a total length that cuts the TCP header
        (changed(32, 0xf0), Drop::Malformed), // a TCP header longer than the packet
    ];
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    assert_eq!(client.address, own);
    for (packet, reason) in cases {
        let before = world.dropped(reason);
        client.send(&mut world, &packet);
        assert_eq!(world.dropped(reason), before + 1, "{reason:?}: {:?}", world.gateway.counters());
        assert_eq!(world.take_office(), Vec::<Vec<u8>>::new(), "{reason:?} passed");
    }
    // The session knows the same of itself.
    let counted: u64 = world.gateway.sessions(world.now)[0].drops.iter().map(|(_, count)| count).sum();
    assert_eq!(counted, 16);
}

#[test]
fn from_home_nothing_passes_by_ipv6_but_the_granted_address_protocol_and_ports() {
    let [own, colleague, gateway, neighbour] =
        ["fd64::2", "fd64::3", "fd64::1", "fd20:3::48"].map(|text| text.parse::<IpAddr>().unwrap());
    let workstation = IpAddr::from(WORKSTATION_V6);
    let to = |address: IpAddr, port| tcp(own, 50000, address, port, Flags::Syn, 1, &[]);
    let changed = |at: usize, value: u8| {
        let mut packet = to(workstation, 3389);
        packet[at] = value;
        packet
    };
    // An extension header of eight bytes before the TCP header.
    let extended = |kind: u8, first: [u8; 4]| {
        let mut packet = changed(6, kind);
        packet.splice(40..40, [&[6, 0][..], &first, &[0, 0]].concat());
        packet[5] += 8;
        packet
    };
    let icmp = |kind: u8| {
        let mut packet = Vec::new();
        let kind = etherparse::Icmpv6Type::Unknown { type_u8: kind, code_u8: 0, bytes5to8: [0; 4] };
        ip(own, workstation).icmpv6(kind).write(&mut packet, &to(neighbour, 3389)).unwrap();
        packet
    };
    let cases = [
        (to(neighbour, 3389), Drop::OtherHost),
        (to(gateway, 3389), Drop::OtherHost),
        (to(colleague, 3389), Drop::OtherHost),
        (to("ff02::1".parse().unwrap(), 3389), Drop::OtherHost),
        (to("::ffff:10.20.3.47".parse().unwrap(), 3389), Drop::OtherHost),
        (to(workstation, 445), Drop::OtherPort),
        (udp(own, 50000, workstation, 3389, b"x"), Drop::OtherPort),
        (tcp(colleague, 50000, workstation, 3389, Flags::Syn, 1, &[]), Drop::SpoofedSource),
        (tcp(own, 50000, workstation, 3389, Flags::Push, 1, b"no flow"), Drop::NoFlow),
        (tcp(Ipv4Addr::new(100, 96, 0, 2), 50000, WORKSTATION, 3389, Flags::Syn, 1, &[]), Drop::OtherFamily),
        (icmp(128), Drop::OtherProtocol),     // a ping
        (icmp(1), Drop::OtherProtocol),       // unreachable
        (icmp(2), Drop::OtherProtocol),       // too big, and of a size that no line has
        (icmp(135), Drop::OtherProtocol),     // asks for a neighbour
        (icmp(137), Drop::OtherProtocol),     // sends somebody elsewhere
        (changed(6, 4), Drop::OtherProtocol), // IPv4 inside
        (changed(6, 41), Drop::OtherProtocol),
        (extended(0, [1, 4, 0, 0]), Drop::IpOptions), // options for every hop
        (extended(43, [0, 0, 0, 0]), Drop::IpOptions), // a route
        (extended(60, [1, 4, 0, 0]), Drop::IpOptions), // options for the workstation
        (extended(44, [0, 1, 0, 0]), Drop::Fragment), // the first
        (extended(44, [0, 8, 0, 0]), Drop::Fragment), // the last
        (extended(44, [0, 0, 0, 0]), Drop::Fragment), // the only one
        (changed(5, 10), Drop::Malformed),            // less than a TCP header
        (changed(52, 0xf0), Drop::Malformed),         // a TCP header longer than the packet
    ];
    let mut world = World::of(Family::V6);
    let mut client = world.connect("m.rossi", 1);
    assert_eq!(client.address, own);
    for (packet, reason) in &cases {
        let before = world.dropped(*reason);
        client.send(&mut world, packet);
        assert_eq!(world.dropped(*reason), before + 1, "{reason:?}: {packet:02x?}");
        assert_eq!(world.take_office(), Vec::<Vec<u8>>::new(), "{reason:?} passed");
    }
    let counted: u64 = world.gateway.sessions(world.now)[0].drops.iter().map(|(_, count)| count).sum();
    assert_eq!(counted, cases.len() as u64);
}

#[test]
fn a_session_has_an_address_of_its_workstation_s_family_and_none_where_there_are_none() {
    let mut world = World::new();
    let first = world.connect("m.rossi", 1);
    world.workstation = WORKSTATION_V6.into();
    let second = world.connect("g.verdi", 2);
    assert!(first.address.is_ipv4() && second.address.is_ipv6());
    let mut world = World::lending("100.96.0.0/29", 1000);
    world.workstation = WORKSTATION_V6.into();
    assert_eq!(world.open("m.rossi", &Client::new(1), grant()), Err(OpenError::NoTunnelFamily));
}

#[test]
fn the_workstation_answers_and_opens_nothing() {
    for (family, stranger) in [(Family::V4, "10.20.3.48"), (Family::V6, "fd20:3::48")] {
        let mut world = World::of(family);
        let mut client = world.connect("m.rossi", 1);
        client.open_flow(&mut world);
        let (home, desk, stranger) = (client.address, client.workstation(), stranger.parse::<IpAddr>().unwrap());
        for packet in [
            tcp(desk, 3389, home, 50001, Flags::Syn, 1, &[]),
            tcp(desk, 3389, home, 50000, Flags::Syn, 1, &[]),
            tcp(desk, 445, home, 50000, Flags::Push, 1, b"x"),
            tcp(stranger, 3389, home, 50000, Flags::Push, 1, b"x"),
            udp(desk, 3390, home, 50000, b"x"),
        ] {
            world.office_sends(&packet);
        }
        assert_eq!(world.dropped(Drop::NotAnAnswer), 5);
        assert_eq!(client.take(&mut world), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn two_workers_never_meet() {
    let mut world = World::new();
    let mut first = world.connect("m.rossi", 1);
    let mut second = world.connect("g.bianchi", 2);
    first.open_flow(&mut world);
    second.open_flow(&mut world);
    world.office_sends(&first.tcp_back(Flags::Push, 5000, b"for the first"));
    assert_eq!(first.take(&mut world).len(), 1);
    assert_eq!(second.take(&mut world), Vec::<Vec<u8>>::new());
    // Sealed with the second's keys, with the first's address.
    let foreign = first.tcp(Flags::Push, 1000, b"not mine");
    second.send(&mut world, &foreign);
    assert_eq!(world.dropped(Drop::SpoofedSource), 1);
}

#[test]
fn a_replayed_datagram_passes_once() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    let datagram = client.seal(&client.tcp(Flags::Push, 1000, b"once"));
    for _ in 0..3 {
        world.gateway.handle_datagram(client.from, &datagram, world.now);
    }
    assert_eq!(world.take_office().len(), 1);
    assert_eq!(world.dropped(Drop::BadData), 2);
}

#[test]
fn strangers_get_no_answer() {
    let mut world = World::new();
    let mut stranger = Client::new(9);
    let initiation = stranger.initiation();
    world.gateway.handle_datagram(stranger.from, &initiation, world.now);
    world.gateway.handle_datagram(stranger.from, &[4, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0], world.now);
    world.gateway.handle_datagram(stranger.from, b"GET / HTTP/1.0\r\n\r\n", world.now);
    world.gateway.handle_datagram(stranger.from, &[], world.now);
    world.gateway.handle_datagram(stranger.from, &[4; 4000], world.now);
    world.drain();
    assert!(world.home.is_empty());
    assert_eq!(world.gateway.counters().drops.total(), 5);
}

#[test]
fn under_a_flood_of_handshakes_strangers_are_asked_for_a_cookie() {
    let mut world = World::new();
    let mut client = Client::new(1);
    world.open("m.rossi", &client, grant()).unwrap();
    world.gateway.admit_session(client.number, world.now);
    let initiation = client.initiation();
    for _ in 0..1100 {
        world.gateway.handle_datagram(client.from, &initiation, world.now);
        world.drain();
    }
    let counters = world.gateway.counters();
    assert_eq!((counters.handshakes, counters.cookies), (1, 100));
    assert_eq!(counters.drops.of(Drop::BadHandshake), 999, "seen before");
}

#[test]
fn sizes_on_the_wire_are_padded() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    for length in [1, 5, 10, 23, 100] {
        world.office_sends(&client.tcp_back(Flags::Push, 5000, &vec![0; length]));
    }
    world.drain();
    for (_, datagram) in &world.home {
        assert_eq!(datagram.len() % 16, 0, "{} bytes", datagram.len());
    }
    assert_eq!(world.home.len(), 5);
    assert_eq!(client.take(&mut world)[0].len(), 41, "the receiver trims by the IP length");
}

#[test]
fn what_is_larger_than_the_tunnel_is_refused() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    let fits = usize::from(MTU) - 40;
    world.office_sends(&client.tcp_back(Flags::Ack, 5000, &vec![0; fits]));
    world.office_sends(&client.tcp_back(Flags::Ack, 5000, &vec![0; fits + 1]));
    assert_eq!(client.take(&mut world).len(), 1);
    assert_eq!(world.dropped(Drop::TooBig), 1);
}

#[test]
fn a_super_packet_arrives_as_the_packets_it_stands_for() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    let payload: Vec<u8> = (0..5000u32).map(|n| n as u8).collect();
    let whole = client.tcp_back(Flags::Push, 5000, &payload);
    world.gateway.handle_packet(Offload::Pieces(1200), &whole, world.now);
    let pieces = client.take(&mut world);
    assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [1240, 1240, 1240, 1240, 240]);
    assert!(pieces.iter().all(|piece| checksums_hold(piece)));
    let joined: Vec<u8> = pieces.iter().flat_map(|piece| piece[40..].to_vec()).collect();
    assert_eq!(joined, payload);
    let pushed: Vec<bool> = pieces.iter().map(|piece| piece[33] & 8 != 0).collect();
    assert_eq!(pushed, [false, false, false, false, true], "only the last is pushed");
}

#[test]
fn a_super_packet_is_judged_as_its_pieces_would_be() {
    let mut world = World::new();
    let client = world.connect("m.rossi", 1);
    let whole = tcp(WORKSTATION, 445, client.address, 50000, Flags::Push, 1, &[0; 5000]);
    world.gateway.handle_packet(Offload::Pieces(1200), &whole, world.now);
    world.drain();
    assert_eq!((world.home.len(), world.dropped(Drop::NotAnAnswer)), (0, 5), "each piece is counted");
}

#[test]
fn packets_that_follow_each_other_reach_the_office_as_one() {
    for (family, headers) in [(Family::V4, 40), (Family::V6, 60)] {
        let mut world = World::of(family);
        let mut client = world.connect("m.rossi", 1);
        client.open_flow(&mut world);
        let mut sequence = 1000;
        for length in [1200usize, 1200, 1200, 700] {
            client.send(&mut world, &client.tcp(Flags::Ack, sequence, &vec![7; length]));
            sequence += length as u32;
        }
        let packets = world.take_office();
        assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), [4300 + headers]);
    }
}

#[test]
fn a_packet_whose_checksum_is_wrong_is_not_given_a_right_one() {
    for family in [Family::V4, Family::V6] {
        let mut world = World::of(family);
        let mut client = world.connect("m.rossi", 1);
        client.open_flow(&mut world);
        client.send(&mut world, &client.tcp(Flags::Ack, 1000, &[1; 1200]));
        let mut broken = client.tcp(Flags::Ack, 2200, &[2; 1200]);
        broken[100] ^= 1;
        client.send(&mut world, &broken);
        let packets = world.take_office();
        assert_eq!(packets.len(), 2);
        assert_eq!(packets[1], broken);
    }
}

#[test]
fn a_packet_whose_header_has_a_wrong_checksum_passes_neither_way() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    let first = client.tcp(Flags::Ack, 1000, &[1; 1200]);
    client.send(&mut world, &first);
    // In a pile, which has one header for all, nobody behind would see it.
    let mut next = client.tcp(Flags::Ack, 2200, &[2; 1200]);
    next[10] ^= 1;
    client.send(&mut world, &next);
    assert_eq!(world.take_office(), [first]);
    let mut answer = client.tcp_back(Flags::Ack, 5000, &[3; 2400]);
    answer[10] ^= 1;
    world.gateway.handle_packet(Offload::Pieces(1200), &answer, world.now);
    assert_eq!(client.take(&mut world), Vec::<Vec<u8>>::new());
    assert_eq!(world.dropped(Drop::Malformed), 2, "what cannot be read counts for itself");
}

#[test]
fn a_worker_who_signs_in_again_takes_over_when_the_new_session_is_admitted() {
    let mut world = World::new();
    let first = world.connect("m.rossi", 1);
    let second = Client::new(2);
    let opened = world.open("m.rossi", &second, grant()).unwrap();
    assert_eq!(opened.replaces, Some(first.number));
    assert_eq!(world.closed(), [], "the first works until the second is recorded");
    assert!(world.gateway.admit_session(second.number, world.now));
    world.drain();
    assert_eq!(world.closed(), [CloseReason::Replaced]);
    let left: Vec<_> = world.gateway.sessions(world.now).iter().map(|session| session.number).collect();
    assert_eq!(left, [second.number]);
}

#[test]
fn a_policy_that_refuses_a_second_login_keeps_the_first_session() {
    let mut world = World::new();
    let mut keep = grant();
    keep.second_login = SecondLogin::Refuse;
    world.connect_with("m.rossi", 1, keep.clone());
    assert_eq!(world.open("m.rossi", &Client::new(2), keep), Err(OpenError::AlreadyConnected));
    assert_eq!(world.closed(), []);
}

#[test]
fn addresses_are_lent_once_at_a_time_and_run_out() {
    let mut world = World::new();
    let mut lent = std::collections::BTreeSet::new();
    for seed in 0..=255u8 {
        match world.open(&format!("worker-{seed}"), &Client::new(seed), grant()) {
            Ok(opened) => assert!(lent.insert(opened.address)),
            Err(error) => assert_eq!(error, OpenError::NoAddress),
        }
    }
    assert_eq!(lent.len(), 253, "a /24 less network, broadcast and the gateway's own");
    world.pass(MINUTE);
    assert!(world.open("late", &Client::new(1), grant()).is_ok());
}

#[test]
fn of_dropped_packets_support_sees_the_headers_of_that_session_alone() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    let mut other = world.connect("g.verdi", 2);
    let dropped = |world: &mut World, client: &Client| world.gateway.dropped_headers(client.number, world.now);
    let refused = |client: &Client| tcp(client.address, 50_000, WORKSTATION, 22, Flags::Push, 7, b"secret");
    client.send(&mut world, &refused(&client));
    assert_eq!(dropped(&mut world, &client), None, "nothing is kept unasked");
    assert!(world.gateway.begin_look(client.number, 60 * SECOND, world.now));
    assert!(!world.gateway.begin_look(client.number, 60 * SECOND, world.now), "one look at a time");
    world.pass(SECOND);
    other.send(&mut world, &refused(&other));
    client.send(&mut world, &refused(&client));
    client.send(&mut world, &client.tcp(Flags::Syn, 999, &[]));
    world.office_sends(&tcp(WORKSTATION, 445, client.address, 50_000, Flags::Syn, 1, &[]));
    let seen = dropped(&mut world, &client).unwrap();
    let [home, office] = seen.headers.as_slice() else { panic!("{seen:?}") };
    assert_eq!((home.from, home.reason, home.at), (gateway_core::End::Home, Drop::OtherPort, SECOND));
    assert_eq!(&*home.header, &refused(&client)[..40]);
    assert_eq!((office.from, office.reason), (gateway_core::End::Office, Drop::NotAnAnswer));
    assert_eq!(dropped(&mut world, &client).map(|seen| (seen.headers.len(), seen.over)), Some((0, false)), "told once");
    world.pass(60 * SECOND);
    client.send(&mut world, &refused(&client));
    assert_eq!(dropped(&mut world, &client).map(|seen| (seen.headers.len(), seen.over)), Some((0, true)));
    assert!(world.gateway.end_look(client.number) && !world.gateway.end_look(client.number));
}

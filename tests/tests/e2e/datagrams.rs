//! Datagrams that travel in super-packets, either way: cut apart again, each is what was sent, and in its place.
//!
//! In memory this is tried at length (`gateway-core`); here the kernel makes the super-packets and takes them.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use e2e::{
    api,
    capture::Capture,
    gateway::{Gateway, Setup, UDP_PORT},
    packets, super_datagram, wait,
    wireguard::Tunnel,
    world::{WORKSTATION, WORKSTATION_V6, World},
};

/// How large the pieces of a super-packet are, the last of them, and how many there are, in bytes: the largest that the tunnel
/// carries by IPv6, small ones, and a last one that is as large as the others.
const SHAPES: [(usize, usize, usize); 4] = [(1264, 1, 40), (1000, 999, 20), (64, 7, 60), (500, 500, 30)];

/// The payloads of one super-packet, no two alike.
fn pieces((size, last, count): (usize, usize, usize)) -> Vec<Vec<u8>> {
    let piece = |nth: usize| {
        let length = if nth + 1 == count { last } else { size };
        (0..length).map(|place| (nth * 31 + place * 7 / 5) as u8).collect()
    };
    (0..count).map(piece).collect()
}

/// A session in which UDP passes, and both its ends.
fn at_work<'w>(world: &'w World, setup: &Setup, workstation: IpAddr) -> (Gateway<'w>, IpAddr, Tunnel, UdpSocket) {
    let gateway = Setup { udp: true, ..setup.clone() }.profile("grace", "\"10m\"").start(world);
    let (session, config) = api::session(world, &world.home, "m.rossi");
    let mut tunnel = Tunnel::open(&world.home, &config, wait::SOON).expect("the gateway knows this session's key");
    let desk = world.workstation.inside(|| UdpSocket::bind((workstation, UDP_PORT))).expect("a free port");
    desk.set_read_timeout(Some(wait::SOON)).expect("a fresh socket");
    tunnel.send(&packets::udp(session.address, workstation, UDP_PORT));
    let (_, home) = desk.recv_from(&mut [0; 16]).expect("the first datagram");
    desk.connect(home).expect("an address of the right family");
    (gateway, session.address, tunnel, desk)
}

/// Waits for a super-packet of these payloads on the tunnel's device, as the kernel and the gateway hand it to each other.
fn passed_whole(device: &Capture, from: SocketAddr, payloads: &[Vec<u8>]) {
    let whole = payloads.concat();
    wait::until("the super-packet", wait::SOON, || {
        let seen = device.seen();
        let is_it =
            |source, ports: Option<(u16, u16)>| (source, ports.map(|(from, _)| from)) == (from.ip(), Some(from.port()));
        seen.iter().any(|packet| is_it(packet.source, packet.ports) && packet.payload == whole).then_some(())
    });
}

fn pass_both_ways(setup: &Setup, workstation: IpAddr) {
    let world = World::new();
    let (_gateway, own, mut tunnel, desk) = at_work(&world, setup, workstation);
    let device = Capture::start(&world, &world.gateway, "deskgate0");
    for shape in SHAPES {
        let payloads = pieces(shape);
        super_datagram::send(&desk, &payloads.concat(), shape.0 as u16);
        for (nth, payload) in payloads.iter().enumerate() {
            let packet = tunnel.receive(wait::SOON).unwrap_or_else(|| panic!("piece {nth} of {shape:?} is missing"));
            assert!(packets::udp_payload(&packet) == Some(payload), "home, piece {nth} of {shape:?}: {packet:?}");
        }
        passed_whole(&device, (workstation, UDP_PORT).into(), &payloads);

        let sent = payloads.iter().map(|payload| packets::udp_with(own, workstation, UDP_PORT, payload));
        tunnel.send_together(&sent.collect::<Vec<_>>());
        for (nth, payload) in payloads.iter().enumerate() {
            let mut room = [0; 2048];
            let length = desk.recv(&mut room).unwrap_or_else(|e| panic!("piece {nth} of {shape:?} is missing: {e}"));
            assert!(room[..length] == **payload, "the workstation, piece {nth} of {shape:?}");
        }
        passed_whole(&device, (own, 40000).into(), &payloads);
    }
}

#[test]
fn super_packets_of_datagrams_are_cut_into_what_was_sent() {
    pass_both_ways(&Setup::default(), WORKSTATION);
}

#[test]
fn super_packets_of_datagrams_are_cut_into_what_was_sent_by_ipv6() {
    pass_both_ways(&Setup::default().by_ipv6(), WORKSTATION_V6);
}

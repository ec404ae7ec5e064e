//! Promise 2, only their workstation: whatever a home computer sends through its tunnel, one port of one computer is
//! all it reaches; and the workstation can answer, and open nothing.
//!
//! The hostile computer holds a real session's keys and sends packets of its own making. That a packet was refused is
//! believed only if its drop is counted under its reason *and* the office's wire shows nothing of it: each test ends
//! with an honest packet on the same way, and whatever was sent before would have come before.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use e2e::{
    api,
    capture::{Capture, Seen},
    echo::{self, Echo, connect},
    gateway::{Gateway, Setup},
    packets, wait,
    wireguard::Tunnel,
    world::{
        GATEWAY, GATEWAY_IN_OFFICE, OTHER_WORKSTATION, OTHER_WORKSTATION_V6, SERVERS, WORKSTATION, WORKSTATION_V6,
        World,
    },
};

/// A session in hostile hands, and who watches it.
struct Hostile<'w> {
    gateway: Gateway<'w>,
    number: String,
    address: IpAddr,
    tunnel: Tunnel,
    office: Capture,
}

impl<'w> Hostile<'w> {
    fn new(world: &'w World) -> Self {
        let gateway = Setup::default().profile("grace", "\"10m\"").start(world);
        let (session, config) = api::session(world, &world.home, "m.rossi");
        let tunnel = Tunnel::open(&world.home, &config, wait::SOON).expect("the gateway knows this session's key");
        let office = Capture::of_sent(world, &world.gateway, "lan0");
        Self { gateway, number: session.number.to_string(), address: session.address, tunnel, office }
    }

    /// Sends `packet`, waits until its refusal is counted as `reason`, and looks at the office's wire.
    fn expect_refused(mut self, packet: &[u8], reason: &str) {
        let before = self.gateway.drops(&self.number, reason);
        self.tunnel.send(packet);
        wait::until(&format!("a packet dropped as {reason}"), wait::SOON, || {
            (self.gateway.drops(&self.number, reason) == before + 1).then_some(())
        });
        self.office_saw_nothing();
    }

    /// Sends one honest packet; when the office has seen it, it has seen all that came before.
    fn office_saw_nothing(mut self) {
        let honest =
            |packet: &Seen| packet.destination == WORKSTATION && packet.ports.is_some_and(|(_, to)| to == 3389);
        self.tunnel.send(&packets::syn_from(self.address, 50505, WORKSTATION, 3389));
        wait::until("the honest packet", wait::SOON, || self.office.seen().iter().any(honest).then_some(()));
        let seen = self.office.finish();
        let strange = |packet: &&Seen| !(honest(packet) || packet.is_neighbourly());
        let strange: Vec<_> = seen.iter().filter(strange).collect();
        assert!(strange.is_empty(), "the office saw {strange:?}");
    }
}

#[test]
fn the_granted_port_answers() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let mut hostile = Hostile::new(&world);
    hostile.tunnel.send(&packets::syn(hostile.address, WORKSTATION, 3389));
    let answer = hostile.tunnel.receive(wait::SOON).expect("the workstation answers");
    assert_eq!(&answer[12..16], &[10, 20, 3, 47], "from the workstation");
    assert_eq!(answer[33], 0x12, "SYN and ACK");
}

#[test]
fn another_computer_of_the_office_is_out_of_reach() {
    let world = World::new();
    let _other = Echo::start(&world.other_workstation, "other", (OTHER_WORKSTATION, 3389));
    let hostile = Hostile::new(&world);
    let packet = packets::syn(hostile.address, OTHER_WORKSTATION, 3389);
    hostile.expect_refused(&packet, "other_host");
}

#[test]
fn the_directory_server_is_out_of_reach() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let packet = packets::syn(hostile.address, SERVERS, 636);
    hostile.expect_refused(&packet, "other_host");
}

#[test]
fn another_port_of_the_workstation_is_out_of_reach() {
    let world = World::new();
    let _ssh = Echo::start(&world.workstation, "ssh", (WORKSTATION, 22));
    let hostile = Hostile::new(&world);
    let packet = packets::syn(hostile.address, WORKSTATION, 22);
    hostile.expect_refused(&packet, "other_port");
}

#[test]
fn the_granted_port_by_udp_is_out_of_reach() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let packet = packets::udp(hostile.address, WORKSTATION, 3389);
    hostile.expect_refused(&packet, "other_port");
}

#[test]
fn the_gateway_is_out_of_reach_by_its_office_address() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let packet = packets::syn(hostile.address, GATEWAY_IN_OFFICE, 443);
    hostile.expect_refused(&packet, "other_host");
}

#[test]
fn the_gateway_is_out_of_reach_by_its_public_address() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let packet = packets::syn(hostile.address, GATEWAY, 443);
    hostile.expect_refused(&packet, "other_host");
}

#[test]
fn the_gateway_is_out_of_reach_by_its_address_in_the_tunnel() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let inside = world.gateway.sh("ip -4 -o addr show dev deskgate0 | awk '{print $4}' | cut -d/ -f1");
    // A device without an address of its own is as good: then the first of the pool stands for it.
    let inside = inside.trim().parse().unwrap_or_else(|_| "100.96.0.1".parse().expect("an address"));
    let packet = packets::syn(hostile.address, inside, 443);
    hostile.expect_refused(&packet, "other_host");
}

#[test]
fn another_worker_is_out_of_reach() {
    let world = World::new();
    let mut hostile = Hostile::new(&world);
    let (_, config) = api::session(&world, &world.other_home, "g.verdi");
    let mut other = Tunnel::open(&world.other_home, &config, wait::SOON).expect("the gateway knows the second key");
    let packet = packets::syn(hostile.address, config.address, 3389);
    hostile.tunnel.send(&packet);
    assert_eq!(other.receive(Duration::from_secs(1)), None);
    hostile.expect_refused(&packet, "other_host");
}

#[test]
fn the_internet_is_out_of_reach() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let packet = packets::syn(hostile.address, "203.0.113.1".parse().expect("an address"), 80);
    hostile.expect_refused(&packet, "other_host");
}

#[test]
fn a_broadcast_goes_nowhere() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let packet = packets::udp(hostile.address, "255.255.255.255".parse().expect("an address"), 9);
    hostile.expect_refused(&packet, "other_host");
}

#[test]
fn ipv6_is_no_way_round() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    hostile.expect_refused(&packets::syn(OTHER_WORKSTATION_V6, WORKSTATION_V6, 3389), "other_family");
}

#[test]
fn ipv6_to_all_neighbours_goes_nowhere() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    hostile.expect_refused(&packets::ping_v6(), "other_protocol");
}

#[test]
fn a_ping_goes_nowhere() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let packet = packets::ping(hostile.address, WORKSTATION);
    hostile.expect_refused(&packet, "other_protocol");
}

#[test]
fn a_first_fragment_goes_nowhere() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let packet = packets::fragment(&packets::syn(hostile.address, WORKSTATION, 3389), 0, true);
    hostile.expect_refused(&packet, "fragment");
}

#[test]
fn a_later_fragment_goes_nowhere() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let packet = packets::fragment(&packets::syn(hostile.address, WORKSTATION, 3389), 3, false);
    hostile.expect_refused(&packet, "fragment");
}

#[test]
fn a_packet_with_a_route_in_its_options_goes_nowhere() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let packet = packets::syn(hostile.address, WORKSTATION, 3389);
    hostile.expect_refused(&packets::source_routed(&packet, OTHER_WORKSTATION), "ip_options");
}

#[test]
fn a_spoofed_source_goes_nowhere() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    hostile.expect_refused(&packets::syn(OTHER_WORKSTATION, WORKSTATION, 3389), "spoofed_source");
}

#[test]
fn the_address_of_another_session_is_a_spoofed_source() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let (_, config) = api::session(&world, &world.other_home, "g.verdi");
    hostile.expect_refused(&packets::syn(config.address, OTHER_WORKSTATION, 3389), "spoofed_source");
}

#[test]
fn a_segment_that_opens_nothing_goes_nowhere() {
    let world = World::new();
    let hostile = Hostile::new(&world);
    let packet = packets::stray_segment(hostile.address, WORKSTATION, 3389);
    hostile.expect_refused(&packet, "no_flow");
}

#[test]
fn bytes_that_are_no_packet_go_nowhere() {
    let world = World::new();
    let mut hostile = Hostile::new(&world);
    let mut lying = packets::syn(hostile.address, WORKSTATION, 3389);
    lying[2..4].copy_from_slice(&[0xff, 0xff]);
    hostile.tunnel.send(&lying);
    hostile.tunnel.send(&[0x45; 19]);
    let short = packets::syn(hostile.address, WORKSTATION, 3389)[..30].to_vec();
    hostile.tunnel.send(&short);
    wait::until("an honest answer after the nonsense", wait::SOON, || {
        hostile.tunnel.send(&packets::syn_from(hostile.address, 50506, WORKSTATION, 3389));
        hostile.tunnel.receive(Duration::from_secs(1)).map(|_| ())
    });
    hostile.office_saw_nothing();
}

#[test]
fn the_workstation_opens_nothing_towards_home() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let mut hostile = Hostile::new(&world);
    hostile.tunnel.send(&packets::syn(hostile.address, WORKSTATION, 3389));
    hostile.tunnel.receive(wait::SOON).expect("the workstation answers");

    // It knows where its worker is, and the gateway is its router: TCP, UDP, to ports in use and not.
    let target = SocketAddr::new(hostile.address, 40000);
    assert!(connect(&world.workstation, hostile.address, 40000).is_none());
    assert!(connect(&world.workstation, hostile.address, 3389).is_none());
    world.workstation.inside(|| {
        let socket = std::net::UdpSocket::bind((WORKSTATION, 3389)).expect("a free port");
        socket.send_to(b"hello", target).expect("a route")
    });
    assert_eq!(unasked(&mut hostile.tunnel), None);
}

#[test]
fn another_computer_of_the_office_reaches_no_home() {
    let world = World::new();
    let mut hostile = Hostile::new(&world);
    world.other_workstation.inside(|| {
        let socket = std::net::UdpSocket::bind((OTHER_WORKSTATION, 3389)).expect("a free port");
        socket.send_to(b"hello", SocketAddr::new(hostile.address, 40000)).expect("a route")
    });
    assert!(connect(&world.other_workstation, hostile.address, 40000).is_none());
    assert_eq!(unasked(&mut hostile.tunnel), None);
}

/// A packet from the tunnel that is no repetition of the workstation's SYN-ACK.
fn unasked(tunnel: &mut Tunnel) -> Option<Vec<u8>> {
    wait::within(Duration::from_secs(3), || {
        let packet = tunnel.receive(Duration::from_millis(200))?;
        (packet.get(33) != Some(&0x12)).then_some(packet)
    })
}

#[test]
fn nobody_on_the_internet_routes_round_the_tunnel() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let _gateway = Setup::default().start(&world);
    for computer in [&world.internet, &world.home] {
        let via = if computer.name() == "home" { "198.51.100.1" } else { "203.0.113.2" };
        computer.ip(&format!("route add 10.20.3.0/24 via {via}"));
    }
    assert_eq!(echo::greeting(&world.home, WORKSTATION, 3389), None);
    assert_eq!(echo::greeting(&world.internet, WORKSTATION, 3389), None);
    assert_eq!(echo::greeting(&world.internet, GATEWAY_IN_OFFICE, 443), None);
}

#[test]
fn without_a_session_the_tunnel_does_not_answer() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let (session, config) = api::session(&world, &world.home, "m.rossi");
    gateway.command(&["session", "close", &session.number.to_string()]);
    gateway.assert_nothing_left();
    assert!(Tunnel::open(&world.home, &config, Duration::from_secs(2)).is_none());
}

//! Workstations and gateways that are reached by IPv6: what must pass, and that the promises hold there as by IPv4.
//!
//! Many packets drawn at random, by this family too: `hostile`.

use std::{net::IpAddr, time::Duration};

use e2e::{
    api,
    capture::{Capture, Seen},
    client::{Connect, exit},
    device::Device,
    echo::{Beat, Echo, answers, connect, greeting, read_line, returns_a_megabyte},
    gateway::{CONTROL_PORT, Gateway, Setup, TUNNEL_PORT, at},
    packets, wait,
    wireguard::Tunnel,
    world::{GATEWAY_IN_OFFICE_V6, GATEWAY_V6, OTHER_WORKSTATION_V6, WORKSTATION, WORKSTATION_V6, World},
};

use crate::LOOPBACK;

/// The network that the tests' gateways lend IPv6 addresses from begins so.
const POOL: &str = "fd64::";

fn desk(world: &World) -> Echo {
    Echo::start(&world.workstation, "desk", (WORKSTATION_V6, 3389))
}

fn is_to_desk(packet: &Seen) -> bool {
    packet.destination == WORKSTATION_V6 && packet.ports.is_some_and(|(_, to)| to == 3389)
}

/// Connections of the workstation's that its system believes in.
fn connections(world: &World) -> usize {
    world.workstation.sh("ss -Htn state established '( sport = :3389 )'").lines().count()
}

fn reaches_as(setup: &Setup, source: &str) {
    let world = World::new();
    let desk = desk(&world);
    let gateway = setup.start(&world);
    let office = Capture::of_sent(&world, &world.gateway, "lan0");
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert_eq!(read_line(&mut stream).as_deref(), Some("desk"));
    assert!(answers(&mut stream, "hello"));
    assert_eq!(desk.visits(), 1);
    wait::until("packets in the office", wait::SOON, || office.seen().iter().any(is_to_desk).then_some(()));
    let seen = office.finish();
    let mut to_desk = seen.iter().filter(|packet| is_to_desk(packet));
    assert!(to_desk.all(|packet| packet.source.to_string().starts_with(source)), "{seen:?}");
}

#[test]
fn a_worker_reaches_a_workstation_that_has_only_ipv6() {
    reaches_as(&Setup::default().by_ipv6(), "fd20:3::1");
}

#[test]
fn with_a_route_to_the_pool_the_workstation_sees_the_session_s_own_address() {
    // The world's workstations have the gateway as their router already.
    reaches_as(&Setup { masquerade: false, ..Setup::default().by_ipv6() }, POOL);
}

#[test]
fn a_megabyte_comes_back_as_it_was_sent() {
    let world = World::new();
    let _desk = desk(&world);
    let gateway = Setup::default().by_ipv6().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    read_line(&mut stream);
    returns_a_megabyte(stream);
}

#[test]
fn a_workstation_of_both_families_is_reached_by_ipv4() {
    let world = World::new();
    let _desk = crate::desk(&world);
    for address in [WORKSTATION_V6, WORKSTATION] {
        world.also_name("anagrafe-07.azienda.test", address);
    }
    let setup = Setup { workstation: "anagrafe-07.azienda.test".to_owned(), ..Setup::default().by_ipv6() };
    let gateway = setup.start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    assert_eq!(greeting(&world.home, LOOPBACK, client.port()).as_deref(), Some("desk"));
}

#[test]
fn workers_of_both_families_work_side_by_side() {
    let world = World::new();
    let _desk = desk(&world);
    let _other = Echo::start(&world.other_workstation, "other desk", (e2e::world::OTHER_WORKSTATION, 3389));
    let gateway = Setup::default().by_ipv6().start(&world);
    let mut rossi = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut verdi = Connect::new(&gateway, "g.verdi").start(&world.other_home);
    assert_eq!(greeting(&world.home, LOOPBACK, rossi.port()).as_deref(), Some("desk"));
    assert_eq!(greeting(&world.other_home, LOOPBACK, verdi.port()).as_deref(), Some("other desk"));
}

#[test]
fn without_ipv6_addresses_to_lend_the_login_is_refused_and_the_log_says_why() {
    let world = World::new();
    let gateway = Setup { pool_ipv6: None, ..Setup::default().by_ipv6() }.start(&world);
    assert!(gateway.log().contains("`[tunnel]` has no `pool_ipv6`"), "{}", gateway.log());
    let (code, said) = Connect::new(&gateway, "m.rossi").refused(&world.home);
    assert_eq!(code, exit::REFUSED, "{said}");
    let why = |record: &serde_json::Value| record["fields"]["reason"] == "workstation_other_family";
    wait::until("the refusal in the record", wait::SOON, || gateway.records().iter().any(why).then_some(()));
}

/// A session by IPv6 in hostile hands.
fn hostile<'w>(world: &'w World) -> (Gateway<'w>, String, IpAddr, Tunnel) {
    let gateway = Setup::default().by_ipv6().profile("grace", "\"10m\"").start(world);
    let (session, config) = api::session(world, &world.home, "m.rossi");
    assert!(session.address.is_ipv6(), "{}", session.address);
    let tunnel = Tunnel::open(&world.home, &config, wait::SOON).expect("the gateway knows this session's key");
    (gateway, session.number.to_string(), session.address, tunnel)
}

/// Sends one honest packet; when the office has seen it, it has seen all that came before.
fn saw_only_the_honest_packet(office: Capture, send: impl FnOnce(Vec<u8>), own: IpAddr) {
    let honest = |packet: &Seen| is_to_desk(packet) && packet.ports.is_some_and(|(from, _)| from == 50505);
    send(packets::syn_from(own, 50505, WORKSTATION_V6, 3389));
    wait::until("the honest packet", wait::SOON, || office.seen().iter().any(honest).then_some(()));
    let seen = office.finish();
    let strange: Vec<_> = seen.iter().filter(|packet| !honest(packet) && !packet.is_neighbourly()).collect();
    assert!(strange.is_empty(), "the office saw {strange:?}");
}

#[test]
fn one_port_of_one_computer_is_all_that_a_session_reaches() {
    let world = World::new();
    let _other = Echo::start(&world.other_workstation, "other", (OTHER_WORKSTATION_V6, 3389));
    let (gateway, number, own, mut tunnel) = hostile(&world);
    let office = Capture::of_sent(&world, &world.gateway, "lan0");
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let syn = packets::syn(own, WORKSTATION_V6, 3389);
    let hop_by_hop = packets::extended(&syn, 0, &[0, 1, 4, 0, 0, 0, 0]);
    let solicitation = packets::extended(&packets::ping(own, WORKSTATION_V6), 60, &[0, 1, 4, 0, 0, 0, 0]);
    for (packet, reason) in [
        (packets::syn(own, OTHER_WORKSTATION_V6, 3389), "other_host"),
        (packets::syn(own, GATEWAY_IN_OFFICE_V6, 443), "other_host"),
        (packets::syn(own, GATEWAY_V6, 443), "other_host"),
        (packets::syn(own, address("fd64::1"), 443), "other_host"),
        (packets::syn(own, address("fd64::3"), 3389), "other_host"),
        (packets::syn(own, address("2001:db8:100::2"), 80), "other_host"),
        (packets::udp(own, address("ff02::1"), 3389), "other_host"),
        (packets::syn(own, WORKSTATION_V6, 22), "other_port"),
        (packets::udp(own, WORKSTATION_V6, 3389), "other_port"),
        (packets::syn(OTHER_WORKSTATION_V6, WORKSTATION_V6, 3389), "spoofed_source"),
        (packets::syn(address("100.96.0.2"), WORKSTATION, 3389), "other_family"),
        (packets::stray_segment(own, WORKSTATION_V6, 3389), "no_flow"),
        (packets::ping(own, WORKSTATION_V6), "other_protocol"),
        (packets::ping_v6(), "other_protocol"),
        (packets::too_big(own, WORKSTATION_V6, 1280, &syn), "no_flow"),
        (packets::fragment(&syn, 0, true), "fragment"),
        (packets::fragment(&syn, 3, false), "fragment"),
        (packets::fragment(&syn, 0, false), "fragment"),
        (packets::source_routed(&syn, OTHER_WORKSTATION_V6), "ip_options"),
        (hop_by_hop, "ip_options"),
        (solicitation, "ip_options"),
    ] {
        let before = gateway.drops(&number, reason);
        tunnel.send(&packet);
        wait::until(&format!("a packet dropped as {reason}"), wait::SOON, || {
            (gateway.drops(&number, reason) == before + 1).then_some(())
        });
    }
    saw_only_the_honest_packet(office, |packet| tunnel.send(&packet), own);
}

#[test]
fn past_the_filter_a_packet_still_reaches_only_what_a_session_was_granted() {
    let world = World::new();
    let (gateway, _, own, _tunnel) = hostile(&world);
    let device = Device::of(gateway.pid().expect("it runs"));
    let office = Capture::of_sent(&world, &world.gateway, "lan0");
    let nobody: IpAddr = "fd64::99".parse().expect("an address");
    let syn = packets::syn(own, WORKSTATION_V6, 3389);
    for packet in [
        packets::syn(own, OTHER_WORKSTATION_V6, 3389),
        packets::syn(own, WORKSTATION_V6, 22),
        packets::udp(own, WORKSTATION_V6, 3389),
        packets::ping(own, WORKSTATION_V6),
        packets::syn(own, GATEWAY_IN_OFFICE_V6, 443),
        packets::syn(nobody, WORKSTATION_V6, 3389),
        packets::syn(OTHER_WORKSTATION_V6, WORKSTATION_V6, 3389),
        packets::fragment(&syn, 9, false),
        packets::source_routed(&syn, OTHER_WORKSTATION_V6),
        packets::extended(&syn, 0, &[0, 1, 4, 0, 0, 0, 0]),
    ] {
        device.write(&packet);
    }
    saw_only_the_honest_packet(office, |packet| device.write(&packet), own);
    let in_the_tunnel: IpAddr = "fd64::1".parse().expect("an address");
    let addresses = [GATEWAY_IN_OFFICE_V6, GATEWAY_V6, in_the_tunnel];
    crate::fence::nothing_is_heard_at_the_gateway(&world, &device, own, &addresses);
}

#[test]
fn the_workstation_opens_nothing_towards_home() {
    let world = World::new();
    let _desk = desk(&world);
    // Without masquerading it knows where its worker is, and the gateway is its router.
    let setup = Setup { masquerade: false, ..Setup::default().by_ipv6() }.profile("grace", "\"10m\"");
    let _gateway = setup.start(&world);
    let (session, config) = api::session(&world, &world.home, "m.rossi");
    let mut tunnel = Tunnel::open(&world.home, &config, wait::SOON).expect("the gateway knows this session's key");
    tunnel.send(&packets::syn(session.address, WORKSTATION_V6, 3389));
    let answer = tunnel.receive(wait::SOON).expect("the workstation answers");
    assert_eq!((answer[0] >> 4, answer[53]), (6, 0x12), "SYN and ACK");
    assert!(connect(&world.workstation, session.address, 40000).is_none());
    assert!(connect(&world.workstation, session.address, 3389).is_none());
}

#[test]
fn an_end_lets_the_desktop_go_at_once() {
    let world = World::new();
    let _desk = desk(&world);
    let gateway = Setup::default().by_ipv6().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert!(read_line(&mut stream).is_some() && answers(&mut stream, "hello"));
    assert_eq!(connections(&world), 1);
    gateway.command(&["session", "close", &gateway.only_session()]);
    // Told by a reset: nothing else ends a connection that is left alone.
    wait::until("the desktop to be let go", wait::SOON, || (connections(&world) == 0).then_some(()));
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    gateway.assert_nothing_left();
}

#[test]
fn a_gateway_that_is_killed_cuts_nobody() {
    let world = World::new();
    let desk = desk(&world);
    let mut gateway = Setup::default().by_ipv6().profile("grace", "\"2m\"").start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert!(read_line(&mut stream).is_some());
    let number = gateway.only_session();
    let beat = Beat::start(stream);
    beat.wait_for(50);
    gateway.kill();
    gateway.start_again();
    assert_eq!(gateway.only_session(), number);
    beat.wait_for(100);
    assert_eq!(desk.visits(), 1, "nobody had to connect again");
    assert!(!client.ended());
}

#[test]
fn an_office_that_takes_less_tells_the_home() {
    let world = World::new();
    let _desk = desk(&world);
    // A router behind the gateway would have to say so; the gateway's own leg is the nearest one. IPv6 takes no line below 1280.
    let (_gateway, _, own, mut tunnel) = hostile(&world);
    tunnel.send(&packets::syn(own, WORKSTATION_V6, 3389));
    tunnel.receive(wait::SOON).expect("the workstation answers");
    world.gateway.ip("link set lan0 mtu 1280");
    tunnel.send(&packets::data(own, WORKSTATION_V6, 3389, &[0; 1240]));
    let told = wait::within(wait::SOON, || {
        tunnel.receive(Duration::from_millis(200)).filter(|packet| packet.get(6) == Some(&58))
    });
    let told = told.expect("a message");
    assert_eq!((told[40], told[41]), (2, 0), "packet too big");
    assert_eq!(u32::from_be_bytes([told[44], told[45], told[46], told[47]]), 1280);
}

#[test]
fn a_gateway_is_reached_by_ipv6_from_home() {
    let world = World::new();
    let _desk = desk(&world);
    let setup = Setup {
        listen: "[::]",
        public: (at(GATEWAY_V6, CONTROL_PORT), at(GATEWAY_V6, TUNNEL_PORT)),
        ..Setup::default().by_ipv6()
    };
    let gateway = setup.start(&world);
    let udp = Capture::start(&world, &world.gateway, "wan0");
    let mut client =
        Connect { server: at(GATEWAY_V6, CONTROL_PORT), ..Connect::new(&gateway, "m.rossi") }.start(&world.home);
    assert_eq!(greeting(&world.home, LOOPBACK, client.port()).as_deref(), Some("desk"));
    let is_tunnel = |packet: &Seen| {
        packet.destination == GATEWAY_V6
            && packet.protocol == 17
            && packet.ports.is_some_and(|(_, to)| to == TUNNEL_PORT)
    };
    wait::until("the tunnel's datagrams", wait::SOON, || udp.seen().iter().any(is_tunnel).then_some(()));
    assert_eq!(greeting(&world.home, LOOPBACK, client.port()).as_deref(), Some("desk"));
}

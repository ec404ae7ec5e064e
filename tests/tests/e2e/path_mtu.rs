//! Narrow paths. What fits a home line of 1,400 bytes passes whole; where a path is narrower than both ends believe, whoever
//! sends too much is told so, through all filters, and nobody else is.

use std::net::{IpAddr, SocketAddr};

use e2e::{
    api,
    capture::{Capture, Seen},
    client::Connect,
    echo::{connect, read_line, returns_a_megabyte},
    gateway::{CONTROL_PORT, Setup, TUNNEL_PORT, at},
    packets, wait,
    wireguard::Tunnel,
    world::{GATEWAY, GATEWAY_V6, HOME, HOME_V6, WORKSTATION, World},
};

use crate::{LOOPBACK, channel::by};

/// A tunnel with one connection in it: what the workstation answered to the SYN.
fn connection(tunnel: &mut Tunnel, address: IpAddr) -> Vec<u8> {
    tunnel.send(&packets::syn(address, WORKSTATION, 3389));
    tunnel.receive(wait::SOON).expect("the workstation answers")
}

#[test]
fn a_workstation_that_sends_more_than_the_tunnel_carries_is_told_what_fits() {
    let world = World::new();
    let _gateway = Setup::default().profile("grace", "\"10m\"").start(&world);
    let (session, _) = api::session(&world, &world.home, "m.rossi");
    wait::until("the workstation to know", wait::SOON, || {
        // Nobody at home asked for it: it is told all the same, before anything is let through.
        let _ = world.workstation.inside(|| {
            let socket = std::net::UdpSocket::bind((WORKSTATION, 0)).expect("a free port");
            socket.send_to(&[0; 1400], SocketAddr::new(session.address, 40000))
        });
        world.workstation.sh(&format!("ip route get {}", session.address)).contains("mtu 1312").then_some(())
    });
}

#[test]
fn a_home_that_takes_less_tells_the_workstation() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let _gateway = Setup::default().profile("grace", "\"10m\"").start(&world);
    let (session, config) = api::session(&world, &world.home, "m.rossi");
    let mut tunnel = Tunnel::open(&world.home, &config, wait::SOON).expect("the gateway knows this session's key");
    let answer = connection(&mut tunnel, session.address);
    let office = Capture::start(&world, &world.gateway, "lan0");
    tunnel.send(&packets::too_big(session.address, WORKSTATION, 1280, &answer[..28]));
    wait::until("the message in the office", wait::SOON, || {
        office.seen().iter().any(|packet| packet.protocol == 1 && packet.destination == WORKSTATION).then_some(())
    });
}

#[test]
fn an_office_that_takes_less_tells_the_home() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let _gateway = Setup::default().profile("grace", "\"10m\"").start(&world);
    let (session, config) = api::session(&world, &world.home, "m.rossi");
    let mut tunnel = Tunnel::open(&world.home, &config, wait::SOON).expect("the gateway knows this session's key");
    connection(&mut tunnel, session.address);
    world.gateway.ip("link set lan0 mtu 1000");
    tunnel.send(&packets::data(session.address, WORKSTATION, 3389, &[0; 1100]));
    let told = wait::within(wait::SOON, || {
        tunnel.receive(std::time::Duration::from_millis(200)).filter(|packet| packet.get(9) == Some(&1))
    });
    let told = told.expect("a message");
    assert_eq!((told[20], told[21]), (3, 4), "fragmentation needed");
    assert_eq!(u16::from_be_bytes([told[26], told[27]]), 1000);
}

/// Copies a megabyte both ways over a home line that takes 1,400 bytes, between these two addresses; the largest datagrams are
/// IP packets of `largest` bytes, and none is cut on the way.
fn passes_a_line_of_1400_bytes(home: IpAddr, gateway_address: IpAddr, largest: usize) {
    let world = World::new();
    let _desk = crate::desk(&world);
    for (computer, interface) in [(&world.home, "eth0"), (&world.internet, "home")] {
        computer.ip(&format!("link set {interface} mtu 1400"));
    }
    // Nobody but the programs under test is to cut anything: what they send as one datagram is seen as one.
    for (computer, interface) in [(&world.home, "eth0"), (&world.gateway, "wan0")] {
        computer.ip(&format!("link set {interface} gso_max_segs 1"));
    }
    let public = (at(gateway_address, CONTROL_PORT), at(gateway_address, TUNNEL_PORT));
    let setup = Setup { listen: "[::]", public, ..Setup::default() };
    let gateway = setup.start(&world);
    let line = Capture::start(&world, &world.internet, "home");
    let server = at(gateway_address, CONTROL_PORT);
    let mut client = Connect { server, ..Connect::new(&gateway, "m.rossi") }.start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert_eq!(read_line(&mut stream).as_deref(), Some("desk"));
    returns_a_megabyte(stream);
    assert_eq!(by(&gateway, &gateway.held_session()), "udp");
    let headers = 8 + if home.is_ipv4() { 20 } else { 40 };
    let seen = line.finish();
    for (from, to) in [(home, gateway_address), (gateway_address, home)] {
        let datagrams = seen.iter().filter(|packet| packet.protocol == 17 && packet.source == from);
        let datagrams: Vec<&Seen> = datagrams.filter(|packet| packet.destination == to).collect();
        assert!(datagrams.iter().all(|datagram| !datagram.fragment), "cut on its way from {from}");
        let longest = datagrams.iter().map(|datagram| headers + datagram.payload.len()).max();
        assert_eq!(longest, Some(largest), "from {from}");
    }
}

#[test]
fn a_home_line_of_1400_bytes_carries_everything() {
    passes_a_line_of_1400_bytes(HOME, GATEWAY, 1372);
}

#[test]
fn a_home_line_of_1400_bytes_carries_everything_by_ipv6() {
    passes_a_line_of_1400_bytes(HOME_V6, GATEWAY_V6, 1392);
}

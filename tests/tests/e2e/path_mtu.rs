//! A path narrower than both ends believe: whoever sends too much is told so, through all filters, and nobody else is.

use std::net::SocketAddr;

use e2e::{
    api,
    capture::Capture,
    gateway::Setup,
    packets, wait,
    wireguard::Tunnel,
    world::{WORKSTATION, World},
};

/// A tunnel with one connection in it: what the workstation answered to the SYN.
fn connection(tunnel: &mut Tunnel, address: std::net::IpAddr) -> Vec<u8> {
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

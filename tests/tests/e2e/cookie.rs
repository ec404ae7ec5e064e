//! Under load the gateway asks whoever shakes hands for a cookie, and a WireGuard program that is not ours brings it.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use e2e::{
    api,
    capture::{Capture, Seen},
    echo::greeting,
    gateway::{Setup, TUNNEL_PORT},
    netns::Computer,
    wait,
    wireguard::strange_initiation,
    world::{GATEWAY, WORKSTATION, World},
};
use gateway_api::PublicKey;

/// The first bytes of WireGuard's messages (WireGuard, section 5.4).
const INITIATION: u8 = 1;
const RESPONSE: u8 = 2;
const COOKIE_REPLY: u8 = 3;
/// Where an initiation has its second checksum, which only a cookie can make: 16 bytes, zero without one.
const MAC2: std::ops::Range<usize> = 132..148;
/// WireGuard tries again after five seconds, and its cookie holds for two minutes.
const SOON: Duration = Duration::from_secs(60);

/// Sends handshakes of strangers, from ports enough to meet every loop, until told to stop.
fn flood(from: &Computer, gateway: PublicKey, stop: &AtomicBool) {
    let sockets: Vec<_> = (0..8).map(|_| from.inside(|| UdpSocket::bind("0.0.0.0:0")).expect("a free port")).collect();
    let initiation = strange_initiation(gateway);
    while !stop.load(Ordering::Relaxed) {
        for socket in &sockets {
            // A full queue is a flood too.
            let _ = socket.send_to(&initiation, SocketAddr::new(GATEWAY, TUNNEL_PORT));
        }
        thread::park_timeout(Duration::from_millis(2));
    }
}

fn is_of(packet: &Seen, from: IpAddr, kind: u8) -> bool {
    packet.protocol == 17 && packet.source == from && packet.payload.first() == Some(&kind)
}

#[test]
fn a_stock_wireguard_program_is_let_in_by_its_cookie_while_strangers_flood() {
    let world = World::new();
    let _desk = crate::desk(&world);
    // Fewer than a program of this kind begins: the flood keeps both loops under load.
    let setup = Setup { handshakes: 1, ..Setup::default().profile("grace", "\"10m\"") };
    let gateway = setup.start(&world);
    let (session, config) = api::session(&world, &world.home, "m.rossi");
    let file = world.folder().join("office.conf");
    std::fs::write(&file, config.text(&WORKSTATION.to_string())).expect("the world's folder is writable");
    let wire = Capture::start(&world, &world.home, "eth0");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| flood(&world.other_home, session.gateway.public_key, &stop));
        wait::until("the gateway to be under load", wait::SOON, || {
            (gateway.json(&["status", "--json"])["cookies"].as_u64() > Some(100)).then_some(())
        });
        world.home.sh(&format!(
            "mkdir -p /run/wireguard; install -m 600 {} /tmp/office.conf; \
             WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick up /tmp/office.conf",
            file.display()
        ));
        let greeted = wait::within(SOON, || greeting(&world.home, WORKSTATION, 3389));
        stop.store(true, Ordering::Relaxed);
        assert_eq!(greeted.as_deref(), Some("desk"), "the desktop is reached through the flood");
    });
    let seen = wire.finish();
    let place =
        |what: &str, is: &dyn Fn(&Seen) -> bool| seen.iter().position(is).unwrap_or_else(|| panic!("no {what}"));
    let with_mac2 = |packet: &Seen| {
        packet.destination == GATEWAY
            && packet.payload.first() == Some(&INITIATION)
            && packet.payload.get(MAC2).is_some_and(|mac2| mac2 != [0; 16])
    };
    let cookie = place("cookie reply", &|packet| is_of(packet, GATEWAY, COOKIE_REPLY));
    let second = place("initiation with a cookie", &with_mac2);
    let response = place("response", &|packet| is_of(packet, GATEWAY, RESPONSE));
    assert!(cookie < second && second < response, "put off at {cookie}, back at {second}, let in at {response}");
}

//! Many at once, and many at rest: `cargo bench -p gateway-core --bench crowd`, followed by `-- idle` for that part alone.
//! Prints
//!
//! - handshakes a second on one core, those of known peers and first ones, and what boringtun alone does of the former;
//! - what floods of handshakes leave of a core for everybody's packets;
//! - how long 10,000 clients take that come back at once;
//! - what idle sessions cost, in memory and time, from 100 to 10,000, and how long the loop takes to list them.
//!
//! Times are processor time of this thread, so that a busy machine changes little. The kernel's part is not in them.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use boringtun::{
    noise::{Packet, Tunn, TunnResult, handshake::parse_handshake_anon},
    x25519,
};
use gateway_core::{Gateway, Identity, Pools, Setup, Shard, Way};

#[path = "../tests/world/mod.rs"]
mod world;

use world::{Client, World, grant};

/// Processor time of this thread so far.
fn spent() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// What of this process is in memory, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn world(handshakes_per_second: u32) -> World {
    let mut world = World::new();
    world.gateway = Gateway::new(Setup {
        identity: Identity::new(world::GATEWAY_SECRET),
        pools: Pools { v4: "100.64.0.0/16".parse().unwrap(), v6: None },
        mtu: world::MTU,
        handshakes_per_second,
        shard: Shard { own: 0, all: 1 },
        cuts_datagrams: true,
    });
    world
}

/// A session, admitted, without a handshake.
fn session(world: &mut World, serial: u32) -> Client {
    let mut client = Client::serial(serial);
    client.from = SocketAddr::from((std::net::Ipv4Addr::from_bits(0x0b00_0000 + serial), 40_000));
    let opened = world.open(&format!("worker-{serial}"), &client, grant()).unwrap();
    client.hold(opened.address);
    assert!(world.gateway.admit_session(client.number, world.now));
    assert!(world.gateway.handle_channel(client.number, true, world.now));
    client
}

fn handshakes() {
    const CLIENTS: u32 = 500;
    let mut world = world(u32::MAX);
    let mut clients: Vec<_> = (1..=CLIENTS).map(|serial| session(&mut world, serial)).collect();
    for kind in ["first ones", "of known peers", "of known peers"] {
        let initiations: Vec<_> = clients.iter_mut().map(|client| (client.from, client.initiation())).collect();
        let begun = spent();
        for (from, initiation) in &initiations {
            world.gateway.handle_datagram(*from, initiation, world.now);
            while world.gateway.poll_transmit().is_some() {}
        }
        let took = spent() - begun;
        println!("handshakes, {kind}: {:.0} a second", f64::from(CLIENTS) / took.as_secs_f64());
        let took = by_boringtun(&mut clients);
        println!("the same by boringtun alone: {:.0} a second", f64::from(CLIENTS) / took.as_secs_f64());
    }
    assert_eq!(world.gateway.counters().handshakes, u64::from(3 * CLIENTS));
}

/// What cannot be left out of a handshake: finding the peer, and answering.
fn by_boringtun(clients: &mut [Client]) -> Duration {
    let secret = x25519::StaticSecret::from(world::GATEWAY_SECRET);
    let public = x25519::PublicKey::from(&secret);
    let mut answer = [0; 256];
    let tunnels = clients.iter_mut().zip(1..).map(|(client, index)| {
        let peer = x25519::PublicKey::from(client.public_key().0);
        (Tunn::new(secret.clone(), peer, Some(world::PRESHARED), None, index, None), client.initiation())
    });
    let mut tunnels: Vec<_> = tunnels.collect();
    let begun = spent();
    for (tunnel, initiation) in &mut tunnels {
        let Ok(Packet::HandshakeInit(packet)) = Tunn::parse_incoming_packet(initiation) else {
            panic!("no initiation")
        };
        assert!(parse_handshake_anon(&secret, &public, &packet).is_ok());
        assert!(matches!(tunnel.decapsulate(None, initiation, &mut answer), TunnResult::WriteToNetwork(_)));
    }
    spent() - begun
}

/// One second of a flood: what it takes of a core.
fn flood(what: &str, a_second: usize, datagrams: &[Vec<u8>]) {
    let mut world = world(1000);
    let _client = session(&mut world, 1);
    // The second before, which uses up what is let in without a cookie.
    for second in 0..2 {
        let begun = spent();
        for (nth, datagram) in datagrams.iter().cycle().take(a_second).enumerate() {
            world.now.instant += Duration::from_secs(1) / a_second as u32;
            let from = SocketAddr::from((std::net::Ipv4Addr::from_bits(0x0c00_0000 + nth as u32), 4000));
            world.gateway.handle_datagram(from, datagram, world.now);
            while world.gateway.poll_transmit().is_some() {}
        }
        if second == 1 {
            let left = 1.0 - (spent() - begun).as_secs_f64();
            println!("flood, {what}, {a_second} a second: {:.0} % of a core are left", left * 100.0);
        }
    }
}

fn floods() {
    let right: Vec<_> = (0..500).map(|serial| Client::serial(1_000_000 + serial).initiation()).collect();
    let wrong = right.iter().cloned().map(|mut datagram| {
        datagram[120] ^= 1;
        datagram
    });
    flood("wrong MAC1", 200_000, &wrong.collect::<Vec<_>>());
    flood("right MAC1", 50_000, &right);
}

/// Everybody at once, as after a restart: those who were sent a cookie try again after five seconds, as WireGuard does.
fn reconnect() {
    const CLIENTS: u32 = 10_000;
    let mut world = world(1000);
    let mut clients: Vec<_> = (1..=CLIENTS).map(|serial| session(&mut world, serial)).collect();
    let mut waves = Vec::new();
    for _ in 0..2 {
        let done = world.gateway.counters().handshakes;
        if done == u64::from(CLIENTS) {
            break;
        }
        let initiations: Vec<_> = clients.iter_mut().map(|client| (client.from, client.initiation())).collect();
        let begun = spent();
        for (from, initiation) in &initiations {
            world.gateway.handle_datagram(*from, initiation, world.now);
            world.drain();
        }
        waves.push(spent() - begun);
        let answers = std::mem::take(&mut world.home);
        let by_address: HashMap<_, _> = answers
            .into_iter()
            .filter_map(|(way, answer)| match way {
                Way::Udp(to) => Some((to, answer)),
                Way::Channel(_) => None,
            })
            .collect();
        clients.retain_mut(|client| {
            let Some(answer) = by_address.get(&client.from) else { return true };
            client.receive(answer);
            // A cookie is no answer.
            answer.first() == Some(&3)
        });
        world.now.instant += Duration::from_secs(5);
    }
    let back = world.gateway.counters().handshakes;
    let took = Duration::from_secs(5 * (waves.len() as u64 - 1)) + *waves.last().unwrap();
    println!("10,000 at once: {back} are back after {:.1} s on one core (waves {waves:.1?})", took.as_secs_f64());
}

fn idle() {
    for sessions in [100u32, 1000, 10_000] {
        let before = resident();
        let mut world = world(u32::MAX);
        for serial in 1..=sessions {
            let mut client = session(&mut world, serial);
            client.handshake(&mut world);
            world.drain();
        }
        let bytes = (resident().saturating_sub(before)) / sessions as usize;
        let span = Duration::from_secs(150);
        let begun = spent();
        world.pass(span);
        let share = (spent() - begun).as_secs_f64() / span.as_secs_f64();
        // What the loop does for `session list`; nobody's packets pass meanwhile.
        let begun = spent();
        let listed = world.gateway.sessions(world.now).len();
        let listing = spent() - begun;
        assert_eq!(listed, sessions as usize, "all are there still");
        println!(
            "idle, {sessions} sessions: {bytes} bytes each, {:.3} % of a core, {listing:.1?} to list them",
            share * 100.0
        );
    }
}

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let parts: [(&str, fn()); 4] =
        [("handshakes", handshakes), ("floods", floods), ("reconnect", reconnect), ("idle", idle)];
    for (_, part) in parts.iter().filter(|(name, _)| named.is_empty() || named.iter().any(|named| named == name)) {
        part();
    }
}

//! Promise 2, at length: many packets drawn at random, most of them nearly right, through a real session's tunnel, and
//! what of them the office's wire shows. In memory the same draw is judged packet by packet (`gateway-core`'s `judge`).
//!
//! `DESKGATE_PACKETS_E2E` sets how many (100,000 by default), `DESKGATE_SEED` repeats a run; the seed is printed.

#[path = "../../../gateway/core/tests/world/packets.rs"]
mod packets;

use std::{collections::BTreeMap, net::IpAddr};

use e2e::{
    api,
    capture::{Capture, Seen},
    gateway::{Setup, UDP_PORT},
    wait,
    wireguard::Tunnel,
    world::{GATEWAY_IN_OFFICE, GATEWAY_IN_OFFICE_V6, WORKSTATION, WORKSTATION_V6, World},
};
use packets::{Draw, draw_packet, number};
use serde_json::Value;

/// Sent before the gateway's count is looked at; fewer than its socket holds.
const AT_A_TIME: u64 = 500;
/// A source port that is not drawn.
const LAST: u16 = 60000;

#[test]
fn of_many_packets_drawn_at_random_the_office_sees_only_those_that_may_pass() {
    the_office_sees_only_those_that_may_pass(Setup::default(), WORKSTATION, GATEWAY_IN_OFFICE);
}

#[test]
fn of_many_packets_drawn_at_random_the_office_sees_only_those_that_may_pass_by_ipv6() {
    the_office_sees_only_those_that_may_pass(Setup::default().by_ipv6(), WORKSTATION_V6, GATEWAY_IN_OFFICE_V6);
}

fn the_office_sees_only_those_that_may_pass(setup: Setup, workstation: IpAddr, gateway_in_office: IpAddr) {
    let seed = number("DESKGATE_SEED", u64::from(std::process::id()));
    let count = number("DESKGATE_PACKETS_E2E", 100_000);
    println!("DESKGATE_SEED={seed} DESKGATE_PACKETS_E2E={count}");
    let mut draw = Draw(seed);
    let world = World::new();
    // A workstation that answers would close what the draw opens.
    world.workstation.sh(
        "nft 'add table inet silent; add chain inet silent in { type filter hook input priority 0; policy drop; }; \
         add rule inet silent in icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept'",
    );
    let setup = Setup { udp: true, echo: true, ..setup }.profile("grace", "\"1h\"");
    let gateway = setup.start(&world);
    let (session, config) = api::session(&world, &world.home, "m.rossi");
    let number = session.number.to_string();
    let mut tunnel = Tunnel::open(&world.home, &config, wait::SOON).expect("the gateway knows this session's key");
    let office = Capture::of_sent(&world, &world.gateway, "lan0");

    let (mut sent, mut settled) = (0, BTreeMap::new());
    while sent < count {
        let batch = AT_A_TIME.min(count - sent);
        for _ in 0..batch {
            tunnel.send(&draw_packet(&mut draw, session.address));
        }
        sent += batch;
        // Each is counted, as passed or under the reason of its drop; what the gateway's system answers to some of them
        // (a packet whose time to live is over) is one more that goes nowhere.
        settled = wait::until("every packet to be counted", wait::SOON, || {
            let passed = gateway.json(&["session", "show", &number, "--json"])["packets_to_office"].as_u64();
            let counts = counts(passed.unwrap_or(0), &gateway.json(&["status", "--json"]));
            (counts.values().sum::<u64>() >= sent).then_some(counts)
        });
    }
    println!("{settled:?}");
    let passed = settled["passed"];
    assert!(passed > count / 10 && passed < count * 9 / 10, "the draw is one-sided: {settled:?}");
    // When the office has seen the last one, it has seen all that came before.
    tunnel.send(&e2e::packets::syn_from(session.address, LAST, workstation, 3389));
    let last = |packet: &Seen| packet.ports == Some((LAST, 3389));
    wait::until("the last packet", wait::SOON, || office.seen().iter().any(last).then_some(()));
    let seen = office.finish();
    let foreign: Vec<_> =
        seen.iter().filter(|packet| is_foreign(packet, gateway_in_office, workstation)).take(5).collect();
    assert!(foreign.is_empty(), "seed {seed}: the office saw {foreign:?}");
    let arrived =
        seen.iter().filter(|packet| packet.source == gateway_in_office && !packet.is_neighbourly()).count() as u64;
    // Less those whose checksum or time to live is wrong, which the gateway's system does not pass on.
    assert!(arrived > passed / 3 && arrived <= passed + 1, "{arrived} of {passed} arrived");
}

/// How many `passed`, and the gateway's own count of each reason for a drop: what is no packet at all belongs to nobody.
fn counts(passed: u64, status: &Value) -> BTreeMap<String, u64> {
    let drops = status["drops"].as_object().into_iter().flatten();
    let passed = ("passed".to_owned(), passed);
    drops.map(|(reason, count)| (reason.clone(), count.as_u64().unwrap_or(0))).chain([passed]).collect()
}

/// Neither to a granted port, nor a ping, nor what neighbours say to each other.
fn is_foreign(packet: &Seen, gateway: IpAddr, workstation: IpAddr) -> bool {
    let granted = match (packet.protocol, packet.ports) {
        (6, Some((_, to))) => to == 3389,
        (17, Some((_, to))) => to == UDP_PORT,
        (1, None) => packet.icmp == Some(8),
        (58, None) => packet.icmp == Some(128),
        _ => false,
    };
    let from_home = packet.source == gateway && packet.destination == workstation && granted && !packet.fragment;
    !(from_home || packet.is_neighbourly())
}

//! Generated packets, most of them nearly right, against the judge of [`world::packets`].
//!
//! `DESKGATE_PACKETS` sets how many (100,000 by default), `DESKGATE_SEED` repeats a run; the seed is printed. Ten million of
//! them: `tests/hostile-packets`.

mod world;

use std::net::IpAddr;

use gateway_core::Family;
use world::{
    Draw, World, grant_with_pings, number, octets,
    packets::{Judge, draw_packet},
};

#[test]
fn every_generated_packet_is_judged_as_the_promise_says() {
    every_packet_is_judged_as_the_promise_says(Family::V4);
}

#[test]
fn every_generated_packet_of_a_session_with_an_ipv6_address_is_judged_as_the_promise_says() {
    every_packet_is_judged_as_the_promise_says(Family::V6);
}

fn every_packet_is_judged_as_the_promise_says(family: Family) {
    let seed = number("DESKGATE_SEED", u64::from(std::process::id()));
    let packets = number("DESKGATE_PACKETS", 100_000);
    println!("DESKGATE_SEED={seed} DESKGATE_PACKETS={packets}");
    let mut draw = Draw(seed);
    let mut world = World::of(family);
    let mut client = world.connect_with("m.rossi", 1, grant_with_pings());
    let mut judge = Judge::new(client.address);
    let other: IpAddr = if client.address.is_ipv4() { "fd64::2" } else { "100.96.0.2" }.parse().unwrap();
    let workstation = octets(client.workstation());
    // Of a packet with a virtio header before it, where the IP header names who it is for.
    let there = if client.address.is_ipv4() { 26 } else { 34 };
    let (mut passed, mut dropped) = (0u64, 0u64);
    for n in 0..packets {
        // One in twenty is of the other family.
        let own = if draw.one_in(20) { other } else { client.address };
        let packet = draw_packet(&mut draw, own);
        let before = world.gateway.sessions(world.now)[0].traffic.packets_to_office;
        client.send(&mut world, &packet);
        let after = world.gateway.sessions(world.now)[0].traffic.packets_to_office;
        let expected = judge.lets_pass(&packet);
        assert_eq!(after > before, expected, "seed {seed}, packet {n}: {packet:02x?}");
        if expected {
            passed += 1;
        } else {
            dropped += 1;
        }
        if n % 64 == 0 {
            world.drain();
            assert!(world.office.iter().all(|packet| packet[there..][..workstation.len()] == workstation));
            world.office.clear();
            world.home.clear();
        }
    }
    println!("{passed} passed, {dropped} dropped");
    let counters = world.gateway.counters();
    assert_eq!(counters.traffic.packets_to_office, passed);
    assert_eq!(counters.drops.total(), dropped, "each dropped packet is counted once");
    assert!(passed > packets / 10 && dropped > packets / 10, "the draw is one-sided");
}

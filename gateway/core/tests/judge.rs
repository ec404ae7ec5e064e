//! Generated packets, most of them nearly right, both ways through a session, against the judge of [`world::judge`]: each
//! passes or is dropped as that says, and what passes leaves byte by byte as that says, piled up or not.
//!
//! `DESKGATE_PACKETS` sets how many (100,000 by default), `DESKGATE_SEED` repeats a run; the seed is printed. Ten million of
//! them: `tests/hostile-packets`. "Too big" is judged in `path_mtu.rs`, super-packets from the office in `offload.rs`, time that
//! passes in `flows.rs`.

mod world;

use std::{collections::BTreeMap, net::IpAddr};

use gateway_core::Family;
use world::{
    Client, Draw, MTU, World, grant_with_pings,
    judge::Judge,
    kernel::as_the_kernel_cuts,
    number,
    packets::{draw_answers, draw_packets},
};

/// Packets of one session, after which another one begins with nothing opened.
const OF_A_SESSION: u64 = 10_000;

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
    let mut seen = Seen::default();
    while seen.judged() < packets {
        judge_session(&mut draw, family, (packets - seen.judged()).min(OF_A_SESSION), &mut seen);
    }
    println!("{seen:?}");
    let Seen { to_office, to_home, piled } = seen;
    for [passed, dropped] in [to_office, to_home] {
        assert!(passed > packets / 30 && dropped > packets / 30, "the draw is one-sided");
    }
    assert!(piled > packets / 100, "hardly anything is piled");
}

/// How many packets passed and were dropped, each way, and how many of the former left in piles.
#[derive(Debug, Default)]
struct Seen {
    to_office: [u64; 2],
    to_home: [u64; 2],
    piled: u64,
}

impl Seen {
    fn judged(&self) -> u64 {
        self.to_office.iter().chain(&self.to_home).sum()
    }
}

fn judge_session(draw: &mut Draw, family: Family, packets: u64, seen: &mut Seen) {
    let mut world = World::of(family);
    let mut client = world.connect_with("m.rossi", 1, grant_with_pings());
    let mut judge = Judge::new(client.address, MTU);
    let other: IpAddr = if client.address.is_ipv4() { "fd64::2" } else { "100.96.0.2" }.parse().unwrap();
    let [mut to_office, mut to_home] = [[0u64; 2]; 2];
    let mut judged = 0;
    while judged < packets {
        let (mut office, mut home) = (Vec::new(), Vec::new());
        // What is drawn here waits together, so that it may be piled.
        for _ in 0..4 {
            // One in twenty is of the other family.
            let own = if draw.one_in(20) { other } else { client.address };
            let count = draw.of(&[1, 1, 1, 5]).min((packets - judged) as usize);
            judged += count as u64;
            if draw.one_in(3) {
                for packet in draw_answers(draw, own, count) {
                    let before = world.gateway.counters().traffic.packets_to_home;
                    world.office_sends(&packet);
                    let has_passed = world.gateway.counters().traffic.packets_to_home > before;
                    let expected = judge.pass_to_home(&packet);
                    assert_eq!(has_passed, expected.is_some(), "towards home: {packet:02x?}");
                    to_home[usize::from(!has_passed)] += 1;
                    home.extend(expected);
                }
            } else {
                for packet in draw_packets(draw, own, count) {
                    let before = world.gateway.counters().traffic.packets_to_office;
                    client.send(&mut world, &packet);
                    let has_passed = world.gateway.counters().traffic.packets_to_office > before;
                    let expected = judge.pass_to_office(&packet);
                    assert_eq!(has_passed, expected.is_some(), "towards the office: {packet:02x?}");
                    to_office[usize::from(!has_passed)] += 1;
                    office.extend(expected);
                }
            }
        }
        seen.piled += what_left_is(&mut world, &mut client, office, &home);
    }
    let counters = world.gateway.counters();
    assert_eq!([counters.traffic.packets_to_office, counters.traffic.packets_to_home], [to_office[0], to_home[0]]);
    assert_eq!(counters.drops.total(), to_office[1] + to_home[1], "each dropped packet is counted once");
    for (all, of_this) in [(&mut seen.to_office, to_office), (&mut seen.to_home, to_home)] {
        all.iter_mut().zip(of_this).for_each(|(all, one)| *all += one);
    }
}

/// That exactly these packets leave, byte by byte and in each flow's order; how many of them in piles. In a pile the number and
/// the checksum of an IPv4 header are the kernel's.
fn what_left_is(world: &mut World, client: &mut Client, office: Vec<Vec<u8>>, home: &[Vec<u8>]) -> u64 {
    assert_eq!(client.take(world), home, "what reaches home");
    let mut flows = BTreeMap::<Vec<u8>, Vec<Vec<u8>>>::new();
    let mut piled = 0;
    for read in world.office.drain(..) {
        let packets = as_the_kernel_cuts(&read);
        let in_pile = packets.len() > 1;
        piled += if in_pile { packets.len() as u64 } else { 0 };
        for packet in packets {
            flows.entry(flow_of(&packet)).or_default().push(if in_pile { unnumbered(packet) } else { packet });
        }
    }
    flows.values_mut().for_each(|packets| packets.reverse());
    for packet in office {
        let left = flows.get_mut(&flow_of(&packet)).and_then(Vec::pop).expect("it passed, and left");
        if left != packet {
            assert_eq!(left, unnumbered(packet), "what reaches the office");
        }
    }
    assert!(flows.values().all(Vec::is_empty), "nothing else leaves: {flows:02x?}");
    piled
}

/// Protocol and ports; of a ping, what stands in their place.
fn flow_of(packet: &[u8]) -> Vec<u8> {
    let (protocol, body) = if packet[0] == 0x45 { (9, 20) } else { (6, 40) };
    [&packet[protocol..=protocol], &packet[body..body + 4]].concat()
}

fn unnumbered(mut packet: Vec<u8>) -> Vec<u8> {
    if packet[0] == 0x45 {
        packet[4..6].fill(0);
        packet[10..12].fill(0);
    }
    packet
}

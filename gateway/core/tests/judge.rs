//! Generated packets, most of them nearly right, against an independent judge that is slow and written from the promise:
//! "a session's packets reach the granted address, protocol and ports, and nothing else".
//!
//! `DESKGATE_PACKETS` sets how many (100,000 by default), `DESKGATE_SEED` repeats a run; the seed is printed.

mod world;

use std::{collections::BTreeSet, net::Ipv4Addr};

use world::{Client, Draw, Flags, WORKSTATION, World, number, tcp, udp};

/// The promise, word by word, for one session. Knows nothing of the gateway's code.
struct Judge {
    own: Ipv4Addr,
    /// Source ports of the TCP connections that the worker began.
    opened: BTreeSet<u16>,
}

impl Judge {
    fn lets_pass(&mut self, packet: &[u8]) -> bool {
        let byte = |at: usize| packet.get(at).copied();
        let word = |at: usize| Some(u16::from_be_bytes([byte(at)?, byte(at + 1)?]));
        let address = |at: usize| Some(Ipv4Addr::new(byte(at)?, byte(at + 1)?, byte(at + 2)?, byte(at + 3)?));
        let mut judge = || -> Option<bool> {
            let version_4_without_options = byte(0)? == 0x45;
            let length = usize::from(word(2)?);
            let whole = length >= 20 && length <= packet.len();
            let fragment = word(6)? & 0xbfff != 0;
            let own = address(12)? == self.own;
            let there = address(16)? == WORKSTATION;
            if !(version_4_without_options && whole && !fragment && own && there) {
                return Some(false);
            }
            let body = length - 20;
            let (from, to) = (word(20)?, word(22)?);
            match byte(9)? {
                6 => {
                    let header = usize::from(byte(32)? >> 4) * 4;
                    if body < 20 || header < 20 || header > body || to != 3389 {
                        return Some(false);
                    }
                    let flags = byte(33)?;
                    let (fin, syn, rst, ack) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0, flags & 16 != 0);
                    if syn && !ack && !rst && !fin {
                        self.opened.insert(from);
                    }
                    Some(self.opened.contains(&from))
                }
                17 => Some(body >= 8 && usize::from(word(24)?) == body && to == 3390),
                _ => Some(false),
            }
        };
        judge().unwrap_or(false)
    }
}

/// A packet as a hostile or broken home computer might send it.
fn draw_packet(draw: &mut Draw, client: &Client) -> Vec<u8> {
    let others = [Ipv4Addr::new(10, 20, 3, 48), Ipv4Addr::new(100, 96, 0, 1), Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST];
    let from = if draw.one_in(12) { Ipv4Addr::new(100, 96, 0, 3) } else { client.address };
    let to = if draw.one_in(8) { draw.of(&others) } else { WORKSTATION };
    let from_port = 50000 + draw.below(20) as u16;
    let payload = vec![draw.next() as u8; draw.below(40)];
    let sequence = draw.next() as u32;
    let mut packet = if draw.one_in(3) {
        udp(from, from_port, to, draw.of(&[3390, 3390, 3390, 3389, 53]), &payload)
    } else {
        let flags = draw.of(&[Flags::Syn, Flags::Ack, Flags::Push, Flags::SynAck]);
        tcp(from, from_port, to, draw.of(&[3389, 3389, 3389, 3390, 445]), flags, sequence, &payload)
    };
    for _ in 0..draw.below(3) {
        match draw.below(4) {
            // One byte of the headers, where lies are told.
            0 | 1 => {
                // The source port stays: a session's flows are bounded, which has a test of its own.
                let at = match draw.below(packet.len().min(40)) {
                    20 | 21 => 0,
                    at => at,
                };
                packet[at] = draw.of(&[0, 1, 4, 0x40, 0x45, 0x46, 0x65, 0xff, 0x7f]);
            }
            2 => packet.truncate(draw.below(packet.len() + 1)),
            _ => packet.extend(vec![0; draw.below(17)]),
        }
        if packet.is_empty() {
            packet.push(draw.next() as u8);
        }
    }
    packet
}

#[test]
fn every_generated_packet_is_judged_as_the_promise_says() {
    let seed = number("DESKGATE_SEED", u64::from(std::process::id()));
    let packets = number("DESKGATE_PACKETS", 100_000);
    println!("DESKGATE_SEED={seed} DESKGATE_PACKETS={packets}");
    let mut draw = Draw(seed);
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    let mut judge = Judge { own: client.address, opened: BTreeSet::new() };
    let (mut passed, mut dropped) = (0u64, 0u64);
    for n in 0..packets {
        let packet = draw_packet(&mut draw, &client);
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
            assert!(world.office.iter().all(|packet| packet[26..30] == WORKSTATION.octets()));
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

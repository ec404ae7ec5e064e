//! A short run of the fuzz targets: packets and lives that are nearly right, then random changes of them.
//!
//! `BYTES_SEED=… BYTES_RUNS=…` repeats and lengthens it; `gateway/core/fuzz` holds the same targets for a real fuzzer.

#[path = "../fuzz/targets.rs"]
mod targets;
mod world;

use std::{
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
};

use world::{Draw, Flags, number, packets::draw_packet, tcp, workstation_of};

/// The session's tunnel address, of the first family or the second.
fn own(draw: &mut Draw) -> IpAddr {
    draw.of(&["100.96.0.2", "fd64::2"]).parse().unwrap()
}

/// Flips, cuts, doubles and replaces bytes.
fn change(draw: &mut Draw, bytes: &mut Vec<u8>) {
    for _ in 0..draw.below(4) {
        let at = draw.below(bytes.len() + 1);
        let end = (at + draw.below(8)).min(bytes.len());
        match draw.below(5) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            2 => bytes.truncate(at),
            3 if at < bytes.len() => bytes[at] = draw.of(&[0, 1, 0x45, 0x46, 0x60, 0x7f, 0x80, 0xff]),
            _ if at < bytes.len() => bytes[at] ^= 1 << draw.below(8),
            _ => {}
        }
    }
}

fn a_packet(draw: &mut Draw) -> Vec<u8> {
    let own = own(draw);
    let mut packet = draw_packet(draw, own);
    change(draw, &mut packet);
    packet
}

/// Steps as [`targets::flows`] reads them; few ports, so that they meet, or many, so that they run out.
fn steps(draw: &mut Draw) -> Vec<u8> {
    let ports = draw.of(&[2, 2, 256]);
    let mut bytes = Vec::new();
    for _ in 0..draw.below(200) {
        bytes.extend([draw.below(256), draw.below(ports), draw.below(256), draw.below(30)].map(|byte| byte as u8));
    }
    bytes
}

/// From the workstation or somebody else, to the session.
fn from_the_office(draw: &mut Draw, own: IpAddr) -> Vec<u8> {
    let from = draw.of(&[workstation_of(own), workstation_of(own), own]);
    let payload = vec![7; draw.of(&[0, 1, 1500, 3000])];
    tcp(from, draw.of(&[3389, 3389, 445]), own, 50_000, draw.of(&[Flags::Syn, Flags::Push]), 5000, &payload)
}

/// Pieces as [`targets::datagram`] reads them.
fn arrivals(draw: &mut Draw) -> Vec<u8> {
    let mut bytes = Vec::new();
    let own = own(draw);
    for _ in 0..draw.below(12) {
        // The uppermost bit of the first says which family the session is of.
        let kind = draw.below(8) as u8 | if own.is_ipv4() { 0 } else { 0x80 };
        let mut piece = match kind & 7 {
            2 | 7 if draw.one_in(2) => vec![0; 200],
            5 | 6 => from_the_office(draw, own),
            _ => draw_packet(draw, own),
        };
        if kind & 7 == 5 {
            piece.splice(0..0, [1, draw.of(&[0, 1, 4, 5, 0x81]), 40, 0, draw.below(256) as u8, 4, 20, 0, 16, 0]);
        }
        change(draw, &mut piece);
        bytes.push(kind);
        bytes.extend((piece.len() as u16).to_le_bytes());
        bytes.push(draw.below(256) as u8);
        bytes.extend(piece);
    }
    bytes
}

/// `more` and `fewer` runs than asked for, as cheap or dear as they are.
fn run(name: &str, (more, fewer): (u64, u64), target: fn(&[u8]), made: fn(&mut Draw) -> Vec<u8>) {
    let seed = number("BYTES_SEED", u64::from(std::process::id()) << 32);
    println!("BYTES_SEED={seed}");
    for turn in 0..(number("BYTES_RUNS", 400) * more / fewer).max(1) {
        let turn_seed = seed.wrapping_add(turn);
        let bytes = made(&mut Draw(turn_seed));
        if catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_err() {
            panic!("{name}: BYTES_SEED={turn_seed} BYTES_RUNS=1: {bytes:02x?}");
        }
    }
}

#[test]
fn no_packet_is_read_otherwise_than_another_reader_reads_it() {
    run("packet", (50, 1), targets::packet, a_packet);
}

#[test]
fn no_packet_passes_the_filter_that_was_not_granted() {
    run("filter", (50, 1), targets::filter, a_packet);
}

#[test]
fn nothing_is_answered_that_home_did_not_begin() {
    run("flows", (1, 4), targets::flows, steps);
}

#[test]
fn nothing_that_arrives_makes_the_gateway_fall_or_lose_count() {
    run("datagram", (1, 4), targets::datagram, arrivals);
}

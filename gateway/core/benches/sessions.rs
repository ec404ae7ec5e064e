//! What a packet costs among few and many sessions, of which 16 are busy, or the only one: `cargo bench -p gateway-core --bench sessions`.
//! The others are at rest: their handshakes are done and their tunnels up, and they say nothing.
//!
//! Each round, every busy session (one alone: sixteen times) gets two full datagrams from home and two full pieces from the
//! office, in an order that changes, so that neither batches nor the processor's guesses flatter. The median of many rounds, which
//! other work on the machine moves little.

use std::time::{Duration, Instant};

use gateway_core::VIRTIO_HEADER;

#[path = "../tests/world/mod.rs"]
mod world;

use world::{Client, Draw, Flags, World, grant};

const BUSY: usize = 16;
const FULL: usize = 1232;
const ROUNDS: usize = 600;

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("{:>10}{:>22}{:>22}", "sessions", "to the office, ns", "to home, ns");
    for sessions in [1, BUSY, 100, 1000, 10_000] {
        let (office, home) = cost(sessions);
        println!("{sessions:>10}{:>22}{:>22}", office.as_nanos(), home.as_nanos());
    }
}

/// The median time of a packet each way.
fn cost(sessions: usize) -> (Duration, Duration) {
    let mut world = World::lending("100.96.0.0/16", u32::MAX);
    let mut busy = Vec::new();
    // The busy ones stand among the others.
    let every = (sessions / BUSY).max(1);
    for serial in 1..=sessions as u32 {
        let mut client = Client::serial(serial);
        let opened = world.open(&format!("worker{serial}"), &client, grant()).unwrap();
        client.hold(opened.address);
        assert!(world.gateway.admit_session(client.number, world.now));
        client.handshake(&mut world);
        if (serial as usize).is_multiple_of(every) && busy.len() < BUSY {
            client.open_flow(&mut world);
            busy.push((client, 1000u32, 5000u32));
        }
    }
    let [size0, size1] = (FULL as u16).to_ne_bytes();
    let header: [u8; VIRTIO_HEADER] = [1, 1, 40, 0, size0, size1, 20, 0, 16, 0];
    let mut draw = Draw(1);
    let (mut to_office, mut to_home) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for place in (1..busy.len()).rev() {
            busy.swap(place, draw.below(place + 1));
        }
        for turn in 0..BUSY {
            let place = turn % busy.len();
            let (client, sequence, _) = &mut busy[place];
            let mut run = Vec::new();
            for _ in 0..2 {
                run.extend(client.seal(&client.tcp(Flags::Ack, *sequence, &[7; FULL])));
                *sequence = sequence.wrapping_add(FULL as u32);
            }
            world.home_queues(client.from, &run, run.len() / 2);
        }
        to_office.push(served(&mut world));
        for turn in 0..BUSY {
            let place = turn % busy.len();
            let (client, _, answered) = &mut busy[place];
            let whole = client.tcp_back(Flags::Ack, *answered, &[7; 2 * FULL]);
            *answered = answered.wrapping_add((2 * FULL) as u32);
            world.office_queues(header, &whole);
        }
        to_home.push(served(&mut world));
    }
    (median(to_office), median(to_home))
}

/// Serves all that waits, as the loop does, and hands it out; the time of one packet.
fn served(world: &mut World) -> Duration {
    let began = Instant::now();
    while world.gateway.is_waiting() {
        world.gateway.serve(world.now);
        world.gateway.flush_office();
        while world.gateway.poll_office().is_some() {}
        while world.gateway.poll_transmit().is_some() {}
    }
    began.elapsed() / (2 * BUSY) as u32
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

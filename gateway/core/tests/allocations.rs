//! No memory is asked for per packet: once buffers have grown, what passes passes through them.
//!
//! A test binary of its own, for the counting allocator sees everything that the process does.

#![allow(unsafe_code, reason = "an allocator cannot be written without; it only counts and hands on to the system's")]

mod world;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use gateway_core::VIRTIO_HEADER;
use world::{Flags, World};

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FULL: usize = 1232;
const RUN: usize = 40;

#[test]
fn a_packet_asks_for_no_memory() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    let [size0, size1] = (FULL as u16).to_ne_bytes();
    let header: [u8; VIRTIO_HEADER] = [1, 1, 40, 0, size0, size1, 20, 0, 16, 0];
    let (mut sequence, mut answered) = (1000u32, 5000u32);
    let mut asked = Vec::new();
    for _ in 0..30 {
        let mut run = Vec::new();
        for _ in 0..RUN {
            run.extend(client.seal(&client.tcp(Flags::Ack, sequence, &[7; FULL])));
            sequence = sequence.wrapping_add(FULL as u32);
        }
        let small = client.seal(&client.tcp(Flags::Push, sequence, b"a key"));
        let whole = client.tcp_back(Flags::Ack, answered, &vec![7; RUN * FULL]);
        answered = answered.wrapping_add((RUN * FULL) as u32);

        let before = ASKED.get();
        world.home_queues(client.from, &run, run.len() / RUN);
        world.home_queues(client.from, &small, small.len());
        world.office_queues(header, &whole);
        world.gateway.serve(world.now);
        world.gateway.flush_office();
        let mut out = 0;
        while let Some(packet) = world.gateway.poll_office() {
            out += packet.len();
        }
        while let Some(transmit) = world.gateway.poll_transmit() {
            out += transmit.datagrams.len();
        }
        asked.push(ASKED.get() - before);
        assert!(out > 2 * RUN * FULL, "all of it passed");
    }
    assert!(asked[0] > 0, "the allocator counts: {asked:?}");
    assert_eq!(asked[20..], [0; 10], "memory is asked for once and kept: {asked:?}");
}

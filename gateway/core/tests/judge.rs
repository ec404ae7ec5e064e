//! Generated packets, most of them nearly right, against the judge of [`world::packets`].
//!
//! `DESKGATE_PACKETS` sets how many (100,000 by default), `DESKGATE_SEED` repeats a run; the seed is printed. Ten million of
//! them: `tests/hostile-packets`.

mod world;

use world::{
    Draw, WORKSTATION, World, number,
    packets::{Judge, draw_packet},
};

#[test]
fn every_generated_packet_is_judged_as_the_promise_says() {
    let seed = number("DESKGATE_SEED", u64::from(std::process::id()));
    let packets = number("DESKGATE_PACKETS", 100_000);
    println!("DESKGATE_SEED={seed} DESKGATE_PACKETS={packets}");
    let mut draw = Draw(seed);
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    let mut judge = Judge::new(client.address);
    let (mut passed, mut dropped) = (0u64, 0u64);
    for n in 0..packets {
        let packet = draw_packet(&mut draw, client.address);
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

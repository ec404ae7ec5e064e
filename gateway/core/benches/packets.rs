//! What a packet costs the gateway, by step: `cargo bench -p gateway-core --bench packets`.
//!
//! `parse and filter` is the whole judgement of a packet from home; the cipher alone is the yardstick beside it, for
//! what a judgement costs matters only in proportion.

use std::{hint::black_box, net::Ipv4Addr};

use boringtun::{
    noise::{Tunn, TunnResult},
    x25519::{PublicKey, StaticSecret},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etherparse::PacketBuilder;
use gateway_core::{Filter, Offload, Packet};

#[path = "../tests/world/mod.rs"]
mod world;

use world::{Flags, WORKSTATION, World, grant};

const OWN: Ipv4Addr = Ipv4Addr::new(100, 96, 0, 2);

fn judgement(criterion: &mut Criterion) {
    let filter = Filter::new(&grant(), OWN.into(), WORKSTATION.into());
    let mut packet = Vec::new();
    PacketBuilder::ipv4(OWN.octets(), WORKSTATION.octets(), 64)
        .tcp(50000, 3389, 1, 64240)
        .write(&mut packet, &[0; 1200])
        .unwrap();
    let mut group = criterion.benchmark_group("judgement");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse and filter", |bencher| {
        bencher.iter(|| Packet::parse(black_box(&packet)).and_then(|packet| filter.judge_from_home(&packet)));
    });
    group.finish();
}

fn cipher(criterion: &mut Criterion) {
    let (home, gateway) = (StaticSecret::from([1; 32]), StaticSecret::from([2; 32]));
    let mut first = Tunn::new(home.clone(), PublicKey::from(&gateway), None, None, 1, None);
    let mut second = Tunn::new(gateway, PublicKey::from(&home), None, None, 2, None);
    let (mut space, mut back) = ([0; 2048], [0; 2048]);
    let TunnResult::WriteToNetwork(initiation) = first.format_handshake_initiation(&mut space, false) else { return };
    let TunnResult::WriteToNetwork(response) = second.decapsulate(None, initiation, &mut back) else { return };
    let mut keepalive = [0; 2048];
    first.decapsulate(None, response, &mut keepalive);
    let mut group = criterion.benchmark_group("cipher alone");
    for size in [100, 1312] {
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(format!("seal {size} bytes"), |bencher| {
            bencher.iter(|| {
                black_box(first.encapsulate(black_box(&[0; 1312][..size]), &mut space));
            });
        });
    }
    group.finish();
}

/// From a datagram to a packet for the TUN, and from a super-packet to datagrams: everything but the kernel. A batch of
/// 40 at a time, as the kernel hands them over.
fn passage(criterion: &mut Criterion) {
    const BATCH: u32 = 40;
    let mut group = criterion.benchmark_group("passage");
    for payload in [60usize, 1232] {
        let mut world = World::new();
        let mut client = world.connect("m.rossi", 1);
        client.open_flow(&mut world);
        group.throughput(Throughput::Elements(u64::from(BATCH)));
        let (mut sequence, from) = (1000u32, client.from);
        group.bench_function(format!("to the office, {} bytes", payload + 40), |bencher| {
            bencher.iter_batched_ref(
                || {
                    (0..BATCH)
                        .map(|_| {
                            sequence = sequence.wrapping_add(payload as u32);
                            let packet = client.tcp(Flags::Ack, sequence, &vec![0; payload]);
                            client.seal(&packet)
                        })
                        .collect::<Vec<_>>()
                },
                |datagrams| {
                    for datagram in datagrams.iter() {
                        world.gateway.handle_datagram(from, datagram, world.now);
                    }
                    world.gateway.flush_office();
                    while let Some(packet) = world.gateway.poll_office() {
                        black_box(packet);
                    }
                },
                criterion::BatchSize::SmallInput,
            );
        });
        let whole = client.tcp_back(Flags::Ack, 5000, &vec![0; payload * BATCH as usize]);
        group.bench_function(format!("to home, {} bytes", payload + 40), |bencher| {
            bencher.iter(|| {
                world.gateway.handle_packet(Offload::Pieces(payload as u16), black_box(&whole), world.now);
                while let Some(transmit) = world.gateway.poll_transmit() {
                    black_box(transmit);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, judgement, cipher, passage);
criterion_main!(benches);

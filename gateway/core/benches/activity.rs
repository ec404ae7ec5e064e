//! What the meter costs per packet from home: `cargo bench -p gateway-core --bench activity`.
#![allow(missing_docs, reason = "criterion's macros make a public function")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gateway_core::activity::{Activity, Meter};

/// A flow past its connection phase, with the sequence number of its next byte.
fn flow() -> (Meter, Activity, u32, Instant) {
    let began = Instant::now();
    let mut meter = Meter::new(0, began);
    let mut hello = vec![22, 3, 3, 0, 44, 2, 0, 0, 40, 3, 3];
    hello.resize(11 + 33, 0);
    hello.extend([0x13, 0x02, 0, 0, 0]);
    meter.handle_from_office(9, &hello);
    assert!(meter.is_readable());
    (meter, Activity::new(began), 1, began + Duration::from_secs(20))
}

fn record(length: u16) -> Vec<u8> {
    let [high, low] = (length - 5).to_be_bytes();
    let mut bytes = vec![23, 3, 3, high, low];
    bytes.resize(length.into(), 0);
    bytes
}

fn packets(c: &mut Criterion) {
    let cases: [(&str, Vec<Vec<u8>>); 5] = [
        ("no payload", vec![Vec::new()]),
        ("a key", vec![record(27)]),
        ("an acknowledgement", vec![record(59)]),
        ("an upload", record(16_406).chunks(1_368).map(<[u8]>::to_vec).collect()),
        ("a super-packet of 1,000 records", vec![record(59).repeat(1_000)]),
    ];
    for (name, segments) in cases {
        let mut group = c.benchmark_group("meter");
        group.throughput(Throughput::Elements(segments.len() as u64));
        let (mut meter, mut activity, mut next, now) = flow();
        group.bench_function(name, |b| {
            b.iter(|| {
                for segment in &segments {
                    let heard = meter.handle_from_home(black_box(next), black_box(segment), now);
                    activity.handle_heard(heard, now);
                    next = next.wrapping_add(segment.len() as u32);
                }
            });
        });
    }
}

criterion_group!(benches, packets);
criterion_main!(benches);

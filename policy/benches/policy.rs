//! Deciding, parsing and proving, with criterion's statistics.
//!
//! `cargo bench -p policy --bench policy`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use policy::{Device, Policy, Request};

mod town;

fn decide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    let groups = ["CN=Lavoro Agile,OU=Gruppi,DC=comune,DC=example".to_owned()];
    for count in [1_000, 10_000, 100_000] {
        let Ok((policy, _)) = Policy::parse(&town::in_csv(count)) else { panic!("the town is in order") };
        for (name, at) in [("permit", "2026-03-05T12:00"), ("refuse", "2026-08-09T12:00")] {
            let at = policy.instant(at.parse().expect("a moment"));
            let mut turn = 0;
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| {
                    turn = (turn + 7_919) % count;
                    let worker = format!("worker.{turn}");
                    black_box(policy.decide(&Request::new(&worker, &groups, Device::Personal, at)))
                });
            });
        }
    }
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.sample_size(10);
    for count in [1_000, 10_000, 100_000] {
        for (name, sources) in [("csv", town::in_csv(count)), ("toml", town::in_toml(count))] {
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| black_box(Policy::parse(&sources).is_ok()));
            });
        }
    }
}

fn prove(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prove");
    group.sample_size(10);
    // 100,000 take too long to be repeated; `limits` proves them once.
    for count in [100, 1_000] {
        let Ok((policy, _)) = Policy::parse(&town::in_csv(count)) else { panic!("the town is in order") };
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| bencher.iter(|| black_box(policy.prove())));
    }
}

criterion_group!(benches, decide, parse, prove);
criterion_main!(benches);

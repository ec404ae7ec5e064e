//! Whether what wrong credentials wait tells them apart.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use e2e::{api, gateway::password, wireguard::PrivateKey};
use rustls::ClientConfig;

use crate::{
    STRANGERS, Scene, THREADS, Times,
    caller::{Caller, address},
    people::{coded, worker},
};

/// How often each kind of wrong credentials is tried, by people of whom as many have a second factor.
pub(crate) const TRIES: u16 = 120;

/// What wrong credentials cost whoever tries them, by kind.
pub(crate) fn alike(Scene { world, tls, .. }: &Scene<'_>) {
    const KINDS: [&str; 3] = ["wrong password", "unknown name", "no second factor"];
    let waits: Vec<(usize, Duration)> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || world.home.inside(|| guesses(thread, tls)))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a guesser")).collect()
    });
    let of = |kind: usize| -> Vec<Duration> { waits.iter().filter(|wait| wait.0 == kind).map(|wait| wait.1).collect() };
    for (kind, name) in KINDS.iter().enumerate() {
        println!("{name}: answered after {}", Times(of(kind)));
    }
    // At the level of one in a hundred, two samples of one distribution are further apart than this once in a hundred times.
    let chance = 1.63 * (2.0 / f64::from(TRIES)).sqrt();
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let distance = distance(&of(one), &of(other));
        println!("{} and {}: {distance:.3} apart; by chance up to {chance:.3}", KINDS[one], KINDS[other]);
    }
}

/// One thread's guesses, each once for each account, from addresses that nobody knows.
fn guesses(thread: u16, tls: &Arc<ClientConfig>) -> Vec<(usize, Duration)> {
    let mut waits = Vec::new();
    for nth in (0..TRIES).filter(|nth| nth % THREADS == thread) {
        let guesses = [(worker(nth), "wrong".to_owned()), (format!("nobody{nth}"), "wrong".to_owned()), {
            let coded = coded(nth);
            let password = password(&coded);
            (coded, password)
        }];
        for (kind, (name, password)) in guesses.into_iter().enumerate() {
            let body = api::login_body(&name, &password, None, PrivateKey::random().public());
            // Beyond the addresses of the floods.
            let Ok(mut caller) = Caller::connect(address(1, 3 * STRANGERS + nth), tls) else { continue };
            let begun = Instant::now();
            let status = caller.post(&body).map_or(0, |answer| answer.0);
            assert_eq!(status, 401, "{name} is not answered as wrong credentials are");
            waits.push((kind, begun.elapsed()));
        }
    }
    waits
}

/// How far two samples are apart at most, as shares: Kolmogorov and Smirnov's statistic.
fn distance(one: &[Duration], other: &[Duration]) -> f64 {
    let share = |sample: &[Duration], time: Duration| {
        sample.iter().filter(|wait| **wait <= time).count() as f64 / sample.len() as f64
    };
    one.iter().chain(other).map(|time| (share(one, *time) - share(other, *time)).abs()).fold(0.0, f64::max)
}

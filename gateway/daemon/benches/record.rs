//! The record's speed with durability on: `cargo bench -p deskgate-gateway --bench record [-- FOLDER]`.
//!
//! In FOLDER (the current one if none is given, for a disk in memory has nothing to wait for). `fill FOLDER COUNT` makes a database
//! of so many records instead, for `log verify`.

#![allow(dead_code, unused_imports, reason = "the store, as the daemon has it")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_api::{CloseReason, SessionNumber};
use gateway_record::{Draft, Fields, Holders, Kind, PrivateHalf, Role};

#[path = "../src"]
mod daemon {
    pub(crate) mod clock;
    pub(crate) mod day_keys;
    pub(crate) mod identity;
    pub(crate) mod secret_file;
    pub(crate) mod store;
}
use daemon::{clock, day_keys, identity, secret_file, store};
use store::{Change, Sealing, Store, Written};

/// How long each figure is taken, in seconds.
const SECONDS: u64 = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fill", folder, count] => runtime.block_on(fill(Path::new(folder), count.parse().expect("a count"))),
        [] => runtime.block_on(measure(Path::new("."))),
        [folder] => runtime.block_on(measure(Path::new(folder))),
        _ => println!("nothing to measure"),
    }
}

async fn measure(folder: &Path) {
    println!("one sync of the disk: {:?} at the median", sync_alone(folder));
    for hands in [1, 16, 64, 256, 1024] {
        let house = tempfile::tempdir_in(folder).expect("a folder");
        let (store, writer) = open(house.path()).await;
        let until = Instant::now() + Duration::from_secs(SECONDS);
        let begun = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for hand in 0..hands {
            tasks.spawn(lives(store.clone(), hand, until));
        }
        let mut waits: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
        let took = begun.elapsed();
        waits.sort_unstable();
        let at = |share: usize| waits[(waits.len() - 1) * share / 100];
        println!(
            "{hands:>5} writers: {:>7.0} records/s; one waits {:?} (median), {:?} (99 of 100), {:?} (longest)",
            waits.len() as f64 / took.as_secs_f64(),
            at(50),
            at(99),
            at(100)
        );
        drop(store);
        writer.await.expect("the writer");
    }
}

/// A store that seals names to a key of each role.
async fn open(folder: &Path) -> (Store, tokio::task::JoinHandle<()>) {
    let public = |role, seed| PrivateHalf::draw(role, &[seed; 32]).expect("a key").public();
    let holders = Holders::new(&[public(Role::Controllers, 1)], &[public(Role::Reviewers, 2)]).expect("both roles");
    let sealing = Sealing { holders: Some(holders), ..Sealing::to_nobody(folder) };
    Store::open_sealing(folder, sealing, clock::now().wall).await.expect("a store")
}

/// Sessions, one after the other, until `until`: how long each record took.
async fn lives(store: Store, hand: u64, until: Instant) -> Vec<Duration> {
    let mut waits = Vec::new();
    let mut number = hand << 28;
    while Instant::now() < until {
        number += 1;
        for (change, draft) in life(number) {
            let begun = Instant::now();
            assert_eq!(store.write(change, draft).await, Ok(Written::Recorded));
            waits.push(begun.elapsed());
        }
    }
    waits
}

/// The two records of a session, as long as real ones.
fn life(number: u64) -> [(Change, Draft); 2] {
    let draft = |kind| Draft {
        session: Some(SessionNumber::new(number)),
        structure: Some("Servizi Demografici".to_owned()),
        ..Draft::new(kind, clock::now().wall)
    };
    let names = Fields::default()
        .with("worker", "m.rossi")
        .with("worker_id", "6c1f3f63-5a5e-4f5c-9d0f-2f0f6c1f3f63")
        .with("workstation", "anagrafe-07")
        .with("workstation_address", "10.20.3.47")
        .with("tunnel_address", "100.96.3.47")
        .with("from", "203.0.113.77");
    let opened = Fields::default()
        .with("profile", "standard")
        .with("device", "managed")
        .with("services", "rdp")
        .with("ends_at", "2026-11-22T18:00:00Z")
        .with("policy", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    let closed = Fields::default()
        .with("reason", "idle")
        .with("bytes_to_office", 1_310_720_u64)
        .with("bytes_to_home", 524_000_000_u64);
    [
        (Change::Open, Draft { fields: opened, names, ..draft(Kind::SessionOpened) }),
        (Change::Close(CloseReason::Idle), Draft { fields: closed, ..draft(Kind::SessionClosed) }),
    ]
}

fn sync_alone(folder: &Path) -> Duration {
    use std::io::Write as _;
    let mut file = tempfile::tempfile_in(folder).expect("a file");
    let mut waits: Vec<Duration> = (0..200)
        .map(|_| {
            let begun = Instant::now();
            file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).expect("a sync");
            begun.elapsed()
        })
        .collect();
    waits.sort_unstable();
    waits[waits.len() / 2]
}

async fn fill(folder: &Path, count: u64) {
    const HANDS: u64 = 512;
    let (store, writer) = open(folder).await;
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for hand in 0..HANDS {
        let store = store.clone();
        tasks.spawn(async move {
            for number in (hand..count / 2).step_by(HANDS as usize) {
                for (change, draft) in life(number) {
                    assert_eq!(store.write(change, draft).await, Ok(Written::Recorded));
                }
            }
        });
    }
    tasks.join_all().await;
    store.checkpoint(clock::now().wall).await.expect("a checkpoint");
    drop(store);
    writer.await.expect("the writer");
    println!("{count} records in {:?}", begun.elapsed());
}

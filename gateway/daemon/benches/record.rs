//! The record's speed with durability on: `cargo bench -p deskgate-gateway --bench record [-- FOLDER]`.
//!
//! In FOLDER (the current one if none is given, for a disk in memory has nothing to wait for). `fill FOLDER COUNT` makes a database
//! of so many records instead, for `log verify`; `stretch FOLDER COUNT` makes the workers' journal there so long by repeating its sealed
//! names, each record chained anew: what takes long to fill is the sealing.

#![allow(dead_code, unused_imports, reason = "the store, as the daemon has it")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_api::{CloseReason, SessionNumber};
use gateway_record::{Chain, Draft, Fields, Hash, Holders, Journal, Kind, PrivateHalf, Role, Sealed};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};

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
        ["stretch", folder, count] => runtime.block_on(stretch(Path::new(folder), count.parse().expect("a count"))),
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

async fn stretch(folder: &Path, count: u64) {
    let begun = Instant::now();
    let options = SqliteConnectOptions::new().filename(folder.join(store::DATABASE));
    let mut database = SqliteConnection::connect_with(&options).await.expect("a filled database");
    let indexes =
        sqlx::query("select name, sql from sqlite_master where tbl_name = 'records' and sql like 'create index%'");
    let indexes: Vec<(String, String)> =
        indexes.fetch_all(&mut database).await.expect("indexes").iter().map(|row| (row.get(0), row.get(1))).collect();
    for (name, _) in &indexes {
        sqlx::query(AssertSqlSafe(format!("drop index {name}"))).execute(&mut database).await.expect("an index");
    }
    let kept = "select kind, structure, fields, sealed, session, gateway from records where journal = 'workers' order by sequence limit 100000";
    let kept = sqlx::query(kept).fetch_all(&mut database).await.expect("records");
    let gateway: String = kept.first().expect("a record").get("gateway");
    let end = sqlx::query("select last_sequence, last_hash from chains where journal = 'workers'");
    let end = end.fetch_one(&mut database).await.expect("an end");
    let (last, hash): (i64, Vec<u8>) = (end.get(0), end.get(1));
    let mut chain =
        Chain::resume(&gateway, Journal::Workers, last.unsigned_abs(), Hash::from_bytes(&hash).expect("a hash"));
    let mut transaction = database.begin().await.expect("a transaction");
    for (nth, row) in (last.unsigned_abs()..count).zip(kept.iter().cycle()) {
        let sealed: Option<Vec<u8>> = row.get("sealed");
        let fields: String = row.get("fields");
        let draft = Draft {
            structure: row.get("structure"),
            session: Some(SessionNumber::new(nth / 2)),
            fields: serde_json::from_str(&fields).expect("fields"),
            ..Draft::new(Kind::from_word(row.get("kind")).expect("a kind"), clock::now().wall)
        };
        let digest = sealed.as_ref().map(|bytes| Sealed::from_bytes(bytes).expect("sealed names").digest());
        let record = chain.extend(&draft, digest);
        let insert = "insert into records (gateway, journal, sequence, time, kind, session, structure, fields, private_digest, sealed,
                      previous, hash) values ($1, 'workers', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let insert = sqlx::query(insert)
            .bind(&gateway)
            .bind(record.sequence as i64)
            .bind(record.time.as_millisecond())
            .bind(record.kind.word())
            .bind(record.session.map(|session| session.bits() as i64))
            .bind(record.structure)
            .bind(fields)
            .bind(record.private_digest.map(|digest| digest.0.to_vec()))
            .bind(sealed)
            .bind(record.previous.0.to_vec())
            .bind(record.hash.0.to_vec());
        insert.execute(&mut *transaction).await.expect("a record");
    }
    let (last, hash) = chain.head();
    let note = sqlx::query("update chains set last_sequence = $1, last_hash = $2 where journal = 'workers'");
    note.bind(last as i64).bind(hash.0.to_vec()).execute(&mut *transaction).await.expect("the end");
    transaction.commit().await.expect("room");
    for (_, sql) in indexes {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut database).await.expect("an index");
    }
    database.close().await.expect("a database");
    let (store, writer) = open(folder).await;
    store.checkpoint(clock::now().wall).await.expect("a checkpoint");
    drop(store);
    writer.await.expect("the writer");
    println!("{last} records after {:?}", begun.elapsed());
}

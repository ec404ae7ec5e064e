//! A database that cannot be used as it is: what is told, that nothing is lost, and that no record begins anew by itself.

use std::{fs, os::unix::fs::FileExt as _};

use gateway_record::{Chain, Draft, Hash, Journal, Kind};
use jiff::Timestamp;
use nix::sys::signal::Signal;
use sqlx::{
    Connection as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

use crate::house::*;

/// A house whose gateway ran, had one session, and stopped.
fn lived_in() -> House {
    let house = House::new();
    let mut gateway = house.serve();
    let (token, _) = block_on(open("m.rossi"));
    assert_eq!(block_on(close(&token, "")), 204);
    gateway.signal(Signal::SIGTERM);
    assert_eq!(gateway.ended(), Some(0), "{}", house.log());
    house
}

/// The start is refused with all of these words, and everything is as it was once `mend` was done.
fn is_refused_until(house: &House, words: &[&str], mend: impl FnOnce()) {
    let (code, said) = house.refused_start();
    assert!(code == 1 || code == 64, "{code}: {said}");
    for word in words {
        assert!(said.contains(word), "expected `{word}` in: {said}");
    }
    mend();
    let gateway = house.serve();
    assert_eq!(house.story(), ["session_opened", "session_closed worker_closed"]);
    house.says(&["log", "verify"]);
    drop(gateway);
}

async fn database(house: &House) -> SqliteConnection {
    let options =
        SqliteConnectOptions::new().filename(house.path("state/deskgate.sqlite")).journal_mode(SqliteJournalMode::Wal);
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn change(house: &House, statement: &'static str) {
    let mut connection = database(house).await;
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Another program that writes to the database, and does not end.
pub(crate) struct Held {
    runtime: tokio::runtime::Runtime,
    holder: Option<SqliteConnection>,
}

pub(crate) fn hold(house: &House) -> Held {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let holder = runtime.block_on(async {
        let mut holder = database(house).await;
        sqlx::query("begin exclusive").execute(&mut holder).await.unwrap();
        holder
    });
    Held { runtime, holder: Some(holder) }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.holder.take().into_iter().for_each(|holder| self.runtime.block_on(holder.close()).unwrap());
    }
}

#[test]
fn a_database_that_another_program_holds_is_told_and_waited_for() {
    let house = lived_in();
    let held = hold(&house);
    is_refused_until(&house, &["is locked by another program: close that one"], || drop(held));
    // Under a gateway that runs: no end is lost.
    let _gateway = house.serve();
    let (token, _) = block_on(open("m.rossi"));
    let held = hold(&house);
    let closing = std::thread::spawn(move || block_on(close(&token, "")));
    wait("the end to be tried", || house.log().matches("is locked by another program").count() > 0);
    drop(held);
    closing.join().unwrap();
    wait("the end to be recorded", || house.story().len() == 4);
    house.says(&["log", "verify"]);
}

#[test]
fn pages_that_were_overwritten_are_told_and_nothing_begins_anew() {
    let house = lived_in();
    let path = house.path("state/deskgate.sqlite");
    let sound = fs::read(&path).unwrap();
    let mut state =
        std::env::var("DESKGATE_SEED").map_or(u64::from(std::process::id()), |seed| seed.parse().unwrap()) | 1;
    println!("DESKGATE_SEED={state}");
    let shown = || house.run(&["log", "show", "--json"], "");
    let before = shown().stdout;
    let begun = fs::read(house.path("state/record-begun")).unwrap();
    let (mut found, mut harmless) = (0, 0);
    for round in 0..24 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        fs::write(&path, &sound).unwrap();
        // The first page is its head; the others are drawn.
        let page = if round == 0 { 0 } else { state % (sound.len() as u64 / 4096) };
        let garbage: Vec<u8> = (0..4096u64).map(|place| (state.rotate_left((place % 64) as u32) >> 3) as u8).collect();
        fs::OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&garbage, page * 4096).unwrap();
        let verdict = house.run(&["log", "verify"], "");
        let told = text(&verdict.stderr) + &text(&verdict.stdout);
        match verdict.status.code() {
            // An index that the check does not need, or room that nothing is in: then everything is still there, or it is told.
            Some(0) => {
                let now = shown();
                assert!(page > 0 && (now.stdout == before || !now.status.success()), "page {page}: {told}");
                harmless += 1;
            }
            Some(1) => {
                let words = ["is damaged", "altered", "missing", "cut short", "forged", "is not a database", "failed"];
                assert!(words.iter().any(|word| told.contains(word)), "page {page}: {told}");
                found += 1;
            }
            other => panic!("page {page}: {other:?} {told}"),
        }
        assert_eq!(fs::read(house.path("state/record-begun")).unwrap(), begun);
    }
    assert!(found > 0, "of {harmless} pages none mattered");
    let head = fs::OpenOptions::new().write(true).open(&path).unwrap();
    fs::write(&path, &sound).unwrap();
    head.write_all_at(&[7; 4096], 0).unwrap();
    is_refused_until(&house, &["is damaged", "deskgate-gateway restore", "log begin-anew"], || {
        fs::write(&path, &sound).unwrap();
    });
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let house = lived_in();
    block_on(change(&house, "insert into _sqlx_migrations values (999, 'later', 0, 1, x'00', 0)"));
    is_refused_until(
        &house,
        &["written by a newer deskgate-gateway (schema 999", "install that version again"],
        || {
            block_on(change(&house, "delete from _sqlx_migrations where version = 999"));
        },
    );
}

#[test]
fn a_database_that_may_only_be_read_is_told() {
    let house = lived_in();
    house.set_mode("state/deskgate.sqlite", 0o400);
    is_refused_until(&house, &["deskgate.sqlite` cannot be written: check its owner"], || {
        house.set_mode("state/deskgate.sqlite", 0o600);
    });
}

#[test]
fn a_state_folder_that_may_only_be_read_is_told() {
    let house = lived_in();
    let state = house.path("state").display().to_string();
    sh(&format!("mount --bind {state} {state} && mount -o remount,bind,ro {state}"));
    is_refused_until(&house, &[&state, "Read-only file system"], || sh(&format!("umount {state}")));
}

#[test]
fn a_disk_that_is_full_at_the_start_keeps_sessions_going_and_opens_none() {
    let house = House::new();
    house.small_disk();
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let mut gateway = house.serve();
        let (token, number) = block_on(open("m.rossi"));
        gateway.signal(signal);
        gateway.ended();
        house.take_all_room();
        let gateway = house.serve();
        assert!(house.log().contains("THE DISK IS FULL: make room"), "{}", house.log());
        let full = || !house.json(&["status", "--json"])["record"]["disk_full_since"].is_null();
        wait("the alarm", full);
        let sessions = house.json(&["session", "list", "--json"]);
        assert_eq!((sessions.as_array().unwrap().len(), &sessions[0]["number"]), (1, &number.as_str().into()));
        let answer = block_on(login("m.rossi", "pw-m.rossi"));
        assert_eq!((answer.status, answer.json()["code"].clone()), (503, "unavailable".into()));
        assert!(answer.json()["message"].as_str().unwrap().contains("room on its disk"), "{answer:?}");
        assert_eq!(block_on(close(&token, "")), 204, "an end has its room: {}", house.log());
        house.give_room();
        wait("a login to work again", || block_on(login("m.rossi", "pw-m.rossi")).status == 200);
        assert!(!full());
        house.says(&["log", "verify"]);
        drop(gateway);
    }
}

#[test]
fn a_full_disk_without_the_room_for_a_start_is_told() {
    let house = House::new();
    house.small_disk();
    let mut gateway = house.serve();
    let (token, _) = block_on(open("m.rossi"));
    assert_eq!(block_on(close(&token, "")), 204);
    gateway.signal(Signal::SIGTERM);
    assert_eq!(gateway.ended(), Some(0), "{}", house.log());
    fs::remove_file(house.path("state/start-reserve")).unwrap();
    house.take_all_room();
    is_refused_until(&house, &["the disk", "is full: make room"], || house.give_room());
}

/// What the record looks like after a clock that ran a week ahead was set right.
async fn write_in_the_future(house: &House) {
    let mut connection = database(house).await;
    let row = sqlx::query("select gateway, last_sequence, last_hash from chains where journal = 'administrators'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let (gateway, sequence, hash): (String, i64, Vec<u8>) = (row.get(0), row.get(1), row.get(2));
    let sequence = u64::try_from(sequence).unwrap();
    let mut chain = Chain::resume(&gateway, Journal::Administrators, sequence, Hash::from_bytes(&hash).unwrap());
    let ahead = Timestamp::now() + jiff::SignedDuration::from_hours(7 * 24);
    let record = chain.extend(&Draft::new(Kind::GatewayStopped, ahead), None);
    sqlx::query(
        "insert into records (gateway, journal, sequence, time, kind, fields, previous, hash)
         values ($1, 'administrators', $2, $3, 'gateway_stopped', '{}', $4, $5)",
    )
    .bind(&gateway)
    .bind(i64::try_from(record.sequence).unwrap())
    .bind(record.time.as_millisecond())
    .bind(record.previous.0.to_vec())
    .bind(record.hash.0.to_vec())
    .execute(&mut connection)
    .await
    .unwrap();
    sqlx::query("update chains set last_sequence = $1, last_hash = $2 where journal = 'administrators'")
        .bind(i64::try_from(record.sequence).unwrap())
        .bind(record.hash.0.to_vec())
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[test]
fn a_clock_that_went_back_is_told_and_the_record_goes_on() {
    let house = lived_in();
    block_on(write_in_the_future(&house));
    let _gateway = house.serve();
    assert!(house.log().contains("THE CLOCK STANDS BEFORE WHAT WAS RECORDED"), "{}", house.log());
    let behind = house.json(&["status", "--json"])["record"]["clock_behind_s"].as_i64().unwrap();
    assert!((6 * 86_400..=7 * 86_400).contains(&behind), "{behind}");
    block_on(open("m.rossi"));
    assert_eq!(house.story(), ["session_opened", "session_closed worker_closed", "session_opened"]);
    house.says(&["log", "verify"]);
}

#[test]
fn a_record_that_is_gone_is_missed_and_begins_anew_only_by_order() {
    let house = House::new();
    let untold = house.run(&["log", "begin-anew", "--why", "just so"], "");
    assert!(text(&untold.stderr).contains("the first start begins it"), "{}", text(&untold.stderr));
    let mut gateway = house.serve();
    let order = ["log", "begin-anew", "--why", "the disk died"];
    assert!(text(&house.run(&order, "").stderr).contains("a gateway is running"));
    block_on(open("m.rossi"));
    gateway.signal(Signal::SIGTERM);
    assert_eq!(gateway.ended(), Some(0), "{}", house.log());
    let (path, away) = (house.path("state/deskgate.sqlite"), house.path("away"));
    let first = house.json(&["log", "verify", "--json"])[0]["gateway"].as_str().unwrap().to_owned();
    fs::rename(&path, &away).unwrap();
    let told = ["is gone", &first, "deskgate-gateway restore", "log begin-anew"];
    for emptied in [false, true] {
        if emptied {
            fs::write(&path, "").unwrap();
            house.set_mode("state/deskgate.sqlite", 0o600);
        }
        let (code, said) = house.refused_start();
        assert!(code == 64 && told.iter().all(|word| said.contains(word)), "{code}: {said}");
    }
    fs::rename(&away, &path).unwrap();
    let said = house.says(&order);
    let second = house.json(&["log", "verify", "--json"])[0]["gateway"].as_str().unwrap().to_owned();
    assert!(second.ends_with(".2") && said.contains(&second) && said.contains(&first), "{said}");
    // Its log goes along, where a program was stopped before it had closed the database.
    let kept = fs::read_dir(house.path("state")).unwrap().filter(|file| {
        let name = file.as_ref().unwrap().file_name().to_string_lossy().into_owned();
        name.starts_with("deskgate.sqlite.before-") && !name.ends_with("-wal") && !name.ends_with("-shm")
    });
    assert_eq!(kept.count(), 1, "what was there is kept");
    let _gateway = house.serve();
    let acts = house.says(&["log", "show", "--journal", "administrators"]);
    assert!(acts.contains("record_begun_anew") && acts.contains(&format!("before={first}")), "{acts}");
    assert!(acts.contains("why=the disk died"), "{acts}");
    assert!(house.says(&["log", "verify"]).contains("this is record 2 of its gateway"));
}

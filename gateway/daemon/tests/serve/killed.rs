//! The daemon killed at random instants with real logins going on: nothing that was answered is lost, each session has one opening
//! and one close at most, and the record holds.
//!
//! `DESKGATE_SERVE_KILLS` says how often (15 unless told), `DESKGATE_SEED` repeats a run's instants.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use nix::sys::signal::Signal;
use tokio::task::JoinSet;

use crate::house::*;

const WORKERS: [&str; 3] = ["m.rossi", "g.verdi", "l.bianchi"];

/// What was answered before the daemon was killed.
#[derive(Debug, Default)]
struct Answered {
    opened: BTreeSet<String>,
    closed: BTreeSet<String>,
}

/// An agreement for each of them that holds at any moment.
fn policy() -> String {
    let (before, agreements) = POLICY.split_once("[[agreements]]").unwrap();
    let agreement = agreements.split("[[agreements]]").next().unwrap();
    let mut text = before.to_owned();
    for (index, worker) in WORKERS.iter().enumerate() {
        let workstation = format!("room-{index}");
        text += &format!("[workstations.{workstation}]\naddress = \"10.20.3.{}\"\nservices = [\"rdp\"]\n", 100 + index);
        text += &format!("[[agreements]]{}", agreement.replace("m.rossi", worker).replace("anagrafe-07", &workstation));
    }
    text
}

/// Signs in, and out again two times of three, until nobody answers any more.
async fn work(worker: &'static str, answered: Arc<Mutex<Answered>>) {
    let body = || login_body(worker, &format!("pw-{worker}"));
    for round in 0.. {
        let Ok(line) = try_connect().await else { return };
        let login = request_on(line, "POST /v1/login HTTP/1.1", body().as_bytes()).await;
        if login.status != 200 {
            continue;
        }
        let session = login.json();
        let number = session["number"].as_str().unwrap().to_owned();
        answered.lock().unwrap().opened.insert(number.clone());
        let Ok(line) = try_connect().await else { return };
        if round % 3 < 2 && close_on(line, session["token"].as_str().unwrap(), "").await == 204 {
            answered.lock().unwrap().closed.insert(number);
        }
    }
}

/// How often each session opened and closed, by the record.
fn lives(house: &House) -> BTreeMap<String, (usize, usize)> {
    let mut lives: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for record in house.json(&["log", "show", "--json"]).as_array().unwrap() {
        let life = || record["session"].as_str().unwrap().to_owned();
        match record["kind"].as_str().unwrap() {
            "session_opened" => lives.entry(life()).or_default().0 += 1,
            "session_closed" => lives.entry(life()).or_default().1 += 1,
            _ => {}
        }
    }
    lives
}

#[test]
fn nothing_that_was_answered_is_lost_whenever_the_daemon_is_killed() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("DESKGATE_SEED").unwrap_or_else(|| u64::from(std::process::id()) << 20 | 1);
    let rounds = number("DESKGATE_SERVE_KILLS").unwrap_or(15);
    println!("DESKGATE_SEED={seed}");
    let house = House::new();
    let added = house.run(&["directory", "add", "l.bianchi", "--group", "smart", "--password-stdin"], "pw-l.bianchi");
    assert!(added.status.success(), "{}", text(&added.stderr));
    house.set_policy(&policy());
    let mut state = seed | 1;
    let answered = Arc::new(Mutex::new(Answered::default()));
    for round in 0..rounds {
        // Xorshift: instants need no better randomness.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let after = Duration::from_micros(state % 1_500_000);
        // Every fifth time before it answers anybody, or hardly.
        let mut gateway = if round % 5 == 4 { house.start() } else { house.serve() };
        block_on(async {
            let mut hands = JoinSet::new();
            for worker in WORKERS {
                hands.spawn(work(worker, Arc::clone(&answered)));
            }
            tokio::time::sleep(after).await;
            gateway.signal(Signal::SIGKILL);
            while hands.join_next().await.transpose().expect("a hand").is_some() {}
        });
        assert_eq!(gateway.ended(), None, "round {round}: it ended by itself: {}", house.log());
        if !house.path("state/deskgate.sqlite").exists() {
            continue;
        }
        house.says(&["log", "verify"]);
        let (lives, answered) = (lives(&house), answered.lock().unwrap());
        for (session, (opened, closed)) in &lives {
            assert!(*opened == 1 && *closed <= 1, "round {round}: {session} opened {opened} and closed {closed} times");
        }
        for session in &answered.opened {
            assert!(lives.contains_key(session), "round {round}: the opening of {session} was answered and is lost");
        }
        for session in &answered.closed {
            assert_eq!(
                lives.get(session),
                Some(&(1, 1)),
                "round {round}: the close of {session} was answered and is lost"
            );
        }
    }
    let mut gateway = house.serve();
    house.says(&["stop", "--end-sessions", "--warn", "0"]);
    assert_eq!(gateway.ended(), Some(0), "{}", house.log());
    house.says(&["log", "verify"]);
    let lives = lives(&house);
    assert!(lives.values().all(|life| *life == (1, 1)), "{lives:?}");
    let answered = answered.lock().unwrap();
    println!("{} openings and {} closes were answered in {rounds} lives", answered.opened.len(), answered.closed.len());
    assert!(!answered.closed.is_empty(), "nothing was ever answered: the instants are too early for this machine");
}

//! The writing task killed at random instants, and what had been told before held against what is there afterwards.
//!
//! A test cannot survive its own end: it starts this very program once more, which writes and tells until it is killed. That
//! shows what a process leaves behind, whenever it ends; not what a power cut does to a disk, which is SQLite's to know.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, Write as _},
    process::{Command, Stdio},
    time::Duration,
};

use gateway_record::Kind;

use super::*;

/// Where the program that is killed writes.
const FOLDER: &str = "DESKGATE_KILLED_FOLDER";
/// How many sessions are written side by side.
const HANDS: usize = 8;

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    // In one piece, and only after it is true.
    out.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// The program that is killed, if it was started as that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_that_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (store, _task) = Store::open(Path::new(&folder), clock::now().wall).await.unwrap();
    tell("ready");
    let mut hands = tokio::task::JoinSet::new();
    for _ in 0..HANDS {
        hands.spawn(open_and_close(store.clone()));
    }
    hands.spawn(sign(store.clone()));
    while hands.join_next().await.is_some() {}
}

async fn open_and_close(store: Store) {
    loop {
        let number = SessionNumber::new(u64::from_ne_bytes(random_bytes()));
        let draft = |kind| Draft {
            session: Some(number),
            structure: Some("Servizi Demografici".to_owned()),
            names: Fields::default().with("worker", "m.rossi").with("worker_id", "id-1"),
            ..Draft::new(kind, clock::now().wall)
        };
        assert_eq!(store.write(Change::Open, draft(Kind::SessionOpened)).await, Ok(Written::Recorded));
        tell(&format!("opened {number}"));
        let close = Draft { names: Fields::default(), ..draft(Kind::SessionClosed) };
        assert_eq!(store.write(Change::Close(CloseReason::Idle), close).await, Ok(Written::Recorded));
        tell(&format!("closed {number}"));
    }
}

async fn sign(store: Store) {
    loop {
        if let Some(checkpoint) = store.checkpoint(clock::now().wall).await.unwrap() {
            tell(&format!("signed {}", serde_json::to_string(&checkpoint).unwrap()));
        }
        tokio::task::yield_now().await;
    }
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// What a run told before it was killed.
#[derive(Debug, Default)]
struct Told {
    opened: BTreeSet<SessionNumber>,
    closed: BTreeSet<SessionNumber>,
    signed: Vec<Checkpoint>,
}

impl Told {
    fn hear(&mut self, line: &str) {
        let number = |text: &str| SessionNumber::parse(text).unwrap();
        match line.split_once(' ') {
            Some(("opened", text)) => drop(self.opened.insert(number(text))),
            Some(("closed", text)) => drop(self.closed.insert(number(text))),
            Some(("signed", text)) => self.signed.push(serde_json::from_str(text).unwrap()),
            // What the test harness itself says.
            _ => {}
        }
    }
}

/// Runs the program and kills it: some time after it is ready, or, in every fifth round, after it was started.
fn run_and_kill(folder: &Path, round: usize, after: Duration, told: &mut Told) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::killed::a_hand_that_writes_until_it_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    if round % 5 != 4 {
        assert!(lines.by_ref().any(|line| line == "ready"), "round {round}: it ended before it was ready");
    }
    let (kill, killed) = std::sync::mpsc::channel::<()>();
    let killer = std::thread::spawn(move || {
        let _ = killed.recv_timeout(after);
        child.kill().unwrap();
        child.wait().unwrap()
    });
    lines.for_each(|line| told.hear(&line));
    drop(kill);
    let status = killer.join().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "round {round}: it ended by itself");
}

/// Starts over what the killed run left: all that was told is there, once, and the rest is in order.
async fn look_after(folder: &Path, round: usize, told: &Told) {
    let (store, task) = Store::open(folder, clock::now().wall).await.unwrap();
    for (number, structure) in store.left_open().await.unwrap() {
        let draft = Draft {
            session: Some(number),
            structure: Some(structure),
            ..Draft::new(Kind::SessionClosed, clock::now().wall)
        };
        assert!(!told.closed.contains(&number), "round {round}: a close that was told is missing");
        assert_eq!(store.write(Change::Close(CloseReason::GatewayStopped), draft).await, Ok(Written::Recorded));
    }
    let mut lives: BTreeMap<SessionNumber, (usize, usize)> = BTreeMap::new();
    let mut rows = store.read(Query::default());
    while let Some(kept) = rows.recv().await {
        let record = kept.unwrap().record;
        let life = lives.entry(record.session.unwrap()).or_default();
        match record.kind {
            Kind::SessionOpened => life.0 += 1,
            _ => life.1 += 1,
        }
    }
    assert!(lives.values().all(|life| *life == (1, 1)), "round {round}: a session has not one opening and one close");
    assert!(told.opened.iter().all(|number| lives.contains_key(number)), "round {round}: an opening is missing");
    let key = store.key();
    drop(store);
    task.await.unwrap();
    if lives.is_empty() {
        // Killed before its first record: there is nothing to verify.
        assert!(told.signed.is_empty(), "round {round}: what was signed is gone");
        return;
    }
    // Held by a witness: whatever was signed must be proven by what is there.
    for gateway in verify(&folder.join(DATABASE), &[key], &told.signed).await.unwrap() {
        assert!(gateway.is_whole(), "round {round}: {gateway:?}");
        assert_eq!(gateway.signed.witnessed, told.signed.len() as u64, "round {round}");
    }
}

#[test]
fn killed_at_random_instants_nothing_that_was_told_is_lost() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("DESKGATE_SEED").unwrap_or_else(|| u64::from_ne_bytes(random_bytes()));
    let rounds = number("DESKGATE_KILLS").unwrap_or(25);
    println!("DESKGATE_SEED={seed}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut state = seed | 1;
    let (mut folder, mut told) = (tempfile::tempdir().unwrap(), Told::default());
    let mut heard = 0;
    for round in 0..usize::try_from(rounds).unwrap() {
        if round % 10 == 0 {
            (folder, told) = (tempfile::tempdir().unwrap(), Told::default());
        }
        // Xorshift: instants need no better randomness.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let before = told.opened.len();
        run_and_kill(folder.path(), round, Duration::from_micros(state % 80_000), &mut told);
        heard += told.opened.len() - before;
        runtime.block_on(look_after(folder.path(), round, &told));
    }
    println!("{heard} openings were told in {rounds} lives");
    assert!(heard > 0, "nothing was ever told: the instants are too early for this machine");
}

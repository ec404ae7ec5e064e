//! Against a real store and a data plane of a few lines.

mod assisting;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU8, Ordering},
    thread::JoinHandle,
};

use super::*;
use crate::{
    assistance::NotAssisted,
    command::{Command, Lane},
    fixtures,
    shards::Shards,
    store::{Kept, Query},
};

/// What the little data plane does differently in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    /// Ends each session between its opening and its admission.
    EndsPending,
    /// Has no address left.
    Full,
}

fn pools() -> gateway_core::Pools {
    gateway_core::Pools { v4: "100.96.0.0/24".parse().unwrap(), v6: None }
}

/// Answers as the event loop does, without packets.
fn data_plane(mood: Mood) -> (DataPlane, mpsc::UnboundedReceiver<Event>, JoinHandle<()>) {
    let poll = mio::Poll::new().unwrap();
    let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
    let (commands, asked) = std::sync::mpsc::channel();
    let (tell, events) = mpsc::unbounded_channel();
    let thread = std::thread::spawn(move || {
        let _poll = poll;
        let mut sessions: BTreeMap<SessionNumber, Arc<str>> = BTreeMap::new();
        let closed = |number, reason| {
            let _ = tell.send(Event::Closed { number, reason, traffic: Traffic::default() });
        };
        while let Ok(command) = asked.recv() {
            match command {
                Command::Open(_, reply) if mood == Mood::Full => drop(reply.send(Err(OpenError::NoAddress))),
                Command::Open(open, reply) => {
                    let replaces =
                        sessions.iter().find(|(_, worker)| **worker == open.worker).map(|(number, _)| *number);
                    sessions.insert(open.number, open.worker);
                    let _ = reply.send(Ok(Opened { address: "100.96.0.2".parse().unwrap(), mtu: 1312, replaces }));
                    if mood == Mood::EndsPending {
                        sessions.remove(&open.number);
                        closed(open.number, CloseReason::PolicyWithdrawn);
                    }
                }
                Command::Admit(number, reply) => {
                    let worker = sessions.get(&number).cloned();
                    let older = sessions.iter().find(|(other, own)| **other != number && Some(*own) == worker.as_ref());
                    if let Some(older) = older.map(|(older, _)| *older) {
                        sessions.remove(&older);
                        closed(older, CloseReason::Replaced);
                    }
                    let _ = reply.send(worker.is_some());
                }
                Command::Close(number, reason, reply) => {
                    let there = sessions.remove(&number).is_some();
                    if there {
                        closed(number, reason);
                    }
                    let _ = reply.send(there);
                }
                Command::Channel(number, _, reply) => drop(reply.send(sessions.contains_key(&number))),
                Command::Stop(reason, reply) => {
                    std::mem::take(&mut sessions).into_keys().for_each(|number| closed(number, reason));
                    let _ = reply.send(());
                    return;
                }
                Command::Restore(restore, reply) => {
                    sessions.insert(restore.open.number, restore.open.worker);
                    let _ = reply.send(Ok(()));
                }
                Command::Leave(reply) => {
                    let _ = reply.send(());
                    return;
                }
                Command::Release(..)
                | Command::Carry(..)
                | Command::List(_)
                | Command::Counters(_)
                | Command::Confirm(..)
                | Command::ChangeGrant(..)
                | Command::WaitAnew(..)
                | Command::BeginLook(..)
                | Command::DroppedHeaders(..)
                | Command::EndLook(..)
                | Command::BeginTrace(..)
                | Command::EndTrace(..) => {}
            }
        }
    });
    let shards = Arc::new(Shards::new(&pools(), 1));
    (DataPlane::new([Lane::new(commands, waker)], shards), events, thread)
}

struct World {
    folder: tempfile::TempDir,
    ledger: Ledger,
    books: tokio::task::JoinHandle<()>,
}

async fn world(mood: Mood) -> World {
    let folder = tempfile::tempdir().unwrap();
    let (store, _writer) = Store::open(folder.path(), clock::now().wall).await.unwrap();
    let (kept, _) = KeptSessions::open(folder.path(), &[4; 32]).unwrap();
    let (data_plane, events, _thread) = data_plane(mood);
    let (ledger, books) = Ledger::start(store, kept, data_plane, Fence::default(), events);
    World { folder, ledger, books }
}

impl World {
    /// The story that the record tells: each session's kinds and reasons, in order.
    async fn story(&self) -> Vec<String> {
        let mut rows = self.ledger.store.read(Query::default());
        let mut story = Vec::new();
        while let Some(Kept { record, .. }) = rows.recv().await.transpose().unwrap() {
            let reason = record.fields.value("reason").map(|reason| format!(" {reason}")).unwrap_or_default();
            story.push(format!("{}{reason}", record.kind.word()));
        }
        story
    }

    async fn stop(self) -> Vec<String> {
        self.ledger.data_plane.stop(CloseReason::GatewayStopped).await.unwrap();
        let Self { folder, ledger, books } = self;
        books.await.unwrap();
        World { folder, ledger, books: tokio::spawn(async {}) }.story().await
    }
}

fn key() -> proof::Secret {
    proof::Secret::new(&[11; 32])
}

/// A token used as its client does.
fn shows(ledger: &Ledger, token: &Token) -> Option<Holder> {
    let shown = proof::Use { method: "GET", target: gateway_api::SESSION, token, binding: proof::Binding([12; 32]) };
    ledger.holder(key().prove(&shown).as_bytes(), &shown)
}

fn opening(worker: &str) -> Opening {
    // A client makes a key of its own for each session.
    static NEXT_KEY: AtomicU8 = AtomicU8::new(0);
    let grant = fixtures::grant(clock::now().wall + jiff::SignedDuration::from_hours(1));
    Opening {
        device: None,
        assists: None,
        person: Person { id: worker.into(), name: worker.into(), groups: Vec::new() },
        grant,
        workstation: "10.20.3.47".parse().unwrap(),
        session_key: key().public(),
        key_exchange: KeyExchange::hybrid(),
        public_key: PublicKey([NEXT_KEY.fetch_add(1, Ordering::Relaxed); 32]),
        from: "192.0.2.1".parse().unwrap(),
        policy: Hash([7; 32]),
    }
}

#[tokio::test]
async fn an_open_session_is_recorded_before_it_is_told_and_closed_before_its_token_goes() {
    let world = world(Mood::Good).await;
    let admitted = world.ledger.open(opening("m.rossi")).await.unwrap();
    assert_eq!(world.story().await, ["session_opened"]);
    let holder = shows(&world.ledger, &admitted.token).expect("the token is the session's");
    assert_eq!(shows(&world.ledger, &Token::new([1; 32])), None);
    assert!(world.ledger.close_own(holder, CloseReason::ProgramEnded).await);
    assert_eq!(world.story().await, ["session_opened", "session_closed program_ended"]);
    assert_eq!(shows(&world.ledger, &admitted.token), None);
    assert!(!world.ledger.close_own(holder, CloseReason::ProgramEnded).await);
}

#[tokio::test]
async fn whoever_waits_in_vain_for_a_workstation_reads_that_it_did_not_wake() {
    let reasons = [
        (CloseReason::NeverUsed, "not_woken"),
        (CloseReason::Idle, "not_woken"),
        (CloseReason::WorkerClosed, "worker_closed"),
    ];
    for (reason, recorded) in reasons {
        let world = world(Mood::Good).await;
        world.ledger.open(opening("m.rossi")).await.unwrap();
        let number = *world.ledger.live().sessions.keys().next().unwrap();
        world.ledger.begin_waking(number);
        world.ledger.close(number, reason).await;
        assert_eq!(world.story().await, ["session_opened".to_owned(), format!("session_closed {recorded}")]);
    }
}

#[tokio::test]
async fn a_session_that_ends_before_it_begins_leaves_one_opening_and_one_close() {
    let world = world(Mood::EndsPending).await;
    assert_eq!(world.ledger.open(opening("m.rossi")).await.unwrap_err(), NotOpened::Ended);
    let story = world.story().await;
    assert_eq!(story.len(), 2, "{story:?}");
    assert_eq!(story[0], "session_opened");
    assert!(story[1].starts_with("session_closed"), "{story:?}");
    assert!(world.ledger.live().sessions.is_empty() && world.ledger.live().tokens.is_empty());
}

#[tokio::test]
async fn a_refusal_of_the_data_plane_records_no_session() {
    let world = world(Mood::Full).await;
    assert_eq!(world.ledger.open(opening("m.rossi")).await.unwrap_err(), NotOpened::Refused(OpenError::NoAddress));
    assert!(world.story().await.is_empty());
}

#[tokio::test]
async fn whoever_hangs_up_in_the_middle_leaves_no_half_open_session() {
    let world = world(Mood::Good).await;
    for round in 0..50 {
        let opening = world.ledger.open(opening(&format!("worker-{round}")));
        // Dropped at its first pause, as a request is whose connection is gone.
        let _ = futures_util::FutureExt::now_or_never(opening);
    }
    // Those that were on their way go on by themselves; in the end each has both records.
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let numbers: Vec<SessionNumber> = world.ledger.live().sessions.keys().copied().collect();
        for number in numbers {
            world.ledger.close(number, CloseReason::ClientLost).await;
        }
        let story = world.story().await;
        let count = |kind: &str| story.iter().filter(|line| line.starts_with(kind)).count();
        if count("session_opened") == 50 && count("session_closed") == 50 {
            return;
        }
        assert!(tokio::time::Instant::now() < until, "{story:?}");
    }
}

#[tokio::test]
async fn a_second_login_closes_the_first_once() {
    let world = world(Mood::Good).await;
    let first = world.ledger.open(opening("m.rossi")).await.unwrap();
    let holder = shows(&world.ledger, &first.token).unwrap();
    let mut channel = world.ledger.attach(holder).await.unwrap();
    world.ledger.open(opening("m.rossi")).await.unwrap();
    assert_eq!(channel.events.recv().await, Some(session::Event::Closed { reason: CloseReason::Replaced }));
    assert_eq!(world.story().await, ["session_opened", "session_opened", "session_closed replaced"]);
}

#[tokio::test]
async fn a_channel_that_takes_over_is_no_loss_and_one_that_comes_back_is_a_resumption() {
    let world = world(Mood::Good).await;
    let admitted = world.ledger.open(opening("m.rossi")).await.unwrap();
    let holder = shows(&world.ledger, &admitted.token).unwrap();
    let mut first = world.ledger.attach(holder).await.unwrap();
    let second = world.ledger.attach(holder).await.unwrap();
    assert_eq!(first.events.recv().await, None, "one channel at a time");
    world.ledger.detach(admitted.number, first.id()).await;
    assert_eq!(world.story().await, ["session_opened"]);
    world.ledger.detach(admitted.number, second.id()).await;
    world.ledger.attach(holder).await.unwrap();
    assert_eq!(world.story().await, ["session_opened", "channel_lost", "channel_resumed"]);
}

#[tokio::test]
async fn a_token_is_of_use_to_nobody_but_the_holder_of_its_key() {
    let world = world(Mood::Good).await;
    let token = world.ledger.open(opening("m.rossi")).await.unwrap().token;
    let shown =
        proof::Use { method: "GET", target: gateway_api::SESSION, token: &token, binding: proof::Binding([12; 32]) };
    let thief = proof::Secret::new(&[99; 32]).prove(&shown);
    assert_eq!(world.ledger.holder(thief.as_bytes(), &shown), None);
    assert_eq!(world.ledger.holder(b"", &shown), None);
    let mine = key().prove(&shown);
    let another_line = proof::Use { binding: proof::Binding([13; 32]), ..shown };
    assert_eq!(world.ledger.holder(mine.as_bytes(), &another_line), None);
    assert!(world.ledger.holder(mine.as_bytes(), &shown).is_some());
}

#[tokio::test]
async fn resuming_gives_another_token_and_the_former_one_ends_when_that_is_used() {
    let world = world(Mood::Good).await;
    let first = world.ledger.open(opening("m.rossi")).await.unwrap().token;
    let mine = shows(&world.ledger, &first).unwrap();
    assert!(world.ledger.next_token(mine).await.is_none(), "the first channel resumes nothing");
    world.ledger.attach(mine).await.unwrap();
    let lost = world.ledger.next_token(mine).await.unwrap();
    // The answer never came: the client shows what it has, and then what it is given.
    let mine = shows(&world.ledger, &first).unwrap();
    let second = world.ledger.next_token(mine).await.unwrap();
    assert!(shows(&world.ledger, &second).is_some());
    assert_eq!(shows(&world.ledger, &first), None, "a newer one was used");
    assert_eq!(shows(&world.ledger, &lost), None);
    // An answer may also come late, after another was asked for.
    let (late, third) = (world.ledger.next_token(mine).await.unwrap(), world.ledger.next_token(mine).await.unwrap());
    assert!(shows(&world.ledger, &late).is_some() && shows(&world.ledger, &third).is_some());
}

#[tokio::test]
async fn answers_that_are_lost_for_ever_lock_nobody_out_and_fill_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = another_run(folder.path()).await;
    let token = ledger.open(opening("m.rossi")).await.unwrap().token;
    ledger.attach(shows(&ledger, &token).unwrap()).await.unwrap();
    let mut last = None;
    for _ in 0..100 {
        last = ledger.next_token(shows(&ledger, &token).unwrap()).await;
    }
    assert_eq!(ledger.live().tokens.len(), 8);
    // A restart in the middle changes nothing.
    let (after, _) = another_run(folder.path()).await;
    assert!(shows(&after, &token).is_some() && shows(&after, &last.unwrap()).is_some());
    assert_eq!(shows(&after, &token), None);
    assert_eq!(after.live().tokens.len(), 1);
}

#[tokio::test]
async fn a_stop_closes_and_records_everybody() {
    let world = world(Mood::Good).await;
    for worker in 0..20 {
        world.ledger.open(opening(&format!("worker-{worker}"))).await.unwrap();
    }
    let story = world.stop().await;
    assert_eq!(story.iter().filter(|line| *line == "session_closed gateway_stopped").count(), 20);
}

/// A gateway over a state folder that was there before; what it took up and what it ended.
async fn another_run(folder: &std::path::Path) -> (Ledger, (usize, usize)) {
    let (store, _writer) = Store::open(folder, clock::now().wall).await.unwrap();
    let (kept, left) = KeptSessions::open(folder, &[4; 32]).unwrap();
    let (data_plane, events, _thread) = data_plane(Mood::Good);
    let (ledger, _books) = Ledger::start(store, kept, data_plane, Fence::default(), events);
    let restored = ledger.restore(left, pools()).await.unwrap();
    (ledger, restored)
}

#[tokio::test]
async fn what_a_crash_left_open_goes_on_with_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, nothing) = another_run(folder.path()).await;
    assert_eq!(nothing, (0, 0));
    let admitted = ledger.open(opening("m.rossi")).await.unwrap();
    for _ in 0..2 {
        let (after, restored) = another_run(folder.path()).await;
        assert_eq!(restored, (1, 0));
        assert_eq!(shows(&after, &admitted.token).map(Holder::number), Some(admitted.number));
        assert_eq!(after.session_of("m.rossi"), Some(admitted.number));
    }
    let (last, _) = another_run(folder.path()).await;
    assert!(last.close(admitted.number, CloseReason::Administrator).await);
    assert_eq!(another_run(folder.path()).await.1, (0, 0), "an end is an end");
}

#[tokio::test]
async fn a_workstation_that_was_woken_before_a_restart_is_told_as_such_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = another_run(folder.path()).await;
    let mut opening = opening("m.rossi");
    opening.grant.wake = Some(policy::Wake { mac: [2; 6], broadcast: None });
    let admitted = ledger.open(opening).await.unwrap();
    let used = gateway_core::Standing { used: true, ..Default::default() };
    ledger.kept.note(kept_sessions::Change::Moved(admitted.number, Box::new(used)));
    ledger.kept.flush().await.unwrap();
    let (after, _) = another_run(folder.path()).await;
    let mut channel = after.attach(shows(&after, &admitted.token).unwrap()).await.unwrap();
    assert_eq!(channel.events.try_recv(), Ok(session::Event::WorkstationReady));
}

#[tokio::test]
async fn what_cannot_go_on_is_closed_once_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = another_run(folder.path()).await;
    let admitted = ledger.open(opening("m.rossi")).await.unwrap();
    let (_, nothing) = KeptSessions::open(folder.path(), &[9; 32]).unwrap();
    assert!(nothing.is_empty(), "another key opens nothing");
    assert_eq!(another_run(folder.path()).await.1, (0, 1));
    let (after, restored) = another_run(folder.path()).await;
    assert_eq!(restored, (0, 0));
    assert_eq!(shows(&after, &admitted.token), None);
}

#[tokio::test]
async fn a_worker_is_found_by_name_however_it_is_spelt() {
    let world = world(Mood::Good).await;
    let admitted = world.ledger.open(opening("m.rossi")).await.unwrap();
    assert_eq!(world.ledger.session_of("M.Rossi"), Some(admitted.number));
    assert_eq!(world.ledger.session_of("g.verdi"), None);
}

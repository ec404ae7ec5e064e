//! Sessions, records and second factors, durable and in order.
//!
//! One task writes. Whatever waits while a transaction runs goes into the next one together, so that a morning's rush
//! costs a few syncs of the disk instead of one for each login; an answer comes only after the disk has it. Readers use
//! connections of their own and never hold the writer up.
//!
//! What a session's life may do to its row is decided where it is written: an opening with a number that was used before is
//! refused, and only the first close of an open session counts. So each session has one opening and one close, whatever order
//! tasks, crashes and restarts come in.

mod lag;
mod reserve;
mod sqlite;
mod standing;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_api::{CloseReason, SessionNumber};
use gateway_record::{Checkpoint, Draft, Fields, Hash, Journal, Key, Private, Record, Report, Signed};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

pub(crate) use lag::{Lag, Place as Waits};
pub(crate) use sqlite::{backup, restore};
pub(crate) use standing::Standing;

use self::lag::Waiting;
use crate::{clock, identity};

/// The name of the database in the state folder.
pub(crate) const DATABASE: &str = "deskgate.sqlite";

/// How many writes may wait before those who ask wait too.
const QUEUE: usize = 1024;
/// How many writes share one transaction at most.
const BATCH: usize = 256;

/// Between looks at a full disk.
const FULL_LOOK: Duration = Duration::from_secs(1);

/// What a write does besides adding its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing: something happened, that is all.
    Note,
    /// A session opens. Needs the draft's session and structure.
    Open,
    /// A session ends for this reason. Needs the draft's session.
    Close(CloseReason),
    /// A person's second factor stands otherwise.
    Factor(FactorRow),
}

/// What is kept of a person's second factor: a row that names nobody, sealed by a key that the database does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FactorRow {
    /// A keyed hash of who it is.
    pub(crate) person: [u8; 32],
    /// None: nothing is left of it.
    pub(crate) sealed: Option<Arc<[u8]>>,
}

/// What came of a write that is on disk, or was not needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// The record is durable, and what it says holds.
    Recorded,
    /// The number was used before: nothing was written, draw another.
    NumberTaken,
    /// There is no such open session: nothing was written.
    NotOpen,
}

/// Why something could not be read or written, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreError(pub(crate) String);

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A record as it is kept, with its names if they were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) record: Record,
    pub(crate) private: Option<Private>,
}

/// Which records to read. Times are compared in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Query {
    /// None: workers.
    pub(crate) journal: Option<Journal>,
    pub(crate) session: Option<SessionNumber>,
    /// The support number that a refused login showed.
    pub(crate) support: Option<SessionNumber>,
    /// From this moment on.
    pub(crate) since: Option<Timestamp>,
    /// Before this moment.
    pub(crate) until: Option<Timestamp>,
    /// Whether people, computers and addresses are named.
    pub(crate) names: bool,
}

/// The handle to the one task that writes. The task ends, with everything on disk, once all handles are gone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    orders: mpsc::Sender<Order>,
    path: PathBuf,
    key: Key,
    waiting: Waiting,
    standing: Arc<Standing>,
}

#[derive(Debug)]
enum Order {
    Write(Write),
    /// Somebody else found no room on the disk.
    DiskFull,
    /// Delete a journal's records from before a moment.
    Forget {
        journal: Journal,
        before: Timestamp,
        now: Timestamp,
        reply: oneshot::Sender<Result<u64, StoreError>>,
    },
    /// Sign where the journals end.
    Checkpoint {
        now: Timestamp,
        reply: oneshot::Sender<Result<Option<Checkpoint>, StoreError>>,
    },
}

#[derive(Debug)]
struct Write {
    change: Change,
    /// None where the change is no record's matter.
    draft: Option<Draft>,
    reply: oneshot::Sender<Result<Written, StoreError>>,
}

impl Store {
    /// Opens the database in the state folder, makes or upgrades it as needed, and starts the writing task.
    ///
    /// Refuses a database that a newer version wrote, one whose chains do not end where they were noted to end, and one
    /// that is damaged, locked or not ours to write.
    pub(crate) async fn open(state: &Path, now: Timestamp) -> Result<(Self, tokio::task::JoinHandle<()>), StoreError> {
        let path = state.join(DATABASE);
        let signer = identity::record_signer(state).map_err(StoreError)?;
        let key = signer.key();
        let standing = Arc::<Standing>::default();
        let database = sqlite::Database::open(&path, signer, Arc::clone(&standing), now).await?;
        let (orders, queue) = mpsc::channel(QUEUE);
        let task = tokio::spawn(write_all(database, queue, Arc::clone(&standing)));
        Ok((Self { orders, path, key, waiting: Waiting::default(), standing }, task))
    }

    /// Adds a record, with what it means for its session, and returns once that is durable.
    pub(crate) async fn write(&self, change: Change, draft: Draft) -> Result<Written, StoreError> {
        self.ask_to_write(|reply| Write { change, draft: Some(draft), reply }).await
    }

    /// Keeps a second factor as it stands now, with a record of the change where it is one's matter; durable on return.
    pub(crate) async fn keep_factor(&self, row: FactorRow, draft: Option<Draft>) -> Result<(), StoreError> {
        self.ask_to_write(|reply| Write { change: Change::Factor(row), draft, reply }).await.map(|_| ())
    }

    /// Every second factor that is kept.
    pub(crate) async fn factors(&self) -> Result<Vec<FactorRow>, StoreError> {
        sqlite::factors(&self.path).await
    }

    /// Adds a record that changes no session.
    pub(crate) async fn note(&self, draft: Draft) -> Result<(), StoreError> {
        self.write(Change::Note, draft).await.map(|_| ())
    }

    /// Deletes the records of a journal from before a moment, and leaves a cut and a record that say so. Returns how many.
    pub(crate) async fn forget(&self, journal: Journal, before: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        self.ask(|reply| Order::Forget { journal, before, now, reply }).await
    }

    /// Signs where the journals end, if anything was written since the last time.
    pub(crate) async fn checkpoint(&self, now: Timestamp) -> Result<Option<Checkpoint>, StoreError> {
        self.ask(|reply| Order::Checkpoint { now, reply }).await
    }

    /// How the record stands: the disk, and what waits because of it.
    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// There was no room for what else a session needs on disk: none opens until there is.
    pub(crate) async fn tell_disk_full(&self) {
        // The writer is gone: then nothing opens anyway.
        let _ = self.orders.send(Order::DiskFull).await;
    }

    /// What checkpoints and cuts are checked by.
    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// The sessions that an earlier run of this gateway left open.
    pub(crate) async fn left_open(&self) -> Result<Vec<(SessionNumber, String)>, StoreError> {
        sqlite::left_open(&self.path).await
    }

    /// Whether the last run of this gateway ended without stopping in order.
    pub(crate) async fn ended_unclean(&self) -> Result<bool, StoreError> {
        sqlite::ended_unclean(&self.path).await
    }

    /// The records that a query names, as [`read`].
    pub(crate) fn read(&self, query: Query) -> mpsc::Receiver<Result<Kept, StoreError>> {
        read(&self.path, query)
    }

    /// How far the record is behind.
    pub(crate) fn lag(&self, now: Instant) -> Lag {
        self.waiting.lag(now)
    }

    /// A record waits from now on, however often it has to be tried.
    pub(crate) fn wait_from(&self, now: Instant) -> Waits {
        self.waiting.enter(now)
    }

    async fn ask_to_write(
        &self,
        write: impl FnOnce(oneshot::Sender<Result<Written, StoreError>>) -> Write,
    ) -> Result<Written, StoreError> {
        let _waits = self.wait_from(clock::now().instant);
        let written = self.ask(|reply| Order::Write(write(reply))).await;
        if written.is_err() {
            self.waiting.fail();
        }
        written
    }

    async fn ask<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Order,
    ) -> Result<T, StoreError> {
        let gone = || StoreError("the record's writer has stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// The records that a query names, oldest first, from the database file itself: also when no gateway runs.
pub(crate) fn read(database: &Path, query: Query) -> mpsc::Receiver<Result<Kept, StoreError>> {
    let (rows, receiver) = mpsc::channel(256);
    let database = database.to_owned();
    tokio::spawn(async move { sqlite::read(&database, query, rows).await });
    receiver
}

/// What was found in a database of one gateway's journals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    /// The gateway's word.
    pub(crate) gateway: String,
    /// Its checkpoints, and the witness's.
    pub(crate) signed: Signed,
    pub(crate) journals: Vec<(Journal, Report)>,
}

impl Verified {
    /// Whether nothing is wrong.
    pub(crate) fn is_whole(&self) -> bool {
        self.signed.faults.is_empty() && self.journals.iter().all(|(_, report)| report.is_whole())
    }
}

/// Checks every record in a database file, for each gateway that wrote to it, as it is at one moment. Only what `keys`
/// signed counts; without any, signatures are held against the keys in the file itself.
pub(crate) async fn verify(
    database: &Path,
    keys: &[Key],
    witnessed: &[Checkpoint],
) -> Result<Vec<Verified>, StoreError> {
    sqlite::verify(database, keys, witnessed).await
}

/// The writing task: until every handle is gone and every order is answered.
async fn write_all(mut database: sqlite::Database, mut queue: mpsc::Receiver<Order>, standing: Arc<Standing>) {
    let mut orders = Vec::with_capacity(BATCH);
    loop {
        let received = queue.recv_many(&mut orders, BATCH);
        let received = match standing.full_since() {
            None => received.await,
            Some(_) => match tokio::time::timeout(FULL_LOOK, received).await {
                Ok(received) => received,
                Err(_) => {
                    database.recover(clock::now().wall).await;
                    continue;
                }
            },
        };
        if received == 0 {
            break;
        }
        answer(&mut database, orders.drain(..), &standing).await;
    }
    database.close().await;
}

async fn answer(database: &mut sqlite::Database, orders: impl Iterator<Item = Order>, standing: &Standing) {
    let mut batch = Vec::new();
    for order in orders {
        match order {
            Order::Write(write) => batch.push(write),
            Order::DiskFull => standing.fill(clock::now().wall),
            Order::Forget { journal, before, now, reply } => {
                commit(database, std::mem::take(&mut batch)).await;
                // A caller that is gone has nobody to tell; what was written stays written.
                let _ = reply.send(database.forget(journal, before, now).await);
            }
            Order::Checkpoint { now, reply } => {
                commit(database, std::mem::take(&mut batch)).await;
                let _ = reply.send(database.checkpoint(now).await);
            }
        }
    }
    commit(database, batch).await;
}

async fn commit(database: &mut sqlite::Database, batch: Vec<Write>) {
    if batch.is_empty() {
        return;
    }
    let orders: Vec<(&Change, Option<&Draft>)> =
        batch.iter().map(|write| (&write.change, write.draft.as_ref())).collect();
    let outcomes = database.commit(&orders, clock::now().wall).await;
    for (write, outcome) in batch.into_iter().zip(outcomes) {
        let _ = write.reply.send(outcome);
    }
}

/// A random salt and the names it protects.
pub(crate) fn private(fields: Fields) -> Result<Option<Private>, StoreError> {
    if fields.is_empty() {
        return Ok(None);
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| StoreError(format!("the system gives no random bytes: {error}")))?;
    Ok(Some(Private { salt, fields }))
}

/// Where a chain ends or begins, as kept.
#[derive(Debug, Clone, Copy)]
struct Place {
    sequence: u64,
    hash: Hash,
}

#[cfg(test)]
mod tests;

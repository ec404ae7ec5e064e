//! The one task that writes: what waits goes into one transaction, dated with the keys of the day on which it is committed.

use std::{sync::Arc, time::Duration};

use gateway_record::{Checkpoint, Draft, Fields, Journal, Kind, Letter, Sealed};
use jiff::{Timestamp, civil::Date};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Change, Standing, StoreError, Written, by_name, sqlite};
use crate::{
    clock,
    day_keys::{DayKeys, WorkerTag},
};

/// How many writes share one transaction at most.
const BATCH: usize = 256;

/// Between looks at a full disk.
const FULL_LOOK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) enum Order {
    Write(Box<Write>),
    /// Somebody else found no room on the disk.
    DiskFull,
    /// The start is over.
    Started,
    /// Nothing more is written than what was asked for by now.
    End,
    /// Delete a journal's records from before a moment, and the keys of days up to another.
    Forget {
        journal: Journal,
        before: Timestamp,
        days: Date,
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
pub(super) struct Write {
    pub(super) change: Change,
    /// None where the change is no record's matter.
    pub(super) draft: Option<Draft>,
    /// The draft's names, sealed; under no day's key yet.
    pub(super) letter: Option<Letter>,
    /// Whose session opens.
    pub(super) worker_id: Option<String>,
    /// Whom a record of the workers' journal names.
    pub(super) worker: Option<String>,
    /// The draft's names, for what stands for them.
    pub(super) names: Fields,
    pub(super) reply: oneshot::Sender<Result<Written, StoreError>>,
}

/// A write as it goes into a transaction.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) change: &'a Change,
    pub(super) draft: Option<&'a Draft>,
    pub(super) sealed: Option<&'a Sealed>,
    /// Whose session it is.
    pub(super) worker: Option<&'a WorkerTag>,
    /// Whom the record names.
    pub(super) named: Option<&'a WorkerTag>,
    pub(super) pseudonyms: Option<&'a Fields>,
}

impl<'a> Item<'a> {
    /// A record that names nobody.
    pub(super) fn nameless(change: &'a Change, draft: &'a Draft) -> Self {
        Self { change, draft: Some(draft), sealed: None, worker: None, named: None, pseudonyms: None }
    }
}

/// What belongs to a write and rests on the day on which it is committed.
#[derive(Debug, Default)]
struct Dated {
    sealed: Option<Sealed>,
    worker: Option<WorkerTag>,
    named: Option<WorkerTag>,
    pseudonyms: Option<Fields>,
}

/// The writing task: until it is told to end or every handle is gone, and every order is answered.
pub(super) async fn write_all(
    mut database: sqlite::Database,
    day_keys: Arc<DayKeys>,
    mut queue: mpsc::Receiver<Order>,
    (standing, tell): (Arc<Standing>, watch::Sender<()>),
) {
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
        if orders.iter().any(|order| matches!(order, Order::End)) {
            queue.close();
        }
        answer(&mut database, &day_keys, orders.drain(..), &standing).await;
        tell.send_replace(());
    }
    database.close().await;
}

async fn answer(
    database: &mut sqlite::Database,
    day_keys: &DayKeys,
    orders: impl Iterator<Item = Order>,
    standing: &Standing,
) {
    let mut batch = Vec::new();
    for order in orders {
        match order {
            Order::Write(write) => batch.push(*write),
            Order::DiskFull => standing.fill(clock::now().wall),
            Order::Started => database.started(clock::now().wall),
            Order::End => {}
            Order::Forget { journal, before, days, now, reply } => {
                commit(database, day_keys, std::mem::take(&mut batch)).await;
                let forgotten = match destroy_days(database, day_keys, (journal, days), now).await {
                    Ok(()) => database.forget(journal, before, now).await,
                    Err(error) => Err(error),
                };
                // A caller that is gone has nobody to tell; what was written stays written.
                let _ = reply.send(forgotten);
            }
            Order::Checkpoint { now, reply } => {
                commit(database, day_keys, std::mem::take(&mut batch)).await;
                let _ = reply.send(database.checkpoint(now).await);
            }
        }
    }
    commit(database, day_keys, batch).await;
}

async fn commit(database: &mut sqlite::Database, day_keys: &DayKeys, batch: Vec<Write>) {
    let mut ready = Vec::with_capacity(batch.len());
    for write in batch {
        match under_day(&write, day_keys) {
            Ok(dated) => ready.push((write, dated)),
            // Its day has no key: that concerns nobody else.
            Err(error) => drop(write.reply.send(Err(error))),
        }
    }
    if ready.is_empty() {
        return;
    }
    let items: Vec<Item<'_>> = ready.iter().map(|(write, dated)| item(write, dated)).collect();
    let outcomes = database.commit(&items, clock::now().wall).await;
    for ((write, _), outcome) in ready.into_iter().zip(outcomes) {
        let _ = write.reply.send(outcome);
    }
}

/// A write's names under the key of the day on which they are written, what stands for them, the tag of its session's worker, and
/// that of whom it names.
fn under_day(write: &Write, day_keys: &DayKeys) -> Result<Dated, StoreError> {
    let mut dated = Dated::default();
    if let (Some(letter), Some(draft)) = (&write.letter, &write.draft) {
        let journal = draft.kind.journal();
        let key = day_keys.current(journal).map_err(StoreError)?;
        let sealed = letter.under(&key, journal).map_err(|_| StoreError("names cannot be sealed".to_owned()))?;
        dated.sealed = Some(sealed);
        dated.pseudonyms = Some(day_keys.pseudonyms(journal, key.day(), &write.names).map_err(StoreError)?);
    }
    dated.worker = write.worker_id.as_ref().map(|id| day_keys.worker_tag(id)).transpose().map_err(StoreError)?;
    let named = write.worker.as_ref().map(|name| day_keys.worker_tag(&by_name(name)));
    dated.named = named.transpose().map_err(StoreError)?;
    Ok(dated)
}

fn item<'a>(write: &'a Write, dated: &'a Dated) -> Item<'a> {
    Item {
        change: &write.change,
        draft: write.draft.as_ref(),
        sealed: dated.sealed.as_ref(),
        worker: dated.worker.as_ref(),
        named: dated.named.as_ref(),
        pseudonyms: dated.pseudonyms.as_ref(),
    }
}

/// Keys go before records do; that they went is recorded, and counted by the next cut. What could not be recorded at once is with the next,
/// and what was recorded though the commit seemed to fail is not recorded again: days only go on.
async fn destroy_days(
    database: &mut sqlite::Database,
    day_keys: &DayKeys,
    (journal, until): (Journal, Date),
    now: Timestamp,
) -> Result<(), StoreError> {
    day_keys.destroy(journal, until).map_err(StoreError)?;
    let mut days = day_keys.unrecorded(journal).map_err(StoreError)?;
    if days.is_empty() {
        return Ok(());
    }
    let recorded = database.keys_destroyed_until(journal).await?;
    days.retain(|day| recorded.is_none_or(|recorded| *day > recorded));
    let Some(last) = days.last() else { return day_keys.recorded(journal).map_err(StoreError) };
    let fields = Fields::default()
        .with("journal", journal.word())
        .with("count", u64::try_from(days.len()).unwrap_or(u64::MAX))
        .with("until", last.to_string());
    let draft = Draft { fields, ..Draft::new(Kind::DayKeysDestroyed, now) };
    let outcome = database.commit(&[Item::nameless(&Change::Note, &draft)], now).await.into_iter().next();
    outcome.unwrap_or_else(|| Err(StoreError("the record's writer lost count".to_owned())))?;
    day_keys.recorded(journal).map_err(StoreError)
}

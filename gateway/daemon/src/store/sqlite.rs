//! The database, as SQLite: the only file that names it.
//!
//! Write-ahead log with full synchronisation: a transaction that was acknowledged survives a power cut.

mod behind;
mod failures;
mod file;
mod reading;
mod rows;
mod signed;
mod verify;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use gateway_api::SessionNumber;
use gateway_record::{Anchor, Chain, Checkpoint, Draft, Fields, Hash, Journal, Kind, Sealed, Signer};
use jiff::{SignedDuration, Timestamp, civil::Date};
use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    Beginning, Change, FactorRow, Matter, Place, ReviewRow, Standing, StoreError, Written, begun,
    reserve::{Reserve, Waiting},
    start_room::StartRoom,
    writer::Item,
};
use crate::day_keys::{DayKeys, WorkerTag};

use failures::{explain, full, has_room, is_full, no_reserve};
use file::{connect, make_private_file, migrate, schema_version};
use rows::{integer, kept, place, unsigned};

pub(super) use behind::behind;
#[cfg(test)]
pub(super) use file::migrations;
pub(crate) use file::{backup, restore};
pub(super) use file::{ended_unclean, visits_left_open};
pub(super) use reading::{factors, left_open, opened_by, read, reviews, session, sessions_under, tagged};
pub(super) use verify::verify;

/// The step since which cuts are signed.
const SIGNED: i64 = 3;
/// The step since which names are sealed, and sessions have a worker's tag.
const SEALED: i64 = 4;

/// How far apart records may be written that happened the other way round: one that waited in a queue or for the disk.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_secs(60);
/// Room that a disk must have before it counts as no longer full, in bytes: more than any one transaction needs.
const ROOM: u64 = 256 * 1024;

/// The connection that writes, and where each chain ends.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    gateway: String,
    signer: Signer,
    reserve: Reserve,
    start_room: StartRoom,
    /// Until then what is held for a start may be used.
    started: bool,
    /// Those that are open, in whose number the reserve has room.
    sessions: BTreeSet<SessionNumber>,
    standing: Arc<Standing>,
    /// The time of the newest record.
    newest: Timestamp,
    /// None after a failure: what became of its transaction is read from the database itself.
    open: Option<Open>,
    /// Asks nothing. While it is there SQLite keeps its log and the log's index, which a full disk could not take again.
    anchor: SqliteConnection,
}

#[derive(Debug)]
struct Open {
    connection: SqliteConnection,
    chains: Vec<Chain>,
}

impl Database {
    pub(super) async fn open(
        path: &Path,
        signer: Signer,
        day_keys: &DayKeys,
        standing: Arc<Standing>,
        (now, beginning): (Timestamp, Beginning),
    ) -> Result<Self, StoreError> {
        let state = path.parent().unwrap_or(Path::new("."));
        // A file of no bytes is a database without anything in it: SQLite would take it for a new one.
        if beginning == Beginning::First && std::fs::metadata(path).map_or(true, |file| file.len() == 0) {
            begun::missing(state, path)?;
        }
        make_private_file(path)?;
        let mut connection = connect(path).await?;
        if beginning == Beginning::First && schema_version(path, &mut connection).await?.is_none() {
            begun::missing(state, path)?;
        }
        let before = migrate(path, &mut connection).await?;
        let begun = begun::words(state)?.len();
        let gateway = gateway_word(path, &mut connection, (now, begun)).await?;
        begun::keep(state, &gateway, now)?;
        // Only what was written before there were signatures and tags gets them now: whoever adds rows later must not have them signed.
        if before.is_some_and(|version| version < SIGNED) {
            signed::sign_old_cuts(&mut connection, (&gateway, &signer)).await.map_err(|error| explain(path, &error))?;
        }
        if before.is_some_and(|version| version < SEALED) {
            let tag = |worker_id: &str| day_keys.worker_tag(worker_id).map_err(sqlx::Error::Protocol);
            tag_old_sessions(&mut connection, tag).await.map_err(|error| explain(path, &error))?;
        }
        let newest = newest(path, &mut connection).await?;
        let mut open = Open::resume(path, connection, &gateway).await?;
        let sessions = open_sessions(path, &mut open.connection, &gateway).await?;
        let mut anchor = connect(path).await?;
        schema_version(path, &mut anchor).await?;
        let no_reserve = |error: std::io::Error| no_reserve(path, &error);
        let mut reserve = Reserve::open(state).map_err(no_reserve)?;
        reserve.make_room(sessions.len() + 1).map_err(no_reserve)?;
        let start_room = StartRoom::of(state);
        let (path, open, started) = (path.to_owned(), Some(open), false);
        let mut database =
            Self { path, gateway, signer, reserve, start_room, started, sessions, standing, newest, open, anchor };
        database.hold_start_room();
        database.watch_clock(now);
        if let Some(first) = database.reserve.waiting().first() {
            database.standing.fill(first.time());
            if !database.recover(now).await {
                return Err(full(&database.path));
            }
        }
        Ok(database)
    }

    /// Holds the room that the next start may need. Whether it is there.
    fn hold_start_room(&mut self) -> bool {
        self.start_room.keep(self.sessions.len() + 1, ROOM).is_ok()
    }

    /// From now on a disk without room for the next start counts as full.
    pub(super) fn started(&mut self, now: Timestamp) {
        self.started = true;
        if !self.hold_start_room() {
            self.standing.fill(now);
        }
    }

    /// Writes all in one transaction; either all is durable or nothing happened. While the disk is full, closes are durable in
    /// the reserve and everything else is refused.
    pub(super) async fn commit(&mut self, batch: &[Item<'_>], now: Timestamp) -> Vec<Result<Written, StoreError>> {
        if self.standing.full_since().is_some() && !self.recover(now).await {
            return self.set_aside(batch).await;
        }
        let opening = batch.iter().filter(|item| *item.change == Change::Open).count();
        // It may wait for the disk here, once in dozens of openings.
        let sessions = self.sessions.len() + opening;
        let room = self.reserve.make_room(sessions).and_then(|()| match self.started && opening > 0 {
            true => self.start_room.keep(sessions, 0),
            false => Ok(()),
        });
        let outcome = match room {
            Ok(()) => self.write(batch).await,
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => Err(Failed::Full),
            Err(error) => Err(Failed::Other(no_reserve(&self.path, &error))),
        };
        match outcome {
            Ok(written) => written.into_iter().map(Ok).collect(),
            Err(Failed::Other(error)) => batch.iter().map(|_| Err(error.clone())).collect(),
            Err(Failed::Full) => {
                self.standing.fill(now);
                self.set_aside(batch).await
            }
        }
    }

    async fn write(&mut self, batch: &[Item<'_>]) -> Result<Vec<Written>, Failed> {
        let mut open = self.reopened().await.map_err(Failed::Other)?;
        let written = match write_batch(&mut open.connection, &self.gateway, &mut open.chains, batch).await {
            Err(error) if is_full(&self.path, &error) => return Err(Failed::Full),
            written => self.keep(open, written).map_err(Failed::Other)?,
        };
        for (item, written) in batch.iter().zip(&written) {
            item.draft.iter().for_each(|draft| self.watch_clock(draft.time));
            let session = item.draft.and_then(|draft| draft.session);
            match (item.change, session, written) {
                (Change::Open, Some(session), Written::Recorded) => drop(self.sessions.insert(session)),
                (Change::Close(_), Some(session), Written::Recorded) => drop(self.sessions.remove(&session)),
                _ => {}
            }
        }
        Ok(written)
    }

    /// Records keep their order whatever the clock does; that it went back is told, for times are what people read.
    fn watch_clock(&mut self, now: Timestamp) {
        let behind = self.newest.duration_since(now);
        self.standing.clock_is_behind((behind > CLOCK_SLACK).then_some(behind));
        self.newest = self.newest.max(now);
    }

    /// Takes closes of open sessions into the reserve, and nothing else.
    async fn set_aside(&mut self, batch: &[Item<'_>]) -> Vec<Result<Written, StoreError>> {
        let full = full(&self.path);
        // What is open is read once more: a transaction that failed may be on disk all the same.
        let reopened = self.reopened().await.map(|open| self.open = Some(open));
        let mut closes: Vec<Waiting> = Vec::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for item in batch {
            let waiting = match (item.change, item.draft) {
                (Change::Close(reason), Some(draft)) => Waiting::of(*reason, draft),
                _ => None,
            };
            outcomes.push(match waiting {
                None => Err(full.clone()),
                Some(waiting) => {
                    let session = waiting.session;
                    let taken = self.reserve.holds(session) || closes.iter().any(|other| other.session == session);
                    if self.sessions.contains(&session) && !taken {
                        closes.push(waiting);
                        Ok(Written::Recorded)
                    } else if taken || reopened.is_ok() {
                        Ok(Written::NotOpen)
                    } else {
                        Err(full.clone())
                    }
                }
            });
        }
        if !closes.is_empty()
            && let Err(error) = self.reserve.put(closes)
        {
            let error = no_reserve(&self.path, &error);
            for outcome in outcomes.iter_mut().filter(|outcome| **outcome == Ok(Written::Recorded)) {
                *outcome = Err(error.clone());
            }
        }
        self.standing.wait(self.reserve.waiting().len());
        outcomes
    }

    /// Records what waits in the reserve, and that there was no room, if there is again. False if there is not.
    pub(super) async fn recover(&mut self, now: Timestamp) -> bool {
        let Some(since) = self.standing.full_since().filter(|_| has_room(&self.path)) else { return false };
        if self.started && !self.hold_start_room() {
            return false;
        }
        let waiting = self.reserve.waiting().to_vec();
        let Ok(mut open) = self.reopened().await else { return false };
        let mut orders = Vec::with_capacity(waiting.len() + 1);
        for close in &waiting {
            let Ok(structure) = structure(&mut open.connection, close.session).await else { return false };
            orders.push((Change::Close(close.reason), close.draft(structure)));
        }
        self.open = Some(open);
        let fields = Fields::default().with("since", since.to_string()).with("closes", waiting.len() as u64);
        orders.push((Change::Note, Draft { fields, ..Draft::new(Kind::DiskWasFull, now) }));
        let batch: Vec<Item<'_>> = orders.iter().map(|(change, draft)| Item::nameless(change, draft)).collect();
        let written = self.write(&batch).await;
        if let Err(Failed::Other(error)) = &written {
            tracing::error!(%error, "ends of sessions still wait in the reserve");
        }
        if written.is_ok() {
            self.reserve.clear();
            self.standing.empty();
        }
        written.is_ok()
    }

    /// Deletes the longest beginning of a journal that is all from before `before`.
    pub(super) async fn forget(
        &mut self,
        journal: Journal,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut open = self.reopened().await?;
        let ours = (self.gateway.as_str(), &self.signer);
        let deleted = forget(&mut open.connection, ours, &mut open.chains, journal, before, now).await;
        self.keep(open, deleted)
    }

    /// The last day whose key the record says was destroyed, of a journal.
    pub(super) async fn keys_destroyed_until(&mut self, journal: Journal) -> Result<Option<Date>, StoreError> {
        let mut open = self.reopened().await?;
        let until = signed::keys_destroyed_until(&mut open.connection, &self.gateway, journal).await;
        self.keep(open, until)
    }

    /// Signs where the chains end, if that is elsewhere than the last time.
    pub(super) async fn checkpoint(&mut self, now: Timestamp) -> Result<Option<Checkpoint>, StoreError> {
        let mut open = self.reopened().await?;
        let ours = (self.gateway.as_str(), &self.signer);
        let made = signed::checkpoint(&mut open.connection, ours, &open.chains, now).await;
        self.keep(open, made)
    }

    /// The open connection, or a fresh one after a failure: SQLite may have rolled a transaction back by itself, or have
    /// committed it and failed after that.
    async fn reopened(&mut self) -> Result<Open, StoreError> {
        match self.open.take() {
            Some(open) => Ok(open),
            None => {
                let mut open = Open::resume(&self.path, connect(&self.path).await?, &self.gateway).await?;
                self.sessions = open_sessions(&self.path, &mut open.connection, &self.gateway).await?;
                Ok(open)
            }
        }
    }

    fn keep<T>(&mut self, open: Open, outcome: sqlx::Result<T>) -> Result<T, StoreError> {
        let value = outcome.map_err(|error| explain(&self.path, &error))?;
        self.open = Some(open);
        Ok(value)
    }

    /// Folds the write-ahead log into the database and lets go of it.
    pub(super) async fn close(self) {
        if let Some(open) = self.open
            && let Err(error) = open.connection.close().await
        {
            tracing::warn!(error = %explain(&self.path, &error), "database not closed in order");
        }
        // The last to close folds the log.
        if let Err(error) = self.anchor.close().await {
            tracing::warn!(error = %explain(&self.path, &error), "database not closed in order");
        }
    }
}

/// Why nothing was written.
enum Failed {
    /// The disk has no room.
    Full,
    Other(StoreError),
}

impl Open {
    async fn resume(path: &Path, mut connection: SqliteConnection, gateway: &str) -> Result<Self, StoreError> {
        let mut chains = Vec::new();
        for journal in Journal::ALL {
            chains.push(resume(path, &mut connection, gateway, journal).await?);
        }
        Ok(Self { connection, chains })
    }
}

/// The sessions that are open, by the database.
async fn open_sessions(
    path: &Path,
    connection: &mut SqliteConnection,
    gateway: &str,
) -> Result<BTreeSet<SessionNumber>, StoreError> {
    let rows = sqlx::query("select number from sessions where gateway = $1 and closed_at is null")
        .bind(gateway)
        .fetch_all(connection)
        .await;
    let number = |row: &SqliteRow| Ok(SessionNumber::new(unsigned(row.try_get("number")?)));
    rows.and_then(|rows| rows.iter().map(number).collect()).map_err(|error| explain(path, &error))
}

async fn structure(connection: &mut SqliteConnection, session: SessionNumber) -> sqlx::Result<Option<String>> {
    let row = sqlx::query("select structure from sessions where number = $1")
        .bind(integer(session.bits()))
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.try_get("structure")).transpose()
}

async fn write_batch(
    connection: &mut SqliteConnection,
    gateway: &str,
    chains: &mut [Chain],
    batch: &[Item<'_>],
) -> sqlx::Result<Vec<Written>> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    let mut outcomes = Vec::with_capacity(batch.len());
    for item in batch {
        let outcome = make_change(&mut transaction, gateway, item).await?;
        if let (Written::Recorded, Some(draft)) = (outcome, item.draft) {
            append(&mut transaction, chains, draft, item).await?;
        }
        outcomes.push(outcome);
    }
    note_ends(&mut transaction, gateway, chains).await?;
    transaction.commit().await?;
    Ok(outcomes)
}

/// Whether the change may happen; if so it has, inside the transaction.
async fn make_change(connection: &mut SqliteConnection, gateway: &str, item: &Item<'_>) -> sqlx::Result<Written> {
    let change = item.change;
    let Some(draft) = item.draft else {
        return match change {
            Change::Factor(row) => put_factor(connection, row).await,
            Change::Review(rows) => put_reviews(connection, rows).await,
            // A session's life is nothing without its record.
            Change::Note | Change::Open | Change::Close(_) => Ok(Written::NotOpen),
        };
    };
    let number = draft.session.map(|session| integer(session.bits()));
    match change {
        Change::Note => Ok(Written::Recorded),
        Change::Factor(row) => put_factor(connection, row).await,
        Change::Review(rows) => put_reviews(connection, rows).await,
        Change::Open => {
            let opened = sqlx::query(
                "insert into sessions (number, gateway, structure, opened_at, worker) values ($1, $2, $3, $4, $5) on conflict do nothing",
            )
            .bind(number)
            .bind(gateway)
            .bind(draft.structure.as_deref().unwrap_or_default())
            .bind(draft.time.as_millisecond())
            .bind(item.worker.map(|tag| tag.to_vec()))
            .execute(connection)
            .await?;
            Ok(if opened.rows_affected() == 1 { Written::Recorded } else { Written::NumberTaken })
        }
        Change::Close(reason) => {
            let closed = sqlx::query(
                "update sessions set closed_at = $1, reason = $2 where number = $3 and gateway = $4 and closed_at is null",
            )
            .bind(draft.time.as_millisecond())
            .bind(reason.word())
            .bind(number)
            .bind(gateway)
            .execute(connection)
            .await?;
            Ok(if closed.rows_affected() == 1 { Written::Recorded } else { Written::NotOpen })
        }
    }
}

async fn put_factor(connection: &mut SqliteConnection, row: &FactorRow) -> sqlx::Result<Written> {
    let put = match &row.sealed {
        Some(sealed) => sqlx::query(
            "insert into second_factors (person, sealed) values ($1, $2) on conflict do update set sealed = $2",
        )
        .bind(row.person.to_vec())
        .bind(sealed.to_vec()),
        None => sqlx::query("delete from second_factors where person = $1").bind(row.person.to_vec()),
    };
    put.execute(connection).await?;
    Ok(Written::Recorded)
}

async fn put_reviews(connection: &mut SqliteConnection, rows: &[ReviewRow]) -> sqlx::Result<Written> {
    for row in rows {
        sqlx::query(
            "insert into reviews (what, number, changed_at, sealed) values ($1, $2, $3, $4)
             on conflict do update set changed_at = $3, sealed = $4",
        )
        .bind(row.what.word())
        .bind(integer(row.number))
        .bind(row.changed_at.as_millisecond())
        .bind(row.sealed.to_vec())
        .execute(&mut *connection)
        .await?;
    }
    Ok(Written::Recorded)
}

async fn append(
    connection: &mut SqliteConnection,
    chains: &mut [Chain],
    draft: &Draft,
    item: &Item<'_>,
) -> sqlx::Result<()> {
    let journal = draft.kind.journal();
    let Some(chain) = chains.iter_mut().find(|chain| chain.journal() == journal) else {
        return Err(sqlx::Error::Protocol(format!("no chain for the journal {}", journal.word())));
    };
    let record = chain.extend(draft, item.sealed.map(Sealed::digest));
    if let Some(pseudonyms) = item.pseudonyms.filter(|pseudonyms| !pseudonyms.is_empty()) {
        behind::keep_pseudonyms(connection, &record, pseudonyms).await?;
    }
    let (gateway, sequence) = (record.gateway.clone(), integer(record.sequence));
    let json = |value: serde_json::Result<String>| value.map_err(|error| sqlx::Error::Encode(error.into()));
    sqlx::query(
        "insert into records (gateway, journal, sequence, time, kind, session, structure, fields, private_digest, sealed, previous, hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(record.gateway)
    .bind(record.journal.word())
    .bind(sequence)
    .bind(record.time.as_millisecond())
    .bind(record.kind.word())
    .bind(record.session.map(|session| integer(session.bits())))
    .bind(record.structure)
    .bind(json(serde_json::to_string(&record.fields))?)
    .bind(record.private_digest.map(|digest| digest.0.to_vec()))
    .bind(item.sealed.map(Sealed::bytes))
    .bind(record.previous.0.to_vec())
    .bind(record.hash.0.to_vec())
    .execute(&mut *connection)
    .await?;
    if let Some(worker) = item.named {
        sqlx::query("insert into record_workers (gateway, sequence, worker) values ($1, $2, $3)")
            .bind(gateway)
            .bind(sequence)
            .bind(worker.to_vec())
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn note_ends(connection: &mut SqliteConnection, gateway: &str, chains: &[Chain]) -> sqlx::Result<()> {
    for chain in chains {
        let (sequence, hash) = chain.head();
        sqlx::query(
            "insert into chains (gateway, journal, last_sequence, last_hash) values ($1, $2, $3, $4)
             on conflict do update set last_sequence = $3, last_hash = $4 where last_sequence <> $3",
        )
        .bind(gateway)
        .bind(chain.journal().word())
        .bind(integer(sequence))
        .bind(hash.0.to_vec())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn forget(
    connection: &mut SqliteConnection,
    (gateway, signer): (&str, &Signer),
    chains: &mut [Chain],
    journal: Journal,
    before: Timestamp,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    // Only a beginning of the chain may go: a clock that once ran ahead keeps later records a little longer instead.
    let last = sqlx::query(
        "select sequence, hash from records where gateway = $1 and journal = $2 and sequence <
             (select coalesce(min(sequence), 9223372036854775807) from records where gateway = $1 and journal = $2 and time >= $3)
         order by sequence desc limit 1",
    )
    .bind(gateway)
    .bind(journal.word())
    .bind(before.as_millisecond())
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(last) = last else { return Ok(0) };
    let last = place(&last)?;
    let deleted = sqlx::query("delete from records where gateway = $1 and journal = $2 and sequence <= $3")
        .bind(gateway)
        .bind(journal.word())
        .bind(integer(last.sequence))
        .execute(&mut *transaction)
        .await?
        .rows_affected();
    behind::forget_pseudonyms(&mut transaction, gateway, journal, last.sequence).await?;
    let last = Anchor { sequence: last.sequence, hash: last.hash };
    let keys = signed::keys_destroyed(&mut transaction, gateway, journal).await?;
    signed::cut(&mut transaction, (gateway, signer), journal, (last, deleted, keys), now).await?;
    if journal == Journal::Workers {
        sqlx::query("delete from sessions where gateway = $1 and closed_at < $2")
            .bind(gateway)
            .bind(before.as_millisecond())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("delete from record_workers where gateway = $1 and sequence <= $2")
            .bind(gateway)
            .bind(integer(last.sequence))
            .execute(&mut *transaction)
            .await?;
        signed::forget_checkpoints(&mut transaction, gateway, before).await?;
    }
    if journal == Journal::Reviews {
        sqlx::query("delete from reviews where what not in ($1, $2) and changed_at < $3")
            .bind(Matter::Register.word())
            .bind(Matter::Counting.word())
            .bind(before.as_millisecond())
            .execute(&mut *transaction)
            .await?;
    }
    let fields =
        Fields::default().with("journal", journal.word()).with("count", deleted).with("last_sequence", last.sequence);
    let draft = Draft { fields, ..Draft::new(Kind::RecordsDeleted, now) };
    append(&mut transaction, chains, &draft, &Item::nameless(&Change::Note, &draft)).await?;
    note_ends(&mut transaction, gateway, chains).await?;
    transaction.commit().await?;
    Ok(deleted)
}

async fn last_cut(connection: &mut SqliteConnection, gateway: &str, journal: Journal) -> sqlx::Result<Anchor> {
    let row = sqlx::query(
        "select last_sequence as sequence, last_hash as hash from cuts where gateway = $1 and journal = $2 order by last_sequence desc limit 1",
    )
    .bind(gateway)
    .bind(journal.word())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(Anchor::GENESIS) };
    let Place { sequence, hash } = place(&row)?;
    Ok(Anchor { sequence, hash })
}

/// Where a chain goes on. A chain that does not end where it was noted to end is not silently continued.
async fn resume(
    path: &Path,
    connection: &mut SqliteConnection,
    gateway: &str,
    journal: Journal,
) -> Result<Chain, StoreError> {
    let ends = async {
        let noted = sqlx::query(
            "select last_sequence as sequence, last_hash as hash from chains where gateway = $1 and journal = $2",
        )
        .bind(gateway)
        .bind(journal.word())
        .fetch_optional(&mut *connection)
        .await?;
        let last =
            sqlx::query("select * from records where gateway = $1 and journal = $2 order by sequence desc limit 1")
                .bind(gateway)
                .bind(journal.word())
                .fetch_optional(&mut *connection)
                .await?;
        let cut = last_cut(&mut *connection, gateway, journal).await?;
        let noted = noted.as_ref().map(place).transpose()?;
        let last = last.as_ref().map(kept).transpose()?;
        Ok((noted, last, cut))
    };
    let (noted, last, cut) = ends.await.map_err(|error: sqlx::Error| explain(path, &error))?;
    let noted = noted.map_or((0, Hash::GENESIS), |noted| (noted.sequence, noted.hash));
    let found = match &last {
        Some((record, _)) if record.expected_hash() == record.hash => (record.sequence, record.hash),
        Some(_) => (0, Hash([0xff; 32])),
        None => (cut.sequence, cut.hash),
    };
    if noted != found {
        return Err(StoreError(format!(
            "the journal `{}` in `{}` does not end where it was left: run `deskgate-gateway log verify`, and put a backup back or begin a new record with `deskgate-gateway log begin-anew`",
            journal.word(),
            path.display()
        )));
    }
    Ok(Chain::resume(gateway, journal, noted.0, noted.1))
}

/// The random word that this gateway writes under, made with the database.
async fn gateway_word(
    path: &Path,
    connection: &mut SqliteConnection,
    (now, begun): (Timestamp, usize),
) -> Result<String, StoreError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| StoreError(format!("the system gives no random bytes: {error}")))?;
    let word = SessionNumber::new(u64::from_be_bytes(random)).to_string();
    let word = if begun == 0 { word } else { begun::next_word(&word, begun) };
    let row = async {
        sqlx::query("insert into gateway (one, word, created_at) values (1, $1, $2) on conflict do nothing")
            .bind(word)
            .bind(now.as_millisecond())
            .execute(&mut *connection)
            .await?;
        sqlx::query("select word from gateway").fetch_one(&mut *connection).await?.try_get("word")
    };
    row.await.map_err(|error| explain(path, &error))
}

/// The time of the newest record; the beginning of time if there is none.
async fn newest(path: &Path, connection: &mut SqliteConnection) -> Result<Timestamp, StoreError> {
    let mut newest = Timestamp::MIN;
    for journal in Journal::ALL {
        let row = sqlx::query("select max(time) as time from records where journal = $1")
            .bind(journal.word())
            .fetch_one(&mut *connection)
            .await;
        let time: Option<i64> = row.and_then(|row| row.try_get("time")).map_err(|error| explain(path, &error))?;
        newest = newest.max(time.and_then(|time| Timestamp::from_millisecond(time).ok()).unwrap_or(Timestamp::MIN));
    }
    Ok(newest)
}

/// Sessions from before there were tags get theirs from the names that were not sealed then, so that quotas count them.
async fn tag_old_sessions(
    connection: &mut SqliteConnection,
    tag: impl Fn(&str) -> sqlx::Result<WorkerTag>,
) -> sqlx::Result<()> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    let rows = sqlx::query(
        "select session, json_extract(private, '$.fields.worker_id') as worker_id from records
         where kind = $1 and session is not null and worker_id is not null",
    )
    .bind(Kind::SessionOpened.word())
    .fetch_all(&mut *transaction)
    .await?;
    for row in rows {
        sqlx::query("update sessions set worker = $1 where number = $2")
            .bind(tag(row.try_get("worker_id")?)?.to_vec())
            .bind(row.try_get::<i64, _>("session")?)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

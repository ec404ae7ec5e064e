//! Sessions, records and second factors, durable and in order.
//!
//! One task writes. Whatever waits while a transaction runs goes into the next one together, so that a morning's rush
//! costs a few syncs of the disk instead of one for each login; an answer comes only after the disk has it. Readers use
//! connections of their own and never hold the writer up.
//!
//! What a session's life may do to its row is decided where it is written: an opening with a number that was used before is
//! refused, and only the first close of an open session counts. So each session has one opening and one close, whatever order
//! tasks, crashes and restarts come in.

mod begun;
mod lag;
mod reserve;
mod sqlite;
mod standing;
mod start_room;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use gateway_api::{CloseReason, SessionNumber};
use gateway_record::{
    Checkpoint, Draft, Exported, Fields, Hash, Holders, Journal, Key, Letter, Names, NotOpened, Record, Report, Signed,
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

pub(crate) use lag::{Lag, Place as Waits};
pub(crate) use sqlite::{backup, restore};
pub(crate) use standing::Standing;

use self::{
    lag::Waiting,
    writer::{Order, Write, write_all},
};
use crate::{
    clock,
    day_keys::{self, DayKeys, Today, WorkerTag},
    identity,
};

/// The name of the database in the state folder.
pub(crate) const DATABASE: &str = "deskgate.sqlite";

/// The name of the record's reserve, there as well.
pub(crate) const RESERVE: &str = reserve::FILE;
/// What a store keeps beside the database.
pub(crate) const BESIDE: [&str; 3] = [begun::FILE, RESERVE, start_room::FILE];

/// How many writes may wait before those who ask wait too.
const QUEUE: usize = 1024;
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
    /// A review took a step: these rows stand otherwise.
    Review(Vec<ReviewRow>),
}

/// What is kept of a person's second factor: a row that names nobody, sealed by a key that the database does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FactorRow {
    /// A keyed hash of who it is.
    pub(crate) person: [u8; 32],
    /// None: nothing is left of it.
    pub(crate) sealed: Option<Arc<[u8]>>,
}

/// What a row of the reviews is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Matter {
    /// A request.
    Request,
    /// A general notice.
    Notice,
    /// What is being counted for figures; one row.
    Counting,
    /// Published figures of a period.
    Figures,
    /// Who has which role, and the last numbers that were given; one row.
    Register,
}

impl Matter {
    /// The word in the database.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Notice => "notice",
            Self::Counting => "counting",
            Self::Figures => "figures",
            Self::Register => "register",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Request, Self::Notice, Self::Counting, Self::Figures, Self::Register];
        all.into_iter().find(|matter| matter.word() == word)
    }
}

/// What is kept of a review, sealed by a key that the database does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReviewRow {
    pub(crate) what: Matter,
    pub(crate) number: u64,
    /// When it last took a step: it is kept as long as the journal of reviews from then on.
    pub(crate) changed_at: Timestamp,
    pub(crate) sealed: Arc<[u8]>,
}

/// A session as the database has it, which names nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) number: SessionNumber,
    pub(crate) structure: String,
    pub(crate) opened_at: Timestamp,
    /// Whose, for who has the key of those two months.
    pub(crate) worker: Option<WorkerTag>,
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

/// A record as it is kept, with what can be said of its names if they were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) record: Record,
    pub(crate) names: Option<Shown>,
    /// What stands for its names, where that was asked for.
    pub(crate) pseudonyms: Option<Fields>,
}

/// Names of a record, as far as this machine can read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// They are sealed to nobody.
    Open(Fields),
    /// The holders can read them.
    Sealed(Letter),
    /// Nobody can any more: the day's key was destroyed, or is not here.
    Gone(Date),
    /// They are not what the gateway wrote: `log verify` says more.
    Damaged,
}

/// How names are kept.
#[derive(Clone)]
pub(crate) struct Sealing {
    /// To whom they are sealed; None: to nobody yet.
    pub(crate) holders: Option<Holders>,
    /// The folder of the days' keys.
    pub(crate) day_keys: PathBuf,
    /// What day it is at the office.
    pub(crate) today: Today,
}

impl Sealing {
    /// To nobody, with the days' keys in the state folder and days as in Greenwich.
    pub(crate) fn to_nobody(state: &Path) -> Self {
        let today = || clock::now().wall.to_zoned(TimeZone::UTC).date();
        Self { holders: None, day_keys: state.join(day_keys::FOLDER), today: Arc::new(today) }
    }
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
    /// Whom they name, by this tag; never asked for from outside.
    #[serde(skip)]
    pub(crate) named: Option<WorkerTag>,
    /// Whether what stands for them elsewhere is.
    pub(crate) pseudonyms: bool,
}

/// Whether a record may be begun where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// Only if there never was one.
    First,
    /// By order.
    Anew,
}

/// The words of all records that were ever begun over a state folder, oldest first.
pub(crate) fn begun(state: &Path) -> Result<Vec<String>, StoreError> {
    begun::words(state)
}

/// Makes room for a start on a full disk, before anything is written. Whether it had to.
pub(crate) fn make_room_to_start(state: &Path) -> bool {
    start_room::give(state)
}

/// The handle to the one task that writes. The task ends, with everything on disk, once it is told to or all handles are gone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    orders: mpsc::Sender<Order>,
    path: PathBuf,
    key: Key,
    waiting: Waiting,
    standing: Arc<Standing>,
    holders: Arc<Option<Holders>>,
    day_keys: Arc<DayKeys>,
    news: watch::Receiver<()>,
}

impl Store {
    /// Opens the database in the state folder, makes or upgrades it as needed, and starts the writing task.
    ///
    /// Refuses a database that a newer version wrote, one whose chains do not end where they were noted to end, and one
    /// that is damaged, locked or not ours to write.
    /// Names are sealed to nobody.
    pub(crate) async fn open(state: &Path, now: Timestamp) -> Result<(Self, tokio::task::JoinHandle<()>), StoreError> {
        Self::open_sealing(state, Sealing::to_nobody(state), now).await
    }

    /// As [`Self::open`], for a gateway that writes names.
    pub(crate) async fn open_sealing(
        state: &Path,
        sealing: Sealing,
        now: Timestamp,
    ) -> Result<(Self, tokio::task::JoinHandle<()>), StoreError> {
        Self::open_as(state, sealing, now, Beginning::First).await
    }

    /// Begins a new record where there was one, whose database the caller has moved away. Names are sealed to nobody.
    pub(crate) async fn begin_anew(
        state: &Path,
        now: Timestamp,
    ) -> Result<(Self, tokio::task::JoinHandle<()>), StoreError> {
        Self::open_as(state, Sealing::to_nobody(state), now, Beginning::Anew).await
    }

    async fn open_as(
        state: &Path,
        sealing: Sealing,
        now: Timestamp,
        beginning: Beginning,
    ) -> Result<(Self, tokio::task::JoinHandle<()>), StoreError> {
        let path = state.join(DATABASE);
        let signer = identity::record_signer(state).map_err(StoreError)?;
        let key = signer.key();
        let day_keys = Arc::new(DayKeys::new(sealing.day_keys, sealing.today));
        let standing = Arc::<Standing>::default();
        let database =
            sqlite::Database::open(&path, signer, &day_keys, Arc::clone(&standing), (now, beginning)).await?;
        let (orders, queue) = mpsc::channel(QUEUE);
        let (tell, news) = watch::channel(());
        let task = tokio::spawn(write_all(database, Arc::clone(&day_keys), queue, (Arc::clone(&standing), tell)));
        let (holders, waiting) = (Arc::new(sealing.holders), Waiting::default());
        Ok((Self { orders, path, key, holders, day_keys, waiting, standing, news }, task))
    }

    /// Adds a record, with what it means for its session, and returns once that is durable.
    pub(crate) async fn write(&self, change: Change, draft: Draft) -> Result<Written, StoreError> {
        self.write_sealed(change, Some(draft)).await
    }

    /// Whoever asks does the costly part of sealing, so that the one task that writes does not.
    async fn write_sealed(&self, change: Change, mut draft: Option<Draft>) -> Result<Written, StoreError> {
        let names = draft.as_mut().map(|draft| std::mem::take(&mut draft.names)).unwrap_or_default();
        let worker_id = names.value("worker_id").filter(|_| change == Change::Open).map(ToString::to_string);
        let of_workers = draft.as_ref().is_some_and(|draft| draft.kind.journal() == Journal::Workers);
        let worker = names.value("worker").filter(|_| of_workers).map(ToString::to_string);
        let letter = if names.is_empty() { None } else { Some(self.seal(&names)?) };
        self.ask_to_write(|reply| Write { change, draft, letter, worker_id, worker, names, reply }).await
    }

    /// Names sealed to the holders; to nobody, if there are none.
    pub(crate) fn seal(&self, names: &Fields) -> Result<Letter, StoreError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)
            .map_err(|error| StoreError(format!("the system gives no random bytes: {error}")))?;
        Letter::seal(names, self.holders.as_ref().as_ref(), &seed)
            .map_err(|_| StoreError("names cannot be sealed to the holders' keys".to_owned()))
    }

    /// To whom names are sealed.
    pub(crate) fn holders(&self) -> Option<&Holders> {
        self.holders.as_ref().as_ref()
    }

    /// When a worker's own sessions opened, from the beginning of a day on; only for a worker who is there.
    pub(crate) async fn opened_by(
        &self,
        worker_id: &str,
        since: Timestamp,
        day: Date,
    ) -> Result<Vec<Timestamp>, StoreError> {
        let tags = self.day_keys.worker_tags(worker_id, day).map_err(StoreError)?;
        sqlite::opened_by(&self.path, &tags, since).await
    }

    /// The tags that this worker's sessions have had from a day on.
    pub(crate) fn worker_tags(&self, worker_id: &str, since: Date) -> Result<Vec<WorkerTag>, StoreError> {
        self.day_keys.worker_tags(worker_id, since).map_err(StoreError)
    }

    /// The tags that records which name somebody have had from a day on.
    pub(crate) fn name_tags(&self, worker: &str, since: Date) -> Result<Vec<WorkerTag>, StoreError> {
        self.day_keys.worker_tags(&by_name(worker), since).map_err(StoreError)
    }

    /// The sessions under any of these tags that opened from a moment on and before another.
    pub(crate) async fn sessions_under(
        &self,
        tags: &[WorkerTag],
        period: (Timestamp, Timestamp),
    ) -> Result<Vec<SessionRow>, StoreError> {
        sqlite::sessions_under(&self.path, tags, period).await
    }

    /// One session, as long as it is kept.
    pub(crate) async fn session(&self, number: SessionNumber) -> Result<Option<SessionRow>, StoreError> {
        sqlite::session(&self.path, number).await
    }

    /// A review took a step: kept together with its record, durable on return.
    pub(crate) async fn keep_review(&self, rows: Vec<ReviewRow>, draft: Draft) -> Result<(), StoreError> {
        self.write(Change::Review(rows), draft).await.map(|_| ())
    }

    /// What is kept of reviews and is no record's matter; durable on return.
    pub(crate) async fn keep_rows(&self, rows: Vec<ReviewRow>) -> Result<(), StoreError> {
        self.write_sealed(Change::Review(rows), None).await.map(|_| ())
    }

    /// The next records of the workers' journal behind a place, with the tags of those whom they name; some at a time.
    pub(crate) async fn tagged(&self, after: u64) -> Result<Vec<(Record, Option<WorkerTag>)>, StoreError> {
        sqlite::tagged(&self.path, after).await
    }

    /// What is kept of reviews.
    pub(crate) async fn reviews(&self) -> Result<Vec<ReviewRow>, StoreError> {
        sqlite::reviews(&self.path).await
    }

    /// Keeps a second factor as it stands now, with a record of the change where it is one's matter; durable on return.
    pub(crate) async fn keep_factor(&self, row: FactorRow, draft: Option<Draft>) -> Result<(), StoreError> {
        self.write_sealed(Change::Factor(row), draft).await.map(|_| ())
    }

    /// Every second factor that is kept.
    pub(crate) async fn factors(&self) -> Result<Vec<FactorRow>, StoreError> {
        sqlite::factors(&self.path).await
    }

    /// Adds a record that changes no session.
    pub(crate) async fn note(&self, draft: Draft) -> Result<(), StoreError> {
        self.write(Change::Note, draft).await.map(|_| ())
    }

    /// Destroys the keys of a journal's days up to and with `days`, and then deletes its records from before a moment; leaves
    /// a cut and records that say so. Returns how many records.
    pub(crate) async fn forget(
        &self,
        journal: Journal,
        before: Timestamp,
        days: Date,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.ask(|reply| Order::Forget { journal, before, days, now, reply }).await
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

    /// The start is over: if it took the room that was held for it, no session opens until the room is held again.
    pub(crate) async fn started(&self) {
        // The writer is gone: then nothing opens anyway.
        let _ = self.orders.send(Order::Started).await;
    }

    /// The gateway stops: what was asked for is written, and nothing else, whoever still has a handle.
    pub(crate) async fn end(&self) {
        // The writer is gone: it has ended.
        let _ = self.orders.send(Order::End).await;
    }

    /// What checkpoints and cuts are checked by.
    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// The sessions that an earlier run of this gateway left open.
    pub(crate) async fn left_open(&self) -> Result<Vec<(SessionNumber, String)>, StoreError> {
        sqlite::left_open(&self.path).await
    }

    /// How many visits to the web page by people with roles the record has not seen the end of, since the gateway last started.
    pub(crate) async fn visits_left_open(&self) -> Result<u64, StoreError> {
        sqlite::visits_left_open(&self.path).await
    }

    /// Whether the last run of this gateway ended without stopping in order.
    pub(crate) async fn ended_unclean(&self) -> Result<bool, StoreError> {
        sqlite::ended_unclean(&self.path).await
    }

    /// The records that a query names, as [`read`].
    pub(crate) fn read(&self, query: Query) -> mpsc::Receiver<Result<Kept, StoreError>> {
        read(&self.path, Arc::clone(&self.day_keys), query)
    }

    /// Changes when something was written.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.clone()
    }

    /// The records of a journal behind a place, oldest first, and how many there are.
    pub(crate) async fn behind(&self, journal: Journal, place: Option<&Exportable>) -> Result<Behind, StoreError> {
        sqlite::behind(&self.path, journal, place).await
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
        let written = self.ask(|reply| Order::Write(Box::new(write(reply)))).await;
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
pub(crate) fn read(database: &Path, day_keys: Arc<DayKeys>, query: Query) -> mpsc::Receiver<Result<Kept, StoreError>> {
    let (rows, receiver) = mpsc::channel(256);
    let database = database.to_owned();
    tokio::spawn(async move { sqlite::read(&database, &day_keys, query, rows).await });
    receiver
}

/// Names of a row, as far as the days' keys let them be read.
fn named(record: &Record, names: Names, day_keys: &DayKeys) -> Result<Shown, StoreError> {
    let sealed = match names {
        Names::Open(private) => return Ok(Shown::Open(private.fields)),
        Names::Sealed(sealed) => sealed,
    };
    // A row that somebody changed says what they like.
    if record.private_digest != Some(sealed.digest()) || record.expected_hash() != record.hash {
        return Ok(Shown::Damaged);
    }
    let Some(key) = day_keys.of(record.journal, sealed.day()).map_err(StoreError)? else {
        return Ok(Shown::Gone(sealed.day()));
    };
    Ok(match sealed.letter(&key, record.journal) {
        Err(_) => Shown::Damaged,
        Ok(letter) if letter.keys().next().is_some() => Shown::Sealed(letter),
        Ok(letter) => match letter.open(&[]) {
            Ok(fields) => Shown::Open(fields),
            Err(NotOpened::Damaged | NotOpened::Missing(_)) => Shown::Damaged,
        },
    })
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

/// A worker by name, where the directory's identity is not known: never one of those.
fn by_name(worker: &str) -> String {
    format!("by name: {}", policy::folded(worker))
}

/// The place of a record in a journal, as whoever follows the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Exportable {
    /// The word of the record's gateway: another one is another record.
    pub(crate) gateway: String,
    pub(crate) sequence: u64,
    /// Another hash at this place: an older state was put back, and went on otherwise.
    pub(crate) hash: Hash,
}

/// The records of a journal behind a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Behind {
    /// The first of them, oldest first.
    pub(crate) records: Vec<Exported>,
    /// How many there are.
    pub(crate) waiting: u64,
    /// How many were deleted, their time being over, before anybody followed.
    pub(crate) missed: u64,
}

/// Where a chain ends or begins, as kept.
#[derive(Debug, Clone, Copy)]
struct Place {
    sequence: u64,
    hash: Hash,
}

#[cfg(test)]
mod killed;
#[cfg(test)]
mod tests;

//! Reads a database for the check of its chains, all of it as it is at one moment.
//!
//! Millions of rows go by way of `rusqlite`, which lends each column where SQLite has it; `sqlx` copies each into memory of its own and
//! hands it from thread to thread, which costs several times what the check itself does. Both are the same SQLite. Several threads
//! read and hash, a pile of rows each, and one puts the piles in order and walks along the chain.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use gateway_record::{Against, Checkpoint, Found, Hash, Journal, Key, Keys, Report, Scratch, Signed};
use rusqlite::{OpenFlags, types::FromSqlResult};
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::{
    super::{StoreError, Verified},
    failures::{explain, explain_code},
    file::{connect_to_existing, migrations, schema_version},
    rows::{Columns, place, unsigned},
    signed,
};

/// The state of everything a gateway signs or notes, as one text: whatever it writes changes this.
const MOMENT: &str = "select json_array(
    (select json_group_array(json_array(gateway, journal, last_sequence, hex(last_hash))) from chains),
    (select json_group_array(json_array(gateway, first, last)) from checkpoint_notes),
    (select json_array(count(*), max(id)) from cuts)) as moment";
/// Where a chain's next pile begins.
const NEXT: &str = "select min(sequence) from records where gateway = ?1 and journal = ?2 and sequence >= ?3";
/// Rows of a chain, in the order of [`found`].
const ROWS: &str =
    "select sequence, time, kind, session, structure, fields, private_digest, private, sealed, previous, hash
    from records where gateway = ?1 and journal = ?2 and sequence between ?3 and ?4 order by sequence";

/// How many places a thread looks at in one go: each beginning costs as much as a few rows.
const PILE: i64 = 512;
/// How many piles may wait to be walked along: what a check needs of memory, whatever the record's length.
const PILES: usize = 8;
/// The most threads that read: beyond these, SQLite waits for itself.
const READERS: usize = 4;

/// How often so many connections try to begin at one moment, before there is one fewer.
const TRIES: usize = 25;
/// How often they try in all.
const MOST_TRIES: usize = 200;

/// What stands at a pile's places, once somebody has looked.
type Pile = rusqlite::Result<Vec<Found>>;

/// Checks every chain in a database, for each gateway that wrote to it.
pub(in super::super) async fn verify(
    path: &Path,
    keys: &[Key],
    witnessed: &[Checkpoint],
) -> Result<Vec<Verified>, StoreError> {
    let failed = |error: sqlx::Error| explain(path, &error);
    let mut connection = connect_to_existing(path).await?;
    let newest = migrations().last().map(|migration| migration.version);
    if schema_version(path, &mut connection).await? < newest {
        return Err(StoreError(format!(
            "the database `{}` was written by an older deskgate-gateway: start this one over it, or check it with that one",
            path.display()
        )));
    }
    let (mut connection, mut readers) = at_one_moment(path, connection).await?;
    let mut own = BTreeMap::new();
    for gateway in gateways(&mut connection).await.map_err(failed)? {
        let checkpoints = signed::checkpoints(&mut connection, &gateway).await.map_err(failed)?;
        own.insert(gateway, checkpoints);
    }
    let keys = Keys::new(keys, own.values().flatten());
    // What the witness holds of a gateway that the database does not know is missing from it. Anybody may have made such a name up.
    for checkpoint in witnessed.iter().filter(|checkpoint| keys.counts(checkpoint)) {
        own.entry(checkpoint.gateway.clone()).or_default();
    }
    if own.is_empty() {
        return Err(StoreError(format!(
            "no gateway has written to `{}`, or all that one wrote was removed",
            path.display()
        )));
    }
    let mut all = Vec::new();
    for (gateway, own) in own {
        let noted = signed::noted(&mut connection, &gateway).await.map_err(failed)?;
        let signed = Signed::judge(&gateway, &own, witnessed, noted, &keys);
        let mut journals = Vec::new();
        for journal in Journal::ALL {
            let report;
            (readers, report) =
                verify_chain(path, (&mut connection, readers), (&gateway, journal), &signed, &keys).await?;
            journals.push((journal, report));
        }
        all.push(Verified { gateway, signed, journals });
    }
    // In order, the last of all: whoever comes then finds the database without its log beside it.
    drop(readers);
    connection.close().await.map_err(failed)?;
    Ok(all)
}

/// Every gateway that anything in the database names.
async fn gateways(connection: &mut SqliteConnection) -> sqlx::Result<Vec<String>> {
    let rows = sqlx::query(
        "select gateway from chains union select gateway from records union select gateway from cuts
         union select gateway from checkpoints union select gateway from checkpoint_notes order by gateway",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| row.try_get("gateway")).collect()
}

/// Begins to read, and gives other connections that see the very same: a gateway may be writing. They wait for SQLite where waiting holds up
/// nobody.
async fn at_one_moment(
    path: &Path,
    mut connection: SqliteConnection,
) -> Result<(SqliteConnection, Vec<rusqlite::Connection>), StoreError> {
    let (path, runtime) = (path.to_owned(), tokio::runtime::Handle::current());
    let begin = move || -> Result<(SqliteConnection, Vec<rusqlite::Connection>), StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = |_| rusqlite::Connection::open_with_flags(&path, flags).map_err(|error| unreadable(&path, &error));
        let readers = thread::available_parallelism().map_or(1, usize::from).min(READERS);
        let readers: Vec<rusqlite::Connection> = (0..readers).map(open).collect::<Result<_, _>>()?;
        let mut has_begun = false;
        let ours = || {
            let read = async {
                if std::mem::replace(&mut has_begun, true) {
                    sqlx::query("rollback").execute(&mut connection).await?;
                }
                sqlx::query("begin").execute(&mut connection).await?;
                sqlx::query(MOMENT).fetch_one(&mut connection).await?.try_get::<String, _>("moment")
            };
            runtime.block_on(read).map_err(|error| explain(&path, &error))
        };
        let readers = begin_together(&path, readers, ours)?;
        Ok((connection, readers))
    };
    let begun = tokio::task::spawn_blocking(begin).await;
    begun.unwrap_or_else(|error| Err(StoreError(format!("the check broke off: {error}"))))
}

/// Begins to read by all of these until they see the same as `ours`, which begins anew each time. Where too much is written for that, by one
/// fewer after the other.
fn begin_together(
    path: &Path,
    mut readers: Vec<rusqlite::Connection>,
    mut ours: impl FnMut() -> Result<String, StoreError>,
) -> Result<Vec<rusqlite::Connection>, StoreError> {
    for tried in 1..=MOST_TRIES {
        let mut moments = BTreeSet::new();
        for reader in &readers {
            moments.insert(moment(reader).map_err(|error| unreadable(path, &error))?);
        }
        moments.insert(ours()?);
        if moments.len() == 1 {
            return Ok(readers);
        }
        if tried % TRIES == 0 && readers.len() > 1 {
            readers.pop();
        }
    }
    Err(StoreError(format!(
        "so much is written to `{}` that it cannot be looked at as it is at one moment: try again later, or check a copy (`deskgate-gateway backup`)",
        path.display()
    )))
}

/// Begins to read anew, and what is there then.
fn moment(reader: &rusqlite::Connection) -> rusqlite::Result<String> {
    if !reader.is_autocommit() {
        reader.execute_batch("rollback")?;
    }
    reader.execute_batch("begin")?;
    reader.query_one(MOMENT, [], |row| row.get(0))
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> StoreError {
    explain_code(path, error.sqlite_error().map(|error| error.extended_code), error)
}

/// Feeds one chain to the pure check, on threads that may wait. Gives the connections back.
async fn verify_chain(
    path: &Path,
    (connection, mut readers): (&mut SqliteConnection, Vec<rusqlite::Connection>),
    (gateway, journal): (&str, Journal),
    signed: &Signed,
    keys: &Keys,
) -> Result<(Vec<rusqlite::Connection>, Report), StoreError> {
    let failed = |error: sqlx::Error| explain(path, &error);
    let head = noted_end(connection, gateway, journal).await.map_err(failed)?;
    let cuts = signed::cuts(connection, gateway, journal).await.map_err(failed)?;
    let mut finding = connect_to_existing(path).await?;
    let runtime = tokio::runtime::Handle::current();
    let (gateway, signed, keys) = (gateway.to_owned(), signed.clone(), keys.clone());
    let check = move || {
        let place_of = |hash: Hash| {
            let found = sqlx::query("select sequence from records where hash = $1 limit 1").bind(hash.0.to_vec());
            let row = runtime.block_on(found.fetch_optional(&mut finding)).ok().flatten()?;
            row.try_get("sequence").ok().map(unsigned)
        };
        let against = Against { journal, cuts: &cuts, head, signed: &signed, keys: &keys };
        let report =
            with_rows(&mut readers, (&gateway, journal), |rows| gateway_record::verify(rows, against, place_of));
        // What cannot be closed was read all the same.
        let _ = runtime.block_on(finding.close());
        (readers, report)
    };
    let broken = |error| StoreError(format!("the check broke off: {error}"));
    let (readers, report) = tokio::task::spawn_blocking(check).await.map_err(broken)?;
    report.map(|report| (readers, report)).map_err(|error| unreadable(path, &error))
}

/// Has all rows of a chain looked at by a thread for each connection, and takes them in the order of their places.
fn with_rows<T>(
    readers: &mut [rusqlite::Connection],
    chain: (&str, Journal),
    take: impl FnOnce(&mut dyn Iterator<Item = Found>) -> T,
) -> rusqlite::Result<T> {
    let next = Mutex::new(Some(i64::MIN));
    thread::scope(|threads| {
        let (piles, taken) = sync_channel(PILES);
        for reader in readers {
            let (piles, next) = (piles.clone(), &next);
            threads.spawn(move || {
                if let Err(error) = read_piles(reader, chain, next, &piles) {
                    let (sender, failed) = sync_channel(1);
                    // Nobody checks any more: nobody misses it.
                    let _ = sender.send(Err(error)).map(|()| piles.send(failed));
                }
            });
        }
        drop(piles);
        let mut failed = None;
        // One that was never finished is of a thread that panicked, and so does the scope.
        let rows = taken.iter().map_while(|pile| pile.recv().ok()?.map_err(|error| failed = Some(error)).ok());
        let outcome = take(&mut rows.flatten());
        failed.map_or(Ok(outcome), Err)
    })
}

/// Looks at one pile after the other, each of which no other thread has taken.
fn read_piles(
    database: &rusqlite::Connection,
    (gateway, journal): (&str, Journal),
    next: &Mutex<Option<i64>>,
    piles: &SyncSender<Receiver<Pile>>,
) -> rusqlite::Result<()> {
    let (mut beginning, mut rows) = (database.prepare(NEXT)?, database.prepare(ROWS)?);
    let mut scratch = Scratch::default();
    loop {
        let (sender, receiver) = sync_channel(1);
        let (first, last) = {
            // Held until the pile is handed on, so that they are in order.
            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(from) = *next else { return Ok(()) };
            let first: Option<i64> = beginning.query_one((gateway, journal.word(), from), |row| row.get(0))?;
            let Some(first) = first else {
                *next = None;
                return Ok(());
            };
            let last = first.saturating_add(PILE - 1);
            *next = last.checked_add(1);
            if piles.send(receiver).is_err() {
                return Ok(());
            }
            (first, last)
        };
        let read = rows
            .query((gateway, journal.word(), first, last))
            .and_then(|rows| rows.mapped(|row| found(gateway, journal, row, &mut scratch)).collect());
        if sender.send(read).is_err() {
            return Ok(());
        }
    }
}

/// A row, also one that is no record any more.
fn found(gateway: &str, journal: Journal, row: &rusqlite::Row<'_>, scratch: &mut Scratch) -> rusqlite::Result<Found> {
    let unreadable = Found::Unreadable { sequence: unsigned(row.get(0)?) };
    let Ok(columns) = columns(gateway, journal, row) else { return Ok(unreadable) };
    if let Some(link) = columns.lent(journal).and_then(|lent| lent.link(scratch)) {
        return Ok(Found::Sound(link));
    }
    Ok(columns.record().map_or(unreadable, |record| Found::Record(Box::new(record))))
}

fn columns<'r>(gateway: &'r str, journal: Journal, row: &'r rusqlite::Row<'_>) -> FromSqlResult<Columns<'r>> {
    let column = |place: usize| row.get_ref_unwrap(place);
    Ok(Columns {
        gateway,
        journal: journal.word(),
        sequence: column(0).as_i64()?,
        time: column(1).as_i64()?,
        kind: column(2).as_str()?,
        session: column(3).as_i64_or_null()?,
        structure: column(4).as_str_or_null()?,
        fields: column(5).as_str()?,
        private_digest: column(6).as_blob_or_null()?,
        private: column(7).as_str_or_null()?,
        sealed: column(8).as_blob_or_null()?,
        previous: column(9).as_blob()?,
        hash: column(10).as_blob()?,
    })
}

/// Where the gateway noted that a chain ends; the beginning if it noted nothing.
async fn noted_end(connection: &mut SqliteConnection, gateway: &str, journal: Journal) -> sqlx::Result<(u64, Hash)> {
    let row = sqlx::query(
        "select last_sequence as sequence, last_hash as hash from chains where gateway = $1 and journal = $2",
    )
    .bind(gateway)
    .bind(journal.word())
    .fetch_optional(connection)
    .await?;
    // A note that cannot be read is one that was altered.
    let noted = row.map(|row| place(&row).map_or((0, Hash([0xff; 32])), |place| (place.sequence, place.hash)));
    Ok(noted.unwrap_or((0, Hash::GENESIS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database with everything that [`MOMENT`] looks at, and who writes to it.
    fn database(folder: &Path) -> (std::path::PathBuf, rusqlite::Connection) {
        let path = folder.join("database");
        let writer = rusqlite::Connection::open(&path).unwrap();
        writer
            .execute_batch(
                "pragma journal_mode = wal;
                 create table chains (gateway, journal, last_sequence, last_hash);
                 create table checkpoint_notes (gateway, first, last);
                 create table cuts (id);
                 insert into chains values ('GW1', 'workers', 0, x'00');",
            )
            .unwrap();
        (path, writer)
    }

    /// How often readers had to begin, and how many began together, if something is written before ours each of the first `writes` times.
    fn begun(writes: usize) -> (usize, Result<usize, StoreError>) {
        let folder = tempfile::tempdir().unwrap();
        let (path, writer) = database(folder.path());
        let open = || rusqlite::Connection::open(&path).unwrap();
        let (own, readers, mut tries) = (open(), vec![open(), open(), open()], 0);
        let begun = begin_together(&path, readers, || {
            tries += 1;
            if tries <= writes {
                writer.execute_batch("update chains set last_sequence = last_sequence + 1").unwrap();
            }
            Ok(moment(&own).unwrap())
        });
        (tries, begun.map(|readers| readers.len()))
    }

    #[test]
    fn a_check_begins_at_one_moment_or_says_that_it_cannot() {
        assert_eq!(begun(0), (1, Ok(3)));
        assert_eq!(begun(3), (4, Ok(3)), "what is written meanwhile has them begin anew");
        assert_eq!(begun(2 * TRIES), (2 * TRIES + 1, Ok(1)), "fewer are sooner together");
        let (tries, refused) = begun(usize::MAX);
        assert_eq!(tries, MOST_TRIES);
        assert!(refused.unwrap_err().0.contains("so much is written"));
    }
}

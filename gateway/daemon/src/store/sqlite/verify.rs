//! Reads a database for the check of its chains, all of it as it is at one moment.
//!
//! Millions of rows go by way of `rusqlite`, which lends each column where SQLite has it; `sqlx` copies each into memory of its own and
//! hands it from thread to thread, which costs several times what the check itself does. Both are the same SQLite.

use std::{collections::BTreeSet, path::Path};

use gateway_record::{Against, Checkpoint, Found, Hash, Journal, Key, Report, Signed};
use rusqlite::{OpenFlags, types::FromSqlResult};
use sqlx::{Row as _, SqliteConnection};
use tokio::sync::mpsc;

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
/// A chain's rows, in the order of [`found`].
const CHAIN: &str =
    "select sequence, time, kind, session, structure, fields, private_digest, private, sealed, previous, hash
    from records where gateway = ?1 and journal = ?2 order by sequence";

/// Rows that go from thread to thread at once, for each step costs as much as hashing one.
const PILE: usize = 256;
/// Of these, how many may be under way: what a check needs of memory, whatever the record's length.
const PILES: usize = 8;

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
    let mut rows = at_one_moment(path, &mut connection).await?;
    let mut all = Vec::new();
    // What the witness holds of a gateway that the database does not know is missing from it.
    let mut gateways: BTreeSet<String> = gateways(&mut connection).await.map_err(failed)?.into_iter().collect();
    gateways.extend(witnessed.iter().map(|checkpoint| checkpoint.gateway.clone()));
    for gateway in gateways {
        let own = signed::checkpoints(&mut connection, &gateway).await.map_err(failed)?;
        let noted = signed::noted(&mut connection, &gateway).await.map_err(failed)?;
        let witnessed: Vec<Checkpoint> =
            witnessed.iter().filter(|checkpoint| checkpoint.gateway == gateway).cloned().collect();
        let signed = Signed::judge(&own, &witnessed, noted, keys);
        let mut journals = Vec::new();
        for journal in Journal::ALL {
            let report;
            (rows, report) = verify_chain(path, (&mut connection, rows), (&gateway, journal), &signed, keys).await?;
            journals.push((journal, report));
        }
        all.push(Verified { gateway, signed, journals });
    }
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

/// Begins to read, and gives another connection that sees the very same: a gateway may be writing.
async fn at_one_moment(path: &Path, connection: &mut SqliteConnection) -> Result<rusqlite::Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let rows = rusqlite::Connection::open_with_flags(path, flags).map_err(|error| unreadable(path, &error))?;
    loop {
        rows.execute_batch("begin").map_err(|error| unreadable(path, &error))?;
        let theirs: String = rows.query_one(MOMENT, [], |row| row.get(0)).map_err(|error| unreadable(path, &error))?;
        let ours = async {
            sqlx::query("begin").execute(&mut *connection).await?;
            sqlx::query(MOMENT).fetch_one(&mut *connection).await?.try_get::<String, _>("moment")
        };
        if ours.await.map_err(|error| explain(path, &error))? == theirs {
            return Ok(rows);
        }
        rows.execute_batch("rollback").map_err(|error| unreadable(path, &error))?;
        sqlx::query("rollback").execute(&mut *connection).await.map_err(|error| explain(path, &error))?;
    }
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> StoreError {
    explain_code(path, error.sqlite_error().map(|error| error.extended_code), error)
}

/// Feeds one chain to the pure check, on threads that may wait: one reads and decodes, one hashes. Gives the connection back.
async fn verify_chain(
    path: &Path,
    (connection, database): (&mut SqliteConnection, rusqlite::Connection),
    (gateway, journal): (&str, Journal),
    signed: &Signed,
    keys: &[Key],
) -> Result<(rusqlite::Connection, Report), StoreError> {
    let failed = |error: sqlx::Error| explain(path, &error);
    let head = noted_end(connection, gateway, journal).await.map_err(failed)?;
    let cuts = signed::cuts(connection, gateway, journal).await.map_err(failed)?;
    let (sender, mut rows) = mpsc::channel::<Vec<Found>>(PILES);
    let mut finding = connect_to_existing(path).await?;
    let name = gateway.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let read = read_chain(&database, (&name, journal), &sender);
        (database, read)
    });
    let runtime = tokio::runtime::Handle::current();
    let (signed, keys) = (signed.clone(), keys.to_vec());
    let check = move || {
        let place_of = |hash: Hash| {
            let found = sqlx::query("select sequence from records where hash = $1 limit 1").bind(hash.0.to_vec());
            let row = runtime.block_on(found.fetch_optional(&mut finding)).ok().flatten()?;
            row.try_get("sequence").ok().map(unsigned)
        };
        let against = Against { journal, cuts: &cuts, head, signed: &signed, keys: &keys };
        gateway_record::verify(std::iter::from_fn(|| rows.blocking_recv()).flatten(), against, place_of)
    };
    let broken = |error| StoreError(format!("the check broke off: {error}"));
    let report = tokio::task::spawn_blocking(check).await.map_err(broken)?;
    let (database, read) = reading.await.map_err(broken)?;
    read.map_err(|error| unreadable(path, &error))?;
    Ok((database, report))
}

/// All rows of a chain in order, by the pile, as long as somebody takes them.
fn read_chain(
    database: &rusqlite::Connection,
    (gateway, journal): (&str, Journal),
    sender: &mpsc::Sender<Vec<Found>>,
) -> rusqlite::Result<()> {
    let mut statement = database.prepare(CHAIN)?;
    let mut rows = statement.query([gateway, journal.word()])?;
    let mut pile = Vec::with_capacity(PILE);
    while let Some(row) = rows.next()? {
        pile.push(found(gateway, journal, row)?);
        if pile.len() == PILE && sender.blocking_send(std::mem::replace(&mut pile, Vec::with_capacity(PILE))).is_err() {
            return Ok(());
        }
    }
    // Nobody checks any more: nobody misses them.
    let _ = sender.blocking_send(pile);
    Ok(())
}

/// A row, also one that is no record any more.
fn found(gateway: &str, journal: Journal, row: &rusqlite::Row<'_>) -> rusqlite::Result<Found> {
    let sequence: i64 = row.get(0)?;
    let record = columns(gateway, journal, row).ok().and_then(|columns| columns.record().ok());
    Ok(record
        .map_or(Found::Unreadable { sequence: unsigned(sequence) }, |(record, names)| Found::Record(record, names)))
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

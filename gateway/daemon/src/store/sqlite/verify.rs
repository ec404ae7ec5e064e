//! Reads a database for the check of its chains, all of it as it is at one moment.

use std::{collections::BTreeSet, path::Path};

use futures_util::TryStreamExt as _;
use gateway_record::{Against, Checkpoint, Found, Hash, Journal, Key, Report, Signed};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};
use tokio::sync::mpsc;

use super::{
    super::{StoreError, Verified},
    connect_to_existing, explain, kept, migrations, place, schema_version, signed, unsigned,
};

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
    // A gateway may be writing: what is read is one moment.
    sqlx::query("begin").execute(&mut connection).await.map_err(failed)?;
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
            (connection, report) = verify_chain(path, connection, (&gateway, journal), &signed, keys).await?;
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

/// Feeds one chain to the pure check, on a thread that may wait: SQLite's thread reads, this one decodes, that one hashes. Gives the connection back.
async fn verify_chain(
    path: &Path,
    mut connection: SqliteConnection,
    (gateway, journal): (&str, Journal),
    signed: &Signed,
    keys: &[Key],
) -> Result<(SqliteConnection, Report), StoreError> {
    let failed = |error: sqlx::Error| explain(path, &error);
    let head = noted_end(&mut connection, gateway, journal).await.map_err(failed)?;
    let cuts = signed::cuts(&mut connection, gateway, journal).await.map_err(failed)?;
    let (sender, mut rows) = mpsc::channel::<Vec<Found>>(PILES);
    let mut finding = connect_to_existing(path).await?;
    let name = gateway.to_owned();
    let reading = tokio::spawn(async move {
        let read = async {
            let mut stream = sqlx::query("select * from records where gateway = $1 and journal = $2 order by sequence")
                .bind(name)
                .bind(journal.word())
                .fetch(&mut connection);
            let mut pile = Vec::with_capacity(PILE);
            while let Some(row) = stream.try_next().await? {
                pile.push(found(&row)?);
                if pile.len() == PILE
                    && sender.send(std::mem::replace(&mut pile, Vec::with_capacity(PILE))).await.is_err()
                {
                    return Ok(());
                }
            }
            // Nobody checks any more: nobody misses them.
            let _ = sender.send(pile).await;
            Ok(())
        };
        let read = read.await;
        (connection, read)
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
    let (connection, read) = reading.await.map_err(broken)?;
    read.map_err(failed)?;
    Ok((connection, report))
}

/// A row, also one that is no record any more.
fn found(row: &SqliteRow) -> sqlx::Result<Found> {
    match kept(row) {
        Ok((record, names)) => Ok(Found::Record(record, names)),
        Err(_) => Ok(Found::Unreadable { sequence: unsigned(row.try_get("sequence")?) }),
    }
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

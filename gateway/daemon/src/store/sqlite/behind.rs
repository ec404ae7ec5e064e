//! A journal as those follow it who export it: what is behind a place, and what stands for names.

use std::path::Path;

use gateway_record::{Exported, Fields, Journal, Record};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    super::{Behind, Exportable, StoreError},
    failures::explain,
    file::connect_to_existing,
    last_cut,
    rows::{hash, integer, kept, unsigned},
};

/// Records that are handed over at once.
const MOST: i64 = 256;

/// Keeps what stands for a record's names.
pub(super) async fn keep_pseudonyms(
    connection: &mut SqliteConnection,
    record: &Record,
    pseudonyms: &Fields,
) -> sqlx::Result<()> {
    let text = serde_json::to_string(pseudonyms).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query("insert into pseudonyms (gateway, journal, sequence, text) values ($1, $2, $3, $4)")
        .bind(&record.gateway)
        .bind(record.journal.word())
        .bind(integer(record.sequence))
        .bind(text)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes those of a journal's records up to a place.
pub(super) async fn forget_pseudonyms(
    connection: &mut SqliteConnection,
    gateway: &str,
    journal: Journal,
    last: u64,
) -> sqlx::Result<()> {
    sqlx::query("delete from pseudonyms where gateway = $1 and journal = $2 and sequence <= $3")
        .bind(gateway)
        .bind(journal.word())
        .bind(integer(last))
        .execute(connection)
        .await?;
    Ok(())
}

/// What stands for names, in a row that has the column; nothing where nothing does.
pub(super) fn pseudonyms(row: &SqliteRow) -> sqlx::Result<Fields> {
    let text: Option<String> = row.try_get("pseudonyms")?;
    let unreadable = || sqlx::Error::Decode("a record's pseudonyms cannot be read".into());
    text.map_or(Ok(Fields::default()), |text| serde_json::from_str(&text).map_err(|_| unreadable()))
}

/// The records of a journal behind a place, oldest first; all, if that place is none of this record's.
pub(in super::super) async fn behind(
    path: &Path,
    journal: Journal,
    place: Option<&Exportable>,
) -> Result<Behind, StoreError> {
    let failed = |error: sqlx::Error| explain(path, &error);
    let mut connection = connect_to_existing(path).await?;
    // A gateway is writing: what is read is one moment.
    sqlx::query("begin").execute(&mut connection).await.map_err(failed)?;
    let word = sqlx::query("select word from gateway").fetch_one(&mut connection).await;
    let gateway: String = word.and_then(|row| row.try_get("word")).map_err(failed)?;
    read_behind(&mut connection, (&gateway, journal), place).await.map_err(failed)
}

async fn read_behind(
    connection: &mut SqliteConnection,
    (gateway, journal): (&str, Journal),
    place: Option<&Exportable>,
) -> sqlx::Result<Behind> {
    let after = match place {
        Some(place) if goes_on(&mut *connection, (gateway, journal), place).await? => place.sequence,
        Some(_) | None => 0,
    };
    let rows = sqlx::query(
        "select records.*, text as pseudonyms from records left join pseudonyms using (gateway, journal, sequence)
         where gateway = $1 and journal = $2 and sequence > $3 order by sequence limit $4",
    )
    .bind(gateway)
    .bind(journal.word())
    .bind(integer(after))
    .bind(MOST)
    .fetch_all(&mut *connection)
    .await?;
    let exported = |row: &SqliteRow| Ok(Exported::new(&kept(row)?.0, pseudonyms(row)?));
    let records: Vec<Exported> = rows.iter().map(exported).collect::<sqlx::Result<_>>()?;
    let last: i64 =
        sqlx::query("select coalesce(max(sequence), 0) as last from records where gateway = $1 and journal = $2")
            .bind(gateway)
            .bind(journal.word())
            .fetch_one(&mut *connection)
            .await?
            .try_get("last")?;
    let Some(first) = records.first() else { return Ok(Behind::default()) };
    Ok(Behind {
        waiting: (unsigned(last) + 1).saturating_sub(first.sequence),
        missed: if after == 0 { 0 } else { first.sequence - after - 1 },
        records,
    })
}

/// Whether a place is of this record, and the record as it was when somebody came as far.
async fn goes_on(
    connection: &mut SqliteConnection,
    (gateway, journal): (&str, Journal),
    place: &Exportable,
) -> sqlx::Result<bool> {
    if place.gateway != gateway {
        return Ok(false);
    }
    let row = sqlx::query("select hash from records where gateway = $1 and journal = $2 and sequence = $3")
        .bind(gateway)
        .bind(journal.word())
        .bind(integer(place.sequence))
        .fetch_optional(&mut *connection)
        .await?;
    match row {
        Some(row) => Ok(hash(row.try_get("hash")?)? == place.hash),
        // Deleted in its time, or not written yet in what was put back.
        None => Ok(last_cut(connection, gateway, journal).await?.sequence >= place.sequence),
    }
}

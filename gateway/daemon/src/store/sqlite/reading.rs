//! What others ask of the database, each by a connection of its own.

use std::path::Path;

use futures_util::TryStreamExt as _;
use gateway_api::SessionNumber;
use gateway_record::{Journal, Kind, Record};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row as _, sqlite::SqliteRow};
use tokio::sync::mpsc;

use super::{
    super::{FactorRow, Kept, Matter, Query, ReviewRow, SessionRow, StoreError, named},
    behind,
    failures::explain,
    file::connect_to_existing,
    rows::{integer, kept, unsigned},
};
use crate::day_keys::{DayKeys, WorkerTag};

/// Streams the records of a query, oldest first, until there are no more or nobody listens.
pub(in super::super) async fn read(
    path: &Path,
    day_keys: &DayKeys,
    query: Query,
    rows: mpsc::Sender<Result<Kept, StoreError>>,
) {
    let outcome = async {
        let mut connection = connect_to_existing(path).await?;
        // SQLite finds an index for a condition that is there, not for one that may be.
        let of_session = if query.session.is_some() { "session = $2" } else { "$2 is null" };
        let of_worker = match query.named {
            Some(_) => "(gateway, sequence) in (select gateway, sequence from record_workers where worker = $6)",
            None => "$6 is null",
        };
        let mut stream = sqlx::query(AssertSqlSafe(format!(
            "select records.*, text as pseudonyms from records left join pseudonyms using (gateway, journal, sequence)
             where journal = $1 and {of_session} and time >= $3 and time < $4
                 and ($5 is null or json_extract(fields, '$.support') = $5) and {of_worker}
             order by gateway, sequence",
        )))
        .bind(query.journal.unwrap_or(Journal::Workers).word())
        .bind(query.session.map(|session| integer(session.bits())))
        .bind(query.since.map_or(i64::MIN, Timestamp::as_millisecond))
        .bind(query.until.map_or(i64::MAX, Timestamp::as_millisecond))
        .bind(query.support.map(|support| support.to_string()))
        .bind(query.named.map(|tag| tag.to_vec()))
        .fetch(&mut connection);
        while let Some(row) = stream.try_next().await.map_err(|error| explain(path, &error))? {
            let (record, names) = kept(&row).map_err(|error| explain(path, &error))?;
            let names = names.filter(|_| query.names).map(|names| named(&record, names, day_keys)).transpose()?;
            let pseudonyms = match query.pseudonyms {
                true => Some(behind::pseudonyms(&row).map_err(|error| explain(path, &error))?),
                false => None,
            };
            if rows.send(Ok(Kept { record, names, pseudonyms })).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    };
    if let Err(error) = outcome.await {
        // Nobody listens any more: nobody misses it.
        let _ = rows.send(Err(error)).await;
    }
}

pub(in super::super) async fn left_open(path: &Path) -> Result<Vec<(SessionNumber, String)>, StoreError> {
    let mut connection = connect_to_existing(path).await?;
    let rows = sqlx::query(
        "select number, structure from sessions where closed_at is null and gateway = (select word from gateway) order by opened_at",
    )
    .fetch_all(&mut connection)
    .await
    .map_err(|error| explain(path, &error))?;
    let read = |row: &SqliteRow| Ok((SessionNumber::new(unsigned(row.try_get("number")?)), row.try_get("structure")?));
    rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(|error| explain(path, &error))
}

pub(in super::super) async fn factors(path: &Path) -> Result<Vec<FactorRow>, StoreError> {
    let mut connection = connect_to_existing(path).await?;
    let rows = sqlx::query("select person, sealed from second_factors").fetch_all(&mut connection).await;
    let read = |row: &SqliteRow| {
        let person: Vec<u8> = row.try_get("person")?;
        let sealed: Vec<u8> = row.try_get("sealed")?;
        let person = person.try_into().map_err(|_| sqlx::Error::Decode("a person's tag has another length".into()))?;
        Ok(FactorRow { person, sealed: Some(sealed.into()) })
    };
    rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|error| explain(path, &error))
}

/// What is kept of reviews.
pub(in super::super) async fn reviews(path: &Path) -> Result<Vec<ReviewRow>, StoreError> {
    let mut connection = connect_to_existing(path).await?;
    let rows = sqlx::query("select * from reviews order by what, number").fetch_all(&mut connection).await;
    let read = |row: &SqliteRow| {
        let unread = |what: &str| sqlx::Error::Decode(format!("a review's {what} cannot be read").into());
        Ok(ReviewRow {
            what: Matter::from_word(row.try_get("what")?).ok_or_else(|| unread("matter"))?,
            number: unsigned(row.try_get("number")?),
            changed_at: Timestamp::from_millisecond(row.try_get("changed_at")?).map_err(|_| unread("time"))?,
            sealed: row.try_get::<Vec<u8>, _>("sealed")?.into(),
        })
    };
    rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|error| explain(path, &error))
}

/// The next records of the workers' journal behind a place, with the tags of those whom they name.
pub(in super::super) async fn tagged(path: &Path, after: u64) -> Result<Vec<(Record, Option<WorkerTag>)>, StoreError> {
    let mut connection = connect_to_existing(path).await?;
    let rows = sqlx::query(
        "select records.*, record_workers.worker from records left join record_workers using (gateway, sequence)
         where gateway = (select word from gateway) and journal = $1 and sequence > $2
         order by sequence limit 1000",
    )
    .bind(Journal::Workers.word())
    .bind(integer(after))
    .fetch_all(&mut connection)
    .await;
    let read = |row: &SqliteRow| {
        let worker: Option<Vec<u8>> = row.try_get("worker")?;
        Ok((kept(row)?.0, worker.and_then(|tag| tag.try_into().ok())))
    };
    rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|error| explain(path, &error))
}

/// The sessions under any of these tags that opened from a moment on and before another, by that moment.
pub(in super::super) async fn sessions_under(
    path: &Path,
    tags: &[WorkerTag],
    (since, until): (Timestamp, Timestamp),
) -> Result<Vec<SessionRow>, StoreError> {
    let mut connection = connect_to_existing(path).await?;
    let mut sessions = Vec::new();
    for tag in tags {
        let rows = sqlx::query(
            "select number, structure, opened_at, worker from sessions
             where worker = $1 and opened_at >= $2 and opened_at < $3 order by opened_at",
        )
        .bind(tag.to_vec())
        .bind(since.as_millisecond())
        .bind(until.as_millisecond())
        .fetch_all(&mut connection)
        .await;
        let rows = rows.and_then(|rows| rows.iter().map(session_row).collect::<sqlx::Result<Vec<_>>>());
        sessions.extend(rows.map_err(|error| explain(path, &error))?);
    }
    Ok(sessions)
}

/// One session, as long as it is kept.
pub(in super::super) async fn session(path: &Path, number: SessionNumber) -> Result<Option<SessionRow>, StoreError> {
    let mut connection = connect_to_existing(path).await?;
    let row = sqlx::query("select number, structure, opened_at, worker from sessions where number = $1")
        .bind(integer(number.bits()))
        .fetch_optional(&mut connection)
        .await;
    row.and_then(|row| row.as_ref().map(session_row).transpose()).map_err(|error| explain(path, &error))
}

fn session_row(row: &SqliteRow) -> sqlx::Result<SessionRow> {
    let worker: Option<Vec<u8>> = row.try_get("worker")?;
    Ok(SessionRow {
        number: SessionNumber::new(unsigned(row.try_get("number")?)),
        structure: row.try_get("structure")?,
        opened_at: Timestamp::from_millisecond(row.try_get("opened_at")?).unwrap_or(Timestamp::MIN),
        worker: worker.and_then(|tag| tag.try_into().ok()),
    })
}

/// When sessions under any of these tags opened, from a moment on; those apart in which technicians assisted.
pub(in super::super) async fn opened_by(
    path: &Path,
    tags: &[WorkerTag],
    since: Timestamp,
) -> Result<Vec<Timestamp>, StoreError> {
    let mut connection = connect_to_existing(path).await?;
    let mut opened = Vec::new();
    for tag in tags {
        let rows = sqlx::query(
            "select opened_at from sessions where worker = $1 and opened_at >= $2 and not exists (
                 select 1 from records where records.session = sessions.number and kind = $3
                 and json_extract(fields, '$.assists') is not null)",
        )
        .bind(tag.to_vec())
        .bind(since.as_millisecond())
        .bind(Kind::SessionOpened.word())
        .fetch_all(&mut connection)
        .await
        .map_err(|error| explain(path, &error))?;
        let moments = rows.iter().map(|row| row.try_get("opened_at").map(Timestamp::from_millisecond));
        for moment in moments {
            opened.extend(moment.map_err(|error| explain(path, &error))?.ok());
        }
    }
    Ok(opened)
}

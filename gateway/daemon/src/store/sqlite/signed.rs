//! Checkpoints and cuts, as rows.

use gateway_record::{Anchor, Chain, Checkpoint, Cut, Hash, Head, Journal, Key, Kind, Signature, Signer};
use jiff::{Timestamp, civil::Date};
use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteRow};

use super::rows::{integer, unsigned};

/// Signs where the chains end; None if that is where the last checkpoint says.
pub(super) async fn checkpoint(
    connection: &mut SqliteConnection,
    (gateway, signer): (&str, &Signer),
    chains: &[Chain],
    now: Timestamp,
) -> sqlx::Result<Option<Checkpoint>> {
    let head = |chain: &Chain| {
        let (sequence, hash) = chain.head();
        Head { journal: chain.journal(), sequence, hash }
    };
    let heads: Vec<Head> = chains.iter().map(head).collect();
    let mut transaction = connection.begin_with("begin immediate").await?;
    let last = sqlx::query("select * from checkpoints where gateway = $1 order by number desc limit 1")
        .bind(gateway)
        .fetch_optional(&mut *transaction)
        .await?;
    if last.as_ref().map(read_checkpoint).transpose()?.is_some_and(|last| last.heads == heads) {
        return Ok(None);
    }
    let (first, last) = noted(&mut transaction, gateway).await?.unwrap_or((1, 0));
    let checkpoint = Checkpoint::sign(signer, gateway, last + 1, now, heads);
    insert(&mut transaction, &checkpoint).await?;
    sqlx::query(
        "insert into checkpoint_notes (gateway, first, last) values ($1, $2, $3) on conflict do update set last = $3",
    )
    .bind(gateway)
    .bind(integer(first))
    .bind(integer(checkpoint.number))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Some(checkpoint))
}

async fn insert(connection: &mut SqliteConnection, checkpoint: &Checkpoint) -> sqlx::Result<()> {
    let heads = serde_json::to_string(&checkpoint.heads).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "insert into checkpoints (gateway, number, time, heads, key, signature) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&checkpoint.gateway)
    .bind(integer(checkpoint.number))
    .bind(checkpoint.time.as_millisecond())
    .bind(heads)
    .bind(checkpoint.key.bytes())
    .bind(checkpoint.signature.bytes())
    .execute(connection)
    .await?;
    Ok(())
}

/// The first and last checkpoints that there should be.
pub(super) async fn noted(connection: &mut SqliteConnection, gateway: &str) -> sqlx::Result<Option<(u64, u64)>> {
    let row = sqlx::query("select first, last from checkpoint_notes where gateway = $1")
        .bind(gateway)
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok((unsigned(row.try_get("first")?), unsigned(row.try_get("last")?)))).transpose()
}

/// A gateway's checkpoints, in the order of their numbers.
pub(super) async fn checkpoints(connection: &mut SqliteConnection, gateway: &str) -> sqlx::Result<Vec<Checkpoint>> {
    let rows = sqlx::query("select * from checkpoints where gateway = $1 order by number")
        .bind(gateway)
        .fetch_all(connection)
        .await?;
    rows.iter().map(read_checkpoint).collect()
}

/// What cannot be read is left out of the checkpoint, so that its signature does not hold.
fn read_checkpoint(row: &SqliteRow) -> sqlx::Result<Checkpoint> {
    let (key, signature) = read_signature(row)?;
    Ok(Checkpoint {
        gateway: row.try_get("gateway")?,
        number: unsigned(row.try_get("number")?),
        time: Timestamp::from_millisecond(row.try_get("time")?).unwrap_or(Timestamp::MIN),
        heads: serde_json::from_str(row.try_get("heads")?).unwrap_or_default(),
        key,
        signature,
    })
}

/// What cannot be read, or was never signed, is a signature that does not hold.
fn read_signature(row: &SqliteRow) -> sqlx::Result<(Key, Signature)> {
    let unreadable = || sqlx::Error::Decode("a signature cannot be read".into());
    let key: Option<Vec<u8>> = row.try_get("key")?;
    let signature: Option<Vec<u8>> = row.try_get("signature")?;
    let key = key.as_deref().and_then(Key::from_bytes).or_else(|| Key::from_bytes(&[0; 32]));
    let signature = signature.as_deref().and_then(Signature::from_bytes).or_else(|| Signature::from_bytes(&[0; 64]));
    key.zip(signature).ok_or_else(unreadable)
}

/// Deletes the oldest checkpoints, made before a moment; newer ones say of older records as much. The last stays.
pub(super) async fn forget_checkpoints(
    connection: &mut SqliteConnection,
    gateway: &str,
    before: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "delete from checkpoints where gateway = $1 and number < (
             select coalesce(min(case when time >= $2 then number end), max(number)) from checkpoints where gateway = $1)",
    )
    .bind(gateway)
    .bind(before.as_millisecond())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "update checkpoint_notes set first = coalesce((select min(number) from checkpoints where gateway = $1), first)
         where gateway = $1",
    )
    .bind(gateway)
    .execute(connection)
    .await?;
    Ok(())
}

/// How many days' keys of a journal were destroyed since its last cut, as was recorded when they were. A cut is recorded with it.
pub(super) async fn keys_destroyed(
    connection: &mut SqliteConnection,
    gateway: &str,
    journal: Journal,
) -> sqlx::Result<u64> {
    let row = sqlx::query(
        "with acts as (select sequence, kind, fields from records
             where gateway = $1 and journal = $2 and kind in ($3, $4) and json_extract(fields, '$.journal') = $5)
         select coalesce(sum(json_extract(fields, '$.count')), 0) as keys from acts
         where kind = $3 and sequence > (select coalesce(max(sequence), 0) from acts where kind = $4)",
    )
    .bind(gateway)
    .bind(Journal::Administrators.word())
    .bind(Kind::DayKeysDestroyed.word())
    .bind(Kind::RecordsDeleted.word())
    .bind(journal.word())
    .fetch_one(connection)
    .await?;
    Ok(unsigned(row.try_get("keys")?))
}

/// The last day whose key the record says was destroyed, of a journal; none where it says so of none.
pub(super) async fn keys_destroyed_until(
    connection: &mut SqliteConnection,
    gateway: &str,
    journal: Journal,
) -> sqlx::Result<Option<Date>> {
    let row = sqlx::query(
        "select max(json_extract(fields, '$.until')) as until from records
         where gateway = $1 and journal = $2 and kind = $3 and json_extract(fields, '$.journal') = $4",
    )
    .bind(gateway)
    .bind(Journal::Administrators.word())
    .bind(Kind::DayKeysDestroyed.word())
    .bind(journal.word())
    .fetch_one(connection)
    .await?;
    let until: Option<String> = row.try_get("until")?;
    until.map(|day| day.parse().map_err(|_| sqlx::Error::Decode(format!("`{day}` is no day").into()))).transpose()
}

/// Signs that the oldest records of a journal, up to `last`, were deleted, and so many days' keys destroyed.
pub(super) async fn cut(
    connection: &mut SqliteConnection,
    (gateway, signer): (&str, &Signer),
    journal: Journal,
    (last, records, keys): (Anchor, u64, u64),
    now: Timestamp,
) -> sqlx::Result<()> {
    let before: i64 =
        sqlx::query("select coalesce(max(number), 0) as number from cuts where gateway = $1 and journal = $2")
            .bind(gateway)
            .bind(journal.word())
            .fetch_one(&mut *connection)
            .await?
            .try_get("number")?;
    let cut = Cut::sign(signer, (gateway, journal), unsigned(before) + 1, last, (records, Some(keys)), now);
    sqlx::query(
        "insert into cuts (gateway, journal, number, last_sequence, last_hash, records, cut_at, key, signature, keys)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&cut.gateway)
    .bind(cut.journal.word())
    .bind(integer(cut.number))
    .bind(integer(cut.last.sequence))
    .bind(cut.last.hash.0.to_vec())
    .bind(integer(cut.records))
    .bind(cut.time.as_millisecond())
    .bind(cut.key.bytes())
    .bind(cut.signature.bytes())
    .bind(integer(keys))
    .execute(connection)
    .await?;
    Ok(())
}

/// Numbers and signs the cuts of an older version, which had neither.
pub(super) async fn sign_old_cuts(
    connection: &mut SqliteConnection,
    (gateway, signer): (&str, &Signer),
) -> sqlx::Result<()> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    for journal in Journal::ALL {
        for (number, old) in (1..).zip(cuts(&mut transaction, gateway, journal).await?) {
            let cut = Cut::sign(signer, (gateway, journal), number, old.last, (old.records, None), old.time);
            sqlx::query(
                "update cuts set number = $1, key = $2, signature = $3
                 where gateway = $4 and journal = $5 and last_sequence = $6 and number is null",
            )
            .bind(integer(number))
            .bind(cut.key.bytes())
            .bind(cut.signature.bytes())
            .bind(gateway)
            .bind(journal.word())
            .bind(integer(old.last.sequence))
            .execute(&mut *transaction)
            .await?;
        }
    }
    transaction.commit().await
}

/// A journal's cuts, in their order.
pub(super) async fn cuts(connection: &mut SqliteConnection, gateway: &str, journal: Journal) -> sqlx::Result<Vec<Cut>> {
    let rows = sqlx::query("select * from cuts where gateway = $1 and journal = $2 order by last_sequence, number")
        .bind(gateway)
        .bind(journal.word())
        .fetch_all(connection)
        .await?;
    let read = |row: &SqliteRow| {
        let (key, signature) = read_signature(row)?;
        let hash: Vec<u8> = row.try_get("last_hash")?;
        let sequence = unsigned(row.try_get("last_sequence")?);
        Ok(Cut {
            gateway: gateway.to_owned(),
            journal,
            number: unsigned(row.try_get::<Option<i64>, _>("number")?.unwrap_or_default()),
            last: Anchor { sequence, hash: Hash::from_bytes(&hash).unwrap_or(Hash::GENESIS) },
            records: unsigned(row.try_get("records")?),
            keys: row.try_get::<Option<i64>, _>("keys")?.map(unsigned),
            time: Timestamp::from_millisecond(row.try_get("cut_at")?).unwrap_or(Timestamp::MIN),
            key,
            signature,
        })
    };
    rows.iter().map(read).collect()
}

//! The database as a file: its schema, how it is opened, copied and put back.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::Path};

use gateway_record::{Journal, Kind};
use sqlx::{
    AssertSqlSafe, Connection as _, Row as _, SqlSafeStr as _, SqliteConnection,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{
    super::StoreError,
    SEALED, SIGNED,
    failures::{explain, newer, unwritable},
    rows::unsigned,
};

/// Rows that SQLite's thread may be ahead of whoever reads.
const ROWS: usize = 1024;

/// Every step that the schema has taken; never changed once released, only added to.
pub(in super::super) fn migrations() -> Vec<Migration> {
    let step = |version, name: &'static str, text: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false)
    };
    vec![
        step(1, "sessions and records", include_str!("../migrations/0001_sessions_and_records.sql")),
        step(2, "second factors", include_str!("../migrations/0002_second_factors.sql")),
        step(SIGNED, "signed", include_str!("../migrations/0003_signed.sql")),
        step(SEALED, "sealed names", include_str!("../migrations/0004_sealed_names.sql")),
        step(5, "reviews", include_str!("../migrations/0005_reviews.sql")),
        step(6, "keys of cuts", include_str!("../migrations/0006_keys_of_cuts.sql")),
        step(7, "pseudonyms", include_str!("../migrations/0007_pseudonyms.sql")),
    ]
}

pub(in super::super) async fn ended_unclean(path: &Path) -> Result<bool, StoreError> {
    let mut connection = connect_to_existing(path).await?;
    let last = sqlx::query(
        "select kind from records where gateway = (select word from gateway) and journal = $1 and kind in ($2, $3)
         order by sequence desc limit 1",
    )
    .bind(Journal::Administrators.word())
    .bind(Kind::GatewayStarted.word())
    .bind(Kind::GatewayStopped.word())
    .fetch_optional(&mut connection)
    .await
    .and_then(|row| row.map(|row| row.try_get::<String, _>("kind")).transpose())
    .map_err(|error| explain(path, &error))?;
    Ok(last.is_some_and(|kind| kind == Kind::GatewayStarted.word()))
}

pub(in super::super) async fn visits_left_open(path: &Path) -> Result<u64, StoreError> {
    let mut connection = connect_to_existing(path).await?;
    let ours = "gateway = (select word from gateway) and journal = $1";
    let open = sqlx::query(AssertSqlSafe(format!(
        "select coalesce(sum(iif(kind = $2, 1, -1)), 0) as open from records where {ours} and kind in ($2, $3)
         and sequence > (select coalesce(max(sequence), 0) from records where {ours} and kind = $4)",
    )))
    .bind(Journal::Administrators.word())
    .bind(Kind::ConsoleEntered.word())
    .bind(Kind::ConsoleLeft.word())
    .bind(Kind::GatewayStarted.word())
    .fetch_one(&mut connection)
    .await
    .and_then(|row| row.try_get::<i64, _>("open"));
    open.map(unsigned).map_err(|error| explain(path, &error))
}

/// Takes the steps that are missing. Which was the newest before; None in a new database.
pub(super) async fn migrate(path: &Path, connection: &mut SqliteConnection) -> Result<Option<i64>, StoreError> {
    let known = migrations();
    let newest = known.last().map_or(0, |migration| migration.version);
    let before = schema_version(path, connection).await?;
    if let Some(found) = before
        && found > newest
    {
        return Err(newer(path, found, newest));
    }
    Migrator::with_migrations(known).run(connection).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) => explain(path, &error),
        other => StoreError(format!("cannot bring the database `{}` up to date: {other}", path.display())),
    })?;
    Ok(before)
}

/// The newest step of the schema in a database; None in a new one.
pub(super) async fn schema_version(path: &Path, connection: &mut SqliteConnection) -> Result<Option<i64>, StoreError> {
    let found = async {
        let table = sqlx::query("select 1 from sqlite_master where name = '_sqlx_migrations'")
            .fetch_optional(&mut *connection)
            .await?;
        if table.is_none() {
            return Ok(None);
        }
        sqlx::query("select max(version) as version from _sqlx_migrations")
            .fetch_one(&mut *connection)
            .await?
            .try_get("version")
    };
    found.await.map_err(|error| explain(path, &error))
}

pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .row_buffer_size(ROWS)
        .synchronous(SqliteSynchronous::Full);
    SqliteConnection::connect_with(&options).await.map_err(|error| explain(path, &error))
}

/// A connection for reading. SQLite needs to write beside the database even so (the shared index of the log), and gives
/// what it makes there to the database's owner when root runs it.
pub(super) async fn connect_to_existing(path: &Path) -> Result<SqliteConnection, StoreError> {
    if let Err(error) = std::fs::File::open(path) {
        return Err(StoreError(format!("cannot open the database `{}`: {error}", path.display())));
    }
    let mut connection = connect(path).await?;
    let newest = migrations().last().map_or(0, |migration| migration.version);
    match schema_version(path, &mut connection).await? {
        Some(found) if found > newest => Err(newer(path, found, newest)),
        Some(_) => Ok(connection),
        None => Err(StoreError(format!("`{}` is not a database of this program", path.display()))),
    }
}

/// Makes the file, if it is not there, so that nobody else can ever read it; SQLite's own files take its mode over.
pub(super) fn make_private_file(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            crate::secret_file::check_private(path).map_err(|error| StoreError(error.to_string()))?;
            // SQLite would open it for reading alone, and leave files of its own beside it that nobody can write either.
            match OpenOptions::new().write(true).open(path) {
                Ok(_) => Ok(()),
                Err(_) => Err(unwritable(path)),
            }
        }
        Err(error) => Err(StoreError(format!("cannot make the database `{}`: {error}", path.display()))),
    }
}

/// Writes a consistent copy of a database, also of one in use, to a file that must not exist yet. Mode 0600.
pub(crate) async fn backup(database: &Path, copy: &Path) -> Result<(), StoreError> {
    let mut connection = connect_to_existing(database).await?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy);
    made.map_err(|error| StoreError(format!("cannot make `{}`: {error}", copy.display())))?;
    let outcome =
        sqlx::query("vacuum into $1").bind(copy.to_string_lossy().into_owned()).execute(&mut connection).await;
    let synced = std::fs::File::open(copy).and_then(|file| file.sync_all());
    outcome.map_err(|error| explain(copy, &error))?;
    synced.map_err(|error| StoreError(format!("cannot finish `{}`: {error}", copy.display())))
}

/// Puts a backup in the place of the database. The caller holds the state folder and has moved an older database away.
pub(crate) async fn restore(copy: &Path, database: &Path) -> Result<(), StoreError> {
    let mut connection = connect_to_existing(copy).await?;
    let sound = sqlx::query("pragma integrity_check(1)").fetch_one(&mut connection).await;
    let verdict: String = sound.and_then(|row| row.try_get(0)).map_err(|error| explain(copy, &error))?;
    if verdict != "ok" {
        return Err(StoreError(format!("`{}` is damaged: {verdict}", copy.display())));
    }
    drop(connection);
    backup(copy, database).await
}

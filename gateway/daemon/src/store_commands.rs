//! `backup` and `restore`: copies of the database.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use gateway_record::{Draft, Kind};

use crate::{
    Failure, clock,
    config::Config,
    identity::StateFolder,
    session_commands::say,
    store::{self, DATABASE, Store, StoreError},
};

/// `backup FILE`
pub(crate) fn backup(config: &Config, file: &Path) -> Result<ExitCode, Failure> {
    runtime()?
        .block_on(store::backup(&config.state.join(DATABASE), file))
        .map_err(|StoreError(why)| Failure::Failed(why))?;
    say(&format!(
        "sessions, records and second factors are copied to `{}`; keys, configuration, policy and people are not in it",
        file.display()
    ))
}

/// `restore FILE`
pub(crate) fn restore(config: &Config, file: &Path, force: bool) -> Result<ExitCode, Failure> {
    let held = StateFolder::take(&config.state).map_err(Failure::Failed)?;
    let database = config.state.join(DATABASE);
    if database.exists() && !force {
        return Err(Failure::Failed(format!(
            "`{}` is there: with --force it is kept beside the restored one",
            database.display()
        )));
    }
    let aside = move_aside(&config.state)
        .map_err(|error| Failure::Failed(format!("cannot move `{}` away: {error}", database.display())))?;
    let restored = runtime()?.block_on(async {
        store::restore(file, &database).await?;
        note(config).await
    });
    if let Err(StoreError(why)) = restored {
        return Err(Failure::Failed(match put_back(&database, aside.as_deref()) {
            Ok(()) => format!("{why}; nothing was changed"),
            Err(error) => format!("{why}; and the database before could not be put back: {error}"),
        }));
    }
    give_to_owner(&config.state);
    drop(held);
    let kept = aside.map_or(String::new(), |aside| format!("; the database before is `{}`", aside.display()));
    say(&format!(
        "`{}` is restored{kept}. Records written after the backup are not in it, and the log says so",
        database.display()
    ))
}

/// The restored log says that it was restored.
async fn note(config: &Config) -> Result<(), StoreError> {
    let now = clock::now().wall;
    let (store, writer) = Store::open(&config.state, now).await?;
    let noted = store.note(Draft::new(Kind::BackupRestored, now)).await;
    drop(store);
    let _ = writer.await;
    noted
}

/// Files that belong to a SQLite database: itself, its log, the log's index.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Moves a state folder's database away under a name of its own. None if there was none.
pub(crate) fn move_aside(state: &Path) -> std::io::Result<Option<PathBuf>> {
    let database = &state.join(DATABASE);
    if !database.exists() {
        return Ok(None);
    }
    let moment = clock::now().wall.strftime("%Y%m%dT%H%M%SZ");
    let aside = with(database, &format!(".before-{moment}"));
    for part in PARTS {
        let from = with(database, part);
        if from.exists() {
            std::fs::rename(from, with(&aside, part))?;
        }
    }
    Ok(Some(aside))
}

/// The same of the ends of sessions that wait beside it.
pub(crate) fn move_reserve_aside(state: &Path) -> std::io::Result<()> {
    let moment = clock::now().wall.strftime("%Y%m%dT%H%M%SZ");
    let reserve = state.join(store::RESERVE);
    match std::fs::rename(&reserve, with(&reserve, &format!(".before-{moment}"))) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Undoes [`move_aside`].
pub(crate) fn put_back(database: &Path, aside: Option<&Path>) -> std::io::Result<()> {
    for part in PARTS {
        let there = with(database, part);
        if there.exists() {
            std::fs::remove_file(&there)?;
        }
        if let Some(aside) = aside.map(|aside| with(aside, part)).filter(|aside| aside.exists()) {
            std::fs::rename(aside, there)?;
        }
    }
    Ok(())
}

/// What root makes must be the gateway's to write.
pub(crate) fn give_to_owner(state: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(folder) = std::fs::metadata(state) else { return };
    for file in [DATABASE].into_iter().chain(store::BESIDE) {
        // Only root can, and only root needs to.
        let _ = std::os::unix::fs::chown(state.join(file), Some(folder.uid()), Some(folder.gid()));
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::Failed(format!("cannot start: {error}")))
}

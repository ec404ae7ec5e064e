//! What SQLite's failures mean, in words that say what to do.

use std::path::Path;

use super::{
    super::{StoreError, start_room::free},
    ROOM,
};

pub(super) fn newer(path: &Path, found: i64, newest: i64) -> StoreError {
    StoreError(format!(
        "the database `{}` was written by a newer deskgate-gateway (schema {found}, this one knows {newest}): install that version again",
        path.display()
    ))
}

/// Whether a failure means that there is no room: SQLite says so, or could not make room for its log's index, or the disk
/// failed while it has none.
pub(super) fn is_full(path: &Path, error: &sqlx::Error) -> bool {
    // https://www.sqlite.org/rescode.html: SQLITE_FULL, SQLITE_IOERR_SHMSIZE, SQLITE_IOERR
    match code(error) {
        Some(13 | 4874) => true,
        Some(code) => code & 0xff == 10 && free(path) == Some(0),
        None => false,
    }
}

fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error().and_then(|error| error.code()?.parse().ok())
}

/// Whether the disk is no longer full. One that does not tell its room is tried.
pub(super) fn has_room(path: &Path) -> bool {
    free(path).is_none_or(|free| free >= ROOM)
}

pub(super) fn full(path: &Path) -> StoreError {
    StoreError(format!("the disk of `{}` is full: make room", path.display()))
}

pub(super) fn no_reserve(path: &Path, error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => full(path),
        _ => StoreError(format!("cannot write the record's reserve beside `{}`: {error}", path.display())),
    }
}

pub(super) fn unwritable(path: &Path) -> StoreError {
    StoreError(format!(
        "the database `{}` cannot be written: check its owner and mode (0600), its folder's, and that the disk is not mounted read-only",
        path.display()
    ))
}

/// What went wrong with a database, in words that say what to do.
pub(super) fn explain(path: &Path, error: &sqlx::Error) -> StoreError {
    if is_full(path, error) {
        return full(path);
    }
    explain_code(path, code(error), error)
}

/// What SQLite's own code says.
pub(super) fn explain_code(whole: &Path, code: Option<i32>, error: &dyn std::fmt::Display) -> StoreError {
    let path = whole.display();
    // The low byte is the primary result code: https://www.sqlite.org/rescode.html
    StoreError(match code.map(|code| code & 0xff) {
        Some(5 | 6) => format!("the database `{path}` is locked by another program: close that one"),
        Some(8) => return unwritable(whole),
        Some(10) => format!("the disk of `{path}` does not do what it should ({error}): see the system's log"),
        Some(11 | 26) => {
            format!(
                "the database `{path}` is damaged ({error}): put a backup back with `deskgate-gateway restore`, or begin a new record with `deskgate-gateway log begin-anew`"
            )
        }
        Some(14) => format!("cannot open the database `{path}`: check its owner and its folder's"),
        _ => format!("the database `{path}` failed: {error}"),
    })
}

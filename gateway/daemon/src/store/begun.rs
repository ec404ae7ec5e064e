//! Which records a gateway has begun, kept beside its database: so that one that is gone is missed, and not silently begun anew.
//!
//! A line for each: the word that its records carry, and when it was begun or first seen here.

use std::path::Path;

use jiff::Timestamp;

use super::StoreError;
use crate::secret_file;

/// Its name in the state folder.
pub(super) const FILE: &str = "record-begun";

/// The words of all records that were ever begun over this state folder, oldest first.
pub(crate) fn words(state: &Path) -> Result<Vec<String>, StoreError> {
    let path = state.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(StoreError(format!("cannot read `{}`: {error}", path.display()))),
    }
}

/// Keeps a word that is not there yet; durable on return.
pub(super) fn keep(state: &Path, word: &str, now: Timestamp) -> Result<(), StoreError> {
    if words(state)?.iter().any(|kept| kept == word) {
        return Ok(());
    }
    let path = state.join(FILE);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let text = format!("{before}{word} {now}\n");
    secret_file::replace(&path, text.as_bytes()).map_err(|error| StoreError(error.to_string()))
}

/// Refuses to begin a record where there was one.
pub(super) fn missing(state: &Path, database: &Path) -> Result<(), StoreError> {
    match words(state)?.last() {
        None => Ok(()),
        Some(word) => Err(StoreError(format!(
            "the database `{}` is gone, and gateway {word} kept its record in it: put it or a backup back with `deskgate-gateway restore`, or begin a new record with `deskgate-gateway log begin-anew`, which says so for ever",
            database.display()
        ))),
    }
}

/// The word of a record that is begun by order: it tells by itself, in every record and checkpoint, which one it is.
pub(super) fn next_word(word: &str, before: usize) -> String {
    format!("{word}.{}", before + 1)
}

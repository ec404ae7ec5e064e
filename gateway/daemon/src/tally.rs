//! How often things happened since the start, by word.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Counts by words of a closed list. INVARIANT: a word is part of the program and so never anybody's name or address.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    /// It happened once more.
    pub(crate) fn count(&self, word: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(word).or_default() += 1;
    }

    /// The words that occurred, with their counts.
    pub(crate) fn all(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

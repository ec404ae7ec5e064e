//! What comes of a worker's wish for another password.

use std::sync::Arc;

use super::Answer;

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The account of this name has the new password.
    Done(Arc<str>),
    /// The present password holds, and the directory does not take the new one.
    NotTaken(Arc<str>, NotTaken),
    /// The present password does not hold, or something else comes first; never [`Answer::Valid`].
    Refused(Answer),
}

/// Why the directory does not take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// It has too few characters.
    TooShort,
    /// It lacks kinds of characters, holds the name, or is too easy to guess.
    TooSimple,
    /// It was this account's before.
    UsedBefore,
    /// The present one is too young to be changed.
    TooSoon,
    /// Some rule of the directory, which does not say which.
    Rules,
    /// Passwords are not changed from here.
    NotHere,
}

impl NotTaken {
    /// The word of the record.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::TooShort => "new_password_too_short",
            Self::TooSimple => "new_password_too_simple",
            Self::UsedBefore => "new_password_used_before",
            Self::TooSoon => "password_too_young",
            Self::Rules => "new_password_against_rules",
            Self::NotHere => "password_change_not_here",
        }
    }
}

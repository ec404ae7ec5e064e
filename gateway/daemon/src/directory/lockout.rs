//! How easily an account is locked, so that nobody brings that about through us.

use std::time::Duration;

/// What the directory does after wrong passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lockout {
    /// It cannot be read: taken to be as strict as offices usually are.
    NotTold,
    /// Nothing.
    Never,
    /// It locks the account.
    After {
        /// At so many wrong passwords.
        wrong: u32,
        /// Unless there was none for so long.
        quiet: Duration,
    },
}

//! How the accounts behind live sessions stand: asked for all at once, without anybody's password.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

/// Whom to look at, and which groups matter.
#[derive(Debug, Clone)]
pub(crate) struct Inquiry {
    /// By [`super::Person::id`], each once, with the name they had at the login.
    pub(crate) accounts: BTreeMap<Arc<str>, Arc<str>>,
    /// As the policy spells them.
    pub(crate) groups: Vec<String>,
    /// The moment, for accounts that end at one.
    pub(crate) at: Timestamp,
}

/// What the directory says of each account that was asked about.
pub(crate) type Standings = BTreeMap<Arc<str>, Standing>;

/// What it says of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing stands against it; those of the groups asked about that it is in.
    InOrder(Vec<String>),
    /// Nobody may sign in with it any more.
    Left(Left),
}

/// Why nobody may. What a stranger can bring about is none of these: an account that wrong passwords locked has not left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// The account is not there any more.
    Removed,
    /// An administrator switched it off.
    Disabled,
    /// Its time is over.
    Expired,
}

impl Left {
    /// The word of the log.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Removed => "account_removed",
            Self::Disabled => "account_disabled",
            Self::Expired => "account_expired",
        }
    }
}

/// One server of the directory, so that a second opinion can come from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerNumber(pub(super) usize);

//! What the window knows when it opens, and what a person chooses that holds the next time as well.

use gateway_api::login::Language;
use serde::{Deserialize, Serialize};

use crate::{config::Server, rdp::Screen};

/// What a form has in it from the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// From the profile: nobody types an address then.
    pub(crate) server: Option<Server>,
    /// What was written where the profile names none.
    pub(crate) written: String,
    /// From the profile, or from the last time.
    pub(crate) user: Option<String>,
    /// How the desktop begins. None where a command of the person's shows it, which is told nothing of it.
    pub(crate) screen: Option<Screen>,
}

/// How the window looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Look {
    #[default]
    Light,
    Dark,
    Contrast,
}

/// What holds the next time as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Language(Language),
    Look(Look),
    Screen(Screen),
}

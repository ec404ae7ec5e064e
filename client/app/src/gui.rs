//! The window: `deskgate` without arguments, or `deskgate window`.
//!
//! ```text
//!  a person ──> view ──> act ──> state ──> wish ──> window ──> errands ──> session
//!                ▲                 │ ▲                            │
//!                └───── scene ─────┘ └─────────── news ───────────┘
//! ```
//!
//! The model (`state.rs`) decides and draws nothing, the view draws and decides nothing, the window (`window.rs`) carries between them
//! and the one thread that speaks with the office (`errands.rs`).

mod errands;
mod only;
mod remembered;
mod state;
#[cfg(test)]
mod tests;
mod theme;
mod typed;
mod view;
mod window;

use std::io::Write as _;

use gateway_api::login::Language;

use crate::{
    Exit,
    cli::Connect,
    config::Config,
    words::{self, window::labels},
};
use only::Start;
use remembered::Remembered;
use state::{Known, State};

/// Opens the window and stays until it is closed.
pub(crate) fn run(flags: &Connect) -> Exit {
    let remembered = Remembered::load();
    let config = Config::new(flags);
    let language = flags.language.or(remembered.language).or(config.as_ref().ok().map(|config| config.language));
    let language = language.unwrap_or_else(words::local_language);
    if !["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"].into_iter().any(|name| std::env::var_os(name).is_some()) {
        return no_window(language, labels(language).no_screen);
    }
    let first = match only::start() {
        Start::First(first) => first,
        Start::Second => return Exit::Ended,
    };
    let (state, config) = match config {
        Ok(config) => {
            let user = config.user.clone().or(remembered.user.clone().filter(|_| config.remember_user));
            let known = Known { server: config.server.clone(), user, ..Known::default() };
            (State::new(language, remembered.look, config.help.clone(), known), Some(config))
        }
        Err(mistake) => (State::stopped(language, remembered.look, mistake), None),
    };
    match window::open(state, config, remembered, first) {
        Ok(()) => Exit::Ended,
        Err(cause) => no_window(language, &cause),
    }
}

fn no_window(language: Language, cause: &str) -> Exit {
    let _ = writeln!(std::io::stderr(), "deskgate: {}", (labels(language).no_window)(cause));
    Exit::Usage
}

//! The window: `deskgate` without arguments or with a profile alone, or `deskgate window`.
//!
//! ```text
//!  a person ──> view ──> act ──> state ──> wish ──> window ──> errands ──> session
//!                ▲                 │ ▲                            │
//!                └───── scene ─────┘ └─────────── news ───────────┘
//! ```
//!
//! The model (`state.rs`) decides and draws nothing, the view draws and decides nothing, the window (`window.rs`) carries between them
//! and the one thread that speaks with the office (`errands.rs`).

mod asked;
mod display;
mod errands;
mod file_type;
mod only;
mod remembered;
mod state;
#[cfg(test)]
mod tests;
mod theme;
mod typed;
mod view;
mod window;

use gateway_api::login::Language;

use crate::{
    Exit,
    cli::Connect,
    config::{Config, Mistake, Prepared},
    words::{self, window::labels},
};
pub(crate) use display::{has_terminal, is_there as has_screen, say};
use only::Start;
use remembered::Remembered;
use state::State;
use window::NoWindow;

/// Opens the window and stays until it is closed.
pub(crate) fn run(mut flags: Connect) -> Exit {
    let remembered = Remembered::load();
    flags.language = flags.language.or(remembered.language);
    flags.screen = flags.screen.or(remembered.screen);
    let prepared = Config::prepare_for_window(&flags);
    let language = match &prepared {
        Ok(Prepared::Ready(config)) => config.language,
        Ok(Prepared::FirstUse(first)) => first.language(),
        Err(_) => flags.language.unwrap_or_else(words::local_language),
    };
    if !display::is_there() {
        return no_window(language, labels(language).no_screen);
    }
    if let Some(profile) = &flags.profile {
        asked::leave(profile);
    }
    let first = match only::start() {
        Start::First(first) => {
            asked::take();
            file_type::register(labels(language).profile);
            first
        }
        Start::Second => return Exit::Ended,
    };
    let look = remembered.look;
    let (state, office) = match prepared {
        Ok(Prepared::Ready(config)) => {
            let known = remembered.known(&config);
            (State::new(language, look, config.help.clone(), known), window::Office::Known(Box::new(config)))
        }
        Ok(Prepared::FirstUse(first)) => {
            (State::first_use(language, look, first.words()), window::Office::FirstUse(first))
        }
        Err(Mistake::Office(sentence)) => (State::stranger(language, look, sentence), window::Office::None),
        Err(Mistake::Other(sentence)) => (State::stopped(language, look, sentence), window::Office::None),
    };
    match window::open(state, office, remembered, first) {
        Ok(()) => Exit::Ended,
        Err(NoWindow::Never(cause)) => no_window(language, &cause),
        Err(NoWindow::NoMore) => {
            say(&format!("deskgate: {}", labels(language).window_gone));
            Exit::Failed
        }
    }
}

fn no_window(language: Language, cause: &str) -> Exit {
    say(&format!("deskgate: {}", (labels(language).no_window)(cause)));
    Exit::Usage
}

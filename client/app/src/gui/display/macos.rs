//! On macOS there is a screen where this login is one at the computer itself, and none for a login from afar.

use std::io::Write as _;

use crate::macos;

/// Whether there is a screen.
pub(crate) fn is_there() -> bool {
    macos::has_screen()
}

/// Whether what is written for people gets anywhere. It does, or nobody wants it.
pub(crate) fn has_terminal() -> bool {
    true
}

/// A sentence for somebody who wanted a window.
pub(crate) fn say(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "{sentence}");
}

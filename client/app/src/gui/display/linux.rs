//! On Linux the desktop tells programs where its screen is, and a terminal is there for everything else.

use std::io::Write as _;

/// Whether there is a screen.
pub(crate) fn is_there() -> bool {
    ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"].into_iter().any(|name| std::env::var_os(name).is_some())
}

/// Whether what is written for people gets anywhere. It does, or nobody wants it.
pub(crate) fn has_terminal() -> bool {
    true
}

/// A sentence for somebody who wanted a window.
pub(crate) fn say(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "{sentence}");
}

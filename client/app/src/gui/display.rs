//! Whether there is a screen for a window, and what is said to somebody who gets none.

#[cfg(unix)]
#[path = "display/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "display/windows.rs"]
mod system;

pub(super) use system::is_there;
pub(crate) use system::{has_terminal, say};

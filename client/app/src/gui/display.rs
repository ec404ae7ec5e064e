//! Whether there is a screen for a window, and what is said to somebody who gets none.

#[cfg(target_os = "linux")]
#[path = "display/linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "display/macos.rs"]
mod system;
#[cfg(windows)]
#[path = "display/windows.rs"]
mod system;

pub(crate) use system::{has_terminal, is_there, say};

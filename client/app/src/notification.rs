//! Words on the worker's desktop, by the desktop's own service: whoever works in a window that fills the screen sees no terminal.
//!
//! A notification takes no focus. A window of ours would, and an RDP program that loses the focus and gets it back sends what
//! looks like a person (docs/IDLE.md): a warning would keep the session open that it warns of.

#[cfg(unix)]
#[path = "notification/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "notification/windows.rs"]
mod system;

#[cfg(unix)]
pub(crate) use system::PROGRAM;
pub(crate) use system::show;

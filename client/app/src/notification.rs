//! Words on the worker's desktop, by the desktop's own service: whoever works in a window that fills the screen sees no terminal.
//!
//! A notification takes no focus. A window of ours would, and an RDP program that loses the focus and gets it back sends what
//! looks like a person (docs/IDLE.md): a warning would keep the session open that it warns of.

#[cfg(target_os = "linux")]
#[path = "notification/linux.rs"]
mod program;
#[cfg(target_os = "macos")]
#[path = "notification/macos.rs"]
mod program;
#[cfg(unix)]
#[path = "notification/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "notification/windows.rs"]
mod system;

#[cfg(target_os = "linux")]
pub(crate) use program::PROGRAM;
pub(crate) use system::show;

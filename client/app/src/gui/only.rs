//! One window for each user: a second start shows the first.

#[cfg(target_os = "linux")]
#[path = "only/linux.rs"]
mod place;
#[cfg(target_os = "macos")]
#[path = "only/macos.rs"]
mod place;
#[cfg(unix)]
#[path = "only/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "only/windows.rs"]
mod system;

pub(crate) use system::{First, start};

/// Whether this start is the window.
pub(crate) enum Start {
    /// It is. Keep what is in here as long as the window lives.
    First(Option<First>),
    /// There is one already, and it has been asked to show itself.
    Second,
}

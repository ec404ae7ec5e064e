//! Keeps this program's memory, which holds a password for a moment and keys for a session, out of files and other programs.

#[cfg(unix)]
#[path = "memory/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "memory/windows.rs"]
mod system;

pub(crate) use system::hide;

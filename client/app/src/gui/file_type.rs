//! That a double click on the file which the office sends opens the window.

#[cfg(unix)]
#[path = "file_type/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "file_type/windows.rs"]
mod system;

pub(super) use system::register;

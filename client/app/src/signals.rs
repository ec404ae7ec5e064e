//! The ways a person, or the system for them, says "enough": Ctrl-C, a closed terminal, logout.

#[cfg(unix)]
#[path = "signals/unix.rs"]
mod system;

pub(crate) use system::Signals;

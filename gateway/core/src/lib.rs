//! The gateway as a state machine.

pub mod activity;
mod event;

pub use event::{Event, Now, Open, OpenError, Opened, Phase, Traffic, View};

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Drop {
    /// Placeholder of the list that `filter` completes.
    Malformed,
}

/// The gateway's packet counters.
#[derive(Debug, Clone, Default)]
pub struct Counters {}

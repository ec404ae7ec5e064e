//! One behaviour each; time is moved by hand. Recordings of real desktops are replayed in `tests/replay.rs`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::*;

mod activity;
mod hostile;
mod meter;

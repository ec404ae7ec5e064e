//! How well the rule tells a person from a busy screen: recordings of real desktops, with the true moments of input,
//! replayed through the meter that runs in the gateway.
//!
//! A recording holds sizes and times, no content; the segments are made up again from it, headers where the recording
//! says that records start. What is scored, and how, stands beside the recordings
//! (`tests/traces/rdp/README.md`); the figures are kept in docs/IDLE.md. Refuses to know where recordings come from: text
//! comes in, scores come out.

mod score;
mod segments;
mod trace;
mod written;

pub use score::{Score, Timer, replay};
pub use trace::{EVENTS, End, Entry, Mistake, PACKETS, Starts, Trace, read_index};
pub use written::{Row, milliseconds, overhead};

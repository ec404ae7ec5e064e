//! One working session at home as a state machine: tunnel, TCP, forwarding and deadlines.
//!
//! ```text
//!   RDP program ── bytes ──> forward ──> stack ── packets ──> tunnel ──> outbox ── datagrams ──> gateway
//!               <── bytes ──         <──       <── packets ──        <─────────── datagrams ──
//! ```
//!
//! `session` is the face: what arrives goes in by `handle_*`, what is wanted comes out by `poll_*`, commands stand
//! between. `tunnel` alone names boringtun, `way` chooses between UDP and the session channel, `stack` alone names smoltcp, `timer` names the deadlines, `event` what may be
//! shown. No clock, no socket, no randomness but what the caller passes in, and what boringtun takes by itself.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")
)]

mod event;
mod forward;
mod outbox;
mod receive_window;
mod round_trip;
mod send_window;
mod session;
mod stack;
mod timer;
mod tunnel;
mod way;

pub use event::{End, Event};
pub use forward::{ConnectionId, OpenError, Step};
pub use session::{Parameters, Session, Transmit};
pub use timer::Deadline;
pub use tunnel::Keys;
pub use way::Way;

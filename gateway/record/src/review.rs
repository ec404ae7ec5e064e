//! The review of what names somebody: who may do what, in which steps, and what is told afterwards.
//!
//! ```text
//!   request ──► approval by another person ──► opening by the reviewer office ──► minute ──► message to the worker
//!      │                    │
//!      └── refusal          └── over after a week without an opening
//! ```
//!
//! Nothing of it is possible before the date on which the office's rules are in force. No step can be left out, and each refusal names
//! the step that is missing. Who somebody is, what day it is and what was recorded before come as arguments.
//!
//! - `role.rs`: roles and acts, one table
//! - `request.rs`: what is asked for, and on which ground
//! - `life.rs`: a request from its first step to its last, and why a step is refused
//! - `minute.rs`: the numbered minute of an opening, in words
//! - `figures.rs`: what comes before a person: figures of a structure that nobody can be read out of

pub mod figures;
mod life;
mod minute;
mod request;
mod role;

pub use life::{
    By, Extract, HELD_FOR, KEPT_FOR, MESSAGE_WITHIN, Message, Minute, OPEN_FOR, OPEN_WITHIN, Opening, POSTPONED_BY,
    Postponed, Refusal, Review, Stage,
};
pub use minute::Words;
pub use request::{Asked, Circumstances, Ground, SHORTEST_REASON, Subject, Tag};
pub use role::{Act, Held, Role, Signed};

#[cfg(test)]
mod tests;

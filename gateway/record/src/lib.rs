//! The session record: what is written, in which order, and how anybody can check it.
//!
//! A record says that something happened to a session or to the gateway: when, of which kind, under which number. It
//! **never** says what passes through a tunnel, what a person does or when they are at the keyboard, a password, or a
//! name that matches nobody (people type passwords there). Volumes are rounded.
//!
//! Records live in [journals](Journal), because the law gives them different clocks. Each journal is a chain: every record
//! carries the hash of the one before, and its own. Names are part of the hash by a salted digest only ([`Private`]), so that they can be
//! kept apart, sealed or forgotten while the chain stays whole.
//!
//! - `record.rs`: one record, and the bytes that are hashed
//! - `chain.rs`: extends a chain
//! - `signed.rs`: checkpoints and cuts, signed
//! - `verify.rs`: altered, missing, reordered, written anew, cut short
//! - `volume.rs`: how volumes are rounded

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::unreachable)
)]

mod chain;
mod hexadecimal;
mod record;
mod signed;
mod verify;
mod volume;

pub use chain::{Chain, Draft};
pub use record::{Fields, Hash, Journal, Kind, Private, Record, Salt, Value};
pub use signed::{Checkpoint, Cut, Head, Key, Signature, Signer};
pub use verify::{Against, Anchor, CheckpointFault, End, Fault, Found, Report, Signed, Teller, verify};
pub use volume::rounded;

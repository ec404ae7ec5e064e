//! The session record: what is written, in which order, and how anybody can check it.
//!
//! A record says that something happened to a session or to the gateway: when, of which kind, under which number. It
//! **never** says what passes through a tunnel, what a person does or when they are at the keyboard, a password, or a
//! name that matches nobody (people type passwords there). Volumes are rounded.
//!
//! Records live in [journals](Journal), because the law gives them different clocks. Each journal is a chain: every record
//! carries the hash of the one before, and its own. Names are part of the hash by a digest of their sealed form only ([`Names`]), so that
//! they can be forgotten while the chain stays whole, and the chain is checked by whoever can open nothing.
//!
//! - `record.rs`: one record, and the bytes that are hashed
//! - `chain.rs`: extends a chain
//! - `lent.rs`: a record as a store lends it, for a check of millions
//! - `review.rs`: who may have names opened, after which steps
//! - `seal.rs`: names, sealed to two holders and under a day's key
//! - `signed.rs`: checkpoints and cuts, signed
//! - `verify.rs`: altered, missing, reordered, written anew, cut short
//! - `export.rs`: records as they leave the gateway
//! - `norms.rs`: the rules as a document that an office adopts
//! - `volume.rs`: how volumes are rounded

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::unreachable)
)]

mod chain;
mod export;
mod hexadecimal;
mod lent;
mod norms;
mod record;
pub mod review;
mod seal;
mod signed;
mod verify;
mod volume;

pub use chain::{Chain, Draft};
pub use export::{Exported, PSEUDONYMS, Severity, Table};
pub use lent::{Lent, Link, Scratch};
pub use norms::{Language, Norms, Term};
pub use record::{Fields, Hash, Journal, Kind, Names, Private, Record, Salt, Value};
pub use seal::{DayKey, Holders, Letter, NoHolders, NotOpened, NotSealed, PrivateHalf, PublicHalf, Role, Sealed};
pub use signed::{Checkpoint, Cut, Head, Key, Signature, Signer};
pub use verify::{Against, Anchor, CheckpointFault, End, Fault, Found, Keys, Report, Signed, Teller, verify};
pub use volume::rounded;

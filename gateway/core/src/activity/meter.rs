//! Finds the marks of a person in one TCP flow.
//!
//! Everything a person does with keyboard or mouse leaves the home computer as a tiny RDP fast-path PDU, 3 to 23 bytes;
//! what a client sends by itself (acknowledgements, answers to probes, sound, clipboard) is 24 and up. TLS adds a fixed
//! number of bytes to each record, known from the cipher in the clear ServerHello. So a record's clear length tells
//! input from the rest. 23 is right by one byte: do not raise it.
//!
//! A client that we cannot read so is *unreadable*, which is an answer too: not TLS, a cipher that pads, a flow whose
//! beginning we did not see.

use std::{num::NonZeroU16, ops::RangeInclusive, time::Instant};

use super::{
    CONNECTION_PHASE,
    hello::{Cipher, Hello},
    records::Records,
};

/// Bytes of plaintext in a record that can only be input.
const INPUT: RangeInclusive<u16> = 3..=23;

/// What one packet from home told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nothing about the person: no payload, or the connection is still being set up.
    Nothing,
    /// Payload in which input would have been seen; there was none.
    NoMark,
    /// This many marks.
    Marks(NonZeroU16),
    /// Payload in which input cannot be seen.
    Unreadable,
}

/// Follows one flow. Fixed size: about a hundred bytes, and 160 more until the workstation has said its hello.
#[derive(Debug, Clone)]
pub struct Meter {
    /// When the connection phase is over.
    settled_at: Instant,
    records: Records,
    cipher: Option<Cipher>,
    hello: Option<Box<Hello>>,
}

impl Meter {
    /// A flow that begins: `sequence` is that of the SYN from home, seen at `now`.
    pub fn new(sequence: u32, now: Instant) -> Self {
        Self {
            settled_at: now + CONNECTION_PHASE,
            records: Records::new(sequence.wrapping_add(1)),
            cipher: None,
            hello: Some(Box::new(Hello::new())),
        }
    }

    /// A flow that is taken up in the middle, after a restart: `sequence` is that of the next byte from home, `cipher`
    /// what [`Self::cipher`] had said, if it was kept. Without it the flow is unreadable.
    pub fn adopt(sequence: u32, cipher: Option<Cipher>, now: Instant) -> Self {
        let cipher = Some(cipher.unwrap_or(Cipher::Other));
        Self { settled_at: now, records: Records::adopt(sequence), cipher, hello: None }
    }

    /// What the workstation's ServerHello said, once it did.
    pub fn cipher(&self) -> Option<Cipher> {
        self.cipher
    }

    /// Whether input in this flow can be seen.
    pub fn is_readable(&self) -> bool {
        self.records.is_readable() && self.overhead().is_some()
    }

    /// The workstation's SYN, so that its stream's first byte is known. Without it the first payload seen is taken
    /// for the first.
    pub fn handle_office_syn(&mut self, sequence: u32) {
        if let Some(hello) = &mut self.hello {
            hello.handle_syn(sequence);
        }
    }

    /// A packet of the workstation: `sequence` is that of the payload's first byte.
    pub fn handle_from_office(&mut self, sequence: u32, payload: &[u8]) {
        if payload.is_empty() {
            return;
        }
        let Some(hello) = &mut self.hello else { return };
        self.cipher = hello.handle(sequence, payload);
        if self.cipher.is_some() {
            self.hello = None;
        }
    }

    /// A packet from home that passed the filter: `sequence` is that of the payload's first byte (one more than the
    /// header's on a SYN).
    pub fn handle_from_home(&mut self, sequence: u32, payload: &[u8], now: Instant) -> Heard {
        if payload.is_empty() {
            return Heard::Nothing;
        }
        let overhead = self.overhead();
        let mut marks = 0_u16;
        self.records.handle(sequence, payload, |record| {
            let plain =
                record.application_data().zip(overhead).and_then(|(length, overhead)| length.checked_sub(overhead));
            marks = marks.saturating_add(u16::from(plain.is_some_and(|plain| INPUT.contains(&plain))));
        });
        if now < self.settled_at {
            return Heard::Nothing;
        }
        if !self.is_readable() {
            return Heard::Unreadable;
        }
        NonZeroU16::new(marks).map_or(Heard::NoMark, Heard::Marks)
    }

    fn overhead(&self) -> Option<u16> {
        self.cipher.and_then(Cipher::overhead)
    }
}

//! What the workstation's ServerHello says in clear: the cipher, and with it how many bytes each record adds.
//!
//! The first 128 bytes of the answering stream are enough: RDP's own negotiation (19 bytes) and a ServerHello as far as
//! its cipher suite (at most 78). They are put together byte by byte, so that segments may come split, twice or in any
//! order; the first copy of a byte counts. Whatever else stands there is a cipher we cannot use.

use serde::{Deserialize, Serialize};

/// Bytes of the answering stream that are looked at.
const LONGEST: usize = 128;
/// A TLS record's header: type, version, length.
const RECORD_HEADER: usize = 5;
/// Handshake type and length, version, random: what stands before the session id in a ServerHello.
const BEFORE_SESSION_ID: usize = 1 + 3 + 2 + 32;
/// RFC 8446 section 4.1.3.
const LONGEST_SESSION_ID: usize = 32;
/// First byte of RDP's negotiation (a TPKT header, RFC 1006).
const NEGOTIATION: u8 = 3;
/// TLS record type.
const HANDSHAKE: u8 = 22;
/// TLS handshake message type; a HelloRetryRequest has the same and names the same suite.
const SERVER_HELLO: u8 = 2;

/// How many bytes a cipher adds to each record, as far as sizes tell input from the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cipher {
    /// Any TLS 1.3 suite with a 16-byte tag: 22 bytes (header 5, type 1, tag 16).
    Tls13,
    /// TLS 1.2 with AES-GCM: 29 bytes (header 5, explicit nonce 8, tag 16).
    Tls12Gcm,
    /// TLS 1.2 with ChaCha20-Poly1305: 21 bytes (header 5, tag 16).
    Tls12ChaCha20,
    /// CBC, which pads sizes away, or anything that nobody measured.
    Other,
}

impl Cipher {
    /// Bytes that a record adds to what it carries, its 5-byte header included; `None` where sizes tell nothing.
    pub fn overhead(self) -> Option<u16> {
        match self {
            Self::Tls13 => Some(22),
            Self::Tls12Gcm => Some(29),
            Self::Tls12ChaCha20 => Some(21),
            Self::Other => None,
        }
    }

    /// By the suite's number in IANA's registry, which tells the version as well.
    fn from_suite(suite: u16) -> Self {
        match suite {
            0x1301..=0x1304 => Self::Tls13,
            0x009C..=0x00AD | 0xC02B..=0xC032 => Self::Tls12Gcm,
            0xCCA8..=0xCCAE => Self::Tls12ChaCha20,
            _ => Self::Other,
        }
    }
}

/// The start of the answering stream, until it has told the cipher.
#[derive(Debug, Clone)]
pub(super) struct Hello {
    /// Sequence number of the stream's first byte, once known.
    start: Option<u32>,
    bytes: [u8; LONGEST],
    /// Which of them have come.
    present: u128,
}

impl Hello {
    /// Nothing has come yet.
    pub(super) fn new() -> Self {
        Self { start: None, bytes: [0; LONGEST], present: 0 }
    }

    /// The workstation's SYN.
    pub(super) fn handle_syn(&mut self, sequence: u32) {
        self.start = Some(sequence.wrapping_add(1));
    }

    /// Payload of the workstation. Answers the cipher once it is known.
    pub(super) fn handle(&mut self, sequence: u32, payload: &[u8]) -> Option<Cipher> {
        let start = *self.start.get_or_insert(sequence);
        let (ahead, behind) = (sequence.wrapping_sub(start), start.wrapping_sub(sequence));
        let (at, early) = if ahead <= behind { (ahead, 0) } else { (0, behind) };
        let (at, early) = (usize::try_from(at).ok()?, usize::try_from(early).ok()?);
        for (bit, byte) in (at..LONGEST).zip(payload.iter().skip(early)) {
            if self.present & 1 << bit == 0 {
                self.present |= 1 << bit;
                self.bytes.get_mut(bit).map(|place| *place = *byte)?;
            }
        }
        self.cipher()
    }

    /// The cipher, or `None` while too little has come to tell.
    fn cipher(&self) -> Option<Cipher> {
        let record = if self.byte(0)? == NEGOTIATION { usize::from(self.number(2)?) } else { 0 };
        if record + RECORD_HEADER + BEFORE_SESSION_ID + 1 + LONGEST_SESSION_ID + 2 > LONGEST {
            return Some(Cipher::Other);
        }
        if self.byte(record)? != HANDSHAKE || self.byte(record + RECORD_HEADER)? != SERVER_HELLO {
            return Some(Cipher::Other);
        }
        let session_id = usize::from(self.byte(record + RECORD_HEADER + BEFORE_SESSION_ID)?);
        let suite = BEFORE_SESSION_ID + 1 + session_id;
        // A hello cut into several records is allowed and unheard of: its suite would not stand where we look.
        if session_id > LONGEST_SESSION_ID || usize::from(self.number(record + 3)?) < suite + 2 {
            return Some(Cipher::Other);
        }
        Some(Cipher::from_suite(self.number(record + RECORD_HEADER + suite)?))
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied().filter(|_| self.present & 1 << at != 0)
    }

    fn number(&self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte(at)?, self.byte(at + 1)?]))
    }
}

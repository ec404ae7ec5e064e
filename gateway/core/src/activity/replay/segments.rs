//! Makes up the bytes of a recorded flow again: headers where the recording says, nothing where it says nothing.

use super::trace::{End, Packet, Starts};
use crate::activity::Cipher;

/// Sequence numbers of the two SYNs; home's wraps within the flow.
pub(super) const HOME: u32 = u32::MAX - 100_000;
pub(super) const OFFICE: u32 = 1_000;

/// Both ends' streams, packet by packet.
pub(super) struct Segments {
    cipher: Option<Cipher>,
    home_next: u32,
    office_next: u32,
    /// What of the last record from home is still to come.
    open: Vec<u8>,
    /// What the workstation says first.
    greeting: std::vec::IntoIter<u8>,
}

impl Segments {
    /// A flow whose workstation chooses this cipher, or does not speak TLS at all.
    pub(super) fn new(cipher: Option<Cipher>) -> Self {
        let greeting = cipher.map_or_else(|| b"RFB 003.008\n".to_vec(), greeting).into_iter();
        Self {
            cipher,
            home_next: HOME.wrapping_add(1),
            office_next: OFFICE.wrapping_add(1),
            open: Vec::new(),
            greeting,
        }
    }

    /// The sequence number and payload of one packet, in `payload`'s place.
    pub(super) fn next(&mut self, packet: &Packet, payload: &mut Vec<u8>) -> u32 {
        payload.clear();
        match packet.from {
            End::Home => self.home_payload(packet, payload),
            End::Office => self.office_payload(usize::from(packet.payload), payload),
        }
    }

    fn office_payload(&mut self, length: usize, payload: &mut Vec<u8>) -> u32 {
        payload.extend(self.greeting.by_ref().take(length));
        payload.resize(length, 0);
        advance(&mut self.office_next, payload)
    }

    fn home_payload(&mut self, packet: &Packet, payload: &mut Vec<u8>) -> u32 {
        let length = usize::from(packet.payload);
        let is_first = self.home_next == HOME.wrapping_add(1);
        match &packet.records {
            _ if self.cipher.is_none() => payload.resize(length, 0x52),
            // RDP's negotiation comes in clear before TLS.
            Starts::None if is_first => {
                payload.extend([3, 0]);
                payload.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
                payload.resize(length, 0);
            }
            // Beyond the record that goes on, nobody knows what was there.
            Starts::None => self.go_on(length, payload),
            Starts::Whole => self.begin(packet.payload, length, payload),
            Starts::Lengths(lengths) => {
                lengths.iter().for_each(|record| self.begin(*record, length, payload));
            }
        }
        advance(&mut self.home_next, payload)
    }

    fn go_on(&mut self, room: usize, payload: &mut Vec<u8>) {
        let fits = self.open.len().min(room.saturating_sub(payload.len()));
        payload.extend(self.open.drain(..fits));
    }

    fn begin(&mut self, record: u16, room: usize, payload: &mut Vec<u8>) {
        if payload.is_empty() {
            // What is missing of the record before was in a packet that the recorder did not see.
            self.home_next = self.home_next.wrapping_add(u32::try_from(self.open.len()).unwrap_or(0));
            self.open.clear();
        }
        let [high, low] = record.saturating_sub(5).to_be_bytes();
        self.open.extend([23, 3, 3, high, low]);
        self.open.resize(usize::from(record), 0);
        self.go_on(room, payload);
    }
}

/// The sequence number of a payload's first byte, moving on to that behind its last.
fn advance(next: &mut u32, payload: &[u8]) -> u32 {
    let sequence = *next;
    *next = sequence.wrapping_add(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    sequence
}

/// RDP's negotiation and a ServerHello that chooses a suite with this cipher's overhead.
fn greeting(cipher: Cipher) -> Vec<u8> {
    let suite: u16 = match cipher {
        Cipher::Tls13 => 0x1302,
        Cipher::Tls12Gcm => 0xC030,
        Cipher::Tls12ChaCha20 => 0xCCA8,
        Cipher::Other => 0xC014,
    };
    let mut bytes = vec![3, 0, 0, 19];
    bytes.resize(19, 0);
    bytes.extend([22, 3, 3, 0, 44, 2, 0, 0, 40, 3, 3]);
    bytes.resize(bytes.len() + 32, 0);
    bytes.push(0);
    bytes.extend(suite.to_be_bytes());
    bytes.extend([0, 0, 0]);
    bytes
}

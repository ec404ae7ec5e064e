//! What goes home while nothing comes from there, and is repeated once something does.
//!
//! ```text
//!             a packet goes home            for a second
//!   answered ────────────────────► asked ──────────────────► silent: the newest packet of each connection is kept
//!      ▲                             │                          │
//!      └───── anything authentic ────┴── anything authentic: ───┘
//!                                        what is kept goes again
//! ```
//!
//! Where the way home is cut, the workstation's TCP repeats the first packet that is missing, after ever longer pauses: the
//! newest that went into the silence is what the connection waits for. Sent again at the moment the client is heard, by
//! whichever way, it saves the rest of the pause. It is sealed afresh, and to TCP a packet that comes twice is nothing new.
//!
//! Without a silence nothing is copied, and what is kept is gone when it ends.

use std::time::{Duration, Instant};

use crate::packet::{Packet, Tcp, Transport};

/// What is a silence: longer than any line needs to answer, and than the workstation's first repetitions take.
const LONG: Duration = Duration::from_secs(1);
/// Connections of which a packet is kept: a desktop has one or two.
const MOST: usize = 4;

/// A packet that went into a silence.
#[derive(Debug)]
pub(crate) struct Kept {
    flow: Transport,
    pub(crate) bytes: Vec<u8>,
}

/// Since when a client says nothing to what is sent to it, and what that was.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    since: Option<Instant>,
    kept: Vec<Kept>,
}

impl Silence {
    /// A packet goes home. Whether it goes into a silence, and its connection would wait for it.
    pub(crate) fn handle_sent(&mut self, packet: &Packet<'_>, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        now.saturating_duration_since(since) >= LONG && is_awaited(packet)
    }

    /// Keeps a packet of a connection, in the place of an earlier one.
    pub(crate) fn keep(&mut self, flow: Transport, bytes: &[u8]) {
        if let Some(kept) = self.kept.iter_mut().find(|kept| kept.flow.is_flow_of(flow)) {
            kept.bytes.clear();
            kept.bytes.extend_from_slice(bytes);
        } else if self.kept.len() < MOST {
            self.kept.push(Kept { flow, bytes: bytes.to_vec() });
        }
    }

    /// The client was heard. What is to be repeated, if anything.
    pub(crate) fn end(&mut self) -> Option<Vec<Kept>> {
        self.since = None;
        (!self.kept.is_empty()).then(|| std::mem::take(&mut self.kept))
    }
}

/// Whether the sender goes on repeating a packet until it is acknowledged.
fn is_awaited(packet: &Packet<'_>) -> bool {
    let Transport::Tcp(tcp) = packet.transport else { return false };
    !tcp.has(Tcp::RST) && (tcp.has(Tcp::SYN | Tcp::FIN) || !packet.payload().is_empty())
}

//! Datagrams on their way out, laid end to end so that one system call sends many of them.
//!
//! A batch holds datagrams of one size and one way, of which the last may be shorter: what UDP segmentation offload accepts.
//! It refuses to know what is in them.

use std::collections::VecDeque;

use crate::way::Way;

/// Payload bytes in one batch at most: below what one UDP datagram may carry over IPv6, all headers counted.
const BATCH_BYTES: usize = 65_000;
/// Datagrams in one batch at most (the kernel's `UDP_MAX_SEGMENTS` where it is smallest).
const BATCH_DATAGRAMS: usize = 64;
/// Batches that bulk may fill before the shell has to send some: one on its way, one being filled.
const BULK_BATCHES: usize = 2;
/// The smallest room that is handed out: boringtun may answer any request with a handshake of this size.
const SMALLEST_ROOM: usize = 148;

/// Equal datagrams laid end to end; the last may be shorter.
struct Batch {
    way: Way,
    bytes: Box<[u8]>,
    /// Bytes in use.
    length: usize,
    /// Size of each datagram but the last.
    segment: usize,
    datagrams: usize,
    /// A shorter datagram is in: nothing may follow it.
    closed: bool,
}

impl Batch {
    fn new() -> Self {
        Self { way: Way::Udp, bytes: vec![0; BATCH_BYTES].into(), length: 0, segment: 0, datagrams: 0, closed: false }
    }

    fn clear(&mut self) {
        (self.length, self.segment, self.datagrams, self.closed) = (0, 0, 0, false);
    }

    fn takes(&self, way: Way, size: usize) -> bool {
        self.datagrams == 0
            || (!self.closed
                && way == self.way
                && size <= self.segment
                && self.datagrams < BATCH_DATAGRAMS
                && self.length + size.max(SMALLEST_ROOM) <= BATCH_BYTES)
    }

    fn add(&mut self, size: usize) {
        if self.datagrams == 0 {
            self.segment = size;
        }
        self.closed = size < self.segment;
        self.length += size;
        self.datagrams += 1;
    }
}

/// Batches in the order they leave.
pub(crate) struct Outbox {
    queue: VecDeque<Batch>,
    spare: Vec<Batch>,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self { queue: VecDeque::new(), spare: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether bulk may add more before something was sent. Handshakes and resets need not ask.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < BULK_BATCHES
    }

    fn push(&mut self, way: Way) {
        let batch = self.spare.pop().unwrap_or_else(Batch::new);
        self.queue.push_back(Batch { way, ..batch });
    }

    /// Adds one datagram of `size` bytes, or of at most [`SMALLEST_ROOM`] bytes where `write` decides otherwise.
    /// `write` gets `size` bytes or more and says how many it used; none means there is no datagram after all.
    pub(crate) fn add(&mut self, way: Way, size: usize, write: impl FnOnce(&mut [u8]) -> usize) {
        if !self.queue.back().is_some_and(|batch| batch.takes(way, size)) {
            self.push(way);
        }
        let Some(batch) = self.queue.back_mut() else { return };
        let used = batch.bytes.get_mut(batch.length..).map_or(0, write);
        if used > 0 && batch.takes(way, used) {
            batch.add(used);
            return;
        }
        // Larger than its neighbours (a handshake in place of a short packet): it starts a batch of its own.
        let (start, empty) = (batch.length, batch.datagrams == 0);
        if used > 0 {
            let mut moved = Batch { way, ..self.spare.pop().unwrap_or_else(Batch::new) };
            if let (Some(to), Some(from)) = (moved.bytes.get_mut(..used), batch.bytes.get(start..start + used)) {
                to.copy_from_slice(from);
                moved.add(used);
                self.queue.push_back(moved);
            }
        } else if empty {
            self.spare.extend(self.queue.pop_back());
        }
    }

    /// The batch to send next: its way, its bytes and the size of each datagram in it but the last.
    pub(crate) fn first(&self) -> Option<(Way, &[u8], usize)> {
        let batch = self.queue.front()?;
        Some((batch.way, batch.bytes.get(..batch.length)?, batch.segment))
    }

    /// The first batch was sent, or dropped for good.
    pub(crate) fn remove_first(&mut self) {
        if let Some(mut batch) = self.queue.pop_front() {
            batch.clear();
            if self.spare.len() < BULK_BATCHES {
                self.spare.push(batch);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(outbox: &mut Outbox) -> Vec<Vec<usize>> {
        let mut all = Vec::new();
        while let Some((_, bytes, segment)) = outbox.first() {
            all.push(bytes.chunks(segment).map(<[u8]>::len).collect());
            outbox.remove_first();
        }
        all
    }

    #[test]
    fn equal_datagrams_share_a_batch_and_a_shorter_one_ends_it() {
        let mut outbox = Outbox::new();
        for size in [100, 100, 40, 40, 100] {
            outbox.add(Way::Udp, size, |_| size);
        }
        assert_eq!(sizes(&mut outbox), [vec![100, 100, 40], vec![40], vec![100]]);
    }

    #[test]
    fn a_batch_never_outgrows_one_system_call() {
        let mut outbox = Outbox::new();
        for _ in 0..200 {
            outbox.add(Way::Udp, 1452, |_| 1452);
        }
        let sizes = sizes(&mut outbox);
        assert_eq!(sizes.iter().map(Vec::len).sum::<usize>(), 200);
        assert!(sizes.iter().all(|batch| batch.len() <= 44));
        for _ in 0..200 {
            outbox.add(Way::Udp, 48, |_| 48);
        }
        assert!(sizes.iter().all(|batch| batch.len() <= BATCH_DATAGRAMS));
    }

    #[test]
    fn a_handshake_that_came_in_place_of_a_short_packet_travels_alone() {
        let mut outbox = Outbox::new();
        outbox.add(Way::Udp, 48, |_| 48);
        outbox.add(Way::Udp, 48, |room| {
            room[..148].fill(7);
            148
        });
        outbox.add(Way::Udp, 48, |_| 48);
        let mut seen = Vec::new();
        while let Some((_, bytes, _)) = outbox.first() {
            seen.push((bytes.len(), bytes[0]));
            outbox.remove_first();
        }
        assert_eq!(seen, [(48, 0), (196, 7)]);
    }

    #[test]
    fn nothing_written_leaves_nothing_behind() {
        let mut outbox = Outbox::new();
        outbox.add(Way::Udp, 148, |_| 0);
        assert!(outbox.is_empty());
    }
}

//! What has arrived and waits for its turn: the buffers that socket and TUN are read into, and the turns of the sessions.
//!
//! The loop reads ahead into this: all that waits in the kernel, whose queues know no sessions and would keep a keystroke
//! behind everybody's copies. Nothing is copied that came in bulk; what came in small pieces is gathered in one buffer,
//! so that a few bytes do not hold a whole one. Where the buffers are used up, the session for which most waits loses what
//! has waited longest, and nobody else anything.

use std::ops::Range;

use crate::{
    sessions::Slot,
    turns::{Rank, Turns},
};

/// The largest run of datagrams, and the largest packet of the TUN with its header, that is read at once, in bytes.
pub(crate) const BUFFER: usize = 66 * 1024;
/// Buffers read into by one system call at most.
pub const BATCH: usize = 8;
/// What arrived at once and is no larger than this is gathered, in bytes.
const GATHERED: usize = 4096;
/// Buffers of one direction: as many bytes as a socket's own buffer in the kernel. Untouched ones take no memory.
const BUFFERS: usize = 128;

/// Bytes that wait in a buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<T> {
    buffer: u16,
    at: u32,
    length: u32,
    pub(crate) about: T,
}

/// The buffers of one direction and what waits in them; `T` is what is known about a piece.
#[derive(Debug)]
pub(crate) struct Intake<T> {
    memory: Box<[u8]>,
    /// Pieces that wait in each buffer.
    users: Vec<u16>,
    /// Buffers in which nothing waits, the one used last on top: it is still in the processor's cache.
    free: Vec<u16>,
    lent: [u16; BATCH],
    gathering: Option<(u16, usize)>,
    turns: Turns<Piece<T>>,
}

impl<T> Default for Intake<T> {
    /// Without buffers: a place holder while the true one is worked on.
    fn default() -> Self {
        Self {
            memory: Box::default(),
            users: Vec::new(),
            free: Vec::new(),
            lent: [0; BATCH],
            gathering: None,
            turns: Turns::default(),
        }
    }
}

impl<T: Copy> Intake<T> {
    pub(crate) fn new() -> Self {
        Self {
            memory: vec![0; BUFFERS * BUFFER].into(),
            users: vec![0; BUFFERS],
            free: (0..BUFFERS as u16).rev().collect(),
            ..Self::default()
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Whether anything waits for a session's turn.
    pub(crate) fn waits(&self, slot: Slot) -> bool {
        self.turns.waits(slot)
    }

    /// Buffers to read into; `lost` is told what had to go for them.
    pub(crate) fn room(&mut self, mut lost: impl FnMut(Slot, T, u32)) -> [&mut [u8]; BATCH] {
        while self.free.len() <= BATCH {
            let Some((slot, piece)) = self.turns.take_from_fullest() else { break };
            lost(slot, piece.about, piece.length);
            self.release(piece.buffer);
        }
        let mut ranges: [Range<usize>; BATCH] = std::array::from_fn(|_| 0..0);
        for ((lent, range), buffer) in self.lent.iter_mut().zip(&mut ranges).zip(self.free.iter().rev()) {
            *lent = *buffer;
            *range = range_of(*buffer);
        }
        self.memory.get_disjoint_mut(ranges).unwrap_or_else(|_| std::array::from_fn(|_| Default::default()))
    }

    /// A part of what was read into a buffer of the room.
    pub(crate) fn read(&self, nth: usize, part: Range<usize>) -> &[u8] {
        let buffer = self.lent.get(nth).and_then(|buffer| self.memory.get(range_of(*buffer)));
        buffer.and_then(|buffer| buffer.get(part)).unwrap_or_default()
    }

    /// Keeps what was read into a buffer of the room, for pieces of it to wait. Called before any of it is pushed.
    pub(crate) fn keep(&mut self, nth: usize, length: usize) -> Kept {
        let lent = self.lent.get(nth).copied().unwrap_or_default();
        if length <= GATHERED
            && let Some(kept) = self.gather(lent, length)
        {
            return kept;
        }
        if let Some(place) = self.free.iter().rposition(|buffer| *buffer == lent) {
            self.free.remove(place);
        }
        Kept { buffer: lent, at: 0 }
    }

    /// Lets a piece of what is kept wait for the turn of its session.
    pub(crate) fn push(&mut self, kept: Kept, slot: Slot, rank: Rank, range: Range<usize>, cost: usize, about: T) {
        if let Some(users) = self.users.get_mut(usize::from(kept.buffer)) {
            *users += 1;
        }
        let at = (kept.at + range.start) as u32;
        self.turns.push(slot, rank, cost, Piece { buffer: kept.buffer, at, length: range.len() as u32, about });
    }

    /// No more pieces of it are pushed.
    pub(crate) fn kept(&mut self, kept: Kept) {
        self.release_if_unused(kept.buffer);
    }

    /// The piece whose turn it is, and what it takes of the turn.
    pub(crate) fn next(&mut self) -> Option<(Piece<T>, usize)> {
        self.turns.next()
    }

    /// A piece's bytes.
    pub(crate) fn bytes(&self, piece: &Piece<T>) -> &[u8] {
        let start = range_of(piece.buffer).start + piece.at as usize;
        self.memory.get(start..start + piece.length as usize).unwrap_or_default()
    }

    /// Takes back a piece that was served.
    pub(crate) fn give_back(&mut self, piece: &Piece<T>) {
        self.release(piece.buffer);
    }

    /// Whether one of the pieces that wait as bulk of a session is such.
    pub(crate) fn any(&self, slot: Slot, is: impl Fn(&T) -> bool) -> bool {
        self.turns.any(slot, BUFFERS, |piece| is(&piece.about))
    }

    /// Copies a small one to the others of its kind.
    fn gather(&mut self, lent: u16, length: usize) -> Option<Kept> {
        let (buffer, used) = match self.gathering {
            Some((buffer, used)) if used + length <= BUFFER => (buffer, used),
            full => {
                // The deepest free buffer: never one of those lent. A full one goes when its last piece does.
                if self.free.len() <= BATCH {
                    return None;
                }
                let buffer = self.free.remove(0);
                self.gathering = Some((buffer, 0));
                if let Some((full, _)) = full {
                    self.release_if_unused(full);
                }
                (buffer, 0)
            }
        };
        let from = range_of(lent).start;
        let to = range_of(buffer).start + used;
        self.memory.copy_within(from..from + length, to);
        self.gathering = Some((buffer, used + length));
        Some(Kept { buffer, at: used })
    }

    fn release(&mut self, buffer: u16) {
        if let Some(users) = self.users.get_mut(usize::from(buffer)) {
            *users -= 1;
        }
        self.release_if_unused(buffer);
    }

    fn release_if_unused(&mut self, buffer: u16) {
        if self.users.get(usize::from(buffer)) != Some(&0) {
            return;
        }
        match &mut self.gathering {
            Some((gathering, used)) if *gathering == buffer => *used = 0,
            _ => self.free.push(buffer),
        }
    }
}

/// Where something read is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    buffer: u16,
    at: usize,
}

fn range_of(buffer: u16) -> Range<usize> {
    let start = usize::from(buffer) * BUFFER;
    start..start + BUFFER
}

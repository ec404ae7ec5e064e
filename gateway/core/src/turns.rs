//! Whose turn it is: what waits is served session by session, each as many bytes as the others.
//!
//! Deficit round robin with the two lists of RFC 8290, section 4.2: a session for which nothing waited goes before those in
//! the round, once, and then takes its place among them. A keystroke is served at once whatever the others copy, and
//! nobody can stay first by falling silent for a moment. Knows neither datagrams nor packets: things and their bytes.
//!
//! ```text
//!             something comes             served once, or a quantum used
//!   absent ──────────────────► fresh ──────────────────────────────────► round ─┐ a quantum each
//!      ▲                                                                 │  ▲   │
//!      └──────────────────── nothing waits when its turn comes ──────────┘  └───┘
//! ```

use std::collections::VecDeque;

use crate::sessions::Slot;

/// What a session is served before the next one has its turn, in bytes: one super-packet's half, so that a round of many
/// sessions stays short, and long enough that batches stay worth their system call.
pub(crate) const QUANTUM: usize = 32 * 1024;
/// What a packet counts at least, in bytes: a small one costs as much processor time as this many bytes do.
pub(crate) const LEAST: usize = 512;

const NONE: u32 = u32::MAX;

/// Things that wait, in the order they came within their session and their list.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    things: Vec<Thing<T>>,
    unused: u32,
    queues: Vec<Queue>,
    fresh: VecDeque<Slot>,
    round: VecDeque<Slot>,
    count: usize,
}

#[derive(Debug)]
struct Thing<T> {
    what: T,
    /// What it takes of the session's turn, in bytes.
    cost: usize,
    next: u32,
}

#[derive(Debug, Clone, Copy)]
struct List {
    first: u32,
    last: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Absent,
    Fresh,
    Round,
}

#[derive(Debug, Clone, Copy)]
struct Queue {
    /// Served before `bulk`.
    small: List,
    bulk: List,
    /// What waits, by cost.
    waiting: usize,
    /// What is left of its turn; below zero where the last thing was larger than what was left.
    left: isize,
    place: Place,
}

impl Queue {
    const EMPTY: Self = Self { small: List::EMPTY, bulk: List::EMPTY, waiting: 0, left: 0, place: Place::Absent };
}

impl List {
    const EMPTY: Self = Self { first: NONE, last: NONE };
}

/// Which of a session's things goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rank {
    /// Before all bulk of the same session.
    Small,
    /// In the order it came.
    Bulk,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            things: Vec::new(),
            unused: NONE,
            queues: Vec::new(),
            fresh: VecDeque::new(),
            round: VecDeque::new(),
            count: 0,
        }
    }
}

impl<T: Copy> Turns<T> {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether anything of a session waits.
    pub(crate) fn waits(&self, slot: Slot) -> bool {
        self.queues.get(slot).is_some_and(|queue| queue.waiting > 0)
    }

    /// Lets a thing wait that takes `cost` bytes of its session's turn: more than none.
    pub(crate) fn push(&mut self, slot: Slot, rank: Rank, cost: usize, what: T) {
        debug_assert!(cost > 0);
        if slot >= self.queues.len() {
            self.queues.resize(slot + 1, Queue::EMPTY);
        }
        let at = self.keep(Thing { what, cost, next: NONE });
        let Some(queue) = self.queues.get_mut(slot) else { return };
        let list = match rank {
            Rank::Small => &mut queue.small,
            Rank::Bulk => &mut queue.bulk,
        };
        let before = std::mem::replace(&mut list.last, at);
        if before == NONE {
            list.first = at;
        }
        queue.waiting += cost;
        self.count += 1;
        if queue.place == Place::Absent {
            queue.place = Place::Fresh;
            queue.left = QUANTUM as isize;
            self.fresh.push_back(slot);
        }
        if let Some(thing) = self.things.get_mut(before as usize) {
            thing.next = at;
        }
    }

    /// What is to be served next, and what it takes of the turn.
    pub(crate) fn next(&mut self) -> Option<(T, usize)> {
        loop {
            let (from, is_fresh) =
                if self.fresh.is_empty() { (&mut self.round, false) } else { (&mut self.fresh, true) };
            let slot = *from.front()?;
            let queue = self.queues.get_mut(slot)?;
            if queue.waiting == 0 {
                from.pop_front();
                queue.place = if is_fresh { Place::Round } else { Place::Absent };
                if is_fresh {
                    self.round.push_back(slot);
                }
                continue;
            }
            if queue.left <= 0 {
                from.pop_front();
                queue.left += QUANTUM as isize;
                queue.place = Place::Round;
                self.round.push_back(slot);
                continue;
            }
            let thing = self.take(slot, [Rank::Small, Rank::Bulk])?;
            if let Some(queue) = self.queues.get_mut(slot) {
                queue.left -= thing.1 as isize;
            }
            return Some(thing);
        }
    }

    /// Takes out the oldest thing of the session for which most waits, bulk first; whose it was.
    pub(crate) fn take_from_fullest(&mut self) -> Option<(Slot, T)> {
        let slots = self.fresh.iter().chain(&self.round).copied();
        let slot = slots.max_by_key(|slot| self.queues.get(*slot).map_or(0, |queue| queue.waiting))?;
        self.take(slot, [Rank::Bulk, Rank::Small]).map(|(what, _)| (slot, what))
    }

    /// Whether one of the `most` oldest things that wait as bulk of a session is such, or there are more than those.
    pub(crate) fn any(&self, slot: Slot, most: usize, is: impl Fn(&T) -> bool) -> bool {
        let mut at = self.queues.get(slot).map_or(NONE, |queue| queue.bulk.first);
        for _ in 0..most {
            let Some(thing) = self.things.get(at as usize) else { return false };
            if is(&thing.what) {
                return true;
            }
            at = thing.next;
        }
        at != NONE
    }

    fn take(&mut self, slot: Slot, ranks: [Rank; 2]) -> Option<(T, usize)> {
        let queue = self.queues.get_mut(slot)?;
        for rank in ranks {
            let list = match rank {
                Rank::Small => &mut queue.small,
                Rank::Bulk => &mut queue.bulk,
            };
            let at = list.first;
            let Some(thing) = self.things.get_mut(at as usize) else { continue };
            list.first = std::mem::replace(&mut thing.next, self.unused);
            if list.first == NONE {
                list.last = NONE;
            }
            self.unused = at;
            queue.waiting -= thing.cost;
            self.count -= 1;
            return Some((thing.what, thing.cost));
        }
        None
    }

    fn keep(&mut self, thing: Thing<T>) -> u32 {
        let at = self.unused;
        match self.things.get_mut(at as usize) {
            Some(place) => {
                self.unused = place.next;
                *place = thing;
                at
            }
            None => {
                self.things.push(thing);
                (self.things.len() - 1) as u32
            }
        }
    }
}

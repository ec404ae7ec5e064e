//! Pairs local connections with the one destination that the session was given.
//!
//! It knows when each direction of a connection is over, and says so once. It refuses to know what a socket is: bytes
//! pass by the caller's closures, and a connection is a number.

use std::{net::IpAddr, time::Instant};

use crate::stack::{CONNECT_TIME, Connection, Reading, Stack, Stage};

/// One local connection. A number is never used again within a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

/// Why no connection was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// The session is not open, or not any more.
    NotOpen,
    /// The port is none that was granted.
    NotGranted,
    /// As many connections exist as one desktop could need.
    TooMany,
}

/// What the local side of a connection should do now, besides moving bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Continue,
    /// Everything from the workstation was delivered: shut the local sending direction down, once.
    Finish,
    /// Both directions are over: close the local connection.
    Close,
    /// The connection broke, or was refused: reset the local connection.
    Reset,
}

/// What became of a connection attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    Refused,
    NoAnswer,
    Answered,
}

struct Pair {
    id: ConnectionId,
    connection: Connection,
    port: u16,
    opened_at: Instant,
    accepted: bool,
    /// The local program will send no more.
    local_finished: bool,
    /// [`Step::Finish`] was given.
    remote_finished: bool,
    /// The local connection is gone; the rest is between us and the workstation.
    detached: bool,
}

/// The destination and the pairs.
pub(crate) struct Forward {
    workstation: IpAddr,
    ports: Vec<u16>,
    pairs: Vec<Pair>,
    next: u64,
    random: u64,
}

impl Forward {
    pub(crate) fn new(workstation: IpAddr, ports: Vec<u16>, seed: u64) -> Self {
        Self { workstation, ports, pairs: Vec::new(), next: 0, random: seed }
    }

    /// Begins a connection to `port` of the workstation.
    pub(crate) fn open(&mut self, stack: &mut Stack, port: u16, now: Instant) -> Result<ConnectionId, OpenError> {
        if !self.ports.contains(&port) {
            return Err(OpenError::NotGranted);
        }
        let local = self.free_port(stack);
        let connection = stack.connect(self.workstation, port, local).ok_or(OpenError::TooMany)?;
        let id = ConnectionId(self.next);
        self.next += 1;
        self.pairs.push(Pair {
            id,
            connection,
            port,
            opened_at: now,
            accepted: false,
            local_finished: false,
            remote_finished: false,
            detached: false,
        });
        Ok(id)
    }

    /// A port of ours that nobody can guess: a stranger's forged packet would have to.
    fn free_port(&mut self, stack: &Stack) -> u16 {
        loop {
            // SplitMix64: from one seed, every value once before any returns.
            self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.random;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let port = 0x8000 | ((mixed ^ (mixed >> 31)) as u16);
            if !stack.uses(port) {
                return port;
            }
        }
    }

    fn pair(&mut self, id: ConnectionId) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| pair.id == id && !pair.detached)
    }

    /// The connection behind a number, if bytes may still be taken in for it.
    pub(crate) fn uploading(&mut self, id: ConnectionId) -> Option<Connection> {
        self.pair(id).filter(|pair| !pair.local_finished).map(|pair| pair.connection)
    }

    /// The connection behind a number.
    pub(crate) fn connection(&mut self, id: ConnectionId) -> Option<Connection> {
        self.pair(id).map(|pair| pair.connection)
    }

    /// The local program will send no more.
    pub(crate) fn finish(&mut self, stack: &mut Stack, id: ConnectionId) {
        let Some(pair) = self.pair(id) else { return };
        pair.local_finished = true;
        let (connection, accepted) = (pair.connection, pair.accepted);
        if accepted {
            stack.finish(connection);
        }
    }

    /// The local connection broke.
    pub(crate) fn abort(&mut self, stack: &mut Stack, id: ConnectionId) {
        let Some(pair) = self.pair(id) else { return };
        pair.detached = true;
        pair.accepted = true; // or not: nobody is left who would want to know
        let connection = pair.connection;
        stack.abort(connection);
    }

    /// What the local side should do now. After [`Step::Close`] and [`Step::Reset`] the number means nothing.
    pub(crate) fn step(&mut self, stack: &mut Stack, id: ConnectionId) -> Step {
        let Some(pair) = self.pair(id) else { return Step::Reset };
        let stage = stack.stage(pair.connection);
        if stage == Stage::Connecting {
            return Step::Continue;
        }
        match stack.reading(pair.connection) {
            Reading::Open => Step::Continue,
            Reading::Finished if !pair.remote_finished => {
                pair.remote_finished = true;
                Step::Finish
            }
            Reading::Finished if pair.local_finished => {
                pair.detached = true;
                Step::Close
            }
            // The workstation closed its side and then reset ours: the local program must not write on for nothing.
            Reading::Finished if stage == Stage::Connected => Step::Continue,
            Reading::Finished | Reading::Broken => {
                pair.detached = true;
                Step::Reset
            }
        }
    }

    /// Notices what changed by itself: what became of attempts (passed to `tell` with their port), and connections whose last packet is
    /// gone, which are forgotten.
    pub(crate) fn settle(&mut self, stack: &mut Stack, now: Instant, mut tell: impl FnMut(u16, Attempt)) {
        self.pairs.retain_mut(|pair| {
            let stage = stack.stage(pair.connection);
            if !pair.accepted && stage != Stage::Connecting {
                pair.accepted = true;
                // Accepted and closed between two looks is no failure.
                let failed = stage == Stage::Over && stack.reading(pair.connection) == Reading::Broken;
                let silent = now >= pair.opened_at + CONNECT_TIME;
                let attempt = match failed {
                    true if silent => Attempt::NoAnswer,
                    true => Attempt::Refused,
                    false => Attempt::Answered,
                };
                tell(pair.port, attempt);
                if stage == Stage::Connected {
                    stack.accepted(pair.connection);
                    if pair.local_finished {
                        stack.finish(pair.connection);
                    }
                }
            }
            let over = pair.detached && stack.is_gone(pair.connection);
            if over {
                stack.remove(pair.connection);
            }
            !over
        });
    }

    /// Ends what can end in good order; see [`Self::is_flushed`].
    pub(crate) fn finish_all(&mut self, stack: &mut Stack) {
        for pair in &mut self.pairs {
            pair.local_finished = true;
            stack.finish(pair.connection);
        }
    }

    /// Whether everything that local programs sent has reached the workstation.
    pub(crate) fn is_flushed(&self, stack: &Stack) -> bool {
        self.pairs.iter().all(|pair| stack.is_drained(pair.connection))
    }
}

//! What the core is asked and what it tells the outside: opened, warned, ended, and why.

use std::{net::IpAddr, sync::Arc, time::Duration, time::Instant};

use gateway_api::{CloseReason, PresharedKey, PublicKey, SessionNumber, session::Limit};
use jiff::Timestamp;
use policy::Grant;
use serde::{Deserialize, Serialize};

use crate::{Protocol, Traced, Way, activity::Cipher, peer::INITIATION_SIZE};

/// One moment on both clocks, asked once per batch by the loop. Timers rest on the first, the grant's end on the second.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Never goes back, stops for no correction.
    pub instant: Instant,
    /// What the wall clock says.
    pub wall: Timestamp,
}

/// A session to open: what `policy` granted, and the client's keys.
#[derive(Debug)]
pub struct Open {
    /// Drawn at random by the caller.
    pub number: SessionNumber,
    /// The directory's canonical identity of the worker; two sessions of one worker replace or refuse each other.
    pub worker: Arc<str>,
    /// What the session may do.
    pub grant: Grant,
    /// The granted workstation, resolved.
    pub workstation: IpAddr,
    /// The client's WireGuard key.
    pub public_key: PublicKey,
    /// This session's pre-shared key.
    pub preshared_key: PresharedKey,
}

/// A pending session: it holds its address and its worker's place, and has no peer until it is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The session's address inside the tunnel.
    pub address: IpAddr,
    /// The largest IP packet inside the tunnel, in bytes.
    pub mtu: u16,
    /// The session of the same worker that admitting this one will end.
    pub replaces: Option<SessionNumber>,
}

/// Why a session could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// A session of the same worker is open and its policy keeps it.
    AlreadyConnected,
    /// Every tunnel address is lent.
    NoAddress,
    /// The number or the public key belongs to a session already: draw again.
    Taken,
    /// The grant ended before the session began.
    GrantOver,
    /// The workstation's address family has no tunnel address.
    NoTunnelFamily,
}

/// A session of an earlier run, to be taken up again.
#[derive(Debug)]
pub struct Restore {
    /// What it was opened with; its grant as it was last.
    pub open: Open,
    /// The address it was lent.
    pub address: IpAddr,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The last initiation that its client sent.
    pub initiation: Option<Box<[u8; INITIATION_SIZE]>>,
    /// Where it stood.
    pub standing: Standing,
}

/// Why a session of an earlier run cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRestored {
    /// Its grant ended meanwhile, for this reason, when the grant says.
    Over(CloseReason),
    /// Its address is not in the pool any more, or not free.
    NoAddress,
    /// Its number or its key is there already.
    Taken,
}

/// Where a session stands, as far as it must be known to go on after a restart. Kept sealed, outside the database.
///
/// Never in it: the transport's keys and counters, for a counter that is used again would break the cipher; the moment
/// of the last mark, for nothing of what a person does is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Standing {
    /// Which way the client sent.
    pub endpoint: Option<Way>,
    /// Flows that answers may return in.
    pub flows: Vec<KeptFlow>,
    /// What it carried.
    pub traffic: Traffic,
    /// Whether its workstation ever answered.
    pub used: bool,
}

/// A flow that goes on after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub struct KeptFlow {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The port at home.
    pub home_port: u16,
    /// The workstation's port.
    pub office_port: u16,
    /// How it is ciphered, once the workstation has said so.
    pub cipher: Option<Cipher>,
}

/// What happened to a session; the loop hands each to the daemon's ledger, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An end comes nearer.
    Warning {
        /// Whose.
        number: SessionNumber,
        /// Which end.
        limit: Limit,
        /// Time left.
        left: Duration,
    },
    /// The person came back, or the workstation answers: the last warning of that end no longer holds.
    WarningLifted {
        /// Whose.
        number: SessionNumber,
        /// Which end.
        limit: Limit,
    },
    /// The client began a handshake. It is answered once this initiation is kept (`Gateway::release_answer`), so that
    /// no restart forgets it and takes it again.
    Handshaken {
        /// Whose.
        number: SessionNumber,
        /// The client's message, which holds the greatest timestamp so far.
        initiation: Box<[u8; INITIATION_SIZE]>,
    },
    /// The session stands otherwise than when this was last told.
    Moved {
        /// Which.
        number: SessionNumber,
        /// Where it stands.
        standing: Box<Standing>,
    },
    /// A piece of a recording that was begun (`Gateway::begin_trace`).
    Traced {
        /// Whose.
        number: SessionNumber,
        /// The packets since the piece before.
        traced: Box<Traced>,
    },
    /// The session is gone: no peer, no address, no flow is left.
    Closed {
        /// Which.
        number: SessionNumber,
        /// Why.
        reason: CloseReason,
        /// What it carried.
        traffic: Traffic,
    },
}

/// What a session carried: IP packets that passed the filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Traffic {
    /// Packets to the workstation.
    pub packets_to_office: u64,
    /// Bytes of those, IP headers included.
    pub bytes_to_office: u64,
    /// Packets to the worker.
    pub packets_to_home: u64,
    /// Bytes of those, IP headers included.
    pub bytes_to_home: u64,
}

impl Traffic {
    pub(crate) fn add(&mut self, other: &Self) {
        self.packets_to_office += other.packets_to_office;
        self.bytes_to_office += other.bytes_to_office;
        self.packets_to_home += other.packets_to_home;
        self.bytes_to_home += other.bytes_to_home;
    }

    pub(crate) fn count_to_office(&mut self, bytes: usize) {
        self.packets_to_office += 1;
        self.bytes_to_office += bytes as u64;
    }

    pub(crate) fn count_to_home(&mut self, bytes: usize) {
        self.packets_to_home += 1;
        self.bytes_to_home += bytes as u64;
    }
}

/// All sessions together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Sessions that are not recorded yet.
    pub pending: usize,
    /// Sessions whose channel is there.
    pub attached: usize,
    /// Sessions whose channel is awaited.
    pub away: usize,
    /// Open flows.
    pub flows: usize,
}

impl Census {
    pub(crate) fn count(&mut self, phase: Phase, flows: usize) {
        match phase {
            Phase::Pending => self.pending += 1,
            Phase::Attached => self.attached += 1,
            Phase::Away => self.away += 1,
        }
        self.flows += flows;
    }

    /// Counts together with what another loop has.
    pub fn add(&mut self, other: &Self) {
        self.pending += other.pending;
        self.attached += other.attached;
        self.away += other.away;
        self.flows += other.flows;
    }

    /// Those that have a peer.
    pub fn peers(&self) -> usize {
        self.attached + self.away
    }
}

/// One session as it may be looked at. Says nothing of what the person does.
#[derive(Debug, Clone)]
pub struct View {
    /// Its number.
    pub number: SessionNumber,
    /// Whose it is.
    pub worker: Arc<str>,
    /// What it was granted.
    pub grant: Grant,
    /// Where its workstation is.
    pub workstation: IpAddr,
    /// Its address inside the tunnel.
    pub address: IpAddr,
    /// Which way its client sends, once a handshake succeeded.
    pub endpoint: Option<Way>,
    /// Where in its life it is.
    pub phase: Phase,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What it carried.
    pub traffic: Traffic,
    /// What it was refused, by reason; reasons that never occurred are left out.
    pub drops: Vec<(crate::Drop, u64)>,
    /// Flows open at this moment.
    pub flows: usize,
}

/// Where in its life a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Holds a place, has no peer.
    Pending,
    /// Its session channel is there.
    Attached,
    /// Its session channel is not there, and the grace runs.
    Away,
}

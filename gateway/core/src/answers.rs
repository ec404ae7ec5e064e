//! Whether a session's workstation answers what is sent to it.
//!
//! ```text
//!               anything but a reset            TCP that must be answered
//!   (admitted) ─► never ──────────────► answering ◄──────────────────────► silent
//!                   │                             anything, or nobody asks   │
//!                   ▼ `unused`                                               ▼ `unanswered`
//!               never_used                                           workstation_gone
//! ```
//!
//! Only what TCP must answer (RFC 9293, section 3.10: SYN, FIN, data) makes a workstation silent: who reads sends nothing,
//! and a datagram may be meant to stay without an answer. A reset is the sign of a workstation that is there, and not yet
//! of one that was used.

use std::time::{Duration, Instant};

use gateway_api::{CloseReason, session::Limit};
use policy::Grant;

use crate::packet::{Packet, Tcp, Transport};

/// How long before the end the worker is warned. No limit is as short.
const ANSWER_WARNING: Duration = Duration::from_secs(30);

/// Whoever asked nothing for as long has given up, and no longer finds the workstation silent: TCP that goes on asks again
/// within 120 s at most (Linux; RFC 6298, section 2.5 wants at least 60).
const GIVEN_UP: Duration = Duration::from_secs(150);

/// What a workstation said last.
#[derive(Debug)]
pub(crate) struct Answers {
    state: State,
    /// The end that the worker was warned of.
    warned: Option<Limit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing, since the session was admitted or taken up again.
    Never { since: Instant },
    /// Something, after all that had to be answered.
    Answering,
    /// Nothing since the first of what was asked at `since`, the last of it at `asked`.
    Silent { since: Instant, asked: Instant },
}

/// An end that comes unless the workstation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) at: Instant,
    pub(crate) reason: CloseReason,
    pub(crate) limit: Limit,
}

impl Answers {
    /// Of a workstation that was not heard yet.
    pub(crate) fn never(now: Instant) -> Self {
        Self { state: State::Never { since: now }, warned: None }
    }

    /// Of a workstation that was heard by an earlier run of the gateway.
    pub(crate) fn answering() -> Self {
        Self { state: State::Answering, warned: None }
    }

    /// Whether the workstation ever answered.
    pub(crate) fn is_used(&self) -> bool {
        !matches!(self.state, State::Never { .. })
    }

    /// A packet passed to the workstation.
    pub(crate) fn handle_from_home(&mut self, packet: &Packet<'_>, now: Instant) {
        let Transport::Tcp(tcp) = packet.transport else { return };
        let must_be_answered = tcp.has(Tcp::SYN | Tcp::FIN) || !packet.payload().is_empty();
        if !must_be_answered || tcp.has(Tcp::RST) {
            return;
        }
        match &mut self.state {
            State::Never { .. } => {}
            State::Silent { asked, .. }
                if self.warned.is_some() || now.saturating_duration_since(*asked) < GIVEN_UP =>
            {
                *asked = now;
            }
            State::Answering | State::Silent { .. } => self.state = State::Silent { since: now, asked: now },
        }
    }

    /// The workstation sent something in a flow that is known.
    pub(crate) fn handle_from_office(&mut self, packet: &Packet<'_>) {
        let is_reset = matches!(packet.transport, Transport::Tcp(tcp) if tcp.has(Tcp::RST));
        if self.is_used() || !is_reset {
            self.state = State::Answering;
        }
    }

    /// The end that comes unless the workstation answers; none if it does.
    pub(crate) fn end(&self, grant: &Grant) -> Option<End> {
        match self.state {
            State::Never { since } => {
                Some(End { at: since + grant.unused, reason: CloseReason::NeverUsed, limit: Limit::NeverUsed })
            }
            State::Answering => None,
            State::Silent { since, .. } => {
                let at = since + grant.unanswered;
                Some(End { at, reason: CloseReason::WorkstationGone, limit: Limit::WorkstationGone })
            }
        }
    }

    /// When to look again: for the warning, or for the end once that was given.
    pub(crate) fn look_at(&self, grant: &Grant) -> Option<Instant> {
        let End { at, limit, .. } = self.end(grant)?;
        if self.warned == Some(limit) { Some(at) } else { at.checked_sub(ANSWER_WARNING) }
    }

    /// Lets go of a silence that nobody asks into any more, unless it was warned of.
    pub(crate) fn forget(&mut self, now: Instant) {
        if let State::Silent { asked, .. } = self.state
            && self.warned.is_none()
            && now.saturating_duration_since(asked) >= GIVEN_UP
        {
            self.state = State::Answering;
        }
    }

    /// The workstation slept until now: the wait for it begins anew. The end that the worker was warned of, and that does not come.
    pub(crate) fn begin_anew(&mut self, now: Instant) -> Option<Limit> {
        let State::Never { since } = &mut self.state else { return None };
        *since = now;
        self.warned.take()
    }

    /// The worker is warned of this end.
    pub(crate) fn warn(&mut self, limit: Limit) {
        self.warned = Some(limit);
    }

    /// The end that the worker was warned of, once an answer has made that untrue.
    pub(crate) fn take_lifted(&mut self) -> Option<Limit> {
        if self.state == State::Answering { self.warned.take() } else { None }
    }
}

//! Which way a client is reached: the one that is believed, and an address that only says so.
//!
//! ```text
//!                 a handshake went both ways by it
//!   (no way) ──────────────────────────────────────────► confirmed ◄──────────── anything by the channel
//!                                                          │   ▲
//!            an authentic datagram from another address    │   │ its probe is answered, and that of the
//!                                                          ▼   │ confirmed address is not
//!                                              confirmed + candidate
//!                                                          │
//!            the confirmed address answers its own probe,  │
//!            or nobody answers in time                     ▼
//!                                              confirmed, that address refused for a while
//! ```
//!
//! A datagram is authentic wherever it comes from: whoever copies it on the path, and is faster than the original, makes it
//! come from his own address. So a new address is a *candidate*, probed with a nonce that is sent to it alone, while the
//! confirmed one is probed with another. While that is open what goes home goes to both (WireGuard takes no datagram twice),
//! so that who really moved notices nothing; to the candidate no more than [`BUDGET`].
//!
//! Whoever moves again before the first candidate answered is at a *second* one: it gets probes and nothing else until it answers,
//! which gives it the first's place. So somebody who copies can neither push an honest candidate out nor have more sent to himself,
//! however many addresses he has.
//!
//! Why the confirmed address is asked too: who copies may also pass on what is sent to him, the probe with the rest. He then
//! is a way to the client, but one that is not needed as long as the old one works.
//!
//! Believed without a probe: the channel, which is authenticated by itself, and the way that the first handshake took, whose
//! answer went there and came to the right hands.
//!
//! It refuses to know what a packet is, and asks for random numbers and time as arguments.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use gateway_api::probe::Nonce;

use crate::Way;

/// What may go to unconfirmed addresses of one session within [`RENEWAL`], in bytes: what a busy screen (8 Mbit/s) needs for
/// the half second in which an honest client answers, and all that a stranger can have sent anywhere.
pub(crate) const BUDGET: usize = 512 * 1024;
const RENEWAL: Duration = Duration::from_secs(60);
/// How long a candidate has: a client whose line failed altogether first has to bring its channel back.
pub(crate) const CONFIRM_TIME: Duration = Duration::from_secs(10);
/// How long the confirmed address has to answer once the candidate did: time for a second probe, should the first be lost.
pub(crate) const SETTLE_TIME: Duration = Duration::from_millis(500);
/// How long a refused address waits until it is tried again.
pub(crate) const REFUSED_TIME: Duration = Duration::from_secs(5);
/// Between the first two probes; doubled each time up to the other.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a second candidate that does not answer keeps its place from a third: time for three probes.
const SECOND_TIME: Duration = Duration::from_secs(1);
/// Longer than a client is ever silent (a keepalive goes every 25 s).
const SILENCE: Duration = Duration::from_secs(40);

/// An address that is not believed yet.
#[derive(Debug)]
struct Candidate {
    address: SocketAddr,
    since: Instant,
    /// Sent to it alone, and to the confirmed address alone.
    nonce: Nonce,
    confirmed_nonce: Nonce,
    probe_at: Instant,
    pause: Duration,
    answered_at: Option<Instant>,
}

/// What has become due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// Probes are to be sent.
    Probe,
    /// The candidate is believed now.
    Confirmed,
    /// Nobody answered.
    Unanswered,
}

/// The ways of one session.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    confirmed: Option<Way>,
    /// The confirmed way is a channel that is not there.
    is_lost: bool,
    /// Where the answer to the client's handshake went, while nothing else is believed.
    answered: Option<Way>,
    candidate: Option<Box<Candidate>>,
    /// Another, while that one does not answer; it does not either.
    second: Option<Box<Candidate>>,
    /// The last address that was refused, and until when.
    refused: Option<(SocketAddr, Instant)>,
    /// Bytes sent to unconfirmed addresses since.
    spent: usize,
    spent_since: Option<Instant>,
    /// Since when, and when last, authentic datagrams came from elsewhere without a sign of life from the confirmed way.
    strangers: Option<(Instant, Instant)>,
}

impl Ways {
    /// Of a session of an earlier run. What was believed then is believed now: a way that is gone is not answered by, and
    /// the client's next one is probed.
    pub(crate) fn resume(confirmed: Option<Way>) -> Self {
        Self { confirmed, is_lost: matches!(confirmed, Some(Way::Channel(_))), ..Self::default() }
    }

    /// The way that is believed.
    pub(crate) fn confirmed(&self) -> Option<Way> {
        self.confirmed
    }

    /// The answer to a handshake of the client's went this way: if it comes to the right hands, they are there.
    pub(crate) fn answer_went(&mut self, to: Way) {
        if self.confirmed.is_none() || self.is_lost {
            self.answered = Some(to);
        }
    }

    /// Something authentic came by a way. An address to be tried, if it is one.
    pub(crate) fn hear(&mut self, from: Way, now: Instant) -> Option<SocketAddr> {
        if self.confirmed == Some(from) {
            self.strangers = None;
            return None;
        }
        if let Some(way) = self.answered.take() {
            self.believe(way);
        }
        let address = match from {
            _ if self.confirmed == Some(from) => return None,
            Way::Channel(_) => {
                self.believe(from);
                return None;
            }
            Way::Udp(address) => address,
        };
        let since = self.strangers.filter(|(_, last)| now < *last + SILENCE).map_or(now, |(since, _)| since);
        self.strangers = Some((since, now));
        let is_refused = self.refused.is_some_and(|(refused, until)| refused == address && now < until);
        (self.has_place_for(address, now) && !is_refused).then_some(address)
    }

    /// Whether an address may be tried that is not being tried.
    fn has_place_for(&self, address: SocketAddr, now: Instant) -> bool {
        let Some(candidate) = &self.candidate else { return true };
        let is_free =
            self.second.as_ref().is_none_or(|other| other.address != address && now >= other.since + SECOND_TIME);
        candidate.answered_at.is_none() && candidate.address != address && is_free
    }

    /// Tries an address for which there is a place; probes are due at once.
    pub(crate) fn try_address(&mut self, address: SocketAddr, nonces: [Nonce; 2], now: Instant) {
        if self.spent_since.is_none_or(|since| now >= since + RENEWAL) {
            (self.spent, self.spent_since) = (0, Some(now));
        }
        let [nonce, confirmed_nonce] = nonces;
        let place = if self.candidate.is_none() { &mut self.candidate } else { &mut self.second };
        *place = Some(Box::new(Candidate {
            address,
            since: now,
            nonce,
            confirmed_nonce,
            probe_at: now,
            pause: FIRST_PAUSE,
            answered_at: None,
        }));
    }

    /// Where a datagram of `length` bytes for the confirmed way goes as well. Counted as sent, until the candidate has
    /// answered: then it is a way to the client, needed or not.
    pub(crate) fn also(&mut self, length: usize) -> Option<Way> {
        let candidate = self.candidate.as_ref()?;
        if candidate.answered_at.is_none() {
            if self.spent + length > BUDGET {
                return None;
            }
            self.spent += length;
        }
        Some(Way::Udp(candidate.address))
    }

    /// The probes to send: to the candidates, and to the confirmed address for each.
    pub(crate) fn probes(&self) -> impl Iterator<Item = (Way, Nonce)> {
        let confirmed = self.confirmed.filter(|way| matches!(way, Way::Udp(_)));
        let of = move |candidate: &Candidate| {
            let own = (Way::Udp(candidate.address), candidate.nonce);
            [Some(own), confirmed.map(|way| (way, candidate.confirmed_nonce))]
        };
        self.candidates().flat_map(of).flatten()
    }

    fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.candidate.iter().chain(&self.second).map(|candidate| &**candidate)
    }

    /// The client says which probe reached it. False if there is no such probe, or none any more.
    pub(crate) fn handle_confirm(&mut self, nonce: Nonce, now: Instant) -> bool {
        let Self { candidate: Some(candidate), second, .. } = self else { return false };
        if nonce == candidate.nonce {
            candidate.answered_at.get_or_insert(now);
            return true;
        }
        if let Some(second) = second.as_mut().filter(|second| nonce == second.nonce) {
            if candidate.answered_at.is_none() {
                second.answered_at = Some(now);
                std::mem::swap(candidate, second);
            }
            return true;
        }
        let is_asked = self.candidates().any(|candidate| nonce == candidate.confirmed_nonce);
        let is_alive = is_asked && matches!(self.confirmed, Some(Way::Udp(_)));
        if is_alive {
            self.strangers = None;
            self.second = None;
            self.refuse(now);
        }
        is_alive
    }

    /// When [`Self::handle_timeout`] is wanted next.
    pub(crate) fn next(&self) -> Option<Instant> {
        let candidate = self.candidate.as_ref()?;
        let settled = candidate.answered_at.map(|at| at + self.settle_time());
        let first = settled.unwrap_or(candidate.probe_at).min(candidate.since + CONFIRM_TIME);
        let second = self.second.as_ref().filter(|_| settled.is_none());
        Some(second.map_or(first, |second| first.min(second.probe_at)))
    }

    /// What has become due; taken as done.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Due {
        let settle_time = self.settle_time();
        let Some(candidate) = &mut self.candidate else { return Due::Nothing };
        if let Some(answered_at) = candidate.answered_at {
            if now < answered_at + settle_time {
                return Due::Nothing;
            }
            let address = candidate.address;
            self.believe(Way::Udp(address));
            return Due::Confirmed;
        }
        if now >= candidate.since + CONFIRM_TIME {
            self.refuse(now);
            return Due::Unanswered;
        }
        let mut due = Due::Nothing;
        for candidate in self.candidate.iter_mut().chain(&mut self.second).filter(|candidate| now >= candidate.probe_at)
        {
            candidate.probe_at = now + candidate.pause;
            candidate.pause = (candidate.pause * 2).min(LONGEST_PAUSE);
            due = Due::Probe;
        }
        due
    }

    /// The client begins a handshake from an address: nothing comes to it. If that address was refused, it is tried again; if
    /// another is being tried and has not answered, it makes room, for no initiation is taken twice, and the client is not
    /// where it was.
    pub(crate) fn handle_initiation(&mut self, from: Way) {
        self.refused = self.refused.filter(|(refused, _)| Way::Udp(*refused) != from);
        if self.candidate.as_ref().is_some_and(|other| other.answered_at.is_none() && Way::Udp(other.address) != from) {
            self.candidate = self.second.take().filter(|second| Way::Udp(second.address) == from);
        }
    }

    /// The session's channel came: the client can answer now, whatever was asked of it before.
    pub(crate) fn handle_channel_came(&mut self, now: Instant) {
        if std::mem::take(&mut self.is_lost) {
            self.answered = None;
        }
        self.refused = None;
        for candidate in self.candidate.iter_mut().chain(&mut self.second) {
            (candidate.probe_at, candidate.pause) = (now, FIRST_PAUSE);
        }
    }

    /// The session's channel went.
    pub(crate) fn handle_channel_went(&mut self) {
        self.is_lost = matches!(self.confirmed, Some(Way::Channel(_)));
    }

    /// For how long authentic datagrams have come from elsewhere alone, without a sign of life from the confirmed way.
    pub(crate) fn strange_for(&self) -> Duration {
        self.strangers.map_or(Duration::ZERO, |(since, last)| last.saturating_duration_since(since))
    }

    /// How long an answered candidate waits for the confirmed address. A channel is not asked: it can always answer, and who
    /// leaves it for UDP means to.
    fn settle_time(&self) -> Duration {
        if matches!(self.confirmed, Some(Way::Udp(_))) { SETTLE_TIME } else { Duration::ZERO }
    }

    fn believe(&mut self, way: Way) {
        *self = Self { confirmed: Some(way), ..Self::default() };
    }

    fn refuse(&mut self, now: Instant) {
        if let Some(candidate) = std::mem::replace(&mut self.candidate, self.second.take()) {
            self.refused = Some((candidate.address, now + REFUSED_TIME));
        }
    }
}

#[cfg(test)]
mod tests;

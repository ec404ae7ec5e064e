//! Which way datagrams take: UDP, or the session channel where UDP does not get through.
//!
//! ```text
//!            asked, and no answer for 1 s, and the channel is there
//!    UDP  ───────────────────────────────────────────────────────────►  channel
//!         ◄───────────────────────────────────────────────────────────
//!            a handshake sent by UDP is answered; or the channel is lost
//! ```
//!
//! *Asked* means a handshake by UDP: the first one, one after a second and a half in which something that is answered at
//! once was not, one when the gateway calls by the channel (it sends by UDP and hears nothing, and who only looks at a desktop
//! asks nothing), and one after the channel was lost or the computer slept. A workstation that is silent answers no packet, but the gateway
//! answers the handshake, so that nobody changes ways for it. While packets take the channel, UDP is asked now and then,
//! ever more seldom. An answer to a handshake is the only thing that brings packets back to UDP: it has gone both ways.

use std::time::{Duration, Instant};

/// The way that datagrams take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// UDP.
    Udp,
    /// The session channel.
    Channel,
}

/// How long what is answered at once may go unanswered by UDP before it is asked.
const DOUBT: Duration = Duration::from_millis(1500);
/// How long an answer to a handshake holds; doubled each time, up to the other, until a packet comes.
const SURE: Duration = Duration::from_secs(1);
const LONGEST_SURE: Duration = Duration::from_secs(8);
/// How long UDP has to answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);
/// How long after the change to the channel UDP is asked for the first time; doubled up to [`SELDOM`].
const SOON: Duration = Duration::from_secs(10);
const SELDOM: Duration = Duration::from_secs(60);

/// What is to be done about the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    /// Nothing.
    Stay,
    /// Ask by UDP.
    Ask,
    /// Take the channel, and ask by it.
    TakeChannel,
}

/// What is known of both ways.
#[derive(Debug)]
pub(crate) struct Choice {
    way: Way,
    /// The session channel is there.
    channel: bool,
    /// Since when an answer by UDP is awaited.
    asked: Option<Instant>,
    /// Since when the gateway calls by the channel though packets take UDP, and nothing came by UDP.
    called: Option<Instant>,
    /// While packets take the channel: when UDP is asked next, and how long after that again.
    again_at: Instant,
    again_after: Duration,
    /// Until when UDP is known to work, so that a workstation that is silent for long costs no handshake every other second.
    sure_until: Instant,
    sure_for: Duration,
}

impl Choice {
    /// UDP, which has just been asked.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            way: Way::Udp,
            channel: false,
            asked: Some(now),
            called: None,
            again_at: now,
            again_after: SOON,
            sure_until: now,
            sure_for: SURE,
        }
    }

    /// The way that packets take.
    pub(crate) fn way(&self) -> Way {
        self.way
    }

    /// The session channel came.
    pub(crate) fn channel_came(&mut self) {
        self.channel = true;
    }

    /// The session channel went: packets take UDP, which is to be asked. True if that is a change.
    pub(crate) fn channel_went(&mut self, now: Instant) -> bool {
        self.channel = false;
        let changed = self.way == Way::Channel;
        if changed {
            self.way = Way::Udp;
            self.asked = Some(now);
        }
        changed
    }

    /// UDP is being asked for a reason of the caller's.
    pub(crate) fn ask(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// Something authentic came by a way, a packet or something of WireGuard's own.
    pub(crate) fn heard(&mut self, way: Way, is_packet: bool, now: Instant) {
        if is_packet {
            self.sure_for = SURE;
        }
        match way {
            Way::Udp => (self.asked, self.called) = (None, None),
            Way::Channel if self.way == Way::Udp => self.called = self.called.or(Some(now)),
            Way::Channel => {}
        }
    }

    /// A handshake was answered by a way. By UDP: packets take it from now on. By the channel it proves nothing that matters.
    pub(crate) fn answered(&mut self, way: Way, now: Instant) {
        if way == Way::Udp {
            self.way = Way::Udp;
            self.sure_until = now + self.sure_for;
            self.sure_for = (self.sure_for * 2).min(LONGEST_SURE);
        }
    }

    /// When [`Self::advise`] is wanted next.
    pub(crate) fn next(&self, asked_since: Option<Instant>) -> Option<Instant> {
        match (self.way, self.asked) {
            (Way::Channel, _) => Some(self.again_at),
            (Way::Udp, Some(asked)) => self.channel.then_some(asked + ANSWER_TIME),
            (Way::Udp, None) => {
                let doubted = [asked_since.map(|since| since + DOUBT), self.called];
                doubted.into_iter().flatten().min().map(|at| at.max(self.sure_until))
            }
        }
    }

    /// What to do now. What it advises is taken as done.
    pub(crate) fn advise(&mut self, asked_since: Option<Instant>, now: Instant) -> Advice {
        if self.next(asked_since).is_none_or(|at| now < at) {
            return Advice::Stay;
        }
        match (self.way, self.asked) {
            (Way::Udp, Some(_)) => {
                self.way = Way::Channel;
                self.asked = None;
                (self.again_at, self.again_after) = (now + SOON, SOON);
                Advice::TakeChannel
            }
            (Way::Udp, None) => {
                (self.asked, self.called) = (Some(now), None);
                Advice::Ask
            }
            (Way::Channel, _) => {
                self.again_after = (self.again_after * 2).min(SELDOM);
                self.again_at = now + self.again_after;
                Advice::Ask
            }
        }
    }
}

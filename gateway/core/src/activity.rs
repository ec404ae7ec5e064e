//! The marks a person leaves in a session's flows, and when there is nobody.
//!
//! A *mark* is a workstation-bound TLS application-data record too small to be anything but keyboard or mouse input.
//! A [`Meter`] per flow finds the marks without decrypting anything; one [`Activity`] per session puts the flows
//! together and says when the person will have been idle for a limit. How well that works is measured in docs/IDLE.md.
//!
//! Refuses to know: who the person is, what they do, how much of it. What is kept, in memory alone, is the moment of
//! the last mark and the few spacings by which a machine at a fixed beat gives itself away. Nothing here is for
//! logging, exporting or counting per person.
//!
//! ```text
//!                  a mark                   payload in a flow that cannot be read
//!   signed in ───────────────> understood ────────────────────────────────────────> unknown
//!       │                           └<────────────────── a mark ────────────────────┘  │
//!       └── minutes of payload, never a mark ──────────────────────────────────────────┘
//! ```
//!
//! *Unknown* means that the client's input cannot be seen: the idle rule is then not applied, and policy chooses what
//! is ([`UnknownClient`]).

mod hello;
mod jiggler;
mod meter;
mod records;
pub mod replay;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use jiggler::Beat;
use policy::{IdleRule, Jiggler, UnknownClient};

pub use hello::Cipher;
pub use meter::{Heard, Meter};

/// Marks in a connection's first seconds are its own set-up, not a person's input. Measured from the flow's SYN.
pub const CONNECTION_PHASE: Duration = Duration::from_secs(15);

/// Whoever connects types or clicks within minutes. A client that sends for this long after its connection phase and
/// never makes a mark has its input somewhere the rule does not look.
pub const FIRST_MINUTES: Duration = Duration::from_secs(5 * 60);

/// One session's activity over all its flows. Fixed size, no allocation.
#[derive(Debug, Clone)]
pub struct Activity {
    /// The last mark, or the signing-in.
    last: Instant,
    /// The same without the marks of a recognised machine.
    last_person: Instant,
    /// Whether there ever was a mark: the client is one whose input can be seen.
    marked: bool,
    /// Payload after the last mark that may hold input unseen.
    unread: Option<Unread>,
    beat: Beat,
}

/// Payload from home in which input would not be seen.
#[derive(Debug, Clone, Copy)]
struct Unread {
    since: Instant,
    last: Instant,
    /// Some of it was in a flow that cannot be read at all.
    opaque: bool,
}

impl Activity {
    /// A session whose person signs in at `now`, which counts as activity. A session taken up again after a restart
    /// begins here too: nothing of its past was stored.
    pub fn new(now: Instant) -> Self {
        Self { last: now, last_person: now, marked: false, unread: None, beat: Beat::default() }
    }

    /// The workstation slept, and can be used only now: that counts as the signing-in does. Not where a person was seen at it already.
    pub fn begin_anew(&mut self, now: Instant) {
        if !self.marked {
            (self.last, self.last_person) = (now, now);
        }
    }

    /// The last mark or, before any, the signing-in.
    pub fn last(&self) -> Instant {
        self.last
    }

    /// Whether the client's input cannot be seen, so that the idle rule does not apply to it.
    ///
    /// Nothing that a reconnecting program sends by itself makes a client unknown again once it made a mark; payload
    /// in a flow that cannot be read does, until the next mark. A client that fell silent in its first minutes is not
    /// unknown but idle: in silence there is no input.
    pub fn is_unknown(&self) -> bool {
        self.unread.is_some_and(|unread| unread.opaque || unread.last - unread.since >= FIRST_MINUTES)
    }

    /// Whether the marks come at a machine's fixed beat: the last six bursts alike. For an office-wide total and for
    /// [`Jiggler::Ignored`]; nobody is reported for one.
    pub fn is_jiggler(&self) -> bool {
        self.beat.is_machine()
    }

    /// When the person will have been idle for `limit`, as things stand; `None` if no idleness can end the session. It
    /// moves later with each mark, so a timer that fires asks again before it ends anybody. Of the rule, whether it is
    /// only tried is the caller's to heed.
    pub fn idle_at(&self, limit: Duration, rule: IdleRule) -> Option<Instant> {
        let last = match rule.jiggler {
            Jiggler::Counts => self.last,
            Jiggler::Ignored => self.last_person,
        };
        let Some(unread) = self.unread.filter(|_| self.is_unknown()) else {
            return Some(last + limit);
        };
        match rule.unknown_client {
            UnknownClient::Warn | UnknownClient::LongestOnly => None,
            UnknownClient::Twice => Some(unread.last.max(last) + limit * 2),
        }
    }

    /// Takes what a flow's meter made of one packet from home.
    pub fn handle_heard(&mut self, heard: Heard, now: Instant) {
        match heard {
            Heard::Nothing => {}
            Heard::Marks(marks) => self.handle_marks(marks.get(), now),
            Heard::NoMark if self.marked => {}
            Heard::NoMark => self.handle_unread(false, now),
            Heard::Unreadable => self.handle_unread(true, now),
        }
    }

    fn handle_marks(&mut self, marks: u16, now: Instant) {
        self.beat.handle_marks(marks, now);
        self.last = now;
        self.marked = true;
        self.unread = None;
        if !self.beat.is_machine() {
            self.last_person = now;
        }
    }

    fn handle_unread(&mut self, opaque: bool, now: Instant) {
        let unread = self.unread.get_or_insert(Unread { since: now, last: now, opaque });
        unread.last = now;
        unread.opaque |= opaque;
    }
}

//! When sessions end by themselves: another policy moves that, and whoever shows it is told.

use gateway_api::{SessionNumber, session};
use jiff::Timestamp;

use super::{Ledger, Session};
use crate::clock;

impl Session {
    /// What a channel is told that comes after its end has moved.
    pub(super) fn end_told(&self) -> Option<session::Event> {
        self.has_moved.then(|| session::Event::EndMoved { seconds: seconds_until(self.ends_at) })
    }
}

impl Ledger {
    /// A session's grant ends at another moment: its client shows that, and so does the client of whom it assists.
    pub(super) fn note_end(&self, number: SessionNumber, ends_at: Timestamp) {
        let (told, assisted) = {
            let mut live = self.live();
            let Some(session) = live.sessions.get_mut(&number).filter(|session| session.ends_at != ends_at) else {
                return;
            };
            (session.ends_at, session.has_moved) = (ends_at, true);
            (session.end_told(), session.assists)
        };
        told.map(|event| self.tell(number, event));
        assisted.map(|assisted| self.tell_assisted(assisted));
    }
}

/// How long until then, in whole seconds.
pub(super) fn seconds_until(moment: Timestamp) -> u32 {
    let left = moment.duration_since(clock::now().wall).as_secs();
    u32::try_from(left.max(0)).unwrap_or(u32::MAX)
}

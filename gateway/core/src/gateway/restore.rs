//! How sessions go on after the gateway was restarted.
//!
//! What has to be known of a session is told as it changes ([`Event::Moved`], [`Event::Handshaken`]); whoever keeps it
//! gives it back at the next start. The transport's keys and counters are not in it: the gateway shakes hands anew by
//! itself, towards where the client last sent from, and the flows go on with the next packet.

use std::time::{Duration, Instant};

use gateway_api::{CloseReason, SessionNumber};

use super::{Gateway, send};
use crate::{
    Event, Family, INITIATION_SIZE, NotRestored, Now, Restore,
    session::{Session, end_of},
};

/// Between the first calls of two sessions, so that a thousand clients do not all answer at once.
const CALL_SPACING: Duration = Duration::from_millis(1);

impl Gateway {
    /// Takes up a session of an earlier run: away, with its address, its flows and its counts. The grace and the idle
    /// limit begin anew. Of two sessions of one worker the one given later stays.
    pub fn restore_session(&mut self, restore: Restore, now: Now) -> Result<(), NotRestored> {
        let open = &restore.open;
        if open.grant.ends_at <= now.wall {
            return Err(NotRestored::Over(end_of(&open.grant).0));
        }
        if self.sessions.has(open.number, &open.public_key) {
            return Err(NotRestored::Taken);
        }
        let address = restore.address;
        if Family::of(open.workstation) != Family::of(address) {
            return Err(NotRestored::NoAddress);
        }
        let others = self.sessions.by_worker(&open.worker).to_vec();
        let shard = u32::from(self.shard.own);
        let spacing = CALL_SPACING.saturating_mul(u32::try_from(self.sessions.slots().len()).unwrap_or(u32::MAX));
        let placed = self.sessions.restore(address, |slot| {
            let index = (slot as u32) << 8 | shard;
            Session::restore(restore, index, now, now.instant + spacing)
        });
        placed.ok_or(NotRestored::NoAddress)?;
        for other in others {
            self.close(other, CloseReason::Replaced);
        }
        Ok(())
    }

    /// The initiation is kept: what answers it may be sent. Nothing happens if a later one came meanwhile.
    pub fn release_answer(&mut self, number: SessionNumber, initiation: &[u8; INITIATION_SIZE]) {
        let Some(session) = self.sessions.by_number(number).and_then(|slot| self.sessions.get_mut(slot)) else {
            return;
        };
        if session.peer.as_ref().and_then(|peer| peer.last_initiation()) != Some(initiation) {
            return;
        }
        if let Some(held) = session.held.take() {
            if let Some(peer) = &mut session.peer {
                peer.ways.answer_went(held.to);
            }
            send(&mut self.to_home, held.to, &held.answer);
        }
    }

    /// Tells where every session stands, for a gateway that is about to stop without ending any.
    pub fn leave(&mut self, now: Now) {
        self.to_office.flush();
        self.tell_standing(true, now.instant);
    }

    pub(super) fn tell_standing(&mut self, anyway: bool, now: Instant) {
        for session in self.sessions.iter_mut() {
            if let Some(standing) = session.take_standing(anyway, now) {
                self.events.push_back(Event::Moved { number: session.number, standing: Box::new(standing) });
            }
        }
    }
}

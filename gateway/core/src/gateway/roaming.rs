//! How a client's new address is tried: probes through the tunnel, and what their answers mean (`ways.rs` decides).

use std::net::SocketAddr;

use gateway_api::{
    CloseReason, SessionNumber,
    probe::{self, Nonce},
};

use super::{Gateway, seal_one_way, send};
use crate::{
    Now,
    session::Session,
    sessions::Slot,
    ways::{Due, Ways},
};

/// Random numbers kept ready: two for each address that is tried before the loop brings more.
pub(super) const MOST_NONCES: usize = 64;
/// A probe, padded.
const ROOM: usize = probe::LONGEST;

impl Gateway {
    /// How many nonces there is room for. Without any, no new address is believed.
    pub fn wanted_nonces(&self) -> usize {
        MOST_NONCES - self.nonces.len().min(MOST_NONCES)
    }

    /// Takes random numbers to probe new addresses with, as many as are wanted.
    pub fn add_nonces(&mut self, nonces: impl IntoIterator<Item = Nonce>) {
        let wanted = self.wanted_nonces();
        self.nonces.extend(nonces.into_iter().take(wanted));
    }

    /// The client says, by its channel, that a probe reached it. False if no such probe is under way.
    pub fn confirm_way(&mut self, number: SessionNumber, nonce: Nonce, now: Now) -> bool {
        let Some(slot) = self.sessions.by_number(number) else { return false };
        self.handle_confirm(slot, nonce, now)
    }

    /// Tries an address that something authentic came from.
    pub(super) fn try_address(&mut self, slot: Slot, address: SocketAddr, now: Now) {
        // Without two numbers there is no trial; the next datagram asks again.
        let (Some(nonce), Some(confirmed_nonce)) = (self.nonces.pop(), self.nonces.pop()) else { return };
        self.change_ways(slot, |ways| ways.try_address(address, [nonce, confirmed_nonce], now.instant));
        self.look_at_ways(slot, now);
    }

    /// Whether what was just decrypted answers a probe, as another WireGuard program's system does: it has no session
    /// channel to answer by, so where policy hands sessions to such programs, the tunnel will do.
    pub(super) fn is_answer_to_probe(&mut self, slot: Slot, length: usize, now: Now) -> bool {
        let Some(session) = self.sessions.get(slot).filter(|session| session.grant.wireguard_config) else {
            return false;
        };
        let packet = self.plain.get(..length).unwrap_or_default();
        let Some(nonce) = probe::read_reply(packet, session.address, session.workstation) else { return false };
        let is_answer = self.handle_confirm(slot, nonce, now);
        self.counters.empty += u64::from(is_answer);
        is_answer
    }

    /// What has become due of the client's ways.
    pub(super) fn look_at_ways(&mut self, slot: Slot, now: Now) {
        match self.change_ways(slot, |ways| ways.handle_timeout(now.instant)) {
            Some(Due::Probe) => self.send_probes(slot, now),
            // Soon, so that the new way is kept for a restart.
            Some(Due::Confirmed) => drop(self.sessions.change(slot, |session| session.wake_peer(now.instant))),
            Some(Due::Unanswered) if self.sessions.get(slot).is_some_and(Session::is_unconfirmed) => {
                self.close(slot, CloseReason::RoamUnconfirmed);
            }
            Some(Due::Unanswered | Due::Nothing) | None => {}
        }
    }

    fn handle_confirm(&mut self, slot: Slot, nonce: Nonce, now: Now) -> bool {
        let is_known = self.change_ways(slot, |ways| ways.handle_confirm(nonce, now.instant)) == Some(true);
        self.look_at_ways(slot, now);
        is_known
    }

    fn change_ways<T>(&mut self, slot: Slot, change: impl FnOnce(&mut Ways) -> T) -> Option<T> {
        self.sessions.change(slot, |session| session.change_ways(change)).flatten()
    }

    fn send_probes(&mut self, slot: Slot, now: Now) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let (workstation, address) = (session.workstation, session.address);
        let Some(peer) = session.peer.as_mut() else { return };
        peer.refresh(now.instant, |to, datagram| send(&mut self.to_home, to, datagram));
        if !peer.has_keys() {
            return;
        }
        peer.handle_packet(now.instant);
        let probes: Vec<_> = peer.ways.probes().collect();
        for (to, nonce) in probes {
            let Some(probe) = probe::make(workstation, address, nonce) else { continue };
            let mut space = [0; ROOM];
            space.split_at_mut(probe.len()).0.copy_from_slice(&probe);
            seal_one_way(&mut self.to_home, to, peer, &mut space, probe.len(), ROOM);
        }
        if session.is_drowsy(now.instant) {
            self.sessions.change(slot, |session| session.wake_peer(now.instant));
        }
    }
}

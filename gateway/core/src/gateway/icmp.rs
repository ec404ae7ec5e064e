//! The messages of ICMP that pass: "too big" about a packet of a flow that lives, and pings where they are granted.

use super::{Gateway, seal, send};
use crate::{Counters, Drop, Now, icmp::Message, office::ToOffice, session::Session, sessions::Slot};

/// From decrypted bytes that are neither TCP nor UDP to the office. To the idle rule none of it is a person, and to the wait
/// for the workstation no answer of its own: a computer that is pinged is on, which is not to be used.
pub(super) fn pass_to_office(
    session: &mut Session,
    bytes: &[u8],
    to_office: &mut ToOffice,
    counters: &mut Counters,
    now: Now,
) -> Result<(), Drop> {
    let message = Message::parse(bytes).ok_or(Drop::OtherProtocol)?;
    match &message {
        Message::TooBig(too_big) => {
            let key = session.filter.judge_too_big_from_home(too_big)?;
            if !session.flows.has(key, now.instant) {
                return Err(Drop::NoFlow);
            }
        }
        Message::Echo(echo) => {
            session.filter.judge_echo_from_home(echo)?;
            session.flows.handle_question(echo.identifier, now.instant)?;
        }
    }
    session.traffic.count_to_office(message.bytes().len());
    counters.traffic.count_to_office(message.bytes().len());
    to_office.add_alone(message.bytes());
    Ok(())
}

impl Gateway {
    /// The same towards home: about a packet that the worker sent, or in answer to one.
    pub(super) fn pass_icmp_to_home(&mut self, bytes: &[u8], now: Now) -> Result<(), (Option<Slot>, Drop)> {
        let message = Message::parse(bytes).ok_or((None, Drop::OtherProtocol))?;
        let slot = self.sessions.by_address(message.destination()).ok_or((None, Drop::NoSession))?;
        let session = self.sessions.get_mut(slot).ok_or((None, Drop::NoSession))?;
        let refuse = |reason| (Some(slot), reason);
        judge_to_home(session, &message, now).map_err(refuse)?;
        let peer = session.peer.as_mut().ok_or(refuse(Drop::NotConnected))?;
        peer.refresh(now.instant, |to, datagram| send(&mut self.to_home, to, datagram));
        let to = peer.ready().ok_or(refuse(Drop::NotConnected))?;
        peer.handle_packet(now.instant);
        let length = message.bytes().len();
        let mtu = usize::from(self.mtu);
        if length > mtu {
            return Err(refuse(Drop::TooBig));
        }
        let plain = self.plain.as_mut_slice();
        plain.get_mut(..length).ok_or(refuse(Drop::TooBig))?.copy_from_slice(message.bytes());
        if !seal(&mut self.to_home, to, peer, plain, length, mtu) {
            return Err(refuse(Drop::Backlog));
        }
        session.traffic.count_to_home(length);
        self.counters.traffic.count_to_home(length);
        if session.is_drowsy(now.instant) {
            self.sessions.change(slot, |session| session.wake_peer(now.instant));
        }
        Ok(())
    }
}

fn judge_to_home(session: &mut Session, message: &Message<'_>, now: Now) -> Result<(), Drop> {
    match message {
        Message::TooBig(too_big) => {
            let key = session.filter.judge_too_big_from_office(too_big)?;
            if session.flows.has(key, now.instant) { Ok(()) } else { Err(Drop::NotAnAnswer) }
        }
        Message::Echo(echo) => {
            session.filter.judge_echo_from_office(echo)?;
            session.flows.handle_answer(echo.identifier, now.instant)
        }
    }
}

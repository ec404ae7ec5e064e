//! `Gateway`: what arrives goes in by `handle_*`, what is to be done comes out by `poll_*`, and sessions are opened,
//! admitted and closed by commands. One loop owns it; nothing in it is shared.
//!
//! After any call the loop drains [`Gateway::poll_transmit`], [`Gateway::poll_office`], [`Gateway::poll_stray`] and
//! [`Gateway::poll_event`], and asks [`Gateway::poll_timeout`] for the moment it wants to be called next.

mod icmp;
mod restore;
mod roaming;
mod waiting;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use gateway_api::{CloseReason, PublicKey, SessionNumber, probe::Nonce};
use policy::{Grant, SecondLogin};

use self::{
    roaming::MOST_NONCES,
    waiting::{FromHome, FromOffice},
};
use crate::{
    Census, Counters, Drop, DroppedHeaders, Event, Family, Now, Offload, Open, OpenError, Opened, Phase, Transmit,
    View, Way,
    activity::replay::End,
    addresses::{Addresses, Pools},
    dropped::Look,
    flows::Flow,
    guard::Guard,
    home::ToHome,
    intake::Intake,
    office::ToOffice,
    offload,
    packet::Packet,
    peer::{self, HANDSHAKE_ROOM, INITIATION_SIZE, Identity, Incoming, LARGEST_DATAGRAM, OVERHEAD, Peer},
    recorder::{Recorder, TraceEnd},
    reset, segment_size,
    session::{Due, Held, Session},
    sessions::{Sessions, Slot},
    timer::Timer,
};

/// The longest reset, as [`peer::padded`] makes it.
const RESET_PADDED: usize = reset::LONGEST.next_multiple_of(16);

/// The first byte of a handshake's first message.
const INITIATION: u8 = 1;

/// Which part of a gateway one loop is. Sessions, their addresses and the indexes on the wire are shared out over all
/// parts, and none is ever in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Its place among all, from 0: the low byte of the peer indexes it hands out.
    pub own: u8,
    /// How many there are, 1 to 255.
    pub all: u8,
}

/// A handshake begun by somebody who has no session here, though maybe in another shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Where it came from.
    pub from: SocketAddr,
    /// Whose it is: found at the price of half a handshake, which the other shard need not pay again.
    pub key: PublicKey,
    /// The message.
    pub initiation: [u8; INITIATION_SIZE],
}

/// What a gateway loop is made with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The gateway's keys, the same for all shards.
    pub identity: Identity,
    /// Tunnel addresses.
    pub pools: Pools,
    /// The largest IP packet inside the tunnel, in bytes: 1280 to 1420.
    pub mtu: u16,
    /// Handshakes let in each second before cookies are asked for.
    pub handshakes_per_second: u32,
    /// Which loop this is.
    pub shard: Shard,
    /// Whether the TUN takes super-packets of datagrams.
    pub cuts_datagrams: bool,
}

/// The gateway: sessions, their tunnels and their limits.
#[derive(Debug)]
pub struct Gateway {
    identity: Identity,
    guard: Guard,
    mtu: u16,
    shard: Shard,
    strays: VecDeque<Stray>,
    sessions: Sessions,
    from_home: Intake<FromHome>,
    from_office: Intake<FromOffice>,
    to_home: ToHome,
    to_office: ToOffice,
    events: VecDeque<Event>,
    counters: Counters,
    /// For probes; none is used twice.
    nonces: Vec<Nonce>,
    /// Where datagrams are opened, and packets for home are made; nothing in it outlives a call.
    plain: Box<[u8; LARGEST_DATAGRAM]>,
}

impl Gateway {
    /// A gateway without sessions.
    pub fn new(setup: Setup) -> Self {
        Self {
            guard: Guard::new(setup.handshakes_per_second, setup.identity.seed()),
            identity: setup.identity,
            mtu: setup.mtu,
            shard: setup.shard,
            strays: VecDeque::new(),
            sessions: Sessions::new(Addresses::new(setup.pools, setup.shard)),
            from_home: Intake::new(),
            from_office: Intake::new(),
            to_home: ToHome::new(),
            to_office: ToOffice::new(setup.cuts_datagrams),
            events: VecDeque::new(),
            counters: Counters::default(),
            nonces: Vec::with_capacity(MOST_NONCES),
            plain: Box::new([0; LARGEST_DATAGRAM]),
        }
    }

    /// What was counted since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many sessions there are, and what they have open.
    pub fn census(&self, now: Now) -> Census {
        self.sessions.iter().fold(Census::default(), |mut census, session| {
            census.count(session.phase, session.flows.count(now.instant));
            census
        })
    }

    /// Every session, by number.
    pub fn sessions(&self, now: Now) -> Vec<View> {
        self.sessions.iter().map(|session| session.view(now.instant)).collect()
    }

    /// A datagram from the Internet, handled at once.
    pub fn handle_datagram(&mut self, from: SocketAddr, datagram: &[u8], now: Now) {
        self.counters.datagrams += 1;
        if datagram.len() > LARGEST_DATAGRAM {
            self.counters.drops.count(Drop::TooBig, 1);
            return;
        }
        let looked = self.identity.look(&mut self.guard, from.ip(), datagram, self.plain.as_mut_slice(), now.instant);
        let outcome = match looked {
            Ok(Incoming::Indexed(index)) => self.handle_indexed(Way::Udp(from), index, datagram, now),
            Ok(Incoming::Initiation(key)) if self.is_stray(&key) => self.keep_stray(from, key, datagram),
            Ok(Incoming::Initiation(key)) => self.handle_initiation(Way::Udp(from), key, datagram, now),
            Ok(Incoming::Cookie(length)) => self.answer_with_cookie(from, length),
            Err(reason) => Err(reason),
        };
        if let Err(reason) = outcome {
            self.counters.drops.count(reason, 1);
        }
    }

    /// A datagram from a session's channel: for that session's peer, and for no other.
    pub fn handle_channel_datagram(&mut self, number: SessionNumber, datagram: &[u8], now: Now) {
        self.counters.datagrams += 1;
        let Some(slot) = self.sessions.by_number(number) else {
            self.counters.drops.count(Drop::NoSession, 1);
            return;
        };
        if let Err(reason) = self.pass_from_channel(slot, number, datagram, now) {
            self.counters.drops.count(reason, 1);
            // What was decrypted was counted for its session where it was dropped.
            if matches!(reason, Drop::OtherSession | Drop::TooManyHandshakes)
                && let Some(session) = self.sessions.get_mut(slot)
            {
                session.count_drop(reason, 1);
            }
        }
    }

    /// A packet from the office, handled at once, as the TUN gave it: `offload` says what is left to do for it.
    pub fn handle_packet(&mut self, offload: Offload, packet: &[u8], now: Now) {
        let pieces = offload.pieces(packet);
        self.counters.packets += pieces;
        if let Err((slot, reason)) = self.pass_to_home(offload, packet, now) {
            self.counters.drops.count(reason, pieces);
            if let Some(session) = slot.and_then(|slot| self.sessions.get_mut(slot)) {
                session.count_dropped(End::Office, reason, packet, pieces, now.instant);
            }
        }
    }

    /// Packets or datagrams that the kernel had no room for, or no way.
    pub fn handle_unsent(&mut self, count: u64) {
        self.counters.unsent += count;
    }

    /// A handshake that the loop could not hand over.
    pub fn handle_lost(&mut self, reason: Drop) {
        self.counters.drops.count(reason, 1);
    }

    /// A packet or a handshake that the loop handed over to the shard whose it is, which counts what becomes of it.
    pub fn handle_handed_over(&mut self) {
        self.counters.handed_over += 1;
    }

    /// A handshake that another shard handed over.
    pub fn handle_stray(&mut self, stray: &Stray, now: Now) {
        if let Err(reason) = self.handle_initiation(Way::Udp(stray.from), stray.key, &stray.initiation, now) {
            self.counters.drops.count(reason, 1);
        }
    }

    /// Everything whose time has come.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(slot) = self.sessions.due(now.instant) {
            let due = self.sessions.change(slot, |session| {
                let timer = session.deadlines.take_due(now.instant);
                if timer == Some(Timer::Idle) {
                    self.counters.idle += session.take_idle_totals(now.instant);
                }
                timer.map_or(Due::Nothing, |timer| session.handle_deadline(timer, now))
            });
            match due {
                Some(Due::Close(reason)) => self.close(slot, reason),
                Some(Due::Tell(event)) => self.events.push_back(event),
                Some(Due::Tick) => self.tick(slot, now),
                Some(Due::Way) => self.look_at_ways(slot, now),
                Some(Due::Nothing) | None => {}
            }
        }
    }

    /// Holds a place for a session: its address and its worker. It has no peer until it is admitted.
    pub fn open_session(&mut self, open: Open, now: Now) -> Result<Opened, OpenError> {
        let family = Family::of(open.workstation);
        if !self.sessions.has_addresses(family) {
            return Err(OpenError::NoTunnelFamily);
        }
        if open.grant.ends_at <= now.wall {
            return Err(OpenError::GrantOver);
        }
        if self.sessions.has(open.number, &open.public_key) {
            return Err(OpenError::Taken);
        }
        let others = self.sessions.by_worker(&open.worker).to_vec();
        if !others.is_empty() && open.grant.second_login == SecondLogin::Refuse {
            return Err(OpenError::AlreadyConnected);
        }
        // A login that overtakes an unfinished one of the same worker takes its place.
        let is_pending = |slot: &Slot| self.sessions.get(*slot).is_some_and(|other| other.phase == Phase::Pending);
        let (pending, admitted): (Vec<_>, Vec<_>) = others.into_iter().partition(is_pending);
        for slot in pending {
            self.close(slot, CloseReason::Replaced);
        }
        let replaces = admitted.first().and_then(|slot| self.sessions.get(*slot)).map(|other| other.number);
        let slot =
            self.sessions.insert(family, |address| Session::new(open, address, now)).ok_or(OpenError::NoAddress)?;
        let address = self.sessions.get(slot).ok_or(OpenError::NoAddress)?.address;
        Ok(Opened { address, mtu: self.mtu, replaces })
    }

    /// Gives a pending session its peer, and ends the one it replaces. False if it is gone, or not pending.
    pub fn admit_session(&mut self, number: SessionNumber, now: Now) -> bool {
        let Some(slot) = self.sessions.by_number(number) else { return false };
        let index = self.index(slot);
        if self.sessions.change(slot, |session| session.admit(index, now)) != Some(true) {
            return false;
        }
        let worker = self.sessions.get(slot).map(|session| session.worker.clone());
        let others = worker.map(|worker| self.sessions.by_worker(&worker).to_vec()).unwrap_or_default();
        for other in others.into_iter().filter(|other| *other != slot) {
            self.close(other, CloseReason::Replaced);
        }
        true
    }

    /// The session's channel came (true) or went (false). False if there is no such session.
    pub fn handle_channel(&mut self, number: SessionNumber, attached: bool, now: Now) -> bool {
        let Some(slot) = self.sessions.by_number(number) else { return false };
        self.sessions
            .change(slot, |session| if attached { session.attach(now.instant) } else { session.detach(now) })
            .is_some()
    }

    /// Puts a session under another grant for the same workstation: limits count from what they are now, and flows to
    /// ports that are no longer granted are ended. False if there is no such session.
    pub fn change_grant(&mut self, number: SessionNumber, grant: Grant, now: Now) -> bool {
        let Some(slot) = self.sessions.by_number(number) else { return false };
        self.sessions.change(slot, |session| session.change_grant(grant, now.instant));
        let Some(session) = self.sessions.get_mut(slot) else { return false };
        let filter = &session.filter;
        let withdrawn = session.flows.take_unless(|key| filter.grants((key.protocol, key.office_port)));
        reset_flows(session, &withdrawn, &mut self.to_home, &mut self.to_office);
        true
    }

    /// The workstation slept until now: how long it may leave a session without an answer is counted from here, and idleness as well.
    /// False if there is no such session.
    pub fn wait_anew(&mut self, number: SessionNumber, now: Now) -> bool {
        let Some(slot) = self.sessions.by_number(number) else { return false };
        let lifted = self.sessions.change(slot, |session| session.wait_anew(now.instant));
        let lifted = lifted.into_iter().flatten().flatten();
        self.events.extend(lifted.map(|limit| Event::WarningLifted { number, limit }));
        true
    }

    /// Begins to record sizes and times of a session's packets, for `span` at most: told piece by piece as
    /// [`Event::Traced`]. False if there is no such session, or it is being recorded already.
    pub fn begin_trace(&mut self, number: SessionNumber, span: Duration, now: Now) -> bool {
        let session = self.sessions.by_number(number).and_then(|slot| self.sessions.get_mut(slot));
        let Some(session) = session.filter(|session| session.phase != Phase::Pending && session.recorder.is_none())
        else {
            return false;
        };
        session.recorder = Some(Box::new(Recorder::new(span, now.instant)));
        true
    }

    /// Ends a recording; its last piece is told. False if there is none.
    pub fn end_trace(&mut self, number: SessionNumber, now: Now) -> bool {
        let session = self.sessions.by_number(number).and_then(|slot| self.sessions.get_mut(slot));
        let last = session.and_then(|session| session.take_traced(Some(TraceEnd::Ordered), Some(now.instant)));
        let there_was = last.is_some();
        self.events.extend(last);
        there_was
    }

    /// Keeps the headers of a session's dropped packets for `span`, at most [`crate::LONGEST_LOOK`]. False if there is no such
    /// session, or they are kept already.
    pub fn begin_look(&mut self, number: SessionNumber, span: Duration, now: Now) -> bool {
        let session = self.sessions.by_number(number).and_then(|slot| self.sessions.get_mut(slot));
        let Some(session) = session.filter(|session| session.look.is_none()) else { return false };
        session.look = Some(Box::new(Look::new(span, now.instant)));
        true
    }

    /// What was kept since the last time. None if nothing is being kept.
    pub fn dropped_headers(&mut self, number: SessionNumber, now: Now) -> Option<DroppedHeaders> {
        let session = self.sessions.by_number(number).and_then(|slot| self.sessions.get_mut(slot))?;
        session.look.as_mut().map(|look| look.take(now.instant))
    }

    /// Keeps no headers any more. False if none were kept.
    pub fn end_look(&mut self, number: SessionNumber) -> bool {
        let session = self.sessions.by_number(number).and_then(|slot| self.sessions.get_mut(slot));
        session.is_some_and(|session| session.look.take().is_some())
    }

    /// Ends a session. False if there is none.
    pub fn close_session(&mut self, number: SessionNumber, reason: CloseReason) -> bool {
        let Some(slot) = self.sessions.by_number(number) else { return false };
        self.close(slot, reason);
        true
    }

    /// Ends every session.
    pub fn close_all(&mut self, reason: CloseReason) {
        for slot in self.sessions.slots() {
            self.close(slot, reason);
        }
    }

    /// Datagrams to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        self.to_home.poll()
    }

    /// Makes packets for the office ready to be polled, but for bulk that more of its session follows in the next round; to be
    /// called at the end of a round.
    pub fn flush_office(&mut self) {
        let (sessions, from_home) = (&self.sessions, &self.from_home);
        self.to_office.end_round(|source| sessions.by_address(source).is_some_and(|slot| from_home.waits(slot)));
    }

    /// A packet for the TUN, its virtio header first.
    pub fn poll_office(&mut self) -> Option<&[u8]> {
        self.to_office.poll()
    }

    /// A handshake to hand over to the shard that has the session, if any has.
    pub fn poll_stray(&mut self) -> Option<Stray> {
        self.strays.pop_front()
    }

    /// What happened to a session.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`] next, and what for.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        self.sessions.next_deadline()
    }

    fn pass_from_channel(&mut self, slot: Slot, number: SessionNumber, datagram: &[u8], now: Now) -> Result<(), Drop> {
        if datagram.len() > LARGEST_DATAGRAM {
            return Err(Drop::TooBig);
        }
        let session = self.sessions.get_mut(slot).ok_or(Drop::NoSession)?;
        if datagram.first() == Some(&INITIATION) && !session.may_handshake_by_channel(now.instant) {
            return Err(Drop::TooManyHandshakes);
        }
        let own_key = session.public_key;
        let from = Way::Channel(number);
        match self.identity.look_at_known(datagram, self.plain.as_mut_slice())? {
            Incoming::Indexed(index) if index == self.index(slot) => self.handle_indexed(from, index, datagram, now),
            Incoming::Initiation(key) if key == own_key => self.handle_initiation(from, key, datagram, now),
            Incoming::Indexed(_) | Incoming::Initiation(_) => Err(Drop::OtherSession),
            Incoming::Cookie(_) => Err(Drop::BadHandshake),
        }
    }

    /// The peer index of the session in a slot.
    fn index(&self, slot: Slot) -> u32 {
        (slot as u32) << 8 | u32::from(self.shard.own)
    }

    /// The slot that a peer index names, if there is a session in it.
    fn slot_of(&self, index: u32) -> Option<Slot> {
        let slot = (index >> 8) as Slot;
        (index & 0xff == u32::from(self.shard.own) && self.sessions.get(slot).is_some()).then_some(slot)
    }

    fn handle_indexed(&mut self, from: Way, index: u32, datagram: &[u8], now: Now) -> Result<(), Drop> {
        let slot = self.slot_of(index).ok_or(Drop::UnknownPeer)?;
        let mut session = self.sessions.get_mut(slot).ok_or(Drop::UnknownPeer)?;
        let peer = session.peer.as_mut().ok_or(Drop::UnknownPeer)?;
        let (to_home, plain, at) = (&mut self.to_home, self.plain.as_mut_slice(), now.instant);
        peer.refresh(at, |to, datagram| send(to_home, to, datagram));
        let opened = peer.handle_datagram(datagram, plain, at, |reply| send(to_home, from, reply))?;
        if let Some(address) = peer.ways.hear(from, at) {
            self.try_address(slot, address, now);
            session = self.sessions.get_mut(slot).ok_or(Drop::UnknownPeer)?;
        }
        let is_broken = repeat_kept(session, &mut self.to_home, self.mtu, at);
        let peer::Opened::Packet(length) = opened else {
            self.counters.empty += 1;
            if (is_broken || session.has_moved()) && session.is_drowsy(now.instant) {
                self.sessions.change(slot, |session| session.wake_peer(now.instant));
            }
            return Ok(());
        };
        let padded = self.plain.get_mut(..length).ok_or(Drop::Malformed)?;
        if let Err(reason) = pass_to_office(session, padded, self.mtu, &mut self.to_office, &mut self.counters, now) {
            if reason == Drop::OtherProtocol && self.is_answer_to_probe(slot, length, now) {
                return Ok(());
            }
            if let (Some(session), Some(packet)) = (self.sessions.get_mut(slot), self.plain.get(..length)) {
                session.count_dropped(End::Home, reason, packet, 1, now.instant);
            }
            return Err(reason);
        }
        self.events.extend(session.take_traced(None, Some(now.instant)));
        let (is_drowsy, is_unwatched) = (session.is_drowsy(now.instant), session.is_unwatched());
        if session.is_warning_lifted(now.instant) {
            let lifted = self.sessions.change(slot, |session| session.lift_warning(now.instant));
            self.events.extend(lifted);
        }
        if is_drowsy {
            self.sessions.change(slot, |session| session.wake_peer(now.instant));
        }
        if is_unwatched {
            self.sessions.change(slot, Session::watch);
        }
        Ok(())
    }

    fn handle_initiation(&mut self, from: Way, key: PublicKey, datagram: &[u8], now: Now) -> Result<(), Drop> {
        let slot = self.sessions.by_key(&key).ok_or(Drop::UnknownPeer)?;
        let (identity, to_home, plain) = (&self.identity, &mut self.to_home, self.plain.as_mut_slice());
        let kept = self.sessions.change(slot, |session| {
            let peer = session.peer.as_mut().ok_or(Drop::UnknownPeer)?;
            peer.refresh(now.instant, |to, datagram| send(to_home, to, datagram));
            let held = &mut session.held;
            peer.handle_initiation(identity, datagram, plain, now.instant, |reply| {
                *held = Some(Held { to: from, answer: reply.into() });
            })?;
            peer.ways.handle_initiation(from);
            let initiation = peer.last_initiation().copied().map(Box::new);
            session.rest_peer();
            Ok(initiation.map(|initiation| (session.number, initiation)))
        });
        if let Some((number, initiation)) = kept.ok_or(Drop::UnknownPeer)?? {
            self.events.push_back(Event::Handshaken { number, initiation });
        }
        self.counters.handshakes += 1;
        Ok(())
    }

    fn is_stray(&self, key: &PublicKey) -> bool {
        self.shard.all > 1 && self.sessions.by_key(key).is_none()
    }

    fn keep_stray(&mut self, from: SocketAddr, key: PublicKey, datagram: &[u8]) -> Result<(), Drop> {
        let initiation = *datagram.first_chunk().ok_or(Drop::NotWireguard)?;
        self.strays.push_back(Stray { from, key, initiation });
        Ok(())
    }

    fn answer_with_cookie(&mut self, from: SocketAddr, length: usize) -> Result<(), Drop> {
        let cookie = self.plain.get(..length).ok_or(Drop::Backlog)?;
        send(&mut self.to_home, Way::Udp(from), cookie);
        self.counters.cookies += 1;
        Ok(())
    }

    fn pass_to_home(&mut self, offload: Offload, bytes: &[u8], now: Now) -> Result<(), (Option<Slot>, Drop)> {
        let packet = match Packet::parse(bytes) {
            Err(Drop::OtherProtocol) => return self.pass_icmp_to_home(bytes, now),
            parsed => parsed.map_err(|reason| (None, reason))?,
        };
        let slot = self.sessions.by_address(packet.destination).ok_or((None, Drop::NoSession))?;
        let session = self.sessions.get_mut(slot).ok_or((None, Drop::NoSession))?;
        let refuse = |reason| (Some(slot), reason);
        session.filter.judge_from_office(&packet).map_err(refuse)?;
        let flow = session.flows.handle_from_office(&packet, now.instant).map_err(refuse)?;
        flow.hear_office(&packet);
        if let Some(recorder) = &mut session.recorder {
            recorder.note(End::Office, flow.key, flow.cipher(), &packet, now.instant);
            self.events.extend(session.take_traced(None, Some(now.instant)));
        }
        session.answers.handle_from_office(&packet);
        let lifted = session.answers.take_lifted();
        self.events.extend(lifted.map(|limit| Event::WarningLifted { number: session.number, limit }));
        let peer = session.peer.as_mut().ok_or(refuse(Drop::NotConnected))?;
        peer.refresh(now.instant, |to, datagram| send(&mut self.to_home, to, datagram));
        let to = peer.ready().ok_or(refuse(Drop::NotConnected))?;
        peer.handle_packet(now.instant);
        let is_silent = session.silence.handle_sent(&packet, now.instant);
        // It may be the way that is silent: by the other one the client learns that somebody calls.
        let by_channel = is_silent && session.phase == Phase::Attached && matches!(to, Way::Udp(_));
        let channel = by_channel.then_some(Way::Channel(session.number));
        let mtu = usize::from(self.mtu);
        let (to_home, traffic, total) = (&mut self.to_home, &mut session.traffic, &mut self.counters.traffic);
        let mut lost = 0;
        let (flow, offers, most) = (packet.transport, packet.transport.offers_segment_size(), self.mtu);
        offload::cut(&packet, offload, mtu, self.plain.as_mut_slice(), |space, length| {
            if offers && let Some(packet) = space.get_mut(..length) {
                segment_size::clamp(packet, most);
            }
            if is_silent && let Some(packet) = space.get(..length) {
                session.silence.keep(flow, packet);
            }
            if seal(to_home, to, peer, space, length, mtu) {
                traffic.count_to_home(length);
                total.count_to_home(length);
                if let Some(channel) = channel {
                    to_home.repeat(channel);
                }
            } else {
                lost += 1;
            }
        })
        .map_err(refuse)?;
        if lost > 0 {
            session.count_drop(Drop::Backlog, lost);
            self.counters.drops.count(Drop::Backlog, lost);
        }
        if session.is_drowsy(now.instant) {
            self.sessions.change(slot, |session| session.wake_peer(now.instant));
        }
        Ok(())
    }

    fn tick(&mut self, slot: Slot, now: Now) {
        let (identity, to_home) = (&self.identity, &mut self.to_home);
        let moved = self.sessions.change(slot, |session| {
            let peer = session.peer.as_mut()?;
            peer.tick(identity, now.instant, |to, datagram| send(to_home, to, datagram));
            session.rest_peer();
            let standing = session.take_standing(false, now.instant)?;
            Some(Event::Moved { number: session.number, standing: Box::new(standing) })
        });
        self.events.extend(moved.flatten());
    }

    /// The one end of a session: nothing else removes one.
    fn close(&mut self, slot: Slot, reason: CloseReason) {
        let Some(mut session) = self.sessions.remove(slot) else { return };
        let flows = session.flows.take_unless(|_| false);
        reset_flows(&mut session, &flows, &mut self.to_home, &mut self.to_office);
        self.events.extend(session.take_traced(Some(TraceEnd::SessionClosed), None));
        self.events.push_back(Event::Closed { number: session.number, reason, traffic: session.traffic });
    }
}

/// Tells both ends of flows that they are over, while the tunnel still carries it. Also of those that seem to be over already: a
/// segment that says so may have been one that its receiver did not believe, and a reset of what is over harms nobody.
fn reset_flows(session: &mut Session, flows: &[Flow], to_home: &mut ToHome, to_office: &mut ToOffice) {
    to_office.flush();
    let to = session.peer.as_ref().and_then(Peer::ready);
    for flow in flows.iter().filter(|flow| flow.is_tcp()) {
        for packet in reset::for_office(flow, session.address, session.workstation) {
            to_office.add_alone(packet.bytes());
        }
        if let (Some(to), Some(peer)) = (to, session.peer.as_mut()) {
            let reset = reset::for_home(flow, session.address, session.workstation);
            let mut space = [0; RESET_PADDED];
            let length = reset.bytes().len();
            space.split_at_mut(length).0.copy_from_slice(reset.bytes());
            seal(to_home, to, peer, &mut space, length, RESET_PADDED);
        }
    }
}

/// The client was heard: what went home into a silence goes again. True if anything did. It was counted when it first went.
fn repeat_kept(session: &mut Session, to_home: &mut ToHome, mtu: u16, now: Instant) -> bool {
    let Some(kept) = session.silence.end() else { return false };
    let Some(peer) = session.peer.as_mut() else { return false };
    let Some(to) = peer.ready() else { return false };
    peer.handle_packet(now);
    for mut packet in kept {
        let length = packet.bytes.len();
        packet.bytes.resize(peer::padded(length, mtu.into()), 0);
        seal(to_home, to, peer, &mut packet.bytes, length, mtu.into());
    }
    true
}

/// From decrypted bytes to the office: parsed, judged, its flow found, its mark heard.
fn pass_to_office(
    session: &mut Session,
    bytes: &mut [u8],
    mtu: u16,
    to_office: &mut ToOffice,
    counters: &mut Counters,
    now: Now,
) -> Result<(), Drop> {
    let packet = match Packet::parse(bytes) {
        Err(Drop::OtherProtocol) => return icmp::pass_to_office(session, bytes, to_office, counters, now),
        parsed => parsed?,
    };
    session.filter.judge_from_home(&packet)?;
    let flow = session.flows.handle_from_home(&packet, now.instant)?;
    if let Some(heard) = flow.hear_home(&packet, now.instant) {
        session.activity.handle_heard(heard, now.instant);
    }
    if let Some(recorder) = &mut session.recorder {
        recorder.note(End::Home, flow.key, flow.cipher(), &packet, now.instant);
    }
    session.answers.handle_from_home(&packet, now.instant);
    session.traffic.count_to_office(packet.bytes().len());
    counters.traffic.count_to_office(packet.bytes().len());
    if packet.transport.offers_segment_size() {
        segment_size::clamp(bytes, mtu);
        to_office.add(&Packet::parse(bytes)?);
    } else {
        to_office.add(&packet);
    }
    Ok(())
}

/// Pads the packet that `space` begins with, and seals it for home; also for an address that is being tried. False if there
/// is no room for it.
fn seal(to_home: &mut ToHome, to: Way, peer: &mut Peer, space: &mut [u8], length: usize, mtu: usize) -> bool {
    let sealed = seal_one_way(to_home, to, peer, space, length, mtu);
    if sealed && let Some(also) = peer.ways.also(to_home.last_length()) {
        to_home.repeat(also);
    }
    sealed
}

fn seal_one_way(to_home: &mut ToHome, to: Way, peer: &mut Peer, space: &mut [u8], length: usize, mtu: usize) -> bool {
    let Some(padded) = space.get_mut(..peer::padded(length, mtu)) else { return false };
    if let Some(padding) = padded.get_mut(length..) {
        padding.fill(0);
    }
    let room = (padded.len() + OVERHEAD).max(HANDSHAKE_ROOM);
    to_home.add(to, room, |room| peer.seal(padded, room))
}

fn send(to_home: &mut ToHome, to: Way, datagram: &[u8]) {
    to_home.add(to, datagram.len(), |space| match space.get_mut(..datagram.len()) {
        Some(place) => {
            place.copy_from_slice(datagram);
            datagram.len()
        }
        None => 0,
    });
}

//! What has arrived and waits for its session's turn, so that nobody's copy delays a colleague's keystrokes.
//!
//! The loop receives into buffers that are kept here as they are, and [`Gateway::serve`] takes from them in turns. What is no
//! session's, or is needed before any turn (a handshake), is handled at once.

use std::{net::SocketAddr, ops::Range};

use super::Gateway;
use crate::{
    Counters, Drop, Now, Offload, Transport, VIRTIO_HEADER,
    icmp::Message,
    intake::{BATCH, Intake, Kept},
    packet::{self, Packet},
    path_mtu::TooBig,
    peer,
    sessions::{Sessions, Slot},
    turns::{LEAST, QUANTUM, Rank},
};

/// What is served each way before the loop looks again at what has arrived, in bytes: as much as one super-packet, so that
/// batches stay whole, and no more, for a round is what a keystroke waits to be seen.
const SERVED: usize = 64 * 1024;
/// A packet from the office of at most this many bytes goes before its session's larger ones.
const SMALL: usize = 256;

/// What is known of datagrams that wait: equal ones of one session, the last may be shorter.
#[derive(Debug, Clone, Copy)]
pub(super) struct FromHome {
    from: SocketAddr,
    size: usize,
}

/// What is known of a packet that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct FromOffice {
    offload: Offload,
    ports: Transport,
    /// How many packets it stands for.
    pieces: u64,
}

impl Gateway {
    /// Whether anything that has arrived waits for its turn.
    pub fn is_waiting(&self) -> bool {
        !self.from_home.is_empty() || !self.from_office.is_empty()
    }

    /// Buffers to receive datagrams into, a run of equal ones in each; to be followed by [`Self::take_datagrams`] for those
    /// that were filled.
    pub fn room_for_datagrams(&mut self) -> [&mut [u8]; BATCH] {
        let (sessions, counters) = (&mut self.sessions, &mut self.counters);
        self.from_home.room(|slot, about, length| {
            let datagrams = (length as usize).div_ceil(about.size) as u64;
            counters.datagrams += datagrams;
            lose(sessions, counters, slot, datagrams);
        })
    }

    /// Takes the run of datagrams that was received into the `nth` buffer: `length` bytes, each datagram of `size` but the
    /// last, which may be shorter. Data waits for the turn of its session; everything else is handled at once.
    pub fn take_datagrams(&mut self, nth: usize, from: SocketAddr, length: usize, size: usize, now: Now) {
        if length == 0 {
            return self.handle_datagram(from, &[], now);
        }
        let size = size.max(1);
        let mut intake = std::mem::take(&mut self.from_home);
        let kept = intake.keep(nth, length);
        // The run of one session: its index, its slot, where it begins.
        let mut begun: Option<(u32, Slot, usize)> = None;
        let mut at = 0;
        while at < length {
            let range = at..(at + size).min(length);
            let index = peer::index_of_data(intake.read(nth, range.clone()));
            if !begun.is_some_and(|(of, _, start)| index == Some(of) && at - start < QUANTUM / 2) {
                if let Some((_, slot, start)) = begun.take() {
                    push_run(&mut intake, kept, slot, start..at, FromHome { from, size });
                }
                begun = index.and_then(|index| self.slot_of(index).map(|slot| (index, slot, at)));
                if begun.is_none() {
                    self.handle_datagram(from, intake.read(nth, range), now);
                }
            }
            at += size;
        }
        if let Some((_, slot, start)) = begun {
            push_run(&mut intake, kept, slot, start..length, FromHome { from, size });
        }
        intake.kept(kept);
        self.from_home = intake;
    }

    /// A buffer to read a packet of the TUN into, its virtio header first; to be followed by [`Self::take_packet`].
    pub fn room_for_packet(&mut self) -> &mut [u8] {
        let (sessions, counters) = (&mut self.sessions, &mut self.counters);
        let [first, ..] = self.from_office.room(|slot, about, _| {
            counters.packets += about.pieces;
            lose(sessions, counters, slot, about.pieces);
        });
        first
    }

    /// The packet of `length` bytes that was read from the TUN is lost: the shard whose it is had no room for it.
    pub fn lose_packet(&mut self, length: usize) {
        self.drop_read(length, Drop::Backlog);
    }

    fn drop_read(&mut self, length: usize, reason: Drop) {
        let read = self.from_office.read(0, 0..length).split_first_chunk();
        let pieces =
            read.map_or(1, |(header, packet)| Offload::parse(header).map_or(1, |offload| offload.pieces(packet)));
        self.counters.packets += pieces;
        self.counters.drops.count(reason, pieces);
    }

    /// The packet of `length` bytes that was read from the TUN, if it is another shard's, and which one's. It is handed over
    /// instead of being taken.
    pub fn foreign_packet(&self, length: usize) -> Option<(u8, &[u8])> {
        if self.shard.all < 2 {
            return None;
        }
        let read = self.from_office.read(0, 0..length);
        let owner = self.sessions.owner(packet::destination(read.get(VIRTIO_HEADER..)?)?)?;
        (owner != self.shard.own).then_some((owner, read))
    }

    /// Takes the packet of `length` bytes, virtio header included, that was read from the TUN. It waits for the turn of its
    /// session.
    pub fn take_packet(&mut self, length: usize) {
        let read = self.from_office.read(0, 0..length);
        let (about, slot, cost) = match self.look_at_packet(read) {
            Ok(found) => found,
            Err(reason) => return self.drop_read(length, reason),
        };
        // A small packet overtakes what is not of its own flow, where order matters.
        let is_small = length <= SMALL && !self.from_office.any(slot, |other| other.ports.is_flow_of(about.ports));
        let rank = if is_small { Rank::Small } else { Rank::Bulk };
        let kept = self.from_office.keep(0, length);
        self.from_office.push(kept, slot, rank, VIRTIO_HEADER..length, cost, about);
    }

    /// Serves what waits, session by session, until a measure is full each way; the loop then delivers, looks at what
    /// has arrived since, and comes back while [`Self::is_waiting`].
    pub fn serve(&mut self, now: Now) {
        let mut served = 0;
        let mut intake = std::mem::take(&mut self.from_home);
        while served < SERVED
            && let Some((piece, cost)) = intake.next()
        {
            for datagram in intake.bytes(&piece).chunks(piece.about.size) {
                self.handle_datagram(piece.about.from, datagram, now);
            }
            intake.give_back(&piece);
            served += cost;
        }
        self.from_home = intake;

        let mut served = 0;
        let mut intake = std::mem::take(&mut self.from_office);
        while served < SERVED
            && !self.to_home.is_crowded()
            && let Some((piece, cost)) = intake.next()
        {
            self.handle_packet(piece.about.offload, intake.bytes(&piece), now);
            intake.give_back(&piece);
            served += cost;
        }
        self.from_office = intake;
    }

    /// Whose a packet read from the TUN is, and what it takes of the turn.
    fn look_at_packet(&self, read: &[u8]) -> Result<(FromOffice, Slot, usize), Drop> {
        let (header, packet) = read.split_first_chunk::<VIRTIO_HEADER>().ok_or(Drop::Malformed)?;
        let offload = Offload::parse(header)?;
        let (destination, ports) = match Packet::parse(packet) {
            Ok(parsed) => (parsed.destination, parsed.transport),
            Err(Drop::OtherProtocol) => {
                let message = Message::parse(packet).ok_or(Drop::OtherProtocol)?;
                (message.destination(), order_of(&message))
            }
            Err(reason) => return Err(reason),
        };
        let slot = self.sessions.by_address(destination).ok_or(Drop::NoSession)?;
        let pieces = offload.pieces(packet);
        let cost = packet.len().max(pieces as usize * LEAST);
        Ok((FromOffice { offload, ports, pieces }, slot, cost))
    }
}

/// The flow among whose packets a message keeps its place: of the packet that it speaks of, or of the pings before it.
fn order_of(message: &Message<'_>) -> Transport {
    match message {
        Message::TooBig(TooBig { about, .. }) => {
            Transport::Udp { source: about.destination_port, destination: about.source_port }
        }
        Message::Echo(echo) => Transport::Udp { source: 0, destination: echo.identifier },
    }
}

/// Lets equal datagrams of one session wait for its turn.
fn push_run(intake: &mut Intake<FromHome>, kept: Kept, slot: Slot, range: Range<usize>, about: FromHome) {
    // Never by size, as towards home: what a sealed datagram holds is not known, and one that overtook more than the 1,024
    // others of boringtun's replay window would make those worthless.
    let cost = range.len().max(range.len().div_ceil(about.size) * LEAST);
    intake.push(kept, slot, Rank::Bulk, range, cost, about);
}

/// Counts what had to go, because its session had most waiting when room was needed.
fn lose(sessions: &mut Sessions, counters: &mut Counters, slot: Slot, packets: u64) {
    counters.drops.count(Drop::Backlog, packets);
    if let Some(session) = sessions.get_mut(slot) {
        session.count_drop(Drop::Backlog, packets);
    }
}

//! WireGuard to the gateway. The only file here that names boringtun, and where its habits are met:
//!
//! - It reads its own clock and its own randomness: the one crack in this package's purity. No deadline of a session
//!   rests on it.
//! - Its clock moves only in `update_timers`, so somebody must call [`Tunnel::tick`]; how often depends on whether
//!   anything is going on, so that an idle tunnel costs nothing.
//! - It does not pad: the sizes of keystrokes would show on the wire. Padded here to 16 bytes, as WireGuard asks.
//! - It panics when a buffer is too small, and delivers an IPv4 packet of length zero as zero bytes: met in `open`.
//! - It takes the first packet after a quiet quarter of a minute for an unanswered one and starts a handshake for
//!   nothing: its timers are held back for a moment until the answer had time to come.
//! - It gives up for good after 90 s without an answer: woken up again for as long as the session lasts.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use boringtun::noise::{Tunn, TunnResult};
use gateway_api::probe::{self, Nonce};
use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{outbox::Outbox, way::Way};

/// Bytes that WireGuard adds to a packet.
const OVERHEAD: usize = 32;
/// The first byte of the answer to a handshake.
const RESPONSE: u8 = 2;
/// The size of the largest handshake message; boringtun wants room for one wherever it may write.
const HANDSHAKE: usize = 148;
/// The largest datagram looked at; the tunnel carries packets of at most 1420 bytes.
const LARGEST_DATAGRAM: usize = 2048;
/// How long the way may stay unused before a keepalive holds it open through home routers. Ours, not boringtun's: that
/// one counts from its last keepalive, needed or not, and only while somebody calls its timers.
const KEEPALIVE: Duration = Duration::from_secs(25);
/// How soon an unanswered first handshake is repeated.
const FIRST_RETRIES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// How soon after that, and whenever a tunnel was lost.
const RETRY: Duration = Duration::from_secs(5);
/// Between ticks while packets flow.
const BUSY_TICK: Duration = Duration::from_secs(1);
/// How long after the last packet a tunnel counts as busy: boringtun's own timers end within it.
const BUSY: Duration = Duration::from_secs(30);
/// How long a packet sent after a silence may wait for its answer before boringtun may draw conclusions.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// What counts as such a silence: a little less than boringtun's 15 s.
const SILENCE: Duration = Duration::from_secs(14);

/// The keys of one session. They neither print nor clone and are cleared when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Keys {
    /// Ours, made for this session and forgotten with it.
    pub private: [u8; 32],
    /// The gateway's public key.
    pub gateway: [u8; 32],
    /// Mixed into each handshake.
    pub preshared: [u8; 32],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// What a datagram from the gateway was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// Not for us, forged, repeated, or of keys that are gone.
    Foreign,
    /// The answer to a handshake of ours: this way works in both directions.
    Answer,
    /// A handshake of the gateway's, now answered.
    Handshake,
    /// A packet.
    Packet,
    /// A probe of the gateway's, to be confirmed by the session channel.
    Probe(Nonce),
    /// Authentic, and nothing more.
    Nothing,
}

/// The tunnel: datagrams on one side, IP packets on the other.
pub(crate) struct Tunnel {
    sealer: Sealer,
    peer: IpAddr,
    /// The packet just opened, and its length.
    opened: Box<[u8]>,
    length: usize,
    established: bool,
    /// Handshakes begun since the tunnel was last known to work, and when the next one is.
    attempts: usize,
    retry_at: Instant,
    last_tick: Instant,
    last_received: Instant,
}

/// The half that sends: apart from the half that receives, so that a packet can be answered while it is read.
pub(crate) struct Sealer {
    /// The way that packets take.
    way: Way,
    tunn: Box<Tunn>,
    outbox: Outbox,
    plain: Box<[u8]>,
    mtu: usize,
    now: Instant,
    /// The last datagram of any kind, for the keepalive.
    last_sent: Instant,
    /// The last packet either way, and anything that boringtun's timers must follow.
    last_active: Instant,
    /// When the first packet left that nothing has come back for.
    unanswered_since: Option<Instant>,
    /// The same of the first that the workstation answers at once: a bare acknowledgement may be the last word for long.
    asked_since: Option<Instant>,
}

impl Tunnel {
    /// Packets are taken from `peer` alone; `mtu` in bytes of inner packet; `index` tells this tunnel's sessions apart (24 bits are used).
    pub(crate) fn new(keys: &Keys, peer: IpAddr, mtu: usize, index: u32, now: Instant) -> Self {
        let tunn = Tunn::new(
            StaticSecret::from(keys.private),
            PublicKey::from(keys.gateway),
            Some(keys.preshared),
            None,
            index & 0xff_ffff,
            None,
        );
        Self {
            sealer: Sealer {
                way: Way::Udp,
                tunn: Box::new(tunn),
                outbox: Outbox::new(),
                plain: vec![0; mtu].into(),
                mtu,
                now,
                last_sent: now,
                last_active: now,
                unanswered_since: None,
                asked_since: None,
            },
            peer,
            opened: vec![0; LARGEST_DATAGRAM].into(),
            length: 0,
            established: false,
            attempts: 0,
            retry_at: now,
            last_tick: now,
            last_received: now,
        }
    }

    /// Whether the gateway has answered a handshake and has not been given up since.
    pub(crate) fn is_established(&self) -> bool {
        self.established
    }

    /// When [`Self::tick`] is wanted next: soon while packets flow, at the next keepalive when none do.
    pub(crate) fn next_tick(&self) -> Instant {
        if !self.established {
            return self.retry_at;
        }
        let idle_at = self.sealer.last_active + BUSY;
        if self.last_tick >= idle_at {
            return self.sealer.last_sent + KEEPALIVE;
        }
        let due = self.last_tick + BUSY_TICK;
        self.held_until().map_or(due, |until| due.max(until))
    }

    /// A packet that broke a silence gets time to be answered before boringtun may take the silence for loss.
    fn held_until(&self) -> Option<Instant> {
        let since = self.sealer.unanswered_since?;
        (since >= self.last_received + SILENCE).then_some(since + ANSWER_TIME)
    }

    /// Bytes in the largest packet inside.
    pub(crate) fn mtu(&self) -> usize {
        self.sealer.mtu
    }

    /// Whether nothing has come back for longer than any line needs though something was sent that is answered at once.
    pub(crate) fn is_silent(&self) -> bool {
        !self.established || self.sealer.asked_since.is_some_and(|since| self.sealer.now >= since + SILENCE)
    }

    pub(crate) fn outbox(&mut self) -> &mut Outbox {
        &mut self.sealer.outbox
    }

    /// The time of what follows: one clock reading serves a whole batch.
    pub(crate) fn set_time(&mut self, now: Instant) {
        self.sealer.now = now;
    }

    /// The way that packets take.
    pub(crate) fn way(&self) -> Way {
        self.sealer.way
    }

    /// Packets take another way from now on.
    pub(crate) fn set_way(&mut self, way: Way) {
        self.sealer.way = way;
    }

    /// Since when nothing comes back though something was sent that is answered at once.
    pub(crate) fn asked_since(&self) -> Option<Instant> {
        self.sealer.asked_since
    }

    /// A datagram from the gateway, by a way. What it was to us; a packet is held by [`Self::split`].
    pub(crate) fn open(&mut self, way: Way, datagram: &[u8]) -> Opened {
        self.length = 0;
        if datagram.len() > LARGEST_DATAGRAM {
            return Opened::Foreign;
        }
        let sealer = &mut self.sealer;
        let mut answered = false;
        let mut probe = None;
        match sealer.tunn.decapsulate(None, datagram, &mut self.opened) {
            TunnResult::WriteToTunnelV4(packet, from) if self.peer == from => {
                probe = probe::read(packet);
                self.length = packet.len();
            }
            TunnResult::WriteToTunnelV6(packet, from) if self.peer == from => {
                probe = probe::read(packet);
                self.length = packet.len();
            }
            // The gateway lets only the workstation answer; nobody here rests on that.
            TunnResult::WriteToTunnelV4(..) | TunnResult::WriteToTunnelV6(..) => {}
            TunnResult::WriteToNetwork(answer) => {
                answered = true;
                // What completes a handshake goes back the way it came: so the gateway learns that this way works.
                sealer.outbox.add(way, answer.len(), |room| copy(answer, room));
            }
            TunnResult::Done => {}
            // Not for us, forged, repeated, or of a session that is gone: as if it had never come.
            TunnResult::Err(_) => return Opened::Foreign,
        }
        self.last_received = sealer.now;
        sealer.last_active = sealer.now;
        if let Some(nonce) = probe {
            // It answers nothing that was sent.
            self.length = 0;
            return Opened::Probe(nonce);
        }
        (sealer.unanswered_since, sealer.asked_since) = (None, None);
        match datagram.first() {
            _ if self.length > 0 => Opened::Packet,
            Some(&RESPONSE) if answered => Opened::Answer,
            _ if answered => Opened::Handshake,
            _ => Opened::Nothing,
        }
    }

    /// After a handshake: what waited for it may go.
    pub(crate) fn handshake_done(&mut self) {
        (self.established, self.attempts) = (true, 0);
        let sealer = &mut self.sealer;
        loop {
            let mut more = false;
            sealer.outbox.add(sealer.way, sealer.mtu + OVERHEAD, |room| {
                match sealer.tunn.decapsulate(None, &[], room) {
                    TunnResult::WriteToNetwork(packet) => {
                        more = true;
                        packet.len()
                    }
                    _ => 0,
                }
            });
            if !more {
                return;
            }
        }
    }

    /// The packet just opened, and the means to answer it.
    pub(crate) fn split(&mut self) -> Option<(&[u8], &mut Sealer)> {
        let length = std::mem::take(&mut self.length);
        if length == 0 {
            return None;
        }
        Some((self.opened.get(..length)?, &mut self.sealer))
    }

    pub(crate) fn sealer(&mut self) -> &mut Sealer {
        &mut self.sealer
    }

    /// Lets time pass: handshakes, their repetition, keepalives.
    pub(crate) fn tick(&mut self) {
        let now = self.sealer.now;
        if !self.established {
            if now >= self.retry_at {
                self.start_handshake(self.sealer.way);
            }
            return;
        }
        if self.held_until().is_some_and(|until| now < until) {
            return;
        }
        self.last_tick = now;
        let sealer = &mut self.sealer;
        let mut lost = false;
        sealer.outbox.add(sealer.way, HANDSHAKE, |room| match sealer.tunn.update_timers(room) {
            TunnResult::WriteToNetwork(datagram) => {
                (sealer.last_sent, sealer.last_active) = (now, now);
                datagram.len()
            }
            TunnResult::Err(_) => {
                lost = true;
                0
            }
            _ => 0,
        });
        if lost {
            self.established = false;
            self.attempts = FIRST_RETRIES.len();
            self.start_handshake(self.sealer.way);
        } else if now >= self.sealer.last_sent + KEEPALIVE {
            self.sealer.keep_alive();
        }
    }

    /// Shows the gateway where we are: something authentic that carries nothing.
    pub(crate) fn keep_alive(&mut self) {
        self.sealer.keep_alive();
    }

    /// Asks the gateway for an answer by a way, whether or not packets take it.
    pub(crate) fn start_handshake(&mut self, way: Way) {
        let sealer = &mut self.sealer;
        sealer.outbox.add(way, HANDSHAKE, |room| match sealer.tunn.format_handshake_initiation(room, true) {
            TunnResult::WriteToNetwork(datagram) => datagram.len(),
            _ => 0,
        });
        sealer.last_sent = sealer.now;
        self.retry_at = sealer.now + FIRST_RETRIES.get(self.attempts).copied().unwrap_or(RETRY);
        self.attempts += 1;
    }
}

impl Sealer {
    /// Whether bulk may send more before the shell took something away.
    pub(crate) fn has_room(&self) -> bool {
        self.outbox.has_room()
    }

    /// Sends one packet of `length` bytes, written by `fill`, which also gives this function its answer.
    pub(crate) fn seal<R>(&mut self, length: usize, fill: impl FnOnce(&mut [u8]) -> R) -> R {
        let padded = length.next_multiple_of(16).min(self.mtu).max(length);
        if self.plain.len() < padded {
            self.plain = vec![0; padded].into();
        }
        let (packet, rest) = self.plain.split_at_mut(length);
        let answer = fill(packet);
        rest.iter_mut().take(padded - length).for_each(|byte| *byte = 0);
        let Self { way, tunn, outbox, plain, .. } = self;
        let plain = plain.get(..padded).unwrap_or_default();
        outbox.add(*way, padded + OVERHEAD, |room| match tunn.encapsulate(plain, room) {
            TunnResult::WriteToNetwork(datagram) => datagram.len(),
            _ => 0,
        });
        (self.last_sent, self.last_active) = (self.now, self.now);
        self.unanswered_since.get_or_insert(self.now);
        if self.asked_since.is_none() && self.plain.get(..length).is_some_and(is_answered) {
            self.asked_since = Some(self.now);
        }
        answer
    }

    fn keep_alive(&mut self) {
        let Self { way, tunn, outbox, last_active, now, .. } = self;
        outbox.add(*way, HANDSHAKE, |room| match tunn.encapsulate(&[], room) {
            TunnResult::WriteToNetwork(datagram) => {
                if datagram.len() > OVERHEAD {
                    *last_active = *now; // the old keys are spent: this begins a handshake, whose timers must run
                }
                datagram.len()
            }
            _ => 0,
        });
        self.last_sent = self.now;
    }
}

/// Whether the workstation's system answers a packet at once: TCP that carries something, begins or ends.
fn is_answered(packet: &[u8]) -> bool {
    tcp(packet)
        .and_then(|tcp| TcpPacket::new_checked(tcp).ok())
        .is_some_and(|tcp| !tcp.payload().is_empty() || tcp.syn() || tcp.fin())
}

/// What an IP packet carries, if it is TCP.
fn tcp(packet: &[u8]) -> Option<&[u8]> {
    let (protocol, payload) = match packet.first()? >> 4 {
        4 => Ipv4Packet::new_checked(packet).map(|ip| (ip.next_header(), ip.payload())),
        _ => Ipv6Packet::new_checked(packet).map(|ip| (ip.next_header(), ip.payload())),
    }
    .ok()?;
    (protocol == IpProtocol::Tcp).then_some(payload)
}

fn copy(from: &[u8], room: &mut [u8]) -> usize {
    room.get_mut(..from.len()).map_or(0, |room| {
        room.copy_from_slice(from);
        from.len()
    })
}

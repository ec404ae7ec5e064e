//! WireGuard for one session; the only file here that names boringtun.
//!
//! What has to be known of boringtun 0.7.1 is met here and nowhere else:
//! - it reads its own clock and randomness, so no limit of a session rests on it;
//! - it panics where a buffer is too small, so every buffer's size is checked before;
//! - a peer handed a shared limiter counts each handshake twice, so the real limiter stands in front and each peer gets
//!   one without a limit;
//! - as the answering side it would queue packets and begin handshakes of its own before the client sent any data, so
//!   nothing is given to it while there are no keys;
//! - a tunnel that is made anew would take an initiation it took before, so each is shown the last one that was taken;
//! - it does not pad, so whoever gives it a packet has padded it ([`padded`]);
//! - time moves only in `update_timers`, and what happens is stamped with the time of its last call: so a peer's clock is
//!   moved before anything happens to it ([`Peer::refresh`]), every [`TICK`] while something may follow from what
//!   happened, and else only when keys end ([`Peer::next_tick`]). An idle peer costs two ticks in its life;
//! - keys are renewed after two minutes by who began the handshake alone, so by the client; the gateway does so only where
//!   nothing came for 15 s after data, which boringtun counts from what came last: a packet after a quiet quarter of a minute
//!   that has no answer at the next tick begins a handshake for nothing. That costs one handshake and nothing under way, for
//!   the keys that are there stay good.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use boringtun::{
    noise::{
        Packet, Tunn, TunnResult, errors::WireGuardError, handshake::parse_handshake_anon, rate_limiter::RateLimiter,
    },
    x25519::{self, StaticSecret},
};
use gateway_api::{PresharedKey, PublicKey};

use crate::{Drop, Way, guard::Guard, ways::Ways};

/// How often a peer's clock moves while there is traffic: boringtun's timers count seconds.
pub(crate) const TICK: Duration = Duration::from_secs(1);
/// How long after data something may follow from it: a keepalive after 10 s, a handshake after 15 s (WireGuard, section 6).
const AFTERMATH: Duration = Duration::from_secs(20);
/// How long a handshake of our own is tried (REKEY_ATTEMPT_TIME is 90 s).
const ATTEMPT: Duration = Duration::from_secs(100);
/// When keys are no longer used, and when the peer is forgotten (REJECT_AFTER_TIME, and three times that).
const KEYS_END: Duration = Duration::from_secs(181);
const FORGOTTEN: Duration = Duration::from_secs(541);
/// What WireGuard adds to a packet, in bytes: type, index, counter, tag.
pub(crate) const OVERHEAD: usize = 32;
/// The room that any answer of a handshake needs, in bytes.
pub(crate) const HANDSHAKE_ROOM: usize = INITIATION_SIZE;
/// The first byte of the messages of a handshake.
const INITIATE: u8 = 1;
const RESPONSE: u8 = 2;
/// The size of the first message of a handshake, in bytes.
pub const INITIATION_SIZE: usize = 148;
/// How often a peer that was taken up again looks whether its client has answered: after a quarter of a minute
/// boringtun's own repetitions are enough.
const CALLS: u8 = 60;
const CALL_PAUSE: Duration = Duration::from_millis(250);
/// The largest datagram looked at, in bytes: more than any tunnel packet becomes.
pub const LARGEST_DATAGRAM: usize = 2048;

/// The size that a packet of `length` bytes is padded to: a multiple of 16 (WireGuard, section 5.4.6), but never beyond
/// the MTU. On the wire a keystroke then looks like any other small packet.
pub(crate) fn padded(length: usize, mtu: usize) -> usize {
    length.next_multiple_of(16).min(mtu.max(length))
}

/// The peer index of a data message, which stands in the clear; none for any other datagram.
pub(crate) fn index_of_data(datagram: &[u8]) -> Option<u32> {
    match *datagram {
        [4, 0, 0, 0, i0, i1, i2, i3, ..] => Some(u32::from_le_bytes([i0, i1, i2, i3]) >> 8),
        _ => None,
    }
}

/// The gateway's own keys, and its guard against floods of handshakes. One for all shards: a cookie that one of them
/// made is good for every other.
#[derive(Clone)]
pub struct Identity(Arc<Keys>);

struct Keys {
    secret: StaticSecret,
    public: x25519::PublicKey,
    /// Asks everybody for a cookie, makes them, and knows its own again.
    cookies: RateLimiter,
    /// Asks nobody: looks at checksums alone.
    checksums: Arc<RateLimiter>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("public", &self.public()).finish_non_exhaustive()
    }
}

/// What a datagram from the Internet is, as far as can be told without its session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A handshake begun by the owner of this key.
    Initiation(PublicKey),
    /// For the session with this index.
    Indexed(u32),
    /// Too many handshakes, and this one had no right cookie: this many bytes of one were written as the answer.
    Cookie(usize),
}

impl Identity {
    /// Of a Curve25519 secret, of which the caller clears its own copy.
    pub fn new(secret: [u8; 32]) -> Self {
        let secret = StaticSecret::from(secret);
        let public = x25519::PublicKey::from(&secret);
        Self(Arc::new(Keys {
            cookies: RateLimiter::new(&public, 0),
            checksums: Arc::new(RateLimiter::new(&public, u64::MAX)),
            secret,
            public,
        }))
    }

    /// The gateway's WireGuard key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.public.to_bytes())
    }

    /// A number that nobody outside knows.
    pub(crate) fn seed(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.secret.to_bytes().hash(&mut hasher);
        hasher.finish()
    }

    /// Looks at a datagram from `from`, `guard` standing in front of what is expensive; a cookie is written to `answer`,
    /// which holds at least [`HANDSHAKE_ROOM`] bytes.
    pub(crate) fn look(
        &self,
        guard: &mut Guard,
        from: IpAddr,
        datagram: &[u8],
        answer: &mut [u8],
        now: Instant,
    ) -> Result<Incoming, Drop> {
        // Data is the rule: its index stands in the clear, and only its session can say more.
        if let Some(index) = index_of_data(datagram) {
            return Ok(Incoming::Indexed(index));
        }
        let looked = match self.0.checksums.verify_packet(None, datagram, answer) {
            Ok(Packet::HandshakeInit(_) | Packet::HandshakeResponse(_)) if guard.is_under_load(now) => {
                let looked = self.0.cookies.verify_packet(Some(from), datagram, answer);
                if looked.is_ok() && !guard.admits(from, now) {
                    return Err(Drop::TooManyHandshakes);
                }
                looked
            }
            looked => looked,
        };
        self.tell(looked)
    }

    /// Looks at a datagram from a session's channel, whose owner is known: no cookie is asked for, whatever strangers do
    /// meanwhile.
    pub(crate) fn look_at_known(&self, datagram: &[u8], answer: &mut [u8]) -> Result<Incoming, Drop> {
        if let Some(index) = index_of_data(datagram) {
            return Ok(Incoming::Indexed(index));
        }
        self.tell(self.0.checksums.verify_packet(None, datagram, answer))
    }

    fn tell(&self, verified: Result<Packet<'_>, TunnResult<'_>>) -> Result<Incoming, Drop> {
        match verified {
            Ok(Packet::HandshakeInit(initiation)) => {
                let half = parse_handshake_anon(&self.0.secret, &self.0.public, &initiation)
                    .map_err(|_| Drop::BadHandshake)?;
                Ok(Incoming::Initiation(PublicKey(half.peer_static_public)))
            }
            Ok(Packet::HandshakeResponse(response)) => Ok(Incoming::Indexed(response.receiver_idx >> 8)),
            Ok(Packet::PacketCookieReply(reply)) => Ok(Incoming::Indexed(reply.receiver_idx >> 8)),
            Ok(Packet::PacketData(data)) => Ok(Incoming::Indexed(data.receiver_idx >> 8)),
            Err(TunnResult::WriteToNetwork(cookie)) => Ok(Incoming::Cookie(cookie.len())),
            Err(TunnResult::Err(WireGuardError::InvalidMac)) => Err(Drop::BadHandshake),
            Err(_) => Err(Drop::NotWireguard),
        }
    }
}

/// What a datagram meant to its session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// A packet of this many bytes was written.
    Packet(usize),
    /// A keepalive, or something only WireGuard cares for.
    Nothing,
    /// A handshake, answered.
    Handshake,
}

/// One session's end of the tunnel. Costs little until its first handshake.
#[derive(Debug)]
pub(crate) struct Peer {
    client: PublicKey,
    preshared_key: PresharedKey,
    index: u32,
    tunnel: Option<Tunnel>,
    /// Which way its client is reached.
    pub(crate) ways: Ways,
    /// The initiation with the greatest timestamp so far. A tunnel that is made anew is shown it, so that neither it
    /// nor an earlier one is taken again.
    last_initiation: Option<Box<[u8; INITIATION_SIZE]>>,
    /// How often this end, taken up again after a restart, has looked for its client's answer.
    calls: Option<u8>,
}

/// boringtun's 11 KB, made at the first valid initiation, and what decides when its clock must move.
struct Tunnel {
    tunn: Box<Tunn>,
    ticked_at: Instant,
    /// When the last handshakes were done, the last one first: keys older than these are gone.
    established: [Option<Instant>; 2],
    /// When a packet last passed, either way.
    data_at: Option<Instant>,
    /// When the gateway began a handshake that is not done.
    begun_at: Option<Instant>,
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tunnel")
    }
}

impl Peer {
    /// For the owner of `client`; `index` has at most 24 bits.
    pub(crate) fn new(client: PublicKey, preshared_key: PresharedKey, index: u32) -> Self {
        Self { client, preshared_key, index, tunnel: None, ways: Ways::default(), last_initiation: None, calls: None }
    }

    /// The same, taken up again after a restart: as soon as its clock moves, it calls the client at `endpoint`, for the
    /// client does not know yet that its keys mean nothing here any more.
    pub(crate) fn resume(self, endpoint: Option<Way>, last_initiation: Option<Box<[u8; INITIATION_SIZE]>>) -> Self {
        Self { ways: Ways::resume(endpoint), last_initiation, calls: endpoint.is_some().then_some(0), ..self }
    }

    /// The initiation with the greatest timestamp so far.
    pub(crate) fn last_initiation(&self) -> Option<&[u8; INITIATION_SIZE]> {
        self.last_initiation.as_deref()
    }

    /// When [`Self::tick`] is to be called next; never for a peer without keys.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        let tunnel = self.tunnel.as_ref()?;
        Some(if self.calls.is_some() { tunnel.ticked_at + CALL_PAUSE } else { tunnel.next_tick() })
    }

    /// Takes an initiation that [`Identity::look`] said is this client's.
    pub(crate) fn handle_initiation(
        &mut self,
        identity: &Identity,
        datagram: &[u8],
        plain: &mut [u8],
        now: Instant,
        answer: impl FnMut(&[u8]),
    ) -> Result<Opened, Drop> {
        let known = self.tunnel.is_some();
        let tunnel = self.tunnel(identity, now);
        let opened = tunnel.open(datagram, plain, answer);
        match opened {
            Ok(_) => {
                tunnel.establish(now);
                self.last_initiation = datagram.first_chunk().copied().map(Box::new);
                self.calls = None;
            }
            Err(_) if !known => self.tunnel = None,
            Err(_) => {}
        }
        opened
    }

    fn tunnel(&mut self, identity: &Identity, now: Instant) -> &mut Tunnel {
        let Self { client, preshared_key, index, tunnel, last_initiation, .. } = self;
        tunnel.get_or_insert_with(|| {
            let mut made = Tunnel::new(
                Tunn::new(
                    identity.0.secret.clone(),
                    x25519::PublicKey::from(client.0),
                    Some(*preshared_key.expose()),
                    None,
                    *index,
                    Some(Arc::clone(&identity.0.checksums)),
                ),
                now,
            );
            if let Some(last) = last_initiation {
                // Its answer is for nobody: whoever sent it has one.
                let _ = made.open(last.as_slice(), &mut [0; HANDSHAKE_ROOM], |_| {});
            }
            made
        })
    }

    /// Takes any other datagram with this peer's index.
    pub(crate) fn handle_datagram(
        &mut self,
        datagram: &[u8],
        plain: &mut [u8],
        now: Instant,
        answer: impl FnMut(&[u8]),
    ) -> Result<Opened, Drop> {
        let tunnel = self.tunnel.as_mut().ok_or(Drop::UnknownPeer)?;
        let opened = tunnel.open(datagram, plain, answer)?;
        match opened {
            Opened::Packet(_) => tunnel.data_at = Some(now),
            Opened::Nothing | Opened::Handshake if datagram.first() == Some(&RESPONSE) => tunnel.establish(now),
            Opened::Nothing | Opened::Handshake => {}
        }
        self.calls = None;
        Ok(opened)
    }

    /// Where to send, if there are keys to send with.
    pub(crate) fn ready(&self) -> Option<Way> {
        if self.has_keys() { self.ways.confirmed() } else { None }
    }

    /// Whether there are keys to send with.
    pub(crate) fn has_keys(&self) -> bool {
        self.tunnel.as_ref().is_some_and(|tunnel| tunnel.tunn.time_since_last_handshake().is_some())
    }

    /// A packet is about to be sealed.
    pub(crate) fn handle_packet(&mut self, now: Instant) {
        if let Some(tunnel) = &mut self.tunnel {
            tunnel.data_at = Some(now);
        }
    }

    /// Seals a padded packet into `space`, which holds [`OVERHEAD`] more bytes than the packet and at least
    /// [`HANDSHAKE_ROOM`]; how many bytes it became. Only after [`Self::ready`].
    pub(crate) fn seal(&mut self, packet: &[u8], space: &mut [u8]) -> usize {
        let Some(tunnel) = &mut self.tunnel else { return 0 };
        if space.len() < HANDSHAKE_ROOM.max(packet.len() + OVERHEAD) {
            return 0;
        }
        match tunnel.tunn.encapsulate(packet, space) {
            TunnResult::WriteToNetwork(datagram) => datagram.len(),
            TunnResult::Done
            | TunnResult::Err(_)
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..) => 0,
        }
    }

    /// Moves the peer's clock if it stood still for a while: what happens next is then stamped rightly.
    pub(crate) fn refresh(&mut self, now: Instant, answer: impl FnMut(Way, &[u8])) {
        if self.tunnel.as_ref().is_some_and(|tunnel| now >= tunnel.ticked_at + TICK) {
            self.move_clock(now, answer);
        }
    }

    /// Moves the peer's clock; what it wants sent goes to `answer`. Forgets the keys of a client long silent.
    pub(crate) fn tick(&mut self, identity: &Identity, now: Instant, mut answer: impl FnMut(Way, &[u8])) {
        if let Some(calls) = self.calls {
            self.calls = (calls < CALLS).then_some(calls + 1);
            // At once, then at 0.25, 0.5, 1, 2, 4 and 8 seconds.
            if calls == 0 || calls.is_power_of_two() {
                let to = self.ways.confirmed();
                return self.tunnel(identity, now).call(now, |datagram| {
                    if let Some(to) = to {
                        answer(to, datagram);
                    }
                });
            }
        }
        self.move_clock(now, answer);
    }

    fn move_clock(&mut self, now: Instant, mut answer: impl FnMut(Way, &[u8])) {
        let Some(tunnel) = &mut self.tunnel else { return };
        tunnel.ticked_at = now;
        match tunnel.tunn.update_timers(&mut [0; HANDSHAKE_ROOM]) {
            TunnResult::WriteToNetwork(datagram) => {
                if datagram.first() == Some(&INITIATE) {
                    tunnel.begun_at.get_or_insert(now);
                }
                if let Some(to) = self.ways.confirmed() {
                    answer(to, datagram);
                }
            }
            TunnResult::Err(WireGuardError::ConnectionExpired) => self.tunnel = None,
            TunnResult::Err(_)
            | TunnResult::Done
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..) => {}
        }
    }
}

impl Tunnel {
    fn new(tunn: Tunn, now: Instant) -> Self {
        Self { tunn: Box::new(tunn), ticked_at: now, established: [None; 2], data_at: None, begun_at: None }
    }

    fn establish(&mut self, now: Instant) {
        self.established = [Some(now), self.established[0]];
        self.begun_at = None;
    }

    fn next_tick(&self) -> Instant {
        let soon = self.ticked_at + TICK;
        let is_within = |at: Option<Instant>, span| at.is_some_and(|at| self.ticked_at < at + span);
        if is_within(self.data_at, AFTERMATH) || is_within(self.begun_at, ATTEMPT) {
            return soon;
        }
        let ends = self.established.iter().flatten().flat_map(|at| [*at + KEYS_END, *at + FORGOTTEN]);
        ends.filter(|at| *at > self.ticked_at).min().unwrap_or(soon)
    }

    /// Begins a handshake from this side.
    fn call(&mut self, now: Instant, mut answer: impl FnMut(&[u8])) {
        let space = &mut [0; HANDSHAKE_ROOM];
        self.ticked_at = now;
        // Its clock stands still until somebody moves it; a wish of its own comes later again.
        let _ = self.tunn.update_timers(space);
        if let TunnResult::WriteToNetwork(datagram) = self.tunn.format_handshake_initiation(space, true) {
            self.begun_at.get_or_insert(now);
            answer(datagram);
        }
    }

    fn open(&mut self, datagram: &[u8], plain: &mut [u8], mut answer: impl FnMut(&[u8])) -> Result<Opened, Drop> {
        if datagram.is_empty() || plain.len() < datagram.len().max(HANDSHAKE_ROOM) {
            return Err(Drop::TooBig);
        }
        let handshake = datagram.first() == Some(&INITIATE);
        match self.tunn.decapsulate(None, datagram, plain) {
            TunnResult::WriteToTunnelV4(packet, _) | TunnResult::WriteToTunnelV6(packet, _) => {
                return Ok(Opened::Packet(packet.len()));
            }
            TunnResult::Done => return Ok(Opened::Nothing),
            TunnResult::WriteToNetwork(reply) => answer(reply),
            TunnResult::Err(WireGuardError::InvalidPacket) => return Err(Drop::Malformed),
            TunnResult::Err(_) if handshake => return Err(Drop::BadHandshake),
            TunnResult::Err(_) => return Err(Drop::BadData),
        }
        // After an answer there may be more to send: asked for with empty datagrams until there is not.
        while let TunnResult::WriteToNetwork(more) = self.tunn.decapsulate(None, &[], plain) {
            answer(more);
        }
        Ok(if handshake { Opened::Handshake } else { Opened::Nothing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer that shook hands at `now`, and its client.
    fn connected(now: Instant) -> (Identity, Peer, Tunn) {
        let identity = Identity::new([7; 32]);
        let secret = StaticSecret::from([1; 32]);
        let client = PublicKey(x25519::PublicKey::from(&secret).to_bytes());
        let mut tunn = Tunn::new(secret, identity.0.public, Some([9; 32]), None, 1, None);
        let mut peer = Peer::new(client, PresharedKey::new([9; 32]), 1);
        let (space, plain) = (&mut [0; HANDSHAKE_ROOM], &mut [0; LARGEST_DATAGRAM]);
        let TunnResult::WriteToNetwork(initiation) = tunn.format_handshake_initiation(space, false) else {
            panic!("no initiation")
        };
        let mut answer = Vec::new();
        let opened = peer.handle_initiation(&identity, initiation, plain, now, |reply| answer = reply.to_vec());
        assert_eq!(opened, Ok(Opened::Handshake));
        let TunnResult::WriteToNetwork(keepalive) = tunn.decapsulate(None, &answer, plain) else { panic!("no keys") };
        let plain = &mut [0; LARGEST_DATAGRAM];
        assert_eq!(peer.handle_datagram(keepalive, plain, now, |_| {}), Ok(Opened::Nothing));
        (identity, peer, tunn)
    }

    #[test]
    fn the_clock_moves_each_second_while_a_handshake_may_follow_from_a_packet_and_else_when_keys_end() {
        let begun = Instant::now();
        let (identity, mut peer, _tunn) = connected(begun);
        assert_eq!(peer.next_tick(), Some(begun + KEYS_END));
        let mut now = begun + Duration::from_secs(60);
        peer.refresh(now, |_, _| {});
        peer.handle_packet(now);
        // WireGuard's KEEPALIVE_TIMEOUT and REKEY_TIMEOUT, after which an answer that is missing begins a handshake.
        for _ in 0..15 {
            assert_eq!(peer.next_tick(), Some(now + TICK));
            now += TICK;
            peer.tick(&identity, now, |_, _| {});
        }
        peer.tick(&identity, now + AFTERMATH, |_, _| {});
        assert_eq!(peer.next_tick(), Some(begun + KEYS_END));
    }

    #[test]
    fn padding_hides_the_size_and_never_passes_the_mtu() {
        assert_eq!(padded(41, 1312), 48);
        assert_eq!(padded(48, 1312), 48);
        assert_eq!(padded(1300, 1300), 1300);
        assert_eq!(padded(1299, 1301), 1301);
    }
}

//! WireGuard for one session; the only file here that names boringtun.
//!
//! What has to be known of boringtun 0.7.1 is met here and nowhere else:
//! - it reads its own clock and randomness, so no limit of a session rests on it;
//! - it panics where a buffer is too small, so every buffer's size is checked before;
//! - a peer handed a shared limiter counts each handshake twice, so the real limiter stands in front and each peer gets
//!   one without a limit;
//! - as the answering side it would queue packets and begin handshakes of its own before the client sent any data, so
//!   nothing is given to it while there are no keys;
//! - it does not pad, so whoever gives it a packet has padded it ([`padded`]);
//! - time moves only in `update_timers`, so [`Peer::tick`] wants to be called every [`TICK`].

use std::{net::IpAddr, sync::Arc, time::Duration};

use boringtun::{
    noise::{
        Packet, Tunn, TunnResult, errors::WireGuardError, handshake::parse_handshake_anon, rate_limiter::RateLimiter,
    },
    x25519::{self, StaticSecret},
};
use gateway_api::{PresharedKey, PublicKey};

use crate::{Drop, Way};

/// How often a peer's clock moves.
pub(crate) const TICK: Duration = Duration::from_millis(250);
/// What WireGuard adds to a packet, in bytes: type, index, counter, tag.
pub(crate) const OVERHEAD: usize = 32;
/// The room that any answer of a handshake needs, in bytes.
pub(crate) const HANDSHAKE_ROOM: usize = INITIATION_SIZE;
/// The size of the first message of a handshake, in bytes.
pub const INITIATION_SIZE: usize = 148;
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
    front: RateLimiter,
    unlimited: Arc<RateLimiter>,
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
    /// One handshake too many a second: this many bytes of cookie were written as the answer.
    Cookie(usize),
}

impl Identity {
    /// Of a Curve25519 secret, of which the caller clears its own copy; past `handshakes_per_second` strangers get
    /// cookies instead of answers.
    pub fn new(secret: [u8; 32], handshakes_per_second: u64) -> Self {
        let secret = StaticSecret::from(secret);
        let public = x25519::PublicKey::from(&secret);
        Self(Arc::new(Keys {
            front: RateLimiter::new(&public, handshakes_per_second),
            unlimited: Arc::new(RateLimiter::new(&public, u64::MAX)),
            secret,
            public,
        }))
    }

    /// The gateway's WireGuard key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.public.to_bytes())
    }

    /// Looks at a datagram from `from`; a cookie is written to `answer`, which holds at least [`HANDSHAKE_ROOM`] bytes.
    pub(crate) fn look(&self, from: IpAddr, datagram: &[u8], answer: &mut [u8]) -> Result<Incoming, Drop> {
        // Data is the rule: its index stands in the clear, and only its session can say more.
        if let Some(index) = index_of_data(datagram) {
            return Ok(Incoming::Indexed(index));
        }
        self.tell(self.0.front.verify_packet(Some(from), datagram, answer))
    }

    /// Looks at a datagram from a session's channel, whose owner is known: no cookie is asked for, whatever strangers do
    /// meanwhile.
    pub(crate) fn look_at_known(&self, datagram: &[u8], answer: &mut [u8]) -> Result<Incoming, Drop> {
        if let Some(index) = index_of_data(datagram) {
            return Ok(Incoming::Indexed(index));
        }
        self.tell(self.0.unlimited.verify_packet(None, datagram, answer))
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

    /// Lets the next second's handshakes in; to be called once a second.
    pub(crate) fn next_second(&self) {
        self.0.front.reset_count();
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
    endpoint: Option<Way>,
}

/// boringtun's 11 KB, made at the first valid initiation.
struct Tunnel(Box<Tunn>);

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tunnel")
    }
}

impl Peer {
    /// For the owner of `client`; `index` has at most 24 bits.
    pub(crate) fn new(client: PublicKey, preshared_key: PresharedKey, index: u32) -> Self {
        Self { client, preshared_key, index, tunnel: None, endpoint: None }
    }

    /// Which way the client sends: that of its last authentic datagram.
    pub(crate) fn endpoint(&self) -> Option<Way> {
        self.endpoint
    }

    /// Whether [`Self::tick`] has anything to do.
    pub(crate) fn is_awake(&self) -> bool {
        self.tunnel.is_some()
    }

    /// Takes an initiation that [`Identity::look`] said is this client's.
    pub(crate) fn handle_initiation(
        &mut self,
        identity: &Identity,
        datagram: &[u8],
        plain: &mut [u8],
        answer: impl FnMut(&[u8]),
    ) -> Result<Opened, Drop> {
        let tunnel = self.tunnel.get_or_insert_with(|| {
            Tunnel(Box::new(Tunn::new(
                identity.0.secret.clone(),
                x25519::PublicKey::from(self.client.0),
                Some(*self.preshared_key.expose()),
                None,
                self.index,
                Some(Arc::clone(&identity.0.unlimited)),
            )))
        });
        tunnel.open(datagram, plain, answer)
    }

    /// Takes any other datagram with this peer's index. Its way becomes the endpoint if it is authentic.
    pub(crate) fn handle_datagram(
        &mut self,
        from: Way,
        datagram: &[u8],
        plain: &mut [u8],
        answer: impl FnMut(&[u8]),
    ) -> Result<Opened, Drop> {
        let tunnel = self.tunnel.as_mut().ok_or(Drop::UnknownPeer)?;
        let opened = tunnel.open(datagram, plain, answer)?;
        self.endpoint = Some(from);
        Ok(opened)
    }

    /// Where to send, if there are keys to send with.
    pub(crate) fn ready(&self) -> Option<Way> {
        let tunnel = self.tunnel.as_ref()?;
        tunnel.0.time_since_last_handshake()?;
        self.endpoint
    }

    /// Seals a padded packet into `space`, which holds [`OVERHEAD`] more bytes than the packet and at least
    /// [`HANDSHAKE_ROOM`]; how many bytes it became. Only after [`Self::ready`].
    pub(crate) fn seal(&mut self, packet: &[u8], space: &mut [u8]) -> usize {
        let Some(tunnel) = &mut self.tunnel else { return 0 };
        if space.len() < HANDSHAKE_ROOM.max(packet.len() + OVERHEAD) {
            return 0;
        }
        match tunnel.0.encapsulate(packet, space) {
            TunnResult::WriteToNetwork(datagram) => datagram.len(),
            TunnResult::Done
            | TunnResult::Err(_)
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..) => 0,
        }
    }

    /// Moves the peer's clock; what it wants sent goes to `answer`. Forgets the keys of a client long silent.
    pub(crate) fn tick(&mut self, space: &mut [u8; HANDSHAKE_ROOM], mut answer: impl FnMut(&[u8])) {
        let Some(tunnel) = &mut self.tunnel else { return };
        match tunnel.0.update_timers(space) {
            TunnResult::WriteToNetwork(datagram) => answer(datagram),
            TunnResult::Err(WireGuardError::ConnectionExpired) => self.tunnel = None,
            TunnResult::Err(_)
            | TunnResult::Done
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..) => {}
        }
    }
}

impl Tunnel {
    fn open(&mut self, datagram: &[u8], plain: &mut [u8], mut answer: impl FnMut(&[u8])) -> Result<Opened, Drop> {
        if datagram.is_empty() || plain.len() < datagram.len().max(HANDSHAKE_ROOM) {
            return Err(Drop::TooBig);
        }
        let handshake = datagram.first() == Some(&1);
        match self.0.decapsulate(None, datagram, plain) {
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
        while let TunnResult::WriteToNetwork(more) = self.0.decapsulate(None, &[], plain) {
            answer(more);
        }
        Ok(if handshake { Opened::Handshake } else { Opened::Nothing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_hides_the_size_and_never_passes_the_mtu() {
        assert_eq!(padded(41, 1312), 48);
        assert_eq!(padded(48, 1312), 48);
        assert_eq!(padded(1300, 1300), 1300);
        assert_eq!(padded(1299, 1301), 1301);
    }
}

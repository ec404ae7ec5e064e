//! A WireGuard program that sends whatever it is told to: the hostile home computer.
//!
//! It holds the keys of a real session, handed out as a standard configuration, and owes nobody good manners: no
//! routes, no allowed addresses, any bytes as a packet.

use std::{
    fs::File,
    io::Read as _,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};

use gateway_api::login::Session;

use crate::{netns::Computer, packets, super_datagram, wait};

/// A WireGuard private key.
#[derive(Clone)]
pub struct PrivateKey([u8; 32]);

impl PrivateKey {
    /// A fresh one.
    ///
    /// # Panics
    /// When the system has no randomness.
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).expect("the system's randomness");
        Self(bytes)
    }

    /// What the other side knows of it.
    pub fn public(&self) -> gateway_api::PublicKey {
        gateway_api::PublicKey(PublicKey::from(&StaticSecret::from(self.0)).to_bytes())
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// What a WireGuard program needs for a session.
#[derive(Clone)]
pub struct Config {
    /// The session's address in the tunnel.
    pub address: IpAddr,
    /// Where the gateway receives.
    pub endpoint: SocketAddr,
    private_key: PrivateKey,
    gateway_key: [u8; 32],
    preshared_key: [u8; 32],
}

impl Config {
    /// For a session that was opened by hand.
    ///
    /// # Panics
    /// When the gateway names an endpoint that is no address.
    pub fn of(session: &Session, key: &PrivateKey) -> Self {
        Self {
            address: session.address,
            endpoint: session.gateway.endpoint.parse().expect("address and port"),
            private_key: key.clone(),
            gateway_key: session.gateway.public_key.0,
            preshared_key: *session.preshared_key.expose(),
        }
    }

    /// The worker's end, without a handshake.
    pub fn tunn(&self) -> Tunn {
        let (own, peer) = (StaticSecret::from(self.private_key.0), PublicKey::from(self.gateway_key));
        Tunn::new(own, peer, Some(self.preshared_key), None, 1, None)
    }

    /// The standard text, as any WireGuard program reads it, for the addresses in `allowed`.
    pub fn text(&self, allowed: &str) -> String {
        format!(
            "[Interface]\nPrivateKey = {}\nAddress = {}/{}\n\n\
             [Peer]\nPublicKey = {}\nPresharedKey = {}\nEndpoint = {}\nAllowedIPs = {allowed}\n",
            STANDARD.encode(self.private_key.0),
            self.address,
            if self.address.is_ipv4() { 32 } else { 128 },
            STANDARD.encode(self.gateway_key),
            STANDARD.encode(self.preshared_key),
            self.endpoint,
        )
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("address", &self.address)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// A handshake's first message as a stranger would send it: for this gateway, its checksum right, by a key that nobody knows.
///
/// # Panics
/// When the system has no randomness.
pub fn strange_initiation(gateway: gateway_api::PublicKey) -> Vec<u8> {
    let key = StaticSecret::from(PrivateKey::random().0);
    let mut tunn = Tunn::new(key, PublicKey::from(gateway.0), None, None, 1, None);
    let mut buffer = vec![0; 256];
    match tunn.format_handshake_initiation(&mut buffer, true) {
        TunnResult::WriteToNetwork(datagram) => datagram.to_vec(),
        other => panic!("no initiation: {other:?}"),
    }
}

/// An open tunnel that carries any bytes.
pub struct Tunnel {
    tunn: Tunn,
    socket: UdpSocket,
}

/// When an initiation is sent again: far later than an answer takes, for each one is counted.
const REPEAT: Duration = Duration::from_secs(2);

impl Tunnel {
    /// Shakes hands from `computer`. None when the gateway does not answer within `limit`.
    pub fn open(computer: &Computer, config: &Config, limit: Duration) -> Option<Self> {
        let any = if config.endpoint.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = computer.inside(|| UdpSocket::bind(any)).expect("a free port");
        socket.connect(config.endpoint).expect("an address of the right family");
        socket.set_nonblocking(true).expect("a fresh socket");
        let mut tunnel = Self { tunn: config.tunn(), socket };
        let end = Instant::now() + limit;
        let mut again = Instant::now();
        while tunnel.tunn.time_since_last_handshake().is_none() {
            if Instant::now() >= again {
                let mut buffer = vec![0; 256];
                if let TunnResult::WriteToNetwork(datagram) = tunnel.tunn.format_handshake_initiation(&mut buffer, true)
                {
                    let _ = tunnel.socket.send(datagram);
                }
                again = Instant::now() + REPEAT;
            }
            tunnel.receive(Duration::from_millis(100));
            if Instant::now() > end {
                return None;
            }
        }
        // The first transport message tells the gateway that this end holds the keys.
        tunnel.send(&[]);
        Some(tunnel)
    }

    /// Sends bytes as one packet, whatever they are.
    pub fn send(&mut self, packet: &[u8]) {
        let mut buffer = vec![0; packet.len() + 256];
        if let TunnResult::WriteToNetwork(datagram) = self.tunn.encapsulate(packet, &mut buffer) {
            let _ = self.socket.send(datagram);
        }
    }

    /// Sends packets of one size but the last, which may be smaller, so that they arrive together.
    ///
    /// # Panics
    /// When the tunnel has no keys.
    pub fn send_together(&mut self, packets: &[Vec<u8>]) {
        let (mut all, mut size) = (Vec::new(), 0);
        for packet in packets {
            let mut buffer = vec![0; packet.len() + 256];
            match self.tunn.encapsulate(packet, &mut buffer) {
                TunnResult::WriteToNetwork(datagram) => {
                    size = size.max(datagram.len());
                    all.extend_from_slice(datagram);
                }
                other => panic!("not sealed: {other:?}"),
            }
        }
        super_datagram::send(&self.socket, &all, size as u16);
    }

    /// The next packet from the tunnel, but for pings, which are answered as any system does. None when none came within
    /// `limit`.
    pub fn receive(&mut self, limit: Duration) -> Option<Vec<u8>> {
        wait::within(limit, || {
            let mut datagram = vec![0; 2048];
            let length = self.socket.recv(&mut datagram).ok()?;
            let mut buffer = vec![0; 2048 + 256];
            match self.tunn.decapsulate(None, &datagram[..length], &mut buffer) {
                TunnResult::WriteToTunnelV4(packet, _) | TunnResult::WriteToTunnelV6(packet, _) => {
                    match packets::pong(packet) {
                        Some(pong) => {
                            self.send(&pong);
                            None
                        }
                        None => Some(packet.to_vec()),
                    }
                }
                TunnResult::WriteToNetwork(answer) => {
                    let _ = self.socket.send(answer);
                    None
                }
                TunnResult::Done | TunnResult::Err(_) => None,
            }
        })
    }
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunnel").field("socket", &self.socket).finish_non_exhaustive()
    }
}

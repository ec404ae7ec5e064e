//! The control API's listener and routes: TLS 1.3, HTTP/1.1, one page of paths.
//!
//! Whoever connects is bounded before anything is done for them: how many connections there are at all and from one
//! network, how long a handshake, the headers, a body and a whole connection may take, how large each may be. A session channel
//! leaves these bounds when it begins: it is bounded by its session.
//!
//! A TLS handshake costs as much as thirty answers. While more of them are wanted than a Monday morning brings, whoever has
//! spent what their address is allowed is hung up on before a byte is read.

mod certificate;
mod device;
mod error;
mod factor;
mod login;
mod notices;
mod password;
mod record;
mod session;
mod sign_in;
mod throttle;

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Extension, Router, routing};
use gateway_api::{PublicKey, proof};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use rustls::{NamedGroup, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(crate) use certificate::{Certificate, configured_fingerprint, provider};
pub(crate) use notices::PendingLogins;
pub(crate) use sign_in::{NotIn, SignIn, show_code, sign_in, sign_in_from};
pub(crate) use throttle::{KnownAddress, Throttle};

use crate::{
    blocked::Blocked,
    clock,
    devices::{Chain, Devices},
    directory::Directory,
    factor::Factors,
    ledger::Ledger,
    notices::Notices,
    policy_change::PolicyChange,
    reviews::Reviews,
    tally::Tally,
};

/// For the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// For the headers of a request, from the first byte expected.
const HEADERS: Duration = Duration::from_secs(10);
/// For a whole connection that does not become a session channel.
const CONNECTION: Duration = Duration::from_secs(60);
/// The largest head of a request, in bytes.
const LARGEST_HEAD: usize = 16 * 1024;
/// How many headers a request may have.
const MOST_HEADERS: usize = 48;
/// Connections at once, session channels apart.
const MOST_CONNECTIONS: usize = 4096;
/// Connections at once from one network (a /24 or a /64): a whole office behind one address fits.
const MOST_FROM_NETWORK: usize = 1024;
/// Between attempts to accept when the system is out of file descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// What the routes work with.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) ledger: Ledger,
    pub(crate) directory: Arc<Directory>,
    pub(crate) change: Arc<PolicyChange>,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) blocked: Arc<Blocked>,
    pub(crate) factors: Arc<Factors>,
    pub(crate) devices: Arc<Devices>,
    /// What logins came to.
    pub(crate) logins: Arc<Tally>,
    pub(crate) notices: Arc<Notices>,
    /// Logins that wait for their notices to be read.
    pub(crate) pending: PendingLogins,
    pub(crate) reviews: Arc<Reviews>,
    /// The gateway's WireGuard key.
    pub(crate) tunnel_key: PublicKey,
    /// `host:port` for UDP as seen from the Internet.
    pub(crate) tunnel_endpoint: String,
}

impl Api {
    /// What a worker is told when the record does not take what must stand in it first.
    fn unrecorded(&self) -> error::Refused {
        let full = self.ledger.store().standing().full_since().is_some();
        error::Refused::Unavailable(if full { "disk_full" } else { "record_failed" })
    }
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Peer {
    /// Without its port.
    pub(crate) fn address(&self) -> IpAddr {
        self.0.ip().to_canonical()
    }
}

/// How the keys of a connection were agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyExchange(NamedGroup);

impl KeyExchange {
    /// Whether it is the hybrid one, which a quantum computer does not undo.
    fn is_hybrid(self) -> bool {
        self.0 == NamedGroup::X25519MLKEM768
    }

    /// The record's word: the group's name in the standard.
    pub(crate) fn word(self) -> String {
        format!("{:?}", self.0)
    }

    #[cfg(test)]
    pub(crate) fn hybrid() -> Self {
        Self(NamedGroup::X25519MLKEM768)
    }
}

/// What TLS has agreed on with a connection.
#[derive(Debug, Clone, Copy)]
struct Agreed {
    /// What a proof of possession on this connection is bound to.
    binding: proof::Binding,
    /// How keys were agreed on.
    key_exchange: KeyExchange,
}

impl Agreed {
    /// None where TLS cannot say.
    fn on(tls: &rustls::ServerConnection) -> Option<Self> {
        let binding = tls.export_keying_material([0; 32], proof::BINDING_LABEL, Some(&[])).ok()?;
        let key_exchange = KeyExchange(tls.negotiated_key_exchange_group()?.name());
        Some(Self { binding: proof::Binding(binding), key_exchange })
    }
}

/// Serves until it is dropped; connections under way end by themselves.
pub(crate) async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, api: Arc<Api>) {
    let routes = Router::new()
        .route(gateway_api::LOGIN, routing::post(login::login))
        .route(gateway_api::NOTICES, routing::post(notices::mark))
        .route(gateway_api::FACTOR, routing::post(factor::begin))
        .route(gateway_api::FACTOR_CONFIRMATION, routing::post(factor::confirm))
        .route(gateway_api::PASSWORD, routing::post(password::change))
        .route(gateway_api::DEVICE, routing::post(device::enrol))
        .route(gateway_api::DEVICE_RENEWAL, routing::post(device::renew))
        .route(gateway_api::RECORD, routing::post(record::own))
        .route(gateway_api::SESSION, routing::get(session::channel).delete(session::close))
        .with_state(Arc::clone(&api));
    let acceptor = TlsAcceptor::from(tls);
    let connections = Arc::new(Connections::new(MOST_CONNECTIONS, MOST_FROM_NETWORK));
    loop {
        match listener.accept().await {
            Ok((_, peer)) if api.throttle.is_unwelcome(peer.ip(), clock::now().instant) => {
                tracing::debug!("connection refused: its address has had its share");
            }
            Ok((stream, peer)) => match Connections::enter(&connections, peer.ip()) {
                Some(place) => {
                    tokio::spawn(connection(stream, peer, acceptor.clone(), routes.clone(), place));
                }
                None => tracing::debug!("connection refused: too many"),
            },
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, acceptor: TlsAcceptor, routes: Router, _place: Place) {
    // Answers are small and awaited: nothing is gained by holding them back. A socket that refuses works all the same.
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await else {
        tracing::debug!("no TLS");
        return;
    };
    let Some(agreed) = Agreed::on(stream.get_ref().1) else {
        tracing::debug!("TLS does not say what it agreed on");
        return;
    };
    let shown = stream.get_ref().1.peer_certificates().map(|chain| Chain(chain.into())).unwrap_or_default();
    let service =
        TowerToHyperService::new(routes.layer(Extension(Peer(peer))).layer(Extension(shown)).layer(Extension(agreed)));
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS);
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION, serving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "connection broke off"),
        Err(_) => tracing::debug!("connection took too long"),
    }
}

/// How many connections there are, in all and from each network.
#[derive(Debug)]
pub(crate) struct Connections {
    most: usize,
    most_from_network: usize,
    counts: Mutex<(usize, HashMap<IpAddr, usize>)>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    network: IpAddr,
}

impl Connections {
    /// None yet; so many at once, and so many of them from one network.
    pub(crate) fn new(most: usize, most_from_network: usize) -> Self {
        Self { most, most_from_network, counts: Mutex::default() }
    }

    /// A place for a connection, if there is one.
    pub(crate) fn enter(connections: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let network = throttle::network(from.to_canonical());
        let mut counts = connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, networks) = &mut *counts;
        let own = networks.get(&network).copied().unwrap_or(0);
        if *all >= connections.most || own >= connections.most_from_network {
            return None;
        }
        *all += 1;
        networks.insert(network, own + 1);
        drop(counts);
        Some(Place { connections: Arc::clone(connections), network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, networks) = &mut *counts;
        *all = all.saturating_sub(1);
        if let Some(own) = networks.get_mut(&self.network) {
            *own -= 1;
            if *own == 0 {
                networks.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_cannot_take_every_place() {
        let connections = Arc::new(Connections::new(MOST_CONNECTIONS, MOST_FROM_NETWORK));
        let enter = |address: &str| Connections::enter(&connections, address.parse().unwrap());
        let places: Vec<Place> = (0..MOST_FROM_NETWORK).map(|_| enter("192.0.2.7").unwrap()).collect();
        assert!(enter("192.0.2.8").is_none());
        assert!(enter("192.0.3.8").is_some());
        drop(places);
        assert!(enter("192.0.2.8").is_some());
        assert!(connections.counts.lock().unwrap().1.is_empty(), "nothing is remembered of who left");
    }
}

//! The control API's listener and routes: TLS 1.3, HTTP/1.1, one page of paths.
//!
//! Whoever connects is bounded before anything is done for them: how many connections there are at all and from one
//! network, how long a handshake, the headers, a body and a whole connection may take, how large each may be. A session channel
//! leaves these bounds when it begins: it is bounded by its session.
//!
//! A TLS handshake costs as much as thirty answers. While more of them are wanted than a Monday morning brings, whoever has
//! spent what their address is allowed is hung up on before a byte is read.

mod assist;
mod authentication;
mod certificate;
mod device;
mod error;
mod factor;
mod heard;
mod login;
mod notices;
mod password;
mod record;
mod session;
mod sign_in;
mod throttle;

use std::{net::SocketAddr, sync::Arc};

use axum::{Extension, Router, routing};
use gateway_api::{PublicKey, proof};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rustls::{NamedGroup, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(crate) use certificate::{Certificate, configured_fingerprint, provider};
pub(crate) use notices::PendingLogins;
pub(crate) use sign_in::{NotIn, SignIn, show_code, sign_in, sign_in_from};
pub(crate) use throttle::{KnownAddress, Throttle, network};

use crate::{
    blocked::Blocked,
    clock,
    devices::{Chain, Devices},
    directory::Directory,
    factor::Factors,
    https::{self, Connections, Peer, Place},
    ledger::Ledger,
    notices::Notices,
    policy_change::PolicyChange,
    reviews::Reviews,
    tally::Tally,
};

/// Connections at once, session channels apart.
const MOST_CONNECTIONS: usize = 4096;
/// Connections at once from one network (a /24 or a /64): a whole office behind one address fits.
const MOST_FROM_NETWORK: usize = 1024;

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
    let is_welcome = |from| !api.throttle.is_unwelcome(from, clock::now().instant);
    https::accept(&listener, &connections, is_welcome, |stream, peer, place| {
        tokio::spawn(connection(stream, peer, acceptor.clone(), routes.clone(), place));
    })
    .await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, acceptor: TlsAcceptor, routes: Router, _place: Place) {
    let Some(stream) = https::handshake(stream, &acceptor).await else { return };
    let Some(agreed) = Agreed::on(stream.get_ref().1) else {
        tracing::debug!("TLS does not say what it agreed on");
        return;
    };
    let shown = stream.get_ref().1.peer_certificates().map(|chain| Chain(chain.into())).unwrap_or_default();
    let service =
        TowerToHyperService::new(routes.layer(Extension(Peer(peer))).layer(Extension(shown)).layer(Extension(agreed)));
    let builder = https::builder();
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    https::to_its_end(serving).await;
}

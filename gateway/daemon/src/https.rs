//! Connections over TLS as both listeners take them: bounded in number, in time, and in what a head may hold.

use std::{
    collections::HashMap,
    fmt::Display,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::control::network;

/// For the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// For the headers of a request, from the first byte expected.
const HEADERS: Duration = Duration::from_secs(10);
/// For a whole connection that does not become a session channel: a technician's lasts until a worker has answered.
const CONNECTION: Duration = Duration::from_secs(90);
/// The largest head of a request, in bytes.
const LARGEST_HEAD: usize = 16 * 1024;
/// How many headers a request may have.
const MOST_HEADERS: usize = 48;
/// Between attempts to accept when the system is out of file descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Peer {
    /// Without its port.
    pub(crate) fn address(&self) -> IpAddr {
        self.0.ip().to_canonical()
    }
}

/// Hands out every connection that is welcome and finds a place, until it is dropped.
pub(crate) async fn accept(
    listener: &TcpListener,
    connections: &Arc<Connections>,
    is_welcome: impl Fn(IpAddr) -> bool,
    hand_out: impl Fn(TcpStream, SocketAddr, Place),
) {
    loop {
        match listener.accept().await {
            Ok((_, peer)) if !is_welcome(peer.ip()) => {
                tracing::debug!("connection refused: its address has had its share");
            }
            Ok((stream, peer)) => match Connections::enter(connections, peer.ip()) {
                Some(place) => hand_out(stream, peer, place),
                None => tracing::debug!("connection refused: too many"),
            },
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// TLS on a connection; none where the other side does not come to it in time.
pub(crate) async fn handshake(stream: TcpStream, acceptor: &TlsAcceptor) -> Option<TlsStream<TcpStream>> {
    // Answers are small and awaited: nothing is gained by holding them back. A socket that refuses works all the same.
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await else {
        tracing::debug!("no TLS");
        return None;
    };
    Some(stream)
}

/// HTTP/1.1 within bounds.
pub(crate) fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS);
    builder
}

/// Serves a connection until it ends or has had its time.
pub(crate) async fn to_its_end<E: Display>(serving: impl Future<Output = Result<(), E>>) {
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
        let network = network(from.to_canonical());
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
        let connections = Arc::new(Connections::new(4096, 1024));
        let enter = |address: &str| Connections::enter(&connections, address.parse().unwrap());
        let places: Vec<Place> = (0..1024).map(|_| enter("192.0.2.7").unwrap()).collect();
        assert!(enter("192.0.2.8").is_none());
        assert!(enter("192.0.3.8").is_some());
        drop(places);
        assert!(enter("192.0.2.8").is_some());
        assert!(connections.counts.lock().unwrap().1.is_empty(), "nothing is remembered of who left");
    }
}

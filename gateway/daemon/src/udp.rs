//! WireGuard's socket: datagrams in batches, many by one system call (UDP_GRO, UDP_SEGMENT).

use std::{
    array,
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
};

use gateway_core::Transmit;
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

/// Buffers a batch, each of which holds up to 64 datagrams of one sender.
const BUFFERS: usize = 8;
/// The largest run of datagrams that the kernel hands over at once, in bytes.
const BUFFER: usize = 64 * 1024;
/// Room in the kernel for both directions, in bytes: a burst must not be lost while the loop is elsewhere.
const SOCKET_BUFFER: usize = 8 * 1024 * 1024;

/// A UDP socket and the buffers of one batch.
pub(crate) struct Udp {
    socket: mio::net::UdpSocket,
    state: UdpSocketState,
    buffers: Box<[u8]>,
    metas: [RecvMeta; BUFFERS],
}

impl Udp {
    /// Binds the socket; on `[::]` it serves IPv4 as well.
    pub(crate) fn bind(listen: SocketAddr) -> Result<Self, String> {
        let explain = |error: io::Error| explain(listen, &error);
        let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP)).map_err(explain)?;
        if listen.is_ipv6() {
            socket.set_only_v6(false).map_err(explain)?;
        }
        enlarge(&socket);
        socket.bind(&listen.into()).map_err(explain)?;
        let socket = std::net::UdpSocket::from(socket);
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).map_err(explain)?;
        let socket = mio::net::UdpSocket::from_std(socket);
        Ok(Self { socket, state, buffers: vec![0; BUFFERS * BUFFER].into(), metas: [RecvMeta::default(); BUFFERS] })
    }

    /// For waiting.
    pub(crate) fn source(&mut self) -> &mut mio::net::UdpSocket {
        &mut self.socket
    }

    /// Receives a batch and gives `each` run of equal datagrams, with their sender and size. False if none waited.
    pub(crate) fn receive(&mut self, mut each: impl FnMut(SocketAddr, &[u8], usize)) -> io::Result<bool> {
        let mut chunks = self.buffers.chunks_mut(BUFFER);
        let mut slices = array::from_fn::<_, BUFFERS, _>(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let received = match self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut self.metas) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        for (meta, buffer) in self.metas.iter().zip(self.buffers.chunks(BUFFER)).take(received) {
            let datagrams = buffer.get(..meta.len).unwrap_or_default();
            each(canonical(meta.addr), datagrams, meta.stride.max(1));
        }
        Ok(received > 0)
    }

    /// Sends a run of datagrams. False if the kernel has no room for it or no way there.
    pub(crate) fn send(&self, transmit: &Transmit<'_>) -> bool {
        let destination = match (self.socket.local_addr(), transmit.to) {
            (Ok(SocketAddr::V6(_)), SocketAddr::V4(to)) => SocketAddr::new(to.ip().to_ipv6_mapped().into(), to.port()),
            (_, to) => to,
        };
        let transmit = quinn_udp::Transmit {
            destination,
            ecn: None,
            contents: transmit.datagrams,
            segment_size: (transmit.segment < transmit.datagrams.len()).then_some(transmit.segment),
            src_ip: None,
        };
        self.state.try_send(UdpSockRef::from(&self.socket), &transmit).is_ok()
    }
}

/// An IPv4 address that came in IPv6's clothes, undressed.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}

/// Asks for large socket buffers: beyond the system's limit where the right is there, else up to it.
fn enlarge(socket: &Socket) {
    use nix::sys::socket::{setsockopt, sockopt};
    if setsockopt(socket, sockopt::RcvBufForce, &SOCKET_BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    }
    if setsockopt(socket, sockopt::SndBufForce, &SOCKET_BUFFER).is_err() {
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    }
}

fn explain(listen: SocketAddr, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "another program holds that port: is a gateway running already?",
        io::ErrorKind::PermissionDenied => "ports under 1024 need root or CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
        _ if listen.is_ipv6() => "where this machine has no IPv6, write `0.0.0.0` instead of `[::]`",
        _ => "see `listen` under `[tunnel]`",
    };
    format!("cannot listen on UDP `{listen}`: {error}: {advice}")
}

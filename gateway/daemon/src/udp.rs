//! WireGuard's sockets, one for each loop on the same port: datagrams in batches, many by one system call (UDP_GRO,
//! UDP_SEGMENT).

mod steering;

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
};

use gateway_core::{BATCH, Transmit};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

/// Room in the kernel for both directions, in bytes: a burst must not be lost while the loop is elsewhere.
const SOCKET_BUFFER: usize = 8 * 1024 * 1024;

/// A UDP socket, and what it told of the last batch.
pub(crate) struct Udp {
    socket: mio::net::UdpSocket,
    state: UdpSocketState,
    /// IPv4 addresses go in IPv6's clothes.
    is_v6: bool,
    metas: [RecvMeta; BATCH],
}

/// A run of equal datagrams of one sender.
pub(crate) struct Run {
    pub(crate) from: SocketAddr,
    /// All together, in bytes.
    pub(crate) length: usize,
    /// Of each but the last, which may be shorter, in bytes.
    pub(crate) size: usize,
}

impl Udp {
    /// Binds a socket for each loop, the loop's number its place; on `[::]` they serve IPv4 as well.
    pub(crate) fn bind(listen: SocketAddr, loops: u8) -> Result<Vec<Self>, String> {
        let over = |socket| Self::over(socket).map_err(|error| explain(listen, &error));
        group(listen, loops)?.into_iter().map(over).collect()
    }

    fn over(socket: Socket) -> io::Result<Self> {
        let socket = std::net::UdpSocket::from(socket);
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let is_v6 = socket.local_addr()?.is_ipv6();
        let socket = mio::net::UdpSocket::from_std(socket);
        Ok(Self { socket, state, is_v6, metas: [RecvMeta::default(); BATCH] })
    }

    /// For waiting.
    pub(crate) fn source(&mut self) -> &mut mio::net::UdpSocket {
        &mut self.socket
    }

    /// Receives a batch into `room`; the run that each buffer of it now holds, in order. None if nothing waited.
    pub(crate) fn receive<'s>(
        &'s mut self,
        room: [&mut [u8]; BATCH],
    ) -> io::Result<impl ExactSizeIterator<Item = Run> + use<'s>> {
        let mut slices = room.map(IoSliceMut::new);
        let received = match self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut self.metas) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        let run = |meta: &RecvMeta| Run { from: canonical(meta.addr), length: meta.len, size: meta.stride };
        Ok(self.metas.get(..received).unwrap_or_default().iter().map(run))
    }

    /// Sends a run of datagrams. False if the kernel has no room for it or no way there.
    pub(crate) fn send(&self, to: SocketAddr, transmit: &Transmit<'_>) -> bool {
        let destination = match to {
            SocketAddr::V4(to) if self.is_v6 => SocketAddr::new(to.ip().to_ipv6_mapped().into(), to.port()),
            to => to,
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

/// Sockets that share a port, among which datagrams are steered.
fn group(listen: SocketAddr, loops: u8) -> Result<Vec<Socket>, String> {
    let explain = |error: io::Error| explain(listen, &error);
    let first = unbound(listen).map_err(explain)?;
    // Bound alone: who else would share the port, a second gateway among them, is refused it.
    first.bind(&listen.into()).map_err(explain)?;
    let taken = first.local_addr().map_err(explain)?;
    let mut sockets = vec![first];
    for _ in 1..loops.max(1) {
        let socket = unbound(listen).map_err(explain)?;
        sockets.iter().chain([&socket]).try_for_each(|socket| socket.set_reuse_port(true)).map_err(explain)?;
        socket.bind(&taken).map_err(explain)?;
        sockets.push(socket);
    }
    if let [_, .., last] = sockets.as_slice() {
        steering::steer(last).map_err(|error| explain(error.into()))?;
    }
    Ok(sockets)
}

fn unbound(listen: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    if listen.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    enlarge(&socket);
    Ok(socket)
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

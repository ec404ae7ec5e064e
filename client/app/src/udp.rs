//! The socket to the gateway: many datagrams in one system call, both ways, where the system can.
//!
//! It refuses to know what is in them. The socket is not bound to one way out: when the home line changes, the next
//! datagram simply takes the new one.

mod calls;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use client_core::Transmit;
use mio::{Interest, Registry, Token, net::UdpSocket};

use calls::{Calls, ROOM};

/// Asked of the kernel in bytes: enough for the bursts of a fast line; it may give less.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Small, so that what cannot leave waits in TCP, where it can be held back, and not here.
const SEND_BUFFER: usize = 512 << 10;

/// An address that nobody has (RFC 5737): only a way to everywhere leads there. Not the network's first, at which some wireless
/// controllers answer.
pub(crate) const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 113);

/// The address that this computer would send from to `there` at this moment. None if it has no way there.
pub(crate) fn source_towards(there: IpAddr) -> Option<IpAddr> {
    let unspecified: IpAddr = match there {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Nothing leaves by it: connecting only asks the system for the way. The port may be any but 0.
    let socket = std::net::UdpSocket::bind((unspecified, 0)).ok()?;
    socket.connect((there, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Whether this computer has a way out by a family of IP.
pub(crate) fn has_way(by_ipv4: bool) -> bool {
    let nobody: IpAddr = match by_ipv4 {
        true => NOBODY.into(),
        // Its fellow of the other family (RFC 3849).
        false => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    source_towards(nobody).is_some()
}

/// Whether the system knows a way to anywhere.
pub(crate) fn leads_out() -> bool {
    has_way(true) || has_way(false)
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It did its work; more of the same may be possible.
    Done,
    /// The kernel has nothing, or no room: wait for its word.
    Wait,
}

/// A UDP socket for one gateway.
pub(crate) struct GatewaySocket {
    socket: UdpSocket,
    calls: Calls,
    gateway: SocketAddr,
    buffer: Box<[u8]>,
    /// Bytes of the batch at hand that were sent already, where it had to be split.
    sent: usize,
}

impl GatewaySocket {
    /// A socket of the gateway's family on a port that the system picks.
    pub(crate) fn open(gateway: SocketAddr) -> io::Result<Self> {
        let local: SocketAddr = match gateway {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(local)?;
        let calls = Calls::for_socket(&socket);
        Ok(Self::with(socket, calls, gateway))
    }

    fn with(socket: UdpSocket, calls: Calls, gateway: SocketAddr) -> Self {
        let sizes = socket2::SockRef::from(&socket);
        // Less than asked for is slower, not wrong.
        let _ = sizes.set_recv_buffer_size(RECEIVE_BUFFER);
        let _ = sizes.set_send_buffer_size(SEND_BUFFER);
        Self { socket, calls, gateway, buffer: vec![0; ROOM].into(), sent: 0 }
    }

    /// Whether `address` is the one that datagrams to the gateway leave from. What comes to another, while a computer changes
    /// from one network to the next, still comes, but not for long.
    pub(crate) fn leaves_from(&self, address: IpAddr) -> bool {
        source_towards(self.gateway.ip()) == Some(address)
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Takes what one call gives and hands each datagram to `each`, with our address that it came to where the system says so.
    pub(crate) fn receive(&mut self, each: impl FnMut(&[u8], Option<IpAddr>)) -> Progress {
        match self.calls.receive(&self.socket, &mut self.buffer, each) {
            Ok(()) => Progress::Done,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Progress::Wait,
            // Reports of earlier datagrams that did not get through: the next call goes on.
            Err(error) => {
                tracing::debug!(%error, "udp receive");
                Progress::Done
            }
        }
    }

    /// Sends a batch, or drops it where the system refuses it for good. After [`Progress::Wait`] the same batch must
    /// come again.
    pub(crate) fn send(&mut self, transmit: &Transmit<'_>) -> Progress {
        while let Some(rest) = transmit.contents.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let most = transmit.segment_size.saturating_mul(self.calls.most());
            let contents = rest.get(..most).unwrap_or(rest);
            match self.calls.send(&self.socket, self.gateway, contents, transmit.segment_size) {
                Ok(()) => self.sent += contents.len(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Progress::Wait,
                // The system has just learned that it cannot send many at once: again, in smaller pieces.
                Err(_) if transmit.segment_size.saturating_mul(self.calls.most()) < most => {}
                Err(error) => {
                    tracing::debug!(%error, "udp send");
                    break;
                }
            }
        }
        self.sent = 0;
        Progress::Done
    }
}

#[cfg(test)]
mod tests;

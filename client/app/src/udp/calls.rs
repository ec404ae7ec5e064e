//! The calls that move datagrams: many by one where the system can, one by one where it refuses what that takes.
//!
//! Old versions of Windows refuse, and Wine does.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
};

use mio::net::UdpSocket;
use quinn_udp::{RecvMeta, UdpSocketState};

/// Buffers received into by one call, each as large as what the kernel merges.
const BUFFERS: usize = 8;
const BUFFER: usize = 64 << 10;
/// Bytes that one call may bring.
pub(super) const ROOM: usize = BUFFERS * BUFFER;

/// How a socket's datagrams are moved.
pub(super) enum Calls {
    /// Many by one call, each with our address that it came to.
    Many(UdpSocketState),
    /// One by one call, and nobody says which of our addresses it came to.
    Single,
}

impl Calls {
    /// The best that the system has for a socket.
    pub(super) fn for_socket(socket: &UdpSocket) -> Self {
        match UdpSocketState::new(socket.into()) {
            Ok(state) => Self::Many(state),
            Err(error) => {
                tracing::debug!(%error, "one datagram by each call");
                Self::Single
            }
        }
    }

    /// Datagrams that one call sends at most, as far as is known by now.
    pub(super) fn most(&self) -> usize {
        match self {
            Self::Many(state) => state.max_gso_segments().max(1),
            Self::Single => 1,
        }
    }

    /// Sends datagrams of `segment_size` bytes, no more of them than [`Self::most`], of which the last may be shorter.
    pub(super) fn send(
        &self,
        socket: &UdpSocket,
        destination: SocketAddr,
        contents: &[u8],
        segment_size: usize,
    ) -> io::Result<()> {
        let Self::Many(state) = self else { return socket.send_to(contents, destination).map(drop) };
        let transmit = quinn_udp::Transmit {
            destination,
            ecn: None,
            contents,
            segment_size: (contents.len() > segment_size).then_some(segment_size),
            src_ip: None,
        };
        socket.try_io(|| state.try_send(socket.into(), &transmit))
    }

    /// Takes what one call gives into `buffer`, of [`ROOM`] bytes, and hands each datagram to `each`.
    pub(super) fn receive(
        &self,
        socket: &UdpSocket,
        buffer: &mut [u8],
        mut each: impl FnMut(&[u8], Option<IpAddr>),
    ) -> io::Result<()> {
        let Self::Many(state) = self else {
            let (length, _) = socket.recv_from(buffer)?;
            each(buffer.get(..length).unwrap_or_default(), None);
            return Ok(());
        };
        let mut metas = [RecvMeta::default(); BUFFERS];
        let mut slices = buffer.chunks_mut(BUFFER).map(IoSliceMut::new).collect::<Vec<_>>();
        let count = socket.try_io(|| state.recv(socket.into(), &mut slices, &mut metas))?;
        for (slice, meta) in slices.iter().zip(&metas).take(count) {
            let stride = meta.stride.max(1);
            let datagrams = slice.get(..meta.len).unwrap_or_default().chunks(stride);
            datagrams.for_each(|datagram| each(datagram, meta.dst_ip));
        }
        Ok(())
    }
}

//! The loopback door the RDP program enters by: one random port of 127.0.0.1 for each port of the workstation.
//!
//! Other people of this computer stay outside, where the system tells whose a connection is.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
};

use mio::net::{TcpListener, TcpStream};
use serde::Serialize;

#[cfg(target_os = "linux")]
#[path = "listener/linux.rs"]
mod owner;
#[cfg(target_os = "macos")]
#[path = "listener/macos.rs"]
mod owner;
#[cfg(windows)]
#[path = "listener/windows.rs"]
mod owner;
#[cfg(any(target_os = "macos", test))]
mod pcblist;

/// Bytes the kernel keeps of what a local program sends or has not read: enough to be fast between two programs of one
/// computer, little enough that a copy does not pile up in front of a keystroke.
const SOCKET_BUFFER: usize = 256 << 10;

/// What a door leads to, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Address {
    /// The service's name in the policy.
    pub(crate) name: String,
    /// On this computer.
    pub(crate) address: SocketAddr,
}

/// An open door.
pub(crate) struct Door {
    pub(crate) address: Address,
    /// The port of the workstation that it leads to.
    pub(crate) port: u16,
    pub(crate) listener: TcpListener,
}

/// Who stands at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A program of this very user.
    Ours,
    /// A program of somebody else.
    SomebodyElse,
}

impl Door {
    /// Opens a door to one port of the workstation.
    pub(crate) fn open(name: &str, port: u16) -> io::Result<Self> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let socket = socket2::SockRef::from(&listener);
        // Inherited by what is accepted.
        socket.set_recv_buffer_size(SOCKET_BUFFER)?;
        socket.set_send_buffer_size(SOCKET_BUFFER)?;
        let address = Address { name: name.to_owned(), address: listener.local_addr()? };
        Ok(Self { address, port, listener: TcpListener::from_std(listener) })
    }

    /// The next connection of this user; those of others are turned away. None when nobody waits.
    pub(crate) fn accept(&self) -> Option<TcpStream> {
        loop {
            let (stream, peer) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // The caller went away again. Who stands behind is not announced a second time.
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                    continue;
                }
                Err(error) => {
                    // This process has no more descriptors: that passes.
                    tracing::debug!(%error, "accept");
                    return None;
                }
            };
            if owner::of(peer, self.address.address) == Owner::SomebodyElse {
                tracing::warn!(door = %self.address.address, "connection of another user turned away");
                reset(&stream);
                continue;
            }
            let _ = stream.set_nodelay(true);
            return Some(stream);
        }
    }
}

/// Makes the close of a connection a reset, so that the program at its other end sees a failure, not an end.
pub(crate) fn reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO));
}

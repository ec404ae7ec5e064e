//! Many datagrams by one system call (UDP_SEGMENT, udp(7)): they stay together on wires between namespaces, until somebody cuts
//! them.

use std::{io::IoSlice, net::UdpSocket, os::fd::AsRawFd as _};

use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};

/// Sends `bytes` as datagrams of `size` bytes each but the last, which may be smaller, to where the socket is connected.
///
/// # Panics
/// When the system does not take them: they are 64 at most, and 64 KiB together.
pub fn send(socket: &UdpSocket, bytes: &[u8], size: u16) {
    let cut = [ControlMessage::UdpGsoSegments(&size)];
    let sent = sendmsg::<SockaddrStorage>(socket.as_raw_fd(), &[IoSlice::new(bytes)], &cut, MsgFlags::empty(), None);
    assert_eq!(sent, Ok(bytes.len()));
}

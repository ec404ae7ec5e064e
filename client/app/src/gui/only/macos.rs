//! On macOS both are in the folder of the program's own files: the system makes none for a login alone.

use std::{os::unix::net::UnixStream, path::PathBuf};

use nix::sys::socket::{getsockopt, sockopt::LocalPeerCred};

use crate::config::file;

/// Where lock and socket are.
pub(super) fn folder() -> Option<PathBuf> {
    file::folder()
}

/// Who is at the other end.
pub(super) fn user(stream: &UnixStream) -> nix::Result<u32> {
    getsockopt(stream, LocalPeerCred).map(|peer| peer.uid())
}

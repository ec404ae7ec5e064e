//! On Linux both are in `$XDG_RUNTIME_DIR`, which the system makes for one user and nobody else; where there is none, each start is a window
//! of its own.

use std::{os::unix::net::UnixStream, path::PathBuf};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// Where lock and socket are.
pub(super) fn folder() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)?;
    base.is_absolute().then(|| base.join("deskgate"))
}

/// Who is at the other end.
pub(super) fn user(stream: &UnixStream) -> nix::Result<u32> {
    getsockopt(stream, PeerCredentials).map(|peer| peer.uid())
}

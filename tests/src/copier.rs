//! Somebody on the path who copies packets: he keeps back each datagram of a home computer, sends a copy from an address of
//! his own first, and then the original, as if nothing had happened.

use std::{
    net::{IpAddr, SocketAddr, SocketAddrV4, UdpSocket},
    os::fd::{AsRawFd as _, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use etherparse::{SlicedPacket, TransportSlice};
use nix::{
    net::if_::if_nametoindex,
    sys::{
        socket::{
            AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recvfrom, sendto,
            setsockopt, socket, sockopt::ReceiveTimeout,
        },
        time::{TimeVal, TimeValLike as _},
    },
};

use crate::{
    gateway::TUNNEL_PORT,
    world::{GATEWAY, World},
};

/// How long he waits for a datagram before he looks whether he is to stop.
const PATIENCE: i64 = 50;

/// At work until dropped.
#[derive(Debug)]
pub struct Copier {
    copied: Arc<AtomicUsize>,
    received: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// His means, made in the Internet's network.
struct Tools {
    wire: OwnedFd,
    home: usize,
    copies: UdpSocket,
    originals: OwnedFd,
}

impl Copier {
    /// Begins to copy what the home computer at `home` sends; the original is `late`.
    ///
    /// # Panics
    /// When the sockets cannot be had, which needs root.
    pub fn start(world: &World, home: IpAddr, late: Duration) -> Self {
        // Bulk would leave the home computer in pieces too large to be copied one by one.
        world.home.ip("link set dev eth0 gso_max_segs 1");
        world.internet.sh(&format!(
            "nft add table ip copier; nft 'add chain ip copier pass {{ type filter hook forward priority 0; }}'; \
             nft add rule ip copier pass ip saddr {home} udp dport {TUNNEL_PORT} drop"
        ));
        let tools = world.internet.inside(|| {
            let raw = |family, protocol| socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol);
            let wire = raw(AddressFamily::Packet, SockProtocol::EthAll).expect("root may listen to a wire");
            setsockopt(&wire, ReceiveTimeout, &TimeVal::milliseconds(PATIENCE)).expect("a fresh socket");
            let copies = UdpSocket::bind("0.0.0.0:0").expect("a free port");
            copies.set_nonblocking(true).expect("a fresh socket");
            let home = if_nametoindex("home").expect("the wire to the home computer") as usize;
            let originals = raw(AddressFamily::Inet, SockProtocol::Raw).expect("root may send any packet");
            Tools { wire, home, copies, originals }
        });
        let mut copier =
            Self { copied: Arc::default(), received: Arc::default(), stopping: Arc::default(), thread: None };
        let (copied, received, stopping) = (copier.copied.clone(), copier.received.clone(), copier.stopping.clone());
        let thread = std::thread::spawn(move || {
            while !stopping.load(Ordering::Relaxed) {
                let mut buffer = [0; 2048];
                while let Ok(length) = tools.copies.recv(&mut buffer) {
                    received.fetch_add(length, Ordering::Relaxed);
                }
                if tools.copy_one(home, late).is_some() {
                    copied.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        copier.thread = Some(thread);
        copier
    }

    /// How many datagrams he copied.
    pub fn copied(&self) -> usize {
        self.copied.load(Ordering::Relaxed)
    }

    /// How many bytes the gateway sent to him.
    pub fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

impl Tools {
    /// Waits for a datagram for a moment and copies it. None if none came.
    fn copy_one(&self, home: IpAddr, late: Duration) -> Option<()> {
        let mut frame = [0; 2048];
        let (length, from) = recvfrom::<LinkAddr>(self.wire.as_raw_fd(), &mut frame).ok()?;
        if from?.ifindex() != self.home {
            return None;
        }
        let packet = frame.get_mut(14..length)?;
        let _ = self.copies.send_to(from_home(packet, home)?, (GATEWAY, TUNNEL_PORT));
        if !late.is_zero() {
            std::thread::sleep(late);
        }
        // The home computer left its checksum to a network card that there is not; IPv4 goes without.
        packet.get_mut(26..28)?.fill(0);
        let SocketAddr::V4(to) = SocketAddr::from((GATEWAY, TUNNEL_PORT)) else { return None };
        let to = SockaddrIn::from(SocketAddrV4::new(*to.ip(), 0));
        sendto(self.originals.as_raw_fd(), packet, &to, MsgFlags::empty()).ok().map(drop)
    }
}

/// What a datagram carries, if it is one of the home computer's for the gateway.
fn from_home(packet: &[u8], home: IpAddr) -> Option<&[u8]> {
    let parsed = SlicedPacket::from_ip(packet).ok()?;
    let source = parsed.net.as_ref()?.ipv4_ref()?.header().source_addr();
    match parsed.transport? {
        TransportSlice::Udp(udp) if source == home && udp.destination_port() == TUNNEL_PORT => Some(udp.payload()),
        _ => None,
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

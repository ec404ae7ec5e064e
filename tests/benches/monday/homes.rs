//! Many WireGuard clients, each at an address of its own, as homes are: they shake hands all at once, bring the cookie that they
//! were sent, and try again after five seconds as WireGuard does (WireGuard, sections 5.4.7 and 6.1).
//!
//! One socket serves them, for it may send from, and tells, any address of the computer (IP_PKTINFO). Their first initiations are
//! made beforehand, and those with a cookie while they wait: so many homes have as many processors, and this thread has one.

use std::{
    io::{IoSlice, IoSliceMut},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::{AsFd as _, AsRawFd as _},
    time::{Duration, Instant},
};

use boringtun::noise::{Tunn, TunnResult};
use e2e::{gateway::TUNNEL_PORT, netns::Computer, wireguard::Config, world::GATEWAY};
use nix::{
    cmsg_space, libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrStorage, recvmsg, sendmsg, setsockopt,
        sockopt,
    },
};

use crate::caller::{address, nth_of};

/// When WireGuard gives up waiting for an answer, and how much later at most: else two that call each other at once would do so again.
const RETRY: Duration = Duration::from_secs(5);
const JITTER: Duration = Duration::from_millis(333);
/// When the bench gives up waiting for the last.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of what the kernel keeps for the socket, in bytes: answers of all at once.
const SOCKET_BUFFER: usize = 32 * 1024 * 1024;
/// A handshake's second message that sends away until one has a cookie.
const COOKIE_REPLY: u8 = 3;

/// Clients, the n-th at `address(0, n)`.
pub(crate) struct Homes {
    socket: UdpSocket,
    homes: Vec<Home>,
    /// How often it was sent what was due.
    turns: u32,
    /// How many cookies they were sent while they shook hands last.
    pub(crate) cookies: usize,
}

struct Home {
    tunn: Tunn,
    /// The initiation that is sent at `due`, once it is made.
    next: Option<Vec<u8>>,
    due: Instant,
    back: Option<Duration>,
}

impl Homes {
    pub(crate) fn new(home: &Computer) -> Self {
        let socket = home.inside(|| UdpSocket::bind("0.0.0.0:0")).expect("a free port");
        socket.set_nonblocking(true).expect("a fresh socket");
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true).expect("a fresh socket");
        setsockopt(&socket, sockopt::RcvBufForce, &SOCKET_BUFFER).expect("root");
        Self { socket, homes: Vec::new(), turns: 0, cookies: 0 }
    }

    /// Makes the ends of these tunnels anew, each with its first initiation, and forgets what came for others.
    pub(crate) fn make_ready(&mut self, configs: &[Config]) {
        let due = Instant::now();
        let made = configs.iter().map(|config| {
            let mut home = Home { tunn: config.tunn(), next: None, due, back: None };
            home.next = Some(home.initiation());
            home
        });
        self.homes = made.collect();
        self.cookies = 0;
        while self.receive().is_some() {}
    }

    /// Shakes hands for all at once; how long each took that was let in.
    pub(crate) fn shake_hands(&mut self) -> Vec<Duration> {
        let begun = Instant::now();
        let mut next_due = begun;
        while self.homes.iter().any(|home| home.back.is_none()) && begun.elapsed() < PATIENCE {
            // What has come is looked at before anybody tries again: each home has a processor of its own for that.
            while let Some((nth, datagram)) = self.receive() {
                self.handle(nth, &datagram, begun);
            }
            if Instant::now() >= next_due {
                self.send_due();
                let due = self.homes.iter().filter(|home| home.back.is_none()).map(|home| home.due);
                next_due = due.min().unwrap_or(begun + PATIENCE);
            }
            let mut waiting = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            poll(&mut waiting, PollTimeout::from(5u8)).expect("a live socket");
        }
        self.homes.iter().filter_map(|home| home.back).collect()
    }

    fn send_due(&mut self) {
        let now = Instant::now();
        self.turns = self.turns.wrapping_add(1);
        for nth in 0..self.homes.len() {
            let home = &mut self.homes[nth];
            if home.back.is_none() && home.due <= now {
                // Spread evenly, another way each time.
                let turn = (nth as u32).wrapping_mul(0x9e37_79b9).wrapping_add(self.turns.wrapping_mul(0x85eb_ca6b));
                home.due = now + RETRY + JITTER.mul_f64(f64::from(turn) / f64::from(u32::MAX));
                let initiation = home.next.take().unwrap_or_else(|| home.initiation());
                self.send(nth, &initiation);
            }
        }
    }

    fn handle(&mut self, nth: usize, datagram: &[u8], begun: Instant) {
        let Some(home) = self.homes.get_mut(nth) else { return };
        let mut answer = [0; 2048];
        let answer = match home.tunn.decapsulate(None, datagram, &mut answer) {
            TunnResult::WriteToNetwork(answer) => Some(answer.to_vec()),
            _ => None,
        };
        if datagram.first() == Some(&COOKIE_REPLY) && home.back.is_none() {
            self.cookies += 1;
            home.next = Some(home.initiation());
        }
        if home.back.is_none() && home.tunn.time_since_last_handshake().is_some() {
            home.back = Some(begun.elapsed());
        }
        if let Some(answer) = answer {
            self.send(nth, &answer);
        }
    }

    fn send(&self, nth: usize, datagram: &[u8]) {
        let SocketAddr::V4(to) = SocketAddr::new(GATEWAY, TUNNEL_PORT) else { return };
        let from = address(0, u16::try_from(nth).expect("an address each"));
        let source = libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(from.octets()) },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        let control = [ControlMessage::Ipv4PacketInfo(&source)];
        let pieces = [IoSlice::new(datagram)];
        // What finds no room is sent again by its timer.
        let _ = sendmsg(self.socket.as_raw_fd(), &pieces, &control, MsgFlags::empty(), Some(&SockaddrIn::from(to)));
    }

    /// What has come, and for whom.
    fn receive(&self) -> Option<(usize, Vec<u8>)> {
        let (mut datagram, mut control) = ([0; 2048], cmsg_space!(libc::in_pktinfo));
        let mut pieces = [IoSliceMut::new(&mut datagram)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let message =
            recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut pieces, Some(&mut control), flags).ok()?;
        let to = message.cmsgs().ok()?.find_map(|message| match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes())),
            _ => None,
        })?;
        let length = message.bytes;
        Some((nth_of(to), datagram[..length].to_vec()))
    }
}

impl Home {
    fn initiation(&mut self) -> Vec<u8> {
        let mut buffer = [0; 256];
        match self.tunn.format_handshake_initiation(&mut buffer, true) {
            TunnResult::WriteToNetwork(datagram) => datagram.to_vec(),
            other => panic!("no initiation: {other:?}"),
        }
    }
}

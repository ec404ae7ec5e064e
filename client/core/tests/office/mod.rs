//! Gateway and workstation in one, for tests: a second boringtun and a second smoltcp, which share no code with the
//! client's. Datagrams in, datagrams out; time is the caller's.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "shared by tests and benches, each of which uses a part"
)]

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant},
};

use boringtun::noise::{Tunn, TunnResult};
use gateway_api::probe::{self, Nonce};
use smoltcp::{
    iface::{Config, Interface, SocketHandle, SocketSet},
    phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken},
    socket::tcp,
    time::Instant as StackInstant,
    wire::{HardwareAddress, IpAddress, IpCidr},
};
use x25519_dalek::{PublicKey, StaticSecret};

pub const WORKSTATION: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 3, 47));
pub const WORKER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 2));
/// The same workstation, and a worker, by IPv6.
pub const WORKSTATION_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd20, 3, 0, 0, 0, 0, 0, 0x47));
pub const WORKER_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd64, 0, 0, 0, 0, 0, 0, 2));
pub const MTU: u16 = 1420;
pub const PRESHARED: [u8; 32] = [7; 32];
const GATEWAY_KEY: [u8; 32] = [0x48; 32];

/// What a port of the workstation does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sends back what comes, and closes when the other side does.
    Echo,
    /// Takes everything, counts it, and checks it against [`pattern`].
    Sink,
    /// Sends so many bytes of [`pattern`] and closes.
    Source(u64),
    /// Takes everything and counts it.
    Drain,
    /// Sends so many bytes of no meaning and closes.
    Flood(u64),
    /// Closes its side at once, then takes what comes.
    Mute,
    /// Reads eight bytes, then resets.
    Rude,
}

/// Byte `at` of the stream that tests send: differs everywhere enough that nothing can be lost or swapped unseen.
pub fn pattern(at: u64) -> u8 {
    (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

pub fn fill(bytes: &mut [u8], from: u64) {
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = pattern(from + at as u64);
    }
}

struct Served {
    handle: SocketHandle,
    role: Role,
    port: u16,
    done: u64,
}

/// The office.
pub struct Office {
    tunn: Tunn,
    interface: Interface,
    sockets: SocketSet<'static>,
    wire: Wire,
    served: Vec<Served>,
    epoch: Instant,
    /// Datagrams for the client.
    pub out: VecDeque<Vec<u8>>,
    /// Bytes that sinks took, all right so far.
    pub sunk: u64,
    /// Sinks that saw the other side's end.
    pub sinks_ended: u64,
    /// Inner packets whose size was not padded.
    pub unpadded: u64,
    /// Handshakes that were answered.
    pub handshakes: u64,
    /// The workstation answers nothing; the gateway does.
    pub silent: bool,
}

impl Office {
    /// The gateway's public key.
    pub fn public_key() -> [u8; 32] {
        *PublicKey::from(&StaticSecret::from(GATEWAY_KEY)).as_bytes()
    }

    /// For a client of this public key. `backlog` connections at a time for each port.
    pub fn new(client: [u8; 32], ports: &[(u16, Role)], backlog: usize, now: Instant) -> Self {
        Self::with_preshared(client, PRESHARED, ports, backlog, now)
    }

    pub fn with_preshared(
        client: [u8; 32],
        preshared: [u8; 32],
        ports: &[(u16, Role)],
        backlog: usize,
        now: Instant,
    ) -> Self {
        let tunn = Tunn::new(StaticSecret::from(GATEWAY_KEY), PublicKey::from(client), Some(preshared), None, 1, None);
        let mut wire = Wire::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = 99;
        let mut interface = Interface::new(config, &mut wire, StackInstant::ZERO);
        let (IpAddr::V4(v4), IpAddr::V6(v6)) = (WORKSTATION, WORKSTATION_V6) else { unreachable!() };
        interface.update_ip_addrs(|list| {
            list.push(IpCidr::new(IpAddress::Ipv4(v4), 32)).unwrap();
            list.push(IpCidr::new(IpAddress::Ipv6(v6), 128)).unwrap();
        });
        interface.routes_mut().add_default_ipv4_route(v4).unwrap();
        interface.routes_mut().add_default_ipv6_route(v6).unwrap();
        let mut office = Self {
            tunn,
            interface,
            sockets: SocketSet::new(vec![]),
            wire,
            served: vec![],
            epoch: now,
            out: VecDeque::new(),
            sunk: 0,
            sinks_ended: 0,
            unpadded: 0,
            handshakes: 0,
            silent: false,
        };
        for (port, role) in ports {
            for _ in 0..backlog {
                office.listen(*port, *role);
            }
        }
        office
    }

    pub fn listen(&mut self, port: u16, role: Role) {
        let ring = || tcp::SocketBuffer::new(vec![0; 1 << 20]);
        let mut socket = tcp::Socket::new(ring(), ring());
        socket.set_nagle_enabled(false);
        socket.set_congestion_control(tcp::CongestionControl::Cubic);
        socket.listen(port).unwrap();
        let handle = self.sockets.add(socket);
        self.served.push(Served { handle, role, port, done: 0 });
    }

    /// A datagram from the client.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        let mut buffer = [0u8; 2048];
        match self.tunn.decapsulate(None, datagram, &mut buffer) {
            TunnResult::WriteToTunnelV4(packet, _) | TunnResult::WriteToTunnelV6(packet, _) => {
                let inner = datagram.len() - 32;
                let padded = packet.len().next_multiple_of(16).min(MTU.into());
                self.unpadded += u64::from(inner != padded);
                if !self.silent {
                    self.wire.inbound.push_back(packet.to_vec());
                }
            }
            TunnResult::WriteToNetwork(answer) => {
                self.handshakes += u64::from(answer[0] == 2);
                self.out.push_back(answer.to_vec());
            }
            _ => {}
        }
        self.poll(now);
    }

    /// Sends a probe to a worker, as the gateway does to an address that it does not believe yet.
    pub fn probe(&mut self, worker: IpAddr, nonce: Nonce, now: Instant) {
        let workstation = if worker.is_ipv4() { WORKSTATION } else { WORKSTATION_V6 };
        self.wire.outbound.extend(probe::make(workstation, worker, nonce));
        self.poll(now);
    }

    /// Sends something authentic that carries nothing.
    pub fn keep_alive(&mut self) {
        if let TunnResult::WriteToNetwork(datagram) = self.tunn.encapsulate(&[], &mut [0; 256]) {
            self.out.push_back(datagram.to_vec());
        }
    }

    /// Works on what there is.
    pub fn poll(&mut self, now: Instant) {
        let time = self.time(now);
        loop {
            self.interface.poll(time, &mut self.wire, &mut self.sockets);
            if !self.serve() {
                break;
            }
        }
        for packet in std::mem::take(&mut self.wire.outbound) {
            let mut buffer = vec![0u8; packet.len() + 160];
            // Before the first data packet of the client this would start a handshake of its own.
            if let TunnResult::WriteToNetwork(datagram) = self.tunn.encapsulate(&packet, &mut buffer) {
                self.out.push_back(datagram.to_vec());
            }
        }
    }

    /// When [`Self::poll`] is wanted next.
    pub fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        let time = self.time(now);
        let delay = self.interface.poll_delay(time, &self.sockets)?;
        Some(now + Duration::from_micros(delay.total_micros()))
    }

    /// Connections that are neither listening nor gone.
    pub fn connections(&self) -> usize {
        self.sockets
            .iter()
            .filter(|(_, socket)| {
                let smoltcp::socket::Socket::Tcp(socket) = socket;
                socket.is_active()
            })
            .count()
    }

    fn serve(&mut self) -> bool {
        let mut worked = false;
        let mut again = vec![];
        for served in &mut self.served {
            let socket = self.sockets.get_mut::<tcp::Socket>(served.handle);
            if !socket.is_open() {
                again.push((served.port, served.role));
                socket.listen(served.port).unwrap();
                served.done = 0;
                continue;
            }
            if !socket.is_active() {
                continue;
            }
            worked |= match served.role {
                Role::Echo => echo(socket),
                Role::Sink => sink(socket, &mut served.done, &mut self.sunk, &mut self.sinks_ended),
                Role::Source(bytes) => source(socket, &mut served.done, bytes, fill),
                Role::Flood(bytes) => source(socket, &mut served.done, bytes, |_, _| {}),
                Role::Drain => drain(socket, &mut self.sunk),
                Role::Mute => {
                    if socket.state() == tcp::State::Established {
                        socket.close();
                    }
                    sink(socket, &mut served.done, &mut self.sunk, &mut self.sinks_ended)
                }
                Role::Rude => {
                    if socket.recv_queue() >= 8 {
                        socket.abort();
                    }
                    false
                }
            };
        }
        worked
    }

    fn time(&self, now: Instant) -> StackInstant {
        StackInstant::from_micros(now.saturating_duration_since(self.epoch).as_micros() as i64)
    }
}

fn echo(socket: &mut tcp::Socket<'_>) -> bool {
    let mut worked = false;
    while socket.can_recv() && socket.can_send() {
        let room = socket.send_capacity() - socket.send_queue();
        let bytes = socket.recv(|bytes| (bytes.len().min(room), bytes[..bytes.len().min(room)].to_vec())).unwrap();
        assert_eq!(socket.send_slice(&bytes).unwrap(), bytes.len());
        worked = true;
    }
    if socket.state() == tcp::State::CloseWait && !socket.can_recv() {
        socket.close();
        worked = true;
    }
    worked
}

fn sink(socket: &mut tcp::Socket<'_>, done: &mut u64, sunk: &mut u64, ended: &mut u64) -> bool {
    let mut worked = false;
    while socket.can_recv() {
        let count = socket
            .recv(|bytes| {
                for (at, byte) in bytes.iter().enumerate() {
                    assert_eq!(*byte, pattern(*done + at as u64), "byte {} came wrong", *done + at as u64);
                }
                (bytes.len(), bytes.len())
            })
            .unwrap();
        *done += count as u64;
        *sunk += count as u64;
        worked = true;
    }
    if socket.state() == tcp::State::CloseWait {
        socket.close();
        *ended += 1;
        worked = true;
    }
    worked
}

fn drain(socket: &mut tcp::Socket<'_>, sunk: &mut u64) -> bool {
    let mut worked = false;
    while socket.can_recv() {
        *sunk += socket.recv(|bytes| (bytes.len(), bytes.len())).unwrap() as u64;
        worked = true;
    }
    worked
}

fn source(socket: &mut tcp::Socket<'_>, done: &mut u64, bytes: u64, fill: fn(&mut [u8], u64)) -> bool {
    let mut worked = false;
    while socket.can_send() && *done < bytes {
        let most = (bytes - *done).min(1 << 20) as usize;
        let sent = socket
            .send(|room| {
                let length = room.len().min(most);
                fill(&mut room[..length], *done);
                (length, length)
            })
            .unwrap();
        *done += sent as u64;
        worked = true;
    }
    if *done == bytes && socket.may_send() {
        socket.close();
    }
    worked
}

/// Packets in and packets out.
#[derive(Default)]
pub struct Wire {
    pub inbound: VecDeque<Vec<u8>>,
    pub outbound: VecDeque<Vec<u8>>,
}

impl Device for Wire {
    type RxToken<'a> = Inbound;
    type TxToken<'a> = Outbound<'a>;

    fn receive(&mut self, _: StackInstant) -> Option<(Inbound, Outbound<'_>)> {
        self.inbound.pop_front().map(|packet| (Inbound(packet), Outbound(&mut self.outbound)))
    }

    fn transmit(&mut self, _: StackInstant) -> Option<Outbound<'_>> {
        Some(Outbound(&mut self.outbound))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU.into();
        capabilities
    }
}

pub struct Inbound(Vec<u8>);

impl RxToken for Inbound {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

pub struct Outbound<'a>(&'a mut VecDeque<Vec<u8>>);

impl TxToken for Outbound<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut packet = vec![0; length];
        let answer = fill(&mut packet);
        self.0.push_back(packet);
        answer
    }
}

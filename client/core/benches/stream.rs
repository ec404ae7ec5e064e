//! One stream through a session, up and down: the time that the client's core takes for it, beside that of its two
//! foundations alone (smoltcp without a tunnel, boringtun without TCP) for as many packets.
//!
//! `cargo bench -p client-core` prints nanoseconds for a full packet each and the ratio core / (smoltcp + boringtun).
//! The office's side of the work is not counted: gateway and workstation have processors of their own.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may")]

#[path = "../tests/office/mod.rs"]
mod office;

use std::time::{Duration, Instant};

use boringtun::noise::{Tunn, TunnResult};
use client_core::{Keys, Parameters, Session, Step};
use criterion::{BenchmarkId, Criterion, Throughput};
use office::{MTU, Office, PRESHARED, Role, WORKER, WORKSTATION, Wire};
use smoltcp::{
    iface::{Config, Interface, PollIngressSingleResult, PollResult, SocketSet},
    socket::tcp,
    time::Instant as StackInstant,
    wire::{HardwareAddress, IpAddress, IpCidr},
};
use x25519_dalek::{PublicKey, StaticSecret};

const SECRET: [u8; 32] = [3; 32];
/// Bytes in one full packet.
const SEGMENT: u64 = MTU as u64 - 40;
/// Bytes of one measured transfer.
const BYTES: u64 = 32 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// The time that one transfer takes.
type Measure = fn(Way) -> Duration;

/// Adds the time that `work` takes.
fn timed<R>(total: &mut Duration, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let answer = work();
    *total += start.elapsed();
    answer
}

/// The core's time for one transfer.
fn core(way: Way) -> Duration {
    let now = Instant::now();
    let client = *PublicKey::from(&StaticSecret::from(SECRET)).as_bytes();
    let role = if way == Way::Up { Role::Drain } else { Role::Flood(BYTES) };
    let mut office = Office::new(client, &[(80, role)], 1, now);
    let keys = Keys { private: SECRET, gateway: Office::public_key(), preshared: PRESHARED };
    let parameters = Parameters {
        keys,
        address: WORKER,
        mtu: MTU,
        workstation: WORKSTATION,
        ports: vec![80],
        grace: Duration::from_secs(60),
        random_seed: 1,
    };
    let mut session = Session::open(parameters, now);
    let (mut id, mut sent, mut received, mut total) = (None, 0u64, 0u64, Duration::ZERO);
    let mut inbox: Vec<Vec<u8>> = vec![];
    loop {
        let now = Instant::now();
        if id.is_none() && session.is_open() {
            id = Some(session.open_connection(80, now).unwrap());
            total = Duration::ZERO;
        }
        timed(&mut total, || {
            for datagram in inbox.drain(..) {
                session.handle_datagram(client_core::Way::Udp, &datagram, now);
            }
            if session.poll_timeout(now).is_some_and(|(at, _)| at <= now) {
                session.handle_timeout(now);
            }
            while let Some(length) = id.and_then(|id| session.download(id, |bytes| (bytes.len(), bytes.len()))) {
                received += length as u64;
            }
        });
        loop {
            let taken = id
                .filter(|_| way == Way::Up && sent < BYTES)
                .and_then(|id| timed(&mut total, || session.upload(id, |room| (room.len(), room.len()))));
            sent += taken.unwrap_or(0) as u64;
            let mut left = false;
            while let Some(transmit) = timed(&mut total, || session.poll_transmit(now)) {
                for datagram in transmit.contents.chunks(transmit.segment_size) {
                    office.handle_datagram(datagram, now);
                }
                session.transmitted();
                left = true;
            }
            if taken.is_none() && !left {
                break;
            }
        }
        office.poll(now);
        inbox.extend(office.out.drain(..));
        if office.sunk.max(received) >= BYTES {
            assert_ne!(session.step(id.unwrap()), Step::Reset);
            return total;
        }
    }
}

/// smoltcp's time for one transfer, without a tunnel.
fn bare_stack(way: Way) -> Duration {
    let start = Instant::now();
    let mut ends = [1u8, 2].map(|last| {
        let mut wire = Wire::default();
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut wire, StackInstant::ZERO);
        let address = std::net::Ipv4Addr::new(10, 0, 0, last);
        interface.update_ip_addrs(|list| list.push(IpCidr::new(IpAddress::Ipv4(address), 24)).unwrap());
        let ring = |bytes| tcp::SocketBuffer::new(vec![0; bytes]);
        let mut socket = tcp::Socket::new(ring(2 << 20), ring(1 << 20));
        socket.set_nagle_enabled(false);
        socket.set_congestion_control(tcp::CongestionControl::Cubic);
        let mut sockets = SocketSet::new(vec![]);
        let handle = sockets.add(socket);
        (wire, interface, sockets, handle)
    });
    let [(wire, interface, sockets, handle), (far_wire, far_interface, far_sockets, far_handle)] = &mut ends;
    far_sockets.get_mut::<tcp::Socket<'_>>(*far_handle).listen(80).unwrap();
    let to = (IpAddress::v4(10, 0, 0, 2), 80);
    sockets.get_mut::<tcp::Socket<'_>>(*handle).connect(interface.context(), to, 5000).unwrap();
    let (mut sent, mut received, mut total) = (0u64, 0u64, Duration::ZERO);
    let push = |socket: &mut tcp::Socket<'_>, sent: &mut u64| {
        while socket.can_send() && *sent < BYTES {
            *sent += socket.send(|room| (room.len(), room.len())).unwrap() as u64;
        }
    };
    let pull = |socket: &mut tcp::Socket<'_>, received: &mut u64| {
        while socket.can_recv() {
            *received += socket.recv(|bytes| (bytes.len(), bytes.len())).unwrap() as u64;
        }
    };
    while received < BYTES {
        let time = StackInstant::from_micros(i64::try_from(start.elapsed().as_micros()).unwrap());
        timed(&mut total, || {
            while interface.poll_ingress_single(time, wire, sockets) != PollIngressSingleResult::None {}
            let socket = sockets.get_mut::<tcp::Socket<'_>>(*handle);
            match way {
                Way::Up => push(socket, &mut sent),
                Way::Down => pull(socket, &mut received),
            }
            while interface.poll_egress(time, wire, sockets) != PollResult::None {}
        });
        far_wire.inbound.extend(wire.outbound.drain(..));
        far_interface.poll(time, far_wire, far_sockets);
        let socket = far_sockets.get_mut::<tcp::Socket<'_>>(*far_handle);
        match way {
            Way::Up => pull(socket, &mut received),
            Way::Down => push(socket, &mut sent),
        }
        far_interface.poll(time, far_wire, far_sockets);
        wire.inbound.extend(far_wire.outbound.drain(..));
    }
    total
}

/// boringtun's time for as many packets, one way.
fn bare_tunnel(way: Way) -> Duration {
    let key = |byte| StaticSecret::from([byte; 32]);
    let public = |byte| PublicKey::from(&key(byte));
    let mut near = Tunn::new(key(1), public(2), None, None, 1, None);
    let mut far = Tunn::new(key(2), public(1), None, None, 2, None);
    let (mut one, mut two) = ([0u8; 2048], [0u8; 2048]);
    let TunnResult::WriteToNetwork(first) = near.format_handshake_initiation(&mut one, false) else { unreachable!() };
    let TunnResult::WriteToNetwork(second) = far.decapsulate(None, first, &mut two) else { unreachable!() };
    let TunnResult::WriteToNetwork(third) = near.decapsulate(None, second, &mut one) else { unreachable!() };
    assert!(matches!(far.decapsulate(None, third, &mut two), TunnResult::Done));
    let mut packet = vec![0u8; MTU.into()];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&MTU.to_be_bytes());
    let (mut sealed, mut opened, mut total) = (vec![0u8; 2048], vec![0u8; 2048], Duration::ZERO);
    let (from, to) = if way == Way::Up { (&mut near, &mut far) } else { (&mut far, &mut near) };
    for _ in 0..BYTES / SEGMENT {
        let start = Instant::now();
        let TunnResult::WriteToNetwork(datagram) = from.encapsulate(&packet, &mut sealed) else { unreachable!() };
        let between = Instant::now();
        assert!(matches!(to.decapsulate(None, datagram, &mut opened), TunnResult::WriteToTunnelV4(..)));
        total += if way == Way::Up { between - start } else { between.elapsed() };
    }
    total
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    for way in [Way::Up, Way::Down] {
        let parts: [(&str, Measure); 3] =
            [("core", core), ("smoltcp alone", bare_stack), ("boringtun alone", bare_tunnel)];
        let mut group = criterion.benchmark_group(format!("one stream {way:?}"));
        group.throughput(Throughput::Bytes(BYTES));
        for (name, measure) in parts {
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter_custom(|count| (0..count).map(|_| measure(way)).sum());
            });
        }
        group.finish();
        let packets = u32::try_from(BYTES / SEGMENT).unwrap();
        let [core, stack, tunnel] = parts.map(|(_, measure)| (0..5).map(|_| measure(way)).min().unwrap() / packets);
        let ratio = core.as_secs_f64() / (stack + tunnel).as_secs_f64();
        println!("{way:?}: core {core:?} a packet, smoltcp {stack:?}, boringtun {tunnel:?}; ratio {ratio:.2}");
    }
    criterion.final_summary();
}

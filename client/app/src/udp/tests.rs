//! Both kinds of calls, over the loopback interface.

use std::{net::UdpSocket as StdSocket, time::Duration};

use client_core::Way;
use mio::{Events, Poll};

use super::*;

/// Longer than anything on this computer takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway, and a socket for it with either kind of calls.
fn with_each_kind(test: impl Fn(&StdSocket, GatewaySocket, Option<IpAddr>)) {
    let here = Ipv4Addr::LOCALHOST;
    for (single, told) in [(false, Some(here.into())), (true, None)] {
        let gateway = StdSocket::bind((here, 0)).unwrap();
        gateway.set_read_timeout(Some(PATIENCE)).unwrap();
        let socket = UdpSocket::bind((here, 0).into()).unwrap();
        let calls = if single { Calls::Single } else { Calls::for_socket(&socket) };
        assert_eq!(matches!(calls, Calls::Single), single, "this system takes many at once");
        let there = gateway.local_addr().unwrap();
        test(&gateway, GatewaySocket::with(socket, calls, there), told);
    }
}

fn transmit(contents: &[u8], segment_size: usize) -> Transmit<'_> {
    Transmit { way: Way::Udp, contents, segment_size }
}

/// The next datagram that came to the gateway.
fn next(gateway: &StdSocket) -> Vec<u8> {
    let mut buffer = vec![0; 1 << 16];
    let length = gateway.recv(&mut buffer).unwrap();
    buffer.truncate(length);
    buffer
}

#[test]
fn a_batch_leaves_as_the_datagrams_that_it_is_made_of() {
    with_each_kind(|gateway, mut socket, _| {
        let batch: Vec<u8> = (0..5300_u32).map(|place| (place * 7 / 5) as u8).collect();
        assert_eq!(socket.send(&transmit(&batch, 1000)), Progress::Done);
        batch.chunks(1000).for_each(|datagram| assert_eq!(next(gateway), datagram));
    });
}

#[test]
fn what_comes_is_handed_over_one_by_one_with_the_address_where_the_system_says_it() {
    with_each_kind(|gateway, mut socket, told| {
        let mut poll = Poll::new().unwrap();
        socket.register(poll.registry(), Token(7)).unwrap();
        assert_eq!(socket.receive(|_, _| panic!("nothing was sent")), Progress::Wait);
        let there = socket.socket.local_addr().unwrap();
        let sent: [&[u8]; 3] = [b"one", &[2; 1452], b"three"];
        for datagram in sent {
            gateway.send_to(datagram, there).unwrap();
        }
        let mut came = Vec::new();
        while came.len() < sent.len() {
            if socket.receive(|datagram, to| came.push((datagram.to_vec(), to))) == Progress::Wait {
                let mut events = Events::with_capacity(4);
                poll.poll(&mut events, Some(PATIENCE)).unwrap();
                assert!(!events.is_empty(), "only {} of {} came", came.len(), sent.len());
            }
        }
        assert_eq!(came, sent.map(|datagram| (datagram.to_vec(), told)));
        assert_eq!(socket.receive(|_, _| panic!("nothing more was sent")), Progress::Wait);
    });
}

#[test]
fn a_batch_that_the_system_refuses_for_good_is_dropped_and_the_next_one_leaves() {
    with_each_kind(|gateway, mut socket, _| {
        // No datagram of IPv4 is as large.
        assert_eq!(socket.send(&transmit(&[7; 70_000], 70_000)), Progress::Done);
        assert_eq!(socket.send(&transmit(b"next", 4)), Progress::Done);
        assert_eq!(next(gateway), b"next");
    });
}

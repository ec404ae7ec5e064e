//! Has the kernel give each datagram to the socket of the loop whose it is: a classic BPF program on the group of sockets
//! that share the port (SO_ATTACH_REUSEPORT_CBPF, socket(7)).
//!
//! ```text
//!  data      4 . . .  index   counter …          bytes of the datagram's payload; the index is
//!  cookie    3 . . .  index   nonce …            little-endian, and the shard its second byte
//!  response  2 . . .  sender  index   …
//!  anything else: no socket of that number, so the kernel spreads them by address and port
//! ```

use nix::{
    libc::{BPF_A, BPF_ABS, BPF_B, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, sock_filter, sock_fprog},
    sys::socket::{setsockopt, sockopt::AttachReusePortCbpf},
};
use socket2::Socket;

/// No socket has this number.
const NONE: u32 = u32::MAX;

/// Steers all sockets of the group that `socket` is in; a socket's number is its place in the order of binding.
pub(crate) fn steer(socket: &Socket) -> nix::Result<()> {
    let mut program = program();
    let program = sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    setsockopt(socket, AttachReusePortCbpf, &program)
}

fn program() -> [sock_filter; 9] {
    let step =
        |code: u32, equal, otherwise, value| sock_filter { code: code as u16, jt: equal, jf: otherwise, k: value };
    let byte = |at| step(BPF_LD | BPF_B | BPF_ABS, 0, 0, at);
    let if_equal = |value, equal, otherwise| step(BPF_JMP | BPF_JEQ | BPF_K, equal, otherwise, value);
    let shard = || step(BPF_RET | BPF_A, 0, 0, 0);
    [
        byte(0),
        if_equal(4, 2, 0), // to the first shard below
        if_equal(3, 1, 0),
        if_equal(2, 2, 4),
        byte(5),
        shard(),
        byte(9),
        shard(),
        step(BPF_RET | BPF_K, 0, 0, NONE),
    ]
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, net::UdpSocket, time::Duration};

    use super::super::group;

    /// A datagram of a kind, its index where that kind has it.
    fn datagram(kind: u8, index: u32) -> Vec<u8> {
        let mut bytes = vec![0; 92];
        bytes[0] = kind;
        let at = if kind == 2 { 8 } else { 4 };
        bytes[at..at + 4].copy_from_slice(&index.to_le_bytes());
        bytes
    }

    #[test]
    fn each_datagram_reaches_the_loop_that_its_index_names() {
        let sockets: Vec<UdpSocket> =
            group("127.0.0.1:0".parse().unwrap(), 3).unwrap().into_iter().map(UdpSocket::from).collect();
        let to = sockets[0].local_addr().unwrap();
        for socket in &sockets {
            socket.set_nonblocking(false).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        }
        for round in 0..40u32 {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            for (shard, socket) in sockets.iter().enumerate() {
                for kind in [2, 3, 4] {
                    let sent = datagram(kind, round << 16 | (shard as u32) << 8 | round);
                    client.send_to(&sent, to).unwrap();
                    let mut received = [0; 100];
                    let (length, from) = socket.recv_from(&mut received).unwrap();
                    assert_eq!((&received[..length], from), (&*sent, client.local_addr().unwrap()));
                }
            }
        }
    }

    #[test]
    fn handshakes_and_strange_indexes_reach_any_loop_and_are_spread() {
        let sockets: Vec<UdpSocket> =
            group("127.0.0.1:0".parse().unwrap(), 2).unwrap().into_iter().map(UdpSocket::from).collect();
        let to = sockets[0].local_addr().unwrap();
        let mut reached = BTreeSet::new();
        for round in 0..200u32 {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            let sent = if round % 2 == 0 { datagram(1, 0) } else { datagram(4, 0xff00) };
            client.send_to(&sent, to).unwrap();
            let reaches = |socket: &UdpSocket| {
                socket.set_nonblocking(true).unwrap();
                socket.recv_from(&mut [0; 100]).is_ok()
            };
            // On the loopback interface a datagram has arrived when it is sent.
            let reaching: Vec<_> = (0..2).filter(|place| reaches(&sockets[*place])).collect();
            assert_eq!(reaching.len(), 1);
            reached.extend(reaching);
        }
        assert_eq!(reached.len(), 2);
    }

    #[test]
    fn a_second_gateway_does_not_join_the_first() {
        let first = group("127.0.0.1:0".parse().unwrap(), 2).unwrap();
        let taken = first[0].local_addr().unwrap().as_socket().unwrap();
        assert!(group(taken, 2).unwrap_err().contains("is a gateway running already?"));
        assert!(group(taken, 1).is_err());
    }
}

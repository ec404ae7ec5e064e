//! Whose a loopback connection is, as the system's own table tells it.

#![allow(unsafe_code, reason = "a call of the system, with why it is sound")]

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use windows_sys::Win32::{
    Foundation::{ERROR_INSUFFICIENT_BUFFER, NO_ERROR},
    NetworkManagement::IpHelper::{GetExtendedTcpTable, TCP_TABLE_OWNER_PID_CONNECTIONS},
    Networking::WinSock::AF_INET,
};

use super::Owner;
use crate::win32::{account_of, our_account};

/// The table grows while it is asked for; so often it is asked for again.
const TRIES: u32 = 8;
/// Room for connections that come meanwhile, in words.
const ROOM: usize = 64 * ROW;
/// Words in a row: state, address and port here, address and port there, process.
const ROW: usize = 6;

/// Looks up the program's end of a connection: `peer` is its address, `door` ours. Who is not found is not let in:
/// the entry stands in the table for as long as the connection does.
pub(super) fn of(peer: SocketAddr, door: SocketAddr) -> Owner {
    let (SocketAddr::V4(peer), SocketAddr::V4(door)) = (peer, door) else { return Owner::SomebodyElse };
    let account = table().and_then(|words| process(&words, peer, door)).and_then(account_of);
    if account.is_some() && account == our_account() { Owner::Ours } else { Owner::SomebodyElse }
}

/// The process at `peer` of the connection from `peer` to `door`.
fn process(words: &[u32], peer: SocketAddrV4, door: SocketAddrV4) -> Option<u32> {
    let (count, rows) = words.split_first()?;
    rows.chunks_exact(ROW).take(*count as usize).find_map(|row| match *row {
        [_, address, port, far_address, far_port, process] => {
            (at(address, port) == peer && at(far_address, far_port) == door).then_some(process)
        }
        _ => None,
    })
}

/// Both are as they travel, the port in the first two bytes.
fn at(address: u32, port: u32) -> SocketAddrV4 {
    let [high, low, ..] = port.to_ne_bytes();
    SocketAddrV4::new(Ipv4Addr::from(address.to_ne_bytes()), u16::from_be_bytes([high, low]))
}

/// How many rows there are, and then the rows.
fn table() -> Option<Vec<u32>> {
    let mut words = vec![0_u32; 1 + ROOM];
    for _ in 0..TRIES {
        let mut length = size_of_val(words.as_slice()) as u32;
        let (into, family) = (words.as_mut_ptr().cast(), u32::from(AF_INET));
        // SAFETY: no more is written than `length` says, which is how much room there is.
        let answer =
            unsafe { GetExtendedTcpTable(into, &raw mut length, 0, family, TCP_TABLE_OWNER_PID_CONNECTIONS, 0) };
        match answer {
            NO_ERROR => return Some(words),
            ERROR_INSUFFICIENT_BUFFER => words = vec![0; length as usize / size_of::<u32>() + ROOM],
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn our_own_connection_is_found_in_the_real_table() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let door = listener.local_addr().unwrap();
        let program = TcpStream::connect(door).unwrap();
        assert_eq!(of(program.local_addr().unwrap(), door), Owner::Ours);
        assert_eq!(of((Ipv4Addr::LOCALHOST, 1).into(), door), Owner::SomebodyElse, "a connection that does not exist");
    }
}

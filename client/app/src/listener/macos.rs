//! Whose a loopback connection is, as the kernel's own table tells it. Anybody may read that, and no header of Apple's describes it:
//! its form is that of Apple's published kernel and `netstat`.

#![allow(unsafe_code, reason = "a call of the system, with why it is sound")]

use std::{ffi::CStr, io, net::SocketAddr, ptr::null_mut};

use nix::libc;

use super::{Owner, pcblist};

/// Its name.
const TABLE: &CStr = c"net.inet.tcp.pcblist_n";
/// The table grows while it is asked for; so often it is asked for again.
const TRIES: u32 = 8;
/// Room for connections that come meanwhile, in bytes.
const ROOM: usize = 64 << 10;

/// Looks up the program's end of a connection: `peer` is its address, `door` ours. Who is not found is not let in:
/// the entry stands in the table for as long as the connection does.
pub(super) fn of(peer: SocketAddr, door: SocketAddr) -> Owner {
    let ours = nix::unistd::getuid().as_raw();
    let found = table().ok().and_then(|table| pcblist::uid(&table, peer, door));
    if found == Some(ours) { Owner::Ours } else { Owner::SomebodyElse }
}

fn table() -> io::Result<Vec<u8>> {
    for _ in 0..TRIES {
        let mut table = vec![0; ask(&mut [])? + ROOM];
        match ask(&mut table) {
            Ok(length) => {
                table.truncate(length);
                return Ok(table);
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::OutOfMemory.into())
}

/// Fills in the table and says how long it is; only the latter where there is no room at all.
fn ask(into: &mut [u8]) -> io::Result<usize> {
    let mut length = into.len();
    let place = if into.is_empty() { null_mut() } else { into.as_mut_ptr().cast() };
    // SAFETY: the name ends with a zero, no more is written than `length` says, which is how much room there is, and nothing is set.
    let answer = unsafe { libc::sysctlbyname(TABLE.as_ptr(), place, &raw mut length, null_mut(), 0) };
    if answer == 0 { Ok(length) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

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

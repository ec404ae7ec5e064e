//! Whose a loopback connection is, as the kernel's own table tells it.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use super::Owner;

/// The tables, and whether their addresses are of version 6: a program may well speak to 127.0.0.1 through a socket
/// of version 6.
const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

/// Looks up the program's end of a connection: `peer` is its address, `door` ours. Who is not found is not let in:
/// the entry stands in the table for as long as the connection does.
pub(super) fn of(peer: SocketAddr, door: SocketAddr) -> Owner {
    let ours = nix::unistd::getuid().as_raw();
    let found = TABLES.iter().find_map(|table| {
        let lines = BufReader::new(File::open(table).ok()?).lines();
        lines.map_while(Result::ok).find_map(|line| uid(&line, peer, door))
    });
    if found == Some(ours) { Owner::Ours } else { Owner::SomebodyElse }
}

/// The owner in one line of the table, if the line is the connection from `peer` to `door`.
fn uid(line: &str, peer: SocketAddr, door: SocketAddr) -> Option<u32> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    if address(fields.next()?)? != peer || address(fields.next()?)? != door {
        return None;
    }
    // State, queues, timer and retransmissions stand between the addresses and the owner.
    fields.nth(4)?.parse().ok()
}

/// `0100007F:0CEA` is 127.0.0.1:3306: words in the byte order of the machine, the port as people read it.
fn address(field: &str) -> Option<SocketAddr> {
    let (address, port) = field.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match address.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            IpAddr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const LINE: &str = "   3: 0100007F:A2B4 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 5891 1 0 20 4 30 10 -1";
    const LINE6: &str = "   1: 0000000000000000FFFF00000100007F:A2B4 0000000000000000FFFF00000100007F:C350 01 00000000:00000000 00:00000000 00000000  1001        0 77 1";

    fn at(port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_tells_the_owner_of_exactly_its_connection() {
        assert_eq!(uid(LINE, at(0xa2b4), at(0xc350)), Some(1000));
        assert_eq!(uid(LINE6, at(0xa2b4), at(0xc350)), Some(1001));
        assert_eq!(uid(LINE, at(0xc350), at(0xa2b4)), None, "our own end of the connection");
        assert_eq!(uid(LINE, at(1), at(0xc350)), None);
    }

    #[test]
    fn broken_lines_tell_nothing() {
        for line in ["", "  sl  local_address rem_address   st", "1: 0100007F", "1: zz:1 zz:1 01 a b c 0", "1: :1 :1"] {
            assert_eq!(uid(line, at(1), at(1)), None, "{line}");
        }
    }

    #[test]
    fn our_own_connection_is_found_in_the_real_table() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let door = listener.local_addr().unwrap();
        let program = TcpStream::connect(door).unwrap();
        assert_eq!(of(program.local_addr().unwrap(), door), Owner::Ours);
        assert_eq!(of(at(1), door), Owner::SomebodyElse, "a connection that does not exist");
    }
}

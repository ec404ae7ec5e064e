//! The table of TCP connections that the kernel of macOS hands out, read.
//!
//! A connection is several records in a row: its ends first, then its socket with the owner, then what does not matter here. Each
//! record begins with its length and its kind, and the next one stands at the next multiple of eight. Numbers are in the byte order of the
//! machine, addresses and ports as they travel, and nothing is aligned to more than four bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Kinds of record.
const ENDS: u32 = 0x10;
const SOCKET: u32 = 0x01;

/// Where in a record of ends the ports are, whether its addresses are of version 4, and the addresses.
const FAR_PORT: usize = 16;
const PORT: usize = 18;
const VERSIONS: usize = 44;
const FAR_ADDRESS: usize = 48;
const ADDRESS: usize = 64;
/// One of the versions.
const VERSION_4: u8 = 1;
/// Where in a record of a socket its owner is.
const OWNER: usize = 64;

/// The owner of the socket at `peer` of the connection from `peer` to `door`.
pub(super) fn uid(table: &[u8], peer: SocketAddr, door: SocketAddr) -> Option<u32> {
    let mut is_theirs = false;
    records(table).find_map(|record| match word(record, 4)? {
        ENDS => {
            is_theirs =
                address(record, ADDRESS, PORT) == Some(peer) && address(record, FAR_ADDRESS, FAR_PORT) == Some(door);
            None
        }
        SOCKET if is_theirs => word(record, OWNER),
        _ => None,
    })
}

/// Up to the first that is none.
fn records(mut table: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = word(table, 0)? as usize;
        let record = table.get(..length).filter(|record| record.len() >= 8)?;
        table = table.get(length.next_multiple_of(8)..).unwrap_or_default();
        Some(record)
    })
}

fn address(record: &[u8], at: usize, port: usize) -> Option<SocketAddr> {
    let bytes: [u8; 16] = array(record, at)?;
    let ip = if record.get(VERSIONS)? & VERSION_4 != 0 {
        // Behind twelve bytes that say nothing.
        Ipv4Addr::from(array::<4>(record, at + 12)?).into()
    } else {
        // A program may well speak to 127.0.0.1 through a socket of version 6.
        IpAddr::from(Ipv6Addr::from(bytes)).to_canonical()
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes(array(record, port)?)))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_ne_bytes)
}

fn array<const LENGTH: usize>(bytes: &[u8], at: usize) -> Option<[u8; LENGTH]> {
    bytes.get(at..at + LENGTH)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as the kernel writes it, up to where the next one stands.
    fn record(kind: u32, length: u32, fields: &[(usize, &[u8])]) -> Vec<u8> {
        let mut record = vec![0; length.next_multiple_of(8) as usize];
        let (length, kind) = (length.to_ne_bytes(), kind.to_ne_bytes());
        for (at, bytes) in [(0, &length[..]), (4, &kind[..])].iter().chain(fields) {
            record[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        record
    }

    /// Of version 4 where `version` is 1.
    fn connection(version: u8, near: SocketAddr, far: SocketAddr, owner: u32) -> Vec<u8> {
        let bytes = |end: SocketAddr| match (end.ip(), version) {
            (IpAddr::V4(ip), 1) => [&[0; 12][..], &ip.octets()].concat(),
            (IpAddr::V4(ip), _) => ip.to_ipv6_mapped().octets().to_vec(),
            (IpAddr::V6(ip), _) => ip.octets().to_vec(),
        };
        let ends: [(usize, &[u8]); 5] = [
            (16, &far.port().to_be_bytes()),
            (18, &near.port().to_be_bytes()),
            (44, &[version]),
            (48, &bytes(far)),
            (64, &bytes(near)),
        ];
        let socket: [(usize, &[u8]); 1] = [(64, &owner.to_ne_bytes())];
        // With a buffer between, and counters of an odd length behind.
        [record(0x10, 104, &ends), record(1, 76, &socket), record(2, 32, &[]), record(0x20, 204, &[])].concat()
    }

    /// Between the words about itself that the table begins and ends with.
    fn table(connections: &[Vec<u8>]) -> Vec<u8> {
        // How many there are stands where other records have their kind.
        let frame = record(connections.len() as u32, 24, &[]);
        [&frame[..], &connections.concat(), &frame].concat()
    }

    fn at(port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    #[test]
    fn the_owner_is_that_of_exactly_the_programs_end() {
        let (peer, door) = (at(0xa2b4), at(0xc350));
        let listening = connection(1, door, (Ipv4Addr::UNSPECIFIED, 0).into(), 7);
        let ours = connection(1, door, peer, 8);
        let others = connection(1, at(0xa2b5), door, 9);
        for version in [1, 2] {
            let rows = [listening.clone(), ours.clone(), others.clone(), connection(version, peer, door, 501)];
            assert_eq!(uid(&table(&rows), peer, door), Some(501), "version {version}");
            assert_eq!(uid(&table(&rows[..3]), peer, door), None);
        }
        let elsewhere = connection(2, SocketAddr::new(Ipv6Addr::LOCALHOST.into(), peer.port()), door, 501);
        assert_eq!(uid(&table(&[elsewhere]), peer, door), None);
    }

    #[test]
    fn a_broken_table_tells_nothing() {
        let (peer, door) = (at(1), at(2));
        let whole = table(&[connection(1, peer, door, 501)]);
        let socket = 24 + 104;
        assert_eq!(uid(&whole[..socket + 67], peer, door), None, "cut in front of its owner's end");
        assert_eq!(uid(&[0; 64], peer, door), None, "records of no length");
        assert_eq!(uid(&[0xff; 64], peer, door), None, "records of any length");
        let mut short = whole;
        short[socket] = 60;
        assert_eq!(uid(&short, peer, door), None, "a socket without an owner");
    }
}

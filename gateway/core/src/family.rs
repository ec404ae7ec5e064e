//! The two families of IP, and where each keeps what the gateway reads and changes in a header.
//!
//! IPv4 without options (RFC 791) and IPv6 without extension headers (RFC 8200): nothing else passes `packet`, so each
//! family has one length of header.

use std::{net::IpAddr, ops::Range};

use crate::{checksum, offload::put};

/// A version of IP. A session has one: its workstation's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// RFC 791.
    V4,
    /// RFC 8200.
    V6,
}

impl Family {
    /// Of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Length of its header, in bytes.
    pub(crate) const fn header(self) -> usize {
        match self {
            Self::V4 => 20,
            Self::V6 => 40,
        }
    }

    /// Where in a packet both addresses lie, side by side.
    pub(crate) fn addresses(self) -> Range<usize> {
        match self {
            Self::V4 => 12..20,
            Self::V6 => 8..40,
        }
    }

    /// Puts a packet's length, and with it the header's checksum, which only IPv4 has.
    pub(crate) fn put_length(self, packet: &mut [u8], length: usize) {
        match self {
            Self::V4 => {
                put(packet, 2, (length as u16).to_be_bytes());
                put(packet, 10, [0, 0]);
                let sum = packet.get(..self.header()).map_or(0, checksum::sum);
                put(packet, 10, (!checksum::fold(sum)).to_ne_bytes());
            }
            Self::V6 => put(packet, 4, (length.saturating_sub(self.header()) as u16).to_be_bytes()),
        }
    }
}

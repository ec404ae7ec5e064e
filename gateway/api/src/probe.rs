//! The probe: what the gateway sends through the tunnel to an address that it does not believe yet, to see whether the
//! client is there.
//!
//! A ping from the workstation's address, with a nonce as its payload. Only the client can read it, and it is sent to that
//! one address alone. The client answers by its session channel, where nobody else can speak; another WireGuard program's
//! system answers as it answers every ping.

use std::net::Ipv4Addr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Random bytes that are good for one address, once: 32 hexadecimal digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub [u8; 16]);

/// The size of a probe, in bytes: an IPv4 header, an ICMP header, a nonce.
pub const SIZE: usize = 44;

const HEADERS: usize = 28;
const ICMP: u8 = 1;
const REQUEST: u8 = 8;
const REPLY: u8 = 0;

/// A probe for the client with `to` as its address in the tunnel, in the name of the workstation at `from`.
pub fn make(from: Ipv4Addr, to: Ipv4Addr, nonce: Nonce) -> [u8; SIZE] {
    let mut packet = [0; SIZE];
    let (ip, icmp) = packet.split_at_mut(20);
    let (fixed, addresses) = ip.split_at_mut(12);
    // Version and header length, no service class, the length, no identification, don't fragment, 64 hops.
    fixed.copy_from_slice(&[0x45, 0, 0, SIZE as u8, 0, 0, 0x40, 0, 64, ICMP, 0, 0]);
    let (source, destination) = addresses.split_at_mut(4);
    source.copy_from_slice(&from.octets());
    destination.copy_from_slice(&to.octets());
    put(ip, 10, checksum(ip));
    let (header, payload) = icmp.split_at_mut(8);
    header.copy_from_slice(&[REQUEST, 0, 0, 0, 0, 0, 0, 0]);
    payload.copy_from_slice(&nonce.0);
    put(icmp, 2, checksum(icmp));
    packet
}

/// The nonce of a packet that is a probe; padding may follow it. That it is the gateway's, the tunnel has proved.
pub fn read(packet: &[u8]) -> Option<Nonce> {
    nonce(packet, REQUEST)
}

/// The nonce of a packet with which the system at `from` answers a probe in the name of `to`, as it answers any ping;
/// padding may follow it.
pub fn read_reply(packet: &[u8], from: Ipv4Addr, to: Ipv4Addr) -> Option<Nonce> {
    let (source, destination) = packet.get(12..20)?.split_first_chunk::<4>()?;
    nonce(packet, REPLY).filter(|_| *source == from.octets() && destination == to.octets())
}

fn nonce(packet: &[u8], kind: u8) -> Option<Nonce> {
    let (headers, payload) = packet.get(..SIZE)?.split_first_chunk::<HEADERS>()?;
    let [0x45, _, 0, length, _, _, fragment, offset, _, ICMP, ..] = *headers else { return None };
    let whole = usize::from(length) == SIZE && fragment & 0xbf == 0 && offset == 0;
    let is_kind = headers.get(20..22)? == [kind, 0];
    (whole && is_kind).then_some(Nonce(payload.try_into().ok()?))
}

/// RFC 1071, over an even number of bytes whose own field is zero.
fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes.as_chunks().0.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

impl Nonce {
    fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
        let mut bytes = [0; 16];
        for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks().0) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }
}

impl std::fmt::Display for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nonce(…)")
    }
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a nonce: expected 32 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSTATION: Ipv4Addr = Ipv4Addr::new(10, 20, 3, 47);
    const CLIENT: Ipv4Addr = Ipv4Addr::new(100, 96, 0, 2);

    #[test]
    fn a_probe_is_a_ping_whose_nonce_reads_back_padded_or_not() {
        let nonce = Nonce([7; 16]);
        let probe = make(WORKSTATION, CLIENT, nonce);
        assert_eq!((read(&probe), read_reply(&probe, WORKSTATION, CLIENT)), (Some(nonce), None));
        assert_eq!(read(&[&probe[..], &[0; 4]].concat()), Some(nonce));
        // What is summed with its own checksum in place comes to nothing.
        assert_eq!((checksum(&probe[..20]), checksum(&probe[20..])), (0, 0));
        let mut reply = make(CLIENT, WORKSTATION, nonce);
        reply[20] = 0;
        assert_eq!((read(&reply), read_reply(&reply, CLIENT, WORKSTATION)), (None, Some(nonce)));
        assert_eq!(read_reply(&reply, WORKSTATION, CLIENT), None, "somebody else's");
    }

    #[test]
    fn what_is_not_a_probe_is_read_as_none() {
        let probe = make(WORKSTATION, CLIENT, Nonce([7; 16]));
        for (at, value) in [(0, 0x46), (3, 43), (6, 0x20), (7, 1), (9, 17), (20, 3), (21, 1)] {
            let mut other = probe;
            other[at] = value;
            assert_eq!(read(&other), None, "byte {at}");
        }
        assert_eq!((read(&probe[..43]), read(&[])), (None, None));
    }

    #[test]
    fn a_nonce_is_32_digits_on_the_wire() {
        let text = "\"00ff07a0000000000000000000000001\"";
        let nonce: Nonce = serde_json::from_str(text).unwrap();
        assert_eq!(nonce.0[..4], [0, 0xff, 7, 0xa0]);
        assert_eq!(serde_json::to_string(&nonce).unwrap(), text);
        for wrong in ["\"\"", "\"00ff\"", "\"00ff07a000000000000000000000000g\"", "7"] {
            assert!(serde_json::from_str::<Nonce>(wrong).is_err(), "{wrong}");
        }
    }
}

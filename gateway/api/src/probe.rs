//! The probe: what the gateway sends through the tunnel to an address that it does not believe yet, to see whether the
//! client is there.
//!
//! A ping from the workstation's address, with a nonce as its payload. Only the client can read it, and it is sent to that
//! one address alone. The client answers by its session channel, where nobody else can speak; another WireGuard program's
//! system answers as it answers every ping.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Random bytes that are good for one address, once: 32 hexadecimal digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub [u8; 16]);

/// The size of the longest probe, in bytes: an IPv6 header, an ICMPv6 header, a nonce.
pub const LONGEST: usize = V6.ip_header + BODY;

/// An ICMP header and a nonce.
const BODY: usize = 24;

/// What a ping is in each family: length of the IP header without options, protocol, kinds of request and reply.
struct Ping {
    ip_header: usize,
    icmp: u8,
    request: u8,
    reply: u8,
}

const V4: Ping = Ping { ip_header: 20, icmp: 1, request: 8, reply: 0 };
const V6: Ping = Ping { ip_header: 40, icmp: 58, request: 128, reply: 129 };

/// A probe for the client with `to` as its address in the tunnel, in the name of the workstation at `from`. None if the two
/// are not of one family.
pub fn make(from: IpAddr, to: IpAddr, nonce: Nonce) -> Option<Vec<u8>> {
    let body = |kind| [&[kind, 0, 0, 0, 0, 0, 0, 0][..], &nonce.0].concat();
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            // Version and header length, no service class, the length, no identification, don't fragment, 64 hops.
            let fixed = [0x45, 0, 0, (V4.ip_header + BODY) as u8, 0, 0, 0x40, 0, 64, V4.icmp, 0, 0];
            let mut ip = [&fixed[..], &from.octets(), &to.octets()].concat();
            let mut icmp = body(V4.request);
            let sums = [checksum(&[&ip]), checksum(&[&icmp])];
            put(&mut ip, 10, sums[0]);
            put(&mut icmp, 2, sums[1]);
            Some([ip, icmp].concat())
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            // Version, no traffic class, no flow label, the length of what follows, 64 hops.
            let fixed = [0x60, 0, 0, 0, 0, BODY as u8, V6.icmp, 64];
            let addresses = [from.octets(), to.octets()].concat();
            let mut icmp = body(V6.request);
            // RFC 4443, section 2.3: over a pseudo header, too.
            let sum = checksum(&[&addresses, &[0, BODY as u8, 0, V6.icmp], &icmp]);
            put(&mut icmp, 2, sum);
            Some([&fixed[..], &addresses, &icmp].concat())
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

/// The nonce of a packet that is a probe; padding may follow it. That it is the gateway's, the tunnel has proved.
pub fn read(packet: &[u8]) -> Option<Nonce> {
    let ping = family(packet)?;
    nonce(packet, &ping, ping.request)
}

/// The nonce of a packet with which the system at `from` answers a probe in the name of `to`, as it answers any ping;
/// padding may follow it.
pub fn read_reply(packet: &[u8], from: IpAddr, to: IpAddr) -> Option<Nonce> {
    let is_theirs = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => packet.get(12..20)? == [from.octets(), to.octets()].as_flattened(),
        (IpAddr::V6(from), IpAddr::V6(to)) => packet.get(8..40)? == [from.octets(), to.octets()].as_flattened(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    };
    let ping = family(packet)?;
    nonce(packet, &ping, ping.reply).filter(|_| is_theirs && (ping.icmp == V4.icmp) == from.is_ipv4())
}

fn family(packet: &[u8]) -> Option<Ping> {
    match packet.first()? >> 4 {
        4 => Some(V4),
        6 => Some(V6),
        _ => None,
    }
}

fn nonce(packet: &[u8], ping: &Ping, kind: u8) -> Option<Nonce> {
    let whole = ping.ip_header + BODY;
    let packet = packet.get(..whole)?;
    let is_ping = match *packet {
        [0x45, _, 0, length, _, _, fragment, offset, _, protocol, ..] => {
            usize::from(length) == whole && fragment & 0xbf == 0 && offset == 0 && protocol == ping.icmp
        }
        [0x60..=0x6f, _, _, _, 0, length, protocol, ..] => usize::from(length) == BODY && protocol == ping.icmp,
        _ => false,
    };
    let body = packet.get(ping.ip_header..)?;
    let is_kind = body.get(..2)? == [kind, 0];
    (is_ping && is_kind).then_some(Nonce(body.get(8..)?.try_into().ok()?))
}

/// RFC 1071, over parts of an even number of bytes each, whose own field is zero.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.as_chunks().0);
    let sum: u32 = words.map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
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

    const NONCE: Nonce = Nonce([7; 16]);

    /// Workstation and client, in each family.
    fn ends() -> [(IpAddr, IpAddr); 2] {
        [("10.20.3.47", "100.96.0.2"), ("fd20:3::47", "fd64::2")].map(|(w, c)| (w.parse().unwrap(), c.parse().unwrap()))
    }

    #[test]
    fn a_probe_is_a_ping_whose_nonce_reads_back_padded_or_not() {
        for (workstation, client) in ends() {
            let probe = make(workstation, client, NONCE).unwrap();
            assert!(probe.len() <= LONGEST);
            assert_eq!((read(&probe), read_reply(&probe, workstation, client)), (Some(NONCE), None));
            assert_eq!(read(&[&probe[..], &[0; 4]].concat()), Some(NONCE));
            let mut reply = make(client, workstation, NONCE).unwrap();
            let (kind, answer) = if client.is_ipv4() { (20, 0) } else { (40, 129) };
            reply[kind] = answer;
            assert_eq!((read(&reply), read_reply(&reply, client, workstation)), (None, Some(NONCE)));
            assert_eq!(read_reply(&reply, workstation, client), None, "somebody else's");
        }
    }

    #[test]
    fn what_is_summed_with_its_own_checksum_comes_to_nothing() {
        let [(workstation, client), (workstation_v6, client_v6)] = ends();
        let probe = make(workstation, client, NONCE).unwrap();
        assert_eq!((checksum(&[&probe[..20]]), checksum(&[&probe[20..]])), (0, 0));
        let probe = make(workstation_v6, client_v6, NONCE).unwrap();
        assert_eq!(checksum(&[&probe[8..40], &[0, 24, 0, 58], &probe[40..]]), 0);
    }

    #[test]
    fn a_probe_never_leads_from_one_family_to_the_other() {
        let [(workstation, client), (workstation_v6, client_v6)] = ends();
        assert_eq!((make(workstation, client_v6, NONCE), make(workstation_v6, client, NONCE)), (None, None));
        let reply = make(client, workstation, NONCE).unwrap();
        assert_eq!(read_reply(&reply, client_v6, workstation_v6), None);
    }

    #[test]
    fn what_is_not_a_probe_is_read_as_none() {
        let [v4, v6] = ends().map(|(workstation, client)| make(workstation, client, NONCE).unwrap());
        let v4_changes = [(0, 0x46), (0, 0x60), (3, 43), (6, 0x20), (7, 1), (9, 17), (20, 3), (21, 1)];
        let v6_changes = [(0, 0x45), (0, 0x70), (4, 1), (5, 23), (6, 44), (6, 1), (40, 129), (41, 1)];
        for (probe, changes) in [(&v4, v4_changes), (&v6, v6_changes)] {
            for (at, value) in changes {
                let mut other = probe.clone();
                other[at] = value;
                assert_eq!(read(&other), None, "byte {at}");
            }
            assert_eq!((read(&probe[..probe.len() - 1]), read(&[])), (None, None));
        }
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

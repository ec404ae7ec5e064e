//! A capture file as Wireshark and tcpdump read it: pcapng (draft-ietf-opsawg-pcapng), just the blocks that dropped headers need.
//!
//! Each packet says in its comment why it was dropped, and in its flags which way it went: inbound is from home.

use jiff::Timestamp;

/// Packets begin with their IP header (LINKTYPE_RAW).
const RAW: u16 = 101;
const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const COMMENT: u16 = 1;
const FLAGS: u16 = 2;

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) at: Timestamp,
    pub(super) is_from_home: bool,
    pub(super) comment: &'a str,
    /// The packet's own length, in bytes, of which `header` is the beginning.
    pub(super) length: u32,
    pub(super) header: &'a [u8],
}

/// What a file begins with.
pub(super) fn begin() -> Vec<u8> {
    let mut body = Vec::new();
    // Which way its numbers are written; the version; a length that is not told.
    body.extend(0x1A2B_3C4Du32.to_le_bytes());
    body.extend(1u16.to_le_bytes());
    body.extend(0u16.to_le_bytes());
    body.extend(u64::MAX.to_le_bytes());
    let mut file = block(SECTION, &body);
    let mut body = Vec::new();
    body.extend(RAW.to_le_bytes());
    body.extend(0u16.to_le_bytes());
    // No limit of a packet's length.
    body.extend(0u32.to_le_bytes());
    file.extend(block(INTERFACE, &body));
    file
}

/// A packet's block.
pub(super) fn packet(packet: &Packet<'_>) -> Vec<u8> {
    let micros = u64::try_from(packet.at.as_microsecond()).unwrap_or_default();
    let mut body = Vec::new();
    body.extend(0u32.to_le_bytes());
    body.extend(((micros >> 32) as u32).to_le_bytes());
    body.extend((micros as u32).to_le_bytes());
    body.extend((packet.header.len() as u32).to_le_bytes());
    body.extend(packet.length.to_le_bytes());
    padded(&mut body, packet.header);
    option(&mut body, COMMENT, packet.comment.as_bytes());
    let direction: u32 = if packet.is_from_home { 1 } else { 2 };
    option(&mut body, FLAGS, &direction.to_le_bytes());
    option(&mut body, 0, &[]);
    block(PACKET, &body)
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    // Kind, and the length before and behind.
    let length = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, body, &length].concat()
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    padded(body, value);
}

fn padded(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend(bytes);
    body.resize(body.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_whole_words_and_say_their_length_twice() {
        let packet = packet(&Packet {
            at: Timestamp::UNIX_EPOCH,
            is_from_home: true,
            comment: "other_port",
            length: 1280,
            header: &[0x45; 21],
        });
        assert_eq!(packet.len() % 4, 0);
        assert_eq!(packet[4..8], (packet.len() as u32).to_le_bytes());
        assert_eq!(packet[4..8], packet[packet.len() - 4..]);
        let begun = begin();
        assert_eq!(
            (begun.len(), &begun[4..8], &begun[24..28]),
            (48, &28u32.to_le_bytes()[..], &28u32.to_le_bytes()[..])
        );
        assert_eq!(begun[32..36], 20u32.to_le_bytes());
    }
}

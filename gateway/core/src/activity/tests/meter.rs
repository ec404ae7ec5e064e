//! What a meter makes of one flow.

use std::num::NonZeroU16;

use super::*;

const HOME: u32 = u32::MAX - 40; // wraps within the first records
const OFFICE: u32 = 77;

/// RDP's negotiation as FreeRDP sends it and xrdp answers it: version, length, the rest does not matter.
fn negotiation(length: u8) -> Vec<u8> {
    let mut bytes = vec![0; length.into()];
    bytes[..4].copy_from_slice(&[3, 0, 0, length]);
    bytes
}

/// A ServerHello that chooses `suite`, with a session id of 32 bytes and some extensions.
pub(super) fn hello(suite: u16) -> Vec<u8> {
    let mut body = vec![2, 0, 0, 118, 3, 3];
    body.extend([0xAB; 32]);
    body.push(32);
    body.extend([0xCD; 32]);
    body.extend(suite.to_be_bytes());
    body.extend([0; 47]);
    record(22, &body)
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3, high, low], body].concat()
}

/// An application-data record of `length` bytes on the wire; its body looks like headers.
fn data(length: usize) -> Vec<u8> {
    let body: Vec<u8> = [0x17, 3, 3, 0, 27].into_iter().cycle().take(length - 5).collect();
    record(23, &body)
}

/// A flow past its connection phase whose workstation chose `suite`; the next byte from home has sequence `next`.
struct Flow {
    meter: Meter,
    next: u32,
    now: Instant,
}

impl Flow {
    fn new(suite: u16) -> Self {
        let began = Instant::now();
        let mut meter = Meter::new(HOME, began);
        meter.handle_office_syn(OFFICE);
        meter.handle_from_office(OFFICE + 1, &[negotiation(19), hello(suite)].concat());
        let mut flow = Self { meter, next: HOME.wrapping_add(1), now: began };
        assert_eq!(flow.send(&negotiation(45)), Heard::Nothing);
        assert_eq!(flow.send(&record(22, &[0; 310])), Heard::Nothing);
        flow.now += CONNECTION_PHASE;
        flow
    }

    fn send(&mut self, payload: &[u8]) -> Heard {
        let heard = self.send_at(0, payload);
        self.next = self.next.wrapping_add(u32::try_from(payload.len()).unwrap());
        heard
    }

    /// Sends a segment this many bytes ahead of the next one.
    fn send_at(&mut self, ahead: u32, payload: &[u8]) -> Heard {
        self.meter.handle_from_home(self.next.wrapping_add(ahead), payload, self.now)
    }
}

fn marks(count: u16) -> Heard {
    NonZeroU16::new(count).map_or(Heard::NoMark, Heard::Marks)
}

#[test]
fn a_key_is_a_mark_and_an_acknowledgement_is_none() {
    for (suite, key, edge) in [(0x1302, 27, 45), (0xC030, 34, 52), (0xCCA8, 26, 44)] {
        let mut flow = Flow::new(suite);
        assert_eq!(flow.send(&data(key)), marks(1), "{suite:#x}");
        assert_eq!(flow.send(&data(edge)), marks(1), "{suite:#x}");
        assert_eq!(flow.send(&data(edge + 1)), marks(0), "{suite:#x}");
        assert_eq!(flow.send(&data(key - 3)), marks(0), "{suite:#x}");
    }
}

#[test]
fn packets_without_payload_and_records_of_other_types_say_nothing() {
    let mut flow = Flow::new(0x1301);
    assert_eq!(flow.send(&[]), Heard::Nothing);
    assert_eq!(flow.send(&record(21, &[0; 22])), marks(0));
}

#[test]
fn marks_of_the_connection_phase_are_ignored() {
    let mut flow = Flow::new(0x1301);
    flow.now -= Duration::from_millis(1);
    assert_eq!(flow.send(&data(27)), Heard::Nothing);
    flow.now += Duration::from_millis(1);
    assert_eq!(flow.send(&data(27)), marks(1));
}

#[test]
fn a_super_packet_is_judged_as_its_pieces() {
    let mut flow = Flow::new(0x1301);
    let pieces: Vec<u8> = (0..600).flat_map(|index| data([27, 59, 32][index % 3])).collect();
    assert_eq!(flow.send(&pieces), marks(400));
}

#[test]
fn a_record_may_be_cut_anywhere() {
    let stream = [data(59), data(27), data(16_400), data(32), data(53)].concat();
    for cut in 1..stream.len() {
        let mut flow = Flow::new(0x1301);
        let heard = [flow.send(&stream[..cut]), flow.send(&stream[cut..])];
        let seen: u16 = heard.iter().map(|heard| if let Heard::Marks(marks) = heard { marks.get() } else { 0 }).sum();
        assert_eq!(seen, 2, "cut at {cut}");
    }
}

#[test]
fn single_bytes_make_the_same_marks() {
    let mut flow = Flow::new(0x1301);
    let heard = [data(27), data(59), data(32)]
        .concat()
        .iter()
        .map(|byte| flow.send(&[*byte]))
        .filter(|heard| *heard == marks(1))
        .count();
    assert_eq!(heard, 2);
}

#[test]
fn a_retransmission_counts_once() {
    let mut flow = Flow::new(0x1301);
    assert_eq!(flow.send_at(0, &data(27)), marks(1));
    assert_eq!(flow.send_at(0, &data(27)), marks(0));
    assert_eq!(flow.send_at(0, &[data(27), data(32)].concat()), marks(1));
}

#[test]
fn segments_out_of_order_count_once_each() {
    let mut flow = Flow::new(0x1301);
    assert_eq!(flow.send_at(27, &data(32)), marks(1));
    assert_eq!(flow.send_at(27 + 32 + 59, &data(27)), marks(1));
    assert_eq!(flow.send_at(0, &data(27)), marks(1));
    assert_eq!(flow.send_at(27 + 32, &data(59)), marks(0));
    assert_eq!(flow.send_at(0, &[data(27), data(32), data(59), data(27)].concat()), marks(0));
}

#[test]
fn a_hole_inside_a_record_is_no_loss() {
    let mut flow = Flow::new(0x1301);
    let upload = data(10_000);
    flow.send(&upload[..1380]);
    assert_eq!(flow.send_at(1380, &[&upload[2760..], &data(27), &data(27)].concat()), marks(2));
    assert_eq!(flow.send_at(0, &upload[1380..2760]), marks(0));
}

#[test]
fn a_hole_filled_finds_the_place_behind_it() {
    let mut flow = Flow::new(0x1301);
    // The header of the large record is in the hole; what stands behind it looks like nothing, and then like the
    // header of a record that would swallow the key.
    let upload = record(23, &[&[0; 3_500][..], &[23, 3, 3, 32, 0], &[0; 495]].concat());
    let stream = [data(59), upload, data(27)].concat();
    assert_eq!(flow.send_at(100, &stream[100..3000]), marks(0));
    assert_eq!(flow.send_at(0, &stream[..100]), marks(0));
    assert_eq!(flow.send_at(3000, &stream[3000..]), marks(1));
}

#[test]
fn a_lost_place_is_found_at_the_next_record() {
    let mut flow = Flow::new(0x1301);
    assert_eq!(flow.send(b"\xFFnot a record"), marks(0));
    assert_eq!(flow.send(&data(27)), marks(1));
}

#[test]
fn the_cipher_is_learned_from_a_hello_in_any_pieces_and_order() {
    let stream = [negotiation(19), hello(0xCCA9)].concat();
    for size in 1..stream.len() {
        let mut meter = Meter::new(HOME, Instant::now());
        meter.handle_office_syn(OFFICE);
        for (index, piece) in stream.chunks(size).enumerate().rev() {
            assert_eq!(meter.cipher(), None);
            meter.handle_from_office(OFFICE + 1 + u32::try_from(index * size).unwrap(), piece);
            meter.handle_from_office(OFFICE + 1 + u32::try_from(index * size).unwrap(), &vec![0; piece.len()]);
            if meter.cipher().is_some() {
                break;
            }
        }
        assert_eq!(meter.cipher(), Some(Cipher::Tls12ChaCha20), "pieces of {size}");
    }
}

#[test]
fn a_hello_without_negotiation_is_as_good() {
    let mut meter = Meter::new(HOME, Instant::now());
    meter.handle_from_office(OFFICE, &hello(0x1303));
    assert_eq!(meter.cipher(), Some(Cipher::Tls13));
}

#[test]
fn padding_ciphers_and_other_protocols_are_unreadable() {
    let mut flow = Flow::new(0xC014); // AES-256-CBC-SHA
    assert_eq!(flow.meter.cipher(), Some(Cipher::Other));
    assert_eq!(flow.send(&data(57)), Heard::Unreadable);

    let began = Instant::now();
    for greeting in [&b"RFB 003.008\n"[..], b"SSH-2.0-OpenSSH_9.2\r\n", &[3, 0, 0, 45], &[0; 64]] {
        let mut meter = Meter::new(HOME, began);
        meter.handle_from_office(OFFICE, greeting);
        assert_eq!(meter.handle_from_home(HOME.wrapping_add(1), greeting, began), Heard::Nothing);
        let next = HOME.wrapping_add(1 + u32::try_from(greeting.len()).unwrap());
        let heard = meter.handle_from_home(next, &data(27), began + CONNECTION_PHASE);
        assert_eq!(heard, Heard::Unreadable, "{greeting:?}");
    }
}

#[test]
fn a_flow_met_on_its_way_is_readable_when_its_cipher_was_kept() {
    let now = Instant::now();
    let mut meter = Meter::adopt(5, Some(Cipher::Tls13), now);
    assert_eq!(meter.handle_from_home(5, &[0x55; 700], now), Heard::NoMark);
    assert_eq!(meter.handle_from_home(705, &data(27), now), marks(1));
    let mut meter = Meter::adopt(5, None, now);
    assert_eq!(meter.handle_from_home(5, &data(27), now), Heard::Unreadable);
}

#[test]
fn a_meter_is_small() {
    assert!(size_of::<Meter>() <= 128, "{}", size_of::<Meter>());
}

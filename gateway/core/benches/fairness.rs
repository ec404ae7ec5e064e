//! How long a packet of a quiet session waits while others copy: `cargo bench -p gateway-core --bench fairness`.
//!
//! From the moment it lies in the kernel's queue until it is handed out for the kernel to send. Time is what the gateway
//! itself takes: the processor time of each of its calls, which other programs of the machine do not lengthen, and the
//! kernel's price for each packet (about 90 ns in bulk, docs/PERFORMANCE.md). What clients and workstations need is no part
//! of it, so that in memory and on one thread the gateway is as saturated as it can be: each way, four streams keep their
//! windows full, come what may. Two orders are compared: as the event loop does it, and first come first served
//! in batches of half a megabyte, which is what the kernel's queues alone amount to.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use gateway_core::{BATCH, Offload, VIRTIO_HEADER, Way};
use nix::time::{ClockId, clock_gettime};

#[path = "../tests/world/mod.rs"]
mod world;

use world::{Client, Flags, World, octets, tcp};

/// A whole segment's payload; how many the kernel hands over at once.
const FULL: usize = 1232;
const RUN: usize = 45;
/// The bulk session's streams, each a flow of its own.
const STREAMS: usize = 4;
/// Packets under way each way, in the kernel or inside: a window of a megabyte for each stream.
const UNDER_WAY: usize = STREAMS * 1024 * 1024 / FULL;
/// The kernel's price for a packet of a run, in or out.
const KERNEL: Duration = Duration::from_nanos(90);
/// A packet of the quiet session each way, this often.
const BEAT: Duration = Duration::from_micros(500);
/// Not counted: all windows open at once, and buffers touched for the first time.
const BEGINNING: Duration = Duration::from_millis(50);
/// As long as this, of the gateway's own time.
const SPAN: Duration = Duration::from_millis(400);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    InTurns,
    FirstComeFirstServed,
}

/// One of the bulk session's streams: what comes next of it from home and from the office.
struct Stream {
    port: u16,
    sequence: u32,
    answered: u32,
}

impl Stream {
    /// Opens the n-th: SYN, SYN-ACK, ACK.
    fn open(nth: usize, client: &mut Client, world: &mut World) -> Self {
        let stream = Self { port: 50_000 + nth as u16, sequence: 1000, answered: 5000 };
        client.send(world, &stream.up(client, Flags::Syn, 999, &[]));
        world.office_sends(&stream.down(client, Flags::SynAck, 4999, &[]));
        client.send(world, &stream.up(client, Flags::Ack, 1000, &[]));
        world.take_office();
        client.take(world);
        stream
    }

    fn up(&self, client: &Client, flags: Flags, sequence: u32, payload: &[u8]) -> Vec<u8> {
        tcp(client.address, self.port, client.workstation(), 3389, flags, sequence, payload)
    }

    fn down(&self, client: &Client, flags: Flags, sequence: u32, payload: &[u8]) -> Vec<u8> {
        tcp(client.workstation(), 3389, client.address, self.port, flags, sequence, payload)
    }

    /// A run of full segments from home, sealed.
    fn run_up(&mut self, client: &mut Client) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..RUN {
            let packet = self.up(client, Flags::Ack, self.sequence, &[7; FULL]);
            bytes.extend(client.seal(&packet));
            self.sequence = self.sequence.wrapping_add(FULL as u32);
        }
        bytes
    }

    /// A run of full segments from the office, one super-packet.
    fn run_down(&mut self, client: &Client) -> Vec<u8> {
        let bytes = self.down(client, Flags::Ack, self.answered, &[7; RUN * FULL]);
        self.answered = self.answered.wrapping_add((RUN * FULL) as u32);
        bytes
    }
}

/// What lies in the kernel's queue.
struct Queued {
    at: Duration,
    is_quiet: bool,
    bytes: Vec<u8>,
    size: usize,
}

struct Saturated {
    world: World,
    bulk: Client,
    /// The one at the front copies next.
    streams: VecDeque<Stream>,
    quiet: Client,
    copies: bool,
    clock: Duration,
    next_beat: Duration,
    from_home: VecDeque<Queued>,
    from_office: VecDeque<Queued>,
    /// Packets of the streams that came and have not gone, to the office and to home.
    under_way: [usize; 2],
    /// When the quiet session's packets that are inside came.
    inside: [VecDeque<Duration>; 2],
    waits: [Vec<Duration>; 2],
    packets: u64,
}

impl Saturated {
    fn new(copies: bool) -> Self {
        let mut world = World::new();
        let (mut bulk, mut quiet) = (world.connect("copies", 1), world.connect("types", 2));
        let streams = (0..STREAMS).map(|nth| Stream::open(nth, &mut bulk, &mut world)).collect();
        quiet.open_flow(&mut world);
        Self {
            world,
            bulk,
            streams,
            quiet,
            copies,
            clock: Duration::ZERO,
            next_beat: BEAT,
            from_home: VecDeque::new(),
            from_office: VecDeque::new(),
            under_way: [0; 2],
            inside: Default::default(),
            waits: Default::default(),
            packets: 0,
        }
    }

    /// Lets come what came meanwhile: the streams keep their windows full, the quiet one its beat.
    fn arrive(&mut self) {
        while self.copies && self.under_way[0] < UNDER_WAY {
            self.under_way[0] += RUN;
            let bytes = self.streams[0].run_up(&mut self.bulk);
            self.streams.rotate_left(1);
            let size = bytes.len() / RUN;
            self.from_home.push_back(Queued { at: self.clock, is_quiet: false, bytes, size });
        }
        while self.copies && self.under_way[1] < UNDER_WAY {
            self.under_way[1] += RUN;
            let bytes = self.streams[0].run_down(&self.bulk);
            self.streams.rotate_left(1);
            self.from_office.push_back(Queued { at: self.clock, is_quiet: false, bytes, size: FULL });
        }
        while self.next_beat <= self.clock {
            let at = self.next_beat;
            let bytes = self.quiet.seal(&self.quiet.tcp(Flags::Push, 1000, &[1; 60]));
            self.from_home.push_back(Queued { at, is_quiet: true, size: bytes.len(), bytes });
            let bytes = self.quiet.tcp_back(Flags::Push, 5000, &[1; 60]);
            self.from_office.push_back(Queued { at, is_quiet: true, size: 0, bytes });
            self.next_beat += BEAT;
        }
    }

    /// One round of the loop.
    fn round(&mut self, order: Order) {
        self.arrive();
        if self.from_home.is_empty() && self.from_office.is_empty() {
            self.clock = self.next_beat;
            self.arrive();
        }
        match order {
            Order::InTurns => {
                for _ in 0..16 * BATCH {
                    let Some(queued) = self.from_home.pop_front() else { break };
                    self.note(&queued, 0);
                    self.timed(queued.bytes.len().div_ceil(queued.size), |world, bulk, quiet| {
                        let from = if queued.is_quiet { quiet } else { bulk };
                        world.home_queues(from, &queued.bytes, queued.size);
                    });
                }
                for _ in 0..128 {
                    let Some(queued) = self.from_office.pop_front() else { break };
                    self.note(&queued, 1);
                    self.timed(queued.bytes.len().div_ceil(FULL), |world, _, _| {
                        world.office_queues(header(&queued), &queued.bytes);
                    });
                }
                self.timed(0, |world, _, _| world.gateway.serve(world.now));
                self.deliver();
            }
            Order::FirstComeFirstServed => {
                for _ in 0..BATCH {
                    let Some(queued) = self.from_home.pop_front() else { break };
                    self.note(&queued, 0);
                    self.timed(queued.bytes.len().div_ceil(queued.size), |world, bulk, quiet| {
                        let from = if queued.is_quiet { quiet } else { bulk };
                        for datagram in queued.bytes.chunks(queued.size) {
                            world.gateway.handle_datagram(from, datagram, world.now);
                        }
                    });
                }
                self.deliver();
                for _ in 0..BATCH {
                    let Some(queued) = self.from_office.pop_front() else { break };
                    self.note(&queued, 1);
                    self.timed(queued.bytes.len().div_ceil(FULL), |world, _, _| {
                        let offload = Offload::parse(&header(&queued)).unwrap();
                        world.gateway.handle_packet(offload, &queued.bytes, world.now);
                    });
                    self.deliver();
                }
            }
        }
    }

    fn note(&mut self, queued: &Queued, way: usize) {
        if queued.is_quiet {
            self.inside[way].push_back(queued.at);
        }
    }

    fn gone(&mut self, way: usize) {
        let came = self.inside[way].pop_front().expect("it came");
        if came > BEGINNING {
            self.waits[way].push(self.clock.saturating_sub(came));
        }
    }

    /// Runs the gateway with the stopwatch on, and charges the kernel's price for so many packets.
    fn timed(&mut self, packets: usize, run: impl FnOnce(&mut World, SocketAddr, SocketAddr)) {
        let began = processor();
        run(&mut self.world, self.bulk.from, self.quiet.from);
        self.clock += processor() - began + KERNEL * packets as u32;
        self.packets += packets as u64;
    }

    fn deliver(&mut self) {
        let mine = octets(self.quiet.address);
        self.timed(0, |world, _, _| world.gateway.flush_office());
        while let Some(packet) = self.world.gateway.poll_office() {
            let pieces = packet.len().div_ceil(FULL + 40).max(1);
            self.clock += KERNEL * pieces as u32;
            if packet[VIRTIO_HEADER..][12..16] == mine {
                self.gone(0);
            } else {
                self.under_way[0] -= (packet.len() - VIRTIO_HEADER - 40) / FULL;
            }
        }
        let quiet = Way::Udp(self.quiet.from);
        while let Some(transmit) = self.world.gateway.poll_transmit() {
            let datagrams = transmit.datagrams.len().div_ceil(transmit.segment);
            self.clock += KERNEL * datagrams as u32;
            if transmit.to != quiet {
                self.under_way[1] -= datagrams;
                continue;
            }
            for _ in 0..datagrams {
                self.gone(1);
            }
        }
    }
}

/// What this thread has taken of the processor.
fn processor() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a thread has one").into()
}

fn header(queued: &Queued) -> [u8; VIRTIO_HEADER] {
    if queued.is_quiet {
        return [0; VIRTIO_HEADER];
    }
    let [size0, size1] = (FULL as u16).to_ne_bytes();
    [1, 1, 40, 0, size0, size1, 20, 0, 16, 0]
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("{:<34}{:>22}{:>22}", "", "to the office, µs", "to home, µs");
    println!(
        "{:<34}{:>22}{:>22}{:>12}",
        "a quiet session's packet waits", "p50 / p99 / worst", "p50 / p99 / worst", "ns/packet"
    );
    for (words, copies, order) in [
        ("nobody copies", false, Order::InTurns),
        ("four streams of another, in turns", true, Order::InTurns),
        ("the same, first come first served", true, Order::FirstComeFirstServed),
    ] {
        let mut saturated = Saturated::new(copies);
        while saturated.clock < SPAN {
            saturated.round(order);
        }
        let [office, home] = saturated.waits.map(told);
        let each = saturated.clock.as_nanos() / u128::from(saturated.packets.max(1));
        println!("{words:<34}{office:>22}{home:>22}{:>12}", if copies { each.to_string() } else { String::new() });
    }
}

fn told(mut waits: Vec<Duration>) -> String {
    waits.sort_unstable();
    let at =
        |part: f64| waits.get(((waits.len() as f64) * part) as usize).or(waits.last()).map_or(0, Duration::as_micros);
    format!("{} / {} / {}", at(0.5), at(0.99), at(1.0))
}

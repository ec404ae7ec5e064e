//! Nobody's copy delays another's keystrokes: who is served when, told by bytes and order, never by the clock.

mod world;

use gateway_core::{Drop, Traffic, VIRTIO_HEADER};
use world::{Client, Flags, WORKSTATION, World, octets, tcp};

/// A whole segment's payload, and how many datagrams of such the kernel hands over at once.
const FULL: usize = 1232;
const RUN: usize = 40;

/// Sessions that copy, each with so many runs waiting, and one that does not.
struct Office {
    world: World,
    bulk: Vec<Client>,
    sequence: Vec<u32>,
    quiet: Client,
}

impl Office {
    fn new(copying: u8) -> Self {
        let mut world = World::new();
        let mut connect = |seed: u8| {
            let mut client = world.connect(&format!("worker{seed}"), seed);
            client.open_flow(&mut world);
            client
        };
        let bulk: Vec<_> = (1..=copying).map(&mut connect).collect();
        let quiet = connect(100);
        world.serve();
        world.drain();
        world.office.clear();
        world.home.clear();
        Self { world, sequence: vec![1000; bulk.len()], bulk, quiet }
    }

    /// The same, of whom each has had a turn and more waits from home: who comes then is new.
    fn busy() -> Self {
        let mut office = Self::new(4);
        for _ in 0..5 {
            office.home_copies(FULL);
        }
        for _ in 0..2 {
            office.world.gateway.serve(office.world.now);
            office.world.drain();
        }
        office.world.office.clear();
        office
    }

    /// A run of full datagrams comes for each of those who copy, from home.
    fn home_copies(&mut self, payload: usize) {
        for (client, sequence) in self.bulk.iter_mut().zip(&mut self.sequence) {
            let mut run = Vec::new();
            let mut size = 0;
            for _ in 0..RUN {
                let datagram = client.seal(&client.tcp(Flags::Ack, *sequence, &vec![7; payload]));
                *sequence = sequence.wrapping_add(payload as u32);
                size = datagram.len();
                run.extend(datagram);
            }
            self.world.home_queues(client.from, &run, size);
        }
    }

    /// A super-packet comes for each of those who copy, from the office.
    fn office_copies(&mut self) {
        for (client, sequence) in self.bulk.iter().zip(&mut self.sequence) {
            let whole = client.tcp_back(Flags::Ack, *sequence, &[7; RUN * FULL]);
            *sequence = sequence.wrapping_add((RUN * FULL) as u32);
            self.world.office_queues(super_packet(), &whole);
        }
    }

    fn traffic(&self, client: &Client) -> Traffic {
        let views = self.world.gateway.sessions(self.world.now);
        views.into_iter().find(|view| view.number == client.number).unwrap().traffic
    }

    fn to_office(&self) -> Vec<u64> {
        self.bulk.iter().map(|client| self.traffic(client).bytes_to_office).collect()
    }

    fn to_home(&self) -> Vec<u64> {
        self.bulk.iter().map(|client| self.traffic(client).bytes_to_home).collect()
    }
}

/// The header of a TCP super-packet of full segments (virtio 1.2, section 5.1.6).
fn super_packet() -> [u8; VIRTIO_HEADER] {
    let [size0, size1] = (FULL as u16).to_ne_bytes();
    [1, 1, 40, 0, size0, size1, 20, 0, 16, 0]
}

fn grown(before: &[u64], after: &[u64]) -> Vec<u64> {
    before.iter().zip(after).map(|(before, after)| after - before).collect()
}

#[test]
fn a_keystroke_goes_before_what_others_copy_to_the_office() {
    let mut office = Office::busy();

    let key = office.quiet.seal(&office.quiet.tcp(Flags::Push, 1000, b"k"));
    office.world.home_queues(office.quiet.from, &key, key.len());
    office.world.gateway.serve(office.world.now);
    office.world.drain();

    assert!(office.world.gateway.is_waiting(), "the others are not through yet");
    let first = office.world.office.first().expect("something was served");
    assert_eq!(first[VIRTIO_HEADER..][12..16], octets(office.quiet.address), "the keystroke is the first to go");
}

#[test]
fn copies_that_share_rounds_leave_in_super_packets_as_large_as_one_alone() {
    let mut office = Office::new(4);
    for _ in 0..5 {
        office.home_copies(FULL);
    }
    office.world.serve();
    office.world.drain();
    let sizes: Vec<usize> = office.world.take_office().iter().map(Vec::len).collect();
    let payload = 4 * 5 * RUN * FULL;
    assert_eq!(sizes.iter().sum::<usize>(), payload + 40 * sizes.len(), "all of it");
    assert!(sizes.len() <= payload / 65_000 + 2 * 4, "{sizes:?}");
}

#[test]
fn bulk_waits_for_nobody_elses() {
    let mut office = Office::busy();
    let mut run = Vec::new();
    let mut size = 0;
    for nth in 0..2 {
        let datagram = office.quiet.seal(&office.quiet.tcp(Flags::Ack, 1000 + nth * FULL as u32, &[7; FULL]));
        size = datagram.len();
        run.extend(datagram);
    }
    office.world.home_queues(office.quiet.from, &run, size);
    office.world.gateway.serve(office.world.now);
    office.world.drain();

    assert!(office.world.gateway.is_waiting(), "the others are not through yet");
    let own = octets(office.quiet.address);
    let gone = office.world.office.iter().filter(|packet| packet[VIRTIO_HEADER..][12..16] == own);
    assert_eq!(gone.map(Vec::len).sum::<usize>(), VIRTIO_HEADER + 40 + 2 * FULL);
}

#[test]
fn a_picture_goes_before_what_others_copy_to_home() {
    let mut office = Office::new(4);
    for _ in 0..5 {
        office.office_copies();
    }
    // Until each of the others had a turn: who has not is as new as the quiet one, and came first.
    for _ in 0..2 {
        office.world.gateway.serve(office.world.now);
        office.world.drain();
    }
    office.world.home.clear();

    let picture = office.quiet.tcp_back(Flags::Push, 5000, &[1; 700]);
    office.world.office_queues([0; VIRTIO_HEADER], &picture);
    office.world.gateway.serve(office.world.now);
    office.world.drain();

    assert!(office.world.gateway.is_waiting(), "the others are not through yet");
    assert_eq!(office.world.home.first().map(|(to, _)| *to), Some(office.quiet.way()));
}

#[test]
fn what_is_served_before_the_loop_looks_again_is_bounded() {
    let mut office = Office::new(1);
    for _ in 0..10 {
        office.home_copies(FULL);
        office.office_copies();
    }
    let before = (office.to_office(), office.to_home());
    office.world.gateway.serve(office.world.now);
    for grown in [grown(&before.0, &office.to_office()), grown(&before.1, &office.to_home())] {
        assert!(grown[0] > 0 && grown[0] <= 200_000, "{grown:?} bytes at once");
    }
}

#[test]
fn sessions_that_copy_get_the_same_bytes_whatever_the_size_of_their_packets() {
    let mut office = Office::new(2);
    for _ in 0..20 {
        office.home_copies(FULL);
    }
    // The third has smaller packets, and more that wait.
    let mut third = office.world.connect("third", 50);
    third.open_flow(&mut office.world);
    office.bulk.push(third);
    office.sequence.push(1000);
    for _ in 0..20 {
        office.home_copies(600);
    }
    let before = office.to_office();
    for _ in 0..16 {
        office.world.gateway.serve(office.world.now);
        office.world.drain();
    }
    assert!(office.world.gateway.is_waiting(), "all of them still have something waiting");
    let served = grown(&before, &office.to_office());
    let (least, most) = (served.iter().min().unwrap(), served.iter().max().unwrap());
    assert!(*least > 200_000 && most - least <= 64 * 1024, "{served:?}");
}

#[test]
fn towards_home_the_small_packets_of_another_flow_go_first_and_those_of_the_same_flow_keep_their_place() {
    let mut office = Office::new(1);
    let home = office.bulk[0].address;
    let syn = tcp(home, 50001, WORKSTATION, 3389, Flags::Syn, 999, &[]);
    office.bulk[0].send(&mut office.world, &syn);
    office.world.drain();
    office.office_copies();
    office.office_copies();
    let same = office.bulk[0].tcp_back(Flags::Push, 5000 + (2 * RUN * FULL) as u32, b"after the copy");
    let other = tcp(WORKSTATION, 3389, home, 50001, Flags::Push, 5000, b"a key's echo");
    office.world.office_queues([0; VIRTIO_HEADER], &same);
    office.world.office_queues([0; VIRTIO_HEADER], &other);
    office.world.serve();
    let came = office.bulk[0].take(&mut office.world);
    let ports: Vec<_> = came.iter().map(|packet| u16::from_be_bytes([packet[22], packet[23]])).collect();
    assert_eq!(ports.iter().position(|port| *port == 50001), Some(0), "the other flow's goes first");
    assert!(came.last().unwrap().ends_with(b"after the copy"), "the same flow's goes last");
}

#[test]
fn towards_the_office_a_session_keeps_its_order() {
    let mut office = Office::new(1);
    let mut expected = Vec::new();
    for n in 0..200u32 {
        let length = [0, 1, 700, FULL][n as usize % 4];
        let packet = tcp(office.bulk[0].address, 50000, WORKSTATION, 3389, Flags::Push, 1000 + n, &vec![0; length]);
        let datagram = office.bulk[0].seal(&packet);
        office.world.home_queues(office.bulk[0].from, &datagram, datagram.len());
        expected.push(1000 + n);
    }
    let packets = office.world.take_office_after_serving();
    let came: Vec<_> = packets.iter().map(|packet| u32::from_be_bytes(packet[24..28].try_into().unwrap())).collect();
    assert_eq!(came, expected);
}

#[test]
fn who_floods_loses_the_own_packets_and_every_one_is_counted() {
    let mut office = Office::new(2);
    let before = office.world.gateway.counters().clone();
    for _ in 0..150 {
        office.home_copies(FULL);
        let key = office.quiet.seal(&office.quiet.tcp(Flags::Push, 1000, b"k"));
        office.world.home_queues(office.quiet.from, &key, key.len());
    }
    office.world.serve();
    let after = office.world.gateway.counters();
    let lost = after.drops.of(Drop::Backlog) - before.drops.of(Drop::Backlog);
    let passed = after.traffic.packets_to_office - before.traffic.packets_to_office;
    assert!(lost > 0, "the buffers are bounded");
    assert_eq!(after.datagrams - before.datagrams, (2 * 150 * RUN + 150) as u64);
    assert_eq!(passed + lost, (2 * 150 * RUN + 150) as u64, "passed or dropped, each once");
    // Two keystrokes were sent while the flow was opened: the SYN and its acknowledgement.
    assert_eq!(office.traffic(&office.quiet).packets_to_office, 150 + 2, "who is quiet loses nothing");
    let views = office.world.gateway.sessions(office.world.now);
    let told: u64 = views.iter().flat_map(|view| &view.drops).map(|(_, count)| count).sum();
    assert_eq!(told, lost, "and it is told whose they were");
}

#[test]
fn towards_home_too_who_floods_loses_the_own_packets() {
    let mut office = Office::new(2);
    let before = office.world.gateway.counters().drops.of(Drop::Backlog);
    for _ in 0..100 {
        office.office_copies();
        let picture = office.quiet.tcp_back(Flags::Push, 5000, &[1; 700]);
        office.world.office_queues([0; VIRTIO_HEADER], &picture);
    }
    office.world.serve();
    assert!(office.world.gateway.counters().drops.of(Drop::Backlog) > before);
    assert_eq!(office.traffic(&office.quiet).packets_to_home, 100 + 1, "who is quiet loses nothing");
}

#[test]
fn a_run_that_holds_several_sessions_and_a_strangers_datagram_is_parted() {
    let mut office = Office::new(2);
    let mut run = Vec::new();
    for _ in 0..3 {
        for client in &mut office.bulk {
            run.extend(client.seal(&client.tcp(Flags::Ack, 1000, &[1; 100])));
        }
    }
    let size = run.len() / 6;
    run.extend(vec![9; size]);
    office.world.home_queues(office.bulk[0].from, &run, size);
    office.world.serve();
    for client in &office.bulk {
        assert_eq!(office.traffic(client).packets_to_office, 3 + 2);
    }
    assert_eq!(office.world.dropped(Drop::NotWireguard), 1);
}

#[test]
fn what_waits_when_its_session_ends_is_refused() {
    let mut office = Office::new(1);
    office.home_copies(FULL);
    office.office_copies();
    let before = office.world.gateway.counters().traffic;
    assert!(office.world.gateway.close_session(office.bulk[0].number, gateway_api::CloseReason::WorkerClosed));
    office.world.serve();
    assert_eq!(office.world.gateway.counters().traffic, before);
    assert_eq!(office.world.dropped(Drop::UnknownPeer), RUN as u64);
    assert_eq!(office.world.dropped(Drop::NoSession), RUN as u64, "each piece");
}

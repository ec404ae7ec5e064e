//! A session that is recorded: sizes, times and lengths of records, nothing else, and no longer than it was to be.

mod world;

use std::time::Duration;

use gateway_api::CloseReason;
use gateway_core::{
    Event, LONGEST_TRACE, TraceEnd, Traced,
    activity::{
        Cipher,
        replay::{EVENTS, PACKETS, Trace, replay},
    },
};
use world::{Client, Flags, World};

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// A TLS record of so many bytes, header included.
fn record(kind: u8, length: u16) -> Vec<u8> {
    let [high, low] = (length - 5).to_be_bytes();
    let mut bytes = vec![kind, 3, 3, high, low];
    bytes.resize(length.into(), 0x5a);
    bytes
}

/// RDP's negotiation and a ServerHello that chooses TLS 1.3's AES-256-GCM.
fn greeting() -> Vec<u8> {
    let mut bytes = vec![3, 0, 0, 19];
    bytes.resize(19, 0);
    bytes.extend([22, 3, 3, 0, 44, 2, 0, 0, 40, 3, 3]);
    bytes.resize(bytes.len() + 32, 0);
    bytes.extend([0, 0x13, 0x02, 0, 0, 0]);
    bytes
}

/// A client whose session has its RDP flow, and the number of its next byte.
struct Desk {
    client: Client,
    next: u32,
}

impl Desk {
    fn says(&mut self, world: &mut World, payload: &[u8]) {
        let packet = self.client.tcp(Flags::Push, self.next, payload);
        self.client.send(world, &packet);
        self.next += payload.len() as u32;
    }
}

fn pieces(world: &mut World) -> Vec<Traced> {
    world.drain();
    let traced = |event: &Event| match event {
        Event::Traced { traced, .. } => Some((**traced).clone()),
        _ => None,
    };
    world.events.iter().filter_map(traced).collect()
}

/// What was recorded of each connection, as its file has it.
fn lines(pieces: &[Traced]) -> Vec<Vec<String>> {
    let mut connections: Vec<(Duration, Vec<String>)> = Vec::new();
    for (connection, row) in pieces.iter().flat_map(|piece| &piece.rows) {
        if usize::from(*connection) == connections.len() {
            connections.push((row.at, Vec::new()));
        }
        let (first, lines) = &mut connections[usize::from(*connection)];
        lines.push(row.line(*first));
    }
    connections.into_iter().map(|(_, lines)| lines).collect()
}

#[test]
fn a_recorded_connection_reads_as_the_replay_wants_it() {
    let mut world = World::new();
    let client = world.connect("m.rossi", 1);
    assert!(world.gateway.begin_trace(client.number, TEN_MINUTES, world.now));
    assert!(!world.gateway.begin_trace(client.number, TEN_MINUTES, world.now), "it is being recorded already");
    let mut desk = Desk { client, next: 1000 };
    desk.client.open_flow(&mut world);
    desk.says(&mut world, &[3, 0, 0, 11, 6, 224, 0, 0, 0, 0, 0]);
    let answer = desk.client.tcp_back(Flags::Push, 5000, &greeting());
    world.office_sends(&answer);
    desk.says(&mut world, &[record(20, 6), record(23, 74)].concat());
    world.pass(Duration::from_secs(30));
    for _ in 0..8 {
        desk.says(&mut world, &record(23, 34));
        world.pass(Duration::from_secs(30));
    }
    assert!(world.gateway.end_trace(desk.client.number, world.now));
    assert!(!world.gateway.end_trace(desk.client.number, world.now), "there is none any more");
    desk.says(&mut world, &record(23, 34));

    let pieces = pieces(&mut world);
    let [piece] = pieces.as_slice() else { panic!("{pieces:?}") };
    assert_eq!(piece.over, Some((TraceEnd::Ordered, Duration::from_secs(270))));
    assert_eq!(piece.ciphers, [Some(Cipher::Tls13)]);
    let lines = lines(&pieces).remove(0);
    let expected = [
        "0.0,c2s,40,0,S,",
        "0.0,s2c,40,0,SA,",
        "0.0,c2s,40,0,A,",
        "0.0,c2s,51,11,PA,-",
        "0.0,s2c,108,68,PA,",
        "0.0,c2s,120,80,PA,6+74",
        "30000.0,c2s,74,34,PA,",
    ];
    assert_eq!(lines[..expected.len()], expected);
    assert_eq!(lines.len(), expected.len() + 7);

    let packets = Trace::read_packets(&format!("{PACKETS}\n{}\n", lines.join("\n"))).unwrap();
    let trace = Trace::new(packets, &format!("{EVENTS}\n270000.0,phase,end,0\n")).unwrap();
    let score = replay(&trace, Some(Cipher::Tls13), Duration::from_secs(100), world.now.instant);
    // A key every half minute, in eight of the windows; nobody said that it was a person.
    assert_eq!((score.bursts, score.false_windows, score.unknown), (0, 8, false));
    assert_eq!(score.timer.ended_at, None);
}

#[test]
fn a_connection_that_was_there_before_is_taken_up_where_a_record_begins() {
    let mut world = World::new();
    let mut desk = Desk { client: world.connect("m.rossi", 1), next: 1000 };
    desk.client.open_flow(&mut world);
    desk.says(&mut world, &[3, 0, 0, 11, 6, 224, 0, 0, 0, 0, 0]);
    let answer = desk.client.tcp_back(Flags::Push, 5000, &greeting());
    world.office_sends(&answer);
    let long = record(23, 2000);
    desk.says(&mut world, &long[..1200]);
    assert!(world.gateway.begin_trace(desk.client.number, TEN_MINUTES, world.now));
    desk.says(&mut world, &long[1200..]);
    let answer = desk.client.tcp_back(Flags::Ack, 5068, &[]);
    world.office_sends(&answer);
    desk.says(&mut world, &record(23, 34));
    world.office_sends(&answer);
    assert!(world.gateway.end_trace(desk.client.number, world.now));
    let pieces = pieces(&mut world);
    assert_eq!(lines(&pieces), [["0.0,c2s,74,34,PA,", "0.0,s2c,40,0,A,"]]);
    assert_eq!(pieces[0].ciphers, [Some(Cipher::Tls13)], "known from before");
}

#[test]
fn a_recording_ends_with_its_time_and_with_its_session() {
    let mut world = World::new();
    let mut desk = Desk { client: world.connect("m.rossi", 1), next: 1000 };
    desk.client.open_flow(&mut world);
    assert!(world.gateway.begin_trace(desk.client.number, LONGEST_TRACE * 2, world.now));
    world.now.instant += LONGEST_TRACE;
    desk.says(&mut world, &record(23, 34));
    let ended = pieces(&mut world);
    assert_eq!(ended.last().unwrap().over, Some((TraceEnd::TimeOver, LONGEST_TRACE)));
    assert_eq!(lines(&ended).concat(), Vec::<String>::new());
    world.events.clear();

    assert!(world.gateway.begin_trace(desk.client.number, TEN_MINUTES, world.now));
    desk.says(&mut world, &record(23, 34));
    assert!(world.gateway.close_session(desk.client.number, CloseReason::WorkerClosed));
    world.drain();
    let [Event::Traced { traced, .. }, Event::Closed { .. }] = world.events.as_slice() else {
        panic!("{:?}", world.events)
    };
    assert_eq!((traced.rows.len(), traced.over), (1, Some((TraceEnd::SessionClosed, Duration::ZERO))));
    assert!(!world.gateway.begin_trace(desk.client.number, TEN_MINUTES, world.now), "it is gone");
}

#[test]
fn pieces_are_handed_out_on_the_way_and_other_sessions_are_left_alone() {
    let mut world = World::new();
    let mut other = Desk { client: world.connect("g.verdi", 2), next: 1000 };
    other.client.open_flow(&mut world);
    let mut desk = Desk { client: world.connect("m.rossi", 1), next: 1000 };
    desk.client.open_flow(&mut world);
    assert!(world.gateway.begin_trace(desk.client.number, TEN_MINUTES, world.now));
    for _ in 0..1100 {
        desk.says(&mut world, &record(23, 34));
        other.says(&mut world, &record(23, 34));
        world.take_office();
    }
    let traced = pieces(&mut world);
    assert_eq!(traced.iter().map(|piece| piece.rows.len()).collect::<Vec<_>>(), [512, 512]);
    assert!(traced.iter().all(|piece| piece.over.is_none()));
    let whose = |event: &Event| matches!(event, Event::Traced { number, .. } if *number != desk.client.number);
    assert!(!world.events.iter().any(whose));
}

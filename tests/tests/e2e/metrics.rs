//! Figures and what was sent: every packet is counted as passed or dropped with one reason, and sums agree exactly.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use e2e::{
    api,
    echo::Echo,
    gateway::{Gateway, Setup, UDP_PORT},
    netns::Computer,
    packets, wait,
    wireguard::Tunnel,
    world::{OTHER_WORKSTATION, WORKSTATION, World},
};

const TABLE: &str = "[metrics]\nsocket = \"metrics.sock\"\n";

/// Every sample, by its name with labels.
fn samples(gateway: &Gateway<'_>, world: &World) -> BTreeMap<String, u64> {
    let socket = gateway.files().folder().join("metrics.sock");
    let scraped = world.gateway.sh(&format!("curl -sSf --unix-socket {} http://gateway/metrics", socket.display()));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        Some((name.to_owned(), value.parse().ok()?))
    };
    scraped.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}

fn of(samples: &BTreeMap<String, u64>, name: &str) -> u64 {
    let is_named =
        |sample: &str| sample == name || sample.strip_prefix(name).is_some_and(|label| label.starts_with('{'));
    samples.iter().filter(|(sample, _)| is_named(sample)).map(|(_, value)| value).sum()
}

/// Whatever arrived has passed or was dropped, once.
fn assert_each_is_settled(samples: &BTreeMap<String, u64>) {
    let sum = |names: &[&str]| names.iter().map(|what| of(samples, &format!("deskgate_{what}_total"))).sum::<u64>();
    let arrived = sum(&["datagrams", "office_packets"]);
    assert_eq!(arrived, sum(&["handshakes", "cookies", "empty_datagrams", "packets", "drops"]), "{samples:#?}");
}

#[test]
fn every_packet_is_counted_as_passed_or_dropped_with_one_reason() {
    let world = World::new();
    let _desk = Echo::start(&world.workstation, "desk", (WORKSTATION, 3389));
    let setup = Setup { tables: TABLE.to_owned(), ..Setup::default().profile("grace", "\"10m\"") };
    let gateway = setup.start(&world);
    let (session, config) = api::session(&world, &world.home, "m.rossi");
    let number = session.number.to_string();
    let mut tunnel = Tunnel::open(&world.home, &config, wait::SOON).expect("the gateway knows this session's key");
    let before = samples(&gateway, &world);

    // To the granted port, to a port and a host that were not granted, from somebody else's address, and no packets at all.
    let own = session.address;
    for port in 40_000..40_040 {
        tunnel.send(&packets::syn_from(own, port, WORKSTATION, 3389));
    }
    for port in 40_000..40_030 {
        tunnel.send(&packets::syn_from(own, port, WORKSTATION, 22));
    }
    for port in 40_000..40_020 {
        tunnel.send(&packets::syn_from(own, port, OTHER_WORKSTATION, 3389));
    }
    for port in 40_000..40_010 {
        tunnel.send(&packets::syn_from(OTHER_WORKSTATION, port, WORKSTATION, 3389));
    }
    (0..5).for_each(|_| tunnel.send(&[0x45; 12]));
    let sent = 40 + 30 + 20 + 10 + 5;
    let now = wait::until("every datagram to be counted", wait::SOON, || {
        let now = samples(&gateway, &world);
        (of(&now, "deskgate_datagrams_total") - of(&before, "deskgate_datagrams_total") >= sent).then_some(now)
    });

    let since = |name: &str| of(&now, name) - of(&before, name);
    for (name, expected) in [
        ("deskgate_datagrams_total", sent),
        ("deskgate_packets_total{to=\"office\"}", 40),
        ("deskgate_drops_total{reason=\"other_port\"}", 30),
        ("deskgate_drops_total{reason=\"other_host\"}", 20),
        ("deskgate_drops_total{reason=\"spoofed_source\"}", 10),
        ("deskgate_drops_total{reason=\"malformed\"}", 5),
    ] {
        assert_eq!(since(name), expected, "{name}: {now:#?}");
    }
    assert_each_is_settled(&now);
    // The session tells the same of itself; what is no packet at all belongs to nobody.
    let shown = gateway.json(&["session", "show", &number, "--json"]);
    assert_eq!(shown["packets_to_office"], 40);
    assert_eq!(shown["drops"], serde_json::json!({ "spoofed_source": 10, "other_host": 20, "other_port": 30 }));
}

#[test]
fn every_packet_of_the_office_is_counted_and_what_passed_is_at_home() {
    let world = World::new();
    let setup = Setup { tables: TABLE.to_owned(), udp: true, masquerade: false, ..Setup::default() };
    let gateway = setup.profile("grace", "\"10m\"").start(&world);
    let (session, config) = api::session(&world, &world.home, "m.rossi");
    let mut tunnel = Tunnel::open(&world.home, &config, wait::SOON).expect("the gateway knows this session's key");
    let socket = |computer: &Computer, address: IpAddr, port| {
        let socket = computer.inside(|| UdpSocket::bind((address, port))).expect("a free port");
        socket.set_read_timeout(Some(wait::SOON)).expect("a fresh socket");
        socket
    };
    let desk = socket(&world.workstation, WORKSTATION, UDP_PORT);
    tunnel.send(&packets::udp(session.address, WORKSTATION, UDP_PORT));
    let (_, home) = desk.recv_from(&mut [0; 16]).expect("the first datagram");
    // The fence would let none of the others come so far.
    world.gateway.sh("nft flush chain inet deskgate_deskgate0 forward");
    let before = samples(&gateway, &world);

    // From another port, by another workstation, to an address that is nobody's; and answers, the last of them at the end.
    let send = |from: &UdpSocket, to: SocketAddr, count: u8| {
        (0..count).for_each(|nth| assert_eq!(from.send_to(&[nth; 100], to).ok(), Some(100)));
    };
    send(&desk, home, 49);
    send(&socket(&world.workstation, WORKSTATION, 4000), home, 30);
    send(&socket(&world.other_workstation, OTHER_WORKSTATION, UDP_PORT), home, 20);
    send(&desk, "100.96.0.99:40000".parse().expect("an address"), 10);
    send(&desk, home, 1);
    let sent = 49 + 30 + 20 + 10 + 1;
    let now = wait::until("every packet to be counted", wait::SOON, || {
        let now = samples(&gateway, &world);
        (of(&now, "deskgate_office_packets_total") - of(&before, "deskgate_office_packets_total") >= sent)
            .then_some(now)
    });

    let since = |name: &str| of(&now, name) - of(&before, name);
    for (name, expected) in [
        ("deskgate_office_packets_total", sent),
        ("deskgate_packets_total{to=\"home\"}", 50),
        ("deskgate_drops_total{reason=\"not_an_answer\"}", 50),
        ("deskgate_drops_total{reason=\"no_session\"}", 10),
        ("deskgate_drops_total", 60),
        ("deskgate_unsent_total", 0),
    ] {
        assert_eq!(since(name), expected, "{name}: {now:#?}");
    }
    assert_each_is_settled(&now);
    let shown = gateway.json(&["session", "show", &session.number.to_string(), "--json"]);
    assert_eq!((&shown["packets_to_home"], &shown["drops"]["not_an_answer"]), (&50.into(), &50.into()), "{shown}");
    // All was handed to the kernel before it was counted as passed, so that nothing is on its way any more.
    let mut at_home: Vec<u8> = (0..50)
        .map(|nth| {
            let packet = tunnel.receive(wait::SOON).unwrap_or_else(|| panic!("only {nth} answers came"));
            let payload = packets::udp_payload(&packet).expect("a whole datagram");
            assert_eq!(payload, [payload[0]; 100]);
            payload[0]
        })
        .collect();
    at_home.sort_unstable();
    assert!(at_home.into_iter().eq([0].into_iter().chain(0..49)), "not what the desk sent");
    assert_eq!(tunnel.receive(Duration::ZERO), None);
}

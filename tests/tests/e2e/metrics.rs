//! Figures and what was sent: every packet is counted as passed or dropped with one reason, and sums agree exactly.

use std::collections::BTreeMap;

use e2e::{
    api,
    echo::Echo,
    gateway::{Gateway, Setup},
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
    let arrived = of(&now, "deskgate_datagrams_total") + of(&now, "deskgate_office_packets_total");
    let settled: u64 = ["handshakes", "cookies", "empty_datagrams", "packets", "drops"]
        .map(|what| of(&now, &format!("deskgate_{what}_total")))
        .iter()
        .sum();
    assert_eq!(arrived, settled, "{now:#?}");
    // The session tells the same of itself; what is no packet at all belongs to nobody.
    let shown = gateway.json(&["session", "show", &number, "--json"]);
    assert_eq!(shown["packets_to_office"], 40);
    assert_eq!(shown["drops"], serde_json::json!({ "spoofed_source": 10, "other_host": 20, "other_port": 30 }));
}

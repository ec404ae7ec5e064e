//! Promise 2, once more, by the kernel: were the gateway's own filter gone, the office would still see nothing but what
//! sessions were granted; and when the gateway is gone, nothing at all.
//!
//! The packets here are written straight into the tunnel's device, as a daemon that was taken over would write them.

use std::net::{IpAddr, UdpSocket};

use e2e::{
    api,
    capture::{Capture, Seen},
    client::Connect,
    device::Device,
    echo::{Echo, answers, connect, greeting, read_line},
    gateway::{CONTROL_PORT, Gateway, Setup, password},
    packets, wait,
    world::{
        GATEWAY, GATEWAY_IN_OFFICE, OTHER_WORKSTATION, OTHER_WORKSTATION_V6, SERVERS, WORKSTATION, WORKSTATION_V6,
        World,
    },
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::LOOPBACK;

const TABLE: &str = "inet deskgate_deskgate0";
/// A port of the gateway's that a program of the test listens on.
const EAR: u16 = 7007;

/// A table as an administrator might keep it.
const ADMINISTRATOR: &str = "nft -f - <<'RULES'
table inet house {
    set trusted { type ipv4_addr; elements = { 10.20.3.5 } }
    chain forward {
        type filter hook forward priority filter; policy POLICY
        ip saddr @trusted counter accept
    }
}
RULES";

/// Nobody buries the children of who was killed: they keep their number, and no words.
fn has_ended(process: Pid) -> bool {
    std::fs::read(format!("/proc/{process}/cmdline")).map_or(true, |words| words.is_empty())
}

fn ten_minutes() -> Setup {
    Setup::default().profile("grace", "\"10m\"")
}

fn is_to(packet: &Seen, address: IpAddr, port: u16) -> bool {
    packet.destination == address && packet.ports.is_some_and(|(_, to)| to == port)
}

/// How many tuples the fence leaves open.
pub(crate) fn open_ways(world: &World) -> usize {
    // The set's type has three dots as well.
    world.gateway.sh(&format!("nft list set {TABLE} granted4")).matches(" . ").count() / 3 - 1
}

/// Packets that the fence dropped on their way from home to office.
fn dropped(world: &World) -> u64 {
    dropped_to(world, "iifname")
}

/// Packets that the fence dropped on one of both ways: `iifname` to the office, `oifname` to home.
fn dropped_to(world: &World, way: &str) -> u64 {
    dropped_in(world, "forward", way)
}

fn dropped_in(world: &World, chain: &str, way: &str) -> u64 {
    let rules = world.gateway.sh(&format!("nft list chain {TABLE} {chain}"));
    let of_way = format!("{way} \"deskgate0\" counter");
    let rule = rules.lines().find(|line| line.contains(&of_way)).expect("the fence's own rule");
    rule.split_whitespace().skip_while(|word| *word != "packets").nth(1).and_then(|n| n.parse().ok()).expect("a number")
}

/// Of what is written past the filter for the gateway itself nothing is heard, at none of its `addresses`; and it is the
/// fence that sees to it, for without its rule all is heard.
pub(crate) fn nothing_is_heard_at_the_gateway(world: &World, device: &Device, from: IpAddr, addresses: &[IpAddr]) {
    let listen = |address: &IpAddr| {
        let ear = world.gateway.inside(|| UdpSocket::bind((*address, EAR))).expect("a free port");
        ear.set_nonblocking(true).expect("a fresh socket");
        ear
    };
    let ears: Vec<UdpSocket> = addresses.iter().map(listen).collect();
    let heard = || ears.iter().filter(|ear| ear.recv(&mut [0; 16]).is_ok()).count();
    let call = || addresses.iter().for_each(|address| device.write(&packets::udp(from, *address, EAR)));
    let before = dropped_in(world, "input", "iifname");
    call();
    addresses.iter().for_each(|address| device.write(&packets::syn(from, *address, CONTROL_PORT)));
    let all = before + 2 * addresses.len() as u64;
    let more = || (dropped_in(world, "input", "iifname") == all).then_some(());
    wait::until("the packets for the gateway to be dropped", wait::SOON, more);
    assert_eq!(heard(), 0);
    world.gateway.sh(&format!("nft flush chain {TABLE} input"));
    call();
    let mut times = 0;
    wait::until("the gateway to hear without its fence", wait::SOON, || {
        times += heard();
        (times == addresses.len()).then_some(())
    });
}

#[test]
fn past_the_filter_a_packet_still_reaches_only_what_a_session_was_granted() {
    let world = World::new();
    let gateway = ten_minutes().start(&world);
    let (session, _) = api::session(&world, &world.home, "m.rossi");
    let device = Device::of(gateway.pid().expect("it runs"));
    let office = Capture::of_sent(&world, &world.gateway, "lan0");
    let nobody: IpAddr = "100.96.0.99".parse().expect("an address");
    for packet in [
        packets::syn(session.address, OTHER_WORKSTATION, 3389),
        packets::syn(session.address, SERVERS, 636),
        packets::syn(session.address, WORKSTATION, 22),
        packets::udp(session.address, WORKSTATION, 3389),
        packets::ping(session.address, WORKSTATION),
        packets::syn(session.address, GATEWAY_IN_OFFICE, CONTROL_PORT),
        packets::syn(nobody, WORKSTATION, 3389),
        packets::syn(SERVERS, WORKSTATION, 3389),
        packets::syn(OTHER_WORKSTATION_V6, WORKSTATION_V6, 3389),
        packets::fragment(&packets::syn(session.address, WORKSTATION, 3389), 9, false),
    ] {
        device.write(&packet);
    }
    device.write(&packets::syn_from(session.address, 50505, WORKSTATION, 3389));
    let granted =
        |packet: &Seen| is_to(packet, WORKSTATION, 3389) && packet.ports.is_some_and(|(from, _)| from == 50505);
    wait::until("the granted packet", wait::SOON, || office.seen().iter().any(granted).then_some(()));
    let seen = office.finish();
    let strange: Vec<_> = seen.iter().filter(|packet| !granted(packet) && !packet.is_neighbourly()).collect();
    assert!(strange.is_empty(), "the office saw {strange:?}");
    let in_the_tunnel: IpAddr = "100.96.0.1".parse().expect("an address");
    nothing_is_heard_at_the_gateway(&world, &device, session.address, &[GATEWAY_IN_OFFICE, GATEWAY, in_the_tunnel]);
}

#[test]
fn a_way_is_open_exactly_as_long_as_its_session() {
    let world = World::new();
    let gateway = ten_minutes().start(&world);
    assert_eq!(open_ways(&world), 0);
    let (session, _) = api::session(&world, &world.home, "m.rossi");
    assert_eq!(open_ways(&world), 1);
    let (other, _) = api::session(&world, &world.other_home, "g.verdi");
    assert_eq!(open_ways(&world), 2);
    for (number, left) in [(session.number, 1), (other.number, 0)] {
        gateway.command(&["session", "close", &number.to_string()]);
        wait::until("the way to be shut", wait::SOON, || (open_ways(&world) == left).then_some(()));
    }
}

#[test]
fn past_the_filter_a_workstation_begins_nothing_towards_home() {
    let world = World::new();
    let setup = Setup { masquerade: false, ..ten_minutes() };
    let _gateway = setup.start(&world);
    let (session, _) = api::session(&world, &world.home, "m.rossi");
    let before = dropped_to(&world, "oifname");
    // From the granted port, which answers would come from.
    world.workstation.sh("echo 3389 3389 > /proc/sys/net/ipv4/ip_local_port_range");
    let connect = format!("timeout 2 bash -c '</dev/tcp/{}/40000'", session.address);
    assert!(!world.workstation.succeeds(&connect), "nobody listens at home");
    let more = || (dropped_to(&world, "oifname") > before).then_some(());
    wait::until("the packet to be dropped", wait::SOON, more);
}

#[test]
fn a_gateway_that_was_killed_leaves_the_fence_shut() {
    let world = World::new();
    let mut gateway = ten_minutes().start(&world);
    let (session, _) = api::session(&world, &world.home, "m.rossi");
    let device = Device::of(gateway.pid().expect("it runs"));
    let keeper = gateway.keeper().expect("it runs");
    gateway.kill();
    wait::until("the keeper to end", wait::SOON, || has_ended(keeper).then_some(()));
    assert_eq!(open_ways(&world), 0);
    let office = Capture::of_sent(&world, &world.gateway, "lan0");
    let before = dropped(&world);
    device.write(&packets::syn(session.address, WORKSTATION, 3389));
    wait::until("the packet to be dropped", wait::SOON, || (dropped(&world) == before + 1).then_some(()));
    assert!(!office.finish().iter().any(|packet| is_to(packet, WORKSTATION, 3389)));
}

#[test]
fn what_an_earlier_run_left_open_is_shut_at_the_next_start() {
    let world = World::new();
    let mut gateway = ten_minutes().start(&world);
    // Both at once, as when the power goes but the kernel stays.
    kill(gateway.keeper().expect("it runs"), Signal::SIGKILL).expect("it runs");
    gateway.kill();
    let leftover = "100.96.0.77 . 10.20.3.48 . tcp . 3389";
    world.gateway.sh(&format!("nft 'add element {TABLE} granted4 {{ {leftover} }}'"));
    let files = gateway.files().clone();
    drop(gateway);
    let _gateway = Gateway::start(&world, files);
    assert!(!world.gateway.sh(&format!("nft list set {TABLE} granted4")).contains(leftover));
}

#[test]
fn without_its_keeper_no_session_begins_and_none_ends() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = ten_minutes().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert_eq!(read_line(&mut stream).as_deref(), Some("desk"));
    kill(gateway.keeper().expect("it runs"), Signal::SIGKILL).expect("it runs");
    wait::until("an alarm", wait::SOON, || gateway.log().contains("keeper is gone").then_some(()));
    let (answer, _) = api::login(&world, &world.other_home, "g.verdi", &password("g.verdi"));
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(gateway.sessions().len(), 1);
    assert!(answers(&mut stream, "still here"));
}

#[test]
fn the_administrators_own_tables_stay_as_they_are() {
    let world = World::new();
    world.gateway.sh(&ADMINISTRATOR.replace("POLICY", "accept"));
    let before = world.gateway.sh("nft -s list table inet house");
    let mut gateway = ten_minutes().start(&world);
    let _ = api::session(&world, &world.home, "m.rossi");
    assert_eq!(world.gateway.sh("nft -s list table inet house"), before);
    assert_eq!(gateway.stop(), Some(0));
    assert_eq!(world.gateway.sh("nft -s list table inet house"), before);
    assert_eq!(world.gateway.sh("nft list tables").lines().count(), 2);
}

#[test]
fn a_firewall_that_was_reloaded_gets_its_fence_back() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = ten_minutes().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let port = client.port();
    world.gateway.sh("nft flush ruleset");
    wait::until("the fence", wait::SOON, || {
        (world.gateway.succeeds(&format!("nft list table {TABLE}")) && open_ways(&world) == 1).then_some(())
    });
    assert_eq!(greeting(&world.home, LOOPBACK, port).as_deref(), Some("desk"));
    assert!(gateway.log().contains("made again"), "{}", gateway.log());
}

#[test]
fn a_firewall_that_drops_what_it_passes_on_is_told_with_what_to_add() {
    let world = World::new();
    let _desk = Echo::start(&world.workstation, "desk", (WORKSTATION, 3389));
    world.gateway.sh(&ADMINISTRATOR.replace("POLICY", "drop"));
    let gateway = ten_minutes().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let port = client.port();
    assert_eq!(greeting(&world.home, LOOPBACK, port), None);
    // The words of the log, done as they stand there.
    let log = gateway.log();
    let warning = log.lines().find(|line| line.contains("\"add\"")).unwrap_or_else(|| panic!("no advice: {log}"));
    let warning: serde_json::Value = serde_json::from_str(warning).expect("the log is JSON");
    world.gateway.sh(warning["add"].as_str().expect("words"));
    assert_eq!(greeting(&world.home, LOOPBACK, port).as_deref(), Some("desk"));
}

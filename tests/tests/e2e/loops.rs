//! Sessions that lie on different loops of the gateway: promise 2 holds across them as within one.
//!
//! Every test of this house runs against two loops; here it is made sure that both are at work. A session's loop shows
//! in its tunnel address: neighbouring addresses are of different loops.

use std::net::IpAddr;

use e2e::{
    api,
    client::Connect,
    echo::{Echo, answers, connect, read_line},
    gateway::{Gateway, Setup},
    packets, wait,
    wireguard::{Config, Tunnel},
    world::{OTHER_WORKSTATION, WORKSTATION, World},
};
use gateway_api::login::Session;

use crate::LOOPBACK;

fn loop_of(session: &Session) -> u8 {
    let IpAddr::V4(address) = session.address else { panic!("no IPv4 address: {}", session.address) };
    address.octets()[3] % 2
}

/// Shakes hands from a fresh port, which the kernel gives to either loop, and asks both workstations for their RDP port:
/// only `own` may answer.
fn expect_own(world: &World, config: &Config, port: u16, own: IpAddr, foreign: IpAddr) {
    let mut tunnel = Tunnel::open(&world.home, config, wait::SOON).expect("the gateway knows this session's key");
    tunnel.send(&packets::syn_from(config.address, port, foreign, 3389));
    tunnel.send(&packets::syn_from(config.address, port, own, 3389));
    let answer = tunnel.receive(wait::SOON).expect("the own workstation answers");
    let (IpAddr::V4(own), IpAddr::V4(address)) = (own, config.address) else { panic!("no IPv4 addresses") };
    assert_eq!((&answer[12..16], &answer[16..20]), (&own.octets()[..], &address.octets()[..]));
    assert_eq!(answer[33], 0x12, "SYN and ACK");
}

fn counted(gateway: &Gateway<'_>, what: &str) -> u64 {
    gateway.json(&["status", "--json"])[what].as_u64().unwrap_or_else(|| panic!("`status` tells no `{what}`"))
}

#[test]
fn two_workers_on_two_loops_each_reach_only_their_own() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let _other = Echo::start(&world.other_workstation, "other desk", (OTHER_WORKSTATION, 3389));
    let gateway = Setup::default().profile("grace", "\"10m\"").start(&world);
    assert_eq!(counted(&gateway, "loops"), 2);
    let (rossi, rossis) = api::session(&world, &world.home, "m.rossi");
    let (verdi, verdis) = api::session(&world, &world.home, "g.verdi");
    assert_ne!(loop_of(&rossi), loop_of(&verdi), "both sessions lie on one loop");
    for port in 50_000..50_010 {
        expect_own(&world, &rossis, port, WORKSTATION, OTHER_WORKSTATION);
        expect_own(&world, &verdis, port, OTHER_WORKSTATION, WORKSTATION);
    }
    for session in [&rossi, &verdi] {
        assert_eq!(gateway.drops(&session.number.to_string(), "other_host"), 10);
    }
    // Of twenty handshakes none reached the wrong loop once in a million runs.
    assert!(counted(&gateway, "handed_over") > 0);
    assert_eq!(counted(&gateway, "handshakes"), 20);
}

#[test]
fn answers_of_the_office_come_to_the_loop_whose_session_asked() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let _other = Echo::start(&world.other_workstation, "other desk", (OTHER_WORKSTATION, 3389));
    let gateway = Setup::default().start(&world);
    let mut rossi = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut verdi = Connect::new(&gateway, "g.verdi").start(&world.other_home);
    let doors = [(&world.home, rossi.port(), "desk"), (&world.other_home, verdi.port(), "other desk")];
    let now = || ["handed_over", "handshakes"].map(|what| counted(&gateway, what));
    let [handed_over, handshakes] = now();
    for _ in 0..30 {
        for (home, port, name) in doors {
            let mut stream = connect(home, LOOPBACK, port).expect("the door is open");
            assert_eq!(read_line(&mut stream).as_deref(), Some(name));
            assert!((0..5).all(|_| answers(&mut stream, "hello")));
        }
    }
    // The answer to the SYN may overtake the kernel's note of where the connection came from: here, where it takes no time, it
    // goes to either queue. Of those that follow none does.
    let [handed_over_since, handshakes_since] = now();
    assert!(handed_over_since - handed_over <= 60, "{} were handed over", handed_over_since - handed_over);
    assert_eq!(handshakes_since, handshakes, "these are handed over as well");
}

#[test]
fn the_number_of_loops_may_change_over_a_restart() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let setup = Setup::default().profile("grace", "\"10m\"");
    for loops in [2, 3, 1] {
        let files = setup.write(&world);
        let text = std::fs::read_to_string(files.config()).expect("just written");
        std::fs::write(files.config(), text.replace("loops = 2", &format!("loops = {loops}"))).expect("our own folder");
        if loops == 2 {
            files.add_person(&world, "m.rossi");
        }
        let mut gateway = Gateway::start(&world, files);
        assert_eq!(counted(&gateway, "loops"), loops);
        let (_, config) = api::session(&world, &world.home, "m.rossi");
        expect_own(&world, &config, 50_000, WORKSTATION, OTHER_WORKSTATION);
        gateway.stop();
    }
}

#[test]
fn threads_that_carry_packets_go_before_those_that_answer_the_internet() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let _ = api::session(&world, &world.home, "m.rossi");
    let threads = std::fs::read_dir(format!("/proc/{}/task", gateway.pid().expect("it runs"))).expect("it runs");
    // proc(5): the name stands in parentheses, and niceness is the seventeenth field after it.
    let stats = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    let (mut packets, mut control) = (Vec::new(), Vec::new());
    for stat in stats {
        let (name, rest) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(") ")).expect("as in proc(5)");
        let nice: i32 = rest.split(' ').nth(16).expect("as in proc(5)").parse().expect("a number");
        match name {
            name if name.starts_with("data-plane") => packets.push(nice),
            "control" => control.push(nice),
            _ => {}
        }
    }
    assert!(packets.len() == 2 && !control.is_empty(), "{packets:?}, {control:?}");
    assert!(control.iter().all(|nice| nice > packets.iter().max().expect("two loops")), "{packets:?}, {control:?}");
}

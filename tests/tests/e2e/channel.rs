//! The session channel: it carries the desktop where UDP is blocked, and holds the session while the laptop sleeps.

use std::{
    io::Read as _,
    net::TcpStream,
    time::{Duration, Instant},
};

use e2e::{
    client::{Client, Connect, exit},
    echo::{Echo, answers, connect, read_line},
    gateway::{Gateway, Setup, TUNNEL_PORT},
    wait,
    world::{WORKSTATION, World},
};
use nix::sys::signal::Signal;

use crate::LOOPBACK;

/// As a hotel's network does it: UDP does not pass, in neither direction.
pub(crate) fn block_udp(world: &World) {
    world.internet.sh(&format!(
        "nft add table ip hotel; nft 'add chain ip hotel pass {{ type filter hook forward priority 0; }}'; \
         nft add rule ip hotel pass udp dport {TUNNEL_PORT} drop; nft add rule ip hotel pass udp sport {TUNNEL_PORT} drop"
    ));
}

fn unblock_udp(world: &World) {
    world.internet.sh("nft delete table ip hotel");
}

fn at_work<'w>(world: &'w World, grace: &str) -> (Gateway<'w>, Client, TcpStream) {
    let gateway = Setup::default().profile("grace", grace).start(world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert!(read_line(&mut stream).is_some());
    stream.set_read_timeout(Some(wait::SOON)).expect("a live socket");
    (gateway, client, stream)
}

/// Which way a session's datagrams take.
pub(crate) fn by(gateway: &Gateway<'_>, number: &str) -> String {
    gateway.json(&["session", "show", number, "--json"])["by"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn where_udp_is_blocked_the_channel_carries_the_desktop() {
    let world = World::new();
    let _desk = crate::desk(&world);
    block_udp(&world);
    let (gateway, client, mut stream) = at_work(&world, "\"2m\"");
    assert!(client.said().contains("blocks fast connections (UDP)"), "{}", client.said());
    assert_eq!(by(&gateway, &gateway.only_session()), "channel");
    let much = "x".repeat(500_000);
    assert!(answers(&mut stream, &much), "half a megabyte comes back whole");
    client.signal(Signal::SIGTERM);
    gateway.assert_nothing_left();
}

#[test]
fn udp_that_is_blocked_in_the_middle_and_comes_back_cuts_nobody() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let (gateway, client, mut stream) = at_work(&world, "\"2m\"");
    let number = gateway.only_session();
    assert_eq!(by(&gateway, &number), "udp");

    block_udp(&world);
    let blocked = Instant::now();
    assert!(answers(&mut stream, "still here"), "{}", client.said());
    let stood = blocked.elapsed();
    println!("the desktop stood still for {stood:?}");
    // Two and a half seconds; TCP left to itself would repeat after seven.
    assert!(stood < Duration::from_secs(6), "{stood:?}");
    assert_eq!(by(&gateway, &number), "channel");
    assert!(answers(&mut stream, &"x".repeat(100_000)));

    unblock_udp(&world);
    wait::until("UDP to be taken again", 4 * wait::SOON, || (by(&gateway, &number) == "udp").then_some(()));
    assert!(answers(&mut stream, "still here"));
    assert_eq!(gateway.only_session(), number);
    assert_eq!(gateway.story(&number), ["session_opened"], "nothing happened to the session");
}

#[test]
fn whoever_only_looks_when_udp_is_blocked_goes_on_looking() {
    let world = World::new();
    let _desk = Echo::start_busy(&world.workstation, "desk", (WORKSTATION, 3389));
    let (gateway, _client, mut stream) = at_work(&world, "\"2m\"");
    let mut look = || stream.read_exact(&mut [0; 8]).map(|()| Instant::now()).expect("the screen");
    for _ in 0..100 {
        look();
    }
    block_udp(&world);
    let (blocked, mut seen, mut stood) = (Instant::now(), look(), Duration::ZERO);
    // Ten seconds' worth of screen, however it comes.
    for _ in 0..500 {
        let now = look();
        (seen, stood) = (now, stood.max(now - seen));
    }
    println!("the screen stood still for {stood:?}, and all was seen {:?} after UDP was blocked", blocked.elapsed());
    // Two seconds. Left to themselves, neither end would ask the other before a keepalive, and the workstation would repeat after
    // 6 and 13 seconds.
    assert!(stood < Duration::from_secs(6), "{stood:?}");
    assert_eq!(by(&gateway, &gateway.only_session()), "channel");
}

#[test]
fn a_channel_that_carries_the_desktop_and_is_cut_comes_back_with_it() {
    let world = World::new();
    let _desk = crate::desk(&world);
    block_udp(&world);
    let (gateway, client, mut stream) = at_work(&world, "\"2m\"");
    let number = gateway.only_session();
    world.gateway.sh("ss -K state established '( sport = :443 )' >/dev/null");
    wait::until("the channel to be back", wait::SOON, || {
        gateway.story(&number).contains(&"channel_resumed".to_owned()).then_some(())
    });
    assert!(answers(&mut stream, "still here"), "{}", client.said());
    assert!(client.said().contains("The line to the gateway is back"), "{}", client.said());
    assert_eq!(by(&gateway, &number), "channel");
}

/// Lets time pass while nothing is expected.
fn pass(span: Duration) {
    assert!(wait::within(span, || None::<()>).is_none());
}

fn sleeps_and_goes_on(span: Duration) {
    let world = World::new();
    let _desk = crate::desk(&world);
    let (gateway, client, mut stream) = at_work(&world, "\"2m\"");
    let number = gateway.only_session();
    client.signal(Signal::SIGSTOP);
    pass(span);
    client.signal(Signal::SIGCONT);
    assert!(answers(&mut stream, "still here"), "{}", client.said());
    assert_eq!(gateway.only_session(), number);
}

#[test]
fn a_laptop_that_nods_off_for_a_second_goes_on() {
    sleeps_and_goes_on(Duration::from_secs(1));
}

#[test]
fn a_laptop_that_sleeps_for_half_a_minute_goes_on() {
    sleeps_and_goes_on(Duration::from_secs(30));
}

#[test]
fn a_laptop_that_sleeps_longer_than_the_grace_wakes_to_words_that_explain_it() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let (gateway, mut client, mut stream) = at_work(&world, "\"5s\"");
    let number = gateway.only_session();
    client.signal(Signal::SIGSTOP);
    assert_eq!(gateway.close_reason(&number, 4 * wait::SOON), "client_lost");
    client.signal(Signal::SIGCONT);
    let woken = Instant::now();
    assert_eq!(client.wait(wait::SOON).code(), exit::UNREACHABLE, "{}", client.said());
    println!("told {:?} after it woke", woken.elapsed());
    assert!(client.said().contains("the session was closed"), "{}", client.said());
    assert!(!answers(&mut stream, "nobody"));
    gateway.assert_nothing_left();
}

//! A stop that meets what hangs: it ends all the same, before the service manager kills what is left.

use std::{
    fs,
    os::unix::net::{UnixDatagram, UnixStream},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::{bad_record::hold, console, house::*, review_steps::Office};

/// What the unit says.
const UNIT: &str = include_str!("../../../../deploy/systemd/deskgate-gateway.service");

/// A system log that reads nothing any more. The folder of devices becomes one of this test's own.
fn deaf_log(house: &House) -> UnixDatagram {
    let folder = house.path("dev").display().to_string();
    sh(&format!("mkdir {folder} && mount -t tmpfs -o mode=755 tmpfs {folder} && mkdir {folder}/shm"));
    sh(&format!("mount --bind /dev/shm {folder}/shm && cp -a /dev/null /dev/zero /dev/random /dev/urandom {folder}"));
    sh(&format!("mkdir {folder}/net && cp -a /dev/net/tun {folder}/net && mount --move {folder} /dev"));
    let log = UnixDatagram::bind("/dev/log").unwrap();
    let loud = UnixDatagram::unbound().unwrap();
    loud.set_nonblocking(true).unwrap();
    while loud.send_to(b"something", "/dev/log").is_ok() {}
    log
}

#[test]
fn a_stop_is_over_in_time_though_the_database_and_the_witness_hang() {
    let house = House::new();
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    fs::write(house.path("gateway.toml"), format!("{config}\n[record]\nwitness = \"syslog\"\n")).unwrap();
    let log = deaf_log(&house);
    let limit = UNIT.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    let limit = Duration::from_secs(limit.parse().unwrap());
    let stopped_within = |gateway: &mut Gateway| {
        let since = Instant::now();
        gateway.signal(Signal::SIGTERM);
        while !gateway.has_ended() {
            assert!(since.elapsed() < limit, "killed by now: {}", house.log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    };
    let mut gateway = house.serve();
    block_on(open("m.rossi"));
    stopped_within(&mut gateway);
    assert_eq!(gateway.ended(), Some(0), "the record is in order without its witness");
    assert!(house.log().contains("the witness does not have it"), "{}", house.log());

    let mut gateway = house.serve();
    let held = hold(&house);
    stopped_within(&mut gateway);
    assert_eq!(gateway.ended(), Some(1));
    assert!(house.log().contains("the stop goes on"), "{}", house.log());
    drop((held, log));
    let _gateway = house.serve();
    house.says(&["log", "verify"]);
}

#[test]
fn a_stop_waits_for_nobody_who_is_still_connected() {
    let office = console::office(Office::new());
    let house = &office.house;
    let mut gateway = house.serve();
    let (page, login) = block_on(async { (connect_to(console::PAGE).await, connect().await) });
    let administrator = UnixStream::connect(house.path("admin.sock")).unwrap();
    gateway.signal(Signal::SIGTERM);
    assert_eq!(gateway.ended(), Some(0));
    assert!(!house.log().contains("the stop goes on"), "{}", house.log());
    drop((page, login, administrator));
}

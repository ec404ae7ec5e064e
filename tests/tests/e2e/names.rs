//! A gateway with several names: where nobody answers by one, the next is asked, and whoever shows a certificate has answered.

use std::{io::ErrorKind, net::TcpListener, path::PathBuf};

use e2e::{
    client::{Connect, doctor_by, exit},
    echo::{answers, connect, read_line},
    gateway::{CONTROL_PORT, Gateway, Setup, TUNNEL_PORT},
    wait,
    window::profile_of_names,
    world::{GATEWAY, ROUTER, World},
};
use nix::sys::signal::Signal;
use rcgen::{CertificateParams, KeyPair};

use crate::{
    LOOPBACK,
    doctor::{SIGN_IN, assert_found},
    hotel::stranger,
};

/// No way leads there any more.
const FORMER: &str = "old.comune.test";
/// A computer by which nobody has led to the gateway yet. The gateway calls itself so.
const USUAL: &str = "desk.comune.test";
/// The gateway.
const SECOND_LINE: &str = "line.comune.test";

/// A gateway with three names, and the file that its office sent.
fn office(world: &World) -> (Gateway<'_>, PathBuf) {
    world.name(FORMER, "192.0.2.1".parse().expect("an address"));
    world.name(USUAL, ROUTER);
    world.name(SECOND_LINE, GATEWAY);
    let public = |port| format!("{USUAL}:{port}");
    let gateway = Setup { public: (public(CONTROL_PORT), public(TUNNEL_PORT)), ..Setup::default() }.start(world);
    let profile = profile_of_names(world, &gateway, &[FORMER, USUAL, SECOND_LINE]);
    (gateway, profile)
}

fn connect_by(gateway: &Gateway<'_>, profile: PathBuf) -> Connect {
    Connect { profile: Some(profile), ..Connect::new(gateway, "m.rossi") }
}

#[test]
fn the_second_line_takes_a_whole_session_where_nobody_answers_by_the_first() {
    let world = World::new();
    let desk = crate::desk(&world);
    let (gateway, profile) = office(&world);

    let (code, found) = doctor_by(&world.home, &profile, &SIGN_IN);
    assert_found(&found, &["gateway note", "gateway good", "certificate good", "udp good", "workstation good"]);
    for (name, cause) in [(FORMER, "network is unreachable"), (USUAL, "connection refused")] {
        let said = format!("{name} does not answer ({cause})");
        assert!(found.iter().any(|(_, words)| words.contains(&said)), "no `{said}`: {found:#?}");
    }
    assert_eq!(code, Some(0), "{found:#?}");

    let mut client = connect_by(&gateway, profile).start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert!(read_line(&mut stream).is_some());
    let number = gateway.held_session();
    let by = gateway.json(&["session", "show", &number, "--json"])["by"].clone();
    assert_eq!(by, "udp", "datagrams take the same line: {}", client.said());

    let back = world.internet.inside(|| TcpListener::bind((ROUTER, CONTROL_PORT))).expect("a free port");
    back.set_nonblocking(true).expect("a socket");
    world.gateway.sh("ss -K state established '( sport = :443 )' >/dev/null");
    wait::until("the channel to be back", wait::SOON, || {
        gateway.story(&number).contains(&"channel_resumed".to_owned()).then_some(())
    });
    assert!(answers(&mut stream, "still here"), "{}", client.said());
    client.signal(Signal::SIGINT);
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    assert_eq!(gateway.close_reason(&number, wait::SOON), "worker_closed");
    let asked = back.accept().expect_err("the usual name was asked in the middle of a session").kind();
    assert_eq!(asked, ErrorKind::WouldBlock);
    assert_eq!(desk.visits(), 2, "the doctor's and the worker's");
    gateway.assert_nothing_left();
}

#[test]
fn a_stranger_at_one_of_the_names_is_told_and_nobody_signs_in_by_another() {
    let world = World::new();
    let (gateway, profile) = office(&world);
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new([USUAL.to_owned()]).expect("a name").self_signed(&key);
    let _stranger = stranger(&world, CONTROL_PORT, &certificate.expect("a certificate").pem(), &key);

    let (code, said) = connect_by(&gateway, profile.clone()).refused(&world.home);
    assert_eq!(code, exit::FAILED, "{said}");
    assert!(said.contains(&format!("The certificate of {USUAL} is not the office's")), "{said}");
    let (code, found) = doctor_by(&world.home, &profile, &SIGN_IN);
    assert_found(&found, &["gateway note", "gateway good", "certificate bad", "clock skipped", "udp skipped"]);
    assert_eq!(code, Some(1), "{found:#?}");
    assert!(gateway.records().is_empty(), "nobody signed in: {:?}", gateway.records());
}

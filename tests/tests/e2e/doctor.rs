//! `deskgate doctor` in the world: where everything is well, where UDP is blocked, where a hotel wants something first, and where the
//! workstation is not there.

use e2e::{
    client,
    gateway::{CONTROL_PORT, Gateway, Setup},
    netns::Process,
    wait,
    world::{GATEWAY, HOME, World},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use serde_json::Value;

use crate::waking::Sleeper;

fn doctor(world: &World, gateway: &Gateway<'_>, more: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
    client::doctor(&world.home, gateway, more)
}

#[track_caller]
pub(crate) fn assert_found(found: &[(String, String)], expected: &[&str]) {
    for line in expected {
        assert!(found.iter().any(|(found, _)| found == line), "no `{line}`: {found:#?}");
    }
}

pub(crate) const SIGN_IN: [&str; 4] = ["--sign-in", "--user", "m.rossi", "--password-stdin"];

#[test]
fn a_home_where_all_is_well_is_told_so_and_its_session_lasts_a_moment() {
    let world = World::new();
    let desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let (code, found) = doctor(&world, &gateway, &[]);
    let well =
        ["gateway good", "certificate good", "clock good", "protocol good", "udp skipped", "workstation skipped"];
    assert_found(&found, &well);
    assert_eq!(code, Some(0), "{found:#?}");
    assert!(gateway.records().is_empty(), "nobody signed in: {:?}", gateway.records());
    let (code, found) = doctor(&world, &gateway, &SIGN_IN);
    assert_found(&found, &["udp good", "workstation good", "door good", "folder good"]);
    assert_eq!(code, Some(0), "{found:#?}");
    assert_eq!(desk.visits(), 1, "it was knocked at once");
    assert_eq!(gateway.close_reasons(), ["worker_closed"]);
    gateway.assert_nothing_left();
}

#[test]
fn a_workstation_that_refuses_and_one_that_is_silent_are_told_apart() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let numbers = || {
        let opened = |record: &Value| record["kind"] == "session_opened";
        let numbers = |record: &Value| record["session"].as_str().expect("a number").to_owned();
        gateway.records().iter().filter(|record| opened(record)).map(numbers).collect::<Vec<_>>()
    };
    for (times, sentence) in [(1, "refuses the connection (port 3389)"), (2, "does not answer (port 3389)")] {
        let (code, found) = doctor(&world, &gateway, &SIGN_IN);
        assert_found(&found, &["udp good", "workstation bad", "door good"]);
        assert_eq!(code, Some(1), "{found:#?}");
        let numbers = numbers();
        assert_eq!((numbers.len(), gateway.close_reasons()), (times, vec!["worker_closed".to_owned(); times]));
        let said = |text: &str| found.iter().any(|(_, words)| words.contains(text));
        assert!(said(sentence) && said(&format!("the session's number is {}", numbers[times - 1])), "{found:#?}");
        world.workstation.ip("link set eth0 down");
    }
    gateway.assert_nothing_left();
}

#[test]
fn a_workstation_that_sleeps_is_told_to_have_been_woken() {
    let world = World::new();
    let sleeper = Sleeper::new(&world);
    let gateway = sleeper.setup().start(&world);
    std::thread::scope(|scope| {
        let found = scope.spawn(|| doctor(&world, &gateway, &SIGN_IN));
        sleeper.wake();
        let _desk = crate::desk(&world);
        let (code, found) = found.join().expect("it ends");
        assert_found(&found, &["udp good", "workstation good"]);
        assert!(found.iter().any(|(_, words)| words.contains("your office woke it, and after ")), "{found:#?}");
        assert_eq!(code, Some(0), "{found:#?}");
    });
    gateway.assert_nothing_left();
}

#[test]
fn blocked_ports_are_told_apart() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    crate::channel::block_udp(&world);
    let (code, found) = doctor(&world, &gateway, &SIGN_IN);
    assert_found(&found, &["udp note", "workstation good"]);
    assert_eq!(code, Some(0), "{found:#?}");
    world.internet.sh(&format!("nft add rule ip hotel pass tcp dport {CONTROL_PORT} reject with tcp reset"));
    let (code, found) = doctor(&world, &gateway, &[]);
    assert_found(&found, &["names good", "gateway bad", "certificate skipped"]);
    assert_eq!(code, Some(1), "{found:#?}");
    world.home.sh("ip route flush table main; ip -6 route flush table main");
    let (_, found) = doctor(&world, &gateway, &[]);
    assert!(found.iter().any(|(_, words)| words.contains("in no network")), "{found:#?}");
}

#[test]
fn a_hotel_that_wants_something_first_is_seen() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    // Whatever leaves the home by TCP ends at the hotel, which knows one answer.
    world
        .internet
        .sh("nft add table ip hotel; nft 'add chain ip hotel lead { type nat hook prerouting priority -100; }'");
    let guests = format!("nft add rule ip hotel lead ip saddr {HOME} meta l4proto tcp redirect to :8080");
    world.internet.sh(&guests);
    let mut hotel = world.internet.command("python3");
    hotel.args(["-c", HOTEL]);
    let hotel = world.internet.spawn("hotel", hotel, "");
    wait::until("the hotel", wait::SOON, || hotel.stdout().contains("open").then_some(()));
    let (code, found) = doctor(&world, &gateway, &[]);
    assert!(found.iter().any(|(_, words)| words.contains("wants something of you first")), "{found:#?}");
    assert_found(&found, &["gateway bad", "certificate skipped", "udp skipped"]);
    assert_eq!(code, Some(1));
}

#[test]
fn a_hotel_that_shows_a_certificate_of_its_own_gets_no_password() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(["hotel".to_owned()]).expect("a name").self_signed(&key);
    let _hotel = hotel(&world, &certificate.expect("a certificate").pem(), &key);
    let (code, found) = doctor(&world, &gateway, &[]);
    assert_found(&found, &["certificate bad", "clock skipped", "udp skipped"]);
    let words = |text| found.iter().any(|(_, words)| words.contains(text));
    assert!(words("Do not give your office password to anybody") && words("a page of its own first"), "{found:#?}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_certificate_out_of_date_is_a_matter_of_the_clock_at_a_hotel_too_if_it_is_the_offices() {
    let authority = || {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, key).expect("an authority")
    };
    let (office, stranger) = (authority(), authority());
    for (signs, expected, sentence) in [
        (&office, ["gateway good", "clock bad"], "Check date and year; if they are right, call the help desk"),
        (&stranger, ["certificate bad", "clock skipped"], "Do not give your office password to anybody"),
    ] {
        let world = World::new();
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([GATEWAY.to_string()]).expect("an address");
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        let shown = params.signed_by(&key, signs).expect("a certificate");
        let _hotel = hotel(&world, &shown.pem(), &key);
        let known = world.folder().join("office.pem");
        std::fs::write(&known, office.as_ref().pem()).expect("the world's folder is writable");
        let (code, found) = client::doctor_with(&world.home, &["--ca", &known.display().to_string()]);
        assert_found(&found, &expected);
        assert_found(&found, &["protocol skipped", "udp skipped"]);
        assert!(found.iter().any(|(_, words)| words.contains(sentence)), "{found:#?}");
        assert!(!found.iter().any(|(_, words)| words.contains("wants something of you first")), "{found:#?}");
        assert_eq!(code, Some(1));
    }
}

/// A hotel that leads browsers to its own page, and answers in the gateway's place with this certificate.
fn hotel(world: &World, certificate: &str, key: &KeyPair) -> [Process; 2] {
    world
        .internet
        .sh("nft add table ip hotel; nft 'add chain ip hotel lead { type nat hook prerouting priority -100; }'");
    for (port, to) in [(80, 8080), (CONTROL_PORT, 8443)] {
        world.internet.sh(&format!("nft add rule ip hotel lead ip saddr {HOME} tcp dport {port} redirect to :{to}"));
    }
    let mut page = world.internet.command("python3");
    page.args(["-c", HOTEL]);
    let hotel = [world.internet.spawn("hotel", page, ""), stranger(world, 8443, certificate, key)];
    wait::until("the hotel", wait::SOON, || hotel[0].stdout().contains("open").then_some(()));
    hotel
}

/// Somebody on the Internet who shows this certificate.
pub(crate) fn stranger(world: &World, port: u16, certificate: &str, key: &KeyPair) -> Process {
    let [shown, secret] = ["stranger.pem", "stranger.key"].map(|name| world.folder().join(name));
    std::fs::write(&shown, certificate).expect("the world's folder is writable");
    std::fs::write(&secret, key.serialize_pem()).expect("the world's folder is writable");
    let mut server = world.internet.command("openssl");
    server.args(["s_server", "-accept", &port.to_string(), "-www", "-tls1_3"]);
    server.arg("-key").arg(secret).arg("-cert").arg(shown);
    let stranger = world.internet.spawn("stranger", server, "");
    wait::until("the stranger", wait::SOON, || stranger.stdout().contains("ACCEPT").then_some(()));
    stranger
}

/// Sends every browser to its own page.
const HOTEL: &str = r#"
import http.server
class Hotel(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "http://welcome.hotel.example/agree")
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("", 8080), Hotel)
print("open", flush=True)
server.serve_forever()
"#;

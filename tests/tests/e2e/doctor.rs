//! `deskgate doctor` in the world: where everything is well, where UDP is blocked, and where a hotel wants something first.

use e2e::{
    client,
    gateway::{CONTROL_PORT, Gateway, Setup},
    wait,
    world::World,
};

fn doctor(world: &World, gateway: &Gateway<'_>, more: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
    client::doctor(&world.home, gateway, more)
}

#[track_caller]
fn assert_found(found: &[(String, String)], expected: &[&str]) {
    for line in expected {
        assert!(found.iter().any(|(found, _)| found == line), "no `{line}`: {found:#?}");
    }
}

const SIGN_IN: [&str; 4] = ["--sign-in", "--user", "m.rossi", "--password-stdin"];

#[test]
fn a_home_where_all_is_well_is_told_so_and_its_session_lasts_a_moment() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let (code, found) = doctor(&world, &gateway, &[]);
    assert_found(&found, &["gateway good", "certificate good", "clock good", "protocol good", "udp skipped"]);
    assert_eq!(code, Some(0), "{found:#?}");
    assert!(gateway.records().is_empty(), "nobody signed in: {:?}", gateway.records());
    let (code, found) = doctor(&world, &gateway, &SIGN_IN);
    assert_found(&found, &["udp good", "door good", "folder good"]);
    assert_eq!(code, Some(0), "{found:#?}");
    gateway.assert_nothing_left();
}

#[test]
fn blocked_ports_are_told_apart() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    crate::channel::block_udp(&world);
    let (code, found) = doctor(&world, &gateway, &SIGN_IN);
    assert_found(&found, &["udp note"]);
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
    let guests = format!("nft add rule ip hotel lead ip saddr {} meta l4proto tcp redirect to :8080", e2e::world::HOME);
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
    let folder = world.folder().display();
    world.internet.sh(&format!(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=hotel \
         -keyout {folder}/hotel.key -out {folder}/hotel.pem 2> /dev/null"
    ));
    world
        .internet
        .sh("nft add table ip hotel; nft 'add chain ip hotel lead { type nat hook prerouting priority -100; }'");
    for (port, to) in [(80, 8080), (CONTROL_PORT, 8443)] {
        let home = e2e::world::HOME;
        world.internet.sh(&format!("nft add rule ip hotel lead ip saddr {home} tcp dport {port} redirect to :{to}"));
    }
    let mut hotel = world.internet.command("python3");
    hotel.args(["-c", HOTEL]);
    let mut encrypted = world.internet.command("openssl");
    encrypted.args(["s_server", "-accept", "8443", "-www", "-tls1_3"]);
    encrypted.args(["-key", &format!("{folder}/hotel.key"), "-cert", &format!("{folder}/hotel.pem")]);
    let hotels = [world.internet.spawn("hotel", hotel, ""), world.internet.spawn("hotel-tls", encrypted, "")];
    wait::until("the hotel", wait::SOON, || {
        (hotels[0].stdout().contains("open") && hotels[1].stdout().contains("ACCEPT")).then_some(())
    });
    let (code, found) = doctor(&world, &gateway, &[]);
    assert_found(&found, &["certificate bad", "clock skipped", "udp skipped"]);
    let words = |text| found.iter().any(|(_, words)| words.contains(text));
    assert!(words("Do not give your office password to anybody") && words("a page of its own first"), "{found:#?}");
    assert_eq!(code, Some(1));
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

//! A hotel that wants something of its guests first: what signing in and `deskgate doctor` make of it, and what the hotel learns.

use e2e::{
    client::{self, Connect, exit},
    gateway::{CONTROL_PORT, Setup, password},
    netns::{Computer, Process},
    wait,
    world::{GATEWAY, HOME, World},
};
use nix::sys::signal::Signal;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use crate::doctor::assert_found;

const USER: &str = "m.rossi";

#[test]
fn a_hotel_that_wants_something_first_is_seen() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    // Whatever leaves the home by TCP ends at the hotel, which knows one answer.
    let hotel = Hotel::open(&world, &["meta l4proto tcp redirect to :8080"], None);
    let (code, found) = client::doctor(&world.home, &gateway, &[]);
    assert!(found.iter().any(|(_, words)| words.contains("wants something of you first")), "{found:#?}");
    assert_found(&found, &["gateway bad", "certificate skipped", "udp skipped"]);
    assert_eq!(code, exit::FAILED);
    let (code, said) = Connect::new(&gateway, USER).refused(&world.home);
    assert!(said.contains("wants something of you first"), "{said}");
    assert_eq!(code, exit::UNREACHABLE);
    hotel.assert_learnt_nothing();
}

#[test]
fn a_hotel_that_answers_every_name_with_its_own_address_is_seen() {
    const OWN: &str = "10.99.0.1";
    let world = World::new();
    let gateway = Setup::default().start(&world);
    world.internet.ip(&format!("addr add {OWN}/32 dev home"));
    world.name("gw.comune.example", OWN.parse().expect("an address"));
    let hotel = Hotel::open(&world, &[&format!("ip daddr {OWN} tcp dport 80 redirect to :8080")], None);
    let mut connect = Connect::new(&gateway, USER);
    connect.server = format!("gw.comune.example:{CONTROL_PORT}");
    let (code, said) = connect.refused(&world.home);
    assert!(said.contains("wants something of you first"), "{said}");
    assert_eq!(code, exit::UNREACHABLE);
    hotel.assert_learnt_nothing();
}

#[test]
fn an_offices_own_web_server_is_no_hotel() {
    let world = World::new();
    let mut gateway = Setup::default().start(&world);
    let connect = Connect::new(&gateway, USER);
    let fingerprint = gateway.fingerprint();
    gateway.kill();
    let _page = serve(&world.gateway, &["80", "http://www.comune.example/"]);
    let (code, found) = client::doctor_with(&world.home, &["--fingerprint", &fingerprint]);
    assert_found(&found, &["names good", "gateway bad", "certificate skipped"]);
    assert!(found.iter().any(|(_, words)| words.contains("does not answer")), "{found:#?}");
    assert_eq!(code, exit::FAILED);
    let (code, said) = connect.refused(&world.home);
    assert!(said.contains("does not answer (connection refused)"), "{said}");
    assert_eq!(code, exit::UNREACHABLE);
}

#[test]
fn whoever_has_enough_waits_for_no_hotel() {
    let world = World::new();
    let mut gateway = Setup::default().start(&world);
    let connect = Connect::new(&gateway, USER);
    gateway.kill();
    // The question where nobody is has no answer at all.
    assert_ended_in_the_middle_of_a_question(&world, &connect, "192.0.2.113 tcp dport 80");
}

#[test]
fn whoever_has_enough_waits_for_no_name() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    // Whoever is asked for names is silent, for longer than the program looks.
    world.home.sh(
        "echo 'nameserver 192.0.2.53\noptions timeout:30 attempts:3' > /tmp/names; mount --bind /tmp/names /etc/resolv.conf",
    );
    let mut connect = Connect::new(&gateway, USER);
    connect.server = format!("gw.comune.example:{CONTROL_PORT}");
    assert_ended_in_the_middle_of_a_question(&world, &connect, "192.0.2.53 udp dport 53");
}

/// Ctrl-C ends it also while it waits for an answer from there, where nobody gives one.
#[track_caller]
fn assert_ended_in_the_middle_of_a_question(world: &World, connect: &Connect, asked: &str) {
    world
        .internet
        .sh("nft add table ip hole; nft 'add chain ip hole asked { type filter hook prerouting priority 0; }'");
    world.internet.sh(&format!("nft add rule ip hole asked ip daddr {asked} counter drop"));
    let mut client = connect.start(&world.home);
    wait::until("the question", wait::SOON, || {
        (!world.internet.sh("nft list table ip hole").contains("packets 0 ")).then_some(())
    });
    client.signal(Signal::SIGINT);
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
}

#[test]
fn a_hotel_that_shows_a_certificate_of_its_own_gets_no_password() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(["hotel".to_owned()]).expect("a name").self_signed(&key);
    let hotel = Hotel::with_certificate(&world, &certificate.expect("a certificate").pem(), &key);
    let (code, found) = client::doctor(&world.home, &gateway, &[]);
    assert_found(&found, &["certificate bad", "clock skipped", "udp skipped"]);
    let words = |text| found.iter().any(|(_, words)| words.contains(text));
    assert!(words("Do not give your office password to anybody") && words("a page of its own first"), "{found:#?}");
    assert_eq!(code, exit::FAILED);
    let (code, said) = Connect::new(&gateway, USER).refused(&world.home);
    for words in ["a page of its own first", "Do not give your office password", "Your password was not sent."] {
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(code, exit::FAILED);
    hotel.assert_learnt_nothing();
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
        let _hotel = Hotel::with_certificate(&world, &shown.pem(), &key);
        let known = world.folder().join("office.pem");
        std::fs::write(&known, office.as_ref().pem()).expect("the world's folder is writable");
        let (code, found) = client::doctor_with(&world.home, &["--ca", &known.display().to_string()]);
        assert_found(&found, &expected);
        assert_found(&found, &["protocol skipped", "udp skipped"]);
        assert!(found.iter().any(|(_, words)| words.contains(sentence)), "{found:#?}");
        assert!(!found.iter().any(|(_, words)| words.contains("wants something of you first")), "{found:#?}");
        assert_eq!(code, exit::FAILED);
    }
}

/// A hotel that leads its guests to its own page.
struct Hotel {
    servers: Vec<Process>,
}

impl Hotel {
    /// One that answers for whatever these rules lead to it; by TLS as well with a certificate and its key.
    fn open(world: &World, leads: &[&str], shown: Option<(&str, &KeyPair)>) -> Self {
        world
            .internet
            .sh("nft add table ip hotel; nft 'add chain ip hotel lead { type nat hook prerouting priority -100; }'");
        for lead in leads {
            world.internet.sh(&format!("nft add rule ip hotel lead ip saddr {HOME} {lead}"));
        }
        let page = serve(&world.internet, &["8080", "http://welcome.hotel.example/agree"]);
        let encrypted = shown.map(|(certificate, key)| stranger(world, 8443, certificate, key));
        Self { servers: std::iter::once(page).chain(encrypted).collect() }
    }

    /// One that also answers in the gateway's place, with this certificate.
    fn with_certificate(world: &World, certificate: &str, key: &KeyPair) -> Self {
        let leads = [(80, 8080), (CONTROL_PORT, 8443)].map(|(port, to)| format!("tcp dport {port} redirect to :{to}"));
        Self::open(world, &leads.each_ref().map(String::as_str), Some((certificate, key)))
    }

    /// Whatever it was told, in the clear or under its own certificate: neither who wanted in, nor by which password.
    fn assert_learnt_nothing(&self) {
        let heard: String = self.servers.iter().map(Process::stdout).collect();
        assert!(heard.contains("GET / HTTP/1.1"), "somebody came: {heard}");
        assert!(!heard.contains(USER) && !heard.contains(&password(USER)), "{heard}");
        assert!(!heard.contains("under TLS"), "{heard}");
    }
}

/// Somebody on the Internet who shows this certificate.
pub(crate) fn stranger(world: &World, port: u16, certificate: &str, key: &KeyPair) -> Process {
    let shown = ["stranger.pem", "stranger.key"].map(|name| world.folder().join(name));
    for (path, text) in shown.iter().zip([certificate, &key.serialize_pem()]) {
        std::fs::write(path, text).expect("the world's folder is writable");
    }
    let [certificate, key] = shown.map(|path| path.display().to_string());
    serve(&world.internet, &[&port.to_string(), &certificate, &key])
}

/// A server that prints what it hears: at a port and sending browsers elsewhere, or at a port under a certificate.
fn serve(computer: &Computer, arguments: &[&str]) -> Process {
    let mut command = computer.command("python3");
    command.args(["-u", "-c", SERVER]).args(arguments);
    let server = computer.spawn(&format!("server-{}", arguments[0]), command, "");
    wait::until("the server", wait::SOON, || server.stdout().contains("open").then_some(()));
    server
}

const SERVER: &str = r#"
import socket, ssl, sys, threading
port, *more = sys.argv[1:]
def redirect(guest):
    heard = guest.recv(65536)
    print("heard", heard)
    if heard.startswith(b"GET "):
        guest.sendall(f"HTTP/1.1 302 Found\r\nLocation: {more[0]}\r\nContent-Length: 0\r\n\r\n".encode())
def under_tls(guest):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*more)
    with context.wrap_socket(guest, server_side=True) as guest:
        print("heard under TLS", guest.recv(65536))
def receive(guest):
    with guest:
        try:
            redirect(guest) if len(more) == 1 else under_tls(guest)
        except OSError:
            pass
listening = socket.create_server(("", int(port)))
print("open")
while True:
    threading.Thread(target=receive, args=(listening.accept()[0],), daemon=True).start()
"#;

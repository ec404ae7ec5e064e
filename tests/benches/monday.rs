//! Monday morning, and its uninvited guests: `cargo bench -p e2e --bench monday` (root; builds the programs in release).
//!
//! - 500 workers sign in at the same moment, each from an address of their own, against a real OpenLDAP: how many are let in,
//!   how long each waited, and what another worker's echo through a tunnel felt of it;
//! - strangers try a wrong password, a name that nobody has, and a right password without its second factor, in turns: whether what they
//!   wait tells them apart (the distance of Kolmogorov and Smirnov: 0 where two distributions are one, 1 where they do not meet);
//! - strangers from 200 addresses send garbage as fast as it is answered, up to 10,000 requests a second over connections that stay
//!   open; then well-formed logins with wrong passwords; then 300 new TLS connections a second that ask nothing;
//!   meanwhile a session copies at a steady rate, and a worker signs in from an address that nobody has seen;
//! - 10,000 workers have a session, and an administrator asks for the list of them.
//!
//! All of it runs on the same processors. Those who sign in and the strangers would have their own: their threads are nicer than all
//! others, and look at what a flood reached.
//! `DESKGATE_SECONDS` sets how long each flood lasts (10; 0 leaves them out), `DESKGATE_SESSIONS` how many sessions are listed (10,000;
//! 0 leaves that out). With `DESKGATE_BUILT` the programs in `target/release` are
//! taken as they are.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    process::Command,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use e2e::{
    api,
    client::Connect,
    cost::{processor, resident},
    gateway::{CONTROL_PORT, Files, Gateway, Setup, password},
    ldap::{self, Directory},
    netns::Computer,
    tls, wait,
    wireguard::PrivateKey,
    world::{GATEWAY, WORKSTATION, World},
};
use nix::unistd::Pid;
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

/// Who come on Monday.
const WORKERS: u16 = 500;
/// The strangers' addresses, and how many of them work at a time.
const STRANGERS: u16 = 200;
const THREADS: u16 = 4;
const REQUESTS_A_SECOND: u64 = 10_000;
const CONNECTIONS_A_SECOND: u64 = 300;
/// How often each kind of wrong credentials is tried, by people of whom as many have a second factor.
const TRIES: u16 = 120;
/// How often the list is asked for.
const LISTS: u32 = 20;
/// The session that copies meanwhile, in bytes a second.
const STEADY: u64 = 50_000_000;

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    if std::env::var_os("DESKGATE_BUILT").is_none() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "-p", "deskgate-gateway", "-p", "deskgate"])
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the programs do not build");
    }
    let setting = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seconds = setting("DESKGATE_SECONDS").unwrap_or(10);
    let sessions = setting("DESKGATE_SESSIONS").and_then(|number| u16::try_from(number).ok()).unwrap_or(10_000);
    let people_there = sessions.max(WORKERS);
    let world = World::new();
    // Homes by the thousand: every address of 10.64.0.0/14 is one of the home computer's own.
    world.home.ip("route add local 10.64.0.0/14 dev lo");
    world.internet.ip("route add 10.64.0.0/14 via 198.51.100.2");
    let directory = Directory::start(&world);
    directory
        .modify(&world, &people("monday", &(0..WORKERS).map(worker).chain((0..TRIES).map(coded)).collect::<Vec<_>>()));
    // Nobody's session ends while the others sign in.
    let hours = "\"1h\"";
    let mut setup =
        Setup::default().ldap(&directory).profile("grace", hours).profile("unused", hours).profile("idle", hours);
    setup.pool = "100.96.0.0/16".to_owned();
    let files = setup.write(&world);
    files.set_policy(&(setup.policy() + &agreements(people_there)));
    let gateway = Gateway::start(&world, Files::clone(&files));
    let _desk = desk(&world);

    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let door = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), client.port());
    let scene = Scene { world: &world, gateway: &gateway, directory: &directory, door, tls: tls::client() };
    println!("echo of one byte, quiet: {}", Times(echo(&world.home, door, || true)));
    monday(&scene);
    alike(&scene);
    let quiet = copy(&world.home, door, Duration::from_secs(3));
    println!("a session's copy, quiet: {:.1} MB/s of {:.0}", quiet / 1e6, STEADY as f64 / 1e6);
    for flood in [Flood::Garbage, Flood::WrongPasswords, Flood::Connections].into_iter().filter(|_| seconds > 0) {
        uninvited(&scene, flood, Duration::from_secs(seconds), quiet);
    }
    if sessions > 0 {
        listed(&scene, sessions);
    }
}

/// Who are there all the time.
struct Scene<'w> {
    world: &'w World,
    gateway: &'w Gateway<'w>,
    directory: &'w Directory,
    /// Where another worker's workstation is reached at home.
    door: SocketAddr,
    tls: Arc<ClientConfig>,
}

/// Who has processors of their own in the world takes from ours what nobody else wants, sched(7).
fn elsewhere() {
    let own = rustix::process::getpriority_process(None).unwrap_or_default();
    let _ = rustix::process::setpriority_process(None, own + 10);
}

/// Everybody signs in at once.
fn monday(Scene { world, door, tls, .. }: &Scene<'_>) {
    let (start, over) = (Barrier::new(usize::from(WORKERS) + 1), AtomicBool::new(false));
    let (answers, felt) = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|nth| {
                let (start, tls) = (&start, tls);
                scope.spawn(move || {
                    elsewhere();
                    world.home.inside(|| {
                        let name = worker(nth);
                        let body = api::login_body(&name, &password(&name), None, PrivateKey::random().public());
                        start.wait();
                        let begun = Instant::now();
                        let status = Caller::connect(address(0, nth), tls).and_then(|mut caller| caller.post(&body));
                        (status.unwrap_or(0), begun.elapsed())
                    })
                })
            })
            .collect();
        let listener = scope.spawn(|| {
            start.wait();
            echo(&world.home, *door, || !over.load(Ordering::Relaxed))
        });
        let answers: Vec<_> = workers.into_iter().map(|worker| worker.join().expect("a worker")).collect();
        over.store(true, Ordering::Relaxed);
        (answers, listener.join().expect("the echo"))
    });
    let let_in = answers.iter().filter(|(status, _)| *status == 200).count();
    println!("{let_in} of {WORKERS} logins at once are let in, after {}", Times(answers.iter().map(|a| a.1).collect()));
    println!("echo of one byte meanwhile: {}", Times(felt));
}

/// Everybody signs in, some at a time, and somebody asks who is there.
fn listed(Scene { world, gateway, directory, door, tls }: &Scene<'_>, sessions: u16) {
    for first in (WORKERS..sessions).step_by(usize::from(WORKERS)) {
        let last = sessions.min(first + WORKERS);
        directory.modify(world, &people(&format!("from-{first}"), &(first..last).map(worker).collect::<Vec<_>>()));
    }
    let (next, begun) = (AtomicU16::new(0), Instant::now());
    let before = resident(pid(gateway));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                world.home.inside(|| {
                    loop {
                        let nth = next.fetch_add(1, Ordering::Relaxed);
                        if nth >= sessions {
                            return;
                        }
                        let name = worker(nth);
                        let body = api::login_body(&name, &password(&name), None, PrivateKey::random().public());
                        let sign_in =
                            || Caller::connect(address(0, nth), tls).and_then(|mut caller| caller.post(&body));
                        // Where the machine is too busy for it, again.
                        wait::until("a login", 4 * wait::SOON, || sign_in().ok().filter(|status| *status == 200));
                    }
                });
            });
        }
    });
    let took = begun.elapsed().as_secs_f64();
    println!("{sessions} workers are in: {:.0} logins a second", f64::from(sessions) / took);
    println!("the gateway's memory {before:.1} -> {:.1} MB", resident(pid(gateway)));
    let (over, spent) = (AtomicBool::new(false), processor(pid(gateway)));
    let (times, felt): (Vec<_>, _) = std::thread::scope(|scope| {
        let listener = scope.spawn(|| echo(&world.home, *door, || !over.load(Ordering::Relaxed)));
        let ask = |_| {
            let begun = Instant::now();
            let rows = gateway.json(&["session", "list", "--json"]).as_array().map_or(0, Vec::len);
            assert!(rows >= usize::from(sessions), "{rows} sessions");
            begun.elapsed()
        };
        let times = (0..LISTS).map(ask).collect();
        over.store(true, Ordering::Relaxed);
        (times, listener.join().expect("the echo"))
    });
    println!("`session list --json`, from its start to its end: {}", Times(times));
    let each = (processor(pid(gateway)) - spent) * 1e3 / f64::from(LISTS);
    println!("the gateway's processor time for each, the echo's included: {each:.0} ms");
    println!("echo of one byte meanwhile: {}", Times(felt));
}

/// What wrong credentials cost whoever tries them, by kind.
fn alike(Scene { world, tls, .. }: &Scene<'_>) {
    const KINDS: [&str; 3] = ["wrong password", "unknown name", "no second factor"];
    let waits: Vec<(usize, Duration)> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || world.home.inside(|| guesses(thread, tls)))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a guesser")).collect()
    });
    let of = |kind: usize| -> Vec<Duration> { waits.iter().filter(|wait| wait.0 == kind).map(|wait| wait.1).collect() };
    for (kind, name) in KINDS.iter().enumerate() {
        println!("{name}: answered after {}", Times(of(kind)));
    }
    // At the level of one in a hundred, two samples of one distribution are further apart than this once in a hundred times.
    let chance = 1.63 * (2.0 / f64::from(TRIES)).sqrt();
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let distance = distance(&of(one), &of(other));
        println!("{} and {}: {distance:.3} apart; by chance up to {chance:.3}", KINDS[one], KINDS[other]);
    }
}

/// One thread's guesses, each once for each account, from addresses that nobody knows.
fn guesses(thread: u16, tls: &Arc<ClientConfig>) -> Vec<(usize, Duration)> {
    let mut waits = Vec::new();
    for nth in (0..TRIES).filter(|nth| nth % THREADS == thread) {
        let guesses = [(worker(nth), "wrong".to_owned()), (format!("nobody{nth}"), "wrong".to_owned()), {
            let coded = coded(nth);
            let password = password(&coded);
            (coded, password)
        }];
        for (kind, (name, password)) in guesses.into_iter().enumerate() {
            let body = api::login_body(&name, &password, None, PrivateKey::random().public());
            // Beyond the addresses of the floods.
            let Ok(mut caller) = Caller::connect(address(1, 3 * STRANGERS + nth), tls) else { continue };
            let begun = Instant::now();
            assert_eq!(caller.post(&body).unwrap_or(0), 401, "{name} is not answered as wrong credentials are");
            waits.push((kind, begun.elapsed()));
        }
    }
    waits
}

/// How far two samples are apart at most, as shares: Kolmogorov and Smirnov's statistic.
fn distance(one: &[Duration], other: &[Duration]) -> f64 {
    let share = |sample: &[Duration], time: Duration| {
        sample.iter().filter(|wait| **wait <= time).count() as f64 / sample.len() as f64
    };
    one.iter().chain(other).map(|time| (share(one, *time) - share(other, *time)).abs()).fold(0.0, f64::max)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flood {
    Garbage,
    WrongPasswords,
    Connections,
}

fn uninvited(Scene { world, gateway, door, tls, .. }: &Scene<'_>, flood: Flood, span: Duration, quiet: f64) {
    let (over, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let before = resident(pid(gateway));
    let (carried, login) = std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (over, count) = (&over, &count);
            scope.spawn(move || {
                elsewhere();
                world.home.inside(|| strangers(flood, thread, tls, over, count));
            });
        }
        let login = scope.spawn(|| {
            std::thread::sleep(span / 2);
            let body = api::login_body("g.verdi", &password("g.verdi"), None, PrivateKey::random().public());
            world.home.inside(|| {
                let begun = Instant::now();
                let status = Caller::connect(address(3, flood as u16), tls).and_then(|mut caller| caller.post(&body));
                (status.unwrap_or(0), begun.elapsed())
            })
        });
        let carried = copy(&world.home, *door, span);
        over.store(true, Ordering::Relaxed);
        (carried, login.join().expect("the worker"))
    });
    let done = count.load(Ordering::Relaxed) as f64 / span.as_secs_f64();
    println!(
        "{flood:?}: {done:.0} a second; a session's copy at {:.1} MB/s ({:.0} % of quiet); a worker's login: status {} after {:.0} ms; \
         the gateway's memory {:.1} -> {:.1} MB",
        carried / 1e6,
        carried / quiet * 100.0,
        login.0,
        login.1.as_secs_f64() * 1e3,
        before,
        resident(pid(gateway))
    );
}

/// One thread's share of a flood: its addresses in turn, as fast as the whole flood is meant to be, or as it is answered.
fn strangers(flood: Flood, thread: u16, tls: &Arc<ClientConfig>, over: &AtomicBool, count: &AtomicU64) {
    let mine: Vec<u16> = (0..STRANGERS).filter(|nth| nth % THREADS == thread).collect();
    let mut callers: Vec<Option<Caller>> = mine.iter().map(|_| None).collect();
    let rate = if flood == Flood::Connections { CONNECTIONS_A_SECOND } else { REQUESTS_A_SECOND };
    let pause = Duration::from_secs(1) / u32::try_from(rate).expect("a small number") * u32::from(THREADS);
    let begun = Instant::now();
    for (sent, turn) in (0..).zip((0..mine.len()).cycle()) {
        if over.load(Ordering::Relaxed) {
            return;
        }
        if let Some(early) = (pause * sent).checked_sub(begun.elapsed()) {
            std::thread::sleep(early);
        }
        let from = address(1, flood as u16 * STRANGERS + mine[turn]);
        if flood == Flood::Connections {
            if Caller::connect(from, tls).is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
            continue;
        }
        if callers[turn].is_none() {
            callers[turn] = Caller::connect(from, tls).ok();
        }
        let Some(caller) = &mut callers[turn] else { continue };
        let answer = match flood {
            Flood::WrongPasswords => {
                let nobody = format!("nobody{turn}");
                caller.post(&api::login_body(&nobody, "wrong", None, PrivateKey::random().public()))
            }
            Flood::Garbage | Flood::Connections => caller.post(b"{\"user\": [1, 2, 3"),
        };
        match answer {
            Ok(_) => {
                count.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => callers[turn] = None,
        }
    }
}

/// Somebody who speaks to the control API, by hand and at length.
struct Caller(StreamOwned<ClientConnection, TcpStream>);

impl Caller {
    fn connect(from: Ipv4Addr, tls: &Arc<ClientConfig>) -> io::Result<Self> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.connect_timeout(&SocketAddr::new(GATEWAY, CONTROL_PORT).into(), Duration::from_secs(30))?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let connection =
            ClientConnection::new(Arc::clone(tls), ServerName::IpAddress(GATEWAY.into())).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self(stream))
    }

    /// The answer's status.
    fn post(&mut self, body: &[u8]) -> io::Result<u16> {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: deskgate\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            gateway_api::LOGIN,
            body.len()
        );
        self.0.write_all(&[head.as_bytes(), body].concat())?;
        let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            let read = self.0.read(&mut chunk)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answer.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let field = |name: &str| {
                let mut lines = head.lines().filter_map(|line| line.split_once(": "));
                lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
            };
            let length = field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
                return status.ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
        }
    }
}

/// An address of one of four /16: workers', strangers' (each in a network of its own), none, and of whom nobody has seen.
fn address(kind: u8, nth: u16) -> Ipv4Addr {
    let [high, low] = nth.to_be_bytes();
    match kind {
        1 => Ipv4Addr::new(10, 65 + high, low, 7),
        kind => Ipv4Addr::new(10, 64 + kind, high, low),
    }
}

fn worker(nth: u16) -> String {
    format!("worker{nth}")
}

/// Somebody whose profile asks for a second factor.
fn coded(nth: u16) -> String {
    format!("coded{nth}")
}

/// New people, in a group of their own inside the office's: a directory reads a group's entry whole whenever it looks into it.
fn people(group: &str, names: &[String]) -> String {
    let base = ldap::BASE;
    let person = |name: &String| {
        format!(
            "dn: uid={name},ou=people,{base}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n\
             userPassword: {}\n\n",
            password(name)
        )
    };
    let members: String = names.iter().map(|name| format!("member: uid={name},ou=people,{base}\n")).collect();
    let dn = format!("cn={group},ou=groups,{base}");
    let groups = format!(
        "dn: {dn}\nchangetype: add\nobjectClass: groupOfNames\ncn: {group}\n{members}\n\
         dn: {}\nchangetype: modify\nadd: member\nmember: {dn}\n",
        ldap::GROUP
    );
    names.iter().map(person).collect::<String>() + &groups
}

fn agreements(count: u16) -> String {
    let agreement = |nth: u16, worker: String, profile: &str| {
        let [high, low] = nth.to_be_bytes();
        format!(
            "\n[workstations.desk-{nth}]\naddress = \"10.21.{high}.{low}\"\nservices = [\"rdp\"]\n\n[[agreements]]\nworker = \"{worker}\"\n\
             structure = \"Servizi Demografici\"\nworkstation = \"desk-{nth}\"\nprofile = \"{profile}\"\n{}\n",
            e2e::gateway::ALWAYS
        )
    };
    let plain = (0..count).map(|nth| agreement(nth, worker(nth), "standard"));
    let with_factor = (0..TRIES).map(|nth| agreement(count + nth, coded(nth), "coded"));
    let profile = format!("\n[profiles.coded]\ngroups = [\"{}\"]\nsecond_factor = \"totp\"\n", ldap::GROUP);
    plain.chain(with_factor).collect::<String>() + &profile
}

/// A workstation that answers one byte, and swallows the rest.
fn desk(world: &World) -> std::net::TcpListener {
    let listener = world.workstation.inside(|| std::net::TcpListener::bind(SocketAddr::new(WORKSTATION, 3389)));
    let listener = listener.expect("a free port");
    let accepting = listener.try_clone().expect("a descriptor");
    std::thread::spawn(move || {
        for mut stream in accepting.incoming().flatten() {
            std::thread::spawn(move || -> io::Result<()> {
                stream.set_nodelay(true)?;
                let mut chunk = vec![0; 256 * 1024];
                loop {
                    match stream.read(&mut chunk)? {
                        0 => return Ok(()),
                        1 => stream.write_all(&chunk[..1])?,
                        _ => {}
                    }
                }
            });
        }
    });
    listener
}

fn open(home: &Computer, door: SocketAddr) -> TcpStream {
    let stream = wait::until("the desk", wait::SOON, || home.inside(|| TcpStream::connect(door)).ok());
    stream.set_nodelay(true).expect("a live socket");
    stream
}

/// How long one byte takes there and back, every 5 ms, a thousand times or while `goes_on`.
fn echo(home: &Computer, door: SocketAddr, goes_on: impl Fn() -> bool) -> Vec<Duration> {
    let mut stream = open(home, door);
    let mut times = Vec::new();
    while times.len() < 1000 && goes_on() {
        let begun = Instant::now();
        stream.write_all(b"k").and_then(|()| stream.read_exact(&mut [0])).expect("an echo");
        times.push(begun.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    times
}

/// Copies to the workstation at a steady rate; the bytes a second that it came to.
fn copy(home: &Computer, door: SocketAddr, span: Duration) -> f64 {
    let mut stream = open(home, door);
    let chunk = vec![0; 64 * 1024];
    let begun = Instant::now();
    let mut sent = 0u64;
    while begun.elapsed() < span {
        let due = Duration::from_secs_f64(sent as f64 / STEADY as f64);
        if let Some(early) = due.checked_sub(begun.elapsed()) {
            std::thread::sleep(early);
        }
        stream.write_all(&chunk).expect("the workstation takes it");
        sent += chunk.len() as u64;
    }
    sent as f64 / begun.elapsed().as_secs_f64()
}

/// The gateway's process.
fn pid(gateway: &Gateway<'_>) -> Pid {
    gateway.pid().expect("it runs")
}

/// Median, 99th percentile and worst.
struct Times(Vec<Duration>);

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut times = self.0.clone();
        times.sort_unstable();
        let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
        let [p50, p99, worst] = [50, 99, 100].map(|share| at(share).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3));
        write!(f, "p50 {p50:.2}, p99 {p99:.2}, worst {worst:.2} ms (of {})", times.len())
    }
}

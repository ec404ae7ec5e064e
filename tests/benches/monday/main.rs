//! Monday morning, and its uninvited guests: `cargo bench -p e2e --bench monday` (root; builds the programs in release).
//!
//! - 500 workers sign in at the same moment, each from an address of their own, against a real OpenLDAP: how many are let in,
//!   how long each waited, and what another worker's echo through a tunnel felt of it;
//! - strangers try a wrong password, a name that nobody has, and a right password without its second factor, in turns: whether what they
//!   wait tells them apart (the distance of Kolmogorov and Smirnov: 0 where two distributions are one, 1 where they do not meet);
//! - strangers from 200 addresses send garbage as fast as it is answered, up to 10,000 requests a second over connections that stay
//!   open; then well-formed logins with wrong passwords; then 300 new TLS connections a second that ask nothing;
//!   meanwhile a session copies at a steady rate, and a worker signs in from an address that nobody has seen;
//! - a stranger sends 200,000 WireGuard initiations a second with a wrong checksum, then 50,000 with a right one, while that session
//!   copies, steadily and as fast as it can;
//! - 10,000 workers have a session, an administrator asks for the list of them, and all reconnect at once after a restart; what they
//!   take of the gateway's memory.
//!
//! These are its parts: `logins`, `guesses`, `guests`, `initiations`, `crowd`; those named after `--` run alone.
//! All of it runs on the same processors. Those who sign in and most strangers would have their own: their threads are nicer than all
//! others, and look at what a flood reached. Who sends initiations is not, for then they would not come: so the same is sent to a
//! port of the gateway's machine that nobody listens on, and what that takes of a copy is the sender's and the kernel's part.
//! `DESKGATE_SECONDS` sets how long each flood lasts (10), `DESKGATE_SESSIONS` how many make the crowd (10,000).
//! With `DESKGATE_BUILT` the programs in `target/release` are taken as they are.

mod caller;
mod crowd;
mod guesses;
mod guests;
mod homes;
mod initiations;
mod people;

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    process::Command,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use e2e::{
    api,
    client::Connect,
    gateway::{Files, Gateway, Setup, password},
    ldap::Directory,
    netns::Computer,
    tls, wait,
    wireguard::PrivateKey,
    world::{WORKSTATION, World},
};
use nix::{
    time::{ClockId, clock_gettime},
    unistd::Pid,
};
use rustls::ClientConfig;

use crate::{
    caller::{Caller, address},
    guesses::TRIES,
    people::{agreements, coded, people, worker},
};

/// Who come on Monday.
const WORKERS: u16 = 500;
/// The strangers' addresses, and how many of them work at a time.
const STRANGERS: u16 = 200;
const THREADS: u16 = 4;
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
    let setting = |name, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let span = Duration::from_secs(setting("DESKGATE_SECONDS", 10).into());
    let sessions = setting("DESKGATE_SESSIONS", 10_000);
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let runs = |part: &str| named.is_empty() || named.iter().any(|named| named == part);
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
    files.set_policy(&(setup.policy() + &agreements(sessions.max(WORKERS))));
    let mut gateway = Gateway::start(&world, Files::clone(&files));
    let _desk = desk(&world);

    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let door = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), client.port());
    let scene = Scene { world: &world, gateway: &gateway, directory: &directory, door, tls: tls::client() };
    if runs("logins") {
        println!("echo of one byte, quiet: {}", Times(echo(&world.home, door, || true)));
        monday(&scene);
    }
    if runs("guesses") {
        guesses::alike(&scene);
    }
    if runs("guests") {
        guests::uninvited(&scene, span);
    }
    if runs("initiations") {
        initiations::floods(&scene, span);
    }
    if runs("crowd") {
        let mut workers = crowd::comes(&scene, sessions);
        crowd::comes_back(&world, &mut gateway, &mut workers);
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
                        (status.map_or(0, |answer| answer.0), begun.elapsed())
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

/// Copies to the workstation, at so many bytes a second at most; the bytes a second that it came to.
fn copy(home: &Computer, door: SocketAddr, most: Option<u64>, span: Duration) -> f64 {
    let mut stream = open(home, door);
    let chunk = vec![0; 64 * 1024];
    let begun = Instant::now();
    let mut sent = 0u64;
    while begun.elapsed() < span {
        let due = most.map(|most| Duration::from_secs_f64(sent as f64 / most as f64));
        if let Some(early) = due.and_then(|due| due.checked_sub(begun.elapsed())) {
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

/// What this thread has taken of the processor, the kernel's work for it included.
fn own_processor() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a thread has one").into()
}

/// Datagrams that a computer's sockets have lost so far for want of room.
fn lost_by_sockets(computer: &Computer) -> u64 {
    let text = computer.inside(|| fs::read_to_string("/proc/thread-self/net/snmp")).expect("mounted");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, numbers) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let lost = names.split(' ').zip(numbers.split(' ')).find(|(name, _)| *name == "RcvbufErrors");
    lost.and_then(|(_, number)| number.parse().ok()).expect("as proc(5) has it")
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

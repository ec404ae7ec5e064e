//! The real programs in the real world of namespaces, measured: `cargo bench -p e2e` (root; builds them in release).
//!
//! - from starting `deskgate` to the first byte of the workstation, login and handshake included;
//! - one TCP stream up and down through client and gateway, with the processor time that each took for a gigabyte;
//! - the same with UDP blocked, when the session channel carries it; and the echo of one byte, both ways;
//! - the same through a pair of Debian's `wireguard-go`, in the same run and the same world: figures of a shared machine
//!   mean little by themselves, so look at the ratio.
//!
//! `DESKGATE_SECONDS` sets the length of a stream (4), `DESKGATE_ROUNDS` how often each is measured (3); medians are
//! shown. With `DESKGATE_BUILT` the programs in `target/release` are taken as they are.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

use e2e::{
    client::Connect,
    cost::processor,
    gateway::{Gateway, Setup},
    netns::{Computer, Process},
    wait,
    world::{GATEWAY, WORKSTATION, World},
};
use nix::unistd::Pid;

const PORT: u16 = 3389;
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
/// Bytes a call.
const CHUNK: usize = 128 * 1024;

/// Which way a stream goes, as the first byte the workstation reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up = b'U' as isize,
    Down = b'D' as isize,
}

/// What one stream came to.
#[derive(Clone, Copy)]
struct Sample {
    gigabits: f64,
    /// Processor seconds a gigabyte, of the program at home and of the gateway.
    home: f64,
    gateway: f64,
}

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    build();
    let world = World::new();
    Workstation::open(&world.workstation);
    let seconds = Duration::from_secs(setting("DESKGATE_SECONDS", 4));
    let rounds = setting("DESKGATE_ROUNDS", 3);

    let gateway = Setup::default().start(&world);
    let (ours, by_udp) = ours(&world, &gateway, seconds, rounds);
    block_udp(&world);
    let (by_channel, channel_echo) = self::ours(&world, &gateway, seconds, rounds);
    unblock_udp(&world);
    drop(gateway);
    println!("echo of one byte, by UDP: median {:.0} µs, p99 {:.0} µs", by_udp.0, by_udp.1);
    println!(
        "echo of one byte, by the session channel: median {:.0} µs, p99 {:.0} µs ({:.1} times)",
        channel_echo.0,
        channel_echo.1,
        channel_echo.1 / by_udp.1
    );
    let peers = wireguard_go(&world, seconds, rounds);
    println!("\n{:<28}{:>10}{:>18}{:>18}", "one stream", "Gbit/s", "home, CPU s/GB", "gateway, CPU s/GB");
    for (name, samples) in [("deskgate", &ours), ("deskgate by channel", &by_channel), ("wireguard-go", &peers)] {
        for (way, samples) in ["up", "down"].into_iter().zip(samples) {
            let of = |pick: fn(&Sample) -> f64| median(samples.iter().map(pick));
            println!(
                "{:<28}{:>10.2}{:>18.2}{:>18.2}",
                format!("{name}, {way}"),
                of(|s| s.gigabits),
                of(|s| s.home),
                of(|s| s.gateway)
            );
        }
    }
    for (way, (ours, peers)) in ["up", "down"].into_iter().zip(ours.iter().zip(&peers)) {
        let ratio = |pick: fn(&Sample) -> f64| median(ours.iter().map(pick)) / median(peers.iter().map(pick));
        println!(
            "{way}: {:.1} times wireguard-go's throughput at {:.2} of its gateway's processor time",
            ratio(|s| s.gigabits),
            ratio(|s| s.gateway)
        );
    }
}

fn build() {
    if std::env::var_os("DESKGATE_BUILT").is_some() {
        return;
    }
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "-p", "deskgate-gateway", "-p", "deskgate"])
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the programs do not build");
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// As a hotel's network does it.
fn block_udp(world: &World) {
    world
        .internet
        .sh("nft add table ip hotel; nft 'add chain ip hotel pass { type filter hook forward priority 0; }'; \
         nft add rule ip hotel pass meta l4proto udp drop");
}

fn unblock_udp(world: &World) {
    world.internet.sh("nft delete table ip hotel");
}

/// Our own pair: login, tunnel, loopback door. The streams, and the echo's median and 99th percentile in microseconds.
fn ours(world: &World, gateway: &Gateway<'_>, seconds: Duration, rounds: u64) -> ([Vec<Sample>; 2], (f64, f64)) {
    let connect = Connect::new(gateway, "m.rossi");
    let mut firsts = Vec::new();
    for _ in 0..rounds.max(5) {
        let begun = Instant::now();
        let mut client = connect.start(&world.home);
        let mut stream = open(&world.home, SocketAddr::new(LOOPBACK, client.port()));
        stream.write_all(b"E").and_then(|()| stream.read_exact(&mut [0])).expect("an answer");
        firsts.push(begun.elapsed().as_secs_f64() * 1000.0);
        client.signal(nix::sys::signal::Signal::SIGTERM);
        client.wait(wait::SOON);
    }
    println!("login to the workstation's first byte: {:.0} ms (median of {})", median(firsts.clone()), firsts.len());

    let mut client = connect.start(&world.home);
    let door = SocketAddr::new(LOOPBACK, client.port());
    let processes = (number(client.pid()), number(gateway.pid()));
    let times = echo(open(&world.home, door));
    let samples = measure(&world.home, door, processes, seconds, rounds);
    client.signal(nix::sys::signal::Signal::SIGTERM);
    client.wait(wait::SOON);
    (samples, times)
}

/// Median and 99th percentile of how long one byte takes there and back, in microseconds; one every 5 ms, so that whoever carries it
/// has gone to sleep in between, as between two keys.
fn echo(mut stream: TcpStream) -> (f64, f64) {
    stream.set_nodelay(true).expect("a live socket");
    stream.write_all(b"L").expect("the first byte");
    let mut times: Vec<f64> = (0..2000)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(5));
            let begun = Instant::now();
            stream.write_all(b"k").and_then(|()| stream.read_exact(&mut [0])).expect("an echo");
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    (at(0.5), at(0.99))
}

/// Debian's WireGuard in user space on both ends, with a TUN at home, which needs rights that ours does not.
fn wireguard_go(world: &World, seconds: Duration, rounds: u64) -> [Vec<Sample>; 2] {
    let (home, gateway) = (&world.home, &world.gateway);
    let run = |computer: &Computer| -> Process {
        let mut command = computer.command("wireguard-go");
        command.args(["-f", "peer0"]);
        let process = computer.spawn("wireguard-go", command, "");
        wait::until("the peer's device", wait::SOON, || computer.succeeds("ip link show peer0").then_some(()));
        process
    };
    let (at_home, at_gateway) = (run(home), run(gateway));
    for (computer, name) in [(home, "home"), (gateway, "gateway")] {
        computer.sh(&format!("umask 077; wg genkey > /tmp/{name}.key; wg pubkey < /tmp/{name}.key > /tmp/{name}.pub"));
    }
    let key = |computer: &Computer, name: &str| computer.sh(&format!("cat /tmp/{name}.pub")).trim().to_owned();
    let (home_key, gateway_key) = (key(home, "home"), key(gateway, "gateway"));
    gateway.sh(&format!(
        "wg set peer0 listen-port 51999 private-key /tmp/gateway.key peer {home_key} allowed-ips 100.97.0.2/32"
    ));
    home.sh(&format!(
        "wg set peer0 private-key /tmp/home.key peer {gateway_key} endpoint {GATEWAY}:51999 allowed-ips {WORKSTATION}/32"
    ));
    home.ip("address add 100.97.0.2/32 dev peer0\nlink set peer0 mtu 1312 up");
    home.ip(&format!("route add {WORKSTATION}/32 dev peer0"));
    gateway.ip("address add 100.97.0.1/24 dev peer0\nlink set peer0 mtu 1312 up");
    gateway.sh("sysctl -qw net.ipv4.conf.peer0.forwarding=1; nft add table ip peers; \
         nft 'add chain ip peers out { type nat hook postrouting priority srcnat; }'; \
         nft add rule ip peers out ip saddr 100.97.0.0/24 masquerade");
    let workstation = SocketAddr::new(WORKSTATION, PORT);
    measure(home, workstation, (number(at_home.pid()), number(at_gateway.pid())), seconds, rounds)
}

fn measure(
    home: &Computer,
    to: SocketAddr,
    (at_home, at_gateway): (Pid, Pid),
    seconds: Duration,
    rounds: u64,
) -> [Vec<Sample>; 2] {
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (way, samples) in [Way::Up, Way::Down].into_iter().zip(&mut samples) {
            let before = (processor(at_home), processor(at_gateway));
            let begun = Instant::now();
            let bytes = carry(open(home, to), way, seconds) as f64;
            let took = begun.elapsed().as_secs_f64();
            let gigabytes = bytes / 1e9;
            samples.push(Sample {
                gigabits: bytes * 8.0 / 1e9 / took,
                home: (processor(at_home) - before.0) / gigabytes,
                gateway: (processor(at_gateway) - before.1) / gigabytes,
            });
        }
    }
    samples
}

fn number(pid: Option<Pid>) -> Pid {
    pid.expect("it runs")
}

fn open(computer: &Computer, to: SocketAddr) -> TcpStream {
    let stream = wait::within(wait::SOON, || computer.inside(|| TcpStream::connect(to)).ok());
    stream.unwrap_or_else(|| panic!("{to} does not answer"))
}

/// Bytes that arrived at the other end.
fn carry(mut stream: TcpStream, way: Way, seconds: Duration) -> u64 {
    let mut chunk = vec![0; CHUNK];
    stream.write_all(&[way as u8]).expect("the first byte");
    match way {
        Way::Up => {
            let end = Instant::now() + seconds;
            while Instant::now() < end {
                stream.write_all(&chunk).expect("the workstation takes it");
            }
            stream.shutdown(std::net::Shutdown::Write).expect("a half-close");
            let mut count = [0; 8];
            stream.read_exact(&mut count).expect("the workstation counts");
            u64::from_be_bytes(count)
        }
        Way::Down => {
            stream.write_all(&seconds.as_secs().to_be_bytes()).expect("how long");
            let mut count = 0;
            loop {
                match stream.read(&mut chunk) {
                    Ok(0) => return count,
                    Ok(read) => count += read as u64,
                    Err(error) => panic!("the stream broke: {error}"),
                }
            }
        }
    }
}

/// Counts what is sent to it, sends what is asked of it, or answers one byte.
struct Workstation;

impl Workstation {
    fn open(computer: &Computer) {
        let listener = computer.inside(|| TcpListener::bind(SocketAddr::new(WORKSTATION, PORT))).expect("a free port");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || serve(stream));
            }
        });
    }
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut way = [0];
    stream.read_exact(&mut way)?;
    match way {
        [b'U'] => {
            let mut count = 0u64;
            loop {
                match stream.read(&mut chunk)? {
                    0 => return stream.write_all(&count.to_be_bytes()),
                    read => count += read as u64,
                }
            }
        }
        [b'D'] => {
            let mut seconds = [0; 8];
            stream.read_exact(&mut seconds)?;
            let end = Instant::now() + Duration::from_secs(u64::from_be_bytes(seconds));
            while Instant::now() < end {
                stream.write_all(&chunk)?;
            }
            Ok(())
        }
        [b'L'] => {
            stream.set_nodelay(true)?;
            loop {
                stream.read_exact(&mut way)?;
                stream.write_all(&way)?;
            }
        }
        _ => stream.write_all(b"!"),
    }
}

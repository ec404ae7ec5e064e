//! A stranger's WireGuard initiations, more than the gateway could answer, and what they leave of a session's copy.
//!
//! They were made beforehand, so that sending is all that they cost here; but that is much, for on the way to the gateway's socket
//! the kernel works for them in the sender's name, where a gateway's card would do it in nobody's. So the copy is looked at alone, then
//! beside the same datagrams at a port of that machine where nobody listens, which is the sender's and the kernel's part,
//! then beside those at the gateway's. In the last row the kernel carries and hands over 64 of one sender as one (UDP_SEGMENT, UDP_GRO),
//! as a card does it: then nearly all that is taken is the gateway's own part.

use std::{
    fmt,
    io::IoSlice,
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd as _,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use e2e::{
    api,
    cost::processor,
    gateway::{Gateway, TUNNEL_PORT},
    wireguard::strange_initiation,
    world::{GATEWAY, World},
};
use nix::sys::socket::{MsgFlags, MultiHeaders, sendmmsg, setsockopt, sockopt};

use crate::{STEADY, Scene, copy, lost_by_sockets, own_processor, pid};

/// Ports that they come from, enough to meet every loop of the gateway.
const PORTS: usize = 16;
/// Sent by one system call.
const BATCH: usize = 64;
/// Between two of those calls, when there is nothing to send yet.
const PAUSE: Duration = Duration::from_micros(200);
/// Where nobody listens.
const CLOSED_PORT: u16 = 51_821;
/// The first byte of an initiation's first checksum, MAC1 (WireGuard, section 5.4.2).
const MAC1: usize = 116;

/// What is sent where.
struct Flood<'f> {
    datagrams: &'f [Vec<u8>],
    a_second: u64,
    port: u16,
    /// Whether a batch is one datagram to the kernel.
    merged: bool,
}

/// Both floods, beside a steady copy and one that takes what it can.
pub(crate) fn floods(scene: &Scene<'_>, span: Duration) {
    let (session, _) = api::session(scene.world, &scene.world.home, "g.verdi");
    let right: Vec<_> = (0..BATCH).map(|_| strange_initiation(session.gateway.public_key)).collect();
    let wrong = right.iter().cloned().map(|mut datagram| {
        datagram[MAC1] ^= 1;
        datagram
    });
    for (what, datagrams, a_second) in [("wrong", wrong.collect::<Vec<_>>(), 200_000), ("right", right, 50_000)] {
        for most in [Some(STEADY), None] {
            println!(
                "a copy {}, and {a_second} initiations a second with a {what} MAC1",
                most.map_or("without limit".to_owned(), |most| format!("of {} MB/s", most / 1_000_000))
            );
            println!(
                "{:<26}{:>8}{:>10}{:>10}{:>8}{:>10}{:>10}{:>8}{:>9}",
                "", "MB/s", "of quiet", "sent/s", "sender", "dropped/s", "cookies/s", "lost/s", "gateway"
            );
            let to = |port, merged| Some(Flood { datagrams: &datagrams, a_second, port, merged });
            let rows = [
                ("  quiet", None),
                ("  at a closed port", to(CLOSED_PORT, false)),
                ("  at the gateway", to(TUNNEL_PORT, false)),
                ("  the same, 64 as one", to(TUNNEL_PORT, true)),
            ];
            let mut quiet = None;
            for (row, flood) in rows {
                let felt = beside(scene, flood.as_ref(), most, span);
                let share = felt.copied / *quiet.get_or_insert(felt.copied) * 100.0;
                println!("{row:<26}{:>8.1}{share:>8.0} %{felt}", felt.copied / 1e6);
            }
        }
    }
}

/// What a flood came to: datagrams a second, and shares of a processor.
struct Felt {
    /// What the session copied meanwhile, in bytes a second.
    copied: f64,
    sent: f64,
    /// What sending took, the way to the gateway's socket included.
    sender: f64,
    /// Dropped by the gateway as a stranger's or no initiation; answered with a cookie; for which its sockets had no room.
    dropped: f64,
    cookies: f64,
    lost: f64,
    /// What the gateway took, for the copy as well.
    gateway: f64,
}

impl fmt::Display for Felt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, sender, dropped, cookies, lost, gateway, .. } = self;
        write!(f, "{sent:>10.0}{sender:>8.2}{dropped:>10.0}{cookies:>10.0}{lost:>8.0}{gateway:>9.2}")
    }
}

fn beside(
    Scene { world, gateway, door, .. }: &Scene<'_>,
    flood: Option<&Flood<'_>>,
    most: Option<u64>,
    span: Duration,
) -> Felt {
    let over = AtomicBool::new(false);
    let before = Gone::so_far(world, gateway);
    let (spent, begun) = (processor(pid(gateway)), Instant::now());
    let (copied, (sent, sender)) = std::thread::scope(|scope| {
        let sender = flood.map(|flood| scope.spawn(|| world.other_home.inside(|| send(flood, &over))));
        let copied = copy(&world.home, *door, most, span);
        over.store(true, Ordering::Relaxed);
        (copied, sender.map(|sender| sender.join().expect("the sender")).unwrap_or_default())
    });
    // A copy that stands still ends late.
    let (seconds, spent) = (begun.elapsed().as_secs_f64(), processor(pid(gateway)) - spent);
    let gone = Gone::so_far(world, gateway);
    Felt {
        copied,
        sent: sent as f64 / seconds,
        sender: sender.as_secs_f64() / seconds,
        dropped: (gone.dropped - before.dropped) as f64 / seconds,
        cookies: (gone.cookies - before.cookies) as f64 / seconds,
        lost: (gone.lost - before.lost) as f64 / seconds,
        gateway: spent / seconds,
    }
}

/// What became of datagrams so far.
struct Gone {
    dropped: u64,
    cookies: u64,
    lost: u64,
}

impl Gone {
    fn so_far(world: &World, gateway: &Gateway<'_>) -> Self {
        let status = gateway.json(&["status", "--json"]);
        let drops = |reason: &str| status["drops"][reason].as_u64().unwrap_or(0);
        Self {
            dropped: drops("bad_handshake") + drops("unknown_peer"),
            cookies: status["cookies"].as_u64().expect("a count"),
            lost: lost_by_sockets(&world.gateway),
        }
    }
}

/// Sends at a steady rate from this computer until told to stop: how many datagrams, and what that took of a processor.
fn send(flood: &Flood<'_>, over: &AtomicBool) -> (u64, Duration) {
    let Flood { datagrams, a_second, port, merged } = flood;
    let open = |_| {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a free port");
        socket.connect(SocketAddr::new(GATEWAY, *port)).expect("an address of the right family");
        if *merged {
            let size = i32::try_from(datagrams[0].len()).expect("a small number");
            setsockopt(&socket, sockopt::UdpGsoSegment, &size).expect("Linux 4.18");
        }
        socket
    };
    let sockets: Vec<_> = (0..PORTS).map(open).collect();
    let pieces: Vec<_> = datagrams.iter().map(|datagram| [IoSlice::new(datagram)]).collect();
    let (whole, nowhere) = (datagrams.concat(), vec![None; pieces.len()]);
    let mut headers = MultiHeaders::<()>::preallocate(pieces.len(), None);
    let (own, begun, mut sent) = (own_processor(), Instant::now(), 0);
    for socket in sockets.iter().cycle() {
        while sent as f64 > begun.elapsed().as_secs_f64() * *a_second as f64 {
            std::thread::sleep(PAUSE);
        }
        if over.load(Ordering::Relaxed) {
            break;
        }
        // That nobody listens is told by the next call, which sends nothing then.
        let all = if *merged {
            socket.send(&whole).map_or(0, |_| datagrams.len())
        } else {
            let fd = socket.as_raw_fd();
            let all = sendmmsg(fd, &mut headers, &pieces, &nowhere, [], MsgFlags::empty());
            all.map_or(0, Iterator::count)
        };
        sent += all as u64;
    }
    (sent, own_processor() - own)
}

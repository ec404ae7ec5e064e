//! Roaming: the home computer's address changes and the worker notices nothing; somebody on the path who copies packets, and is
//! faster, can neither cut the desktop nor have it sent to himself.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, TcpListener},
    time::{Duration, Instant},
};

use e2e::{
    capture::Capture,
    client::{Client, Connect},
    copier::Copier,
    echo::{Beat, Echo, connect, read_line},
    gateway::{CONTROL_PORT, Gateway, Setup, TUNNEL_PORT},
    wait,
    world::{GATEWAY, GATEWAY_V6, HOME_V6, WORKSTATION, World},
};

use crate::LOOPBACK;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 2));
const NEW_HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 3));
/// How long a desktop may stand still; it stands still for a tenth of that.
const PAUSE: Duration = Duration::from_secs(1);
/// The same where nothing leaves home: the client looks twice a second where it is, and the workstation repeats what was
/// lost ever more seldom.
const BUSY_PAUSE: Duration = Duration::from_secs(3);
/// What may go to an address that is not confirmed (`gateway/core/src/ways.rs`), and a little for the probes.
const BUDGET: usize = 512 * 1024 + 32 * 1024;

fn at_work(world: &World) -> (Echo, Gateway<'_>, Client, Beat, String) {
    let desk = crate::desk(world);
    let gateway = Setup::default().profile("grace", "\"2m\"").start(world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert!(read_line(&mut stream).is_some());
    let number = gateway.only_session();
    let beat = Beat::start(stream);
    beat.wait_for(50);
    beat.take_longest();
    (desk, gateway, client, beat, number)
}

fn move_home(world: &World) {
    world.home.ip(&format!(
        "addr del {HOME}/24 dev eth0\naddr add {NEW_HOME}/24 dev eth0\nroute add default via 198.51.100.1"
    ));
}

/// That the session is the same and went no other way, and that nobody had to connect again.
fn assert_unharmed(desk: &Echo, gateway: &Gateway<'_>, client: &Client, number: &str) {
    assert_eq!(gateway.only_session(), number);
    assert_eq!(gateway.json(&["session", "show", number, "--json"])["by"], "udp");
    assert_eq!(desk.visits(), 1);
    assert!(!client.said().contains("blocks fast connections"), "{}", client.said());
}

/// Where the gateway's datagrams go, over so many answers.
fn destinations(world: &World, beat: &Beat, answers: usize) -> Vec<(IpAddr, u16)> {
    let capture = Capture::of_sent(world, &world.gateway, "wan0");
    beat.wait_for(answers);
    let sent = capture.finish();
    let ports = sent.iter().filter(|seen| seen.protocol == 17).map(|seen| (seen.destination, seen.ports));
    let mut to: Vec<_> = ports.filter_map(|(to, ports)| Some((to, ports?.1))).collect();
    to.sort_unstable();
    to.dedup();
    to
}

#[test]
fn a_home_computer_with_a_new_address_goes_on() {
    let world = World::new();
    let (desk, gateway, client, beat, number) = at_work(&world);
    move_home(&world);
    beat.wait_for(100);
    let pause = beat.take_longest();
    println!("the connection stood still for {pause:?}");
    assert!(pause < PAUSE, "it stood still for {pause:?}: {} {}", client.said(), gateway.log());
    wait::until("the new address to be believed", wait::SOON, || {
        destinations(&world, &beat, 10).iter().all(|(to, _)| *to == NEW_HOME).then_some(())
    });
    assert_unharmed(&desk, &gateway, &client, &number);
}

#[test]
fn a_busy_screen_that_is_only_looked_at_goes_on_at_a_new_address() {
    let world = World::new();
    let listener = world.workstation.inside(|| TcpListener::bind((WORKSTATION, 3389))).expect("a free port");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        let _ = stream.write_all(b"desk\n");
        // Some 10 Mbit/s, as long as somebody looks.
        while stream.write_all(&[7; 12_500]).is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let gateway = Setup::default().profile("grace", "\"2m\"").start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert!(read_line(&mut stream).is_some());
    let mut look = |bytes| {
        let (mut longest, mut seen) = (Duration::ZERO, 0);
        while seen < bytes {
            let asked = Instant::now();
            seen += stream.read(&mut [0; 64 * 1024]).expect("the screen goes on");
            longest = longest.max(asked.elapsed());
        }
        longest
    };
    look(1 << 20);
    move_home(&world);
    let pause = look(4 << 20);
    println!("the screen stood still for {pause:?}");
    assert!(pause < BUSY_PAUSE, "it stood still for {pause:?}: {} {}", client.said(), gateway.log());
    assert_eq!(gateway.sessions().len(), 1);
}

#[test]
fn a_router_at_home_that_takes_another_port_is_no_matter() {
    let world = World::new();
    let (desk, gateway, client, beat, number) = at_work(&world);
    let own = world.home.sh("ss -Huan | awk '{ sub(/.*:/, \"\", $4); print $4 }'");
    let own = own.trim();
    // As a router that has forgotten the connection: what leaves has another port, and what comes to the old one is lost.
    let home = "table ip router { chain pass { type filter hook prerouting priority -300;";
    world.internet.sh(&format!(
        "nft -f - <<'RULES'\n{home}\n\
         iifname office ip saddr {GATEWAY} udp dport {own} drop\n\
         iifname office ip saddr {GATEWAY} udp dport 40001 udp dport set {own} notrack\n\
         iifname home ip daddr {GATEWAY} udp dport {TUNNEL_PORT} udp sport set 40001 notrack\n\
         }}\n}}\nRULES"
    ));
    beat.wait_for(100);
    let pause = beat.take_longest();
    println!("the connection stood still for {pause:?}");
    assert!(pause < PAUSE, "it stood still for {pause:?}: {} {}", client.said(), gateway.log());
    wait::until("the new port to be believed", wait::SOON, || {
        (destinations(&world, &beat, 10) == [(HOME, 40001)]).then_some(())
    });
    assert_unharmed(&desk, &gateway, &client, &number);
}

/// A home that is at work by one family of IP, and then has the other alone.
fn goes_on_by_the_other_family(from: &str, to: &str, now_at: IpAddr) {
    let world = World::new();
    for address in [GATEWAY, GATEWAY_V6] {
        world.also_name("desk.comune.test", address);
    }
    let desk = crate::desk(&world);
    let public = |port| format!("desk.comune.test:{port}");
    let setup = Setup { listen: "[::]", public: (public(CONTROL_PORT), public(TUNNEL_PORT)), ..Setup::default() };
    let gateway = setup.profile("grace", "\"2m\"").start(&world);
    world.home.sh(from);
    let connect_to = Connect { server: public(CONTROL_PORT), ..Connect::new(&gateway, "m.rossi") };
    let mut client = connect_to.start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert!(read_line(&mut stream).is_some());
    let number = gateway.only_session();
    let beat = Beat::start(stream);
    beat.wait_for(50);
    world.home.sh(to);
    beat.wait_for(100);
    wait::until("the other family to be believed", wait::SOON, || {
        let by = gateway.json(&["session", "show", &number, "--json"])["by"] == "udp";
        (by && destinations(&world, &beat, 10).iter().all(|(to, _)| *to == now_at)).then_some(())
    });
    assert_eq!((gateway.only_session(), desk.visits()), (number, 1));
}

const ONLY_IPV4: &str = "ip -6 addr flush dev eth0 scope global";
const ONLY_IPV6: &str = "ip -4 addr flush dev eth0; \
     ip -6 addr replace 2001:db8:100::2/64 dev eth0 nodad; ip -6 route replace default via 2001:db8:100::1";
const IPV4_TOO: &str = "ip addr add 198.51.100.2/24 dev eth0; ip route add default via 198.51.100.1";

#[test]
fn a_home_that_loses_ipv6_goes_on_by_ipv4() {
    goes_on_by_the_other_family(ONLY_IPV6, &format!("{IPV4_TOO}; {ONLY_IPV4}"), HOME);
}

#[test]
fn a_home_that_loses_ipv4_goes_on_by_ipv6() {
    goes_on_by_the_other_family(ONLY_IPV4, ONLY_IPV6, HOME_V6);
}

fn goes_on_while_copied(late: Duration) {
    let world = World::new();
    let (desk, gateway, client, beat, number) = at_work(&world);
    let copier = Copier::start(&world, HOME, late);
    beat.wait_for(500);
    let pause = beat.take_longest();
    println!("the connection stood still for {pause:?}, {} copied, {} received", copier.copied(), copier.received());
    assert!(copier.copied() > 500);
    assert!(copier.received() > 0, "he was the faster one");
    assert!(copier.received() <= BUDGET, "{} bytes", copier.received());
    assert!(pause < PAUSE, "it stood still for {pause:?}: {} {}", client.said(), gateway.log());
    assert_unharmed(&desk, &gateway, &client, &number);
}

#[test]
fn who_copies_packets_and_is_faster_cuts_nobody() {
    goes_on_while_copied(Duration::ZERO);
}

#[test]
fn who_copies_packets_and_holds_the_originals_back_cuts_nobody() {
    goes_on_while_copied(Duration::from_millis(5));
}

#[test]
fn who_copies_packets_has_no_more_of_a_busy_desktop_than_the_budget() {
    const MUCH: usize = 8 << 20;
    let world = World::new();
    let listener = world.workstation.inside(|| TcpListener::bind((WORKSTATION, 3389))).expect("a free port");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        // A greeting, then all of it once it was heard.
        stream.write_all(b"desk\n").expect("a connection");
        stream.read_exact(&mut [0; 4]).expect("a connection");
        let _ = stream.write_all(&vec![7; MUCH]);
        let _ = stream.read(&mut [0]);
    });
    let gateway = Setup::default().profile("grace", "\"2m\"").start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert!(read_line(&mut stream).is_some());
    let copier = Copier::start(&world, HOME, Duration::ZERO);
    stream.write_all(b"more").expect("the door is open");
    stream.read_exact(&mut vec![0; MUCH]).expect("all of it comes");
    println!("{} copied, {} received", copier.copied(), copier.received());
    assert!(copier.received() > 0 && copier.received() <= BUDGET, "{} bytes", copier.received());
    let number = gateway.only_session();
    assert_eq!(gateway.json(&["session", "show", &number, "--json"])["by"], "udp");
    assert!(!client.said().contains("blocks fast connections"), "{}", client.said());
}

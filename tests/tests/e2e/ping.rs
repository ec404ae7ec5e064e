//! Pings go where the policy says so, and nowhere else; their answers come home.

use std::{net::IpAddr, time::Duration};

use e2e::{
    api,
    capture::{Capture, Seen},
    device::Device,
    gateway::{Gateway, Setup},
    packets, wait,
    wireguard::Tunnel,
    world::{
        GATEWAY_IN_OFFICE, GATEWAY_IN_OFFICE_V6, OTHER_WORKSTATION, OTHER_WORKSTATION_V6, WORKSTATION, WORKSTATION_V6,
        World,
    },
};

/// Pings are allowed, and a session outlives its client.
fn pinged() -> Setup {
    Setup { echo: true, ..Setup::default() }.profile("grace", "\"10m\"")
}

fn session(world: &World) -> (String, IpAddr, Tunnel) {
    let (session, config) = api::session(world, &world.home, "m.rossi");
    let tunnel = Tunnel::open(&world.home, &config, wait::SOON).expect("the gateway knows this session's key");
    (session.number.to_string(), session.address, tunnel)
}

/// Whether the workstation's answer to a ping of this identifier comes through the tunnel.
fn answers(tunnel: &mut Tunnel, id: u16, own: IpAddr, workstation: IpAddr) -> bool {
    answers_within(wait::SOON, tunnel, id, own, workstation)
}

fn answers_within(limit: Duration, tunnel: &mut Tunnel, id: u16, own: IpAddr, workstation: IpAddr) -> bool {
    let ping = packets::ping_of(id, own, workstation);
    let pong = packets::pong(&ping).expect("a ping");
    // The IP header is the workstation's own; padding may follow.
    let message = if own.is_ipv4() { 20..pong.len() } else { 40..pong.len() };
    tunnel.send(&ping);
    tunnel.receive(limit).is_some_and(|packet| packet.get(message.clone()) == pong.get(message))
}

fn is_refused(gateway: &Gateway<'_>, tunnel: &mut Tunnel, number: &str, packet: &[u8], reason: &str) {
    let before = gateway.drops(number, reason);
    tunnel.send(packet);
    wait::until(&format!("a packet dropped as {reason}"), wait::SOON, || {
        (gateway.drops(number, reason) == before + 1).then_some(())
    });
}

/// A family's part of the world: the workstation and what is not to be reached, the gateway's own leg last.
fn only_the_workstation_answers(setup: &Setup, workstation: IpAddr, others: [IpAddr; 2]) {
    let world = World::new();
    let gateway = setup.start(&world);
    let (number, own, mut tunnel) = session(&world);
    let office = Capture::of_sent(&world, &world.gateway, "lan0");
    for id in [7, 8, 7] {
        assert!(answers(&mut tunnel, id, own, workstation), "{}", gateway.log());
    }
    for other in others {
        is_refused(&gateway, &mut tunnel, &number, &packets::ping(own, other), "other_host");
    }
    is_refused(&gateway, &mut tunnel, &number, &packets::ping(others[0], workstation), "spoofed_source");
    let unasked = packets::pong(&packets::ping(workstation, own)).expect("a ping");
    is_refused(&gateway, &mut tunnel, &number, &unasked, "other_protocol");
    // When the office has seen the last one, it has seen all that came before.
    assert!(answers(&mut tunnel, 9, own, workstation));
    let is_ping = |packet: &&Seen| packet.destination == workstation && matches!(packet.icmp, Some(8 | 128));
    wait::until("the capture of the last one", wait::SOON, || {
        (office.seen().iter().filter(is_ping).count() == 4).then_some(())
    });
    let seen = office.finish();
    assert_eq!(seen.iter().filter(is_ping).count(), 4, "{seen:?}");
    let strange: Vec<_> = seen.iter().filter(|packet| !is_ping(packet) && !packet.is_neighbourly()).collect();
    assert!(strange.is_empty(), "the office saw {strange:?}");
}

#[test]
fn only_the_workstation_is_pinged_where_the_policy_says_so() {
    only_the_workstation_answers(&pinged(), WORKSTATION, [OTHER_WORKSTATION, GATEWAY_IN_OFFICE]);
}

#[test]
fn only_the_workstation_is_pinged_by_ipv6_where_the_policy_says_so() {
    only_the_workstation_answers(&pinged().by_ipv6(), WORKSTATION_V6, [OTHER_WORKSTATION_V6, GATEWAY_IN_OFFICE_V6]);
}

#[test]
fn the_policy_says_from_one_moment_to_the_next_whether_pings_pass() {
    let world = World::new();
    let gateway = pinged().start(&world);
    let (number, own, mut tunnel) = session(&world);
    assert!(answers(&mut tunnel, 7, own, WORKSTATION));
    gateway.files().set_policy(&Setup { echo: false, ..pinged() }.policy());
    gateway.command(&["reload"]);
    wait::until("a ping to be refused", wait::SOON, || {
        answers_within(Duration::from_millis(50), &mut tunnel, 7, own, WORKSTATION);
        (gateway.drops(&number, "other_protocol") > 0).then_some(())
    });
    gateway.files().set_policy(&pinged().policy());
    gateway.command(&["reload"]);
    wait::until("a ping to be answered", wait::SOON, || {
        answers_within(Duration::from_millis(200), &mut tunnel, 7, own, WORKSTATION).then_some(())
    });
}

#[test]
fn two_workers_who_ping_one_workstation_by_one_identifier_each_get_their_own_answer() {
    let world = World::new();
    // The second worker's agreement names the first one's workstation.
    let shared = pinged().policy().replace("workstation = \"tributi-02\"", "workstation = \"anagrafe-07\"");
    let gateway = pinged().start(&world);
    gateway.files().set_policy(&shared);
    gateway.command(&["reload"]);
    let (_, own, mut tunnel) = session(&world);
    let (_, config) = api::session(&world, &world.other_home, "g.verdi");
    let mut other = Tunnel::open(&world.other_home, &config, wait::SOON).expect("the gateway knows the second key");
    for _ in 0..3 {
        assert!(answers(&mut tunnel, 7, own, WORKSTATION));
        assert!(answers(&mut other, 7, config.address, WORKSTATION));
    }
    assert_eq!(tunnel.receive(Duration::from_millis(200)), None);
    assert_eq!(other.receive(Duration::from_millis(200)), None);
}

#[test]
fn the_workstation_pings_nobody_at_home() {
    let world = World::new();
    // Without masquerading it knows where its worker is, and the gateway is its router.
    let gateway = Setup { masquerade: false, ..pinged() }.start(&world);
    let (number, own, mut tunnel) = session(&world);
    assert!(answers(&mut tunnel, 7, own, WORKSTATION));
    assert!(!world.workstation.succeeds(&format!("ping -c 2 -i 0.2 -W 1 {own}")));
    assert_eq!(tunnel.receive(Duration::from_millis(200)), None);
    assert_eq!(gateway.drops(&number, "not_an_answer"), 0, "the fence was there before");
}

#[test]
fn past_the_filter_pings_still_reach_only_the_workstation() {
    for (setup, workstation, other) in
        [(pinged(), WORKSTATION, OTHER_WORKSTATION), (pinged().by_ipv6(), WORKSTATION_V6, OTHER_WORKSTATION_V6)]
    {
        let world = World::new();
        let gateway = setup.start(&world);
        let (_, own, _tunnel) = session(&world);
        let device = Device::of(gateway.pid().expect("it runs"));
        let office = Capture::of_sent(&world, &world.gateway, "lan0");
        let nobody: IpAddr = if own.is_ipv4() { "100.96.0.99" } else { "fd64::99" }.parse().expect("an address");
        device.write(&packets::ping(own, other));
        device.write(&packets::ping(nobody, workstation));
        device.write(&packets::pong(&packets::ping(workstation, own)).expect("a ping"));
        device.write(&packets::ping_of(505, own, workstation));
        let granted = |packet: &Seen| packet.destination == workstation && matches!(packet.icmp, Some(8 | 128));
        wait::until("the granted ping", wait::SOON, || office.seen().iter().any(granted).then_some(()));
        let seen = office.finish();
        let strange: Vec<_> = seen.iter().filter(|packet| !granted(packet) && !packet.is_neighbourly()).collect();
        assert!(strange.is_empty(), "the office saw {strange:?}");
        assert_eq!(seen.iter().filter(|packet| granted(packet)).count(), 1, "{seen:?}");
    }
}

#[test]
fn a_stock_wireguard_program_pings_as_any_program_does() {
    let world = World::new();
    let gateway = pinged().start(&world);
    let (_, config) = api::session(&world, &world.home, "m.rossi");
    let file = world.folder().join("office.conf");
    let allowed = format!("{WORKSTATION}/32, {OTHER_WORKSTATION}/32");
    std::fs::write(&file, config.text(&allowed)).expect("the world's folder is writable");
    world.home.sh(&format!(
        "mkdir -p /run/wireguard; install -m 600 {} /tmp/office.conf; \
         WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick up /tmp/office.conf",
        file.display()
    ));
    let ping = |to: IpAddr| world.home.succeeds(&format!("ping -c 3 -i 0.2 -w 20 -s 1000 {to}"));
    assert!(ping(WORKSTATION), "{}", gateway.log());
    assert!(!world.home.succeeds(&format!("ping -c 2 -i 0.2 -W 1 {OTHER_WORKSTATION}")));
}

//! The worker's own computer, and nothing but: what must pass.

use e2e::{
    api,
    client::{Connect, exit},
    echo::{Echo, answers, connect, greeting, read_line, returns_a_megabyte},
    gateway::{CONTROL_PORT, Setup, TUNNEL_PORT, at},
    rdp::{BLUE, Desktop, GREEN},
    screen::Screen,
    world::{GATEWAY, OTHER_WORKSTATION, ROUTER, WORKSTATION, World},
};

use crate::LOOPBACK;

/// How a worker's RDP program is called, the password being the workstation's.
pub(crate) fn xfreerdp(password: &str, more: &str) -> String {
    format!(
        "xfreerdp /v:{{host}}:{{port}} /u:{{user}} /p:{password} /cert:ignore /sec:tls /size:1024x768 /bpp:32 -clipboard {more}"
    )
}

#[test]
fn a_worker_reaches_their_own_workstation() {
    let world = World::new();
    let desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert_eq!(read_line(&mut stream).as_deref(), Some("desk"));
    assert!(answers(&mut stream, "hello"));
    assert_eq!(desk.visits(), 1);
}

#[test]
fn the_door_opens_for_nobody_outside_the_home_computer() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let port = client.port();
    assert!(connect(&world.internet, e2e::world::HOME, port).is_none());
}

#[test]
fn a_megabyte_comes_back_as_it_was_sent() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    read_line(&mut stream);
    returns_a_megabyte(stream);
}

#[test]
fn two_workers_at_once_each_see_only_their_own() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let _other = Echo::start(&world.other_workstation, "other desk", (OTHER_WORKSTATION, 3389));
    let gateway = Setup::default().start(&world);
    let mut rossi = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut verdi = Connect::new(&gateway, "g.verdi").start(&world.other_home);
    let (rossi, verdi) = (rossi.port(), verdi.port());
    for _ in 0..3 {
        assert_eq!(greeting(&world.home, LOOPBACK, rossi).as_deref(), Some("desk"));
        assert_eq!(greeting(&world.other_home, LOOPBACK, verdi).as_deref(), Some("other desk"));
    }
    assert_eq!(gateway.sessions().len(), 2);
}

#[test]
fn two_workers_behind_one_home_each_see_only_their_own() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let _other = Echo::start(&world.other_workstation, "other desk", (OTHER_WORKSTATION, 3389));
    let gateway = Setup::default().start(&world);
    let mut rossi = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut verdi = Connect::new(&gateway, "g.verdi").start(&world.home);
    assert_eq!(greeting(&world.home, LOOPBACK, rossi.port()).as_deref(), Some("desk"));
    assert_eq!(greeting(&world.home, LOOPBACK, verdi.port()).as_deref(), Some("other desk"));
}

#[test]
fn a_workstation_known_by_name_is_found() {
    let world = World::new();
    let _desk = crate::desk(&world);
    world.name("anagrafe-07.azienda.test", WORKSTATION);
    let setup = Setup { workstation: "anagrafe-07.azienda.test".to_owned(), ..Setup::default() };
    let gateway = setup.start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    assert_eq!(greeting(&world.home, LOOPBACK, client.port()).as_deref(), Some("desk"));
}

#[test]
fn a_gateway_behind_port_forwarding_is_reached_by_its_public_address() {
    let world = World::new();
    let _desk = crate::desk(&world);
    world.internet.sh(&format!(
        "nft -f - <<'RULES'
table ip router {{
    chain forward {{
        type nat hook prerouting priority dstnat
        ip daddr {ROUTER} tcp dport 8443 dnat to {GATEWAY}:{CONTROL_PORT}
        ip daddr {ROUTER} udp dport 4500 dnat to {GATEWAY}:{TUNNEL_PORT}
    }}
}}
RULES"
    ));
    let gateway = Setup { public: (at(ROUTER, 8443), at(ROUTER, 4500)), ..Setup::default() }.start(&world);
    let mut client = Connect { server: at(ROUTER, 8443), ..Connect::new(&gateway, "m.rossi") }.start(&world.home);
    assert_eq!(greeting(&world.home, LOOPBACK, client.port()).as_deref(), Some("desk"));
}

#[test]
fn the_desktop_appears_on_the_workers_screen() {
    let world = World::new();
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", "pw-desk", BLUE, "xterm");
    let gateway = Setup::default().start(&world);
    let screen = Screen::start(&world.home);
    assert!(screen.share_of(BLUE) < 0.01);
    let connect = Connect::new(&gateway, "m.rossi").run(&xfreerdp("pw-desk", ""), Some(Screen::DISPLAY));
    let _client = connect.start(&world.home);
    screen.wait_for(BLUE);
    assert_eq!(desktop.connections(&world.workstation), 1);
}

#[test]
fn two_workers_see_two_desktops() {
    let world = World::new();
    let _one = Desktop::start(&world, &world.workstation, "m.rossi", "pw-desk", BLUE, "xterm");
    let _two = Desktop::start(&world, &world.other_workstation, "g.verdi", "pw-desk", GREEN, "xterm");
    let gateway = Setup::default().start(&world);
    let rossi = Screen::start(&world.home);
    let verdi = Screen::start(&world.other_home);
    let run = |user| Connect::new(&gateway, user).run(&xfreerdp("pw-desk", ""), Some(Screen::DISPLAY));
    let _first = run("m.rossi").start(&world.home);
    let _second = run("g.verdi").start(&world.other_home);
    rossi.wait_for(BLUE);
    verdi.wait_for(GREEN);
    assert!(rossi.share_of(GREEN) < 0.01);
    assert!(verdi.share_of(BLUE) < 0.01);
}

#[test]
fn a_stock_wireguard_program_carries_a_session() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let _ssh = Echo::start(&world.workstation, "ssh", (WORKSTATION, 22));
    let gateway = Setup::default().profile("grace", "\"10m\"").start(&world);
    let (session, config) = api::session(&world, &world.home, "m.rossi");
    let file = world.folder().join("office.conf");
    std::fs::write(&file, config.text(&WORKSTATION.to_string())).expect("the world's folder is writable");
    // As anybody would: wg-quick takes the userspace program where the kernel has no WireGuard.
    world.home.sh(&format!(
        "mkdir -p /run/wireguard; install -m 600 {} /tmp/office.conf; \
         WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick up /tmp/office.conf",
        file.display()
    ));
    assert_eq!(greeting(&world.home, WORKSTATION, 3389).as_deref(), Some("desk"));
    assert_eq!(greeting(&world.home, WORKSTATION, 22), None);

    gateway.command(&["session", "close", &session.number.to_string()]);
    gateway.assert_nothing_left();
    assert_eq!(greeting(&world.home, WORKSTATION, 3389), None);
}

/// A personal device gets no configuration for other programs, even where the profile has the switch on; and until
/// device certificates are known, every device is personal.
#[test]
fn a_personal_device_gets_no_wireguard_configuration() {
    let world = World::new();
    let gateway = Setup::default().profile("wireguard_config", "true").start(&world);
    let (code, said) = Connect::new(&gateway, "m.rossi").arguments(&["--wireguard-config", "-"]).refused(&world.home);
    assert_eq!(code, exit::REFUSED, "{said}");
    assert!(!said.contains("PrivateKey"), "{said}");
    gateway.assert_nothing_left();
}

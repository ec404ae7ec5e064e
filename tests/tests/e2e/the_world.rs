//! The world itself, proved with plain tools, so that a promise's test fails for the promise's reasons only.

use e2e::{
    capture::{Capture, Seen},
    echo::{Echo, greeting},
    ldap::{BASE, Directory},
    rdp::{BLUE, Desktop, GREEN, xfreerdp},
    screen::Screen,
    wait,
    world::{GATEWAY, GATEWAY_IN_OFFICE, OTHER_WORKSTATION, SERVERS, WORKSTATION, World},
};

#[test]
fn homes_reach_the_gateway_and_nothing_of_the_office() {
    let world = World::new();
    let _edge = Echo::start(&world.gateway, "edge", (GATEWAY, 443));
    let _desk = Echo::start(&world.workstation, "desk", (WORKSTATION, 3389));
    let _other = Echo::start(&world.other_workstation, "other desk", (OTHER_WORKSTATION, 3389));

    assert_eq!(greeting(&world.home, GATEWAY, 443).as_deref(), Some("edge"));
    assert_eq!(greeting(&world.other_home, GATEWAY, 443).as_deref(), Some("edge"));
    assert_eq!(greeting(&world.gateway, WORKSTATION, 3389).as_deref(), Some("desk"));
    assert_eq!(greeting(&world.office, OTHER_WORKSTATION, 3389).as_deref(), Some("other desk"));
    assert_eq!(greeting(&world.workstation, OTHER_WORKSTATION, 3389).as_deref(), Some("other desk"));
    assert_eq!(greeting(&world.home, WORKSTATION, 3389), None);
    assert_eq!(greeting(&world.home, GATEWAY_IN_OFFICE, 3389), None);
}

#[test]
fn a_computer_ends_with_all_its_programs_when_it_is_let_go() {
    let world = World::new();
    let mut command = world.home.command("sh");
    command.args(["-c", "setsid sleep 1000 & echo $!; exec sleep 1000"]);
    let mut process = world.home.spawn("sleepers", command, "");
    wait::until("both sleepers", wait::SOON, || {
        world.home.succeeds("test $(ls -d /proc/[0-9]*/ | wc -l) -ge 4").then_some(())
    });
    let pid = process.pid().expect("it sleeps");
    drop(world);
    assert!(!process.wait(wait::SOON).success());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_desktop_is_known_by_its_pixels() {
    let world = World::new();
    world.internet.ip("route add 10.20.3.0/24 via 203.0.113.2");
    world.gateway.sh("echo 1 > /proc/sys/net/ipv4/conf/wan0/forwarding");
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", "pw-desk", BLUE, "xterm -geometry 60x10+20+20");
    let screen = Screen::start(&world.home);
    assert!(screen.share_of(BLUE) < 0.01);

    let command = xfreerdp(&world.home, Screen::DISPLAY, WORKSTATION, 3389, desktop.user(), "pw-desk");
    let _program = world.home.spawn("xfreerdp", command, "");
    screen.wait_for(BLUE);
    assert!(screen.share_of(GREEN) < 0.01);
    assert_eq!(desktop.connections(&world.workstation), 1);
}

#[test]
fn the_directory_knows_its_people() {
    let world = World::new();
    let directory = Directory::start(&world);
    let binds = |user: &str, password: &str| {
        world.gateway.succeeds(&format!(
            "LDAPTLS_CACERT={} ldapwhoami -x -H ldaps://{SERVERS} -D uid={user},ou=people,{BASE} -w '{password}'",
            directory.authority().display()
        ))
    };
    assert!(binds("m.rossi", "pw-m.rossi"));
    assert!(!binds("m.rossi", "pw-other"));
    assert!(!binds("nobody", "pw-nobody"));
    assert!(!binds("locked", "pw-locked"));
}

#[test]
fn a_capture_sees_what_passes() {
    let world = World::new();
    let _desk = Echo::start(&world.workstation, "desk", (WORKSTATION, 3389));
    let capture = Capture::start(&world, &world.gateway, "lan0");
    assert_eq!(greeting(&world.gateway, WORKSTATION, 3389).as_deref(), Some("desk"));
    let there = |packet: &Seen| packet.destination == WORKSTATION && packet.ports.is_some_and(|ports| ports.1 == 3389);
    let back = |packet: &Seen| packet.source == WORKSTATION && packet.payload == b"desk\n";
    wait::until("both directions", wait::SOON, || {
        let seen = capture.seen();
        (seen.iter().any(there) && seen.iter().any(back)).then_some(())
    });
}

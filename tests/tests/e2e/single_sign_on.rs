//! The password is typed once where the office says so: the real RDP program, at a real desktop, gets it from the client.

use e2e::{
    client::Connect,
    gateway::{Setup, password},
    rdp::{BLUE, Desktop, GREEN},
    screen::Screen,
    wait,
    world::World,
};

/// The grey of the window in which xrdp asks for name and password.
const QUESTION: [u8; 3] = [0xde, 0xde, 0xde];

/// Prints the number of the process that serves a desktop.
const SERVER: &str = r"ss -Htnp state established '( sport = :3389 )' | sed -n 's/.*pid=\([0-9]*\).*/\1/p'";
/// Gives the running desktop another wallpaper.
const PAINT: &str =
    "HOME=/home/m.rossi DISPLAY=:10 setpriv --reuid 54301 --regid 54301 --clear-groups xsetroot -solid '#2e7d52'";

/// The environments and command lines of all programs on the home computer, as any program of its user may read them.
fn shown_by_programs(world: &World) -> String {
    world.home.sh(
        "for pid in $(pidof xfreerdp deskgate); do cat /proc/$pid/cmdline /proc/$pid/environ; done | tr '\\0' '\\n'",
    )
}

#[test]
fn the_desktop_begins_without_a_second_password() {
    let world = World::new();
    // The workstation takes the directory's password, as offices have it.
    let pass = password("m.rossi");
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", &pass, BLUE, "xterm");
    let gateway = Setup::default().profile("single_sign_on", "true").start(&world);
    let screen = Screen::start(&world.home);
    let mut connect = Connect::new(&gateway, "m.rossi").arguments(&[]);
    connect.display = Some(Screen::DISPLAY);
    let mut client = connect.start(&world.home);
    screen.wait_for(BLUE);
    let shown = shown_by_programs(&world);
    assert!(shown.contains("/from-stdin:force"), "{shown}");
    assert!(!shown.contains(&pass), "{shown}");
    assert!(!client.said().contains(&pass), "{}", client.said());

    // The workstation hangs up, as after a fault: FreeRDP signs in again by itself, and shows what changes from then on.
    let server = || world.workstation.sh(SERVER).trim().to_owned();
    let before = server();
    world.workstation.sh(&format!("kill -9 {before}"));
    wait::until("another connection", wait::SOON, || Some(server()).filter(|now| !now.is_empty() && *now != before));
    world.workstation.sh(PAINT);
    screen.wait_for(GREEN);
    assert_eq!(desktop.connections(&world.workstation), 1);
    assert!(!client.ended(), "{}", client.said());
}

#[test]
fn without_the_offices_word_the_workstation_asks() {
    let world = World::new();
    let pass = password("m.rossi");
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", &pass, BLUE, "xterm");
    let gateway = Setup::default().start(&world);
    let screen = Screen::start(&world.home);
    let mut connect = Connect::new(&gateway, "m.rossi").arguments(&[]);
    connect.display = Some(Screen::DISPLAY);
    let client = connect.start(&world.home);
    wait::until("the workstation to be reached", wait::SOON, || {
        (desktop.connections(&world.workstation) == 1).then_some(())
    });
    let shown = shown_by_programs(&world);
    assert!(!shown.contains("from-stdin") && !shown.contains(&pass), "{shown}");
    // Its own question is on the screen, and no desktop.
    wait::until("xrdp's question", wait::SOON, || (screen.share_of_colour(QUESTION) > 0.05).then_some(()));
    assert!(screen.share_of(BLUE) < 0.2, "{}", client.said());
}

//! Window or full screen, as the worker last chose: by the real RDP program, at a real desktop.

use std::time::Duration;

use e2e::{
    client::exit,
    gateway::{Gateway, Setup, password},
    rdp::{BLUE, Desktop},
    screen::Screen,
    wait,
    window::{Window, letter, profile},
    world::World,
};
use nix::sys::signal::Signal;

/// Where the window remembers it.
const REMEMBERED: &str = "/home/.config/deskgate/window.toml";

/// Closes the desktop, and then the window.
fn close(window: &mut Window<'_>, screen: &Screen<'_>, gateway: &Gateway<'_>) {
    let number = gateway.only_session();
    screen.close_window("anagrafe-07");
    assert_eq!(gateway.close_reason(&number, wait::SOON), "program_ended");
    window.process().signal(Signal::SIGTERM);
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
}

#[test]
fn the_desktop_fills_the_screen_where_the_worker_wants_it_and_again_the_next_time() {
    let world = World::new();
    // The workstation takes the directory's password, as offices have it.
    let pass = password("m.rossi");
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", &pass, BLUE, "true");
    let gateway = Setup::default().profile("single_sign_on", "true").start(&world);
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    let profile = profile(&world, &gateway, "user = \"m.rossi\"");
    let trust = ["--trust", &letter(&profile).to_string()];

    let mut window = Window::start_with(&world.home, &profile, &trust);
    window.wait_for_button(&screen);
    window.activate();
    // From the password over the code and "sign in" to the choice, and back to the password.
    screen.press_one_by_one(&["Tab", "Tab", "Tab", "space", "shift+Tab", "shift+Tab", "shift+Tab"]);
    screen.type_text(&pass);
    screen.press("Return");
    screen.wait_until_filled(BLUE);
    assert!(screen.is_filled_by("anagrafe-07"));
    // The way back.
    wait::until("a window", wait::SOON, || {
        // Lost where FreeRDP has not the keyboard yet.
        if screen.is_filled_by("anagrafe-07") {
            screen.press("ctrl+alt+Return");
        }
        let became = || (!screen.is_filled_by("anagrafe-07")).then_some(());
        wait::within(Duration::from_secs(2), became)
    });
    close(&mut window, &screen, &gateway);
    assert!(world.home.sh(&format!("cat {REMEMBERED}")).contains("screen = \"full\""));

    // The next time nothing is to be chosen, and what is said for this once counts more.
    let mut window = Window::start_with(&world.home, &profile, &trust);
    window.wait_for_button(&screen);
    window.activate();
    screen.type_text(&pass);
    screen.press("Return");
    screen.wait_until_filled(BLUE);
    close(&mut window, &screen, &gateway);
    let for_once = [trust[0], trust[1], "--screen", "window"];
    let window = Window::start_with(&world.home, &profile, &for_once);
    window.wait_for_button(&screen);
    window.activate();
    screen.type_text(&pass);
    screen.press("Return");
    screen.wait_for(BLUE);
    assert!(screen.share_of(BLUE) < 0.9 && !screen.is_filled_by("anagrafe-07"));
    assert_eq!(desktop.connections(&world.workstation), 1);
}

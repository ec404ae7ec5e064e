//! Window or full screen, as the worker last chose: by the real RDP program, at a real desktop.

use e2e::{
    client::exit,
    gateway::{Setup, password},
    rdp::{BLUE, Desktop},
    screen::Screen,
    wait,
    window::{Window, letter, profile},
    world::World,
};

/// Where the window remembers it.
const REMEMBERED: &str = "/home/.config/deskgate/window.toml";

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
    screen.press("ctrl+alt+Return");
    wait::until("a window", wait::SOON, || (!screen.is_filled_by("anagrafe-07")).then_some(()));
    screen.close_window("anagrafe-07");
    window.wait_for_button(&screen);
    screen.close_window("Deskgate");
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
    assert!(world.home.sh(&format!("cat {REMEMBERED}")).contains("screen = \"full\""));

    // The next time nothing is to be chosen, and what is said for this once counts more.
    let mut window = Window::start_with(&world.home, &profile, &trust);
    window.wait_for_button(&screen);
    window.activate();
    screen.type_text(&pass);
    screen.press("Return");
    screen.wait_until_filled(BLUE);
    screen.close_window("anagrafe-07");
    window.wait_for_button(&screen);
    screen.close_window("Deskgate");
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
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

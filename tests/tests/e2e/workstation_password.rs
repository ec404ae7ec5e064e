//! A workstation that wants the password before it shows anything, as Windows does: the worker is asked for it where FreeRDP cannot ask.

use e2e::{
    client::exit,
    gateway::{Setup, password},
    rdp::{BLUE, Guarded},
    screen::Screen,
    wait,
    window::{BAD_NEWS, NEWS, Window, letter, pictures, profile},
    world::World,
};
use nix::sys::signal::Signal;

#[test]
fn the_window_asks_for_it_until_the_desktop_is_there() {
    let world = World::new();
    let _desktop = Guarded::start(&world.workstation, "m.rossi", "pw-desk", BLUE);
    let gateway = Setup::default().start(&world);
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    let profile = profile(&world, &gateway, "language = \"it\"\nuser = \"m.rossi\"");
    let mut window = Window::start_with(&world.home, &profile, &["--trust", &letter(&profile).to_string()]);
    window.wait_for_button(&screen);
    window.draw("sign-in-it");
    let answer = |password: &str| {
        window.activate();
        screen.type_text(password);
        screen.press("Return");
    };
    answer(&password("m.rossi"));
    let number = gateway.only_session();
    for (name, said, guess) in [("password-wanted", NEWS, "pw-wrong"), ("password-refused", BAD_NEWS, "pw-desk")] {
        // What is said may have the colour of what the mouse is over; on the way there is no other button like this one.
        wait::until("the question", wait::SOON, || {
            let is_there = !world.home.succeeds("pidof xfreerdp") && screen.share_of_colour(said) > 0.0001;
            is_there.then_some(())
        });
        window.wait_for_button(&screen);
        screen.save(&pictures().join(format!("{name}.png")));
        answer(guess);
    }
    screen.wait_for_about(BLUE);
    screen.save(&pictures().join("password-taken.png"));
    assert_eq!(gateway.only_session(), number, "it is one session");
    screen.close_window("anagrafe-07");
    assert_eq!(gateway.close_reason(&number, wait::SOON), "program_ended");
    window.process().signal(Signal::SIGTERM);
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
}

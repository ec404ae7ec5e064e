//! A workstation that wants the password before it shows anything, as Windows does: the worker is asked for it where FreeRDP cannot ask.

use e2e::{
    client::exit,
    gateway::{Setup, password},
    rdp::{BLUE, Guarded},
    screen::Screen,
    wait,
    window::{BAD_NEWS, NEWS, Window, pictures, profile},
    world::World,
};

#[test]
fn the_window_asks_for_it_until_the_desktop_is_there() {
    let world = World::new();
    let _desktop = Guarded::start(&world.workstation, "m.rossi", "pw-desk", BLUE);
    let gateway = Setup::default().start(&world);
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    let profile = profile(&world, &gateway, "language = \"it\"\nuser = \"m.rossi\"");
    let mut window = Window::start_with(&world.home, &profile, &[]);
    window.wait_for_button(&screen);
    window.activate();
    // Language and appearance come first, then the button that says that the words are the letter's.
    ["Tab", "Tab", "Tab", "Return"].into_iter().for_each(|key| screen.press(key));
    wait::until("the office to be known", wait::SOON, || {
        world.home.succeeds("test -s /home/.config/deskgate/office.toml").then_some(())
    });
    let answer = |password: &str| {
        window.activate();
        screen.type_text(password);
        screen.press("Return");
    };
    answer(&password("m.rossi"));
    let number = gateway.only_session();
    for (name, said, guess) in [("password-wanted", NEWS, "pw-wrong"), ("password-refused", BAD_NEWS, "pw-desk")] {
        wait::until("the question", wait::SOON, || (screen.share_of_colour(said) > 0.0001).then_some(()));
        screen.save(&pictures().join(format!("{name}.png")));
        answer(guess);
    }
    screen.wait_for_about(BLUE);
    screen.save(&pictures().join("password-taken.png"));
    assert_eq!(gateway.only_session(), number, "it is one session");
    screen.close_window("anagrafe-07");
    assert_eq!(gateway.close_reason(&number, wait::SOON), "program_ended");
    screen.close_window("Deskgate");
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
}

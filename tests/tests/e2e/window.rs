//! The window, for real: a person's path from the double click to the desktop to closed, by keyboard, on a screen.

use std::{fs, time::Duration};

use e2e::{
    client::exit,
    cost,
    factor::App,
    gateway::{Setup, password},
    menu,
    rdp::{BLUE, Desktop},
    screen::Screen,
    wait,
    window::{BAD_NEWS, NEWS, Window, pictures, profile},
    world::{World, program},
};
use nix::sys::signal::Signal;

/// What the window may take of the home computer's memory at work, in MB.
const RESIDENT: f64 = 160.0;

/// Types name and password into the window that has the keyboard, and Enter.
fn sign_in(screen: &Screen<'_>, user: &str, password: &str) {
    screen.type_text(user);
    screen.press_one_by_one(&["Tab"]);
    screen.type_text(password);
    screen.press("Return");
}

#[test]
fn a_person_goes_from_the_double_click_to_the_desktop_and_closes_with_the_window() {
    let world = World::new();
    // The workstation takes the directory's password, as offices have it.
    let pass = password("m.rossi");
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", &pass, BLUE, "xterm");
    let gateway = Setup::default().profile("single_sign_on", "true").start(&world);
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    menu::install(&world);
    let profile = profile(&world, &gateway, "language = \"en\"\nremember_user = true");
    world.home.sh(&format!("cp '{}' /home/comune.deskgate", profile.display()));
    let running = || world.home.running(menu::PROGRAM).len();

    // A double click, and the six words of the letter. Language and appearance come first, then the button that says yes.
    let mut window = menu::open(&world, "/home/comune.deskgate");
    window.wait_for_button(&screen);
    assert_eq!((window.wait(), running()), (exit::ENDED, 1), "the desktop has started it: {}", window.said());
    window.activate();
    screen.save(&pictures().join("letter.png"));
    screen.press_one_by_one(&["Tab", "Tab", "Tab", "Return"]);
    wait::until("the office to be known", wait::SOON, || {
        world.home.succeeds("test -s /home/.config/deskgate/office.toml").then_some(())
    });
    window.wait_for_button(&screen);
    screen.save(&pictures().join("sign-in.png"));
    window.draw("sign-in");

    // A wrong password first: told in place, and the name need not be typed again.
    sign_in(&screen, "m.rossi", "pw-wrong");
    wait::until("the refusal", wait::SOON, || {
        gateway.records().iter().any(|record| record["kind"] == "login_refused").then_some(())
    });
    wait::until("its words", wait::SOON, || (screen.share_of_colour(BAD_NEWS) > 0.0001).then_some(()));
    window.wait_for_button(&screen);
    screen.save(&pictures().join("refused.png"));
    screen.type_text(&pass);
    screen.press("Return");
    // The program that shows the desktop is found by itself, and neither it nor the workstation asks for anything.
    screen.wait_for(BLUE);
    screen.save(&pictures().join("desktop.png"));
    let number = gateway.only_session();

    // Whoever double clicks once more gets the same window, and no second one.
    let mut second = menu::open(&world, "/home/comune.deskgate");
    assert_eq!(second.wait(), exit::ENDED, "{}", second.said());
    wait::until("the window in front", wait::SOON, || (Window::active(&world.home) == "Deskgate").then_some(()));
    window.wait_for_button(&screen);
    wait::until("the second program's end", wait::SOON, || (running() == 1).then_some(()));
    screen.save(&pictures().join("working.png"));
    window.draw("working");
    assert_eq!(gateway.only_session(), number);

    // Beside the work it costs next to nothing, once it is drawn: a hundredth of a processor, and two ticks of the clock that counts.
    let pid = world.home.running(menu::PROGRAM)[0];
    let span = Duration::from_secs(5);
    let rests = || (cost::processor_over(pid, span) <= span.as_secs_f64() / 100.0 + 0.02).then_some(());
    wait::until("the window to be at rest", wait::SOON, rests);
    let resident = cost::resident(pid);
    assert!(resident < RESIDENT, "{resident:.0} MB");

    // Larger text, also the next time.
    screen.press("ctrl+plus");
    let remembered = || world.home.sh("cat /home/.config/deskgate/window.toml");
    wait::until("the size to be kept", wait::SOON, || remembered().contains("text_size = 110\n").then_some(()));

    // One question, answered with Enter.
    screen.close_window("Deskgate");
    let asked = || gateway.sessions().is_empty().then_some(());
    assert!(wait::within(Duration::from_secs(2), asked).is_none(), "closed without a question");
    screen.save(&pictures().join("question.png"));
    screen.press("Return");
    assert_eq!(gateway.close_reason(&number, wait::SOON), "worker_closed");
    gateway.assert_nothing_left();
    wait::until("the program to be gone", wait::SOON, || (running() == 0).then_some(()));
    wait::until("the desktop to be let go", wait::SOON, || {
        (desktop.connections(&world.workstation) == 0).then_some(())
    });
    assert!(!world.home.succeeds("pidof xfreerdp"), "{}", window.said());
    assert_eq!(gateway.story(&number), ["session_opened", "session_closed"]);
    let remembered = remembered();
    assert!(remembered.contains("m.rossi") && !remembered.contains("pw-"), "{remembered}");
}

#[test]
fn two_people_at_one_computer_have_a_window_each() {
    let world = World::new();
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    menu::install(&world);
    let shown = || world.home.sh(&format!("DISPLAY={} xdotool search --name '^Deskgate$' | wc -l", Screen::DISPLAY));
    let start = |user: u32| {
        let home = format!("/tmp/{user}");
        world.home.sh(&format!("install -d -o {user} -m 700 {home} {home}/run"));
        let mut command = world.home.command("setpriv");
        command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups", "env"]);
        command.args([&format!("HOME={home}"), &format!("XDG_RUNTIME_DIR={home}/run"), menu::PROGRAM, "window"]);
        Window::start_as(&world.home, command)
    };
    let windows = [1001, 1002].map(|user| {
        let window = start(user);
        let (count, said) = (user - 1000, || window.said());
        let is_there = wait::within(2 * wait::SOON, || (shown().trim() == count.to_string()).then_some(()));
        assert!(is_there.is_some(), "{} instead of {count}: {}", shown(), said());
        window
    });
    // The second start of one of them is seen as that, among two.
    let mut again = start(1002);
    assert_eq!(again.wait(), exit::ENDED, "{}", again.said());
    assert_eq!(shown().trim(), "2");
    for mut window in windows {
        window.process().signal(Signal::SIGTERM);
        assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
    }
}

#[test]
fn a_profile_of_an_unknown_office_asks_for_six_words_once_and_one_of_another_office_is_not_used() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    let ours = profile(&world, &gateway, "language = \"en\"\nuser = \"m.rossi\"");
    let other = profile(&world, &gateway, "language = \"en\"\nuser = \"m.rossi\"");
    let guess = |screen: &Screen<'_>| {
        screen.type_text("Guess-that-is-wrong-4711");
        screen.press("Return");
    };
    let refusals = || gateway.records().iter().filter(|record| record["kind"] == "login_refused").count();

    let mut window = Window::start_with(&world.home, &ours, &[]);
    window.wait_for_button(&screen);
    window.activate();
    screen.save(&pictures().join("first-use.png"));
    window.draw("first-use");
    // Language and appearance come first, then the button that says yes.
    screen.press_one_by_one(&["Tab", "Tab", "Tab", "Return"]);
    wait::until("the office to be known", wait::SOON, || {
        world.home.succeeds("test -s /home/.config/deskgate/office.toml").then_some(())
    });
    guess(&screen);
    wait::until("a sign-in", wait::SOON, || (refusals() == 1).then_some(()));
    screen.close_window("Deskgate");
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());

    // The second time nobody is asked.
    let mut window = Window::start_with(&world.home, &ours, &[]);
    window.wait_for_button(&screen);
    window.activate();
    guess(&screen);
    wait::until("a sign-in", wait::SOON, || (refusals() == 2).then_some(()));
    screen.close_window("Deskgate");
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());

    // A foreign one is told of, and there is nothing to press but the end.
    let mut window = Window::start_with(&world.home, &other, &[]);
    window.wait_for_button(&screen);
    window.activate();
    screen.save(&pictures().join("foreign.png"));
    // The end has the keyboard.
    guess(&screen);
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
    assert_eq!(refusals(), 2);
}

#[test]
fn the_end_of_the_desktop_is_told_in_the_window_which_stays_for_the_next_time() {
    let world = World::new();
    let desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    // A program that reaches the desktop and ends once it is told to.
    world.home.sh("mkfifo /tmp/end");
    let run = "bash -c \"exec 3<>/dev/tcp/{host}/{port}; cat /tmp/end\"";
    let profile = profile(&world, &gateway, "language = \"it\"\nuser = \"m.rossi\"");
    let mut window = Window::start(&world.home, &profile, run);
    window.wait_for_button(&screen);
    window.activate();
    screen.type_text(&password("m.rossi"));
    screen.press("Return");
    wait::until("the desktop to be reached", wait::SOON, || (desk.visits() == 1).then_some(()));
    let number = gateway.only_session();
    // A program that ends at once never showed a desktop: this one lasted.
    wait::until("two seconds of work", wait::SOON, || {
        world.home.succeeds("test $(ps -o etimes= -p $(pgrep -xf 'cat /tmp/end')) -gt 2").then_some(())
    });
    world.home.sh("echo > /tmp/end");
    assert_eq!(gateway.close_reason(&number, wait::SOON), "program_ended");
    wait::until("the end to be told", wait::SOON, || (screen.share_of_colour(NEWS) > 0.01).then_some(()));
    screen.save(&pictures().join("ended.png"));

    // "Sign in again" has the keyboard, and the name is still there.
    screen.press_one_by_one(&["Return"]);
    screen.type_text(&password("m.rossi"));
    screen.press("Return");
    wait::until("the desktop to be reached again", wait::SOON, || (desk.visits() == 2).then_some(()));
    let number = gateway.only_session();
    window.process().signal(Signal::SIGTERM);
    assert_eq!(window.wait(), exit::ENDED, "the system wants it to end: {}", window.said());
    assert_eq!(gateway.close_reason(&number, wait::SOON), "worker_closed");
    gateway.assert_nothing_left();
}

#[test]
fn when_the_screen_goes_the_session_is_closed_at_once() {
    let world = World::new();
    let desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    // A program that needs no screen: the end of the session is not its doing.
    let run = "bash -c \"exec 3<>/dev/tcp/{host}/{port}; cat <&3\"";
    let profile = profile(&world, &gateway, "language = \"en\"\nuser = \"m.rossi\"");
    let mut window = Window::start(&world.home, &profile, run);
    window.wait_for_button(&screen);
    window.activate();
    screen.type_text(&password("m.rossi"));
    screen.press("Return");
    wait::until("the desktop to be reached", wait::SOON, || (desk.visits() == 1).then_some(()));
    let number = gateway.only_session();
    screen.take_away();
    // As its library has a program end that has lost its screen.
    window.wait();
    assert_eq!(gateway.close_reason(&number, wait::SOON), "worker_closed", "{}", window.said());
    assert_eq!(gateway.story(&number), ["session_opened", "session_closed"], "nobody was missed");
    gateway.assert_nothing_left();
}

#[test]
fn a_phone_is_set_up_as_second_factor_in_the_window() {
    let world = World::new();
    let desk = crate::desk(&world);
    let gateway = Setup::default().profile("second_factor", "\"totp\"").start(&world);
    let handed_over = gateway.hands_over("enrol", "m.rossi");
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    world.home.sh("mkfifo /tmp/end");
    let run = "bash -c \"exec 3<>/dev/tcp/{host}/{port}; cat /tmp/end\"";
    let profile = profile(&world, &gateway, "language = \"en\"\nuser = \"m.rossi\"");
    let mut window = Window::start(&world.home, &profile, run);
    window.wait_for_button(&screen);
    window.activate();

    // From the password over the code, "sign in" and "change your password" to the button, then what it asks for.
    screen.press_one_by_one(&["Tab", "Tab", "Tab", "Tab", "Return"]);
    screen.type_text(&password("m.rossi"));
    screen.press_one_by_one(&["Tab"]);
    screen.type_text(&handed_over);
    screen.press("Return");
    let address = wait::until("the picture", wait::SOON, || screen.scan());
    screen.save(&pictures().join("enrolling.png"));
    window.draw("enrolling");
    let secret = address.split_once("secret=").and_then(|(_, rest)| rest.split('&').next()).expect("it holds a secret");
    assert!(address.starts_with("otpauth://totp/") && address.contains(":m.rossi?"), "{address}");
    let app = App::new(secret);

    // A wrong code first: the picture stays.
    let enrolled = || gateway.json(&["factor", "list", "--json"])[0]["enrolled_at"].is_string();
    screen.type_text("000000");
    screen.press("Return");
    wait::until("the refusal", wait::SOON, || (screen.share_of_colour(BAD_NEWS) > 0.0001).then_some(()));
    assert!(!enrolled());
    assert_eq!(screen.scan().as_deref(), Some(address.as_str()));
    screen.type_text(&app.now());
    screen.press("Return");
    wait::until("the second factor to count", wait::SOON, || enrolled().then_some(()));
    wait::until("the recovery codes", wait::SOON, || screen.scan().is_none().then_some(()));
    screen.save(&pictures().join("recovery-codes.png"));

    // Past the language and the look to the only button, then in with what the app shows.
    screen.press_one_by_one(&["Tab", "Tab", "Tab", "Return"]);
    window.wait_for_button(&screen);
    screen.type_text(&password("m.rossi"));
    screen.press_one_by_one(&["Tab"]);
    screen.type_text(&app.next());
    screen.press("Return");
    wait::until("the desktop to be reached", wait::SOON, || (desk.visits() == 1).then_some(()));
    window.process().signal(Signal::SIGTERM);
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
}

#[test]
fn a_typed_password_is_gone_from_memory_once_it_was_sent() {
    const PASSWORD: &str = "Guess-that-is-wrong-4711";
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    let profile = profile(&world, &gateway, "language = \"en\"\nuser = \"m.rossi\"");
    let window = Window::start(&world.home, &profile, "true");
    window.wait_for_button(&screen);
    window.activate();
    screen.type_text(PASSWORD);
    let pid = window.process().pid().expect("it runs");
    let held = || memory_holds(pid.as_raw(), PASSWORD);
    wait::until("the password to be typed", wait::SOON, || held().then_some(()));
    screen.press("Return");
    wait::until("the refusal", wait::SOON, || {
        gateway.records().iter().any(|record| record["kind"] == "login_refused").then_some(())
    });
    wait::until("the password to be gone", wait::SOON, || (!held()).then_some(()));
}

/// Whether a process has these bytes anywhere in what it may write to.
fn memory_holds(pid: i32, secret: &str) -> bool {
    use std::os::unix::fs::FileExt as _;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it runs");
    let memory = fs::File::open(format!("/proc/{pid}/mem")).expect("root may");
    maps.lines().filter(|line| line.contains(" rw")).any(|line| {
        let (range, _) = line.split_once(' ').expect("a range, then the rest");
        let (begin, end) = range.split_once('-').expect("two ends");
        let [begin, end] = [begin, end].map(|end| u64::from_str_radix(end, 16).expect("hexadecimal"));
        let mut bytes = vec![0; usize::try_from(end - begin).expect("it fits")];
        let read = memory.read_at(&mut bytes, begin).unwrap_or(0);
        let first = secret.as_bytes()[0];
        bytes[..read].iter().enumerate().any(|(at, byte)| *byte == first && bytes[at..].starts_with(secret.as_bytes()))
    })
}

#[test]
fn where_no_window_can_be_opened_a_sentence_says_what_does_without() {
    let world = World::new();
    let mut command = world.home.command(program("deskgate"));
    command.env_remove("WAYLAND_DISPLAY").env("XDG_RUNTIME_DIR", "/tmp");
    let mut process = world.home.spawn("no-window", command, "");
    assert_eq!(process.wait(wait::SOON).code(), exit::USAGE);
    let said = process.stderr();
    assert!(said.contains("deskgate connect") && said.lines().count() == 1, "{said}");
}

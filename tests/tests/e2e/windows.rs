//! The program for Windows, under Wine: a desktop through its door, and every way in which its work ends.
//!
//! Run by `./check windows`, which brings Wine and builds the program.

use std::time::Duration;

use e2e::{
    client::{Client, Connect, exit},
    echo::{connect, read_line},
    gateway::{Gateway, Setup, password},
    rdp::BLUE,
    screen::Screen,
    wait,
    window::{Window, letter, pictures, profile},
    windows::Windows,
    world::World,
};
use nix::sys::signal::Signal;

use crate::LOOPBACK;

/// The title of the desktop's window.
const DESKTOP: &str = "anagrafe-07 - Remote Desktop";

/// A worker's screen, on.
fn screen(world: &World) -> Screen<'_> {
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    screen
}

/// Signs m.rossi in at a console of Windows, and waits until the desktop is on the screen.
fn at_work(gateway: &Gateway<'_>, windows: &Windows<'_>, world: &World, screen: &Screen<'_>) -> (Client, String) {
    let connect = Connect::new(gateway, "m.rossi").arguments(&[]);
    let client = connect.start_as(&world.home, windows.command("deskgate-console.exe"));
    let shown = wait::within(2 * wait::SOON, || (screen.share_of(BLUE) > 0.2).then_some(()));
    assert!(shown.is_some(), "no desktop: {}", client.said());
    (client, gateway.only_session())
}

/// Opens the window for m.rossi, who has compared the words.
fn open_window<'w>(world: &'w World, gateway: &Gateway<'_>, windows: &Windows<'_>) -> Window<'w> {
    let profile = profile(world, gateway, "language = \"en\"\nuser = \"m.rossi\"");
    let mut command = windows.command("deskgate.exe");
    command.args(["window", &windows.path(&profile), "--trust", &letter(&profile).to_string()]);
    Window::start_as(&world.home, command)
}

/// A program that ends at once never showed a desktop: waits until it is none of those.
fn worked_for_a_while(windows: &Windows<'_>) {
    wait::until("two seconds of work", wait::SOON, || windows.age("mstsc.exe").filter(|age| *age > 2));
}

#[test]
fn a_megabyte_comes_back_and_the_end_of_the_program_closes_the_session() {
    let world = World::new();
    let desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let _screen = screen(&world);
    let windows = Windows::install(&world);
    let run = format!("\"{}\" {{host}} {{port}}", windows.beside("echo.exe"));
    let connect = Connect::new(&gateway, "m.rossi").run(&run, None);
    let mut client = connect.start_as(&world.home, windows.command("deskgate-console.exe"));
    assert_eq!(client.wait(2 * wait::SOON).code(), exit::ENDED, "{}", client.said());
    assert!(client.said().contains("echo: desk returned a megabyte"), "{}", client.said());
    assert_eq!(desk.visits(), 1);
    assert_eq!(gateway.close_reasons(), ["program_ended"]);
    gateway.assert_nothing_left();
}

#[test]
fn mstsc_is_told_everything_by_a_file_and_its_end_closes_the_session() {
    let world = World::new();
    let desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let screen = screen(&world);
    let windows = Windows::install(&world);
    let (mut client, number) = at_work(&gateway, &windows, &world, &screen);
    let said = client.said();
    let lines: Vec<&str> = said.lines().filter_map(|line| line.trim_end().strip_prefix("mstsc: ")).collect();
    let port =
        lines.iter().find_map(|line| line.strip_prefix("full address:s:127.0.0.1:")?.parse().ok()).expect("a door");
    for line in ["username:s:m.rossi", "redirectclipboard:i:0", "prompt for credentials:i:1"] {
        assert!(lines.contains(&line), "{line}: {said}");
    }
    assert!(said.contains("mstsc: reached desk") && !said.contains(&password("m.rossi")), "{said}");
    assert!(windows.own_files().contains("/anagrafe-07.rdp\n"), "{}", windows.own_files());

    // Whom the table of this Windows does not know is nobody of ours.
    let stranger = connect(&world.home, LOOPBACK, port).and_then(|mut stream| read_line(&mut stream));
    assert_eq!((stranger, desk.visits()), (None, 1));

    // The desktop is spoken with, by keyboard; and logged off, it ends.
    worked_for_a_while(&windows);
    screen.activate(DESKTOP);
    screen.press("q");
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    assert!(client.said().contains("mstsc: logged off"), "{}", client.said());
    assert_eq!(gateway.close_reason(&number, wait::SOON), "program_ended");
    gateway.assert_nothing_left();
    assert!(!windows.own_files().contains(".rdp"), "{}", windows.own_files());
}

#[test]
fn closing_the_desktop_s_window_or_killing_mstsc_closes_the_session() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let screen = screen(&world);
    let windows = Windows::install(&world);
    let close = || screen.close_window(DESKTOP);
    let kill = || windows.kill("mstsc.exe");
    let ways: [&dyn Fn(); 2] = [&close, &kill];
    for end in ways {
        let (mut client, number) = at_work(&gateway, &windows, &world, &screen);
        worked_for_a_while(&windows);
        end();
        assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
        assert_eq!(gateway.close_reason(&number, wait::SOON), "program_ended");
        gateway.assert_nothing_left();
    }
}

#[test]
fn control_c_and_a_kill_take_mstsc_along() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let screen = screen(&world);
    let windows = Windows::install(&world);
    let ways = [(Signal::SIGINT, exit::ENDED, "worker_closed"), (Signal::SIGKILL, None, "client_lost")];
    for (signal, code, reason) in ways {
        let (mut client, number) = at_work(&gateway, &windows, &world, &screen);
        client.signal(signal);
        assert_eq!(client.wait(wait::SOON).code(), code, "{}", client.said());
        wait::until("mstsc to be gone", wait::SOON, || (!windows.runs("mstsc.exe")).then_some(()));
        assert_eq!(gateway.close_reason(&number, wait::SOON), reason);
        gateway.assert_nothing_left();
    }
}

#[test]
fn the_password_lies_ready_for_mstsc_as_long_as_that_runs_and_what_a_kill_left_goes_with_the_next_session() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().profile("single_sign_on", "true").start(&world);
    let screen = screen(&world);
    let windows = Windows::install(&world);
    // UTF-16, and for this logon.
    let ready = format!("m.rossi {} 1", 2 * password("m.rossi").len());
    let (mut client, number) = at_work(&gateway, &windows, &world, &screen);
    assert!(client.said().contains("mstsc: prompt for credentials:i:0"), "{}", client.said());
    assert_eq!(windows.credential(), ready);
    let mut stays = windows.command("credential.exe");
    stays.arg("stay");
    let stays = world.home.spawn("logged-on", stays, "");
    wait::until("somebody to be logged on", wait::SOON, || stays.stdout().contains("m.rossi").then_some(()));
    client.signal(Signal::SIGKILL);
    client.wait(wait::SOON);
    assert_eq!(gateway.close_reason(&number, wait::SOON), "client_lost");
    assert_eq!(windows.credential(), ready, "as the manual says");

    let (mut client, _) = at_work(&gateway, &windows, &world, &screen);
    assert_eq!(windows.credential(), ready);
    client.signal(Signal::SIGINT);
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    assert_eq!(windows.credential(), "nothing");
    assert!(!client.said().contains(&password("m.rossi")), "{}", client.said());
}

#[test]
fn a_person_signs_in_works_and_closes_with_the_window() {
    let world = World::new();
    let desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let screen = screen(&world);
    let windows = Windows::install(&world);
    let mut window = open_window(&world, &gateway, &windows);
    window.wait_for_button(&screen);
    window.activate();
    screen.save(&pictures().join("windows-sign-in.png"));
    screen.type_text(&password("m.rossi"));
    screen.press("Return");
    screen.wait_for(BLUE);
    let number = gateway.only_session();
    assert_eq!(desk.visits(), 1);
    screen.save(&pictures().join("windows-working.png"));

    // One question, answered with Enter; the desktop goes with the session.
    window.activate();
    screen.close_window("Deskgate");
    let closed = || gateway.sessions().is_empty().then_some(());
    assert!(wait::within(Duration::from_secs(2), closed).is_none(), "closed without a question");
    screen.save(&pictures().join("windows-question.png"));
    screen.press("Return");
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
    assert_eq!(gateway.close_reason(&number, wait::SOON), "worker_closed");
    gateway.assert_nothing_left();
    wait::until("mstsc to be gone", wait::SOON, || (!windows.runs("mstsc.exe")).then_some(()));
}

#[test]
fn logging_off_closes_the_session_at_once_and_leaves_nothing() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().profile("single_sign_on", "true").start(&world);
    let screen = screen(&world);
    let windows = Windows::install(&world);
    // The Credential Manager of a Windows under which nothing runs would be empty by itself.
    let mut stays = windows.command("credential.exe");
    stays.arg("stay");
    let _stays = world.home.spawn("logged-on", stays, "");
    let closed_at_once = |number: &str| {
        assert_eq!(gateway.close_reason(number, wait::SOON), "worker_closed");
        assert_eq!(gateway.story(number), ["session_opened", "session_closed"], "nobody was missed");
        gateway.assert_nothing_left();
        assert_eq!(windows.credential(), "nothing");
        assert!(!windows.own_files().contains(".rdp"), "{}", windows.own_files());
        wait::until("mstsc to be gone", wait::SOON, || (!windows.runs("mstsc.exe")).then_some(()));
    };

    let (mut client, number) = at_work(&gateway, &windows, &world, &screen);
    assert!(windows.own_files().contains(".rdp") && windows.credential().starts_with("m.rossi"));
    windows.log_off();
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    closed_at_once(&number);

    let mut window = open_window(&world, &gateway, &windows);
    window.wait_for_button(&screen);
    window.activate();
    screen.type_text(&password("m.rossi"));
    screen.press("Return");
    screen.wait_for(BLUE);
    let number = gateway.only_session();
    // As it is while somebody works.
    screen.minimise("Deskgate");
    windows.log_off();
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
    closed_at_once(&number);
}

#[test]
fn a_double_click_on_the_office_s_file_opens_the_window_after_a_first_start() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let screen = screen(&world);
    let windows = Windows::install(&world);
    let profile = profile(&world, &gateway, "language = \"en\"\nuser = \"m.rossi\"");
    let mut first = Window::start_as(&world.home, windows.command("deskgate.exe"));
    first.wait_for_button(&screen);
    screen.close_window("Deskgate");
    first.wait();
    wait::until("the window to be gone", wait::SOON, || (!windows.runs("deskgate.exe")).then_some(()));
    windows.merge_file_types();

    let second = Window::start_as(&world.home, windows.open(&profile));
    second.wait_for_button(&screen);
}

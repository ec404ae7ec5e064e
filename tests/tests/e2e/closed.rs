//! Promise 5, closed when the work ends: never a tunnel without a session, never a session without an end.

use std::time::{Duration, Instant};

use e2e::{
    api,
    client::{Connect, exit},
    echo::{Echo, answers, connect, read_line},
    gateway::{Setup, password},
    rdp::{BLUE, Desktop},
    screen::{Bus, Screen},
    wait,
    window::{NEWS, Window, pictures, profile},
    world::{OTHER_WORKSTATION, WORKSTATION, World},
};
use gateway_api::login::RefusalCode;
use jiff::Timestamp;
use nix::sys::signal::Signal;

use crate::LOOPBACK;

#[test]
fn closing_the_desktop_window_closes_the_session_within_a_second() {
    let world = World::new();
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", "pw-desk", BLUE, "xterm");
    let gateway = Setup::default().start(&world);
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    let run = crate::reach::xfreerdp("pw-desk", "/t:office");
    let mut client = Connect::new(&gateway, "m.rossi").run(&run, Some(Screen::DISPLAY)).start(&world.home);
    screen.wait_for(BLUE);
    let number = gateway.only_session();

    // Measured from the last moment at which the program was seen alive, so that a slow look never helps.
    let mut alive = Timestamp::now();
    screen.close_window("office");
    wait::until("the RDP program to be gone", wait::SOON, || {
        let looked = Timestamp::now();
        let is_alive = world.home.succeeds("pidof xfreerdp");
        if is_alive {
            alive = looked;
        }
        (!is_alive).then_some(())
    });
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());

    assert_eq!(gateway.close_reason(&number, wait::SOON), "program_ended");
    let took = gateway.closed_at(&number).duration_since(alive);
    // A second is promised; the rest is room for how seldom a busy machine lets us look.
    assert!(took < jiff::SignedDuration::from_secs(3), "it took {took:?}");
    gateway.assert_nothing_left();
    wait::until("the desktop to be let go", wait::SOON, || {
        (desktop.connections(&world.workstation) == 0).then_some(())
    });
}

#[test]
fn a_program_that_ends_closes_the_session() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").run("true {host} {port} {user}", None).start(&world.home);
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    gateway.assert_nothing_left();
    let records = gateway.records();
    let closed = records.iter().find(|record| record["kind"] == "session_closed").expect("one end");
    assert_eq!(closed["fields"]["reason"], "program_ended");
}

fn closes_on(signal: Signal) {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().profile("grace", "\"10m\"").start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert!(read_line(&mut stream).is_some());
    let number = gateway.only_session();
    client.signal(signal);
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    assert_eq!(gateway.close_reason(&number, wait::SOON), "worker_closed");
    assert!(!answers(&mut stream, "still here"));
    gateway.assert_nothing_left();
}

#[test]
fn control_c_closes_the_session() {
    closes_on(Signal::SIGINT);
}

#[test]
fn the_end_of_the_home_computer_closes_the_session() {
    closes_on(Signal::SIGTERM);
}

#[test]
fn a_closed_terminal_closes_the_session() {
    closes_on(Signal::SIGHUP);
}

#[test]
fn a_killed_client_is_closed_after_the_grace_and_not_before() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().profile("grace", "\"5s\"").start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let number = gateway.held_session();
    client.signal(Signal::SIGKILL);
    let killed = Instant::now();
    assert_eq!(gateway.close_reason(&number, wait::SOON), "client_lost");
    let took = killed.elapsed();
    assert!((4.5..12.0).contains(&took.as_secs_f64()), "it took {took:?}");
    assert_eq!(gateway.story(&number), ["session_opened", "channel_lost", "session_closed"]);
    gateway.assert_nothing_left();
}

#[test]
fn a_line_that_is_cut_closes_the_session_after_the_grace() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().profile("grace", "\"5s\"").start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let number = gateway.held_session();
    world.internet.ip("link set home down");
    // The channel must be missed first, which takes its own keepalive.
    assert_eq!(gateway.close_reason(&number, 4 * wait::SOON), "client_lost");
    gateway.assert_nothing_left();
}

#[test]
fn a_line_that_comes_back_within_the_grace_goes_on_with_the_same_session() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().profile("grace", "\"2m\"").start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert!(read_line(&mut stream).is_some());
    let number = gateway.held_session();
    world.internet.ip("link set home down");
    wait::until("the channel to be missed", 4 * wait::SOON, || {
        gateway.story(&number).contains(&"channel_lost".to_owned()).then_some(())
    });
    world.internet.ip("link set home up");
    wait::until("the channel to be back", 4 * wait::SOON, || {
        gateway.story(&number).contains(&"channel_resumed".to_owned()).then_some(())
    });
    assert!(answers(&mut stream, "still here"), "{}", client.said());
    assert_eq!(gateway.only_session(), number);
}

#[test]
fn a_second_login_replaces_the_first_where_policy_says_so() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().profile("second_login", "\"replace\"").start(&world);
    let mut first = Connect::new(&gateway, "m.rossi").start(&world.home);
    first.port();
    let number = gateway.only_session();
    let mut second = Connect::new(&gateway, "m.rossi").start(&world.other_home);
    second.port();
    assert_eq!(gateway.close_reason(&number, wait::SOON), "replaced");
    assert_eq!(first.wait(wait::SOON).code(), exit::ENDED, "{}", first.said());
    assert_ne!(gateway.only_session(), number);
}

#[test]
fn a_second_login_is_refused_where_policy_says_so() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().profile("second_login", "\"refuse\"").start(&world);
    let mut first = Connect::new(&gateway, "m.rossi").start(&world.home);
    first.port();
    let number = gateway.only_session();
    let (answer, _) = api::login(&world, &world.other_home, "m.rossi", &password("m.rossi"));
    assert_eq!(answer.refusal().code, RefusalCode::AlreadyConnected);
    let (code, said) = Connect::new(&gateway, "m.rossi").refused(&world.other_home);
    assert_eq!(code, exit::REFUSED, "{said}");
    assert_eq!(gateway.only_session(), number);
    assert!(!first.ended());
}

#[test]
fn an_administrator_closes_a_session() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let number = gateway.held_session();
    gateway.command(&["session", "close", &number]);
    assert_eq!(gateway.close_reason(&number, wait::SOON), "administrator");
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    gateway.assert_nothing_left();
}

#[test]
fn a_gateway_that_stops_for_good_leaves_nothing_on_the_machine() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let before = machine(&world);
    let mut gateway = Setup::default().start(&world);
    assert_ne!(machine(&world), before, "a running gateway shows");
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    gateway.held_session();
    gateway.command(&["stop", "--end-sessions", "--warn", "0"]);
    assert_eq!(gateway.wait(), Some(0), "{}", gateway.log());
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    assert_eq!(machine(&world), before);
}

/// What a gateway changes on its machine and takes back: devices, addresses, routes. Its firewall table stays, names the
/// device alone, and does nothing without it.
fn machine(world: &World) -> String {
    world.gateway.sh("ip -brief link | cut -d' ' -f1; ip -brief addr; ip route; ip -6 route; nft list tables | grep -v deskgate_ || true")
}

#[test]
fn a_session_that_nobody_uses_has_an_end() {
    let world = World::new();
    let gateway = Setup::default().profile("grace", "\"5s\"").start(&world);
    let (session, _) = api::session(&world, &world.home, "m.rossi");
    let reason = gateway.close_reason(&session.number.to_string(), 2 * wait::SOON);
    assert!(["client_lost", "never_used"].contains(&reason.as_str()), "{reason}");
    gateway.assert_nothing_left();
}

#[test]
fn after_many_sessions_nothing_is_left_of_any() {
    let world = World::new();
    let _desk = Echo::start(&world.workstation, "desk", (WORKSTATION, 3389));
    let gateway = Setup::default().start(&world);
    let before = machine(&world);
    for _ in 0..5 {
        let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
        assert!(connect(&world.home, LOOPBACK, client.port()).is_some());
        client.signal(Signal::SIGTERM);
        client.wait(wait::SOON);
        gateway.assert_nothing_left();
    }
    assert_eq!(machine(&world), before);
    wait::until("the workstation to forget its connections", Duration::from_secs(10), || {
        world.workstation.sh("ss -Htn state established").is_empty().then_some(())
    });
}

#[test]
fn a_locked_home_computer_ends_the_desktop_after_a_minute_and_not_before() {
    let world = World::new();
    let desk = crate::desk(&world);
    let _other_desk = Echo::start(&world.other_workstation, "other-desk", (OTHER_WORKSTATION, 3389));
    let gateway = Setup::default().start(&world);
    // One worker with the window and another with the terminal, who wait out the same minute.
    let buses = [&world.home, &world.other_home].map(Bus::start);
    let mut screen = Screen::start(&world.home);
    screen.manage_windows();
    let run = "bash -c \"exec 3<>/dev/tcp/{host}/{port}; cat <&3\"";
    let profile = profile(&world, &gateway, "user = \"m.rossi\"");
    let mut window = Window::start(&world.home, &profile, run);
    let sign_in = |visits| {
        screen.type_text(&password("m.rossi"));
        screen.press("Return");
        wait::until("the desktop to be reached", wait::SOON, || (desk.visits() == visits).then_some(()));
    };
    window.wait_for_button(&screen);
    window.activate();
    sign_in(1);
    let in_window = gateway.only_session();
    let mut client = Connect::new(&gateway, "g.verdi").start(&world.other_home);
    client.port();
    let in_terminal = gateway
        .sessions()
        .iter()
        .find_map(|session| session["number"].as_str().filter(|number| *number != in_window).map(str::to_owned));
    let in_terminal = in_terminal.expect("a second session");

    // Locked by mistake, and back.
    buses.iter().for_each(Bus::wait_for_listener_to_the_lock);
    [true, false, true].iter().for_each(|is_locked| buses.iter().for_each(|bus| bus.tell_lock(*is_locked)));
    let locked = Timestamp::now();
    for number in [in_window, in_terminal] {
        assert_eq!(gateway.close_reason(&number, 4 * wait::SOON), "worker_closed");
        let took = gateway.closed_at(&number).duration_since(locked).as_secs();
        assert!((55..75).contains(&took), "it took {took} s");
    }
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    assert!(client.said().contains("locked for a minute"), "{}", client.said());
    gateway.assert_nothing_left();

    // The window stays, and without the password there is no way back: first "Sign in again", which has the keyboard.
    wait::until("the end to be told", wait::SOON, || (screen.share_of_colour(NEWS) > 0.01).then_some(()));
    screen.save(&pictures().join("left.png"));
    window.draw("ended");
    screen.press_one_by_one(&["Return"]);
    sign_in(2);
    window.process().signal(Signal::SIGTERM);
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
}

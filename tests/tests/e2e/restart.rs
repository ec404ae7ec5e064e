//! Promise 8, a restart cuts nobody: sessions outlive their gateway's process, whatever ended it.

use std::time::Duration;

use e2e::{
    client::{Client, Connect, exit},
    echo::{Beat, Echo, connect, read_line},
    gateway::{Gateway, Setup},
    rdp::{BLUE, Desktop},
    screen::Screen,
    wait,
    world::World,
};

use crate::LOOPBACK;

/// How long a desktop may stand still: 3 s are promised; the rest is room for debug builds beside other tests.
const PAUSE: Duration = Duration::from_secs(6);

/// A window that is never still.
const BUSY: &str = "xterm -e sh -c 'while sleep 0.2; do date; done'";

fn at_work(world: &World) -> (Echo, Gateway<'_>, Client, Beat, String) {
    let desk = crate::desk(world);
    let gateway = Setup::default().profile("grace", "\"2m\"").start(world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert!(read_line(&mut stream).is_some());
    let number = gateway.only_session();
    let beat = Beat::start(stream);
    beat.wait_for(50);
    (desk, gateway, client, beat, number)
}

fn goes_on(end: impl Fn(&mut Gateway<'_>)) {
    let world = World::new();
    let (desk, mut gateway, mut client, beat, number) = at_work(&world);
    for _ in 0..2 {
        beat.take_longest();
        end(&mut gateway);
        gateway.start_again();
        assert_eq!(gateway.only_session(), number, "it is there as soon as the gateway answers");
        beat.wait_for(100);
        let pause = beat.take_longest();
        println!("the connection stood still for {pause:?}");
        assert!(pause < PAUSE, "it stood still for {pause:?}: {}", gateway.log());
        // Packets go on before it, and the next end is to find all of it there again.
        wait::until("the channel to be back", wait::SOON, || {
            (gateway.story(&number).last().map(String::as_str) == Some("channel_resumed")).then_some(())
        });
    }
    assert_eq!(desk.visits(), 1, "nobody had to connect again");
    assert!(!client.ended());
    let story = ["session_opened", "session_resumed", "channel_resumed", "session_resumed", "channel_resumed"];
    assert_eq!(gateway.story(&number), story);
    drop(beat);
    client.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    assert_eq!(gateway.close_reason(&number, wait::SOON), "worker_closed");
    gateway.assert_nothing_left();
    gateway.command(&["log", "verify"]);
}

#[test]
fn a_gateway_that_is_restarted_cuts_nobody() {
    goes_on(|gateway| assert_eq!(gateway.stop(), Some(0), "{}", gateway.log()));
}

#[test]
fn a_gateway_that_is_killed_cuts_nobody() {
    goes_on(|gateway| {
        gateway.kill();
    });
}

#[test]
fn a_desktop_goes_on_over_a_restart() {
    let world = World::new();
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", "pw-desk", BLUE, BUSY);
    let mut gateway = Setup::default().profile("grace", "\"2m\"").start(&world);
    let screen = Screen::start(&world.home);
    let run = crate::reach::xfreerdp("pw-desk", "");
    let mut client = Connect::new(&gateway, "m.rossi").run(&run, Some(Screen::DISPLAY)).start(&world.home);
    screen.wait_for(BLUE);
    let number = gateway.only_session();
    let program = world.home.sh("pidof xfreerdp");
    let carried = |gateway: &Gateway<'_>| {
        gateway.json(&["session", "show", &number, "--json"])["packets_to_home"].as_u64().unwrap_or(0)
    };
    let answers = |gateway: &Gateway<'_>| {
        let before = carried(gateway);
        // A desktop that is still has nothing to send: a key is answered by it in any case.
        wait::until("the desktop to answer", wait::SOON, || {
            screen.press("Shift_L");
            (carried(gateway) > before).then_some(())
        });
    };
    answers(&gateway);
    for kill in [false, true] {
        if kill {
            gateway.kill();
        } else {
            assert_eq!(gateway.stop(), Some(0));
        }
        gateway.start_again();
        answers(&gateway);
        assert_eq!(desktop.connections(&world.workstation), 1);
        assert_eq!(world.home.sh("pidof xfreerdp"), program, "{}", client.said());
    }
    assert!(!client.ended());
}

#[test]
fn a_session_whose_time_ends_while_the_gateway_is_away_gets_its_own_end() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let mut gateway = Setup::default().profile("longest", "\"1m\"").profile("idle", "\"1m\"").start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let number = gateway.only_session();
    let ends_at = gateway.sessions()[0]["ends_at"].as_str().expect("a time").to_owned();
    gateway.kill();
    wait::until("the session's time to be over", Duration::from_secs(70), || {
        (jiff::Timestamp::now() > ends_at.parse().expect("a time")).then_some(())
    });
    gateway.start_again();
    assert_eq!(gateway.close_reason(&number, wait::SOON), "longest_session");
    let records = gateway.records();
    let closed = records.iter().find(|record| record["kind"] == "session_closed").expect("one end");
    assert_eq!(closed["fields"]["ended_at"].as_str(), Some(ends_at.as_str()));
    client.wait(wait::SOON);
    gateway.assert_nothing_left();
}

#[test]
fn a_worker_who_is_no_longer_agreed_does_not_come_back_with_the_gateway() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let mut gateway = Setup::default().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let number = gateway.only_session();
    assert_eq!(gateway.stop(), Some(0), "{}", gateway.log());
    gateway.files().set_policy(&Setup::default().when(&crate::hours::twelve_hours_away()).policy());
    gateway.start_again();
    assert_eq!(gateway.close_reason(&number, wait::SOON), "policy_withdrawn");
    client.wait(wait::SOON);
    gateway.assert_nothing_left();
}

#[test]
fn a_stop_for_good_warns_and_ends_every_session() {
    let world = World::new();
    let (_desk, mut gateway, mut client, beat, number) = at_work(&world);
    gateway.command(&["stop", "--end-sessions", "--warn", "8"]);
    let (code, said) = Connect::new(&gateway, "g.verdi").refused(&world.other_home);
    assert_eq!(code, exit::REFUSED, "{said}");
    assert_eq!(gateway.wait(), Some(0), "{}", gateway.log());
    drop(beat);
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    assert!(client.said().contains("switched off"), "{}", client.said());
    gateway.start_again();
    assert_eq!(gateway.close_reason(&number, wait::SOON), "gateway_stopped");
    assert_eq!(gateway.story(&number), ["session_opened", "session_closed"]);
    gateway.assert_nothing_left();
}

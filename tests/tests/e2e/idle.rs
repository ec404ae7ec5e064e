//! Promise 4, idle means the person is idle: a busy screen keeps nobody connected, and a person who types now and then
//! is never sent away.
//!
//! These run a real desktop with a codec that makes the client acknowledge every picture, for a client that sends
//! nothing while idle would prove nothing. The shortest limit that policy allows is a minute, and they sit it out.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use e2e::{
    client::{Client, Connect, exit},
    gateway::{Gateway, Setup},
    rdp::{BLUE, Desktop},
    screen::Screen,
    wait,
    world::World,
};

/// A window that never stops changing.
const BUSY: &str = r#"xterm -geometry 60x20+500+300 -e sh -c 'while :; do date +%T.%N; sleep 0.1; done'"#;
const MINUTE: Duration = Duration::from_secs(60);

fn at_work<'w>(world: &World, gateway: &Gateway<'w>, screen: &Screen<'_>) -> (Client, String) {
    let run = crate::reach::xfreerdp("pw-desk", "/rfx +auto-reconnect");
    let client = Connect::new(gateway, "m.rossi").run(&run, Some(Screen::DISPLAY)).start(&world.home);
    // The codec is lossy: the wallpaper is looked for by its neighbours too.
    screen.wait_for_about(BLUE);
    (client, gateway.only_session())
}

#[test]
fn a_busy_desktop_with_nobody_at_it_is_closed() {
    let world = World::new();
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", "pw-desk", BLUE, BUSY);
    let gateway = Setup::default().profile("idle", "\"1m\"").start(&world);
    let mut screen = Screen::start(&world.home);
    screen.take_notifications();
    let (mut client, number) = at_work(&world, &gateway, &screen);
    let begun = Instant::now();

    // Measured from the last moment at which the desktop was seen connected, so that a slow look never helps.
    let mut connected = Timestamp::now();
    wait::until("the desktop to be let go", 2 * MINUTE, || {
        let looked = Timestamp::now();
        let is_connected = desktop.connections(&world.workstation) > 0;
        if is_connected {
            connected = looked;
        }
        (!is_connected).then_some(())
    });
    let sat = begun.elapsed();
    assert!(sat > MINUTE / 2 && sat < MINUTE + Duration::from_secs(25), "closed after {sat:?}");
    assert_eq!(gateway.close_reason(&number, wait::SOON), "idle");
    let outlived = connected.duration_since(gateway.closed_at(&number));
    assert!(outlived < SignedDuration::from_secs(1), "the desktop stayed connected for {outlived:?}");
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    // It was shown a while before, in the terminal and over the desktop, and the end came when it was due: a warning alone makes no mark.
    assert!(client.said().contains("You seem to be away"), "{}", client.said());
    assert!(screen.notified().contains("You seem to be away"), "{}", screen.notified());
    assert!(!world.home.succeeds("pidof xfreerdp"), "the RDP program has ended");
    // The RDP program reconnects by itself where it can; nothing must answer it.
    assert!(
        wait::within(Duration::from_secs(8), || (desktop.connections(&world.workstation) > 0).then_some(())).is_none()
    );
    gateway.assert_nothing_left();
}

#[test]
fn a_person_who_types_now_and_then_keeps_the_desktop() {
    stays_while(|screen| screen.type_text("a"));
}

#[test]
fn a_person_who_reads_and_turns_a_page_now_and_then_keeps_the_desktop() {
    stays_while(|screen| screen.press("Next"));
}

/// With something done every half minute, the desktop stays; with nothing, it goes.
fn stays_while(act: impl Fn(&Screen<'_>)) {
    let world = World::new();
    let _desktop = Desktop::start(&world, &world.workstation, "m.rossi", "pw-desk", BLUE, BUSY);
    let gateway = Setup::default().profile("idle", "\"1m\"").start(&world);
    let screen = Screen::start(&world.home);
    let (_client, number) = at_work(&world, &gateway, &screen);
    let begun = Instant::now();
    let is_closed = || gateway.sessions().is_empty().then_some(());

    while begun.elapsed() < 2 * MINUTE {
        // Not sooner than that: marks in a connection's first seconds are not the person's.
        assert!(wait::within(Duration::from_secs(30), is_closed).is_none(), "closed after {:?}", begun.elapsed());
        act(&screen);
    }
    assert_eq!(gateway.only_session(), number);
    let last = Instant::now();
    assert_eq!(gateway.close_reason(&number, 2 * MINUTE), "idle");
    assert!(last.elapsed() > MINUTE - Duration::from_secs(5), "closed {:?} after the last key", last.elapsed());
}

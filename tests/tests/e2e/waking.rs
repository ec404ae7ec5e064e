//! A workstation that sleeps is woken for its worker: the desktop opens once it answers, and words say it if it never does.

use std::time::Duration;

use e2e::{
    capture::Capture,
    client::{Connect, exit},
    echo::greeting,
    gateway::{Gateway, Setup, password},
    rdp::{BLUE, Desktop},
    screen::Screen,
    wait,
    window::{BAD_NEWS, NEWS, WARNING, Window, pictures, profile},
    world::World,
};
use nix::sys::signal::Signal;

use crate::LOOPBACK;

/// For an end that comes a minute from now.
const ITS_TIME: Duration = Duration::from_secs(150);

/// The workstation as it sleeps: its network card hears, and nobody answers.
pub(crate) struct Sleeper<'a> {
    world: &'a World,
    mac: String,
    card: Capture,
}

impl<'a> Sleeper<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        world.workstation.ip("addr flush dev eth0");
        let mac = world.workstation.sh("cat /sys/class/net/eth0/address").trim().to_owned();
        Self { world, mac, card: Capture::start(world, &world.workstation, "eth0") }
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup { mac: Some(self.mac.clone()), ..Setup::default() }.profile("grace", "\"10m\"")
    }

    /// How often the magic packet came: six bytes of ones, and the card's address sixteen times.
    fn calls(&self) -> usize {
        let mac: Vec<u8> = self.mac.split(':').map(|byte| u8::from_str_radix(byte, 16).expect("a byte")).collect();
        let magic = [vec![0xff; 6], mac.repeat(16)].concat();
        self.card.seen().iter().filter(|packet| packet.payload == magic).count()
    }

    /// Wakes, as the card of a real one would have it, when it is called.
    pub(crate) fn wake(&self) {
        wait::until("the magic packet", wait::SOON, || (self.calls() > 0).then_some(()));
        self.world.workstation.ip("addr add 10.20.3.47/24 dev eth0\nroute add default via 10.20.3.1");
    }
}

#[test]
fn a_workstation_that_sleeps_is_woken_and_then_the_desktop_opens() {
    let world = World::new();
    let sleeper = Sleeper::new(&world);
    let gateway = sleeper.setup().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.wait_for_words("anagrafe-07 is asleep: your office is waking it up");
    assert_eq!(client.stdout(), "", "nothing is opened before it answers");
    sleeper.wake();
    let _desk = crate::desk(&world);
    client.wait_for_words("anagrafe-07 is awake, after ");
    assert_eq!(greeting(&world.home, LOOPBACK, client.port()).as_deref(), Some("desk"));
}

#[test]
fn a_gateway_that_is_restarted_goes_on_waking() {
    let world = World::new();
    let sleeper = Sleeper::new(&world);
    let mut gateway = sleeper.setup().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.wait_for_words("anagrafe-07 is asleep");
    let number = gateway.only_session();
    gateway.kill();
    let before = sleeper.calls();
    gateway.start_again();
    wait::until("another magic packet", wait::SOON, || (sleeper.calls() > before).then_some(()));
    sleeper.wake();
    let _desk = crate::desk(&world);
    assert_eq!(greeting(&world.home, LOOPBACK, client.port()).as_deref(), Some("desk"));
    assert_eq!(gateway.only_session(), number);
}

#[test]
fn who_is_awake_keeps_nobody_waiting() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let mac = "02:00:00:00:00:47".to_owned();
    let gateway = Setup { mac: Some(mac), ..Setup::default() }.start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    assert_eq!(greeting(&world.home, LOOPBACK, client.port()).as_deref(), Some("desk"));
    assert!(!client.said().contains("asleep"), "{}", client.said());
}

#[test]
fn a_workstation_that_lets_in_tunnel_addresses_alone_is_found_awake_all_the_same() {
    let world = World::new();
    let _desk = crate::desk(&world);
    world.workstation.sh("nft add table inet desk && \
         nft 'add chain inet desk input { type filter hook input priority 0; }' && \
         nft add rule inet desk input ip saddr 10.20.3.1 drop");
    let mac = "02:00:00:00:00:47".to_owned();
    let gateway = Setup { mac: Some(mac), masquerade: false, ..Setup::default() }.start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.wait_for_words("anagrafe-07 is asleep");
    assert_eq!(greeting(&world.home, LOOPBACK, client.port()).as_deref(), Some("desk"));
}

#[test]
fn a_workstation_that_never_wakes_ends_the_session_with_words() {
    let world = World::new();
    let sleeper = Sleeper::new(&world);
    let gateway = sleeper.setup().profile("unused", "\"1m\"").start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.wait_for_words("anagrafe-07 is asleep");
    let number = gateway.only_session();
    assert_eq!(client.wait(ITS_TIME).code(), exit::UNREACHABLE, "{}", client.said());
    assert_eq!(gateway.close_reason(&number, wait::SOON), "not_woken");
    for words in [
        "has not been reached yet: the session closes in 30 seconds",
        "anagrafe-07 did not wake up, so the session was closed",
        &number,
    ] {
        assert!(client.said().contains(words), "{}", client.said());
    }
    assert!(sleeper.calls() > 5, "it was called again and again");
    gateway.assert_nothing_left();
}

/// Signs in by the window, and waits until it counts how long the workstation has been woken for.
fn sign_in_and_wait<'a>(
    screen: &mut Screen<'_>,
    sleeper: &Sleeper<'a>,
    gateway: &Gateway<'_>,
    (language, run): (&str, &str),
) -> Window<'a> {
    screen.manage_windows();
    let world = sleeper.world;
    let profile = profile(world, gateway, &format!("language = \"{language}\"\nuser = \"m.rossi\""));
    let window = Window::start(&world.home, &profile, run);
    window.wait_for_button(screen);
    window.activate();
    screen.type_text(&password("m.rossi"));
    screen.press("Return");
    wait::until("the magic packet", wait::SOON, || (sleeper.calls() > 0).then_some(()));
    // Once somebody is called there are three steps at most, and none of them changes by itself but the one that counts seconds.
    let mut seen = Vec::new();
    wait::until("the seconds to be counted", wait::SOON, || {
        let shown = screen.picture()?;
        if seen.last() != Some(&shown) {
            seen.push(shown);
        }
        (seen.len() > 5).then_some(())
    });
    window
}

#[test]
fn the_window_says_that_the_workstation_is_being_woken_and_opens_the_desktop_by_itself() {
    let world = World::new();
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", "pw-desk", BLUE, "xterm");
    let sleeper = Sleeper::new(&world);
    let gateway = sleeper.setup().start(&world);
    let mut screen = Screen::start(&world.home);
    let run = crate::reach::xfreerdp("pw-desk", "/t:office");
    let mut window = sign_in_and_wait(&mut screen, &sleeper, &gateway, ("en", &run));
    screen.save(&pictures().join("waking.png"));
    window.draw("waking");
    let number = gateway.only_session();
    assert!(!world.home.succeeds("pgrep -x xfreerdp"), "nothing is shown before it answers");
    sleeper.wake();
    screen.wait_for(BLUE);

    window.activate();
    window.wait_for_button(&screen);
    screen.save(&pictures().join("woken.png"));
    assert_eq!(gateway.only_session(), number);
    screen.close_window("office");
    assert_eq!(gateway.close_reason(&number, wait::SOON), "program_ended");
    gateway.assert_nothing_left();
    wait::until("the desktop to be let go", wait::SOON, || {
        (desktop.connections(&world.workstation) == 0).then_some(())
    });
    wait::until("the end to be told", wait::SOON, || (screen.share_of_colour(NEWS) > 0.01).then_some(()));
    window.wait_for_button(&screen);
    screen.close_window("Deskgate");
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
}

#[test]
fn the_window_says_that_the_workstation_did_not_wake_and_stays_for_another_try() {
    let world = World::new();
    let sleeper = Sleeper::new(&world);
    let gateway = sleeper.setup().profile("unused", "\"1m\"").start(&world);
    let mut screen = Screen::start(&world.home);
    screen.take_notifications();
    let run = "bash -c \"exec 3<>/dev/tcp/{host}/{port}; head -n 1 <&3 > /tmp/greeting; sleep infinity\"";
    let mut window = sign_in_and_wait(&mut screen, &sleeper, &gateway, ("it", run));
    let number = gateway.only_session();
    wait::until("the warning", ITS_TIME, || (screen.share_of_colour(WARNING) > 0.0001).then_some(()));
    screen.save(&pictures().join("waking-warned.png"));
    wait::until("the end", ITS_TIME, || (screen.share_of_colour(BAD_NEWS) > 0.0001).then_some(()));
    screen.save(&pictures().join("not-woken.png"));
    assert_eq!(gateway.close_reason(&number, wait::SOON), "not_woken");
    let lasted = gateway.closed_at(&number).duration_since(gateway.opened_at(&number)).as_secs();
    assert!((60..75).contains(&lasted), "{lasted} s");
    let notified = screen.notified();
    assert!(notified.contains("non è ancora stato raggiunto: la sessione si chiude tra 30 secondi"), "{notified}");
    gateway.assert_nothing_left();

    // "Sign in again" has the keyboard; somebody at the office switched the computer on meanwhile.
    sleeper.wake();
    let _desk = crate::desk(&world);
    screen.press_one_by_one(&["Return"]);
    screen.type_text(&password("m.rossi"));
    screen.press("Return");
    wait::until("the desktop to be reached", wait::SOON, || {
        world.home.succeeds("grep -q desk /tmp/greeting").then_some(())
    });
    window.process().signal(Signal::SIGTERM);
    assert_eq!(window.wait(), exit::ENDED, "{}", window.said());
}

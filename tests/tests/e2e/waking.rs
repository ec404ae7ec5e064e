//! A workstation that sleeps is woken for its worker: the desktop opens once it answers, and words say it if it never does.

use std::time::Duration;

use e2e::{
    capture::Capture,
    client::{Connect, exit},
    echo::{Echo, greeting},
    gateway::Setup,
    wait,
    world::World,
};

use crate::LOOPBACK;

/// For an end that comes a minute from now.
const ITS_TIME: Duration = Duration::from_secs(150);

/// The workstation as it sleeps: its network card hears, and nobody answers.
struct Sleeper<'a> {
    world: &'a World,
    mac: String,
    card: Capture,
}

impl<'a> Sleeper<'a> {
    fn new(world: &'a World) -> Self {
        world.workstation.ip("addr flush dev eth0");
        let mac = world.workstation.sh("cat /sys/class/net/eth0/address").trim().to_owned();
        Self { world, mac, card: Capture::start(world, &world.workstation, "eth0") }
    }

    fn setup(&self) -> Setup {
        Setup { mac: Some(self.mac.clone()), ..Setup::default() }.profile("grace", "\"10m\"")
    }

    /// How often the magic packet came: six bytes of ones, and the card's address sixteen times.
    fn calls(&self) -> usize {
        let mac: Vec<u8> = self.mac.split(':').map(|byte| u8::from_str_radix(byte, 16).expect("a byte")).collect();
        let magic = [vec![0xff; 6], mac.repeat(16)].concat();
        self.card.seen().iter().filter(|packet| packet.payload == magic).count()
    }

    /// Wakes, as the card of a real one would have it, when it is called.
    fn wake(self) -> Echo {
        wait::until("the magic packet", wait::SOON, || (self.calls() > 0).then_some(()));
        self.world.workstation.ip("addr add 10.20.3.47/24 dev eth0\nroute add default via 10.20.3.1");
        crate::desk(self.world)
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
    let _desk = sleeper.wake();
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
    let _desk = sleeper.wake();
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

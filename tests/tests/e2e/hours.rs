//! Promise 3, only when agreed: a session ends when its grant does, whatever the worker does meanwhile.

use std::time::Duration;

use e2e::{
    client::{Connect, exit},
    echo::{answers, connect, read_line},
    gateway::Setup,
    wait,
    world::World,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Lines of an agreement that holds every day, in one hour that is half a day from now.
pub(crate) fn twelve_hours_away() -> String {
    let hour = (Timestamp::now().to_zoned(TimeZone::UTC).hour() + 12) % 24;
    every_day(&format!("{hour:02}:00-{:02}:00", hour + 1))
}

fn every_day(hours: &str) -> String {
    e2e::gateway::ALWAYS.replace("00:00-24:00", hours)
}

/// Lines of an agreement that holds now and ends with a minute of the clock, and the seconds until then: at least 15.
fn ending_soon() -> (String, Duration) {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    let end = now.checked_add(SignedDuration::from_secs(75)).expect("this century");
    let left = Duration::from_secs(75 - end.second().unsigned_abs() as u64);
    let begin = now.checked_sub(SignedDuration::from_mins(30)).expect("this century");
    (every_day(&format!("{}-{}", begin.strftime("%H:%M"), end.strftime("%H:%M"))), left)
}

#[test]
fn the_end_of_the_agreed_hours_ends_the_session_and_its_connections() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let (when, left) = ending_soon();
    let gateway = Setup::default().when(&when).start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, crate::LOOPBACK, client.port()).expect("the door is open");
    let number = gateway.only_session();
    assert!(read_line(&mut stream).is_some() && answers(&mut stream, "working"));

    assert_eq!(gateway.close_reason(&number, left + Duration::from_secs(20)), "agreement_ended");
    wait::until("the connection to end", wait::SOON, || (!answers(&mut stream, "still here")).then_some(()));
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    gateway.assert_nothing_left();
}

#[test]
fn the_longest_session_ends_it_though_the_hours_go_on() {
    let world = World::new();
    let gateway = Setup::default().profile("longest", "\"1m\"").profile("idle", "\"1m\"").start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let number = gateway.only_session();
    assert_eq!(gateway.close_reason(&number, Duration::from_secs(90)), "longest_session");
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    gateway.assert_nothing_left();
}

//! Promise 5 where it is the workstation that is not there: a session that never reaches it, or that it leaves for good,
//! has an end; a restart of it ends nothing.
//!
//! The shortest waits that policy allows are a minute, and these sit them out.

use std::{io::Write as _, net::TcpStream, time::Duration};

use e2e::{
    client::{Client, Connect, exit},
    echo::{Echo, connect, read_line},
    gateway::{Gateway, Setup},
    wait,
    world::{WORKSTATION, World},
};

use crate::LOOPBACK;

/// For an end that comes a minute from now.
const ITS_TIME: Duration = Duration::from_secs(150);

fn at_work(world: &World) -> (Gateway<'_>, Client, TcpStream, String) {
    let gateway = Setup::default().profile("grace", "\"10m\"").profile("unanswered", "\"1m\"").start(world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, LOOPBACK, client.port()).expect("the door is open");
    assert!(read_line(&mut stream).is_some());
    let number = gateway.only_session();
    (gateway, client, stream, number)
}

fn wait_for_words(client: &Client, words: &str) {
    let said = wait::within(ITS_TIME, || client.said().contains(words).then_some(()));
    assert!(said.is_some(), "nobody said `{words}`: {}", client.said());
}

#[test]
fn a_session_whose_program_never_connects_is_warned_and_ends() {
    let world = World::new();
    let desk = crate::desk(&world);
    let gateway = Setup::default().profile("grace", "\"10m\"").profile("unused", "\"1m\"").start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let number = gateway.only_session();
    wait_for_words(&client, "has not been reached yet: the session closes in 30 seconds");
    assert_eq!(client.wait(ITS_TIME).code(), exit::ENDED, "{}", client.said());
    assert_eq!(gateway.close_reason(&number, wait::SOON), "never_used");
    assert!(client.said().contains("Nothing ever reached your office computer"), "{}", client.said());
    assert_eq!(desk.visits(), 0);
    gateway.assert_nothing_left();
}

#[test]
fn a_workstation_that_restarts_ends_nothing() {
    let world = World::new();
    let desk = crate::desk(&world);
    let (gateway, mut client, mut stream, number) = at_work(&world);
    world.office.ip("link set desk1 down");
    stream.write_all(b"into the void\n").expect("the client takes it");
    wait_for_words(&client, "does not answer any more: the session closes in 30 seconds");
    drop(stream);
    drop(desk);
    wait::until("the old desktop to be gone", wait::SOON, || {
        world.workstation.sh("ss -Hltn sport = :3389").is_empty().then_some(())
    });
    let _again = Echo::start(&world.workstation, "desk-again", (WORKSTATION, 3389));
    world.office.ip("link set desk1 up");
    let port = client.port();
    wait::until("the program to come back by itself", wait::SOON, || {
        read_line(&mut connect(&world.home, LOOPBACK, port)?).filter(|name| name == "desk-again")
    });
    wait_for_words(&client, "Your office computer answers: the session goes on");
    // Beyond the moment at which it would have ended.
    let is_closed = || gateway.sessions().is_empty().then_some(());
    assert!(wait::within(Duration::from_secs(40), is_closed).is_none(), "{}", client.said());
    assert_eq!(gateway.only_session(), number);
}

#[test]
fn a_workstation_that_stays_away_ends_the_session_with_words() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let (gateway, mut client, mut stream, number) = at_work(&world);
    world.office.ip("link set desk1 down");
    stream.write_all(b"into the void\n").expect("the client takes it");
    assert_eq!(client.wait(ITS_TIME).code(), exit::ENDED, "{}", client.said());
    assert_eq!(gateway.close_reason(&number, wait::SOON), "workstation_gone");
    for words in ["closes in 30 seconds unless it comes back", "stopped answering: the session was closed"] {
        assert!(client.said().contains(words), "{}", client.said());
    }
    gateway.assert_nothing_left();
}

//! Promise 10, reviewed with measure: what is recorded about a worker is no secret from that worker.

use e2e::{
    api,
    client::{Connect, exit, own_record},
    gateway::{Setup, password},
    wait,
    world::World,
};
use nix::sys::signal::Signal;

#[test]
fn a_worker_sees_what_is_recorded_about_them_and_nobody_elses() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let number = gateway.only_session();
    client.signal(Signal::SIGTERM);
    client.wait(wait::SOON);
    gateway.close_reason(&number, wait::SOON);
    let _ = api::login(&world, &world.home, "g.verdi", "pw-wrong");

    let (code, [record, said]) = own_record(&world.home, &gateway, "m.rossi", &password("m.rossi"));
    assert_eq!(code, Some(0), "{said}");
    let kinds: Vec<&str> = record.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(kinds, ["session_opened", "session_closed"], "{record}");
    assert!(record.lines().all(|line| line.contains(&number)), "{record}");
    assert!(said.contains("What is recorded about you (2)") && said.contains("Nobody has looked"), "{said}");

    let (code, [record, said]) = own_record(&world.home, &gateway, "m.rossi", "pw-wrong");
    assert_eq!(code, exit::REFUSED, "{said}");
    assert!(record.is_empty(), "{record}");
    let (_, [record, _]) = own_record(&world.home, &gateway, "m.rossi", &password("m.rossi"));
    assert!(record.contains("login_refused") && record.contains("wrong_password"), "{record}");
}

//! The daemon runs as a user of its own, needs two capabilities to start, and keeps none.

use e2e::{
    api,
    gateway::{Gateway, Setup},
    wait,
    world::World,
};

/// As the unit of the manual starts it.
const UNIT: [&str; 6] = [
    "setpriv",
    "--reuid=nobody",
    "--regid=nogroup",
    "--clear-groups",
    "--inh-caps=-all,+net_admin,+net_bind_service",
    "--ambient-caps=-all,+net_admin,+net_bind_service",
];

/// The permitted capabilities of every thread of a process, as hexadecimal masks.
fn capabilities(pid: impl std::fmt::Display) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let status = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("status")).ok());
    let mask = |status: String| Some(status.lines().find_map(|line| line.strip_prefix("CapPrm:"))?.trim().to_owned());
    status.filter_map(mask).collect()
}

#[test]
fn two_capabilities_and_a_user_of_its_own_are_enough() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let setup = Setup::default();
    let files = setup.write(&world);
    files.add_person(&world, "m.rossi");
    world.gateway.sh(&format!("chown -R nobody:nogroup {}", files.folder().display()));
    let process = files.serve_through(&world, &UNIT);
    let gateway = Gateway::over(&world, files, process);
    let mut client = e2e::client::Connect::new(&gateway, "m.rossi").start(&world.home);
    let port = client.port();
    assert_eq!(e2e::echo::greeting(&world.home, crate::LOOPBACK, port).as_deref(), Some("desk"));
}

#[test]
fn once_it_serves_no_thread_of_it_holds_a_capability() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let _ = api::session(&world, &world.home, "m.rossi");
    wait::until("capabilities to be given up", wait::SOON, || {
        let masks = capabilities(gateway.pid().expect("it runs"));
        (masks.len() > 1 && masks.iter().all(|mask| mask.bytes().all(|digit| digit == b'0'))).then_some(())
    });
}

#[test]
fn the_process_that_keeps_the_firewall_holds_the_right_to_that_alone() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let keeper = gateway.keeper().expect("it runs");
    // CAP_NET_ADMIN is the twelfth.
    assert_eq!(capabilities(keeper), [format!("{:016x}", 1 << 12)]);
}

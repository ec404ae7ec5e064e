//! The daemon runs as a user of its own, needs two capabilities to start, and keeps none.

use std::os::unix::fs::MetadataExt as _;

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

#[test]
fn neither_program_s_memory_is_dumped_or_read_by_another_process_of_its_user() {
    let world = World::new();
    let files = Setup::default().write(&world);
    files.add_person(&world, "m.rossi");
    world.gateway.sh(&format!("chown -R nobody:nogroup {}", files.folder().display()));
    let process = files.serve_through(&world, &UNIT);
    let gateway = Gateway::over(&world, files, process);
    let mut client = e2e::client::Connect::new(&gateway, "m.rossi").start_through(&world.home, &UNIT[..4]);
    client.port();
    let pids = [gateway.pid(), client.pid()].map(|pid| pid.expect("it runs"));
    for pid in pids {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        assert!(status.contains("\nUid:\t65534\t"), "it runs as nobody: {status}");
        // proc(5): the files of a process that may not be dumped are root's.
        let owner = std::fs::metadata(format!("/proc/{pid}/environ")).expect("it runs").uid();
        assert_eq!(owner, 0, "{status}");
    }
}

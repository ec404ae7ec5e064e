//! Without masquerading workstations see the session's own address, and answers find their way by a route or by proxy ARP.

use e2e::{
    capture::Capture,
    client::Connect,
    echo::greeting,
    gateway::Setup,
    wait,
    world::{WORKSTATION, World},
};

use crate::LOOPBACK;

fn reaches_as_itself(world: &World, setup: &Setup, network: &str) {
    let _desk = crate::desk(world);
    let gateway = setup.start(world);
    let office = Capture::start(world, &world.gateway, "lan0");
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    assert_eq!(greeting(&world.home, LOOPBACK, client.port()).as_deref(), Some("desk"));
    wait::until("packets in the office", wait::SOON, || {
        office.seen().iter().any(|packet| packet.destination == WORKSTATION && packet.protocol == 6).then_some(())
    });
    let seen = office.finish();
    let mut to_desk = seen.iter().filter(|packet| packet.destination == WORKSTATION && packet.protocol == 6);
    assert!(to_desk.all(|packet| packet.source.to_string().starts_with(network)), "{seen:?}");
}

#[test]
fn with_a_route_to_the_pool_workstations_see_the_session_s_own_address() {
    // The world's workstations have the gateway as their router already.
    let world = World::new();
    reaches_as_itself(&world, &Setup { masquerade: false, ..Setup::default() }, "100.96.");
}

#[test]
fn a_pool_inside_the_office_s_network_is_found_by_proxy_arp() {
    let world = World::new();
    world.workstation.ip("route del default via 10.20.3.1");
    world.gateway.sh("echo 1 > /proc/sys/net/ipv4/conf/lan0/proxy_arp");
    let setup = Setup { masquerade: false, pool: "10.20.3.192/28".to_owned(), ..Setup::default() };
    reaches_as_itself(&world, &setup, "10.20.3.19");
}

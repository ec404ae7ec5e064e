//! Without masquerading workstations see the session's own address, and answers find their way by a route, or by proxy ARP and
//! what IPv6 has for it.

use e2e::{
    capture::Capture,
    client::Connect,
    echo::{Echo, greeting},
    gateway::Setup,
    wait,
    world::{WORKSTATION, WORKSTATION_V6, World},
};

use crate::LOOPBACK;

fn reaches_as_itself(world: &World, setup: &Setup, network: &str) {
    let workstation = if setup.pool_ipv6.is_some() { WORKSTATION_V6 } else { WORKSTATION };
    let _desk = Echo::start(&world.workstation, "desk", (workstation, 3389));
    let gateway = setup.start(world);
    let office = Capture::start(world, &world.gateway, "lan0");
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    assert_eq!(greeting(&world.home, LOOPBACK, client.port()).as_deref(), Some("desk"));
    wait::until("packets in the office", wait::SOON, || {
        office.seen().iter().any(|packet| packet.destination == workstation && packet.protocol == 6).then_some(())
    });
    let seen = office.finish();
    let mut to_desk = seen.iter().filter(|packet| packet.destination == workstation && packet.protocol == 6);
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

#[test]
fn an_ipv6_pool_inside_the_office_s_network_is_found_by_its_addresses_each_answered_for() {
    let world = World::new();
    world.workstation.ip("route del default via fd20:3::1");
    // As the manual has it.
    world.gateway.sh("cd /proc/sys/net/ipv6/conf/lan0; echo 1 > forwarding; echo 1 > proxy_ndp; \
         for n in $(seq 0 63); do printf 'neighbour add proxy fd20:3::d%02x dev lan0\\n' $n; done | ip -6 -batch -");
    let setup =
        Setup { masquerade: false, pool_ipv6: Some("fd20:3::d00/122".to_owned()), ..Setup::default().by_ipv6() };
    reaches_as_itself(&world, &setup, "fd20:3::d");
}

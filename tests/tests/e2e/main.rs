//! The promises, a module each, kept by the real programs.

use std::net::{IpAddr, Ipv4Addr};

use e2e::{
    echo::Echo,
    world::{WORKSTATION, World},
};

mod assistance;
mod bad_input;
mod channel;
mod closed;
mod cookie;
mod datagrams;
mod device;
mod doctor;
mod drops;
mod factor;
mod fence;
mod full_screen;
mod hostile;
mod hotel;
mod hours;
mod idle;
mod ipv6;
mod leavers;
mod log;
mod login;
mod loops;
mod manual;
mod metrics;
mod names;
mod notices;
mod own_record;
mod path_mtu;
mod ping;
mod policy;
mod power_off;
mod reach;
mod refuse;
mod restart;
mod rights;
mod roam;
mod roles;
mod routed;
mod secrets;
mod single_sign_on;
mod the_world;
mod trace;
mod waking;
mod window;
mod windows;
mod workstation;
mod workstation_certificate;
mod workstation_password;
mod workstation_rules;

/// The home computer itself.
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A stand-in for the first worker's desktop, where any server does.
fn desk(world: &World) -> Echo {
    Echo::start(&world.workstation, "desk", (WORKSTATION, 3389))
}

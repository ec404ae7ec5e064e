//! Which doors a session opens, and by which the program enters.

use std::net::SocketAddr;

use gateway_api::login::{self, RDP};

use crate::listener::Address;

/// The door that whatever shows the desktop is led to.
pub(crate) fn desktop_door(doors: &[Address]) -> Option<SocketAddr> {
    rdp_door(doors).or(doors.first().map(|door| door.address))
}

/// The door that an RDP program is led to.
pub(super) fn rdp_door(doors: &[Address]) -> Option<SocketAddr> {
    doors.iter().find(|door| door.name == RDP).map(|door| door.address)
}

/// The workstation's port behind [`desktop_door`].
pub(super) fn desktop_port(doors: &[(String, u16)]) -> Option<u16> {
    rdp_port(doors).or(doors.first().map(|(_, port)| *port))
}

/// The workstation's port behind the door that an RDP program is led to; see [`rdp_door`].
pub(super) fn rdp_port(doors: &[(String, u16)]) -> Option<u16> {
    doors.iter().find(|(name, _)| name == RDP).map(|(_, port)| *port)
}

/// The doors to open: a name and a port of the workstation each. A service of several ports has them in its names.
pub(super) fn doors(services: &[login::Service]) -> Vec<(String, u16)> {
    let mut doors: Vec<(String, u16)> = Vec::new();
    for service in services {
        for port in &service.tcp {
            let name = if service.tcp.len() == 1 { service.name.clone() } else { format!("{}/{port}", service.name) };
            if doors.iter().all(|(_, known)| known != port) {
                doors.push((name, *port));
            }
        }
    }
    doors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_gets_one_door_with_a_name_that_tells_it_apart() {
        let service = |name: &str, tcp: &[u16]| login::Service { name: name.into(), tcp: tcp.into(), udp: vec![5] };
        let found =
            doors(&[service("rdp", &[3389]), service("web", &[80, 443]), service("again", &[443]), service("u", &[])]);
        let expected = [("rdp", 3389), ("web/80", 80), ("web/443", 443)];
        assert_eq!(found, expected.map(|(name, port)| (name.to_owned(), port)));
    }
}

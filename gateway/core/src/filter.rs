//! A grant made fast: where a packet from home may go, and when not, why not.
//!
//! Knows addresses and ports, not flows: whether an answer may return is for `flows`.

use std::net::IpAddr;

use policy::Grant;

use crate::{
    Drop, Family,
    echo::{Echo, EchoKind},
    flows::{Key, Protocol},
    packet::{Packet, Transport},
    path_mtu::{About, TooBig},
};

/// What a grant opens of its workstation: protocols with their ports, ascending, each once. A ping has no port: its is 0.
pub fn granted(grant: &Grant) -> Vec<(Protocol, u16)> {
    let tcp = grant.services.iter().flat_map(|service| &service.tcp).map(|port| (Protocol::Tcp, *port));
    let udp = grant.services.iter().flat_map(|service| &service.udp).map(|port| (Protocol::Udp, *port));
    let echo = grant.services.iter().filter(|service| service.echo).map(|_| ECHO);
    let mut granted: Vec<_> = tcp.chain(udp).chain(echo).collect();
    granted.sort_unstable();
    granted.dedup();
    granted
}

/// What a grant of pings is among ports.
const ECHO: (Protocol, u16) = (Protocol::Echo, 0);

/// The one address and the few ports that a session reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    own: IpAddr,
    workstation: IpAddr,
    ports: Box<[(Protocol, u16)]>,
}

impl Filter {
    /// Of a grant, for the session that holds the tunnel address `own`, which is of the workstation's family.
    pub fn new(grant: &Grant, own: IpAddr, workstation: IpAddr) -> Self {
        Self { own, workstation, ports: granted(grant).into() }
    }

    /// Whether a packet from home goes only where it was granted.
    pub fn judge_from_home(&self, packet: &Packet<'_>) -> Result<(), Drop> {
        if packet.source != self.own {
            return Err(self.foreign(packet.source));
        }
        if packet.destination != self.workstation {
            return Err(Drop::OtherHost);
        }
        let port = match packet.transport {
            Transport::Tcp(tcp) => (Protocol::Tcp, tcp.destination),
            Transport::Udp { destination, .. } => (Protocol::Udp, destination),
        };
        if self.grants(port) { Ok(()) } else { Err(Drop::OtherPort) }
    }

    /// What is wrong with a source that is not the session's.
    fn foreign(&self, source: IpAddr) -> Drop {
        if Family::of(source) == Family::of(self.own) { Drop::SpoofedSource } else { Drop::OtherFamily }
    }

    /// Of which flow a packet was that home could not take in: one from the workstation to this session.
    pub(crate) fn judge_too_big_from_home(&self, message: &TooBig<'_>) -> Result<Key, Drop> {
        if message.source != self.own {
            return Err(self.foreign(message.source));
        }
        if message.destination != self.workstation {
            return Err(Drop::OtherHost);
        }
        let About { source, destination, protocol, source_port, destination_port } = message.about;
        if (source, destination) != (self.workstation, self.own) {
            return Err(Drop::NoFlow);
        }
        if !self.grants((protocol, source_port)) {
            return Err(Drop::OtherPort);
        }
        Ok(Key { protocol, home_port: destination_port, office_port: source_port })
    }

    /// Of which flow a packet was that did not fit on its way into the office. Any router on that way may say so.
    pub(crate) fn judge_too_big_from_office(&self, message: &TooBig<'_>) -> Result<Key, Drop> {
        let About { source, destination, protocol, source_port, destination_port } = message.about;
        if (source, destination) != (self.own, self.workstation) || !self.grants((protocol, destination_port)) {
            return Err(Drop::NotAnAnswer);
        }
        Ok(Key { protocol, home_port: source_port, office_port: destination_port })
    }

    /// Whether home may send this: a question to the workstation, where the grant has pings.
    pub(crate) fn judge_echo_from_home(&self, echo: &Echo<'_>) -> Result<(), Drop> {
        if echo.kind == EchoKind::Reply || !self.grants(ECHO) {
            return Err(Drop::OtherProtocol);
        }
        if echo.source != self.own {
            return Err(self.foreign(echo.source));
        }
        if echo.destination == self.workstation { Ok(()) } else { Err(Drop::OtherHost) }
    }

    /// Whether it may be an answer: whether it was asked for is for `flows`.
    pub(crate) fn judge_echo_from_office(&self, echo: &Echo<'_>) -> Result<(), Drop> {
        let may = echo.kind == EchoKind::Reply && echo.source == self.workstation;
        if may { Ok(()) } else { Err(Drop::NotAnAnswer) }
    }

    /// Whether a port of the workstation was granted.
    pub(crate) fn grants(&self, port: (Protocol, u16)) -> bool {
        // A grant has one to a handful of ports: walking them beats searching.
        self.ports.contains(&port)
    }

    /// Whether a packet from the office comes from the granted workstation.
    pub fn judge_from_office(&self, packet: &Packet<'_>) -> Result<(), Drop> {
        if packet.source == self.workstation { Ok(()) } else { Err(Drop::NotAnAnswer) }
    }
}

//! Wakes a workstation that sleeps (Wake-on-LAN), and notices when it answers.
//!
//! ```text
//!  Look, while the session opens ── it answers ──> nothing to do
//!    └── not yet ──> the magic packet and another look, every two seconds ── it answers ──> woken
//! ```
//!
//! A look is a TCP connection from the gateway itself to the granted service, closed as soon as it stands: no byte is said. Nobody
//! answers the magic packet, by UDP to port 9, and whoever is awake passes over it. How long a session waits is not decided here:
//! who wakes stops when the session is over, or its workstation was heard in it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use gateway_api::{
    SessionNumber,
    login::{RDP, WorkstationState},
};
use policy::{Grant, Service, Wake};
use tokio::{
    net::{TcpStream, UdpSocket},
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::ledger::Ledger;

/// "Discard": whoever gets it by mistake answers nothing.
const PORT: u16 = 9;
/// Between packets, for nothing else makes up for one that is lost; and the longest look.
const PAUSE: Duration = Duration::from_secs(2);
/// For a workstation that is awake to say so before its login is answered: one that sleeps is told of that much later.
const MOMENT: Duration = Duration::from_millis(100);
/// Packets for a workstation that nobody can look at.
const TIMES: u32 = 3;

/// Whether a workstation answers already, asked while its session opens.
#[derive(Debug)]
pub(crate) struct Look {
    wake: Wake,
    workstation: IpAddr,
    /// None without a TCP port that was granted.
    desktop: Option<(SocketAddr, JoinHandle<bool>)>,
}

impl Look {
    /// None where the policy has nobody woken.
    pub(crate) fn begin(grant: &Grant, workstation: IpAddr) -> Option<Self> {
        let wake = grant.wake?;
        let desktop = desktop(&grant.services).map(|port| {
            let desktop = SocketAddr::new(workstation, port);
            (desktop, tokio::spawn(answers(desktop)))
        });
        Some(Self { wake, workstation, desktop })
    }

    /// What was seen by the time that the session is open, or a moment later. What comes after that is the session channel's to tell.
    pub(crate) async fn settle(self, ledger: &Ledger, number: SessionNumber) -> WorkstationState {
        let Self { wake, workstation, desktop } = self;
        let Some((desktop, look)) = desktop else {
            tokio::spawn(wake_blindly(wake, workstation));
            return WorkstationState::Ready;
        };
        if matches!(timeout(MOMENT, look).await, Ok(Ok(true))) {
            return WorkstationState::Ready;
        }
        begin(wake, desktop, ledger, number);
        WorkstationState::Waking
    }
}

/// Goes on for a session of an earlier run whose workstation was not heard yet: its client may wait for the word since then.
pub(crate) fn resume(ledger: &Ledger, number: SessionNumber, grant: &Grant, workstation: IpAddr) {
    if let (Some(wake), Some(port)) = (grant.wake, desktop(&grant.services)) {
        begin(wake, SocketAddr::new(workstation, port), ledger, number);
    }
}

fn begin(wake: Wake, desktop: SocketAddr, ledger: &Ledger, number: SessionNumber) {
    ledger.begin_waking(number);
    tokio::spawn(wake_until_awake(wake, desktop, ledger.clone(), number));
}

/// The port whose answer says that the workstation is ready: the one that the worker's program is led to.
fn desktop(services: &[Service]) -> Option<u16> {
    let rdp = services.iter().filter(|service| &*service.name == RDP);
    rdp.chain(services).find_map(|service| service.tcp.first().copied())
}

async fn answers(desktop: SocketAddr) -> bool {
    matches!(timeout(PAUSE, TcpStream::connect(desktop)).await, Ok(Ok(_)))
}

async fn wake_until_awake(wake: Wake, desktop: SocketAddr, ledger: Ledger, number: SessionNumber) {
    let mut beats = interval(PAUSE);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_warned = false;
    while ledger.is_waking(number) {
        beats.tick().await;
        if let Err(error) = send(wake, desktop.ip()).await
            && !std::mem::replace(&mut is_warned, true)
        {
            warn(&error);
        }
        if answers(desktop).await {
            return ledger.woken(number).await;
        }
    }
}

/// Where no answer can be had, a few packets have to do.
async fn wake_blindly(wake: Wake, workstation: IpAddr) {
    let mut beats = interval(PAUSE);
    for _ in 0..TIMES {
        beats.tick().await;
        if let Err(error) = send(wake, workstation).await {
            return warn(&error);
        }
    }
}

/// Without the workstation, which would say whose session it is.
fn warn(error: &io::Error) {
    tracing::warn!(%error, "a workstation is not woken: see `wake` in the policy");
}

async fn send(wake: Wake, workstation: IpAddr) -> io::Result<()> {
    let (from, to) = match wake.broadcast {
        Some(broadcast) => (Ipv4Addr::UNSPECIFIED, broadcast),
        // Linux sends the limited broadcast into the network of its source address, and otherwise along the default route.
        None => (side_of(workstation).await?, Ipv4Addr::BROADCAST),
    };
    let socket = UdpSocket::bind((from, 0)).await?;
    socket.set_broadcast(true)?;
    socket.send_to(&packet(wake.mac), (to, PORT)).await.map(|_| ())
}

/// The gateway's own address on the side of a workstation. Tells nobody anything.
async fn side_of(workstation: IpAddr) -> io::Result<Ipv4Addr> {
    let IpAddr::V4(workstation) = workstation else {
        return Err(io::Error::other("it has an address of IPv6, and no IPv4 broadcast address to send to"));
    };
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect((workstation, PORT)).await?;
    match socket.local_addr()?.ip() {
        IpAddr::V4(own) => Ok(own),
        IpAddr::V6(_) => Err(io::Error::other("no way to it over IPv4")),
    }
}

/// Six bytes of ones, and the card's address sixteen times.
fn packet(mac: [u8; 6]) -> [u8; 102] {
    let mut packet = [0xff; 102];
    packet.iter_mut().skip(6).zip(mac.iter().cycle()).for_each(|(byte, of_mac)| *byte = *of_mac);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packet_is_the_magic_one() {
        let mac = [0, 0x11, 0x22, 0x33, 0x44, 0x55];
        let packet = packet(mac);
        assert_eq!(packet[..6], [0xff; 6]);
        assert_eq!(packet[6..].chunks(6).filter(|chunk| **chunk == mac).count(), 16);
    }

    #[test]
    fn the_desktop_is_looked_at_and_else_the_first_port_there_is() {
        let service =
            |name: &str, tcp: &[u16]| Service { name: name.into(), tcp: tcp.into(), udp: vec![5], echo: false };
        let (web, rdp, udp) = (service("web", &[80, 443]), service("rdp", &[3389]), service("udp", &[]));
        assert_eq!(desktop(&[web.clone(), rdp]), Some(3389));
        assert_eq!(desktop(&[udp.clone(), web]), Some(80));
        assert_eq!(desktop(&[udp]), None);
    }

    #[tokio::test]
    async fn it_goes_to_the_broadcast_address_that_the_policy_names() {
        let wake = |broadcast| Wake { mac: [2; 6], broadcast };
        // Without a network that broadcasts there is one that listens: this machine itself.
        let heard = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        assert_eq!(side_of(heard.local_addr().unwrap().ip()).await.unwrap(), Ipv4Addr::LOCALHOST);
        assert!(send(wake(Some(Ipv4Addr::LOCALHOST)), "fd00::1".parse().unwrap()).await.is_ok());
        assert!(send(wake(None), "fd00::1".parse().unwrap()).await.is_err(), "there is no broadcast in IPv6");
    }
}

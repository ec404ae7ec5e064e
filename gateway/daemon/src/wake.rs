//! Wakes a workstation that sleeps: the magic packet of Wake-on-LAN, by UDP to port 9, when a session opens.
//!
//! Nobody answers such a packet, and whoever is awake passes over it. It is sent a few times, for nothing else makes up for one that
//! is lost.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use policy::Wake;
use tokio::net::UdpSocket;

/// "Discard": whoever gets it by mistake answers nothing.
const PORT: u16 = 9;
const TIMES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// Wakes the workstation at an address, and waits for nothing but its own pauses.
pub(crate) async fn wake(wake: Wake, workstation: IpAddr) {
    for _ in 0..TIMES {
        if let Err(error) = send(wake, workstation).await {
            // Without the workstation, which would say whose session it is.
            return tracing::warn!(%error, "a workstation is not woken: see `wake` in the policy");
        }
        tokio::time::sleep(PAUSE).await;
    }
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

//! The office-side device: packets to and from the workstations, a virtio header before each.

use std::{
    io,
    net::IpAddr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use gateway_core::{Family, Pools};
use ipnet::Ipv6Net;
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::config;

/// One loop's queue of a TUN device that takes and gives super-packets.
pub(crate) struct Tun {
    device: SyncDevice,
}

impl Tun {
    /// Makes the device with a queue for each loop, gives it each pool's first address and brings it up; a pool's route
    /// comes with the address. The kernel answers a flow on the queue that it came by (tun(4) calls it automatic queues),
    /// unless it was quiet for some seconds, or its first answer is back before the kernel has noted the flow.
    pub(crate) fn open(office: &config::Office, pools: &Pools, mtu: u16, loops: u8) -> Result<Vec<Self>, String> {
        let pool = pools.v4;
        let Some(IpAddr::V4(address)) = pools.own_address(Family::V4) else {
            return Err(format!("the pool `{pool}` holds no address"));
        };
        let explain = |error: io::Error| explain(&office.device, &error);
        let device = DeviceBuilder::new()
            .name(&office.device)
            .ipv4(address, pool.prefix_len(), None)
            .mtu(mtu)
            .offload(true)
            .multi_queue(loops > 1)
            .enable(true)
            .build_sync()
            .map_err(explain)?;
        settle_ipv6(&device, &office.device, pools)?;
        let mut queues = Vec::with_capacity(loops.into());
        for _ in 1..loops {
            queues.push(Self::over(device.try_clone().map_err(explain)?).map_err(explain)?);
        }
        queues.push(Self::over(device).map_err(explain)?);
        Ok(queues)
    }

    fn over(device: SyncDevice) -> io::Result<Self> {
        device.set_nonblocking(true)?;
        Ok(Self { device })
    }

    /// Whether it takes and gives super-packets of datagrams: from Linux 6.2 on.
    pub(crate) fn cuts_datagrams(&self) -> bool {
        self.device.udp_gso()
    }

    /// For waiting.
    pub(crate) fn raw_fd(&self) -> RawFd {
        self.device.as_raw_fd()
    }

    /// Reads the next packet from the office into `room`, header first; its length, or none when no more waits.
    pub(crate) fn read(&self, room: &mut [u8]) -> io::Result<Option<usize>> {
        match self.device.recv(room) {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a packet, header first. False if the kernel has no room for it or does not want it.
    pub(crate) fn write(&self, packet: &[u8]) -> bool {
        self.device.send(packet).is_ok()
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// Switches IPv6 off on the device, where the kernel would talk to itself, and on again without an address of the kernel's
/// own where the tunnel lends addresses of that family.
fn settle_ipv6(device: &SyncDevice, name: &str, pools: &Pools) -> Result<(), String> {
    let set = |key: &str, value: &str| std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/{key}"), value);
    // Where /proc/sys is read-only, this only means a few drops more in the counters.
    let _ = set("disable_ipv6", "1");
    let (Some(pool), Some(IpAddr::V6(address))) = (pools.v6, pools.own_address(Family::V6)) else { return Ok(()) };
    let _ = set("addr_gen_mode", "1");
    let switched_on = set("disable_ipv6", "0");
    let given = switched_on.and_then(|()| device.add_address_v6(address, pool.prefix_len()));
    given.map_err(|error| no_ipv6(name, pool, &error))
}

fn no_ipv6(device: &str, pool: Ipv6Net, error: &io::Error) -> String {
    format!(
        "cannot give the office device `{device}` an address of `{pool}`: {error}: let this machine have IPv6 and the \
         gateway write below /proc/sys/net/ipv6, or take `pool_ipv6` out"
    )
}

/// What is wrong with making the device, with what to do about it.
pub(crate) fn explain(device: &str, error: &io::Error) -> String {
    let advice = match error.raw_os_error() {
        Some(nix::libc::EPERM | nix::libc::EACCES) => {
            "start the gateway as root or with CAP_NET_ADMIN, and let it open /dev/net/tun"
        }
        Some(nix::libc::ENOENT | nix::libc::ENODEV | nix::libc::ENXIO) => {
            "load the kernel's TUN module (`modprobe tun`); a container needs the device /dev/net/tun"
        }
        Some(nix::libc::EBUSY | nix::libc::EEXIST) => {
            "another program holds it: is a gateway running already? Otherwise set another `device` under `[office]`"
        }
        _ => "see the settings under `[office]` and `[tunnel]`",
    };
    format!("cannot make the office device `{device}`: {error}: {advice}")
}

#[cfg(test)]
mod tests {
    use std::{
        net::UdpSocket,
        time::{Duration, Instant},
    };

    use nix::sched::{CloneFlags, unshare};

    use super::*;

    const LOOPS: u8 = 3;

    /// A datagram from the pool's address 100.96.0.5 for port 7 of the device's own, with the virtio header before it.
    fn datagram(port: u16) -> Vec<u8> {
        let mut ip = [69, 0, 0, 33, 0, 0, 0, 0, 64, 17, 0, 0, 100, 96, 0, 5, 100, 96, 0, 1];
        let sum: u32 = ip.chunks(2).map(|two| u32::from(two[0]) << 8 | u32::from(two[1])).sum();
        ip[10..12].copy_from_slice(&(!((sum >> 16) + (sum & 0xffff)) as u16).to_be_bytes());
        let [high, low] = port.to_be_bytes();
        // Without a checksum, which IPv4 lets datagrams be.
        [&[0; 10][..], &ip, &[high, low, 0, 7, 0, 13, 0, 0], b"hello"].concat()
    }

    #[test]
    fn answers_come_by_the_queue_that_wrote_the_flow() {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network of its own; run as root");
        let office = config::Office { device: "deskgate0".into(), masquerade: false, firewall: false };
        let pools = Pools { v4: "100.96.0.0/20".parse().unwrap(), v6: None };
        let queues = Tun::open(&office, &pools, 1312, LOOPS).unwrap();
        let workstation = UdpSocket::bind("100.96.0.1:7").unwrap();
        workstation.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let (mut room, until) = (vec![0; 70_000], Instant::now() + Duration::from_secs(60));
        for (port, own) in (40_000..40_360).zip((0..queues.len()).cycle()) {
            assert!(queues[own].write(&datagram(port)));
            let (length, home) = workstation.recv_from(&mut room).unwrap();
            workstation.send_to(&room[..length], home).unwrap();
            // What a fresh device says of itself to its neighbours, by IPv6, is none.
            let mut is_answer = |queue: &Tun| {
                queue.read(&mut room).unwrap().is_some() && room[10] == 69 && room[32..34] == port.to_be_bytes()
            };
            let came_by = loop {
                if let Some(queue) = queues.iter().position(&mut is_answer) {
                    break queue;
                }
                assert!(Instant::now() < until, "no answer to {home}");
                std::thread::yield_now();
            };
            assert_eq!(came_by, own, "{home}");
        }
    }
}

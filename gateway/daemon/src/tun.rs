//! The office-side device: packets to and from the workstations, a virtio header before each.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use gateway_core::Gateway;
use ipnet::Ipv4Net;
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::config;

/// One loop's queue of a TUN device that takes and gives super-packets.
pub(crate) struct Tun {
    device: SyncDevice,
}

impl Tun {
    /// Makes the device with a queue for each loop, gives it the pool's first address and brings it up; the pool's route
    /// comes with the address. The kernel answers a flow on the queue that it came by (tun(4) calls it automatic queues),
    /// unless it was quiet for some seconds.
    pub(crate) fn open(office: &config::Office, pool: Ipv4Net, mtu: u16, loops: u8) -> Result<Vec<Self>, String> {
        let address = Gateway::own_address(pool).ok_or_else(|| format!("the pool `{pool}` holds no address"))?;
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
        // The tunnel lends no IPv6 addresses; without this the kernel talks to itself there. A read-only /proc/sys only
        // means a few drops more in the counters.
        let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{}/disable_ipv6", office.device), "1");
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

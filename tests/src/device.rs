//! The tunnel's device in other hands: packets written into it have met no filter of the gateway's, only the kernel.

use std::{
    fs::{self, File},
    io::Write as _,
    os::fd::RawFd,
};

use nix::unistd::Pid;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// The header that stands before each packet: nothing is left to do for it.
const COMPLETE: [u8; 10] = [0; 10];

/// An open tunnel device, as the daemon's own packet path holds it.
#[derive(Debug)]
pub struct Device {
    file: File,
}

impl Device {
    /// Takes a copy of the device out of a running daemon. It outlives the daemon, and so does the device.
    ///
    /// # Panics
    /// When the daemon holds none.
    pub fn of(daemon: Pid) -> Self {
        let held = fs::read_dir(format!("/proc/{daemon}/fd")).expect("the daemon runs").flatten();
        let device = held
            .filter(|fd| fs::read_link(fd.path()).is_ok_and(|file| file.ends_with("net/tun")))
            .find_map(|fd| fd.file_name().to_str()?.parse::<RawFd>().ok())
            .expect("the daemon holds its device");
        let daemon = rustix::process::Pid::from_raw(daemon.as_raw()).expect("a running process");
        let daemon = pidfd_open(daemon, PidfdFlags::empty()).expect("the daemon runs");
        Self { file: pidfd_getfd(daemon, device, PidfdGetfdFlags::empty()).expect("root may").into() }
    }

    /// Writes a packet, as if the gateway had let it pass.
    ///
    /// # Panics
    /// When the kernel does not take it.
    pub fn write(&self, packet: &[u8]) {
        (&self.file).write_all(&[&COMPLETE[..], packet].concat()).expect("the device is up");
    }
}

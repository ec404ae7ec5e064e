//! The network of the world: who is wired to whom, and at which addresses.
//!
//! Knows no program of ours; [`crate::gateway`] and [`crate::client`] put those in.

use std::{
    fs::{self, Permissions},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::netns::{Computer, wire};

/// The first worker's home, behind no NAT.
pub const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2));
/// The second worker's home.
pub const OTHER_HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 101, 2));
/// The office's address on the Internet: the gateway itself, no port forwarding between.
pub const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 2));
/// The office's router, for worlds where the gateway stands behind port forwarding.
pub const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
/// The gateway's leg in the office.
pub const GATEWAY_IN_OFFICE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 3, 1));
/// The office's server room: the directory.
pub const SERVERS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 3, 5));
/// The first worker's workstation.
pub const WORKSTATION: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 3, 47));
/// The second worker's workstation.
pub const OTHER_WORKSTATION: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 3, 48));
/// The first home and the gateway on the Internet, by IPv6.
pub const HOME_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 2));
/// See [`HOME_V6`].
pub const GATEWAY_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x113, 0, 0, 0, 0, 2));
/// The office by IPv6, whose addresses a session reaches only where the gateway lends it one of that family.
pub const GATEWAY_IN_OFFICE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd20, 3, 0, 0, 0, 0, 0, 1));
/// See [`GATEWAY_IN_OFFICE_V6`].
pub const WORKSTATION_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd20, 3, 0, 0, 0, 0, 0, 0x47));
/// See [`GATEWAY_IN_OFFICE_V6`].
pub const OTHER_WORKSTATION_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd20, 3, 0, 0, 0, 0, 0, 0x48));

/// The names that are known everywhere.
const HOSTS: &str = "127.0.0.1 localhost home other-home internet gateway office workstation other-workstation\n";

/// Seven computers and their wires. Everything ends when it is dropped, in this order of fields.
#[derive(Debug)]
pub struct World {
    /// The first worker's computer.
    pub home: Computer,
    /// The second worker's computer.
    pub other_home: Computer,
    /// Routes between homes and office, and is where strangers are.
    pub internet: Computer,
    /// The office's edge, where the gateway runs.
    pub gateway: Computer,
    /// The office's switch and servers.
    pub office: Computer,
    /// The first worker's workstation.
    pub workstation: Computer,
    /// The second worker's workstation.
    pub other_workstation: Computer,
    folder: TempDir,
}

impl World {
    /// Makes and wires the computers. Takes a fifth of a second.
    ///
    /// # Panics
    /// Without root, or where the kernel has no namespaces.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("deskgate-world-").tempdir().expect("a temporary folder");
        let programs = programs();
        fs::write(folder.path().join("hosts"), HOSTS).expect("our own folder");
        // Daemons that are not root must come through it to their own.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("our own folder");
        let start = |name| Computer::start(name, folder.path(), &[&programs]);
        let world = Self {
            home: start("home"),
            other_home: start("other-home"),
            internet: start("internet"),
            gateway: start("gateway"),
            office: start("office"),
            workstation: start("workstation"),
            other_workstation: start("other-workstation"),
            folder,
        };
        world.wire();
        world
    }

    /// The world's own folder, seen under the same path by all its computers; gone with the world.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a name known to all computers, or moves it to another address.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn name(&self, name: &str, address: IpAddr) {
        self.change_names(|lines| {
            lines.retain(|line| !line.ends_with(&format!(" {name}")));
            lines.push(format!("{address} {name}"));
        });
    }

    /// Makes a name known that may mean other addresses as well.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn also_name(&self, name: &str, address: IpAddr) {
        self.change_names(|lines| lines.push(format!("{address} {name}")));
    }

    fn change_names(&self, change: impl FnOnce(&mut Vec<String>)) {
        let file = self.folder().join("hosts");
        let known = fs::read_to_string(&file).expect("written at the start");
        let mut lines: Vec<String> = known.lines().map(str::to_owned).collect();
        change(&mut lines);
        // In place: the computers see this very file, not whatever takes its name.
        fs::write(&file, lines.join("\n") + "\n").expect("our own folder");
    }

    fn wire(&self) {
        wire((&self.home, "eth0"), (&self.internet, "home"));
        wire((&self.other_home, "eth0"), (&self.internet, "other-home"));
        wire((&self.gateway, "wan0"), (&self.internet, "office"));
        wire((&self.gateway, "lan0"), (&self.office, "gateway"));
        wire((&self.workstation, "eth0"), (&self.office, "desk1"));
        wire((&self.other_workstation, "eth0"), (&self.office, "desk2"));

        self.home.ip("addr add 198.51.100.2/24 dev eth0\nroute add default via 198.51.100.1");
        self.other_home.ip("addr add 198.51.101.2/24 dev eth0\nroute add default via 198.51.101.1");
        self.internet.ip("addr add 198.51.100.1/24 dev home\n\
             addr add 198.51.101.1/24 dev other-home\n\
             addr add 203.0.113.1/24 dev office");
        self.internet.sh("echo 1 > /proc/sys/net/ipv4/ip_forward");
        self.home.ip("addr add 2001:db8:100::2/64 dev eth0 nodad\nroute add default via 2001:db8:100::1");
        self.internet.ip("addr add 2001:db8:100::1/64 dev home nodad\n\
             addr add 2001:db8:113::1/64 dev office nodad");
        self.internet.sh("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
        self.gateway.ip("addr add 203.0.113.2/24 dev wan0\n\
             addr add 10.20.3.1/24 dev lan0\n\
             addr add 2001:db8:113::2/64 dev wan0 nodad\n\
             addr add fd20:3::1/64 dev lan0 nodad\n\
             route add default via 203.0.113.1\n\
             route add default via 2001:db8:113::1");
        // As the manual has it: what comes from the office is passed on, what comes from the Internet is not.
        self.gateway.sh("echo 0 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv4/conf/lan0/forwarding");
        // Before Linux 6.17 IPv6 is passed on by all interfaces or by none.
        self.gateway.sh("cd /proc/sys/net/ipv6/conf; echo 1 > lan0/force_forwarding || echo 1 > all/forwarding");
        self.office.ip("link add lan type bridge\n\
             link set gateway master lan\n\
             link set desk1 master lan\n\
             link set desk2 master lan\n\
             link set lan up\n\
             addr add 10.20.3.5/24 dev lan\n\
             route add default via 10.20.3.1");
        for (computer, last) in [(&self.workstation, 47), (&self.other_workstation, 48)] {
            computer.ip(&format!(
                "addr add 10.20.3.{last}/24 dev eth0\n\
                 addr add fd20:3::{last}/64 dev eth0 nodad\n\
                 route add default via 10.20.3.1\n\
                 route add default via fd20:3::1"
            ));
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the programs under test lie: beside this one, which is in `target/debug` or in `deps` below it.
pub fn programs() -> PathBuf {
    let exe = std::env::current_exe().expect("a running program has a path");
    let folder = exe.parent().expect("a program lies in a folder");
    let above = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    above.expect("deps lies in target/debug").to_owned()
}

/// One program under test.
///
/// # Panics
/// When it was not built: e2e cannot depend on it, so `./check` builds the workspace first.
pub fn program(name: &str) -> PathBuf {
    let path = programs().join(name);
    assert!(path.exists(), "`{}` is missing: run `cargo build --workspace` first", path.display());
    path
}

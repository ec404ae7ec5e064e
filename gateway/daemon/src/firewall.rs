//! The gateway's own nftables table in words, and the program that puts them into the kernel.
//!
//! A second fence behind `gateway_core::Filter`: what leaves the tunnel's device passes only as one of the tuples (tunnel
//! address, workstation, protocol, port; of pings the addresses alone) of a session that is open, and what enters it only as the answer to one. So a
//! mistake in our filter reaches no other computer. The table is named after the device; nothing of the administrator's
//! is touched. It stays when the gateway ends, its sets emptied, and then lets nothing through at all.
//!
//! The table says who made it: an empty chain named after the run. Every later change names that chain first, so that a
//! change meant for one table never lands in another that took its place.

use std::{
    fmt::Write as _,
    io::Write as _,
    net::IpAddr,
    process::{Command, Stdio},
};

use gateway_core::{Pools, Protocol};

use crate::config;

/// One way that the fence leaves open, and back for the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tuple {
    /// The session's address in the tunnel.
    pub(crate) source: IpAddr,
    /// Of the same family.
    pub(crate) workstation: IpAddr,
    pub(crate) protocol: Protocol,
    /// 0 for pings, which have none.
    pub(crate) port: u16,
}

impl Tuple {
    fn set(self) -> &'static str {
        match (self.protocol, self.source) {
            (Protocol::Tcp | Protocol::Udp, IpAddr::V4(_)) => "granted4",
            (Protocol::Tcp | Protocol::Udp, IpAddr::V6(_)) => "granted6",
            (Protocol::Echo, IpAddr::V4(_)) => "pinged4",
            (Protocol::Echo, IpAddr::V6(_)) => "pinged6",
        }
    }

    fn element(self) -> String {
        let Self { source, workstation, protocol, port } = self;
        match protocol {
            Protocol::Tcp => format!("{{ {source} . {workstation} . tcp . {port} }}"),
            Protocol::Udp => format!("{{ {source} . {workstation} . udp . {port} }}"),
            Protocol::Echo => format!("{{ {source} . {workstation} }}"),
        }
    }
}

/// The sets of tuples.
const SETS: [&str; 4] = ["granted4", "granted6", "pinged4", "pinged6"];

/// The table of one run of the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    name: String,
    device: String,
    pools: Pools,
    masquerade: bool,
    firewall: bool,
    /// Drawn for this run.
    run: u32,
}

impl Table {
    /// For a device and its pools, with a number drawn for this run.
    pub(crate) fn new(office: &config::Office, pools: Pools, run: u32) -> Self {
        let device = office.device.clone();
        let name = format!("deskgate_{}", device.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        Self { name, device, pools, masquerade: office.masquerade, firewall: office.firewall, run }
    }

    /// Its name, after `inet`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Makes it, in the place of one that an earlier run left.
    pub(crate) fn begin(&self) -> String {
        let name = &self.name;
        // Declared before it is deleted, so that the first start finds something to delete: all in one transaction.
        format!("table inet {name}\ndelete table inet {name}\n{}", self.body())
    }

    /// Makes it again with all its tuples, where somebody took it away. Fails where a table of this name is there.
    pub(crate) fn again(&self, tuples: impl IntoIterator<Item = Tuple>) -> String {
        format!("create table inet {}\n{}{}", self.name, self.body(), self.change([], tuples))
    }

    /// Makes it again with all its tuples in its own place. Fails where it is not there, or another run's is.
    pub(crate) fn instead(&self, tuples: impl IntoIterator<Item = Tuple>) -> String {
        format!("{}delete table inet {}\n{}{}", self.change([], []), self.name, self.body(), self.change([], tuples))
    }

    /// Takes tuples out and puts others in, in one transaction. Without either it only asks whether the table is there.
    pub(crate) fn change(&self, out: impl IntoIterator<Item = Tuple>, into: impl IntoIterator<Item = Tuple>) -> String {
        let name = &self.name;
        let mut rules = format!("flush chain inet {name} {}\n", self.mark());
        for (verb, tuple) in out.into_iter().map(|tuple| ("delete", tuple)).chain(into.into_iter().map(|t| ("add", t)))
        {
            let _ = writeln!(rules, "{verb} element inet {name} {} {}", tuple.set(), tuple.element());
        }
        rules
    }

    /// Takes every tuple out.
    pub(crate) fn shut(&self) -> String {
        let name = &self.name;
        let mut rules = self.change([], []);
        for set in SETS {
            let _ = writeln!(rules, "flush set inet {name} {set}");
        }
        rules
    }

    /// Each pool, with nft's word for its family.
    fn networks(&self) -> Vec<(&'static str, String)> {
        let Pools { v4, v6 } = self.pools;
        [Some(("ip", v4.to_string())), v6.map(|pool| ("ip6", pool.to_string()))].into_iter().flatten().collect()
    }

    fn mark(&self) -> String {
        format!("run_{:08x}", self.run)
    }

    /// In IPv6 the protocol must follow the IP header at once: behind a route among the extension headers the destination would
    /// be another one than it seems.
    fn body(&self) -> String {
        let Self { name, device, .. } = self;
        let pools = self.networks();
        let mut rules = format!("table inet {name} {{\n  chain {} {{\n  }}\n", self.mark());
        if self.firewall {
            let _ = write!(
                rules,
                "  set granted4 {{\n    type ipv4_addr . ipv4_addr . inet_proto . inet_service\n  }}\n  \
                 set granted6 {{\n    type ipv6_addr . ipv6_addr . inet_proto . inet_service\n  }}\n  \
                 set pinged4 {{\n    type ipv4_addr . ipv4_addr\n  }}\n  \
                 set pinged6 {{\n    type ipv6_addr . ipv6_addr\n  }}\n  \
                 chain input {{\n    type filter hook input priority filter - 10; policy accept;\n    \
                 iifname \"{device}\" counter drop\n  }}\n  \
                 chain output {{\n    type filter hook output priority filter - 10; policy accept;\n    \
                 oifname \"{device}\" icmp type destination-unreachable icmp code frag-needed accept\n    \
                 oifname \"{device}\" ip6 nexthdr icmpv6 icmpv6 type packet-too-big accept\n    \
                 oifname \"{device}\" counter drop\n  }}\n  \
                 chain forward {{\n    type filter hook forward priority filter - 10; policy accept;\n    \
                 iifname \"{device}\" ip saddr . ip daddr . meta l4proto . th dport @granted4 accept\n    \
                 iifname \"{device}\" ip6 saddr . ip6 daddr . ip6 nexthdr . th dport @granted6 accept\n    \
                 oifname \"{device}\" ct state established ip daddr . ip saddr . meta l4proto . th sport @granted4 accept\n    \
                 oifname \"{device}\" ct state established ip6 daddr . ip6 saddr . ip6 nexthdr . th sport @granted6 accept\n    \
                 iifname \"{device}\" icmp type echo-request icmp code 0 ip saddr . ip daddr @pinged4 accept\n    \
                 iifname \"{device}\" ip6 nexthdr icmpv6 icmpv6 type echo-request ip6 saddr . ip6 daddr @pinged6 accept\n    \
                 oifname \"{device}\" ct state established icmp type echo-reply ip daddr . ip saddr @pinged4 accept\n    \
                 oifname \"{device}\" ct state established ip6 nexthdr icmpv6 icmpv6 type echo-reply ip6 daddr . ip6 saddr @pinged6 accept\n    \
                 iifname \"{device}\" jump path_mtu\n    \
                 oifname \"{device}\" jump path_mtu\n    \
                 iifname \"{device}\" counter drop\n    \
                 oifname \"{device}\" counter drop\n"
            );
            for (family, pool) in &pools {
                let _ =
                    write!(rules, "    {family} saddr {pool} counter drop\n    {family} daddr {pool} counter drop\n");
            }
            let _ = write!(
                rules,
                "  }}\n  \
                 chain path_mtu {{\n    \
                 ct state related icmp type destination-unreachable icmp code frag-needed accept\n    \
                 ct state related ip6 nexthdr icmpv6 icmpv6 type packet-too-big accept\n  }}\n"
            );
        }
        if self.masquerade {
            let _ = write!(
                rules,
                "  chain postrouting {{\n    type nat hook postrouting priority srcnat; policy accept;\n"
            );
            for (family, pool) in &pools {
                let _ = writeln!(rules, "    {family} saddr {pool} oifname != \"{device}\" masquerade");
            }
            rules.push_str("  }\n");
            // What the system can make no connection of is not masqueraded: it would reach the office from a tunnel address.
            let _ = write!(
                rules,
                "  chain untraceable {{\n    type filter hook forward priority filter - 11; policy accept;\n    \
                 iifname \"{device}\" ct state invalid counter drop\n  }}\n"
            );
        }
        rules.push_str("}\n");
        rules
    }
}

/// Puts rules into the kernel: all of them or none. What stands in the way is said in nft's first line.
pub(crate) fn run_nft(rules: &str) -> Result<(), String> {
    ask_nft(&["-f", "-"], rules).map(drop)
}

/// Runs nft and returns what it printed.
pub(crate) fn ask_nft(arguments: &[&str], rules: &str) -> Result<Vec<u8>, String> {
    let mut nft = Command::new("nft")
        .args(arguments)
        // A unit started early may have a bare PATH.
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut stdin) = nft.stdin.take() {
        stdin.write_all(rules.as_bytes()).map_err(|error| error.to_string())?;
    }
    let outcome = nft.wait_with_output().map_err(|error| error.to_string())?;
    if outcome.status.success() {
        return Ok(outcome.stdout);
    }
    let said = String::from_utf8_lossy(&outcome.stderr);
    Err(said.lines().next().unwrap_or("it failed without a word").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(device: &str, masquerade: bool, firewall: bool) -> Table {
        let office = config::Office { device: device.into(), masquerade, firewall };
        let pools = Pools { v4: "100.96.0.0/20".parse().unwrap(), v6: Some("fd64::/64".parse().unwrap()) };
        Table::new(&office, pools, 7)
    }

    fn tuple(source: &str, workstation: &str, protocol: Protocol, port: u16) -> Tuple {
        Tuple { source: source.parse().unwrap(), workstation: workstation.parse().unwrap(), protocol, port }
    }

    #[test]
    fn the_table_is_named_after_the_device_and_holds_only_what_was_asked() {
        let both = table("desk-0", true, true).begin();
        assert!(both.contains("table inet deskgate_desk_0 {"));
        assert!(both.contains("iifname \"desk-0\" counter drop"));
        assert!(both.contains("ip saddr 100.96.0.0/20 oifname != \"desk-0\" masquerade"));
        assert!(both.contains("ip6 saddr fd64::/64 oifname != \"desk-0\" masquerade"));
        assert!(
            both.contains("ip saddr 100.96.0.0/20 counter drop") && both.contains("ip6 daddr fd64::/64 counter drop")
        );
        assert!(both.contains("iifname \"desk-0\" ct state invalid counter drop"));
        assert!(!table("desk-0", false, true).begin().contains("masquerade"));
        assert!(!table("desk-0", true, false).begin().contains("chain input"));
    }

    #[test]
    fn a_change_names_its_run_first_and_takes_out_before_it_puts_in() {
        let out = tuple("100.96.0.2", "10.20.3.47", Protocol::Tcp, 3389);
        let into = tuple("fd00::2", "fd20:3::47", Protocol::Udp, 3390);
        assert_eq!(
            table("desk0", true, true).change([out], [into]),
            "flush chain inet deskgate_desk0 run_00000007\n\
             delete element inet deskgate_desk0 granted4 { 100.96.0.2 . 10.20.3.47 . tcp . 3389 }\n\
             add element inet deskgate_desk0 granted6 { fd00::2 . fd20:3::47 . udp . 3390 }\n"
        );
    }

    #[test]
    fn pings_have_sets_of_their_own_and_no_port() {
        let into = ["100.96.0.2 10.20.3.47", "fd00::2 fd20:3::47"].map(|pair| {
            let (source, workstation) = pair.split_once(' ').unwrap();
            tuple(source, workstation, Protocol::Echo, 0)
        });
        let table = table("desk0", true, true);
        let change = table.change([], into);
        assert!(change.contains("add element inet deskgate_desk0 pinged4 { 100.96.0.2 . 10.20.3.47 }\n"), "{change}");
        assert!(change.contains("add element inet deskgate_desk0 pinged6 { fd00::2 . fd20:3::47 }\n"), "{change}");
        assert!(SETS.iter().all(|set| {
            table.begin().contains(&format!("  set {set} {{")) && table.shut().contains(&format!("desk0 {set}\n"))
        }));
    }
}

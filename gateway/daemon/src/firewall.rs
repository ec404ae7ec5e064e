//! The gateway's own nftables table, made once at start: what comes out of the tunnel reaches no port of the gateway
//! itself, no other worker, and workstations see the gateway's own address where it masquerades.
//!
//! A second fence behind `gateway_core::Filter`, which already lets nothing else through. The table is named after the
//! device; nothing of the administrator's is touched. It stays when the gateway ends: without the device it does
//! nothing, and it is made anew at the next start.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use ipnet::Ipv4Net;

use crate::config;

/// Whether packets that arrive by an interface are passed on: a file for each interface.
const FORWARDING: &str = "/proc/sys/net/ipv4/conf";

/// Makes the table, and refuses a machine on which no workstation could answer.
pub(crate) fn raise(office: &config::Office, pool: Ipv4Net) -> Result<(), String> {
    forward(&office.device, Path::new(FORWARDING))?;
    if !office.firewall && !office.masquerade {
        return Ok(());
    }
    run_nft(&table(office, pool))
}

/// Lets the tunnel's packets be passed on, which is ours to say, for the device is ours. Whether the office's are is the
/// administrator's: the one interface is enough, while `net.ipv4.ip_forward` would let whoever sits on the Internet's
/// side of this machine route into the office round the tunnel.
fn forward(device: &str, folder: &Path) -> Result<(), String> {
    let file = |interface: &str| folder.join(interface).join("forwarding");
    let is_on = |interface: &str| std::fs::read_to_string(file(interface)).is_ok_and(|text| text.trim() == "1");
    // Where this is read-only the administrator may have set it before; what counts is what holds.
    let _ = std::fs::write(file(device), "1");
    if !is_on(device) {
        return Err(format!(
            "packets of `{device}` are not passed on: let the gateway write `{}`, or set \
             `net.ipv4.conf.default.forwarding = 1` before it starts",
            file(device).display()
        ));
    }
    let interfaces = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = interfaces.filter_map(|entry| entry.file_name().into_string().ok());
    let foreign = |name: &String| !["all", "default", "lo", device].contains(&name.as_str());
    if names.filter(foreign).any(|name| is_on(&name)) {
        return Ok(());
    }
    Err("this machine passes no packets on, so no workstation could answer: run \
         `sysctl -w net.ipv4.conf.INTERFACE.forwarding=1` for the interface towards the office, and write that line to \
         a file in /etc/sysctl.d so that it holds after a restart"
        .to_owned())
}

fn table(office: &config::Office, pool: Ipv4Net) -> String {
    let device = &office.device;
    let name = format!("deskgate_{}", device.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
    // Declared before it is deleted, so that the first start finds something to delete: all in one transaction.
    let mut rules = format!("table inet {name}\ndelete table inet {name}\ntable inet {name} {{\n");
    if office.firewall {
        let _ = write!(
            rules,
            "  chain input {{\n    type filter hook input priority filter - 10; policy accept;\n    \
             iifname \"{device}\" counter drop\n  }}\n  \
             chain forward {{\n    type filter hook forward priority filter - 10; policy accept;\n    \
             iifname \"{device}\" oifname \"{device}\" counter drop\n    \
             iifname \"{device}\" ip saddr != {pool} counter drop\n    \
             iifname \"{device}\" meta nfproto != ipv4 counter drop\n  }}\n"
        );
    }
    if office.masquerade {
        let _ = write!(
            rules,
            "  chain postrouting {{\n    type nat hook postrouting priority srcnat; policy accept;\n    \
             ip saddr {pool} oifname != \"{device}\" masquerade\n  }}\n"
        );
    }
    rules.push_str("}\n");
    rules
}

fn run_nft(rules: &str) -> Result<(), String> {
    let advice = "install nftables and start the gateway with CAP_NET_ADMIN, or set `firewall` and `masquerade` under \
                  `[office]` to false and route the pool yourself";
    let explain = |error: &dyn std::fmt::Display| format!("cannot set the firewall with `nft`: {error}: {advice}");
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        // A unit started early may have a bare PATH.
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| explain(&error))?;
    if let Some(mut stdin) = nft.stdin.take() {
        stdin.write_all(rules.as_bytes()).map_err(|error| explain(&error))?;
    }
    let outcome = nft.wait_with_output().map_err(|error| explain(&error))?;
    if outcome.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&outcome.stderr);
    Err(explain(&said.lines().next().unwrap_or("it failed without a word")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_office_may_answer_only_where_an_interface_besides_ours_passes_packets_on() {
        let folder = tempfile::tempdir().unwrap();
        let set = |interface: &str, value: &str| {
            std::fs::create_dir_all(folder.path().join(interface)).unwrap();
            std::fs::write(folder.path().join(interface).join("forwarding"), value).unwrap();
        };
        for interface in ["all", "default", "lo", "deskgate0", "eth1"] {
            set(interface, "0\n");
        }
        let refusal = forward("deskgate0", folder.path()).unwrap_err();
        assert!(refusal.contains("net.ipv4.conf.INTERFACE.forwarding=1"), "{refusal}");
        set("lo", "1\n");
        set("all", "1\n");
        assert!(forward("deskgate0", folder.path()).is_err());
        set("eth1", "1\n");
        assert_eq!(forward("deskgate0", folder.path()), Ok(()));
        assert_eq!(std::fs::read_to_string(folder.path().join("deskgate0/forwarding")).unwrap(), "1");
    }

    #[test]
    fn the_table_is_named_after_the_device_and_holds_only_what_was_asked() {
        let pool = "100.96.0.0/20".parse().unwrap();
        let office = |masquerade, firewall| config::Office { device: "desk-0".into(), masquerade, firewall };
        let both = table(&office(true, true), pool);
        assert!(both.contains("table inet deskgate_desk_0 {"));
        assert!(both.contains("iifname \"desk-0\" counter drop"));
        assert!(both.contains("ip saddr 100.96.0.0/20 oifname != \"desk-0\" masquerade"));
        assert!(!table(&office(false, true), pool).contains("masquerade"));
        assert!(!table(&office(true, false), pool).contains("chain input"));
    }
}

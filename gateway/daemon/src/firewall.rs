//! The gateway's own nftables table, made once at start: what comes out of the tunnel reaches no port of the gateway
//! itself, no other worker, and workstations see the gateway's own address where it masquerades.
//!
//! A second fence behind `gateway_core::Filter`, which already lets nothing else through. The table is named after the
//! device; nothing of the administrator's is touched. It stays when the gateway ends: without the device it does
//! nothing, and it is made anew at the next start.

use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

use ipnet::Ipv4Net;

use crate::config;

/// Whether this machine passes packets on at all. Not the gateway's to change: it concerns every interface.
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// Makes the table, and refuses a machine that forwards nothing.
pub(crate) fn raise(office: &config::Office, pool: Ipv4Net) -> Result<(), String> {
    if std::fs::read_to_string(FORWARDING).is_ok_and(|text| text.trim() == "0") {
        return Err("this machine forwards no packets, so no workstation can be reached: run \
                    `sysctl -w net.ipv4.ip_forward=1`, and write `net.ipv4.ip_forward = 1` to a file in /etc/sysctl.d \
                    so that it holds after a restart"
            .to_owned());
    }
    if !office.firewall && !office.masquerade {
        return Ok(());
    }
    run_nft(&table(office, pool))
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

//! What this machine does with packets between the tunnel and the office: whether its kernel passes them on, and
//! whether a firewall of the administrator's stands in the way.
//!
//! Both are the administrator's to settle. Said at the start, with the lines that settle it, for otherwise the first
//! worker of the morning would be the one to find out.

use std::path::Path;

use gateway_core::{Family, Pools};
use serde_json::Value;

use crate::firewall;

/// What the kernel does with packets that arrive by an interface: a folder of settings for each, below one for each family.
const SETTINGS: &str = "/proc/sys/net";

/// Lets the tunnel's packets be passed on, which is ours to say, for the device is ours, and refuses a machine on which
/// no workstation could answer. Whether the office's are passed on is the administrator's: the one interface is enough,
/// while `net.ipv4.ip_forward` would let whoever sits on the Internet's side of this machine route into the office
/// round the tunnel.
pub(crate) fn allow(device: &str, pools: &Pools) -> Result<(), String> {
    let settings = Path::new(SETTINGS);
    for family in pools.families() {
        match family {
            Family::V4 => forward_v4(device, &settings.join("ipv4/conf"))?,
            Family::V6 => forward_v6(device, &settings.join("ipv6/conf"))?,
        }
    }
    Ok(())
}

fn forward_v4(device: &str, folder: &Path) -> Result<(), String> {
    let file = folder.join(device).join("forwarding");
    // Where this is read-only the administrator may have set it before; what counts is what holds.
    let _ = std::fs::write(&file, "1");
    if !is_on(&file) {
        return Err(format!(
            "packets of `{device}` are not passed on: let the gateway write `{}`, or set \
             `net.ipv4.conf.default.forwarding = 1` before it starts",
            file.display()
        ));
    }
    if is_on_elsewhere(device, folder, "forwarding") {
        return Ok(());
    }
    Err("this machine passes no packets on, so no workstation could answer: run \
         `sysctl -w net.ipv4.conf.INTERFACE.forwarding=1` for the interface towards the office, and write that line to \
         a file in /etc/sysctl.d so that it holds after a restart"
        .to_owned())
}

/// IPv6 has a switch for all interfaces, and for one of them only since Linux 6.17: `forwarding` below an interface says there
/// merely whether it is a router's.
fn forward_v6(device: &str, folder: &Path) -> Result<(), String> {
    if is_on(&folder.join("all/forwarding")) {
        tracing::warn!(
            "this machine passes IPv6 on between all its interfaces: let its firewall drop what comes from the Internet's \
             side and goes to the office"
        );
        return Ok(());
    }
    let own = folder.join(device).join("force_forwarding");
    let is_known = own.exists();
    if is_known {
        let _ = std::fs::write(&own, "1");
        if is_on(&own) && is_on_elsewhere(device, folder, "force_forwarding") {
            return Ok(());
        }
    }
    let line = match is_known {
        true => "net.ipv6.conf.INTERFACE.force_forwarding=1` for the interface towards the office",
        false => "net.ipv6.conf.all.forwarding=1`, with a firewall that drops what comes from the Internet's side",
    };
    Err(format!(
        "this machine passes no IPv6 packets on, so no workstation could answer by `pool_ipv6`: run `sysctl -w {line}, and \
         write that line to a file in /etc/sysctl.d so that it holds after a restart"
    ))
}

fn is_on(file: &Path) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.trim() == "1")
}

/// Whether an interface that is neither ours nor this machine's own has a setting switched on.
fn is_on_elsewhere(device: &str, folder: &Path, setting: &str) -> bool {
    let interfaces = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = interfaces.filter_map(|entry| entry.file_name().into_string().ok());
    let foreign = |name: &String| !["all", "default", "lo", device].contains(&name.as_str());
    names.filter(foreign).any(|name| is_on(&folder.join(name).join(setting)))
}

/// Warns of chains that drop what they do not name, and name the tunnel's device nowhere. Our table cannot let through
/// what another drops: nftables asks every chain. Only a warning, for a chain may let it through by other words.
pub(crate) fn warn_of_shut_chains(device: &str) {
    let Ok(listed) = firewall::ask_nft(&["-j", "list", "ruleset"], "") else { return };
    let Ok(ruleset) = serde_json::from_slice(&listed) else { return };
    for chain in shut_chains(&ruleset, device) {
        tracing::warn!(
            chain,
            add = format!(
                "nft insert rule {chain} iifname \"{device}\" accept; nft insert rule {chain} oifname \"{device}\" accept"
            ),
            "the firewall of this machine drops what it passes on, and may drop the tunnel's packets: add these rules to \
             it (the gateway's own table lets through only what sessions were granted)"
        );
    }
}

/// `family table chain` of every chain that drops forwarded packets by default where no rule of its table names `device`.
fn shut_chains(ruleset: &Value, device: &str) -> Vec<String> {
    let objects = || ruleset["nftables"].as_array().into_iter().flatten();
    let rules = || objects().filter_map(|object| object.get("rule"));
    let names_device = |table: &Value| {
        let of_table = |rule: &&Value| rule["family"] == table["family"] && rule["table"] == table["table"];
        rules().filter(of_table).any(|rule| mentions(&rule["expr"], device))
    };
    let chains = objects().filter_map(|object| object.get("chain"));
    let shut = chains.filter(|chain| chain["hook"] == "forward" && chain["policy"] == "drop");
    let words =
        |chain: &Value| ["family", "table", "name"].map(|key| chain[key].as_str().unwrap_or_default().to_owned());
    shut.filter(|chain| !names_device(chain)).map(|chain| words(chain).join(" ")).collect()
}

fn mentions(value: &Value, device: &str) -> bool {
    match value {
        Value::String(text) => text == device,
        Value::Array(values) => values.iter().any(|value| mentions(value, device)),
        Value::Object(fields) => fields.values().any(|value| mentions(value, device)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const INTERFACES: [&str; 5] = ["all", "default", "lo", "deskgate0", "eth1"];

    fn set(folder: &Path, interface: &str, setting: &str, value: &str) {
        std::fs::create_dir_all(folder.join(interface)).unwrap();
        std::fs::write(folder.join(interface).join(setting), value).unwrap();
    }

    #[test]
    fn the_office_may_answer_only_where_an_interface_besides_ours_passes_packets_on() {
        let folder = tempfile::tempdir().unwrap();
        let set = |interface: &str, value: &str| set(folder.path(), interface, "forwarding", value);
        for interface in INTERFACES {
            set(interface, "0\n");
        }
        let refusal = forward_v4("deskgate0", folder.path()).unwrap_err();
        assert!(refusal.contains("net.ipv4.conf.INTERFACE.forwarding=1"), "{refusal}");
        set("lo", "1\n");
        set("all", "1\n");
        assert!(forward_v4("deskgate0", folder.path()).is_err());
        set("eth1", "1\n");
        assert_eq!(forward_v4("deskgate0", folder.path()), Ok(()));
        assert_eq!(std::fs::read_to_string(folder.path().join("deskgate0/forwarding")).unwrap(), "1");
    }

    #[test]
    fn ipv6_is_passed_on_by_one_interface_where_the_kernel_can_and_else_by_all() {
        let folder = tempfile::tempdir().unwrap();
        for interface in INTERFACES {
            set(folder.path(), interface, "forwarding", "0\n");
        }
        let old = forward_v6("deskgate0", folder.path()).unwrap_err();
        assert!(old.contains("net.ipv6.conf.all.forwarding=1"), "{old}");
        // An interface's own says nothing in IPv6.
        set(folder.path(), "eth1", "forwarding", "1\n");
        assert!(forward_v6("deskgate0", folder.path()).is_err());
        for interface in INTERFACES {
            set(folder.path(), interface, "force_forwarding", "0\n");
        }
        let new = forward_v6("deskgate0", folder.path()).unwrap_err();
        assert!(new.contains("net.ipv6.conf.INTERFACE.force_forwarding=1"), "{new}");
        set(folder.path(), "eth1", "force_forwarding", "1\n");
        assert_eq!(forward_v6("deskgate0", folder.path()), Ok(()));
        set(folder.path(), "eth1", "force_forwarding", "0\n");
        set(folder.path(), "all", "forwarding", "1\n");
        assert_eq!(forward_v6("deskgate0", folder.path()), Ok(()));
    }

    #[test]
    fn a_chain_that_drops_by_default_is_told_unless_its_table_names_the_device() {
        let chain = |table: &str, policy: &str| json!({"chain": {"family": "inet", "table": table, "name": "fwd", "hook": "forward", "policy": policy}});
        let left = json!({"meta": {"key": "iifname"}});
        let expr = json!([{"match": {"op": "==", "left": left, "right": "deskgate0"}}, {"accept": null}]);
        let rule = json!({"rule": {"family": "inet", "table": "known", "chain": "fwd", "expr": expr}});
        let ruleset =
            json!({"nftables": [chain("open", "accept"), chain("shut", "drop"), chain("known", "drop"), rule]});
        assert_eq!(shut_chains(&ruleset, "deskgate0"), ["inet shut fwd"]);
        assert_eq!(shut_chains(&ruleset, "deskgate1"), ["inet shut fwd", "inet known fwd"]);
    }
}

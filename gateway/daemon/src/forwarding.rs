//! What this machine does with packets between the tunnel and the office: whether its kernel passes them on, and
//! whether a firewall of the administrator's stands in the way.
//!
//! Both are the administrator's to settle. Said at the start, with the lines that settle it, for otherwise the first
//! worker of the morning would be the one to find out.

use std::path::Path;

use serde_json::Value;

use crate::firewall;

/// Whether packets that arrive by an interface are passed on: a file for each interface.
const FORWARDING: &str = "/proc/sys/net/ipv4/conf";

/// Lets the tunnel's packets be passed on, which is ours to say, for the device is ours, and refuses a machine on which
/// no workstation could answer. Whether the office's are passed on is the administrator's: the one interface is enough,
/// while `net.ipv4.ip_forward` would let whoever sits on the Internet's side of this machine route into the office
/// round the tunnel.
pub(crate) fn allow(device: &str) -> Result<(), String> {
    forward(device, Path::new(FORWARDING))
}

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

//! Where a granted workstation is at this moment, and whether it may be believed.
//!
//! The policy proves over names; that no two names mean one computer is held here, where names get addresses. A name
//! that resolves outside the office's workstation networks, or to another workstation's address, refuses the login and
//! alarms: somebody changed the name service, and the wrong person would sit at the wrong desktop.

use std::{net::IpAddr, time::Duration};

use gateway_api::CloseReason;
use gateway_core::View;
use policy::{Address, Policy};

use crate::ledger::Ledger;

/// For a workstation's name to resolve.
const RESOLVING: Duration = Duration::from_secs(3);
/// Between looks at the names of live sessions' workstations.
const LOOK: Duration = Duration::from_secs(60);

/// Why a workstation is not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Its name resolves to nothing that may be reached.
    Unknown,
    /// Its address lies in none of the policy's `workstation_networks`.
    OutsideNetworks,
    /// Its address is another workstation's.
    Another,
    /// Its address is of a family that there are no tunnel addresses of.
    OtherFamily,
}

impl Trouble {
    /// The word of the record.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unknown => "workstation_unknown",
            Self::OutsideNetworks => "workstation_outside_networks",
            Self::Another => "workstation_address_of_another",
            Self::OtherFamily => "workstation_other_family",
        }
    }
}

/// The address of the workstation `name`, if it may be believed.
pub(crate) async fn locate(policy: &Policy, ledger: &Ledger, name: &str, address: &Address) -> Result<IpAddr, Trouble> {
    let found = all(address).await;
    if found.is_empty() {
        return Err(Trouble::Unknown);
    }
    let networks = policy.workstation_networks();
    let is_in_office =
        |address: &IpAddr| networks.is_empty() || networks.iter().any(|network| network.contains(*address));
    let Some(found) = found.into_iter().find(is_in_office) else {
        tracing::error!(workstation = name, "workstation lies outside `workstation_networks`: login refused");
        return Err(Trouble::OutsideNetworks);
    };
    // Two addresses that are written down are compared when the policy is checked.
    if matches!(address, Address::Host(_)) && is_another(policy, ledger, name, found).await {
        tracing::error!(workstation = name, "workstation resolves to another workstation's address: login refused");
        return Err(Trouble::Another);
    }
    Ok(found)
}

/// Whether `address` belongs to another workstation, as the policy writes it or as a live session reaches it.
async fn is_another(policy: &Policy, ledger: &Ledger, name: &str, address: IpAddr) -> bool {
    let written = policy.workstations().any(|(other, there)| other != name && *there == Address::Ip(address));
    let live = |view: &View| *view.grant.workstation != *name && view.workstation == address;
    written || ledger.sessions().await.is_some_and(|views| views.iter().any(live))
}

/// Every address that a workstation may be reached by, IPv4 first, for which there always are tunnel addresses. A name may resolve to what is
/// no computer of the office.
async fn all(address: &Address) -> Vec<IpAddr> {
    let host = match address {
        Address::Ip(address) => return vec![*address],
        Address::Host(host) => host,
    };
    let looked = tokio::time::timeout(RESOLVING, tokio::net::lookup_host((&**host, 0))).await;
    let Ok(Ok(found)) = looked else { return Vec::new() };
    let mut found: Vec<IpAddr> = found.map(|address| address.ip().to_canonical()).filter(is_reachable).collect();
    found.sort_by_key(|address| !address.is_ipv4());
    found
}

/// Whether an address can be a computer of the office at all.
pub(crate) fn is_reachable(address: &IpAddr) -> bool {
    let local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(local || address.is_loopback() || address.is_unspecified() || address.is_multicast())
}

/// Looks the names of live sessions' workstations up again, for ever. A name that now means another computer ends its
/// session; one that means nothing at the moment ends none, for a name service may be down.
pub(crate) async fn watch(ledger: Ledger) {
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        ticks.tick().await;
        let Some(views) = ledger.sessions().await else { return };
        for view in views.iter().filter(|view| matches!(view.grant.address, Address::Host(_))) {
            let found = all(&view.grant.address).await;
            if !found.is_empty() && !found.contains(&view.workstation) {
                // Without the workstation's name, which would say whose session it is.
                tracing::error!(session = %view.number, "session ends: its workstation's name resolves elsewhere");
                let _ = ledger.close(view.number, CloseReason::WorkstationGone).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workstation_s_name_never_means_this_machine_or_a_crowd() {
        for address in ["127.0.0.1", "::1", "0.0.0.0", "224.0.0.1", "169.254.1.1", "fe80::1", "255.255.255.255"] {
            assert!(!is_reachable(&address.parse().unwrap()), "{address}");
        }
        assert!(is_reachable(&"10.20.3.47".parse().unwrap()));
    }

    #[tokio::test]
    async fn an_address_that_is_written_down_is_taken_as_it_is() {
        let address = "10.20.3.47".parse().unwrap();
        assert_eq!(all(&Address::Ip(address)).await, [address]);
    }
}

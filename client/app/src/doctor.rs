//! `deskgate doctor`: looks at everything that a session needs, one thing after the other, and says of each how it is and what to do.
//!
//! ```text
//!  profile ──> names ──> gateway ──> certificate ──> clock, protocol ──> (with a session: UDP ──> workstation)
//!                 └─ one that fails: what needs it is not looked at
//!  this computer: door, RDP program, keyring, notifications, folder, disk
//! ```
//!
//! It changes nothing, but that the folder of the program's files is made where it is missing. Findings are values; `words/doctor.rs` says them,
//! `cli/doctor.rs` shows them. None holds a name of a person, a password, or an address at home in full: they go to the help desk.

mod computer;
mod network;
pub(crate) mod trial;

use std::{net::IpAddr, sync::Arc};

use gateway_api::SessionNumber;
use serde::Serialize;

use crate::{
    api::{Client, trust},
    config::{Config, Server},
};

/// What is looked at, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Check {
    Profile,
    Names,
    Gateway,
    Certificate,
    Clock,
    Protocol,
    Udp,
    Workstation,
    Door,
    RdpProgram,
    Keyring,
    Notifications,
    Folder,
    Disk,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Good,
    /// Work is possible; something is missing that helps.
    Note,
    Bad,
    /// Not looked at: what it needs failed, or was not asked for.
    Skipped,
}

/// What was found. Numbers are for people: whole ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The office's, and its signature holds.
    Profile,
    /// There is none: flags say what it would.
    NoProfile,
    /// It is not used; in words.
    ProfileRefused {
        why: String,
    },
    /// Its six words were not compared yet.
    ProfileUnknown,
    /// No gateway is named.
    NoServer,
    Names {
        server: String,
        addresses: usize,
    },
    /// Nothing leads out of this computer.
    NoNetwork,
    NameUnknown {
        server: String,
    },
    Gateway {
        from: String,
    },
    /// Nobody answers by this name, and the gateway has another.
    OtherName {
        server: String,
        cause: String,
    },
    Unreachable {
        server: String,
        cause: String,
    },
    /// The network shows a page of its own first.
    Portal,
    Certificate,
    Untrusted {
        cause: String,
    },
    /// The same, in a network that shows a page of its own first.
    UntrustedAtPortal {
        cause: String,
    },
    /// Nothing says in a readable way whose certificate the office's is.
    TrustUnreadable {
        cause: String,
    },
    /// Who answers does not speak TLS as a gateway does.
    NotTls {
        cause: String,
    },
    Clock {
        off_s: u32,
    },
    /// Off by more than codes and certificates bear.
    ClockWrong {
        off_s: u32,
        behind: bool,
    },
    /// The certificate would not hold at this computer's time.
    ClockDoubtful {
        /// In Unix seconds.
        now: i64,
    },
    Protocol,
    /// The gateway speaks another version.
    OtherProtocol,
    NotAGateway {
        cause: String,
    },
    Udp,
    ByChannel,
    /// The sign-in for it came to something else; in words.
    NoSession {
        why: String,
    },
    UdpUntried,
    /// It answers at its desktop's port; after so many seconds, if it slept.
    Workstation {
        woken_s: Option<u32>,
    },
    /// It refuses connections to that port.
    WorkstationRefuses {
        port: u16,
        session: SessionNumber,
    },
    /// It does not answer there.
    WorkstationSilent {
        port: u16,
        session: SessionNumber,
    },
    /// It sleeps, and did not wake while anybody waited.
    WorkstationAsleep {
        session: SessionNumber,
    },
    /// The knock at it did not come as far as the tunnel.
    WorkstationUnheard,
    /// The session ended before it was known; in words.
    SessionLost {
        why: String,
    },
    WorkstationUntried,
    Door,
    NoDoor {
        cause: String,
    },
    RdpProgram {
        version: String,
    },
    NoRdpProgram,
    RdpProgramBroken {
        program: String,
        cause: String,
    },
    Keyring,
    NoKeyring,
    Notifications,
    NoNotifications,
    Folder,
    NoFolder {
        cause: String,
    },
    Disk {
        free_mib: u64,
    },
    DiskFull {
        free_mib: u64,
    },
    /// What this needs is not well, or the system does not tell.
    NotLooked(Check),
}

impl Finding {
    /// What was looked at.
    pub(crate) fn check(&self) -> Check {
        match self {
            Self::Profile | Self::NoProfile | Self::ProfileRefused { .. } | Self::ProfileUnknown | Self::NoServer => {
                Check::Profile
            }
            Self::Names { .. } | Self::NoNetwork | Self::NameUnknown { .. } => Check::Names,
            Self::Gateway { .. } | Self::OtherName { .. } | Self::Unreachable { .. } | Self::Portal => Check::Gateway,
            Self::Certificate
            | Self::Untrusted { .. }
            | Self::UntrustedAtPortal { .. }
            | Self::TrustUnreadable { .. }
            | Self::NotTls { .. } => Check::Certificate,
            Self::Clock { .. } | Self::ClockWrong { .. } | Self::ClockDoubtful { .. } => Check::Clock,
            Self::Protocol | Self::OtherProtocol | Self::NotAGateway { .. } => Check::Protocol,
            Self::Udp | Self::ByChannel | Self::NoSession { .. } | Self::UdpUntried => Check::Udp,
            Self::Workstation { .. }
            | Self::WorkstationRefuses { .. }
            | Self::WorkstationSilent { .. }
            | Self::WorkstationAsleep { .. }
            | Self::WorkstationUnheard
            | Self::SessionLost { .. }
            | Self::WorkstationUntried => Check::Workstation,
            Self::Door | Self::NoDoor { .. } => Check::Door,
            Self::RdpProgram { .. } | Self::NoRdpProgram | Self::RdpProgramBroken { .. } => Check::RdpProgram,
            Self::Keyring | Self::NoKeyring => Check::Keyring,
            Self::Notifications | Self::NoNotifications => Check::Notifications,
            Self::Folder | Self::NoFolder { .. } => Check::Folder,
            Self::Disk { .. } | Self::DiskFull { .. } => Check::Disk,
            Self::NotLooked(check) => *check,
        }
    }

    /// Why nobody has shown a certificate, if nobody has: a session asks by the gateway's next name then (`Failure::silent_after`).
    fn silence(&self) -> Option<&str> {
        match self {
            Self::NoNetwork => Some("no network"),
            Self::NameUnknown { .. } => Some("the name is not found"),
            Self::Portal => Some("the network wants something first"),
            Self::Unreachable { cause, .. } | Self::NotTls { cause } => Some(cause),
            _ => None,
        }
    }

    /// How it is.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Profile
            | Self::Names { .. }
            | Self::Gateway { .. }
            | Self::Certificate
            | Self::Clock { .. }
            | Self::Protocol
            | Self::Udp
            | Self::Workstation { .. }
            | Self::Door
            | Self::RdpProgram { .. }
            | Self::Keyring
            | Self::Notifications
            | Self::Folder
            | Self::Disk { .. } => Verdict::Good,
            Self::NoProfile | Self::OtherName { .. } | Self::ByChannel | Self::NoKeyring | Self::NoNotifications => {
                Verdict::Note
            }
            Self::ProfileRefused { .. }
            | Self::ProfileUnknown
            | Self::NoServer
            | Self::NoNetwork
            | Self::NameUnknown { .. }
            | Self::Unreachable { .. }
            | Self::Portal
            | Self::Untrusted { .. }
            | Self::UntrustedAtPortal { .. }
            | Self::TrustUnreadable { .. }
            | Self::NotTls { .. }
            | Self::ClockWrong { .. }
            | Self::ClockDoubtful { .. }
            | Self::OtherProtocol
            | Self::NotAGateway { .. }
            | Self::NoSession { .. }
            | Self::WorkstationRefuses { .. }
            | Self::WorkstationSilent { .. }
            | Self::WorkstationAsleep { .. }
            | Self::WorkstationUnheard
            | Self::SessionLost { .. }
            | Self::NoDoor { .. }
            | Self::NoRdpProgram
            | Self::RdpProgramBroken { .. }
            | Self::NoFolder { .. }
            | Self::DiskFull { .. } => Verdict::Bad,
            Self::UdpUntried | Self::WorkstationUntried | Self::NotLooked(_) => Verdict::Skipped,
        }
    }
}

/// What is between this computer and the office's gateway. Each finding is told as it is made; of a name that is not the last, once it is known
/// whether somebody answers by it.
pub(crate) async fn way(config: &Config, server: &Server, tell: &mut impl FnMut(Finding)) {
    let tls = match trust::config(&config.trust) {
        Ok(tls) => tls,
        Err(cause) => return network::unreadable(cause, tell),
    };
    let mut names = server.names().peekable();
    while let Some(name) = names.next() {
        let client = Client::new(name.clone().into(), Arc::clone(&tls), None);
        if names.peek().is_none() {
            return network::look(name, &client, tell).await;
        }
        let mut found = Vec::new();
        network::look(name, &client, &mut |finding| found.push(finding)).await;
        let Some(cause) = found.iter().find_map(Finding::silence).map(str::to_owned) else {
            return found.into_iter().for_each(tell);
        };
        tell(Finding::OtherName { server: name.to_string(), cause });
    }
}

/// What this computer has.
pub(crate) async fn computer(tell: &mut impl FnMut(Finding)) {
    tell(computer::door().await);
    tell(computer::rdp_program().await);
    tell(computer::keyring());
    tell(computer::notifications().await);
    let folder = computer::folder();
    let is_there = folder == Finding::Folder;
    tell(folder);
    tell(if is_there { computer::disk() } else { Finding::NotLooked(Check::Disk) });
}

/// An address at home, so far that the help desk sees the kind of network, and nobody whose.
fn shortened(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            format!("{first}.{second}.…")
        }
        IpAddr::V6(address) => {
            let [first, ..] = address.segments();
            format!("{first:x}:…")
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_api::login::Language;

    use super::*;
    use crate::words::doctor::words;

    #[test]
    fn an_address_at_home_shows_its_kind_and_no_more() {
        assert_eq!(shortened(IpAddr::from([192, 168, 178, 23])), "192.168.…");
        assert_eq!(shortened("2001:db8:77:1::23".parse().unwrap()), "2001:…");
    }

    #[test]
    fn why_nobody_answers_by_a_name_is_said_in_italian_too() {
        for finding in [Finding::NoNetwork, Finding::NameUnknown { server: "gw".to_owned() }, Finding::Portal] {
            let cause = finding.silence().unwrap().to_owned();
            let said = (words(Language::It).say)(&Finding::OtherName { server: "gw".to_owned(), cause: cause.clone() });
            assert!(said.starts_with("gw non risponde (") && !said.contains(&cause), "{said}");
        }
    }
}

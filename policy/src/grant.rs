//! What a permit hands over for one session.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One session's rights and limits: all that passes between deciding about a person and deciding about a packet. A
/// gateway keeps it over a restart, and a newer version reads what an older one kept: what is added here has a default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Grant {
    /// The workstation's name in the policy.
    pub workstation: Arc<str>,
    /// Where it is.
    pub address: Address,
    /// What may be reached there; never empty.
    pub services: Vec<Service>,
    /// The structure the agreement belongs to.
    pub structure: Arc<str>,
    /// The profile that set the limits.
    pub profile: Arc<str>,
    /// Time without a person after which the session ends.
    pub idle: Duration,
    /// When the grant ends, whatever happens.
    pub ends_at: Timestamp,
    /// What ends it then.
    pub ends_by: End,
    /// How long a session outlives its session channel.
    pub grace: Duration,
    /// Time from its opening after which a session ends if its workstation never answered. At least a minute.
    #[serde(default = "usual_wait")]
    pub unused: Duration,
    /// How long the workstation may leave unanswered what it is sent before the session ends. At least a minute.
    #[serde(default = "usual_wait")]
    pub unanswered: Duration,
    /// What happens to a session of the same worker that is already open.
    pub second_login: SecondLogin,
    /// Whether the second factor must be shown.
    pub second_factor: SecondFactor,
    /// What the RDP program may redirect.
    pub redirect: Vec<Redirection>,
    /// Whether the worker's password may be handed over to the RDP program, so that it is typed once.
    #[serde(default)]
    pub single_sign_on: bool,
    /// Whether the session may be carried by another WireGuard program.
    pub wireguard_config: bool,
    /// How long before `ends_at` the worker is warned, longest first.
    pub warnings: Vec<Duration>,
    /// What the idle rule does where it cannot simply be applied.
    pub idle_rule: IdleRule,
    /// How the workstation is woken, where it can be.
    pub wake: Option<Wake>,
    /// SHA-256 of the one certificate (DER) that the workstation may show to an RDP program, where the policy names it.
    #[serde(default)]
    pub certificate: Option<[u8; 32]>,
    /// Whether the keys of the login must have been agreed on in the hybrid way, which also holds against quantum computers.
    #[serde(default)]
    pub require_post_quantum: bool,
    /// What the worker must have read before the session opens.
    pub notices: Vec<Arc<Notice>>,
}

/// How long a session waits for its workstation where the policy does not say: twice what a desktop takes to restart, or
/// its worker to find the password.
pub const USUAL_WAIT: Duration = Duration::from_secs(300);

/// What a grant means that an older version kept, without a word of waiting.
fn usual_wait() -> Duration {
    USUAL_WAIT
}

/// What the idle rule does where it cannot simply be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize, Serialize)]
pub struct IdleRule {
    /// A client whose traffic the rule does not understand.
    pub unknown_client: UnknownClient,
    /// A machine that imitates a person at fixed intervals.
    pub jiggler: Jiggler,
    /// The rule is only tried: it ends nobody.
    pub dry_run: bool,
}

/// What happens to a client whose input the idle rule cannot tell from its other traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize, Serialize)]
pub enum UnknownClient {
    /// Idleness ends nothing; the record says that the rule was not applied.
    #[default]
    Warn,
    /// Any payload counts as a person, and the idle limit is twice as long.
    Twice,
    /// Idleness ends nothing; only the longest session and the agreement do.
    LongestOnly,
}

/// Whether input at fixed intervals counts as a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize, Serialize)]
pub enum Jiggler {
    /// It does not: such a session becomes idle.
    #[default]
    Ignored,
    /// It does.
    Counts,
}

/// Where and to whom the packet goes that wakes a workstation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub struct Wake {
    /// The workstation's network card.
    pub mac: [u8; 6],
    /// The broadcast address of its network; the limited broadcast on the gateway's side of it where none is given.
    pub broadcast: Option<Ipv4Addr>,
}

/// A text that a worker reads before a session opens; read again when its version changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub struct Notice {
    /// Its name in the policy.
    pub name: Arc<str>,
    /// SHA-256 over its texts: another text is another version.
    pub version: [u8; 32],
    /// In Italian, where there is an Italian text.
    pub italian: Option<Arc<str>>,
    /// In English, where there is an English text.
    pub english: Option<Arc<str>>,
}

/// A workstation's address as the policy gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum Address {
    /// Written as an address.
    Ip(IpAddr),
    /// A host name, resolved by the gateway at login.
    Host(Arc<str>),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Host(name) => f.write_str(name),
        }
    }
}

/// A named set of ways into a workstation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub struct Service {
    /// Its name in the policy.
    pub name: Arc<str>,
    /// TCP ports, 1 to 65535, ascending.
    pub tcp: Vec<u16>,
    /// UDP ports, 1 to 65535, ascending.
    pub udp: Vec<u16>,
    /// Whether the workstation may be pinged.
    #[serde(default)]
    pub echo: bool,
}

/// What a grant's end rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum End {
    /// The agreement's hours or dates.
    Agreement,
    /// The profile's longest session.
    Longest,
}

/// What a second login by the same worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize, Serialize)]
pub enum SecondLogin {
    /// The new session opens, the old one ends.
    #[default]
    Replace,
    /// The old session stays, the new login is refused.
    Refuse,
}

/// Whether a second factor is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize, Serialize)]
pub enum SecondFactor {
    /// Password alone.
    #[default]
    None,
    /// A time-based one-time password (RFC 6238).
    Totp,
}

/// What an RDP program may share with the workstation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum Redirection {
    /// Copy and paste.
    Clipboard,
    /// Home folders.
    Drives,
    /// Printers at home.
    Printers,
    /// Sound from the workstation.
    Audio,
    /// The home microphone.
    Microphone,
    /// Smart cards at home.
    Smartcards,
}

impl SecondLogin {
    /// The word in the policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Refuse => "refuse",
        }
    }
}

impl SecondFactor {
    /// The word in the policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Totp => "totp",
        }
    }
}

impl Redirection {
    /// The word in the policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clipboard => "clipboard",
            Self::Drives => "drives",
            Self::Printers => "printers",
            Self::Audio => "audio",
            Self::Microphone => "microphone",
            Self::Smartcards => "smartcards",
        }
    }
}

//! What a session is worked for: where, as whom, and how the desktop is carried and shown.

use gateway_api::login::{Assist, Code, Language, Password};

use crate::{
    answers::Answers,
    api::Client,
    config::{Carrier, WireguardOutput},
    notification::Notifications,
    rdp::{self, Found, Screen},
};

/// What to do.
pub(crate) struct Order {
    pub(crate) client: Client,
    pub(crate) user: String,
    pub(crate) password: Password,
    pub(crate) second_factor: Option<Code>,
    pub(crate) language: Language,
    pub(crate) show: Show,
    /// A technician's: whom to assist.
    pub(crate) assist: Option<Assist>,
    /// Where the worker answers what is asked.
    pub(crate) answers: Answers,
    /// Where the worker is told something over the desktop.
    pub(crate) notifications: Notifications,
}

/// How the desktop is carried and shown.
pub(crate) enum Show {
    /// By the RDP program that was found, or by a command.
    Program(Starter),
    /// The same where a service is RDP's; otherwise by whatever the person starts.
    Rdp(Starter),
    /// By whatever the person starts.
    Door,
    /// By another WireGuard program.
    Wireguard(WireguardOutput),
}

/// What to start.
pub(crate) enum Starter {
    Found(Found, Screen),
    Given(rdp::Template),
}

impl Show {
    /// Whether what shows the desktop can be handed the password. A technician's never is: it is another's desktop.
    pub(super) fn takes_password(&self) -> bool {
        matches!(self, Self::Program(Starter::Found(..)))
    }

    /// Whether it is an RDP program that was found here. What else a person starts may need more connections than such a one.
    pub(super) fn is_rdp_program(&self) -> bool {
        matches!(self, Self::Program(Starter::Found(..)) | Self::Rdp(Starter::Found(..)))
    }

    /// Looks for what the carrier needs. None if there is no RDP program.
    pub(crate) fn prepare(carrier: Carrier) -> Option<Self> {
        Some(match carrier {
            Carrier::Rdp(screen) => Self::Program(Starter::Found(rdp::find()?, screen)),
            Carrier::Command(template) => Self::Program(Starter::Given(template)),
            Carrier::Door => Self::Door,
            Carrier::Wireguard(output) => Self::Wireguard(output),
        })
    }

    /// The same for a technician: what may be reached there need not be a desktop by RDP.
    pub(crate) fn prepare_assistance(carrier: Carrier) -> Self {
        match carrier {
            Carrier::Rdp(screen) => rdp::find().map_or(Self::Door, |found| Self::Rdp(Starter::Found(found, screen))),
            Carrier::Command(template) => Self::Program(Starter::Given(template)),
            Carrier::Door => Self::Door,
            Carrier::Wireguard(output) => Self::Wireguard(output),
        }
    }
}

impl Starter {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Found(found, _) => found.name(),
            Self::Given(template) => template.name().to_owned(),
        }
    }
}

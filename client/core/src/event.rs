//! What a front end may show of a session, and how a session ended.

use gateway_api::CloseReason;

use crate::way::Way;

/// Something a front end may want to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The gateway answered the handshake: connections may be opened.
    TunnelUp,
    /// The gateway has stopped answering; connections wait, and go on when it answers again.
    TunnelSilent,
    /// The workstation refuses connections to this TCP port.
    Refused {
        /// On the workstation.
        port: u16,
    },
    /// The workstation did not answer a connection to this TCP port.
    NoAnswer {
        /// On the workstation.
        port: u16,
    },
    /// The workstation accepted a connection to this TCP port.
    Answered {
        /// On the workstation.
        port: u16,
    },
    /// Packets take another way, and it works.
    Way(Way),
    /// The session has ended; nothing follows.
    Closed(End),
}

/// Why a session is over, as far as home can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// For a reason on the closed list: told by the gateway, or given here.
    Closed(CloseReason),
    /// The gateway never answered, neither by UDP nor by the session channel.
    Unanswered,
}

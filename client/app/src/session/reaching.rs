//! Whether the workstation was there when the program that shows the desktop last knocked: an end of that program says only that it ended.

use std::collections::BTreeMap;

use client_core::Event as Told;

use super::{
    doors::desktop_port,
    told::{Event, Unreached},
};

/// What became of the last attempts.
#[derive(Debug, Default)]
pub(super) struct Reaching {
    /// The workstation's port that the program is led to.
    port: Option<u16>,
    /// The ports of those that failed.
    failed: BTreeMap<u16, Unreached>,
}

impl Reaching {
    /// None was made yet; `services` are the doors' names and ports.
    pub(super) fn new(services: &[(String, u16)]) -> Self {
        Self { port: desktop_port(services), failed: BTreeMap::new() }
    }

    /// One was made. What a front end is told of it.
    pub(super) fn attempted(&mut self, told: Told, workstation: String) -> Option<Event> {
        let (port, failed, event) = match told {
            Told::Refused { port } => (port, Unreached::Refused, Event::WorkstationRefused { workstation, port }),
            Told::NoAnswer { port } => (port, Unreached::Silent, Event::WorkstationSilent { workstation, port }),
            // News only to who knows that it did not.
            Told::Answered { port } => {
                return self.failed.remove(&port).map(|_| Event::WorkstationAnswers { workstation, port });
            }
            Told::TunnelUp | Told::TunnelSilent | Told::Way(_) | Told::Closed(_) => return None,
        };
        self.failed.insert(port, failed);
        Some(event)
    }

    /// Whether it is the workstation's port that the program is led to.
    pub(super) fn is_desktop(&self, port: u16) -> bool {
        self.port == Some(port)
    }

    /// How the workstation was not reached there at the last attempt.
    pub(super) fn failed(&self) -> Option<Unreached> {
        self.failed.get(&self.port?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempt_at_the_desktops_port_counts() {
        let mut reaching = Reaching::new(&[("web".to_owned(), 443), ("rdp".to_owned(), 3389)]);
        let mut after = |told| {
            reaching.attempted(told, String::new());
            reaching.failed()
        };
        assert_eq!(after(Told::Refused { port: 443 }), None, "another service");
        assert_eq!(after(Told::Refused { port: 3389 }), Some(Unreached::Refused));
        assert_eq!(after(Told::NoAnswer { port: 3389 }), Some(Unreached::Silent));
        assert_eq!(after(Told::TunnelUp), Some(Unreached::Silent));
        assert_eq!(after(Told::Answered { port: 3389 }), None);
    }

    #[test]
    fn that_it_answers_is_no_news_to_whoever_never_heard_otherwise() {
        let mut reaching = Reaching::new(&[("rdp".to_owned(), 3389)]);
        assert!(reaching.attempted(Told::Answered { port: 3389 }, String::new()).is_none());
        reaching.attempted(Told::Refused { port: 3389 }, String::new());
        assert!(reaching.attempted(Told::Answered { port: 443 }, String::new()).is_none());
        assert!(reaching.attempted(Told::Answered { port: 3389 }, String::new()).is_some());
        assert!(reaching.attempted(Told::Answered { port: 3389 }, String::new()).is_none());
    }
}

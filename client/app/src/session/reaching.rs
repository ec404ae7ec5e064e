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
    /// The last one at each port that was tried: how it failed, if it did.
    last: BTreeMap<u16, Option<Unreached>>,
}

impl Reaching {
    /// None was made yet; `services` are the doors' names and ports.
    pub(super) fn new(services: &[(String, u16)]) -> Self {
        Self { port: desktop_port(services), last: BTreeMap::new() }
    }

    /// One was made. What a front end is told of it.
    pub(super) fn attempted(&mut self, told: Told, workstation: String) -> Option<Event> {
        let (port, failed) = match told {
            Told::Refused { port } => (port, Some(Unreached::Refused)),
            Told::NoAnswer { port } => (port, Some(Unreached::Silent)),
            Told::Answered { port } => (port, None),
            Told::TunnelUp | Told::TunnelSilent | Told::Way(_) | Told::Closed(_) => return None,
        };
        match (self.last.insert(port, failed), failed) {
            (_, Some(Unreached::Refused)) => Some(Event::WorkstationRefused { workstation, port }),
            (_, Some(Unreached::Silent)) => Some(Event::WorkstationSilent { workstation, port }),
            (None, None) => Some(Event::WorkstationReached { workstation, port }),
            (Some(Some(_)), None) => Some(Event::WorkstationAnswers { workstation, port }),
            (Some(None), None) => None,
        }
    }

    /// Whether it is the workstation's port that the program is led to.
    pub(super) fn is_desktop(&self, port: u16) -> bool {
        self.port == Some(port)
    }

    /// How the workstation was not reached there at the last attempt.
    pub(super) fn failed(&self) -> Option<Unreached> {
        self.port.and_then(|port| self.last.get(&port).copied().flatten())
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
    fn an_answer_is_told_where_it_is_news() {
        let mut reaching = Reaching::new(&[("web".to_owned(), 443), ("rdp".to_owned(), 3389)]);
        let mut told = |told| reaching.attempted(told, String::new());
        let (workstation, port) = (String::new(), 3389);
        let first = Event::WorkstationReached { workstation: workstation.clone(), port };
        assert_eq!(told(Told::Answered { port }), Some(first));
        assert_eq!(told(Told::Answered { port }), None);
        assert!(told(Told::Refused { port }).is_some());
        assert!(matches!(told(Told::Answered { port: 443 }), Some(Event::WorkstationReached { .. })), "another port");
        assert_eq!(told(Told::Answered { port }), Some(Event::WorkstationAnswers { workstation, port }));
        assert_eq!(told(Told::Answered { port }), None);
    }
}

//! Whether the workstation was there when the program that shows the desktop last knocked: an end of that program says only that it ended.

use client_core::Event as Told;

use super::{
    doors::desktop_port,
    told::{Event, Unreached},
};

/// What became of the last attempt.
#[derive(Debug, Default)]
pub(super) struct Reaching {
    /// The workstation's port that the program is led to.
    port: Option<u16>,
    failed: Option<Unreached>,
}

impl Reaching {
    /// None was made yet; `services` are the doors' names and ports.
    pub(super) fn new(services: &[(String, u16)]) -> Self {
        Self { port: desktop_port(services), failed: None }
    }

    /// One was made. What a front end is told of it.
    pub(super) fn attempted(&mut self, told: Told, workstation: String) -> Option<Event> {
        let (port, failed, event) = match told {
            Told::Refused { port } => (port, Some(Unreached::Refused), Event::WorkstationRefused { workstation, port }),
            Told::NoAnswer { port } => (port, Some(Unreached::Silent), Event::WorkstationSilent { workstation, port }),
            Told::Answered { port } => (port, None, Event::WorkstationAnswers { workstation, port }),
            Told::TunnelUp | Told::TunnelSilent | Told::Way(_) | Told::Closed(_) => return None,
        };
        if self.port == Some(port) {
            self.failed = failed;
        }
        Some(event)
    }

    /// How the workstation was not reached at the last one.
    pub(super) fn failed(&self) -> Option<Unreached> {
        self.failed
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
}

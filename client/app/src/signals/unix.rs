//! On Unix these are signals, and an `exit` of somebody else's.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Word, exit};

/// The signals that mean "enough".
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    exit: exit::Listener,
}

impl Signals {
    /// From now on these signals no longer end the process by themselves.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            exit: exit::Listener::new(),
        })
    }

    /// Waits for the next one. Of several at once the person's comes first: what the system says after it is no hurry.
    pub(super) async fn next(&mut self) -> Word {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Word::Person,
            _ = self.terminate.recv() => Word::System,
            _ = self.hangup.recv() => Word::System,
            () = self.exit.hear() => Word::System,
        }
    }
}

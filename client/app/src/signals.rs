//! The ways a person, or the system for them, says "enough": Ctrl-C, a closed terminal, logout, the window's button.

#[cfg(unix)]
#[path = "signals/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "signals/windows.rs"]
mod system;

use std::{future::pending, io};

use tokio::sync::mpsc::UnboundedReceiver;

/// Everything that means "enough".
pub(crate) struct Signals {
    system: system::Signals,
    /// Pressed in a window, where there is one.
    button: Option<UnboundedReceiver<()>>,
    is_system: bool,
}

impl Signals {
    /// From now on the system's signals no longer end the process by themselves.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { system: system::Signals::new()?, button: None, is_system: false })
    }

    /// Takes another button from now on.
    pub(crate) fn listen_to(&mut self, button: UnboundedReceiver<()>) {
        self.button = Some(button);
    }

    /// Whether the system has said it: then the program is to end, not only a session.
    pub(crate) fn is_system(&self) -> bool {
        self.is_system
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            () = self.system.next() => self.is_system = true,
            () = pressed(&mut self.button) => {}
        }
    }
}

/// A button whose window is gone is pressed no more.
async fn pressed(button: &mut Option<UnboundedReceiver<()>>) {
    let pressed = match button {
        Some(button) => button.recv().await,
        None => None,
    };
    if pressed.is_none() {
        pending::<()>().await;
    }
}

//! The ways a person, or the system for them, says "enough": Ctrl-C, a closed terminal, logout, the window's button.

#[cfg(unix)]
mod exit;
#[cfg(unix)]
#[path = "signals/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "signals/windows.rs"]
mod system;

use std::{future::pending, io};

use tokio::sync::{mpsc::UnboundedReceiver, watch};

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

    /// Waits for the next one. That the button's window is gone is one too.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.system.next() => self.is_system = true,
            _ = pressed(&mut self.button) => {}
        }
    }

    /// Waits for a person to say it once more. From the system it is no hurry: a logout says it in several ways at once, and leaves
    /// the seconds that an end in order takes.
    pub(crate) async fn once_more(&mut self) {
        loop {
            let is_person = tokio::select! {
                word = self.system.next() => {
                    self.is_system = true;
                    word == Word::Person
                }
                is_pressed = pressed(&mut self.button) => is_pressed,
            };
            if is_person {
                return;
            }
        }
    }
}

/// Whose word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// Somebody's, at the keyboard.
    Person,
    /// The system's own.
    System,
}

/// Waits for the button: whether it was pressed. It was not, and is no more, where its window is gone.
async fn pressed(button: &mut Option<UnboundedReceiver<()>>) -> bool {
    let Some(presses) = button else { return pending().await };
    let is_pressed = presses.recv().await.is_some();
    if !is_pressed {
        *button = None;
    }
    is_pressed
}

/// Waits for what is told once, and then never again.
async fn told(news: &mut watch::Receiver<()>) {
    if news.changed().await.is_err() {
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[tokio::test]
    async fn a_window_that_goes_is_enough_once_and_never_a_second_word() {
        let mut signals = Signals::new().unwrap();
        for is_pressed in [false, true] {
            let (button, presses) = unbounded_channel();
            if is_pressed {
                button.send(()).unwrap();
            }
            signals.listen_to(presses);
            drop(button);
            assert_eq!(signals.once_more().now_or_never().is_some(), is_pressed);

            let (button, presses) = unbounded_channel();
            signals.listen_to(presses);
            drop(button);
            assert!(signals.next().now_or_never().is_some());
            assert!(signals.next().now_or_never().is_none(), "it has gone already");
        }
        assert!(!signals.is_system());
    }
}

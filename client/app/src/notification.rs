//! Words on the worker's desktop, by the desktop's own service: whoever works in a window that fills the screen sees no terminal.
//!
//! A notification takes no focus. A window of ours would, and an RDP program that loses the focus and gets it back sends what
//! looks like a person (docs/IDLE.md): a warning would keep the session open that it warns of.

#[cfg(target_os = "linux")]
#[path = "notification/linux.rs"]
mod program;
#[cfg(target_os = "macos")]
#[path = "notification/macos.rs"]
mod program;
#[cfg(unix)]
#[path = "notification/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "notification/windows.rs"]
mod system;

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

#[cfg(target_os = "linux")]
pub(crate) use program::PROGRAM;

/// How much a sentence is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Where the desktop finds room for it.
    Normal,
    /// Over a window that fills the screen as well, where the desktop makes a difference.
    Critical,
}

/// The notifications of one session.
#[derive(Clone, Default)]
pub(crate) struct Notifications {
    unshown: Arc<Unshown>,
}

impl Notifications {
    /// Shows a sentence, and waits for nothing.
    pub(crate) fn show(&self, sentence: &str, urgency: Urgency) {
        system::show(sentence, urgency, Arc::clone(&self.unshown));
    }

    /// Waits until one was not shown; comes back for the first alone.
    pub(crate) async fn unshown(&self) {
        self.unshown.told.notified().await;
    }
}

/// What is not shown, told once.
#[derive(Default)]
struct Unshown {
    first: OnceLock<()>,
    told: Notify,
}

impl Unshown {
    fn tell(&self) {
        if self.first.set(()).is_ok() {
            self.told.notify_one();
        }
    }
}

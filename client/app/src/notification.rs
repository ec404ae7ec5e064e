//! Words on the worker's desktop, by the desktop's own service: whoever works in a window that fills the screen sees no terminal.
//!
//! A notification takes no focus. A window of ours would, and an RDP program that loses the focus and gets it back sends what
//! looks like a person (docs/IDLE.md): a warning would keep the session open that it warns of.

#[cfg(target_os = "linux")]
#[path = "notification/linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "notification/macos.rs"]
mod system;
#[cfg(windows)]
#[path = "notification/windows.rs"]
mod system;

#[cfg(target_os = "linux")]
#[path = "notification/standing.rs"]
mod banner;
#[cfg(not(target_os = "linux"))]
#[path = "notification/passing.rs"]
mod banner;

use std::sync::{Arc, OnceLock};

use gateway_api::session::Limit;
use tokio::sync::Notify;

use crate::answers::About;

use banner::Banner;
#[cfg(target_os = "linux")]
pub(crate) use system::SERVICE;

/// How much a sentence is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Where the desktop finds room for it.
    Normal,
    /// Over a window that fills the screen as well, where the desktop makes a difference, for as long as its matter lasts.
    Critical(Matter),
}

/// What a sentence is about that is true for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matter {
    /// An end that comes, until it does not.
    Warning(Limit),
    /// Something is asked, until it is answered or taken back.
    Question(About),
}

/// The notifications of one session.
#[derive(Clone, Default)]
pub(crate) struct Notifications {
    banner: Arc<Banner>,
    unshown: Arc<Unshown>,
}

impl Notifications {
    /// Shows a sentence, and waits for nothing.
    pub(crate) fn show(&self, sentence: &str, urgency: Urgency) {
        self.banner.show(sentence, urgency, &self.unshown);
    }

    /// What was shown of a matter is not true any more. Where notifications stay, it goes.
    pub(crate) fn withdraw(&self, matter: Matter) {
        self.banner.withdraw(matter);
    }

    /// The session ends, and nothing that was shown is true any more. To be waited for by [`closed`](Self::closed).
    pub(crate) fn close(&self) {
        self.banner.close();
    }

    /// Waits until nothing is shown any more; not for long.
    pub(crate) async fn closed(&self) {
        self.banner.closed().await;
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

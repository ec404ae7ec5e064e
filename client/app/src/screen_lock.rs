//! Whether this computer's screen is locked, where its desktop tells: a locked computer is one that somebody has left.

#[cfg(target_os = "linux")]
#[path = "screen_lock/linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "screen_lock/macos.rs"]
mod system;
#[cfg(windows)]
#[path = "screen_lock/windows.rs"]
mod system;

use std::{future::pending, time::Duration};

use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// How long a locked screen leaves the session open: who only locked by mistake is back sooner.
const PATIENCE: Duration = Duration::from_secs(60);

/// Watches the screen's lock.
#[derive(Debug)]
pub(crate) struct ScreenLock {
    changes: UnboundedReceiver<bool>,
    locked: Locked,
    _watchers: JoinSet<()>,
}

impl ScreenLock {
    /// Watches from now on. What the desktop does not tell is taken for unlocked.
    pub(crate) fn watch() -> Self {
        let (sender, changes) = unbounded_channel();
        Self { changes, locked: Locked::default(), _watchers: system::watch(&sender) }
    }

    /// Comes when the screen has been locked for a minute.
    pub(crate) async fn is_left(&mut self) {
        loop {
            tokio::select! {
                is_locked = self.changes.recv() => match is_locked {
                    Some(is_locked) => self.locked.told(is_locked, Instant::now()),
                    // Nobody tells anything here.
                    None => pending().await,
                },
                () = at(self.locked.ends()) => return,
            }
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// Since when it is.
#[derive(Debug, Default)]
struct Locked {
    since: Option<Instant>,
}

impl Locked {
    /// Two services may tell the same: the first word counts.
    fn told(&mut self, is_locked: bool, now: Instant) {
        self.since = is_locked.then(|| self.since.unwrap_or(now));
    }

    fn ends(&self) -> Option<Instant> {
        self.since.map(|since| since + PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_counted_from_the_first_word_and_anew_after_an_unlock() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let mut locked = Locked::default();
        assert_eq!(locked.ends(), None);
        for (at, is_locked, ends) in [
            (0, true, Some(60)),
            (5, true, Some(60)),
            (30, false, None),
            (100, true, Some(160)),
            (110, true, Some(160)),
        ] {
            locked.told(is_locked, after(at));
            assert_eq!(locked.ends(), ends.map(after), "at {at}");
        }
    }
}

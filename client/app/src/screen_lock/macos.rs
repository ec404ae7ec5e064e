//! On macOS the lock is asked for: being told takes a loop of the system's own on the first thread, and being asked costs next to nothing.

use std::time::Duration;

use tokio::{sync::mpsc::UnboundedSender, task::JoinSet, time::sleep};

use crate::macos;

/// Between two questions: short beside the minute that a locked screen leaves.
const PAUSE: Duration = Duration::from_secs(3);

/// Tells each change. Where there is no screen, nothing is told.
pub(super) fn watch(sender: &UnboundedSender<bool>) -> JoinSet<()> {
    let mut watchers = JoinSet::new();
    let to = sender.clone();
    watchers.spawn(async move {
        let mut last = None;
        loop {
            let now = macos::screen_is_locked();
            if let (true, Some(is_locked)) = (now != last, now) {
                let _ = to.send(is_locked);
                last = now;
            }
            sleep(PAUSE).await;
        }
    });
    watchers
}

//! Follows the policy folder: what is saved there is applied by itself, under the same brake as by hand.
//!
//! An editor saves in several steps, and people save several files: nothing is read before the folder was quiet for a
//! moment. A folder that cannot be applied changes nothing, and is complained about again and again until it is mended.

use std::{path::Path, sync::Arc, time::Duration};

use notify::{EventKind, RecursiveMode, Watcher as _};
use tokio::{sync::mpsc, time};

use crate::policy_change::{Consent, NotApplied, PolicyChange};

/// How long the folder must be quiet before it is read.
const QUIET: Duration = Duration::from_millis(500);
/// How long it may stay unquiet before it is read all the same.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between complaints about a folder that cannot be applied.
const AGAIN: Duration = Duration::from_secs(300);

/// Begins to watch the folder. The watch ends when the receiver is dropped, and it with the watcher.
pub(crate) struct Watch {
    changes: mpsc::Receiver<()>,
    _watcher: notify::RecommendedWatcher,
}

impl Watch {
    /// Watches `folder` from now on.
    pub(crate) fn begin(folder: &Path) -> Result<Self, String> {
        let explain = |error: notify::Error| {
            format!(
                "cannot follow the policy folder `{}`: {error}; set `follow = false` under [reload]",
                folder.display()
            )
        };
        // One place is enough: what counts is that something changed since the folder was last read.
        let (changed, changes) = mpsc::channel(1);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading is no change, and the gateway reads.
            if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                let _ = changed.try_send(());
            }
        })
        .map_err(explain)?;
        watcher.watch(folder, RecursiveMode::NonRecursive).map_err(explain)?;
        Ok(Self { changes, _watcher: watcher })
    }

    /// Applies what is saved, for ever.
    pub(crate) async fn follow(mut self, change: Arc<PolicyChange>) {
        loop {
            let standing = change.policy().rejected();
            let complaint = async {
                match standing {
                    Some(rejected) => {
                        time::sleep(AGAIN).await;
                        rejected.why
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.changes.recv() => match changed {
                    Some(()) => self.settle().await,
                    None => return,
                },
                why = complaint => {
                    tracing::warn!(why, "policy still not applied, the last good one stays");
                    continue;
                }
            }
            match change.apply(Consent::NotGiven).await {
                Ok(_) | Err(NotApplied::Mistakes(_) | NotApplied::Braked(_)) => {}
                Err(NotApplied::Stopping) => return,
            }
        }
    }

    /// Waits until the folder is quiet.
    async fn settle(&mut self) {
        let quiet =
            async { while time::timeout(QUIET, self.changes.recv()).await.is_ok_and(|changed| changed.is_some()) {} };
        let _ = time::timeout(PATIENCE, quiet).await;
    }
}

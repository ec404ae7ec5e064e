//! The policy that decides now: the last good one, swapped in one step on reload.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use gateway_record::{Draft, Fields, Hash, Kind};
use jiff::Timestamp;
use policy::Policy;

use crate::{
    clock,
    policy_files::{self, Loaded},
    store::Store,
};

/// The policy and how it stands.
#[derive(Debug)]
pub(crate) struct PolicyInForce {
    folder: PathBuf,
    current: ArcSwap<Policy>,
    standing: Mutex<Standing>,
}

/// What an administrator wants to know of it.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Standing {
    /// Of its files.
    pub(crate) hash: Hash,
    /// When it came into force.
    pub(crate) since: Timestamp,
    /// Why a later one did not, if there was one: when, and in words without names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rejected: Option<Rejected>,
}

/// A policy with mistakes that was left aside.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Rejected {
    pub(crate) at: Timestamp,
    pub(crate) why: String,
}

impl PolicyInForce {
    /// A policy that was loaded from `folder`.
    pub(crate) fn new(folder: PathBuf, loaded: Loaded, now: Timestamp) -> Self {
        let standing = Standing { hash: Hash(loaded.hash), since: now, rejected: None };
        Self { folder, current: ArcSwap::from_pointee(loaded.policy), standing: Mutex::new(standing) }
    }

    /// The policy that decides at this moment.
    pub(crate) fn current(&self) -> Arc<Policy> {
        self.current.load_full()
    }

    /// How it stands.
    pub(crate) fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// Reads the folder again. A policy with mistakes changes nothing but the standing; both outcomes are recorded.
    pub(crate) async fn reload(&self, store: &Store) -> Result<Hash, String> {
        let folder = self.folder.clone();
        let loaded =
            tokio::task::spawn_blocking(move || policy_files::load(&folder).map_err(|error| error.to_string()))
                .await
                .unwrap_or_else(|error| Err(format!("reading the policy broke off: {error}")));
        let now = clock::now().wall;
        match loaded {
            Ok(loaded) => {
                let hash = Hash(loaded.hash);
                tell(&loaded);
                self.current.store(Arc::new(loaded.policy));
                *self.lock() = Standing { hash, since: now, rejected: None };
                record_loaded(store, hash).await;
                Ok(hash)
            }
            Err(why) => {
                self.lock().rejected = Some(Rejected { at: now, why: why.clone() });
                tracing::warn!(why, "policy has mistakes, the last good one stays");
                record(
                    store,
                    Draft { fields: Fields::default().with("why", &*why), ..Draft::new(Kind::PolicyRejected, now) },
                )
                .await;
                Err(why)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells what was loaded and what was not. Names of files only: what they say may name people.
pub(crate) fn tell(loaded: &Loaded) {
    let hash = Hash(loaded.hash);
    tracing::info!(%hash, agreements = loaded.policy.agreement_count(), warnings = loaded.warnings.iter().count(), "policy loaded");
    for ignored in &loaded.ignored {
        tracing::warn!(file = ignored.name, what = ignored.what, "file in the policy folder left out");
    }
}

/// Records that a policy came into force.
pub(crate) async fn record_loaded(store: &Store, hash: Hash) {
    let fields = Fields::default().with("hash", hash.to_string());
    record(store, Draft { fields, ..Draft::new(Kind::PolicyLoaded, clock::now().wall) }).await;
}

async fn record(store: &Store, draft: Draft) {
    if let Err(error) = store.note(draft).await {
        tracing::error!(%error, "record not written");
    }
}

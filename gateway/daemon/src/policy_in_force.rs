//! The policy that decides now: the last good one, swapped in one step on reload.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use gateway_core::{Family, Pools};
use gateway_record::{Draft, Fields, Hash, Kind};
use jiff::Timestamp;
use policy::{Mistakes, Policy, Style};

use crate::{
    clock,
    policy_files::{self, Loaded},
    store::Store,
};

/// The policy and how it stands.
#[derive(Debug)]
pub(crate) struct PolicyInForce {
    folder: PathBuf,
    /// Which families' workstations can be reached.
    pools: Pools,
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
    /// A policy that was loaded from `folder`, for a gateway with these tunnel addresses.
    pub(crate) fn new(folder: PathBuf, loaded: Loaded, pools: Pools, now: Timestamp) -> Self {
        let standing = Standing { hash: Hash(loaded.hash), since: now, rejected: None };
        Self { folder, pools, current: ArcSwap::from_pointee(loaded.policy), standing: Mutex::new(standing) }
    }

    /// The policy that decides at this moment.
    pub(crate) fn current(&self) -> Arc<Policy> {
        self.current.load_full()
    }

    /// How it stands.
    pub(crate) fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// The folder as it is now. Changes nothing.
    pub(crate) async fn read(&self) -> Result<Loaded, Unusable> {
        let folder = self.folder.clone();
        let read = tokio::task::spawn_blocking(move || {
            policy_files::load(&folder)
                .map_err(|error| Unusable { short: error.to_string(), full: error.render(Style::Plain) })
        });
        read.await.unwrap_or_else(|error| {
            let why = format!("reading the policy broke off: {error}");
            Err(Unusable { short: why.clone(), full: why })
        })
    }

    /// Puts a policy into force.
    pub(crate) async fn take(&self, store: &Store, loaded: Loaded) {
        let hash = Hash(loaded.hash);
        tell(&loaded, &self.pools);
        self.current.store(Arc::new(loaded.policy));
        *self.lock() = Standing { hash, since: clock::now().wall, rejected: None };
        record_loaded(store, hash).await;
    }

    /// Leaves a policy aside: nothing changes but the standing. `why` names nobody.
    pub(crate) async fn reject(&self, store: &Store, why: String) {
        let now = clock::now().wall;
        tracing::warn!(why, "policy not applied, the last good one stays");
        let fields = Fields::default().with("why", &*why);
        self.lock().rejected = Some(Rejected { at: now, why });
        record(store, Draft { fields, ..Draft::new(Kind::PolicyRejected, now) }).await;
    }

    /// What stands in the way of the folder as it was last read, if anything does.
    pub(crate) fn rejected(&self) -> Option<Rejected> {
        self.lock().rejected.clone()
    }

    /// The folder that is read.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells what was loaded and what was not, and what of it no session can reach. Names of files only: what they say may name
/// people.
pub(crate) fn tell(loaded: &Loaded, pools: &Pools) {
    let hash = Hash(loaded.hash);
    tracing::info!(%hash, agreements = loaded.policy.agreement_count(), warnings = loaded.warnings.iter().count(), "policy loaded");
    for ignored in &loaded.ignored {
        tracing::warn!(file = ignored.name, what = ignored.what, "file in the policy folder left out");
    }
    let workstations = out_of_reach(&loaded.policy, pools).len();
    if workstations > 0 {
        tracing::warn!(
            workstations,
            "workstations of the policy have an IPv6 address, and `[tunnel]` has no `pool_ipv6`: logins to them are refused"
        );
    }
}

/// Warnings about workstations that have an address of a family that there are no tunnel addresses of.
pub(crate) fn out_of_reach(policy: &Policy, pools: &Pools) -> Mistakes {
    policy.out_of_reach(|address| pools.families().any(|family| family == Family::of(address)))
}

/// Why a folder is no policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable {
    /// In words without names, for log and record.
    pub(crate) short: String,
    /// Everything, for whoever edits the files.
    pub(crate) full: String,
}

/// Records that a policy came into force.
pub(crate) async fn record_loaded(store: &Store, hash: Hash) {
    let fields = Fields::default().with("hash", hash.to_string());
    record(store, Draft { fields, ..Draft::new(Kind::PolicyLoaded, clock::now().wall) }).await;
}

pub(crate) async fn record(store: &Store, draft: Draft) {
    if let Err(error) = store.note(draft).await {
        tracing::error!(%error, "record not written");
    }
}

//! Hands records to who watches over the office's machines: without names, each target from where it came to the last time.
//!
//! Nothing here holds the record up. Each target follows the journals by itself, in a task of its own, from the place that is kept
//! in the state folder; one that takes nothing is asked again, later and later. A place moves on only after what
//! comes before it was taken, so that a record may arrive twice and never not at all: `gateway`, `journal` and `sequence` tell.

mod journald;
mod lines;
mod syslog;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gateway_record::{Exported, Journal};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    clock, config, secret_file,
    store::{Behind, Exportable, Store},
};

use self::syslog::Syslog;

/// After something was written, before it is handed over: what comes with it goes along.
const GATHER: Duration = Duration::from_secs(1);
/// For a target to take what it is handed.
const TAKING: Duration = Duration::from_secs(30);
/// After a failure, before the next attempt; twice as long each time.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(10);
/// Between alarms of one and the same trouble.
const ALARM: Duration = Duration::from_secs(60);

type Places = BTreeMap<Journal, Exportable>;

/// Where records go.
#[derive(Debug)]
enum Target {
    /// JSON Lines at the end of a file. Whoever writes to it has the turn until that returns.
    File(PathBuf, Arc<tokio::sync::Mutex<()>>),
    /// Syslog over TLS.
    Syslog(Syslog),
    /// This machine's journal.
    Journald,
}

impl Target {
    /// The word in status, figures and file names.
    fn word(&self) -> &'static str {
        match self {
            Self::File(..) => "file",
            Self::Syslog(_) => "syslog",
            Self::Journald => "journald",
        }
    }

    /// Returns once it has taken all.
    async fn take(&self, records: &[Exported]) -> Result<(), String> {
        match self {
            Self::File(path, turn) => {
                // It may be on another machine that is slow or gone: then one thread hangs, and no other joins it.
                let turn = Arc::clone(turn).lock_owned().await;
                let (path, text) = (path.clone(), lines::of(records));
                let write = move || {
                    let written = lines::append(&path, &text);
                    drop(turn);
                    written
                };
                let written = tokio::task::spawn_blocking(write).await;
                written.unwrap_or_else(|error| Err(error.to_string()))
            }
            Self::Syslog(syslog) => syslog.take(records).await,
            Self::Journald => journald::take(records).await,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path, _) => write!(f, "file:{}", path.display()),
            Self::Syslog(syslog) => syslog.fmt(f),
            Self::Journald => f.write_str("journald"),
        }
    }
}

/// All targets.
#[derive(Debug)]
pub(crate) struct Export {
    store: Store,
    followers: Vec<Arc<Follower>>,
}

/// One target, and how far it came.
#[derive(Debug)]
struct Follower {
    target: Target,
    journals: Vec<Journal>,
    /// Where its places are kept.
    file: PathBuf,
    standing: Mutex<Standing>,
}

/// How the export to one target goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// What waits in each journal: how many records, and the time of the first.
    waiting: BTreeMap<Journal, (u64, Timestamp)>,
    /// When it last took anything.
    taken_at: Option<Timestamp>,
    /// Why it takes nothing.
    pub(crate) trouble: Option<String>,
    /// When that was told last.
    told_at: Option<Instant>,
}

impl Standing {
    /// How many records wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.values().map(|(count, _)| count).sum()
    }

    /// The time of the oldest of them.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.waiting.values().map(|(_, time)| *time).min()
    }
}

impl Export {
    /// To every target that the configuration names. `host` is what syslog calls this gateway.
    pub(crate) fn new(config: &config::Export, host: &str, state: &Path, store: Store) -> Self {
        let file = config.file.clone().map(|path| Target::File(path, Arc::default()));
        let syslog = config.syslog.clone().map(|to| Target::Syslog(Syslog::new(to, host)));
        let journald = config.journald.then_some(Target::Journald);
        let follower = |target: Target| {
            let file = state.join(format!("exported-{}", target.word()));
            Arc::new(Follower { target, journals: config.journals.clone(), file, standing: Mutex::default() })
        };
        Self { store, followers: file.into_iter().chain(syslog).chain(journald).map(follower).collect() }
    }

    /// What would keep a target from taking anything, as far as that can be seen without it.
    pub(crate) fn check(config: &config::Export) -> Result<(), String> {
        config.syslog.as_ref().map_or(Ok(()), |syslog| syslog::tls(syslog).map(|_| ()))
    }

    /// Follows the record until it is dropped.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut following = JoinSet::new();
        for follower in &self.followers {
            following.spawn(Arc::clone(follower).follow(self.store.clone()));
        }
        while following.join_next().await.is_some() {}
    }

    /// How it goes, target by target.
    pub(crate) fn standings(&self) -> Vec<(&'static str, Standing)> {
        self.followers.iter().map(|follower| (follower.target.word(), follower.standing().clone())).collect()
    }

    /// The same, for `status`.
    pub(crate) fn said(&self) -> Value {
        let said = |follower: &Arc<Follower>| {
            let standing = follower.standing();
            json!({
                "to": follower.target.to_string(),
                "waiting": standing.waiting(),
                "oldest_waiting": standing.oldest(),
                "taken_at": standing.taken_at,
                "trouble": standing.trouble,
            })
        };
        self.followers.iter().map(said).collect()
    }
}

impl Follower {
    async fn follow(self: Arc<Self>, store: Store) {
        let mut places = self.read_places();
        let mut news = store.news();
        let mut retry = RETRY;
        loop {
            news.mark_unchanged();
            match self.step(&store, &mut places).await {
                Ok(more) => {
                    retry = RETRY;
                    self.takes();
                    if !more {
                        if news.changed().await.is_err() {
                            return;
                        }
                        tokio::time::sleep(GATHER).await;
                    }
                }
                Err(why) => {
                    self.fails(why);
                    tokio::time::sleep(retry).await;
                    retry = (retry * 2).min(LONGEST_RETRY);
                }
            }
        }
    }

    /// Hands over what is behind the places, as much as goes at once. Whether there is more.
    async fn step(&self, store: &Store, places: &mut Places) -> Result<bool, String> {
        let mut more = false;
        for journal in &self.journals {
            let behind = store.behind(*journal, places.get(journal)).await.map_err(|error| error.to_string())?;
            self.wait(*journal, &behind);
            let Some(last) = behind.records.last() else { continue };
            let taken = tokio::time::timeout(TAKING, self.target.take(&behind.records)).await;
            taken.unwrap_or_else(|_| Err(format!("it takes nothing within {TAKING:?}")))?;
            if behind.missed > 0 {
                let (to, records) = (self.target.word(), behind.missed);
                tracing::error!(to, records, "their time was over before they were exported: they are deleted");
            }
            let place = Exportable { gateway: last.gateway.clone(), sequence: last.sequence, hash: last.hash };
            places.insert(*journal, place);
            self.keep_places(places);
            more |= self.took(*journal, &behind);
        }
        Ok(more)
    }

    fn wait(&self, journal: Journal, behind: &Behind) {
        let mut standing = self.standing();
        match behind.records.first() {
            Some(first) => drop(standing.waiting.insert(journal, (behind.waiting, first.time))),
            None => drop(standing.waiting.remove(&journal)),
        }
    }

    /// Whether there is more.
    fn took(&self, journal: Journal, behind: &Behind) -> bool {
        let mut standing = self.standing();
        standing.taken_at = Some(clock::now().wall);
        let left = behind.waiting.saturating_sub(behind.records.len() as u64);
        match (left, behind.records.last()) {
            // As old as the last that was taken, at most.
            (1.., Some(last)) => drop(standing.waiting.insert(journal, (left, last.time))),
            _ => drop(standing.waiting.remove(&journal)),
        }
        left > 0
    }

    fn takes(&self) {
        if self.standing().trouble.take().is_some() {
            tracing::info!(to = self.target.word(), "the export goes on");
        }
    }

    fn fails(&self, why: String) {
        let mut standing = self.standing();
        let now = clock::now().instant;
        let is_news = standing.trouble.as_ref() != Some(&why)
            || standing.told_at.is_none_or(|told| now.duration_since(told) >= ALARM);
        if is_news {
            let waiting = standing.waiting();
            tracing::error!(to = %self.target, why, waiting, "NO RECORD IS EXPORTED; it is tried again");
            standing.told_at = Some(now);
        }
        standing.trouble = Some(why);
    }

    /// What cannot be read is no place: everything that is kept goes once more.
    fn read_places(&self) -> Places {
        let bytes = match std::fs::read(&self.file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Places::default(),
            Err(error) => {
                tracing::warn!(%error, file = %self.file.display(), "how far the export came cannot be read");
                return Places::default();
            }
        };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, file = %self.file.display(), "how far the export came cannot be read");
            Places::default()
        })
    }

    /// What cannot be kept is sent once more after the next start.
    fn keep_places(&self, places: &Places) {
        let kept = serde_json::to_vec(places)
            .map_err(|error| error.to_string())
            .and_then(|bytes| secret_file::replace(&self.file, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = kept {
            tracing::warn!(error, "how far the export came is not kept");
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

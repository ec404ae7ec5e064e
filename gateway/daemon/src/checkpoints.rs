//! Signs where the journals end, each minute if anything was written and at a stop, and hands that to the witness.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gateway_record::{Checkpoint, Holders, Role};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{clock, store::Store, witness::Witness};

/// Between checkpoints.
const EVERY: Duration = Duration::from_secs(60);

/// For a checkpoint to be taken by the witness.
const TELLING: Duration = Duration::from_secs(15);

/// What signs, and how that went.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    store: Store,
    witness: Option<Witness>,
    /// Held while the witness is told: one that hangs, as a disk of another machine does, is told nothing else meanwhile.
    telling: Arc<tokio::sync::Mutex<()>>,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    last: Option<Checkpoint>,
    /// The witness has not taken the last one.
    untold: bool,
    trouble: Option<String>,
}

impl Checkpoints {
    pub(crate) fn new(store: Store, witness: Option<Witness>) -> Self {
        Self { store, witness, telling: Arc::default(), standing: Mutex::default() }
    }

    /// Makes them until it is dropped.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            self.make().await;
        }
    }

    /// Makes one, if anything was written since the last, and hands over what the witness has not.
    pub(crate) async fn make(&self) {
        let made = self.store.checkpoint(clock::now().wall).await;
        let untold = {
            let mut standing = self.standing();
            match made {
                Ok(None) => {}
                Ok(Some(checkpoint)) => {
                    standing.last = Some(checkpoint);
                    standing.untold = true;
                }
                Err(error) => tracing::error!(%error, "the record's end is not signed"),
            }
            standing.last.clone().filter(|_| standing.untold)
        };
        if let (Some(witness), Some(checkpoint)) = (self.witness.clone(), untold) {
            let number = checkpoint.number;
            self.told(number, self.tell(witness, checkpoint).await);
        }
    }

    /// Hands a checkpoint to the witness. What takes too long goes on by itself, and the end of the record is signed again meanwhile.
    async fn tell(&self, witness: Witness, checkpoint: Checkpoint) -> Result<(), String> {
        let telling = Arc::clone(&self.telling);
        let told = async {
            let alone = telling.lock_owned().await;
            let told = tokio::spawn(async move {
                let _alone = alone;
                witness.tell(&checkpoint).await
            });
            told.await.unwrap_or_else(|error| Err(error.to_string()))
        };
        let slow = |_| Err("it takes too long".to_owned());
        tokio::time::timeout(TELLING, told).await.unwrap_or_else(slow)
    }

    fn told(&self, number: u64, told: Result<(), String>) {
        let mut standing = self.standing();
        match told {
            Ok(()) => standing.trouble = None,
            Err(why) => {
                tracing::error!(why, "the witness takes no checkpoint");
                standing.trouble = Some(why);
            }
        }
        standing.untold = standing.trouble.is_some() || standing.last.as_ref().is_some_and(|last| last.number > number);
    }

    /// How the record stands, for `status`.
    pub(crate) fn said(&self) -> Value {
        let record = self.store.standing();
        let standing = self.standing();
        json!({
            "key": self.store.key().to_string(),
            "checkpoint": standing.last.as_ref().map(|last| last.number),
            "signed_at": standing.last.as_ref().map(|last| last.time),
            "witness": self.witness.as_ref().map(ToString::to_string),
            "witness_trouble": standing.trouble,
            "disk_full_since": record.full_since(),
            "clock_behind_s": record.clock_behind().map(|behind| behind.as_secs()),
            "closes_in_reserve": record.closes_waiting(),
            "names_sealed_to": self.store.holders().map(sealed_to),
        })
    }

    /// When the record's end was last signed.
    pub(crate) fn signed_at(&self) -> Option<Timestamp> {
        self.standing().last.as_ref().map(|last| last.time)
    }

    /// Whether the witness took what it was told last; none where there is no witness.
    pub(crate) fn witness_takes(&self) -> Option<bool> {
        self.witness.as_ref().map(|_| self.standing().trouble.is_none())
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The holders' keys by their fingerprints.
fn sealed_to(holders: &Holders) -> Value {
    let of = |role| {
        let keys = holders.keys().iter().filter(move |(of, _)| *of == role);
        keys.map(|(_, key)| key.fingerprint()).collect::<Vec<_>>()
    };
    Role::ALL
        .into_iter()
        .map(|role| (role.word().to_owned(), json!(of(role))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

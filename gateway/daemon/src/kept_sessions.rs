//! What live sessions need to go on after a restart: sealed, in a file of its own beside the database.
//!
//! A journal: what changes is added at its end and is on disk before it takes effect; at each start, and whenever it has
//! grown much, it is written anew with what still holds. Half an entry at its end, as a crash leaves it, is as if it had
//! never been written. The database and its backups hold none of this.
//!
//! ```text
//!   "deskgate sessions 1\n" │ 16 random bytes │ length, nonce, sealed change │ length, nonce, sealed change │ …
//! ```
//!
//! Each change is sealed (AES-256-GCM-SIV) together with the file's random bytes and its own place, so that none can be
//! moved, doubled or taken from another file. Which sessions are open is the database's to say: this file only says how
//! to go on with them.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::Write as _,
    net::IpAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use gateway_api::{PresharedKey, PublicKey, SessionNumber, proof};
use gateway_core::Standing;
use jiff::Timestamp;
use policy::Grant;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::devices::Managed;

/// Its name in the state folder.
const FILE: &str = "sessions.sealed";
const MAGIC: &[u8; 20] = b"deskgate sessions 1\n";
const ID: usize = 16;
const NONCE: usize = 12;
/// A file that has grown to this, and to four times what it began with, is written anew; in bytes.
const GROWN: u64 = 1 << 20;
/// Changes that are written together at most.
const BATCH: usize = 256;

/// One session.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct KeptSession {
    pub(crate) number: SessionNumber,
    /// SHA-256 of each of its tokens that counts, oldest first.
    pub(crate) tokens: Vec<[u8; 32]>,
    /// What each use of a token is proved with.
    pub(crate) session_key: proof::Public,
    /// The directory's canonical identity of the worker.
    pub(crate) worker_id: Arc<str>,
    /// The worker's name in the directory.
    pub(crate) worker: Arc<str>,
    /// Of those that the policy asked about at the login.
    pub(crate) groups: Arc<[String]>,
    pub(crate) grant: Grant,
    pub(crate) workstation: IpAddr,
    pub(crate) address: IpAddr,
    pub(crate) public_key: PublicKey,
    pub(crate) preshared_key: PresharedKey,
    pub(crate) opened_at: Timestamp,
    /// The client's initiation with the greatest timestamp.
    #[serde(default)]
    pub(crate) initiation: Option<Vec<u8>>,
    #[serde(default)]
    pub(crate) standing: Standing,
    /// The managed computer it comes from.
    #[serde(default)]
    pub(crate) device: Option<Managed>,
    /// A technician's: the session of the worker who consented to it.
    #[serde(default)]
    pub(crate) assists: Option<SessionNumber>,
}

/// What happened to a session, as far as it has to be kept.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// It opens.
    Opened(Box<KeptSession>),
    /// Of its tokens these count, by SHA-256.
    Tokens(SessionNumber, Vec<[u8; 32]>),
    /// It goes on under another grant.
    Granted(SessionNumber, Box<Grant>),
    /// Its client began a handshake with this message.
    Handshaken(SessionNumber, Vec<u8>),
    /// It stands otherwise.
    Moved(SessionNumber, Box<Standing>),
    /// It is over.
    Ended(SessionNumber),
}

/// Why something is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotKept {
    /// There is no room on the disk.
    DiskFull(String),
    /// Anything else, in words.
    Other(String),
}

impl NotKept {
    pub(crate) fn is_disk_full(&self) -> bool {
        matches!(self, Self::DiskFull(_))
    }
}

impl std::fmt::Display for NotKept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::DiskFull(why) | Self::Other(why)) = self;
        f.write_str(why)
    }
}

impl From<String> for NotKept {
    fn from(why: String) -> Self {
        Self::Other(why)
    }
}

type Live = BTreeMap<SessionNumber, KeptSession>;

#[derive(Debug)]
struct Order {
    /// None: only to know that everything before is written.
    change: Option<Change>,
    /// Told once the change is on disk; without it, the system may write it when it likes.
    durable: Option<oneshot::Sender<Result<(), NotKept>>>,
}

/// The handle to the one thread that writes. The thread ends once all handles are gone.
#[derive(Debug, Clone)]
pub(crate) struct KeptSessions {
    orders: mpsc::Sender<Order>,
}

impl KeptSessions {
    /// Reads what an earlier run kept in the state folder, by number, and starts the writing thread. A file that the key
    /// does not open is told of and replaced: its sessions cannot go on.
    pub(crate) fn open(state: &Path, key: &[u8; 32]) -> Result<(Self, Vec<KeptSession>), String> {
        let path = state.join(FILE);
        let sealer = Sealer::new(key)?;
        let live = match std::fs::read(&path) {
            Ok(bytes) => sealer.read(&bytes, &path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Live::new(),
            Err(error) => return Err(format!("cannot read `{}`: {error}", path.display())),
        };
        let journal = Journal::write_anew(&sealer, &path, &live)?;
        // Read once more for the caller: keys are not cloned.
        let kept = sealer.read(&std::fs::read(&path).map_err(|error| error.to_string())?, &path);
        let (orders, asked) = mpsc::channel();
        std::thread::Builder::new()
            .name("kept-sessions".to_owned())
            .spawn(move || Writer { sealer, path, journal, live }.run(&asked))
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok((Self { orders }, kept.into_values().collect()))
    }

    /// Adds a change, in the order of these calls, and returns once it is on disk.
    pub(crate) fn keep(&self, change: Change) -> impl Future<Output = Result<(), NotKept>> + use<> {
        self.ask(Some(change))
    }

    /// Adds a change that no promise rests on: it outlives the gateway, and may be lost with the machine.
    pub(crate) fn note(&self, change: Change) {
        // The thread ends only when nobody is left to ask.
        let _ = self.orders.send(Order { change: Some(change), durable: None });
    }

    /// Returns once everything before is on disk.
    pub(crate) async fn flush(&self) -> Result<(), NotKept> {
        self.ask(None).await
    }

    fn ask(&self, change: Option<Change>) -> impl Future<Output = Result<(), NotKept>> + use<> {
        let gone = || NotKept::Other("the thread that keeps sessions has ended".to_owned());
        let (reply, answer) = oneshot::channel();
        let asked = self.orders.send(Order { change, durable: Some(reply) });
        async move {
            asked.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        }
    }
}

fn apply(live: &mut Live, change: Change) {
    match change {
        Change::Opened(session) => drop(live.insert(session.number, *session)),
        Change::Ended(number) => drop(live.remove(&number)),
        Change::Tokens(number, tokens) => change_one(live, number, |session| session.tokens = tokens),
        Change::Granted(number, grant) => change_one(live, number, |session| session.grant = *grant),
        Change::Handshaken(number, initiation) => {
            change_one(live, number, |session| session.initiation = Some(initiation));
        }
        Change::Moved(number, standing) => change_one(live, number, |session| session.standing = *standing),
    }
}

/// What comes late for a session that is over means nothing.
fn change_one(live: &mut Live, number: SessionNumber, change: impl FnOnce(&mut KeptSession)) {
    if let Some(session) = live.get_mut(&number) {
        change(session);
    }
}

/// Seals and opens entries.
struct Sealer(RandomizedNonceKey);

impl Sealer {
    fn new(key: &[u8; 32]) -> Result<Self, String> {
        let key = RandomizedNonceKey::new(&AES_256_GCM_SIV, key);
        key.map(Self).map_err(|_| "the key that seals kept sessions cannot be used".to_owned())
    }

    fn place(id: [u8; ID], entry: u64) -> Aad<[u8; ID + 8]> {
        let mut place = [0; ID + 8];
        let (first, second) = place.split_at_mut(ID);
        first.copy_from_slice(&id);
        second.copy_from_slice(&entry.to_le_bytes());
        Aad::from(place)
    }

    /// An entry: length, nonce, sealed change.
    fn seal(&self, id: [u8; ID], entry: u64, change: &impl Serialize) -> Result<Vec<u8>, String> {
        // With room for nearly any, so that growing leaves few copies of a key behind.
        let mut sealed = Zeroizing::new(Vec::with_capacity(8 * 1024));
        serde_json::to_writer(&mut *sealed, change).map_err(|error| format!("cannot write down a session: {error}"))?;
        let nonce = self.0.seal_in_place_append_tag(Self::place(id, entry), &mut *sealed);
        let nonce = nonce.map_err(|_| "cannot seal a session: no random bytes".to_owned())?;
        let length = u32::try_from(NONCE + sealed.len()).map_err(|_| "a session is too large to keep".to_owned())?;
        Ok([&length.to_le_bytes()[..], nonce.as_ref(), &sealed[..]].concat())
    }

    fn open(&self, id: [u8; ID], entry: u64, sealed: &[u8]) -> Option<Change> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let plain = self.0.open_in_place(nonce, Self::place(id, entry), &mut sealed).ok()?;
        serde_json::from_slice(plain).ok()
    }

    /// What a file says up to the first entry that cannot be opened.
    fn read(&self, bytes: &[u8], path: &Path) -> Live {
        let mut live = Live::new();
        let Some((id, mut rest)) = bytes.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk::<ID>()) else {
            tracing::error!(file = %path.display(), "kept sessions cannot be read");
            return live;
        };
        let mut entry = 0;
        while let Some((change, behind)) =
            split_entry(rest).and_then(|(sealed, behind)| Some((self.open(*id, entry, sealed)?, behind)))
        {
            apply(&mut live, change);
            (rest, entry) = (behind, entry + 1);
        }
        if !rest.is_empty() {
            // Usually the half entry that a crash left; with another key, all of it.
            tracing::warn!(file = %path.display(), bytes = rest.len(), "the end of the kept sessions cannot be read");
        }
        live
    }
}

fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// The file, open at its end.
struct Journal {
    file: File,
    id: [u8; ID],
    entries: u64,
    /// In bytes: as it was begun, and as it is now.
    begun: u64,
    size: u64,
}

impl Journal {
    /// A file with these sessions in the place of the one that is there, in one step.
    fn write_anew(sealer: &Sealer, path: &Path, live: &Live) -> Result<Self, String> {
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::StorageFull => format!("the disk of `{}` is full: make room", path.display()),
            _ => format!("cannot write `{}`: {error}", path.display()),
        };
        let mut id = [0; ID];
        getrandom::fill(&mut id).map_err(|error| format!("the system gives no random bytes: {error}"))?;
        let mut bytes = [&MAGIC[..], &id].concat();
        let mut entries = 0;
        for session in live.values() {
            bytes.extend(sealer.seal(id, entries, &Opened::Opened(session))?);
            entries += 1;
        }
        let new = path.with_extension("new");
        let _ = std::fs::remove_file(&new);
        let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&new).map_err(failed)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::rename(&new, path).map_err(failed)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        let size = bytes.len() as u64;
        Ok(Self { file, id, entries, begun: size, size })
    }

    fn append(&mut self, bytes: &[u8], entries: u64, durable: bool) -> Result<(), NotKept> {
        let written = self.file.write_all(bytes).and_then(|()| if durable { self.file.sync_data() } else { Ok(()) });
        match written {
            Ok(()) => {
                self.size += bytes.len() as u64;
                self.entries += entries;
                Ok(())
            }
            Err(error) => {
                // Half an entry would hide all that come after it.
                let _ = self.file.set_len(self.size);
                let why = format!("cannot keep sessions: {error}");
                let full = error.kind() == std::io::ErrorKind::StorageFull;
                Err(if full { NotKept::DiskFull(why) } else { NotKept::Other(why) })
            }
        }
    }

    fn is_grown(&self) -> bool {
        self.size > GROWN.max(4 * self.begun)
    }
}

/// [`Change::Opened`] of a session that stays where it is.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Opened<'a> {
    Opened(&'a KeptSession),
}

/// The writing thread.
struct Writer {
    sealer: Sealer,
    path: PathBuf,
    journal: Journal,
    live: Live,
}

impl Writer {
    fn run(mut self, asked: &mpsc::Receiver<Order>) {
        while let Ok(first) = asked.recv() {
            let orders: Vec<Order> = std::iter::once(first).chain(asked.try_iter().take(BATCH - 1)).collect();
            let outcome = self.write(&orders);
            if let Err(why) = &outcome {
                tracing::error!(%why, "a restart would not find every session as it is");
            }
            for Order { change, durable } in orders {
                if let Some(change) = change.filter(|_| outcome.is_ok()) {
                    apply(&mut self.live, change);
                }
                if let Some(reply) = durable {
                    let _ = reply.send(outcome.clone());
                }
            }
            if self.journal.is_grown() {
                match Journal::write_anew(&self.sealer, &self.path, &self.live) {
                    Ok(journal) => self.journal = journal,
                    Err(why) => tracing::warn!(why, "kept sessions not written anew"),
                }
            }
        }
    }

    fn write(&mut self, orders: &[Order]) -> Result<(), NotKept> {
        let mut bytes = Vec::new();
        let mut entries = 0;
        for change in orders.iter().filter_map(|order| order.change.as_ref()) {
            bytes.extend(self.sealer.seal(self.journal.id, self.journal.entries + entries, change)?);
            entries += 1;
        }
        self.journal.append(&bytes, entries, orders.iter().any(|order| order.durable.is_some()))
    }
}

#[cfg(test)]
mod tests;

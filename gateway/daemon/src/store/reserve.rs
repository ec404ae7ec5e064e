//! Room for the ends of sessions while the disk is full: a file beside the database whose blocks are there already.
//!
//! It always has a slot for each open session. When the database finds no room, closes are written into slots, in place, and
//! are durable with that; once there is room they become records and their slots are emptied. What is in a slot twice, or was
//! recorded already when a crash came in between, closes nothing: a session has one close.
//!
//! ```text
//!   length, SHA-256, JSON, zeros │ length, SHA-256, JSON, zeros │ …      512 bytes each, a sector
//! ```
//!
//! Room that is held by overwriting is nobody else's, whereas room that is made by deleting a file goes to whoever writes next.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use gateway_api::{CloseReason, SessionNumber};
use gateway_record::{Draft, Fields, Kind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Its name in the state folder.
pub(super) const FILE: &str = "record-reserve";
/// In bytes; written as a whole, which disks do or do not.
const SLOT: usize = 512;
/// Slots that are added at once.
const STEP: usize = 64;
const LENGTH: usize = 2;
const HASH: usize = 32;

/// A close that waits for room in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) session: SessionNumber,
    pub(super) reason: CloseReason,
    /// In milliseconds since 1970.
    time: i64,
    fields: Fields,
}

impl Waiting {
    /// What a close leaves to be written, if it is one.
    pub(super) fn of(reason: CloseReason, draft: &Draft) -> Option<Self> {
        let session = draft.session?;
        Some(Self { session, reason, time: draft.time.as_millisecond(), fields: draft.fields.clone() })
    }

    /// The record that it becomes; its structure is that of the session's row.
    pub(super) fn draft(&self, structure: Option<String>) -> Draft {
        Draft {
            session: Some(self.session),
            structure,
            fields: self.fields.clone(),
            ..Draft::new(Kind::SessionClosed, self.time())
        }
    }

    pub(super) fn time(&self) -> Timestamp {
        Timestamp::from_millisecond(self.time).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// The open file, and what is in it.
#[derive(Debug)]
pub(super) struct Reserve {
    file: File,
    slots: usize,
    waiting: Vec<Waiting>,
}

impl Reserve {
    /// Opens the reserve in the state folder, makes it as needed, and reads what waits in it.
    pub(super) fn open(state: &Path) -> io::Result<Self> {
        let path = state.join(FILE);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut &file, &mut bytes)?;
        // Half a slot at the end is one that was about to be made.
        let (slots, _) = bytes.as_chunks::<SLOT>();
        let waiting = slots.iter().filter_map(read).collect();
        let mut reserve = Self { slots: slots.len(), file, waiting };
        reserve.make_room(1)?;
        Ok(reserve)
    }

    /// Holds room for so many closes; what is there is never given back.
    pub(super) fn make_room(&mut self, closes: usize) -> io::Result<()> {
        if closes <= self.slots {
            return Ok(());
        }
        let more = (closes - self.slots).next_multiple_of(STEP);
        // Written, not only promised: some file systems need room of their own to turn a promise into blocks.
        self.file.write_all_at(&vec![0; more * SLOT], (self.slots * SLOT) as u64)?;
        self.file.sync_all()?;
        self.slots += more;
        Ok(())
    }

    /// What waits, oldest first.
    pub(super) fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// Whether the close of this session waits.
    pub(super) fn holds(&self, session: SessionNumber) -> bool {
        self.waiting.iter().any(|waiting| waiting.session == session)
    }

    /// Writes closes into slots; durable on return.
    pub(super) fn put(&mut self, closes: Vec<Waiting>) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(closes.len() * SLOT);
        for waiting in &closes {
            bytes.extend(slot(waiting)?);
        }
        if self.waiting.len() + closes.len() > self.slots {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_all_at(&bytes, (self.waiting.len() * SLOT) as u64)?;
        self.file.sync_data()?;
        self.waiting.extend(closes);
        Ok(())
    }

    /// Empties the slots: what waited is in the database.
    pub(super) fn clear(&mut self) {
        let used = std::mem::take(&mut self.waiting).len();
        let emptied = self.file.write_all_at(&vec![0; used * SLOT], 0).and_then(|()| self.file.sync_data());
        if let Err(error) = emptied {
            // What stays in them closes nothing a second time.
            tracing::warn!(%error, "slots of the record's reserve not emptied");
        }
    }
}

fn slot(waiting: &Waiting) -> io::Result<[u8; SLOT]> {
    let text = serde_json::to_vec(waiting)?;
    let mut slot = [0; SLOT];
    let (head, body) = slot.split_at_mut(LENGTH + HASH);
    let body = body.get_mut(..text.len()).ok_or_else(|| io::Error::other("a close is too large for its slot"))?;
    body.copy_from_slice(&text);
    let (length, hash) = head.split_at_mut(LENGTH);
    length.copy_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    hash.copy_from_slice(&Sha256::digest(&text));
    Ok(slot)
}

/// None: empty, or half written when a crash came, and then never acknowledged.
fn read(slot: &[u8; SLOT]) -> Option<Waiting> {
    let (length, rest) = slot.split_first_chunk::<LENGTH>()?;
    let (hash, body) = rest.split_first_chunk::<HASH>()?;
    let text = body.get(..usize::from(u16::from_le_bytes(*length)))?;
    (*hash == *Sha256::digest(text)).then(|| serde_json::from_slice(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(bits: u64) -> Waiting {
        let fields = Fields::default()
            .with("reason", CloseReason::DirectoryDeadline.word())
            .with("bytes_to_office", u64::MAX)
            .with("bytes_to_home", u64::MAX)
            .with("ended_at", Timestamp::MAX.to_string());
        let draft = Draft {
            session: Some(SessionNumber::new(bits)),
            fields,
            ..Draft::new(Kind::SessionClosed, Timestamp::from_second(1_790_000_000).unwrap())
        };
        Waiting::of(CloseReason::DirectoryDeadline, &draft).unwrap()
    }

    #[test]
    fn the_longest_close_fits_and_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::open(folder.path()).unwrap();
        reserve.put(vec![close(1), close(2)]).unwrap();
        reserve.put(vec![close(3)]).unwrap();
        let mut again = Reserve::open(folder.path()).unwrap();
        assert_eq!(again.waiting(), [close(1), close(2), close(3)]);
        assert!(again.holds(SessionNumber::new(3)) && !again.holds(SessionNumber::new(4)));
        again.clear();
        assert!(Reserve::open(folder.path()).unwrap().waiting().is_empty());
    }

    #[test]
    fn half_a_slot_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::open(folder.path()).unwrap();
        reserve.put(vec![close(1), close(2)]).unwrap();
        reserve.file.write_all_at(&[0; 60], SLOT as u64 + 100).unwrap();
        assert_eq!(Reserve::open(folder.path()).unwrap().waiting(), [close(1)]);
    }

    #[test]
    fn room_is_held_beforehand_and_never_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let size = || std::fs::metadata(folder.path().join(FILE)).unwrap().len();
        let mut reserve = Reserve::open(folder.path()).unwrap();
        assert_eq!(size(), (STEP * SLOT) as u64);
        reserve.make_room(STEP + 1).unwrap();
        assert_eq!(size(), (2 * STEP * SLOT) as u64);
        reserve.make_room(3).unwrap();
        assert!(reserve.put((0..129).map(close).collect()).is_err(), "never more than the room that is held");
        reserve.put((0..128).map(close).collect()).unwrap();
        reserve.clear();
        assert_eq!(size(), (2 * STEP * SLOT) as u64);
    }
}

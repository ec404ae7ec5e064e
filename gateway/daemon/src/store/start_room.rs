//! Room that a start on a full disk takes: a file beside the database that is there for nothing else.
//!
//! The gateway that runs needs little on a full disk, for its files are open and its reserve is there. One that starts makes them
//! anew, and writes what became of each session. So it gives this file's room back first, refuses new sessions like any gateway on
//! a full disk, and holds the room again before it stops to. Others may be faster to take it: then the start fails, and says why.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::identity;

/// Its name in the state folder.
pub(super) const FILE: &str = "start-reserve";
/// What a start needs without any session, in bytes.
const BASE: u64 = 1024 * 1024;
/// For what is kept of a session, in bytes.
const SESSION: u64 = 8 * 1024;
/// For what is recorded of it, in the database's log, and what that log grows to at most, in bytes.
const RECORD: u64 = 24 * 1024;
const LONGEST_LOG: u64 = 6 * 1024 * 1024;
/// Sessions between which it grows.
const STEP: u64 = 64;

/// The file, as far as it is there.
#[derive(Debug)]
pub(super) struct StartRoom {
    path: PathBuf,
    held: u64,
}

impl StartRoom {
    /// The one in a state folder.
    pub(super) fn of(state: &Path) -> Self {
        let path = state.join(FILE);
        let held = std::fs::metadata(&path).map_or(0, |file| file.len());
        Self { path, held }
    }

    /// Whether there is room enough for a start with so many sessions.
    pub(super) fn holds(&self, sessions: usize) -> bool {
        self.held >= wanted(sessions)
    }

    /// Holds room for so many sessions, if `left` bytes stay free beside it.
    pub(super) fn keep(&mut self, sessions: usize, left: u64) -> io::Result<()> {
        if self.holds(sessions) {
            return Ok(());
        }
        let more = wanted(sessions) - self.held;
        if free(&self.path).is_some_and(|free| free < more + left) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let made = self.grow(more);
        if made.is_err() {
            // Half of it is nobody's use.
            let _ = std::fs::remove_file(&self.path);
        }
        self.held = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        made
    }

    /// Written, not only promised, as the reserve is.
    fn grow(&self, more: u64) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        identity::give_to_owner_of_folder(&self.path);
        let block = vec![0; 64 * 1024];
        let mut left = usize::try_from(more).unwrap_or(usize::MAX);
        while let Some(part) = block.get(..left.min(block.len())).filter(|part| !part.is_empty()) {
            file.write_all(part)?;
            left -= part.len();
        }
        file.sync_all()
    }
}

/// Gives the room back to a start that finds less on the disk. Whether it did.
pub(super) fn give(state: &Path) -> bool {
    let room = StartRoom::of(state);
    if room.held == 0 || free(&room.path).is_none_or(|free| free >= room.held) {
        return false;
    }
    let given = std::fs::remove_file(&room.path).and_then(|()| File::open(state)?.sync_all());
    match given {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, file = %room.path.display(), "the room for a start on a full disk cannot be used");
            false
        }
    }
}

/// What a start with so many sessions needs, in bytes; it grows in steps.
fn wanted(sessions: usize) -> u64 {
    let sessions = (sessions as u64).next_multiple_of(STEP);
    BASE + sessions * SESSION + (sessions * RECORD).min(LONGEST_LOG)
}

/// What the disk has left for us, in bytes; None if it does not tell.
pub(super) fn free(path: &Path) -> Option<u64> {
    // The file itself may be the one that is missing.
    let disk = nix::sys::statvfs::statvfs(path.parent()?).ok()?;
    Some(disk.blocks_available() * disk.fragment_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_grows_with_sessions_and_is_not_taken_where_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut room = StartRoom::of(folder.path());
        assert!(!room.holds(1));
        room.keep(1, 0).unwrap();
        assert!(room.holds(64) && !room.holds(65) && StartRoom::of(folder.path()).holds(64));
        let size = || std::fs::metadata(folder.path().join(FILE)).unwrap().len();
        assert_eq!(size(), wanted(64));
        room.keep(65, 0).unwrap();
        assert_eq!(size(), wanted(128));
        assert_eq!(room.keep(1000, u64::MAX / 2).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(room.holds(128), "what is there stays");
        assert!(!give(folder.path()), "there is room: nothing is given");
    }
}

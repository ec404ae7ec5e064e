//! Whose profiles this computer follows: the key that a person accepted at first use, by its six words.
//!
//! From then on a profile counts that is signed by the same key, or by one that this one named as its successor, and that is no older than the
//! newest one seen: who got hold of a gateway's former key must not bring the former profile back. One from the future is not followed, for every
//! right one after it would be the older. There is no "continue anyway"; who changes
//! offices forgets the old one first (`deskgate office forget`).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use gateway_api::profile::{Key, Origin};
use serde::{Deserialize, Serialize};

use crate::{config::file, private};

/// In this user's folder of this program.
const NAME: &str = "office.toml";
/// So many seconds may a profile be ahead of this computer's clock: clocks differ, and time zones are set wrongly.
const AHEAD: i64 = 24 * 3600;

/// The office, as kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Office {
    key: Key,
    /// Of the newest profile that was followed, in Unix seconds.
    signed_at: i64,
}

/// What a profile is, beside what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No office was accepted yet: a person has to compare its words.
    New,
    /// The office's.
    Known,
    /// Signed by a key that nobody accepted.
    Foreign,
    /// The office's, but older than one that was followed.
    Old,
    /// Signed in the future: a clock is wrong, there or here.
    Ahead,
}

impl Office {
    /// The office that signed a profile.
    pub(crate) fn of(origin: &Origin) -> Self {
        Self { key: origin.key, signed_at: origin.signed_at }
    }

    /// What is kept. What cannot be read is as if it were not there: then the words are compared again.
    pub(crate) fn load() -> Option<Self> {
        Self::read(&place()?)
    }

    /// Keeps it. Where a disk is full or not there, the words are compared again the next time.
    pub(crate) fn keep(&self) {
        let Some(path) = place() else { return };
        if Self::read(&path).as_ref() == Some(self) {
            return;
        }
        if let Err(error) = self.write(&path) {
            tracing::debug!(%error, "the office is not remembered");
        }
    }

    /// Whether what is kept is from the future: then no right profile is newer.
    pub(crate) fn is_ahead(&self, now: i64) -> bool {
        is_ahead(self.signed_at, now)
    }

    fn read(path: &Path) -> Option<Self> {
        toml::from_str(&fs::read_to_string(path).ok()?).ok()
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        private::replace(path, text.as_bytes())
    }
}

fn is_ahead(signed_at: i64, now: i64) -> bool {
    signed_at > now.saturating_add(AHEAD)
}

/// Judges a profile by what is kept, and by this computer's clock in Unix seconds.
pub(crate) fn judge(kept: Option<&Office>, origin: &Origin, now: i64) -> Standing {
    match kept {
        Some(kept) if !origin.leads_from(kept.key) => Standing::Foreign,
        // What is followed already stays: this computer may have lost its clock since.
        _ if is_ahead(origin.signed_at, now) && kept.is_none_or(|kept| origin.signed_at > kept.signed_at) => {
            Standing::Ahead
        }
        None => Standing::New,
        Some(kept) if origin.signed_at < kept.signed_at => Standing::Old,
        Some(_) => Standing::Known,
    }
}

/// Forgets it, and the profile of it that was kept: the next profile's words are compared anew. False if there was nothing to forget.
pub(crate) fn forget() -> io::Result<bool> {
    let mut forgotten = false;
    for path in [place(), file::own()].into_iter().flatten() {
        match fs::remove_file(path) {
            Ok(()) => forgotten = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(forgotten)
}

fn place() -> Option<PathBuf> {
    file::folder().map(|folder| folder.join(NAME))
}

#[cfg(test)]
mod tests {
    use gateway_api::profile::{Secret, Succession};

    use super::*;

    fn secret(seed: u8) -> Secret {
        Secret::new(&[seed; 32])
    }

    fn origin(seed: u8, signed_at: i64, successions: Vec<Succession>) -> Origin {
        Origin { key: secret(seed).public(), signed_at, successions }
    }

    #[test]
    fn the_first_key_is_asked_about_and_then_only_it_and_its_successors_count() {
        let judge = |kept, origin: &Origin| judge(kept, origin, 10);
        assert_eq!(judge(None, &origin(1, 5, vec![])), Standing::New);
        let kept = Office::of(&origin(1, 5, vec![]));
        let successor = vec![secret(1).succeed(secret(2).public())];
        for (profile, expected) in [
            (origin(1, 5, vec![]), Standing::Known),
            (origin(1, 6, vec![]), Standing::Known),
            (origin(1, 4, vec![]), Standing::Old),
            (origin(2, 6, vec![]), Standing::Foreign),
            (origin(2, 6, successor.clone()), Standing::Known),
            (origin(2, 4, successor.clone()), Standing::Old),
        ] {
            assert_eq!(judge(Some(&kept), &profile), expected, "{profile:?}");
        }
        // Once the new key was seen, the one before it is worth nothing more.
        let kept = Office::of(&origin(2, 6, successor));
        assert_eq!(judge(Some(&kept), &origin(1, 7, vec![])), Standing::Foreign);
    }

    #[test]
    fn a_profile_from_the_future_is_none_to_follow() {
        let kept = Office::of(&origin(1, 5, vec![]));
        for (signed_at, expected) in [(10 + AHEAD, Standing::Known), (11 + AHEAD, Standing::Ahead)] {
            assert_eq!(judge(Some(&kept), &origin(1, signed_at, vec![]), 10), expected);
        }
        assert_eq!(judge(None, &origin(1, 11 + AHEAD, vec![]), 10), Standing::Ahead);
        // A computer whose clock begins anew each time follows what it followed.
        let kept = Office::of(&origin(1, 12 + AHEAD, vec![]));
        assert!(kept.is_ahead(10) && !kept.is_ahead(12));
        for (signed_at, expected) in
            [(13 + AHEAD, Standing::Ahead), (12 + AHEAD, Standing::Known), (11 + AHEAD, Standing::Old)]
        {
            assert_eq!(judge(Some(&kept), &origin(1, signed_at, vec![]), 10), expected);
        }
        assert_eq!(judge(Some(&kept), &origin(2, 11 + AHEAD, vec![]), 10), Standing::Foreign, "worse");
    }

    #[test]
    fn what_is_kept_reads_back_and_rubbish_is_as_if_it_were_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deskgate/office.toml");
        assert_eq!(Office::read(&path), None);
        let office = Office::of(&origin(1, 5, vec![]));
        office.write(&path).unwrap();
        assert_eq!(Office::read(&path), Some(office));
        fs::write(&path, "key = \"rubbish\"\nsigned_at = 5\n").unwrap();
        assert_eq!(Office::read(&path), None);
    }
}

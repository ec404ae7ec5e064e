//! Which worker has read which notice: kept by version, so that a text that changed is read again.
//!
//! In a file of the state folder, one entry for each person and notice. Each reading is in the record as well, which forgets sooner.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use policy::Notice;
use serde::{Deserialize, Serialize};

use crate::{directory::Person, secret_file};

/// Its name in the state folder.
const FILE: &str = "notices.json";

/// One reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The name in the directory then.
    pub(crate) worker: String,
    /// By [`Person::id`].
    worker_id: String,
    /// Its name in the policy.
    pub(crate) notice: String,
    /// Of the texts that were read: 64 hexadecimal digits.
    pub(crate) version: String,
    pub(crate) read_at: Timestamp,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Notices {
    path: PathBuf,
    list: Mutex<Vec<Entry>>,
}

impl Notices {
    /// Reads the list. One that cannot be read is no empty one.
    pub(crate) fn read(state: &Path) -> Result<Self, String> {
        let path = state.join(FILE);
        let list = if path.exists() {
            let bytes = secret_file::read(&path).map_err(|error| error.to_string())?;
            serde_json::from_slice(&bytes)
                .map_err(|error| format!("cannot read who has read which notice in `{}`: {error}", path.display()))?
        } else {
            Vec::new()
        };
        Ok(Self { path, list: Mutex::new(list) })
    }

    /// Those of `asked` that this person has not read as they are now, in that order.
    pub(crate) fn unread(&self, person: &Person, asked: &[Arc<Notice>]) -> Vec<Arc<Notice>> {
        let list = self.list();
        let is_read = |notice: &Notice| {
            let version = version(notice);
            list.iter()
                .any(|entry| entry.worker_id == *person.id && entry.notice == *notice.name && entry.version == version)
        };
        asked.iter().filter(|notice| !is_read(notice)).cloned().collect()
    }

    /// This person has read these. On disk once it returns.
    pub(crate) fn mark(&self, person: &Person, read: &[Arc<Notice>], now: Timestamp) -> Result<(), String> {
        let mut list = self.list();
        let mut next = list.clone();
        next.retain(|entry| entry.worker_id != *person.id || !read.iter().any(|notice| entry.notice == *notice.name));
        next.extend(read.iter().map(|notice| Entry {
            worker: person.name.to_string(),
            worker_id: person.id.to_string(),
            notice: notice.name.to_string(),
            version: version(notice),
            read_at: now,
        }));
        let text =
            serde_json::to_vec(&next).map_err(|error| format!("cannot write `{}`: {error}", self.path.display()))?;
        secret_file::replace(&self.path, &text).map_err(|error| error.to_string())?;
        *list = next;
        Ok(())
    }

    /// Every reading, or those of a worker by the name they had then, in the order they came.
    pub(crate) fn all(&self, worker: Option<&str>) -> Vec<Entry> {
        let wanted = worker.map(policy::folded);
        let list = self.list();
        let is_wanted = |entry: &&Entry| wanted.as_ref().is_none_or(|wanted| policy::folded(&entry.worker) == *wanted);
        list.iter().filter(is_wanted).cloned().collect()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The version of a notice in digits.
pub(crate) fn version(notice: &Notice) -> String {
    gateway_record::Hash(notice.version).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, id: &str) -> Person {
        Person { id: id.into(), name: name.into(), groups: Vec::new() }
    }

    fn notice(name: &str, version: u8) -> Arc<Notice> {
        Arc::new(Notice { name: name.into(), version: [version; 32], italian: None, english: Some("Read me.".into()) })
    }

    #[test]
    fn a_notice_is_read_once_for_each_version_and_person_also_after_a_restart_and_a_change_of_name() {
        let folder = tempfile::tempdir().unwrap();
        let notices = Notices::read(folder.path()).unwrap();
        let asked = [notice("privacy", 1), notice("safety", 1)];
        let rossi = person("m.rossi", "1");
        assert_eq!(notices.unread(&rossi, &asked), asked);
        notices.mark(&rossi, &asked[..1], Timestamp::UNIX_EPOCH).unwrap();
        let notices = Notices::read(folder.path()).unwrap();
        assert_eq!(notices.unread(&person("m.bianchi", "1"), &asked), asked[1..], "renamed");
        assert_eq!(notices.unread(&person("m.rossi", "2"), &asked), asked, "a reused name");
        let changed = [notice("privacy", 2)];
        assert_eq!(notices.unread(&rossi, &changed), changed, "another text");
        notices.mark(&rossi, &changed, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(notices.all(Some("M.Rossi")).len(), 1, "the latest reading of each");
        assert_eq!((notices.all(None).len(), notices.all(Some("g.verdi")).len()), (1, 0));
        assert!(notices.unread(&rossi, &changed).is_empty());
    }

    #[test]
    fn a_list_that_cannot_be_read_is_no_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        secret_file::create(&folder.path().join(FILE), b"[{").unwrap();
        assert!(Notices::read(folder.path()).unwrap_err().contains("which notice"));
    }
}

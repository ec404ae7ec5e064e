//! Who may not come in, whatever directory and policy say: the stolen laptop at night, in one command.
//!
//! Kept in a file of the state folder, so that a restart forgets nobody. A worker who has a session, or is known by number, stays
//! blocked under another name too.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{directory::Person, secret_file};

/// One who is blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// As the administrator wrote it.
    pub(crate) worker: String,
    /// By [`Person::id`], where a session showed it.
    #[serde(default)]
    pub(crate) id: Option<String>,
    pub(crate) since: Timestamp,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Blocked {
    path: PathBuf,
    list: Mutex<Vec<Entry>>,
}

impl Blocked {
    /// Reads the list. One that cannot be read is no empty one.
    pub(crate) fn read(state: &Path) -> Result<Self, String> {
        let path = state.join("blocked.json");
        let list = if path.exists() {
            let bytes = secret_file::read(&path).map_err(|error| error.to_string())?;
            serde_json::from_slice(&bytes)
                .map_err(|error| format!("cannot read who is blocked in `{}`: {error}", path.display()))?
        } else {
            Vec::new()
        };
        Ok(Self { path, list: Mutex::new(list) })
    }

    /// Whether this person is among them.
    pub(crate) fn holds(&self, person: &Person) -> bool {
        let name = policy::folded(&person.name);
        let is = |entry: &Entry| entry.id.as_deref() == Some(&*person.id) || policy::folded(&entry.worker) == name;
        self.list().iter().any(is)
    }

    /// Everybody who is blocked.
    pub(crate) fn all(&self) -> Vec<Entry> {
        self.list().clone()
    }

    /// Adds somebody; who is there already is there once.
    pub(crate) fn block(&self, worker: &str, id: Option<&str>, now: Timestamp) -> Result<(), String> {
        let mut list = self.list();
        let mut next = without(&list, worker);
        next.push(Entry { worker: worker.to_owned(), id: id.map(str::to_owned), since: now });
        self.write(&next)?;
        *list = next;
        Ok(())
    }

    /// Takes somebody off. False if they were not on it.
    pub(crate) fn unblock(&self, worker: &str) -> Result<bool, String> {
        let mut list = self.list();
        let next = without(&list, worker);
        if next.len() == list.len() {
            return Ok(false);
        }
        self.write(&next)?;
        *list = next;
        Ok(true)
    }

    fn write(&self, list: &[Entry]) -> Result<(), String> {
        let text = serde_json::to_vec_pretty(list)
            .map_err(|error| format!("cannot write `{}`: {error}", self.path.display()))?;
        secret_file::replace(&self.path, &text).map_err(|error| error.to_string())
    }

    fn list(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn without(list: &[Entry], worker: &str) -> Vec<Entry> {
    let name = policy::folded(worker);
    list.iter().filter(|entry| policy::folded(&entry.worker) != name).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, id: &str) -> Person {
        Person { id: id.into(), name: name.into(), groups: Vec::new() }
    }

    #[test]
    fn who_is_blocked_stays_so_after_a_restart_and_under_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = Blocked::read(folder.path()).unwrap();
        assert!(!blocked.holds(&person("m.rossi", "1")));
        blocked.block("M.Rossi", Some("1"), Timestamp::UNIX_EPOCH).unwrap();
        blocked.block("m.rossi", Some("1"), Timestamp::UNIX_EPOCH).unwrap();
        blocked.block("g.verdi", None, Timestamp::UNIX_EPOCH).unwrap();
        let blocked = Blocked::read(folder.path()).unwrap();
        assert_eq!(blocked.all().len(), 2);
        assert!(blocked.holds(&person("m.rossi", "2")) && blocked.holds(&person("m.bianchi", "1")));
        assert!(blocked.holds(&person("G.VERDI", "3")) && !blocked.holds(&person("m.bianchi", "2")));
        assert_eq!(blocked.unblock("M.ROSSI"), Ok(true));
        assert_eq!(blocked.unblock("m.rossi"), Ok(false));
        let blocked = Blocked::read(folder.path()).unwrap();
        assert!(!blocked.holds(&person("m.rossi", "1")));
    }

    #[test]
    fn a_list_that_cannot_be_read_is_no_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = Blocked::read(folder.path()).unwrap();
        blocked.block("m.rossi", None, Timestamp::UNIX_EPOCH).unwrap();
        let path = folder.path().join("blocked.json");
        let mut text = std::fs::read(&path).unwrap();
        text.truncate(text.len() / 2);
        std::fs::write(&path, text).unwrap();
        assert!(Blocked::read(folder.path()).unwrap_err().contains("who is blocked"));
    }
}

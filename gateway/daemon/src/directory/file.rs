//! The embedded directory: a file of people with argon2id hashes, for trials, tests and very small offices.
//!
//! Kept by `deskgate-gateway directory`, and read again when it changed. A name that nobody has costs the same work as
//! one that somebody has: its password is checked against the hash of nobody's.

use std::{
    collections::BTreeMap,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use gateway_api::login::Password;
use policy::folded;
use serde::{Deserialize, Serialize};

use super::{Answer, Inquiry, Left, MustAct, Standing, Standings, Step, Wrong};
use crate::secret_file;

const HEADER: &str = "\
# The people of the embedded directory, kept by `deskgate-gateway directory add USER` and `passwd USER`.
# By hand: `groups`, `disabled = true`, `must_change = true`, `mail` (an address). The gateway reads the file again when it changed.

";

/// The file as written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct People {
    #[serde(default)]
    people: BTreeMap<String, Person>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    /// An argon2id hash in PHC form.
    password: Hash,
    /// Names that profiles' `groups` may mention.
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) disabled: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) must_change: bool,
    /// Where mail to the person goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mail: Option<String>,
}

/// A password's hash, known to be one; does not print.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
struct Hash(String);

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match PasswordHash::new(&text) {
            Ok(hash) if hash.algorithm.as_str() == "argon2id" => Ok(Self(text)),
            _ => Err("not an argon2id hash: set the password with `deskgate-gateway directory passwd`"),
        }
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.0
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash(…)")
    }
}

impl Hash {
    fn of(password: &Password) -> Result<Self, PeopleError> {
        let hash = Argon2::default().hash_password(password.expose().as_bytes());
        hash.map(|hash| Self(hash.to_string())).map_err(|error| PeopleError(format!("cannot hash a password: {error}")))
    }

    /// Takes tens of milliseconds of one core, by design.
    fn holds(&self, password: &Password) -> bool {
        PasswordHash::new(&self.0)
            .is_ok_and(|hash| Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok())
    }
}

/// What is wrong with the file of people, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeopleError(String);

impl std::fmt::Display for PeopleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl People {
    /// Reads the file. A missing one has nobody in it.
    pub(crate) fn read(path: &Path) -> Result<Self, PeopleError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = secret_file::read_shared(path).map_err(|error| PeopleError(error.to_string()))?;
        let text = std::str::from_utf8(&text).map_err(|_| PeopleError(format!("`{}` is not UTF-8", path.display())))?;
        let people: Self =
            toml::from_str(text).map_err(|error| PeopleError(format!("in `{}`: {error}", path.display())))?;
        let mut names: Vec<String> = people.people.keys().map(|name| folded(name).into_owned()).collect();
        names.sort();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => Err(PeopleError(format!(
                "in `{}`: {pair:?} are the same name to a directory: take one out",
                path.display()
            ))),
            None => Ok(people),
        }
    }

    /// Replaces the file in one step; it keeps its owner and mode, and a new one belongs to `owner` alone.
    pub(crate) fn write(&self, path: &Path, owner: Option<(u32, u32)>) -> Result<(), PeopleError> {
        let text = toml::to_string(self).map_err(|error| PeopleError(format!("cannot write people: {error}")))?;
        let replace = || {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let (mode, owner) = match std::fs::metadata(path) {
                Ok(there) => (there.permissions().mode() & 0o777, Some((there.uid(), there.gid()))),
                Err(_) => (0o600, owner),
            };
            let temporary = folder.join(format!(".people.{}", std::process::id()));
            let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&temporary);
            let mut file = made?;
            file.set_permissions(std::fs::Permissions::from_mode(mode))?;
            let written = file.write_all(HEADER.as_bytes()).and_then(|()| file.write_all(text.as_bytes()));
            if let Some((user, group)) = owner.filter(|_| nix::unistd::geteuid().is_root()) {
                std::os::unix::fs::fchown(&file, Some(user), Some(group))?;
            }
            let moved = written.and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&temporary, path));
            moved.inspect_err(|_| drop(std::fs::remove_file(&temporary)))
        };
        replace().map_err(|error: std::io::Error| PeopleError(format!("cannot write `{}`: {error}", path.display())))
    }

    /// Everybody, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Person)> {
        self.people.iter().map(|(name, person)| (name.as_str(), person))
    }

    /// Adds somebody. Refuses a name that is there, or that no directory would have.
    pub(crate) fn add(&mut self, name: &str, password: &Password, groups: Vec<String>) -> Result<(), PeopleError> {
        if name.is_empty() || name.len() > gateway_api::login::LONGEST_USER || name.chars().any(char::is_control) {
            return Err(PeopleError("not a user name: write 1 to 256 printable bytes".to_owned()));
        }
        if let Some((there, _)) = self.find(name) {
            return Err(PeopleError(format!(
                "`{there}` is there already: change the password with `directory passwd`"
            )));
        }
        let person =
            Person { password: new_password(password)?, groups, disabled: false, must_change: false, mail: None };
        self.people.insert(name.to_owned(), person);
        Ok(())
    }

    /// Gives somebody a new password, and no longer asks to change it.
    pub(crate) fn set_password(&mut self, name: &str, password: &Password) -> Result<(), PeopleError> {
        let Some((there, _)) = self.find(name) else {
            return Err(PeopleError(format!("`{name}` is not there: add them with `directory add`")));
        };
        let (there, hash) = (there.to_owned(), new_password(password)?);
        if let Some(person) = self.people.get_mut(&there) {
            person.password = hash;
            person.must_change = false;
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Option<(&str, &Person)> {
        let wanted = folded(name);
        self.iter().find(|(name, _)| folded(name) == wanted)
    }
}

fn new_password(password: &Password) -> Result<Hash, PeopleError> {
    match password.expose().len() {
        0 => Err(PeopleError("an empty password is no password".to_owned())),
        length if length > gateway_api::login::LONGEST_PASSWORD => {
            Err(PeopleError(format!("a password has at most {} bytes", gateway_api::login::LONGEST_PASSWORD)))
        }
        _ => Hash::of(password),
    }
}

/// The file, read again whenever it changed.
#[derive(Debug)]
pub(crate) struct FileDirectory {
    path: PathBuf,
    /// Against which the password of nobody is checked.
    nobody: Hash,
    last: Mutex<Option<(Stamp, Arc<People>)>>,
}

/// What tells one state of a file from the next.
type Stamp = (u64, u64, Option<SystemTime>);

impl FileDirectory {
    /// Over the file at `path`, which need not be there yet.
    pub(crate) fn new(path: PathBuf) -> Result<Self, PeopleError> {
        let nobody = Hash::of(&Password::new("of nobody".to_owned()))?;
        Ok(Self { path, nobody, last: Mutex::new(None) })
    }

    /// The people as they are now.
    pub(crate) fn people(&self) -> Result<Arc<People>, PeopleError> {
        let stamp =
            std::fs::metadata(&self.path).map_or((0, 0, None), |file| (file.ino(), file.size(), file.modified().ok()));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((seen, people)) if *seen == stamp => Ok(Arc::clone(people)),
            _ => {
                let people = Arc::new(People::read(&self.path)?);
                *last = Some((stamp, Arc::clone(&people)));
                Ok(people)
            }
        }
    }

    /// Reads the file and checks a person as a login would, telling each step.
    pub(crate) async fn walk(&self, user: Option<(&str, &Password)>, groups: &[String], say: &mut impl FnMut(Step)) {
        match self.people() {
            Ok(people) => say(Step::done(format!("`{}` has {} people", self.path.display(), people.iter().count()))),
            Err(error) => return say(Step::failed(error.to_string())),
        }
        let Some((user, password)) = user else { return };
        match self.authenticate(user, Password::new(password.expose().to_owned()), groups).await {
            Answer::Valid(person) => {
                say(Step::done(format!("the password holds; known to agreements as `{}`", person.name)));
                match person.groups.as_slice() {
                    [] => say(Step::failed(format!("in none of the {} groups that the policy names", groups.len()))),
                    own => own.iter().for_each(|group| say(Step::done(format!("in the group `{group}`")))),
                }
            }
            Answer::Wrong(wrong) => say(Step::failed(wrong.word().replace('_', " "))),
            Answer::MustAct(_, what) => say(Step::failed(what.word().replace('_', " "))),
            Answer::Unknown(why) => say(Step::failed(why)),
        }
    }

    pub(super) async fn authenticate(&self, user: &str, password: Password, groups: &[String]) -> Answer {
        let people = match self.people() {
            Ok(people) => people,
            Err(error) => return Answer::Unknown(error.to_string()),
        };
        let found = people.find(user).map(|(name, person)| (Arc::<str>::from(name), person.clone()));
        let hash = found.as_ref().map_or(&self.nobody, |(_, person)| &person.password).clone();
        let Ok(holds) = tokio::task::spawn_blocking(move || hash.holds(&password)).await else {
            return Answer::Unknown("checking a password broke off".to_owned());
        };
        let Some((name, person)) = found else { return Answer::Wrong(Wrong::NoSuchUser) };
        if !holds {
            return Answer::Wrong(Wrong::Password(name));
        }
        if person.disabled {
            return Answer::MustAct(super::Person::alone(Arc::clone(&name), name), MustAct::Disabled);
        }
        if person.must_change {
            return Answer::MustAct(super::Person::alone(Arc::clone(&name), name), MustAct::ChangePassword);
        }
        Answer::Valid(super::Person { id: Arc::clone(&name), name, groups: person.groups_of(groups) })
    }

    /// See [`super::Directory::person`].
    pub(super) fn person(&self, user: &str) -> Result<Option<super::Person>, String> {
        let people = self.people().map_err(|error| error.to_string())?;
        let name = people.find(user).map(|(name, _)| Arc::<str>::from(name));
        Ok(name.map(|name| super::Person::alone(Arc::clone(&name), name)))
    }

    /// See [`super::Directory::mail_address`].
    pub(super) fn mail_address(&self, id: &str) -> Result<Option<String>, String> {
        let people = self.people().map_err(|error| error.to_string())?;
        Ok(people.find(id).and_then(|(_, person)| person.mail.clone()))
    }

    /// See [`super::Directory::standings`].
    pub(super) fn standings(&self, inquiry: &Inquiry) -> Result<Standings, String> {
        let people = self.people().map_err(|error| error.to_string())?;
        if people.people.is_empty() {
            return Err(format!("`{}` has nobody in it", self.path.display()));
        }
        let standing = |id: &Arc<str>| match people.find(id) {
            None => Standing::Left(Left::Removed),
            Some((_, person)) if person.disabled => Standing::Left(Left::Disabled),
            Some((_, person)) => Standing::InOrder(person.groups_of(&inquiry.groups)),
        };
        Ok(inquiry.accounts.keys().map(|id| (Arc::clone(id), standing(id))).collect())
    }
}

impl Person {
    /// Those of `asked` that the person is in, spelt as asked.
    fn groups_of(&self, asked: &[String]) -> Vec<String> {
        let is_in =
            |group: &&String| self.groups.iter().any(|own| policy::folded_group(own) == policy::folded_group(group));
        asked.iter().filter(is_in).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    fn with(edit: impl FnOnce(&mut People)) -> (tempfile::TempDir, super::super::Directory) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.toml");
        let mut people = People::default();
        people.add("m.rossi", &password("right"), vec!["Smart".to_owned()]).unwrap();
        edit(&mut people);
        people.write(&path, None).unwrap();
        (folder, super::super::Directory::file(FileDirectory::new(path).unwrap()))
    }

    async fn ask(directory: &super::super::Directory, user: &str, text: &str) -> Answer {
        directory.authenticate(user, password(text), &["smart".to_owned(), "other".to_owned()]).await
    }

    #[tokio::test]
    async fn the_right_password_names_the_person_and_the_groups_asked_about() {
        let (_folder, directory) = with(|_| ());
        let Answer::Valid(person) = ask(&directory, "M.Rossi", "right").await else { panic!("refused") };
        assert_eq!((&*person.id, &*person.name, person.groups), ("m.rossi", "m.rossi", vec!["smart".to_owned()]));
    }

    #[tokio::test]
    async fn the_truth_about_wrong_credentials_is_known_inside() {
        let (_folder, directory) = with(|_| ());
        assert_eq!(ask(&directory, "m.rossi", "wrong").await, Answer::Wrong(Wrong::Password("m.rossi".into())));
        assert_eq!(ask(&directory, "nobody", "right").await, Answer::Wrong(Wrong::NoSuchUser));
        assert_eq!(ask(&directory, "m.rossi", "").await, Answer::Wrong(Wrong::EmptyPassword));
        assert_eq!(ask(&directory, "m.rossi\0", "right").await, Answer::Wrong(Wrong::NoSuchUser));
    }

    #[tokio::test]
    async fn what_an_account_lacks_is_told_only_with_the_right_password() {
        let (_folder, directory) = with(|people| people.people.get_mut("m.rossi").unwrap().disabled = true);
        assert_eq!(
            ask(&directory, "m.rossi", "right").await,
            Answer::MustAct(super::super::Person::alone("m.rossi".into(), "m.rossi".into()), MustAct::Disabled)
        );
        assert_eq!(ask(&directory, "m.rossi", "wrong").await, Answer::Wrong(Wrong::Password("m.rossi".into())));
    }

    #[tokio::test]
    async fn a_change_of_the_file_counts_at_once_and_a_broken_file_is_no_answer() {
        let (folder, directory) = with(|_| ());
        let path = folder.path().join("people.toml");
        assert!(matches!(ask(&directory, "m.rossi", "right").await, Answer::Valid(_)));
        let mut people = People::read(&path).unwrap();
        people.set_password("M.ROSSI", &password("new")).unwrap();
        people.write(&path, None).unwrap();
        assert!(matches!(ask(&directory, "m.rossi", "new").await, Answer::Valid(_)));
        std::fs::write(&path, "[people.x]\npassword = \"plain\"\n").unwrap();
        let Answer::Unknown(said) = ask(&directory, "m.rossi", "new").await else { panic!("answered") };
        assert!(said.contains("argon2id"), "{said}");
    }

    #[tokio::test]
    async fn a_file_that_anybody_may_read_is_no_answer() {
        let (folder, directory) = with(|_| ());
        let path = folder.path().join("people.toml");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let Answer::Unknown(said) = ask(&directory, "m.rossi", "right").await else { panic!("answered") };
        assert!(said.contains("chmod"), "{said}");
    }

    #[test]
    fn the_same_name_twice_and_an_empty_password_are_refused() {
        let mut people = People::default();
        people.add("m.rossi", &password("right"), Vec::new()).unwrap();
        assert!(people.add("M.ROSSI", &password("right"), Vec::new()).unwrap_err().to_string().contains("already"));
        assert!(people.add("g.verdi", &password(""), Vec::new()).is_err());
        assert!(people.set_password("nobody", &password("x")).unwrap_err().to_string().contains("directory add"));
    }

    #[test]
    fn hashes_do_not_print() {
        let mut people = People::default();
        people.add("m.rossi", &password("right"), Vec::new()).unwrap();
        assert!(!format!("{people:?}").contains("argon2id"));
    }
}

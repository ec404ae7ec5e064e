//! Whether a password holds, and which of the policy's groups its owner is in.
//!
//! One question, answered in one of four ways. Only the first lets anybody in; the second and third are the directory's
//! word about a person, the fourth its silence, which says nothing about anybody.
//!
//! What it refuses to know: sessions, the policy's meaning, and what the worker is told.

mod file;
mod ldap;
mod lockout;
mod password;
mod standing;

use std::{sync::Arc, time::Duration};

use gateway_api::login::Password;
use tokio::sync::{Semaphore, SemaphorePermit};

pub(crate) use file::{FileDirectory, People, Person as FilePerson};
pub(crate) use ldap::LdapDirectory;
pub(crate) use lockout::Lockout;
pub(crate) use password::{Change, NotTaken};
pub(crate) use standing::{Inquiry, Left, ServerNumber, Standing, Standings};

/// How many logins may be with the directory or wait for it; more are refused at once instead of piling up.
const WAITING: usize = 1024;
/// How long a login waits for its turn with the directory.
const TURN: Duration = Duration::from_secs(10);

/// How many logins ask an LDAP directory at the same time.
const LDAP_AT_ONCE: usize = 64;
/// For one login with an LDAP directory, all servers and steps together.
const LDAP_ANSWER: Duration = Duration::from_secs(20);
/// For one look at the accounts of all live sessions.
const LDAP_LOOK: Duration = Duration::from_secs(60);

/// What the directory says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The password holds and nothing stands in the way.
    Valid(Person),
    /// Not these credentials; why is for the record alone.
    Wrong(Wrong),
    /// The password holds, but the directory wants something done first. Whose account, whose groups were not asked, and what.
    MustAct(Person, MustAct),
    /// The directory could not be asked; why, in words for the log that name nobody.
    Unknown(String),
}

/// Who it is, as the directory knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// Stays the same when the account is renamed, and is never another's.
    pub(crate) id: Arc<str>,
    /// The name that agreements are written for, as the directory spells it.
    pub(crate) name: Arc<str>,
    /// Those of the groups asked about that the person is in, nested ones included, as the question spelt them.
    pub(crate) groups: Vec<String>,
}

/// The truth about wrong credentials. All of these are told in the same words and after the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The account is there, the password another.
    Password(Arc<str>),
    /// The account is locked. The directory says so to anyone, so that it counts as wrong.
    Locked(Arc<str>),
    /// Nobody, or more than one, has this name. It is never recorded: people type passwords there.
    NoSuchUser,
    /// No password at all: never asked, for some directories call that a success.
    EmptyPassword,
}

impl Person {
    /// Somebody whose groups were not asked.
    fn alone(id: Arc<str>, name: Arc<str>) -> Self {
        Self { id, name, groups: Vec::new() }
    }
}

impl Wrong {
    /// The word of the record.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Password(_) => "wrong_password",
            Self::Locked(_) => "account_locked",
            Self::NoSuchUser => "unknown_user",
            Self::EmptyPassword => "empty_password",
        }
    }

    /// Whose account it was, if it is anybody's.
    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Password(name) | Self::Locked(name) => Some(name),
            Self::NoSuchUser | Self::EmptyPassword => None,
        }
    }
}

/// What the directory wants done before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MustAct {
    /// The password's time is over.
    PasswordExpired,
    /// The password was set by somebody else and must be changed.
    ChangePassword,
    /// The account's time is over.
    AccountExpired,
    /// An administrator switched the account off.
    Disabled,
    /// The directory's own hours do not include this one.
    OutsideDirectoryHours,
    /// The directory lets the account sign in at certain computers only.
    NotFromHere,
}

impl MustAct {
    /// Whether the worker ends it by changing the password.
    pub(crate) fn is_mended_by_a_new_password(self) -> bool {
        matches!(self, Self::PasswordExpired | Self::ChangePassword)
    }

    /// The word of the record.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::PasswordExpired => "password_expired",
            Self::ChangePassword => "must_change_password",
            Self::AccountExpired => "account_expired",
            Self::Disabled => "account_disabled",
            Self::OutsideDirectoryHours => "outside_directory_hours",
            Self::NotFromHere => "not_from_here",
        }
    }
}

/// The directory, whichever kind it is, with a bound on how much of it is used at once.
#[derive(Debug)]
pub(crate) struct Directory {
    kind: Kind,
    waiting: Semaphore,
    /// How many may be asked at the same time.
    places: Semaphore,
}

#[derive(Debug)]
enum Kind {
    File(FileDirectory),
    Ldap(Arc<LdapDirectory>),
}

/// A step of a walk through the directory, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) holds: bool,
    pub(crate) words: String,
}

impl Step {
    fn done(words: String) -> Self {
        Self { holds: true, words }
    }

    fn failed(words: String) -> Self {
        Self { holds: false, words }
    }
}

impl Directory {
    /// Over the embedded directory. Its hashes cost processor time: one for each core at most.
    pub(crate) fn file(directory: FileDirectory) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { kind: Kind::File(directory), waiting: Semaphore::new(WAITING), places: Semaphore::new(cores) }
    }

    /// Over LDAP. A login is mostly waiting there: many at once.
    pub(crate) fn ldap(directory: LdapDirectory) -> Self {
        Self {
            kind: Kind::Ldap(Arc::new(directory)),
            waiting: Semaphore::new(WAITING),
            places: Semaphore::new(LDAP_AT_ONCE),
        }
    }

    /// Asks whether the password holds, and which of `groups` its owner is in.
    pub(crate) async fn authenticate(&self, user: &str, password: Password, groups: &[String]) -> Answer {
        let _turn = match self.turn(user, &password).await {
            Ok(turn) => turn,
            Err(answer) => return answer,
        };
        match &self.kind {
            Kind::File(directory) => directory.authenticate(user, password, groups).await,
            Kind::Ldap(directory) => {
                let (directory, user, groups) = (Arc::clone(directory), user.to_owned(), groups.to_vec());
                let question = async move { directory.authenticate(&user, &password, &groups).await };
                bounded(LDAP_ANSWER, question).await.unwrap_or_else(Answer::Unknown)
            }
        }
    }

    /// Whose account a name means, whose groups are not asked; none if it is nobody's. For administrators: no password is asked for.
    pub(crate) async fn person(&self, user: &str) -> Result<Option<Person>, String> {
        if user.is_empty() || user.chars().any(char::is_control) {
            return Ok(None);
        }
        match &self.kind {
            Kind::File(directory) => directory.person(user),
            Kind::Ldap(directory) => {
                let (directory, user) = (Arc::clone(directory), user.to_owned());
                bounded(LDAP_ANSWER, async move { directory.person(&user).await }).await?
            }
        }
    }

    /// Gives an account another password, if the present one holds.
    pub(crate) async fn change_password(&self, user: &str, password: Password, new: Password) -> Change {
        let _turn = match self.turn(user, &password).await {
            Ok(turn) => turn,
            Err(answer) => return Change::Refused(answer),
        };
        match &self.kind {
            // Its file is an administrator's to write.
            Kind::File(directory) => match directory.authenticate(user, password, &[]).await {
                Answer::Valid(Person { name, .. }) | Answer::MustAct(Person { name, .. }, MustAct::ChangePassword) => {
                    Change::NotTaken(name, NotTaken::NotHere)
                }
                answer => Change::Refused(answer),
            },
            Kind::Ldap(directory) => {
                let (directory, user) = (Arc::clone(directory), user.to_owned());
                let change = async move { directory.change_password(&user, &password, &new).await };
                bounded(LDAP_ANSWER, change).await.unwrap_or_else(|why| Change::Refused(Answer::Unknown(why)))
            }
        }
    }

    /// A turn with the directory; or the answer of those who need not ask.
    async fn turn(&self, user: &str, password: &Password) -> Result<[SemaphorePermit<'_>; 2], Answer> {
        if password.expose().is_empty() {
            return Err(Answer::Wrong(Wrong::EmptyPassword));
        }
        // Nobody has such a name, and what parses names need not see it.
        if user.is_empty() || user.chars().any(char::is_control) {
            return Err(Answer::Wrong(Wrong::NoSuchUser));
        }
        let Ok(waiting) = self.waiting.try_acquire() else {
            return Err(Answer::Unknown("too many logins wait for the directory".to_owned()));
        };
        match tokio::time::timeout(TURN, self.places.acquire()).await {
            Ok(Ok(place)) => Ok([waiting, place]),
            _ => Err(Answer::Unknown("the directory is too slow for the logins that wait".to_owned())),
        }
    }

    /// What the directory is taken to do after wrong passwords before it was asked.
    pub(crate) fn assumed_lockout(&self) -> Lockout {
        match &self.kind {
            Kind::File(_) => Lockout::Never,
            Kind::Ldap(_) => Lockout::NotTold,
        }
    }

    /// What the directory says that it does after wrong passwords.
    pub(crate) async fn lockout(&self) -> Result<Lockout, String> {
        match &self.kind {
            Kind::File(_) => Ok(Lockout::Never),
            Kind::Ldap(directory) => {
                let directory = Arc::clone(directory);
                bounded(LDAP_ANSWER, async move { directory.lockout().await }).await?
            }
        }
    }

    /// How accounts stand, and which server says so; or why that is unknown, in words that name nobody.
    pub(crate) async fn standings(&self, inquiry: &Inquiry) -> Result<(Standings, ServerNumber), String> {
        match &self.kind {
            Kind::File(directory) => directory.standings(inquiry).map(|standings| (standings, ServerNumber(0))),
            Kind::Ldap(directory) => {
                let (directory, inquiry) = (Arc::clone(directory), inquiry.clone());
                bounded(LDAP_LOOK, async move { directory.standings(&inquiry).await }).await?
            }
        }
    }

    /// The same from a server that is not the one that answered.
    pub(crate) async fn standings_elsewhere(
        &self,
        inquiry: &Inquiry,
        first: ServerNumber,
    ) -> Result<Standings, String> {
        match &self.kind {
            Kind::File(_) => Err("the embedded directory is one file".to_owned()),
            Kind::Ldap(directory) => {
                let (directory, inquiry) = (Arc::clone(directory), inquiry.clone());
                bounded(LDAP_LOOK, async move { directory.standings_elsewhere(&inquiry, first).await }).await?
            }
        }
    }

    /// Whether there is no other server whose word could differ.
    pub(crate) fn is_one_server(&self) -> bool {
        match &self.kind {
            Kind::File(_) => true,
            Kind::Ldap(directory) => directory.is_one_server(),
        }
    }

    /// Where mail to a person goes, by [`Person::id`]; none where the directory does not say, or does not know them. `attribute` is an LDAP
    /// directory's.
    pub(crate) async fn mail_address(&self, id: &Arc<str>, attribute: &str) -> Result<Option<String>, String> {
        match &self.kind {
            Kind::File(directory) => directory.mail_address(id),
            Kind::Ldap(directory) => {
                let (directory, id, attribute) = (Arc::clone(directory), Arc::clone(id), attribute.to_owned());
                bounded(LDAP_ANSWER, async move { directory.mail_address(&id, &attribute).await }).await?
            }
        }
    }
}

/// A question within its time, in a task of its own: the library breaks off on answers that it cannot read.
async fn bounded<T: Send + 'static>(
    limit: Duration,
    question: impl Future<Output = T> + Send + 'static,
) -> Result<T, String> {
    match tokio::time::timeout(limit, tokio::spawn(question)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err("the directory's answer cannot be read".to_owned()),
        Err(_) => Err("the directory took too long".to_owned()),
    }
}

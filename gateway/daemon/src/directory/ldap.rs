//! LDAP and Active Directory: this folder is all that knows of them.
//!
//! A question goes: find the person with the searching account, bind as the person on a fresh connection, then ask for the
//! groups with the searching account again. A name that nobody has is bound all the same, to an entry that is not there, so
//! that it takes the same steps.
//!
//! - `connection.rs`: servers in order, their health, TLS
//! - `bind.rs`: what the answer to a bind means
//! - `lockout.rs`: what the directory does after wrong passwords
//! - `names.rs`: the ways in which people write their name
//! - `groups.rs`: memberships, nested ones included
//! - `password.rs`: another password in the place of the present one
//! - `standing.rs`: how the accounts of live sessions stand, without a password
//! - `walk.rs`: the same way step by step, in words, for administrators

mod bind;
mod connection;
mod groups;
mod lockout;
mod names;
mod password;
mod standing;
mod walk;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use gateway_api::login::Password;
use ldap3::{Scope, SearchEntry, SearchOptions, ldap_escape};

use self::{
    bind::Outcome,
    connection::{Connection, Servers},
    names::Typed,
};
use super::{Answer, Person, Wrong};
use crate::config;

/// What a person's entry is asked for: the name, and what stays when it changes.
const ATTRIBUTES: [&str; 5] = ["uid", "sAMAccountName", "cn", "entryUUID", "objectGUID"];

/// How long a directory that showed somebody is taken to show people, before it is looked at again.
const SEES_PEOPLE: Duration = Duration::from_secs(30);

/// An LDAP directory.
#[derive(Debug)]
pub(crate) struct LdapDirectory {
    config: config::Ldap,
    servers: Servers,
    /// When the searching account last saw anybody at all.
    saw_somebody: Mutex<Option<Instant>>,
}

/// Why the directory gave no answer, in words that name nobody.
type NoAnswer = String;

/// An entry that a login name was found to mean.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    dn: String,
    /// As agreements spell it.
    name: Arc<str>,
    /// Survives a change of name, and is never given to another.
    id: Arc<str>,
}

impl LdapDirectory {
    /// Over the configured servers. Reads the authorities' certificates; connects to nobody yet.
    pub(crate) fn new(config: config::Ldap) -> Result<Self, String> {
        Ok(Self { servers: Servers::new(&config)?, config, saw_somebody: Mutex::default() })
    }

    /// Whether the searching account's password can be read, for a start that should rather fail than refuse everybody.
    pub(crate) fn check_files(&self) -> Result<(), String> {
        self.config.bind.as_ref().map_or(Ok(()), |bind| connection::search_password(bind).map(|_| ()))
    }

    /// See [`super::Directory::authenticate`].
    pub(super) async fn authenticate(&self, user: &str, password: &Password, groups: &[String]) -> Answer {
        match self.question(user, password, groups).await {
            Ok(answer) => answer,
            Err(why) => Answer::Unknown(why),
        }
    }

    async fn question(&self, user: &str, password: &Password, groups: &[String]) -> Result<Answer, NoAnswer> {
        let Some(found) = self.find(user).await? else {
            self.bind(&self.nobody(), password).await?;
            return Ok(Answer::Wrong(Wrong::NoSuchUser));
        };
        Ok(match self.bind(&found.dn, password).await? {
            Outcome::Holds => {
                let groups = self.groups(&found, groups).await?;
                Answer::Valid(Person { id: found.id, name: found.name, groups })
            }
            Outcome::Wrong => Answer::Wrong(Wrong::Password(found.name)),
            Outcome::Locked => Answer::Wrong(Wrong::Locked(found.name)),
            Outcome::MustAct(what) => Answer::MustAct(Person::alone(found.id, found.name), what),
            Outcome::Unclear(why) => Answer::Unknown(why),
        })
    }

    /// See [`super::Directory::person`].
    pub(super) async fn person(&self, user: &str) -> Result<Option<Person>, NoAnswer> {
        Ok(self.find(user).await?.map(|found| Person::alone(found.id, found.name)))
    }

    /// The one entry that the name means. A service connection that died meanwhile is replaced once.
    async fn find(&self, user: &str) -> Result<Option<Found>, NoAnswer> {
        let mut connection = self.servers.searching(&self.config).await?;
        match self.find_on(&mut connection, user).await {
            Err(_) if connection.was_reused() => {
                let mut connection = self.servers.searching_anew(&self.config, connection).await?;
                self.find_on(&mut connection, user).await
            }
            found => found,
        }
    }

    async fn find_on(&self, connection: &mut Connection, user: &str) -> Result<Option<Found>, NoAnswer> {
        let user = policy::composed(user);
        let mut entries = match Typed::of(&user) {
            Typed::InDomain { .. } => Vec::new(),
            Typed::Account(_) | Typed::AtDomain { .. } => self.entries(connection, &user).await?,
        };
        if entries.is_empty() {
            entries = self.entries_of_domain(connection, &user).await?;
        }
        if entries.is_empty() && !self.sees_anybody(connection).await? {
            return Err("the directory shows nobody at all: does the searching account still have its rights, and do `search_bases` and `user_filter` still fit?".to_owned());
        }
        self.note_sight(!entries.is_empty());
        match <[SearchEntry; 1]>::try_from(entries) {
            Ok([entry]) => Ok(Some(Found::new(entry, &user))),
            Err(entries) if entries.is_empty() => Ok(None),
            Err(_) => {
                tracing::warn!(
                    "a name means more than one entry of the directory: make `user_filter` or `search_bases` narrower"
                );
                Ok(None)
            }
        }
    }

    /// The entries that `user_filter` finds for a name.
    async fn entries(&self, connection: &mut Connection, user: &str) -> Result<Vec<SearchEntry>, NoAnswer> {
        let filter = self.config.user_filter.replace("{user}", &ldap_escape(user));
        let mut found = Vec::new();
        for base in &self.config.search_bases {
            // Two are enough to know that the name is not one person's.
            connection.ldap().with_search_options(SearchOptions::new().sizelimit(2));
            found.extend(connection.search(base, Scope::Subtree, &filter, &ATTRIBUTES).await?);
        }
        Ok(found)
    }

    /// Those of the account's name alone, in the domain that was written with it.
    async fn entries_of_domain(&self, connection: &mut Connection, user: &str) -> Result<Vec<SearchEntry>, NoAnswer> {
        let (account, domain) = match Typed::of(user) {
            Typed::Account(_) => return Ok(Vec::new()),
            Typed::AtDomain { account, domain } => (account, domain.to_owned()),
            Typed::InDomain { domain, account } => match connection.domain_of_short_name(domain).await? {
                Some(domain) => (account, domain),
                None => return Ok(Vec::new()),
            },
        };
        if account.is_empty() {
            return Ok(Vec::new());
        }
        let mut entries = self.entries(connection, account).await?;
        entries.retain(|entry| names::is_in_domain(&entry.dn, &domain));
        Ok(entries)
    }

    /// Whether the searching account sees people at all. One that lost its rights is answered like one that asks about nobody.
    async fn sees_anybody(&self, connection: &mut Connection) -> Result<bool, NoAnswer> {
        let last = *self.saw_somebody.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < SEES_PEOPLE) {
            return Ok(true);
        }
        let filter = self.config.user_filter.replace("{user}", "*");
        for base in &self.config.search_bases {
            connection.ldap().with_search_options(SearchOptions::new().sizelimit(1));
            if !connection.search(base, Scope::Subtree, &filter, &["1.1"]).await?.is_empty() {
                self.note_sight(true);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn note_sight(&self, seen: bool) {
        if seen {
            *self.saw_somebody.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    async fn bind(&self, dn: &str, password: &Password) -> Result<Outcome, NoAnswer> {
        let mut connection = self.servers.fresh(&self.config).await?;
        bind::bind(connection.ldap(), dn, password).await
    }

    /// An entry that is not there, beside those that are.
    fn nobody(&self) -> String {
        let base = self.config.search_bases.first().map(String::as_str).unwrap_or_default();
        format!("cn=nobody-d41d8cd98f00b204,{base}")
    }

    async fn groups(&self, found: &Found, asked: &[String]) -> Result<Vec<String>, NoAnswer> {
        let mut connection = self.servers.searching(&self.config).await?;
        groups::of(&mut connection, &self.config.search_bases, found, asked).await
    }
}

impl Found {
    fn new(entry: SearchEntry, typed: &str) -> Self {
        let first = |name: &str| {
            let values = entry.attrs.iter().find(|(attribute, _)| attribute.eq_ignore_ascii_case(name));
            values.and_then(|(_, values)| values.first()).map(String::as_str)
        };
        // Active Directory may hold a `uid` for Unix machines beside the name that people sign in with.
        let name = first("sAMAccountName").or(first("uid")).or(first("cn")).unwrap_or(typed);
        Self { name: name.into(), id: id_of(&entry), dn: entry.dn }
    }
}

/// What stays of an entry whatever it is called: `entryUUID`, or `objectGUID`, or for want of both its DN.
fn id_of(entry: &SearchEntry) -> Arc<str> {
    let text = entry.attrs.iter();
    let text = text.filter_map(|(attribute, values)| Some((attribute, values.first()?.as_str())));
    let first =
        |name: &str| text.clone().find(|(attribute, _)| attribute.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let values = entry.bin_attrs.iter().find(|(attribute, _)| attribute.eq_ignore_ascii_case("objectGUID"));
    // Sixteen bytes that happen to be text come as text.
    let guid =
        values.and_then(|(_, values)| values.first()).map(Vec::as_slice).or(first("objectGUID").map(str::as_bytes));
    let guid = guid.map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let id = first("entryUUID").map(str::to_lowercase).or(guid);
    id.unwrap_or_else(|| policy::folded_group(&entry.dn)).into()
}

#[cfg(test)]
mod tests;

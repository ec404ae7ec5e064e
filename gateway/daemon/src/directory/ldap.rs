//! LDAP and Active Directory: this folder is all that knows of them.
//!
//! A question goes: find the person with the searching account, bind as the person on a fresh connection, then ask for the
//! groups with the searching account again. A name that nobody has is bound all the same, to an entry that is not there, so
//! that it takes the same steps.
//!
//! - `connection.rs`: servers in order, their health, TLS
//! - `bind.rs`: what the answer to a bind means
//! - `groups.rs`: memberships, nested ones included
//! - `walk.rs`: the same way step by step, in words, for administrators

mod bind;
mod connection;
mod groups;
mod walk;

use std::sync::Arc;

use gateway_api::login::Password;
use ldap3::{Scope, SearchEntry, SearchOptions, ldap_escape};

use self::{
    bind::Outcome,
    connection::{Connection, Servers},
};
use super::{Answer, Person, Wrong};
use crate::config;

/// What a person's entry is asked for: the name, and what stays when it changes.
const ATTRIBUTES: [&str; 5] = ["uid", "sAMAccountName", "cn", "entryUUID", "objectGUID"];

/// An LDAP directory.
#[derive(Debug)]
pub(crate) struct LdapDirectory {
    config: config::Ldap,
    servers: Servers,
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
        Ok(Self { servers: Servers::new(&config)?, config })
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
            Outcome::MustAct(what) => Answer::MustAct(found.name, what),
            Outcome::Unclear(why) => Answer::Unknown(why),
        })
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
        let filter = self.config.user_filter.replace("{user}", &ldap_escape(user));
        let mut found = Vec::new();
        for base in &self.config.search_bases {
            // Two are enough to know that the name is not one person's.
            let ldap = connection.ldap();
            ldap.with_search_options(SearchOptions::new().sizelimit(2));
            found.extend(connection.search(base, Scope::Subtree, &filter, &ATTRIBUTES).await?);
        }
        match <[SearchEntry; 1]>::try_from(found) {
            Ok([entry]) => Ok(Some(Found::new(entry, user))),
            Err(found) if found.is_empty() => Ok(None),
            Err(_) => {
                tracing::warn!(
                    "a name means more than one entry of the directory: make `user_filter` or `search_bases` narrower"
                );
                Ok(None)
            }
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
        let name = first("uid").or(first("sAMAccountName")).or(first("cn")).unwrap_or(typed);
        let binary = || {
            let values = entry.bin_attrs.iter().find(|(attribute, _)| attribute.eq_ignore_ascii_case("objectGUID"));
            // Sixteen bytes that happen to be text come as text.
            values.and_then(|(_, values)| values.first()).map(Vec::as_slice).or(first("objectGUID").map(str::as_bytes))
        };
        let guid = || binary().map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        let id = first("entryUUID").map(str::to_lowercase).or_else(guid);
        let id = id.unwrap_or_else(|| policy::folded_group(&entry.dn));
        Self { name: name.into(), id: id.into(), dn: entry.dn }
    }
}

#[cfg(test)]
mod tests;

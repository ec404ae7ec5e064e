//! How accounts stand, by searches of the searching account: nobody's password is needed, and nobody's is there.
//!
//! Entries are found by what never changes, so that who was renamed is still there and who got a used name is not.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use ldap3::{Scope, SearchEntry, ldap_escape};

use super::{LdapDirectory, NoAnswer, connection, connection::Connection, groups, groups::Member, id_of};
use crate::directory::standing::{Inquiry, Left, ServerNumber, Standing, Standings};

/// Accounts asked about in one search.
const TOGETHER: usize = 100;
const ATTRIBUTES: [&str; 8] = [
    "entryUUID",
    "objectGUID",
    "userAccountControl",
    "accountExpires",
    "pwdAccountLockedTime",
    "pwdEndTime",
    "nsAccountLock",
    "shadowExpire",
];
/// Active Directory's flag "disabled" in `userAccountControl`.
const ACCOUNT_DISABLED: i64 = 2;
/// Active Directory's two ways to say "never".
const NEVER: [i64; 2] = [0, i64::MAX];
/// Seconds from 1601, where Windows begins to count, to 1970.
const SINCE_1601: i64 = 11_644_473_600;
/// The lock that an administrator sets, and that no time lifts (draft-behera-ldap-password-policy, 5.3.3).
const LOCKED_FOR_GOOD: &str = "000001010000Z";

impl LdapDirectory {
    /// How the accounts stand, and which server says so.
    pub(in crate::directory) async fn standings(
        &self,
        inquiry: &Inquiry,
    ) -> Result<(Standings, ServerNumber), NoAnswer> {
        let mut connection = self.servers.searching(&self.config).await?;
        let mut standings = self.standings_on(&mut connection, inquiry).await;
        if standings.is_err() && connection.was_reused() {
            connection = self.servers.searching_anew(&self.config, connection).await?;
            standings = self.standings_on(&mut connection, inquiry).await;
        }
        standings.map(|standings| (standings, ServerNumber(connection.server())))
    }

    /// The same from any server but this one.
    pub(in crate::directory) async fn standings_elsewhere(
        &self,
        inquiry: &Inquiry,
        ServerNumber(not_this): ServerNumber,
    ) -> Result<Standings, NoAnswer> {
        let mut why = Vec::new();
        for (index, server) in self.servers.addresses().enumerate().filter(|(index, _)| *index != not_this) {
            match self.standings_of(index, inquiry).await {
                Ok(standings) => return Ok(standings),
                Err(error) => why.push(format!("{}: {error}", server.host)),
            }
        }
        Err(if why.is_empty() { "there is no second server to ask".to_owned() } else { why.join("; ") })
    }

    async fn standings_of(&self, server: usize, inquiry: &Inquiry) -> Result<Standings, NoAnswer> {
        let mut connection = self.servers.connect_to(server, &self.config).await?;
        connection::sign_in(&mut connection, &self.config).await?;
        connection.recognise().await?;
        self.standings_on(&mut connection, inquiry).await
    }

    async fn standings_on(&self, connection: &mut Connection, inquiry: &Inquiry) -> Result<Standings, NoAnswer> {
        let entries = self.entries_by_id(connection, inquiry.accounts.keys(), &ATTRIBUTES).await?;
        if entries.is_empty() && !inquiry.accounts.is_empty() && !self.sees_anybody(connection).await? {
            return Err(
                "the directory shows nobody at all: does the searching account still have its rights?".to_owned()
            );
        }
        self.note_sight(!entries.is_empty());
        let members: Vec<Member> = entries
            .iter()
            .map(|(id, entry)| Member {
                id: Arc::clone(id),
                dn: entry.dn.clone(),
                name: inquiry.accounts.get(id).cloned().unwrap_or_default(),
            })
            .collect();
        let bases = &self.config.search_bases;
        let mut groups = groups::of_each(connection, bases, &members, &inquiry.groups).await?;
        let mut standing = |id: &Arc<str>| match entries.get(id) {
            None => Standing::Left(Left::Removed),
            Some(entry) => match left(entry, inquiry.at) {
                Some(left) => Standing::Left(left),
                None => Standing::InOrder(groups.remove(id).unwrap_or_default()),
            },
        };
        Ok(inquiry.accounts.keys().map(|id| (Arc::clone(id), standing(id))).collect())
    }

    /// Whether there is no second server to ask.
    pub(in crate::directory) fn is_one_server(&self) -> bool {
        self.servers.addresses().count() < 2
    }

    /// See [`crate::directory::Directory::mail_address`].
    pub(in crate::directory) async fn mail_address(
        &self,
        id: &Arc<str>,
        attribute: &str,
    ) -> Result<Option<String>, NoAnswer> {
        let mut connection = self.servers.searching(&self.config).await?;
        let address = match self.address_on(&mut connection, id, attribute).await {
            Err(_) if connection.was_reused() => {
                let mut connection = self.servers.searching_anew(&self.config, connection).await?;
                self.address_on(&mut connection, id, attribute).await?
            }
            found => found?,
        };
        Ok(address)
    }

    async fn address_on(
        &self,
        connection: &mut Connection,
        id: &Arc<str>,
        attribute: &str,
    ) -> Result<Option<String>, NoAnswer> {
        let wanted = ["entryUUID", "objectGUID", attribute];
        let entry = self.entries_by_id(connection, std::iter::once(id), &wanted).await?.remove(id);
        let attributes = entry.into_iter().flat_map(|entry| entry.attrs);
        let mut values =
            attributes.filter(|(name, _)| name.eq_ignore_ascii_case(attribute)).flat_map(|(_, values)| values);
        Ok(values.find(|value| !value.trim().is_empty()))
    }

    async fn entries_by_id(
        &self,
        connection: &mut Connection,
        ids: impl Iterator<Item = &Arc<str>>,
        attributes: &[&str],
    ) -> Result<BTreeMap<Arc<str>, SearchEntry>, NoAnswer> {
        let mut entries = BTreeMap::new();
        let (named, numbered): (Vec<_>, Vec<_>) = ids.partition(|id| id.contains('='));
        for together in numbered.chunks(TOGETHER) {
            let ids: String = together.iter().map(|id| by_id(id)).collect();
            for base in &self.config.search_bases {
                let found = connection.search(base, Scope::Subtree, &format!("(|{ids})"), attributes).await?;
                entries.extend(found.into_iter().map(|entry| (id_of(&entry), entry)));
            }
        }
        // A directory without lasting numbers: there the name is all there is.
        for id in named {
            if let Some(entry) = connection.entry(id, attributes).await? {
                entries.insert(Arc::clone(id), entry);
            }
        }
        Ok(entries)
    }
}

/// The filter of one entry by its number: sixteen bytes of `objectGUID` in hexadecimal digits, or an `entryUUID`.
pub(super) fn by_id(id: &str) -> String {
    if id.contains('-') {
        return format!("(entryUUID={})", ldap_escape(id));
    }
    let digits: Vec<char> = id.chars().collect();
    let bytes: String = digits.chunks(2).map(|pair| format!("\\{}", pair.iter().collect::<String>())).collect();
    format!("(objectGUID={bytes})")
}

/// Whether an entry is one that nobody may sign in with any more.
fn left(entry: &SearchEntry, at: Timestamp) -> Option<Left> {
    let value = |name: &str| {
        let values = entry.attrs.iter().find(|(attribute, _)| attribute.eq_ignore_ascii_case(name));
        values.and_then(|(_, values)| values.first()).map(String::as_str)
    };
    let number = |name: &str| value(name).and_then(|text| text.parse::<i64>().ok());
    let disabled = number("userAccountControl").is_some_and(|flags| flags & ACCOUNT_DISABLED != 0)
        || value("nsAccountLock").is_some_and(|locked| locked.eq_ignore_ascii_case("true"))
        || value("pwdAccountLockedTime") == Some(LOCKED_FOR_GOOD);
    if disabled {
        return Some(Left::Disabled);
    }
    let ends = number("accountExpires").filter(|ticks| !NEVER.contains(ticks));
    let expired = ends.is_some_and(|ticks| ticks / 10_000_000 - SINCE_1601 <= at.as_second())
        || value("pwdEndTime").is_some_and(|end| is_over(end, at))
        || number("shadowExpire").is_some_and(|days| (0..=at.as_second() / 86_400).contains(&days));
    expired.then_some(Left::Expired)
}

/// Whether a moment as LDAP writes it (RFC 4517, 3.3.13), in UTC and to the second as directories keep it, has come.
fn is_over(moment: &str, at: Timestamp) -> bool {
    let now = at.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%S").to_string();
    moment.ends_with('Z') && moment.get(..14).is_some_and(|moment| moment <= now.as_str())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn entry(attributes: &[(&str, &str)]) -> SearchEntry {
        let attrs: HashMap<String, Vec<String>> =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()])).collect();
        SearchEntry { dn: String::new(), attrs, bin_attrs: HashMap::new() }
    }

    #[test]
    fn who_has_left_is_told_from_who_was_locked_by_wrong_passwords() {
        let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let left = |name: &str, value: &str| left(&entry(&[(name, value)]), at);
        assert_eq!(left("userAccountControl", "514"), Some(Left::Disabled));
        assert_eq!(left("userAccountControl", "512"), None);
        assert_eq!(left("pwdAccountLockedTime", "000001010000Z"), Some(Left::Disabled));
        assert_eq!(left("pwdAccountLockedTime", "20261121115900Z"), None, "a stranger can do that");
        assert_eq!(left("nsAccountLock", "TRUE"), Some(Left::Disabled));
        assert_eq!(left("accountExpires", "0"), None);
        assert_eq!(left("accountExpires", "9223372036854775807"), None);
        let ticks = |moment: i64| ((moment + SINCE_1601) * 10_000_000).to_string();
        assert_eq!(left("accountExpires", &ticks(at.as_second())), Some(Left::Expired));
        assert_eq!(left("accountExpires", &ticks(at.as_second() + 1)), None);
        assert_eq!(left("pwdEndTime", "20261121120000Z"), Some(Left::Expired));
        assert_eq!(left("pwdEndTime", "20261121120001Z"), None);
        assert_eq!(left("shadowExpire", "-1"), None);
        assert_eq!(left("shadowExpire", "20000"), Some(Left::Expired));
    }

    #[test]
    fn numbers_become_filters() {
        assert_eq!(
            by_id("00112233445566778899aabbccddeeff"),
            r"(objectGUID=\00\11\22\33\44\55\66\77\88\99\aa\bb\cc\dd\ee\ff)"
        );
        assert_eq!(by_id("5d8a-11"), "(entryUUID=5d8a-11)");
    }
}

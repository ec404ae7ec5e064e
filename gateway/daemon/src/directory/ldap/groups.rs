//! Which of the groups asked about a person is in, nested ones included.
//!
//! Active Directory follows the nesting itself, by a matching rule. Others answer that rule with an empty success, so there it
//! is followed here, level by level, with an end to it: groups may hold each other in circles.

use std::collections::BTreeSet;

use ldap3::{Scope, ldap_escape};

use super::{Found, NoAnswer, connection::Connection};

/// Levels of nesting, and groups looked at, before a directory is thought to be broken.
const DEEPEST: usize = 32;
const MOST_GROUPS: usize = 2000;
/// Groups asked about in one search.
const TOGETHER: usize = 50;
/// Active Directory's rule "in this chain of memberships".
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// Those of `asked` that the person is in, spelt as asked.
pub(super) async fn of(
    connection: &mut Connection,
    bases: &[String],
    person: &Found,
    asked: &[String],
) -> Result<Vec<String>, NoAnswer> {
    let mut named = Vec::new();
    for group in asked {
        if let Some(dn) = dn_of(connection, bases, group).await? {
            named.push((group, dn));
        }
    }
    if named.is_empty() {
        return Ok(Vec::new());
    }
    if connection.kind.is_active_directory {
        return in_chain(connection, person, &named).await;
    }
    let all = followed(connection, bases, person).await?;
    let is_in = |dn: &String| all.contains(&policy::folded_group(dn));
    Ok(named.into_iter().filter(|(_, dn)| is_in(dn)).map(|(group, _)| group.clone()).collect())
}

/// A group written as its DN, or found by its name if that is unambiguous.
async fn dn_of(connection: &mut Connection, bases: &[String], group: &str) -> Result<Option<String>, NoAnswer> {
    if group.contains('=') {
        return Ok(Some(group.to_owned()));
    }
    let classes =
        ["group", "groupOfNames", "groupOfUniqueNames", "posixGroup"].map(|class| format!("(objectClass={class})"));
    let filter = format!("(&(cn={})(|{}))", ldap_escape(group), classes.concat());
    let mut found = Vec::new();
    for base in bases {
        found.extend(connection.search(base, Scope::Subtree, &filter, &["1.1"]).await?);
    }
    match found.as_slice() {
        [entry] => Ok(Some(entry.dn.clone())),
        [] => Ok(None),
        _ => {
            tracing::warn!(group, "a group's name means several groups: write its DN in the policy");
            Ok(None)
        }
    }
}

async fn in_chain(
    connection: &mut Connection,
    person: &Found,
    named: &[(&String, String)],
) -> Result<Vec<String>, NoAnswer> {
    let mut groups = Vec::new();
    for (group, dn) in named {
        let filter = format!("(memberOf:{IN_CHAIN}:={})", ldap_escape(dn.as_str()));
        if !connection.search(&person.dn, Scope::Base, &filter, &["1.1"]).await?.is_empty() {
            groups.push((*group).clone());
        }
    }
    Ok(groups)
}

/// The folded DNs of every group above a person.
async fn followed(connection: &mut Connection, bases: &[String], person: &Found) -> Result<BTreeSet<String>, NoAnswer> {
    let mut all = BTreeSet::new();
    let mut level = vec![person.dn.clone()];
    let mut by_name = format!("(memberUid={})", ldap_escape(&*person.name));
    for _ in 0..DEEPEST {
        let mut next = Vec::new();
        for together in level.chunks(TOGETHER) {
            let members: String = together.iter().map(|dn| holding(dn)).collect();
            let filter = format!("(|{members}{})", std::mem::take(&mut by_name));
            for base in bases {
                for entry in connection.search(base, Scope::Subtree, &filter, &["1.1"]).await? {
                    if all.insert(policy::folded_group(&entry.dn)) {
                        next.push(entry.dn);
                    }
                }
            }
        }
        if next.is_empty() {
            return Ok(all);
        }
        if all.len() > MOST_GROUPS {
            break;
        }
        level = next;
    }
    Err(format!(
        "a person is in more than {MOST_GROUPS} groups, or groups are nested deeper than {DEEPEST}: narrow `search_bases`"
    ))
}

fn holding(dn: &str) -> String {
    let dn = ldap_escape(dn);
    format!("(member={dn})(uniqueMember={dn})")
}

//! Which of the groups asked about a person is in, nested ones included.
//!
//! Active Directory follows the nesting itself, by a matching rule. Others answer that rule with an empty success, so there it
//! is followed here, level by level, with an end to it: groups may hold each other in circles.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use ldap3::{Scope, SearchEntry, ldap_escape};

use super::{Found, NoAnswer, connection::Connection, id_of, standing};

/// Levels of nesting, and groups looked at, before a directory is thought to be broken.
const DEEPEST: usize = 32;
const MOST_GROUPS: usize = 2000;
/// Groups asked about in one search.
const TOGETHER: usize = 50;
/// The classes of groups.
const CLASSES: [&str; 4] = ["group", "groupOfNames", "groupOfUniqueNames", "posixGroup"];
/// Active Directory's rule "in this chain of memberships".
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// Those of `asked` that the person is in, spelt as asked.
pub(super) async fn of(
    connection: &mut Connection,
    bases: &[String],
    person: &Found,
    asked: &[String],
) -> Result<Vec<String>, NoAnswer> {
    let named = named(connection, bases, asked).await?;
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

/// Somebody whose groups are asked for together with others'.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) id: Arc<str>,
    pub(super) dn: String,
    pub(super) name: Arc<str>,
}

/// For each of several people those of `asked` that they are in, spelt as asked: a few searches for all of them.
pub(super) async fn of_each(
    connection: &mut Connection,
    bases: &[String],
    people: &[Member],
    asked: &[String],
) -> Result<BTreeMap<Arc<str>, Vec<String>>, NoAnswer> {
    let named = named(connection, bases, asked).await?;
    let mut groups = BTreeMap::new();
    if named.is_empty() || people.is_empty() {
        return Ok(groups);
    }
    if connection.kind.is_active_directory {
        for (group, dn) in named {
            for id in in_chain_of(connection, bases, people, &dn).await? {
                groups.entry(id).or_insert_with(Vec::new).push(group.clone());
            }
        }
        return Ok(groups);
    }
    let above = above(connection, bases, people).await?;
    for person in people {
        let all = reachable(&above, &policy::folded_group(&person.dn));
        let own = named.iter().filter(|(_, dn)| all.contains(policy::folded_group(dn).as_str()));
        groups.insert(Arc::clone(&person.id), own.map(|(group, _)| (*group).clone()).collect());
    }
    Ok(groups)
}

/// The groups asked about that there are, each with its DN.
async fn named<'g>(
    connection: &mut Connection,
    bases: &[String],
    asked: &'g [String],
) -> Result<Vec<(&'g String, String)>, NoAnswer> {
    let (by_dn, by_name): (Vec<&String>, Vec<&String>) = asked.iter().partition(|group| group.contains('='));
    let mut named: Vec<_> = by_dn.into_iter().map(|dn| (dn, dn.clone())).collect();
    for together in by_name.chunks(TOGETHER) {
        let found = of_name(connection, bases, together).await?;
        for group in together {
            match found.get(&same(group)).map(Vec::as_slice) {
                Some([dn]) => named.push((group, dn.clone())),
                None | Some([]) => {}
                Some(_) => {
                    tracing::warn!(group, "a group's name means several groups: write its DN in the policy");
                }
            }
        }
    }
    Ok(named)
}

fn classes() -> String {
    CLASSES.iter().map(|class| format!("(objectClass={class})")).collect()
}

/// The DNs of groups that have one of some names, by folded name: one search for all of them.
async fn of_name(
    connection: &mut Connection,
    bases: &[String],
    names: &[&String],
) -> Result<BTreeMap<String, Vec<String>>, NoAnswer> {
    let any: String = names.iter().map(|name| format!("(cn={})", ldap_escape(name.as_str()))).collect();
    let filter = format!("(&(|{})(|{any}))", classes());
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for base in bases {
        for entry in connection.search(base, Scope::Subtree, &filter, &["cn"]).await? {
            let names = entry.attrs.iter().filter(|(attribute, _)| attribute.eq_ignore_ascii_case("cn"));
            let names: BTreeSet<_> = names.flat_map(|(_, names)| names).map(|name| same(name)).collect();
            for name in names {
                found.entry(name).or_default().push(entry.dn.clone());
            }
        }
    }
    Ok(found)
}

/// A name as the directory compares it: neither case nor the width of a gap counts (RFC 4518).
fn same(name: &str) -> String {
    policy::folded(name).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Those of some people whom Active Directory counts in a group.
async fn in_chain_of(
    connection: &mut Connection,
    bases: &[String],
    people: &[Member],
    group: &str,
) -> Result<Vec<Arc<str>>, NoAnswer> {
    let mut members = Vec::new();
    for together in people.chunks(TOGETHER) {
        let ids: String = together.iter().map(|person| standing::by_id(&person.id)).collect();
        let filter = format!("(&(|{ids})(memberOf:{IN_CHAIN}:={}))", ldap_escape(group));
        for base in bases {
            let found = connection.search(base, Scope::Subtree, &filter, &["objectGUID"]).await?;
            members.extend(found.iter().map(id_of));
        }
    }
    Ok(members)
}

/// Who is directly in which groups: from folded DN to folded DNs, for some people and every group above them.
type Above = BTreeMap<String, BTreeSet<String>>;

async fn above(connection: &mut Connection, bases: &[String], people: &[Member]) -> Result<Above, NoAnswer> {
    let mut above: Above = people.iter().map(|person| (policy::folded_group(&person.dn), BTreeSet::new())).collect();
    let by_name: BTreeMap<String, String> = people
        .iter()
        .map(|person| (policy::folded(&person.name).into_owned(), policy::folded_group(&person.dn)))
        .collect();
    let mut level: Vec<(String, Option<&str>)> =
        people.iter().map(|person| (person.dn.clone(), Some(&*person.name))).collect();
    for _ in 0..DEEPEST {
        let mut next = Vec::new();
        for together in level.chunks(TOGETHER) {
            let dns: Vec<&str> = together.iter().map(|(dn, _)| dn.as_str()).collect();
            let names: Vec<&str> = together.iter().filter_map(|(_, name)| *name).collect();
            let filter = holding(&dns, &names);
            for base in bases {
                let found =
                    connection.search(base, Scope::Subtree, &filter, &["member", "uniqueMember", "memberUid"]).await?;
                for group in found {
                    let folded = policy::folded_group(&group.dn);
                    for member in members(&group, &by_name) {
                        if let Some(groups) = above.get_mut(&member) {
                            groups.insert(folded.clone());
                        }
                    }
                    if let Entry::Vacant(new) = above.entry(folded) {
                        new.insert(BTreeSet::new());
                        next.push((group.dn, None));
                    }
                }
            }
        }
        if next.is_empty() {
            return Ok(above);
        }
        if above.len() > MOST_GROUPS + people.len() {
            break;
        }
        level = next;
    }
    Err(format!(
        "there are more than {MOST_GROUPS} groups, or they are nested deeper than {DEEPEST}: narrow `search_bases`"
    ))
}

/// The folded DNs of a group's direct members.
fn members(group: &SearchEntry, by_name: &BTreeMap<String, String>) -> Vec<String> {
    let mut members = Vec::new();
    for (attribute, values) in &group.attrs {
        if attribute.eq_ignore_ascii_case("memberUid") {
            members.extend(values.iter().filter_map(|name| by_name.get(policy::folded(name).as_ref()).cloned()));
        } else {
            members.extend(values.iter().map(|dn| policy::folded_group(dn)));
        }
    }
    members
}

/// Every group above one entry.
fn reachable<'a>(above: &'a Above, from: &str) -> BTreeSet<&'a str> {
    let mut all = BTreeSet::new();
    let mut waiting: Vec<&str> = above.get(from).into_iter().flatten().map(String::as_str).collect();
    while let Some(group) = waiting.pop() {
        if all.insert(group) {
            waiting.extend(above.get(group).into_iter().flatten().map(String::as_str));
        }
    }
    all
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
    let mut names: &[&str] = &[&person.name];
    for _ in 0..DEEPEST {
        let mut next = Vec::new();
        for together in level.chunks(TOGETHER) {
            let dns: Vec<&str> = together.iter().map(String::as_str).collect();
            let filter = holding(&dns, std::mem::take(&mut names));
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

/// The groups that have one of some entries, or one of some account names, as a direct member.
///
/// Only `member` is looked for in entries of any class. The two others are asked of groups alone: many servers keep an index of classes
/// and none of these, and would look through everybody at each login.
fn holding(dns: &[&str], names: &[&str]) -> String {
    let any = |attribute: &str, values: &[&str]| -> String {
        values.iter().map(|value| format!("({attribute}={})", ldap_escape(*value))).collect()
    };
    let (unique, by_name) = (any("uniqueMember", dns), any("memberUid", names));
    format!("(|{}(&(|{})(|{unique}{by_name})))", any("member", dns), classes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: &str =
        "(|(objectClass=group)(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))";

    #[test]
    fn what_servers_keep_no_index_of_is_asked_of_groups_alone() {
        assert_eq!(
            holding(&["uid=a,dc=x", "uid=(b),dc=x"], &["a"]),
            format!(
                "(|(member=uid=a,dc=x)(member=uid=\\28b\\29,dc=x)\
                 (&{GROUPS}(|(uniqueMember=uid=a,dc=x)(uniqueMember=uid=\\28b\\29,dc=x)(memberUid=a))))"
            )
        );
    }

    #[test]
    fn a_group_has_no_account_name() {
        assert_eq!(
            holding(&["cn=g,dc=x"], &[]),
            format!("(|(member=cn=g,dc=x)(&{GROUPS}(|(uniqueMember=cn=g,dc=x))))")
        );
    }
}

//! Who there is: their names, the directory's entries, their agreements.

use e2e::{gateway::password, ldap};

use crate::guesses::TRIES;

pub(crate) fn worker(nth: u16) -> String {
    format!("worker{nth}")
}

/// Somebody whose profile asks for a second factor.
pub(crate) fn coded(nth: u16) -> String {
    format!("coded{nth}")
}

/// New people, in a group of their own inside the office's: a directory reads a group's entry whole whenever it looks into it.
pub(crate) fn people(group: &str, names: &[String]) -> String {
    let base = ldap::BASE;
    let person = |name: &String| {
        format!(
            "dn: uid={name},ou=people,{base}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n\
             userPassword: {}\n\n",
            password(name)
        )
    };
    let members: String = names.iter().map(|name| format!("member: uid={name},ou=people,{base}\n")).collect();
    let dn = format!("cn={group},ou=groups,{base}");
    let groups = format!(
        "dn: {dn}\nchangetype: add\nobjectClass: groupOfNames\ncn: {group}\n{members}\n\
         dn: {}\nchangetype: modify\nadd: member\nmember: {dn}\n",
        ldap::GROUP
    );
    names.iter().map(person).collect::<String>() + &groups
}

pub(crate) fn agreements(count: u16) -> String {
    let agreement = |nth: u16, worker: String, profile: &str| {
        let [high, low] = nth.to_be_bytes();
        format!(
            "\n[workstations.desk-{nth}]\naddress = \"10.21.{high}.{low}\"\nservices = [\"rdp\"]\n\n[[agreements]]\nworker = \"{worker}\"\n\
             structure = \"Servizi Demografici\"\nworkstation = \"desk-{nth}\"\nprofile = \"{profile}\"\n{}\n",
            e2e::gateway::ALWAYS
        )
    };
    let plain = (0..count).map(|nth| agreement(nth, worker(nth), "standard"));
    let with_factor = (0..TRIES).map(|nth| agreement(count + nth, coded(nth), "coded"));
    let profile = format!("\n[profiles.coded]\ngroups = [\"{}\"]\nsecond_factor = \"totp\"\n", ldap::GROUP);
    plain.chain(with_factor).collect::<String>() + &profile
}

//! Promise 10, reviewed with measure: who has which role is the directory's word, and one server that lags behind takes nobody's away, for
//! a role that is seen anew approves nothing for seven days.

use e2e::{
    factor,
    gateway::{Gateway, Setup, password},
    ldap::{BASE, Directory},
    wait,
    world::World,
};
use serde_json::Value;

/// Somebody of the reviewer office.
const WHO: &str = "n.agreement";

/// The reviewer office's group; somebody else is in it too, for a group has members.
fn group() -> String {
    format!("cn=reviewers,ou=groups,{BASE}")
}

fn made() -> String {
    format!(
        "dn: {}\nchangetype: add\nobjectClass: groupOfNames\ncn: reviewers\n\
         member: uid={WHO},ou=people,{BASE}\nmember: uid=svc,ou=people,{BASE}\n",
        group()
    )
}

/// Puts them into the group, or takes them out of it.
fn membership(change: &str) -> String {
    format!("dn: {}\nchangetype: modify\n{change}: member\nmember: uid={WHO},ou=people,{BASE}\n", group())
}

/// A reviewer who signs in for a step again and again, each time with another code.
struct Reviewer<'g, 'w> {
    gateway: &'g Gateway<'w>,
    world: &'w World,
    codes: Vec<String>,
}

impl Reviewer<'_, '_> {
    /// Since when they have their one role; none where the first server knows of none.
    fn since(&mut self) -> Option<String> {
        let code = self.codes.pop().expect("ten are enough");
        let typed = format!("{}\n{code}\n", password(WHO));
        let arguments = ["review", "requests", "--json", "--as", WHO, "--sign-in-stdin"];
        let output = self.gateway.files().command(self.world, &arguments, &typed);
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("the role is missing"), "{said}");
            return None;
        }
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(said["you"]["roles"][0]["role"], "reviewer_office", "{said}");
        said["you"]["roles"][0]["since"].as_str().map(str::to_owned)
    }
}

/// What the journal of reviews says of roles, in order.
fn changes(gateway: &Gateway<'_>) -> Vec<String> {
    let records = gateway.json(&["log", "show", "--journal", "reviews", "--json"]);
    let kinds = records.as_array().into_iter().flatten().filter_map(|record| record["kind"].as_str());
    kinds.filter(|kind| kind.starts_with("role_")).map(str::to_owned).collect()
}

#[test]
fn a_role_is_gone_once_a_second_server_says_so_too_and_then_at_once() {
    let world = World::new();
    let first = Directory::start(&world);
    first.modify(&world, &made());
    let second = first.copy(&world);
    let setup = Setup::default().ldap(&first).and_ldap(&second);
    let files = setup.write(&world);
    files.set_policy(&format!("{}\n[roles]\nreviewer_office = \"{}\"\n", setup.policy(), group()));
    let gateway = Gateway::start(&world, files);
    // Nobody takes a step without a second factor.
    let code = gateway.hands_over("enrol", WHO);
    let codes = factor::enrol(&world, &world.home, WHO, &password(WHO), &code).recovery;
    let mut reviewer = Reviewer { gateway: &gateway, world: &world, codes };
    let since = reviewer.since();
    assert!(since.is_some());

    first.modify(&world, &membership("delete"));
    // The second is asked because of a sign-in with less than before; asked again, it is done with the time before.
    for _ in 0..2 {
        let before = second.connections();
        assert_eq!(reviewer.since(), None, "the first server's word counts for what they may do now");
        wait::until("the second server to be asked", wait::SOON, || (second.connections() > before).then_some(()));
    }
    first.modify(&world, &membership("add"));
    assert_eq!(reviewer.since(), since, "they had it all the time");
    assert_eq!(changes(&gateway), ["role_seen"]);

    for server in [&first, &second] {
        server.modify(&world, &membership("delete"));
    }
    assert_eq!(reviewer.since(), None);
    wait::until("the role to be gone", wait::SOON, || (changes(&gateway) == ["role_seen", "role_gone"]).then_some(()));
    for server in [&first, &second] {
        server.modify(&world, &membership("add"));
    }
    let anew = reviewer.since();
    assert!(anew.is_some() && anew != since, "{anew:?}: seven days begin anew");
    assert_eq!(changes(&gateway), ["role_seen", "role_gone", "role_seen"]);
}

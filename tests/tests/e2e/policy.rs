//! Promise 7, a reload cuts only whom it must, and can say whom before it does; a policy with a mistake never replaces a
//! good one.

use e2e::{
    client::{Client, Connect, exit},
    echo::{answers, connect, read_line},
    gateway::{Gateway, Setup},
    wait,
    world::World,
};
use serde_json::Value;

use crate::LOOPBACK;

/// Two workers at their desks.
fn two_at_work<'w>(world: &'w World, setup: &Setup) -> (Gateway<'w>, Client, Client) {
    let gateway = setup.start(world);
    let mut rossi = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut verdi = Connect::new(&gateway, "g.verdi").start(&world.other_home);
    rossi.port();
    verdi.port();
    (gateway, rossi, verdi)
}

/// The policy of `setup` without the agreement of g.verdi.
fn without_verdi(setup: &Setup) -> String {
    let policy = setup.policy();
    let last = policy.rfind("[[agreements]]").expect("two agreements");
    assert!(policy[last..].contains("g.verdi"));
    policy[..last].to_owned()
}

fn count(value: &Value, field: &str) -> usize {
    value["preview"][field].as_array().map_or(usize::MAX, Vec::len)
}

#[test]
fn a_withdrawn_agreement_ends_its_session_and_nobody_else_s() {
    let world = World::new();
    let desk = crate::desk(&world);
    let setup = Setup::default();
    let (gateway, mut rossi, mut verdi) = two_at_work(&world, &setup);
    let mut at_work = connect(&world.home, LOOPBACK, rossi.port()).expect("the door is open");
    assert!(read_line(&mut at_work).is_some());
    let before = gateway.sessions();

    gateway.files().set_policy(&without_verdi(&setup));
    let preview = gateway.json(&["policy", "apply", "--dry-run", "--json"]);
    assert_eq!(
        (count(&preview, "ends"), count(&preview, "changes"), preview["preview"]["live"].as_u64()),
        (1, 0, Some(2))
    );
    assert_eq!(gateway.sessions(), before, "a preview changes nothing");

    // One of two is more than the brake's share: held until somebody means it.
    let files = gateway.files();
    let held = files.command(&world, &["policy", "apply"], "");
    assert_eq!(held.status.code(), Some(1), "{held:?}");
    assert!(String::from_utf8_lossy(&held.stdout).contains("policy apply --yes"), "{held:?}");
    assert_eq!(gateway.sessions(), before);

    let said = gateway.command(&["policy", "apply", "--yes"]);
    assert!(said.contains("2 live: 1 ended"), "{said}");
    assert_eq!(verdi.wait(wait::SOON).code(), exit::ENDED, "{}", verdi.said());
    assert_eq!(gateway.sessions().len(), 1);
    assert!(answers(&mut at_work, "still at work"), "somebody else was cut");
    assert_eq!(desk.visits(), 1, "the connection is the same one");
    let closed: Vec<_> = gateway.records().into_iter().filter(|record| record["kind"] == "session_closed").collect();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0]["fields"]["reason"], "policy_withdrawn");
}

#[test]
fn a_changed_limit_holds_for_the_sessions_that_are_open() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let setup = Setup::default();
    let (gateway, _rossi, _verdi) = two_at_work(&world, &setup);
    let number = gateway.sessions()[0]["number"].as_str().expect("a number").to_owned();
    assert_eq!(gateway.json(&["session", "show", &number, "--json"])["idle_s"], 900);
    gateway.files().set_policy(&setup.profile("idle", "\"7m\"").policy());
    let said = gateway.command(&["policy", "apply"]);
    assert!(said.contains("0 ended, 2 changed"), "{said}");
    assert_eq!(gateway.json(&["session", "show", &number, "--json"])["idle_s"], 420);
    assert_eq!(gateway.sessions().len(), 2);
    assert_eq!(gateway.story(&number), ["session_opened", "grant_changed"]);
}

#[test]
fn a_policy_with_a_mistake_never_replaces_a_good_one() {
    let world = World::new();
    let setup = Setup::default();
    let gateway = setup.start(&world);
    let good = gateway.json(&["status", "--json"])["policy"]["hash"].clone();
    gateway.files().set_policy(&setup.policy().replace("anagrafe-07\"\nprofile", "anagrafe-70\"\nprofile"));
    let refused = gateway.files().command(&world, &["policy", "apply"], "");
    assert_eq!(refused.status.code(), Some(64), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("anagrafe-70") && said.contains("office.toml"), "{said}");
    let status = gateway.json(&["status", "--json"]);
    assert_eq!(status["policy"]["hash"], good);
    assert!(status["policy"]["rejected"].is_object(), "{status}");
    let (code, said) = {
        let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
        client.port();
        client.signal(nix::sys::signal::Signal::SIGTERM);
        (client.wait(wait::SOON).code(), client.said())
    };
    assert_eq!(code, exit::ENDED, "{said}");
}

#[test]
fn a_followed_folder_is_applied_when_it_is_saved_and_left_alone_while_it_is_broken() {
    let world = World::new();
    let setup = Setup::default();
    let files = setup.write(&world);
    let config = files.config();
    let text = std::fs::read_to_string(&config).expect("the configuration") + "\n[reload]\nfollow = true\n";
    std::fs::write(&config, text).expect("the world's folder is writable");
    let gateway = Gateway::start(&world, files);
    let hash = || gateway.json(&["status", "--json"])["policy"]["hash"].clone();
    let first = hash();
    gateway.files().set_policy("timezone = \"UTC\"\nnonsense = 1\n");
    wait::until("the mistake to be noticed", wait::SOON, || {
        gateway.json(&["status", "--json"])["policy"]["rejected"].is_object().then_some(())
    });
    assert_eq!(hash(), first);
    gateway.files().set_policy(&setup.profile("idle", "\"7m\"").policy());
    wait::until("the mended policy to come into force", wait::SOON, || (hash() != first).then_some(()));
}

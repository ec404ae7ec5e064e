//! Promise 6, a leaver is out; a directory that is down or suddenly empty cuts nobody who is at work.

use std::time::Duration;

use e2e::{
    api,
    client::{Client, Connect, exit},
    gateway::{Gateway, Setup, password},
    ldap::{BASE, Directory},
    relay::Relay,
    wait,
    world::{SERVERS, World},
};
use gateway_api::login::RefusalCode;
use serde_json::Value;

/// A gateway that looks again every second, and two workers at their desks.
fn two_at_work<'w>(world: &'w World, directory: &Directory, more: &str) -> (Gateway<'w>, Client, Client) {
    let mut setup = Setup::default().ldap(directory);
    setup.directory += &format!("recheck = \"1s\"\n{more}");
    let gateway = setup.start(world);
    let mut rossi = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut verdi = Connect::new(&gateway, "g.verdi").start(&world.other_home);
    rossi.port();
    verdi.port();
    (gateway, rossi, verdi)
}

/// What the gateway says of the directory.
fn trouble(gateway: &Gateway<'_>) -> Value {
    gateway.json(&["status", "--json"])["directory"]["trouble"].clone()
}

/// Waits until the accounts were looked at once more, from beginning to end.
fn looked_again(gateway: &Gateway<'_>) {
    for _ in 0..2 {
        let answered = || gateway.json(&["status", "--json"])["directory"]["answered_at"].clone();
        let before = answered();
        wait::until("another look", wait::SOON, || (answered() != before).then_some(()));
    }
}

/// m.rossi becomes m.bianchi, in two steps: the entry, then the group that it is in.
fn renamed() -> String {
    format!(
        "dn: uid=m.rossi,ou=people,{BASE}\nchangetype: modrdn\nnewrdn: uid=m.bianchi\ndeleteoldrdn: 1\n\n\
         dn: cn=inner,ou=groups,{BASE}\nchangetype: modify\nreplace: member\nmember: uid=m.bianchi,ou=people,{BASE}\n"
    )
}

/// Changes m.rossi's account and sees that session end, and no other.
fn assert_out_after(change: &str) {
    let world = World::new();
    let directory = Directory::start(&world);
    let (gateway, mut rossi, _verdi) = two_at_work(&world, &directory, "");
    directory.modify(&world, change);
    assert_eq!(rossi.wait(wait::SOON).code(), exit::ENDED, "{}", rossi.said());
    gateway.only_session();
    assert_eq!(gateway.close_reasons(), ["leaver"]);
    assert_eq!(trouble(&gateway), Value::Null);
}

#[test]
fn who_is_disabled_while_connected_is_out() {
    assert_out_after(&format!(
        "dn: uid=m.rossi,ou=people,{BASE}\nchangetype: modify\nadd: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n"
    ));
}

#[test]
fn who_is_removed_while_connected_is_out_and_who_gets_the_name_is_somebody_else() {
    assert_out_after(&format!(
        "dn: uid=m.rossi,ou=people,{BASE}\nchangetype: delete\n\n\
         dn: uid=m.rossi,ou=people,{BASE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: m.rossi\ncn: m.rossi\nsn: m.rossi\n\
         userPassword: pw-m.rossi\n"
    ));
}

#[test]
fn who_is_taken_out_of_the_group_while_connected_is_out() {
    assert_out_after(&format!(
        "dn: cn=smart,ou=groups,{BASE}\nchangetype: modify\ndelete: member\nmember: cn=inner,ou=groups,{BASE}\n"
    ));
}

#[test]
fn who_is_renamed_or_locked_by_a_stranger_while_connected_stays() {
    let world = World::new();
    let directory = Directory::start(&world);
    let (gateway, mut rossi, mut verdi) = two_at_work(&world, &directory, "");
    // Right after a look, for on a busy machine more than the moment between two of them may lie between two changes.
    looked_again(&gateway);
    directory.modify(
        &world,
        &format!(
            "{}\n\
             dn: uid=g.verdi,ou=people,{BASE}\nchangetype: modify\nadd: pwdAccountLockedTime\npwdAccountLockedTime: 20990101000000Z\n",
            renamed()
        ),
    );
    looked_again(&gateway);
    assert!(!rossi.ended() && !verdi.ended(), "{}{}", rossi.said(), verdi.said());
    assert!(gateway.close_reasons().is_empty());
}

#[test]
fn who_is_renamed_in_the_middle_of_a_look_stays() {
    let world = World::new();
    let directory = Directory::start(&world);
    let relay = Relay::start(&world, 389, (SERVERS, 389).into());
    let mut setup = Setup::default().ldap(&directory);
    setup.directory = setup.directory.replace(&format!("ldaps://{SERVERS}"), "ldap://127.0.0.1");
    setup.directory += "recheck = \"1s\"\n";
    let gateway = setup.start(&world);
    let mut rossi = Connect::new(&gateway, "m.rossi").start(&world.home);
    rossi.port();
    // The groups are asked for by the name that the entry had a moment ago, and hold another one.
    relay.before(&format!("uid=m.rossi,ou=people,{BASE}"), || directory.modify(&world, &renamed()));
    looked_again(&gateway);
    assert!(!rossi.ended(), "{}", rossi.said());
    assert!(gateway.close_reasons().is_empty());
    // And out with the next change, looked at twice or not.
    directory.modify(&world, &format!("dn: uid=m.bianchi,ou=people,{BASE}\nchangetype: delete\n"));
    assert_eq!(rossi.wait(wait::SOON).code(), exit::ENDED, "{}", rossi.said());
    assert_eq!(gateway.close_reasons(), ["leaver"]);
}

#[test]
fn who_is_blocked_is_out_at_once_and_stays_out_until_somebody_says_otherwise() {
    let world = World::new();
    let mut gateway = Setup::default().start(&world);
    let mut rossi = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut verdi = Connect::new(&gateway, "g.verdi").start(&world.other_home);
    rossi.port();
    verdi.port();
    let said = gateway.command(&["worker", "block", "M.Rossi"]);
    assert!(said.contains("sessions ended: 1"), "{said}");
    assert_eq!(rossi.wait(wait::SOON).code(), exit::ENDED, "{}", rossi.said());
    assert_eq!(gateway.close_reasons(), ["administrator"]);
    assert!(!verdi.ended());
    let code = |password: &str| api::login(&world, &world.home, "m.rossi", password).0.refusal().code;
    assert_eq!(code(&password("m.rossi")), RefusalCode::AccountNeedsAttention);
    assert_eq!(code("pw-wrong"), RefusalCode::WrongCredentials, "told only with the right password");
    gateway.stop();
    let gateway = Gateway::start(&world, gateway.files().clone());
    assert_eq!(code(&password("m.rossi")), RefusalCode::AccountNeedsAttention, "also after a restart");
    assert_eq!(gateway.json(&["worker", "list", "--json"])[0]["worker"], "M.Rossi");
    gateway.command(&["worker", "unblock", "m.rossi"]);
    assert_eq!(api::login(&world, &world.home, "m.rossi", &password("m.rossi")).0.status, 200);
}

#[test]
fn a_directory_that_is_down_cuts_nobody_before_the_deadline() {
    let world = World::new();
    let mut directory = Directory::start(&world);
    let (gateway, mut rossi, mut verdi) = two_at_work(&world, &directory, "");
    directory.stop();
    wait::until("the alarm", wait::SOON, || trouble(&gateway).is_object().then_some(()));
    let (answer, _) = api::login(&world, &world.other_home, "g.verdi", &password("g.verdi"));
    assert_eq!(answer.refusal().code, RefusalCode::Unavailable);
    assert!(!rossi.ended() && !verdi.ended());
    directory.restart(&world);
    wait::until("the all-clear", wait::SOON, || trouble(&gateway).is_null().then_some(()));
    assert_eq!(gateway.sessions().len(), 2);
    assert!(gateway.close_reasons().is_empty());
}

#[test]
fn a_directory_that_stays_down_ends_sessions_at_the_deadline() {
    let world = World::new();
    let mut directory = Directory::start(&world);
    let (gateway, mut rossi, mut verdi) = two_at_work(&world, &directory, "deadline = \"3s\"\n");
    directory.stop();
    assert_eq!(rossi.wait(wait::SOON).code(), exit::ENDED, "{}", rossi.said());
    assert_eq!(verdi.wait(wait::SOON).code(), exit::ENDED, "{}", verdi.said());
    gateway.wait_empty(wait::SOON);
    assert_eq!(gateway.close_reasons(), ["directory_deadline", "directory_deadline"]);
}

#[test]
fn a_directory_that_suddenly_shows_nobody_cuts_nobody() {
    let world = World::new();
    let mut directory = Directory::start(&world);
    let (gateway, mut rossi, mut verdi) = two_at_work(&world, &directory, "");
    directory.restart_blind(&world);
    wait::until("the alarm", wait::SOON, || trouble(&gateway).is_object().then_some(()));
    let (answer, _) = api::login(&world, &world.other_home, "g.verdi", &password("g.verdi"));
    assert_eq!(answer.refusal().code, RefusalCode::Unavailable);
    assert!(!rossi.ended() && !verdi.ended());
    assert!(gateway.close_reasons().is_empty());
}

#[test]
fn an_answer_that_would_end_everybody_is_held_while_nobody_confirms_it() {
    let world = World::new();
    let directory = Directory::start(&world);
    let (gateway, mut rossi, mut verdi) = two_at_work(&world, &directory, "");
    let removed = |user: &str| format!("dn: uid={user},ou=people,{BASE}\nchangetype: delete\n");
    // Right after a look: one between the two would see one leaver, who is believed.
    looked_again(&gateway);
    directory.modify(&world, &format!("{}\n{}", removed("m.rossi"), removed("g.verdi")));
    let said = wait::until("the alarm", wait::SOON, || trouble(&gateway)["why"].as_str().map(str::to_owned));
    assert!(said.contains("2 of 2 sessions"), "{said}");
    assert!(!rossi.ended() && !verdi.ended());
    assert!(gateway.close_reasons().is_empty());
}

#[test]
fn an_answer_that_would_end_everybody_is_believed_when_another_server_says_the_same() {
    let world = World::new();
    let directory = Directory::start(&world);
    let mut setup = Setup::default().ldap(&directory);
    // The same server under its second name: a second opinion of the same truth.
    setup.directory = setup.directory.replace("servers = [", "servers = [\"ldaps://ldap.azienda.test\", ");
    setup.directory += "recheck = \"1s\"\n";
    world.name("ldap.azienda.test", SERVERS);
    let gateway = setup.start(&world);
    let mut rossi = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut verdi = Connect::new(&gateway, "g.verdi").start(&world.other_home);
    rossi.port();
    verdi.port();
    let removed = |user: &str| format!("dn: uid={user},ou=people,{BASE}\nchangetype: delete\n");
    directory.modify(&world, &format!("{}\n{}", removed("m.rossi"), removed("g.verdi")));
    assert_eq!(rossi.wait(Duration::from_secs(60)).code(), exit::ENDED, "{}", rossi.said());
    assert_eq!(verdi.wait(wait::SOON).code(), exit::ENDED, "{}", verdi.said());
    gateway.wait_empty(wait::SOON);
    assert_eq!(gateway.close_reasons(), ["leaver", "leaver"]);
}

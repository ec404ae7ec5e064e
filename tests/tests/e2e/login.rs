//! Promise 1, only the person: no session without credentials that hold now, and nothing for a guesser to learn.

use e2e::{
    api,
    client::{Connect, change_password, exit},
    gateway::{Setup, password},
    ldap::{BASE, Directory},
    wait,
    world::World,
};
use gateway_api::login::RefusalCode;
use serde_json::Value;

/// The reason of the newest refused login, as the record knows it.
fn recorded_reason(records: &[Value]) -> Option<&str> {
    records.iter().rev().find(|record| record["kind"] == "login_refused")?["fields"]["reason"].as_str()
}

#[test]
fn the_right_password_opens_one_session() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let number = gateway.only_session();
    assert_eq!(gateway.story(&number), ["session_opened"]);
}

#[test]
fn a_wrong_password_opens_nothing() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let (code, said) = Connect::new(&gateway, "m.rossi").password("pw-wrong").refused(&world.home);
    assert_eq!(code, exit::REFUSED, "{said}");
    assert!(!said.contains("pw-wrong"), "{said}");
    gateway.assert_nothing_left();
    assert_eq!(recorded_reason(&gateway.records()), Some("wrong_password"));
}

#[test]
fn an_unknown_user_opens_nothing() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let (code, said) = Connect::new(&gateway, "nobody").refused(&world.home);
    assert_eq!(code, exit::REFUSED, "{said}");
    gateway.assert_nothing_left();
    assert_eq!(recorded_reason(&gateway.records()), Some("unknown_user"));
}

#[test]
fn nobody_outside_can_tell_a_wrong_password_from_an_unknown_user() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let anonymous = |user: &str| {
        let (answer, _) = api::login(&world, &world.home, user, "pw-wrong");
        let refusal = answer.refusal();
        (answer.status, refusal.code, refusal.message, refusal.retry_after_s, answer.body.len())
    };
    let (wrong, unknown) = (anonymous("m.rossi"), anonymous("nobody1"));
    assert_eq!(wrong, unknown);
    assert_eq!(wrong.1, RefusalCode::WrongCredentials);

    let words = |user: &str| {
        let (code, said) = Connect::new(&gateway, user).password("pw-wrong").refused(&world.other_home);
        let refusal = api::login(&world, &world.other_home, user, "pw-wrong").0.refusal();
        assert!(said.contains(&refusal.message), "{said} does not hold: {}", refusal.message);
        code
    };
    assert_eq!(words("g.verdi"), words("nobody2"));
}

#[test]
fn an_empty_password_is_refused_before_the_directory_sees_it() {
    let world = World::new();
    let directory = Directory::start(&world);
    let gateway = Setup::default().ldap(&directory).start(&world);
    let (answer, _) = api::login(&world, &world.home, "m.rossi", "");
    assert_ne!(answer.status, 200, "{answer:?}");
    gateway.assert_nothing_left();
}

#[test]
fn who_has_no_agreement_is_told_so_and_gets_nothing() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let (answer, _) = api::login(&world, &world.home, "n.agreement", &password("n.agreement"));
    assert_eq!(answer.refusal().code, RefusalCode::NoAgreement);
    let (code, said) = Connect::new(&gateway, "n.agreement").refused(&world.home);
    assert_eq!(code, exit::REFUSED, "{said}");
    gateway.assert_nothing_left();
}

#[test]
fn who_has_no_agreement_learns_nothing_with_a_wrong_password() {
    let world = World::new();
    let _gateway = Setup::default().start(&world);
    let (answer, _) = api::login(&world, &world.home, "n.agreement", "pw-wrong");
    assert_eq!(answer.refusal().code, RefusalCode::WrongCredentials);
}

#[test]
fn outside_the_agreed_hours_nobody_gets_in() {
    let world = World::new();
    let gateway = Setup::default().when(&crate::hours::twelve_hours_away()).start(&world);
    let (answer, _) = api::login(&world, &world.home, "m.rossi", &password("m.rossi"));
    assert_eq!(answer.refusal().code, RefusalCode::OutsideHours);
    let (code, said) = Connect::new(&gateway, "m.rossi").refused(&world.home);
    assert_eq!(code, exit::REFUSED, "{said}");
    gateway.assert_nothing_left();
}

#[test]
fn a_real_directory_lets_its_people_in() {
    let world = World::new();
    let directory = Directory::start(&world);
    let gateway = Setup::default().ldap(&directory).start(&world);
    for (user, home) in [("m.rossi", &world.home), ("g.verdi", &world.other_home)] {
        let mut client = Connect::new(&gateway, user).start(home);
        client.port();
    }
}

#[test]
fn a_real_directory_refuses_wrong_unknown_and_locked_alike() {
    let world = World::new();
    let directory = Directory::start(&world);
    let gateway = Setup::default().ldap(&directory).start(&world);
    let refused = |user: &str, password: &str| {
        let (answer, _) = api::login(&world, &world.home, user, password);
        let refusal = answer.refusal();
        (answer.status, refusal.code, refusal.message)
    };
    let wrong = refused("m.rossi", "pw-wrong");
    assert_eq!(wrong.1, RefusalCode::WrongCredentials);
    assert_eq!(refused("nobody", "pw-wrong"), wrong);
    assert_eq!(refused("locked", "pw-locked"), wrong);
    gateway.assert_nothing_left();
}

#[test]
fn a_password_that_must_be_changed_first_is_told_only_with_that_password() {
    let world = World::new();
    let directory = Directory::start(&world);
    let gateway = Setup::default().ldap(&directory).start(&world);
    let code = |user: &str, password: &str| api::login(&world, &world.home, user, password).0.refusal().code;
    assert_eq!(code("mustchange", "pw-mustchange"), RefusalCode::PasswordExpired);
    assert_eq!(code("mustchange", "pw-wrong"), RefusalCode::WrongCredentials);
    gateway.assert_nothing_left();
}

#[test]
fn a_password_that_must_be_changed_first_is_changed_from_home() {
    let world = World::new();
    let directory = Directory::start(&world);
    directory.modify(
        &world,
        &format!("dn: cn=default,ou=policies,{BASE}\nchangetype: modify\nadd: pwdMinLength\npwdMinLength: 8\n-\nadd: pwdCheckQuality\npwdCheckQuality: 2\n"),
    );
    let gateway = Setup::default().ldap(&directory).start(&world);
    let changed = |old: &str, new: &str| change_password(&world.home, &gateway, "mustchange", old, new);
    let (code, said) = changed("pw-wrong", "Nuova-2026");
    assert_eq!(code, exit::REFUSED, "{said}");
    assert!(said.contains("not right"), "{said}");
    let (code, said) = changed("pw-mustchange", "corta");
    assert_eq!(code, exit::REFUSED, "{said}");
    assert!(said.contains("too short"), "{said}");
    let (code, said) = changed("pw-mustchange", "Nuova-2026");
    assert_eq!(code, exit::ENDED, "{said}");
    let code = |password: &str| api::login(&world, &world.home, "mustchange", password).0.refusal().code;
    assert_eq!(code("Nuova-2026"), RefusalCode::NoAgreement, "the password holds, and that is all");
    assert_eq!(code("pw-mustchange"), RefusalCode::WrongCredentials);
    let kinds: Vec<_> = gateway.records().into_iter().map(|record| record["kind"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "password_changed").count(), 1, "{kinds:?}");
    assert!(!gateway.log().contains("Nuova-2026") && !gateway.log().contains("corta"));
}

#[test]
fn a_stranger_who_guesses_locks_a_colleague_out_neither_here_nor_in_the_directory() {
    let world = World::new();
    let directory = Directory::start(&world);
    directory.modify(
        &world,
        &format!("dn: cn=default,ou=policies,{BASE}\nchangetype: modify\nreplace: pwdMaxFailure\npwdMaxFailure: 3\n"),
    );
    let gateway = Setup::default().ldap(&directory).start(&world);
    let connected = || {
        let mut client = Connect::new(&gateway, "g.verdi").start(&world.other_home);
        client.port();
        client.signal(nix::sys::signal::Signal::SIGTERM);
        client.wait(wait::SOON);
    };
    connected();
    wait::until("the directory's own limit to be known", wait::SOON, || {
        gateway.log().contains("wrong: 3").then_some(())
    });
    let codes: Vec<RefusalCode> = ["g.verdi", "G.VERDI", "g.verdi@azienda.test", "AZIENDA\\g.verdi"]
        .into_iter()
        .cycle()
        .take(12)
        .map(|user| api::login(&world, &world.internet, user, "pw-guess").0.refusal().code)
        .collect();
    assert_eq!(codes.iter().filter(|code| **code == RefusalCode::WrongCredentials).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == RefusalCode::TooManyAttempts).count(), 11);
    connected();
    directory.assert_not_locked(&world, "g.verdi");
}

#[test]
fn a_directory_that_is_down_refuses_new_logins_and_leaves_live_sessions_alone() {
    let world = World::new();
    let mut directory = Directory::start(&world);
    let gateway = Setup::default().ldap(&directory).start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    directory.stop();
    let (answer, _) = api::login(&world, &world.other_home, "g.verdi", &password("g.verdi"));
    assert_eq!(answer.refusal().code, RefusalCode::Unavailable);
    let number = gateway.only_session();
    assert_eq!(gateway.story(&number), ["session_opened"]);

    directory.restart(&world);
    wait::until("the second worker to get in", wait::SOON, || {
        let (answer, _) = api::login(&world, &world.other_home, "g.verdi", &password("g.verdi"));
        (answer.status == 200).then_some(())
    });
}

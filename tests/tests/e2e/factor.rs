//! Promise 1, only the person: where the profile asks for a second factor, a password opens nothing and tells nothing.

use e2e::{
    api,
    client::{Connect, change_password_with, exit},
    factor::{self, Enrolled},
    gateway::{Gateway, Setup, password},
    ldap::{BASE, Directory},
    wait,
    world::World,
};
use gateway_api::login::{RefusalCode, Session};
use serde_json::Value;

/// An office whose profile asks for a second factor.
fn office() -> Setup {
    Setup::default().profile("second_factor", "\"totp\"")
}

fn enrolled(world: &World, gateway: &Gateway<'_>, user: &str) -> Enrolled {
    factor::enrol(world, &world.home, user, &password(user), &gateway.hands_over("enrol", user))
}

/// What a login that shows `code` is answered: the status, and what it says to anybody.
fn answered(world: &World, user: &str, password: &str, code: Option<&str>) -> (u16, RefusalCode, String, Option<u32>) {
    let (answer, _) = api::login_with(world, &world.home, user, password, code);
    let refusal = answer.refusal();
    (answer.status, refusal.code, refusal.message, refusal.retry_after_s)
}

/// A login that must succeed.
fn opened(world: &World, user: &str, password: &str, code: &str) -> Session {
    let (answer, _) = api::login_with(world, &world.home, user, password, Some(code));
    serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("{user} was refused ({e}): {answer:?}"))
}

/// The reason of the newest refused login, as the record knows it.
fn recorded_reason(gateway: &Gateway<'_>) -> String {
    let records = gateway.records();
    let refused = records.iter().rev().find(|record| record["kind"] == "login_refused");
    refused.and_then(|record| record["fields"]["reason"].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn a_worker_enrols_at_home_and_signs_in_once_with_each_code() {
    let world = World::new();
    let mut gateway = office().profile("grace", "\"10m\"").start(&world);
    let code = gateway.hands_over("enrol", "m.rossi");
    let Enrolled { app, recovery } =
        factor::enrol_at_home(&world, &world.home, &gateway, "m.rossi", &password("m.rossi"), &code);
    assert_eq!(recovery.len(), 10);
    assert_eq!(gateway.json(&["factor", "list", "--json"])[0]["worker"], "m.rossi");

    let (exit_code, said) = Connect::new(&gateway, "m.rossi").refused(&world.home);
    assert_eq!(exit_code, exit::REFUSED, "{said}");
    assert_eq!(recorded_reason(&gateway), "second_factor_missing");
    let shown = app.next();
    let mut client = Connect::new(&gateway, "m.rossi").code(&shown).start(&world.home);
    client.port();
    let number = gateway.only_session();
    assert!(client.said().contains("an authenticator app was enrolled"), "{}", client.said());
    let (_, refused, ..) = answered(&world, "m.rossi", &password("m.rossi"), Some(&shown));
    assert_eq!((refused, &*recorded_reason(&gateway)), (RefusalCode::WrongCredentials, "second_factor_used"));

    // The session goes on over a crash and is asked for nothing; the code stays used.
    gateway.kill();
    gateway.start_again();
    assert_eq!(gateway.only_session(), number);
    let (_, refused, ..) = answered(&world, "m.rossi", &password("m.rossi"), Some(&shown));
    assert_eq!((refused, &*recorded_reason(&gateway)), (RefusalCode::WrongCredentials, "second_factor_used"));
    assert!(!client.ended(), "{}", client.said());
}

#[test]
fn a_password_without_the_second_factor_is_answered_as_a_wrong_one() {
    let world = World::new();
    let gateway = office().start(&world);
    let Enrolled { app, .. } = enrolled(&world, &gateway, "m.rossi");
    let wrong = answered(&world, "m.rossi", "pw-wrong", None);
    assert_eq!(wrong.1, RefusalCode::WrongCredentials);
    assert_eq!(recorded_reason(&gateway), "wrong_password");
    for (user, code, truth) in [
        ("m.rossi", None, "second_factor_missing"),
        ("m.rossi", Some("000000".to_owned()), "second_factor_wrong"),
        ("m.rossi", Some(app.at(10)), "second_factor_clock"),
        ("g.verdi", Some(app.now()), "second_factor_not_enrolled"),
    ] {
        assert_eq!(answered(&world, user, &password(user), code.as_deref()), wrong, "{truth}");
        assert_eq!(recorded_reason(&gateway), truth);
    }
    assert!(gateway.log().contains("clock"), "the administrator is told which clock to look at: {}", gateway.log());
    gateway.assert_nothing_left();
}

#[test]
fn nobody_enrols_with_a_password_alone() {
    let world = World::new();
    let gateway = office().start(&world);
    let wrong = answered(&world, "m.rossi", "pw-wrong", None);
    let begin = |user: &str, code: &str| {
        let body = serde_json::json!({ "user": user, "password": password(user), "enrolment_code": code }).to_string();
        let answer = api::call(&world, &world.home, gateway_api::FACTOR, &[], body.as_bytes());
        let refusal = answer.refusal();
        (answer.status, refusal.code, refusal.message, refusal.retry_after_s)
    };
    assert_eq!(begin("m.rossi", "AAAA-BBBB-CCCC-DDDD"), wrong);
    assert_eq!(recorded_reason(&gateway), "enrolment_not_offered");
    let code = gateway.hands_over("enrol", "m.rossi");
    assert_eq!(begin("m.rossi", "AAAA-BBBB-CCCC-DDDD"), wrong);
    assert_eq!(begin("g.verdi", &code), wrong, "somebody else's");
    assert_eq!(gateway.files().command(&world, &["factor", "enrol", "nobody"], "").status.code(), Some(1));
}

#[test]
fn a_lost_phone_is_replaced_by_a_recovery_code_and_then_by_the_office() {
    let world = World::new();
    let gateway = office().start(&world);
    let lost = enrolled(&world, &gateway, "m.rossi");
    let pw = password("m.rossi");
    opened(&world, "m.rossi", &pw, &lost.recovery[0]);
    assert_eq!(answered(&world, "m.rossi", &pw, Some(&lost.recovery[0])).1, RefusalCode::WrongCredentials);
    let code = gateway.hands_over("reset", "m.rossi");
    for old in [&lost.app.next(), &lost.recovery[1]] {
        assert_eq!(answered(&world, "m.rossi", &pw, Some(old)).1, RefusalCode::WrongCredentials);
    }
    let found = factor::enrol(&world, &world.home, "m.rossi", &pw, &code);
    let mut client = Connect::new(&gateway, "m.rossi").code(&found.app.next()).start(&world.home);
    client.port();
    let said = client.said();
    for news in ["one of your recovery codes", "took your authenticator app back", "app was enrolled"] {
        assert!(said.contains(news), "{said}");
    }
    let kinds: Vec<Value> = gateway.records().into_iter().map(|record| record["kind"].clone()).collect();
    for (kind, times) in [("factor_enrolled", 2), ("recovery_code_used", 1)] {
        assert_eq!(kinds.iter().filter(|recorded| **recorded == kind).count(), times, "{kinds:?}");
    }
    gateway.command(&["factor", "remove", "m.rossi"]);
    assert_eq!(gateway.json(&["factor", "list", "--json"]), Value::Array(Vec::new()));
    assert_eq!(answered(&world, "m.rossi", &pw, Some(&found.recovery[0])).1, RefusalCode::WrongCredentials);
    let acts = gateway.command(&["log", "show", "--journal", "administrators", "--names"]);
    for act in ["factor_offered", "factor_reset", "factor_removed"] {
        assert!(acts.lines().any(|line| line.contains(act) && line.contains("m.rossi")), "{acts}");
    }
}

#[test]
fn that_a_password_must_be_changed_is_told_only_with_the_second_factor() {
    let world = World::new();
    let directory = Directory::start(&world);
    directory.modify(
        &world,
        &format!("dn: cn=default,ou=policies,{BASE}\nchangetype: modify\nreplace: pwdMaxFailure\npwdMaxFailure: 20\n"),
    );
    let setup = office().ldap(&directory);
    let files = setup.write(&world);
    files.set_policy(&setup.policy().replace("g.verdi", "mustchange"));
    let gateway = Gateway::start(&world, files);
    wait::until("the directory's own limit to be known", wait::SOON, || {
        gateway.log().contains("wrong: 20").then_some(())
    });
    let Enrolled { app, recovery } = enrolled(&world, &gateway, "mustchange");
    let old = password("mustchange");
    let wrong = answered(&world, "mustchange", "pw-wrong", None);
    assert_eq!(answered(&world, "mustchange", &old, None), wrong);
    assert_eq!(answered(&world, "mustchange", &old, Some(&app.next())).1, RefusalCode::PasswordExpired);
    let changed = |code| change_password_with(&world.home, &gateway, "mustchange", [&old, "Nuova-2026"], code);
    let (code, said) = changed(None);
    assert_eq!(code, exit::REFUSED, "{said}");
    assert!(said.contains("not right"), "{said}");
    let (code, said) = changed(Some(&recovery[0]));
    assert_eq!(code, exit::ENDED, "{said}");
    assert_eq!(answered(&world, "mustchange", "Nuova-2026", None).1, RefusalCode::WrongCredentials);
    opened(&world, "mustchange", "Nuova-2026", &recovery[1]);
}

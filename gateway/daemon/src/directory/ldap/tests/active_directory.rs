//! What the gateway makes of Active Directory, Samba's being the one at hand.

use std::path::Path;

use super::{
    super::*,
    alone,
    samba::{BASE, Samba},
};
use crate::{
    config::{Config, Directory as Written},
    directory::{Change, Directory, Inquiry, Left, Lockout, MustAct, NotTaken, ServerNumber, Standing, Step},
};

/// The configuration as an administrator would write it.
fn over(server: &Samba) -> LdapDirectory {
    let text = format!(
        "[directory]\nkind = \"ldap\"\nservers = [\"ldaps://127.0.0.1\"]\nca = \"{}\"\nbind_dn = \"CN=svc,CN=Users,{BASE}\"\nbind_password_file = \"{}\"\nsearch_bases = [\"{BASE}\"]\nanswer_limit = \"30s\"\nconnect_limit = \"30s\"\n",
        server.path("ca.pem").display(),
        server.path("svc.password").display(),
    );
    match Config::parse(&text, Path::new("/gateway.toml")).map_err(|mistakes| mistakes.to_string()).unwrap().directory {
        Written::Ldap(ldap) => LdapDirectory::new(ldap).unwrap(),
        Written::File { .. } => panic!("not an LDAP directory"),
    }
}

fn groups() -> Vec<String> {
    vec![format!("cn=smart, cn=users,{BASE}"), "inner".to_owned(), "Domain Admins".to_owned()]
}

async fn ask(directory: &Directory, user: &str, password: &str) -> Answer {
    directory.authenticate(user, Password::new(password.to_owned()), &groups()).await
}

async fn person(directory: &Directory, user: &str, password: &str) -> Person {
    match ask(directory, user, password).await {
        Answer::Valid(person) => person,
        other => panic!("{user}: {other:?}"),
    }
}

#[tokio::test]
async fn active_directory_tells_every_mood_of_an_account() {
    let server = Samba::start();
    let directory = Directory::ldap(over(&server));
    let right = async |user: &str| ask(&directory, user, &format!("pw-{user}-1")).await;
    for (user, mood) in [
        ("disabled", MustAct::Disabled),
        ("expired", MustAct::AccountExpired),
        ("pwexpired", MustAct::PasswordExpired),
        ("mustchange", MustAct::ChangePassword),
        ("hours", MustAct::OutsideDirectoryHours),
        ("elsewhere", MustAct::NotFromHere),
    ] {
        assert_eq!(right(user).await, Answer::MustAct(alone(&directory, user).await, mood));
        assert_eq!(ask(&directory, user, "wrong").await, Answer::Wrong(Wrong::Password(user.into())));
    }
    assert_eq!(ask(&directory, "nobody", "wrong").await, Answer::Wrong(Wrong::NoSuchUser));
    assert_eq!(ask(&directory, "mario", "").await, Answer::Wrong(Wrong::EmptyPassword));
    for _ in 0..3 {
        ask(&directory, "lockme", "wrong").await;
    }
    assert_eq!(right("lockme").await, Answer::Wrong(Wrong::Locked("lockme".into())), "said to anyone, so it is wrong");
}

#[tokio::test]
async fn active_directory_knows_a_person_by_every_way_to_write_the_name() {
    let server = Samba::start();
    let directory = Directory::ldap(over(&server));
    let mario = person(&directory, "mario", "pw-mario-1").await;
    assert_eq!((&*mario.name, mario.id.len()), ("mario", 32), "an objectGUID: {}", mario.id);
    assert_eq!(mario.groups, [format!("cn=smart, cn=users,{BASE}"), "inner".to_owned()], "nesting counts, circles end");
    assert_eq!(person(&directory, "giulia", "pw-giulia-1").await.groups, [format!("cn=smart, cn=users,{BASE}")]);
    for name in ["MARIO", "mario@azienda.test", "Mario@AZIENDA.TEST", "AZIENDA\\mario", "azienda\\Mario"] {
        assert_eq!(person(&directory, name, "pw-mario-1").await, mario, "{name}");
    }
    let foreign = ["mario@other.test", "mario@test", "OTHER\\mario", "\\mario", "AZIENDA\\", "*\\mario", "AZIENDA\\m*"];
    for name in foreign.into_iter().chain(["*", "m*", "mario)(cn=*", "CN=mario,CN=Users,DC=azienda,DC=test"]) {
        assert_eq!(ask(&directory, name, "pw-mario-1").await, Answer::Wrong(Wrong::NoSuchUser), "{name}");
    }
    // A principal name of its own, as offices give them to match the mail address.
    server.modify(&format!(
        "dn: CN=giulia,CN=Users,{BASE}\nchangetype: modify\nreplace: userPrincipalName\nuserPrincipalName: g.verdi@comune.test\n"
    ));
    assert_eq!(&*person(&directory, "G.Verdi@comune.test", "pw-giulia-1").await.name, "giulia");
    assert_eq!(&*person(&directory, "giulia@azienda.test", "pw-giulia-1").await.name, "giulia");
}

#[tokio::test]
async fn active_directory_keeps_a_renamed_person_and_gives_a_used_name_to_nobody() {
    let server = Samba::start();
    let directory = Directory::ldap(over(&server));
    let before = person(&directory, "mario", "pw-mario-1").await;
    server.modify(&format!(
        "dn: CN=mario,CN=Users,{BASE}\nchangetype: modify\nreplace: sAMAccountName\nsAMAccountName: m.bianchi\n-\n\
         replace: userPrincipalName\nuserPrincipalName: m.bianchi@azienda.test\n\n\
         dn: CN=mario,CN=Users,{BASE}\nchangetype: modrdn\nnewrdn: CN=Mario Bianchi\ndeleteoldrdn: 1\n\n\
         dn: CN=giulia,CN=Users,{BASE}\nchangetype: modify\nreplace: sAMAccountName\nsAMAccountName: mario\n"
    ));
    let renamed = person(&directory, "m.bianchi", "pw-mario-1").await;
    assert_eq!((&renamed.id, &*renamed.name), (&before.id, "m.bianchi"));
    let other = person(&directory, "mario", "pw-giulia-1").await;
    assert_ne!(other.id, before.id, "the same name is another person");
}

#[tokio::test]
async fn active_directory_is_recognised_and_what_it_refers_to_is_told() {
    let server = Samba::start();
    let directory = over(&server);
    let mut steps = Vec::new();
    let password = Password::new("pw-mario-1".to_owned());
    directory.walk(Some(("AZIENDA\\mario", &password)), &groups(), &mut |step: Step| steps.push(step)).await;
    let said: String = steps.iter().map(|step| format!("{} {}\n", step.holds, step.words)).collect();
    for expected in [
        "true 127.0.0.1:636: Active Directory; the searching account signs in",
        "known to agreements as `mario`",
        "true the password holds",
        "true in the group `inner`",
        "CN=Configuration,DC=azienda,DC=test: not followed",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[tokio::test]
async fn active_directory_takes_a_new_password_for_an_expired_one_and_says_what_is_wrong_with_it() {
    let server = Samba::start();
    let directory = Directory::ldap(over(&server));
    let change = async |user: &str, old: &str, new: &str| {
        let (old, new) = (Password::new(old.to_owned()), Password::new(new.to_owned()));
        directory.change_password(user, old, new).await
    };
    for user in ["pwexpired", "mustchange", "mario"] {
        let (old, name) = (format!("pw-{user}-1"), Arc::<str>::from(user));
        assert_eq!(
            change(user, "wrong", "Nuova-2026").await,
            Change::Refused(Answer::Wrong(Wrong::Password(Arc::clone(&name))))
        );
        assert_eq!(change(user, &old, "ab1").await, Change::NotTaken(Arc::clone(&name), NotTaken::TooShort));
        assert_eq!(change(user, &old, "Nuova-però-2026").await, Change::Done(Arc::clone(&name)));
        assert_eq!(&*person(&directory, user, "Nuova-però-2026").await.name, user);
        assert_eq!(change(user, "Nuova-però-2026", &old).await, Change::NotTaken(name, NotTaken::UsedBefore));
    }
    let disabled = change("disabled", "pw-disabled-1", "Nuova-2026").await;
    assert_eq!(disabled, Change::Refused(Answer::MustAct(alone(&directory, "disabled").await, MustAct::Disabled)));
    assert_eq!(change("nobody", "old", "Nuova-2026").await, Change::Refused(Answer::Wrong(Wrong::NoSuchUser)));
}

#[tokio::test]
async fn active_directory_tells_when_it_locks_accounts() {
    let server = Samba::start();
    let directory = over(&server);
    let quiet = Duration::from_secs(1800);
    assert_eq!(directory.lockout().await, Ok(Lockout::After { wrong: 3, quiet }));
    server.modify(&format!("dn: {BASE}\nchangetype: modify\nreplace: lockoutThreshold\nlockoutThreshold: 0\n"));
    assert_eq!(directory.lockout().await, Ok(Lockout::Never));
}

#[tokio::test]
async fn active_directory_that_shows_nobody_any_more_says_nothing_about_anybody() {
    let server = Samba::start();
    let mut directory = over(&server);
    directory.config.search_bases = vec![format!("CN=Program Data,{BASE}")];
    let directory = Directory::ldap(directory);
    let Answer::Unknown(why) = ask(&directory, "mario", "pw-mario-1").await else { panic!("an answer") };
    assert!(why.contains("shows nobody at all"), "{why}");
}

#[tokio::test]
async fn active_directory_says_of_all_at_once_who_has_left() {
    let server = Samba::start();
    let directory = Directory::ldap(over(&server));
    let (mario, giulia) =
        (person(&directory, "mario", "pw-mario-1").await, person(&directory, "giulia", "pw-giulia-1").await);
    let accounts = [&mario, &giulia].map(|person| (Arc::clone(&person.id), Arc::clone(&person.name)));
    let at = crate::clock::now().wall;
    let inquiry = Inquiry { accounts: accounts.into_iter().collect(), groups: groups(), at };
    let standings = directory.standings(&inquiry).await.unwrap().0;
    assert_eq!(standings[&mario.id], Standing::InOrder(mario.groups.clone()), "as at the login");
    assert_eq!(standings[&giulia.id], Standing::InOrder(giulia.groups.clone()));

    let standing = async |change: String| {
        server.modify(&change);
        directory.standings(&inquiry).await.unwrap().0[&mario.id].clone()
    };
    let account = |line: &str| {
        let attribute = line.split(':').next().unwrap();
        format!("dn: CN=mario,CN=Users,{BASE}\nchangetype: modify\nreplace: {attribute}\n{line}\n")
    };
    assert_eq!(directory.mail_address(&mario.id, "mail").await, Ok(None));
    server.modify(&account("mail: mario@azienda.test"));
    assert_eq!(directory.mail_address(&mario.id, "mail").await, Ok(Some("mario@azienda.test".to_owned())));
    assert_eq!(standing(account("userAccountControl: 514")).await, Standing::Left(Left::Disabled));
    assert_eq!(standing(account("userAccountControl: 512")).await, Standing::InOrder(mario.groups.clone()));
    assert_eq!(standing(account("accountExpires: 133000000000000000")).await, Standing::Left(Left::Expired));
    assert_eq!(standing(account("accountExpires: 0")).await, Standing::InOrder(mario.groups.clone()));
    for _ in 0..3 {
        ask(&directory, "mario", "wrong").await;
    }
    let out =
        format!("dn: CN=inner,CN=Users,{BASE}\nchangetype: modify\ndelete: member\nmember: CN=mario,CN=Users,{BASE}\n");
    assert_eq!(standing(out).await, Standing::InOrder(Vec::new()), "out of the groups, and locked by a stranger");
    let removed = format!("dn: CN=mario,CN=Users,{BASE}\nchangetype: delete\n");
    assert_eq!(standing(removed).await, Standing::Left(Left::Removed));
    assert!(directory.standings_elsewhere(&inquiry, ServerNumber(0)).await.unwrap_err().contains("no second server"));
}

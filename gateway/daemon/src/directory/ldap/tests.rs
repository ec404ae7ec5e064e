//! Against a real OpenLDAP, and in `active_directory.rs` against a real Active Directory.

mod active_directory;
mod openldap;
mod samba;

use std::{path::Path, time::Duration};

use tokio::time::Instant;

use self::openldap::{BASE, OpenLdap};
use super::*;
use crate::{
    config::{Config, Directory as Written},
    directory::{Directory, MustAct, Step},
};

/// Time enough for any server that answers at all, on a machine that is busy with other things.
const PATIENT: &str = "30s";

/// The configuration as an administrator would write it.
fn written(server: &OpenLdap, lines: &str) -> config::Ldap {
    limited(server, lines, PATIENT)
}

/// The same with a limit on connections and answers.
fn limited(server: &OpenLdap, lines: &str, limit: &str) -> config::Ldap {
    let ca = server.path("ca.pem");
    let text = format!(
        "[directory]\nkind = \"ldap\"\nca = \"{}\"\nbind_dn = \"uid=svc,ou=people,{BASE}\"\nbind_password_file = \"{}\"\nsearch_bases = [\"{BASE}\"]\nuser_filter = \"(uid={{user}})\"\nconnect_limit = \"{limit}\"\nanswer_limit = \"{limit}\"\n{lines}\n",
        ca.display(),
        server.path("svc.password").display(),
    );
    match Config::parse(&text, Path::new("/gateway.toml")).map_err(|mistakes| mistakes.to_string()).unwrap().directory {
        Written::Ldap(ldap) => ldap,
        Written::File { .. } => panic!("not an LDAP directory"),
    }
}

fn over(server: &OpenLdap, lines: &str) -> Directory {
    Directory::ldap(LdapDirectory::new(written(server, lines)).unwrap())
}

fn ldaps(server: &OpenLdap) -> Directory {
    over(server, &format!("servers = [\"ldaps://127.0.0.1:{}\"]", server.tls_port))
}

async fn ask(directory: &Directory, user: &str, password: &str) -> Answer {
    let groups = [format!("cn=smart,ou=groups,{BASE}"), "inner".to_owned(), "other".to_owned()];
    directory.authenticate(user, Password::new(password.to_owned()), &groups).await
}

async fn person(directory: &Directory, user: &str) -> Person {
    match ask(directory, user, &format!("pw-{user}")).await {
        Answer::Valid(person) => person,
        other => panic!("{user}: {other:?}"),
    }
}

async fn no_answer(directory: &Directory) -> String {
    match ask(directory, "mario", "pw-mario").await {
        Answer::Unknown(why) => why,
        other => panic!("{other:?}"),
    }
}

/// The same person by name alone.
async fn alone(directory: &Directory, user: &str) -> Person {
    directory.person(user).await.unwrap().expect("somebody has this name")
}

#[tokio::test]
async fn a_right_password_names_the_person_and_nested_groups() {
    let server = OpenLdap::start();
    let directory = ldaps(&server);
    let mario = person(&directory, "mario").await;
    assert_eq!(&*mario.name, "mario");
    assert_eq!(mario.groups, [format!("cn=smart,ou=groups,{BASE}"), "inner".to_owned()], "circles end, nesting counts");
    assert_eq!(mario.id.len(), 36, "an entryUUID: {}", mario.id);
    assert_eq!(person(&directory, "giulia").await.groups, [format!("cn=smart,ou=groups,{BASE}")]);
    assert_eq!(
        directory.mail_address(&mario.id, "UID").await,
        Ok(Some("mario".to_owned())),
        "whatever is written there"
    );
    assert_eq!(directory.mail_address(&mario.id, "mail").await, Ok(None));
    assert_eq!(directory.mail_address(&"cn=nobody,o=none".into(), "mail").await, Ok(None));
}

#[tokio::test]
async fn groups_of_every_class_count_by_their_names() {
    let server = OpenLdap::start();
    let directory = ldaps(&server);
    let named = ["remote desk", "Linux", "INNER", "none"].map(str::to_owned);
    for (user, expected) in [("mario", ["Linux", "INNER"].as_slice()), ("giulia", &["remote desk"])] {
        let password = Password::new(format!("pw-{user}"));
        match directory.authenticate(user, password, &named).await {
            Answer::Valid(person) => assert_eq!(person.groups, expected, "{user}"),
            other => panic!("{user}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn every_mood_of_an_account_has_its_answer() {
    let server = OpenLdap::start();
    let directory = ldaps(&server);
    assert_eq!(ask(&directory, "mario", "wrong").await, Answer::Wrong(Wrong::Password("mario".into())));
    assert_eq!(ask(&directory, "nobody", "wrong").await, Answer::Wrong(Wrong::NoSuchUser));
    assert_eq!(
        ask(&directory, "twin", "pw-twin").await,
        Answer::Wrong(Wrong::NoSuchUser),
        "two of one name are nobody"
    );
    assert_eq!(ask(&directory, "mario", "").await, Answer::Wrong(Wrong::EmptyPassword));
    assert_eq!(ask(&directory, "locked", "pw-locked").await, Answer::Wrong(Wrong::Locked("locked".into())));
    assert_eq!(
        ask(&directory, "mustchange", "pw-mustchange").await,
        Answer::MustAct(alone(&directory, "mustchange").await, MustAct::ChangePassword)
    );
    assert_eq!(directory.person("nobody").await, Ok(None));
    assert_eq!(ask(&directory, "mustchange", "wrong").await, Answer::Wrong(Wrong::Password("mustchange".into())));
    let until = Instant::now() + Duration::from_secs(60);
    let expired = alone(&directory, "expired").await;
    while ask(&directory, "expired", "pw-expired").await != Answer::MustAct(expired.clone(), MustAct::PasswordExpired) {
        assert!(Instant::now() < until, "a password that holds for one second never expires");
    }
    // Three wrong passwords lock it, but slapd keeps each by its moment, made of the second of its answer and a count in the second
    // of its question: where two come to the same, it counts one.
    let mut guesses = 0;
    while ask(&directory, "lockme", "wrong").await == Answer::Wrong(Wrong::Password("lockme".into())) {
        guesses += 1;
        assert!(guesses < 10, "never locked");
    }
    assert!(guesses >= 3, "locked after {guesses}");
    assert_eq!(ask(&directory, "lockme", "pw-lockme").await, Answer::Wrong(Wrong::Locked("lockme".into())));
}

#[tokio::test]
async fn names_are_never_patterns() {
    let server = OpenLdap::start();
    let directory = ldaps(&server);
    for name in ["*", "m*", "mario)(uid=*", "mario\\", "uid=mario,ou=people,dc=azienda,dc=test", "mario,ou=people"] {
        assert_eq!(ask(&directory, name, "pw-mario").await, Answer::Wrong(Wrong::NoSuchUser), "{name}");
    }
    // Whatever is made of what filters and names are written with, and of the name of somebody who is there.
    let seed = std::process::id();
    println!("seed {seed}");
    let pieces = [
        "mario",
        "m",
        "*",
        "(",
        ")",
        "\\",
        "\\2a",
        "&",
        "|",
        "!",
        "=",
        "uid=",
        ",",
        "ou=people",
        "#",
        "\u{e8}",
        "\"",
        "+",
        ";",
        "<",
    ];
    let mut random = u64::from(seed) | 1;
    for _ in 0..200 {
        let mut name = String::new();
        for _ in 0..=random % 6 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            name.push_str(pieces[(random >> 33) as usize % pieces.len()]);
        }
        if name != "mario" {
            assert_eq!(ask(&directory, &name, "pw-mario").await, Answer::Wrong(Wrong::NoSuchUser), "{name}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_back_is_asked_again_in_its_turn() {
    let (mut first, second) = (OpenLdap::start(), OpenLdap::start());
    let servers = format!("servers = [\"ldap://127.0.0.1:{}\", \"ldap://127.0.0.1:{}\"]", first.port, second.port);
    let directory = over(&first, &servers);
    // Each made its own entries, so that the identity tells who answered.
    let of_the_first = person(&directory, "mario").await.id;
    let until_answered = async |what: &str, wanted: &dyn Fn(&str) -> bool| {
        let until = Instant::now() + Duration::from_secs(120);
        while !matches!(ask(&directory, "mario", "pw-mario").await, Answer::Valid(person) if wanted(&person.id)) {
            assert!(Instant::now() < until, "{what}");
        }
    };
    first.stop();
    until_answered("the second server is not asked", &|id| id != &*of_the_first).await;
    first.start_again();
    until_answered("the first server is back and not asked", &|id| id == &*of_the_first).await;
}

#[tokio::test]
async fn a_name_is_the_same_however_its_letters_are_composed() {
    let server = OpenLdap::start();
    let directory = ldaps(&server);
    let composed = person(&directory, "nicol\u{f2}").await;
    let taken_apart = ask(&directory, "nicolo\u{300}", "pw-nicol\u{f2}").await;
    assert_eq!(taken_apart, Answer::Valid(composed));
}

#[tokio::test]
async fn starttls_and_plain_loopback_serve_too() {
    let server = OpenLdap::start();
    let starttls = over(&server, &format!("servers = [\"ldap://127.0.0.1:{}\"]\nstarttls = true", server.port));
    person(&starttls, "mario").await;
    let plain = over(&server, &format!("servers = [\"ldap://127.0.0.1:{}\"]", server.port));
    person(&plain, "mario").await;
}

#[tokio::test]
async fn a_server_that_another_authority_vouches_for_is_no_directory() {
    let server = OpenLdap::start();
    let servers = format!("servers = [\"ldaps://127.0.0.1:{}\"]", server.tls_port);
    let mut config = written(&server, &servers);
    config.ca = server.path("other-ca.pem");
    let why = no_answer(&Directory::ldap(LdapDirectory::new(config.clone()).unwrap())).await;
    assert!(why.contains("`ca` does not hold"), "{why}");
    config.ca = server.path("server.key");
    assert!(LdapDirectory::new(config).unwrap_err().contains("[directory] ca"));
    let why = no_answer(&over(&server, &format!("servers = [\"ldaps://localhost:{}\"]", server.tls_port))).await;
    assert!(why.contains("for another name"), "{why}");
    let plain = format!("servers = [\"ldaps://127.0.0.1:{}\"]", server.port);
    let why = no_answer(&Directory::ldap(LdapDirectory::new(limited(&server, &plain, "1s")).unwrap())).await;
    assert!(why.contains("no TLS") || why.contains("no answer within"), "{why}");
}

#[tokio::test]
async fn a_server_that_is_down_or_hangs_is_passed_over_and_alone_is_no_answer() {
    let server = OpenLdap::start();
    let hanging = Hanging::start();
    let good = format!("\"ldaps://127.0.0.1:{}\"", server.tls_port);
    // No test listens at that address.
    let (down, hangs) = ("\"ldaps://127.0.0.9:636\"", format!("\"ldaps://127.0.0.1:{}\"", hanging.port));
    let quick = |servers: &str| {
        let config = limited(&server, &format!("servers = [{servers}]"), "3s");
        Directory::ldap(LdapDirectory::new(config).unwrap())
    };
    let directory = quick(&format!("{down}, {hangs}, {good}"));
    person(&directory, "mario").await;
    let visits = hanging.visits();
    assert!(visits > 0, "it was tried in its turn");
    person(&directory, "mario").await;
    assert_eq!(hanging.visits(), visits, "a server that hung is left alone for a while");
    let why = no_answer(&quick(&format!("{down}, {hangs}"))).await;
    assert!(why.contains("cannot connect") && why.contains("no answer within 3s"), "{why}");
    let directory = quick(&hangs);
    let began = Instant::now();
    let together = futures_util::future::join_all((0..1200).map(|_| ask(&directory, "mario", "pw-mario"))).await;
    let clear = |answer: &&Answer| matches!(answer, Answer::Unknown(why) if why.contains("too many logins wait"));
    assert!(together.iter().all(|answer| matches!(answer, Answer::Unknown(_))));
    assert_eq!(
        together.iter().filter(clear).count(),
        1200 - 1024,
        "the queue has an end, and who is behind it is told"
    );
    assert!(began.elapsed() < Duration::from_secs(75), "in turn they would wait for an hour");
}

/// A server that takes connections, counts them, and says nothing.
struct Hanging {
    port: u16,
    visits: Arc<std::sync::atomic::AtomicUsize>,
}

impl Hanging {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let hanging = Self { port: listener.local_addr().unwrap().port(), visits: Default::default() };
        let visits = hanging.visits.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                held.push(stream);
                visits.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        });
        hanging
    }

    fn visits(&self) -> usize {
        self.visits.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_directory_that_was_restarted_is_asked_again() {
    let mut server = OpenLdap::start();
    let directory = ldaps(&server);
    person(&directory, "mario").await;
    server.stop();
    no_answer(&directory).await;
    server.start_again();
    let until = Instant::now() + Duration::from_secs(60);
    while !matches!(ask(&directory, "mario", "pw-mario").await, Answer::Valid(_)) {
        assert!(Instant::now() < until, "the directory is back and not asked");
    }
}

#[tokio::test]
async fn a_searching_account_that_is_refused_is_told_in_words() {
    let server = OpenLdap::start();
    std::fs::write(server.path("svc.password"), "wrong\n").unwrap();
    let why = no_answer(&ldaps(&server)).await;
    assert!(why.contains("refuses the searching account"), "{why}");
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(server.path("svc.password"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let why = no_answer(&ldaps(&server)).await;
    assert!(why.contains("chmod"), "{why}");
}

#[tokio::test]
async fn a_wrong_name_takes_as_long_as_a_wrong_password() {
    let server = OpenLdap::start();
    let directory = ldaps(&server);
    person(&directory, "mario").await;
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..40 {
        for (kind, user) in ["svc", "nobody"].into_iter().enumerate() {
            // Each wrong password counts towards a lock; that it is reached changes nothing outside.
            let began = Instant::now();
            assert!(matches!(ask(&directory, user, &format!("wrong-{round}")).await, Answer::Wrong(_)));
            times[kind].push(began.elapsed());
        }
    }
    times.iter_mut().for_each(|times| times.sort());
    let (known, unknown) = (times[0][20], times[1][20]);
    let difference = known.abs_diff(unknown);
    // What is left disappears in the pulse of half a second that wrong credentials are answered at, half of it at most.
    assert!(difference < Duration::from_millis(250), "a name that is there {known:?}, one that is not {unknown:?}");
}

#[tokio::test]
async fn the_walk_says_what_works_and_what_does_not() {
    let server = OpenLdap::start();
    let servers = format!("servers = [\"ldaps://127.0.0.1:{}\", \"ldaps://127.0.0.1:1\"]", server.tls_port);
    let directory = LdapDirectory::new(written(&server, &servers)).unwrap();
    let walk = async |user: &str, password: &str| {
        let (mut steps, password) = (Vec::new(), Password::new(password.to_owned()));
        directory.walk(Some((user, &password)), &["inner".to_owned()], &mut |step: Step| steps.push(step)).await;
        steps.iter().map(|step| format!("{} {}\n", step.holds, step.words)).collect::<String>()
    };
    let good = walk("mario", "pw-mario").await;
    for expected in [
        "true 127.0.0.1",
        "certificate in order",
        "false 127.0.0.1:1: cannot connect",
        "signs in",
        "the password holds",
        "in the group `inner`",
    ] {
        assert!(good.contains(expected), "{expected}: {good}");
    }
    assert!(walk("mario", "wrong").await.contains("false the password is wrong"));
    assert!(walk("nobody", "x").await.contains("finds nobody"));
    assert!(walk("mustchange", "pw-mustchange").await.contains("must be changed first"));
    assert!(walk("giulia", "pw-giulia").await.contains("in none of the 1 groups"));
}

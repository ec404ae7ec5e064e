//! Passwords and tokens are where they belong and nowhere else: in no log, error, record, file or command line.

use std::{
    fs,
    path::{Path, PathBuf},
};

use e2e::{
    api,
    client::{Connect, change_password},
    factor,
    gateway::{Gateway, Setup, password},
    ldap::Directory,
    world::World,
};
use gateway_api::login::Session;

/// Every file below a folder but those where secrets belong: the directory server's own, what curl was given and got, the searching
/// account's password file, and what enrolments told the office and the worker.
fn written(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the world's folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let told = ["body", "handed-over", "enrolment"].iter().any(|kind| name.starts_with(kind));
        if name == "ldap" || name == "bind-password" || told {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(written(&path)),
            Ok(kind) if kind.is_file() => files.push(path),
            _ => {}
        }
    }
    files
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[test]
fn nothing_that_is_written_holds_a_password_or_a_token() {
    let world = World::new();
    let directory = Directory::start(&world);
    let files = Setup::default().profile("second_factor", "\"totp\"").ldap(&directory).write(&world);
    let config = fs::read_to_string(files.config()).expect("written above") + "level = \"trace\"\n";
    fs::write(files.config(), config).expect("the world's folder is writable");
    let gateway = Gateway::start(&world, files);

    let codes = ["m.rossi", "g.verdi"].map(|user| gateway.hands_over("enrol", user));
    let rossi = factor::enrol_at_home(&world, &world.home, &gateway, "m.rossi", &password("m.rossi"), &codes[0]);
    let verdi = factor::enrol(&world, &world.other_home, "g.verdi", &password("g.verdi"), &codes[1]);
    let mut client = Connect::new(&gateway, "m.rossi").code(&rossi.app.next()).start(&world.home);
    client.port();
    let (answer, _) =
        api::login_with(&world, &world.other_home, "g.verdi", &password("g.verdi"), Some(&verdi.recovery[0]));
    let session: Session = serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("refused ({e}): {answer:?}"));
    Connect::new(&gateway, "m.rossi").code("Code-that-is-wrong").refused(&world.home);
    let anew = gateway.hands_over("reset", "g.verdi");
    let (code, said) = Connect::new(&gateway, "m.rossi").password("Guess-that-is-wrong").refused(&world.home);
    assert!(code.is_some_and(|code| code > 0), "{said}");
    api::login(&world, &world.home, "Name-that-was-a-password", "Word-of-nobody");
    change_password(&world.home, &gateway, "mustchange", &password("mustchange"), "Wished-for-2026");
    api::call(&world, &world.home, gateway_api::LOGIN, &[], b"{\"user\":\"m.rossi\",\"password\":\"Half-a-request");
    gateway.command(&["log", "show", "--names"]);
    gateway.command(&["session", "list"]);

    let secrets = [
        password("m.rossi"),
        password("g.verdi"),
        password("svc"),
        password("mustchange"),
        "Guess-that-is-wrong".to_owned(),
        "Word-of-nobody".to_owned(),
        "Name-that-was-a-password".to_owned(),
        "Wished-for-2026".to_owned(),
        "Half-a-request".to_owned(),
        session.token.encode().to_string(),
        session.preshared_key.encode().to_string(),
        "Code-that-is-wrong".to_owned(),
        rossi.app.secret.clone(),
        verdi.app.secret.clone(),
        anew,
    ];
    let secrets: Vec<String> = secrets.into_iter().chain(codes).chain(rossi.recovery).chain(verdi.recovery).collect();
    let mut places = written(world.folder());
    assert!(places.len() > 10, "nothing was looked at: {places:?}");
    for pid in [gateway.pid(), client.pid()].into_iter().flatten() {
        places.extend(["cmdline", "environ"].map(|file| PathBuf::from(format!("/proc/{pid}/{file}"))));
    }
    let read = |place: &PathBuf| fs::read(place).unwrap_or_default();
    assert!(places.iter().any(|place| holds(&read(place), "m.rossi")), "what is looked at is not what was written");
    for place in places {
        let bytes = read(&place);
        for secret in &secrets {
            assert!(!holds(&bytes, secret), "{} holds `{secret}`", place.display());
        }
    }
}

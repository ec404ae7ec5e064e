//! Passwords and tokens are where they belong and nowhere else: in no log, error, record, file or command line.

use std::{
    fs,
    path::{Path, PathBuf},
};

use e2e::{
    api,
    client::{Connect, change_password},
    gateway::{Gateway, Setup, password},
    ldap::Directory,
    world::World,
};

/// Every file below a folder but those that the test itself wrote secrets into: the directory server's own, what curl was given
/// and got, and the searching account's password file.
fn written(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the world's folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name == "ldap" || name == "bind-password" || name.starts_with("body") {
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
    let files = Setup::default().ldap(&directory).write(&world);
    let config = fs::read_to_string(files.config()).expect("written above") + "level = \"trace\"\n";
    fs::write(files.config(), config).expect("the world's folder is writable");
    let gateway = Gateway::start(&world, files);

    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let (session, _) = api::session(&world, &world.other_home, "g.verdi");
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
    ];
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

//! What the manual tells an administrator to type is accepted as it stands there.

use std::fs;

use e2e::{gateway::Setup, ldap::Directory, world::World};

/// The examples in TOML of the README, in order: the configuration, the policy.
fn examples() -> Vec<String> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).expect("the manual");
    let blocks = text.split("```toml\n").skip(1);
    blocks.filter_map(|block| block.split("```").next()).map(str::to_owned).collect()
}

#[test]
fn the_first_installation_is_accepted_as_it_is_written() {
    let world = World::new();
    let files = Setup::default().write(&world);
    let examples = examples();
    let [config, policy] = examples.as_slice() else { panic!("the README has {} examples", examples.len()) };
    // The example's own folder instead of /etc/deskgate, with the files that it names.
    let config = format!("policy = \"policy\"\n{}", config.replace("/etc/deskgate/", ""));
    fs::write(files.config(), config).expect("the world's folder is writable");
    fs::copy(Directory::start(&world).authority(), files.folder().join("office-ca.pem")).expect("a PEM file");
    files.write_secret("directory.password", "secret\n");
    files.set_policy(policy);

    let succeeds = |arguments: &[&str]| {
        let output = files.command(&world, arguments, "");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {out}{err}");
        out.into_owned()
    };
    succeeds(&["config", "check"]);
    succeeds(&["policy", "check"]);
    // A Tuesday morning of the agreement.
    let words = succeeds(&["policy", "explain", "m.rossi", "--at", "2026-03-03T09:00"]);
    assert!(words.contains("anagrafe-07"), "{words}");
}

#[test]
fn a_backup_is_put_back_as_the_manual_says() {
    let world = World::new();
    let mut gateway = Setup::default().start(&world);
    let _ = e2e::api::login(&world, &world.home, "m.rossi", "pw-wrong");
    let backup = world.folder().join("before.backup");
    let path = backup.display().to_string();
    gateway.command(&["backup", &path]);
    let _ = e2e::api::login(&world, &world.home, "g.verdi", "pw-wrong");
    assert_eq!(gateway.records().len(), 2);

    let refused = gateway.files().command(&world, &["restore", "--force", &path], "");
    assert!(!refused.status.success(), "a running gateway's database is not replaced");
    gateway.stop();
    let files = gateway.files().clone();
    drop(gateway);
    assert!(files.command(&world, &["restore", "--force", &path], "").status.success());
    let gateway = e2e::gateway::Gateway::start(&world, files);
    assert_eq!(gateway.records().len(), 1);
    gateway.command(&["log", "verify"]);
    let administrators = gateway.command(&["log", "show", "--journal", "administrators"]);
    assert!(administrators.contains("backup_restored"), "{administrators}");
}

//! The password goes to the program that shows the desktop where the office says so, by its standard input alone.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{
    Program,
    gateway::{Gateway, Manners, PASSWORD},
};

/// A home whose RDP program writes down, in a folder elsewhere, all that it was given.
fn home(given: &Path) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let script = home.path().join("bin/xfreerdp3");
    fs::create_dir(home.path().join("bin")).unwrap();
    let text = format!(
        "#!/bin/bash\ncd '{}'; cat > input; tr '\\0' '\\n' < /proc/$$/cmdline > arguments\n\
         cat /proc/$$/environ > environment; echo ready; exec sleep 60\n",
        given.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    home
}

/// What the RDP program of one session was given: standard input, arguments, environment. No file of the home has the password.
fn given(manners: Manners, more: &[&str]) -> [String; 3] {
    let gateway = Gateway::start(manners);
    let folder = tempfile::tempdir().unwrap();
    let server = gateway.address.to_string();
    let mut arguments = vec!["connect", "--server", &server, "--user", "m.rossi", "--password-stdin"];
    arguments.extend(["--fingerprint", &gateway.fingerprint]);
    arguments.extend(more);
    let mut program = Program::start_in(home(folder.path()), &arguments, PASSWORD);
    program.says("ready");
    assert_eq!(holding_password(program.home.path()), Vec::<String>::new());
    program.signal(Signal::SIGINT);
    let (code, said) = program.end();
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
    ["input", "arguments", "environment"].map(|name| fs::read_to_string(folder.path().join(name)).unwrap())
}

/// The files below a folder that have the password in them.
fn holding_password(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding_password(&path));
        } else if fs::read(&path).unwrap().windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn the_password_reaches_the_program_by_standard_input_alone() {
    let [input, arguments, environment] = given(Manners { single_sign_on: true, ..Manners::default() }, &[]);
    assert_eq!(input, format!("{PASSWORD}\n"), "one line, and the end");
    assert!(arguments.lines().any(|word| word == "/u:m.rossi"), "{arguments}");
    assert!(arguments.lines().any(|word| word == "/from-stdin:force"), "{arguments}");
    assert!(!arguments.contains(PASSWORD) && !environment.contains(PASSWORD), "{arguments}{environment}");
}

#[test]
fn a_program_gets_no_password_that_the_office_does_not_let_it_have() {
    let [input, arguments, environment] = given(Manners::default(), &[]);
    assert_eq!(input, "");
    assert!(!arguments.contains("from-stdin"), "{arguments}");
    assert!(!arguments.contains(PASSWORD) && !environment.contains(PASSWORD), "{arguments}{environment}");
}

#[test]
fn a_command_of_the_person_never_gets_the_password() {
    let manners = Manners { single_sign_on: true, ..Manners::default() };
    let [input, arguments, environment] = given(manners, &["--run", "xfreerdp3 /v:{host}:{port}"]);
    assert_eq!(input, "");
    assert!(!arguments.contains(PASSWORD) && !environment.contains(PASSWORD), "{arguments}{environment}");
}

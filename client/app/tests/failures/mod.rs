//! What fails before there is a session: told with a number under which the doctor's report has it.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::{
    profile::{office, sign, words},
    running::{Program, nobody},
};

#[test]
fn what_fails_without_a_session_has_a_number_that_the_doctors_report_has_too() {
    let nobody = nobody();
    let folder = tempfile::tempdir().unwrap();
    let body = format!("server = \"{nobody}\"\nuser = \"m.rossi\"\n");
    let profile = sign(folder.path(), "p.toml", &office(1), &body, &[], 0);
    let words = words(&office(1));
    let known = ["--profile", &profile, "--trust", &words];
    let mut program = Program::start(&[&["connect", "--password-stdin", "--no-run"], &known[..]].concat(), "secret");
    let (code, said) = program.end();
    assert_eq!(code, 4, "{said}");
    let number = said.split("Support number: ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let number = number.unwrap_or_else(|| panic!("no number: {said}"));

    let report = folder.path().join("report.txt");
    let status = Command::new(env!("CARGO_BIN_EXE_deskgate"))
        .arg("doctor")
        .args(known)
        .arg("--report")
        .arg(&report)
        .env_clear()
        .env("HOME", program.home.path())
        .env("LANG", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    let written = fs::read_to_string(&report).unwrap();
    let noted: Vec<&str> = written.lines().filter(|line| line.contains(number)).collect();
    assert_eq!(noted.len(), 1, "{written}");
    assert!(noted[0].ends_with("  unreachable"), "{noted:?}");
    let file = fs::read_to_string(program.home.path().join(".config/deskgate/failures.txt")).unwrap();
    assert!(!file.contains("m.rossi") && !file.contains("127.0.0.1"), "{file}");
}

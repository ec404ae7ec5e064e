//! What docs/POLICY.md shows of the commands is what they print.
//!
//! After a deliberate change: `UPDATE_EXPECTED=1 cargo test -p deskgate-gateway --test policy_manual`.

use std::{fs, path::PathBuf, process::Command};

fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// What a command of the manual prints, in the folder of the worked examples.
fn printed(command: &str) -> String {
    let arguments = command.strip_prefix("deskgate-gateway ").expect("a command of ours").split(' ');
    let output = Command::new(env!("CARGO_BIN_EXE_deskgate-gateway"))
        .args(arguments)
        .current_dir(project("deploy/etc/policy"))
        .output()
        .expect("the program runs");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).expect("UTF-8").trim_end().to_owned()
}

#[test]
fn the_commands_print_what_the_manual_shows() {
    let page = project("docs/POLICY.md");
    let text = fs::read_to_string(&page).unwrap();
    let mut rewritten = String::new();
    let mut rest = text.as_str();
    let mut shown = 0;
    while let Some((before, after)) = rest.split_once("```console\n$ ") {
        let (block, after) = after.split_once("\n```").expect("a block that ends");
        let command = block.lines().next().unwrap();
        rewritten += &format!("{before}```console\n$ {command}\n{}\n```", printed(command));
        rest = after;
        shown += 1;
    }
    rewritten += rest;
    assert!(shown >= 5, "where are the commands?");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&page, rewritten).unwrap();
    } else {
        assert!(rewritten == text, "docs/POLICY.md shows something else:\n{rewritten}");
    }
}

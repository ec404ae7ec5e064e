//! The manual says what the program does: its examples are a policy, its tables and the schema are made from the keys.
//!
//! After a deliberate change of the keys: `UPDATE_EXPECTED=1 cargo test -p policy --test manual`.

use std::{fs, path::PathBuf};

use policy::{Policy, SourceFile, Sources, Style};

fn page(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

fn updating() -> bool {
    std::env::var_os("UPDATE_EXPECTED").is_some()
}

/// The code blocks of a kind, each with the line on which it begins.
fn blocks(text: &str, kind: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match &mut open {
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some((_, block)) => {
                block.push_str(line);
                block.push('\n');
            }
            None if line == format!("```{kind}") => open = Some((number + 2, String::new())),
            None => (),
        }
    }
    blocks
}

#[test]
fn the_examples_of_the_manual_are_one_policy() {
    let text = fs::read_to_string(page("POLICY.md")).unwrap();
    let mut files = Vec::new();
    for kind in ["toml", "csv"] {
        for (line, block) in blocks(&text, kind) {
            files.push(SourceFile { name: format!("POLICY.md, line {line:03}.{kind}"), text: block });
        }
    }
    assert!(files.len() > 6, "where are the examples?");
    for name in ["privacy.it.txt", "privacy.en.txt"] {
        files.push(SourceFile { name: name.into(), text: "text\n".into() });
    }
    let sources = Sources::new(files);
    let (policy, warnings) =
        Policy::parse(&sources).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(&sources, Style::Plain)));
    assert_eq!(policy.prove().counterexample, None);
    assert!(warnings.is_empty(), "{}", warnings.render(&sources, Style::Plain));
}

#[test]
fn the_mistakes_shown_are_told_so() {
    let text = fs::read_to_string(page("POLICY.md")).unwrap();
    let told: Vec<String> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reject"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "out"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let shown = blocks(&text, "text");
    assert!(!shown.is_empty(), "where are they?");
    for (line, block) in shown {
        assert!(told.iter().any(|told| told.contains(&block)), "line {line} shows what is told nowhere");
    }
}

#[test]
fn the_tables_of_keys_are_those_of_the_language() {
    const END: &str = "<!-- end of keys -->";
    let text = fs::read_to_string(page("POLICY.md")).unwrap();
    let start = text.find("<!-- keys:").and_then(|at| Some(at + text[at..].find("-->\n")? + 4)).unwrap();
    let end = text.find(END).unwrap();
    let expected = format!("\n{}", policy::reference());
    if updating() {
        fs::write(page("POLICY.md"), format!("{}{expected}{}", &text[..start], &text[end..])).unwrap();
    } else {
        assert!(text[start..end] == expected, "the tables of keys in docs/POLICY.md are out of date");
    }
}

#[test]
fn the_schema_for_editors_is_that_of_the_language() {
    let path = page("policy.schema.json");
    if updating() {
        fs::write(&path, policy::json_schema()).unwrap();
    }
    assert!(fs::read_to_string(path).unwrap() == policy::json_schema(), "docs/policy.schema.json is out of date");
}

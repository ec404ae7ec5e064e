//! One file per mistake, its outcome beside it.
//!
//! Each case of `reject/` and `accept/` is read together with `base.toml`, unless its first line says `# alone`. What is
//! told about it stands in the `.out` file of the same name. After a deliberate change: `UPDATE_EXPECTED=1 cargo test -p
//! policy --test files`, and read the difference.

use std::{fmt::Write as _, fs, path::Path};

use policy::{Policy, SourceFile, Sources, Style};

fn each_case(kind: &str, told: impl Fn(&Sources) -> Result<String, String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let base = fs::read_to_string(folder.join("base.toml")).unwrap();
    let mut wrong = String::new();
    let mut cases: Vec<_> = fs::read_dir(folder.join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|kind| kind == "toml" || kind == "csv"));
    cases.sort();
    assert!(cases.len() > 5, "where are the cases?");
    for path in cases {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let mut files = vec![SourceFile { name: name.clone(), text: text.clone() }];
        if !text.starts_with("# alone") {
            files.push(SourceFile { name: "base.toml".into(), text: base.clone() });
        }
        let expected_path = path.with_extension(format!("{}.out", path.extension().unwrap().to_str().unwrap()));
        match told(&Sources::new(files)) {
            Ok(told) if std::env::var_os("UPDATE_EXPECTED").is_some() => fs::write(expected_path, told).unwrap(),
            Ok(told) => {
                let expected = fs::read_to_string(&expected_path).unwrap_or_default();
                if told != expected {
                    let _ = write!(wrong, "{kind}/{name} tells:\n{told}\nexpected:\n{expected}\n");
                }
            }
            Err(why) => {
                let _ = writeln!(wrong, "{kind}/{name}: {why}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_do() {
    each_case("reject", |sources| match Policy::parse(sources) {
        Ok(_) => Err("was accepted".to_owned()),
        Err(mistakes) => Ok(mistakes.render(sources, Style::Plain)),
    });
}

#[test]
fn what_is_allowed_and_hardly_meant_is_a_warning() {
    each_case("accept", |sources| match Policy::parse(sources) {
        Ok((_, warnings)) => Ok(warnings.render(sources, Style::Plain)),
        Err(mistakes) => Err(format!("was refused:\n{}", mistakes.render(sources, Style::Plain))),
    });
}

#[test]
fn the_worked_examples_can_be_used_as_they_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/etc/policy");
    let mut examples = 0;
    for example in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let files = fs::read_dir(&example).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            SourceFile { name, text: fs::read_to_string(path).unwrap() }
        });
        let sources = Sources::new(files.collect());
        let parsed = Policy::parse(&sources);
        let (policy, _) = parsed
            .unwrap_or_else(|mistakes| panic!("{}:\n{}", example.display(), mistakes.render(&sources, Style::Plain)));
        assert!(policy.test_count() > 0, "{} shows no test", example.display());
        assert_eq!(policy.prove().counterexample, None, "{}", example.display());
        examples += 1;
    }
    assert_eq!(examples, 3);
}

#[test]
fn a_notice_that_nobody_would_read_to_its_end_is_a_mistake() {
    let base = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/base.toml")).unwrap();
    let told = |length: usize| {
        let text = "[notices.privacy]\nen = \"privacy.txt\"\n".to_owned();
        let files = [("base.toml", base.clone()), ("notice.toml", text), ("privacy.txt", "x".repeat(length))];
        let files = files.map(|(name, text)| SourceFile { name: name.into(), text }).to_vec();
        let sources = Sources::new(files);
        Policy::parse(&sources).map(drop).map_err(|mistakes| mistakes.render(&sources, Style::Plain))
    };
    assert_eq!(told(32 << 10), Ok(()));
    let mistake = told((32 << 10) + 1).unwrap_err();
    assert!(mistake.contains("the notice `privacy.txt` is too long"), "{mistake}");
    assert!(mistake.contains("33 KiB of 32 at most"), "{mistake}");
}

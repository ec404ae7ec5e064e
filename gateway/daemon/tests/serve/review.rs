//! Names in the session log: sealed to two holders, opened by both together, and the opening recorded first.

use std::fs;

use nix::sys::signal::Signal;

use crate::house::*;

/// Key pairs of both roles, and a gateway that seals to them.
pub(crate) fn with_keys(house: &House) {
    for (role, file) in [("controllers", "director"), ("reviewers", "office")] {
        let (private, public) = (house.path(file), house.path(&format!("{file}.pub")));
        let (private, public) = (private.display().to_string(), public.display().to_string());
        let made = house.run(
            &["review", "keys", "make", role, "--private", &private, "--public", &public, "--passphrase-stdin"],
            &format!("pass-{file}\n"),
        );
        assert!(made.status.success(), "{}", text(&made.stderr));
        assert!(text(&made.stdout).contains("fingerprint"), "{}", text(&made.stdout));
    }
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    let record = "[record]\ncontrollers = [\"director.pub\"]\nreviewers = [\"office.pub\"]\n";
    fs::write(house.path("gateway.toml"), format!("{config}\n{record}")).unwrap();
}

fn open_names(house: &House, more: &[&str], stdin: &str) -> (bool, String) {
    let arguments = [&["review", "open", "--passphrase-stdin"], more].concat();
    let output = house.run(&arguments, stdin);
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn names_open_by_both_holders_only_and_that_is_recorded_first() {
    let house = House::new();
    with_keys(&house);
    let mut gateway = house.serve();
    let (_, number) = block_on(open("m.rossi"));
    assert!(!house.log().contains("sealed to nobody"), "{}", house.log());
    // The gateway's administrators alone: that they tried is recorded, and they read nothing.
    let shown = house.says(&["log", "show", "--names"]);
    assert!(shown.contains("names are sealed") && !shown.contains("m.rossi"), "{shown}");
    let (director, office) = (house.path("director").display().to_string(), house.path("office").display().to_string());
    let (opened, said) = open_names(&house, &["--session", &number, "--key", &director], "pass-director\n");
    assert!(!opened && said.contains("there is none of the reviewers"), "{said}");
    let both = ["--session", &number, "--key", &director, "--key", &office];
    let (opened, said) = open_names(&house, &both, "pass-director\npass-wrong\n");
    assert!(!opened && said.contains("the passphrase does not open"), "{said}");
    let openings = || house.says(&["log", "show", "--journal", "reviews"]).matches("names_opened").count();
    assert_eq!(openings(), 0, "nothing was opened");
    let (opened, said) = open_names(&house, &both, "pass-director\npass-office\n");
    assert!(opened && said.contains("worker=m.rossi") && said.contains("from="), "{said}");
    assert_eq!(openings(), 1);
    let acts = house.says(&["log", "show", "--journal", "reviews"]);
    assert!(acts.contains("by=both_key_holders"), "{acts}");
    // When no gateway runs, and on a copy.
    let copy = house.path("copy").display().to_string();
    house.says(&["backup", &copy]);
    gateway.signal(Signal::SIGTERM);
    gateway.ended();
    let (opened, said) =
        open_names(&house, &[&both[..], &["--database", &copy]].concat(), "pass-director\npass-office\n");
    assert!(opened && said.contains("worker=m.rossi"), "{said}");
    assert_eq!(openings(), 2);
    house.says(&["log", "verify"]);
    let keys = house.json(&["review", "keys", "--json"]);
    assert_eq!((&keys["keys"][0]["role"], &keys["keys"][0]["records"]), (&"controllers".into(), &1.into()), "{keys}");
    // Without the days' keys both holders together read nothing.
    fs::remove_dir_all(house.path("state/day-keys")).unwrap();
    let (opened, said) = open_names(&house, &both, "pass-director\npass-office\n");
    assert!(opened && said.contains("names are gone") && !said.contains("m.rossi"), "{said}");
}

#[test]
fn a_private_key_does_not_get_into_the_gateways_folders_nor_into_its_configuration() {
    let house = House::new();
    house.serve();
    let inside = house.path("state/director").display().to_string();
    let made = house.run(&["review", "keys", "make", "controllers", "--no-passphrase", "--private", &inside], "");
    assert_eq!(made.status.code(), Some(64), "{}", text(&made.stdout));
    assert!(text(&made.stderr).contains("must not be where the record is"), "{}", text(&made.stderr));
    with_keys(&house);
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    fs::write(house.path("gateway.toml"), config.replace("director.pub", "director")).unwrap();
    let (code, said) = house.refused_start();
    assert!(code == 64 && said.contains("take it off this machine"), "{said}");
    let checked = house.run(&["config", "check"], "");
    assert!(text(&checked.stderr).contains("take it off this machine"), "{}", text(&checked.stderr));
}

#[test]
fn an_office_without_keys_is_told_and_its_names_are_under_the_days_key() {
    let house = House::new();
    let _gateway = house.serve();
    block_on(open("m.rossi"));
    assert!(house.log().contains("sealed to nobody"), "{}", house.log());
    assert!(house.says(&["review", "keys"]).contains("sealed to nobody yet"));
    assert!(house.says(&["log", "show", "--names"]).contains("worker=m.rossi"));
    fs::remove_dir_all(house.path("state/day-keys")).unwrap();
    let keys = house.json(&["review", "keys", "--json"]);
    assert_eq!((&keys["gone"], &keys["sealed_to_nobody"]), (&1.into(), &0.into()), "{keys}");
}

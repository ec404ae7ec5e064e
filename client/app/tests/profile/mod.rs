//! Whose profiles are followed: the real program, and profiles of several offices.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use gateway_api::{
    login::Language,
    profile::{Secret, Succession},
};
use nix::sys::signal::Signal;

use super::{
    gateway::{Asked, Gateway, Manners, PASSWORD},
    running::{Program, nobody},
};

/// An office's key.
pub(crate) fn office(seed: u8) -> Secret {
    Secret::new(&[seed; 32])
}

/// What stands in its letter.
pub(crate) fn words(office: &Secret) -> String {
    office.public().words(Language::En).to_string()
}

/// A profile in a file, as that office signs it.
pub(crate) fn sign(
    folder: &Path,
    name: &str,
    office: &Secret,
    text: &str,
    successions: &[Succession],
    at: i64,
) -> String {
    let path = folder.join(name);
    fs::write(&path, office.sign(text, successions, at)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_profile_is_followed_once_its_words_were_compared_and_then_only_that_offices() {
    let gateway = Gateway::start(Manners::default());
    let folder = tempfile::tempdir().unwrap();
    let (server, pin) = (gateway.address, &gateway.fingerprint);
    let text = format!("server = \"{server}\"\nuser = \"m.rossi\"\nfingerprints = [\"{pin}\"]\nhelp = \"06 1\"\n");
    let file = |name: &str, key: u8, successions: &[Succession], at| {
        sign(folder.path(), name, &office(key), &text, successions, at)
    };
    let ours = file("ours", 1, &[], 10);
    let newer = file("newer", 1, &[], 11);
    let foreign = file("foreign", 2, &[], 12);
    let succeeded = file("succeeded", 3, &[office(1).succeed(office(3).public())], 12);
    let unsigned = folder.path().join("unsigned");
    fs::write(&unsigned, &text).unwrap();
    let changed = folder.path().join("changed");
    fs::write(&changed, fs::read_to_string(&ours).unwrap().replace("06 1", "06 2")).unwrap();
    let (unsigned, changed) = (unsigned.to_str().unwrap(), changed.to_str().unwrap());
    let (right, wrong, next) = (words(&office(1)), words(&office(2)), words(&office(3)));

    let mut home = tempfile::tempdir().unwrap();
    let steps: [(&str, &str, Option<&str>); 12] = [
        // Nobody has compared anything yet.
        (&ours, "", Some("nobody can be asked whether it is your office's")),
        (&ours, &wrong, Some("are others than those given with --trust")),
        (unsigned, &right, Some("is not signed")),
        (changed, &right, Some("was changed, or damaged")),
        (&ours, &right, None),
        // Now the office is known.
        (&newer, "", None),
        (&ours, "", Some("is older than the one you used last")),
        (&foreign, "", Some("signed by another office")),
        (&foreign, &wrong, Some("signed by another office")),
        (&succeeded, "", None),
        (&newer, "", Some("signed by another office")),
        (&succeeded, &next, None),
    ];
    for (profile, trust, refused) in steps {
        let mut arguments = vec!["connect", "--profile", profile, "--password-stdin", "--no-run"];
        if !trust.is_empty() {
            arguments.extend(["--trust", trust]);
        }
        let mut program = Program::start_in(home, &arguments, PASSWORD);
        if refused.is_none() {
            program.door();
            program.signal(Signal::SIGINT);
        }
        let (code, said) = program.end();
        assert_eq!(code, if refused.is_some() { 2 } else { 0 }, "{profile} {trust}: {said}");
        assert!(said.contains(refused.unwrap_or_default()), "{profile} {trust}: {said}");
        assert!(refused.is_none() || !said.contains("06 1"), "the phone of whoever sent it: {said}");
        home = std::mem::replace(&mut program.home, tempfile::tempdir().unwrap());
    }

    // The next start finds the profile by itself.
    let mut program = Program::start_in(home, &["connect", "--password-stdin", "--no-run"], PASSWORD);
    program.door();
    program.signal(Signal::SIGINT);
    assert_eq!(program.end().0, 0);
    home = std::mem::replace(&mut program.home, tempfile::tempdir().unwrap());

    // Another office is followed once the first is forgotten, and its words were compared.
    for (arguments, code) in [
        (vec!["office", "forget"], 0),
        (vec!["connect", "--password-stdin", "--no-run"], 2),
        (vec!["connect", "--profile", &foreign, "--password-stdin", "--no-run"], 2),
        (vec!["connect", "--profile", &foreign, "--trust", &wrong, "--password-stdin", "--run", "no-such-program"], 1),
    ] {
        let mut program = Program::start_in(home, &arguments, PASSWORD);
        let (ended, said) = program.end();
        assert_eq!(ended, code, "{arguments:?}: {said}");
        home = std::mem::replace(&mut program.home, tempfile::tempdir().unwrap());
    }
    let (code, said) = Program::start(&["connect", "--trust", &right, "--password-stdin"], PASSWORD).end();
    assert_eq!(code, 2);
    assert!(said.contains("There is no profile"), "{said}");
}

#[test]
fn the_profile_beside_the_program_is_found_and_an_old_one_there_locks_nobody_out() {
    let gateway = Gateway::start(Manners::default());
    let text = |server: &str| {
        format!("server = \"{server}\"\nuser = \"m.rossi\"\nfingerprints = [\"{}\"]\n", gateway.fingerprint)
    };
    let right = text(&gateway.address.to_string());
    let [beside, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    // Nobody listens there: who follows it gets nowhere.
    sign(beside.path(), "comune.deskgate", &office(1), &text("127.0.0.1:1"), &[], 10);
    let newer = sign(elsewhere.path(), "newer", &office(1), &right, &[], 11);
    let words = words(&office(1));
    let mut home = tempfile::tempdir().unwrap();
    let mut start = |more: &[&str], opens: bool| {
        let arguments = [&["connect", "--password-stdin", "--no-run"], more].concat();
        let old = std::mem::replace(&mut home, tempfile::tempdir().unwrap());
        let mut program = Program::start_beside(old, beside.path(), &arguments);
        if opens {
            program.door();
            program.signal(Signal::SIGINT);
        }
        let (code, said) = program.end();
        home = std::mem::replace(&mut program.home, tempfile::tempdir().unwrap());
        (code, said)
    };
    let (code, said) = start(&["--trust", &words], false);
    assert_eq!(code, 4, "the one beside is followed: {said}");

    // Another was opened since, and is kept.
    assert_eq!(start(&["--profile", &newer], true).0, 0);
    let (code, said) = start(&[], true);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("older than the one used last") && said.contains("comune.deskgate"), "{said}");

    // A newer one beside counts again; of two, nobody knows which.
    sign(beside.path(), "comune.deskgate", &office(1), &text("127.0.0.1:1"), &[], 12);
    assert_eq!(start(&[], false).0, 4);
    sign(beside.path(), "deskgate.toml", &office(1), &right, &[], 13);
    let (code, said) = start(&[], false);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("More than one profile") && said.contains("comune.deskgate, deskgate.toml"), "{said}");
    fs::remove_file(beside.path().join("comune.deskgate")).unwrap();
    assert_eq!(start(&[], true).0, 0);
}

#[test]
fn a_profile_signed_by_a_clock_that_is_ahead_is_refused_with_both_dates() {
    let gateway = Gateway::start(Manners::default());
    let folder = tempfile::tempdir().unwrap();
    let (server, pin) = (gateway.address, &gateway.fingerprint);
    let text = format!("server = \"{server}\"\nuser = \"m.rossi\"\nfingerprints = [\"{pin}\"]\n");
    let now = jiff::Timestamp::now();
    let words = words(&office(1));
    let date = |hours| {
        let moment = now + jiff::SignedDuration::from_hours(hours);
        (moment.as_second(), moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%-d %b %Y").to_string())
    };
    let start = |at| {
        let profile = sign(folder.path(), "profile", &office(1), &text, &[], at);
        Program::start(&["connect", "--profile", &profile, "--trust", &words, "--password-stdin", "--no-run"], PASSWORD)
    };
    let (tomorrow, _) = date(20);
    let mut program = start(tomorrow);
    program.door();
    program.signal(Signal::SIGINT);
    assert_eq!(program.end().0, 0);

    let ((ahead, signed), (_, today)) = (date(50), date(0));
    let (code, said) = start(ahead).end();
    assert_eq!(code, 2, "{said}");
    for word in [&format!("signed with the date {signed}"), &format!("it is {today}"), "Check this computer's date"] {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

#[test]
fn the_offices_own_authority_and_the_next_key_are_trusted_too() {
    let gateway = Gateway::start(Manners::default());
    let folder = tempfile::tempdir().unwrap();
    let server = format!("localhost:{}", gateway.address.port());
    let certificate = &gateway.certificate;
    let text = format!("server = \"{server}\"\nuser = \"m.rossi\"\nca = \'\'\'\n{certificate}\'\'\'\n");
    let profile = sign(folder.path(), "comune.deskgate", &office(1), &text, &[], 0);
    let words = words(&office(1));
    let by_authority = vec!["connect", "--profile", &profile, "--trust", &words, "--password-stdin", "--no-run"];
    let next = format!("sha256:{}", "0".repeat(64));
    let by_key = [by_authority.clone(), vec!["--fingerprint", &next, "--fingerprint", &gateway.fingerprint]].concat();
    for arguments in [by_authority, by_key] {
        let mut program = Program::start(&arguments, PASSWORD);
        program.door();
        program.signal(Signal::SIGINT);
        assert_eq!(program.end().0, 0);
    }
}

/// A profile with these names, of whoever holds the gateway's key.
fn of_names(folder: &Path, names: &[&str], gateway: &Gateway) -> String {
    let text = format!("servers = {names:?}\nuser = \"m.rossi\"\nfingerprints = [\"{}\"]\n", gateway.fingerprint);
    sign(folder, "several.deskgate", &office(1), &text, &[], 0)
}

#[test]
fn a_session_begins_by_the_first_name_that_answers_and_ends_by_the_same() {
    let (gateway, folder) = (Gateway::start(Manners::default()), tempfile::tempdir().unwrap());
    let second = gateway.address.to_string();
    // Takes the connection and says nothing of itself, as a line whose gateway is down behind it.
    let hangs_up = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let silent = hangs_up.local_addr().unwrap().to_string();
    let hanging_up = std::thread::spawn(move || drop(hangs_up.accept().unwrap()));
    let words = words(&office(1));
    let profile = of_names(folder.path(), &["no-such-name.invalid", &nobody(), &silent, &second], &gateway);
    let arguments = ["connect", "--profile", &profile, "--trust", &words, "--password-stdin", "--no-run"];
    let mut program = Program::start(&arguments, PASSWORD);
    program.door();
    hanging_up.join().unwrap();
    gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
    program.signal(Signal::SIGINT);
    let (code, said) = program.end();
    assert_eq!((code, gateway.closes()), (0, vec!["worker_closed".to_owned()]), "{said}");
}

#[test]
fn a_session_stays_with_its_name_when_an_earlier_one_comes_back() {
    let (gateway, folder) = (Gateway::start(Manners::default()), tempfile::tempdir().unwrap());
    let (first, words) = (nobody(), words(&office(1)));
    let profile = of_names(folder.path(), &[&first, &gateway.address.to_string()], &gateway);
    let arguments = ["connect", "--profile", &profile, "--trust", &words, "--password-stdin", "--no-run"];
    let mut program = Program::start(&arguments, PASSWORD);
    program.door();
    gateway.wait_for("the channel", |asked| asked.contains(&Asked::Attached));
    let back = TcpListener::bind(&first).unwrap();
    back.set_nonblocking(true).unwrap();
    gateway.hang_up();
    gateway.wait_for("the channel again", |asked| asked.iter().filter(|asked| **asked == Asked::Attached).count() == 2);
    program.signal(Signal::SIGINT);
    let (code, said) = program.end();
    assert_eq!((code, gateway.closes()), (0, vec!["worker_closed".to_owned()]), "{said}");
    assert!(back.accept().is_err(), "the first name was asked again in the middle of a session");
}

#[test]
fn a_stranger_at_the_first_name_is_told_and_the_second_is_not_asked() {
    let (gateway, stranger) = (Gateway::start(Manners::default()), Gateway::start(Manners::default()));
    let folder = tempfile::tempdir().unwrap();
    let (names, words) = ([stranger.address.to_string(), gateway.address.to_string()], words(&office(1)));
    let start = |names: &[&str]| {
        let profile = of_names(folder.path(), names, &gateway);
        let arguments = ["connect", "--profile", &profile, "--trust", &words, "--password-stdin", "--no-run"];
        Program::start(&arguments, PASSWORD).end()
    };
    let (code, said) = start(&[&names[0], &names[1]]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&format!("certificate of {} is not the office's", names[0])), "{said}");
    assert!(stranger.asked().is_empty() && gateway.asked().is_empty());

    // At the second it is told by its own name.
    let (code, said) = start(&[&nobody(), &names[0], &names[1]]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&format!("certificate of {} is not the office's", names[0])), "{said}");
    assert!(stranger.asked().is_empty() && gateway.asked().is_empty());
}

#[test]
fn where_no_name_answers_the_one_that_was_reached_furthest_is_told() {
    let (gateway, folder) = (Gateway::start(Manners::default()), tempfile::tempdir().unwrap());
    let (first, words) = (nobody(), words(&office(1)));
    for names in [[first.as_str(), "no-such-name.invalid"], ["no-such-name.invalid", first.as_str()]] {
        let profile = of_names(folder.path(), &names, &gateway);
        let arguments = ["connect", "--profile", &profile, "--trust", &words, "--password-stdin", "--no-run"];
        let (code, said) = Program::start(&arguments, PASSWORD).end();
        assert_eq!(code, 4, "{said}");
        assert!(said.contains(&format!("{first} does not answer (connection refused)")), "{said}");
    }
}

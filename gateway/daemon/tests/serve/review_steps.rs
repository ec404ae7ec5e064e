//! Reviews: request, approval, opening, minute, message. Each step by somebody who signs in for it, none without the one before.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
};

use aws_lc_rs::hmac;
use jiff::Timestamp;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    house::*,
    notices::{mark, pending},
    review::with_keys,
};

pub(crate) const WHY: &str = "Accessi rifiutati ogni notte da due settimane";
pub(crate) const RULES: &str = r#"
[lawful]
act = "Deliberazione n. 41"
from = 2020-01-01
log_norms = "Determinazione n. 112"
[roles]
administrators = "ced"
director_general = "directors"
reviewer_office = "reviewers"
[roles.head_of_structure]
"Servizi Demografici" = ["heads"]
"#;
const PEOPLE: [(&str, &str); 4] =
    [("d.general", "directors"), ("d.head", "heads"), ("r.office", "reviewers"), ("d.late", "directors")];

/// An office with people who have roles, and the recovery codes with which they sign in.
pub(crate) struct Office {
    pub(crate) house: House,
    codes: RefCell<BTreeMap<&'static str, Vec<String>>>,
}

impl Office {
    pub(crate) fn new() -> Self {
        let house = House::new();
        with_keys(&house);
        house.set_policy(&format!("{POLICY}{RULES}"));
        for (user, group) in PEOPLE {
            let password = format!("pw-{user}");
            let added = house.run(&["directory", "add", user, "--group", group, "--password-stdin"], &password);
            assert!(added.status.success(), "{}", text(&added.stderr));
        }
        Self { house, codes: RefCell::default() }
    }

    /// An office whose people have had their roles for eight days, but for one.
    pub(crate) fn settled() -> Self {
        let office = Self::new();
        office.settle();
        office
    }

    /// Lets these people sign in eight days ago for the first time.
    pub(crate) fn settle(&self) {
        let mut gateway = self.house.serve_days_ago(8);
        for (user, _) in &PEOPLE[..3] {
            self.enrol(user, 8);
            self.done(user, &["requests"]);
        }
        self.stop(&mut gateway);
    }

    pub(crate) fn stop(&self, gateway: &mut Gateway) {
        gateway.signal(Signal::SIGTERM);
        gateway.ended();
    }

    /// Asks for sessions, has that approved, and opens it.
    fn open_sessions(&self, numbers: &[&str]) {
        let named: Vec<&str> = numbers.iter().flat_map(|number| ["--session", number]).collect();
        self.done("d.general", &[&["request", "--ground", "b", "--reason", WHY], &named[..]].concat());
        self.done("d.head", &["approve", "1"]);
        self.done("r.office", &["open", "--request", "1", "--to", &self.path("opened")]);
    }

    /// Opens what was handed out, by both holders.
    fn opened(&self, file: &str) -> String {
        let (director, office) = (self.path("director"), self.path("office"));
        let arguments = ["review", "open", "--file", file, "--passphrase-stdin", "--key", &director, "--key", &office];
        let output = self.house.run(&arguments, "pass-director\npass-office\n");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    pub(crate) fn enrol(&self, user: &'static str, days_ago: i64) {
        let code = self.house.json(&["factor", "enrol", user, "--json"])["code"].as_str().unwrap().to_owned();
        let asked = json!({ "user": user, "password": format!("pw-{user}"), "enrolment_code": code });
        let begun = block_on(request("POST /v1/factor HTTP/1.1", asked.to_string().as_bytes())).json();
        let mut confirm = asked;
        let now = Timestamp::now().as_second() - days_ago * 24 * 3600;
        confirm["code"] = totp(begun["secret"].as_str().unwrap(), u64::try_from(now).unwrap()).into();
        let confirmed =
            block_on(request("POST /v1/factor/confirmation HTTP/1.1", confirm.to_string().as_bytes())).json();
        let codes = confirmed["recovery_codes"].as_array().unwrap_or_else(|| panic!("{confirmed}"));
        let codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
        self.codes.borrow_mut().insert(user, codes);
    }

    /// One that has not been used; none if there is none.
    pub(crate) fn code(&self, user: &str) -> String {
        self.codes.borrow_mut().get_mut(user).and_then(Vec::pop).unwrap_or_default()
    }

    /// Takes a step as somebody, with more lines for standard input: whether it was taken, and what was said.
    fn step_with(&self, user: &str, step: &[&str], more: &str) -> (bool, String) {
        let code = self.code(user);
        let arguments = [&["review"], step, &["--as", user, "--sign-in-stdin"]].concat();
        let output = self.house.run(&arguments, &format!("pw-{user}\n{code}\n{more}"));
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    }

    pub(crate) fn step(&self, user: &str, step: &[&str]) -> (bool, String) {
        self.step_with(user, step, "")
    }

    /// A step that must be taken.
    pub(crate) fn done(&self, user: &str, step: &[&str]) -> String {
        let (done, said) = self.step(user, step);
        assert!(done, "{user} {step:?}: {said}");
        said
    }

    /// A step that must be refused: with these words.
    pub(crate) fn refused(&self, user: &str, step: &[&str], words: &str) {
        let (done, said) = self.step(user, step);
        assert!(!done && said.contains(words), "{user} {step:?}: {said}");
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.house.path(name).display().to_string()
    }

    /// The journal of reviews, kind by kind.
    pub(crate) fn story(&self) -> Vec<String> {
        let records = self.house.json(&["log", "show", "--journal", "reviews", "--json"]);
        records.as_array().unwrap().iter().map(|record| record["kind"].as_str().unwrap().to_owned()).collect()
    }
}

/// What an authenticator app shows at a moment: RFC 6238, with SHA-1, six digits, half a minute.
fn totp(secret: &str, second: u64) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let value = |letter: u8| letters.iter().position(|known| *known == letter).unwrap();
    let bits: Vec<u8> =
        secret.bytes().flat_map(|letter| (0..5).rev().map(move |bit| (value(letter) >> bit & 1) as u8)).collect();
    let bytes: Vec<u8> = bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | bit)).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let tag = hmac::sign(&key, &(second / 30).to_be_bytes());
    let tag = tag.as_ref();
    let place = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[place..place + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn in_days(days: i64) -> String {
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.checked_add(jiff::Span::new().days(days)).unwrap().to_string()
}

/// Both workers at work every day, in one structure.
fn both_at_work() -> String {
    let ended = "until = 2020-12-31\ndays = [\"Mon\"]\nhours = \"08:00-18:00\"";
    let daily = "until = 2099-12-31\ndays = [\"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\", \"Sat\", \"Sun\"]\nhours = \"00:00-24:00\"";
    let policy = POLICY.replace(ended, daily).replace("structure = \"Tributi\"", "structure = \"Servizi Demografici\"");
    format!("{policy}{RULES}")
}

pub(crate) fn yesterday() -> String {
    let day = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().yesterday().unwrap();
    day.to_string()
}

/// The records of the worker who always has some.
pub(crate) fn about_rossi<'a>(from: &'a str, ground: &'a str) -> Vec<&'a str> {
    vec!["request", "--worker", "m.rossi", "--from", from, "--ground", ground, "--reason", WHY]
}

fn own_record(user: &str) -> Value {
    let asked = json!({ "user": user, "password": format!("pw-{user}") });
    let answer = block_on(request("POST /v1/record HTTP/1.1", asked.to_string().as_bytes()));
    assert_eq!(answer.status, 200, "{}", text(&answer.body));
    answer.json()
}

#[test]
fn a_persons_records_are_opened_by_request_approval_and_both_keys_and_the_person_is_told() {
    let office = Office::settled();
    let _gateway = office.house.serve();
    block_on(async {
        let (token, _) = open("m.rossi").await;
        assert_eq!(close(&token, "").await, 204);
        assert_eq!(login("m.rossi", "pw-wrong").await.status, 401);
        assert_eq!(login("g.verdi", "pw-wrong").await.status, 401);
    });
    let from = yesterday();
    let asked = office.done("d.head", &about_rossi(&from, "b"));
    assert!(asked.contains("requested") && asked.contains("m.rossi"), "{asked}");
    let (file, director, keys) = (office.path("opened"), office.path("director"), office.path("office"));

    // No step is left out, and whoever asks does not approve.
    let hand_out = ["open", "--request", "1", "--to", &file];
    office.refused("r.office", &hand_out, "the approval by a second person is missing");
    office.refused("d.head", &["approve", "1"], "the second person is missing");
    office.refused("r.office", &["approve", "1"], "the role is missing");
    office.done("d.general", &["approve", "1"]);
    office.refused("d.general", &["approve", "1"], "answered already");
    office.refused("d.general", &hand_out, "the role is missing");
    let minute = office.done("r.office", &hand_out);
    assert!(minute.contains("VERBALE N. 1") && minute.contains("MINUTE NO. 1"), "{minute}");
    for word in ["m.rossi", "d.head", "d.general", "r.office", WHY, "Deliberazione n. 41"] {
        assert!(minute.contains(word), "{word} is missing: {minute}");
    }

    // What was handed out is sealed; it opens with both keys, elsewhere, and is this person's alone.
    let sealed = fs::read_to_string(&file).unwrap();
    assert!(!sealed.contains("m.rossi"), "{sealed}");
    let elsewhere = |keys: &[&str], passphrases: &str| {
        let keys: Vec<&str> = keys.iter().flat_map(|key| ["--key", key]).collect();
        let arguments = [&["review", "open", "--file", &file, "--passphrase-stdin"], &*keys].concat();
        let output = office.house.run(&arguments, passphrases);
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    };
    let (opened, said) = elsewhere(&[&director], "pass-director\n");
    assert!(!opened && said.contains("there is none of the reviewers"), "{said}");
    let (opened, said) = elsewhere(&[&director, &keys], "pass-director\npass-office\n");
    assert!(opened, "{said}");
    let kinds: Vec<&str> = said.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(kinds, ["session_opened", "session_closed", "login_refused"], "{said}");
    assert!(said.contains("worker=m.rossi") && !said.contains("verdi"), "{said}");
    assert!(minute.contains("Registrazioni consegnate: 3"), "{minute}");

    // What a procedure needs is kept as long as that takes, with an end and a reason.
    let extract = office.path("extract");
    let until =
        Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().checked_add(jiff::Span::new().days(90)).unwrap();
    let until = until.to_string();
    let keep = ["extract", "1", "--to", &extract, "--until", &until, "--why"];
    office.refused("r.office", &[&keep[..], &["why"]].concat(), "the reason is missing");
    office.done("r.office", &[&keep[..], &["Procedimento disciplinare n. 12 del 2026"]].concat());
    let kept: Value = serde_json::from_str(&fs::read_to_string(&extract).unwrap()).unwrap();
    assert!(
        kept["until"].as_str().unwrap().starts_with(&until) && kept["records"].as_array().unwrap().len() == 3,
        "{kept}"
    );

    // The worker reads of it before the next session, and what is recorded of them at any time.
    let own = own_record("m.rossi");
    assert_eq!(own["openings"][0]["minute"], 1, "{own}");
    let kinds: Vec<&str> =
        own["records"].as_array().unwrap().iter().map(|record| record["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["session_opened", "session_closed", "login_refused"], "{own}");
    assert!(!own.to_string().contains("d.head"), "roles, not names: {own}");
    assert_eq!(own_record("g.verdi")["openings"], json!([]));
    block_on(async {
        let (notices, token) = pending("m.rossi").await;
        assert_eq!(notices.len(), 1, "{notices:?}");
        let message = notices[0]["text"].as_str().unwrap();
        assert!(message.contains("minute no. 1") && message.contains("letter b)"), "{message}");
        assert_eq!(mark(&token, &notices).await.status, 200);
        let (again, _) = open("m.rossi").await;
        assert_eq!(close(&again, "").await, 204, "read is read");
    });
    // Those who run the gateway learn nowhere whom it concerned.
    let read = office.house.says(&["worker", "notices", "--json"]) + &office.house.story().join(" ");
    assert!(!read.contains("review message") && !read.contains("notice_read"), "{read}");
    let listed = office.done("d.general", &["requests"]);
    assert!(listed.contains("minuted") && listed.contains("read at"), "{listed}");
    let again = office.done("d.head", &["minute", "1"]);
    assert!(minute.contains(again.trim_end()), "the same text: {again}");
    let story = office.story();
    let steps: Vec<&str> = story.iter().map(String::as_str).filter(|kind| *kind != "role_seen").collect();
    assert_eq!(
        steps,
        [
            "review_requested",
            "review_denied",
            "review_denied",
            "review_denied",
            "review_approved",
            "review_denied",
            "review_denied",
            "review_opened",
            "minute_written",
            "review_denied",
            "extract_kept",
            "message_read"
        ]
    );
    let shown = office.house.says(&["log", "show", "--journal", "reviews"]);
    assert!(!shown.contains("rossi") && !shown.contains("d.head"), "sealed as everything that names: {shown}");
    office.house.says(&["log", "verify"]);
}

#[test]
fn nobody_takes_a_step_without_the_rules_a_role_and_a_second_factor() {
    let office = Office::new();
    let _gateway = office.house.serve();
    let from = yesterday();
    // The password alone, and somebody whose second factor is another's.
    office.refused("d.head", &about_rossi(&from, "b"), "are not right");
    assert!(office.house.story().contains(&"login_refused second_factor_missing".to_owned()));
    for (user, _) in PEOPLE {
        office.enrol(user, 0);
    }
    office.refused("d.head", &about_rossi(&from, "a"), "the general notice is missing");
    office.refused("d.head", &about_rossi(&from, "c"), "the figures are missing");
    office.refused("r.office", &about_rossi(&from, "b"), "the role is missing");
    office.refused(
        "d.head",
        &["request", "--worker", "m.rossi", "--from", &from, "--ground", "b", "--reason", "?"],
        "the reason is missing",
    );
    office.refused(
        "d.head",
        &["request", "--worker", "g.verdi", "--from", &from, "--ground", "b", "--reason", WHY],
        "the role is missing",
    );
    office.done("d.head", &about_rossi(&from, "b"));
    office.refused("d.late", &["approve", "1"], "seven days with the role are missing");
    // Who has no role reads nothing, and that they tried is recorded.
    office.enrol("m.rossi", 0);
    let denied = || office.story().iter().filter(|kind| *kind == "review_denied").count();
    let before = denied();
    office.refused("m.rossi", &["requests"], "the role is missing");
    office.refused("m.rossi", &["minute", "1"], "the role is missing");
    assert_eq!(denied(), before + 2);
    let listed = office.done("d.late", &["requests"]);
    assert!(listed.contains("new: d.head is head_of_structure of Servizi Demografici"), "{listed}");
    office.refused("d.late", &["refuse", "1", "--why", "no"], "the reason is missing");
    office.done("d.late", &["refuse", "1", "--why", WHY]);
    office.refused("r.office", &["open", "--request", "1", "--to", &office.path("opened")], "refused it");
    assert!(!office.house.path("opened").exists());

    office.house.set_policy(&format!("{POLICY}{}", RULES.replace("2020-01-01", "2099-01-01")));
    office.house.says(&["reload"]);
    office.refused("d.head", &about_rossi(&from, "b"), "the rules are missing");
    office.house.set_policy(POLICY);
    office.house.says(&["reload"]);
    office.refused("d.head", &about_rossi(&from, "b"), "the adoption of the rules is missing");
    wait("roles that the policy takes back to be gone", || office.story().contains(&"role_gone".to_owned()));
}

#[test]
fn a_session_is_asked_for_where_nobody_knows_whose_it_was_and_opened_on_the_spot() {
    let office = Office::settled();
    let _gateway = office.house.serve();
    let (_, number) = block_on(open("m.rossi"));
    let asked = |structure: &str| {
        let step = ["request", "--session", &number, "--structure", structure, "--ground", "b", "--reason", WHY];
        office.step("d.general", &step)
    };
    let (done, said) = asked("Tributi");
    assert!(!done && said.contains("not all of that structure"), "{said}");
    let (done, said) = asked("Servizi Demografici");
    assert!(done, "{said}");
    let approved = office.step("d.head", &["approve", "1"]);
    assert!(approved.0, "{}", approved.1);
    let (director, keys) = (office.path("director"), office.path("office"));
    let here = ["open", "--request", "1", "--key", &director, "--key", &keys, "--passphrase-stdin"];
    let (opened, said) = office.step_with("r.office", &here, "pass-director\npass-office\n");
    assert!(opened && said.contains("worker=m.rossi") && said.contains("VERBALE N. 1"), "{said}");
    // Within its time it opens again, which is recorded, and under the same minute.
    let (opened, said) = office.step_with("r.office", &here, "pass-director\npass-office\n");
    assert!(opened && said.contains("VERBALE N. 1"), "{said}");
    let story = office.story();
    assert_eq!(story.iter().filter(|kind| *kind == "review_opened").count(), 2, "{story:?}");
    assert_eq!(story.iter().filter(|kind| *kind == "minute_written").count(), 1, "{story:?}");
    // Put off with a reason, the message is not shown.
    let tomorrow = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().tomorrow().unwrap();
    let until = tomorrow.tomorrow().unwrap().to_string();
    office.refused("d.head", &["postpone", "1", "--until", &until, "--why", "later"], "the reason is missing");
    office.done("d.head", &["postpone", "1", "--until", &until, "--why", WHY]);
    assert_eq!(own_record("m.rossi")["openings"], json!([]));
    block_on(open("m.rossi"));
}

#[test]
fn a_general_notice_is_read_by_everybody_in_its_structure_and_makes_ground_a_possible() {
    let office = Office::settled();
    let mut gateway = office.house.serve_days_ago(2);
    fs::write(office.house.path("notice.it"), "Molti accessi sono rifiutati: conservate la password.").unwrap();
    let (italian, from) = (office.path("notice.it"), yesterday());
    office.refused("d.head", &["notice", "Tributi", "--it", &italian], "the role is missing");
    office.refused("r.office", &["notice", "Cultura", "--it", &italian], "no agreement belongs to");
    office.done("d.head", &["notice", "Servizi Demografici", "--it", &italian]);
    // What persists is there after its day.
    office.refused("d.head", &about_rossi(&in_days(-4), "a"), "the period reaches beyond its day");
    assert!(without_text(&office, "r.office").contains("the text is missing"));
    // Kept over a restart.
    office.stop(&mut gateway);
    let _gateway = office.house.serve();
    block_on(async {
        let (notices, token) = pending("m.rossi").await;
        assert_eq!(notices[0]["text"], "Molti accessi sono rifiutati: conservate la password.");
        assert_eq!(mark(&token, &notices).await.status, 200);
    });
    assert!(office.story().contains(&"general_notice".to_owned()));
    assert!(office.house.story().contains(&"notice_read".to_owned()));
    office.done("d.head", &about_rossi(&from, "a"));
}

#[test]
fn figures_of_two_months_are_published_once_and_show_nobody() {
    let office = Office::new();
    let mut policy = format!("{POLICY}{RULES}");
    let house = &office.house;
    for number in 1..=6 {
        let added =
            house.run(&["directory", "add", &format!("w{number}"), "--group", "smart", "--password-stdin"], "pw-w");
        assert!(added.status.success(), "{}", text(&added.stderr));
        policy += &format!(
            "[workstations.desk-{number}]\naddress = \"10.20.3.{}\"\nservices = [\"rdp\"]\n[[agreements]]\nworker = \"w{number}\"\n\
             structure = \"Tributi\"\nworkstation = \"desk-{number}\"\nprofile = \"standard\"\nfrom = 2020-01-01\nuntil = 2099-12-31\n\
             days = [\"Mon\"]\nhours = \"00:00-00:01\"\n",
            60 + number
        );
    }
    house.set_policy(&policy);
    let mut gateway = house.serve_days_ago(75);
    block_on(async {
        for number in 1..=5 {
            assert_eq!(login(&format!("w{number}"), "pw-wrong").await.status, 401);
        }
        // One of another structure is nobody's business.
        assert_eq!(login("m.rossi", "pw-wrong").await.status, 401);
    });
    gateway.signal(Signal::SIGTERM);
    gateway.ended();
    // The records themselves go with the next start: their thirty days are over.
    let _gateway = house.serve();
    wait("old records to go", || house.story().is_empty());
    office.enrol("d.general", 0);
    office.enrol("d.head", 0);
    let published: Value = serde_json::from_str(&office.done("d.general", &["figures", "--json"])).unwrap();
    let tributi = &published[0]["structures"]["Tributi"];
    assert_eq!(tributi["refused"]["credentials"], json!(5), "{published}");
    // Their sum would tell that nobody was refused for another cause.
    assert_eq!((&tributi["refused"]["hours"], &tributi["refused_in_all"]), (&Value::Null, &Value::Null), "{published}");
    let other = &published[0]["structures"]["Servizi Demografici"]["refused"];
    assert_eq!(other["credentials"], Value::Null, "{published}");
    assert!(office.story().contains(&"figures_published".to_owned()));
    let own = office.done("d.head", &["figures"]);
    assert!(own.contains("Servizi Demografici") && !own.contains("Tributi"), "a head sees their own: {own}");
    let page = office.path("figures.html");
    office.done("d.general", &["figures", "--html", &page]);
    let page = fs::read_to_string(&page).unwrap();
    assert!(page.contains("<svg") && page.contains("Tributi") && !page.contains("<script"), "{page}");
    office.refused("r.office", &["figures"], "are not right");
}

#[test]
fn a_role_that_is_taken_away_is_gone_before_its_holder_comes_again_and_begins_anew() {
    let office = Office::settled();
    let house = &office.house;
    house.set_policy(&format!("{POLICY}{}", RULES.replace("director_general = \"directors\"", "")));
    let mut gateway = house.serve();
    wait("the role to be seen gone", || office.story().contains(&"role_gone".to_owned()));
    gateway.signal(Signal::SIGTERM);
    gateway.ended();
    house.set_policy(&format!("{POLICY}{RULES}"));
    let _gateway = house.serve();
    let from = yesterday();
    office.done("d.head", &about_rossi(&from, "b"));
    office.refused("d.general", &["approve", "1"], "seven days with the role are missing");
}

/// A notice that says nothing, from a program that does not look: what it is answered.
fn without_text(office: &Office, user: &str) -> String {
    let code = office.codes.borrow_mut().get_mut(user).and_then(Vec::pop).unwrap();
    let sign_in = json!({ "user": user, "password": format!("pw-{user}"), "code": code });
    let step = json!({ "step": "notice", "structure": "Servizi Demografici", "italian": "  \n", "english": null });
    let mut line = UnixStream::connect(office.house.path("admin.sock")).unwrap();
    writeln!(line, "{}", json!({ "ask": "review", "sign_in": sign_in, "step": step })).unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn each_worker_of_the_sessions_that_a_request_names_is_told() {
    let office = Office::settled();
    office.house.set_policy(&both_at_work());
    let _gateway = office.house.serve();
    let (rossi, verdi) = block_on(async { (open("m.rossi").await.1, open("g.verdi").await.1) });
    office.open_sessions(&[&rossi, &verdi]);
    for user in ["m.rossi", "g.verdi"] {
        block_on(async {
            let (notices, token) = pending(user).await;
            let message = notices[0]["text"].as_str().unwrap();
            assert!(message.contains("minute no. 1") && message.contains("in all, of several sessions"), "{message}");
            assert_eq!(mark(&token, &notices).await.status, 200);
            open(user).await;
        });
    }
    assert_eq!(office.story().iter().filter(|kind| *kind == "message_read").count(), 2);
    let listed = office.done("d.general", &["requests"]);
    assert!(listed.contains("read at"), "{listed}");
}

#[test]
fn whose_a_named_session_was_is_kept_while_it_can_be_known() {
    let office = Office::settled();
    office.house.set_policy(&both_at_work());
    let mut gateway = office.house.serve();
    let (rossi, verdi) = block_on(async { (open("m.rossi").await.1, open("g.verdi").await.1) });
    office.open_sessions(&[&rossi, &verdi]);
    let put_off = |until: &str| office.step("d.head", &["postpone", "1", "--until", until, "--why", WHY]);
    // What says whose a session was is gone by then.
    let (done, said) = put_off(&in_days(88));
    assert!(!done && said.contains("is the latest"), "{said}");
    block_on(async {
        for user in ["m.rossi", "g.verdi"] {
            pending(user).await;
        }
    });
    let (done, said) = put_off(&in_days(88));
    assert!(done, "both were there meanwhile: {said}");
    let (done, said) = put_off(&in_days(1));
    assert!(done, "{said}");
    office.stop(&mut gateway);
    sh(&format!("rm {}/day-keys/lookup-*", office.path("state")));
    let _gateway = office.house.serve_days_ago(-2);
    assert_eq!(own_record("m.rossi")["openings"][0]["minute"], 1);
    block_on(async {
        for user in ["m.rossi", "g.verdi"] {
            let (notices, token) = pending(user).await;
            assert_eq!(mark(&token, &notices).await.status, 200, "{user}");
        }
    });
}

#[test]
fn names_from_before_the_holders_had_keys_are_handed_out_sealed() {
    let office = Office::new();
    let house = &office.house;
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    fs::write(house.path("gateway.toml"), config.split("[record]").next().unwrap()).unwrap();
    let mut gateway = house.serve_days_ago(9);
    assert_eq!(block_on(login("m.rossi", "pw-wrong")).status, 401);
    office.stop(&mut gateway);
    fs::write(house.path("gateway.toml"), config).unwrap();
    office.settle();
    let _gateway = house.serve();
    office.done("d.head", &about_rossi(&in_days(-10), "b"));
    office.done("d.general", &["approve", "1"]);
    let file = office.path("opened");
    office.done("r.office", &["open", "--request", "1", "--to", &file]);
    let sealed = fs::read_to_string(&file).unwrap();
    assert!(sealed.contains("login_refused") && !sealed.contains("m.rossi"), "{sealed}");
    assert!(office.opened(&file).contains("worker=m.rossi"));
}

#[test]
fn two_openings_at_once_are_minuted_once() {
    let office = Office::settled();
    let _gateway = office.house.serve();
    office.done("d.head", &about_rossi(&yesterday(), "b"));
    office.done("d.general", &["approve", "1"]);
    let codes: Vec<String> = office.codes.borrow_mut().get_mut("r.office").unwrap().drain(..2).collect();
    let house = &office.house;
    let minutes: Vec<String> = std::thread::scope(|scope| {
        let opened = codes.iter().map(|code| {
            scope.spawn(move || {
                let to = house.path(&format!("opened-{code}")).display().to_string();
                let step = ["review", "open", "--request", "1", "--to", &to, "--as", "r.office", "--sign-in-stdin"];
                let output = house.run(&step, &format!("pw-r.office\n{code}\n"));
                assert!(output.status.success(), "{}", text(&output.stderr));
                text(&output.stdout)
            })
        });
        let opened: Vec<_> = opened.collect();
        opened.into_iter().map(|opened| opened.join().unwrap()).collect()
    });
    assert!(minutes[0].contains("VERBALE N. 1") && minutes[0] == minutes[1], "{minutes:?}");
    let story = office.story();
    assert_eq!(story.iter().filter(|kind| *kind == "minute_written").count(), 1, "{story:?}");
}

#[test]
fn a_review_whose_time_is_over_is_gone_without_a_restart() {
    let office = Office::new();
    let house = &office.house;
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    fs::write(house.path("gateway.toml"), format!("{config}\nreviews = \"6 months\"\n")).unwrap();
    let mut gateway = house.serve_days_ago(200);
    office.enrol("d.head", 200);
    office.done("d.head", &about_rossi(&in_days(-201), "b"));
    office.stop(&mut gateway);
    let _gateway = house.serve();
    wait("the review to be forgotten", || house.log().contains("reviews forgotten"));
    let listed = office.done("d.head", &["requests"]);
    assert!(listed.contains("there are no requests"), "{listed}");
}

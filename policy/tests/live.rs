//! What becomes of open sessions when the policy changes.

use jiff::{SignedDuration, Timestamp};
use policy::{
    Decision, Device, Effect, End, EndCause, Grant, Live, Policy, Reason, Request, SourceFile, Sources, Style,
};

const OFFICE: &str = r#"
timezone = "Europe/Rome"
services.rdp.tcp = [3389]
services.ssh.tcp = [22]
workstations.one = { address = "10.0.0.1", services = ["rdp"] }
workstations.two = { address = "10.0.0.2", services = ["rdp"] }
profiles.p = { groups = ["g"], longest = "8h", idle = "15m" }
[[agreements]]
worker = "a"
structure = "s"
workstation = "one"
profile = "p"
from = 2026-03-02
until = 2026-03-08
days = "Mon-Fri"
hours = "08:00-18:00"
"#;

fn policy(change: &[(&str, &str)]) -> (Policy, Sources) {
    let mut text = OFFICE.to_owned();
    for (from, to) in change {
        assert!(text.contains(from), "nothing to change");
        text = text.replace(from, to);
    }
    let sources = Sources::new(vec![SourceFile { name: "p.toml".into(), text }]);
    let policy =
        Policy::parse(&sources).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(&sources, Style::Plain))).0;
    (policy, sources)
}

/// A session opened at nine, at the moment of noon.
fn effect(change: &[(&str, &str)]) -> Effect {
    let (old, _) = policy(&[]);
    let opened_at: Timestamp = old.instant("2026-03-03T09:00".parse().unwrap());
    let groups = ["g".to_owned()];
    let request = Request::new("a", &groups, Device::Personal, opened_at);
    let Decision::Permit(grant) = old.decide(&request) else { panic!("refused") };
    let live = Live {
        request: Request { at: opened_at + SignedDuration::from_hours(3), ..request },
        grant: &grant,
        opened_at,
    };
    policy(change).0.effect(&live)
}

fn adjusted(change: &[(&str, &str)]) -> (Grant, Vec<String>) {
    match effect(change) {
        Effect::Adjusted { grant, changes, .. } => (grant, changes),
        other => panic!("{other:?}"),
    }
}

fn ended(change: &[(&str, &str)]) -> EndCause {
    match effect(change) {
        Effect::Ended { cause, because } => {
            assert!(!because.is_empty() || matches!(cause, EndCause::Refused(Reason::NoAgreement)), "no rule is named");
            cause
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn whom_a_change_does_not_concern_feels_nothing() {
    assert!(matches!(effect(&[]), Effect::Unchanged));
    // A comment, another worker's workstation, a longer day than the session may last anyway.
    assert!(matches!(effect(&[("10.0.0.2", "10.0.0.3"), ("18:00", "20:00")]), Effect::Unchanged));
}

#[test]
fn a_tightened_session_goes_on_under_its_new_grant() {
    let (grant, changes) = adjusted(&[("15m", "10m"), ("08:00-18:00", "08:00-13:00")]);
    assert_eq!(grant.ends_by, End::Agreement);
    assert_eq!(
        changes,
        ["ends on Tue 2026-03-03 13:00 instead of Tue 2026-03-03 17:00", "idle limit 10m instead of 15m"]
    );
    // The longest session counts from its beginning.
    let (grant, _) = adjusted(&[("8h", "4h")]);
    assert_eq!(grant.ends_at, "2026-03-03T12:00:00Z".parse().unwrap());
}

#[test]
fn a_session_that_is_no_longer_granted_ends_by_its_cause() {
    assert!(matches!(ended(&[("Mon-Fri", "Mon")]), EndCause::Refused(Reason::OutsideHours { .. })));
    assert!(matches!(ended(&[("worker = \"a\"", "worker = \"b\"")]), EndCause::Refused(Reason::NoAgreement)));
    assert!(matches!(ended(&[("[\"g\"]", "[\"h\"]")]), EndCause::Refused(Reason::WrongGroup)));
    assert_eq!(ended(&[("workstation = \"one\"", "workstation = \"two\"")]), EndCause::OtherWorkstation);
    assert_eq!(ended(&[("10.0.0.1", "10.0.0.9")]), EndCause::OtherWorkstation);
    assert_eq!(ended(&[("8h", "2h")]), EndCause::LongestReached);
    assert_eq!(ended(&[("idle = \"15m\"", "second_factor = \"totp\"")]), EndCause::SecondFactor);
}

#[test]
fn other_ports_are_an_adjustment_that_says_so() {
    let (grant, changes) = adjusted(&[("\"10.0.0.1\", services = [\"rdp\"]", "\"10.0.0.1\", services = [\"ssh\"]")]);
    assert_eq!(grant.services[0].tcp, [22]);
    assert_eq!(changes, ["reaches other ports"]);
}

#[test]
fn another_certificate_of_the_workstation_concerns_the_next_login() {
    let named = "{ certificate = \"sha256:5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f:5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F\", address = \"10.0.0.1\"";
    let (grant, changes) = adjusted(&[("{ address = \"10.0.0.1\"", named)]);
    assert_eq!(grant.certificate, Some([0x5f; 32]));
    assert_eq!(changes, ["another certificate of the workstation, at the next login"]);
    // The preview says it too.
    let (old, new) = (policy(&[]).0, policy(&[("{ address = \"10.0.0.1\"", named)]).0);
    let differences = new.differences(&old, old.instant("2026-03-03T09:00".parse().unwrap()));
    assert_eq!(differences[0].changes[0].1, "another certificate of the workstation");
}

#[test]
fn who_becomes_a_test_account_is_told_in_every_answer() {
    let (old, _) = policy(&[]);
    let (new, sources) = policy(&[("services.rdp.tcp = [3389]", "services.rdp.tcp = [3389]\ntest_accounts = \"A\"")]);
    assert!(new.is_test_account("a") && new.is_test_account("A") && !new.is_test_account("b"));
    assert!(!old.is_test_account("a"));

    let at: Timestamp = old.instant("2026-03-03T09:00".parse().unwrap());
    let groups = ["g".to_owned()];
    let explained = new.explain(&Request::new("a", &groups, Device::Personal, at));
    let ruling = explained.rulings.iter().find(|ruling| ruling.says.contains("test account")).unwrap();
    assert_eq!(ruling.place(&sources).unwrap().to_string(), "p.toml:4");

    let told = |new: &Policy, old: &Policy| {
        let differences = new.differences(old, at);
        differences.iter().flat_map(|one| one.changes.clone()).map(|(_, change)| change).collect::<Vec<_>>()
    };
    assert_eq!(told(&new, &old), ["a test account: may be recorded without asking"]);
    assert_eq!(told(&old, &new), ["no test account any more"]);
}

//! What technicians are granted with a worker's consent, and what a change of policy does to it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use policy::{
    Decision, Device, Effect, End, EndCause, Grant, Live, NoAssistance, Policy, Request, SecondFactor, SourceFile,
    Sources, Style, UnknownClient,
};

const OFFICE: &str = r#"
timezone = "Europe/Rome"
services.rdp.tcp = [3389]
services.vnc.tcp = [5900]
workstations.one = { address = "10.0.0.1", mac = "00:11:22:33:44:55", services = ["rdp"] }
profiles.p = { groups = ["g"], longest = "8h", idle = "15m", redirect = ["clipboard"], wireguard_config = true, single_sign_on = true }
[roles]
technicians = ["t"]
external_technicians = [{ group = "firm", until = 2026-03-03 }]
[assistance]
services = ["vnc"]
longest = "45m"
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

fn policy(change: &[(&str, &str)]) -> Policy {
    let mut text = OFFICE.to_owned();
    for (from, to) in change {
        assert!(text.contains(from), "nothing to change");
        text = text.replace(from, to);
    }
    let sources = Sources::new(vec![SourceFile { name: "p.toml".into(), text }]);
    Policy::parse(&sources).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(&sources, Style::Plain))).0
}

/// On 3 March 2026 in Rome.
fn at(hour: i64, minute: i64) -> Timestamp {
    "2026-03-02T23:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(hour * 60 + minute)
}

/// What the worker's own session holds.
fn held(policy: &Policy) -> Grant {
    let groups = ["g".to_owned()];
    match policy.decide(&Request::new("a", &groups, Device::Managed, at(9, 0))) {
        Decision::Permit(grant) => grant,
        Decision::Refuse(reason) => panic!("{reason}"),
    }
}

const QUARTER: Duration = Duration::from_secs(15 * 60);

#[test]
fn technicians_assist_and_nobody_else() {
    let office = policy(&[]);
    let may = |group: &str, at| office.may_assist(&[group.to_owned()], at);
    let (tuesday, wednesday) = (at(12, 0), at(24, 0));
    assert_eq!(may("T", tuesday), Ok(Duration::from_secs(45 * 60)), "groups know no case");
    assert_eq!(may("g", tuesday), Err(NoAssistance::NotTechnician), "a worker");
    assert_eq!(may("firm", tuesday), Ok(Duration::from_secs(45 * 60)), "the last day included");
    assert_eq!(may("firm", at(23, 50)), Ok(Duration::from_secs(10 * 60)), "and not a minute more");
    assert_eq!(may("t", at(23, 50)), Ok(Duration::from_secs(45 * 60)));
    assert_eq!(may("firm", wednesday), Err(NoAssistance::NotTechnician));
    let without = policy(&[("[assistance]\nservices = [\"vnc\"]\nlongest = \"45m\"\n", "")]);
    assert_eq!(without.may_assist(&["t".to_owned()], tuesday), Err(NoAssistance::NotProvided));
    assert_eq!(without.may_assist(&["g".to_owned()], tuesday), Err(NoAssistance::NotTechnician));
    let usual = policy(&[("longest = \"45m\"\n", "")]);
    assert_eq!(usual.may_assist(&["t".to_owned()], tuesday), Ok(Duration::from_secs(30 * 60)));
}

#[test]
fn a_technician_reaches_the_workers_workstation_by_the_services_of_assistance_and_no_more() {
    let office = policy(&[]);
    let worker = held(&office);
    let grant = office.assist(&worker, at(10, 0), QUARTER).unwrap();
    assert_eq!(
        (&grant.workstation, &grant.address, &grant.structure),
        (&worker.workstation, &worker.address, &worker.structure)
    );
    let services: Vec<_> = grant.services.iter().map(|service| (&*service.name, service.tcp.as_slice())).collect();
    assert_eq!(services, [("vnc", &[5900][..])]);
    assert_eq!((grant.ends_at, grant.ends_by), (at(10, 15), End::Longest));
    assert!(grant.idle > Duration::from_secs(2 * 3600), "idleness ends none");
    assert_eq!(grant.idle_rule.unknown_client, UnknownClient::LongestOnly);
    assert!(
        grant.redirect.is_empty()
            && grant.notices.is_empty()
            && !grant.wireguard_config
            && !grant.single_sign_on
            && grant.wake.is_none()
    );
    assert_eq!(grant.second_factor, SecondFactor::Totp);
    assert_eq!(grant.warnings, [Duration::from_secs(300), Duration::from_secs(60)], "none of the whole quarter");
}

#[test]
fn assistance_never_outlasts_the_workers_own_session() {
    let office = policy(&[]);
    let worker = held(&office);
    assert_eq!((worker.ends_at, worker.ends_by), (at(17, 0), End::Longest));
    let grant = office.assist(&worker, at(16, 55), QUARTER).unwrap();
    assert_eq!((grant.ends_at, grant.ends_by), (worker.ends_at, worker.ends_by));
}

/// A quarter of an hour from ten o'clock on, at five past.
fn effect(change: &[(&str, &str)], group: &str) -> Effect {
    let before = policy(&[]);
    let grant = before.assist(&held(&before), at(10, 0), QUARTER).unwrap();
    let groups = [group.to_owned()];
    let request = Request::new("technician", &groups, Device::Managed, at(10, 5));
    policy(change).effect_on_assistance(&Live { request, grant: &grant, opened_at: at(10, 0) })
}

#[test]
fn a_change_ends_what_role_or_table_no_longer_allow() {
    assert!(matches!(effect(&[], "t"), Effect::Unchanged));
    assert!(matches!(effect(&[("\"45m\"", "\"2h\"")], "t"), Effect::Unchanged), "what was consented to stays");
    let cause = |effect| match effect {
        Effect::Ended { cause, .. } => cause,
        other => panic!("{other:?}"),
    };
    let out = EndCause::Assistance(NoAssistance::NotTechnician);
    assert_eq!(cause(effect(&[], "g")), out);
    assert_eq!(cause(effect(&[("technicians = [\"t\"]", "technicians = [\"u\"]")], "t")), out);
    let table = "[assistance]\nservices = [\"vnc\"]\nlongest = \"45m\"\n";
    assert_eq!(cause(effect(&[(table, "")], "t")), EndCause::Assistance(NoAssistance::NotProvided));
    let other = [("services = [\"vnc\"]", "services = [\"rdp\"]")];
    for other in [other, [("tcp = [5900]", "tcp = [5901]")]] {
        assert_eq!(cause(effect(&other, "t")), EndCause::Assistance(NoAssistance::OtherServices), "never consented to");
    }
    assert_eq!(cause(effect(&[("\"45m\"", "\"5m\"")], "t")), EndCause::LongestReached);
}

#[test]
fn a_change_that_tightens_says_what_and_by_which_rules() {
    let other_port = [
        ("\"45m\"", "\"10m\""),
        ("tcp = [5900]", "tcp = [5900, 5901]"),
        ("services = [\"vnc\"]", "services = [\"vnc\", \"rdp\"]"),
    ];
    let Effect::Adjusted { grant, changes, because } = effect(&other_port, "t") else {
        panic!("goes on otherwise");
    };
    assert_eq!(grant.ends_at, at(10, 10));
    let services: Vec<_> = grant.services.iter().map(|service| (&*service.name, service.tcp.as_slice())).collect();
    assert_eq!(services, [("vnc", &[5900][..])], "nothing that the worker was not asked for");
    assert_eq!(changes, ["ends on Tue 2026-03-03 10:10 instead of Tue 2026-03-03 10:15"]);
    let says: Vec<_> = because.iter().map(|ruling| ruling.says.as_str()).collect();
    assert_eq!(says, ["technicians assist for 10m at most", "group `t` assists"]);
}

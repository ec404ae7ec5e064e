//! What the policy answers, one promise a test.

use std::time::Duration;

use jiff::Timestamp;
use policy::{Decision, Device, End, Grant, Policy, Reason, Request, SecondFactor, SourceFile, Sources, Style};

const OFFICE: &str = r#"
timezone = "Europe/Rome"
holidays = ["italy", "06-24"]
[services.rdp]
tcp = [3389]
[workstations.anagrafe-07]
address = "10.20.3.47"
services = ["rdp"]
[workstations.night]
address = "night.office.example"
services = ["rdp"]
[profiles.standard]
groups = ["CN=Lavoro Agile,OU=Gruppi,DC=comune,DC=example"]
idle = "15m"
longest = "10h"
[profiles.standard.personal]
idle = "10m"
[profiles.managed]
groups = ["agile"]
devices = ["managed"]
longest = "24h"
[[agreements]]
worker = "m.rossi"
structure = "Servizi Demografici"
workstation = "anagrafe-07"
profile = "standard"
from = 2026-01-01
until = 2026-12-31
days = ["Tue", "Thu"]
hours = "07:30-19:30"
[[agreements]]
worker = "n.notte"
structure = "Vigilanza"
workstation = "night"
profile = "managed"
from = 2026-01-01
until = 2026-12-31
days = ["Mon-Sun"]
hours = ["22:00-06:00", "13:00-14:00"]
"#;

fn policy(more: &str) -> Policy {
    let sources = Sources::new(vec![
        SourceFile { name: "office.toml".into(), text: OFFICE.into() },
        SourceFile { name: "zz.toml".into(), text: more.into() },
    ]);
    Policy::parse(&sources).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(&sources, Style::Plain))).0
}

fn at(policy: &Policy, local: &str) -> Timestamp {
    local.parse::<jiff::civil::DateTime>().unwrap().in_tz(policy.timezone()).unwrap().timestamp()
}

fn decide_on(policy: &Policy, worker: &str, device: Device, local: &str) -> Decision {
    let groups = ["cn=lavoro agile, ou=gruppi, dc=comune, dc=example".to_owned(), "agile".to_owned()];
    policy.decide(&Request::new(worker, &groups, device, at(policy, local)))
}

fn granted(policy: &Policy, worker: &str, local: &str) -> Grant {
    match decide_on(policy, worker, Device::Managed, local) {
        Decision::Permit(grant) => grant,
        Decision::Refuse(reason) => panic!("refused: {reason}"),
    }
}

fn refused(policy: &Policy, worker: &str, local: &str) -> Reason {
    match decide_on(policy, worker, Device::Managed, local) {
        Decision::Permit(grant) => panic!("permitted until {}", grant.ends_at),
        Decision::Refuse(reason) => reason,
    }
}

#[test]
fn a_worker_in_hours_is_let_to_the_own_workstation_until_the_longest_session() {
    let policy = policy("");
    let grant = granted(&policy, "M.Rossi", "2026-03-03T09:00");
    assert_eq!(&*grant.workstation, "anagrafe-07");
    assert_eq!(grant.services[0].tcp, [3389]);
    assert_eq!((grant.ends_at, grant.ends_by), (at(&policy, "2026-03-03T19:00"), End::Longest));
    let late = granted(&policy, "m.rossi", "2026-03-03T19:29:59");
    assert_eq!((late.ends_at, late.ends_by), (at(&policy, "2026-03-03T19:30"), End::Agreement));
}

#[test]
fn a_workstation_may_be_pinged_only_where_a_service_of_it_says_so() {
    let policy = policy(
        r#"
[services.ping]
echo = true
[services.quiet]
tcp = [22]
echo = false
[workstations.pinged]
address = "10.20.3.49"
services = ["rdp", "ping", "quiet"]
[[agreements]]
worker = "p.ping"
structure = "Vigilanza"
workstation = "pinged"
profile = "standard"
from = 2026-01-01
until = 2026-12-31
days = ["Tue"]
hours = "07:30-19:30"
"#,
    );
    let echoes = |worker| {
        let grant = granted(&policy, worker, "2026-03-03T09:00");
        grant.services.iter().map(|service| service.echo).collect::<Vec<_>>()
    };
    assert_eq!(echoes("p.ping"), [false, true, false]);
    assert_eq!(echoes("m.rossi"), [false]);
}

#[test]
fn a_personal_device_gets_the_tighter_limits() {
    let policy = policy("");
    let Decision::Permit(grant) = decide_on(&policy, "m.rossi", Device::Personal, "2026-03-03T09:00") else { panic!() };
    assert_eq!(grant.idle, Duration::from_secs(600));
    let refusal = decide_on(&policy, "n.notte", Device::Personal, "2026-03-03T13:00");
    assert_eq!(refusal, Decision::Refuse(Reason::Device { device: Device::Personal, another: false }));
}

#[test]
fn hours_are_half_open_and_who_waits_is_told_until_when() {
    let policy = policy("");
    let next = |local| Some(at(&policy, local));
    assert_eq!(
        refused(&policy, "m.rossi", "2026-03-03T07:29:59"),
        Reason::OutsideHours { next: next("2026-03-03T07:30") }
    );
    assert_eq!(
        refused(&policy, "m.rossi", "2026-03-03T19:30"),
        Reason::OutsideHours { next: next("2026-03-05T07:30") }
    );
    assert_eq!(refused(&policy, "m.rossi", "2026-01-06T09:00"), Reason::Holiday { next: next("2026-01-08T07:30") });
}

#[test]
fn each_obstacle_has_its_own_reason() {
    let policy = policy("");
    assert_eq!(refused(&policy, "nobody", "2026-03-03T09:00"), Reason::NoAgreement);
    assert!(matches!(refused(&policy, "m.rossi", "2025-12-30T09:00"), Reason::NotYet { next: Some(_), .. }));
    assert!(matches!(refused(&policy, "m.rossi", "2027-01-05T09:00"), Reason::Over { .. }));
    let request = Request::new("m.rossi", &[], Device::Managed, at(&policy, "2026-03-03T09:00"));
    assert_eq!(policy.decide(&request), Decision::Refuse(Reason::WrongGroup));
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_it_begins() {
    let policy = policy("");
    assert_eq!(granted(&policy, "n.notte", "2026-03-04T05:59").ends_at, at(&policy, "2026-03-04T06:00"));
    assert!(matches!(refused(&policy, "n.notte", "2026-03-04T06:00"), Reason::OutsideHours { .. }));
    // Christmas takes its own minutes and the window that begins on it.
    assert_eq!(granted(&policy, "n.notte", "2026-12-24T23:00").ends_at, at(&policy, "2026-12-25T00:00"));
    assert!(matches!(refused(&policy, "n.notte", "2026-12-25T22:30"), Reason::Holiday { .. }));
    // The last day of the agreement ends at its midnight.
    assert_eq!(granted(&policy, "n.notte", "2026-12-31T23:00").ends_at, at(&policy, "2027-01-01T00:00"));
}

#[test]
fn the_changes_of_the_clock_shorten_and_lengthen_the_night() {
    let policy = policy("");
    let spring = granted(&policy, "n.notte", "2026-03-28T22:00");
    assert_eq!(spring.ends_at.duration_since(at(&policy, "2026-03-28T22:00")).as_hours(), 7);
    let autumn = granted(&policy, "n.notte", "2026-10-24T22:00");
    assert_eq!(autumn.ends_at.duration_since(at(&policy, "2026-10-24T22:00")).as_hours(), 9);
}

#[test]
fn an_exception_for_the_worker_beats_one_for_all() {
    let policy = policy(
        r#"
[[exceptions]]
closed = true
from = 2026-08-10
until = 2026-08-15
[[exceptions]]
worker = "M.ROSSI"
on = 2026-08-12
hours = "09:00-12:00"
authorised_by = "l.bianchi"
[[exceptions]]
worker = "m.rossi"
on = 2026-08-18
extend = "21:00"
authorised_by = "l.bianchi"
[[exceptions]]
worker = "m.rossi"
suspended = true
from = 2026-09-01
until = 2026-09-30
"#,
    );
    assert!(matches!(refused(&policy, "m.rossi", "2026-08-11T10:00"), Reason::Closed { next: Some(_) }));
    assert_eq!(granted(&policy, "m.rossi", "2026-08-12T10:00").ends_at, at(&policy, "2026-08-12T12:00"));
    assert_eq!(granted(&policy, "m.rossi", "2026-08-18T20:00").ends_at, at(&policy, "2026-08-18T21:00"));
    let next = Some(at(&policy, "2026-10-01T07:30"));
    assert_eq!(refused(&policy, "m.rossi", "2026-09-15T10:00"), Reason::Suspended { next });
    assert!(matches!(refused(&policy, "n.notte", "2026-08-12T13:00"), Reason::Closed { .. }));
}

/// Morning and afternoon of one day under two agreements.
const TWO_DESKS: &str = r#"
[[agreements]]
worker = "d.due"
structure = "Tributi"
workstation = "anagrafe-07"
profile = "standard"
from = 2026-01-01
until = 2026-12-31
days = ["Wed"]
hours = "08:00-12:00"
[[agreements]]
worker = "d.due"
structure = "Tributi"
workstation = "night"
profile = "standard"
from = 2026-01-01
until = 2026-12-31
days = ["Wed", "Sat"]
hours = "14:00-18:00"
quota = "2 days a month"
"#;

#[test]
fn an_extension_moves_the_last_window_of_the_day_alone() {
    let policy = policy(&format!(
        "{TWO_DESKS}\n[[exceptions]]\nworker = \"d.due\"\non = 2026-03-04\nextend = \"20:00\"\nauthorised_by = \"x\""
    ));
    assert_eq!(granted(&policy, "d.due", "2026-03-04T08:00").ends_at, at(&policy, "2026-03-04T12:00"));
    assert_eq!(granted(&policy, "d.due", "2026-03-04T14:00").ends_at, at(&policy, "2026-03-04T20:00"));
}

#[test]
fn extra_hours_go_to_the_agreement_that_knows_the_day_or_to_the_first() {
    let hours = |on: &str| {
        format!("[[exceptions]]\nworker = \"d.due\"\non = {on}\nhours = \"20:00-21:00\"\nauthorised_by = \"x\"\n")
    };
    let policy = policy(&format!("{TWO_DESKS}\n{}{}", hours("2026-03-07"), hours("2026-03-08")));
    assert_eq!(&*granted(&policy, "d.due", "2026-03-07T20:00").workstation, "night");
    assert_eq!(&*granted(&policy, "d.due", "2026-03-08T20:00").workstation, "anagrafe-07");
}

#[test]
fn a_quota_counts_the_days_of_its_period_and_ends_with_it() {
    let policy = policy(TWO_DESKS);
    let now = at(&policy, "2026-03-14T15:00");
    let (quota, first, last) = policy.quota("d.due", now).unwrap();
    assert_eq!((quota.days, first.to_string().as_str(), last.to_string().as_str()), (2, "2026-03-01", "2026-03-31"));
    let groups = ["agile".to_owned(), "CN=Lavoro Agile,OU=Gruppi,DC=comune,DC=example".to_owned()];
    let asked =
        |days_used| policy.decide(&Request { days_used, ..Request::new("d.due", &groups, Device::Managed, now) });
    assert!(matches!(asked(1), Decision::Permit(_)));
    // From April on, of which the first is a Wednesday.
    assert_eq!(asked(2), Decision::Refuse(Reason::Quota { quota, next: Some(at(&policy, "2026-04-01T14:00")) }));
}

#[test]
fn an_agreement_that_names_a_device_admits_no_other() {
    let policy = policy(
        r#"
[[agreements]]
worker = "e.uno"
structure = "Tributi"
workstation = "anagrafe-07"
profile = "standard"
from = 2026-01-01
until = 2026-12-31
days = ["Fri"]
hours = "08:00-12:00"
device = "PORTATILE-12"
phone_app = true
"#,
    );
    let groups = ["CN=Lavoro Agile,OU=Gruppi,DC=comune,DC=example".to_owned()];
    let ask = |device, device_name| {
        let at = at(&policy, "2026-03-06T09:00");
        policy.decide(&Request { device_name, ..Request::new("e.uno", &groups, device, at) })
    };
    assert!(matches!(ask(Device::Managed, Some("portatile-12")), Decision::Permit(_)));
    let another = Decision::Refuse(Reason::Device { device: Device::Managed, another: true });
    assert_eq!(ask(Device::Managed, Some("PORTATILE-13")), another);
    assert_eq!(ask(Device::Managed, None), another);
    let personal = Decision::Refuse(Reason::Device { device: Device::Personal, another: false });
    assert_eq!(ask(Device::Personal, Some("PORTATILE-12")), personal);
}

#[test]
fn roles_are_held_by_group_and_until_their_day() {
    let policy = policy(
        r#"
[roles]
administrators = "CN=CED,DC=example"
[[roles.external_technicians]]
group = "ditta"
until = 2026-06-30
[roles.head_of_structure]
"Servizi Demografici" = ["CN=Capo,DC=example"]
"#,
    );
    let held = |group: &str, on: &str| policy.roles(&[group.to_owned()], on.parse().unwrap());
    assert_eq!(held("cn=ced, dc=example", "2026-03-03"), [policy::Role::Administrator]);
    assert_eq!(held("Ditta", "2026-06-30"), [policy::Role::ExternalTechnician]);
    assert_eq!(held("ditta", "2026-07-01"), []);
    assert_eq!(held("CN=Capo,DC=example", "2026-07-01"), [policy::Role::HeadOfStructure("Servizi Demografici".into())]);
    assert!(policy.groups().iter().any(|group| &**group == "ditta"), "the directory is asked for it");
}

#[test]
fn a_worker_belongs_to_the_structures_of_their_agreements_whatever_the_dates() {
    let agreement = |structure: &str, from: &str, until: &str| {
        format!(
            "[[agreements]]\nworker = \"a.doppia\"\nstructure = \"{structure}\"\nworkstation = \"night\"\nprofile = \"standard\"\n\
             from = {from}\nuntil = {until}\ndays = [\"Mon\"]\nhours = \"08:00-12:00\"\n"
        )
    };
    let policy =
        policy(&(agreement("Tributi", "2026-01-01", "2026-03-31") + &agreement("Cultura", "2026-04-01", "2026-12-31")));
    let mut of: Vec<_> = policy.structures_of("A.Doppia").iter().map(ToString::to_string).collect();
    of.sort();
    assert_eq!(of, ["Cultura", "Tributi"]);
    assert!(policy.structures_of("nobody").is_empty());
    assert!(policy.structures().iter().any(|structure| &**structure == "Cultura"));
}

#[test]
fn what_is_shown_besides_the_password_depends_on_the_day_and_not_on_the_hour() {
    let agreement = |profile: &str, from: &str, until: &str| {
        format!(
            "[[agreements]]\nworker = \"a.doppia\"\nstructure = \"Tributi\"\nworkstation = \"night\"\nprofile = \"{profile}\"\n\
             from = {from}\nuntil = {until}\ndays = [\"Mon\"]\nhours = \"08:00-12:00\"\n"
        )
    };
    let policy = policy(&format!(
        "[profiles.strict]\ngroups = [\"agile\"]\nsecond_factor = \"totp\"\n[profiles.laptop]\ngroups = [\"agile\"]\ndevices = [\"managed\"]\nsecond_factor = \"totp\"\n{}{}{}",
        agreement("strict", "2026-02-01", "2026-02-28"),
        agreement("standard", "2026-03-01", "2026-03-31"),
        agreement("laptop", "2026-04-01", "2026-04-30"),
    ));
    let asked = |worker: &str, local: &str| policy.second_factor(worker, Device::Personal, at(&policy, local));
    assert_eq!(asked("m.rossi", "2026-03-03T03:00"), SecondFactor::None);
    assert_eq!(asked("n.obody", "2026-03-03T03:00"), SecondFactor::None);
    for outside in ["2026-02-01T00:00", "2026-02-28T23:59", "2026-02-03T09:00"] {
        assert_eq!(asked("A.Doppia", outside), SecondFactor::Totp, "{outside}");
    }
    assert_eq!(asked("a.doppia", "2026-03-02T09:00"), SecondFactor::None, "another profile rules that day");
    assert_eq!(asked("a.doppia", "2026-04-06T09:00"), SecondFactor::Totp, "also from a computer that is not admitted");
    assert_eq!(asked("a.doppia", "2026-06-01T09:00"), SecondFactor::Totp, "over: nothing is told for less");
}

#[test]
fn the_password_is_typed_once_only_where_the_profile_says_so_and_on_a_personal_device_unless_taken_back() {
    let hands_over = |profile: &str, device| {
        let more = format!(
            "[profiles.desk]\ngroups = [\"agile\"]\n{profile}\n[[agreements]]\nworker = \"u.una\"\nstructure = \"Vigilanza\"\n\
             workstation = \"night\"\nprofile = \"desk\"\nfrom = 2026-01-01\nuntil = 2026-12-31\ndays = [\"Mon-Sun\"]\nhours = \"14:00-20:00\"\n"
        );
        let Decision::Permit(grant) = decide_on(&policy(&more), "u.una", device, "2026-03-03T15:00") else { panic!() };
        grant.single_sign_on
    };
    let taken_back = "single_sign_on = true\n[profiles.desk.personal]\nsingle_sign_on = false";
    for (profile, managed, personal) in
        [("", false, false), ("single_sign_on = true", true, true), (taken_back, true, false)]
    {
        assert_eq!(hands_over(profile, Device::Managed), managed, "{profile}");
        assert_eq!(hands_over(profile, Device::Personal), personal, "{profile}");
    }
}

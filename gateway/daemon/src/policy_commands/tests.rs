//! The answers on the worked examples that an administrator is given.

use std::path::Path;

use super::*;

fn example(name: &str) -> Loaded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/etc/policy").join(name);
    policy_files::load(&folder).unwrap_or_else(|error| panic!("{}", error.render(Style::Plain)))
}

fn explained(loaded: &Loaded, worker: &str, local: &str, device: Device) -> String {
    let groups = loaded.policy.expected_groups(worker);
    let at = loaded.policy.instant(local.parse().unwrap());
    let request = Request::new(worker, &groups, device, at);
    let explanation = loaded.policy.explain(&request);
    let json = json::explained(&loaded.policy, &loaded.sources, &request, &explanation);
    assert_eq!(json["decision"] == "permit", matches!(explanation.decision, Decision::Permit(_)));
    text::explained(&loaded.policy, &loaded.sources, &request, &explanation, true)
}

#[test]
fn a_permit_is_explained_with_its_rules_and_its_end() {
    let text = explained(&example("small-office"), "M.Rossi", "2026-03-03T09:00", Device::Personal);
    assert!(text.starts_with("permit: `M.Rossi` on Tue 2026-03-03 09:00\n"), "{text}");
    assert!(text.contains("anagrafe-07 at 10.20.3.47"), "{text}");
    assert!(text.contains("idle           10m"), "{text}");
    assert!(text.contains("policy.toml:26: the agreement: 2026-01-01 to 2026-12-31, Tue Thu, 07:30-19:30"), "{text}");
    assert!(text.contains("tightened on a personal device"), "{text}");
    assert!(text.contains("next change: refused from Tue 2026-03-03 19:30"), "{text}");
}

#[test]
fn a_permit_says_whether_the_workstation_may_be_pinged() {
    let small = example("small-office");
    let folder = tempfile::tempdir().unwrap();
    let text = small.sources.files()[0].text.replace("[services.rdp]\n", "[services.rdp]\necho = true\n");
    std::fs::write(folder.path().join("policy.toml"), text).unwrap();
    let pinged = policy_files::load(folder.path()).unwrap();
    let text = explained(&pinged, "m.rossi", "2026-03-03T09:00", Device::Managed);
    assert!(text.contains("services       rdp TCP 3389 echo\n"), "{text}");
}

#[test]
fn a_refusal_is_explained_with_the_rule_that_settled_it_first() {
    let town = example("town-hall");
    let text = explained(&town, "m.rossi", "2026-08-11T09:00", Device::Managed);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with("nobody works from home on this day"), "{text}");
    assert!(lines[1].starts_with("  exceptions.toml:1: the exception: closed (chiusura estiva"), "{text}");
    assert!(text.contains("next change: from Tue 2026-08-18 07:30"), "{text}");
    assert!(explained(&town, "nobody", "2026-08-11T09:00", Device::Managed).contains("no agreement names this worker"));
}

#[test]
fn the_calendar_shows_each_day_and_why_it_differs() {
    let town = example("town-hall");
    let days = town.policy.calendar("m.rossi", 2026, 8);
    let text = text::calendar("m.rossi", (2026, 8), &days);
    assert!(text.contains("  Tue  4  07:30-19:30 at anagrafe-07\n"), "{text}");
    assert!(text.contains("  Tue 11  closed (chiusura estiva"), "{text}");
    assert!(text.contains("  Sat 15  holiday\n"), "{text}");
    assert_eq!(json::calendar("m.rossi", &days)["days"].as_array().map(Vec::len), Some(31));
}

#[test]
fn what_a_new_policy_changes_is_told_per_worker() {
    let old = example("small-office");
    let folder = tempfile::tempdir().unwrap();
    let text = old.sources.files()[0]
        .text
        .replace("days = [\"Tue\", \"Thu\"]", "days = [\"Tue\"]")
        .replace("10.20.3.61", "10.20.3.62");
    std::fs::write(folder.path().join("policy.toml"), text).unwrap();
    let new = policy_files::load(folder.path()).unwrap();
    let from = new.policy.instant("2026-03-02T00:00".parse().unwrap());
    let differences = new.policy.differences(&old.policy, from);
    let text = text::differences(&new.policy, from, &differences);
    assert!(text.contains("`m.rossi`\n  loses Thu 2026-03-05 07:30 to Thu 2026-03-05 19:30\n"), "{text}");
    assert!(text.contains("workstation `tributi-01` is at 10.20.3.62 instead of 10.20.3.61"), "{text}");
    assert!(text.contains("2 workers changed from Mon 2026-03-02 00:00 on: 0 gain time, 1 lose time"), "{text}");
    assert!(new.policy.differences(&new.policy, from).is_empty());
}

#[test]
fn a_workstation_is_switched_off_at_the_time_of_the_policy() {
    let town = example("town-hall");
    let after = town.policy.power_off_after("anagrafe-07").unwrap();
    assert_eq!(System::Linux.power_off_line(after), "OPTIONS=\"--after 20:30\"");
    assert_eq!(System::Windows.power_off_line(after), ".\\deskgate-power-off.ps1 -Install -After 20:30");
    // As the script that is shipped takes it; what is shipped for Linux is run, end to end.
    let script = include_str!("../../../../deploy/workstation/windows/deskgate-power-off.ps1");
    assert!(script.contains("[switch] $Install,") && script.contains("[string] $After = "), "{script}");
    let text = explained(&town, "m.rossi", "2026-03-03T09:00", Device::Managed);
    assert!(text.contains("anagrafe-07.comune.example: rdp; its own task is to switch it off after 20:30"), "{text}");
    assert_eq!(town.policy.power_off_after("tributi-01"), None);
    assert_eq!(town.policy.power_off_after("nobody"), None);
}

#[test]
fn a_proof_names_its_span_and_a_failed_one_its_moment() {
    let small = example("small-office");
    let proved = text::proved(&small.policy, &small.sources, &small.policy.prove());
    assert!(proved.contains("proved: from 2026-01-08 to 2026-12-31, at every minute"), "{proved}");
    let folder = tempfile::tempdir().unwrap();
    let text = small.sources.files()[0].text.replace("workstation = \"tributi-01\"", "workstation = \"anagrafe-07\"");
    std::fs::write(folder.path().join("policy.toml"), text).unwrap();
    let shared = policy_files::load(folder.path()).unwrap();
    let failed = text::proved(&shared.policy, &shared.sources, &shared.policy.prove());
    assert!(
        failed.contains("not proved: on Tue 2026-03-03 08:00 `m.rossi` and `g.verdi` may both be at `anagrafe-07`"),
        "{failed}"
    );
}

#[test]
fn a_workstation_that_the_gateway_lends_no_address_for_is_named() {
    let region = example("region");
    let v6 =
        |v6: Option<&str>| Pools { v4: "100.96.0.0/20".parse().unwrap(), v6: v6.map(|pool| pool.parse().unwrap()) };
    let warnings = policy_in_force::out_of_reach(&region.policy, &v6(None));
    let told = json::checked(&region, &[&region.warnings, &warnings]);
    let told = told["mistakes"].as_array().unwrap().last().unwrap();
    assert_eq!(told["at"]["file"], "10-workstations.toml");
    let says = "workstation `sistemi-01` is at fd00:40::2:1, and the gateway lends no address of that family";
    assert_eq!(told["message"], says);
    assert!(policy_in_force::out_of_reach(&region.policy, &v6(Some("fd64::/64"))).is_empty());
    assert!(policy_in_force::out_of_reach(&example("small-office").policy, &v6(None)).is_empty());
}

#[test]
fn unusable_files_are_told_as_json_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.toml"), "timezone = \"Europe/Rome\"\n[services.rdp]\ntpc = [3389]\n")
        .unwrap();
    let told = json::unusable(&policy_files::load(folder.path()).unwrap_err());
    assert_eq!(told["mistakes"][0]["at"]["file"], "policy.toml");
    assert_eq!(told["mistakes"].as_array().unwrap().iter().filter(|one| one["at"]["line"] == 3).count(), 1);
}

#[test]
fn the_exit_code_is_the_answer() {
    let folder = |path: &str| Files { path: path.into(), json: true, pools: None };
    let small = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/etc/policy/small-office");
    assert_eq!(check(&folder(small)), Outcome::Yes);
    assert_eq!(test(&folder(small)), Outcome::Yes);
    assert_eq!(prove(&folder(small)), Outcome::Yes);
    assert_eq!(calendar(&folder(small), "nobody", Some((2026, 3))), Outcome::No);
    assert_eq!(check(&folder("/nonexistent")), Outcome::Unusable);
    assert_eq!(diff(small.into(), small.into(), None, true), Outcome::Yes);
}

//! Managed home computers: a certificate of the office, for one worker, on one computer, until somebody says otherwise.

use std::fs;

use e2e::{
    api,
    client::{Client, Connect, enrol_device, exit, renew_device},
    gateway::{Gateway, Setup, password},
    netns::Computer,
    screen::Bus,
    wait,
    world::World,
};
use gateway_api::login::RefusalCode;
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use serde_json::Value;

/// Where the client keeps key and certificate for the gateway of the world.
const KEPT: &str = "/home/.config/deskgate/devices/203.0.113.2_443.pem";

fn managed_only() -> Setup {
    Setup::default().profile("devices", "[\"managed\"]")
}

/// A code of the gateway's.
fn code(gateway: &Gateway<'_>, worker: &str, name: &str) -> String {
    let answer = gateway.json(&["device", "enrol", worker, name, "--json"]);
    answer["code"].as_str().expect("a code").to_owned()
}

fn enrolled(computer: &Computer, gateway: &Gateway<'_>, worker: &str, name: &str) {
    let (exit_code, said) = enrol_device(computer, gateway, worker, &code(gateway, worker, name));
    assert_eq!(exit_code, exit::ENDED, "{said}");
    assert!(said.contains(name), "{said}");
}

fn connected(computer: &Computer, gateway: &Gateway<'_>, worker: &str) -> Client {
    let mut client = Connect::new(gateway, worker).start(computer);
    client.port();
    client
}

fn refused(computer: &Computer, gateway: &Gateway<'_>, worker: &str, words: &str) {
    let (code, said) = Connect::new(gateway, worker).refused(computer);
    assert_eq!(code, exit::REFUSED, "{said}");
    assert!(said.contains(words), "{said}");
}

fn newest<'r>(records: &'r [Value], kind: &str) -> &'r Value {
    records.iter().rev().find(|record| record["kind"] == kind).unwrap_or_else(|| panic!("no {kind}: {records:?}"))
}

/// Puts a key with a certificate on a computer, as the client keeps them.
fn give(world: &World, computer: &Computer, params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) {
    let key = KeyPair::generate().expect("random numbers");
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    let file = world.folder().join("given.pem");
    fs::write(&file, key.serialize_pem() + &certificate.pem()).expect("the world's folder is writable");
    computer.sh(&format!("mkdir -p $(dirname {KEPT}) && install -m 600 {} {KEPT}", file.display()));
}

#[test]
fn where_managed_computers_are_demanded_only_an_enrolled_one_gets_in_and_a_revoked_one_is_out() {
    let world = World::new();
    let gateway = managed_only().start(&world);
    let (answer, _) = api::login(&world, &world.home, "m.rossi", &password("m.rossi"));
    assert_eq!(answer.refusal().code, RefusalCode::DeviceNotAdmitted);
    refused(&world.home, &gateway, "m.rossi", "not admitted");
    let (exit_code, said) = enrol_device(&world.home, &gateway, "m.rossi", "0000-0000-0000");
    assert_eq!(exit_code, exit::REFUSED, "{said}");
    assert_eq!(newest(&gateway.records(), "login_refused")["fields"]["reason"], "wrong_device_code");
    refused(&world.home, &gateway, "m.rossi", "not admitted");

    enrolled(&world.home, &gateway, "m.rossi", "PC-12");
    assert_eq!(world.home.sh(&format!("stat -c %a {KEPT}")).trim(), "600");
    let mut client = connected(&world.home, &gateway, "m.rossi");
    let number = gateway.only_session();
    let opened = newest(&gateway.records(), "session_opened").clone();
    assert_eq!(opened["fields"]["device"], "managed");
    assert!(!opened.to_string().contains("PC-12"), "{opened}");

    refused(&world.home, &gateway, "g.verdi", "not yours");
    refused(&world.other_home, &gateway, "m.rossi", "not admitted");
    assert!(!client.ended());

    let said = gateway.command(&["device", "revoke", "PC-12"]);
    assert!(said.contains("sessions ended: 1"), "{said}");
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    assert!(client.said().contains("no longer admitted"), "{}", client.said());
    assert_eq!(gateway.close_reason(&number, wait::SOON), "device_revoked");
    refused(&world.home, &gateway, "m.rossi", "revoked");
    assert_eq!(newest(&gateway.records(), "login_refused")["fields"]["reason"], "device_revoked");
    newest(&gateway.records(), "device_enrolled");
    gateway.command(&["log", "verify"]);
    gateway.assert_nothing_left();
}

#[test]
fn a_certificate_that_ended_or_is_not_the_office_s_is_refused_in_words() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    enrolled(&world.other_home, &gateway, "g.verdi", "PC-13");
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Deskgate devices");
    let own = fs::read_to_string(gateway.files().folder().join("state/device-ca-key.pem")).expect("made above");
    let own = Issuer::new(params.clone(), KeyPair::from_pem(&own).expect("a key"));
    let foreign = Issuer::new(params, KeyPair::generate().expect("random numbers"));
    let mut ended = CertificateParams::default();
    ended.distinguished_name.push(DnType::CommonName, "PC-12");
    let holding = ended.clone();
    (ended.not_before, ended.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 1, 1));

    let reason = || newest(&gateway.records(), "login_refused")["fields"]["reason"].clone();
    give(&world, &world.home, &ended, &own);
    refused(&world.home, &gateway, "m.rossi", "does not hold at this moment");
    assert_eq!(reason(), "device_expired");
    give(&world, &world.home, &holding, &foreign);
    refused(&world.home, &gateway, "m.rossi", "not your office's");
    assert_eq!(reason(), "device_foreign");
    give(&world, &world.home, &holding, &own);
    refused(&world.home, &gateway, "m.rossi", "not your office's");
    gateway.assert_nothing_left();

    world.home.sh(&format!("rm {KEPT}"));
    connected(&world.home, &gateway, "m.rossi");
}

#[test]
fn a_personal_computer_gets_the_tighter_limits_and_a_managed_one_the_profile_s() {
    let world = World::new();
    let mut setup = Setup::default();
    setup.profile.push("[profiles.standard.personal]\nidle = \"5m\"".to_owned());
    let gateway = setup.start(&world);
    let idle = |worker: &str, computer: &Computer| {
        let mut client = connected(computer, &gateway, worker);
        let number = gateway.only_session();
        let idle = gateway.json(&["session", "show", &number, "--json"])["idle_s"].as_u64();
        client.signal(nix::sys::signal::Signal::SIGTERM);
        client.wait(wait::SOON);
        gateway.wait_empty(wait::SOON);
        (idle, newest(&gateway.records(), "session_opened")["fields"]["device"].as_str().map(str::to_owned))
    };
    assert_eq!(idle("m.rossi", &world.home), (Some(300), Some("personal".to_owned())));
    enrolled(&world.home, &gateway, "m.rossi", "PC-12");
    assert_eq!(idle("m.rossi", &world.home), (Some(900), Some("managed".to_owned())));
}

#[test]
fn a_computer_stays_managed_over_a_restart_and_its_session_ends_when_it_is_revoked_after() {
    let world = World::new();
    let mut gateway = managed_only().start(&world);
    enrolled(&world.home, &gateway, "m.rossi", "PC-12");
    let mut client = connected(&world.home, &gateway, "m.rossi");
    let number = gateway.only_session();
    gateway.kill();
    gateway.start_again();
    assert_eq!(gateway.only_session(), number, "the policy still finds it managed");
    gateway.command(&["device", "revoke", "pc-12"]);
    assert_eq!(gateway.close_reason(&number, wait::SOON), "device_revoked");
    client.wait(wait::SOON);
    gateway.assert_nothing_left();
}

#[test]
fn a_certificate_is_renewed_without_anybody_signing_in_and_only_when_it_is_time() {
    let world = World::new();
    let mut gateway = managed_only().start(&world);
    let (exit_code, said) = renew_device(&world.home, &gateway);
    assert_eq!(exit_code, exit::FAILED, "{said}");
    assert!(said.contains("not managed"), "{said}");
    enrolled(&world.home, &gateway, "m.rossi", "PC-12");
    let first = world.home.sh(&format!("cat {KEPT}"));
    let (exit_code, said) = renew_device(&world.home, &gateway);
    assert_eq!(exit_code, exit::ENDED, "{said}");
    assert!(said.contains("nothing to renew yet"), "{said}");
    assert_eq!(world.home.sh(&format!("cat {KEPT}")), first);

    // Ten months later, as far as the gateway's list says when it ends.
    assert_eq!(gateway.stop(), exit::ENDED);
    let list = gateway.files().folder().join("state/devices.json");
    let mut devices: Value = serde_json::from_slice(&fs::read(&list).expect("kept")).expect("JSON");
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 60);
    devices["devices"][0]["until"] = soon.to_string().into();
    fs::write(&list, devices.to_string()).expect("the state folder is writable");
    gateway.start_again();
    let (exit_code, said) = renew_device(&world.home, &gateway);
    assert_eq!(exit_code, exit::ENDED, "{said}");
    assert!(said.contains("PC-12"), "{said}");
    let second = world.home.sh(&format!("cat {KEPT}"));
    let key = |text: &str| text.split("-----BEGIN CERTIFICATE").next().map(str::to_owned);
    assert_eq!(key(&second), key(&first), "the key is the same");
    assert_ne!(second, first);

    connected(&world.home, &gateway, "m.rossi");
    gateway.wait_empty(wait::SOON);
    gateway.command(&["device", "revoke", "PC-12"]);
    let (exit_code, said) = renew_device(&world.home, &gateway);
    assert_eq!(exit_code, exit::REFUSED, "{said}");
    assert!(said.contains("revoked"), "{said}");
    refused(&world.home, &gateway, "m.rossi", "revoked");
}

#[test]
fn where_the_desktop_has_a_keyring_the_key_is_there_and_in_no_file() {
    let world = World::new();
    let gateway = managed_only().start(&world);
    let bus = Bus::start(&world.home);
    let mut command = world.home.command("gnome-keyring-daemon");
    command.args(["--foreground", "--unlock", "--components=secrets"]);
    let mut keyring = world.home.spawn("keyring", command, "password of the desktop");
    bus.wait_for("org.freedesktop.secrets");
    enrolled(&world.home, &gateway, "m.rossi", "PC-12");
    let kept = world.home.sh(&format!("cat {KEPT}"));
    assert!(kept.starts_with("-----BEGIN CERTIFICATE") && !kept.contains("PRIVATE KEY"), "{kept}");
    assert!(!world.home.succeeds("grep -rq 'PRIVATE KEY' /home"));
    connected(&world.home, &gateway, "m.rossi");
    gateway.wait_empty(wait::SOON);

    keyring.stop();
    let (code, said) = Connect::new(&gateway, "m.rossi").refused(&world.home);
    assert_eq!(code, exit::FAILED, "{said}");
    assert!(said.contains("its key is in the keyring"), "{said}");
}

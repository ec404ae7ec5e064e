use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

use super::*;

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn later(days: i64) -> Timestamp {
    now() + SignedDuration::from_hours(24 * days)
}

fn person(name: &str, id: &str) -> Person {
    Person { id: id.into(), name: name.into(), groups: Vec::new() }
}

fn devices(state: &Path, office: Option<&Path>) -> Devices {
    let text = office.map_or_else(String::new, |file| format!("[control]\ndevice_ca = \"{}\"\n", file.display()));
    let control = config::Config::parse(&text, &state.join("gateway.toml")).unwrap().control;
    Devices::read(&control, state).unwrap()
}

/// What a computer shows that made a key and has no certificate of the office yet.
fn fresh() -> Chain {
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec!["device".to_owned()]).unwrap().self_signed(&key).unwrap();
    Chain([made.der().clone()].into())
}

fn pem(text: &str) -> Chain {
    use rustls::pki_types::pem::PemObject as _;
    Chain(CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap().into())
}

fn enrolled(devices: &Devices, person: &Person, name: &str) -> Chain {
    let (code, _) = devices.code(&person.name, name, now()).unwrap();
    pem(&devices.enrol(&code, person, &fresh(), now()).unwrap().certificate)
}

#[test]
fn a_certificate_is_good_for_its_worker_until_it_ends_or_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let (rossi, verdi) = (person("m.rossi", "1"), person("g.verdi", "2"));
    let all = devices(folder.path(), None);
    assert_eq!(all.judge(&Chain::default(), &rossi, now()), Ok(None));
    assert_eq!(all.judge(&fresh(), &rossi, now()), Err(Trouble::Foreign));
    let shown = enrolled(&all, &rossi, "PC-12");
    let all = devices(folder.path(), None);
    let managed = all.judge(&shown, &rossi, now()).unwrap().unwrap();
    assert_eq!(&*managed.name, "PC-12");
    assert_eq!(all.judge(&shown, &person("m.bianchi", "1"), now()), Ok(Some(managed.clone())), "renamed");
    assert_eq!(all.judge(&shown, &verdi, now()), Err(Trouble::AnotherWorker));
    assert_eq!(all.judge(&shown, &rossi, later(367)), Err(Trouble::Expired));
    assert_eq!(all.judge(&shown, &rossi, later(-3)), Err(Trouble::Expired), "a clock that is far behind");
    assert!(!all.is_revoked(&managed));
    all.revoke(&managed.serial, now()).unwrap();
    assert!(all.is_revoked(&managed));
    let all = devices(folder.path(), None);
    assert_eq!(all.judge(&shown, &rossi, now()), Err(Trouble::Revoked));
    assert!(all.revoke("PC-13", now()).unwrap_err().contains("device list"));
}

#[test]
fn a_certificate_of_another_gateway_is_foreign() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rossi = person("m.rossi", "1");
    let all = devices(folder.path(), None);
    enrolled(&all, &rossi, "PC-12");
    let foreign = enrolled(&devices(other.path(), None), &rossi, "PC-12");
    assert_eq!(all.judge(&foreign, &rossi, now()), Err(Trouble::Foreign));
}

#[test]
fn a_code_is_good_once_for_its_worker_for_a_day_however_it_is_typed() {
    let folder = tempfile::tempdir().unwrap();
    let (rossi, verdi) = (person("m.rossi", "1"), person("g.verdi", "2"));
    let all = devices(folder.path(), None);
    let (code, until) = all.code("M.Rossi", "PC-12", now()).unwrap();
    let kept = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert!(!kept.contains(&code), "hashed: {kept}");
    assert_eq!(until, later(1));
    let refused = |code: &str, person: &Person, at| all.enrol(code, person, &fresh(), at).unwrap_err();
    assert_eq!(refused("0000-0000-0000", &rossi, now()), NotEnrolled::Code);
    assert_eq!(refused(&format!("{code}0"), &rossi, now()), NotEnrolled::Code);
    assert_eq!(refused(&code, &verdi, now()), NotEnrolled::Code);
    assert_eq!(refused(&code, &rossi, later(1)), NotEnrolled::Code);
    assert_eq!(all.enrol(&code, &rossi, &Chain::default(), now()).unwrap_err(), NotEnrolled::NoKey);
    let typed = format!(" {} ", code.to_lowercase().replace('-', " "));
    assert!(all.enrol(&typed, &rossi, &fresh(), now()).is_ok());
    assert_eq!(refused(&code, &rossi, now()), NotEnrolled::Code);
}

#[test]
fn a_computer_that_is_enrolled_again_takes_the_place_of_the_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let rossi = person("m.rossi", "1");
    let all = devices(folder.path(), None);
    let (first, second) = (enrolled(&all, &rossi, "PC-12"), enrolled(&all, &rossi, "pc-12"));
    assert_eq!(all.judge(&first, &rossi, now()), Err(Trouble::Revoked));
    assert!(all.judge(&second, &rossi, now()).unwrap().is_some());
    assert!(all.code("g.verdi", "PC-12", now()).unwrap_err().contains("m.rossi"));
}

#[test]
fn a_certificate_is_renewed_in_its_last_third_and_revoked_with_its_renewals() {
    let folder = tempfile::tempdir().unwrap();
    let rossi = person("m.rossi", "1");
    let all = devices(folder.path(), None);
    let shown = enrolled(&all, &rossi, "PC-12");
    let managed = all.judge(&shown, &rossi, now()).unwrap().unwrap();
    assert_eq!(all.renew(&managed, &shown, later(200)), Ok(None));
    let renewed = pem(&all.renew(&managed, &shown, later(300)).unwrap().unwrap());
    assert!(all.judge(&renewed, &rossi, later(600)).unwrap().is_some());
    assert!(all.judge(&shown, &rossi, later(360)).unwrap().is_some(), "the answer may have been lost");
    all.revoke("PC-12", later(301)).unwrap();
    for certificate in [shown, renewed] {
        assert_eq!(all.judge(&certificate, &rossi, later(302)), Err(Trouble::Revoked));
    }
}

#[test]
fn a_computer_renews_its_certificate_though_nobody_signs_in() {
    let folder = tempfile::tempdir().unwrap();
    let rossi = person("m.rossi", "1");
    let all = devices(folder.path(), None);
    let shown = enrolled(&all, &rossi, "PC-12");
    let (whose, device) = all.alone(&shown, later(300)).unwrap();
    assert_eq!((&whose, &*device.name), (&rossi, "PC-12"));
    assert_eq!(all.renew(&device, &shown, now()), Ok(None), "not yet");
    let first = all.until(&device);
    assert!(all.renew(&device, &shown, later(300)).unwrap().is_some());
    assert!(all.until(&device) > first);
    assert_eq!(all.alone(&shown, later(367)).unwrap_err(), Trouble::Expired);
    assert_eq!(all.alone(&fresh(), now()).unwrap_err(), Trouble::Foreign);
    assert_eq!(all.alone(&Chain::default(), now()).unwrap_err(), Trouble::Foreign);
    all.revoke("PC-12", now()).unwrap();
    assert_eq!(all.alone(&shown, now()).unwrap_err(), Trouble::Revoked);
}

#[test]
fn a_certificate_of_the_office_is_known_by_what_stands_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Comune CA");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let file = folder.path().join("office.pem");
    std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::new(params, key);
    let made = |worker: Option<&str>| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "PORTATILE-12");
        if let Some(worker) = worker {
            let uid = DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]);
            params.distinguished_name.push(uid, DnValue::Utf8String(worker.to_owned()));
        }
        let key = KeyPair::generate().unwrap();
        Chain([params.signed_by(&key, &issuer).unwrap().der().clone()].into())
    };
    let (rossi, verdi) = (person("m.rossi", "1"), person("g.verdi", "2"));
    let all = devices(folder.path(), Some(&file));
    let named = made(Some("M.Rossi"));
    let managed = all.judge(&named, &rossi, now()).unwrap().unwrap();
    assert_eq!((&*managed.name, managed.anybodys), ("PORTATILE-12", false));
    assert_eq!(all.judge(&named, &verdi, now()), Err(Trouble::AnotherWorker));
    let unnamed = made(None);
    assert!(all.judge(&unnamed, &verdi, now()).unwrap().unwrap().anybodys);
    all.revoke(&managed.serial, now()).unwrap();
    assert!(all.is_revoked(&managed));
    assert_eq!(all.judge(&named, &rossi, now()), Err(Trouble::Revoked));
    assert_eq!(devices(folder.path(), None).judge(&unnamed, &verdi, now()), Err(Trouble::Foreign));
}

#[test]
fn a_list_that_cannot_be_read_is_no_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    devices(folder.path(), None).code("m.rossi", "PC-12", now()).unwrap();
    let path = folder.path().join(FILE);
    let mut text = std::fs::read(&path).unwrap();
    text.truncate(text.len() / 2);
    std::fs::write(&path, text).unwrap();
    let control = config::Config::parse("", &folder.path().join("gateway.toml")).unwrap().control;
    assert!(Devices::read(&control, folder.path()).unwrap_err().contains("enrolled devices"));
}

//! What keeps somebody from signing in who did nothing wrong: a clock, a name, a gateway of another version. Each has its own words.

use std::fs;

use super::{
    gateway::{Gateway, Manners, PASSWORD},
    running::Program,
};

#[test]
fn a_gateway_of_another_version_is_told_with_which_of_the_two_to_update() {
    let refused = |code: &str| format!(r#"{{"code":"{code}","message":"In other words.","support":"S-77"}}"#);
    for (status, body, code, text) in [
        (404, String::new(), 1, "speaks another version. Update this program."),
        (400, refused("bad_request"), 3, "the gateway is to be updated. Support number: S-77"),
        (403, refused("never_heard_of"), 3, "In other words. Support number: S-77"),
    ] {
        let gateway = Gateway::start(Manners { login: Some((status, body)), ..Manners::default() });
        let (ended, said) = Program::connect(&gateway, &["--no-run"]).end();
        assert_eq!(ended, code, "{said}");
        assert!(said.contains(text), "{said}");
    }
}

#[test]
fn a_certificate_that_does_not_hold_by_this_clock_is_no_stranger_and_gets_no_password() {
    let gateway = Gateway::start(Manners { expired: true, ..Manners::default() });
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, &gateway.certificate).unwrap();
    let server = format!("localhost:{}", gateway.address.port());
    let arguments = ["connect", "--server", &server, "--user", "m.rossi", "--password-stdin", "--no-run", "--ca"];
    let (code, said) = Program::start(&[&arguments[..], &[ca.to_str().unwrap()]].concat(), PASSWORD).end();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("By this computer's clock (") && said.contains("Check date and year"), "{said}");
    assert_eq!(gateway.asked(), [], "{said}");
}

#[test]
fn a_name_that_is_none_is_told_with_where_to_look() {
    let arguments =
        ["connect", "--server", "no-such-name.invalid", "--user", "m.rossi", "--password-stdin", "--no-run"];
    let (code, said) = Program::start(&arguments, PASSWORD).end();
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("no-such-name.invalid is not found") || said.contains("is in no network"), "{said}");
}

//! Where the policy names a workstation's certificate, the real RDP program shows no desktop under another one, asks nobody,
//! and neither remembers nor believes what it remembered before.

use e2e::{
    client::{Connect, exit},
    gateway::{Setup, password},
    rdp::{BLUE, Desktop},
    screen::Screen,
    wait,
    world::World,
};
use nix::sys::signal::Signal;

/// What FreeRDP remembers of workstations, on the home computer.
const MEMORY: &str = "cat ~/.config/deskgate/workstations/*/freerdp/known_hosts2 2>/dev/null || true";

#[test]
fn the_certificate_that_the_office_named_opens_the_desktop_and_no_other_does() {
    let world = World::new();
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", &password("m.rossi"), BLUE, "xterm");
    let right = Desktop::fingerprint(&world.workstation);
    let setup = Setup::default().profile("single_sign_on", "true");
    let named = |certificate: &str| Setup { certificate: Some(certificate.to_owned()), ..setup.clone() };
    let gateway = named(&right).start(&world);
    let screen = Screen::start(&world.home);
    let mut connect = Connect::new(&gateway, "m.rossi").arguments(&[]);
    connect.display = Some(Screen::DISPLAY);
    let see_the_desktop = || {
        let mut client = connect.start(&world.home);
        screen.wait_for(BLUE);
        client.signal(Signal::SIGTERM);
        assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
    };
    see_the_desktop();
    assert_eq!(world.home.sh(MEMORY), "", "what the office names nobody remembers");

    // The same where the office names none: it is remembered.
    gateway.files().set_policy(&setup.policy());
    gateway.command(&["reload"]);
    see_the_desktop();
    assert!(world.home.sh(MEMORY).starts_with("anagrafe-07 "), "{}", world.home.sh(MEMORY));

    // The last digit is another one; what is remembered does not help.
    let (digits, last) = right.split_at(right.len() - 1);
    let wrong = format!("{digits}{}", if last == "0" { "1" } else { "0" });
    gateway.files().set_policy(&named(&wrong).policy());
    gateway.command(&["reload"]);
    let mut client = connect.start(&world.home);
    assert_eq!(client.wait(wait::SOON).code(), exit::FAILED, "{}", client.said());
    let said = client.said();
    assert!(said.contains("did not show the certificate that your office named"), "{said}");
    let number =
        said.split("the session's number is ").nth(1).and_then(|rest| rest.split('.').next()).unwrap_or_default();
    assert_eq!(gateway.close_reason(number, wait::SOON), "program_ended");
    assert_eq!(desktop.connections(&world.workstation), 0);
}

#[test]
fn a_workstation_that_shows_no_certificate_at_all_is_none_that_the_office_named() {
    let world = World::new();
    // RDP's own protection, which has none.
    world.workstation.sh(
        "sed -e 's/^security_layer=.*/security_layer=rdp/' -e 's/^crypt_level=.*/crypt_level=none/' /etc/xrdp/xrdp.ini > /tmp/xrdp.ini && chmod 644 /tmp/xrdp.ini &&
         mount --bind /tmp/xrdp.ini /etc/xrdp/xrdp.ini",
    );
    let desktop = Desktop::start(&world, &world.workstation, "m.rossi", &password("m.rossi"), BLUE, "xterm");
    let setup = Setup::default().profile("single_sign_on", "true");
    let gateway = setup.start(&world);
    let screen = Screen::start(&world.home);
    let mut connect = Connect::new(&gateway, "m.rossi").arguments(&[]);
    connect.display = Some(Screen::DISPLAY);
    let mut client = connect.start(&world.home);
    screen.wait_for(BLUE);
    client.signal(Signal::SIGTERM);
    assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());

    let named = Setup { certificate: Some(Desktop::fingerprint(&world.workstation)), ..setup };
    gateway.files().set_policy(&named.policy());
    gateway.command(&["reload"]);
    let mut client = connect.start(&world.home);
    assert_eq!(client.wait(wait::SOON).code(), exit::FAILED, "{}", client.said());
    let said = client.said();
    assert!(said.contains("cannot agree on how to protect the connection"), "{said}");
    assert_eq!(desktop.connections(&world.workstation), 0);
}

//! Support sees what a session was refused: headers in a capture file, never what they carried, and never in secret.

use std::{fs, os::unix::fs::PermissionsExt as _};

use e2e::{
    api,
    gateway::Setup,
    packets, wait,
    wireguard::Tunnel,
    world::{OTHER_WORKSTATION, WORKSTATION, World},
};

const SECRET: &[u8] = b"a word that nobody else may read";

#[test]
fn dropped_headers_are_written_for_support_without_what_they_carried() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let gateway = Setup::default().profile("grace", "\"10m\"").start(&world);
    let (session, config) = api::session(&world, &world.home, "m.rossi");
    let number = session.number.to_string();
    let mut tunnel = Tunnel::open(&world.home, &config, wait::SOON).expect("the gateway knows this session's key");
    let file = world.folder().join("drops.pcapng");
    let name = file.display().to_string();
    let mut looking = gateway.begin(&["session", "drops", &number, "--for", "10s", "--output", &name]);
    // An empty file is 48 bytes long; a look begins when it is recorded who looks.
    wait::until("the first drop to be seen", wait::SOON, || {
        tunnel.send(&packets::data(session.address, WORKSTATION, 22, SECRET));
        fs::metadata(&file).is_ok_and(|file| file.len() > 48).then_some(())
    });
    let again = gateway.files().command(&world, &["session", "drops", &number, "--output", &format!("{name}.2")], "");
    assert!(String::from_utf8_lossy(&again.stderr).contains("somebody looks"), "{again:?}");
    assert!(!file.with_extension("pcapng.2").exists());
    tunnel.send(&packets::syn_from(session.address, 50_000, OTHER_WORKSTATION, 3389));
    tunnel.send(&packets::syn_from(OTHER_WORKSTATION, 50_000, WORKSTATION, 3389));
    tunnel.send(&packets::ping(session.address, WORKSTATION));
    // What passes is not shown.
    tunnel.send(&packets::syn_from(session.address, 50_001, WORKSTATION, 3389));
    assert!(looking.wait(wait::SOON).success(), "{}", looking.stderr());

    assert_eq!(fs::metadata(&file).expect("it was written").permissions().mode() & 0o777, 0o600);
    let bytes = fs::read(&file).expect("it was written");
    let holds = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
    assert!(!holds(&SECRET[..8]) && !holds(&SECRET[SECRET.len() - 8..]), "payload is in the file");
    assert!(
        [&b"other_port"[..], b"other_host", b"spoofed_source", b"other_protocol"].iter().all(|reason| holds(reason))
    );
    let read = world.home.sh(&format!("tcpdump -n -r {name} 2>&1"));
    for line in [
        format!("{}.40000 > {WORKSTATION}.22: ", session.address),
        format!("{}.50000 > {OTHER_WORKSTATION}.3389: Flags [S]", session.address),
        format!("{OTHER_WORKSTATION}.50000 > {WORKSTATION}.3389: Flags [S]"),
        format!("{} > {WORKSTATION}: ICMP echo request", session.address),
    ] {
        assert!(read.contains(&line), "no `{line}`: {read}");
    }
    assert!(!read.contains(".50001 "), "{read}");

    let acts = gateway.acts(&number);
    let shown: Vec<_> = acts.iter().filter(|(kind, _)| kind == "drops_shown").collect();
    // Who asked in vain is recorded as well.
    assert_eq!(shown.len(), 2, "{acts:?}");
    assert_eq!((&shown[0].1["uid"], &shown[0].1["seconds"]), (&0.into(), &10.into()));
}

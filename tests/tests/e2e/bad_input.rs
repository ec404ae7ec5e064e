//! What people, disks and networks get wrong: each time a clear message with what to do, an exit code, and no half-open
//! session.

use std::{
    fs::{self, Permissions},
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, TcpStream, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use e2e::{
    api::{self, call},
    client::{Connect, exit},
    echo::{Echo, connect, read_line},
    gateway::{CONTROL_PORT, Files, Setup, TUNNEL_PORT, at, password},
    ldap::Directory,
    wait,
    world::{GATEWAY, World},
};
use gateway_api::login::RefusalCode;

/// The gateway's exit code for files it cannot use.
const UNUSABLE: Option<i32> = Some(64);
const FAILED: Option<i32> = Some(1);

/// Starts the daemon, which must end by itself soon: its exit code and what it complained of.
fn serve_fails(world: &World, files: &Files) -> (Option<i32>, String) {
    let mut process = files.serve(world);
    let code = process.wait(wait::SOON).code();
    (code, process.stderr())
}

/// Asserts that the daemon ends with `code`, naming all of `words`.
fn expect_failure(world: &World, files: &Files, code: Option<i32>, words: &[&str]) {
    let (ended, said) = serve_fails(world, files);
    assert_eq!(ended, code, "{said}");
    for word in words {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("our own file");
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("just written");
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).expect("our own file");
}

// --- the gateway's files ----------------------------------------------------------------------------------------------

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let world = World::new();
    let files = Setup::default().write(&world);
    fs::remove_file(files.config()).expect("just written");
    expect_failure(&world, &files, UNUSABLE, &["gateway.toml"]);
}

#[test]
fn an_unknown_key_is_underlined() {
    let world = World::new();
    let files = Setup::default().write(&world);
    replace(&files.config(), "masquerade", "maskerade");
    expect_failure(&world, &files, UNUSABLE, &["gateway.toml", "maskerade", "^"]);
}

#[test]
fn a_policy_with_mistakes_is_told_with_all_its_lines() {
    let world = World::new();
    let setup = Setup::default();
    let files = setup.write(&world);
    files
        .set_policy(&setup.policy().replace("tcp = [3389]", "tcpp = [3389]").replace("anagrafe-07\"", "anagrafe-77\""));
    expect_failure(&world, &files, UNUSABLE, &["office.toml:", "tcpp", "anagrafe-77", "^"]);
}

#[test]
fn a_policy_folder_that_is_not_there_is_named() {
    let world = World::new();
    let files = Setup::default().write(&world);
    fs::remove_dir_all(files.policy_folder()).expect("just written");
    expect_failure(&world, &files, UNUSABLE, &["policy"]);
}

#[test]
fn passwords_that_others_may_read_are_refused() {
    let world = World::new();
    let files = Setup::default().write(&world);
    files.add_person(&world, "m.rossi");
    set_mode(&files.folder().join("people.toml"), 0o644);
    expect_failure(&world, &files, UNUSABLE, &["people.toml", "chmod"]);
}

#[test]
fn a_search_password_that_others_may_read_is_refused() {
    let world = World::new();
    let directory = Directory::start(&world);
    let files = Setup::default().ldap(&directory).write(&world);
    set_mode(&files.folder().join("bind-password"), 0o644);
    expect_failure(&world, &files, UNUSABLE, &["bind-password", "chmod"]);
}

#[test]
fn a_missing_authority_is_named() {
    let world = World::new();
    let directory = Directory::start(&world);
    let files = Setup::default().ldap(&directory).write(&world);
    fs::remove_file(directory.authority()).expect("just written");
    expect_failure(&world, &files, UNUSABLE, &["ca.pem"]);
}

#[test]
fn a_state_folder_that_cannot_be_made_is_named() {
    let world = World::new();
    let files = Setup::default().write(&world);
    fs::write(files.folder().join("state"), "not a folder").expect("the world's folder is writable");
    let (code, said) = serve_fails(&world, &files);
    assert!(code == UNUSABLE || code == FAILED, "{code:?}: {said}");
    assert!(said.contains("state"), "{said}");
}

// --- the gateway's machine --------------------------------------------------------------------------------------------

#[test]
fn a_control_port_in_use_is_named() {
    let world = World::new();
    let files = Setup::default().write(&world);
    let _taken = Echo::start(&world.gateway, "other", (IpAddr::V4(Ipv4Addr::UNSPECIFIED), CONTROL_PORT));
    expect_failure(&world, &files, FAILED, &["443"]);
}

#[test]
fn a_tunnel_port_in_use_is_named() {
    let world = World::new();
    let files = Setup::default().write(&world);
    let _taken = world.gateway.inside(|| UdpSocket::bind(("0.0.0.0", TUNNEL_PORT))).expect("a free port");
    expect_failure(&world, &files, FAILED, &["51820"]);
}

#[test]
fn a_machine_without_tun_is_told_so() {
    let world = World::new();
    let files = Setup::default().write(&world);
    // Read-only, or the device would be made anew.
    world.gateway.sh("mount -t tmpfs -o ro tmpfs /dev/net");
    expect_failure(&world, &files, FAILED, &["/dev/net/tun"]);
}

#[test]
fn a_daemon_without_the_right_to_make_a_device_is_told_which() {
    let world = World::new();
    let files = Setup::default().write(&world);
    let mut process = files.serve_through(&world, &["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]);
    assert_eq!(process.wait(wait::SOON).code(), FAILED, "{}", process.stderr());
    assert!(process.stderr().contains("CAP_NET_ADMIN"), "{}", process.stderr());
}

#[test]
fn a_machine_that_passes_nothing_on_is_told_how_to() {
    let world = World::new();
    let files = Setup::default().write(&world);
    world.gateway.sh("echo 0 > /proc/sys/net/ipv4/conf/lan0/forwarding");
    expect_failure(&world, &files, FAILED, &["sysctl", "forwarding=1"]);
}

#[test]
fn a_machine_that_passes_no_ipv6_on_is_told_how_to_where_it_is_wanted() {
    let world = World::new();
    let files = Setup::default().by_ipv6().write(&world);
    world.gateway.sh(
        "cd /proc/sys/net/ipv6/conf; for file in all/forwarding */force_forwarding; do echo 0 > $file || true; done",
    );
    expect_failure(&world, &files, FAILED, &["passes no IPv6 packets on", "sysctl -w net.ipv6.conf."]);
}

#[test]
fn a_failed_start_leaves_nothing_on_the_machine() {
    let world = World::new();
    let files = Setup::default().write(&world);
    let _taken = Echo::start(&world.gateway, "other", (IpAddr::V4(Ipv4Addr::UNSPECIFIED), CONTROL_PORT));
    let machine = || world.gateway.sh("ip -brief link | cut -d' ' -f1; ip route");
    let before = machine();
    serve_fails(&world, &files);
    assert_eq!(machine(), before);
}

#[test]
fn two_gateways_do_not_share_one_state() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    expect_failure(&world, gateway.files(), UNUSABLE, &["running", "state"]);
    assert!(gateway.sessions().is_empty(), "the first goes on");
}

// --- what strangers send ----------------------------------------------------------------------------------------------

#[test]
fn broken_json_is_a_bad_request() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    for body in [&b"{"[..], b"[]", b"{\"user\": 7}", b"\xff\xfe", b"null"] {
        let answer = call(&world, &world.home, "/v1/login", &[], body);
        assert_eq!(answer.status, 400, "{answer:?}");
        assert_eq!(answer.refusal().code, RefusalCode::BadRequest);
    }
    gateway.assert_nothing_left();
}

#[test]
fn an_unknown_key_in_a_login_is_a_bad_request() {
    let world = World::new();
    let _gateway = Setup::default().start(&world);
    let key = e2e::wireguard::PrivateKey::random().public();
    let body = String::from_utf8(api::login_body("m.rossi", &password("m.rossi"), None, key)).expect("text");
    let body = body.replacen('{', "{\"administrator\":true,", 1);
    assert_eq!(call(&world, &world.home, "/v1/login", &[], body.as_bytes()).status, 400);
}

#[test]
fn an_oversized_body_is_not_read() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let body = vec![b' '; 4 * 1024 * 1024];
    let answer = call(&world, &world.home, "/v1/login", &[], &body);
    assert!([400, 413, 0].contains(&answer.status), "{answer:?}");
    let answer = call(&world, &world.home, "/v1/login", &["--header", "Transfer-Encoding: chunked"], &body);
    assert!([400, 413, 0].contains(&answer.status), "{answer:?}");
    gateway.assert_nothing_left();
}

#[test]
fn a_name_or_password_of_absurd_length_is_a_bad_request() {
    let world = World::new();
    let _gateway = Setup::default().start(&world);
    for (user, password) in [("x".repeat(300), "p".to_owned()), ("m.rossi".to_owned(), "p".repeat(2000))] {
        let (answer, _) = api::login(&world, &world.home, &user, &password);
        assert_eq!(answer.status, 400, "{answer:?}");
    }
}

#[test]
fn without_a_token_there_is_no_session() {
    let world = World::new();
    let gateway = Setup::default().profile("grace", "\"10m\"").start(&world);
    let _ = api::session(&world, &world.home, "m.rossi");
    let number = gateway.only_session();
    let token = format!("Authorization: Bearer {}", "A".repeat(43) + "=");
    for arguments in [&["--request", "DELETE"][..], &["--request", "DELETE", "--header", &token]] {
        assert_eq!(call(&world, &world.internet, "/v1/session", arguments, b"").status, 401);
        assert_eq!(call(&world, &world.internet, "/v1/session", &arguments[2..], b"").status / 100, 4);
    }
    assert_eq!(gateway.only_session(), number);
}

#[test]
fn old_tls_is_refused() {
    let world = World::new();
    let _gateway = Setup::default().start(&world);
    let answer = call(&world, &world.home, "/v1/login", &["--tlsv1.2", "--tls-max", "1.2"], b"{}");
    assert_eq!(answer.status, 0, "{answer:?}");
    assert_eq!(call(&world, &world.home, "/v1/login", &["--tlsv1.3"], b"{}").status, 400);
}

#[test]
fn clients_that_say_nothing_are_cut_off_and_keep_nobody_out() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let mut silent: Vec<TcpStream> = (0..200).filter_map(|_| connect(&world.internet, GATEWAY, CONTROL_PORT)).collect();
    assert!(silent.len() >= 10, "only {} connections", silent.len());
    // One that drips a byte of nonsense before TLS, and nothing after.
    let _ = silent[0].write_all(b"\x16");

    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
    let begun = Instant::now();
    for stream in &mut silent {
        stream.set_read_timeout(Some(Duration::from_secs(60).saturating_sub(begun.elapsed()))).expect("not zero");
        let mut byte = [0];
        assert!(!matches!(stream.read(&mut byte), Err(e) if e.kind() == std::io::ErrorKind::WouldBlock), "still open");
    }
}

#[test]
fn a_login_that_drips_is_cut_off() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let file = world.folder().join("slow-body");
    fs::write(&file, vec![b' '; 8000]).expect("the world's folder is writable");
    let begun = Instant::now();
    let body = format!("@{}", file.display());
    let slow = ["--limit-rate", "50", "--max-time", "90", "--header", "Expect:", "--data-binary", &body];
    let answer = call(&world, &world.home, "/v1/login", &slow, b"");
    assert!(begun.elapsed() < Duration::from_secs(80), "{answer:?}");
    assert_ne!(answer.status, 200);
    gateway.assert_nothing_left();
}

#[test]
fn garbage_at_the_tunnels_port_draws_no_answer() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let socket = world.internet.inside(|| UdpSocket::bind("0.0.0.0:0")).expect("a free port");
    socket.connect((GATEWAY, TUNNEL_PORT)).expect("an address");
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("not zero");
    for length in [0, 1, 4, 31, 32, 92, 147, 148, 149, 1400] {
        for kind in 0..6 {
            let mut datagram = vec![0; length];
            if let Some(first) = datagram.first_mut() {
                *first = kind;
            }
            socket.send(&datagram).expect("sent");
        }
    }
    assert!(socket.recv(&mut [0; 2048]).is_err(), "silence was promised");
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    client.port();
}

#[test]
fn a_guesser_is_slowed_down_and_the_colleague_is_not() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let slowed = (0..40).any(|_| {
        let (answer, _) = api::login(&world, &world.internet, "m.rossi", "pw-guess");
        answer.status == 429
    });
    assert!(slowed, "forty guesses in a row and no end");
    let mut client = Connect::new(&gateway, "g.verdi").start(&world.other_home);
    client.port();
}

// --- what happens at home ---------------------------------------------------------------------------------------------

#[test]
fn a_client_without_a_server_is_called_wrongly() {
    let world = World::new();
    let mut command = world.home.command(e2e::world::program("deskgate"));
    command.args(["connect", "--user", "m.rossi", "--password-stdin"]);
    let mut process = world.home.spawn("client", command, "pw\n");
    assert_eq!(process.wait(wait::SOON).code(), exit::USAGE, "{}", process.stderr());
}

#[test]
fn a_gateway_that_is_not_there_is_unreachable() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let refused = Connect { server: at(GATEWAY, 4443), ..Connect::new(&gateway, "m.rossi") };
    assert_eq!(refused.refused(&world.home).0, exit::UNREACHABLE);
    let nobody = "192.0.2.1".parse().expect("an address");
    let silent = Connect { server: at(nobody, 443), ..Connect::new(&gateway, "m.rossi") };
    let (code, said) = silent.refused(&world.home);
    assert_eq!(code, exit::UNREACHABLE, "{said}");
}

#[test]
fn another_gateways_certificate_gets_no_password() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let stranger = Connect { fingerprint: format!("sha256:{}", "00".repeat(32)), ..Connect::new(&gateway, "m.rossi") };
    let (code, said) = stranger.refused(&world.home);
    assert_eq!(code, exit::FAILED, "{said}");
    let sentence = format!("The certificate of {GATEWAY} is not the office's");
    assert!(said.contains(&sentence) && said.contains("Your password was not sent."), "{said}");
    gateway.assert_nothing_left();
    assert!(gateway.records().is_empty(), "nobody signed in");
}

#[test]
fn an_rdp_program_that_is_not_there_closes_the_session() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let (code, said) = Connect::new(&gateway, "m.rossi").run("no-such-program {host}", None).refused(&world.home);
    assert_eq!(code, exit::FAILED, "{said}");
    assert!(said.contains("no-such-program"), "{said}");
    gateway.assert_nothing_left();
}

#[test]
fn a_full_disk_at_home_opens_no_desktop_and_leaves_no_session() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    // Not one more file, not one more folder.
    world.home.sh("mkdir -p /home/.config/deskgate && mount -t tmpfs -o nr_inodes=1 none /home/.config/deskgate");
    let mut client = Connect::new(&gateway, "m.rossi").arguments(&[]).start(&world.home);
    assert_eq!(client.wait(wait::SOON).code(), exit::FAILED, "{}", client.said());
    assert!(client.said().contains("no space left on device"), "{}", client.said());
    gateway.assert_nothing_left();
}

#[test]
fn a_workstation_that_refuses_ends_the_connection_and_not_the_session() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let mut stream = connect(&world.home, crate::LOOPBACK, client.port()).expect("the door is open");
    assert_eq!(read_line(&mut stream), None);
    let _desk = crate::desk(&world);
    assert_eq!(e2e::echo::greeting(&world.home, crate::LOOPBACK, client.port()).as_deref(), Some("desk"));
}

#[test]
fn a_workstation_that_is_switched_off_is_told_in_words() {
    let world = World::new();
    let gateway = Setup::default().start(&world);
    world.workstation.ip("link set eth0 down");
    let mut client = Connect::new(&gateway, "m.rossi").start(&world.home);
    let port = client.port();
    let mut stream = connect(&world.home, crate::LOOPBACK, port).expect("the door is open");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("not zero");
    assert_eq!(read_line(&mut stream), None);
    wait::until("words about the workstation", wait::SOON, || client.said().contains("anagrafe-07").then_some(()));
}

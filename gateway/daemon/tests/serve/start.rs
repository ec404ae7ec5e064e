//! Starting, stopping, reloading; and what is said when it cannot be.

use std::{fs, process::Command};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::house::*;

/// Breaks one thing, starts, and expects the code and all of the words.
fn refuses(house: &House, code: i32, words: &[&str]) {
    let (got, said) = house.refused_start();
    for word in words {
        assert!(said.contains(word), "expected `{word}` in: {said}");
    }
    assert_eq!(got, code, "{said}");
}

#[test]
fn mistakes_in_files_are_told_with_what_to_do() {
    let house = House::new();
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();

    fs::write(house.path("gateway.toml"), config.replace("public", "pubblic")).unwrap();
    refuses(&house, 64, &["unknown key `pubblic`", "gateway.toml:6", "^^^^^^^"]);
    fs::remove_file(house.path("gateway.toml")).unwrap();
    refuses(&house, 64, &["cannot read the configuration", "--config"]);
    fs::write(house.path("gateway.toml"), &config).unwrap();

    house.set_policy(&POLICY.replace("profile = \"standard\"", "profile = \"standrd\"").replace("idle =", "idel ="));
    refuses(&house, 64, &["standrd", "idel", "office.toml"]);
    assert_eq!(house.run(&["config", "check"], "").status.code(), Some(64));
    fs::remove_dir_all(house.path("policy")).unwrap();
    refuses(&house, 64, &["policy folder"]);
    fs::create_dir(house.path("policy")).unwrap();
    house.set_policy(POLICY);
    house.says(&["config", "check"]);

    fs::create_dir_all(house.path("state")).unwrap();
    house.set_mode("state", 0o755);
    refuses(&house, 64, &["others may read", "chmod 0700"]);
    house.set_mode("state", 0o700);
    drop(house.serve());

    house.set_mode("state/wireguard-key", 0o644);
    refuses(&house, 64, &["wireguard-key", "chmod 0600"]);
    house.set_mode("state/wireguard-key", 0o600);
    house.set_mode("state/deskgate.sqlite", 0o640);
    refuses(&house, 64, &["deskgate.sqlite", "chmod 0600"]);
    house.set_mode("state/deskgate.sqlite", 0o600);

    fs::write(
        house.path("gateway.toml"),
        config.replace("[tunnel]", "certificate = \"no.pem\"\nkey = \"no.pem\"\n[tunnel]"),
    )
    .unwrap();
    refuses(&house, 64, &["cannot read the certificate", "no.pem"]);
    fs::write(house.path("gateway.toml"), config.replace("socket =", "group = \"no-such-group\"\nsocket =")).unwrap();
    refuses(&house, 64, &["no-such-group", "groupadd"]);
}

#[test]
fn a_machine_that_cannot_carry_a_gateway_is_told_so() {
    let house = House::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:443").unwrap();
    refuses(&house, 1, &["cannot listen on 127.0.0.1:443", "another program has this port"]);
    drop(taken);
    let taken = std::net::UdpSocket::bind("127.0.0.1:51820").unwrap();
    refuses(&house, 1, &["51820"]);
    drop(taken);
    sh("mount --bind /dev/null /dev/net/tun");
    refuses(&house, 1, &["cannot make the office device `deskgate0`"]);
    sh("umount /dev/net/tun");
    let first = house.serve();
    refuses(&house, 64, &["a gateway is running"]);
    drop(first);
}

#[test]
fn a_stop_for_good_closes_and_records_every_session() {
    let house = House::new();
    let mut gateway = house.serve();
    block_on(open("m.rossi"));
    house.says(&["stop", "--end-sessions", "--warn", "0"]);
    assert_eq!(gateway.ended(), Some(0), "{}", house.log());
    assert_eq!(
        house.story(),
        ["session_opened", "session_closed gateway_stopped"],
        "the log is read without a gateway too"
    );
    assert!(house.says(&["log", "show", "--journal", "administrators"]).contains("stop_ordered"));
    assert!(!house.path("admin.sock").exists());
    house.says(&["log", "verify"]);
    assert_eq!(house.run(&["status"], "").status.code(), Some(1));
}

#[test]
fn a_stop_leaves_every_session_to_the_next_start() {
    let house = House::new();
    for stopped_by_order in [false, true] {
        let mut gateway = house.serve();
        if house.story().is_empty() {
            block_on(open("m.rossi"));
        }
        assert_eq!(house.open_sessions(), 1);
        if stopped_by_order {
            house.says(&["stop"]);
        } else {
            gateway.signal(Signal::SIGTERM);
        }
        assert_eq!(gateway.ended(), Some(0), "{}", house.log());
    }
    let _gateway = house.serve();
    assert_eq!(house.story(), ["session_opened", "session_resumed", "session_resumed"]);
    house.says(&["log", "verify"]);
}

#[test]
fn after_crashes_no_opening_has_two_ends_and_who_has_none_is_there() {
    let house = House::new();
    for _ in 0..3 {
        let mut gateway = house.serve();
        block_on(open("m.rossi"));
        gateway.signal(Signal::SIGKILL);
        assert_eq!(gateway.ended(), None);
    }
    let _gateway = house.serve();
    let story = house.story();
    let count = |kind: &str| story.iter().filter(|line| line.starts_with(kind)).count();
    assert_eq!(count("session_opened"), 3);
    assert_eq!(count("session_opened") - count("session_closed"), house.open_sessions(), "{story:?}");
    assert!(house.says(&["log", "show", "--journal", "administrators"]).contains("previous_end=unclean"));
    house.says(&["log", "verify"]);
}

#[test]
fn without_what_was_kept_every_session_gets_its_end_at_the_next_start() {
    let house = House::new();
    let mut gateway = house.serve();
    block_on(open("m.rossi"));
    gateway.signal(Signal::SIGTERM);
    gateway.ended();
    fs::remove_file(house.path("state/sessions.sealed")).unwrap();
    let _gateway = house.serve();
    assert_eq!(house.story(), ["session_opened", "session_closed gateway_stopped"]);
    assert_eq!(house.open_sessions(), 0);
}

#[test]
fn a_policy_with_mistakes_never_replaces_a_good_one() {
    let house = House::new();
    let gateway = house.serve();
    let good = house.json(&["status", "--json"])["policy"]["hash"].clone();
    house.set_policy("timezone = \"Nowhere\"\n");
    gateway.signal(Signal::SIGHUP);
    wait("the mistake to be told", || !house.json(&["status", "--json"])["policy"]["rejected"].is_null());
    assert_eq!(house.json(&["status", "--json"])["policy"]["hash"], good);
    assert_eq!(house.run(&["reload"], "").status.code(), Some(1));
    block_on(open("m.rossi"));
    house.set_policy(&POLICY.replace("15m", "10m"));
    house.says(&["reload"]);
    let standing = house.json(&["status", "--json"])["policy"].clone();
    assert!(standing["hash"] != good && standing["rejected"].is_null(), "{standing}");
    let acts = house.says(&["log", "show", "--journal", "administrators"]);
    assert!(acts.contains("policy_rejected") && acts.matches("policy_loaded").count() == 2, "{acts}");
}

#[test]
fn no_thread_keeps_a_right_it_no_longer_needs() {
    let house = House::new();
    let gateway = house.serve();
    for thread in fs::read_dir(format!("/proc/{}/task", gateway.pid())).unwrap() {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        for line in status.lines().filter(|line| line.starts_with("Cap")) {
            assert!(line.ends_with("0000000000000000"), "{status}");
        }
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    }
}

#[test]
fn a_crash_leaves_no_memory_behind() {
    use nix::sys::resource::{Resource, setrlimit};
    let house = House::new();
    // What a crash would leave goes where the program runs: into a folder of its own, as large as it likes.
    let (_, most) = nix::sys::resource::getrlimit(Resource::RLIMIT_CORE).unwrap();
    setrlimit(Resource::RLIMIT_CORE, most, most).unwrap();
    let crashed = |mut command: Command| {
        use std::os::unix::process::ExitStatusExt as _;
        let mut child = command.current_dir(house.path("")).spawn().unwrap();
        wait("the program to be itself", || {
            let command = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
            command.starts_with(b"sleep") || house.run(&["status"], "").status.success()
        });
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGABRT).unwrap();
        child.wait().unwrap().core_dumped()
    };
    let mut sleeper = Command::new("sleep");
    sleeper.arg("600");
    if !crashed(sleeper) {
        println!("this machine keeps no core dumps in files: nothing can be seen here");
    }
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_deskgate-gateway"));
    gateway.args(["serve", "--config"]).arg(house.path("gateway.toml"));
    assert!(!crashed(gateway), "a core dump holds keys and passwords");
}

#[test]
fn the_fingerprint_is_that_of_the_certificate_that_is_shown() {
    let house = House::new();
    assert_eq!(house.run(&["fingerprint"], "").status.code(), Some(64), "there is none before the first start");
    let _gateway = house.serve();
    let shown = Command::new("sh")
        .args(["-c", "openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | sha256sum"])
        .output()
        .unwrap();
    let shown = text(&shown.stdout);
    assert_eq!(house.says(&["fingerprint"]).trim(), format!("sha256:{}", shown.split(' ').next().unwrap()));
    assert!(house.log().contains(house.says(&["fingerprint"]).trim()));
}

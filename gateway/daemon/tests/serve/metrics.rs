//! Figures for Prometheus: they agree with what was done, and name nobody.

use std::{collections::BTreeMap, fs, net::UdpSocket, os::unix::fs::PermissionsExt as _, process::Command};

use crate::house::*;

const TABLE: &str = "[metrics]\nsocket = \"metrics.sock\"\nlisten = \"10.20.3.1:9586\"\n";

fn house() -> House {
    let house = House::new();
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    fs::write(house.path("gateway.toml"), config + TABLE).unwrap();
    house
}

fn scrape(house: &House) -> String {
    let socket = house.path("metrics.sock");
    let curl = Command::new("curl").args(["-sSf", "--unix-socket"]).arg(socket).arg("http://gateway/metrics").output();
    let output = curl.unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Every sample, by its name with labels.
fn samples(scraped: &str) -> BTreeMap<String, f64> {
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    scraped.lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}

fn of(house: &House, name: &str) -> f64 {
    samples(&scrape(house)).get(name).copied().unwrap_or_default()
}

/// Datagrams and packets that arrived, and what became of them.
fn sums(samples: &BTreeMap<String, f64>) -> (f64, f64) {
    let sum = |names: &[&str]| {
        let is_named = |name: &str| names.iter().any(|named| name.split('{').next() == Some(named));
        samples.iter().filter(|(name, _)| is_named(name)).map(|(_, value)| value).sum()
    };
    let arrived = sum(&["deskgate_datagrams_total", "deskgate_office_packets_total"]);
    let settled = sum(&[
        "deskgate_handshakes_total",
        "deskgate_cookies_total",
        "deskgate_empty_datagrams_total",
        "deskgate_packets_total",
        "deskgate_drops_total",
    ]);
    (arrived, settled)
}

#[test]
fn figures_agree_with_what_was_done() {
    let house = house();
    let mut gateway = house.serve();
    let mode = fs::metadata(house.path("metrics.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let (token, _) = block_on(open("m.rossi"));
    assert_eq!(block_on(login("m.rossi", "wrong")).status, 401);
    assert_eq!(block_on(login("nobody", "wrong")).status, 401);
    assert_eq!(block_on(login("g.verdi", "pw-g.verdi")).status, 403);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..7 {
        socket.send_to(b"not WireGuard", "127.0.0.1:51820").unwrap();
    }
    let mut to_nobody = [0; 64];
    to_nobody[..8].copy_from_slice(&[4, 0, 0, 0, 9, 9, 9, 9]);
    for _ in 0..5 {
        socket.send_to(&to_nobody, "127.0.0.1:51820").unwrap();
    }
    wait("every datagram to be counted", || of(&house, "deskgate_datagrams_total") == 12.0);
    let now = samples(&scrape(&house));
    for (name, expected) in [
        ("deskgate_sessions{phase=\"away\"}", 1.0),
        ("deskgate_sessions{phase=\"attached\"}", 0.0),
        ("deskgate_logins_total{outcome=\"opened\"}", 1.0),
        ("deskgate_logins_total{outcome=\"wrong_password\"}", 1.0),
        ("deskgate_logins_total{outcome=\"unknown_user\"}", 1.0),
        ("deskgate_logins_total{outcome=\"over\"}", 1.0),
        ("deskgate_drops_total{reason=\"not_wireguard\"}", 7.0),
        ("deskgate_drops_total{reason=\"unknown_peer\"}", 5.0),
        ("deskgate_drops_total{reason=\"spoofed_source\"}", 0.0),
        ("deskgate_idle_jigglers_total", 0.0),
        ("deskgate_directory_up", 1.0),
        ("deskgate_policy_rejected", 0.0),
        ("deskgate_record_waiting", 0.0),
        ("deskgate_record_failures_total", 0.0),
        ("deskgate_fence_sessions", 1.0),
        ("deskgate_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(now.get(name), Some(&expected), "{name}: {now:#?}");
    }
    let (arrived, settled) = sums(&now);
    assert_eq!(arrived, settled, "each is passed or dropped, once");
    assert!(now["process_resident_memory_bytes"] > 1e6 && now["process_cpu_seconds_total"] > 0.0);
    assert!(!now.contains_key("deskgate_fence_up"), "this house has no firewall");

    assert_eq!(block_on(close(&token, "")), 204);
    assert_eq!(of(&house, "deskgate_sessions_closed_total{reason=\"worker_closed\"}"), 1.0);
    house.set_policy("a mistake");
    house.run(&["reload"], "");
    assert_eq!(of(&house, "deskgate_policy_rejected"), 1.0);

    gateway.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(gateway.ended(), Some(0));
    assert!(!house.path("metrics.sock").exists());
}

#[test]
fn figures_name_nobody() {
    let house = house();
    let _gateway = house.serve();
    let (_, number) = block_on(open("m.rossi"));
    block_on(login("m.rossi", "wrong"));
    block_on(login("g.verdi", "pw-g.verdi"));
    block_on(login("secret-typed-as-a-name", "x"));
    let scraped = scrape(&house);
    for word in
        ["rossi", "verdi", "secret", &number, "anagrafe", "Demografici", "standard", "10.20.3.", "100.96.", "127.0.0.1"]
    {
        assert!(!scraped.contains(word), "`{word}`: {scraped}");
    }
    // Labels are few, and none is anybody's.
    let labels =
        scraped.lines().filter_map(|line| line.split_once('{')).filter_map(|(_, label)| label.split('=').next());
    for label in labels {
        assert!(["version", "phase", "outcome", "reason", "to"].contains(&label), "{label}");
    }
}

#[test]
fn figures_are_read_from_the_office_and_nothing_else_is() {
    let house = house();
    let _gateway = house.serve();
    let curl = |arguments: &[&str]| {
        let output = Command::new("curl").args(["-s", "-w", "\n%{http_code} %{content_type}"]).args(arguments).output();
        text(&output.unwrap().stdout)
    };
    let scraped = curl(&["http://10.20.3.1:9586/metrics"]);
    assert!(scraped.contains("deskgate_loops "), "{scraped}");
    assert!(scraped.ends_with("200 text/plain; version=0.0.4; charset=utf-8"), "{scraped}");
    assert!(curl(&["http://10.20.3.1:9586/"]).contains("404"));
    assert!(curl(&["-X", "POST", "http://10.20.3.1:9586/metrics"]).contains("405"));
    assert!(curl(&["-k", "https://127.0.0.1/metrics"]).contains("404"), "strangers read none");
}

#[test]
fn the_flag_says_how_many_threads_carry_packets() {
    let house = house();
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    fs::write(house.path("gateway.toml"), config.replace("[tunnel]", "[tunnel]\nloops = 2\npool = \"100.96.0.0/24\""))
        .unwrap();
    for refused in ["0", "17"] {
        let (code, said) = house.refused_start_as(&["--loops", refused]);
        assert_eq!(code, 64, "{said}");
        assert!(said.contains(&format!("`--loops {refused}`")) && said.contains("write 1 to 16"), "{said}");
    }
    for (flags, loops) in [(["--loops", "3"].as_slice(), 3), (&["--loops=1"], 1), (&[], 2)] {
        let gateway = house.serve_as(flags);
        assert_eq!(of(&house, "deskgate_loops"), f64::from(loops), "{flags:?}");
        assert_eq!(house.json(&["status", "--json"])["loops"], loops);
        let tasks = fs::read_dir(format!("/proc/{}/task", gateway.pid())).unwrap();
        let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
        assert_eq!(names.filter(|name| name.starts_with("data-plane-")).count(), loops as usize);
    }
}

#[test]
fn a_full_disk_shows_in_the_figures() {
    let house = house();
    house.small_disk();
    let _gateway = house.serve();
    let (token, _) = block_on(open("m.rossi"));
    house.fill_disk();
    assert_eq!(of(&house, "deskgate_record_disk_full"), 1.0);
    assert!(of(&house, "deskgate_record_failures_total") > 0.0);
    assert_eq!(block_on(close(&token, "")), 204);
    assert_eq!(of(&house, "deskgate_record_in_reserve"), 1.0);
    house.give_room();
    wait("room to be noticed", || of(&house, "deskgate_record_disk_full") == 0.0);
    assert_eq!(of(&house, "deskgate_record_in_reserve"), 0.0);
}

#[test]
fn a_record_that_lags_shows_in_the_figures() {
    let house = house();
    let _gateway = house.serve();
    let (token, _) = block_on(open("m.rossi"));
    let held = crate::bad_record::hold(&house);
    let closing = std::thread::spawn(move || block_on(close(&token, "")));
    wait("the record to lag", || of(&house, "deskgate_record_lag_seconds") > 1.5);
    drop(held);
    closing.join().unwrap();
    wait("the record to catch up", || of(&house, "deskgate_record_waiting") == 0.0);
}

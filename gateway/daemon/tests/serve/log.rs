//! The record under stress: a full disk, copies, and who may ask.

use std::{
    fs,
    net::TcpStream,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command},
};

use nix::sys::signal::Signal;

use crate::{
    export::{assert_nameless, certificates},
    house::*,
};

#[test]
fn a_full_disk_opens_no_session_and_records_every_end_in_its_reserve() {
    let house = House::new();
    let both = POLICY.replace("2020-12-31", "2099-12-31");
    let all_days = "[\"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\", \"Sat\", \"Sun\"]";
    house.set_policy(&both.replace("[\"Mon\"]", all_days).replace("08:00-18:00", "00:00-24:00"));
    house.small_disk();
    let mut gateway = house.serve();
    let (rossi, _) = block_on(open("m.rossi"));
    let (verdi, number) = block_on(open("g.verdi"));
    house.fill_disk();
    assert!(house.log().contains("THE DISK IS FULL: make room"), "{}", house.log());
    let answer = block_on(login("m.rossi", "pw-m.rossi"));
    assert_eq!((answer.status, answer.json()["code"].clone()), (503, "unavailable".into()));
    let told = answer.json();
    assert!(told["message"].as_str().unwrap().contains("room on its disk"), "{told}");
    assert_eq!(told["support"].as_str().unwrap().len(), 9, "{told}");
    // An end is acknowledged though nothing else can be written; the other session goes on.
    assert_eq!(block_on(close(&rossi, "")), 204, "{}", house.log());
    assert_eq!(house.json(&["status", "--json"])["record"]["closes_in_reserve"], 1);
    let open_now = house.json(&["session", "list", "--json"]);
    assert_eq!((open_now.as_array().unwrap().len(), &open_now[0]["number"]), (1, &number.as_str().into()));
    house.give_room();
    wait("the end to be recorded", || house.story().contains(&"session_closed worker_closed".to_owned()));
    assert!(house.json(&["status", "--json"])["record"]["disk_full_since"].is_null());
    wait("a login to work again", || block_on(login("m.rossi", "pw-m.rossi")).status == 200);
    // The same, with the gateway killed before there is room.
    house.fill_disk();
    assert_eq!(block_on(close(&verdi, "")), 204, "{}", house.log());
    gateway.signal(Signal::SIGKILL);
    assert_eq!(gateway.ended(), None);
    let _gateway = house.serve();
    wait("the alarm", || !house.json(&["status", "--json"])["record"]["disk_full_since"].is_null());
    house.give_room();
    wait("the alarm to end", || house.json(&["status", "--json"])["record"]["disk_full_since"].is_null());
    let ends: Vec<String> = house.story().into_iter().filter(|line| line.starts_with("session_closed")).collect();
    assert_eq!(ends, ["session_closed worker_closed", "session_closed worker_closed"]);
    assert_eq!(house.open_sessions(), 1);
    let acts = house.says(&["log", "show", "--journal", "administrators"]);
    assert_eq!(acts.matches("disk_was_full").count(), 3, "twice with a close, and the start that had none: {acts}");
    assert_eq!(acts.matches("closes=1").count(), 2, "{acts}");
    house.says(&["log", "verify"]);
}

#[test]
fn a_backup_is_taken_live_and_put_back_only_when_nothing_runs() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::new();
    let mut gateway = house.serve();
    block_on(open("m.rossi"));
    let copy = house.path("copy").display().to_string();
    house.says(&["backup", &copy]);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(house.run(&["backup", &copy], "").status.code(), Some(1), "a file that is there is kept");
    assert_eq!(house.run(&["restore", &copy], "").status.code(), Some(1), "never under a running gateway");
    gateway.signal(Signal::SIGTERM);
    gateway.ended();
    assert_eq!(house.run(&["restore", &copy], "").status.code(), Some(1), "never over a database");
    fs::write(house.path("no-copy"), vec![7; 8192]).unwrap();
    house.set_mode("no-copy", 0o600);
    let before = house.story();
    let broken = house.path("no-copy").display().to_string();
    let refused = house.run(&["restore", "--force", &broken], "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("nothing was changed"), "{}", text(&refused.stderr));
    assert_eq!(house.story(), before);
    house.says(&["restore", "--force", &copy]);
    assert_eq!(house.story(), ["session_opened"]);
    assert!(house.says(&["log", "show", "--journal", "administrators"]).contains("backup_restored"));
    let _gateway = house.serve();
    assert_eq!(house.story()[..2], ["session_opened", "session_resumed"]);
    house.says(&["log", "verify"]);
}

#[test]
fn strangers_on_this_machine_may_not_ask() {
    let house = House::new();
    sh(&format!("chmod 755 {}", house.path("").display()));
    let _gateway = house.serve();
    sh(&format!("chmod 666 {}", house.path("admin.sock").display()));
    // By another user through a socket that anybody may open: what counts is who the kernel says is calling.
    let asked = Command::new("python3")
        .arg("-c")
        .arg("import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b'{\"ask\":\"status\"}\\n'); print(s.makefile().readline())")
        .arg(house.path("admin.sock"))
        .uid(65_534)
        .gid(65_534)
        .output()
        .unwrap();
    assert!(text(&asked.stdout).contains("you may not ask"), "{asked:?}");
}

#[test]
fn names_are_shown_only_when_asked_for_and_that_is_recorded() {
    let house = House::new();
    let mut gateway = house.serve();
    block_on(open("m.rossi"));
    assert!(!house.says(&["log", "show"]).contains("m.rossi"));
    assert!(house.says(&["log", "show", "--names"]).contains("worker=m.rossi"));
    gateway.signal(Signal::SIGTERM);
    gateway.ended();
    assert!(house.says(&["log", "show", "--names"]).contains("worker=m.rossi"));
    let acts = house.says(&["log", "show", "--journal", "reviews"]);
    assert_eq!(acts.matches("names_shown").count(), 2, "{acts}");
}

#[test]
fn a_record_put_back_to_an_older_state_is_found_by_the_witness() {
    let house = House::new();
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    fs::write(house.path("gateway.toml"), format!("{config}\n[record]\nwitness = \"file:witness\"\n")).unwrap();
    let run = || {
        let mut gateway = house.serve();
        gateway.signal(Signal::SIGTERM);
        gateway.ended();
    };
    run();
    let proven = house.says(&["log", "verify"]);
    assert!(proven.contains("the end is proven: the witness holds"), "{proven}");
    let (database, older) = (house.path("state/deskgate.sqlite"), house.path("older"));
    fs::copy(&database, &older).unwrap();
    run();
    // As an auditor does, somewhere else.
    let key = house.says(&["log", "key"]);
    let (copy, witness) = (database.display().to_string(), house.path("witness").display().to_string());
    let audited =
        house.json(&["log", "verify", "--database", &copy, "--key", key.trim(), "--witness", &witness, "--json"]);
    assert_eq!(audited[0]["journals"][1]["end"], "proven", "{audited}");
    // A copy that fits in itself, all its notes and checkpoints included.
    fs::copy(&older, &database).unwrap();
    let verdict = house.run(&["log", "verify"], "");
    let told = text(&verdict.stdout);
    assert_eq!(verdict.status.code(), Some(1), "{told}");
    assert!(told.contains("was cut short") && told.contains("the witness (checkpoint"), "{told}");
}

/// A witness that keeps what is posted to it, a line each; killed with the value.
struct FarWitness(Child);

impl FarWitness {
    fn start(folder: &Path) -> Self {
        const SERVER: &str = "
import http.server, ssl, sys
folder = sys.argv[1]
class Witness(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        with open(folder + '/kept', 'ab') as kept:
            kept.write(body)
        self.send_response(204 if self.path == '/deskgate' else 404)
        self.end_headers()
server = http.server.HTTPServer(('127.0.0.1', 8443), Witness)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(folder + '/server.pem', folder + '/server.key')
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
";
        let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let server = Command::new("python3").args(["-c", SERVER]).arg(folder).stderr(log).spawn().expect("python3");
        wait("the witness to listen", || TcpStream::connect("127.0.0.1:8443").is_ok());
        Self(server)
    }
}

impl Drop for FarWitness {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_witness_elsewhere_is_told_by_https_where_its_certificate_is_believed() {
    let house = House::new();
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    let at = |url: &str| {
        let record = format!("[record]\nwitness = \"{url}\"\nwitness_ca = \"far/ca.pem\"\n");
        fs::write(house.path("gateway.toml"), format!("{config}\n{record}")).unwrap();
    };
    let far = house.path("far");
    fs::create_dir(&far).unwrap();
    at("https://localhost:8443/deskgate");
    let (code, said) = house.refused_start();
    assert!(code == 64 && said.contains("correct [record] witness_ca"), "{code}: {said}");
    let run = |trouble: &str| {
        let mut gateway = house.serve();
        wait(trouble, || house.log().contains(trouble));
        gateway.signal(Signal::SIGTERM);
        gateway.ended();
    };
    certificates(&far, "witness.comune.example");
    run("cannot connect");
    let server = FarWitness::start(&far);
    run("its certificate is for another name: write that name in `witness`");
    drop(server);
    assert!(!far.join("kept").exists(), "nothing was told to a stranger");
    certificates(&far, "localhost");
    let _server = FarWitness::start(&far);
    at("https://localhost:8443/elsewhere");
    run("it answers with code 404");
    at("https://localhost:8443/deskgate");
    // Told at the stop at the latest.
    run("");
    let kept = fs::read_to_string(far.join("kept")).unwrap();
    assert_nameless(&kept);
    let unproven = house.says(&["log", "verify"]);
    for words in ["end not proven", "https://localhost:8443/deskgate holds is not on this machine", "--witness FILE"] {
        assert!(unproven.contains(words), "{unproven}");
    }
    let held = far.join("kept").display().to_string();
    let check = ["log", "verify", "--witness", &held];
    let proven = house.says(&check);
    assert!(proven.contains("the end is proven: the witness holds") && !proven.contains("--witness FILE"), "{proven}");
    // Somebody else posts what they like, in this gateway's name and in another's.
    let mut lie: serde_json::Value = serde_json::from_str(kept.lines().next_back().unwrap()).unwrap();
    lie["heads"][0]["sequence"] = 1000.into();
    let mut other = lie.clone();
    other["gateway"] = "another".into();
    fs::write(&held, format!("{lie}\n{other}\n{kept}{lie}\n")).unwrap();
    let still = house.says(&check);
    assert!(still.contains("lines of somebody else in the witness, which count for nothing: 2"), "{still}");
    assert!(still.contains("the end is proven: the witness holds"), "{still}");
}

#[test]
fn rules_that_were_adopted_are_held_against_what_runs() {
    let house = House::new();
    let norms = |language| house.says(&["log", "norms", "--language", language]);
    for (language, words) in [("it", "30 giorni"), ("en", "30 days")] {
        let text = norms(language);
        assert!(text.contains(words) && text.contains("session_opened") && text.contains("SHA-256: "), "{text}");
    }
    let whole = norms("it");
    assert!(whole.contains("non ancora adottato"), "{whole}");
    let hash = whole.lines().find_map(|line| line.strip_prefix("SHA-256: ")).unwrap().to_owned();
    let (adopted, _) = whole.split_once("----\n").unwrap();
    fs::write(house.path("adopted"), adopted).unwrap();
    sh(&format!("echo {hash} {} | sha256sum -c", house.path("adopted").display()));
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    fs::write(house.path("gateway.toml"), format!("{config}\n[record]\nnorms_sha256 = \"{hash}\"\n")).unwrap();
    let lawful = "[lawful]\nact = \"G.C. 41/2026\"\nfrom = 2026-02-01\nlog_norms = \"D.D. 112/2026\"\n";
    house.set_policy(&format!("{POLICY}{lawful}"));
    assert!(
        norms("it").contains("Atto di adozione: D.D. 112/2026") && norms("it").contains("\ncorrisponde"),
        "{}",
        norms("it")
    );
    let _gateway = house.serve();
    let holds = || house.json(&["status", "--json"])["norms"]["hold"].clone();
    assert_eq!(holds(), true);
    house.set_policy(&format!("retention = \"60 days\"\n{POLICY}{lawful}"));
    house.says(&["reload"]);
    wait("the alarm", || house.log().contains("THE CONFIGURATION IS NOT WHAT THE ADOPTED RULES"));
    assert_eq!(holds(), false);
    assert!(norms("en").contains("does NOT match the adopted text"), "{}", norms("en"));
    house.set_policy(&format!("{POLICY}{lawful}"));
    house.says(&["reload"]);
    wait("its end", || house.log().contains("the configuration is what the adopted rules on the record say"));
    assert_eq!(holds(), true);
}

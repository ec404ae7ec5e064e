//! What leaves the record for others: all of it, also what a target missed, and nobody's name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::house::*;

fn house(export: &str) -> House {
    let house = House::new();
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    fs::write(
        house.path("gateway.toml"),
        format!("{config}[metrics]\nsocket = \"metrics.sock\"\n[export]\n{export}\n"),
    )
    .unwrap();
    house
}

/// A session, and a login that is refused.
fn happen() {
    let (token, _) = block_on(open("m.rossi"));
    assert_eq!(block_on(login("m.rossi", "wrong")).status, 401);
    assert_eq!(block_on(close(&token, "")), 204);
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?}"))).collect()
}

/// What was exported, by journal and place; whatever came twice is the same.
fn places(records: &[Value]) -> BTreeMap<(String, u64), Value> {
    let mut places = BTreeMap::new();
    for record in records {
        let place = (record["journal"].as_str().unwrap().to_owned(), record["sequence"].as_u64().unwrap());
        let before = places.insert(place, record.clone());
        assert!(before.is_none_or(|before| before == *record), "{record}");
    }
    places
}

/// Whether all that is in the record was exported, as it is there.
fn is_all(house: &House, records: &[Value]) -> bool {
    let places = places(records);
    ["workers", "administrators"].into_iter().all(|journal| {
        let kept = house.json(&["log", "show", "--json", "--journal", journal]);
        kept.as_array().unwrap().iter().all(|record| {
            let exported = places.get(&(journal.to_owned(), record["sequence"].as_u64().unwrap()));
            exported.is_some_and(|exported| {
                ["hash", "kind", "time", "fields"].iter().all(|part| exported[*part] == record[*part])
            })
        })
    })
}

fn status(house: &House) -> Value {
    house.json(&["status", "--json"])["export"][0].clone()
}

fn figure(house: &House, name: &str) -> f64 {
    let socket = house.path("metrics.sock");
    let curl = Command::new("curl").args(["-sSf", "--unix-socket"]).arg(socket).arg("http://gateway/metrics").output();
    let scraped = text(&curl.unwrap().stdout);
    let line = scraped.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {scraped}")).parse().unwrap()
}

pub(crate) fn assert_nameless(text: &str) {
    for name in ["rossi", "verdi", "127.0.0.1", "anagrafe-07", "10.20.3.47"] {
        assert!(!text.contains(name), "`{name}` in {text}");
    }
}

#[test]
fn a_file_gets_every_record_without_names_and_goes_on_where_it_was() {
    let house = house("file = \"out/records\"");
    let mut gateway = house.serve();
    // Its folder is not there: nobody waits for it, and it is told.
    happen();
    wait("the alarm", || status(&house)["trouble"].as_str().is_some_and(|why| why.contains("cannot write to")));
    assert!(house.log().contains("NO RECORD IS EXPORTED"), "{}", house.log());
    wait("what waits to be counted", || status(&house)["waiting"].as_u64().unwrap() >= 4);
    assert_eq!(figure(&house, "deskgate_export_up{target=\"file\"}"), 0.0);
    assert!(figure(&house, "deskgate_export_lag_seconds{target=\"file\"}") > 0.0);
    fs::create_dir(house.path("out")).unwrap();
    let exported = || fs::read_to_string(house.path("out/records")).unwrap_or_default();
    wait("all of it", || is_all(&house, &lines(&exported())));
    wait("the alarm to end", || status(&house)["trouble"].is_null());
    assert_eq!(figure(&house, "deskgate_export_up{target=\"file\"}"), 1.0);
    assert_eq!(figure(&house, "deskgate_export_waiting{target=\"file\"}"), 0.0);
    assert_nameless(&exported());
    gateway.signal(Signal::SIGTERM);
    gateway.ended();
    let before = lines(&exported()).len();
    let mut gateway = house.serve();
    happen();
    wait("the rest", || is_all(&house, &lines(&exported())));
    let records = lines(&exported());
    assert_eq!(places(&records).len(), records.len(), "after a stop in order nothing comes twice");
    assert!(records.len() > before);
    // One worker on one day is one pseudonym, in refusals as well; another day's nobody can lay beside it.
    let of = |kind: &str, name: &str| -> BTreeSet<String> {
        let of_kind = records.iter().filter(|record| record["kind"] == kind);
        of_kind.map(|record| record["pseudonyms"][name].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (of("session_opened", "worker").len(), of("login_refused", "worker")),
        (1, of("session_opened", "worker"))
    );
    assert_eq!(of("session_opened", "from"), of("login_refused", "from"));
    gateway.signal(Signal::SIGKILL);
    gateway.ended();
    // A state that was put back is another record: all of it goes once more.
    let copy = house.path("copy").display().to_string();
    house.says(&["backup", &copy]);
    let gateway = house.serve();
    happen();
    wait("the rest", || is_all(&house, &lines(&exported())));
    drop(gateway);
    house.says(&["restore", "--force", &copy]);
    let _gateway = house.serve();
    happen();
    let after = |text: String| {
        let records = lines(&text);
        let restored =
            records.iter().rposition(|record| record["sequence"] == 1 && record["journal"] == "workers").unwrap();
        records[restored..].to_vec()
    };
    wait("all of the record that goes on", || is_all(&house, &after(exported())));
}

#[test]
fn the_command_writes_the_same_in_each_form() {
    let house = house("journald = false");
    let mut gateway = house.serve();
    happen();
    let noted = || -> Vec<Value> {
        let acts = house.json(&["log", "show", "--journal", "administrators", "--json"]);
        let exports = acts.as_array().unwrap().iter().filter(|record| record["kind"] == "log_exported");
        exports.map(|record| record["fields"].clone()).collect()
    };
    for running in [true, false] {
        let before = noted().len();
        let json = house.says(&["log", "export", "--format", "jsonl"]);
        let records = lines(&json);
        let kinds: Vec<&str> = records.iter().map(|record| record["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["session_opened", "login_refused", "session_closed"]);
        assert_nameless(&json);
        let pseudonym = records[0]["pseudonyms"]["worker"].as_str().unwrap();
        assert_eq!(records[1]["pseudonyms"]["worker"], pseudonym);
        let cef = house.says(&["log", "export", "--format", "cef"]);
        assert!(cef.lines().all(|line| line.starts_with("CEF:0|Deskgate|gateway|")), "{cef}");
        assert!(cef.contains(&format!("suser={pseudonym}")) && cef.contains("reason=worker_closed"), "{cef}");
        let csv = house.says(&["log", "export", "--format", "csv"]);
        assert!(csv.starts_with("gateway,journal,sequence,time,kind,session,structure,reason,worker,"), "{csv}");
        assert_eq!((csv.lines().count(), csv.matches(pseudonym).count()), (4, 2));
        let none = house.says(&["log", "export", "--format", "jsonl", "--to", "2020-01-01"]);
        assert_eq!(none, "");
        let acts = house.says(&["log", "export", "--format", "jsonl", "--journal", "administrators", "--from", "1h"]);
        assert!(acts.contains("gateway_started"), "{acts}");
        let noted = noted().split_off(before);
        let told = noted.iter().map(|fields| (fields["format"].as_str().unwrap(), fields["records"].as_u64().unwrap()));
        let before = u64::try_from(lines(&acts).len()).unwrap();
        assert_eq!(told.collect::<Vec<_>>(), [("jsonl", 3), ("cef", 3), ("csv", 3), ("jsonl", 0), ("jsonl", before)]);
        assert!(noted.iter().all(|fields| fields["uid"] == 0), "{noted:?}");
        assert!(noted[3]["until"].is_string() && noted[3]["from"].is_null() && noted[4]["from"].is_string());
        assert_eq!((&noted[3]["journal"], &noted[4]["journal"]), (&"workers".into(), &"administrators".into()));
        if running {
            gateway.signal(Signal::SIGTERM);
            gateway.ended();
        }
    }
}

#[test]
fn the_systems_journal_gets_a_datagram_for_each_record() {
    let house = house("journald = true\njournals = [\"workers\"]");
    sh("mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/journal");
    let _gateway = house.serve();
    happen();
    wait("the alarm", || status(&house)["trouble"].as_str().is_some_and(|why| why.contains("does not listen")));
    let journal = UnixDatagram::bind("/run/systemd/journal/socket").unwrap();
    journal.set_read_timeout(Some(SOON)).unwrap();
    let mut datagrams = Vec::new();
    for _ in 0..3 {
        let mut bytes = [0; 8192];
        let length = journal.recv(&mut bytes).expect("a record");
        datagrams.push(text(&bytes[..length]));
    }
    for (datagram, kind) in datagrams.iter().zip(["session_opened", "login_refused", "session_closed"]) {
        assert!(datagram.contains(&format!("DESKGATE_KIND\n{}", char::from(kind.len() as u8))), "{datagram:?}");
        assert!(datagram.contains(kind) && datagram.contains("deskgate-record"), "{datagram:?}");
        assert_nameless(datagram);
    }
    wait("the alarm to end", || status(&house)["trouble"].is_null());
}

/// Files of an authority, and of a server's certificate for `name`.
pub(crate) fn certificates(folder: &Path, name: &str) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let (authority_key, key) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
    let issuer = authority.self_signed(&authority_key).unwrap();
    fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let server = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("server.pem"), server.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    sh(&format!("chmod 600 {}", folder.join("server.key").display()));
}

/// A syslog server as offices have it; killed with the value.
struct Rsyslog(Child);

impl Rsyslog {
    fn start(folder: &Path) -> Self {
        let at = folder.display();
        let config = format!(
            "global(workDirectory=\"{at}\" DefaultNetstreamDriver=\"gtls\" DefaultNetstreamDriverCAFile=\"{at}/ca.pem\"
                 DefaultNetstreamDriverCertFile=\"{at}/server.pem\" DefaultNetstreamDriverKeyFile=\"{at}/server.key\" maxMessageSize=\"64k\")
             module(load=\"imtcp\" StreamDriver.Name=\"gtls\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"x509/certvalid\")
             template(name=\"parsed\" type=\"string\" string=\"%syslogfacility%.%syslogseverity% %hostname% %app-name% %procid% %msgid% %structured-data% %msg%\\n\")
             action(type=\"omfile\" file=\"{at}/received\" template=\"parsed\")
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"6514\")\n"
        );
        fs::write(folder.join("rsyslog.conf"), config).unwrap();
        let log = fs::File::options().create(true).append(true).open(folder.join("rsyslog.log")).unwrap();
        let mut command = Command::new("rsyslogd");
        command.arg("-n").arg("-f").arg(folder.join("rsyslog.conf")).arg("-i").arg(folder.join("rsyslog.pid"));
        Self(command.stdout(Stdio::null()).stderr(log).spawn().expect("rsyslog is installed"))
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_syslog_server_gets_every_record_over_tls_whatever_becomes_of_it() {
    let own = "syslog_certificate = \"siem/server.pem\"\nsyslog_key = \"siem/server.key\"";
    let house = house(&format!("syslog = \"localhost:6514\"\nsyslog_ca = \"trusted.pem\"\n{own}"));
    let siem = house.path("siem");
    fs::create_dir(&siem).unwrap();
    certificates(&siem, "siem.comune.example");
    // The server checks the gateway by the same authority, whatever the gateway believes.
    let trust = || fs::copy(siem.join("ca.pem"), house.path("trusted.pem")).unwrap();
    trust();
    let mut gateway = house.serve();
    happen();
    let told = |words: &str| status(&house)["trouble"].as_str().is_some_and(|why| why.contains(words));
    wait("nobody to listen", || told("cannot connect to `localhost:6514`"));
    let server = Rsyslog::start(&siem);
    wait("its name to be checked", || told("its certificate is for another name"));
    drop(server);
    certificates(&siem, "localhost");
    let server = Rsyslog::start(&siem);
    wait("its authority to be checked", || told("an authority that `syslog_ca` does not hold"));
    trust();
    let received = || fs::read_to_string(siem.join("received")).unwrap_or_default();
    let messages = || -> Vec<Value> {
        received()
            .lines()
            .map(|line| serde_json::from_str(&line[line.find('{').expect("JSON")..]).expect(line))
            .collect()
    };
    wait("all of it", || is_all(&house, &messages()));
    let first = received().lines().find(|line| line.contains("\"session_opened\"")).unwrap().to_owned();
    let word = messages()[0]["gateway"].as_str().unwrap().to_owned();
    assert!(
        first.starts_with(&format!("authpriv.info 127.0.0.1 deskgate {word} session_opened - {{"))
            || first.starts_with(&format!("10.6 127.0.0.1 deskgate {word} session_opened - {{")),
        "{first}"
    );
    // Killed, and back again: what it missed comes.
    drop(server);
    happen();
    wait("the alarm", || !status(&house)["trouble"].is_null());
    gateway.signal(Signal::SIGTERM);
    gateway.ended();
    let _gateway = house.serve();
    happen();
    let _server = Rsyslog::start(&siem);
    wait("all of it again", || is_all(&house, &messages()));
    assert_nameless(&messages().iter().map(Value::to_string).collect::<String>());
}

#[test]
fn authorities_that_cannot_be_read_stop_the_start_with_what_to_do() {
    let house = house("syslog = \"localhost:6514\"\nsyslog_ca = \"gone.pem\"");
    let (code, said) = house.refused_start();
    assert!(code == 64 && said.contains("gone.pem") && said.contains("correct [export] syslog_ca"), "{code}: {said}");
}

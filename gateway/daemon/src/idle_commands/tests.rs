//! The command over the recordings that we ship, and over folders with mistakes.

use std::io::Write as _;

use serde_json::Value;

use super::*;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/traces/rdp")
}

fn report(seconds: u64) -> Report {
    read(&shipped(), Duration::from_secs(seconds)).unwrap()
}

#[test]
fn the_json_tells_each_recording_and_their_total() {
    let json: Value = serde_json::from_str(&report(100).json()).unwrap();
    let total = serde_json::json!({
        "bursts": 161, "bursts_seen": 161, "idle_windows": 395, "false_windows": 2, "timers": 22, "timers_right": 18,
    });
    assert_eq!(json["total"], total);
    let traces = json["traces"].as_array().unwrap();
    assert_eq!(traces.len(), 22);
    let reader = traces.iter().find(|trace| trace["name"] == "f_reading_keys_busy").unwrap();
    assert_eq!((&reader["bursts"], &reader["bursts_seen"]), (&6.into(), &6.into()));
    assert_eq!(reader["timer"]["decision"], "open");
    let idle = traces.iter().find(|trace| trace["name"] == "i_audio_idle").unwrap();
    assert_eq!((&idle["timer"]["decision"], &idle["timer"]["at_seconds"]), (&"ended".into(), &115.0.into()));
    assert_eq!(json["left_out"].as_array().unwrap().len(), 4);
}

#[test]
fn the_table_has_a_line_for_each_recording_and_words_for_each_timer() {
    let table = report(100).to_string();
    for line in [
        "recording                   input seen   idle taken for input   timer of 100 s",
        "a_idle_static                        -               0 of 28    ended at 115.0 s, right",
        "f_reading_keys_busy             6 of 6               0 of 40    stayed open, right",
        "k_jiggler_shift20                    -              10 of 20 *  stayed open, due at 115.0 s",
        "total                       161 of 161              2 of 395    right in 18 of 22",
    ] {
        assert!(table.lines().any(|own| own == line), "`{line}` is not in\n{table}");
    }
}

#[test]
fn the_manual_shows_the_table_as_it_is() {
    let manual = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/IDLE.md")).unwrap();
    let table = report(100).to_string();
    assert!(manual.contains(&table), "docs/IDLE.md shows another table than\n{table}");
}

#[test]
fn a_timeout_is_written_with_its_unit() {
    assert_eq!(timeout("100s"), Ok(Duration::from_secs(100)));
    assert_eq!(timeout("15m"), Ok(Duration::from_secs(900)));
    for wrong in ["100", "0s", "-5s", "2d", "a while", ""] {
        assert!(timeout(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_mistake_of_a_folder_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = |timeout| read(folder.path(), timeout).unwrap_err().join("\n");
    assert!(wrong(Duration::from_secs(1)).contains("index.csv`: No such file"));

    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let pack = |name: &str, text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        fs::write(folder.path().join(name), packed.finish().unwrap()).unwrap();
    };
    write("index.csv", "name,tls_overhead\none,22\ntwo,22\nthree,22\nfour,22\n");
    write("one.csv.gz", "not packed");
    pack("two.csv.gz", "t_ms,dir,ip_len,l4_payload_len,tcp_flags,c2s_tls_recs\n1.0,up,52,9,A,\n");
    pack("three.csv.gz", "t_ms,dir,ip_len,l4_payload_len,tcp_flags,c2s_tls_recs\n");
    write("three.events.csv", "t_ms,kind,detail,n\n5,click,button1,1\n6,clikc,button1,1\n");
    let told = wrong(Duration::from_secs(1));
    for part in [
        "one.csv.gz`: invalid gzip header",
        "two.csv.gz`: line 2: `up` is no direction: expected `c2s` or `s2c`",
        "three.events.csv`: line 3: `clikc` is no kind of event",
        "four.csv.gz`: No such file",
    ] {
        assert!(told.contains(part), "`{part}` is not in\n{told}");
    }
    write("index.csv", "name,tls_overhead\n../one,22\n");
    assert!(wrong(Duration::from_secs(1)).contains("line 2: `../one` is no name"));
    write("index.csv", "name,tls_overhead\none,57\n");
    assert!(wrong(Duration::from_secs(1)).contains("line 2: `57` is no cipher's overhead"));
}

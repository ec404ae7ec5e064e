//! The rule against recordings of real desktops with known moments of input. Prints the table kept in docs/IDLE.md:
//! `cargo test -p gateway-core --test replay -- --nocapture`.
#![allow(missing_docs, reason = "a test")]

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::PathBuf,
    sync::LazyLock,
    time::{Duration, Instant},
};

use gateway_core::activity::{
    Cipher,
    replay::{Score, Trace, read_index, replay},
};

/// Local pop-ups that take and return the focus, and machines at a fixed beat: nobody is there, and marks are made.
const MACHINES: [&str; 3] = ["k_jiggler_mouse30", "k_jiggler_shift20", "l_local_focus"];
/// The timeout of the published figures.
const PUBLISHED: Duration = Duration::from_secs(100);

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/traces/rdp")
}

static TRACES: LazyLock<Vec<(String, Option<Cipher>, Trace)>> = LazyLock::new(read_traces);

fn read_traces() -> Vec<(String, Option<Cipher>, Trace)> {
    let index = read_index(&std::fs::read_to_string(folder().join("index.csv")).unwrap()).unwrap();
    let read = |name: &str| {
        let mut packets = String::new();
        let file = File::open(folder().join(format!("{name}.csv.gz"))).unwrap();
        flate2::read::GzDecoder::new(file).read_to_string(&mut packets).unwrap();
        let events = std::fs::read_to_string(folder().join(format!("{name}.events.csv"))).unwrap();
        Trace::new(Trace::read_packets(&packets).unwrap(), &events).unwrap()
    };
    index.into_iter().map(|entry| (entry.name.clone(), entry.cipher, read(&entry.name))).collect()
}

fn scores(timeout: Duration) -> BTreeMap<String, Score> {
    let began = Instant::now();
    let rdp = TRACES.iter().filter(|(_, cipher, _)| cipher.is_some());
    rdp.map(|(name, cipher, trace)| (name.clone(), replay(trace, *cipher, timeout, began))).collect()
}

fn is_machine(name: &str) -> bool {
    MACHINES.contains(&name)
}

#[test]
fn every_burst_is_seen_and_idle_windows_stay_silent() {
    let scores = scores(PUBLISHED);
    for (name, score) in &scores {
        println!(
            "{name:26} bursts {:3} of {:3}   false windows {:2} of {:2}",
            score.bursts_seen, score.bursts, score.false_windows, score.idle_windows
        );
        assert_eq!(score.bursts_seen, score.bursts, "{name}: bursts seen");
    }
    let sum = |of: fn(&Score) -> usize| -> usize {
        scores.iter().filter(|(name, _)| !is_machine(name)).map(|(_, score)| of(score)).sum()
    };
    println!("                         mark   no mark");
    println!("bursts of input         {:5} {:9}", sum(|s| s.bursts_seen), sum(|s| s.bursts - s.bursts_seen));
    println!(
        "windows with input      {:5} {:9}",
        sum(|s| s.busy_windows - s.silent_windows),
        sum(|s| s.silent_windows)
    );
    println!("windows without input   {:5} {:9}", sum(|s| s.false_windows), sum(|s| s.idle_windows - s.false_windows));
    assert_eq!(scores.len(), 22);
    assert_eq!(sum(|score| score.bursts), 161);
    assert_eq!(sum(|score| score.idle_windows), 395);
    assert_eq!(sum(|score| score.false_windows), 2);
    assert_eq!(scores["g_minimised_rfx"].false_windows, 2, "both when the window is minimised and restored");
}

#[test]
fn an_idle_timer_ends_nobody_who_is_there_and_everybody_who_is_not() {
    for seconds in [60, 90, 100, 120, 150, 200] {
        let scores = scores(Duration::from_secs(seconds));
        let wrong: Vec<&str> =
            scores.iter().filter(|(_, score)| !score.timer.is_right()).map(|(name, _)| name.as_str()).collect();
        println!("timeout {seconds} s: right in {} of {}, not in {wrong:?}", scores.len() - wrong.len(), scores.len());
        for (name, score) in &scores {
            assert!(!score.timer.is_false_end(), "{name} at {seconds} s: {:?}", score.timer);
            let expected = score.timer.is_right() || is_machine(name) || name == "g_minimised_rfx";
            assert!(expected, "{name} at {seconds} s: {:?}", score.timer);
        }
    }
}

#[test]
fn fixed_jigglers_are_recognised_and_nobody_else_is() {
    for (name, score) in scores(PUBLISHED) {
        let recognised = score.jiggler_at.map(|at| at.as_secs());
        let expected = match name.as_str() {
            "k_jiggler_shift20" => Some(130),
            "k_jiggler_mouse30" => Some(191),
            _ => None,
        };
        assert_eq!(recognised, expected, "{name}");
    }
}

#[test]
fn clients_that_cannot_be_read_are_unknown_and_the_others_are_not() {
    let began = Instant::now();
    for (name, cipher, trace) in TRACES.iter() {
        let score = replay(trace, *cipher, PUBLISHED, began);
        assert_eq!(score.unknown, name.starts_with("n_vnc_"), "{name}");
        assert!(!score.unknown || score.timer.ended_at.is_none(), "{name}: the rule is not applied to it");
    }
}

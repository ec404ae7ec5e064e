//! A short run of the fuzz targets: their corpus and every case of the other tests, then random changes of them.
//!
//! `BYTES_SEED=… BYTES_RUNS=…` repeats and lengthens it; `policy/fuzz` holds the same targets for a real fuzzer.

use std::{
    fs,
    hash::{BuildHasher, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

#[path = "../fuzz/targets.rs"]
mod targets;

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}

fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.to_str().unwrap().ends_with(ending));
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Cuts, doubles, joins and replaces pieces.
fn changed(draw: &mut Draw, seeds: &[Vec<u8>]) -> Vec<u8> {
    const PIECES: [&str; 16] = [
        "[[agreements]]\n",
        "\"",
        "'",
        "[",
        "]",
        "=",
        "\n",
        "24:00",
        "00:00-00:01",
        "2199-12-31",
        "\u{feff}",
        ";",
        "\0",
        "🕯",
        "days",
        "99999999999999999999",
    ];
    let mut bytes = seeds[draw.below(seeds.len())].clone();
    for _ in 0..=draw.below(4) {
        let at = draw.below(bytes.len() + 1);
        let end = (at + draw.below(40)).min(bytes.len());
        match draw.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..at, PIECES[draw.below(PIECES.len())].bytes())),
            2 => drop(bytes.splice(at..end, PIECES[draw.below(PIECES.len())].bytes())),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                let other = &seeds[draw.below(seeds.len())];
                let from = draw.below(other.len() + 1);
                bytes.splice(at..at, other[from..(from + 200).min(other.len())].iter().copied());
            }
            _ if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(1 + draw.below(255) as u8),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

fn run(name: &str, target: fn(&[u8]), seeds: &[Vec<u8>]) {
    assert!(seeds.len() > 5, "where is the corpus?");
    seeds.iter().for_each(|bytes| target(bytes));
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seed = number("BYTES_SEED").unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
    for turn in 0..number("BYTES_RUNS").unwrap_or(400) {
        let turn_seed = seed.wrapping_add(turn);
        let bytes = changed(&mut Draw(turn_seed), seeds);
        if catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_err() {
            panic!("{name}: BYTES_SEED={turn_seed} BYTES_RUNS=1:\n{}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn no_file_of_rules_makes_the_reader_fall() {
    let mut seeds = files("fuzz/corpus/toml", "");
    seeds.extend(files("tests/reject", ".toml"));
    run("toml", targets::toml, &seeds);
}

#[test]
fn no_list_makes_the_reader_fall() {
    run("csv", targets::csv, &files("fuzz/corpus/csv", ""));
}

#[test]
fn no_question_makes_the_decision_fall() {
    run("decide", targets::decide, &files("fuzz/corpus/decide", ""));
}

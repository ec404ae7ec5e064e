//! `RUSTC_BOOTSTRAP=1 cargo fuzz run csv --fuzz-dir policy/fuzz`

#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code, reason = "one target uses one body")]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::csv(bytes));

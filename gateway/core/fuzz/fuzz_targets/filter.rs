//! `RUSTC_BOOTSTRAP=1 cargo fuzz run filter --fuzz-dir gateway/core/fuzz`

#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code, reason = "one target uses one body")]
mod targets;
#[path = "../../tests/world/mod.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::filter(bytes));

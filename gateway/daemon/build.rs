//! The moment of the build, by which `profile sign` tells a clock that cannot be right.

use std::{env, time::SystemTime};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Who builds the same twice says when it was (reproducible-builds.org).
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let said = env::var("SOURCE_DATE_EPOCH").ok().and_then(|said| said.parse::<u64>().ok());
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    println!("cargo::rustc-env=DESKGATE_BUILT_AT={}", said.unwrap_or_else(now));
}

//! Waits for a condition, never for a while.
//!
//! Everything in the world is waited for here: a port that opens, a line that is written, a pixel that changes. A wait
//! that fails says what it waited for and for how long, which is most of what a failed test has to say.

use std::time::{Duration, Instant};

/// How often a condition is looked at. Short, for some promises are measured in tenths of a second.
const PAUSE: Duration = Duration::from_millis(15);

/// Long enough for anything that should come at once, on a machine busy with other tests.
pub const SOON: Duration = Duration::from_secs(30);

/// What `condition` yields, as soon as it yields something.
///
/// # Panics
/// When nothing came within `limit`.
pub fn until<T>(what: &str, limit: Duration, condition: impl FnMut() -> Option<T>) -> T {
    within(limit, condition).unwrap_or_else(|| panic!("waited {limit:?} in vain for: {what}"))
}

/// The same without a panic: `None` when nothing came within `limit`.
pub fn within<T>(limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = condition() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

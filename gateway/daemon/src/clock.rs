//! Alone in asking what time it is.

use std::time::Instant;

use gateway_core::Now;
use jiff::Timestamp;

/// This moment on both clocks.
pub(crate) fn now() -> Now {
    Now { instant: Instant::now(), wall: Timestamp::now() }
}

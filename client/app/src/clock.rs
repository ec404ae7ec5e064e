//! Asks what time it is. Nobody else here does.

use std::time::Instant;

/// Now, for deadlines.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A moment in Unix seconds as this computer's wall clock shows it, such as `19:30`.
pub(crate) fn wall(unix_seconds: i64) -> String {
    jiff::Timestamp::from_second(unix_seconds)
        .map(|moment| moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M").to_string())
        .unwrap_or_default()
}

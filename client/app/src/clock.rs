//! Asks what time it is. Nobody else here does.

use std::time::{Duration, Instant, SystemTime};

/// Now, for deadlines.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Now by the wall clock, in Unix seconds.
pub(crate) fn unix() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Now as this computer's wall clock shows it, with what that differs from UTC by.
pub(crate) fn stamp() -> String {
    jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// A moment in Unix seconds as this computer's wall clock shows it, such as `19:30`.
pub(crate) fn wall(unix_seconds: i64) -> String {
    shown(unix_seconds, "%H:%M")
}

/// A day and time in Unix seconds as this computer's wall clock shows it, such as `2026-11-22 19:30`.
pub(crate) fn day_and_time(unix_seconds: i64) -> String {
    shown(unix_seconds, "%Y-%m-%d %H:%M")
}

/// A moment in Unix seconds as this computer's wall clock shows it, in a form of `strftime`.
pub(crate) fn shown(unix_seconds: i64, form: &str) -> String {
    jiff::Timestamp::from_second(unix_seconds)
        .map(|moment| moment.to_zoned(jiff::tz::TimeZone::system()).strftime(form).to_string())
        .unwrap_or_default()
}

/// A day such as `2026-11-22` in a form of `strftime`. What is no day stays as it is.
pub(crate) fn day(written: &str, form: &str) -> String {
    written.parse::<jiff::civil::Date>().map_or_else(|_| written.to_owned(), |day| day.strftime(form).to_string())
}

/// More time than this between two looks, by either clock, and this computer slept or stood still.
const SLEPT: Duration = Duration::from_secs(15);

/// Notices sleep. One clock does not count while a laptop's lid is shut, the other does; where the process stood still,
/// both went on. A wall clock that was set looks like sleep too: then something is asked for nothing.
pub(crate) struct SleepWatch {
    instant: Instant,
    wall: SystemTime,
}

impl SleepWatch {
    pub(crate) fn new() -> Self {
        Self { instant: Instant::now(), wall: SystemTime::now() }
    }

    /// Whether this computer slept since the last look. To be asked every few seconds.
    pub(crate) fn slept(&mut self) -> bool {
        let now = Self::new();
        let awake = now.instant.saturating_duration_since(self.instant);
        let passed = now.wall.duration_since(self.wall).unwrap_or_default();
        *self = now;
        awake.max(passed) > SLEPT
    }
}

/// The moment, in Unix seconds, when this computer's wall clock shows this day and time, for tests that look at them.
#[cfg(test)]
pub(crate) fn of_wall(day_and_time: &str) -> i64 {
    let shown: jiff::civil::DateTime = day_and_time.parse().expect("a day and time");
    shown.to_zoned(jiff::tz::TimeZone::system()).expect("a day in a calendar").timestamp().as_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_shows_on_the_wall_clock_and_standing_still_on_both() {
        let mut watch = SleepWatch::new();
        assert!(!watch.slept());
        watch.wall -= Duration::from_secs(3600);
        assert!(watch.slept());
        assert!(!watch.slept(), "once");
        watch.instant -= Duration::from_secs(16);
        assert!(watch.slept());
        watch.wall += Duration::from_secs(3600);
        assert!(!watch.slept(), "set back is no sleep");
    }
}

//! Days, weekdays, windows and the clock of one time zone: when something that is written in local time happens.
//!
//! A day is a whole number, so that asking for its weekday or its neighbour costs nothing. Two rules hold everywhere:
//! dates are inclusive, and a window is half open, `[start, end)`. A local time becomes an instant by one rule too: *the
//! first moment at which the clock shows that time or a later one*. So a time that the clock skips in spring happens
//! when it skips, and a time that it shows twice in autumn happens the first time; the rule never goes backwards, which
//! is what keeps every window in one piece.

use std::fmt;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone},
};

/// Minutes in a day by the clock on the wall.
pub(crate) const DAY: i32 = 24 * 60;

/// A date, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(pub(crate) i32);

impl Day {
    /// The day `days` later.
    pub(crate) fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Monday is 0.
    pub(crate) fn weekday(self) -> u8 {
        (i64::from(self.0) + 3).rem_euclid(7) as u8
    }

    /// Year, month and day of the month, by counting the days of the Gregorian calendar in eras of 400 years that begin
    /// in March.
    pub(crate) fn civil(self) -> (i32, u8, u8) {
        let days = i64::from(self.0) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year as i32, month as u8, day as u8)
    }

    /// The day with this year, month and day of the month; the inverse of [`Self::civil`] for every date that exists.
    pub(crate) fn of_civil(year: i32, month: u8, day: u8) -> Self {
        let year = i64::from(year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month = (i64::from(month) + 9) % 12;
        let of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        Self((era * 146_097 + of_era - 719_468) as i32)
    }

    /// As the calendar writes it. Outside jiff's years the nearest date it knows.
    pub(crate) fn date(self) -> Date {
        let (year, month, day) = self.civil();
        let limit = if year < 0 { Date::MIN } else { Date::MAX };
        i16::try_from(year).ok().and_then(|year| Date::new(year, month as i8, day as i8).ok()).unwrap_or(limit)
    }
}

impl From<Date> for Day {
    fn from(date: Date) -> Self {
        Self::of_civil(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

/// Days of the week; bit 0 is Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Weekdays(pub(crate) u8);

/// Their names as the manual writes them.
pub(crate) const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl Weekdays {
    pub(crate) fn contains(self, day: Day) -> bool {
        self.0 & (1 << day.weekday()) != 0
    }

    pub(crate) fn insert(&mut self, weekday: u8) {
        self.0 |= 1 << weekday;
    }
}

impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = WEEKDAYS.iter().enumerate().filter(|(bit, _)| self.0 & (1 << bit) != 0);
        for (place, (_, name)) in names.enumerate() {
            write!(f, "{}{name}", if place == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// A window of one day, in minutes since the midnight at which that day begins. `end` lies after `start`, and past
/// 1440 where the window runs over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Window {
    pub(crate) start: u16,
    pub(crate) end: u16,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", Minute(self.start), Minute(self.end))
    }
}

/// A minute of the day, shown as `HH:MM`; past midnight as the next morning's time, 1440 itself as `24:00`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Minute(pub(crate) u16);

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minute = if self.0 > 1440 { self.0 - 1440 } else { self.0 };
        write!(f, "{:02}:{:02}", minute / 60, minute % 60)
    }
}

/// The clock of one time zone.
#[derive(Debug, Clone)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// By its name in the zone database that this package carries; nothing is read from the machine, so that the same
    /// policy means the same everywhere.
    pub(crate) fn named(name: &str) -> Option<Self> {
        jiff::tz::TimeZoneDatabase::bundled().get(name).ok().map(Self)
    }

    /// The day and minute that the clock shows.
    pub(crate) fn local(&self, at: Timestamp) -> (Day, u16) {
        let local = self.0.to_datetime(at);
        (local.date().into(), local.hour().unsigned_abs() as u16 * 60 + local.minute().unsigned_abs() as u16)
    }

    /// What the clock shows, offset included.
    pub(crate) fn zoned(&self, at: Timestamp) -> jiff::Zoned {
        at.to_zoned(self.0.clone())
    }

    /// The first moment at which the clock shows `minute` of `day` or later. `minute` may pass midnight.
    pub(crate) fn instant(&self, day: Day, minute: u16) -> Timestamp {
        let minute = i32::from(minute);
        let local = day.plus(minute / DAY).date().at((minute % DAY / 60) as i8, (minute % 60) as i8, 0, 0);
        self.first_moment(local)
    }

    /// The first moment at which the clock shows `local` or later.
    pub(crate) fn first_moment(&self, local: DateTime) -> Timestamp {
        let ambiguous = self.0.to_ambiguous_timestamp(local);
        let limit = if local.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).unwrap_or(limit),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).unwrap_or(limit),
            AmbiguousOffset::Gap { before, .. } => self.transition_before(before.to_timestamp(local).unwrap_or(limit)),
        }
    }

    /// The change of the clock at or just before `at`.
    fn transition_before(&self, at: Timestamp) -> Timestamp {
        let just_after = at.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(at);
        self.0.preceding(just_after).next().map_or(at, |transition| transition.timestamp())
    }
}

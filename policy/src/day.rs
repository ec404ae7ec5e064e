//! Days, weekdays, windows and the clock of one time zone: when something that is written in local time happens.
//!
//! A day is a whole number, so that asking for its weekday or its neighbour costs nothing. Two rules hold everywhere:
//! dates are inclusive, and a window is half open, `[start, end)`. A local time becomes an instant by one rule too: *the
//! first moment at which the clock shows that time or a later one*. So a time that the clock skips in spring happens
//! when it skips, and a time that it shows twice in autumn happens the first time; the rule never goes backwards, which
//! is what keeps every window in one piece.

use std::{fmt, sync::Arc};

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
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

/// Days of the years that policies may name, each in or out.
#[derive(Debug, Clone, Default)]
pub(crate) struct DaySet(Box<[u64]>);

/// The first day and the number of days that a [`DaySet`] can hold.
const DAYS: (Day, usize) = (Day(10_592), 74_176);

impl DaySet {
    /// Those days for which `belongs` says so.
    pub(crate) fn of(belongs: impl Fn(Day) -> bool) -> Self {
        let mut set = Self(vec![0; DAYS.1 / 64].into());
        let days = (DAYS.0.0..).map(Day).take(DAYS.1);
        days.filter(|day| belongs(*day)).for_each(|day| set.insert(day, day));
        set
    }

    /// Puts in every day from `first` to `last`, included, that it can hold.
    pub(crate) fn insert(&mut self, first: Day, last: Day) {
        if self.0.is_empty() {
            self.0 = vec![0; DAYS.1 / 64].into();
        }
        let within = |day: Day| usize::try_from(i64::from(day.0) - i64::from(DAYS.0.0)).unwrap_or(0).min(DAYS.1);
        let (first, end) = (within(first), within(last.plus(1)));
        for (place, word) in self.0.iter_mut().enumerate().take(end.div_ceil(64)).skip(first / 64) {
            let from = first.saturating_sub(place * 64);
            let until = (end - place * 64).min(64);
            let low = |bits: usize| if bits >= 64 { u64::MAX } else { (1 << bits) - 1 };
            *word |= low(until) & !low(from);
        }
    }

    pub(crate) fn contains(&self, day: Day) -> bool {
        let Ok(place) = usize::try_from(i64::from(day.0) - i64::from(DAYS.0.0)) else { return false };
        self.0.get(place / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
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

/// The clock of one time zone, as the stretches of time in which it runs at one offset.
///
/// Made once from the zone database: a decision asks it a dozen times, and a proof some hundred million times. The
/// stretches cover the years that policies may name; before and after them the first and last offset are taken to hold,
/// when every agreement is over or not begun.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    zone: TimeZone,
    /// Ascending by every field; never empty.
    stretches: Arc<[Offset]>,
    /// For each span of 2^22 seconds from `first_span` on, a stretch that is not after its beginning by any reckoning:
    /// the search begins there and is over in a step or two.
    index: Arc<[u16]>,
    first_span: i64,
}

/// A stretch of time in which the clock runs at one offset, in seconds.
#[derive(Debug, Clone, Copy)]
struct Offset {
    /// When it begins, since 1970.
    start: i64,
    /// What the clock is ahead of UTC.
    ahead: i64,
    /// What the clock would show at the end, since 1970-01-01T00:00 by itself. The end is the next one's start.
    local_end: i64,
}

/// Spans of the index are 2 to this power long, in seconds: seven weeks.
const SPAN: u32 = 22;

/// The years of dates that may be written, and one on either side.
const YEARS: (i16, i16) = (1999, 2201);

impl Zone {
    /// By its name in the zone database that this package carries; nothing is read from the machine, so that the same
    /// policy means the same everywhere.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(name).ok()?;
        let moment = |year| Some(Date::new(year, 1, 1).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
        let (first, last) = (moment(YEARS.0)?, moment(YEARS.1)?);
        let mut changes = vec![(i64::MIN / 4, i64::from(zone.to_offset(first).seconds()))];
        let following = zone.following(first).take_while(|change| change.timestamp() < last);
        changes.extend(following.map(|change| (change.timestamp().as_second(), i64::from(change.offset().seconds()))));
        changes.dedup_by_key(|(_, ahead)| *ahead);
        let ends = changes.iter().skip(1).map(|(start, _)| *start).chain([i64::MAX / 4]);
        let stretches = changes.iter().zip(ends).map(|((start, ahead), end)| Offset {
            start: *start,
            ahead: *ahead,
            local_end: end + ahead,
        });
        let stretches: Arc<[Offset]> = stretches.collect();
        let (first_span, last_span) = (first.as_second() >> SPAN, last.as_second() >> SPAN);
        // A day earlier, for no clock is further ahead or behind.
        let begins = (first_span..=last_span).map(|span| (span << SPAN) - 86_400);
        let index = begins.map(|begin| stretches.partition_point(|stretch| stretch.local_end <= begin - 86_400) as u16);
        Some(Self { index: index.collect(), first_span, stretches, zone })
    }

    /// The stretches from one on that is not after `second`, by UTC or by the clock.
    fn stretches_about(&self, second: i64) -> impl Iterator<Item = &Offset> {
        let span = usize::try_from((second >> SPAN) - self.first_span).unwrap_or(0);
        let place = self.index.get(span).or(self.index.last().filter(|_| span > 0)).copied().unwrap_or(0);
        self.stretches.get(usize::from(place)..).unwrap_or_default().iter()
    }

    /// The day and minute that the clock shows.
    pub(crate) fn local(&self, at: Timestamp) -> (Day, u16) {
        // Downwards, also before 1970: a minute has begun or has not.
        let second = at.as_second() - i64::from(at.subsec_nanosecond() < 0);
        let begun = self.stretches_about(second).take_while(|stretch| stretch.start <= second);
        let ahead = begun.last().map_or(0, |stretch| stretch.ahead);
        let minutes = (second + ahead).div_euclid(60);
        let day = i32::try_from(minutes.div_euclid(i64::from(DAY))).unwrap_or(i32::MAX / 2);
        (Day(day), minutes.rem_euclid(i64::from(DAY)) as u16)
    }

    /// What the clock shows, offset included.
    pub(crate) fn zoned(&self, at: Timestamp) -> jiff::Zoned {
        at.to_zoned(self.zone.clone())
    }

    /// The first moment at which the clock shows `minute` of `day` or later. `minute` may pass midnight.
    pub(crate) fn instant(&self, day: Day, minute: u16) -> Timestamp {
        self.first_moment_of_second((i64::from(day.0) * i64::from(DAY) + i64::from(minute)) * 60)
    }

    /// The first moment at which the clock shows `local` or later.
    pub(crate) fn first_moment(&self, local: DateTime) -> Timestamp {
        let time = i64::from(local.hour()) * 3600 + i64::from(local.minute()) * 60 + i64::from(local.second());
        self.first_moment_of_second(i64::from(Day::from(local.date()).0) * 86_400 + time)
    }

    /// The first stretch in which the clock comes that far: it comes there within it, or has passed it when it begins.
    fn first_moment_of_second(&self, local: i64) -> Timestamp {
        let stretch = self.stretches_about(local).find(|stretch| stretch.local_end > local);
        let second = stretch.map_or(i64::MAX, |stretch| stretch.start.max(local - stretch.ahead));
        let limit = if local < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_second(second).unwrap_or(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_as_the_calendar_does() {
        let mut date: Date = "1999-12-30".parse().unwrap();
        let mut day = Day::from(date);
        for _ in 0..80_000 {
            assert_eq!(day.date(), date);
            assert_eq!(day.weekday(), date.weekday().to_monday_zero_offset().unsigned_abs());
            (day, date) = (day.plus(1), date.tomorrow().unwrap());
        }
    }

    #[test]
    fn a_set_of_days_holds_what_was_put_in_and_nothing_else() {
        let first = Day::of_civil(2000, 1, 1);
        for (from, until) in [(0, 0), (5, 63), (60, 70), (64, 127), (100, 400), (-9_999, 3), (73_000, 99_999), (9, 8)] {
            let mut set = DaySet::default();
            set.insert(first.plus(from), first.plus(until));
            for away in 0..73_049 {
                assert_eq!(set.contains(first.plus(away)), (from..=until).contains(&away), "{from} {until} {away}");
            }
        }
        assert!(DAYS.0 < first && DAYS.0.plus(DAYS.1 as i32) > Day::of_civil(2200, 2, 1));
        assert!(!DaySet::of(|_| true).contains(Day(i32::MIN)) && DaySet::of(|_| true).contains(first));
    }

    #[test]
    fn the_clock_shows_what_the_zone_database_says() {
        for name in ["Europe/Rome", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "Asia/Kathmandu", "UTC"] {
            let zone = Zone::named(name).unwrap();
            let mut at: Timestamp = "2000-01-01T00:00:00Z".parse().unwrap();
            while at < "2199-12-31T00:00:00Z".parse().unwrap() {
                let shown = zone.zoned(at).datetime();
                let (day, minute) = zone.local(at);
                assert_eq!(
                    (day.date(), minute),
                    (shown.date(), shown.hour() as u16 * 60 + shown.minute() as u16),
                    "{name} {at}"
                );
                // Every minute that the clock shows, it shows first at some moment no later than this.
                let first = zone.instant(day, minute);
                assert!(first <= at && zone.local(first) == (day, minute), "{name} {at}");
                at += jiff::SignedDuration::from_mins(7 * 60 + 13);
            }
        }
    }

    #[test]
    fn a_skipped_time_comes_when_it_is_skipped_and_a_repeated_one_the_first_time() {
        let rome = Zone::named("Europe/Rome").unwrap();
        let moment = |local: &str| rome.first_moment(local.parse().unwrap()).to_string();
        assert_eq!(moment("2026-03-29T01:59"), "2026-03-29T00:59:00Z");
        assert_eq!(moment("2026-03-29T02:00"), "2026-03-29T01:00:00Z");
        assert_eq!(moment("2026-03-29T02:30"), "2026-03-29T01:00:00Z");
        assert_eq!(moment("2026-03-29T03:00"), "2026-03-29T01:00:00Z");
        assert_eq!(moment("2026-10-25T02:30"), "2026-10-25T00:30:00Z");
        assert_eq!(moment("2026-10-25T03:00"), "2026-10-25T02:00:00Z");
    }
}

//! The days on which nobody works unless an exception says so, for any year.

use crate::day::Day;

/// The calendars that `holidays` may name.
pub(crate) const CALENDARS: [&str; 1] = ["italy"];

/// The days that move with Easter and may be named one by one, with their distance from Easter Sunday.
pub(crate) const MOVABLE: [(&str, i32); 6] = [
    ("good-friday", -2),
    ("easter", 0),
    ("easter-monday", 1),
    ("ascension", 39),
    ("whit-monday", 50),
    ("corpus-christi", 60),
];

/// Months and days of Italy's fixed national holidays, and the year from which each is one (Law 260/1949 as amended;
/// the Fourth of October by Law 151/2025).
const ITALY: [(u8, u8, i32); 11] = [
    (1, 1, 0),
    (1, 6, 0),
    (4, 25, 0),
    (5, 1, 0),
    (6, 2, 2001),
    (8, 15, 0),
    (10, 4, 2026),
    (11, 1, 0),
    (12, 8, 0),
    (12, 25, 0),
    (12, 26, 0),
];

/// What `holidays` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Holidays {
    /// Italy's national calendar counts.
    pub(crate) italy: bool,
    /// Days of every year: month, day of the month. Ordered.
    pub(crate) yearly: Vec<(u8, u8)>,
    /// Single days. Ordered.
    pub(crate) once: Vec<Day>,
    /// Distances from Easter Sunday. Ordered.
    pub(crate) movable: Vec<i32>,
}

impl Holidays {
    /// Whether `day` is one.
    pub(crate) fn contains(&self, day: Day) -> bool {
        if self.once.binary_search(&day).is_ok() {
            return true;
        }
        if !self.italy && self.yearly.is_empty() && self.movable.is_empty() {
            return false;
        }
        let (year, month, of_month) = day.civil();
        if self.yearly.binary_search(&(month, of_month)).is_ok() {
            return true;
        }
        (self.italy && is_italian(day, year, month, of_month)) || self.moves_onto(day, year)
    }

    fn moves_onto(&self, day: Day, year: i32) -> bool {
        !self.movable.is_empty() && self.movable.binary_search(&(day.0 - easter(year).0)).is_ok()
    }
}

fn is_italian(day: Day, year: i32, month: u8, of_month: u8) -> bool {
    let fixed = ITALY.iter().any(|(m, d, since)| (*m, *d) == (month, of_month) && year >= *since);
    // Easter falls between 22 March and 25 April, so that no other month needs the sum.
    fixed || ((month == 3 || month == 4) && matches!(day.0 - easter(year).0, 0 | 1))
}

/// Easter Sunday of the Gregorian calendar (Meeus, Jones, Butcher).
pub(crate) fn easter(year: i32) -> Day {
    let a = year.rem_euclid(19);
    let (b, c) = (year.div_euclid(100), year.rem_euclid(100));
    let (d, e) = (b.div_euclid(4), b.rem_euclid(4));
    let g = (8 * b + 13).div_euclid(25);
    let h = (19 * a + b - d - g + 15).rem_euclid(30);
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k).rem_euclid(7);
    let m = (a + 11 * h + 19 * l).div_euclid(433);
    let month = (h + l - 7 * m + 90).div_euclid(25);
    let day = (h + l - 7 * m + 33 * month + 19).rem_euclid(32);
    Day::of_civil(year, month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u8, day: u8) -> Day {
        Day::of_civil(year, month, day)
    }

    #[test]
    fn easter_is_where_the_church_puts_it() {
        for (year, month, of_month) in [
            (1961, 4, 2),
            (2000, 4, 23),
            (2008, 3, 23),
            (2011, 4, 24),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2027, 3, 28),
            (2038, 4, 25),
            (2285, 3, 22),
        ] {
            assert_eq!(easter(year), day(year, month, of_month), "{year}");
        }
    }

    #[test]
    fn italy_rests_on_its_own_days_and_works_on_the_others() {
        let italy = Holidays { italy: true, ..Holidays::default() };
        for (month, of_month) in [(1, 1), (1, 6), (4, 5), (4, 6), (4, 25), (5, 1), (6, 2), (8, 15), (10, 4), (11, 1)] {
            assert!(italy.contains(day(2026, month, of_month)), "{month}-{of_month}");
        }
        assert!(!italy.contains(day(2025, 10, 4)), "no holiday before its law");
        assert!(!italy.contains(day(2026, 4, 7)));
        let rests = (0..365).filter(|of_year| italy.contains(day(2026, 1, 1).plus(*of_year))).count();
        assert_eq!(rests, 13);
    }
}

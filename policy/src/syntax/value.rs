//! Single values as people write them: dates, windows, days of the week, lengths of time, addresses.
//!
//! Each reader takes the text and answers with the value, or with one sentence that says what was expected and shows
//! it. CSV cells and TOML strings are read alike, so that a list moved from one to the other keeps its meaning.

use std::{net::IpAddr, time::Duration};

use crate::{
    day::{DAY, Day, Weekdays, Window},
    name::folded,
    rule::{Network, Per, Quota, Retention},
};

/// What was expected, as the end of the sentence "expected …".
pub(crate) type Expected = &'static str;

/// Years in which a date is taken for meant.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2199;

/// `2026-12-31`, or as Italian offices write it, `31/12/2026`, with `.` or `-` too.
pub(crate) fn date(text: &str) -> Result<Day, Expected> {
    const EXPECTED: Expected = "a date between 2000 and 2199, `2026-12-31` or `31/12/2026`";
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let [first, month, last] = parts.as_slice() else {
        return Err(EXPECTED);
    };
    let (year, of_month) = if first.len() == 4 { (first, last) } else { (last, first) };
    let (year, month, of_month) = (digits(year, 4), digits(month, 2), digits(of_month, 2));
    let (Some(year), Some(month), Some(of_month)) = (year, month, of_month) else {
        return Err(EXPECTED);
    };
    civil(year, month, of_month).ok_or(EXPECTED)
}

/// A date that exists, in years that are meant.
pub(crate) fn civil(year: u16, month: u16, of_month: u16) -> Option<Day> {
    let year = i32::from(year);
    let (month, of_month) = (u8::try_from(month).ok()?, u8::try_from(of_month).ok()?);
    let exists = YEARS.contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&of_month);
    let day = Day::of_civil(year, month, of_month);
    (exists && day.civil() == (year, month, of_month)).then_some(day)
}

/// A number of at most `longest` digits and nothing else.
fn digits(text: &str, longest: usize) -> Option<u16> {
    let plain = !text.is_empty() && text.len() <= longest && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Minutes since midnight: `7:30`, `07:30`, `7.30`; `24:00` is the end of the day.
pub(crate) fn minute(text: &str) -> Result<u16, Expected> {
    const EXPECTED: Expected = "a time of day, `07:30`";
    let (hour, minute) = text.split_once([':', '.']).ok_or(EXPECTED)?;
    let (Some(hour), Some(minute)) = (digits(hour, 2), digits(minute, 2)) else {
        return Err(EXPECTED);
    };
    let exists = (hour < 24 && minute < 60) || (hour, minute) == (24, 0);
    if exists && text.len() >= 4 { Ok(hour * 60 + minute) } else { Err(EXPECTED) }
}

/// One window, `07:30-19:30`; one that ends before it begins runs over midnight.
pub(crate) fn window(text: &str) -> Result<Window, Expected> {
    const EXPECTED: Expected = "a window of the day, `07:30-19:30`";
    let (start, end) = text.split_once(['-', '–']).ok_or(EXPECTED)?;
    let (start, mut end) = (minute(start.trim()).map_err(|_| EXPECTED)?, minute(end.trim()).map_err(|_| EXPECTED)?);
    if start == end || (start == 1440 && end == 0) {
        return Err("a window that is not empty; the whole day is `00:00-24:00`");
    }
    if start == 1440 {
        return Err("a window that begins before midnight; the next day's begins at `00:00`");
    }
    if end < start {
        end += DAY as u16;
    }
    Ok(Window { start, end })
}

/// The pieces of a list that was written as one text.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', ';', '+', '/', '|', '\t', '\n', '\r']).filter(|piece| !piece.is_empty())
}

/// The first three letters of the days' names, accents folded away; English and Italian share none but with the same
/// meaning.
const DAY_NAMES: [(&str, u8); 28] = [
    ("mon", 0),
    ("monday", 0),
    ("tue", 1),
    ("tuesday", 1),
    ("wed", 2),
    ("wednesday", 2),
    ("thu", 3),
    ("thursday", 3),
    ("fri", 4),
    ("friday", 4),
    ("sat", 5),
    ("saturday", 5),
    ("sun", 6),
    ("sunday", 6),
    ("lun", 0),
    ("lunedi", 0),
    ("mar", 1),
    ("martedi", 1),
    ("mer", 2),
    ("mercoledi", 2),
    ("gio", 3),
    ("giovedi", 3),
    ("ven", 4),
    ("venerdi", 4),
    ("sab", 5),
    ("sabato", 5),
    ("dom", 6),
    ("domenica", 6),
];

/// One day, `Tue`, `martedì`, or a range of them, `Mon-Fri`.
pub(crate) fn weekdays(text: &str) -> Result<Weekdays, Expected> {
    const EXPECTED: Expected = "a day of the week, `Tue` or `mar`, or a range, `Mon-Fri`";
    let mut days = Weekdays::default();
    let Some((first, last)) = text.split_once(['-', '–']) else {
        days.insert(weekday(text).ok_or(EXPECTED)?);
        return Ok(days);
    };
    let (first, last) = (weekday(first).ok_or(EXPECTED)?, weekday(last).ok_or(EXPECTED)?);
    let mut day = first;
    while day != last {
        days.insert(day);
        day = (day + 1) % 7;
    }
    days.insert(last);
    Ok(days)
}

fn weekday(text: &str) -> Option<u8> {
    let name = folded(text.trim().trim_end_matches(['.', '\'', '’'])).replace('ì', "i");
    DAY_NAMES.iter().find(|(known, _)| *known == name).map(|(_, day)| *day)
}

/// `15m`, `1h30m`, `90s`.
pub(crate) fn duration(text: &str) -> Result<Duration, Expected> {
    const EXPECTED: Expected = "a length of time, `\"15m\"`, `\"10h\"` or `\"90s\"`";
    let mut seconds: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let unit_at = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or(EXPECTED)?;
        let (number, tail) = rest.split_at_checked(unit_at).ok_or(EXPECTED)?;
        let mut letters = tail.chars();
        let unit = match letters.next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            _ => return Err(EXPECTED),
        };
        let number: u64 = if number.len() <= 6 { number.parse().map_err(|_| EXPECTED)? } else { return Err(EXPECTED) };
        seconds += number * unit;
        rest = letters.as_str();
    }
    if text.is_empty() { Err(EXPECTED) } else { Ok(Duration::from_secs(seconds)) }
}

/// `30 days`, `3 months`.
pub(crate) fn retention(text: &str) -> Result<Retention, Expected> {
    const EXPECTED: Expected = "a number of days or months, `\"30 days\"`";
    let (number, unit) = text.split_once(' ').ok_or(EXPECTED)?;
    let number = digits(number, 4).filter(|number| *number > 0).ok_or(EXPECTED)?;
    match unit {
        "day" | "days" => Ok(Retention::Days(number)),
        "month" | "months" => Ok(Retention::Months(number)),
        _ => Err(EXPECTED),
    }
}

/// `2 days a week`, `8 days a month`; in a spreadsheet also `2 giorni a settimana`, `8 al mese`, `2/week`.
pub(crate) fn quota(text: &str) -> Result<Quota, Expected> {
    const EXPECTED: Expected = "a number of days per week or month, `\"2 days a week\"`";
    let folded = folded(text);
    let mut words = folded.split([' ', '/']).filter(|word| !word.is_empty());
    let days = words.next().and_then(|number| digits(number, 2)).ok_or(EXPECTED)?;
    let mut per = None;
    for word in words {
        match word {
            "week" | "settimana" if per.is_none() => per = Some(Per::Week),
            "month" | "mese" if per.is_none() => per = Some(Per::Month),
            "day" | "days" | "giorno" | "giorni" | "a" | "per" | "al" | "alla" | "each" if per.is_none() => (),
            _ => return Err(EXPECTED),
        }
    }
    let per = per.ok_or(EXPECTED)?;
    let most = if per == Per::Week { 7 } else { 31 };
    match u8::try_from(days) {
        Ok(days) if (1..=most).contains(&days) => Ok(Quota { days, per }),
        _ => Err("1 to 7 days a week, or 1 to 31 days a month"),
    }
}

/// Yes and no as spreadsheets hold them.
pub(crate) fn switch(text: &str) -> Result<bool, Expected> {
    match folded(text).as_ref() {
        "true" | "yes" | "y" | "1" | "x" | "si" | "sì" | "s" | "vero" => Ok(true),
        "false" | "no" | "n" | "0" | "falso" => Ok(false),
        _ => Err("`yes` or `no`, `sì` or `no`, `true` or `false`"),
    }
}

/// `00:11:22:33:44:55`, with `-` too.
pub(crate) fn mac(text: &str) -> Result<[u8; 6], Expected> {
    const EXPECTED: Expected = "a network card's address, `00:11:22:33:44:55`";
    let mut mac = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit()));
        *byte = part.and_then(|part| u8::from_str_radix(part, 16).ok()).ok_or(EXPECTED)?;
    }
    if parts.next().is_some() {
        return Err(EXPECTED);
    }
    if mac.first().is_some_and(|first| first & 1 == 1) || mac == [0; 6] {
        return Err("the address of one network card; this one stands for several or none");
    }
    Ok(mac)
}

/// `sha256:` and 64 hexadecimal digits; colons between their pairs are left out or not.
pub(crate) fn fingerprint(text: &str) -> Result<[u8; 32], Expected> {
    const EXPECTED: Expected = "a certificate's SHA-256, `sha256:` and 64 hexadecimal digits";
    let mut rest = text.strip_prefix("sha256:").ok_or(EXPECTED)?;
    let mut fingerprint = [0; 32];
    for (place, byte) in fingerprint.iter_mut().enumerate() {
        if place > 0 {
            rest = rest.strip_prefix(':').unwrap_or(rest);
        }
        let (pair, others) = rest.split_at_checked(2).ok_or(EXPECTED)?;
        let plain = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        *byte = plain.then(|| u8::from_str_radix(pair, 16).ok()).flatten().ok_or(EXPECTED)?;
        rest = others;
    }
    if rest.is_empty() { Ok(fingerprint) } else { Err(EXPECTED) }
}

/// An address and the length of its prefix.
pub(crate) fn network(text: &str) -> Result<Network, Expected> {
    const EXPECTED: Expected = "a network, `10.20.0.0/16`";
    let (address, length) = text.split_once('/').ok_or(EXPECTED)?;
    let address: IpAddr = address.parse().map_err(|_| EXPECTED)?;
    let length = digits(length, 3).and_then(|length| u8::try_from(length).ok()).ok_or(EXPECTED)?;
    let network = Network::new(address, length).ok_or(EXPECTED)?;
    if network.address != address { Err("a network without host bits, as `10.20.0.0/16`") } else { Ok(network) }
}

/// A host name as DNS has them: letters, digits and hyphens between dots. Not something that only looks like an
/// address.
pub(crate) fn host(text: &str) -> Result<&str, Expected> {
    const EXPECTED: Expected = "an IP address or a host name";
    let name = text.strip_suffix('.').unwrap_or(text);
    let label_fits = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        inner && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let fits = name.len() <= 253 && name.split('.').all(label_fits) && !numeric;
    if fits { Ok(text) } else { Err(EXPECTED) }
}

//! Random policies and moments against a reference that is slow and obvious.
//!
//! The reference knows nothing of zones but what clock each minute shows: it walks the minutes of some weeks, writes down
//! in which of them each agreement holds, day by day from the rules of docs/POLICY.md, and reads every answer off that
//! list. Policies crowd around midnights, both changes of the clock, a leap day and a year's end, in zones that change
//! by an hour, by half an hour, and at midnight. A failure prints its seed: `POLICY_SEED=… cargo test -p policy --test
//! reference` repeats it; `POLICY_CASES=…` sets how many policies are drawn.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    hash::{BuildHasher, Hasher},
};

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use policy::{Decision, Device, Policy, Request, SourceFile, Sources};

/// Zone, and a day on which something happens to its clock or calendar.
const PLACES: [(&str, &str); 10] = [
    ("Europe/Rome", "2026-03-29"),
    ("Europe/Rome", "2026-10-25"),
    ("Europe/Rome", "2028-02-29"),
    ("Europe/Rome", "2026-12-31"),
    ("Europe/Rome", "2026-05-13"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2026-11-01"),
    ("America/Santiago", "2026-04-05"),
];

/// Days on either side of it in which agreements lie.
const AROUND: i64 = 9;

/// SplitMix64: small, and the same for ever.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

type Windows = Vec<(i64, i64)>;

#[derive(Debug, Clone)]
struct Agreement {
    worker: usize,
    structure: usize,
    workstation: usize,
    from: Date,
    until: Date,
    weekdays: Vec<usize>,
    windows: Windows,
}

#[derive(Debug, Clone, PartialEq)]
enum Change {
    Closed,
    Suspended,
    Open,
    Hours(Windows),
    Extend(i64),
}

#[derive(Debug, Clone)]
struct Exception {
    worker: Option<usize>,
    structure: Option<usize>,
    from: Date,
    until: Date,
    change: Change,
}

#[derive(Debug, Clone)]
struct Office {
    zone: TimeZone,
    zone_name: &'static str,
    middle: Date,
    holidays: Vec<Date>,
    longest: i64,
    agreements: Vec<Agreement>,
    exceptions: Vec<Exception>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Off {
    Dates,
    Holiday,
    Closed,
    Suspended,
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl Office {
    fn draw(draw: &mut Draw) -> Self {
        let (zone_name, middle) = PLACES[draw.below(PLACES.len() as u64) as usize];
        let middle: Date = middle.parse().unwrap();
        let date = |draw: &mut Draw| middle + (draw.below(2 * AROUND as u64 + 1) as i64 - AROUND).days();
        let mut office = Self {
            zone: TimeZone::get(zone_name).unwrap(),
            zone_name,
            middle,
            holidays: (0..draw.below(3)).map(|_| date(draw)).collect(),
            longest: [90, 600, 1440][draw.below(3) as usize],
            agreements: Vec::new(),
            exceptions: Vec::new(),
        };
        for worker in 0..2 {
            for _ in 0..=draw.below(2) {
                let (one, other) = (date(draw), date(draw));
                office.agreements.push(Agreement {
                    worker,
                    structure: draw.below(2) as usize,
                    workstation: draw.below(3) as usize,
                    from: one.min(other),
                    until: one.max(other),
                    weekdays: {
                        let mut days: Vec<usize> = (0..7).filter(|_| !draw.one_in(3)).collect();
                        if days.is_empty() {
                            days.push(draw.below(7) as usize);
                        }
                        days
                    },
                    windows: windows(draw),
                });
            }
        }
        for _ in 0..draw.below(5) {
            let (one, other) = (date(draw), date(draw));
            let (worker, structure) = match draw.below(4) {
                0 => (None, None),
                1 => (None, Some(office.agreements[0].structure)),
                _ => (Some(draw.below(2) as usize), None),
            };
            let change = match draw.below(5) {
                0 => Change::Closed,
                1 if worker.is_some() => Change::Suspended,
                2 => Change::Open,
                3 => Change::Hours(windows(draw)),
                _ => Change::Extend(minute(draw)),
            };
            let one_day = matches!(change, Change::Extend(_));
            let (from, until) = if one_day { (one, one) } else { (one.min(other), one.max(other)) };
            office.exceptions.push(Exception { worker, structure, from, until, change });
        }
        office
    }

    fn text(&self) -> String {
        let mut text = format!("timezone = {:?}\nholidays = [", self.zone_name);
        let mut holidays = self.holidays.clone();
        holidays.sort();
        holidays.dedup();
        for holiday in holidays {
            let _ = write!(text, "{holiday}, ");
        }
        let _ = writeln!(text, "]\n[services.rdp]\ntcp = [3389]");
        for number in 0..3 {
            let _ = writeln!(
                text,
                "[workstations.w{number}]\naddress = \"10.0.0.{}\"\nservices = [\"rdp\"]\nshared = true",
                number + 1
            );
        }
        let _ = writeln!(text, "[profiles.p]\ngroups = [\"g\"]\nlongest = \"{}m\"", self.longest);
        for agreement in &self.agreements {
            let days: Vec<&str> = agreement.weekdays.iter().map(|day| WEEKDAYS[*day]).collect();
            let _ = writeln!(
                text,
                "[[agreements]]\nworker = \"u{}\"\nstructure = \"s{}\"\nworkstation = \"w{}\"\nprofile = \"p\"\nfrom = {}\nuntil = \
                 {}\ndays = {days:?}\nhours = {:?}",
                agreement.worker,
                agreement.structure,
                agreement.workstation,
                agreement.from,
                agreement.until,
                written(&agreement.windows),
            );
        }
        for exception in &self.exceptions {
            let _ = writeln!(text, "[[exceptions]]");
            if let Some(worker) = exception.worker {
                let _ = writeln!(text, "worker = \"U{worker}\"");
            }
            if let Some(structure) = exception.structure {
                let _ = writeln!(text, "structure = \"s{structure}\"");
            }
            match &exception.change {
                Change::Extend(_) => writeln!(text, "on = {}", exception.from),
                _ => writeln!(text, "from = {}\nuntil = {}", exception.from, exception.until),
            }
            .unwrap();
            let _ = match &exception.change {
                Change::Closed => writeln!(text, "closed = true"),
                Change::Suspended => writeln!(text, "suspended = true"),
                Change::Open => writeln!(text, "open = true\nauthorised_by = \"x\""),
                Change::Hours(windows) => writeln!(text, "hours = {:?}\nauthorised_by = \"x\"", written(windows)),
                Change::Extend(minute) => writeln!(text, "extend = \"{}\"\nauthorised_by = \"x\"", clock(*minute)),
            };
        }
        text
    }

    /// The exceptions that work on a day of an agreement, in their order: everybody's, the structure's, the worker's; of
    /// one scope, closing ones, opening ones, extra hours, extensions, each as written.
    fn exceptions_on(&self, agreement: &Agreement, day: Date) -> Vec<&Exception> {
        let mut found: Vec<(usize, usize, usize, &Exception)> = Vec::new();
        for (place, exception) in self.exceptions.iter().enumerate() {
            let scope = match (exception.worker, exception.structure) {
                (Some(worker), _) if worker == agreement.worker => 2,
                (None, Some(structure)) if structure == agreement.structure => 1,
                (None, None) => 0,
                _ => continue,
            };
            let rank = match exception.change {
                Change::Closed | Change::Suspended => 0,
                Change::Open => 1,
                Change::Hours(_) => 2,
                Change::Extend(_) => 3,
            };
            if exception.from <= day && day <= exception.until {
                found.push((scope, rank, place, exception));
            }
        }
        found.sort_by_key(|(scope, rank, place, _)| (*scope, *rank, *place));
        found.into_iter().map(|(.., exception)| exception).collect()
    }

    fn day_before_extension(&self, agreement: &Agreement, day: Date) -> (Windows, Option<Off>) {
        if day < agreement.from || day > agreement.until {
            return (Vec::new(), Some(Off::Dates));
        }
        let knows = |one: &Agreement| one.weekdays.contains(&(day.weekday().to_monday_zero_offset() as usize));
        let usual = || if knows(agreement) { agreement.windows.clone() } else { Vec::new() };
        let (mut windows, mut off) =
            if self.holidays.contains(&day) { (Vec::new(), Some(Off::Holiday)) } else { (usual(), None) };
        for exception in self.exceptions_on(agreement, day) {
            match &exception.change {
                Change::Closed => (windows, off) = (Vec::new(), Some(Off::Closed)),
                Change::Suspended => (windows, off) = (Vec::new(), Some(Off::Suspended)),
                Change::Open if off.is_some() => (windows, off) = (usual(), None),
                Change::Hours(extra) => {
                    let mut valid = self
                        .agreements
                        .iter()
                        .filter(|one| one.worker == agreement.worker && one.from <= day && day <= one.until);
                    let anyone_knows = valid.clone().any(knows);
                    let first = std::ptr::eq(valid.next().unwrap(), agreement);
                    if knows(agreement) || (first && !anyone_knows) {
                        off = None;
                        windows.extend(extra);
                    }
                }
                Change::Open | Change::Extend(_) => (),
            }
        }
        (windows, off)
    }

    fn day(&self, agreement: &Agreement, day: Date) -> (Windows, Option<Off>) {
        let (mut windows, off) = self.day_before_extension(agreement, day);
        let end = |windows: &Windows| windows.iter().map(|(_, end)| *end).max();
        let until = self.exceptions_on(agreement, day).into_iter().rev().find_map(|exception| match exception.change {
            Change::Extend(minute) => Some(minute),
            _ => None,
        });
        if let (Some(until), Some(last)) = (until, end(&windows)) {
            let others =
                self.agreements.iter().filter(|one| one.worker == agreement.worker && !std::ptr::eq(*one, agreement));
            let is_last =
                others.filter_map(|other| end(&self.day_before_extension(other, day).0)).all(|other| other <= last);
            // The last window, with whatever touches it.
            let mut start = last;
            while let Some((earlier, _)) = windows.iter().find(|(begin, end)| *begin < start && start <= *end) {
                start = *earlier;
            }
            let until = if until <= start { until + 1440 } else { until };
            if is_last && until > last {
                windows.push((last, until));
            }
        }
        (windows, off)
    }
}

fn minute(draw: &mut Draw) -> i64 {
    let near: [i64; 12] = [0, 30, 60, 90, 120, 150, 180, 720, 1380, 1410, 1439, 450];
    near[draw.below(12) as usize]
}

/// One to three windows of a day that do not overlap, the last perhaps over midnight.
fn windows(draw: &mut Draw) -> Windows {
    let mut edges: Vec<i64> = (0..2 * (1 + draw.below(2))).map(|_| minute(draw)).collect();
    edges.sort();
    edges.dedup();
    if edges.len() % 2 == 1 {
        edges.pop();
    }
    let mut windows: Windows = edges.chunks(2).map(|edge| (edge[0], edge[1])).collect();
    if windows.is_empty() {
        windows.push((0, 1440));
    } else if draw.one_in(2) {
        // The rest of the day and the next morning.
        let last = windows.last_mut().unwrap();
        *last = (last.1, 1440 + [30, 150, 360][draw.below(3) as usize].min(last.1 - 1).max(1));
    }
    windows
}

fn clock(minute: i64) -> String {
    if minute == 1440 {
        return "24:00".to_owned();
    }
    format!("{:02}:{:02}", minute % 1440 / 60, minute % 60)
}

fn written(windows: &Windows) -> Vec<String> {
    windows.iter().map(|(start, end)| format!("{}-{}", clock(*start), clock(*end))).collect()
}

/// What every minute's clock shows, and in which minutes each agreement holds.
struct Reference<'o> {
    office: &'o Office,
    first: Timestamp,
    shows: Vec<DateTime>,
    held: Vec<Vec<bool>>,
}

impl<'o> Reference<'o> {
    fn new(office: &'o Office) -> Self {
        let noon = |date: Date| date.in_tz("UTC").unwrap().timestamp();
        let first = noon(office.middle - (AROUND + 4).days());
        let minutes = (2 * AROUND + 8) * 1440;
        let shows: Vec<DateTime> =
            (0..minutes).map(|minute| office.zone.to_datetime(first + SignedDuration::from_mins(minute))).collect();
        let mut reference = Self { office, first, shows, held: Vec::new() };
        reference.held = office.agreements.iter().map(|agreement| reference.hold(agreement)).collect();
        reference
    }

    /// The first minute whose clock shows that time or a later one.
    fn shown(&self, day: Date, minute: i64) -> usize {
        let wanted = day.at(0, 0, 0, 0) + minute.minutes();
        self.shows.iter().position(|shown| *shown >= wanted).unwrap_or(self.shows.len())
    }

    fn hold(&self, agreement: &Agreement) -> Vec<bool> {
        let mut held = vec![false; self.shows.len()];
        for away in -AROUND - 2..=AROUND + 2 {
            let day = self.office.middle + away.days();
            let (windows, _) = self.office.day(agreement, day);
            let (_, tomorrow) = self.office.day(agreement, day + 1.day());
            for (start, end) in windows {
                let end = if tomorrow.is_some() { end.min(1440) } else { end };
                if start < end {
                    let (start, end) = (self.shown(day, start), self.shown(day, end));
                    held[start..end.max(start)].fill(true);
                }
            }
        }
        held
    }

    fn minute(&self, at: Timestamp) -> usize {
        usize::try_from(at.duration_since(self.first).as_secs() / 60).unwrap()
    }

    fn at(&self, minute: usize) -> Timestamp {
        self.first + SignedDuration::from_mins(minute as i64)
    }

    /// Workstation and end, or the word of the refusal and the next beginning.
    fn answer(&self, worker: usize, at: Timestamp) -> Result<(usize, Timestamp), (&'static str, Option<Timestamp>)> {
        let now = self.minute(at);
        let today = self.shows[now].date();
        let own = || self.office.agreements.iter().zip(&self.held).filter(|(agreement, _)| agreement.worker == worker);
        let valid = || own().filter(|(agreement, _)| agreement.from <= today && today <= agreement.until);
        if let Some((agreement, held)) = valid().find(|(_, held)| held[now]) {
            let end = now + held[now..].iter().position(|held| !held).unwrap();
            let longest = at + SignedDuration::from_mins(self.office.longest);
            return Ok((agreement.workstation, self.at(end).min(longest)));
        }
        let next = own()
            .filter_map(|(_, held)| (now + 1..held.len()).find(|minute| held[*minute] && !held[*minute - 1]))
            .min();
        let next = next.map(|minute| self.at(minute));
        let Some((agreement, _)) = valid().next() else {
            let coming = own().any(|(agreement, _)| agreement.from > today);
            return Err(if coming { ("not_yet", next) } else { ("over", None) });
        };
        let word = match self.office.day(agreement, today).1 {
            Some(Off::Suspended) => "suspended",
            Some(Off::Closed) => "closed",
            Some(Off::Holiday) => "holiday",
            Some(Off::Dates) | None => "outside_hours",
        };
        Err((word, next))
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

#[test]
fn random_policies_answer_as_the_slow_reference_does() {
    let seed = number("POLICY_SEED").unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
    let cases = number("POLICY_CASES").unwrap_or(150);
    let groups = ["g".to_owned()];
    let (mut usable, mut asked, mut permitted) = (0, 0, 0);
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for case in 0..cases {
        let case_seed = seed.wrapping_add(case);
        let mut draw = Draw(case_seed);
        let office = Office::draw(&mut draw);
        let sources = Sources::new(vec![SourceFile { name: "office.toml".into(), text: office.text() }]);
        // Overlaps and contradictions are drawn too, and refused.
        let Ok((policy, _)) = Policy::parse(&sources) else { continue };
        usable += 1;
        let reference = Reference::new(&office);
        for _ in 0..120 {
            let day = office.middle + (draw.below(2 * AROUND as u64 + 3) as i64 - AROUND - 1).days();
            let local = day.at(0, 0, 0, 0) + (minute(&mut draw) + draw.below(3) as i64 - 1).minutes();
            let second = [0, 1, 59][draw.below(3) as usize];
            let at = office.zone.to_ambiguous_timestamp(local).later().unwrap() + SignedDuration::from_secs(second);
            let worker = draw.below(2) as usize;
            let name = format!("u{worker}");
            let told = policy.decide(&Request::new(&name, &groups, Device::Managed, at));
            let expected = reference.answer(worker, at);
            let told = match &told {
                Decision::Permit(grant) => Ok((grant.workstation[1..].parse().unwrap(), grant.ends_at)),
                Decision::Refuse(reason) => Err((reason.word(), reason.next())),
            };
            asked += 1;
            match &told {
                Ok(_) => permitted += 1,
                Err((word, _)) => *words.entry(word).or_default() += 1,
            }
            assert_eq!(
                told,
                expected,
                "POLICY_SEED={case_seed} POLICY_CASES=1: `{name}` at {at} ({} in {})\n{}",
                office.zone.to_datetime(at),
                office.zone_name,
                office.text()
            );
        }
        let proof = policy.prove();
        assert_eq!(proof.counterexample, None, "POLICY_SEED={case_seed} POLICY_CASES=1\n{}", office.text());
    }
    println!(
        "seed {seed}: {usable} of {cases} policies usable, {asked} questions, {permitted} permitted, refused {words:?}"
    );
    assert!(
        cases < 100 || (usable * 10 > cases && permitted * 20 > asked && words.len() >= 5),
        "the draw says too little"
    );
}

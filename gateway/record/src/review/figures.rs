//! Figures of a structure that nobody can be read out of.
//!
//! Counted over fixed periods of two months, which neither overlap nor are counted twice, so that no two publications can be subtracted
//! from each other. In each, a cell that fewer than [`FEWEST`] distinct workers stand behind is not shown, be it nought, and neither is the sum of
//! a row if what is not shown could be had from it: if fewer than that stand behind all hidden cells of the row together.
//! There are no sums over structures.
//!
//! An anomaly is one of the structure against its own published past, never of a person, and never of hours or of how much somebody works:
//! [`is_anomaly`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Span, civil::Date};
use serde::{Deserialize, Serialize};

use super::Tag;
use crate::{Kind, Record, Value};

/// The fewest distinct workers behind anything that is shown.
pub const FEWEST: usize = 5;
/// How many published periods of the past an anomaly is held against, at most.
pub const PAST: usize = 6;
/// How many there have to be.
pub const FEWEST_PAST: usize = 2;
/// By how many refusals an anomaly exceeds the past's mean, at least.
pub const ANOMALY_EXCESS: u64 = 10;

/// Why logins were refused, in few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Password, code, or a locked account.
    Credentials,
    /// Outside the agreed hours and days.
    Hours,
    /// No agreement that holds.
    Agreement,
    /// The home computer.
    Device,
    /// Anything else: the account in the directory, limits, the gateway itself.
    Other,
}

impl Cause {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 5] = [Self::Credentials, Self::Hours, Self::Agreement, Self::Device, Self::Other];

    /// The word in files and manual.
    pub fn word(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Hours => "hours",
            Self::Agreement => "agreement",
            Self::Device => "device",
            Self::Other => "other",
        }
    }

    /// Of a refused login's `reason`.
    pub fn of(reason: &str) -> Self {
        match reason {
            "wrong_password" | "unknown_user" | "account_locked" | "empty_password" => Self::Credentials,
            reason if reason.starts_with("second_factor_") || reason.starts_with("recovery_code_") => Self::Credentials,
            "outside_hours" | "holiday" | "closed" | "quota" => Self::Hours,
            "no_agreement" | "not_yet" | "over" | "wrong_group" | "phone_app" | "suspended" => Self::Agreement,
            reason if reason.starts_with("device") => Self::Device,
            _ => Self::Other,
        }
    }
}

/// Two months that are counted together: January and February, March and April, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Period(Date);

impl Period {
    /// The one that a day lies in.
    pub fn of(day: Date) -> Self {
        let month = day.month() - (day.month() - 1) % 2;
        Self(Date::new(day.year(), month, 1).unwrap_or(day))
    }

    /// Its first day.
    pub fn first(self) -> Date {
        self.0
    }

    /// The first day of the next one.
    pub fn end(self) -> Date {
        self.0.checked_add(Span::new().months(2)).unwrap_or(Date::MAX)
    }
}

/// What was counted, and of whom as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cell {
    count: u64,
    /// No more of them than decide whether it is shown.
    workers: BTreeSet<Tag>,
}

impl Cell {
    fn add(&mut self, worker: Tag) {
        self.count += 1;
        if self.workers.len() < FEWEST {
            self.workers.insert(worker);
        }
    }

    fn shown(&self) -> Option<u64> {
        (self.workers.len() >= FEWEST).then_some(self.count)
    }
}

/// One structure's counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    /// Everybody who had a session.
    workers: BTreeSet<Tag>,
    sessions: Cell,
    /// Of the workers who were assisted; none in what an earlier version began to count.
    #[serde(default)]
    assistances: Cell,
    refused: BTreeMap<Cause, Cell>,
}

/// A period that is being counted. It holds tags, so that it is kept no longer than the period, and published nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally(BTreeMap<String, Counts>);

impl Tally {
    /// Counts a record of the workers' journal, if it belongs to a structure and to somebody.
    pub fn count(&mut self, record: &Record, worker: Option<Tag>) {
        let (Some(structure), Some(worker)) = (&record.structure, worker) else { return };
        match record.kind {
            // A technician's session is no worker's: whom it assisted is counted.
            Kind::SessionOpened if record.fields.value("assists").is_some() => {}
            Kind::SessionOpened => {
                let counts = self.0.entry(structure.clone()).or_default();
                counts.workers.insert(worker);
                counts.sessions.add(worker);
            }
            Kind::SessionAssisted => {
                self.0.entry(structure.clone()).or_default().assistances.add(worker);
            }
            Kind::LoginRefused => {
                let Some(Value::Text(reason)) = record.fields.value("reason") else { return };
                let counts = self.0.entry(structure.clone()).or_default();
                counts.refused.entry(Cause::of(reason)).or_default().add(worker);
            }
            _ => {}
        }
    }

    /// What is published of it, held against what was published of the periods before.
    pub fn publish(&self, period: Period, past: &[Figures]) -> Figures {
        let structures = self.0.iter().map(|(structure, counts)| {
            let mut row = counts.row();
            let before = |cause: Option<Cause>| {
                let earlier = past.iter().rev().filter(|figures| figures.period < period).take(PAST);
                let rows = earlier.filter_map(|figures| figures.structures.get(structure));
                rows.filter_map(|row| row.refusals(cause)).collect::<Vec<u64>>()
            };
            let seen = |cause| row.refusals(cause).is_some_and(|count| is_anomaly(count, &before(cause)));
            let anomalies = Cause::ALL.into_iter().filter(|cause| seen(Some(*cause))).collect();
            let anomaly = seen(None);
            (row.anomalies, row.anomaly) = (anomalies, anomaly);
            (structure.clone(), row)
        });
        Figures { period, structures: structures.collect() }
    }
}

impl Counts {
    fn row(&self) -> Row {
        let cell = |cause: &Cause| self.refused.get(cause).cloned().unwrap_or_default();
        let refused: BTreeMap<Cause, Option<u64>> =
            Cause::ALL.into_iter().map(|cause| (cause, cell(&cause).shown())).collect();
        let cells: Vec<Cell> = Cause::ALL.iter().map(cell).collect();
        let hidden: BTreeSet<Tag> =
            cells.iter().filter(|cell| cell.shown().is_none()).flat_map(|cell| cell.workers.iter().copied()).collect();
        let all: BTreeSet<Tag> = cells.iter().flat_map(|cell| cell.workers.iter().copied()).collect();
        // What is not shown is the sum less what is shown: that too needs enough people behind it, or the sum goes.
        let is_hidden = cells.iter().any(|cell| cell.shown().is_none());
        let sum_tells = is_hidden && hidden.len() < FEWEST;
        let sum = (all.len() >= FEWEST && !sum_tells).then(|| cells.iter().map(|cell| cell.count).sum());
        Row {
            workers: (self.workers.len() >= FEWEST).then_some(u64::try_from(self.workers.len()).unwrap_or(u64::MAX)),
            sessions: self.sessions.shown(),
            assistances: self.assistances.shown(),
            refused,
            refused_in_all: sum,
            anomalies: Vec::new(),
            anomaly: false,
        }
    }
}

/// What is published of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Which.
    pub period: Period,
    /// By structure.
    pub structures: BTreeMap<String, Row>,
}

/// What is published of a structure. None is what fewer than [`FEWEST`] workers stand behind, or what would tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// How many workers had sessions.
    pub workers: Option<u64>,
    /// How many sessions there were.
    pub sessions: Option<u64>,
    /// How often workers were assisted. What was published before there was assistance stays as it was: without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistances: Option<u64>,
    /// How many logins were refused, by cause.
    pub refused: BTreeMap<Cause, Option<u64>>,
    /// In all.
    pub refused_in_all: Option<u64>,
    /// The causes whose figures are an anomaly.
    pub anomalies: Vec<Cause>,
    /// Whether their sum is one.
    pub anomaly: bool,
}

impl Row {
    fn refusals(&self, cause: Option<Cause>) -> Option<u64> {
        match cause {
            Some(cause) => self.refused.get(&cause).copied().flatten(),
            None => self.refused_in_all,
        }
    }

    /// Whether anything of it is an anomaly.
    pub fn is_anomalous(&self) -> bool {
        self.anomaly || !self.anomalies.is_empty()
    }
}

/// Whether a figure is an anomaly: more than twice the mean of the published ones before, of which there are two at least, and by ten
/// at least more than that mean. Only what was published counts, so that an anomaly tells nothing of what was not.
pub fn is_anomaly(count: u64, past: &[u64]) -> bool {
    let Ok(periods) = u64::try_from(past.len()) else { return false };
    let sum: u64 = past.iter().sum();
    past.len() >= FEWEST_PAST
        && count.saturating_mul(periods) > sum.saturating_mul(2)
        && count.saturating_mul(periods) >= sum.saturating_add(ANOMALY_EXCESS.saturating_mul(periods))
}

#[cfg(test)]
mod tests {
    use std::iter;

    use jiff::{Timestamp, civil::date};
    use proptest::prelude::*;

    use super::*;
    use crate::{Chain, Draft, Fields, Journal};

    fn record(kind: Kind, reason: Option<&str>) -> Record {
        let fields = reason.iter().fold(Fields::default(), |fields, reason| fields.with("reason", *reason));
        let draft = Draft { structure: Some("Tributi".to_owned()), fields, ..Draft::new(kind, Timestamp::UNIX_EPOCH) };
        Chain::new("g", Journal::Workers).extend(&draft, None)
    }

    fn reason(cause: Cause) -> &'static str {
        match cause {
            Cause::Credentials => "wrong_password",
            Cause::Hours => "outside_hours",
            Cause::Agreement => "over",
            Cause::Device => "device_revoked",
            Cause::Other => "disk_full",
        }
    }

    /// Refusals as (cause, worker), and sessions and assistances by worker.
    fn tally(refusals: &[(Cause, u8)], sessions: &[u8], assistances: &[u8]) -> Tally {
        let mut tally = Tally::default();
        for (cause, worker) in refusals {
            tally.count(&record(Kind::LoginRefused, Some(reason(*cause))), Some([*worker; 32]));
        }
        for worker in sessions {
            tally.count(&record(Kind::SessionOpened, None), Some([*worker; 32]));
        }
        for worker in assistances {
            tally.count(&record(Kind::SessionAssisted, None), Some([*worker; 32]));
        }
        tally
    }

    fn period() -> Period {
        Period::of(date(2026, 10, 31))
    }

    fn row(refusals: &[(Cause, u8)], sessions: &[u8]) -> Row {
        tally(refusals, sessions, &[]).publish(period(), &[]).structures["Tributi"].clone()
    }

    fn behind(refusals: &[(Cause, u8)], of: impl Fn(Cause) -> bool) -> usize {
        refusals.iter().filter(|(cause, _)| of(*cause)).map(|(_, worker)| worker).collect::<BTreeSet<_>>().len()
    }

    #[test]
    fn periods_are_two_months_each_and_do_not_overlap() {
        assert_eq!((period().first(), period().end()), (date(2026, 9, 1), date(2026, 11, 1)));
        assert_eq!(Period::of(date(2026, 12, 31)).end(), date(2027, 1, 1));
        let mut day = date(2026, 1, 1);
        while day < date(2027, 1, 1) {
            let period = Period::of(day);
            assert!(period.first() <= day && day < period.end());
            day = day.tomorrow().unwrap();
        }
    }

    #[test]
    fn what_is_counted_and_under_which_words() {
        let five: Vec<(Cause, u8)> = (0..5).flat_map(|worker| Cause::ALL.map(|cause| (cause, worker))).collect();
        let row = row(&five, &[1, 1, 2, 3, 4, 5]);
        assert_eq!((row.workers, row.sessions), (Some(5), Some(6)));
        assert!(row.refused.values().all(|count| *count == Some(5)));
        assert_eq!(row.refused_in_all, Some(25));
        for (reason, cause) in [
            ("second_factor_used", Cause::Credentials),
            ("holiday", Cause::Hours),
            ("no_agreement", Cause::Agreement),
            ("password_expired", Cause::Other),
        ] {
            assert_eq!(Cause::of(reason), cause, "{reason}");
        }
        let mut nobodys = Tally::default();
        nobodys.count(&record(Kind::SessionOpened, None), None);
        nobodys.count(&record(Kind::SessionClosed, None), Some([1; 32]));
        assert_eq!(nobodys, Tally::default());
    }

    #[test]
    fn a_technicians_session_is_counted_as_the_assistance_of_the_worker() {
        let mut tally = tally(&[], &[], &[1, 2, 3, 4, 5, 5]);
        let mut of_technician = record(Kind::SessionOpened, None);
        of_technician.fields = of_technician.fields.with("assists", "K7QM-2F9D");
        tally.count(&of_technician, Some([9; 32]));
        let row = tally.publish(period(), &[]).structures["Tributi"].clone();
        assert_eq!((row.assistances, row.sessions, row.workers), (Some(6), None, None));
    }

    #[test]
    fn what_was_published_before_there_was_assistance_stays_byte_for_byte() {
        let five: Vec<u8> = (0..5).collect();
        let published = serde_json::to_string(&tally(&[], &five, &[]).publish(period(), &[])).unwrap();
        assert!(!published.contains("assistances"));
        let read: Figures = serde_json::from_str(&published).unwrap();
        assert_eq!(read.structures["Tributi"].assistances, None);
        assert_eq!(serde_json::to_string(&read).unwrap(), published);
        let counting = serde_json::to_string(&tally(&[], &five, &[])).unwrap();
        let before = counting.replace(r#""assistances":{"count":0,"workers":[]},"#, "");
        assert_ne!(before, counting);
        assert_eq!(serde_json::from_str::<Tally>(&before).unwrap(), tally(&[], &five, &[]));
    }

    #[test]
    fn a_sum_that_tells_a_hidden_cell_is_hidden_too() {
        // Five people mistyped, one tried at night: 6 less 5 would be that one.
        let mut refusals: Vec<(Cause, u8)> = (0..5).map(|worker| (Cause::Credentials, worker)).collect();
        refusals.push((Cause::Hours, 9));
        let told = row(&refusals, &[]);
        assert_eq!((told.refused[&Cause::Credentials], told.refused[&Cause::Hours]), (Some(5), None));
        assert_eq!(told.refused_in_all, None);
        // Where enough stand behind what is hidden, the sum says nothing of anybody.
        refusals.extend((10..13).map(|worker| (Cause::Hours, worker)));
        refusals.push((Cause::Device, 20));
        assert_eq!(row(&refusals, &[]).refused_in_all, Some(10));
        // Four alone are nobody's to count.
        let four: Vec<(Cause, u8)> = refusals[..4].to_vec();
        let told = row(&four, &[1, 2, 3, 4]);
        assert!(told.refused.values().all(Option::is_none) && told.refused_in_all.is_none());
        assert_eq!((told.workers, told.sessions), (None, None));
    }

    #[test]
    fn an_anomaly_is_far_more_than_the_structures_own_published_past() {
        assert!(!is_anomaly(1000, &[]) && !is_anomaly(1000, &[10]), "no past to speak of");
        assert!(is_anomaly(21, &[10, 10]) && !is_anomaly(20, &[10, 10]), "twice is not more than twice");
        assert!(!is_anomaly(12, &[4, 4]) && is_anomaly(14, &[4, 4]), "few are few");
        let of = |count: usize| {
            let refusals: Vec<(Cause, u8)> =
                (0..5u8).cycle().take(count).map(|worker| (Cause::Credentials, worker)).collect();
            tally(&refusals, &[], &[])
        };
        let mut past = Vec::new();
        for (month, count) in [(1, 10), (3, 12)] {
            past.push(of(count).publish(Period::of(date(2026, month, 1)), &past));
        }
        let quiet = of(20).publish(period(), &past);
        assert!(!quiet.structures["Tributi"].is_anomalous());
        let loud = of(40).publish(period(), &past);
        assert_eq!(loud.structures["Tributi"].anomalies, [Cause::Credentials]);
        let again = of(40).publish(Period::of(date(2026, 3, 1)), &past);
        assert!(!again.structures["Tributi"].is_anomalous(), "only what came before counts");
    }

    fn refusals() -> impl Strategy<Value = Vec<(Cause, u8)>> {
        proptest::collection::vec((proptest::sample::select(&Cause::ALL[..]), 0u8..12), 0..60)
    }

    proptest! {
        /// Whatever can be had from a published row, alone or by subtraction, has five workers behind it.
        #[test]
        fn nobody_can_be_read_out_of_a_row(
            refusals in refusals(),
            sessions in proptest::collection::vec(0u8..9, 1..30),
            assistances in proptest::collection::vec(0u8..9, 0..30),
        ) {
            let row = tally(&refusals, &sessions, &assistances).publish(period(), &[]).structures["Tributi"].clone();
            let assisted: BTreeSet<u8> = assistances.iter().copied().collect();
            prop_assert_eq!(row.assistances, (assisted.len() >= FEWEST).then_some(assistances.len() as u64));
            let had: BTreeSet<u8> = sessions.iter().copied().collect();
            prop_assert_eq!(row.workers.is_some(), had.len() >= FEWEST);
            prop_assert_eq!(row.sessions.is_some(), had.len() >= FEWEST);
            for (cause, shown) in &row.refused {
                let people = behind(&refusals, |other| other == *cause);
                let count = refusals.iter().filter(|(other, _)| other == cause).count() as u64;
                prop_assert_eq!(*shown, (people >= FEWEST).then_some(count));
            }
            if let Some(sum) = row.refused_in_all {
                prop_assert_eq!(sum, refusals.len() as u64);
                // The sum less any of the shown cells: each such difference is a figure too.
                let shown: Vec<Cause> = row.refused.iter().filter_map(|(cause, count)| count.map(|_| *cause)).collect();
                let rest = behind(&refusals, |cause| !shown.contains(&cause));
                let hides = shown.len() < Cause::ALL.len();
                prop_assert!(!hides || rest >= FEWEST, "{} stand behind what is left", rest);
                prop_assert!(behind(&refusals, |_| true) >= FEWEST);
            }
        }

        /// Periods share no day, so that no two publications differ by few records; and what was published before decides nothing
        /// of what is shown.
        #[test]
        fn what_went_before_changes_nothing_but_the_anomalies(
            refusals in refusals(),
            before in proptest::collection::vec(refusals(), 0..8),
        ) {
            let mut past: Vec<Figures> = Vec::new();
            for (number, refusals) in before.iter().enumerate() {
                let at = Period::of(date(2020 + i16::try_from(number).unwrap(), 5, 1));
                let figures = tally(refusals, &[], &[]).publish(at, &past);
                past.push(figures);
            }
            let alone = tally(&refusals, &[], &[]).publish(period(), &[]);
            let after = tally(&refusals, &[], &[]).publish(period(), &past);
            let bare = |figures: &Figures| -> Vec<_> {
                figures.structures.values().map(|row| (row.refused.clone(), row.refused_in_all)).collect()
            };
            prop_assert_eq!(bare(&alone), bare(&after));
            // The same anomalies follow from what is public alone.
            for (structure, row) in &after.structures {
                for cause in Cause::ALL.map(Some).into_iter().chain(iter::once(None)) {
                    let public: Vec<u64> = past
                        .iter()
                        .rev()
                        .take(PAST)
                        .filter_map(|figures| figures.structures.get(structure)?.refusals(cause))
                        .collect();
                    let expected = row.refusals(cause).is_some_and(|count| is_anomaly(count, &public));
                    let said = cause.map_or(row.anomaly, |cause| row.anomalies.contains(&cause));
                    prop_assert_eq!(said, expected);
                }
            }
        }
    }
}

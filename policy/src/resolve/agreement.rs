//! Agreements: names to numbers, in the order in which decisions look them up, and no two of one worker at once.

use std::{collections::HashMap, ops::Range, sync::Arc};

use super::{Declared, Resolver};
use crate::{
    Worker,
    day::{DAY, Day, Window},
    error::{Mistake, typed},
    name::folded,
    rule::Agreement,
    source::At,
    syntax::{AgreementWritten, HourSets, Name, Written},
};

/// Agreements and what they name.
pub(super) struct Listed {
    pub(super) structures: Vec<Arc<str>>,
    pub(super) devices: Vec<Arc<str>>,
    pub(super) agreements: Vec<Agreement>,
    pub(super) workers: Vec<Worker>,
    pub(super) by_name: HashMap<Box<str>, u32>,
}

impl Resolver<'_> {
    pub(super) fn agreements(
        &mut self,
        written: &mut Written,
        workstations: &Declared<u32>,
        profiles: &Declared<u32>,
    ) -> Listed {
        let mut structures = Numbers::default();
        let mut devices = Numbers::default();
        let (numbers, workers) = self.worker_numbers(written);
        let mut agreements = Vec::with_capacity(written.agreements.len());
        for agreement in std::mem::take(&mut written.agreements) {
            let workstation = self.reference(agreement.workstation, written, workstations);
            let profile = self.reference(agreement.profile, written, profiles);
            self.check_span(agreement.from, agreement.until);
            let structure = agreement.structure.map(|name| structures.number(name.value));
            let device = agreement.device.map(|name| devices.number(name.value));
            let worker = agreement.worker.and_then(|name| numbers.get(&name.value).copied());
            let complete = complete(&agreement, worker, structure, workstation, profile, device);
            agreements.extend(complete);
        }
        agreements.sort_by_key(|agreement| (agreement.worker, agreement.span));
        let mut listed = Listed {
            structures: structures.texts(written),
            devices: devices.texts(written),
            agreements,
            workers,
            by_name: HashMap::new(),
        };
        listed.index();
        self.overlaps(&listed, written);
        listed
    }

    /// A number for each worker, in the order of folded names, whatever the spelling.
    fn worker_numbers(&mut self, written: &Written) -> (HashMap<Name, u32>, Vec<Worker>) {
        let mut names: Vec<Name> =
            written.agreements.iter().filter_map(|agreement| agreement.worker.map(|name| name.value)).collect();
        names.sort_unstable();
        names.dedup();
        let texts = names.into_iter().map(|name| (name, written.names.text(name)));
        let mut keyed: Vec<(Box<str>, Name, Arc<str>)> =
            texts.map(|(name, text)| (folded(&text).into(), name, text)).collect();
        keyed.sort_unstable_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        let mut numbers = HashMap::with_capacity(keyed.len());
        let mut workers: Vec<Worker> = Vec::with_capacity(keyed.len());
        let mut last: Option<&str> = None;
        for (key, name, text) in &keyed {
            if last != Some(key) {
                workers.push(Worker { name: Arc::clone(text), agreements: 0..0 });
                last = Some(key);
            }
            numbers.insert(*name, u32::try_from(workers.len() - 1).unwrap_or(u32::MAX));
        }
        (numbers, workers)
    }

    fn reference(&mut self, name: Option<At<Name>>, written: &Written, declared: &Declared<u32>) -> Option<u32> {
        let name = name?;
        declared.find(&written.names.text(name.value), name.span, self.mistakes).copied()
    }

    pub(super) fn check_span(&mut self, from: Option<At<Day>>, until: Option<At<Day>>) {
        let Some((from, until)) = from.zip(until) else { return };
        if until.value < from.value {
            let mistake =
                Mistake::error(until.span, "the last day lies before the first").label(until.value.to_string());
            self.mistakes.push(mistake.related(from.span, "the first day").advice("exchange them, or mend the year"));
        }
    }

    /// Of one worker no two agreements hold at the same minute.
    fn overlaps(&mut self, listed: &Listed, written: &Written) {
        for worker in &listed.workers {
            let all = listed
                .agreements
                .get(worker.agreements.start as usize..worker.agreements.end as usize)
                .unwrap_or_default();
            if all.len() < 2 {
                continue;
            }
            let mut held: Vec<&Agreement> = Vec::new();
            let mut by_date: Vec<&Agreement> = all.iter().collect();
            by_date.sort_by_key(|agreement| (agreement.from, agreement.span));
            for agreement in by_date {
                held.retain(|other| other.until.plus(1) >= agreement.from);
                match held.iter().find(|other| share_a_minute(agreement, other, &written.hours)) {
                    Some(other) => self.overlap(worker, agreement, other),
                    None => held.push(agreement),
                }
            }
        }
    }

    fn overlap(&mut self, worker: &Worker, one: &Agreement, other: &Agreement) {
        let (first, second) = if one.span < other.span { (one, other) } else { (other, one) };
        let message = format!("two agreements of {} hold at the same time", typed(&worker.name));
        let mistake = Mistake::error(second.span, message).label("this one").related(first.span, "and this one");
        self.mistakes.push(mistake.advice("part them by dates, days or hours, or remove one"));
    }
}

impl Listed {
    fn index(&mut self) {
        let mut start = 0;
        for (number, worker) in self.workers.iter_mut().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let rest = self.agreements.get(start..).unwrap_or_default();
            let end = start + rest.partition_point(|agreement| agreement.worker == number);
            worker.agreements = start as u32..end as u32;
            start = end;
            self.by_name.insert(folded(&worker.name).into(), number);
        }
    }
}

/// Numbers for names, in the order of their first use.
#[derive(Default)]
struct Numbers {
    names: Vec<Name>,
    numbers: HashMap<Name, u32>,
}

impl Numbers {
    fn number(&mut self, name: Name) -> u32 {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.names.push(name);
        }
        number
    }

    fn texts(self, written: &Written) -> Vec<Arc<str>> {
        self.names.into_iter().map(|name| written.names.text(name)).collect()
    }
}

fn complete(
    written: &AgreementWritten,
    worker: Option<u32>,
    structure: Option<u32>,
    workstation: Option<u32>,
    profile: Option<u32>,
    device: Option<u32>,
) -> Option<Agreement> {
    Some(Agreement {
        worker: worker?,
        structure: structure?,
        workstation: workstation?,
        profile: profile?,
        hours: written.hours?.value,
        device,
        from: written.from?.value,
        until: written.until?.value,
        days: written.days?.value,
        phone_app: written.phone_app.unwrap_or(true),
        quota: written.quota.map(|quota| quota.value),
        span: written.span,
    })
}

/// Whether two agreements hold at the same minute of any day, by their days and hours alone. A fortnight shows every
/// way in which a week can meet itself.
pub(crate) fn share_a_minute(one: &Agreement, other: &Agreement, hours: &HourSets) -> bool {
    let first = one.from.max(other.from).plus(-1);
    let last = one.until.min(other.until).min(first.plus(14));
    let mut day = first;
    while day <= last {
        let one_windows = minutes(one, day, hours);
        for window in one_windows {
            for near in -1..=1 {
                let overlap = minutes(other, day.plus(near), hours)
                    .any(|other| window.start < other.end && other.start < window.end);
                if overlap {
                    return true;
                }
            }
        }
        day = day.plus(1);
    }
    false
}

/// The windows that begin on `day`, in minutes since 1970, cut where the agreement ends.
fn minutes<'h>(agreement: &Agreement, day: Day, hours: &'h HourSets) -> impl Iterator<Item = Range<i64>> + use<'h> {
    let holds = agreement.from <= day && day <= agreement.until && agreement.days.contains(day);
    let windows: &[Window] = if holds { hours.set(agreement.hours) } else { &[] };
    let midnight = i64::from(day.0) * i64::from(DAY);
    let end = (i64::from(agreement.until.0) + 1) * i64::from(DAY);
    windows.iter().map(move |window| midnight + i64::from(window.start)..(midnight + i64::from(window.end)).min(end))
}

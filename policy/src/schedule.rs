//! When an agreement holds: its days and hours, what holidays and exceptions make of them, as instants.
//!
//! A day is settled in four steps, the later over the earlier: the agreement's weekday and hours; holidays; exceptions
//! for everybody; exceptions for the structure; exceptions for the worker. A *day off* (holiday, closure, suspension, a
//! date outside the agreement) takes its own minutes as well, so that a window which began the evening before ends at
//! midnight. Any other window belongs wholly to the day on which it begins.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::{
    Policy,
    day::{DAY, Day, Window},
    rule::{Agreement, Change, Exception},
};

/// What one day is for one agreement.
#[derive(Debug)]
pub(crate) struct Plan<'p> {
    pub(crate) windows: Cow<'p, [Window]>,
    pub(crate) off: Option<Off>,
}

/// Why a day is off.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Off {
    OutsideDates,
    Holiday,
    Closed,
    Suspended,
}

/// A stretch of time, the end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stretch {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// How far ahead the next beginning is looked for, in days: past a year without a single window nobody waits.
const LOOKED_AHEAD: i32 = 400;

impl Policy {
    /// What `day` is for `agreement`.
    pub(crate) fn plan<'p>(&'p self, agreement: &Agreement, day: Day) -> Plan<'p> {
        let mut plan = self.plan_before_extension(agreement, day);
        if !self.exceptions.days.contains(day) {
            return plan;
        }
        let extensions = self.exceptions_on(agreement, day).filter_map(|exception| match exception.change {
            Change::Extend(minute) => Some(minute),
            _ => None,
        });
        let Some(until) = extensions.last() else { return plan };
        let Some(last) = plan.windows.last().copied() else { return plan };
        let until = if until <= last.start { until + DAY as u16 } else { until };
        let is_last_of_day = || {
            let others = self.agreements_of(agreement.worker).iter().filter(|other| other.span != agreement.span);
            others
                .filter_map(|other| self.plan_before_extension(other, day).windows.last().copied())
                .all(|other| other.end <= last.end)
        };
        if until > last.end && is_last_of_day() {
            let windows = plan.windows.to_mut();
            windows.pop();
            add_window(windows, Window { end: until, ..last });
        }
        plan
    }

    fn plan_before_extension<'p>(&'p self, agreement: &Agreement, day: Day) -> Plan<'p> {
        const NONE: Cow<'_, [Window]> = Cow::Borrowed(&[]);
        if day < agreement.from || agreement.until < day {
            return Plan { windows: NONE, off: Some(Off::OutsideDates) };
        }
        let usual = || match agreement.days.contains(day) {
            true => Cow::Borrowed(self.hours.set(agreement.hours)),
            false => NONE,
        };
        let mut plan = match self.holidays.contains(day) {
            true => Plan { windows: NONE, off: Some(Off::Holiday) },
            false => Plan { windows: usual(), off: None },
        };
        if !self.exceptions.days.contains(day) {
            return plan;
        }
        for exception in self.exceptions_on(agreement, day) {
            match &exception.change {
                Change::Closed => plan = Plan { windows: NONE, off: Some(Off::Closed) },
                Change::Suspended => plan = Plan { windows: NONE, off: Some(Off::Suspended) },
                Change::Open if plan.off.is_some() => plan = Plan { windows: usual(), off: None },
                Change::Hours(windows) if self.receives(agreement, day) => {
                    plan.off = None;
                    windows.iter().for_each(|window| add_window(plan.windows.to_mut(), *window));
                }
                Change::Open | Change::Hours(_) | Change::Extend(_) => (),
            }
        }
        plan
    }

    /// Of a worker's several agreements on one day, extra hours go to those that know the weekday, or else to the one
    /// written first.
    fn receives(&self, agreement: &Agreement, day: Day) -> bool {
        let all = self.agreements_of(agreement.worker);
        if all.len() <= 1 || agreement.days.contains(day) {
            return true;
        }
        let mut valid = all.iter().filter(|other| other.from <= day && day <= other.until);
        let first = valid.clone().next().is_some_and(|first| first.span == agreement.span);
        first && !valid.any(|other| other.days.contains(day))
    }

    /// The exceptions that concern the agreement on that day: everybody's, the structure's, the worker's.
    pub(crate) fn exceptions_on<'p>(
        &'p self,
        agreement: &Agreement,
        day: Day,
    ) -> impl Iterator<Item = &'p Exception> + use<'p> {
        let any = self.exceptions.days.contains(day);
        let those = any.then(|| self.exceptions.of(agreement.structure, agreement.worker)).into_iter().flatten();
        those.filter(move |exception| exception.holds_on(day))
    }

    /// Hands over the stretches that begin on `day`, ascending.
    pub(crate) fn each_stretch(&self, agreement: &Agreement, day: Day, mut take: impl FnMut(Stretch)) {
        let plan = self.plan(agreement, day);
        let passes = plan.windows.last().is_some_and(|window| i32::from(window.end) > DAY);
        let limit = match passes && self.plan(agreement, day.plus(1)).off.is_some() {
            true => DAY as u16,
            false => u16::MAX,
        };
        for window in plan.windows.iter() {
            let start = self.zone.instant(day, window.start);
            let end = self.zone.instant(day, window.end.min(limit));
            if start < end {
                take(Stretch { start, end });
            }
        }
    }

    /// Where the unbroken stretch around `at` ends, in which the agreement holds; exact up to `horizon`.
    pub(crate) fn held_until(&self, agreement: &Agreement, at: Timestamp, horizon: Timestamp) -> Option<Timestamp> {
        let (today, _) = self.zone.local(at);
        let mut until: Option<Timestamp> = None;
        // A window of yesterday may run over midnight; one of tomorrow may begin where the clock is set back over it.
        for day in (-1..LOOKED_AHEAD).map(|days| today.plus(days)) {
            self.each_stretch(agreement, day, |stretch| {
                until = match until {
                    None if stretch.start <= at && at < stretch.end => Some(stretch.end),
                    Some(end) if stretch.start <= end => Some(end.max(stretch.end)),
                    unchanged => unchanged,
                };
            });
            let broken = || until.is_none_or(|end| end < self.zone.instant(day.plus(1), 0));
            if until.is_some_and(|end| end >= horizon) || (day > today && broken()) {
                break;
            }
        }
        until
    }

    /// When the agreement next begins to hold, after `at`.
    pub(crate) fn next_start(&self, agreement: &Agreement, at: Timestamp) -> Option<Timestamp> {
        let (today, _) = self.zone.local(at);
        let first = today.plus(-1).max(agreement.from);
        // An agreement that begins in years is still told when.
        let last = agreement.until.min(first.plus(LOOKED_AHEAD));
        let mut day = first;
        while day <= last {
            if agreement.days.contains(day) || self.exceptions.days.contains(day) {
                let mut next = None;
                self.each_stretch(agreement, day, |stretch| {
                    next = next.or((stretch.start > at).then_some(stretch.start));
                });
                if next.is_some() {
                    return next;
                }
            }
            day = day.plus(1);
        }
        None
    }
}

/// Adds a window to an ascending, disjoint set and keeps it so.
fn add_window(windows: &mut Vec<Window>, mut added: Window) {
    windows.retain(|window| {
        let touches = window.start <= added.end && added.start <= window.end;
        if touches {
            added = Window { start: added.start.min(window.start), end: added.end.max(window.end) };
        }
        !touches
    });
    let place = windows.partition_point(|window| window.start < added.start);
    windows.insert(place, added);
}

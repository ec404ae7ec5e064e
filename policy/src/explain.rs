//! What settled an answer: the rules, each with its file and line, and when the answer changes next.

use std::fmt::Write as _;

use jiff::{Timestamp, civil::Date};

use crate::{
    Decision, Device, End, Policy, Reason, Request,
    day::{Day, Minute, Window},
    error::typed,
    name::folded,
    resolve::length,
    rule::{Agreement, Change, Exception},
    schedule::Off,
    source::{Place, Sources, Span},
};

/// An answer and what it rests on.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The answer.
    pub decision: Decision,
    /// What settled it, the decisive first.
    pub rulings: Vec<Ruling>,
    /// When the worker is next let in (after a refusal) or no longer (after a permit), all else being as it is.
    pub next_change: Option<Timestamp>,
}

/// One rule's part in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What the rule says, in one line.
    pub says: String,
    span: Option<Span>,
}

impl Ruling {
    pub(crate) fn at(says: String, span: Span) -> Self {
        Self { says, span: Some(span) }
    }

    /// Where the rule stands.
    pub fn place(&self, sources: &Sources) -> Option<Place> {
        self.span.map(|span| sources.place(span))
    }
}

/// One day of a worker's calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarDay {
    /// The day.
    pub date: Date,
    /// When the worker may be connected, by the local clock, and to which workstation: what begins on this day.
    pub windows: Vec<CalendarWindow>,
    /// What makes the day differ from its weekday, if anything.
    pub note: Option<String>,
}

/// One window of a worker's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarWindow {
    /// `07:30-19:30`; an end before the beginning is the next morning's.
    pub hours: String,
    /// The workstation.
    pub workstation: String,
    /// When it begins.
    pub begins: Timestamp,
    /// When it ends.
    pub ends: Timestamp,
}

impl Policy {
    /// Answers like [`Policy::decide`], and says why.
    pub fn explain(&self, request: &Request<'_>) -> Explanation {
        match self.settle(request) {
            Ok(settled) => {
                let mut rulings = vec![self.agreement_ruling(settled.agreement)];
                rulings.extend(self.day_rulings(settled.agreement, request.at));
                rulings.push(self.profile_ruling(settled.agreement, request.device));
                rulings.push(self.workstation_ruling(settled.agreement));
                let by = match settled.ends_by {
                    End::Agreement => "the end of the hours",
                    End::Longest => "the longest session",
                };
                let says = format!("the session ends on {}, by {by}", self.clock(settled.ends_at));
                rulings.push(Ruling { says, span: None });
                rulings.extend(self.test_account_ruling(request.worker));
                let until = self.held_until(settled.agreement, request.at, Timestamp::MAX);
                // As far as it was looked is no end.
                let seen =
                    request.at.saturating_add(jiff::SignedDuration::from_hours(24 * 390)).unwrap_or(Timestamp::MAX);
                let next_change = until.filter(|until| *until < seen);
                Explanation { decision: self.decide(request), rulings, next_change }
            }
            Err((reason, agreement)) => {
                let mut rulings = Vec::new();
                if let Some(agreement) = agreement {
                    let rests_on_profile = matches!(reason, Reason::WrongGroup | Reason::Device { another: false, .. });
                    if rests_on_profile {
                        rulings.push(self.profile_ruling(agreement, request.device));
                    }
                    rulings.extend(self.day_rulings(agreement, request.at));
                    rulings.push(self.agreement_ruling(agreement));
                }
                Explanation { next_change: reason.next(), decision: Decision::Refuse(reason), rulings }
            }
        }
    }

    /// The days of one month for a worker; empty where the month does not exist.
    pub fn calendar(&self, worker: &str, year: i16, month: i8) -> Vec<CalendarDay> {
        let Ok(first) = Date::new(year, month, 1) else { return Vec::new() };
        let agreements = self.agreements_named(worker);
        let days = (0..i32::from(first.days_in_month())).map(|later| Day::from(first).plus(later));
        days.map(|day| self.calendar_day(agreements, day)).collect()
    }

    fn calendar_day(&self, agreements: &[Agreement], day: Day) -> CalendarDay {
        let mut windows = Vec::new();
        let mut note = None;
        for agreement in agreements.iter().filter(|agreement| agreement.from <= day && day <= agreement.until) {
            let workstation = self.workstations.get(agreement.workstation as usize);
            self.each_stretch(agreement, day, |stretch| {
                let (end_day, end) = self.zone.local(stretch.end);
                let end = if end == 0 && end_day > day { 1440 } else { end };
                windows.push(CalendarWindow {
                    hours: format!("{}-{}", Minute(self.zone.local(stretch.start).1), Minute(end)),
                    workstation: workstation.map(|workstation| workstation.name.to_string()).unwrap_or_default(),
                    begins: stretch.start,
                    ends: stretch.end,
                });
            });
            let said = self.exceptions_on(agreement, day).last().map(exception_in_words);
            let holiday = self.holidays.contains(day).then(|| "holiday".to_owned());
            note = note.or(said).or(holiday);
        }
        windows.sort_by_key(|window| window.begins);
        CalendarDay { date: day.date(), windows, note }
    }

    fn test_account_ruling(&self, worker: &str) -> Option<Ruling> {
        let span = self.test_accounts.get(folded(worker).as_ref())?;
        let says = "a test account: sizes and times of its sessions may be recorded without asking".to_owned();
        Some(Ruling { says, span: Some(*span) })
    }

    fn agreement_ruling(&self, agreement: &Agreement) -> Ruling {
        let mut says = format!(
            "the agreement: {} to {}, {}, {}",
            agreement.from,
            agreement.until,
            agreement.days,
            windows_in_words(self.hours.set(agreement.hours)),
        );
        if !agreement.phone_app {
            says.push_str(", without the phone app");
        }
        if let Some(device) = agreement.device.and_then(|number| self.devices.get(number as usize)) {
            let _ = write!(says, ", from {} alone", typed(device));
        }
        if let Some(quota) = agreement.quota {
            let per = if quota.per == crate::Per::Week { "week" } else { "month" };
            let _ = write!(says, ", {} days a {per} at most", quota.days);
        }
        Ruling { says, span: Some(agreement.span) }
    }

    /// What the day of `at` is made by holidays and exceptions.
    fn day_rulings(&self, agreement: &Agreement, at: Timestamp) -> Vec<Ruling> {
        let (today, _) = self.zone.local(at);
        let mut rulings = Vec::new();
        if self.holidays.contains(today) {
            rulings.push(Ruling { says: format!("{today} is a holiday"), span: self.holidays_span });
        }
        for exception in self.exceptions_on(agreement, today) {
            rulings.push(Ruling {
                says: format!("the exception: {}", exception_in_words(exception)),
                span: Some(exception.span),
            });
        }
        // The strongest first: the worker's own exception is the last to work on the day.
        rulings.reverse();
        if rulings.is_empty()
            && let Some(Off::OutsideDates) = self.plan(agreement, today).off
        {
            rulings.push(Ruling { says: format!("{today} is no day of the agreement"), span: Some(agreement.span) });
        }
        rulings
    }

    fn profile_ruling(&self, agreement: &Agreement, device: Device) -> Ruling {
        let Some(profile) = self.profiles.get(agreement.profile as usize) else {
            return Ruling { says: String::new(), span: None };
        };
        let groups: Vec<&str> = profile.groups.iter().map(|(group, _)| &**group).collect();
        let mut says = format!("profile {}: for {}", typed(&profile.name), crate::error::any_of(groups));
        let mut span = profile.span;
        match profile.limits(device) {
            Some(limits) => {
                let _ = write!(says, ", idle {}, longest {}", length(limits.idle), length(limits.longest));
            }
            None if device == Device::Personal => says.push_str(", not on a personal device"),
            None => says.push_str(", not on a managed device"),
        }
        if let (Device::Personal, Some(tighter)) = (device, profile.personal_span) {
            says.push_str(", tightened on a personal device");
            span = tighter;
        }
        Ruling { says, span: Some(span) }
    }

    fn workstation_ruling(&self, agreement: &Agreement) -> Ruling {
        let Some(workstation) = self.workstations.get(agreement.workstation as usize) else {
            return Ruling { says: String::new(), span: None };
        };
        let services: Vec<&str> = workstation.services.iter().map(|service| &*service.name).collect();
        let mut says =
            format!("workstation {} at {}: {}", typed(&workstation.name), workstation.address, services.join(", "));
        if let Some(minute) = workstation.power_off_after {
            let _ = write!(says, "; its own task is to switch it off after {} if nobody uses it", Minute(minute));
        }
        Ruling { says, span: Some(workstation.span) }
    }
}

fn windows_in_words(windows: &[Window]) -> String {
    let windows: Vec<String> = windows.iter().map(ToString::to_string).collect();
    windows.join(" and ")
}

fn exception_in_words(exception: &Exception) -> String {
    let mut words = match &exception.change {
        Change::Closed => "closed".to_owned(),
        Change::Suspended => "suspended".to_owned(),
        Change::Open => "the usual hours".to_owned(),
        Change::Hours(windows) => format!("also {}", windows_in_words(windows)),
        Change::Extend(minute) => format!("until {}", Minute(*minute)),
    };
    if let Some(name) = &exception.authorised_by {
        let _ = write!(words, ", authorised by {name}");
    }
    if let Some(reason) = &exception.reason {
        let _ = write!(words, " ({reason})");
    }
    words
}

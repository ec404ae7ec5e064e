//! The policy's own tests: questions with the answers they must get.
//!
//! They run whenever the policy is read. One wrong answer is a mistake like any other, and the policy is not used.

use std::sync::Arc;

use jiff::{Timestamp, civil::DateTime};

use crate::{
    Decision, Device, Grant, Mistakes, Policy, Reason, Request,
    day::Minute,
    error::{Mistake, typed},
    name::folded,
    source::{At, Span},
};

/// One question, at one moment or several, and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) worker: At<String>,
    pub(crate) at: Vec<At<DateTime>>,
    /// Nothing stands for the groups that the worker's agreements ask for.
    pub(crate) groups: Option<Vec<String>>,
    pub(crate) device: Device,
    pub(crate) device_name: Option<String>,
    pub(crate) days_used: u32,
    pub(crate) expected: Expected,
}

/// The answer, and where it stands.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    Permit { span: Span, workstation: Option<At<String>>, ends: Option<At<u16>> },
    Refuse { span: Span, reason: Option<At<&'static str>> },
}

impl Policy {
    /// How many questions the policy's own tests ask; each got its answer, or there were no policy.
    pub fn test_count(&self) -> usize {
        self.trials.iter().map(|trial| trial.at.len()).sum()
    }

    /// Asks every question and tells the wrong answers.
    pub(crate) fn try_all(&self, mistakes: &mut Mistakes) {
        for trial in &self.trials {
            for moment in &trial.at {
                self.try_one(trial, *moment, mistakes);
            }
        }
    }

    fn try_one(&self, trial: &Trial, moment: At<DateTime>, mistakes: &mut Mistakes) {
        let at = self.zone.first_moment(moment.value);
        let groups = trial.groups.clone().unwrap_or_else(|| self.expected_groups(&trial.worker.value));
        let named = self.named_device(&trial.worker.value, at);
        let device_name = match trial.device {
            Device::Managed => trial.device_name.as_deref().or(named.as_deref()),
            Device::Personal => None,
        };
        let request = Request {
            worker: &trial.worker.value,
            groups: &groups,
            device: trial.device,
            device_name,
            days_used: trial.days_used,
            at,
        };
        let wrong = match (self.decide(&request), &trial.expected) {
            (Decision::Permit(grant), Expected::Permit { workstation, ends, .. }) => {
                self.wrong_grant(&grant, workstation.as_ref(), ends.as_ref())
            }
            (Decision::Refuse(reason), Expected::Refuse { reason: Some(expected), .. })
                if reason.word() != expected.value =>
            {
                Some((expected.span, format!("refused with `{}`: {}", reason.word(), self.sentence(&reason))))
            }
            (Decision::Refuse(_), Expected::Refuse { .. }) => None,
            (Decision::Refuse(reason), Expected::Permit { span, .. }) => {
                Some((*span, format!("refused with `{}`: {}", reason.word(), self.sentence(&reason))))
            }
            (Decision::Permit(grant), Expected::Refuse { span, .. }) => {
                Some((*span, format!("permitted: `{}` until {}", grant.workstation, self.clock(grant.ends_at))))
            }
        };
        let Some((span, label)) = wrong else { return };
        let title = match &trial.name {
            Some(name) => format!("the test {} failed", typed(name)),
            None => format!("a test of {} failed", typed(&trial.worker.value)),
        };
        let mistake = Mistake::error(span, title).label(label).related(moment.span, "asked for this moment");
        let advice = "mend the rule, or the test; `policy explain` shows which rules settled the answer";
        mistakes.push(mistake.advice(advice).of_trial());
    }

    fn wrong_grant(
        &self,
        grant: &Grant,
        workstation: Option<&At<String>>,
        ends: Option<&At<u16>>,
    ) -> Option<(Span, String)> {
        if let Some(expected) = workstation.filter(|expected| *expected.value != *grant.workstation) {
            return Some((expected.span, format!("the workstation is `{}`", grant.workstation)));
        }
        let (_, minute) = self.zone.local(grant.ends_at);
        // 24:00 and 00:00 are one moment of the clock.
        let expected = ends.filter(|expected| expected.value % 1440 != minute)?;
        Some((expected.span, format!("the grant ends at {}", Minute(minute))))
    }

    /// The groups that a worker must be in for their agreements to hold; also what `explain` assumes.
    pub fn expected_groups(&self, worker: &str) -> Vec<String> {
        let profiles =
            self.agreements_named(worker).iter().filter_map(|agreement| self.profiles.get(agreement.profile as usize));
        profiles.flat_map(|profile| profile.groups.iter().map(|(group, _)| group.to_string())).collect()
    }

    /// The managed device that the worker's agreement of that day names.
    pub fn named_device(&self, worker: &str, at: Timestamp) -> Option<Arc<str>> {
        let (today, _) = self.zone.local(at);
        let mut held = self
            .agreements_named(worker)
            .iter()
            .filter(|agreement| agreement.from <= today && today <= agreement.until);
        held.find_map(|agreement| self.devices.get(agreement.device? as usize).cloned())
    }

    /// The first moment at which the policy's clock shows this time or a later one.
    pub fn instant(&self, local: DateTime) -> Timestamp {
        self.zone.first_moment(local)
    }

    /// A moment as the policy's clock shows it, `Tue 2026-03-03 07:30`.
    pub fn clock(&self, at: Timestamp) -> String {
        let (day, minute) = self.zone.local(at);
        let weekday = crate::day::WEEKDAYS.get(usize::from(day.weekday())).copied().unwrap_or_default();
        format!("{weekday} {day} {}", Minute(minute))
    }

    /// A reason as a sentence, with when it passes.
    pub fn sentence(&self, reason: &Reason) -> String {
        match reason.next() {
            Some(next) => format!("{reason}; next from {}", self.clock(next)),
            None => reason.to_string(),
        }
    }

    /// Whether anybody of that name has an agreement.
    pub(crate) fn knows(&self, worker: &str) -> bool {
        self.by_name.contains_key(folded(worker).as_ref())
    }
}

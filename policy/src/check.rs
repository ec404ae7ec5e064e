//! What is allowed and hardly meant: rules that nobody uses or that can never hold, workstations lent twice, names that
//! people take for each other.
//!
//! All of it is told as warnings beside the rule. What depends on today's date, or on how the gateway was set up, is told
//! apart, for a policy is read the same way on every day and everywhere.

use std::{collections::HashMap, net::IpAddr};

use jiff::civil::Date;

use crate::{
    Address, Mistakes, Policy,
    day::Day,
    error::{Mistake, typed},
    name::{confusable, meant},
    resolve::{length, share_a_minute},
    rule::{Agreement, Role},
    source::Span,
};

impl Policy {
    /// Warnings that hold on any day.
    pub(crate) fn check(&self, mistakes: &mut Mistakes) {
        self.check_unused(mistakes);
        self.check_agreements(mistakes);
        self.check_shared(mistakes);
        self.check_names(mistakes);
        self.check_roles(mistakes);
        self.check_assistance(mistakes);
        self.check_trials(mistakes);
    }

    /// Warnings about what is over on `today`: agreements, exceptions and roles whose last day has passed.
    pub fn passed(&self, today: Date) -> Mistakes {
        let today = Day::from(today);
        let mut mistakes = Mistakes::default();
        let agreements = self.agreements.iter().map(|agreement| (agreement.until, agreement.span, "agreement"));
        let exceptions = self.exceptions.all.iter().map(|exception| (exception.until, exception.span, "exception"));
        let roles = self.roles.iter().filter_map(|rule| rule.until.map(|until| (until, rule.span, "role")));
        for (until, span, what) in agreements.chain(exceptions).chain(roles).filter(|(until, ..)| *until < today) {
            let mistake = Mistake::warning(span, format!("this {what} ended on {until}"));
            mistakes.push(mistake.label("over").advice("remove it, or mend its dates"));
        }
        mistakes.settle();
        mistakes
    }

    /// Warnings about workstations whose address the gateway lends no tunnel address for, as it was set up: those that
    /// `reaches` says no to. What a host name means is known only at the login.
    pub fn out_of_reach(&self, reaches: impl Fn(IpAddr) -> bool) -> Mistakes {
        let mut mistakes = Mistakes::default();
        for workstation in &self.workstations {
            let Address::Ip(address) = workstation.address else { continue };
            if !reaches(address) {
                let message = format!(
                    "workstation {} is at {address}, and the gateway lends no address of that family",
                    typed(&workstation.name)
                );
                let mistake = Mistake::warning(workstation.span, message).label("logins to it are refused");
                mistakes.push(mistake.advice("set `pool_ipv6` under `[tunnel]` in `gateway.toml`"));
            }
        }
        mistakes.settle();
        mistakes
    }

    fn check_unused(&self, mistakes: &mut Mistakes) {
        let mut workstations = vec![false; self.workstations.len()];
        let mut profiles = vec![false; self.profiles.len()];
        for agreement in &self.agreements {
            workstations.get_mut(agreement.workstation as usize).into_iter().for_each(|used| *used = true);
            profiles.get_mut(agreement.profile as usize).into_iter().for_each(|used| *used = true);
        }
        let unused = |what: &str, name: &str, span: Span| {
            Mistake::warning(span, format!("{what} {} is named by no agreement", typed(name))).label("unused")
        };
        for (workstation, _) in self.workstations.iter().zip(workstations).filter(|(_, used)| !used) {
            mistakes.push(unused("workstation", &workstation.name, workstation.span));
        }
        for (profile, _) in self.profiles.iter().zip(profiles).filter(|(_, used)| !used) {
            mistakes.push(unused("profile", &profile.name, profile.span));
        }
    }

    fn check_agreements(&self, mistakes: &mut Mistakes) {
        for agreement in &self.agreements {
            let before = self.zone.instant(agreement.from.plus(-1), 0);
            if self.next_start(agreement, before).is_none() {
                let mistake = Mistake::warning(agreement.span, "this agreement can never be used");
                let label = format!("none of its days has hours from {} to {}", agreement.from, agreement.until);
                mistakes.push(mistake.label(label).advice("mend its days, hours or dates, or remove it"));
            }
            self.check_longest(agreement, mistakes);
        }
    }

    fn check_longest(&self, agreement: &Agreement, mistakes: &mut Mistakes) {
        let Some(profile) = self.profiles.get(agreement.profile as usize) else { return };
        let limits = profile.managed.iter().chain(&profile.personal);
        let Some(longest) = limits.map(|limits| limits.longest).max() else { return };
        let windows = self.hours.set(agreement.hours).iter();
        let Some(window) = windows.max_by_key(|window| window.end - window.start) else { return };
        if u64::from(window.end - window.start) * 60 > longest.as_secs() {
            let mistake =
                Mistake::warning(agreement.span, format!("the hours {window} are longer than a session may last"));
            let label = format!("profile {} ends a session after {}", typed(&profile.name), length(longest));
            mistakes.push(mistake.label(label).advice("raise `longest`, or let the worker sign in again"));
        }
    }

    /// Workstations that several workers may hold in the same hours.
    fn check_shared(&self, mistakes: &mut Mistakes) {
        let mut by_workstation: Vec<&Agreement> = self.agreements.iter().collect();
        by_workstation.sort_by_key(|agreement| (agreement.workstation, agreement.from, agreement.span));
        for group in by_workstation.chunk_by(|one, other| one.workstation == other.workstation) {
            let workstation = group.first().and_then(|agreement| self.workstations.get(agreement.workstation as usize));
            let Some(workstation) = workstation.filter(|workstation| group.len() > 1 && !workstation.shared) else {
                continue;
            };
            if let Some((one, other)) = self.first_conflict(group) {
                let message =
                    format!("workstation {} is lent to two workers at overlapping hours", typed(&workstation.name));
                let mistake =
                    Mistake::warning(other.span, message).label("to this worker").related(one.span, "and to this one");
                mistakes
                    .push(mistake.advice("part their days or hours, or write `shared = true` with the workstation"));
            }
        }
    }

    /// Among agreements by first day, two of different workers that share a minute.
    fn first_conflict<'p>(&self, group: &[&'p Agreement]) -> Option<(&'p Agreement, &'p Agreement)> {
        let mut held: Vec<&Agreement> = Vec::new();
        for agreement in group {
            held.retain(|other| other.until.plus(1) >= agreement.from);
            let conflicts =
                |other: &&&Agreement| other.worker != agreement.worker && share_a_minute(agreement, other, &self.hours);
            if let Some(other) = held.iter().find(conflicts) {
                return Some(if agreement.span < other.span { (agreement, other) } else { (other, agreement) });
            }
            held.push(agreement);
        }
        None
    }

    /// Names of one kind that differ only in case, accents or separators.
    fn check_names(&self, mistakes: &mut Mistakes) {
        let workstations = self.workstations.iter().map(|one| (&*one.name, Some(one.span)));
        alike("workstations", workstations, mistakes);
        alike("profiles", self.profiles.iter().map(|one| (&*one.name, Some(one.span))), mistakes);
        let mut first_uses: Vec<Option<Span>> = vec![None; self.structures.len()];
        for agreement in &self.agreements {
            if let Some(first) = first_uses.get_mut(agreement.structure as usize) {
                *first = Some(first.map_or(agreement.span, |span| span.min(agreement.span)));
            }
        }
        alike("structures", self.structures.iter().map(AsRef::as_ref).zip(first_uses), mistakes);
        let workers = self.workers.iter().map(|worker| {
            let first = self.agreements.get(worker.agreements.start as usize);
            (&*worker.name, first.map(|agreement| agreement.span))
        });
        alike("workers", workers, mistakes);
    }

    fn check_roles(&self, mistakes: &mut Mistakes) {
        for rule in &self.roles {
            let (Role::HeadOfStructure(structure) | Role::ServiceHead(structure)) = &rule.role else { continue };
            if self.structures.contains(structure) {
                continue;
            }
            let mistake =
                Mistake::warning(rule.span, format!("no agreement belongs to structure {}", typed(structure)));
            mistakes.push(match meant(structure, self.structures.iter().map(AsRef::as_ref)) {
                Some(known) => mistake.label(format!("did you mean `{known}`?")),
                None => mistake.label("head of nobody"),
            });
        }
    }

    /// A misspelt name in a test that expects a refusal would pass for the wrong reason.
    fn check_trials(&self, mistakes: &mut Mistakes) {
        for worker in self.trials.iter().map(|trial| &trial.worker).filter(|worker| !self.knows(&worker.value)) {
            let known = meant(&worker.value, self.workers());
            if let Some(known) = known {
                let mistake = Mistake::warning(worker.span, format!("no agreement names {}", typed(&worker.value)));
                mistakes.push(mistake.label(format!("did you mean `{known}`?")));
            }
        }
    }
}

fn alike<'n>(what: &str, names: impl Iterator<Item = (&'n str, Option<Span>)>, mistakes: &mut Mistakes) {
    let mut seen: HashMap<String, (&str, Option<Span>)> = HashMap::new();
    for (name, span) in names {
        let Some((other, before)) = seen.insert(confusable(name), (name, span)) else { continue };
        let Some((span, before)) = span.zip(before) else { continue };
        let message = format!("{what} {} and {} differ only in case, accents or separators", typed(other), typed(name));
        let mistake = Mistake::warning(span, message).label("this one").related(before, "the other");
        mistakes.push(mistake.advice("if they are the same, spell them the same way"));
    }
}

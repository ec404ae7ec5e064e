//! That nobody ever reaches anything but their own workstation, at no minute of the policy's span.
//!
//! Not by samples. For one worker, every condition of a decision but the clock is constant between two neighbouring
//! *edges*: the beginnings and ends of the stretches in which an agreement holds. So the decision at an edge is the
//! decision until the next one, up to the end that it names itself, and asking at every edge asks at every minute. At
//! each edge the answer is held against the rules as they were written, not as they were indexed for speed. Then the
//! stretches of each workstation are laid over each other: two workers meet in none, unless it is shared.
//!
//! The proof is over names. That two host names never lead to one computer is held when they are resolved.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date};

use crate::{
    Address, Decision, Device, Grant, Policy, Reason, Request,
    day::Day,
    error::typed,
    name::folded,
    rule::Agreement,
    schedule::Stretch,
    source::{Place, Sources, Span},
};

/// What was proved, or why not.
#[derive(Debug, Clone)]
pub struct Proof {
    /// How many workers were looked at.
    pub workers: usize,
    /// How many stretches of time in which somebody may be connected.
    pub stretches: usize,
    /// How many decisions were asked for.
    pub decisions: usize,
    /// The first and the last day on which anybody may be connected; nothing where nobody ever may.
    pub span: Option<(Date, Date)>,
    /// The earliest moment at which a promise does not hold.
    pub counterexample: Option<Counterexample>,
}

/// A moment at which a promise does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// When.
    pub at: Timestamp,
    /// Whom it concerns.
    pub workers: Vec<String>,
    /// What happens then.
    pub what: String,
    spans: Vec<Span>,
}

impl Counterexample {
    /// The rules that lead to it.
    pub fn places(&self, sources: &Sources) -> Vec<Place> {
        self.spans.iter().map(|span| sources.place(*span)).collect()
    }
}

impl Policy {
    /// Asks every decision that can differ from its neighbour, and compares.
    pub fn prove(&self) -> Proof {
        let mut prover = Prover { policy: self, proof: Proof::empty(), lent: BTreeMap::new() };
        prover.strangers();
        prover.addresses();
        for number in 0..self.workers.len() {
            prover.worker(u32::try_from(number).unwrap_or(u32::MAX));
        }
        prover.meetings();
        prover.proof
    }
}

impl Proof {
    fn empty() -> Self {
        Self { workers: 0, stretches: 0, decisions: 0, span: None, counterexample: None }
    }
}

struct Prover<'p> {
    policy: &'p Policy,
    proof: Proof,
    /// The stretches of those workstations that several workers' agreements name.
    lent: BTreeMap<u32, Vec<(Stretch, u32, Span)>>,
}

impl Prover<'_> {
    fn found(&mut self, at: Timestamp, workers: Vec<String>, what: String, spans: Vec<Span>) {
        let earlier = self.proof.counterexample.as_ref().is_none_or(|known| at < known.at);
        if earlier {
            self.proof.counterexample = Some(Counterexample { at, workers, what, spans });
        }
    }

    /// Whom no agreement names is refused. Such a name exists: it is longer than every known one.
    fn strangers(&mut self) {
        let longest = self.policy.workers().map(str::len).max().unwrap_or(0);
        let stranger = "x".repeat(longest + 1);
        let moments = self.policy.agreements.first().map(|agreement| self.policy.zone.instant(agreement.from, 720));
        for at in moments.into_iter().chain([Timestamp::UNIX_EPOCH]) {
            self.proof.decisions += 1;
            let answer = self.policy.decide(&Request::new(&stranger, &[], Device::Managed, at));
            if answer != Decision::Refuse(Reason::NoAgreement) {
                self.found(
                    at,
                    vec![stranger.clone()],
                    "somebody without an agreement is let in".to_owned(),
                    Vec::new(),
                );
            }
        }
    }

    /// No two names are one address.
    fn addresses(&mut self) {
        let mut seen: BTreeMap<&Address, Span> = BTreeMap::new();
        let twice = self.policy.workstations.iter().find_map(|workstation| {
            let before = seen.insert(&workstation.address, workstation.span)?;
            Some((format!("two workstations are at {}", workstation.address), vec![before, workstation.span]))
        });
        if let Some((what, spans)) = twice {
            self.found(Timestamp::UNIX_EPOCH, Vec::new(), what, spans);
        }
    }

    fn worker(&mut self, number: u32) {
        self.proof.workers += 1;
        let policy = self.policy;
        let Some(worker) = policy.workers.get(number as usize) else { return };
        // From the list itself, not through the index that decisions use.
        let first = policy.agreements.partition_point(|agreement| agreement.worker < number);
        let own = policy.agreements.get(first..).unwrap_or_default();
        let own = own.get(..own.partition_point(|agreement| agreement.worker == number)).unwrap_or_default();
        let held = held_stretches(policy, own);
        let groups = policy.expected_groups(&worker.name);
        for (stretch, agreement) in &held {
            self.stretch(&worker.name, own, &groups, *stretch, agreement);
        }
        self.gaps(&worker.name, &groups, own, &held);
        for agreement in own {
            let workstation = policy.workstations.get(agreement.workstation as usize);
            if workstation.is_some_and(|workstation| !workstation.shared) {
                let lent = self.lent.entry(agreement.workstation).or_default();
                let of_this = held.iter().filter(|(_, other)| other.span == agreement.span);
                lent.extend(of_this.map(|(stretch, _)| (*stretch, number, agreement.span)));
            }
        }
    }

    /// At the beginning of a stretch: the grant is the agreement's, and ends with it.
    fn stretch(&mut self, worker: &str, own: &[Agreement], groups: &[String], stretch: Stretch, agreement: &Agreement) {
        self.proof.stretches += 1;
        let (first, _) = self.policy.zone.local(stretch.start);
        let (last, _) = self.policy.zone.local(stretch.end);
        let (first, last) = (first.date(), last.date());
        let span = self.proof.span.get_or_insert((first, last));
        *span = (span.0.min(first), span.1.max(last));
        let device = self.policy.devices.get(agreement.device.unwrap_or(u32::MAX) as usize).map(AsRef::as_ref);
        for (kind, device_name) in [(Device::Managed, device), (Device::Personal, None)] {
            self.proof.decisions += 1;
            let request = Request { worker, groups, device: kind, device_name, days_used: 0, at: stretch.start };
            let Decision::Permit(grant) = self.policy.decide(&request) else { continue };
            if let Some((what, spans)) = self.wrong_grant(worker, own, stretch, &grant) {
                self.found(stretch.start, vec![worker.to_owned()], what, spans);
            }
        }
    }

    /// What a grant says that no agreement of the worker does.
    fn wrong_grant(
        &self,
        worker: &str,
        own: &[Agreement],
        stretch: Stretch,
        grant: &Grant,
    ) -> Option<(String, Vec<Span>)> {
        let policy = self.policy;
        let (today, _) = policy.zone.local(stretch.start);
        let valid = own.iter().filter(|agreement| agreement.from <= today && today <= agreement.until);
        let named = |agreement: &&Agreement| {
            let workstation = policy.workstations.get(agreement.workstation as usize);
            let named = policy
                .workers
                .get(agreement.worker as usize)
                .is_some_and(|named| folded(&named.name) == folded(worker));
            named && workstation.is_some_and(|workstation| *workstation.name == *grant.workstation)
        };
        let Some(agreement) = valid.clone().find(named) else {
            let what = format!(
                "{} is let to {}, which no agreement of theirs names",
                typed(worker),
                typed(&grant.workstation)
            );
            return Some((what, valid.map(|agreement| agreement.span).collect()));
        };
        let workstation = policy.workstations.get(agreement.workstation as usize)?;
        let spans = vec![agreement.span, workstation.span];
        let foreign = grant.services.iter().find(|service| !workstation.services.contains(service));
        if grant.address != workstation.address || foreign.is_some() {
            return Some((
                format!("{} is let to an address or port that is not {}'s", typed(worker), typed(&workstation.name)),
                spans,
            ));
        }
        let limit = policy.zone.instant(agreement.until.plus(1), 0).min(stretch.end);
        if grant.ends_at > limit || grant.ends_at <= stretch.start {
            return Some((format!("the grant of {} outlives its window or its agreement", typed(worker)), spans));
        }
        let longest = policy.profiles.get(agreement.profile as usize).and_then(|profile| {
            let kinds = profile.managed.iter().chain(&profile.personal);
            kinds.map(|limits| limits.longest).max()
        })?;
        let lasts = grant.ends_at.duration_since(stretch.start);
        (lasts > SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX))
            .then(|| (format!("the grant of {} is longer than the longest session", typed(worker)), spans))
    }

    /// Between stretches, before the first and after the last, nobody is let in.
    fn gaps(&mut self, worker: &str, groups: &[String], own: &[Agreement], held: &[(Stretch, &Agreement)]) {
        let moment = SignedDuration::from_nanos(1);
        let first = held.first().and_then(|(stretch, _)| stretch.start.checked_sub(moment).ok());
        let ends = held.iter().enumerate().filter_map(|(place, (stretch, _))| {
            let next = held.get(place + 1).map(|(next, _)| next.start);
            next.is_none_or(|next| next > stretch.end).then_some(stretch.end)
        });
        let device =
            own.iter().find_map(|agreement| self.policy.devices.get(agreement.device? as usize)).map(AsRef::as_ref);
        let edges: Vec<Timestamp> = first.into_iter().chain(ends).collect();
        for at in edges {
            for (kind, device_name) in [(Device::Managed, device), (Device::Personal, None)] {
                self.proof.decisions += 1;
                let request = Request { worker, groups, device: kind, device_name, days_used: 0, at };
                if self.policy.settle(&request).is_ok() {
                    let spans = own.iter().map(|agreement| agreement.span).collect();
                    let what = format!("{} is let in at a time that no agreement holds", typed(worker));
                    self.found(at, vec![worker.to_owned()], what, spans);
                }
            }
        }
    }

    /// Two workers never hold one workstation at once.
    fn meetings(&mut self) {
        for (workstation, mut lent) in std::mem::take(&mut self.lent) {
            let several = lent.first().is_some_and(|(_, first, _)| lent.iter().any(|(_, worker, _)| worker != first));
            if !several {
                continue;
            }
            lent.sort_unstable();
            let mut latest: Vec<(Stretch, u32, Span)> = Vec::new();
            for one in lent {
                if let Some((_, other, before)) =
                    latest.iter().find(|(held, worker, _)| *worker != one.1 && held.end > one.0.start)
                {
                    let (one_worker, other_worker) = (self.worker_name(*other), self.worker_name(one.1));
                    let name = self
                        .policy
                        .workstations
                        .get(workstation as usize)
                        .map(|one| one.name.to_string())
                        .unwrap_or_default();
                    let what =
                        format!("{} and {} may both be at {}", typed(&one_worker), typed(&other_worker), typed(&name));
                    let workers = vec![one_worker, other_worker];
                    self.found(one.0.start, workers, what, vec![*before, one.2]);
                    break;
                }
                latest.retain(|(held, ..)| held.end > one.0.start);
                latest.push(one);
            }
        }
    }

    fn worker_name(&self, number: u32) -> String {
        self.policy.workers.get(number as usize).map(|worker| worker.name.to_string()).unwrap_or_default()
    }
}

/// Every stretch in which one of a worker's agreements holds, ascending; stretches of one agreement that touch are one.
pub(crate) fn held_stretches<'p>(policy: &'p Policy, own: &'p [Agreement]) -> Vec<(Stretch, &'p Agreement)> {
    let mut held: Vec<(Stretch, &Agreement)> = Vec::new();
    for agreement in own {
        let before = held.len();
        let mut day: Day = agreement.from;
        while day <= agreement.until {
            for stretch in policy.stretches(agreement, day) {
                match held.get_mut(before..).and_then(<[_]>::last_mut) {
                    Some((last, _)) if stretch.start <= last.end => last.end = last.end.max(stretch.end),
                    _ => held.push((stretch, agreement)),
                }
            }
            day = day.plus(1);
        }
    }
    held.sort_by_key(|(stretch, agreement)| (*stretch, agreement.span));
    held
}

//! That nobody ever reaches anything but their own workstation, at no minute of the policy's span.
//!
//! Not by samples. For one worker, every condition of a decision but the clock is constant between two neighbouring
//! *edges*: the beginnings and ends of the stretches in which an agreement holds. So the decision at an edge is the
//! decision until the next one, up to the end that it names itself, and asking at every edge asks at every minute. At
//! each edge the answer is held against the rules as they were written, not as they were indexed for speed. Then the
//! stretches of each workstation are laid over each other: two workers meet in none, unless it is shared.
//!
//! The proof is over names. That two host names never lead to one computer is held when they are resolved.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
};

use jiff::{SignedDuration, Timestamp, civil::Date};

use crate::{
    Address, Decision, Device, Grant, Policy, Reason, Request,
    day::Day,
    decide::Settled,
    error::typed,
    rule::{Agreement, Workstation},
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
        let mut prover = Prover { policy: self, proof: Proof::empty(), span: None };
        prover.strangers();
        prover.addresses();
        for number in 0..self.workers.len() {
            prover.worker(u32::try_from(number).unwrap_or(u32::MAX));
        }
        prover.meetings();
        prover.proof.span = prover.span.map(|(first, last)| (first.date(), last.date()));
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
    span: Option<(Day, Day)>,
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
        // From the list itself, not through the index that decisions use; and the index leads to the same.
        let own = of_worker(policy, number);
        if !std::ptr::eq(policy.agreements_named(&worker.name), own) {
            let what = format!("{} is taken for somebody else", typed(&worker.name));
            self.found(Timestamp::UNIX_EPOCH, vec![worker.name.to_string()], what, Vec::new());
            return;
        }
        let person = Person {
            name: &worker.name,
            own,
            held: held_stretches(policy, own),
            groups: policy.expected_groups(&worker.name),
        };
        let (mut granted, mut last_end) = (BTreeSet::new(), None);
        for (place, (stretch, agreement)) in person.held.iter().enumerate() {
            let first = granted.insert(agreement.span);
            self.beginning(&person, *stretch, agreement, first);
            last_end = last_end.max(Some(stretch.end));
            // Where the next one touches or overlaps, its beginning is looked at instead.
            let next = person.held.get(place + 1).map(|(next, _)| next.start);
            if let Some(end) = last_end.filter(|end| next.is_none_or(|next| next > *end)) {
                self.gap(&person, end);
            }
        }
        if let Some(before) = person.held.first().and_then(|(first, _)| first.start.checked_sub(MOMENT).ok()) {
            self.gap(&person, before);
        }
    }

    /// At the beginning of a stretch: whoever is let in is let to what an agreement names, no longer than it holds.
    fn beginning(&mut self, person: &Person<'_>, stretch: Stretch, agreement: &Agreement, whole_grant: bool) {
        self.proof.stretches += 1;
        let policy = self.policy;
        let last_moment = stretch.end.checked_sub(MOMENT).unwrap_or(stretch.end);
        let (first, last) = (policy.zone.local(stretch.start).0, policy.zone.local(last_moment).0);
        let span = self.span.get_or_insert((first, last));
        *span = (span.0.min(first), span.1.max(last));
        for (device, device_name) in kinds(policy, agreement) {
            self.proof.decisions += 1;
            let request = person.request(device, device_name, stretch.start);
            let Ok(settled) = policy.settle_among(person.own, &request) else { continue };
            let held = person.held.iter().filter(|(held, _)| held.start <= stretch.start && stretch.start < held.end);
            // Nearly always it is this very stretch.
            let fits =
                |(held, agreement): (&Stretch, &Agreement)| fits(policy, &settled, *held, agreement, stretch.start);
            if !fits((&stretch, agreement)) && !held.clone().any(|(held, agreement)| fits((held, agreement))) {
                let what = format!(
                    "{} is let to {} until {}, which no agreement allows",
                    typed(person.name),
                    typed(&settled.workstation.name),
                    policy.clock(settled.ends_at)
                );
                self.found(
                    stretch.start,
                    vec![person.name.to_owned()],
                    what,
                    vec![agreement.span, settled.agreement.span],
                );
            }
            // The grant itself is looked at once for each agreement: it follows from what was settled and nothing else.
            if whole_grant && !says_the_same(&policy.grant(&settled), settled.workstation) {
                let what =
                    format!("{} is granted what is not {}", typed(person.name), typed(&settled.workstation.name));
                self.found(
                    stretch.start,
                    vec![person.name.to_owned()],
                    what,
                    vec![agreement.span, settled.workstation.span],
                );
            }
        }
    }

    /// Where no stretch is, nobody is let in.
    fn gap(&mut self, person: &Person<'_>, at: Timestamp) {
        let policy = self.policy;
        let Some(agreement) = person.own.first() else { return };
        for (device, device_name) in kinds(policy, agreement) {
            self.proof.decisions += 1;
            if policy.settle_among(person.own, &person.request(device, device_name, at)).is_ok() {
                let spans = person.own.iter().map(|agreement| agreement.span).collect();
                let what = format!("{} is let in at a time that no agreement holds", typed(person.name));
                self.found(at, vec![person.name.to_owned()], what, spans);
            }
        }
    }

    /// Two workers never hold one workstation at once, unless it is shared.
    fn meetings(&mut self) {
        let mut by_workstation: Vec<&Agreement> = self.policy.agreements.iter().collect();
        by_workstation.sort_by_key(|agreement| (agreement.workstation, agreement.worker));
        for lent in by_workstation.chunk_by(|one, other| one.workstation == other.workstation) {
            let workers = |agreements: &[&Agreement]| {
                agreements.first().map(|one| one.worker) == agreements.last().map(|one| one.worker)
            };
            let workstation = lent.first().and_then(|one| self.policy.workstations.get(one.workstation as usize));
            if let Some(workstation) = workstation.filter(|workstation| !workstation.shared && !workers(lent)) {
                self.meeting(&workstation.name, lent);
            }
        }
    }

    fn meeting(&mut self, workstation: &str, lent: &[&Agreement]) {
        let mut stretches: Vec<(Stretch, u32, Span)> = Vec::new();
        for agreement in lent {
            let held = held_stretches(self.policy, std::slice::from_ref(agreement));
            stretches.extend(held.iter().map(|(stretch, _)| (*stretch, agreement.worker, agreement.span)));
        }
        stretches.sort_unstable();
        let mut running: Vec<(Stretch, u32, Span)> = Vec::new();
        for next in stretches {
            running.retain(|(held, ..)| held.end > next.0.start);
            if let Some((_, other, before)) = running.iter().find(|(_, worker, _)| *worker != next.1) {
                let (one, other) = (self.worker_name(*other), self.worker_name(next.1));
                let what = format!("{} and {} may both be at {}", typed(&one), typed(&other), typed(workstation));
                self.found(next.0.start, vec![one, other], what, vec![*before, next.2]);
                return;
            }
            running.push(next);
        }
    }

    fn worker_name(&self, number: u32) -> String {
        self.policy.workers.get(number as usize).map(|worker| worker.name.to_string()).unwrap_or_default()
    }
}

/// Somebody, and all that is looked at over and over.
struct Person<'p> {
    name: &'p str,
    own: &'p [Agreement],
    held: Vec<(Stretch, &'p Agreement)>,
    groups: Vec<String>,
}

impl Person<'_> {
    fn request<'r>(&'r self, device: Device, device_name: Option<&'r str>, at: Timestamp) -> Request<'r> {
        Request { worker: self.name, groups: &self.groups, device, device_name, days_used: 0, at }
    }
}

/// The shortest time there is.
const MOMENT: SignedDuration = SignedDuration::from_nanos(1);

fn of_worker(policy: &Policy, number: u32) -> &[Agreement] {
    let first = policy.agreements.partition_point(|agreement| agreement.worker < number);
    let rest = policy.agreements.get(first..).unwrap_or_default();
    rest.get(..rest.partition_point(|agreement| agreement.worker == number)).unwrap_or_default()
}

/// The kinds of computer that an agreement admits, by the names it admits them under.
fn kinds<'p>(policy: &'p Policy, agreement: &Agreement) -> impl Iterator<Item = (Device, Option<&'p str>)> + use<'p> {
    let name = agreement.device.and_then(|number| policy.devices.get(number as usize)).map(AsRef::as_ref);
    let profile = policy.profiles.get(agreement.profile as usize);
    let both = [(Device::Managed, name), (Device::Personal, None)];
    both.into_iter().filter(move |(device, _)| profile.is_some_and(|profile| profile.limits(*device).is_some()))
}

/// Whether what was settled is what this agreement says, over this stretch at most.
fn fits(policy: &Policy, settled: &Settled<'_>, held: Stretch, agreement: &Agreement, at: Timestamp) -> bool {
    let named = policy.workstations.get(agreement.workstation as usize);
    let longest = SignedDuration::try_from(settled.limits.longest).unwrap_or(SignedDuration::MAX);
    settled.agreement.span == agreement.span
        && named.is_some_and(|named| named.span == settled.workstation.span)
        && settled.ends_at <= held.end
        && settled.ends_at <= policy.zone.instant(agreement.until.plus(1), 0)
        && settled.ends_at > at
        && settled.ends_at.duration_since(at) <= longest
}

fn says_the_same(grant: &Grant, workstation: &Workstation) -> bool {
    grant.workstation == workstation.name
        && grant.address == workstation.address
        && grant.services == *workstation.services
        && grant.certificate == workstation.certificate
}

/// Every stretch in which one of a worker's agreements holds, ascending; stretches of one agreement that touch are one.
pub(crate) fn held_stretches<'p, A: Borrow<Agreement>>(policy: &Policy, own: &'p [A]) -> Vec<(Stretch, &'p Agreement)> {
    let mut held: Vec<(Stretch, &Agreement)> = Vec::new();
    for agreement in own.iter().map(Borrow::borrow) {
        let before = held.len();
        let mut day: Day = agreement.from;
        while day <= agreement.until {
            policy.each_stretch(agreement, day, |stretch| match held.get_mut(before..).and_then(<[_]>::last_mut) {
                Some((last, _)) if stretch.start <= last.end => last.end = last.end.max(stretch.end),
                _ => held.push((stretch, agreement)),
            });
            day = day.plus(1);
        }
    }
    held.sort_by_key(|(stretch, agreement)| (*stretch, agreement.span));
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceFile;

    fn office(shared: bool) -> (Policy, Sources) {
        let text = format!(
            r#"
            timezone = "Europe/Rome"
            services.rdp.tcp = [3389]
            services.ssh.tcp = [22]
            workstations.one = {{ address = "10.0.0.1", services = ["rdp"], shared = {shared} }}
            workstations.two = {{ address = "10.0.0.2", services = ["ssh"] }}
            profiles.p = {{ groups = ["g"], longest = "4h" }}
            [[agreements]]
            worker = "a"
            structure = "s"
            workstation = "one"
            profile = "p"
            from = 2026-03-02
            until = 2026-03-08
            days = "Mon-Fri"
            hours = "08:00-14:00"
            [[agreements]]
            worker = "b"
            structure = "s"
            workstation = "one"
            profile = "p"
            from = 2026-03-04
            until = 2026-04-08
            days = "Wed"
            hours = "13:00-18:00"
            "#
        );
        let sources = Sources::new(vec![SourceFile { name: "p.toml".into(), text }]);
        (Policy::parse(&sources).unwrap().0, sources)
    }

    fn wrong(spoil: impl FnOnce(&mut Policy)) -> String {
        let (mut policy, _) = office(true);
        assert_eq!(policy.prove().counterexample, None);
        spoil(&mut policy);
        policy.prove().counterexample.expect("a counter-example").what
    }

    #[test]
    fn two_workers_at_one_workstation_are_found_at_their_first_minute() {
        let (policy, sources) = office(false);
        let found = policy.prove().counterexample.unwrap();
        assert_eq!(policy.clock(found.at), "Wed 2026-03-04 13:00");
        assert_eq!(found.workers, ["a", "b"]);
        assert_eq!(found.places(&sources).iter().map(|place| place.line).collect::<Vec<_>>(), [8, 17]);
    }

    #[test]
    fn a_decision_that_leaves_its_agreement_is_found() {
        assert!(
            wrong(|policy| {
                policy.by_name.insert("a".into(), 1);
            })
            .contains("taken for somebody else")
        );
        assert!(
            wrong(|policy| policy.workstations[1].address = policy.workstations[0].address.clone())
                .contains("two workstations are at")
        );
        assert!(
            wrong(|policy| {
                policy.by_name.insert("xx".into(), 0);
            })
            .contains("somebody without an agreement")
        );
    }

    #[test]
    fn a_grant_that_outlives_its_stretch_is_found() {
        let (policy, _) = office(true);
        let at = policy.zone.instant(policy.agreements[0].from, 8 * 60);
        let request = Request {
            worker: "a",
            groups: &["g".to_owned()],
            device: Device::Managed,
            device_name: None,
            days_used: 0,
            at,
        };
        let mut settled = policy.settle(&request).unwrap();
        let held = held_stretches(&policy, &policy.agreements[..1])[0].0;
        assert!(fits(&policy, &settled, held, &policy.agreements[0], at));
        assert!(!fits(&policy, &settled, held, &policy.agreements[1], at));
        settled.ends_at = held.end + MOMENT;
        assert!(!fits(&policy, &settled, held, &policy.agreements[0], at));
        let granted = policy.grant(&policy.settle(&request).unwrap());
        assert!(says_the_same(&granted, &policy.workstations[0]) && !says_the_same(&granted, &policy.workstations[1]));
    }
}

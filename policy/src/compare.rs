//! What a new policy changes: who gains, who loses, and what becomes of the sessions that are open.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    Decision, Device, End, Grant, NoAssistance, Policy, Reason, Request, Ruling,
    name::folded,
    prove::held_stretches,
    resolve::length,
    rule::{Agreement, Limits, Profile},
    schedule::Stretch,
};

/// The most that lies between a decision and the beginning of the session it permits.
const JUDGED_BEFORE: SignedDuration = SignedDuration::from_secs(60);

/// What a new policy changes for one worker, from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The worker, as the newer policy spells the name if it knows it.
    pub worker: String,
    /// Time in which the worker could not be connected and now may.
    pub gains: Vec<(Timestamp, Timestamp)>,
    /// Time in which the worker could be connected and now may not.
    pub loses: Vec<(Timestamp, Timestamp)>,
    /// What is different in time that both policies allow, as sentences, each with its first moment.
    pub changes: Vec<(Timestamp, String)>,
}

impl Difference {
    /// How long all that is gained lasts, and all that is lost.
    pub fn totals(&self) -> (Duration, Duration) {
        let total = |parts: &[(Timestamp, Timestamp)]| {
            let seconds = parts.iter().map(|(start, end)| end.as_second() - start.as_second()).sum::<i64>();
            Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
        };
        (total(&self.gains), total(&self.loses))
    }
}

/// A session that is open while the policy changes.
#[derive(Debug, Clone, Copy)]
pub struct Live<'a> {
    /// Who, in which groups, from which computer; `at` is the moment of the change.
    pub request: Request<'a>,
    /// What the session holds.
    pub grant: &'a Grant,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// What becomes of an open session under another policy.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "made once per open session and taken apart at once")]
pub enum Effect {
    /// It feels nothing.
    Unchanged,
    /// It goes on under this grant.
    Adjusted {
        /// What it holds from now on.
        grant: Grant,
        /// What differs, as sentences.
        changes: Vec<String>,
        /// The rules of the new policy that settled it.
        because: Vec<Ruling>,
    },
    /// It ends.
    Ended {
        /// Why.
        cause: EndCause,
        /// The rules of the new policy that settled it.
        because: Vec<Ruling>,
    },
}

/// Why an open session ends under another policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndCause {
    /// The worker would not be let in now.
    Refused(Reason),
    /// The worker would be let in to another workstation or address.
    OtherWorkstation,
    /// The session has lasted longer than it now may.
    LongestReached,
    /// A second factor is asked that the session was opened without.
    SecondFactor,
    /// A technician's session: assistance is not allowed any more.
    Assistance(NoAssistance),
}

impl Policy {
    /// What becomes of an open session under this policy.
    pub fn effect(&self, live: &Live<'_>) -> Effect {
        let explanation = self.explain(&live.request);
        let because = explanation.rulings;
        let mut grant = match explanation.decision {
            Decision::Permit(grant) => grant,
            Decision::Refuse(reason) => return Effect::Ended { cause: EndCause::Refused(reason), because },
        };
        let longest = self.longest(&live.request).and_then(|longest| SignedDuration::try_from(longest).ok());
        let oldest = longest.and_then(|longest| live.opened_at.saturating_add(longest).ok()).unwrap_or(grant.ends_at);
        // The longest session counts from its beginning, not from the change of policy.
        if oldest < grant.ends_at {
            grant.ends_at = oldest;
            grant.ends_by = End::Longest;
        }
        // A session begins a moment after it was judged: that moment is no change.
        let moved = grant.ends_at.duration_since(live.grant.ends_at).abs();
        if grant.ends_by == End::Longest && live.grant.ends_by == End::Longest && moved < JUDGED_BEFORE {
            grant.ends_at = live.grant.ends_at;
        }
        let cause = if grant.workstation != live.grant.workstation || grant.address != live.grant.address {
            Some(EndCause::OtherWorkstation)
        } else if grant.ends_at <= live.request.at {
            Some(EndCause::LongestReached)
        } else if grant.second_factor > live.grant.second_factor {
            Some(EndCause::SecondFactor)
        } else {
            None
        };
        if let Some(cause) = cause {
            return Effect::Ended { cause, because };
        }
        let changes = self.grant_changes(live.grant, &grant);
        match *live.grant == grant {
            true => Effect::Unchanged,
            false => Effect::Adjusted { grant, changes, because },
        }
    }

    fn longest(&self, request: &Request<'_>) -> Option<Duration> {
        self.settle(request).ok().map(|settled| settled.limits.longest)
    }

    pub(crate) fn grant_changes(&self, before: &Grant, after: &Grant) -> Vec<String> {
        let mut changes = Vec::new();
        let mut note = |differs: bool, what: String| {
            if differs {
                changes.push(what);
            }
        };
        note(
            before.ends_at != after.ends_at,
            format!("ends on {} instead of {}", self.clock(after.ends_at), self.clock(before.ends_at)),
        );
        note(before.services != after.services, "reaches other ports".to_owned());
        note(
            before.idle != after.idle,
            format!("idle limit {} instead of {}", length(after.idle), length(before.idle)),
        );
        for (what, before, after) in [
            ("grace", before.grace, after.grace),
            ("unused", before.unused, after.unused),
            ("unanswered", before.unanswered, after.unanswered),
        ] {
            note(before != after, format!("{what} {} instead of {}", length(after), length(before)));
        }
        note(before.profile != after.profile, format!("profile `{}` instead of `{}`", after.profile, before.profile));
        note(
            before.structure != after.structure,
            format!("structure `{}` instead of `{}`", after.structure, before.structure),
        );
        note(before.redirect != after.redirect, "other redirections".to_owned());
        // What has shown a desktop showed it under the certificate of its login: that connection stays.
        if before.certificate != after.certificate {
            note(true, format!("{}, at the next login", known_by(after.certificate)));
        }
        if before.single_sign_on != after.single_sign_on {
            note(true, format!("{}, at the next login", sign_on(after.single_sign_on)));
        }
        note(before.warnings != after.warnings, "other warnings".to_owned());
        note(before.notices != after.notices, "other notices, at the next login".to_owned());
        if before.require_post_quantum != after.require_post_quantum {
            note(true, format!("{}, at the next login", key_exchange(after.require_post_quantum)));
        }
        changes
    }

    /// What this policy changes against `old`, from a moment on: the workers who feel something, by name.
    pub fn differences(&self, old: &Self, from: Timestamp) -> Vec<Difference> {
        let keys =
            |policy: &Self| policy.workers().map(|worker| folded(worker).into_owned()).collect::<BTreeSet<String>>();
        let all: BTreeSet<String> = keys(old).into_iter().chain(keys(self)).collect();
        let differences = all.iter().map(|worker| difference(old, self, worker, from));
        differences.filter(|one| !one.gains.is_empty() || !one.loses.is_empty() || !one.changes.is_empty()).collect()
    }
}

/// One policy's side of a comparison: when a worker may be connected, and under which agreement.
struct Side<'p> {
    policy: &'p Policy,
    held: Vec<(Stretch, &'p Agreement)>,
}

impl<'p> Side<'p> {
    fn new(policy: &'p Policy, worker: &str, from: Timestamp) -> Self {
        let own = policy.agreements_named(worker);
        let mut held: Vec<(Stretch, &Agreement)> = Vec::new();
        for (stretch, agreement) in held_stretches(policy, own) {
            // Whom nothing admits whatever the hour is not connected then.
            if !agreement.phone_app || stretch.end <= from {
                continue;
            }
            let start = held.last().map_or(from, |(last, _)| last.end).max(stretch.start).max(from);
            if start < stretch.end {
                held.push((Stretch { start, end: stretch.end }, agreement));
            }
        }
        Self { policy, held }
    }

    /// The agreement that holds at `at`, and until when nothing changes.
    fn at(&self, at: Timestamp, place: &mut usize) -> (Option<&'p Agreement>, Timestamp) {
        while self.held.get(*place).is_some_and(|(stretch, _)| stretch.end <= at) {
            *place += 1;
        }
        match self.held.get(*place) {
            Some((stretch, agreement)) if stretch.start <= at => (Some(*agreement), stretch.end),
            Some((stretch, _)) => (None, stretch.start),
            None => (None, Timestamp::MAX),
        }
    }
}

fn difference(old: &Policy, new: &Policy, worker: &str, from: Timestamp) -> Difference {
    let spelt = new.agreements_named(worker).first().map(|agreement| (new, agreement));
    let spelt = spelt.or_else(|| old.agreements_named(worker).first().map(|agreement| (old, agreement)));
    let spelt = spelt.and_then(|(policy, agreement)| policy.workers.get(agreement.worker as usize));
    let mut difference = Difference {
        worker: spelt.map_or_else(|| worker.to_owned(), |worker| worker.name.to_string()),
        gains: Vec::new(),
        loses: Vec::new(),
        changes: Vec::new(),
    };
    let (before, after) = (Side::new(old, worker, from), Side::new(new, worker, from));
    let (mut before_place, mut after_place) = (0, 0);
    let mut at = from;
    while at < Timestamp::MAX {
        let (was, was_until) = before.at(at, &mut before_place);
        let (is, is_until) = after.at(at, &mut after_place);
        let until = was_until.min(is_until);
        match (was, is) {
            (None, Some(_)) => extend(&mut difference.gains, at, until),
            (Some(_), None) => extend(&mut difference.loses, at, until),
            (Some(was), Some(is)) => {
                for change in changes((before.policy, was), (after.policy, is)) {
                    if !difference.changes.iter().any(|(_, known)| *known == change) {
                        difference.changes.push((at, change));
                    }
                }
            }
            (None, None) => (),
        }
        at = until;
    }
    if !after.held.is_empty() && old.is_test_account(worker) != new.is_test_account(worker) {
        difference.changes.push((
            from,
            match new.is_test_account(worker) {
                true => "a test account: may be recorded without asking".to_owned(),
                false => "no test account any more".to_owned(),
            },
        ));
    }
    difference
}

fn extend(parts: &mut Vec<(Timestamp, Timestamp)>, start: Timestamp, end: Timestamp) {
    match parts.last_mut() {
        Some(last) if last.1 == start => last.1 = end,
        _ => parts.push((start, end)),
    }
}

/// What differs between two agreements that hold at the same moment.
fn changes(before: (&Policy, &Agreement), after: (&Policy, &Agreement)) -> Vec<String> {
    let mut changes = Vec::new();
    let workstation =
        |(policy, agreement): (&Policy, &Agreement)| policy.workstations.get(agreement.workstation as usize).cloned();
    let structure =
        |(policy, agreement): (&Policy, &Agreement)| policy.structures.get(agreement.structure as usize).cloned();
    let device = |(policy, agreement): (&Policy, &Agreement)| policy.devices.get(agreement.device? as usize).cloned();
    if let (Some(was), Some(is)) = (workstation(before), workstation(after)) {
        if was.name != is.name {
            changes.push(format!("workstation `{}` instead of `{}`", is.name, was.name));
        } else if was.address != is.address {
            changes.push(format!("workstation `{}` is at {} instead of {}", is.name, is.address, was.address));
        }
        if was.certificate != is.certificate {
            changes.push(known_by(is.certificate).to_owned());
        }
        if was.services != is.services {
            let names = |services: &[crate::Service]| {
                services.iter().map(|service| service.name.to_string()).collect::<Vec<_>>().join(", ")
            };
            let (was, is) = (names(&was.services), names(&is.services));
            changes.push(if was == is {
                format!("other ports of {is}")
            } else {
                format!("services {is} instead of {was}")
            });
        }
    }
    if structure(before) != structure(after) {
        changes.push(format!("structure `{}`", structure(after).unwrap_or_default()));
    }
    if device(before) != device(after) {
        changes.push(match device(after) {
            Some(device) => format!("only from device `{device}`"),
            None => "from any device that the profile admits".to_owned(),
        });
    }
    if before.1.quota != after.1.quota {
        changes.push("another quota of days".to_owned());
    }
    let profile = |(policy, agreement): (&Policy, &Agreement)| policy.profiles.get(agreement.profile as usize).cloned();
    if let (Some(was), Some(is)) = (profile(before), profile(after)) {
        profile_changes(&was, &is, &mut changes);
    }
    changes
}

fn profile_changes(was: &Profile, is: &Profile, changes: &mut Vec<String>) {
    let groups = |profile: &Profile| profile.groups.iter().map(|(_, folded)| folded.clone()).collect::<BTreeSet<_>>();
    if groups(was) != groups(is) {
        changes.push("other directory groups".to_owned());
    }
    for (device, name) in [(Device::Managed, "managed"), (Device::Personal, "personal")] {
        match (was.limits(device), is.limits(device)) {
            (Some(_), None) => changes.push(format!("no longer on a {name} device")),
            (None, Some(_)) => changes.push(format!("now on a {name} device too")),
            (Some(was), Some(is)) => limit_changes(was, is, name, changes),
            (None, None) => (),
        }
    }
    if was.second_login != is.second_login {
        changes.push("a second login does something else".to_owned());
    }
    if was.idle_rule != is.idle_rule {
        changes.push("the idle rule treats special cases differently".to_owned());
    }
    if was.notices != is.notices {
        changes.push("other notices".to_owned());
    }
    if was.require_post_quantum != is.require_post_quantum {
        changes.push(key_exchange(is.require_post_quantum).to_owned());
    }
}

fn key_exchange(required: bool) -> &'static str {
    if required { "a post-quantum key exchange is required" } else { "any key exchange will do" }
}

fn known_by(certificate: Option<[u8; 32]>) -> &'static str {
    if certificate.is_some() { "another certificate of the workstation" } else { "no certificate of the workstation" }
}

fn sign_on(single: bool) -> &'static str {
    if single { "the password is typed once" } else { "the password is typed twice" }
}

fn limit_changes(was: &Limits, is: &Limits, device: &str, changes: &mut Vec<String>) {
    for (what, was, is) in [
        ("idle limit", was.idle, is.idle),
        ("longest session", was.longest, is.longest),
        ("grace", was.grace, is.grace),
        ("unused", was.unused, is.unused),
        ("unanswered", was.unanswered, is.unanswered),
    ] {
        if was != is {
            changes.push(format!("{what} {} instead of {} on a {device} device", length(is), length(was)));
        }
    }
    if was.second_factor != is.second_factor {
        changes.push(format!("another second factor on a {device} device"));
    }
    if was.redirect != is.redirect {
        changes.push(format!("other redirections on a {device} device"));
    }
    if was.single_sign_on != is.single_sign_on {
        changes.push(format!("{} on a {device} device", sign_on(is.single_sign_on)));
    }
    if was.warnings != is.warnings {
        changes.push(format!("other warnings on a {device} device"));
    }
    if was.wireguard_config != is.wireguard_config {
        changes.push(format!(
            "other WireGuard programs are {} on a {device} device",
            if is.wireguard_config { "allowed" } else { "refused" }
        ));
    }
}

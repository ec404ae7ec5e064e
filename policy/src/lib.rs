//! Who may reach what, when, for how long.
//!
//! A policy is a folder of text files that an administrator writes:
//!
//! ```toml
//! timezone = "Europe/Rome"
//! holidays = ["italy", "06-24"]
//!
//! [services.rdp]
//! tcp = [3389]
//!
//! [workstations.anagrafe-07]
//! address = "10.20.3.47"
//! services = ["rdp"]
//!
//! [profiles.standard]
//! groups = ["CN=Lavoro Agile,OU=Gruppi,DC=comune,DC=example"]
//! idle = "15m"
//!
//! [[agreements]]
//! worker = "m.rossi"
//! structure = "Servizi Demografici"
//! workstation = "anagrafe-07"
//! profile = "standard"
//! from = 2026-01-01
//! until = 2026-12-31
//! days = ["Tue", "Thu"]
//! hours = "07:30-19:30"
//! ```
//!
//! [`Policy::parse`] turns the texts into a policy or tells every mistake in them; [`Policy::decide`] answers one
//! question. In between: `syntax` (text to written rules), `resolve` (written rules to rules, names to numbers),
//! `schedule` (when an agreement holds), `decide` (the answer). Around them: `explain` (what settled an answer), `check`
//! (what is allowed and hardly meant), `trial` (the policy's own tests), `prove` (that nobody ever reaches anything
//! else), `compare` (what a new policy changes, and for which live sessions),
//! `assistance` (what technicians may, with a worker's consent).
//!
//! Pure: no clock, no file, no randomness; the time zones are those built in.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )
)]

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
};

use jiff::{
    Timestamp,
    civil::{Date, Time},
};

mod assistance;
mod check;
mod compare;
mod day;
mod decide;
mod error;
mod explain;
mod grant;
mod holidays;
mod name;
mod prove;
mod request;
mod resolve;
mod rule;
mod schedule;
mod schema;
mod source;
mod syntax;
mod trial;

pub use assistance::NoAssistance;
pub use compare::{Difference, Effect, EndCause, Live};
pub use decide::{Decision, Reason};
pub use error::{Mistake, Mistakes, Severity, Style};
pub use explain::{CalendarDay, CalendarWindow, Explanation, Ruling};
pub use grant::{
    Address, End, Grant, IdleRule, Jiggler, Notice, Redirection, SecondFactor, SecondLogin, Service, USUAL_WAIT,
    UnknownClient, Wake,
};
pub use name::{composed, folded, folded_group};
pub use prove::{Counterexample, Proof};
pub use request::{Device, Request};
pub use resolve::length;
pub use rule::{Lawful, Network, Per, Quota, Retention, Role};
pub use schema::{json_schema, reference};
pub use source::{LARGEST_FILE, MOST_FILES, Place, SourceFile, Sources};

use crate::{
    assistance::Assistance,
    day::{Day, DaySet, Zone},
    rule::{Agreement, Exception, Profile, RoleRule, Workstation},
    source::Span,
    syntax::HourSets,
    trial::Trial,
};

/// A checked policy. Cheap to ask, immutable.
#[derive(Debug, Clone)]
pub struct Policy {
    zone: Zone,
    timezone: Arc<str>,
    /// On which days no window begins, exceptions apart.
    holidays: DaySet,
    holidays_span: Option<Span>,
    retention: Retention,
    networks: Vec<Network>,
    /// By folded name, where each is said.
    test_accounts: BTreeMap<Box<str>, Span>,
    lawful: Option<Lawful>,
    assistance: Option<Assistance>,
    roles: Vec<RoleRule>,
    workstations: Vec<Workstation>,
    profiles: Vec<Profile>,
    structures: Vec<Arc<str>>,
    devices: Vec<Arc<str>>,
    hours: HourSets,
    /// By worker, then as written.
    agreements: Vec<Agreement>,
    /// By folded name.
    workers: Vec<Worker>,
    by_name: HashMap<Box<str>, u32>,
    exceptions: Exceptions,
    trials: Vec<Trial>,
    hash: [u8; 32],
}

/// Somebody with agreements.
#[derive(Debug, Clone)]
struct Worker {
    name: Arc<str>,
    agreements: Range<u32>,
}

/// Exceptions, by whom they are for.
#[derive(Debug, Clone, Default)]
struct Exceptions {
    all: Vec<Exception>,
    /// The days on which any of them holds: most days are none.
    days: DaySet,
    everybody: Vec<u32>,
    /// By structure, for those that have one.
    structures: Vec<(u32, Vec<u32>)>,
    /// By worker, for those that have one.
    workers: Vec<(u32, Vec<u32>)>,
}

impl Exceptions {
    /// Those that may concern an agreement: everybody's, the structure's, the worker's, in this order.
    fn of(&self, structure: u32, worker: u32) -> impl Iterator<Item = &Exception> {
        let (structure, worker) = (own(&self.structures, structure), own(&self.workers, worker));
        self.everybody.iter().chain(structure).chain(worker).filter_map(|number| self.all.get(*number as usize))
    }
}

fn own(lists: &[(u32, Vec<u32>)], whose: u32) -> &[u32] {
    let place = lists.binary_search_by_key(&whose, |(number, _)| *number);
    place.ok().and_then(|place| lists.get(place)).map(|(_, list)| list.as_slice()).unwrap_or_default()
}

impl Policy {
    /// Reads and checks a whole policy. With a policy come the warnings about it; without one, all mistakes of all
    /// files, by file and line.
    pub fn parse(sources: &Sources) -> Result<(Self, Mistakes), Mistakes> {
        resolve::resolve(sources)
    }

    /// The SHA-256 of all files, names and texts, in name order. The same files always have the same hash.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The zone whose clock all times are read by.
    pub fn timezone(&self) -> &str {
        &self.timezone
    }

    /// What the policy's clock shows.
    pub fn local(&self, at: Timestamp) -> jiff::Zoned {
        self.zone.zoned(at)
    }

    /// How long workers' session records are kept.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// The networks in which every workstation must lie, as its name resolves too; none means that none was set.
    pub fn workstation_networks(&self) -> &[Network] {
        &self.networks
    }

    /// Whether an account is one for trials, whose sessions may be recorded (sizes and times, no content) without asking.
    pub fn is_test_account(&self, worker: &str) -> bool {
        self.test_accounts.contains_key(folded(worker).as_ref())
    }

    /// The acts that the rules rest on.
    pub fn lawful(&self) -> Option<&Lawful> {
        self.lawful.as_ref()
    }

    /// Every group that a profile or role names, as written, each once.
    pub fn groups(&self) -> Vec<Arc<str>> {
        let profiles = self.profiles.iter().flat_map(|profile| profile.groups.iter());
        let roles = self.roles.iter().map(|rule| (&rule.group, &rule.folded));
        let mut groups: Vec<(&Box<str>, &Arc<str>)> = profiles.map(|(group, folded)| (folded, group)).collect();
        groups.extend(roles.map(|(group, folded)| (folded, group)));
        groups.sort();
        groups.dedup_by_key(|(folded, _)| *folded);
        groups.into_iter().map(|(_, group)| Arc::clone(group)).collect()
    }

    /// What somebody in these groups does besides working, on that day.
    pub fn roles(&self, groups: &[String], on: Date) -> Vec<Role> {
        let folded: Vec<String> = groups.iter().map(|group| folded_group(group)).collect();
        let on = Day::from(on);
        let held = self.roles.iter().filter(|rule| rule.until.is_none_or(|until| on <= until));
        let mut roles: Vec<Role> = held
            .filter(|rule| folded.iter().any(|group| **group == *rule.folded))
            .map(|rule| rule.role.clone())
            .collect();
        roles.sort();
        roles.dedup();
        roles
    }

    /// Every structure that an agreement belongs to, each once.
    pub fn structures(&self) -> &[Arc<str>] {
        &self.structures
    }

    /// The structures that a worker's agreements belong to, whatever their dates, each once.
    pub fn structures_of(&self, worker: &str) -> Vec<Arc<str>> {
        let mut numbers: Vec<u32> = self.agreements_named(worker).iter().map(|agreement| agreement.structure).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().filter_map(|number| self.structures.get(number as usize).cloned()).collect()
    }

    /// How many agreements there are.
    pub fn agreement_count(&self) -> usize {
        self.agreements.len()
    }

    /// The workers who have agreements, by name.
    pub fn workers(&self) -> impl Iterator<Item = &str> {
        self.workers.iter().map(|worker| &*worker.name)
    }

    /// Every workstation's name and address, for whoever resolves names and holds that no two mean one computer.
    pub fn workstations(&self) -> impl Iterator<Item = (&str, &Address)> {
        self.workstations.iter().map(|workstation| (&*workstation.name, &workstation.address))
    }

    /// When the workstation of this name is to be switched off in the evening by its own task, by its own clock. None if
    /// there is no such workstation, or it stays on.
    pub fn power_off_after(&self, workstation: &str) -> Option<Time> {
        let minute = self.workstations.iter().find(|known| &*known.name == workstation)?.power_off_after?;
        let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
        Time::new(hour, minute, 0, 0).ok()
    }

    /// The quota that rules a worker's agreement on the day of `at`, and the days it counts: from the first to the
    /// last, included. [`Request::days_used`] is how many of them, that day not counted, had a session.
    pub fn quota(&self, worker: &str, at: Timestamp) -> Option<(Quota, Date, Date)> {
        let (today, _) = self.zone.local(at);
        let mut agreements = self.agreements_named(worker).iter();
        let held = |agreement: &&Agreement| agreement.from <= today && today <= agreement.until;
        let quota = agreements.find(|agreement| held(agreement) && agreement.quota.is_some())?.quota?;
        let (first, last) = period(quota.per, today);
        Some((quota, first.date(), last.date()))
    }

    /// What besides the password this worker shows before anything else is told, whatever the hour and the groups: the
    /// strictest of the agreements that hold on the day of `at`, or of all of theirs if none does. Never less than what a
    /// grant of that moment asks for.
    pub fn second_factor(&self, worker: &str, device: Device, at: Timestamp) -> SecondFactor {
        let (today, _) = self.zone.local(at);
        let agreements = self.agreements_named(worker);
        let holds = |agreement: &Agreement| agreement.from <= today && today <= agreement.until;
        let any_holds = agreements.iter().any(holds);
        let factors = agreements.iter().filter(|agreement| !any_holds || holds(agreement)).flat_map(|agreement| {
            let profile = self.profiles.get(agreement.profile as usize)?;
            // A kind of device that is not admitted is refused in due course; until then it is told as little as any.
            let limits = profile.limits(device).or(profile.managed.as_ref()).or(profile.personal.as_ref())?;
            Some(limits.second_factor)
        });
        factors.max().unwrap_or_default()
    }

    fn agreements_named(&self, worker: &str) -> &[Agreement] {
        let number = self.by_name.get(folded(worker).as_ref());
        number.map(|number| self.agreements_of(*number)).unwrap_or_default()
    }

    fn agreements_of(&self, worker: u32) -> &[Agreement] {
        let range = self
            .workers
            .get(worker as usize)
            .map(|worker| worker.agreements.start as usize..worker.agreements.end as usize);
        range.and_then(|range| self.agreements.get(range)).unwrap_or_default()
    }

    /// When the period of a quota around `at` ends.
    fn period_end(&self, quota: Quota, at: Timestamp) -> Timestamp {
        let (today, _) = self.zone.local(at);
        let (_, last) = period(quota.per, today);
        // One moment earlier, so that hours that begin with the next period are found after it.
        let end = self.zone.instant(last.plus(1), 0);
        end.saturating_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(end)
    }
}

/// The first and last day of the week or month around `day`.
fn period(per: Per, day: Day) -> (Day, Day) {
    match per {
        Per::Week => {
            let monday = day.plus(-i32::from(day.weekday()));
            (monday, monday.plus(6))
        }
        Per::Month => {
            let (year, month, _) = day.civil();
            let next = if month == 12 { Day::of_civil(year + 1, 1, 1) } else { Day::of_civil(year, month + 1, 1) };
            (Day::of_civil(year, month, 1), next.plus(-1))
        }
    }
}

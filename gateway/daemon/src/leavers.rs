//! Looks again and again at the accounts behind live sessions, and ends the sessions of those who left.
//!
//! A directory that gives no answer ends nobody before a deadline, and neither does one whose answer would end more at once than
//! leave on any day: a server that lost its entries, or an account that lost its rights, is likelier than that. Such an answer
//! is held until another server says the same.
//!
//! An answer is several: entries, then the groups that hold them. Who is renamed or moved in between is nowhere, by either name.
//! So whoever seems to have left is looked at once more, a moment later, and what is said then counts.
//!
//! ```text
//!   in order ──────────────────────────► nothing
//!   left, and left a moment later
//!                 a few at once ───────► `leaver`
//!                 many at once ────────► another server: the same ► `leaver`
//!                                                        otherwise ► as unknown
//!   unknown ───────────────────────────► alarm; after the deadline `directory_deadline`
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use gateway_api::{CloseReason, SessionNumber};
use gateway_core::Now;
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    clock, config,
    directory::{Directory, Inquiry, Left, ServerNumber, Standing, Standings},
    ledger::{Ledger, Worker},
    policy_change::PolicyChange,
};

/// The longest time between the two looks at who seems to have left.
const LONGEST_MOMENT: Duration = Duration::from_secs(2);

/// Whose the live sessions are.
type Workers = BTreeMap<SessionNumber, Worker>;

/// Looks at live sessions' accounts for as long as it is run.
#[derive(Debug)]
pub(crate) struct Leavers {
    directory: Arc<Directory>,
    change: Arc<PolicyChange>,
    ledger: Ledger,
    config: config::Leavers,
    alarm: Arc<Alarm>,
    /// When the directory last said of each session's account that it is in order.
    confirmed: BTreeMap<SessionNumber, Instant>,
}

/// Whether the directory can be relied on, for the status and whoever watches it.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Mutex<Said>);

/// What the looks at accounts came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Said {
    /// When the directory last told how all accounts of live sessions stand.
    pub(crate) answered_at: Option<Timestamp>,
    /// What is wrong at this moment.
    pub(crate) trouble: Option<Trouble>,
}

/// Since when the directory cannot be relied on, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    pub(crate) since: Timestamp,
    /// Names nobody.
    pub(crate) why: String,
}

impl Alarm {
    pub(crate) fn said(&self) -> Said {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn raise(&self, why: String) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match said.trouble.as_mut() {
            Some(trouble) => trouble.why = why,
            None => {
                tracing::error!(
                    why,
                    "how the accounts of live sessions stand is unknown: nobody is cut before the deadline"
                );
                said.trouble = Some(Trouble { since: clock::now().wall, why });
            }
        }
    }

    fn answered(&self, at: Timestamp) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.trouble.take().is_some() {
            tracing::info!("how the accounts of live sessions stand is known again");
        }
        said.answered_at = Some(at);
    }
}

impl Leavers {
    pub(crate) fn new(
        directory: Arc<Directory>,
        change: Arc<PolicyChange>,
        ledger: Ledger,
        config: config::Leavers,
        alarm: Arc<Alarm>,
    ) -> Self {
        Self { directory, change, ledger, config, alarm, confirmed: BTreeMap::new() }
    }

    /// Looks until it is dropped.
    pub(crate) async fn watch(mut self) {
        loop {
            tokio::time::sleep(pause(self.config.every)).await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let workers = self.ledger.workers();
        let now = clock::now();
        self.confirmed.retain(|number, _| workers.contains_key(number));
        for number in workers.keys() {
            self.confirmed.entry(*number).or_insert(now.instant);
        }
        if workers.is_empty() {
            return;
        }
        let groups = self.change.policy().current().groups().iter().map(ToString::to_string).collect();
        let accounts = workers.values().map(|worker| (Arc::clone(&worker.id), Arc::clone(&worker.name))).collect();
        let inquiry = Inquiry { accounts, groups, at: now.wall };
        match self.directory.standings(&inquiry).await {
            Err(why) => self.alarm.raise(why),
            Ok((mut standings, mut server)) => {
                let suspects = self.ends(&workers, &standings).await;
                match self.again(&workers, &inquiry, &suspects).await {
                    Err(why) => {
                        self.heed(&workers, &standings, &suspects, now.instant).await;
                        self.alarm.raise(why);
                    }
                    Ok(again) => {
                        if let Some((said, by)) = again {
                            standings.extend(said);
                            server = by;
                        }
                        self.act(&workers, &inquiry, &standings, server, now).await;
                    }
                }
            }
        }
        self.end_overdue(now.instant).await;
    }

    /// How those whom an answer would end stand a moment later, and which server says so; none if there are none.
    async fn again(
        &self,
        workers: &Workers,
        inquiry: &Inquiry,
        suspects: &BTreeMap<SessionNumber, &'static str>,
    ) -> Result<Option<(Standings, ServerNumber)>, String> {
        if suspects.is_empty() {
            return Ok(None);
        }
        tokio::time::sleep(moment(self.config.every)).await;
        let is_suspect = |id: &Arc<str>| workers.iter().any(|(number, w)| w.id == *id && suspects.contains_key(number));
        let mut inquiry = inquiry.clone();
        inquiry.accounts.retain(|id, _| is_suspect(id));
        self.directory.standings(&inquiry).await.map(Some)
    }

    /// Ends whom the answer ends, where it is to be believed, and heeds what it says of all others.
    async fn act(
        &mut self,
        workers: &Workers,
        inquiry: &Inquiry,
        standings: &Standings,
        server: ServerNumber,
        now: Now,
    ) {
        let suspects = self.ends(workers, standings).await;
        let (leaving, all) = (people(workers, suspects.keys()), people(workers, workers.keys()));
        let held = match is_held(leaving, all, self.config.most) {
            false => None,
            true => Some(self.second_opinion(workers, inquiry, server).await),
        };
        let believed = |number: &SessionNumber| held.as_ref().is_none_or(|(agreed, _)| agreed.contains(number));
        let ends: BTreeMap<_, _> =
            suspects.iter().filter(|(number, _)| believed(number)).map(|(number, why)| (*number, *why)).collect();
        self.end(&ends).await;
        self.heed(workers, standings, &suspects, now.instant).await;
        match held.filter(|_| ends.len() < suspects.len()) {
            None => self.alarm.answered(now.wall),
            Some((_, said)) => self.alarm.raise(format!(
                "the directory's answer would end {} of {} sessions at once: {said}",
                suspects.len(),
                workers.len()
            )),
        }
    }

    /// Whom another server would end as well, and what it says otherwise.
    async fn second_opinion(
        &self,
        workers: &Workers,
        inquiry: &Inquiry,
        first: ServerNumber,
    ) -> (BTreeSet<SessionNumber>, String) {
        match self.directory.standings_elsewhere(inquiry, first).await {
            Ok(standings) => {
                let ends = self.ends(workers, &standings).await;
                (ends.into_keys().collect(), "another server says otherwise".to_owned())
            }
            Err(why) => (BTreeSet::new(), why),
        }
    }

    /// The sessions that would end by an answer, and why.
    async fn ends(&self, workers: &Workers, standings: &Standings) -> BTreeMap<SessionNumber, &'static str> {
        let (mut ends, mut regrouped) = (BTreeMap::new(), BTreeMap::new());
        for (number, worker) in workers {
            match standings.get(&worker.id) {
                Some(Standing::Left(left)) => drop(ends.insert(*number, left.word())),
                Some(Standing::InOrder(groups)) => drop(regrouped.insert(*number, groups.clone())),
                None => drop(ends.insert(*number, Left::Removed.word())),
            }
        }
        let out = self.change.ended_by_groups(&regrouped).await;
        ends.extend(out.into_iter().map(|number| (number, "out_of_the_group")));
        ends
    }

    async fn end(&self, ends: &BTreeMap<SessionNumber, &'static str>) {
        for (number, why) in ends {
            tracing::info!(session = %number, why, "leaver");
            self.ledger.close(*number, CloseReason::Leaver).await;
        }
    }

    /// Everybody whom the answer does not end is in order, in the groups it says. Of whom it would end, but is not believed, it
    /// changes nothing.
    async fn heed(
        &mut self,
        workers: &Workers,
        standings: &Standings,
        suspects: &BTreeMap<SessionNumber, &'static str>,
        now: Instant,
    ) {
        let mut regrouped = BTreeMap::new();
        for (number, worker) in workers.iter().filter(|(number, _)| !suspects.contains_key(number)) {
            if let Some(Standing::InOrder(groups)) = standings.get(&worker.id) {
                regrouped.insert(*number, groups.clone());
                self.confirmed.insert(*number, now);
            }
        }
        self.change.regroup(regrouped).await;
    }

    async fn end_overdue(&self, now: Instant) {
        for (number, at) in &self.confirmed {
            if now.saturating_duration_since(*at) > self.config.deadline {
                tracing::warn!(session = %number, "the directory was not heard for too long");
                self.ledger.close(*number, CloseReason::DirectoryDeadline).await;
            }
        }
    }
}

/// Whose these sessions are: how many people.
fn people<'s>(workers: &Workers, sessions: impl Iterator<Item = &'s SessionNumber>) -> usize {
    let ids: BTreeSet<&str> = sessions.filter_map(|number| workers.get(number)).map(|worker| &*worker.id).collect();
    ids.len()
}

/// Whether an answer ends so many at once that it is not believed by itself. One alone always is.
fn is_held(ends: usize, live: usize, percent: u8) -> bool {
    ends > 1 && ends * 100 > live * usize::from(percent)
}

/// Between the two looks at who seems to have left: time enough for a change that a directory, or whoever keeps it, makes in
/// two steps.
fn moment(every: Duration) -> Duration {
    LONGEST_MOMENT.min(every / 10)
}

/// A little less than `every` and a moment, by chance, so that many gateways do not ask at the same moment.
fn pause(every: Duration) -> Duration {
    let mut byte = [0u8];
    // Without random bytes it is the shortest pause, which is as good.
    let _ = getrandom::fill(&mut byte);
    let [byte] = byte;
    (every - moment(every)).mul_f64(0.8 + 0.2 * f64::from(byte) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leaver_is_believed_and_many_at_once_are_not() {
        assert!(!is_held(0, 0, 20) && !is_held(1, 1, 20) && !is_held(1, 100, 0));
        assert!(!is_held(20, 100, 20) && is_held(21, 100, 20));
        assert!(is_held(2, 2, 20) && !is_held(2, 2, 100));
    }

    #[test]
    fn a_technician_with_several_sessions_is_one_leaver() {
        let worker =
            |id: &str, assists| Worker { id: id.into(), name: id.into(), groups: Arc::new([]), device: None, assists };
        let number = SessionNumber::new;
        let workers = Workers::from([
            (number(1), worker("id-1", None)),
            (number(2), worker("id-2", None)),
            (number(3), worker("id-2", Some(number(1)))),
        ]);
        assert_eq!(people(&workers, [number(2), number(3)].iter()), 1);
        assert_eq!(people(&workers, workers.keys()), 2);
    }

    #[test]
    fn looking_is_spread_and_with_the_second_look_never_later_than_said() {
        for every in [1, 10, 60, 3600].map(Duration::from_secs) {
            let moment = moment(every);
            assert!(moment > Duration::ZERO && moment <= LONGEST_MOMENT);
            for _ in 0..1000 {
                let seen_twice = pause(every) + moment;
                assert!((every.mul_f64(0.8)..=every).contains(&seen_twice), "{every:?}: {seen_twice:?}");
            }
        }
    }
}

//! What another policy does to the sessions that are open: told before it is done, braked, carried out in one step.
//!
//! A change cuts only whom it must. A session that the new policy grants as before feels nothing; one that it grants
//! otherwise goes on under the new grant; one that it does not grant ends with the reason `policy_withdrawn`. A change
//! that would end more than a set share of the live sessions is held until somebody confirms it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gateway_api::{CloseReason, SessionNumber};
use gateway_record::{Draft, Fields, Hash, Kind};
use policy::{Effect, EndCause, Grant, Live, Policy, Ruling, Sources};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::{
    clock, devices,
    ledger::{Ledger, Worker},
    policy_files::Loaded,
    policy_in_force::{self, PolicyInForce},
};

/// Changes the policy in force, one change at a time.
#[derive(Debug)]
pub(crate) struct PolicyChange {
    policy: Arc<PolicyInForce>,
    ledger: Ledger,
    /// The share of live sessions that a change may end unconfirmed, in percent.
    brake: u8,
    turn: Mutex<()>,
}

/// Whether somebody has seen whom a change ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// The brake holds.
    NotGiven,
    /// Whatever it ends is meant.
    Given,
}

/// What a change does, or would do, to the live sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Preview {
    /// Of the new policy.
    pub(crate) hash: Hash,
    /// Sessions open at this moment.
    pub(crate) live: usize,
    /// Those that end.
    pub(crate) ends: Vec<Fate>,
    /// Those that go on otherwise.
    pub(crate) changes: Vec<Fate>,
}

/// What becomes of one session, and by which rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fate {
    pub(crate) number: SessionNumber,
    pub(crate) structure: String,
    /// Sentences.
    pub(crate) what: Vec<String>,
    /// The rules of the new policy that settled it.
    pub(crate) rules: Vec<Rule>,
}

/// One rule, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rule {
    pub(crate) says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
}

/// Why a policy did not come into force.
#[derive(Debug)]
pub(crate) enum NotApplied {
    /// It cannot be used. In full, for whoever edits the files; it may name workers.
    Mistakes(String),
    /// It would end too many sessions, and nobody confirmed that.
    Braked(Preview),
    /// The gateway is stopping.
    Stopping,
}

impl PolicyChange {
    /// Over the policy in force and the sessions that live by it.
    pub(crate) fn new(policy: Arc<PolicyInForce>, ledger: Ledger, brake: u8) -> Self {
        Self { policy, ledger, brake, turn: Mutex::new(()) }
    }

    /// The policy that decides now.
    pub(crate) fn policy(&self) -> &PolicyInForce {
        &self.policy
    }

    /// What the folder, as it is now, would do. Changes nothing.
    pub(crate) async fn preview(&self) -> Result<Preview, NotApplied> {
        let loaded = self.policy.read().await.map_err(|error| NotApplied::Mistakes(error.full))?;
        let effects = self.effects(&loaded.policy).await?;
        Ok(preview(&loaded, &effects))
    }

    /// Puts the folder into force, as it is now. What stays away is recorded as well, and the last good policy stays.
    pub(crate) async fn apply(&self, consent: Consent) -> Result<Preview, NotApplied> {
        let _turn = self.turn.lock().await;
        let loaded = match self.policy.read().await {
            Ok(loaded) => loaded,
            Err(error) => {
                self.policy.reject(self.ledger.store(), error.short).await;
                return Err(NotApplied::Mistakes(error.full));
            }
        };
        let effects = self.effects(&loaded.policy).await?;
        let preview = preview(&loaded, &effects);
        if consent == Consent::NotGiven && is_braked(preview.ends.len(), preview.live, self.brake) {
            self.policy.reject(self.ledger.store(), preview.braked()).await;
            return Err(NotApplied::Braked(preview));
        }
        self.policy.take(self.ledger.store(), loaded).await;
        self.ledger.fence().policy_changed().await;
        self.carry_out(effects).await;
        // Whoever signed in between was judged by the policy before.
        let since = self.effects(&self.policy.current()).await?;
        self.carry_out(since).await;
        Ok(preview)
    }

    /// Looks again at a session that was judged by `judged_by`: another policy may have come into force meanwhile.
    pub(crate) async fn reconsider(&self, number: SessionNumber, judged_by: &Arc<Policy>) {
        let current = self.policy.current();
        if Arc::ptr_eq(&current, judged_by) {
            return;
        }
        if let Ok(mut effects) = self.effects(&current).await {
            effects.retain(|(session, ..)| *session == number);
            self.carry_out(effects).await;
        }
    }

    /// Looks again at every session that an earlier run opened, whatever policy it was judged by.
    pub(crate) async fn reconsider_all(&self) {
        if let Ok(effects) = self.effects(&self.policy.current()).await {
            self.carry_out(effects).await;
        }
    }

    /// Those of these sessions that the policy in force would end if their workers were in these groups.
    pub(crate) async fn ended_by_groups(
        &self,
        groups: &BTreeMap<SessionNumber, Vec<String>>,
    ) -> BTreeSet<SessionNumber> {
        let mut workers = self.ledger.workers();
        workers.retain(|number, worker| groups.get(number).is_some_and(|groups| **groups != *worker.groups));
        for (number, worker) in &mut workers {
            worker.groups = groups.get(number).map(|groups| groups.as_slice().into()).unwrap_or_default();
        }
        // Stopping: then nobody is judged any more.
        let effects = self.effects_of(&self.policy.current(), &workers).await.unwrap_or_default();
        let ended = effects.into_iter().filter(|(.., effect)| matches!(effect, Effect::Ended { .. }));
        ended.map(|(number, ..)| number).collect()
    }

    /// Counts workers of live sessions in other groups than before, and carries out what that means.
    pub(crate) async fn regroup(&self, groups: BTreeMap<SessionNumber, Vec<String>>) {
        let mut workers = self.ledger.workers();
        workers.retain(|number, worker| groups.get(number).is_some_and(|groups| **groups != *worker.groups));
        for (number, groups) in groups.into_iter().filter(|(number, _)| workers.contains_key(number)) {
            self.ledger.regroup(number, groups);
        }
        let mut now = self.ledger.workers();
        now.retain(|number, _| workers.contains_key(number));
        if let Ok(effects) = self.effects_of(&self.policy.current(), &now).await {
            self.carry_out(effects).await;
        }
    }

    /// What `policy` means for each live session.
    async fn effects(&self, policy: &Policy) -> Result<Vec<(SessionNumber, Arc<str>, Effect)>, NotApplied> {
        self.effects_of(policy, &self.ledger.workers()).await
    }

    /// The same for those of these workers.
    async fn effects_of(
        &self,
        policy: &Policy,
        workers: &BTreeMap<SessionNumber, Worker>,
    ) -> Result<Vec<(SessionNumber, Arc<str>, Effect)>, NotApplied> {
        if workers.is_empty() {
            return Ok(Vec::new());
        }
        let views = self.ledger.sessions().await.ok_or(NotApplied::Stopping)?;
        let at = clock::now().wall;
        let effect = |view: gateway_core::View| {
            let Worker { name, groups, device, assists, .. } = workers.get(&view.number)?;
            let request = devices::request(name, groups, device.as_ref(), at);
            let live = Live { request, grant: &view.grant, opened_at: view.opened_at };
            let effect = if assists.is_some() { policy.effect_on_assistance(&live) } else { policy.effect(&live) };
            Some((view.number, Arc::clone(&view.grant.structure), effect))
        };
        Ok(views.into_iter().filter_map(effect).collect())
    }

    async fn carry_out(&self, effects: Vec<(SessionNumber, Arc<str>, Effect)>) {
        for (number, structure, effect) in effects {
            match effect {
                Effect::Unchanged => {}
                Effect::Adjusted { grant, .. } => self.adjust(number, structure, grant).await,
                Effect::Ended { cause, .. } => {
                    // Told to its channel and recorded where every end is.
                    let _ = self.ledger.close(number, reason(&cause)).await;
                }
            }
        }
    }

    async fn adjust(&self, number: SessionNumber, structure: Arc<str>, grant: Grant) {
        let fields = Fields::default()
            .with("ends_at", grant.ends_at.to_string())
            .with("idle_s", i64::try_from(grant.idle.as_secs()).unwrap_or(i64::MAX));
        if !self.ledger.change_grant(number, grant).await {
            return;
        }
        tracing::info!(session = %number, "grant changed by the policy");
        let draft = Draft {
            session: Some(number),
            structure: Some(structure.to_string()),
            fields,
            ..Draft::new(Kind::GrantChanged, clock::now().wall)
        };
        policy_in_force::record(self.ledger.store(), draft).await;
    }
}

impl Preview {
    /// Why it was held, in words without names.
    pub(crate) fn braked(&self) -> String {
        format!(
            "it would end {} of {} live sessions: look at `policy apply --dry-run`, and confirm with `policy apply --yes`",
            self.ends.len(),
            self.live
        )
    }
}

fn preview(loaded: &Loaded, effects: &[(SessionNumber, Arc<str>, Effect)]) -> Preview {
    let mut preview = Preview { hash: Hash(loaded.hash), live: effects.len(), ends: Vec::new(), changes: Vec::new() };
    for (number, structure, effect) in effects {
        let fate = |what, because: &[Ruling]| Fate {
            number: *number,
            structure: structure.to_string(),
            what,
            rules: because.iter().map(|ruling| rule(ruling, &loaded.sources)).collect(),
        };
        match effect {
            Effect::Unchanged => {}
            Effect::Adjusted { changes, because, .. } => preview.changes.push(fate(changes.clone(), because)),
            Effect::Ended { cause, because } => preview.ends.push(fate(vec![words(cause)], because)),
        }
    }
    preview
}

fn rule(ruling: &Ruling, sources: &Sources) -> Rule {
    Rule { says: ruling.says.clone(), place: ruling.place(sources).map(|place| place.to_string()) }
}

/// Whether a change ends more of the live sessions than it may without being confirmed.
fn is_braked(ends: usize, live: usize, percent: u8) -> bool {
    ends * 100 > live * usize::from(percent)
}

fn reason(cause: &EndCause) -> CloseReason {
    match cause {
        EndCause::LongestReached => CloseReason::LongestSession,
        EndCause::Refused(_) | EndCause::OtherWorkstation | EndCause::SecondFactor | EndCause::Assistance(_) => {
            CloseReason::PolicyWithdrawn
        }
    }
}

fn words(cause: &EndCause) -> String {
    match cause {
        EndCause::Refused(reason) => reason.to_string(),
        EndCause::OtherWorkstation => "the worker is granted another workstation or address".to_owned(),
        EndCause::LongestReached => "the session has lasted longer than it now may".to_owned(),
        EndCause::Assistance(why) => why.to_string(),
        EndCause::SecondFactor => "a second factor is asked that the session was opened without".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brake_holds_beyond_the_share_and_not_at_it() {
        assert!(!is_braked(0, 0, 20));
        assert!(!is_braked(0, 10, 0));
        assert!(is_braked(1, 10, 0));
        assert!(!is_braked(2, 10, 20));
        assert!(is_braked(3, 10, 20));
        assert!(!is_braked(10, 10, 100));
    }
}

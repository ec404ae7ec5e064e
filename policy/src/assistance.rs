//! Assistance: who may reach a worker's workstation with that worker's consent, what of it, and for how long.
//!
//! A technician holds no agreement. What they are granted is made from the grant that the worker's own session holds, and
//! never more: the same workstation, and no longer than the worker is there.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    Effect, End, EndCause, Grant, IdleRule, Live, Mistakes, Policy, Role, Ruling, SecondFactor, SecondLogin, Service,
    UnknownClient,
    error::{Mistake, typed},
    name::folded_group,
    resolve::length,
    rule::RoleRule,
    source::Span,
};

/// The shortest `longest`, and the longest.
pub(crate) const SHORTEST: Duration = Duration::from_secs(60);
pub(crate) const LONGEST: Duration = Duration::from_secs(2 * 3600);
/// What `longest` is where it is left out.
pub(crate) const USUAL: Duration = Duration::from_secs(30 * 60);

/// Longer than any assistance lasts: idleness ends none.
const NEVER_IDLE: Duration = Duration::from_secs(24 * 3600);

/// `[assistance]`: what technicians reach, and for how long at most.
#[derive(Debug, Clone)]
pub(crate) struct Assistance {
    /// Of the worker's workstation, in the order written; never empty.
    pub(crate) services: Arc<[Service]>,
    pub(crate) longest: Duration,
    pub(crate) span: Span,
}

impl Assistance {
    /// What is left of a service that a worker consented to.
    fn narrowed(&self, held: &Service) -> Option<Service> {
        let now = self.services.iter().find(|service| service.name == held.name)?;
        let both =
            |held: &[u16], now: &[u16]| held.iter().copied().filter(|port| now.contains(port)).collect::<Vec<_>>();
        let (tcp, udp) = (both(&held.tcp, &now.tcp), both(&held.udp, &now.udp));
        let echo = held.echo && now.echo;
        (!tcp.is_empty() || !udp.is_empty() || echo).then(|| Service { tcp, udp, echo, ..held.clone() })
    }
}

/// Why somebody may not assist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAssistance {
    /// They are no technician, or not any more.
    NotTechnician,
    /// The policy has no `[assistance]`.
    NotProvided,
    /// It has one, of nothing that the worker consented to.
    OtherServices,
}

impl std::fmt::Display for NoAssistance {
    /// One sentence for administrators.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotTechnician => "no role lets this person assist on this day",
            Self::NotProvided => "the policy has no `[assistance]`",
            Self::OtherServices => "`[assistance]` names nothing any more that the worker consented to",
        })
    }
}

impl Policy {
    /// For how long at most somebody in these groups may assist from that moment on: no longer than their role lasts.
    pub fn may_assist(&self, groups: &[String], at: Timestamp) -> Result<Duration, NoAssistance> {
        let (today, _) = self.zone.local(at);
        let ends = self
            .assisting_roles(groups)
            .map(|rule| rule.until)
            .filter(|until| until.is_none_or(|until| today <= until));
        // None, no end, is the latest of all.
        let end = ends.max_by_key(|until| (until.is_none(), *until)).ok_or(NoAssistance::NotTechnician)?;
        let longest = self.assistance.as_ref().ok_or(NoAssistance::NotProvided)?.longest;
        let left = end.map(|last| self.zone.instant(last.plus(1), 0).duration_since(at));
        Ok(left.map_or(longest, |left| Duration::try_from(left).unwrap_or_default().min(longest)))
    }

    /// What a technician holds from `at` on, for `span` (as [`Policy::may_assist`] allows): the workstation of a worker whose
    /// session holds `worker`, for no longer than that.
    pub fn assist(&self, worker: &Grant, at: Timestamp, span: Duration) -> Result<Grant, NoAssistance> {
        let assistance = self.assistance.as_ref().ok_or(NoAssistance::NotProvided)?;
        let asked = SignedDuration::try_from(span).ok().and_then(|span| at.checked_add(span).ok());
        let (ends_at, ends_by) = match asked {
            Some(asked) if asked <= worker.ends_at => (asked, End::Longest),
            Some(_) | None => (worker.ends_at, worker.ends_by),
        };
        let lasts = Duration::try_from(ends_at.duration_since(at)).unwrap_or_default();
        Ok(Grant {
            services: assistance.services.to_vec(),
            idle: NEVER_IDLE,
            ends_at,
            ends_by,
            second_login: SecondLogin::Refuse,
            second_factor: SecondFactor::Totp,
            redirect: Vec::new(),
            // A password of their own is none of another's workstation.
            single_sign_on: false,
            wireguard_config: false,
            // A warning of what has just begun would be none.
            warnings: worker.warnings.iter().copied().filter(|warning| *warning < lasts).collect(),
            idle_rule: IdleRule { unknown_client: UnknownClient::LongestOnly, ..IdleRule::default() },
            // Whoever is assisted has woken it.
            wake: None,
            notices: Vec::new(),
            ..worker.clone()
        })
    }

    /// What becomes of a technician's session under this policy. Of the worker's own session, whose end is its end too, another
    /// answer tells.
    pub fn effect_on_assistance(&self, live: &Live<'_>) -> Effect {
        let Live { request, grant: held, opened_at } = live;
        let because = self.assistance_rulings(request.groups);
        let (assistance, left) = match (&self.assistance, self.may_assist(request.groups, request.at)) {
            (Some(assistance), Ok(left)) => (assistance, left),
            (_, Err(why)) => return Effect::Ended { cause: EndCause::Assistance(why), because },
            (None, Ok(_)) => return Effect::Ended { cause: EndCause::Assistance(NoAssistance::NotProvided), because },
        };
        let after = |start: Timestamp, span: Duration| {
            SignedDuration::try_from(span).ok().and_then(|span| start.checked_add(span).ok()).unwrap_or(held.ends_at)
        };
        let oldest = after(*opened_at, assistance.longest).min(after(request.at, left));
        // What the worker was not asked for is not added.
        let services: Vec<Service> = held.services.iter().filter_map(|held| assistance.narrowed(held)).collect();
        if services.is_empty() {
            return Effect::Ended { cause: EndCause::Assistance(NoAssistance::OtherServices), because };
        }
        let mut grant = Grant { services, ..(*held).clone() };
        if oldest < held.ends_at {
            (grant.ends_at, grant.ends_by) = (oldest, End::Longest);
        }
        if grant.ends_at <= request.at {
            return Effect::Ended { cause: EndCause::LongestReached, because };
        }
        match grant == **held {
            true => Effect::Unchanged,
            false => Effect::Adjusted { changes: self.grant_changes(held, &grant), grant, because },
        }
    }

    /// The rules that let somebody in these groups assist, on some day.
    fn assisting_roles(&self, groups: &[String]) -> impl Iterator<Item = &RoleRule> {
        let folded: Vec<String> = groups.iter().map(|group| folded_group(group)).collect();
        let roles = self.roles.iter().filter(|rule| rule.role.assists());
        roles.filter(move |rule| folded.iter().any(|group| **group == *rule.folded))
    }

    /// `[assistance]`, and the roles that let somebody in these groups assist.
    fn assistance_rulings(&self, groups: &[String]) -> Vec<Ruling> {
        let table = self.assistance.iter().map(|assistance| {
            let says = format!("technicians assist for {} at most", length(assistance.longest));
            Ruling::at(says, assistance.span)
        });
        let roles = self.assisting_roles(groups).map(|rule| {
            let until = rule.until.map(|until| format!(" until {until}")).unwrap_or_default();
            Ruling::at(format!("group {} assists{until}", typed(&rule.group)), rule.span)
        });
        table.chain(roles).collect()
    }

    /// Warns of technicians without `[assistance]`, and of `[assistance]` without technicians.
    pub(crate) fn check_assistance(&self, mistakes: &mut Mistakes) {
        let technicians = self.roles.iter().find(|rule| rule.role.assists());
        match (technicians, &self.assistance) {
            (Some(rule), None) => {
                let mistake = Mistake::warning(rule.span, "technicians are named, and nothing says what they reach");
                mistakes
                    .push(mistake.label("assists nobody").advice("write `[assistance]` with `services = [\"vnc\"]`"));
            }
            (None, Some(assistance)) => {
                let mistake = Mistake::warning(assistance.span, "nobody may assist").label("never used");
                mistakes.push(mistake.advice("name a directory group under `technicians` in `[roles]`"));
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

impl Role {
    /// Whether whoever holds it assists workers.
    fn assists(&self) -> bool {
        matches!(self, Self::Technician | Self::ExternalTechnician)
    }
}

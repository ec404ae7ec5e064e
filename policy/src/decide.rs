//! The answer: a grant, or the reason why not.
//!
//! Total: any request of any moment gets an answer. What is asked comes in an order that tells a worker the obstacle
//! that will not pass by waiting before the one that will: agreement, dates, group, device, phone app, then the day and
//! the hours, then the quota.

use std::fmt;

use jiff::{SignedDuration, Timestamp, civil::Date};

use crate::{
    Device, End, Grant, Policy, Quota, Request,
    day::Day,
    name::{folded, folded_group},
    rule::{Agreement, Limits, Per, Profile, Workstation},
    schedule::Off,
};

/// What the policy answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "made once per login and taken apart at once")]
pub enum Decision {
    /// The session may open, so far and no further.
    Permit(Grant),
    /// It may not.
    Refuse(Reason),
}

/// Why a session may not open. Where it helps to wait, when it would open: `next` is the next moment at which the
/// hours begin, looked for over the next 400 days, whatever else may then stand in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The worker has no agreement.
    NoAgreement,
    /// The agreement begins later.
    NotYet {
        /// Its first day.
        from: Date,
        /// When its first hours begin.
        next: Option<Timestamp>,
    },
    /// The agreement is over.
    Over {
        /// Its last day.
        until: Date,
    },
    /// The worker is in none of the profile's groups.
    WrongGroup,
    /// The kind of home computer is not admitted, or it is not the one the agreement names.
    Device {
        /// The kind that was used.
        device: Device,
        /// Whether another computer of the same kind is named.
        another: bool,
    },
    /// The phone app, a condition of the agreement, is not installed.
    PhoneApp,
    /// The worker's agreement is suspended.
    Suspended {
        /// When its hours begin again.
        next: Option<Timestamp>,
    },
    /// The office or the structure is closed to work from home.
    Closed {
        /// When the hours begin again.
        next: Option<Timestamp>,
    },
    /// It is a holiday.
    Holiday {
        /// When the hours begin again.
        next: Option<Timestamp>,
    },
    /// It is not one of the agreed days or hours.
    OutsideHours {
        /// When the hours begin.
        next: Option<Timestamp>,
    },
    /// The days of the week or month are used up.
    Quota {
        /// What was agreed.
        quota: Quota,
        /// When the hours begin in the next period.
        next: Option<Timestamp>,
    },
}

impl Reason {
    /// The word in tests, JSON and records.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoAgreement => "no_agreement",
            Self::NotYet { .. } => "not_yet",
            Self::Over { .. } => "over",
            Self::WrongGroup => "wrong_group",
            Self::Device { .. } => "device",
            Self::PhoneApp => "phone_app",
            Self::Suspended { .. } => "suspended",
            Self::Closed { .. } => "closed",
            Self::Holiday { .. } => "holiday",
            Self::OutsideHours { .. } => "outside_hours",
            Self::Quota { .. } => "quota",
        }
    }

    /// When the hours next begin, where that is what is waited for.
    pub fn next(&self) -> Option<Timestamp> {
        match self {
            Self::NotYet { next, .. }
            | Self::Suspended { next }
            | Self::Closed { next }
            | Self::Holiday { next }
            | Self::OutsideHours { next }
            | Self::Quota { next, .. } => *next,
            Self::NoAgreement | Self::Over { .. } | Self::WrongGroup | Self::Device { .. } | Self::PhoneApp => None,
        }
    }
}

impl fmt::Display for Reason {
    /// One sentence for administrators; moments are told by who knows the zone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAgreement => f.write_str("no agreement names this worker"),
            Self::NotYet { from, .. } => write!(f, "the agreement begins on {from}"),
            Self::Over { until } => write!(f, "the agreement ended on {until}"),
            Self::WrongGroup => f.write_str("the worker is in none of the groups that the profile asks for"),
            Self::Device { another: true, .. } => f.write_str("the agreement names another computer"),
            Self::Device { device: Device::Managed, .. } => f.write_str("the profile does not admit managed devices"),
            Self::Device { device: Device::Personal, .. } => f.write_str("no personal device is admitted"),
            Self::PhoneApp => f.write_str("the phone app, a condition of the agreement, is not installed"),
            Self::Suspended { .. } => f.write_str("the worker's agreement is suspended"),
            Self::Closed { .. } => f.write_str("nobody works from home on this day"),
            Self::Holiday { .. } => f.write_str("it is a holiday"),
            Self::OutsideHours { .. } => f.write_str("it is outside the agreed days and hours"),
            Self::Quota { quota, .. } => {
                let per = if quota.per == Per::Week { "week" } else { "month" };
                write!(f, "the {} days of this {per} are used up", quota.days)
            }
        }
    }
}

impl Policy {
    /// Whether this request may open a session, and which.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        match self.settle(request) {
            Ok(settled) => Decision::Permit(self.grant(&settled)),
            Err((reason, _)) => Decision::Refuse(reason),
        }
    }

    /// The agreement that permits, or the reason and the agreement that came nearest.
    pub(crate) fn settle<'p>(&'p self, request: &Request<'_>) -> Result<Settled<'p>, (Reason, Option<&'p Agreement>)> {
        self.settle_among(self.agreements_named(request.worker), request)
    }

    /// The same, for somebody whose agreements are known.
    pub(crate) fn settle_among<'p>(
        &'p self,
        agreements: &'p [Agreement],
        request: &Request<'_>,
    ) -> Result<Settled<'p>, (Reason, Option<&'p Agreement>)> {
        let (today, _) = self.zone.local(request.at);
        let mut refused: Option<(Reason, &Agreement)> = None;
        for agreement in agreements.iter().filter(|agreement| agreement.from <= today && today <= agreement.until) {
            let (reason, passing) = match self.try_agreement(agreement, request) {
                Ok(settled) => return Ok(settled),
                Err(Refused::Here(reason)) => (reason, false),
                Err(Refused::Now(off)) => (self.why_now(agreements, off, request.at), true),
            };
            // Of several agreements the one that holds at this hour tells the true obstacle.
            if refused.is_none() || !passing {
                refused = Some((reason, agreement));
            }
        }
        match refused {
            Some((reason, agreement)) => Err((reason, Some(agreement))),
            None => Err(self.not_today(agreements, today, request.at)),
        }
    }

    fn try_agreement<'p>(&'p self, agreement: &'p Agreement, request: &Request<'_>) -> Result<Settled<'p>, Refused> {
        let profile = self.profiles.get(agreement.profile as usize);
        let workstation = self.workstations.get(agreement.workstation as usize);
        let Some((profile, workstation)) = profile.zip(workstation) else {
            return Err(Refused::Here(Reason::NoAgreement));
        };
        if !in_a_group(profile, request.groups) {
            return Err(Refused::Here(Reason::WrongGroup));
        }
        let limits = self.limits(agreement, profile, request)?;
        if !agreement.phone_app {
            return Err(Refused::Here(Reason::PhoneApp));
        }
        let longest =
            request.at.saturating_add(SignedDuration::try_from(limits.longest).unwrap_or(SignedDuration::MAX));
        let longest = longest.unwrap_or(Timestamp::MAX);
        let Some(held_until) = self.held_until(agreement, request.at, longest) else {
            let (today, _) = self.zone.local(request.at);
            return Err(Refused::Now(self.plan(agreement, today).off));
        };
        if let Some(quota) = agreement.quota.filter(|quota| request.days_used >= u32::from(quota.days)) {
            let next = self.next_start(agreement, self.period_end(quota, request.at));
            return Err(Refused::Here(Reason::Quota { quota, next }));
        }
        let (ends_at, ends_by) = match held_until <= longest {
            true => (held_until, End::Agreement),
            false => (longest, End::Longest),
        };
        Ok(Settled { agreement, profile, limits, workstation, ends_at, ends_by })
    }

    fn limits<'p>(
        &self,
        agreement: &Agreement,
        profile: &'p Profile,
        request: &Request<'_>,
    ) -> Result<&'p Limits, Refused> {
        let device = request.device;
        let limits = profile.limits(device).ok_or(Refused::Here(Reason::Device { device, another: false }))?;
        let Some(named) = agreement.device.and_then(|number| self.devices.get(number as usize)) else {
            return Ok(limits);
        };
        let is_named = request.device_name.is_some_and(|name| folded(name) == folded(named));
        match device {
            Device::Managed if is_named => Ok(limits),
            Device::Managed => Err(Refused::Here(Reason::Device { device, another: true })),
            Device::Personal => Err(Refused::Here(Reason::Device { device, another: false })),
        }
    }

    fn why_now(&self, agreements: &[Agreement], off: Option<Off>, at: Timestamp) -> Reason {
        let next = agreements.iter().filter_map(|agreement| self.next_start(agreement, at)).min();
        match off {
            Some(Off::Suspended) => Reason::Suspended { next },
            Some(Off::Closed) => Reason::Closed { next },
            Some(Off::Holiday) => Reason::Holiday { next },
            Some(Off::OutsideDates) | None => Reason::OutsideHours { next },
        }
    }

    /// No agreement holds on this day.
    fn not_today<'p>(
        &'p self,
        agreements: &'p [Agreement],
        today: Day,
        at: Timestamp,
    ) -> (Reason, Option<&'p Agreement>) {
        let coming =
            agreements.iter().filter(|agreement| agreement.from > today).min_by_key(|agreement| agreement.from);
        if let Some(coming) = coming {
            let next = agreements.iter().filter_map(|agreement| self.next_start(agreement, at)).min();
            return (Reason::NotYet { from: coming.from.date(), next }, Some(coming));
        }
        match agreements.iter().max_by_key(|agreement| agreement.until) {
            Some(last) => (Reason::Over { until: last.until.date() }, Some(last)),
            None => (Reason::NoAgreement, None),
        }
    }

    pub(crate) fn grant(&self, settled: &Settled<'_>) -> Grant {
        let Settled { profile, limits, workstation, .. } = *settled;
        Grant {
            workstation: workstation.name.clone(),
            address: workstation.address.clone(),
            services: workstation.services.to_vec(),
            structure: self.structures.get(settled.agreement.structure as usize).cloned().unwrap_or_else(|| "".into()),
            profile: profile.name.clone(),
            idle: limits.idle,
            ends_at: settled.ends_at,
            ends_by: settled.ends_by,
            grace: limits.grace,
            unused: limits.unused,
            unanswered: limits.unanswered,
            second_login: profile.second_login,
            second_factor: limits.second_factor,
            redirect: limits.redirect.clone(),
            single_sign_on: limits.single_sign_on,
            wireguard_config: limits.wireguard_config,
            warnings: limits.warnings.clone(),
            idle_rule: profile.idle_rule,
            wake: workstation.wake,
            certificate: workstation.certificate,
            require_post_quantum: profile.require_post_quantum,
            notices: profile.notices.clone(),
        }
    }
}

/// What permits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settled<'p> {
    pub(crate) agreement: &'p Agreement,
    pub(crate) profile: &'p Profile,
    pub(crate) limits: &'p Limits,
    pub(crate) workstation: &'p Workstation,
    pub(crate) ends_at: Timestamp,
    pub(crate) ends_by: End,
}

/// Why one agreement does not permit.
enum Refused {
    /// For a reason that this hour does not change.
    Here(Reason),
    /// Because it does not hold at this hour.
    Now(Option<Off>),
}

fn in_a_group(profile: &Profile, groups: &[String]) -> bool {
    groups.iter().any(|group| {
        let exact = profile.groups.iter().any(|(written, _)| **written == **group);
        exact || {
            let group = folded_group(group);
            profile.groups.iter().any(|(_, folded)| **folded == *group)
        }
    })
}

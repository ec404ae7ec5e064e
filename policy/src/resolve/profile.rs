//! Profiles: whom they are for, and limits that a personal device only tightens.

use std::{ops::Range, sync::Arc, time::Duration};

use super::{Declared, Resolver, length};
use crate::{
    Device, IdleRule, Notice, SecondFactor, USUAL_WAIT,
    error::{Mistake, typed},
    name::folded_group,
    rule::{Limits, Profile},
    source::{At, Span},
    syntax::{LimitsWritten, ProfileWritten, Written},
};

/// Notices of one profile.
const MOST_NOTICES: usize = 8;

impl Resolver<'_> {
    pub(super) fn profiles(
        &mut self,
        written: &mut Written,
        notices: &Declared<Arc<Notice>>,
    ) -> (Vec<Profile>, Declared<u32>) {
        let mut profiles = Vec::with_capacity(written.profiles.len());
        let mut declared = Declared::new("profile");
        for profile in written.profiles.drain(..) {
            let number = u32::try_from(profiles.len()).unwrap_or(u32::MAX);
            declared.add(profile.name.clone(), number, self.mistakes);
            profiles.push(self.profile(profile, notices));
        }
        (profiles, declared)
    }

    fn profile(&mut self, written: ProfileWritten, notices: &Declared<Arc<Notice>>) -> Profile {
        let groups = self.profile_groups(&written);
        let devices =
            written.devices.as_ref().map(|devices| devices.value.iter().map(|device| device.value).collect::<Vec<_>>());
        if let Some(listed) = written.devices.as_ref().filter(|devices| devices.value.is_empty()) {
            let mistake = Mistake::error(listed.span, "a profile that admits no device").label("nobody could sign in");
            self.mistakes.push(mistake.advice("write `devices = [\"managed\", \"personal\"]`").follows());
        }
        let admits = |device| devices.as_ref().is_none_or(|devices| devices.contains(&device));
        let managed = self.limits(&written);
        let personal = match &written.personal {
            Some(tighter) if !admits(Device::Personal) => {
                let mistake =
                    Mistake::error(tighter.span, "limits of personal devices, which the profile does not admit");
                self.mistakes.push(mistake.label("never used").advice("remove them, or add `personal` to `devices`"));
                managed.clone()
            }
            Some(tighter) => self.tightened(&managed, tighter),
            None => managed.clone(),
        };
        if let Some(listed) = written.notices.as_ref().filter(|notices| notices.value.len() > MOST_NOTICES) {
            let mistake = Mistake::error(listed.span, format!("more than {MOST_NOTICES} notices"));
            self.mistakes.push(mistake.label("nobody reads so many").advice("put them together in fewer texts"));
        }
        let listed_notices = written.notices.map(|notices| notices.value).unwrap_or_default();
        Profile {
            name: written.name.value.into(),
            groups,
            managed: admits(Device::Managed).then_some(managed),
            personal: admits(Device::Personal).then_some(Limits { wireguard_config: false, ..personal }),
            second_login: written.second_login.map(|word| word.value).unwrap_or_default(),
            idle_rule: IdleRule {
                unknown_client: written.unknown_client.map(|word| word.value).unwrap_or_default(),
                jiggler: written.jiggler.map(|word| word.value).unwrap_or_default(),
                dry_run: written.dry_run.is_some_and(|dry_run| dry_run.value),
            },
            require_post_quantum: written.require_post_quantum.is_some_and(|required| required.value),
            notices: listed_notices
                .iter()
                .filter_map(|name| notices.find(&name.value, name.span, self.mistakes).cloned())
                .collect(),
            span: written.span,
            personal_span: written.personal.map(|personal| personal.span),
        }
    }

    fn profile_groups(&mut self, written: &ProfileWritten) -> Vec<(Arc<str>, Box<str>)> {
        let Some(listed) = &written.groups else { return Vec::new() };
        if listed.value.is_empty() {
            let mistake = Mistake::error(listed.span, format!("profile {} has no group", typed(&written.name.value)));
            self.mistakes.push(
                mistake.label("nobody would be in it").advice("name the directory group of those who work from home"),
            );
        }
        let mut groups: Vec<(Arc<str>, Box<str>)> = Vec::with_capacity(listed.value.len());
        for group in &listed.value {
            let folded = folded_group(&group.value).into_boxed_str();
            if groups.iter().any(|(_, other)| *other == folded) {
                self.mistakes.push(Mistake::error(group.span, "a group is listed twice").label("said before"));
                continue;
            }
            groups.push((group.value.as_str().into(), folded));
        }
        groups
    }

    fn limits(&mut self, written: &ProfileWritten) -> Limits {
        const MINUTE: Duration = Duration::from_secs(60);
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let said = &written.limits;
        let limits = Limits {
            idle: self.within("idle", said.idle, MINUTE..DAY, 15 * MINUTE),
            longest: self.within("longest", said.longest, MINUTE..DAY, 600 * MINUTE),
            grace: self.within("grace", said.grace, Duration::ZERO..60 * MINUTE, 2 * MINUTE),
            unused: self.within("unused", said.unused, MINUTE..DAY, USUAL_WAIT),
            unanswered: self.within("unanswered", said.unanswered, MINUTE..DAY, USUAL_WAIT),
            second_factor: said.second_factor.map(|word| word.value).unwrap_or_default(),
            redirect: self.redirections(said).unwrap_or_default(),
            single_sign_on: said.single_sign_on.is_some_and(|allowed| allowed.value),
            warnings: self.warnings(written, 15 * MINUTE, DAY),
            wireguard_config: written.wireguard_config.is_some_and(|allowed| allowed.value),
        };
        self.too_short(said);
        limits
    }

    pub(super) fn within(
        &mut self,
        key: &str,
        said: Option<At<Duration>>,
        range: Range<Duration>,
        default: Duration,
    ) -> Duration {
        let Some(said) = said else { return default };
        if said.value < range.start || range.end < said.value {
            let (least, most) = (length(range.start), length(range.end));
            let mistake = Mistake::error(said.span, format!("`{key}` is between {least} and {most}"));
            self.mistakes.push(mistake.label(if said.value < range.start { "shorter" } else { "longer" }));
        }
        said.value
    }

    fn redirections(&mut self, said: &LimitsWritten) -> Option<Vec<crate::Redirection>> {
        let listed = said.redirect.as_ref()?;
        let mut redirections: Vec<crate::Redirection> = Vec::with_capacity(listed.value.len());
        for redirection in &listed.value {
            if redirections.contains(&redirection.value) {
                self.mistakes.push(Mistake::error(redirection.span, "listed twice").label("said before"));
                continue;
            }
            redirections.push(redirection.value);
        }
        redirections.sort_unstable();
        Some(redirections)
    }

    fn warnings(&mut self, written: &ProfileWritten, longest_default: Duration, most: Duration) -> Vec<Duration> {
        let Some(listed) = &written.warnings else {
            return vec![longest_default, longest_default / 3, longest_default / 15];
        };
        for (place, warning) in listed.value.iter().enumerate() {
            self.within("warnings", Some(*warning), Duration::from_secs(1)..most, most);
            if listed.value.iter().take(place).any(|other| other.value == warning.value) {
                self.mistakes.push(Mistake::error(warning.span, "a warning is listed twice").label("said before"));
            }
        }
        let mut warnings: Vec<Duration> = listed.value.iter().map(|warning| warning.value).collect();
        warnings.sort_unstable_by(|one, other| other.cmp(one));
        warnings.dedup();
        warnings
    }

    /// The limits of a personal device: the profile's, but for what is tighter.
    fn tightened(&mut self, limits: &Limits, tighter: &At<LimitsWritten>) -> Limits {
        let said = &tighter.value;
        let mut personal = limits.clone();
        personal.idle = self.shorter("idle", said.idle, limits.idle);
        personal.longest = self.shorter("longest", said.longest, limits.longest);
        personal.grace = self.shorter("grace", said.grace, limits.grace);
        personal.unused = self.shorter("unused", said.unused, limits.unused);
        personal.unanswered = self.shorter("unanswered", said.unanswered, limits.unanswered);
        if let Some(factor) = said.second_factor {
            if limits.second_factor == SecondFactor::Totp && factor.value == SecondFactor::None {
                self.loosened(factor.span, "second_factor");
            }
            personal.second_factor = factor.value;
        }
        if let Some(redirections) = self.redirections(said) {
            let listed = said.redirect.iter().flat_map(|listed| &listed.value);
            let foreign: Vec<Span> =
                listed.filter(|one| !limits.redirect.contains(&one.value)).map(|one| one.span).collect();
            foreign.into_iter().for_each(|span| self.loosened(span, "redirect"));
            personal.redirect = redirections;
        }
        if let Some(allowed) = said.single_sign_on {
            if allowed.value && !limits.single_sign_on {
                self.loosened(allowed.span, "single_sign_on");
            }
            personal.single_sign_on = allowed.value;
        }
        self.too_short(said);
        personal
    }

    /// Warns of limits that are allowed, and end the sessions of people who do nothing wrong.
    fn too_short(&mut self, said: &LimitsWritten) {
        for (said, least, what, advice) in [
            (
                said.idle,
                300,
                "an idle limit under five minutes ends sessions of people who read",
                "write `\"5m\"` or more",
            ),
            (
                said.unanswered,
                180,
                "an `unanswered` under three minutes ends sessions whose workstation restarts",
                "write `\"3m\"` or more",
            ),
        ] {
            if let Some(said) = said.filter(|said| said.value < Duration::from_secs(least)) {
                self.mistakes.push(Mistake::warning(said.span, what).advice(advice));
            }
        }
    }

    fn shorter(&mut self, key: &'static str, said: Option<At<Duration>>, limit: Duration) -> Duration {
        let Some(said) = said else { return limit };
        if said.value > limit {
            self.loosened(said.span, key);
        }
        let least = if key == "grace" { Duration::ZERO } else { Duration::from_secs(60) };
        self.within(key, Some(said), least..Duration::MAX, limit)
    }

    fn loosened(&mut self, span: Span, key: &str) {
        let mistake = Mistake::error(span, format!("`{key}` is looser on a personal device than in the profile"));
        self.mistakes.push(mistake.label("may only be tighter").advice("loosen the profile, or tighten this"));
    }
}

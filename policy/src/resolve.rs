//! What the files mean: written rules to rules, names to numbers, with all mistakes of all files in one go.
//!
//! In the order of dependence: services, workstations, notices, profiles, agreements, exceptions, roles. What is
//! missing or wrong was or is reported, and the rest is looked at all the same.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use sha2::{Digest, Sha256};

use crate::{
    Address, Device, Exceptions, IdleRule, Lawful, Mistakes, Notice, Policy, Retention, Role, SecondFactor, Service,
    Sources, Wake, Worker,
    day::{DAY, Day, DaySet, Window, Zone},
    error::{Mistake, any_of, typed},
    holidays::{self, Holidays},
    name::{folded, folded_group, meant},
    rule::{Agreement, Change, Exception, Limits, Profile, RoleRule, Workstation},
    source::{At, Span},
    syntax::{
        self, AgreementWritten, ExceptionWritten, HolidayWritten, HourSets, LimitsWritten, Name, NoticeWritten,
        ProfileWritten, TestWritten, WorkstationWritten, Written,
    },
    trial::{Expected, Trial},
    unacted::Unacted,
};

/// Reads, resolves and checks.
pub(crate) fn resolve(sources: &Sources) -> Result<(Policy, Mistakes), Mistakes> {
    let mut mistakes = Mistakes::default();
    let written = syntax::read(sources, &mut mistakes);
    let policy = Resolver { sources, mistakes: &mut mistakes, unacted: Unacted::default() }.policy(written);
    if let Some(policy) = policy.as_ref().filter(|_| !mistakes.any_error()) {
        policy.check(&mut mistakes);
        policy.try_all(&mut mistakes);
    }
    mistakes.settle();
    match policy {
        Some(policy) if !mistakes.any_error() => Ok((policy, mistakes)),
        _ => Err(mistakes),
    }
}

struct Resolver<'r> {
    sources: &'r Sources,
    mistakes: &'r mut Mistakes,
    unacted: Unacted,
}

/// Declared things by name, each with where it was declared, in the order of the files.
struct Declared<T> {
    what: &'static str,
    items: Vec<(Arc<str>, T, Span)>,
    index: HashMap<Arc<str>, usize>,
}

impl<T> Declared<T> {
    fn new(what: &'static str) -> Self {
        Self { what, items: Vec::new(), index: HashMap::new() }
    }

    fn add(&mut self, name: At<String>, item: T, mistakes: &mut Mistakes) {
        if let Some((.., before)) = self.index.get(name.value.as_str()).and_then(|place| self.items.get(*place)) {
            let message = format!("{} {} is said twice", self.what, typed(&name.value));
            let mistake = Mistake::error(name.span, message).label("here again").related(*before, "said here");
            mistakes.push(mistake.advice("remove one, or give it another name"));
            return;
        }
        let text: Arc<str> = name.value.into();
        self.index.insert(Arc::clone(&text), self.items.len());
        self.items.push((text, item, name.span));
    }

    fn find(&self, name: &str, span: Span, mistakes: &mut Mistakes) -> Option<&T> {
        if let Some((_, item, _)) = self.index.get(name).and_then(|place| self.items.get(*place)) {
            return Some(item);
        }
        let mistake = Mistake::error(span, format!("there is no {} {}", self.what, typed(name)));
        mistakes.push(self.guess(name, mistake).follows());
        None
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|(name, ..)| &**name)
    }

    fn guess(&self, name: &str, mistake: Mistake) -> Mistake {
        match meant(name, self.names()) {
            Some(known) => mistake.label(format!("did you mean `{known}`?")),
            None if self.items.is_empty() => mistake.label(format!("no {} is declared", self.what)),
            None if self.items.len() <= 8 => {
                mistake.label("declared nowhere").advice(format!("write {}, or declare it", any_of(self.names())))
            }
            None => mistake.label("declared nowhere"),
        }
    }
}

impl Resolver<'_> {
    fn policy(&mut self, mut written: Written) -> Option<Policy> {
        let zone = self.zone(written.timezone.take());
        let holidays_span = written.holidays.as_ref().map(|holidays| holidays.span);
        let holidays = self.holidays(written.holidays.take());
        let retention = self.retention(written.retention.take());
        let networks: Vec<_> = written.networks.take().map(|networks| networks.value).unwrap_or_default();
        let networks: Vec<_> = networks.into_iter().map(|network| network.value).collect();
        let services = self.services(&mut written);
        let (workstations, by_workstation) = self.workstations(&mut written, &services, &networks);
        let notices = self.notices(&mut written);
        let (profiles, by_profile) = self.profiles(&mut written, &notices);
        let listed = self.agreements(&mut written, &by_workstation, &by_profile);
        let exceptions = self.exceptions(&mut written, &listed);
        let roles = self.roles(&mut written);
        let lawful = self.lawful(&mut written);
        let trials = self.trials(&mut written, &by_workstation);
        let (zone, timezone) = zone?;
        let policy = Policy {
            zone,
            timezone,
            holidays: if holidays == Holidays::default() {
                DaySet::default()
            } else {
                DaySet::of(|day| holidays.contains(day))
            },
            holidays_span,
            retention,
            networks,
            lawful,
            roles,
            workstations,
            profiles,
            structures: listed.structures,
            devices: listed.devices,
            hours: written.hours,
            agreements: listed.agreements,
            workers: listed.workers,
            by_name: listed.by_name,
            exceptions,
            trials,
            hash: hash(self.sources),
        };
        Some(policy)
    }

    fn zone(&mut self, timezone: Option<At<String>>) -> Option<(Zone, Arc<str>)> {
        let Some(timezone) = timezone else {
            let mistake = Mistake::nowhere("`timezone` is missing");
            self.mistakes.push(mistake.advice("write `timezone = \"Europe/Rome\"` at the top of one file").follows());
            return None;
        };
        let zone = Zone::named(&timezone.value);
        if zone.is_none() {
            let known: Vec<_> =
                jiff::tz::TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect();
            let mistake = Mistake::error(timezone.span, format!("there is no time zone {}", typed(&timezone.value)));
            self.mistakes.push(match meant(&timezone.value, known.iter().map(String::as_str)) {
                Some(name) => mistake.label(format!("did you mean `{name}`?")),
                None => mistake.advice("write a name of the IANA database, such as `Europe/Rome`"),
            });
        }
        zone.map(|zone| (zone, timezone.value.into()))
    }

    fn holidays(&mut self, written: Option<At<Vec<At<HolidayWritten>>>>) -> Holidays {
        let mut holidays = Holidays::default();
        let written = written.map(|written| written.value).unwrap_or_default();
        for (place, entry) in written.iter().enumerate() {
            if let Some(before) = written.iter().take(place).find(|before| before.value == entry.value) {
                let mistake = Mistake::error(entry.span, "a holiday is listed twice").label("here again");
                self.mistakes.push(mistake.related(before.span, "listed here"));
                continue;
            }
            match &entry.value {
                HolidayWritten::Yearly(month, day) => holidays.yearly.push((*month, *day)),
                HolidayWritten::Once(day) => holidays.once.push(*day),
                HolidayWritten::Calendar(name) if name == "italy" => holidays.italy = true,
                HolidayWritten::Calendar(name) => match holidays::MOVABLE.iter().find(|(known, _)| known == name) {
                    Some((_, distance)) => holidays.movable.push(*distance),
                    None => self.unknown_holiday(name, entry.span),
                },
            }
        }
        holidays.yearly.sort_unstable();
        holidays.once.sort_unstable();
        holidays.movable.sort_unstable();
        holidays
    }

    fn unknown_holiday(&mut self, name: &str, span: Span) {
        let known = || holidays::CALENDARS.iter().copied().chain(holidays::MOVABLE.iter().map(|(name, _)| *name));
        let mistake = Mistake::error(span, format!("there is no calendar or day {}", typed(name)));
        self.mistakes.push(match meant(name, known()) {
            Some(name) => mistake.label(format!("did you mean `{name}`?")),
            None => mistake.advice(format!("write {}, a day of every year as `06-24`, or a date", any_of(known()))),
        });
    }

    /// Three calendar months are at least 89 days (from the end of November, or over February).
    fn retention(&mut self, written: Option<At<Retention>>) -> Retention {
        let Some(written) = written else { return Retention::default() };
        let too_long = match written.value {
            Retention::Days(days) => days > 89,
            Retention::Months(months) => months > 3,
        };
        if too_long {
            let mistake =
                Mistake::error(written.span, "workers' records are kept for three calendar months at the most");
            self.mistakes
                .push(mistake.label("longer than that").advice("write `\"3 months\"`, or at most `\"89 days\"`"));
        }
        written.value
    }

    fn services(&mut self, written: &mut Written) -> Declared<Service> {
        let mut services = Declared::new("service");
        for service in written.services.drain(..) {
            if let Some(span) = service.udp_span {
                let message =
                    format!("service {} allows UDP, which the idle rule does not see", typed(&service.name.value));
                self.mistakes.push(Mistake::warning(span, message).label("activity there keeps no session open"));
            }
            let meant = Service { name: service.name.value.as_str().into(), tcp: service.tcp, udp: service.udp };
            services.add(service.name, meant, self.mistakes);
        }
        services
    }

    fn workstations(
        &mut self,
        written: &mut Written,
        services: &Declared<Service>,
        networks: &[crate::Network],
    ) -> (Vec<Workstation>, Declared<u32>) {
        let mut workstations = Vec::with_capacity(written.workstations.len());
        let mut declared = Declared::new("workstation");
        let mut by_address: HashMap<Address, Span> = HashMap::new();
        let mut service_sets: BTreeSet<Arc<[Service]>> = BTreeSet::new();
        for workstation in written.workstations.drain(..) {
            let number = u32::try_from(workstations.len()).unwrap_or(u32::MAX);
            let address_span = workstation.address.as_ref().map(|address| address.span);
            let name = workstation.name.clone();
            let meant = self.workstation(workstation, services, &mut service_sets, networks);
            let before = meant
                .as_ref()
                .zip(address_span)
                .and_then(|(meant, span)| by_address.insert(meant.address.clone(), span));
            if let Some((before, span)) = before.zip(address_span) {
                let mistake = Mistake::error(span, "two workstations have one address")
                    .label("here again")
                    .related(before, "the other");
                self.mistakes.push(mistake.advice(
                    "remove one; several workers of one workstation name it by one name, with `shared = true`",
                ));
            }
            // A number even for the one that could not be read: a name that was said is no dangling name.
            declared.add(name.clone(), number, self.mistakes);
            workstations.push(meant.unwrap_or_else(|| Workstation {
                name: name.value.into(),
                address: Address::Host("".into()),
                services: Arc::new([]),
                wake: None,
                shared: false,
                span: name.span,
            }));
        }
        (workstations, declared)
    }

    fn workstation(
        &mut self,
        written: WorkstationWritten,
        services: &Declared<Service>,
        sets: &mut BTreeSet<Arc<[Service]>>,
        networks: &[crate::Network],
    ) -> Option<Workstation> {
        let address = written.address;
        if let Some(At { value: Address::Ip(ip), span }) = &address {
            self.check_address(*ip, *span, networks);
        }
        let named = written.services?;
        if named.value.is_empty() {
            let mistake =
                Mistake::error(named.span, format!("workstation {} has no service", typed(&written.name.value)));
            self.mistakes.push(mistake.label("nothing could be reached").advice("write `services = [\"rdp\"]`"));
        }
        let mut listed: Vec<Service> = Vec::with_capacity(named.value.len());
        for name in &named.value {
            let Some(service) = services.find(&name.value, name.span, self.mistakes) else { continue };
            if listed.contains(service) {
                self.mistakes.push(
                    Mistake::error(name.span, format!("service {} is listed twice", typed(&name.value)))
                        .label("said before"),
                );
                continue;
            }
            listed.push(service.clone());
        }
        if let Some(wake) = &written.wake
            && written.mac.is_none()
        {
            let mistake =
                Mistake::error(wake.span, "`wake` without `mac` wakes nobody").label("where to send, but not what");
            self.mistakes.push(mistake.advice("add `mac = \"00:11:22:33:44:55\"`, or remove `wake`"));
        }
        // Most workstations have the same services: each set is kept once.
        let services = sets.get(listed.as_slice()).cloned().unwrap_or_else(|| listed.into());
        sets.insert(Arc::clone(&services));
        if let Some(mac) = &written.mac {
            self.unacted.warn("mac", mac.span, self.mistakes);
        }
        Some(Workstation {
            name: written.name.value.into(),
            address: address?.value,
            services,
            wake: written.mac.map(|mac| Wake { mac: mac.value, broadcast: written.wake.map(|wake| wake.value) }),
            shared: written.shared.is_some_and(|shared| shared.value),
            span: written.span,
        })
    }

    fn check_address(&mut self, ip: std::net::IpAddr, span: Span, networks: &[crate::Network]) {
        let odd = ip.is_unspecified() || ip.is_loopback() || ip.is_multicast();
        let broadcast = matches!(ip, std::net::IpAddr::V4(ip) if ip.is_broadcast());
        if odd || broadcast {
            let mistake =
                Mistake::error(span, "no workstation has this address").label("loopback, multicast, broadcast or none");
            self.mistakes.push(mistake.advice("write the address that the workstation has in the office network"));
        } else if !networks.is_empty() && !networks.iter().any(|network| network.contains(ip)) {
            let mistake =
                Mistake::error(span, format!("{} lies in none of the `workstation_networks`", typed(&ip.to_string())));
            self.mistakes.push(mistake.label("outside them").advice("mend the address, or add its network"));
        }
    }

    fn notices(&mut self, written: &mut Written) -> Declared<Arc<Notice>> {
        let mut notices = Declared::new("notice");
        for notice in written.notices.drain(..) {
            let meant = self.notice(&notice);
            notices.add(notice.name, Arc::new(meant), self.mistakes);
        }
        notices
    }

    fn notice(&mut self, written: &NoticeWritten) -> Notice {
        if written.italian.is_none() && written.english.is_none() {
            let mistake = Mistake::error(written.span, format!("notice {} has no text", typed(&written.name.value)));
            self.mistakes
                .push(mistake.advice("write `it = \"notice.it.txt\"`, `en = \"notice.en.txt\"` or both").follows());
        }
        let italian = written.italian.as_ref().and_then(|file| self.notice_text(file));
        let english = written.english.as_ref().and_then(|file| self.notice_text(file));
        let mut version = Sha256::new();
        for text in [&italian, &english] {
            let text = text.as_deref().unwrap_or_default();
            version.update((text.len() as u64).to_be_bytes());
            version.update(text);
        }
        Notice { name: written.name.value.as_str().into(), version: version.finalize().into(), italian, english }
    }

    fn notice_text(&mut self, file: &At<String>) -> Option<Arc<str>> {
        let texts =
            || self.sources.files().iter().filter(|file| !file.name.ends_with(".toml") && !file.name.ends_with(".csv"));
        let Some(found) = texts().find(|text| text.name == file.value) else {
            let mistake = Mistake::error(file.span, format!("there is no file {} in the folder", typed(&file.value)));
            let mistake = match meant(&file.value, texts().map(|text| text.name.as_str())) {
                Some(name) => mistake.label(format!("did you mean `{name}`?")),
                None => mistake.advice("put the text into the policy folder, as a file that ends in `.txt`"),
            };
            self.mistakes.push(mistake);
            return None;
        };
        if found.text.trim().is_empty() {
            self.mistakes.push(
                Mistake::error(file.span, format!("the notice {} is empty", typed(&file.value))).label("says nothing"),
            );
        }
        Some(found.text.as_str().into())
    }

    fn profiles(&mut self, written: &mut Written, notices: &Declared<Arc<Notice>>) -> (Vec<Profile>, Declared<u32>) {
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
        if let Some(devices) = written.devices.as_ref().filter(|_| admits(Device::Managed) && !admits(Device::Personal))
        {
            self.unacted.warn("devices", devices.span, self.mistakes);
        }
        if let Some(notices) = &written.notices {
            self.unacted.warn("notices", notices.span, self.mistakes);
        }
        for said in [&written.limits].into_iter().chain(written.personal.as_ref().map(|personal| &personal.value)) {
            if let Some(factor) = said.second_factor.filter(|factor| factor.value == SecondFactor::Totp) {
                self.unacted.warn("second_factor", factor.span, self.mistakes);
            }
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
            second_factor: said.second_factor.map(|word| word.value).unwrap_or_default(),
            redirect: self.redirections(said).unwrap_or_default(),
            warnings: self.warnings(written, 15 * MINUTE, DAY),
            wireguard_config: written.wireguard_config.is_some_and(|allowed| allowed.value),
        };
        if let Some(idle) = said.idle.filter(|idle| idle.value < 5 * MINUTE) {
            let mistake =
                Mistake::warning(idle.span, "an idle limit under five minutes ends sessions of people who read");
            self.mistakes.push(mistake.advice("write `\"5m\"` or more"));
        }
        limits
    }

    fn within(&mut self, key: &str, said: Option<At<Duration>>, range: Range<Duration>, default: Duration) -> Duration {
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
        if let Some(idle) = said.idle.filter(|idle| idle.value < Duration::from_secs(300)) {
            let mistake =
                Mistake::warning(idle.span, "an idle limit under five minutes ends sessions of people who read");
            self.mistakes.push(mistake.advice("write `\"5m\"` or more"));
        }
        personal
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

/// Agreements and what they name.
struct Listed {
    structures: Vec<Arc<str>>,
    devices: Vec<Arc<str>>,
    agreements: Vec<Agreement>,
    workers: Vec<Worker>,
    by_name: HashMap<Box<str>, u32>,
}

impl Resolver<'_> {
    fn agreements(&mut self, written: &mut Written, workstations: &Declared<u32>, profiles: &Declared<u32>) -> Listed {
        let mut structures = Numbers::default();
        let mut devices = Numbers::default();
        let (numbers, workers) = self.worker_numbers(written);
        let mut agreements = Vec::with_capacity(written.agreements.len());
        for agreement in std::mem::take(&mut written.agreements) {
            let workstation = self.reference(agreement.workstation, written, workstations);
            let profile = self.reference(agreement.profile, written, profiles);
            self.check_span(agreement.from, agreement.until);
            if let Some(quota) = agreement.quota {
                self.unacted.warn("quota", quota.span, self.mistakes);
            }
            if let Some(device) = agreement.device {
                self.unacted.warn("device", device.span, self.mistakes);
            }
            let structure = agreement.structure.map(|name| structures.number(name.value));
            let device = agreement.device.map(|name| devices.number(name.value));
            let worker = agreement.worker.and_then(|name| numbers.get(&name.value).copied());
            let complete = complete(&agreement, worker, structure, workstation, profile, device);
            agreements.extend(complete);
        }
        agreements.sort_by_key(|agreement| (agreement.worker, agreement.span));
        let mut listed = Listed {
            structures: structures.texts(written),
            devices: devices.texts(written),
            agreements,
            workers,
            by_name: HashMap::new(),
        };
        listed.index();
        self.overlaps(&listed, written);
        listed
    }

    /// A number for each worker, in the order of folded names, whatever the spelling.
    fn worker_numbers(&mut self, written: &Written) -> (HashMap<Name, u32>, Vec<Worker>) {
        let mut names: Vec<Name> =
            written.agreements.iter().filter_map(|agreement| agreement.worker.map(|name| name.value)).collect();
        names.sort_unstable();
        names.dedup();
        let texts = names.into_iter().map(|name| (name, written.names.text(name)));
        let mut keyed: Vec<(Box<str>, Name, Arc<str>)> =
            texts.map(|(name, text)| (folded(&text).into(), name, text)).collect();
        keyed.sort_unstable_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        let mut numbers = HashMap::with_capacity(keyed.len());
        let mut workers: Vec<Worker> = Vec::with_capacity(keyed.len());
        let mut last: Option<&str> = None;
        for (key, name, text) in &keyed {
            if last != Some(key) {
                workers.push(Worker { name: Arc::clone(text), agreements: 0..0 });
                last = Some(key);
            }
            numbers.insert(*name, u32::try_from(workers.len() - 1).unwrap_or(u32::MAX));
        }
        (numbers, workers)
    }

    fn reference(&mut self, name: Option<At<Name>>, written: &Written, declared: &Declared<u32>) -> Option<u32> {
        let name = name?;
        declared.find(&written.names.text(name.value), name.span, self.mistakes).copied()
    }

    fn check_span(&mut self, from: Option<At<Day>>, until: Option<At<Day>>) {
        let Some((from, until)) = from.zip(until) else { return };
        if until.value < from.value {
            let mistake =
                Mistake::error(until.span, "the last day lies before the first").label(until.value.to_string());
            self.mistakes.push(mistake.related(from.span, "the first day").advice("exchange them, or mend the year"));
        }
    }

    /// Of one worker no two agreements hold at the same minute.
    fn overlaps(&mut self, listed: &Listed, written: &Written) {
        for worker in &listed.workers {
            let all = listed
                .agreements
                .get(worker.agreements.start as usize..worker.agreements.end as usize)
                .unwrap_or_default();
            if all.len() < 2 {
                continue;
            }
            let mut held: Vec<&Agreement> = Vec::new();
            let mut by_date: Vec<&Agreement> = all.iter().collect();
            by_date.sort_by_key(|agreement| (agreement.from, agreement.span));
            for agreement in by_date {
                held.retain(|other| other.until.plus(1) >= agreement.from);
                match held.iter().find(|other| share_a_minute(agreement, other, &written.hours)) {
                    Some(other) => self.overlap(worker, agreement, other),
                    None => held.push(agreement),
                }
            }
        }
    }

    fn overlap(&mut self, worker: &Worker, one: &Agreement, other: &Agreement) {
        let (first, second) = if one.span < other.span { (one, other) } else { (other, one) };
        let message = format!("two agreements of {} hold at the same time", typed(&worker.name));
        let mistake = Mistake::error(second.span, message).label("this one").related(first.span, "and this one");
        self.mistakes.push(mistake.advice("part them by dates, days or hours, or remove one"));
    }
}

impl Listed {
    fn index(&mut self) {
        let mut start = 0;
        for (number, worker) in self.workers.iter_mut().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let rest = self.agreements.get(start..).unwrap_or_default();
            let end = start + rest.partition_point(|agreement| agreement.worker == number);
            worker.agreements = start as u32..end as u32;
            start = end;
            self.by_name.insert(folded(&worker.name).into(), number);
        }
    }
}

/// Numbers for names, in the order of their first use.
#[derive(Default)]
struct Numbers {
    names: Vec<Name>,
    numbers: HashMap<Name, u32>,
}

impl Numbers {
    fn number(&mut self, name: Name) -> u32 {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.names.push(name);
        }
        number
    }

    fn texts(self, written: &Written) -> Vec<Arc<str>> {
        self.names.into_iter().map(|name| written.names.text(name)).collect()
    }
}

fn complete(
    written: &AgreementWritten,
    worker: Option<u32>,
    structure: Option<u32>,
    workstation: Option<u32>,
    profile: Option<u32>,
    device: Option<u32>,
) -> Option<Agreement> {
    Some(Agreement {
        worker: worker?,
        structure: structure?,
        workstation: workstation?,
        profile: profile?,
        hours: written.hours?.value,
        device,
        from: written.from?.value,
        until: written.until?.value,
        days: written.days?.value,
        phone_app: written.phone_app.unwrap_or(true),
        quota: written.quota.map(|quota| quota.value),
        span: written.span,
    })
}

/// Whether two agreements hold at the same minute of any day, by their days and hours alone. A fortnight shows every
/// way in which a week can meet itself.
pub(crate) fn share_a_minute(one: &Agreement, other: &Agreement, hours: &HourSets) -> bool {
    let first = one.from.max(other.from).plus(-1);
    let last = one.until.min(other.until).min(first.plus(14));
    let mut day = first;
    while day <= last {
        let one_windows = minutes(one, day, hours);
        for window in one_windows {
            for near in -1..=1 {
                let overlap = minutes(other, day.plus(near), hours)
                    .any(|other| window.start < other.end && other.start < window.end);
                if overlap {
                    return true;
                }
            }
        }
        day = day.plus(1);
    }
    false
}

/// The windows that begin on `day`, in minutes since 1970, cut where the agreement ends.
fn minutes<'h>(agreement: &Agreement, day: Day, hours: &'h HourSets) -> impl Iterator<Item = Range<i64>> + use<'h> {
    let holds = agreement.from <= day && day <= agreement.until && agreement.days.contains(day);
    let windows: &[Window] = if holds { hours.set(agreement.hours) } else { &[] };
    let midnight = i64::from(day.0) * i64::from(DAY);
    let end = (i64::from(agreement.until.0) + 1) * i64::from(DAY);
    windows.iter().map(move |window| midnight + i64::from(window.start)..(midnight + i64::from(window.end)).min(end))
}

impl Resolver<'_> {
    fn exceptions(&mut self, written: &mut Written, listed: &Listed) -> Exceptions {
        let mut exceptions = Exceptions::default();
        let mut of_structures: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut of_workers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let structures: HashMap<&str, u32> =
            listed.structures.iter().zip(0..).map(|(name, number)| (&**name, number)).collect();
        for exception in std::mem::take(&mut written.exceptions) {
            let Some(meant) = self.exception(&exception, written) else { continue };
            let number = u32::try_from(exceptions.all.len()).unwrap_or(u32::MAX);
            let list = match (&exception.worker, &exception.structure) {
                (Some(worker), _) => match listed.by_name.get(folded(&worker.value).as_ref()) {
                    Some(worker) => of_workers.entry(*worker).or_default(),
                    None => {
                        self.unused_exception(
                            worker,
                            "no agreement names worker",
                            listed.workers.iter().map(|worker| &*worker.name),
                        );
                        continue;
                    }
                },
                (None, Some(structure)) => match structures.get(structure.value.as_str()) {
                    Some(structure) => of_structures.entry(*structure).or_default(),
                    None => {
                        self.unused_exception(
                            structure,
                            "no agreement belongs to structure",
                            structures.keys().copied(),
                        );
                        continue;
                    }
                },
                (None, None) => &mut exceptions.everybody,
            };
            list.push(number);
            exceptions.days.insert(meant.from, meant.until);
            exceptions.all.push(meant);
        }
        let lists = of_structures.values_mut().chain(of_workers.values_mut()).chain([&mut exceptions.everybody]);
        for list in lists {
            self.order(list, &exceptions.all);
        }
        exceptions.structures = of_structures.into_iter().collect();
        exceptions.workers = of_workers.into_iter().collect();
        exceptions
    }

    fn unused_exception<'n>(&mut self, name: &At<String>, what: &str, known: impl IntoIterator<Item = &'n str>) {
        let mistake = Mistake::error(name.span, format!("{what} {}", typed(&name.value))).follows();
        self.mistakes.push(match meant(&name.value, known) {
            Some(known) => mistake.label(format!("did you mean `{known}`?")),
            None => mistake.label("an exception from nothing"),
        });
    }

    fn exception(&mut self, written: &ExceptionWritten, all: &Written) -> Option<Exception> {
        if let (Some(worker), Some(structure)) = (&written.worker, &written.structure) {
            let mistake = Mistake::error(structure.span, "an exception is for one worker or for one structure")
                .label("a structure");
            self.mistakes.push(mistake.related(worker.span, "and a worker").advice("remove one of the two"));
        }
        let (from, until) = self.exception_days(written)?;
        let (change, span) = self.change(written, all)?;
        if change == Change::Suspended && written.worker.is_none() {
            let mistake = Mistake::error(span, "`suspended` is for one worker's agreements").label("whose?");
            self.mistakes
                .push(mistake.advice("add `worker = \"…\"`, or write `closed = true` for everybody or a structure"));
        }
        let gives = matches!(change, Change::Open | Change::Hours(_) | Change::Extend(_));
        if gives && written.authorised_by.is_none() {
            let mistake =
                Mistake::error(written.span, "more time than agreed needs `authorised_by`").label("who said so?");
            self.mistakes.push(mistake.advice("add `authorised_by = \"…\"`").follows());
        }
        if let (Change::Extend(_), true) = (&change, from != until) {
            let mistake = Mistake::error(span, "`extend` is for one day").label("several days are named");
            self.mistakes.push(mistake.advice("write `on` instead of `from` and `until`, or `hours`"));
        }
        let text = |said: &Option<At<String>>| said.as_ref().map(|said| Arc::from(said.value.as_str()));
        Some(Exception {
            from,
            until,
            change,
            authorised_by: text(&written.authorised_by),
            reason: text(&written.reason),
            span: written.span,
        })
    }

    fn exception_days(&mut self, written: &ExceptionWritten) -> Option<(Day, Day)> {
        match (written.on, written.from, written.until) {
            (Some(on), None, None) => Some((on.value, on.value)),
            (None, Some(from), Some(until)) => {
                self.check_span(Some(from), Some(until));
                Some((from.value, until.value))
            }
            (Some(on), from, until) => {
                let other = from.or(until).map_or(on.span, |other| other.span);
                let mistake =
                    Mistake::error(other, "`on` is one day, `from` and `until` are several").label("days again");
                self.mistakes.push(mistake.related(on.span, "a day").advice("keep `on`, or `from` and `until`"));
                None
            }
            (None, _, _) => {
                let mistake = Mistake::error(written.span, "an exception without its days").label("when?").follows();
                self.mistakes.push(mistake.advice("add `on = 2026-08-14`, or `from` and `until`"));
                None
            }
        }
    }

    /// The one thing that an exception says, and where.
    fn change(&mut self, written: &ExceptionWritten, all: &Written) -> Option<(Change, Span)> {
        let mut said: Vec<(Change, Span)> = Vec::new();
        let switches = [
            ("closed", written.closed, Change::Closed),
            ("suspended", written.suspended, Change::Suspended),
            ("open", written.open, Change::Open),
        ];
        for (key, switch, change) in switches {
            let Some(switch) = switch else { continue };
            if switch.value {
                said.push((change, switch.span));
            } else {
                let mistake = Mistake::error(switch.span, format!("`{key} = false` says nothing"));
                self.mistakes.push(mistake.label("only `true` means something here").advice("remove it"));
            }
        }
        said.extend(written.hours.map(|hours| (Change::Hours(all.hours.set(hours.value).into()), hours.span)));
        said.extend(written.extend.map(|extend| (Change::Extend(extend.value), extend.span)));
        let mut said = said.into_iter();
        let first = said.next();
        if first.is_none() {
            let mistake =
                Mistake::error(written.span, "an exception that changes nothing").label("what is different?").follows();
            self.mistakes
                .push(mistake.advice(
                    "add one of `closed = true`, `suspended = true`, `open = true`, `hours = …`, `extend = …`",
                ));
        }
        if let (Some((_, before)), Some((_, span))) = (&first, said.next()) {
            let mistake =
                Mistake::error(span, "an exception says one thing").label("a second one").related(*before, "the first");
            self.mistakes.push(mistake.advice("write two exceptions"));
        }
        first
    }

    /// Puts exceptions of one scope into the order in which they work on a day, and refuses those that contradict each
    /// other: a day is closed or has hours, and is extended once.
    fn order(&mut self, list: &mut [u32], all: &[Exception]) {
        let rank = |number: &u32| all.get(*number as usize).map(|exception| (rank(&exception.change), exception.span));
        list.sort_by_key(rank);
        let mut by_day: Vec<&Exception> = list.iter().filter_map(|number| all.get(*number as usize)).collect();
        by_day.sort_by_key(|exception| (exception.from, exception.span));
        let mut held: Vec<&Exception> = Vec::new();
        for exception in by_day {
            held.retain(|other| other.until >= exception.from);
            if let Some(other) = held.iter().find(|other| contradict(&exception.change, &other.change)) {
                let (first, second) =
                    if exception.span < other.span { (exception, *other) } else { (*other, exception) };
                let mistake = Mistake::error(second.span, "two exceptions contradict each other").label("this one");
                let mistake = mistake.related(first.span, "and this one, on the same day for the same people");
                self.mistakes.push(mistake.advice("part their days, or remove one"));
            } else {
                held.push(exception);
            }
        }
    }

    fn roles(&mut self, written: &mut Written) -> Vec<RoleRule> {
        let mut roles = Vec::new();
        let Some(written) = written.roles.take() else { return roles };
        self.unacted.warn("roles", written.span, self.mistakes);
        let rule = |role: &Role, group: &At<String>, until: Option<Day>| RoleRule {
            role: role.clone(),
            group: group.value.as_str().into(),
            folded: folded_group(&group.value).into(),
            until,
            span: group.span,
        };
        let plain = [
            (Role::Administrator, &written.administrators),
            (Role::Technician, &written.technicians),
            (Role::DirectorGeneral, &written.director_general),
            (Role::ReviewerOffice, &written.reviewer_office),
        ];
        for (role, groups) in &plain {
            roles.extend(groups.iter().map(|group| rule(role, group, None)));
        }
        let external = written.external_technicians.iter();
        roles.extend(external.map(|(group, until)| rule(&Role::ExternalTechnician, group, Some(until.value))));
        for (structure, groups) in &written.head_of_structure {
            let role = Role::HeadOfStructure(structure.value.as_str().into());
            roles.extend(groups.iter().map(|group| rule(&role, group, None)));
        }
        for (structure, groups) in &written.service_head {
            let role = Role::ServiceHead(structure.value.as_str().into());
            roles.extend(groups.iter().map(|group| rule(&role, group, None)));
        }
        for (place, rule) in roles.iter().enumerate() {
            let before =
                roles.iter().take(place).find(|before| before.role == rule.role && before.folded == rule.folded);
            if let Some(before) = before {
                let mistake = Mistake::error(rule.span, "a group has one role twice").label("here again");
                self.mistakes.push(mistake.related(before.span, "said here"));
            }
        }
        roles
    }

    fn lawful(&mut self, written: &mut Written) -> Option<Lawful> {
        let lawful = written.lawful.take()?;
        self.unacted.warn("lawful", lawful.span, self.mistakes);
        Some(Lawful {
            act: lawful.act?.value.into(),
            from: lawful.from?.value.date(),
            log_norms: lawful.log_norms?.value.into(),
        })
    }
}

impl Resolver<'_> {
    fn trials(&mut self, written: &mut Written, workstations: &Declared<u32>) -> Vec<Trial> {
        let trials = std::mem::take(&mut written.tests);
        trials.into_iter().filter_map(|trial| self.trial(trial, workstations)).collect()
    }

    fn trial(&mut self, written: TestWritten, workstations: &Declared<u32>) -> Option<Trial> {
        if let Some(workstation) = &written.workstation {
            workstations.find(&workstation.value, workstation.span, self.mistakes);
        }
        if let (Some(name), Some(device)) =
            (&written.device_name, written.device.filter(|device| device.value == Device::Personal))
        {
            let mistake =
                Mistake::error(name.span, "a personal device has no certificate, and so no name").label("a name");
            self.mistakes.push(mistake.related(device.span, "of a personal device").advice("remove one of the two"));
        }
        let permit = written.permit?;
        let foreign = match permit.value {
            true => [written.reason.map(|reason| reason.span), None],
            false => {
                [written.workstation.as_ref().map(|workstation| workstation.span), written.ends.map(|ends| ends.span)]
            }
        };
        for span in foreign.into_iter().flatten() {
            let answer = if permit.value { "permit" } else { "refuse" };
            let mistake = Mistake::error(span, format!("an answer that does not go with `{answer}`"));
            self.mistakes
                .push(mistake.label("never compared").related(permit.span, "expected").advice("remove one of the two"));
        }
        let expected = match permit.value {
            true => Expected::Permit { span: permit.span, workstation: written.workstation, ends: written.ends },
            false => Expected::Refuse { span: permit.span, reason: written.reason },
        };
        Some(Trial {
            name: written.name.map(|name| name.value.into()),
            worker: written.worker?,
            at: written.at?.value,
            groups: written.groups.map(|groups| groups.value.into_iter().map(|group| group.value).collect()),
            device: written.device.map_or(Device::Managed, |device| device.value),
            device_name: written.device_name.map(|name| name.value),
            days_used: written.days_used.map_or(0, |days| days.value),
            expected,
        })
    }
}

fn rank(change: &Change) -> u8 {
    match change {
        Change::Closed | Change::Suspended => 0,
        Change::Open => 1,
        Change::Hours(_) => 2,
        Change::Extend(_) => 3,
    }
}

fn contradict(one: &Change, other: &Change) -> bool {
    let closes = |change: &Change| rank(change) == 0;
    closes(one) != closes(other) || matches!((one, other), (Change::Extend(_), Change::Extend(_)))
}

/// A length of time as the files write it, `1h30m`.
pub fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    for (number, unit) in [(hours, 'h'), (minutes, 'm'), (seconds, 's')] {
        if number > 0 {
            text.push_str(&format!("{number}{unit}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// The hash of all files: of each, in name order, name and text with their lengths before them, so that no two folders
/// run together.
fn hash(sources: &Sources) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"deskgate policy 1");
    for file in sources.files() {
        for part in [&file.name, &file.text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hash.finalize().into()
}

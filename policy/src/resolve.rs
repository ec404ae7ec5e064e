//! What the files mean: written rules to rules, names to numbers, with all mistakes of all files in one go.
//!
//! In the order of dependence: services, workstations, notices, profiles, agreements, exceptions, roles, assistance. What is
//! missing or wrong was or is reported, and the rest is looked at all the same.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use sha2::{Digest, Sha256};

use crate::{
    Address, Device, Lawful, Mistakes, Notice, Policy, Retention, Role, Service, Sources, Wake,
    day::{Day, DaySet, Zone},
    error::{Mistake, any_of, typed},
    holidays::{self, Holidays},
    name::{folded, folded_group, meant},
    rule::{RoleRule, Workstation},
    source::{At, Span},
    syntax::{self, HolidayWritten, NoticeWritten, TestWritten, WorkstationWritten, Written},
    trial::{Expected, Trial},
};

mod agreement;
mod assistance;
mod exception;
mod profile;

pub(crate) use agreement::share_a_minute;

/// The longest text of a notice, in bytes: a dozen pages, and as many notices as a profile may have fit into one answer.
const LONGEST_NOTICE: usize = 32 << 10;

/// Reads, resolves and checks.
pub(crate) fn resolve(sources: &Sources) -> Result<(Policy, Mistakes), Mistakes> {
    let mut mistakes = Mistakes::default();
    let written = syntax::read(sources, &mut mistakes);
    let policy = Resolver { sources, mistakes: &mut mistakes }.policy(written);
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
        let assistance = self.assistance(&mut written, &services);
        let test_accounts = self.test_accounts(written.test_accounts.take(), &listed.by_name);
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
            test_accounts,
            lawful,
            assistance,
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
    /// Folded. A name without an agreement is told, for it is mostly a slip of the pen.
    fn test_accounts(
        &mut self,
        listed: Option<At<Vec<At<String>>>>,
        by_name: &HashMap<Box<str>, u32>,
    ) -> BTreeMap<Box<str>, Span> {
        let mut accounts: BTreeMap<Box<str>, Span> = BTreeMap::new();
        for account in listed.map(|listed| listed.value).unwrap_or_default() {
            let name = folded(&account.value).into_owned().into_boxed_str();
            if !by_name.contains_key(&name) {
                let message = format!("the test account {} has no agreement", typed(&account.value));
                let mistake = Mistake::warning(account.span, message).label("never signs in");
                self.mistakes.push(mistake.advice("write the name as its agreement does, or remove it"));
            }
            if accounts.insert(name, account.span).is_some() {
                self.mistakes.push(Mistake::error(account.span, "a test account is listed twice").label("said before"));
            }
        }
        accounts
    }

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
            let meant = Service {
                name: service.name.value.as_str().into(),
                tcp: service.tcp,
                udp: service.udp,
                echo: service.echo.is_some_and(|echo| echo.value),
            };
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
                power_off_after: None,
                certificate: None,
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
        let listed = self.listed_services(&named.value, services);
        if let Some(wake) = &written.wake
            && written.mac.is_none()
        {
            let mistake =
                Mistake::error(wake.span, "`wake` without `mac` wakes nobody").label("where to send, but not what");
            self.mistakes.push(mistake.advice("add `mac = \"00:11:22:33:44:55\"`, or remove `wake`"));
        }
        if let Some(time) = &written.power_off_after {
            self.check_power_off(*time, written.mac.is_some());
        }
        if let (Some(mac), None, Some(At { value: Address::Ip(IpAddr::V6(_)), .. })) =
            (&written.mac, &written.wake, &address)
        {
            let mistake = Mistake::error(mac.span, "a workstation of IPv6 is woken over IPv4").label("where to send?");
            self.mistakes.push(mistake.advice("add its network's `wake = \"10.20.3.255\"`, or remove `mac`"));
        }
        // Most workstations have the same services: each set is kept once.
        let services = sets.get(listed.as_slice()).cloned().unwrap_or_else(|| listed.into());
        sets.insert(Arc::clone(&services));
        Some(Workstation {
            name: written.name.value.into(),
            address: address?.value,
            services,
            wake: written.mac.map(|mac| Wake { mac: mac.value, broadcast: written.wake.map(|wake| wake.value) }),
            // The end of the day is the beginning of the next.
            power_off_after: written.power_off_after.map(|time| time.value % (24 * 60)),
            certificate: written.certificate.map(|certificate| certificate.value),
            shared: written.shared.is_some_and(|shared| shared.value),
            span: written.span,
        })
    }

    /// The services of these names, each once.
    fn listed_services(&mut self, names: &[At<String>], services: &Declared<Service>) -> Vec<Service> {
        let mut listed: Vec<Service> = Vec::with_capacity(names.len());
        for name in names {
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
        listed
    }

    fn check_power_off(&mut self, time: At<u16>, can_be_woken: bool) {
        if !can_be_woken {
            let mistake = Mistake::error(time.span, "`power_off_after` without `mac`: nobody could wake it again");
            let mistake = mistake.label("off until somebody presses its button");
            self.mistakes.push(mistake.advice("add `mac = \"00:11:22:33:44:55\"`, or remove `power_off_after`"));
        } else if (6 * 60..12 * 60).contains(&time.value) {
            let mistake = Mistake::warning(time.span, "`power_off_after` is a time in the morning");
            let mistake = mistake.label("off by day too, whenever nobody uses it");
            self.mistakes.push(mistake.advice("write the time in the evening as `\"19:30\"`"));
        }
    }

    fn check_address(&mut self, ip: IpAddr, span: Span, networks: &[crate::Network]) {
        let odd = ip.is_unspecified() || ip.is_loopback() || ip.is_multicast();
        let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
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
        if found.text.len() > LONGEST_NOTICE {
            let mistake = Mistake::error(file.span, format!("the notice {} is too long", typed(&file.value)));
            let length = format!("{} KiB of {} at most", found.text.len().div_ceil(1024), LONGEST_NOTICE / 1024);
            self.mistakes.push(mistake.label(length).advice("say it in fewer words, and where the whole text is kept"));
        }
        Some(found.text.as_str().into())
    }
}

impl Resolver<'_> {
    fn roles(&mut self, written: &mut Written) -> Vec<RoleRule> {
        let mut roles = Vec::new();
        let Some(written) = written.roles.take() else { return roles };
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

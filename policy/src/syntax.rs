//! What the files say: text to written rules, every value knowing where it stands.
//!
//! This file holds the written form and reads the folder into it; `table` reads TOML, `comma` CSV, `value` single
//! values, `keys` is the list of what may be said. Nothing here knows what a name refers to or whether two rules agree:
//! a written rule may lack what it needs (that was reported) and still be looked at, so that one run tells all.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::civil::DateTime;

use crate::{
    day::{Day, Weekdays, Window},
    error::{Mistake, Mistakes, typed},
    rule::{Network, Quota, Retention},
    source::{At, LARGEST_FILE, MOST_FILES, Sources, Span},
};

mod comma;
pub(crate) mod keys;
mod pieces;
mod table;
pub(crate) mod value;

/// A name as written, known by number: the same text is stored once however often it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(pub(crate) u32);

/// All names said, in the order of their first saying.
#[derive(Debug, Default)]
pub(crate) struct Names {
    texts: Vec<Arc<str>>,
    index: HashMap<Arc<str>, Name>,
}

impl Names {
    pub(crate) fn add(&mut self, text: &str) -> Name {
        if let Some(name) = self.index.get(text) {
            return *name;
        }
        let name = Name(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.index.insert(text, name);
        name
    }

    pub(crate) fn text(&self, name: Name) -> Arc<str> {
        self.texts.get(name.0 as usize).cloned().unwrap_or_else(|| "".into())
    }
}

/// Sets of windows, each stored once and known by number; the windows of a set ascend and do not touch.
#[derive(Debug, Clone, Default)]
pub(crate) struct HourSets {
    sets: Vec<Box<[Window]>>,
    index: BTreeMap<Box<[Window]>, u32>,
}

impl HourSets {
    pub(crate) fn add(&mut self, windows: Vec<Window>) -> u32 {
        let windows = windows.into_boxed_slice();
        if let Some(number) = self.index.get(&windows) {
            return *number;
        }
        let number = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        self.sets.push(windows.clone());
        self.index.insert(windows, number);
        number
    }

    pub(crate) fn set(&self, number: u32) -> &[Window] {
        self.sets.get(number as usize).map(AsRef::as_ref).unwrap_or_default()
    }
}

/// Everything that the files say.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) names: Names,
    pub(crate) hours: HourSets,
    pub(crate) timezone: Option<At<String>>,
    pub(crate) holidays: Option<At<Vec<At<HolidayWritten>>>>,
    pub(crate) retention: Option<At<Retention>>,
    pub(crate) networks: Option<At<Vec<At<Network>>>>,
    pub(crate) test_accounts: Option<At<Vec<At<String>>>>,
    pub(crate) services: Vec<ServiceWritten>,
    pub(crate) workstations: Vec<WorkstationWritten>,
    pub(crate) profiles: Vec<ProfileWritten>,
    pub(crate) agreements: Vec<AgreementWritten>,
    pub(crate) exceptions: Vec<ExceptionWritten>,
    pub(crate) notices: Vec<NoticeWritten>,
    pub(crate) lawful: Option<LawfulWritten>,
    pub(crate) roles: Option<RolesWritten>,
    pub(crate) assistance: Option<AssistanceWritten>,
    pub(crate) tests: Vec<TestWritten>,
}

/// One entry of `holidays`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HolidayWritten {
    Calendar(String),
    Yearly(u8, u8),
    Once(Day),
}

/// `[services.NAME]`
#[derive(Debug)]
pub(crate) struct ServiceWritten {
    pub(crate) name: At<String>,
    pub(crate) tcp: Vec<u16>,
    pub(crate) udp: Vec<u16>,
    pub(crate) udp_span: Option<Span>,
    pub(crate) echo: Option<At<bool>>,
}

/// `[workstations.NAME]`
#[derive(Debug)]
pub(crate) struct WorkstationWritten {
    pub(crate) name: At<String>,
    pub(crate) address: Option<At<crate::grant::Address>>,
    pub(crate) services: Option<At<Vec<At<String>>>>,
    pub(crate) mac: Option<At<[u8; 6]>>,
    pub(crate) wake: Option<At<std::net::Ipv4Addr>>,
    /// Minutes since midnight.
    pub(crate) power_off_after: Option<At<u16>>,
    pub(crate) certificate: Option<At<[u8; 32]>>,
    pub(crate) shared: Option<At<bool>>,
    pub(crate) span: Span,
}

/// The limits of `[profiles.NAME]` and of its `personal` table, where they were said.
#[derive(Debug, Default)]
pub(crate) struct LimitsWritten {
    pub(crate) idle: Option<At<std::time::Duration>>,
    pub(crate) longest: Option<At<std::time::Duration>>,
    pub(crate) grace: Option<At<std::time::Duration>>,
    pub(crate) unused: Option<At<std::time::Duration>>,
    pub(crate) unanswered: Option<At<std::time::Duration>>,
    pub(crate) second_factor: Option<At<crate::grant::SecondFactor>>,
    pub(crate) redirect: Option<At<Vec<At<crate::grant::Redirection>>>>,
    pub(crate) single_sign_on: Option<At<bool>>,
}

/// `[profiles.NAME]`
#[derive(Debug)]
pub(crate) struct ProfileWritten {
    pub(crate) name: At<String>,
    pub(crate) groups: Option<At<Vec<At<String>>>>,
    pub(crate) devices: Option<At<Vec<At<crate::Device>>>>,
    pub(crate) limits: LimitsWritten,
    pub(crate) warnings: Option<At<Vec<At<std::time::Duration>>>>,
    pub(crate) second_login: Option<At<crate::grant::SecondLogin>>,
    pub(crate) notices: Option<At<Vec<At<String>>>>,
    pub(crate) unknown_client: Option<At<crate::grant::UnknownClient>>,
    pub(crate) jiggler: Option<At<crate::grant::Jiggler>>,
    pub(crate) dry_run: Option<At<bool>>,
    pub(crate) wireguard_config: Option<At<bool>>,
    pub(crate) require_post_quantum: Option<At<bool>>,
    pub(crate) personal: Option<At<LimitsWritten>>,
    pub(crate) span: Span,
}

/// `[[agreements]]` or a row of a CSV file.
#[derive(Debug)]
pub(crate) struct AgreementWritten {
    pub(crate) worker: Option<At<Name>>,
    pub(crate) structure: Option<At<Name>>,
    pub(crate) workstation: Option<At<Name>>,
    pub(crate) profile: Option<At<Name>>,
    pub(crate) from: Option<At<Day>>,
    pub(crate) until: Option<At<Day>>,
    pub(crate) days: Option<At<Weekdays>>,
    pub(crate) hours: Option<At<u32>>,
    pub(crate) phone_app: Option<bool>,
    pub(crate) device: Option<At<Name>>,
    pub(crate) quota: Option<At<Quota>>,
    pub(crate) span: Span,
}

/// `[[exceptions]]`
#[derive(Debug)]
pub(crate) struct ExceptionWritten {
    pub(crate) worker: Option<At<String>>,
    pub(crate) structure: Option<At<String>>,
    pub(crate) on: Option<At<Day>>,
    pub(crate) from: Option<At<Day>>,
    pub(crate) until: Option<At<Day>>,
    pub(crate) closed: Option<At<bool>>,
    pub(crate) suspended: Option<At<bool>>,
    pub(crate) open: Option<At<bool>>,
    pub(crate) hours: Option<At<u32>>,
    pub(crate) extend: Option<At<u16>>,
    pub(crate) authorised_by: Option<At<String>>,
    pub(crate) reason: Option<At<String>>,
    pub(crate) span: Span,
}

/// `[notices.NAME]`
#[derive(Debug)]
pub(crate) struct NoticeWritten {
    pub(crate) name: At<String>,
    pub(crate) italian: Option<At<String>>,
    pub(crate) english: Option<At<String>>,
    pub(crate) span: Span,
}

/// `[lawful]`
#[derive(Debug)]
pub(crate) struct LawfulWritten {
    pub(crate) act: Option<At<String>>,
    pub(crate) from: Option<At<Day>>,
    pub(crate) log_norms: Option<At<String>>,
    pub(crate) span: Span,
}

/// `[roles]`
#[derive(Debug)]
pub(crate) struct RolesWritten {
    pub(crate) administrators: Vec<At<String>>,
    pub(crate) technicians: Vec<At<String>>,
    pub(crate) external_technicians: Vec<(At<String>, At<Day>)>,
    pub(crate) director_general: Vec<At<String>>,
    pub(crate) head_of_structure: Vec<(At<String>, Vec<At<String>>)>,
    pub(crate) service_head: Vec<(At<String>, Vec<At<String>>)>,
    pub(crate) reviewer_office: Vec<At<String>>,
    pub(crate) span: Span,
}

/// `[assistance]`
#[derive(Debug)]
pub(crate) struct AssistanceWritten {
    pub(crate) services: Option<At<Vec<At<String>>>>,
    pub(crate) longest: Option<At<std::time::Duration>>,
    pub(crate) span: Span,
}

/// `[[tests]]`
#[derive(Debug)]
pub(crate) struct TestWritten {
    pub(crate) worker: Option<At<String>>,
    pub(crate) at: Option<At<Vec<At<DateTime>>>>,
    pub(crate) permit: Option<At<bool>>,
    pub(crate) name: Option<At<String>>,
    pub(crate) groups: Option<At<Vec<At<String>>>>,
    pub(crate) device: Option<At<crate::Device>>,
    pub(crate) device_name: Option<At<String>>,
    pub(crate) days_used: Option<At<u32>>,
    pub(crate) reason: Option<At<&'static str>>,
    pub(crate) workstation: Option<At<String>>,
    pub(crate) ends: Option<At<u16>>,
}

/// Reads every file. What cannot be read is reported, the rest is in the written form.
pub(crate) fn read(sources: &Sources, mistakes: &mut Mistakes) -> Written {
    let mut written = Written::default();
    if sources.files().len() > MOST_FILES {
        mistakes.push(Mistake::nowhere(format!("the policy has more than {MOST_FILES} files")));
        return written;
    }
    for (number, file) in sources.files().iter().enumerate() {
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        if file.text.len() > LARGEST_FILE {
            let message = format!("{} is larger than {} MiB", typed(&file.name), LARGEST_FILE >> 20);
            mistakes.push(Mistake::nowhere(message).advice("split the list into several files"));
        } else if file.name.ends_with(".toml") {
            table::read(number, &file.text, &mut written, mistakes);
        } else if file.name.ends_with(".csv") {
            comma::read(number, &file.text, &mut written, mistakes);
        }
    }
    written
}

/// Checks the windows of one set and gives it a number.
fn hour_set(windows: Vec<At<Window>>, hours: &mut HourSets, mistakes: &mut Mistakes) -> Option<u32> {
    let mut sorted = windows;
    sorted.sort_by_key(|window| window.value);
    for (earlier, later) in sorted.iter().zip(sorted.iter().skip(1)) {
        if later.value.start < earlier.value.end {
            let mistake =
                Mistake::error(later.span, "windows of one day overlap").label("begins before the other ends");
            // Windows of one cell stand at one place.
            let apart = earlier.span != later.span;
            let mistake = if apart { mistake.related(earlier.span, "the other") } else { mistake };
            mistakes.push(mistake.advice("write them as one window"));
            return None;
        }
    }
    // The last may run over midnight, and must not reach the first of the same set on the next day: that would be one
    // unbroken stretch on some days and two sessions on others, which nobody means.
    if sorted.is_empty() {
        return None;
    }
    Some(hours.add(merge(sorted.into_iter().map(|window| window.value))))
}

/// Windows that touch are one.
fn merge(windows: impl Iterator<Item = Window>) -> Vec<Window> {
    let mut merged: Vec<Window> = Vec::new();
    for window in windows {
        match merged.last_mut() {
            Some(last) if last.end == window.start => last.end = window.end,
            _ => merged.push(window),
        }
    }
    merged
}

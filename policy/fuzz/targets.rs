//! What is asked of the policy with bytes from anywhere: the bodies of the fuzz targets, and of the short run that
//! `tests/bytes.rs` makes of them.
//!
//! None may panic, loop, or answer what contradicts itself.

use jiff::{SignedDuration, Timestamp};
use policy::{Decision, Device, Policy, Request, SourceFile, Sources, Style};

/// An office in which the decision and the CSV rows of the targets live.
const OFFICE: &str = include_str!("office.toml");

/// The bytes are a file of rules.
pub(crate) fn toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    ask(&Sources::new(vec![SourceFile { name: "a.toml".into(), text: text.into() }]));
}

/// The bytes are a list of agreements.
pub(crate) fn csv(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let office = SourceFile { name: "office.toml".into(), text: OFFICE.into() };
    ask(&Sources::new(vec![office, SourceFile { name: "a.csv".into(), text: text.into() }]));
}

/// The bytes are a question: eight of the moment, one of the computer, the rest a name and a group.
pub(crate) fn decide(bytes: &[u8]) {
    thread_local!(static POLICY: Policy = {
        let sources = Sources::new(vec![SourceFile { name: "office.toml".into(), text: OFFICE.into() }]);
        match Policy::parse(&sources) {
            Ok((policy, _)) => policy,
            Err(mistakes) => panic!("{}", mistakes.render(&sources, Style::Plain)),
        }
    });
    let Some((moment, rest)) = bytes.split_first_chunk::<8>() else { return };
    let Some((kind, names)) = rest.split_first() else { return };
    let names = String::from_utf8_lossy(names);
    let (worker, group) = names.split_once('\n').unwrap_or((&names, "g"));
    // Any moment that there is, and half of the time one within the agreements.
    let second = i64::from_le_bytes(*moment);
    let second = if kind & 2 == 0 { second } else { 1_767_225_600 + second.rem_euclid(400 * 86_400) };
    let at = Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX });
    let device = if kind & 1 == 0 { Device::Managed } else { Device::Personal };
    let groups = [group.to_owned()];
    let device_name = (kind & 4 != 0).then_some(group);
    let request = Request { worker, groups: &groups, device, device_name, days_used: u32::from(kind >> 4), at };
    POLICY.with(|policy| answer(policy, &request));
}

fn ask(sources: &Sources) {
    match Policy::parse(sources) {
        Err(mistakes) => {
            assert!(mistakes.any_error(), "refused without an error");
            let text = mistakes.render(sources, Style::Plain);
            assert!(!text.contains('\u{1b}'), "text of the file reaches the terminal");
        }
        Ok((policy, warnings)) => {
            assert!(!warnings.any_error());
            let workers: Vec<String> = policy.workers().take(3).map(str::to_owned).collect();
            for worker in workers {
                let groups = policy.expected_groups(&worker);
                let start = policy.instant("2026-03-03T09:00".parse().expect("a moment"));
                for hours in [0, 15, 24, 24 * 26, 24 * 400] {
                    let at = start + SignedDuration::from_hours(hours);
                    answer(&policy, &Request::new(&worker, &groups, Device::Managed, at));
                }
            }
        }
    }
}

/// Decision, explanation and effect agree with each other.
fn answer(policy: &Policy, request: &Request<'_>) {
    let decision = policy.decide(request);
    let explanation = policy.explain(request);
    assert_eq!(decision, explanation.decision);
    match &decision {
        Decision::Permit(grant) => {
            let lasts = grant.ends_at.duration_since(request.at);
            assert!(lasts > SignedDuration::ZERO && lasts <= SignedDuration::from_hours(24), "lasts {lasts}");
            assert!(!grant.services.is_empty());
            assert!(explanation.next_change.is_none_or(|next| next > request.at));
        }
        Decision::Refuse(reason) => {
            assert!(reason.next().is_none_or(|next| next > request.at), "waits for the past");
        }
    }
    let day = policy.local(request.at);
    let _ = policy.calendar(request.worker, day.year(), day.month());
    let _ = policy.quota(request.worker, request.at);
}

//! The answers for people.

use std::fmt::Write as _;

use gateway_api::Fingerprint;
use jiff::Timestamp;
use policy::{
    CalendarDay, Decision, Difference, End, Explanation, Grant, Policy, Proof, Request, Severity, Sources, Style,
};

use super::json::FEW;
use crate::policy_files::{LoadError, Loaded};

pub(super) fn checked(loaded: &Loaded, warnings: usize) -> String {
    let mut text = String::new();
    for file in &loaded.ignored {
        let _ = writeln!(text, "left out: `{}`, {}", file.name, file.what);
    }
    let files = loaded.sources.files().len();
    let (workers, agreements) = (loaded.policy.workers().count(), loaded.policy.agreement_count());
    let _ = writeln!(
        text,
        "{} read: {}, {}",
        count(files, "file"),
        count(agreements, "agreement"),
        count(workers, "worker")
    );
    let tests = match loaded.policy.test_count() {
        0 => "no tests of its own".to_owned(),
        asked => format!("its {} answered as expected", count(asked, "test question")),
    };
    let _ = writeln!(text, "the policy can be used: {}, {tests}", count(warnings, "warning"));
    let hash: String = loaded.hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let _ = writeln!(text, "hash {hash}…");
    text
}

pub(super) fn unusable(error: &LoadError, style: Style) -> String {
    let mut text = error.render(style);
    if let LoadError::Mistakes(mistakes, _) = error {
        let errors = mistakes.iter().filter(|mistake| mistake.severity() == Severity::Error).count();
        let _ = writeln!(
            text,
            "the policy cannot be used: {}, {}",
            count(errors, "error"),
            count(mistakes.len() - errors, "warning")
        );
    }
    text
}

pub(super) fn explained(
    policy: &Policy,
    sources: &Sources,
    request: &Request<'_>,
    explanation: &Explanation,
    assumed: bool,
) -> String {
    let mut text = String::new();
    let when = policy.clock(request.at);
    match &explanation.decision {
        Decision::Permit(granted) => {
            let _ = writeln!(text, "permit: `{}` on {when}", request.worker);
            write_grant(&mut text, policy, granted);
        }
        Decision::Refuse(reason) => {
            let _ = writeln!(text, "refuse: `{}` on {when}: {reason}", request.worker);
        }
    }
    for ruling in &explanation.rulings {
        match ruling.place(sources) {
            Some(place) => {
                let _ = writeln!(text, "  {place}: {}", ruling.says);
            }
            None => {
                let _ = writeln!(text, "  {}", ruling.says);
            }
        }
    }
    let next = explanation.next_change.map(|at| policy.clock(at));
    let _ = match (&explanation.decision, next) {
        (Decision::Permit(_), Some(next)) => writeln!(text, "next change: refused from {next}"),
        (Decision::Refuse(_), Some(next)) => writeln!(text, "next change: from {next}"),
        (_, None) => writeln!(text, "next change: none foreseen"),
    };
    if assumed && !request.groups.is_empty() {
        let _ = writeln!(
            text,
            "taken for granted: the worker is in the groups that the agreement asks for (`--group` says otherwise)"
        );
    }
    text
}

fn write_grant(text: &mut String, policy: &Policy, grant: &Grant) {
    let ports = grant.services.iter().map(|service| {
        let list = |ports: &[u16]| ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let mut ports = String::new();
        for (protocol, list) in [("TCP", list(&service.tcp)), ("UDP", list(&service.udp))] {
            if !list.is_empty() {
                let _ = write!(ports, " {protocol} {list}");
            }
        }
        if service.echo {
            ports.push_str(" echo");
        }
        format!("{}{ports}", service.name)
    });
    let by = match grant.ends_by {
        End::Agreement => "the hours end",
        End::Longest => "the longest session",
    };
    let redirect: Vec<_> = grant.redirect.iter().map(|redirection| redirection.word()).collect();
    let warnings: Vec<_> = grant.warnings.iter().map(|warning| policy::length(*warning)).collect();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "    {name:<14} {value}");
    };
    line("workstation", format!("{} at {}", grant.workstation, grant.address));
    line("services", ports.collect::<Vec<_>>().join(", "));
    line("until", format!("{} ({by})", policy.clock(grant.ends_at)));
    line("idle", policy::length(grant.idle));
    line("grace", policy::length(grant.grace));
    line("unused", policy::length(grant.unused));
    line("unanswered", policy::length(grant.unanswered));
    line("warnings", if warnings.is_empty() { "none".to_owned() } else { warnings.join(", ") });
    line("second factor", grant.second_factor.word().to_owned());
    line("second login", grant.second_login.word().to_owned());
    line("redirect", if redirect.is_empty() { "nothing".to_owned() } else { redirect.join(", ") });
    if grant.single_sign_on {
        line("single sign-on", "the password is handed over to the RDP program".to_owned());
    }
    if let Some(certificate) = grant.certificate {
        line("certificate", Fingerprint(certificate).to_string());
    }
    line("structure", grant.structure.to_string());
    line("profile", grant.profile.to_string());
    if grant.wireguard_config {
        line("WireGuard", "other programs may carry the session".to_owned());
    }
    if grant.require_post_quantum {
        line("key exchange", "post-quantum (X25519MLKEM768), or refused".to_owned());
    }
    if !grant.notices.is_empty() {
        line("notices", grant.notices.iter().map(|notice| notice.name.to_string()).collect::<Vec<_>>().join(", "));
    }
}

pub(super) fn proved(policy: &Policy, sources: &Sources, proof: &Proof) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "looked at {}, {} of time, {}",
        count(proof.workers, "worker"),
        count(proof.stretches, "stretch"),
        count(proof.decisions, "decision")
    );
    let Some(found) = &proof.counterexample else {
        match proof.span {
            Some((first, last)) => {
                let _ = writeln!(
                    text,
                    "proved: from {first} to {last}, at every minute, nobody reaches anything but their own workstation"
                );
            }
            None => text.push_str("proved: nobody may ever be connected\n"),
        }
        return text;
    };
    let _ = writeln!(text, "not proved: on {} {}", policy.clock(found.at), found.what);
    for place in found.places(sources) {
        let _ = writeln!(text, "  {place}");
    }
    text
}

pub(super) fn calendar(worker: &str, (year, month): (i16, i8), days: &[CalendarDay]) -> String {
    let mut text = format!("`{worker}`, {year}-{month:02}\n");
    for day in days {
        let weekday = day.date.strftime("%a");
        let windows: Vec<String> =
            day.windows.iter().map(|window| format!("{} at {}", window.hours, window.workstation)).collect();
        let mut line = format!("  {weekday} {:>2}  {}", day.date.day(), windows.join(", "));
        if let Some(note) = &day.note {
            let _ = write!(line, "{}{note}", if windows.is_empty() { "" } else { "; " });
        }
        let _ = writeln!(text, "{}", line.trim_end());
        if weekday.to_string() == "Sun" {
            text.push('\n');
        }
    }
    if days.iter().all(|day| day.windows.is_empty()) {
        text.push_str("no hours in this month\n");
    }
    text
}

pub(super) fn differences(policy: &Policy, from: Timestamp, differences: &[Difference]) -> String {
    let mut text = String::new();
    for one in differences {
        let (gained, lost) = one.totals();
        let _ = writeln!(text, "`{}`", one.worker);
        for (word, parts, total) in [("gains", &one.gains, gained), ("loses", &one.loses, lost)] {
            for (start, end) in parts.iter().take(FEW) {
                let _ = writeln!(text, "  {word} {} to {}", policy.clock(*start), policy.clock(*end));
            }
            if parts.len() > FEW {
                let _ = writeln!(
                    text,
                    "  {word} {} in all, {} hours",
                    count(parts.len(), "stretch"),
                    total.as_secs() / 3600
                );
            }
        }
        for (at, what) in &one.changes {
            let _ = writeln!(text, "  from {}: {what}", policy.clock(*at));
        }
    }
    let gain = differences.iter().filter(|one| !one.gains.is_empty()).count();
    let lose = differences.iter().filter(|one| !one.loses.is_empty()).count();
    let _ = match differences.is_empty() {
        true => writeln!(text, "nothing changes from {} on", policy.clock(from)),
        false => writeln!(
            text,
            "{} changed from {} on: {gain} gain time, {lose} lose time",
            count(differences.len(), "worker"),
            policy.clock(from)
        ),
    };
    text
}

fn count(number: usize, what: &str) -> String {
    let plural = if what.ends_with("ch") { "es" } else { "s" };
    format!("{number} {what}{}", if number == 1 { "" } else { plural })
}

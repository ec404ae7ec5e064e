//! The answers as JSON. Keys stay once published; new ones may come.

use gateway_api::Fingerprint;
use jiff::Timestamp;
use policy::{
    CalendarDay, Decision, Device, Difference, End, Explanation, Grant, Mistake, Mistakes, Place, Policy, Proof,
    Request, Sources,
};
use serde_json::{Value, json};

use super::rfc3339;
use crate::policy_files::{LoadError, Loaded};

pub(super) fn checked(loaded: &Loaded, warnings: &[&Mistakes]) -> Value {
    let told: Vec<Value> = warnings.iter().flat_map(|warnings| mistakes(warnings, &loaded.sources)).collect();
    json!({
        "ok": true,
        "hash": hex(&loaded.hash),
        "files": loaded.sources.files().iter().map(|file| &file.name).collect::<Vec<_>>(),
        "ignored": loaded.ignored.iter().map(|file| json!({"file": file.name, "what": file.what})).collect::<Vec<_>>(),
        "workers": loaded.policy.workers().count(),
        "agreements": loaded.policy.agreement_count(),
        "tests": loaded.policy.test_count(),
        "mistakes": told,
        "untold": warnings.iter().map(|warnings| warnings.untold()).sum::<usize>(),
    })
}

pub(super) fn unusable(error: &LoadError) -> Value {
    match error {
        LoadError::Folder(..) => json!({"ok": false, "error": error.to_string(), "files": [], "mistakes": []}),
        LoadError::Files(_, files) => {
            let files: Vec<Value> = files.iter().map(|file| json!({"file": file.name, "error": file.why})).collect();
            json!({"ok": false, "error": "files cannot be read", "files": files, "mistakes": []})
        }
        LoadError::Mistakes(list, sources) => {
            json!({"ok": false, "mistakes": mistakes(list, sources), "untold": list.untold()})
        }
    }
}

fn mistakes(list: &Mistakes, sources: &Sources) -> Vec<Value> {
    list.iter().map(|mistake| one_mistake(mistake, sources)).collect()
}

fn one_mistake(mistake: &Mistake, sources: &Sources) -> Value {
    let related = mistake.related_places(sources).map(|(at, label)| json!({"at": place(&at), "label": label}));
    json!({
        "severity": mistake.severity().word(),
        "message": mistake.message(),
        "label": mistake.detail(),
        "advice": mistake.remedy(),
        "at": mistake.place(sources).as_ref().map(place),
        "related": related.collect::<Vec<_>>(),
    })
}

fn place(place: &Place) -> Value {
    json!({
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
    })
}

pub(super) fn explained(policy: &Policy, sources: &Sources, request: &Request<'_>, explanation: &Explanation) -> Value {
    let rules = explanation
        .rulings
        .iter()
        .map(|ruling| json!({"says": ruling.says, "at": ruling.place(sources).as_ref().map(place)}));
    let mut answer = json!({
        "worker": request.worker,
        "at": rfc3339(policy, request.at),
        "device": match request.device { Device::Managed => "managed", Device::Personal => "personal" },
        "groups": request.groups,
        "rules": rules.collect::<Vec<_>>(),
        "next_change": explanation.next_change.map(|at| rfc3339(policy, at)),
    });
    let (word, more) = match &explanation.decision {
        Decision::Permit(granted) => ("permit", ("grant", grant(policy, granted))),
        Decision::Refuse(reason) => ("refuse", ("reason", json!({"word": reason.word(), "says": reason.to_string()}))),
    };
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("decision".to_owned(), word.into());
        answer.insert(more.0.to_owned(), more.1);
    }
    answer
}

fn grant(policy: &Policy, grant: &Grant) -> Value {
    let services = grant.services.iter().map(|service| {
        let policy::Service { name, tcp, udp, echo } = service;
        json!({"name": &**name, "tcp": tcp, "udp": udp, "echo": echo})
    });
    json!({
        "workstation": &*grant.workstation,
        "address": grant.address.to_string(),
        "services": services.collect::<Vec<_>>(),
        "structure": &*grant.structure,
        "profile": &*grant.profile,
        "ends_at": rfc3339(policy, grant.ends_at),
        "ends_by": match grant.ends_by { End::Agreement => "agreement", End::Longest => "longest" },
        "idle_seconds": grant.idle.as_secs(),
        "grace_seconds": grant.grace.as_secs(),
        "unused_seconds": grant.unused.as_secs(),
        "unanswered_seconds": grant.unanswered.as_secs(),
        "warning_seconds": grant.warnings.iter().map(std::time::Duration::as_secs).collect::<Vec<_>>(),
        "second_factor": grant.second_factor.word(),
        "second_login": grant.second_login.word(),
        "redirect": grant.redirect.iter().map(|redirection| redirection.word()).collect::<Vec<_>>(),
        "single_sign_on": grant.single_sign_on,
        "wireguard_config": grant.wireguard_config,
        "wake": grant.wake.is_some(),
        "certificate": grant.certificate.map(Fingerprint),
        "require_post_quantum": grant.require_post_quantum,
        "notices": grant.notices.iter().map(|notice| &*notice.name).collect::<Vec<_>>(),
    })
}

pub(super) fn proved(policy: &Policy, sources: &Sources, proof: &Proof) -> Value {
    let counterexample = proof.counterexample.as_ref().map(|found| {
        json!({
            "at": rfc3339(policy, found.at),
            "workers": found.workers,
            "what": found.what,
            "rules": found.places(sources).iter().map(place).collect::<Vec<_>>(),
        })
    });
    json!({
        "proved": proof.counterexample.is_none(),
        "workers": proof.workers,
        "stretches": proof.stretches,
        "decisions": proof.decisions,
        "from": proof.span.map(|(first, _)| first.to_string()),
        "until": proof.span.map(|(_, last)| last.to_string()),
        "counterexample": counterexample,
    })
}

pub(super) fn calendar(worker: &str, days: &[CalendarDay]) -> Value {
    let days = days.iter().map(|day| {
        let windows =
            day.windows.iter().map(|window| json!({"hours": window.hours, "workstation": window.workstation}));
        json!({"date": day.date.to_string(), "windows": windows.collect::<Vec<_>>(), "note": day.note})
    });
    json!({"worker": worker, "days": days.collect::<Vec<_>>()})
}

pub(super) fn differences(policy: &Policy, from: Timestamp, differences: &[Difference]) -> Value {
    let parts = |parts: &[(Timestamp, Timestamp)]| {
        let first = parts.iter().take(FEW).map(|(start, end)| json!([rfc3339(policy, *start), rfc3339(policy, *end)]));
        json!({"count": parts.len(), "first": first.collect::<Vec<_>>()})
    };
    let workers = differences.iter().map(|one| {
        let (gained, lost) = one.totals();
        let changes = one.changes.iter().map(|(at, what)| json!({"from": rfc3339(policy, *at), "what": what}));
        json!({
            "worker": one.worker,
            "gains": parts(&one.gains),
            "gained_seconds": gained.as_secs(),
            "loses": parts(&one.loses),
            "lost_seconds": lost.as_secs(),
            "changes": changes.collect::<Vec<_>>(),
        })
    });
    json!({"from": rfc3339(policy, from), "workers": workers.collect::<Vec<_>>()})
}

/// Of many like stretches the first few show what happens.
pub(super) const FEW: usize = 5;

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

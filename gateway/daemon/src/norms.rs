//! The rules on the record as the office adopted them, and whether the gateway still keeps to them.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gateway_record::{Language, Norms, Term};
use policy::{Policy, Retention, Style};
use serde_json::{Value, json};

use crate::{
    Failure,
    config::{Config, Export, Record},
    policy_files,
    policy_in_force::PolicyInForce,
    session_commands::say,
};

/// Between looks at the policy in force.
const LOOK: Duration = Duration::from_secs(10);

/// `log norms`
pub(crate) fn show(config: &Config, language: Language) -> Result<ExitCode, Failure> {
    let loaded = policy_files::load(&config.policy)
        .map_err(|error| Failure::Unusable(error.render(Style::Plain).trim_end().to_owned()))?;
    let norms = norms(&config.record, &config.export, &loaded.policy);
    say(&format!("{}{}", norms.text(language), footer(config, &loaded.policy, &norms, language)))
}

/// What is said of the text, below it: not a part of what is adopted.
fn footer(config: &Config, policy: &Policy, norms: &Norms, language: Language) -> String {
    let act = policy.lawful().map(|lawful| &*lawful.log_norms);
    let stands = match (config.record.norms, language) {
        (None, Language::Italian) => "non ancora adottato: l'impronta va in `norms_sha256` di [record]".to_owned(),
        (None, Language::English) => "not adopted yet: put the hash into `norms_sha256` of [record]".to_owned(),
        (Some(adopted), Language::Italian) if norms.is(adopted) => "corrisponde al testo adottato".to_owned(),
        (Some(adopted), Language::English) if norms.is(adopted) => "matches the adopted text".to_owned(),
        (Some(adopted), Language::Italian) => format!("NON corrisponde al testo adottato, la cui impronta è {adopted}"),
        (Some(adopted), Language::English) => format!("does NOT match the adopted text, whose hash is {adopted}"),
    };
    let (act_is, none) = match language {
        Language::Italian => ("Atto di adozione", "nessuno: `log_norms` di [lawful] nella policy"),
        Language::English => ("Adopting act", "none: `log_norms` of [lawful] in the policy"),
    };
    format!("----\n{act_is}: {}\nSHA-256: {}\n{stands}", act.unwrap_or(none), norms.hash(language))
}

fn norms(record: &Record, export: &Export, policy: &Policy) -> Norms {
    let months = |months: i32| Term::Months(months.unsigned_abs());
    Norms {
        workers: match policy.retention() {
            Retention::Days(days) => Term::Days(days.into()),
            Retention::Months(months) => Term::Months(months.into()),
        },
        administrators: months(record.administrators),
        reviews: months(record.reviews),
        sealed: !record.controllers.is_empty(),
        witness: record.witness.as_ref().map(ToString::to_string),
        targets: export.targets(),
        exported: export.journals.clone(),
    }
}

/// Looks whether what runs is what was adopted.
#[derive(Debug)]
pub(crate) struct Adopted {
    record: Record,
    export: Export,
    policy: Arc<PolicyInForce>,
    told: AtomicBool,
}

impl Adopted {
    pub(crate) fn new(config: &Config, policy: Arc<PolicyInForce>) -> Self {
        let (record, export) = (config.record.clone(), config.export.clone());
        Self { record, export, policy, told: AtomicBool::default() }
    }

    /// Whether the configuration is what the adopted text says; None where none was adopted.
    pub(crate) fn holds(&self) -> Option<bool> {
        let adopted = self.record.norms?;
        Some(norms(&self.record, &self.export, &self.policy.current()).is(adopted))
    }

    /// Raises the alarm, once for each time that it does not hold any more, until it is dropped.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(LOOK);
        loop {
            ticks.tick().await;
            let broken = self.holds() == Some(false);
            match (broken, self.told.swap(broken, Ordering::Relaxed)) {
                (true, false) => tracing::error!(
                    "THE CONFIGURATION IS NOT WHAT THE ADOPTED RULES ON THE RECORD SAY: see `log norms`, and adopt the new text or put the configuration back"
                ),
                (false, true) => tracing::info!("the configuration is what the adopted rules on the record say"),
                (true, true) | (false, false) => {}
            }
        }
    }

    /// For `status`.
    pub(crate) fn said(&self) -> Value {
        let policy = self.policy.current();
        json!({
            "act": policy.lawful().map(|lawful| &*lawful.log_norms),
            "adopted_sha256": self.record.norms,
            "hold": self.holds(),
        })
    }
}

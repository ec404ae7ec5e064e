//! Whether the record holds: what was signed last, what the witness has, and the check of all chains.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::response::Response;
use gateway_record::{End, Journal, Report, review::Act};
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::Value;

use super::{
    page::{self, Tab},
    visitor::{Sent, Visitor, see},
    words::{self, Words},
};
use crate::{
    admin::Desk,
    clock,
    store::{self, Verified},
    witness,
};

/// How long an answer waits for a check that may take a minute.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many mistakes of one journal are shown.
const FEW: usize = 20;

/// Checks of the record, one at a time.
#[derive(Debug)]
pub(super) struct Verifications {
    database: PathBuf,
    witness: Option<PathBuf>,
    standing: Arc<Mutex<Standing>>,
}

#[derive(Debug, Default, Clone)]
struct Standing {
    runs_since: Option<Timestamp>,
    last: Option<(Timestamp, Result<Vec<Verified>, String>)>,
}

impl Verifications {
    /// Of this database, against this witness's file.
    pub(super) fn new(database: PathBuf, witness: Option<PathBuf>) -> Self {
        Self { database, witness, standing: Arc::default() }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        locked(&self.standing)
    }

    /// Begins one unless one runs, and gives it a little time.
    async fn begin(&self, desk: &Desk) {
        let now = clock::now().wall;
        {
            let mut standing = self.standing();
            if standing.runs_since.is_some() {
                return;
            }
            standing.runs_since = Some(now);
        }
        let (database, witness, standing) = (self.database.clone(), self.witness.clone(), Arc::clone(&self.standing));
        let key = desk.ledger.store().key();
        let check = tokio::spawn(async move {
            // In a task of its own, so that whatever becomes of it is an end.
            let verified = tokio::spawn(check(database, witness, key)).await;
            let verified = verified.unwrap_or_else(|error| Err(format!("the check broke off: {error}")));
            *locked(&standing) = Standing { runs_since: None, last: Some((clock::now().wall, verified)) };
        });
        // It goes on, and the page tells when it is done.
        let _ = tokio::time::timeout(PATIENCE, check).await;
    }
}

fn locked(standing: &Mutex<Standing>) -> MutexGuard<'_, Standing> {
    standing.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn check(database: PathBuf, witness: Option<PathBuf>, key: gateway_record::Key) -> Result<Vec<Verified>, String> {
    let witnessed = match witness {
        Some(file) => {
            tokio::task::spawn_blocking(move || witness::read(&file)).await.map_err(|error| error.to_string())??
        }
        None => Vec::new(),
    };
    store::verify(&database, &[key], &witnessed).await.map_err(|error| error.to_string())
}

/// `POST /record`
pub(super) async fn verify(Sent { visitor, .. }: Sent) -> Response {
    if let Err(answer) = visitor.right(Act::Verify).await {
        return answer;
    }
    visitor.console.verifications.begin(visitor.desk()).await;
    see(Tab::Record.path())
}

/// `GET /record`
pub(super) async fn show(visitor: Visitor) -> Response {
    if let Err(answer) = visitor.right(Act::Verify).await {
        return answer;
    }
    let words = visitor.words();
    let Standing { runs_since, last } = visitor.console.verifications.standing().clone();
    let content = html! {
        p.lead { (words.record_lead) }
        section {
            h2 { (words.record_now) }
            (now(&visitor))
        }
        section {
            h2 { (words.verification) }
            @match &last {
                None => p { (words.not_verified) },
                Some((at, verified)) => {
                    p { (words.verified_at) " " (page::moment(&visitor.office, words, *at)) }
                    (outcome(&visitor, verified))
                }
            }
            @if let Some(since) = runs_since {
                p.told role="status" { (words.verifying) " " (page::moment(&visitor.office, words, since)) }
            } @else {
                form method="post" action=(Tab::Record.path()) {
                    (page::form_key(&visitor))
                    button type="submit" { (words.verify_now) }
                }
            }
        }
    };
    visitor.frame().tab(Tab::Record, &content)
}

/// What the running gateway says of it.
fn now(visitor: &Visitor) -> Markup {
    let words = visitor.words();
    let checkpoints = &visitor.desk().checkpoints;
    let said = checkpoints.said();
    let text = |name: &str| said.get(name).and_then(Value::as_str);
    let signed = match checkpoints.signed_at() {
        Some(at) => page::moment(&visitor.office, words, at),
        None => html! { (words.not_yet) },
    };
    let number = said.get("checkpoint").and_then(Value::as_u64);
    let number = number.map_or_else(|| words.not_yet.to_owned(), |number| number.to_string());
    let witness = match text("witness") {
        Some(witness) => html! { code { (witness) } },
        None => html! { (words.no_witness) },
    };
    let sealed = said.get("names_sealed_to").and_then(Value::as_object);
    let of =
        |keys: &Value| keys.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let sealed = html! {
        @for (role, keys) in sealed.into_iter().flatten() {
            @let keys: Vec<String> = of(keys);
            p { (words::key_role(words, role)) ": " code.hash { (keys.join(" ")) } }
        }
        @if sealed.is_none() { (words.sealed_to_nobody) }
    };
    html! {
        dl.facts {
            (page::fact(words.signed_at, signed))
            (page::fact(words.checkpoint, number))
            (page::fact(words.witness, witness))
            (page::fact(words.names_sealed, sealed))
        }
        @if text("witness").is_some() && visitor.console.verifications.witness.is_none() {
            p.told { (words.witness_elsewhere) " " code { "deskgate-gateway log verify --witness FILE" } }
        }
        @if let Some(trouble) = text("witness_trouble") { (page::trouble(words.witness_trouble, trouble)) }
        @if text("disk_full_since").is_some() { p.problem { (words.disk_full) } }
        @if said.get("clock_behind_s").is_some_and(|behind| !behind.is_null()) { p.problem { (words.clock_behind) } }
    }
}

fn outcome(visitor: &Visitor, verified: &Result<Vec<Verified>, String>) -> Markup {
    let words = visitor.words();
    match verified {
        Err(why) => page::trouble(words.verify_failed, why),
        Ok(all) => html! {
            @if all.iter().all(Verified::is_whole) {
                p.good { (words.record_whole) }
            } @else {
                p.problem { strong { (words.record_not_whole) } }
            }
            @for gateway in all {
                p {
                    (words.gateway) " " code { (gateway.gateway) } ": " (gateway.signed.checkpoints) " "
                    (words.checkpoints_hold) ", " (gateway.signed.witnessed) " " (words.of_witness)
                }
                (faults(&gateway.signed.faults))
                @let strangers: u64 = gateway.signed.strangers.values().sum();
                @if strangers > 0 { p.told { (words.witness_strangers) " " (strangers) } }
                (page::wide(words.journals_caption, &journals(visitor, &gateway.journals)))
                @for (_, report) in &gateway.journals { (faults(&report.faults)) }
            }
        },
    }
}

fn journals(visitor: &Visitor, journals: &[(Journal, Report)]) -> Markup {
    let words = visitor.words();
    html! {
        table {
            caption { (words.journals_caption) }
            thead {
                tr {
                    th scope="col" { (words.journal) }
                    th scope="col" { (words.records) }
                    th scope="col" { (words.begins) }
                    th scope="col" { (words.signed_to) }
                    th scope="col" { (words.end) }
                    th scope="col" { (words.outcome) }
                }
            }
            tbody {
                @for (journal, report) in journals {
                    tr {
                        th scope="row" { (words::journal(words, *journal)) }
                        td.number { (report.records) }
                        td { @if report.cut == 0 { (words.from_first) } @else { (words.at_cut) " " (report.cut) } }
                        td.number { (report.signed) }
                        td { (end(visitor, report)) }
                        td { @if report.is_whole() { (words.whole) } @else { strong { (words.not_whole) } } }
                    }
                }
            }
        }
    }
}

fn end(visitor: &Visitor, report: &Report) -> Markup {
    let words: &Words = visitor.words();
    match report.end {
        End::Proven { time } => html! { (words.end_proven) " " (page::moment(&visitor.office, words, time)) },
        End::ProvenTo { sequence, .. } => html! { (words.end_proven_to) " " (sequence) },
        End::NotProven => html! { (words.end_not_proven) },
    }
}

fn faults(faults: &[impl std::fmt::Display]) -> Markup {
    html! {
        @if !faults.is_empty() {
            ul.problem lang="en" {
                @for fault in faults.iter().take(FEW) { li { (fault.to_string()) } }
                @if faults.len() > FEW { li { "and " (faults.len() - FEW) " more" } }
            }
        }
    }
}

//! The report's words, in one language.

use gateway_api::login::Language;
use gateway_record::review::figures::{Cause, FEWEST};

const _: () = assert!(FEWEST == 5, "these words say five");

#[derive(Debug)]
pub(super) struct Words {
    /// As PDF and HTML name the language.
    pub(super) tag: &'static str,
    pub(super) title: &'static str,
    pub(super) lead: &'static str,
    pub(super) rules: &'static str,
    pub(super) nothing: &'static str,
    /// Before the first and the last period.
    pub(super) periods: &'static str,
    pub(super) period: &'static str,
    pub(super) workers: &'static str,
    pub(super) sessions: &'static str,
    pub(super) assistances: &'static str,
    /// In a table, and above a chart.
    pub(super) refused: &'static str,
    pub(super) refused_logins: &'static str,
    pub(super) anomaly: &'static str,
    pub(super) none: &'static str,
    /// That an anomaly is one of the sum.
    pub(super) in_all: &'static str,
    pub(super) sheet: &'static str,
}

pub(super) fn of(language: Language) -> &'static Words {
    match language {
        Language::It => &ITALIAN,
        Language::En => &ENGLISH,
    }
}

pub(super) fn cause(language: Language, cause: Cause) -> &'static str {
    match (cause, language) {
        (Cause::Credentials, Language::It) => "Credenziali",
        (Cause::Credentials, Language::En) => "Credentials",
        (Cause::Hours, Language::It) => "Fuori orario",
        (Cause::Hours, Language::En) => "Outside hours",
        (Cause::Agreement, Language::It) => "Accordo",
        (Cause::Agreement, Language::En) => "Agreement",
        (Cause::Device, Language::It) => "Computer",
        (Cause::Device, Language::En) => "Device",
        (Cause::Other, Language::It) => "Altro",
        (Cause::Other, Language::En) => "Other",
    }
}

static ITALIAN: Words = Words {
    tag: "it",
    title: "Lavoro da casa: dati aggregati per struttura",
    lead: "Periodi fissi di due mesi, pubblicati una volta e mai ricalcolati.",
    rules: "«<5»: meno di cinque persone, oppure un dato che le farebbe ricavare. Anomalia (!): più del doppio della media dei periodi precedenti della stessa struttura, e almeno dieci in più; riguarda la struttura, mai una persona.",
    nothing: "Nessun periodo è ancora concluso.",
    periods: "Periodi",
    period: "Periodo",
    workers: "Lavoratori",
    sessions: "Sessioni",
    assistances: "Assistenze",
    refused: "Rifiuti",
    refused_logins: "Accessi rifiutati",
    anomaly: "Anomalia",
    none: "nessuna",
    in_all: "in tutto",
    sheet: "Pagina",
};

static ENGLISH: Words = Words {
    tag: "en",
    title: "Working from home: figures of structures",
    lead: "Fixed periods of two months, published once and never computed again.",
    rules: "“<5”: fewer than five people, or a figure that would tell them. Anomaly (!): more than twice the mean of the same structure's earlier periods, and ten more at least; it is about the structure, never about a person.",
    nothing: "No period is over yet.",
    periods: "Periods",
    period: "Period",
    workers: "Workers",
    sessions: "Sessions",
    assistances: "Assistances",
    refused: "Refused",
    refused_logins: "Logins refused",
    anomaly: "Anomaly",
    none: "none",
    in_all: "in all",
    sheet: "Page",
};

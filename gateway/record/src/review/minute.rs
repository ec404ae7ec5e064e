//! The numbered minute (verbale) of an opening: what was asked, by whom, who approved, what was handed out; and the message that the
//! worker gets.
//!
//! In Italian and English, one after the other, so that there is one text with one hash. Moments are shown on the office's clock.

use jiff::{Timestamp, tz::TimeZone};
use sha2::{Digest as _, Sha256};

use super::{Asked, By, Minute, Opening, Refusal, Review, Role, Stage};
use crate::Hash;

/// What words about a request need besides it.
#[derive(Debug, Clone)]
pub struct Words {
    /// The office's clock.
    pub zone: TimeZone,
    /// The act by which the office adopted its rules.
    pub act: String,
}

impl Words {
    /// The minute of a request that was opened.
    pub fn minute(&self, number: u64, review: &Review) -> Result<Minute, Refusal> {
        let (approved, opening) = match &review.stage {
            Stage::Opened { approved, opening } => (approved, opening),
            Stage::Requested | Stage::Approved { .. } => return Err(Refusal::NotOpened),
            Stage::Refused { .. } => return Err(Refusal::Refused),
            Stage::Minuted { .. } => return Err(Refusal::Minuted),
        };
        let text =
            [self.italian(number, review, (approved, opening)), self.english(number, review, (approved, opening))]
                .join("\n");
        let hash = Hash(Sha256::digest(text.as_bytes()).into());
        Ok(Minute { number, text, hash })
    }

    fn italian(&self, number: u64, review: &Review, (approved, opening): (&By, &Opening)) -> String {
        let Review { asked, by, .. } = review;
        let who = |by: &By| format!("{} ({}), {}", by.name, italian_role(&by.role), self.moment(by.at));
        format!(
            "VERBALE N. {number}\n\
             \n\
             Consultazione dei dati di sessione, richiesta n. {request}\n\
             In base a: {act}\n\
             \n\
             Struttura:      {structure}\n\
             Riguarda:       {subject}\n\
             Periodo:        dal {from} al {until}\n\
             Eventi:         {events}\n\
             Presupposto:    lettera {letter}) dell'articolo 11: {ground}\n\
             Motivazione:    {reason}\n\
             \n\
             Richiesta da:   {by}\n\
             Approvata da:   {approved}\n\
             Aperta da:      {opened}\n\
             \n\
             Registrazioni consegnate: {count} (progressivi: {records})\n\
             SHA-256 di quanto consegnato: {digest}\n\
             Si aprono fino al {end}, con le chiavi di entrambi i detentori.\n",
            request = review.number,
            act = self.act,
            structure = asked.structure,
            subject = subject(asked, "sessioni"),
            from = asked.from.strftime("%d.%m.%Y"),
            until = asked.until.strftime("%d.%m.%Y"),
            events = events(asked, "tutti quelli della persona"),
            letter = asked.ground.letter(),
            ground = asked.ground.italian(),
            reason = asked.reason.trim(),
            by = who(by),
            approved = who(approved),
            opened = who(&opening.by),
            count = opening.records.len(),
            records = places(opening),
            digest = opening.digest,
            end = self.moment(opening.until),
        )
    }

    fn english(&self, number: u64, review: &Review, (approved, opening): (&By, &Opening)) -> String {
        let Review { asked, by, .. } = review;
        let who = |by: &By| format!("{} ({}), {}", by.name, english_role(&by.role), self.moment(by.at));
        format!(
            "MINUTE NO. {number}\n\
             \n\
             Review of session records, request no. {request}\n\
             Under: {act}\n\
             \n\
             Structure:      {structure}\n\
             Concerns:       {subject}\n\
             Period:         from {from} until {until}\n\
             Events:         {events}\n\
             Ground:         letter {letter}) of article 11: {ground}\n\
             Reason:         {reason}\n\
             \n\
             Requested by:   {by}\n\
             Approved by:    {approved}\n\
             Opened by:      {opened}\n\
             \n\
             Records handed out: {count} (places: {records})\n\
             SHA-256 of what was handed out: {digest}\n\
             They open until {end}, by the keys of both holders.\n",
            request = review.number,
            act = self.act,
            structure = asked.structure,
            subject = subject(asked, "sessions"),
            from = asked.from,
            until = asked.until,
            events = events(asked, "all of the person's"),
            letter = asked.ground.letter(),
            ground = asked.ground.english(),
            reason = asked.reason.trim(),
            by = who(by),
            approved = who(approved),
            opened = who(&opening.by),
            count = opening.records.len(),
            records = places(opening),
            digest = opening.digest,
            end = self.moment(opening.until),
        )
    }

    /// What the worker is told of an opening, in Italian and in English.
    pub fn message(&self, review: &Review) -> Result<[String; 2], Refusal> {
        let (opening, _) = review.told()?;
        let asked = &review.asked;
        let minute = match &review.stage {
            Stage::Minuted { minute, .. } => minute.number,
            Stage::Requested | Stage::Refused { .. } | Stage::Approved { .. } | Stage::Opened { .. } => {
                return Err(Refusal::NotMinuted);
            }
        };
        let at = self.moment(opening.by.at);
        // They may be of several workers, of whom none is told how many are whose.
        let together = |words| if asked.subject.sessions.len() > 1 { words } else { "" };
        Ok([
            format!(
                "Il {at} sono state consultate registrazioni delle tue sessioni di lavoro da casa, dal {from} al {until} ({count} \
                 registrazioni{of}).\n\nPresupposto: lettera {letter}) dell'articolo 11: {ground}.\nRichiesta n. {request}, verbale n. {minute}; \
                 richiesta da: {by}. Puoi chiedere copia del verbale al tuo ufficio. Ciò che è registrato di te lo mostra `deskgate record`.",
                from = asked.from.strftime("%d.%m.%Y"),
                until = asked.until.strftime("%d.%m.%Y"),
                count = opening.records.len(),
                of = together(" in tutto, di più sessioni"),
                letter = asked.ground.letter(),
                ground = asked.ground.italian(),
                request = review.number,
                by = italian_role(&review.by.role),
            ),
            format!(
                "On {at} records of your sessions from home were looked at, from {from} until {until} ({count} records{of}).\n\nGround: letter \
                 {letter}) of article 11: {ground}.\nRequest no. {request}, minute no. {minute}; requested by: {by}. You may ask your office \
                 for a copy of the minute. What is recorded about you, `deskgate record` shows.",
                from = asked.from,
                until = asked.until,
                count = opening.records.len(),
                of = together(" in all, of several sessions"),
                letter = asked.ground.letter(),
                ground = asked.ground.english(),
                request = review.number,
                by = english_role(&review.by.role),
            ),
        ])
    }

    fn moment(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%d.%m.%Y %H:%M (%Z)").to_string()
    }
}

fn subject(asked: &Asked, sessions: &str) -> String {
    match &asked.subject.name {
        Some(name) => name.clone(),
        None => {
            let numbers: Vec<String> = asked.subject.sessions.iter().map(ToString::to_string).collect();
            format!("{sessions} {}", numbers.join(", "))
        }
    }
}

fn events(asked: &Asked, all: &str) -> String {
    if asked.events.is_empty() { all.to_owned() } else { asked.events.join(", ") }
}

fn places(opening: &Opening) -> String {
    let places: Vec<String> = opening.records.iter().map(u64::to_string).collect();
    if places.is_empty() { "-".to_owned() } else { places.join(", ") }
}

fn italian_role(role: &Role) -> String {
    match role {
        Role::Administrator => "amministratore del gateway".to_owned(),
        Role::Technician => "tecnico".to_owned(),
        Role::ExternalTechnician => "tecnico esterno".to_owned(),
        Role::DirectorGeneral => "direttore generale".to_owned(),
        Role::HeadOfStructure(structure) => format!("dirigente di {structure}"),
        Role::ServiceHead(structure) => format!("responsabile di servizio di {structure}"),
        Role::ReviewerOffice => "ufficio incaricato delle consultazioni".to_owned(),
    }
}

fn english_role(role: &Role) -> String {
    match role {
        Role::Administrator => "administrator of the gateway".to_owned(),
        Role::Technician => "technician".to_owned(),
        Role::ExternalTechnician => "external technician".to_owned(),
        Role::DirectorGeneral => "director general".to_owned(),
        Role::HeadOfStructure(structure) => format!("head of {structure}"),
        Role::ServiceHead(structure) => format!("service head of {structure}"),
        Role::ReviewerOffice => "reviewer office".to_owned(),
    }
}

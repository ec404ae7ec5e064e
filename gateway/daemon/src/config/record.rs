//! The record: how long it is kept, who holds its keys, who witnesses it, and where it goes.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use gateway_record::{Hash, Journal};
use hyper::http::uri::PathAndQuery;
use toml::Spanned;

use super::{CertificateFiles, Public, Reader, file};
use crate::{
    day_keys,
    witness::{Url, Witness},
};

/// How the record is proven, and how long its journals are kept; workers' as long as the policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Who is handed each checkpoint.
    pub(crate) witness: Option<Witness>,
    /// In months: 6 to 120.
    pub(crate) administrators: i32,
    /// In months: 6 to 120.
    pub(crate) reviews: i32,
    /// Files of the public keys that names are sealed to, of those who control; with `reviewers`, or neither.
    pub(crate) controllers: Vec<PathBuf>,
    /// The same of the reviewer office.
    pub(crate) reviewers: Vec<PathBuf>,
    /// Folder of the days' keys.
    pub(crate) day_keys: PathBuf,
    /// The hash of the adopted rules on the record.
    pub(crate) norms: Option<Hash>,
}

/// Where records go, without names; nowhere by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Export {
    /// Of workers, administrators or both.
    pub(crate) journals: Vec<Journal>,
    /// JSON Lines.
    pub(crate) file: Option<PathBuf>,
    pub(crate) syslog: Option<Syslog>,
    /// This machine's journal.
    pub(crate) journald: bool,
}

impl Export {
    /// Where records go, in the words of status and log.
    pub(crate) fn targets(&self) -> Vec<String> {
        let file = self.file.as_ref().map(|file| format!("file:{}", file.display()));
        let syslog = self.syslog.as_ref().map(|syslog| format!("syslog:{}", syslog.at));
        file.into_iter().chain(syslog).chain(self.journald.then(|| "journald".to_owned())).collect()
    }
}

/// A syslog server, by TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Syslog {
    /// Its certificate must be for this name or address.
    pub(crate) at: Public,
    /// Whose certificates are believed: a PEM file.
    pub(crate) ca: PathBuf,
    /// What the gateway shows the server; None: nothing.
    pub(crate) own: Option<CertificateFiles>,
}

impl Reader<'_> {
    pub(super) fn record(&mut self, written: file::Record, state: &Path) -> Record {
        let day_keys = match written.day_keys {
            None => state.join(day_keys::FOLDER),
            day_keys => self.path(day_keys, ""),
        };
        match (&written.controllers, &written.reviewers) {
            (Some(alone), None) => {
                self.mistake(alone, "keys of one holder alone", "add `reviewers`, the keys of the reviewer office");
            }
            (None, Some(alone)) => {
                self.mistake(alone, "keys of one holder alone", "add `controllers`, the keys of those who control");
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        Record {
            controllers: self.keys(written.controllers),
            reviewers: self.keys(written.reviewers),
            day_keys,
            norms: written.norms_sha256.and_then(|hash| match Hash::parse(hash.get_ref()) {
                Some(hash) => Some(hash),
                None => self.wrong(
                    &hash,
                    "not a SHA-256",
                    "write the 64 digits that `log norms` showed for the adopted text",
                ),
            }),
            witness: self.witness(written.witness, written.witness_ca),
            administrators: self.months(written.administrators.as_ref(), 12),
            reviews: self.months(written.reviews.as_ref(), 24),
        }
    }

    /// Files of public keys.
    fn keys(&mut self, written: Option<Spanned<Vec<String>>>) -> Vec<PathBuf> {
        let Some(written) = written else { return Vec::new() };
        if written.get_ref().is_empty() {
            self.mistake(
                &written,
                "no key at all",
                "name the files that `review keys make` wrote, or take the key out",
            );
        }
        written.into_inner().into_iter().map(|file| self.folder.join(file)).collect()
    }

    fn witness(&mut self, written: Option<Spanned<String>>, ca: Option<Spanned<String>>) -> Option<Witness> {
        let is_url = written.as_ref().is_some_and(|written| written.get_ref().starts_with("https://"));
        if let Some(ca) = ca.as_ref().filter(|_| !is_url) {
            self.mistake(ca, "for no server", "it belongs to a witness that is a URL: \"https://…\"");
        }
        let written = written?;
        let text = written.get_ref().as_str();
        let witness = match (text.strip_prefix("file:"), text.strip_prefix("https://")) {
            (Some(file), _) if !file.is_empty() => Some(Witness::File(self.folder.join(file))),
            (_, Some(rest)) => url(rest).map(|(at, path)| {
                let ca = self.path(ca, "/etc/ssl/certs/ca-certificates.crt");
                Witness::Url(Url { at, path, ca })
            }),
            _ => (text == "syslog").then_some(Witness::Syslog),
        };
        let advice = "write \"file:/path\", \"syslog\", or \"https://witness.comune.example/deskgate\"";
        witness.or_else(|| self.wrong(&written, "not a witness", advice))
    }

    /// Six months are the least: the Italian authority's order on administrators of 27 November 2008, and as much for reviews.
    fn months(&mut self, written: Option<&Spanned<String>>, default: i32) -> i32 {
        const MONTHS: RangeInclusive<i32> = 6..=120;
        let Some(written) = written else { return default };
        let whole = |span: &jiff::Span| {
            *span == jiff::Span::new().years(span.get_years()).months(span.get_months()).fieldwise()
        };
        let span = written.get_ref().parse::<jiff::Span>().ok().filter(whole);
        match span.map(|span| i32::from(span.get_years()) * 12 + span.get_months()) {
            Some(months) if MONTHS.contains(&months) => months,
            _ => self.wrong(
                written,
                "not a time to keep records",
                "write whole months or years, \"6 months\" to \"10 years\"",
            ),
        }
    }

    pub(super) fn export(&mut self, written: file::Export) -> Export {
        let syslog = written.syslog.as_ref().and_then(|syslog| match Public::parse(syslog.get_ref()) {
            Some(at) => Some(at),
            None => self.wrong(syslog, "not a name and port", "write them as \"siem.comune.example:6514\""),
        });
        if written.syslog.is_none() {
            for of_it in [&written.syslog_ca, &written.syslog_certificate, &written.syslog_key].into_iter().flatten() {
                self.mistake(of_it, "for no server", "add `syslog`, the name and port of the server");
            }
        }
        let own = (written.syslog_certificate, written.syslog_key);
        let own = self.certificate(own, ("syslog_certificate", "syslog_key"));
        let ca = self.path(written.syslog_ca, "/etc/ssl/certs/ca-certificates.crt");
        Export {
            journals: self.journals(written.journals),
            file: written.file.map(|file| self.path(Some(file), "")),
            syslog: syslog.map(|at| Syslog { at, ca, own }),
            journald: written.journald.unwrap_or(false),
        }
    }

    /// What may leave the gateway: not who looked at names.
    fn journals(&mut self, written: Option<Spanned<Vec<String>>>) -> Vec<Journal> {
        let both = vec![Journal::Workers, Journal::Administrators];
        let Some(written) = written else { return both };
        let known = |word: &String| Journal::from_word(word).filter(|journal| both.contains(journal));
        let mut journals: Vec<Journal> = written.get_ref().iter().filter_map(known).collect();
        if journals.is_empty() || journals.len() < written.get_ref().len() {
            self.mistake(&written, "not journals that are exported", "write \"workers\", \"administrators\" or both");
        }
        journals.sort_unstable();
        journals.dedup();
        journals
    }
}

/// A URL behind `https://`: where it is, and what is asked for there. A name and password in it would be read by whoever sees `status`.
fn url(text: &str) -> Option<(Public, String)> {
    let (authority, path) = text.split_at(text.find('/').unwrap_or(text.len()));
    let at = Public::parse(authority).or_else(|| Public::parse(&format!("{authority}:443")))?;
    let path = if path.is_empty() { "/" } else { path };
    let can_be_asked_for = !path.contains('#') && path.parse::<PathAndQuery>().is_ok();
    can_be_asked_for.then(|| (at, path.to_owned()))
}

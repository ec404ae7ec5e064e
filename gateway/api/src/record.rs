//! What is recorded about a worker, for that worker alone.
//!
//! Asked for with all factors, also by who has no agreement any more. Names and addresses in records are sealed, also to the gateway: the
//! worker knows whose they are, and sees the rest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    SessionNumber,
    login::{Code, Language, Password},
};

/// The most records of one answer: the newest.
pub const MOST_RECORDS: usize = 2000;

/// `POST /v1/record`
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// As for a login.
    pub user: String,
    /// As for a login.
    pub password: Password,
    /// As for a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<Code>,
    /// The language for refusals.
    #[serde(default)]
    pub language: Language,
}

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Own {
    /// Oldest first.
    pub records: Vec<Record>,
    /// How many older ones are not among them.
    pub left_off: u32,
    /// When somebody looked at what names this worker, oldest first.
    pub openings: Vec<Opening>,
}

/// One record, without what is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Record {
    /// When, in Unix seconds.
    pub at: i64,
    /// What, in the word of the session log, such as `session_opened`.
    pub kind: String,
    /// Of which session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionNumber>,
    /// The rest, by name.
    pub fields: BTreeMap<String, String>,
}

/// One review that reached this worker's records.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Opening {
    /// The request's number.
    pub request: u64,
    /// The minute's.
    pub minute: u64,
    /// When the records were handed out, in Unix seconds.
    pub at: i64,
    /// The first day that was asked for, such as `2026-11-01`.
    pub from: String,
    /// The last one.
    pub until: String,
    /// The letter of the rules' article 11.
    pub ground: String,
    /// The role of who asked, such as `director_general`.
    pub requested_as: String,
    /// The role of who approved.
    pub approved_as: String,
    /// How many records.
    pub records: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_strictly_and_does_not_print_its_secrets() {
        let text = r#"{"user":"m.rossi","password":"old","second_factor":"123456"}"#;
        let read: Request = serde_json::from_str(text).unwrap();
        assert_eq!((read.user.as_str(), read.password.expose()), ("m.rossi", "old"));
        assert!(!format!("{read:?}").contains("old") && !format!("{read:?}").contains("123456"));
        assert!(serde_json::from_str::<Request>(r#"{"user":"m.rossi"}"#).is_err());
        assert!(serde_json::from_str::<Request>(&text.replace('}', r#","worker":"g.verdi"}"#)).is_err());
    }

    #[test]
    fn an_answer_may_say_more_than_a_client_knows() {
        let own: Own = serde_json::from_str(
            r#"{"records":[{"at":5,"kind":"session_opened","fields":{"device":"managed"},"later":1}],"left_off":0,"openings":[],"later":1}"#,
        )
        .unwrap();
        assert_eq!((own.records[0].kind.as_str(), own.records[0].session), ("session_opened", None));
    }
}

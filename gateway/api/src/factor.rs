//! The second factor: how a worker enrols one, and what they are told of it later.
//!
//! Enrolment takes two requests, each with all that the worker has to show: the first brings the secret for the
//! authenticator app, the second its first code. Only then the secret counts, and the enrolment code is used up.

use serde::{Deserialize, Serialize};

use crate::login::{Code, Language, Password};

/// How many recovery codes an enrolment gives.
pub const RECOVERY_CODES: usize = 10;

/// `POST /v1/factor`: a secret for the worker's authenticator app. Asking again brings another in its place.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// As for a login.
    pub user: String,
    /// The office password, also one that must be changed.
    pub password: Password,
    /// The one-time code that the office handed over.
    pub enrolment_code: Code,
    /// The language for refusals.
    #[serde(default)]
    pub language: Language,
}

/// The answer to [`Begin`].
#[derive(Debug, Deserialize, Serialize)]
pub struct Begun {
    /// The secret in base32 (RFC 4648) without padding, as authenticator apps take it: HMAC-SHA-1, six digits, 30 seconds.
    pub secret: Code,
}

/// `POST /v1/factor/confirmation`: the app shows codes.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// As for [`Begin`].
    pub user: String,
    /// As for [`Begin`].
    pub password: Password,
    /// As for [`Begin`].
    pub enrolment_code: Code,
    /// What the app shows.
    pub code: Code,
    /// The language for refusals.
    #[serde(default)]
    pub language: Language,
}

/// The answer to [`Confirm`]: the second factor counts from now on.
#[derive(Debug, Deserialize, Serialize)]
pub struct Confirmed {
    /// [`RECOVERY_CODES`] of them. Each takes the place of a code once; they are told here and never again.
    pub recovery_codes: Vec<Code>,
}

/// Something that happened to a worker's second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub struct News {
    /// What.
    pub what: Happened,
    /// When, in Unix seconds.
    pub at: i64,
}

/// What may happen to a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// An authenticator app was enrolled.
    Enrolled,
    /// The office took the second factor back and gave a new enrolment code.
    Reset,
    /// The office removed it.
    Removed,
    /// A recovery code took its place at a login.
    RecoveryCodeUsed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolment_asks_for_both_and_prints_neither() {
        let text = r#"{"user":"m.rossi","password":"pw-1","enrolment_code":"AAAA-BBBB","code":"123456"}"#;
        let read: Confirm = serde_json::from_str(text).unwrap();
        assert_eq!(
            (read.password.expose(), read.enrolment_code.expose(), read.code.expose()),
            ("pw-1", "AAAA-BBBB", "123456")
        );
        let printed = format!("{read:?}");
        for secret in ["pw-1", "AAAA", "123456"] {
            assert!(!printed.contains(secret), "{printed}");
        }
        for missing in [r#"{"user":"m.rossi","password":"pw-1"}"#, r#"{"user":"m.rossi","enrolment_code":"AAAA-BBBB"}"#]
        {
            assert!(serde_json::from_str::<Begin>(missing).is_err(), "{missing}");
        }
        assert!(!format!("{:?}", Begun { secret: Code::new("GEZDGNBV".to_owned()) }).contains("GEZD"));
    }

    #[test]
    fn news_are_words_and_a_moment() {
        let text = serde_json::to_string(&News { what: Happened::RecoveryCodeUsed, at: 1_700_000_000 }).unwrap();
        assert_eq!(text, r#"{"what":"recovery_code_used","at":1700000000}"#);
    }
}

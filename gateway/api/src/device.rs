//! A home computer becomes a managed one: what it sends and gets.
//!
//! The connection shows a certificate that the computer made for itself, so that TLS proves that it holds the key; the
//! answer is the office's certificate for that same key. A renewal asks for nothing but that certificate: who holds the key gets another
//! one for it in the last third of its time, also where nobody signs in.

use serde::{Deserialize, Serialize};

use crate::login::{Code, Language, Password};

/// `POST /v1/device`
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// As typed, at most [`crate::login::LONGEST_USER`] bytes.
    pub user: String,
    /// The office password.
    pub password: Password,
    /// The one-time code that the office handed over, at most [`crate::login::LONGEST_CODE`] bytes; any case, with or without dashes.
    pub code: Code,
    /// The language for refusals.
    #[serde(default)]
    pub language: Language,
}

/// The computer is managed until the certificate ends.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Enrolled {
    /// What the office calls it.
    pub name: String,
    /// Its certificate, PEM.
    pub certificate: String,
    /// When that ends, in Unix seconds; it is renewed before.
    pub ends_at: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_prints_neither_password_nor_code() {
        let text = r#"{"user":"m.rossi","password":"segreto","code":"K7QM-2F9D-0000"}"#;
        let read: Request = serde_json::from_str(text).unwrap();
        let printed = format!("{read:?}");
        assert!(!printed.contains("segreto") && !printed.contains("K7QM"), "{printed}");
        assert!(serde_json::from_str::<Request>(&text.replace("user", "worker")).is_err());
    }
}

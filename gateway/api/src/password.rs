//! What a change of the office password sends.

use serde::{Deserialize, Serialize};

use crate::login::{Code, Language, Password};

/// `POST /v1/password`: a new password in the place of the present one, which may have expired.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// As for a login.
    pub user: String,
    /// The present one: at most [`crate::login::LONGEST_PASSWORD`] bytes.
    pub password: Password,
    /// As for a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<Code>,
    /// The new one: 1 to [`crate::login::LONGEST_PASSWORD`] bytes.
    pub new_password: Password,
    /// The language for refusals.
    #[serde(default)]
    pub language: Language,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_passwords_are_asked_for_and_neither_prints() {
        let text = r#"{"user":"m.rossi","password":"old","new_password":"new"}"#;
        let read: Request = serde_json::from_str(text).unwrap();
        assert_eq!((read.password.expose(), read.new_password.expose()), ("old", "new"));
        assert!(!format!("{read:?}").contains("old") && !format!("{read:?}").contains("\"new\""));
        assert!(serde_json::from_str::<Request>(r#"{"user":"m.rossi","password":"old"}"#).is_err());
        assert!(serde_json::from_str::<Request>(&text.replace('}', r#","admin":true}"#)).is_err());
    }
}

//! What a worker must have read before a session opens.
//!
//! A login that everything else permits is answered with what is unread (status 202). It is *pending* then: there is no session, no
//! peer and no address. The client shows the texts in full, and says by `POST /v1/notices`, with the token and a
//! [`crate::proof`], which of them the worker marked as read; the answer is the one that the login would have had.

use serde::{Deserialize, Serialize};

use crate::Token;

/// A login that waits for its notices.
#[derive(Debug, Deserialize, Serialize)]
pub struct Pending {
    /// What the answer asks for. It counts for this login alone, once.
    pub token: Token,
    /// What is to be read, in the policy's order; never empty.
    pub notices: Vec<Notice>,
    /// Seconds until the login counts no more, and is made again.
    pub expires_in_s: u32,
}

/// One text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Notice {
    /// Its name in the policy.
    pub name: String,
    /// Another text is another version: 64 hexadecimal digits.
    pub version: String,
    /// All of it, in the language asked for or, where there is none, in the other one.
    pub text: String,
}

/// `POST /v1/notices`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// What the worker marked as read.
    pub read: Vec<Version>,
}

/// One text as it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Its name in the policy.
    pub name: String,
    /// As it came with the text.
    pub version: String,
}

impl From<&Notice> for Version {
    fn from(notice: &Notice) -> Self {
        Self { name: notice.name.clone(), version: notice.version.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_named_exactly() {
        let text = r#"{"read":[{"name":"privacy","version":"00ff"}]}"#;
        let read: Read = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert!(serde_json::from_str::<Read>(&text.replace("name", "title")).is_err());
        assert!(serde_json::from_str::<Read>(r#"{"read":[],"consent":true}"#).is_err());
    }
}

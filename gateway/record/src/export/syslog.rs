//! Syslog: RFC 5424, as it goes over TLS by RFC 5425.
//!
//! ```text
//!   LENGTH <PRI>1 TIME HOST deskgate GATEWAY KIND - {"gateway":…}
//! ```
//!
//! The message is the record's line of JSON, written in ASCII alone: nothing on its way can spoil it, and it begins with no mark of an
//! encoding. There is no structured data: its names need an enterprise's number, and JSON says as much.

use std::fmt::Write as _;

use super::Exported;

/// Facility authpriv (10), RFC 5424, section 6.2.1.
const FACILITY: u8 = 10;

impl Exported {
    /// As a message from `host`, with its length before it (RFC 5425, section 4.3).
    pub fn syslog(&self, host: &str) -> String {
        let message = self.message(host);
        format!("{} {message}", message.len())
    }

    fn message(&self, host: &str) -> String {
        let priority = FACILITY * 8 + self.severity() as u8;
        let (host, gateway, kind) = (word(host, 255), word(&self.gateway, 128), word(self.kind.word(), 32));
        format!("<{priority}>1 {} {host} deskgate {gateway} {kind} - {}", self.time, ascii(&self.json()))
    }
}

/// One of the head's words: printable ASCII of a length, and `-` where nothing is left.
fn word(text: &str, longest: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(longest).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// JSON in ASCII: what is beyond stands in strings only, where it may be escaped.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            text.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

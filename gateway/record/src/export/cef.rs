//! ArcSight's Common Event Format, version 0: a head between `|`, then `key=value` pairs.
//!
//! In the head `\` and `|` are escaped, in a value `\`, `=` and the ends of lines. A key is made of letters and digits alone.

use std::fmt::{Display, Write as _};

use super::{Exported, Severity};

impl Exported {
    /// As a line of CEF, without its end.
    pub fn cef(&self) -> String {
        let kind = self.kind.word();
        let severity = match self.severity() {
            Severity::Warning => 6,
            Severity::Notice => 3,
            Severity::Information => 1,
        };
        let mut line = "CEF:0".to_owned();
        for part in ["Deskgate", "gateway", env!("CARGO_PKG_VERSION"), kind, &kind.replace('_', " ")] {
            head(&mut line, part);
        }
        // Writing to a string cannot fail, here and below.
        let _ = write!(line, "|{severity}|rt={}", self.time.as_millisecond());
        pair(&mut line, "deviceExternalId", &self.gateway);
        pair(&mut line, "externalId", self.sequence);
        pair(&mut line, "cat", self.journal.word());
        for (key, value) in
            [("Session", self.session.map(|session| session.to_string())), ("Structure", self.structure.clone())]
        {
            value.into_iter().for_each(|value| pair(&mut line, &format!("deskgate{key}"), value));
        }
        for (name, value) in self.pseudonyms.iter() {
            let key = if name == "worker" { "suser".to_owned() } else { key(name, "Pseudonym") };
            pair(&mut line, &key, value);
        }
        for (name, value) in self.fields.iter() {
            let key = if name == "reason" { "reason".to_owned() } else { key(name, "") };
            pair(&mut line, &key, value);
        }
        pair(&mut line, "deskgateHash", self.hash);
        line
    }
}

fn head(line: &mut String, part: &str) {
    line.push('|');
    for letter in part.chars() {
        match letter {
            '\\' | '|' => line.extend(['\\', letter]),
            '\n' | '\r' => line.push(' '),
            _ => line.push(letter),
        }
    }
}

/// `bytes_to_home` becomes `deskgateBytesToHome`.
fn key(name: &str, end: &str) -> String {
    let mut key = "deskgate".to_owned();
    for word in name.split(|letter: char| !letter.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        key.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        key.extend(letters);
    }
    key + end
}

fn pair(line: &mut String, key: &str, value: impl Display) {
    line.push(' ');
    line.push_str(key);
    line.push('=');
    for letter in value.to_string().chars() {
        match letter {
            '\\' | '=' => line.extend(['\\', letter]),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            _ => line.push(letter),
        }
    }
}

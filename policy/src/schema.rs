//! The language told to programs and readers: a JSON Schema for editors, and the manual's tables of keys.
//!
//! Both are made from the list of keys that the reader itself obeys, so that neither can say anything else.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::syntax::keys::{self, Key, Sheet, Takes};

/// A JSON Schema (draft 2020-12) of one policy file in TOML.
pub fn json_schema() -> String {
    let mut schema = table(&keys::POLICY);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        schema.insert("title".into(), "Deskgate policy".into());
        // Each file may say a part.
        schema.remove("required");
    }
    format!("{schema:#}\n")
}

/// The tables of keys, in Markdown.
pub fn reference() -> String {
    let mut text = String::new();
    let mut waiting: Vec<&Sheet> = vec![&keys::POLICY];
    while !waiting.is_empty() {
        let sheet = waiting.remove(0);
        write_sheet(&mut text, sheet);
        for key in sheet.keys {
            if let Takes::Table(next) | Takes::Named(next) | Takes::Many(next) = key.takes {
                waiting.push(next);
            }
        }
    }
    text
}

fn write_sheet(text: &mut String, sheet: &Sheet) {
    let title = if sheet.title.starts_with('[') { format!("`{}`", sheet.title) } else { "Top level".to_owned() };
    let _ =
        write!(text, "### {title}\n\n{}\n\n| key | takes | if left out | meaning |\n|---|---|---|---|\n", sheet.about);
    for key in sheet.keys {
        let default = match (key.needed, key.default) {
            (true, _) => "needed".to_owned(),
            (false, "") => "—".to_owned(),
            (false, default) if default.starts_with(['"', '[']) || default.parse::<u8>().is_ok() => {
                format!("`{default}`")
            }
            (false, default @ ("true" | "false")) => format!("`{default}`"),
            (false, default) => default.to_owned(),
        };
        let _ = writeln!(text, "| `{}` | {} | {default} | {} |", key.name, takes_in_words(key.takes), key.about);
    }
    text.push('\n');
}

fn takes_in_words(takes: Takes) -> String {
    let words = |words: &[&str]| words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ");
    match takes {
        Takes::Text => "text".to_owned(),
        Takes::Texts => "text or list of texts".to_owned(),
        Takes::File => "file name".to_owned(),
        Takes::Switch => "`true`, `false`".to_owned(),
        Takes::Date => "date".to_owned(),
        Takes::Moments => "local date and time, or a list".to_owned(),
        Takes::Time => "time of day, `\"21:00\"`".to_owned(),
        Takes::Days => "days, `[\"Tue\", \"Thu\"]`".to_owned(),
        Takes::Hours => "window or list, `\"07:30-19:30\"`".to_owned(),
        Takes::Duration => "length of time, `\"15m\"`".to_owned(),
        Takes::Durations => "list of lengths of time".to_owned(),
        Takes::Retention => "`\"30 days\"`, `\"3 months\"`".to_owned(),
        Takes::Quota => "`\"2 days a week\"`, `\"8 days a month\"`".to_owned(),
        Takes::Holidays => "list, `[\"italy\", \"06-24\"]`".to_owned(),
        Takes::Ports => "list of ports".to_owned(),
        Takes::Address => "address or host name".to_owned(),
        Takes::Ip => "address".to_owned(),
        Takes::Mac => "`\"00:11:22:33:44:55\"`".to_owned(),
        Takes::Fingerprint => "`\"sha256:…\"`, 64 hexadecimal digits".to_owned(),
        Takes::Networks => "list, `[\"10.20.0.0/16\"]`".to_owned(),
        Takes::Count => "number, 0 to 31".to_owned(),
        Takes::Word(known) => words(known),
        Takes::Words(known) => format!("list of {}", words(known)),
        Takes::Table(sheet) => format!("table `{}`", sheet.title),
        Takes::Named(sheet) | Takes::Many(sheet) => format!("tables `{}`", sheet.title),
        Takes::TextsByName => "table: structure to groups".to_owned(),
    }
}

fn table(sheet: &Sheet) -> Value {
    let properties: Map<String, Value> = sheet.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = sheet.keys.iter().filter(|key| key.needed).map(|key| key.name).collect();
    let mut table = json!({
        "type": "object",
        "description": sheet.about,
        "properties": properties,
        "additionalProperties": false,
    });
    if let Some(table) = table.as_object_mut().filter(|_| !required.is_empty()) {
        table.insert("required".into(), required.into());
    }
    table
}

fn property(key: &Key) -> Value {
    let mut value = match key.takes {
        Takes::Text | Takes::File | Takes::Address | Takes::Ip => json!({"type": "string", "minLength": 1}),
        Takes::Texts => one_or_many(&json!({"type": "string", "minLength": 1})),
        Takes::Switch => json!({"type": "boolean"}),
        Takes::Date => json!({"type": "string", "format": "date"}),
        Takes::Moments => one_or_many(&json!({"type": "string"})),
        Takes::Time => json!({"type": "string", "pattern": "^[0-9]{1,2}[:.][0-9]{2}(:00)?$"}),
        Takes::Days => one_or_many(&json!({"type": "string"})),
        Takes::Hours => {
            one_or_many(&json!({"type": "string", "pattern": "^[0-9]{1,2}[:.][0-9]{2} *[-–] *[0-9]{1,2}[:.][0-9]{2}$"}))
        }
        Takes::Duration => duration(),
        Takes::Durations => many(&duration()),
        Takes::Retention => json!({"type": "string", "pattern": "^[0-9]+ (days?|months?)$"}),
        Takes::Quota => json!({"type": "string", "examples": ["2 days a week", "8 days a month"]}),
        Takes::Holidays => many(&json!({"type": "string"})),
        Takes::Ports => many(&json!({"type": "integer", "minimum": 1, "maximum": 65535})),
        Takes::Mac => json!({"type": "string", "pattern": "^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$"}),
        Takes::Fingerprint => json!({"type": "string", "pattern": "^sha256:([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$"}),
        Takes::Networks => many(&json!({"type": "string", "pattern": "/[0-9]{1,3}$"})),
        Takes::Count => json!({"type": "integer", "minimum": 0, "maximum": 31}),
        Takes::Word(words) => json!({"type": "string", "enum": words}),
        Takes::Words(words) => many(&json!({"type": "string", "enum": words})),
        Takes::Table(sheet) => table(sheet),
        Takes::Named(sheet) => json!({"type": "object", "additionalProperties": table(sheet)}),
        Takes::Many(sheet) => many(&table(sheet)),
        Takes::TextsByName => {
            json!({"type": "object", "additionalProperties": one_or_many(&json!({"type": "string", "minLength": 1}))})
        }
    };
    if let Some(value) = value.as_object_mut() {
        value.insert("description".into(), key.about.into());
    }
    value
}

fn many(item: &Value) -> Value {
    json!({"type": "array", "items": item})
}

fn one_or_many(item: &Value) -> Value {
    json!({"anyOf": [item, {"type": "array", "items": item}]})
}

fn duration() -> Value {
    json!({"type": "string", "pattern": "^([0-9]{1,6}[hms])+$"})
}

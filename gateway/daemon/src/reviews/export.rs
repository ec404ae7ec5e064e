//! The file of an opening: exactly the records of one request, their names still sealed to both holders, under no day's key any more.
//!
//! JSON: it is read on a computer that has the holders' keys, and no gateway.

use gateway_api::SessionNumber;
use gateway_record::{Fields, Hash, Letter, NotOpened, PrivateHalf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    key_file::unhex,
    store::{Kept, Shown},
};

/// The form of the file.
const FORM: u32 = 1;

/// What is handed out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    deskgate_review: u32,
    /// The request's number.
    pub(crate) request: u64,
    /// After which it is to be opened no more.
    pub(crate) until: Timestamp,
    pub(crate) records: Vec<Row>,
}

/// One record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) sequence: u64,
    pub(crate) time: Timestamp,
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<SessionNumber>,
    pub(crate) fields: Fields,
    pub(crate) hash: Hash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    names: Option<Sealing>,
}

/// How the names of a record are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sealing {
    /// Sealed to the holders: a letter in hexadecimal digits.
    Sealed(String),
    /// Gone with their day's key.
    Gone,
    /// Not what the gateway wrote.
    Damaged,
}

impl Export {
    /// The file of a request's records. What lies in the database unsealed is sealed now.
    pub(crate) fn new<E>(
        (request, until): (u64, Timestamp),
        kept: Vec<Kept>,
        seal: impl Fn(&Fields) -> Result<Letter, E>,
    ) -> Result<Self, E> {
        let records = kept.into_iter().map(|kept| Row::new(kept, &seal)).collect::<Result<_, _>>()?;
        Ok(Self { deskgate_review: FORM, request, until, records })
    }

    /// As it is handed out.
    pub(crate) fn text(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map_err(|error| format!("cannot write the records down: {error}"))
    }

    /// Reads [`Self::text`] back.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let read: Self =
            serde_json::from_slice(text).map_err(|error| format!("it is no file that `review open` wrote: {error}"))?;
        match read.deskgate_review {
            FORM => Ok(read),
            other => Err(format!("it has another form ({other}): open it with a newer deskgate-gateway")),
        }
    }
}

impl Sealing {
    fn of(letter: &Letter) -> Self {
        Self::Sealed(letter.bytes().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl Row {
    fn new<E>(kept: Kept, seal: impl Fn(&Fields) -> Result<Letter, E>) -> Result<Self, E> {
        let record = kept.record;
        let names = match kept.names {
            None => None,
            Some(Shown::Open(names)) => Some(Sealing::of(&seal(&names)?)),
            Some(Shown::Sealed(letter)) => Some(Sealing::of(&letter)),
            Some(Shown::Gone(_)) => Some(Sealing::Gone),
            Some(Shown::Damaged) => Some(Sealing::Damaged),
        };
        Ok(Self {
            sequence: record.sequence,
            time: record.time,
            kind: record.kind.word().to_owned(),
            session: record.session,
            fields: record.fields,
            hash: record.hash,
            names,
        })
    }

    /// As programs read it, with the names that these halves open, or why they do not.
    pub(crate) fn opened(&self, halves: &[PrivateHalf]) -> Value {
        let mut value = json!({
            "sequence": self.sequence,
            "time": self.time,
            "kind": self.kind,
            "session": self.session,
            "fields": self.fields,
            "hash": self.hash,
        });
        let (name, said) = match &self.names {
            None => return value,
            Some(Sealing::Gone) => ("names_are", json!("gone")),
            Some(Sealing::Damaged) => ("names_are", json!("damaged")),
            Some(Sealing::Sealed(text)) => match open(text, halves) {
                Ok(names) => ("names", json!(names)),
                Err(NotOpened::Missing(role)) => {
                    ("names_are", json!(format!("sealed to another key of the {}", role.word())))
                }
                Err(NotOpened::Damaged) => ("names_are", json!("damaged")),
            },
        };
        if let Value::Object(fields) = &mut value {
            fields.insert(name.to_owned(), said);
        }
        value
    }
}

fn open(text: &str, halves: &[PrivateHalf]) -> Result<Fields, NotOpened> {
    let letter = unhex(text).and_then(|bytes| Letter::from_bytes(&bytes)).ok_or(NotOpened::Damaged)?;
    // A letter to nobody is none that was sealed.
    if letter.keys().next().is_none() {
        return Err(NotOpened::Damaged);
    }
    letter.open(halves)
}

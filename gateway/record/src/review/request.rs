//! What a request asks for, and on which ground.

use gateway_api::SessionNumber;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::Kind;

/// A worker's tag on records: a keyed hash that names nobody.
pub type Tag = [u8; 32];

/// The fewest characters of a reason, blanks at its ends not counted.
pub const SHORTEST_REASON: usize = 20;

/// Why a person's records may be looked at: the letters of article 11 of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ground {
    /// An anomaly that persists after a general notice to the structure.
    A,
    /// A harmful event, or an alarm.
    B,
    /// An anomaly that an analysis of aggregates has found.
    C,
    /// A motivated request about logs of navigation or access.
    D,
}

impl Ground {
    /// All four.
    pub const ALL: [Self; 4] = [Self::A, Self::B, Self::C, Self::D];

    /// Its letter.
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
            Self::D => "d",
        }
    }

    /// Reads [`Self::letter`] back.
    pub fn from_letter(letter: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ground| ground.letter() == letter)
    }

    /// What it says, in English.
    pub fn english(self) -> &'static str {
        match self {
            Self::A => "an anomaly that persists after a general notice to the structure",
            Self::B => "a harmful event, or an alarm",
            Self::C => "an anomaly that an analysis of aggregate figures has found",
            Self::D => "a motivated request about logs of navigation or access",
        }
    }

    /// What it says, in Italian.
    pub fn italian(self) -> &'static str {
        match self {
            Self::A => "anomalia che persiste dopo un avviso generale alla struttura",
            Self::B => "evento dannoso o allarme",
            Self::C => "anomalia rilevata da un'analisi di dati aggregati",
            Self::D => "richiesta motivata relativa a log di navigazione o di accesso",
        }
    }
}

/// Whose records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// By the directory's identity, where the request names a person.
    pub id: Option<String>,
    /// By name, as the request says it.
    pub name: Option<String>,
    /// By sessions, where nobody knows yet whose they are.
    pub sessions: Vec<SessionNumber>,
    /// The tags that the records carry. Where sessions are named, each is that of one session's worker.
    pub tags: Vec<Tag>,
    /// By the directory's identity those whom sessions' tags mean, once they were recognised: tags are of two months, and what makes them
    /// again is destroyed in its time.
    #[serde(default)]
    pub known: Vec<(Tag, String)>,
}

impl Subject {
    /// The tags whose owner nobody has recognised yet. None where the request names a person.
    pub fn unknown(&self) -> impl Iterator<Item = &Tag> {
        let tags = if self.id.is_none() { &*self.tags } else { &[] };
        tags.iter().filter(|tag| !self.known.iter().any(|(known, _)| known == *tag))
    }

    /// Whether the tag was recognised as this person's.
    pub(super) fn is_known(&self, tag: &Tag, id: &str) -> bool {
        self.known.iter().any(|(known, owner)| known == tag && owner == id)
    }
}

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The structure whose worker it is about.
    pub structure: String,
    /// Whose records.
    pub subject: Subject,
    /// Which kinds of record, by their words; none: all that are the subject's.
    pub events: Vec<String>,
    /// The first day.
    pub from: Date,
    /// The last day, included.
    pub until: Date,
    /// On which ground.
    pub ground: Ground,
    /// Why, in words.
    pub reason: String,
}

impl Asked {
    /// Whether records of this kind are asked for.
    pub fn covers(&self, kind: Kind) -> bool {
        self.events.is_empty() || self.events.iter().any(|event| event == kind.word())
    }
}

/// What holds when somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// The day from which the office's rules are in force; None: they are not adopted.
    pub lawful_from: Option<Date>,
    /// What day it is at the office.
    pub today: Date,
    /// When the structure had its latest general notice.
    pub notice_on: Option<Date>,
    /// When figures of the structure that show an anomaly were last published.
    pub anomaly_on: Option<Date>,
}

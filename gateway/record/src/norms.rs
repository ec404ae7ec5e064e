//! The technical document that an office adopts: rules for the collection, handling, keeping and destruction of logs, as the
//! configuration in use makes them.
//!
//! Its text holds nothing that changes without the rules changing: no version, no date, no key. The act that adopted it is not in it
//! either, for the act names the text's hash.

use sha2::{Digest as _, Sha256};

use crate::{Hash, Journal, Kind};

/// In which language the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Italian.
    Italian,
    /// English.
    English,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Italian, Self::English];

    /// As it is asked for: `it`, `en`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Italian => "it",
            Self::English => "en",
        }
    }

    /// Reads [`Self::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.word() == word)
    }
}

/// How long a journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// So many days.
    Days(u32),
    /// So many calendar months.
    Months(u32),
}

impl Term {
    fn words(self, language: Language) -> String {
        let (count, one, many) = match (self, language) {
            (Self::Days(count), Language::Italian) => (count, "giorno", "giorni"),
            (Self::Days(count), Language::English) => (count, "day", "days"),
            (Self::Months(count), Language::Italian) => (count, "mese di calendario", "mesi di calendario"),
            (Self::Months(count), Language::English) => (count, "calendar month", "calendar months"),
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }
}

/// What of a configuration the rules rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Norms {
    /// How long the workers' journal is kept.
    pub workers: Term,
    /// How long the administrators' is.
    pub administrators: Term,
    /// How long the reviews' is.
    pub reviews: Term,
    /// Whether names are sealed to two holders.
    pub sealed: bool,
    /// Who is handed checkpoints.
    pub witness: Option<String>,
    /// Where records are exported to.
    pub targets: Vec<String>,
    /// Which journals are.
    pub exported: Vec<Journal>,
}

impl Norms {
    /// The text, which ends with an end of line.
    pub fn text(&self, language: Language) -> String {
        let template = match language {
            Language::Italian => include_str!("norms/it.txt"),
            Language::English => include_str!("norms/en.txt"),
        };
        template
            .replace("{kinds}", &kinds())
            .replace("{names}", self.names(language))
            .replace("{targets}", &self.targets(language))
            .replace("{witness}", &self.witness(language))
            .replace("{workers}", &self.workers.words(language))
            .replace("{administrators}", &self.administrators.words(language))
            .replace("{reviews}", &self.reviews.words(language))
    }

    /// The text's SHA-256, by which an act names it.
    pub fn hash(&self, language: Language) -> Hash {
        Hash(Sha256::digest(self.text(language).as_bytes()).into())
    }

    /// Whether a hash is that of the text, in either language.
    pub fn is(&self, adopted: Hash) -> bool {
        Language::ALL.into_iter().any(|language| self.hash(language) == adopted)
    }

    fn names(&self, language: Language) -> &'static str {
        match (self.sealed, language) {
            (true, Language::Italian) => {
                "sono sigillati con due chiavi, una di chi esercita il controllo e una dell'ufficio che svolge le verifiche: si leggono solo\n   con entrambe, e il gateway stesso non può rileggerli. Ogni apertura è prima registrata."
            }
            (true, Language::English) => {
                "are sealed with two keys, one of those who control and one of the office that reviews: they are read with both only, and the\n   gateway itself cannot read them again. Each opening is recorded first."
            }
            (false, Language::Italian) => {
                "sono cifrati con la chiave del giorno, senza chiavi di altri: chi amministra il gateway può leggerli, e ogni lettura è prima\n   registrata."
            }
            (false, Language::English) => {
                "are encrypted with the day's key, without anybody else's: whoever administers the gateway can read them, and each reading is\n   recorded first."
            }
        }
    }

    fn targets(&self, language: Language) -> String {
        let targets = self.targets.join(", ");
        let journals = |word: fn(Journal) -> &'static str| {
            self.exported.iter().map(|journal| word(*journal)).collect::<Vec<_>>().join(", ")
        };
        match (self.targets.is_empty(), language) {
            (true, Language::Italian) => "non è attiva.".to_owned(),
            (true, Language::English) => "is not in use.".to_owned(),
            (false, Language::Italian) => format!(
                "({targets}) comprende i giornali: {}; i nomi sono\n   sostituiti da pseudonimi diversi ogni giorno, la cui chiave è distrutta con quella del giorno.",
                journals(italian)
            ),
            (false, Language::English) => format!(
                "({targets}) comprises the journals: {}; names are\n   replaced by pseudonyms that differ each day, whose key is destroyed with the day's.",
                journals(Journal::word)
            ),
        }
    }

    fn witness(&self, language: Language) -> String {
        match (&self.witness, language) {
            (Some(witness), Language::Italian) => {
                format!("Le firme, che non\n   contengono nomi, sono consegnate a un testimone esterno ({witness}).")
            }
            (Some(witness), Language::English) => {
                format!("The signatures, which\n   name nobody, are handed to an outside witness ({witness}).")
            }
            (None, Language::Italian) => "Non c'è\n   un testimone esterno.".to_owned(),
            (None, Language::English) => "There is no\n   outside witness.".to_owned(),
        }
    }
}

fn italian(journal: Journal) -> &'static str {
    match journal {
        Journal::Workers => "lavoratori",
        Journal::Administrators => "amministratori",
        Journal::Reviews => "verifiche",
    }
}

/// What is recorded of workers: another kind of event is another rule.
fn kinds() -> String {
    let words: Vec<&str> =
        Kind::ALL.into_iter().filter(|kind| kind.journal() == Journal::Workers).map(Kind::word).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norms() -> Norms {
        Norms {
            workers: Term::Days(30),
            administrators: Term::Months(12),
            reviews: Term::Months(24),
            sealed: true,
            witness: Some("syslog".to_owned()),
            targets: vec!["syslog:siem.comune.example:6514".to_owned()],
            exported: vec![Journal::Workers, Journal::Administrators],
        }
    }

    #[test]
    fn both_languages_say_everything() {
        for (language, words) in [
            (Language::Italian, ["30 giorni", "richiesta motivata", "due chiavi", "lavoratori, amministratori"]),
            (Language::English, ["30 days", "motivated request", "two keys", "workers, administrators"]),
        ] {
            let text = norms().text(language);
            assert!(!text.contains(['{', '}']) && text.ends_with('\n'), "{text}");
            for words in words.into_iter().chain(["session_opened", "siem.comune.example", "syslog", "12 "]) {
                assert!(text.contains(words), "`{words}` in {text}");
            }
            assert_eq!(Language::from_word(language.word()), Some(language));
        }
    }

    #[test]
    fn whatever_the_rules_rest_on_makes_another_text() {
        let changes: [fn(&mut Norms); 7] = [
            |norms| norms.workers = Term::Months(1),
            |norms| norms.administrators = Term::Months(6),
            |norms| norms.reviews = Term::Months(12),
            |norms| norms.sealed = false,
            |norms| norms.witness = None,
            |norms| norms.targets.clear(),
            |norms| norms.exported.truncate(1),
        ];
        let adopted = Language::ALL.map(|language| norms().hash(language));
        assert!(adopted.into_iter().all(|hash| norms().is(hash)));
        for change in changes {
            let mut changed = norms();
            change(&mut changed);
            assert!(!adopted.into_iter().any(|hash| changed.is(hash)), "{changed:?}");
        }
    }
}

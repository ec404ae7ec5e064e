//! What somebody who takes a step has to say otherwise: neither refused by the rules nor broken. English here; the web page has each in the
//! reader's language.

use gateway_api::{SessionNumber, login::Language};

use super::{LONGEST_NOTICE, opening::MOST_RECORDS};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// Nobody, or more than one, has this name.
    NoSuchWorker(String),
    /// Not a kind of a worker's record.
    NoSuchEvent(String),
    /// Its time is over, or it never was.
    NoSuchSession(SessionNumber),
    /// Of a version that did not note whose a session was.
    TooOldSession,
    /// From which day on?
    NoFirstDay,
    /// Not all of the structure that is named.
    OtherStructures,
    /// No agreement says the worker's.
    UnknownStructure,
    /// One has to be named.
    SeveralStructures,
    /// No agreement belongs to one of this name.
    NoSuchStructure(String),
    /// More than one opening may have.
    TooManyRecords,
    /// Names cannot be sealed to both holders.
    NoHolders,
    /// A notice says something.
    NoText,
    /// Longer than a notice may be.
    TextTooLong,
    /// None that somebody may read.
    NoSuchRequest(u64),
    /// The same of minutes.
    NoSuchMinute(u64),
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSuchWorker(name) => {
                write!(f, "nobody in the directory, or more than one, is called `{name}`")
            }
            Self::NoSuchEvent(event) => write!(f, "`{event}` is no kind of a worker's record"),
            Self::NoSuchSession(number) => {
                write!(f, "nothing is known of a session {number}: its time is over, or it never was")
            }
            Self::TooOldSession => f.write_str(
                "one of these sessions is of an older version, which did not note whose it was: leave it out",
            ),
            Self::NoFirstDay => f.write_str("from which day on? Say it with --from"),
            Self::OtherStructures => f.write_str("these sessions are not all of that structure"),
            Self::UnknownStructure => {
                f.write_str("there is no agreement that says the worker's structure: name it with --structure")
            }
            Self::SeveralStructures => {
                f.write_str("more than one structure: name the one that is meant with --structure")
            }
            Self::NoSuchStructure(structure) => write!(f, "no agreement belongs to a structure `{structure}`"),
            Self::TooManyRecords => {
                write!(f, "more than {MOST_RECORDS} records: ask for fewer days or fewer events")
            }
            Self::NoHolders => f.write_str(
                "the keys of both holders are missing: make them with `review keys make` and name them under [record]",
            ),
            Self::NoText => f.write_str("the text is missing: a notice says something, in Italian, English or both"),
            Self::TextTooLong => write!(f, "the text is too long: {LONGEST_NOTICE} bytes are the most"),
            Self::NoSuchRequest(number) => {
                write!(f, "there is no request {number}: `review requests` shows those there are")
            }
            Self::NoSuchMinute(number) => write!(f, "there is no minute {number} that you may read"),
        }
    }
}

impl Mistake {
    /// The same on a page, where there are fields and no options.
    pub(crate) fn on_page(&self, language: Language) -> String {
        match language {
            Language::En => {
                self.to_string().replace("Say it with --from", "Fill in the first day").replace(" with --structure", "")
            }
            Language::It => self.italian(),
        }
    }

    fn italian(&self) -> String {
        match self {
            Self::NoSuchWorker(name) => format!("Nella directory nessuno, o più di uno, si chiama «{name}»."),
            Self::NoSuchEvent(event) => format!("«{event}» non è un tipo di registrazione di un lavoratore."),
            Self::NoSuchSession(number) => {
                format!("Di una sessione {number} non si sa nulla: il suo tempo è finito, o non c'è mai stata.")
            }
            Self::TooOldSession => {
                "Una di queste sessioni è di una versione precedente, che non annotava di chi fosse: la tolga."
                    .to_owned()
            }
            Self::NoFirstDay => "Da quale giorno? Indichi il primo giorno.".to_owned(),
            Self::OtherStructures => "Queste sessioni non sono tutte di quella struttura.".to_owned(),
            Self::UnknownStructure => "Nessun accordo dice la struttura del lavoratore: la indichi.".to_owned(),
            Self::SeveralStructures => "Le strutture sono più di una: indichi quale.".to_owned(),
            Self::NoSuchStructure(structure) => format!("Nessun accordo appartiene a una struttura «{structure}»."),
            Self::TooManyRecords => {
                format!("Più di {MOST_RECORDS} registrazioni: chieda meno giorni o meno eventi.")
            }
            Self::NoHolders => {
                "Mancano le chiavi dei due detentori: si fanno con `review keys make` e si nominano in [record]."
                    .to_owned()
            }
            Self::NoText => {
                "Manca il testo: un avviso dice qualcosa, in italiano, in inglese o in entrambi.".to_owned()
            }
            Self::TextTooLong => format!("Il testo è troppo lungo: al massimo {LONGEST_NOTICE} byte."),
            Self::NoSuchRequest(number) => format!("Non c'è una richiesta {number}."),
            Self::NoSuchMinute(number) => format!("Non c'è un verbale {number} che Lei possa leggere."),
        }
    }

    /// The field that it is about, where a form has it.
    pub(crate) fn field(&self) -> Option<&'static str> {
        match self {
            Self::NoSuchWorker(_) => Some("worker"),
            Self::NoSuchEvent(_) => Some("events"),
            Self::NoSuchSession(_) | Self::TooOldSession => Some("sessions"),
            Self::NoFirstDay => Some("from"),
            Self::OtherStructures | Self::UnknownStructure | Self::SeveralStructures | Self::NoSuchStructure(_) => {
                Some("structure")
            }
            Self::NoText | Self::TextTooLong => Some("italian"),
            Self::TooManyRecords | Self::NoHolders | Self::NoSuchRequest(_) | Self::NoSuchMinute(_) => None,
        }
    }
}

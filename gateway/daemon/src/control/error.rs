//! Refused logins, in words: for programs a code, for people a sentence in their language, for the record the truth.
//!
//! Whoever shows wrong credentials gets the same bytes whatever the cause; more is told only after the right password.

mod assistance;

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use gateway_api::login::{Language, Refusal, RefusalCode};
use jiff::Zoned;

use crate::assistance::NotAssisted;
use crate::devices;
use crate::directory::{MustAct, NotTaken};
use crate::workstation::Trouble;

/// Why a login is refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refused {
    /// The request cannot be read.
    BadRequest,
    /// Name or password; the record's word for which.
    WrongCredentials(&'static str),
    /// The directory wants something done.
    MustAct(MustAct),
    /// An administrator blocked the worker.
    Blocked,
    /// The certificate of the home computer.
    Device(devices::Trouble),
    /// The directory does not take a new password.
    PasswordNotTaken(NotTaken),
    /// The first code of a new second factor is another; by how many seconds a clock is off, if that is why.
    FactorNotConfirmed(Option<i64>),
    /// The policy says no; when the worker's hours next begin, on the policy's clock.
    Policy(policy::Reason, Option<Zoned>),
    /// A session of the same worker stays.
    AlreadyConnected,
    /// The workstation's address is none, or none that may be reached.
    Workstation(Trouble),
    /// The session may not be carried by another program.
    WireguardConfigNotAllowed,
    /// The keys were agreed on in a way that the policy does not let pass for this worker.
    KeyExchange,
    /// There is no login that waits for what was read, or not any more.
    LoginOver,
    /// No worker is assisted.
    Assistance(NotAssisted),
    /// Too many attempts, by this limit.
    TooMany(&'static str, Duration),
    /// The gateway cannot, for this reason of the record.
    Unavailable(&'static str),
}

impl From<NotAssisted> for Refused {
    fn from(why: NotAssisted) -> Self {
        Self::Assistance(why)
    }
}

impl Refused {
    /// The record's word.
    pub(crate) fn truth(&self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::WrongCredentials(truth) | Self::Unavailable(truth) => truth,
            Self::MustAct(what) => what.word(),
            Self::PasswordNotTaken(why) => why.word(),
            Self::FactorNotConfirmed(None) => "factor_not_confirmed",
            Self::FactorNotConfirmed(Some(_)) => "factor_not_confirmed_clock",
            Self::Blocked => "worker_blocked",
            Self::Device(trouble) => trouble.word(),
            Self::Policy(reason, _) => reason.word(),
            Self::AlreadyConnected => "already_connected",
            Self::Workstation(trouble) => trouble.word(),
            Self::WireguardConfigNotAllowed => "wireguard_config_not_allowed",
            Self::KeyExchange => "no_post_quantum",
            Self::LoginOver => "login_over",
            Self::Assistance(why) => why.truth(),
            Self::TooMany(..) => "too_many_attempts",
        }
    }

    fn code(&self) -> RefusalCode {
        use policy::Reason;
        match self {
            Self::BadRequest => RefusalCode::BadRequest,
            Self::WrongCredentials(_) => RefusalCode::WrongCredentials,
            Self::MustAct(MustAct::PasswordExpired | MustAct::ChangePassword) => RefusalCode::PasswordExpired,
            Self::MustAct(_) | Self::Blocked => RefusalCode::AccountNeedsAttention,
            Self::Device(_) => RefusalCode::CertificateNotAccepted,
            Self::PasswordNotTaken(_) => RefusalCode::PasswordNotTaken,
            Self::FactorNotConfirmed(_) => RefusalCode::FactorNotConfirmed,
            Self::Policy(reason, _) => match reason {
                Reason::NoAgreement
                | Reason::NotYet { .. }
                | Reason::Over { .. }
                | Reason::WrongGroup
                | Reason::PhoneApp
                | Reason::Suspended { .. } => RefusalCode::NoAgreement,
                Reason::Device { .. } => RefusalCode::DeviceNotAdmitted,
                Reason::Closed { .. } | Reason::Holiday { .. } | Reason::OutsideHours { .. } | Reason::Quota { .. } => {
                    RefusalCode::OutsideHours
                }
            },
            Self::AlreadyConnected => RefusalCode::AlreadyConnected,
            Self::Workstation(_) => RefusalCode::WorkstationUnknown,
            Self::WireguardConfigNotAllowed => RefusalCode::WireguardConfigNotAllowed,
            Self::KeyExchange => RefusalCode::KeyExchangeNotAccepted,
            Self::LoginOver => RefusalCode::LoginOver,
            Self::Assistance(why) => assistance::code(why),
            Self::TooMany(..) => RefusalCode::TooManyAttempts,
            Self::Unavailable(_) => RefusalCode::Unavailable,
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self.code() {
            RefusalCode::BadRequest => StatusCode::BAD_REQUEST,
            RefusalCode::WrongCredentials | RefusalCode::LoginOver => StatusCode::UNAUTHORIZED,
            RefusalCode::AccountNeedsAttention
            | RefusalCode::PasswordExpired
            | RefusalCode::PasswordNotTaken
            | RefusalCode::FactorNotConfirmed
            | RefusalCode::NoAgreement
            | RefusalCode::OutsideHours
            | RefusalCode::DeviceNotAdmitted
            | RefusalCode::CertificateNotAccepted
            | RefusalCode::KeyExchangeNotAccepted
            | RefusalCode::WireguardConfigNotAllowed
            | RefusalCode::AssistanceRefused
            | RefusalCode::Other => StatusCode::FORBIDDEN,
            RefusalCode::AlreadyConnected | RefusalCode::AssistanceNotPossible => StatusCode::CONFLICT,
            RefusalCode::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
            RefusalCode::WorkstationUnknown | RefusalCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Seconds to wait, where waiting helps.
    fn retry_after(&self) -> Option<u32> {
        match self {
            Self::TooMany(_, wait) | Self::Assistance(NotAssisted::LeftInPeace(wait)) => {
                Some(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1))
            }
            Self::Unavailable("directory_unknown" | "overloaded") => Some(10),
            _ => None,
        }
    }

    /// The answer, under a support number that finds the truth.
    pub(crate) fn answer(&self, language: Language, support: &str) -> Response {
        let retry_after_s = self.retry_after();
        let message = self.words(language);
        let refusal = Refusal { code: self.code(), message, support: support.to_owned(), retry_after_s };
        let mut response = (self.status(), Json(refusal)).into_response();
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // Who sends rubbish, or too much, may begin anew, where a connection is asked for its worth.
        if matches!(self, Self::BadRequest | Self::TooMany(..)) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// For people.
    pub(crate) fn words(&self, language: Language) -> String {
        match language {
            Language::En => self.english(),
            Language::It => self.italian(),
        }
    }

    fn english(&self) -> String {
        use policy::Reason;
        match self {
            Self::BadRequest => "The gateway could not read the request. Update this program; if it is up to date, ask the help desk.".to_owned(),
            Self::WrongCredentials(_) => {
                "User name, password or code are not right, or the account is locked. Check them and try again; after that, ask the help desk.".to_owned()
            },
            Self::MustAct(what) => match what {
                MustAct::PasswordExpired => {
                    "Your password has expired. Change it with `deskgate password` or at the office, then sign in again."
                }
                MustAct::ChangePassword => {
                    "Your password must be changed first. Change it with `deskgate password` or at the office, then sign in again."
                }
                MustAct::AccountExpired => "Your account has expired. Ask the help desk.",
                MustAct::Disabled => "Your account is disabled. Ask the help desk.",
                MustAct::OutsideDirectoryHours => "Your account may not sign in at this hour. Ask the help desk.",
                MustAct::NotFromHere => "Your account may sign in at certain computers only. Ask the help desk.",
            }
            .to_owned(),
            Self::Blocked => "Your office has blocked your access from home. Ask the help desk.".to_owned(),
            Self::Device(trouble) => match trouble {
                devices::Trouble::Expired => {
                    "The certificate of this computer does not hold at this moment. Is its clock right? Ask the help desk for a new code."
                }
                devices::Trouble::Foreign => {
                    "The certificate of this computer is not your office's. Ask the help desk."
                }
                devices::Trouble::Revoked => {
                    "Your office has revoked the certificate of this computer. Ask the help desk."
                }
                devices::Trouble::AnotherWorker => {
                    "The certificate of this computer is not yours. Use the computer that the office gave to you."
                }
            }
            .to_owned(),
            Self::PasswordNotTaken(why) => match why {
                NotTaken::TooShort => "The new password is too short. Choose a longer one.",
                NotTaken::TooSimple => {
                    "The new password is too simple. Mix capital and small letters, digits and signs, without your name in it."
                }
                NotTaken::UsedBefore => "You have had this password before. Choose one that is new.",
                NotTaken::TooSoon => {
                    "Your password was changed a short while ago, and cannot be changed again yet. Try again tomorrow."
                },
                NotTaken::Rules => {
                    "The office does not take this password: it may be too short or too simple, or one you had before. Choose another."
                }
                NotTaken::NotHere => "Your password cannot be changed from home. Ask the help desk.",
            }
            .to_owned(),
            Self::FactorNotConfirmed(None) => {
                "This is not the code that your app should show. Wait for the next one, and try again.".to_owned()
            }
            Self::FactorNotConfirmed(Some(seconds)) => format!(
                "Your phone's clock and the office's differ by {}. Let the phone set its clock by itself, and try again.",
                english_wait(Duration::from_secs(seconds.unsigned_abs().saturating_sub(1)))
            ),
            Self::Policy(reason, next) => {
                let why = match reason {
                    Reason::NoAgreement | Reason::WrongGroup => {
                        "You have no agreement to work from home. Ask your office if there should be one.".to_owned()
                    }
                    Reason::NotYet { from, .. } => format!("Your agreement begins on {}.", english_date(*from)),
                    Reason::Over { until } => {
                        format!("Your agreement ended on {}. Ask your office for a new one.", english_date(*until))
                    }
                    Reason::Device { .. } => {
                        "This computer is not admitted. Use the one that the office gave you.".to_owned()
                    }
                    Reason::PhoneApp => {
                        "Your agreement asks for the phone app, which is not installed yet. Ask your office.".to_owned()
                    }
                    Reason::Suspended { .. } => "Your agreement is suspended. Ask your office why.".to_owned(),
                    Reason::Closed { .. } => "Nobody works from home today.".to_owned(),
                    Reason::Holiday { .. } => "Today is a holiday.".to_owned(),
                    Reason::OutsideHours { .. } => "This is outside your agreed hours.".to_owned(),
                    Reason::Quota { .. } => "Your agreed days are used up. Ask your office if you need another.".to_owned(),
                };
                match next {
                    Some(next) => format!("{why} Your hours begin on {}.", english_moment(next)),
                    None if waits(reason) => format!("{why} Ask your office when your hours begin."),
                    None => why,
                }
            }
            Self::AlreadyConnected => "You are signed in from another computer. Close that session first.".to_owned(),
            Self::Workstation(_) => {
                "Your office computer cannot be found on the network. Ask the help desk.".to_owned()
            }
            Self::WireguardConfigNotAllowed => {
                "Your session may not be carried by another program. Start Deskgate without --wireguard-config.".to_owned()
            },
            Self::KeyExchange => {
                "Your office asks for a connection that also withstands quantum computers, and this program did not offer it. Install the present Deskgate, and ask the help desk if that does not help.".to_owned()
            }
            Self::Assistance(why) => assistance::english(why),
            Self::LoginOver => "That took too long: sign in again.".to_owned(),
            Self::TooMany(_, wait) => format!("Too many attempts. Try again in {}.", english_wait(*wait)),
            Self::Unavailable("disk_full") => {
                "Your office's gateway can open no new session until an administrator has made room on its disk. Tell the help desk the number below."
                    .to_owned()
            }
            Self::Unavailable(_) => {
                "The gateway cannot sign anybody in at the moment. Try again in a few minutes.".to_owned()
            }
        }
    }

    fn italian(&self) -> String {
        use policy::Reason;
        match self {
            Self::BadRequest => {
                "Il gateway non ha capito la richiesta. Aggiorna il programma; se è già aggiornato, rivolgiti all'assistenza.".to_owned()
            },
            Self::WrongCredentials(_) => {
                "Nome utente, password o codice non corretti, oppure account bloccato. Controllali e riprova; poi rivolgiti all'assistenza.".to_owned()
            },
            Self::MustAct(what) => match what {
                MustAct::PasswordExpired => {
                    "La tua password è scaduta. Cambiala con `deskgate password` o in ufficio, poi accedi di nuovo."
                }
                MustAct::ChangePassword => {
                    "La tua password va prima cambiata. Cambiala con `deskgate password` o in ufficio, poi accedi di nuovo."
                }
                MustAct::AccountExpired => "Il tuo account è scaduto. Rivolgiti all'assistenza.",
                MustAct::Disabled => "Il tuo account è disattivato. Rivolgiti all'assistenza.",
                MustAct::OutsideDirectoryHours => "Il tuo account non può accedere a quest'ora. Rivolgiti all'assistenza.",
                MustAct::NotFromHere => "Il tuo account può accedere solo da certi computer. Rivolgiti all'assistenza.",
            }
            .to_owned(),
            Self::Blocked => "Il tuo ufficio ha bloccato l'accesso da casa. Rivolgiti all'assistenza.".to_owned(),
            Self::Device(trouble) => match trouble {
                devices::Trouble::Expired => {
                    "Il certificato di questo computer ora non vale. L'orologio è giusto? Chiedi un nuovo codice all'assistenza."
                }
                devices::Trouble::Foreign => {
                    "Il certificato di questo computer non è del tuo ufficio. Rivolgiti all'assistenza."
                }
                devices::Trouble::Revoked => {
                    "Il tuo ufficio ha revocato il certificato di questo computer. Rivolgiti all'assistenza."
                }
                devices::Trouble::AnotherWorker => {
                    "Il certificato di questo computer non è il tuo. Usa il computer che l'ufficio ti ha dato."
                }
            }
            .to_owned(),
            Self::PasswordNotTaken(why) => match why {
                NotTaken::TooShort => "La nuova password è troppo corta. Scegline una più lunga.",
                NotTaken::TooSimple => {
                    "La nuova password è troppo semplice. Mescola maiuscole, minuscole, cifre e segni, senza il tuo nome."
                }
                NotTaken::UsedBefore => "Questa password l'hai già avuta. Scegline una nuova.",
                NotTaken::TooSoon => {
                    "La password è stata cambiata da poco, e non può essere cambiata ancora. Riprova domani."
                },
                NotTaken::Rules => {
                    "L'ufficio non accetta questa password: forse è troppo corta o troppo semplice, o l'hai già avuta. Scegline un'altra."
                }
                NotTaken::NotHere => "La password non può essere cambiata da casa. Rivolgiti all'assistenza.",
            }
            .to_owned(),
            Self::FactorNotConfirmed(None) => {
                "Questo non è il codice che la tua app dovrebbe mostrare. Aspetta il prossimo e riprova.".to_owned()
            }
            Self::FactorNotConfirmed(Some(seconds)) => format!(
                "L'orologio del tuo telefono e quello dell'ufficio differiscono di {}. Lascia che il telefono si regoli da sé e riprova.",
                italian_wait(Duration::from_secs(seconds.unsigned_abs().saturating_sub(1)))
            ),
            Self::Policy(reason, next) => {
                let why = match reason {
                    Reason::NoAgreement | Reason::WrongGroup => {
                        "Non risulta un accordo di lavoro agile. Chiedi al tuo ufficio se dovrebbe esserci.".to_owned()
                    }
                    Reason::NotYet { from, .. } => format!("Il tuo accordo inizia il {}.", italian_date(*from)),
                    Reason::Over { until } => {
                        format!("Il tuo accordo è terminato il {}. Chiedine uno nuovo al tuo ufficio.", italian_date(*until))
                    }
                    Reason::Device { .. } => "Questo computer non è ammesso. Usa quello che l'ufficio ti ha dato.".to_owned(),
                    Reason::PhoneApp => {
                        "Il tuo accordo richiede l'app sul telefono, che non è ancora installata. Rivolgiti al tuo ufficio.".to_owned()
                    }
                    Reason::Suspended { .. } => "Il tuo accordo è sospeso. Chiedi il motivo al tuo ufficio.".to_owned(),
                    Reason::Closed { .. } => "Oggi nessuno lavora da casa.".to_owned(),
                    Reason::Holiday { .. } => "Oggi è festa.".to_owned(),
                    Reason::OutsideHours { .. } => "Siamo fuori dall'orario concordato.".to_owned(),
                    Reason::Quota { .. } => "Le giornate concordate sono esaurite. Se te ne serve un'altra, chiedi al tuo ufficio.".to_owned(),
                };
                match next {
                    Some(next) => format!("{why} Il tuo orario inizia {}.", italian_moment(next)),
                    None if waits(reason) => format!("{why} Chiedi al tuo ufficio quando inizia il tuo orario."),
                    None => why,
                }
            }
            Self::AlreadyConnected => {
                "Hai già una sessione da un altro computer. Chiudi prima quella.".to_owned()
            }
            Self::Workstation(_) => "Il computer d'ufficio non si trova in rete. Rivolgiti all'assistenza.".to_owned(),
            Self::WireguardConfigNotAllowed => {
                "La tua sessione non può passare da un altro programma. Avvia Deskgate senza --wireguard-config.".to_owned()
            },
            Self::KeyExchange => {
                "Il tuo ufficio chiede una connessione che resista anche ai computer quantistici, e questo programma non l'ha offerta. Installa la versione attuale di Deskgate; se non basta, rivolgiti all'assistenza.".to_owned()
            }
            Self::Assistance(why) => assistance::italian(why),
            Self::LoginOver => "È passato troppo tempo: accedi di nuovo.".to_owned(),
            Self::TooMany(_, wait) => format!("Troppi tentativi. Riprova tra {}.", italian_wait(*wait)),
            Self::Unavailable("disk_full") => {
                "Il gateway dell'ufficio non può aprire nuove sessioni finché un amministratore non libera spazio sul disco. Comunica all'assistenza il numero qui sotto."
                    .to_owned()
            }
            Self::Unavailable(_) => {
                "Il gateway al momento non può far accedere nessuno. Riprova tra qualche minuto.".to_owned()
            }
        }
    }
}

/// Whether there is nothing to do but to wait for the hours.
fn waits(reason: &policy::Reason) -> bool {
    use policy::Reason;
    matches!(
        reason,
        Reason::NotYet { .. } | Reason::Closed { .. } | Reason::Holiday { .. } | Reason::OutsideHours { .. }
    )
}

const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const ITALIAN_MONTHS: [&str; 12] = [
    "gennaio",
    "febbraio",
    "marzo",
    "aprile",
    "maggio",
    "giugno",
    "luglio",
    "agosto",
    "settembre",
    "ottobre",
    "novembre",
    "dicembre",
];
const ENGLISH_DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const ITALIAN_DAYS: [&str; 7] = ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"];

fn word<const N: usize>(words: [&'static str; N], place: i8) -> &'static str {
    usize::try_from(place).ok().and_then(|place| words.get(place).copied()).unwrap_or_default()
}

fn english_date(date: jiff::civil::Date) -> String {
    format!("{} {} {}", date.day(), word(ENGLISH_MONTHS, date.month() - 1), date.year())
}

fn italian_date(date: jiff::civil::Date) -> String {
    format!("{} {} {}", date.day(), word(ITALIAN_MONTHS, date.month() - 1), date.year())
}

fn english_moment(at: &Zoned) -> String {
    let day = word(ENGLISH_DAYS, at.weekday().to_monday_zero_offset());
    format!("{day} {} {} at {:02}:{:02}", at.day(), word(ENGLISH_MONTHS, at.month() - 1), at.hour(), at.minute())
}

fn italian_moment(at: &Zoned) -> String {
    let day = word(ITALIAN_DAYS, at.weekday().to_monday_zero_offset());
    format!("{day} {} {} alle {:02}:{:02}", at.day(), word(ITALIAN_MONTHS, at.month() - 1), at.hour(), at.minute())
}

fn english_wait(wait: Duration) -> String {
    match wait.as_secs() + 1 {
        1 => "a second".to_owned(),
        seconds @ 2..=90 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds.div_ceil(60)),
    }
}

fn italian_wait(wait: Duration) -> String {
    match wait.as_secs() + 1 {
        1 => "un secondo".to_owned(),
        seconds @ 2..=90 => format!("{seconds} secondi"),
        seconds => format!("{} minuti", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests;

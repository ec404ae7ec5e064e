//! Why a technician assists nobody, in words. Told only to who has shown all factors.

use gateway_api::login::RefusalCode;

use super::{english_wait, italian_wait};
use crate::assistance::NotAssisted;

pub(super) fn code(why: &NotAssisted) -> RefusalCode {
    match why {
        NotAssisted::NotTechnician
        | NotAssisted::NotProvided
        | NotAssisted::TooLong(_)
        | NotAssisted::NotConnected
        | NotAssisted::Own
        | NotAssisted::Busy
        | NotAssisted::LeftInPeace(_) => RefusalCode::AssistanceNotPossible,
        NotAssisted::No | NotAssisted::NoAnswer | NotAssisted::Gone | NotAssisted::TakenBack => {
            RefusalCode::AssistanceRefused
        }
    }
}

pub(super) fn english(why: &NotAssisted) -> String {
    match why {
        NotAssisted::NotTechnician => "You are not among those who assist workers. Ask your office if you should be.",
        NotAssisted::NotProvided => {
            "Your office has not said yet what technicians may reach. Ask whoever runs the gateway."
        }
        NotAssisted::TooLong(longest) => {
            let most = match longest.as_secs() / 60 {
                1 => "a minute".to_owned(),
                minutes => format!("{minutes} minutes"),
            };
            return format!("That is too long: your office allows {most} at most. Ask for less.");
        }
        NotAssisted::NotConnected => "This worker is not connected at the moment. Ask them to sign in first.",
        NotAssisted::Own => {
            "This is your own session: nobody has to assist you in it. Use it as it is, or ask for another worker's."
        }
        NotAssisted::Busy => "Somebody assists this worker already, or is asking to. Ask again when they are done.",
        NotAssisted::LeftInPeace(wait) => {
            return format!(
                "This worker was asked three times and did not agree. Ask again in {}.",
                english_wait(*wait)
            );
        }
        NotAssisted::No => "The worker does not agree. Call them before you ask again.",
        NotAssisted::NoAnswer => "The worker did not answer within a minute, which is a no. Call them, then ask again.",
        NotAssisted::Gone => "The worker is not connected any more. Ask them to sign in first.",
        NotAssisted::TakenBack => "The question was taken back. Ask again if it is still needed.",
    }
    .to_owned()
}

pub(super) fn italian(why: &NotAssisted) -> String {
    match why {
        NotAssisted::NotTechnician => {
            "Non risulti tra chi dà assistenza ai lavoratori. Chiedi al tuo ufficio se dovresti."
        }
        NotAssisted::NotProvided => {
            "Il tuo ufficio non ha ancora stabilito che cosa raggiungono i tecnici. Rivolgiti a chi gestisce il gateway."
        }
        NotAssisted::TooLong(longest) => {
            let most = match longest.as_secs() / 60 {
                1 => "un minuto".to_owned(),
                minutes => format!("{minutes} minuti"),
            };
            return format!("È troppo: il tuo ufficio consente al massimo {most}. Chiedi meno tempo.");
        }
        NotAssisted::NotConnected => "Questo lavoratore ora non è collegato. Chiedigli prima di accedere.",
        NotAssisted::Own => "Questa è la tua sessione: non serve che qualcuno ti assista. Usala così, o chiedi quella di un altro.",
        NotAssisted::Busy => "Qualcuno assiste già questo lavoratore, o glielo sta chiedendo. Chiedi di nuovo quando ha finito.",
        NotAssisted::LeftInPeace(wait) => {
            return format!(
                "A questo lavoratore è già stato chiesto tre volte e non ha acconsentito. Si può richiedere tra {}.",
                italian_wait(*wait)
            );
        }
        NotAssisted::No => "Il lavoratore non acconsente. Chiamalo, prima di chiedere ancora.",
        NotAssisted::NoAnswer => {
            "Il lavoratore non ha risposto entro un minuto, e vale come un no. Chiamalo, poi chiedi di nuovo."
        }
        NotAssisted::Gone => "Il lavoratore non è più collegato. Chiedigli prima di accedere.",
        NotAssisted::TakenBack => "La domanda è stata ritirata. Chiedi di nuovo se serve ancora.",
    }
    .to_owned()
}

//! Why the desktop ended, in both languages: what happened, and what to do.

use crate::rdp::Why;

/// What a sentence may name.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) workstation: String,
    pub(crate) program: String,
    /// The program's exit status, for the help desk.
    pub(crate) status: String,
}

pub(super) fn english(why: Why, names: &Names) -> String {
    let Names { workstation, program, status } = names;
    match why {
        Why::Unreached => format!(
            "{program} ended before it had reached {workstation} ({status}), so the session was closed. Sign in again; if it happens again, call the help desk."
        ),
        Why::Unshown => format!(
            "{program} ended before your desktop was seen ({status}): it was closed, or {workstation} did not take your user name and password, or its certificate was declined. Sign in again; if it happens again, call the help desk."
        ),
        Why::SignInBroke => format!(
            "{workstation} broke off while you were being signed in there ({status}), so the session was closed. Most often that is the user name or the password: if you have changed your password, sign in with the new one; otherwise call the help desk."
        ),
        Why::PasswordUnasked => format!(
            "{workstation} wants your password before it shows anything, and you could not be asked for it here, so the session was closed. Start Deskgate with its window, or in a terminal."
        ),
        Why::PasswordExpired => format!(
            "{workstation} says that your password has expired or must be changed, so the session was closed. Change the password, and sign in with the new one."
        ),
        Why::AccountRefused => format!(
            "{workstation} says that your account is disabled, expired or restricted, so the session was closed. Call the help desk."
        ),
        Why::NotAllowed => format!(
            "{workstation} does not let your account in by remote desktop, so the session was closed. Call the help desk."
        ),
        Why::SignInUnchecked => format!(
            "Your user name and password could not be checked at {workstation}, so the session was closed. Try again in a few minutes; then call the help desk."
        ),
        Why::NothingInCommon => format!(
            "{workstation} and {program} cannot agree on how to protect the connection ({status}), so the session was closed. Call the help desk."
        ),
        Why::NoLicence => {
            format!(
                "{workstation} has no licence for another desktop ({status}), so the session was closed. Call the help desk."
            )
        }
        Why::Booting => {
            format!("{workstation} is still starting, so the session was closed. Sign in again in a few minutes.")
        }
        Why::ProgramTooOld => format!(
            "This computer's {program} does not know something that it was told ({status}), so your desktop was not opened. Install a newer one, or call the help desk."
        ),
        Why::NoScreen => format!(
            "{program} found no screen to show your desktop on ({status}), so the session was closed. Start Deskgate in a desktop of this computer."
        ),
        Why::LoggedOff => format!(
            "Your desktop at {workstation} was logged off, or taken over from elsewhere: the session is closed. If it was not you, call the help desk."
        ),
        Why::Replaced => format!(
            "Somebody signed in to your desktop at {workstation} from elsewhere, so it left this screen: the session is closed. If it was not you, call the help desk now."
        ),
        Why::Away => format!(
            "{workstation} closed your desktop because nobody used it: the session is closed. Your programs may still be open there. Sign in again."
        ),
        Why::EndedThere => format!(
            "{workstation} ended your desktop ({status}): the session is closed. Your programs may still be open there. Sign in again; if it happens again, call the help desk."
        ),
    }
}

pub(super) fn italian(why: Why, names: &Names) -> String {
    let Names { workstation, program, status } = names;
    match why {
        Why::Unreached => format!(
            "{program} è terminato prima di raggiungere {workstation} ({status}), perciò la sessione è stata chiusa. Accedi di nuovo; se si ripete, chiama l'assistenza."
        ),
        Why::Unshown => format!(
            "{program} è terminato prima che si vedesse il desktop ({status}): è stato chiuso, o {workstation} non ha accettato il tuo nome utente e la password, o il suo certificato è stato rifiutato. Accedi di nuovo; se si ripete, chiama l'assistenza."
        ),
        Why::SignInBroke => format!(
            "{workstation} ha interrotto il collegamento durante il tuo accesso ({status}), perciò la sessione è stata chiusa. Il più delle volte dipende dal nome utente o dalla password: se hai cambiato la password, accedi con quella nuova; altrimenti chiama l'assistenza."
        ),
        Why::PasswordUnasked => format!(
            "{workstation} vuole la password prima di mostrare qualcosa, e qui non è stato possibile chiedertela, perciò la sessione è stata chiusa. Avvia Deskgate con la sua finestra, o in un terminale."
        ),
        Why::PasswordExpired => format!(
            "Secondo {workstation} la tua password è scaduta o va cambiata, perciò la sessione è stata chiusa. Cambia la password, e accedi con quella nuova."
        ),
        Why::AccountRefused => format!(
            "Secondo {workstation} il tuo account è disattivato, scaduto o limitato, perciò la sessione è stata chiusa. Chiama l'assistenza."
        ),
        Why::NotAllowed => format!(
            "{workstation} non ammette il tuo account al desktop remoto, perciò la sessione è stata chiusa. Chiama l'assistenza."
        ),
        Why::SignInUnchecked => format!(
            "Non è stato possibile controllare il tuo nome utente e la password su {workstation}, perciò la sessione è stata chiusa. Riprova tra qualche minuto; poi chiama l'assistenza."
        ),
        Why::NothingInCommon => format!(
            "{workstation} e {program} non trovano un modo comune di proteggere il collegamento ({status}), perciò la sessione è stata chiusa. Chiama l'assistenza."
        ),
        Why::NoLicence => format!(
            "{workstation} non ha una licenza per un altro desktop ({status}), perciò la sessione è stata chiusa. Chiama l'assistenza."
        ),
        Why::Booting => {
            format!(
                "{workstation} si sta ancora avviando, perciò la sessione è stata chiusa. Accedi di nuovo tra qualche minuto."
            )
        }
        Why::ProgramTooOld => format!(
            "Su questo computer {program} non conosce qualcosa che gli è stato detto ({status}), perciò il desktop non è stato aperto. Installane uno più nuovo, o chiama l'assistenza."
        ),
        Why::NoScreen => format!(
            "{program} non ha trovato uno schermo su cui mostrare il desktop ({status}), perciò la sessione è stata chiusa. Avvia Deskgate in un desktop di questo computer."
        ),
        Why::LoggedOff => format!(
            "Il tuo desktop su {workstation} è stato disconnesso, o ripreso da un altro posto: la sessione è chiusa. Se non sei stato tu, chiama l'assistenza."
        ),
        Why::Replaced => format!(
            "Qualcuno è entrato nel tuo desktop su {workstation} da un altro posto, perciò ha lasciato questo schermo: la sessione è chiusa. Se non sei stato tu, chiama subito l'assistenza."
        ),
        Why::Away => format!(
            "{workstation} ha chiuso il tuo desktop perché nessuno lo usava: la sessione è chiusa. I tuoi programmi lì sono forse ancora aperti. Accedi di nuovo."
        ),
        Why::EndedThere => format!(
            "{workstation} ha terminato il tuo desktop ({status}): la sessione è chiusa. I tuoi programmi lì sono forse ancora aperti. Accedi di nuovo; se si ripete, chiama l'assistenza."
        ),
    }
}

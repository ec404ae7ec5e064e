//! The sentences in Italian.

use gateway_api::{CloseReason, factor::Happened, login::Language, session::Limit};

use super::{Forget, Span, Text, cause, desktop, doctor, window::labels};
use crate::{clock, session::Unreached};

/// How a day is written.
const DAY: &str = "%d/%m/%Y";

pub(super) fn say(text: &Text) -> String {
    match text {
        Text::AskServer => "Nome del gateway: ".into(),
        Text::AskUser => "Il tuo nome utente dell'ufficio: ".into(),
        Text::AskPassword { user } => format!("Password dell'ufficio di {user}: "),
        Text::AskCode => "Codice (lascia vuoto se non ne hai): ".into(),
        Text::AskNeededCode => "Codice dal telefono: ".into(),
        Text::AskEnrolmentCode => "Il codice monouso che ti ha dato l'ufficio: ".into(),
        Text::ForTheApp => {
            "Apri sul telefono l'app di autenticazione e inquadra il disegno, oppure scrivi la chiave qui sotto (basata sul tempo, sei cifre). Non conservare la chiave: serve solo all'app.".into()
        }
        Text::AskFirstCode => "Il codice che l'app mostra ora: ".into(),
        Text::Enrolled => {
            "D'ora in poi l'ufficio può chiederti il codice dell'app quando accedi. Qui sotto ci sono i tuoi codici di recupero: ognuno sostituisce un codice una volta sola, per il giorno in cui il telefono è perso o rotto. Scrivili e tienili lontani da questo computer. Vengono mostrati solo adesso.".into()
        }
        Text::CodeTooLong => "È troppo lungo per essere un codice.".into(),
        Text::CodeEmpty => "Non è stato dato nessun codice.".into(),
        Text::FactorNews { what, at } => factor_news(*what, *at),
        Text::AskNewPassword => "Nuova password: ".into(),
        Text::AskNewPasswordAgain => "Ancora una volta la nuova password: ".into(),
        Text::PasswordsDiffer => "Le due non erano uguali. Riprova.".into(),
        Text::PasswordChanged => "La password dell'ufficio è cambiata. D'ora in poi accedi con quella nuova.".into(),
        Text::OwnRecord { records: 0, .. } => "Di te non è registrato niente.".into(),
        Text::OwnRecord { records, left_off: 0 } => format!("Ciò che è registrato di te ({records}), dal più vecchio. Ci sono anche il tuo nome e gli indirizzi, sigillati:"),
        Text::OwnRecord { records, left_off } => format!("Di ciò che è registrato di te, il più recente, dal più vecchio: {records}. Non mostrati, perché più vecchi: {left_off}. Ci sono anche il tuo nome e gli indirizzi, sigillati:"),
        Text::NobodyLooked => "Nessuno ha consultato dati che ti nominano.".into(),
        Text::Looked { opening } => format!(
            "Il {} sono stati consultati dati che ti nominano: {}, dal {} al {}, in base alla lettera {}) dell'articolo 11 (richiesta {}, verbale {}). Puoi chiedere al tuo ufficio copia del verbale.",
            moment(opening.at),
            opening.records,
            day_of(&opening.from),
            day_of(&opening.until),
            opening.ground,
            opening.request,
            opening.minute
        ),
        Text::Managed { name, ends_at } => format!(
            "Ora questo computer è gestito dall'ufficio, come {name}. Il certificato vale fino al {} e si rinnova all'accesso.",
            day(*ends_at)
        ),
        Text::NotManaged => "Questo computer non è gestito: non c'è un certificato da rinnovare.".to_owned(),
        Text::NothingToRenew => "Il certificato vale ancora a lungo: per ora non c'è niente da rinnovare.".to_owned(),
        Text::Forgotten => "La chiave e il certificato di questo computer sono cancellati.".into(),
        Text::NothingToForget => "Questo computer non ha un certificato per quel gateway.".into(),
        Text::Reaching { server } => format!("Accesso a {server}…"),
        Text::SignedIn { workstation, number, until } => {
            format!("Accesso riuscito. Il tuo computer è {workstation}, al massimo fino alle {until}. Sessione numero {number}.")
        }
        Text::AssistanceWaits { worker, seconds } => {
            format!("Chiedo il consenso di {worker}: si attende la risposta, al massimo {}…", span(*seconds))
        }
        Text::Assisting { worker, workstation, number, until } => format!(
            "{worker} acconsente. Il suo computer è {workstation}, al massimo fino alle {until}. Sessione numero {number}."
        ),
        Text::AssistanceOverSoon { seconds } => {
            format!("Il tempo per questa assistenza finisce tra {}.", span(*seconds))
        }
        Text::AssistanceOver => {
            "Il tempo per questa assistenza è finito: la sessione è stata chiusa. Se serve ancora, chiedi di nuovo.".into()
        }
        Text::EndMoved { until } => {
            format!("L'ufficio ha cambiato la fine di questa sessione: ora è al più tardi alle {until}.")
        }
        Text::Waking { workstation } => {
            format!("{workstation} è spento o in sospensione: l'ufficio lo sta svegliando. Può volerci qualche minuto, poi il desktop si apre da sé.")
        }
        Text::Woken { workstation, seconds } => format!("{workstation} è sveglio, dopo {}.", span(*seconds)),
        Text::NotWoken { workstation, number } => format!(
            "{workstation} non si è svegliato, perciò la sessione è stata chiusa. Chiedi a qualcuno in ufficio di accenderlo, o chiama l'assistenza; il numero della sessione è {number}."
        ),
        Text::Starting { program } => {
            format!("Si apre il tuo desktop ({program}). Quando hai finito, chiudi la sua finestra.")
        }
        Text::DoorOpen { workstation } => format!("La via verso {workstation} è aperta. Premi Ctrl-C per chiuderla."),
        Text::WireguardSecret => {
            "Questa configurazione contiene una chiave privata. Vale solo per questa sessione: non conservarla e non darla a nessuno.".into()
        }
        Text::Holding { workstation } => {
            format!("La via verso {workstation} è aperta per il tuo programma WireGuard. Premi Ctrl-C per chiuderla.")
        }
        Text::Warning { limit, seconds } => warning(*limit, &span(*seconds)),
        Text::WarningLifted { limit } => lifted(*limit).into(),
        Text::TunnelSilent => {
            "In questo momento l'ufficio non risponde. Attendi, oppure controlla la tua linea Internet.".into()
        }
        Text::TunnelBack => "L'ufficio risponde di nuovo.".into(),
        Text::ByChannel => {
            "La tua rete blocca i collegamenti veloci (UDP): il tuo desktop passa per il collegamento web protetto.".into()
        }
        Text::ByUdp => "La tua rete lascia passare i collegamenti veloci (UDP): il tuo desktop passa di lì.".into(),
        Text::ChannelLost => "Il collegamento con il gateway è caduto. Provo a ristabilirlo…".into(),
        Text::ChannelBack => "Il collegamento con il gateway è ristabilito.".into(),
        Text::Notice { name, text } => {
            format!("Il tuo ufficio ti chiede di leggere questo prima che si apra il desktop ({name}):\n\n{}\n", text.trim())
        }
        Text::NoticeAsked => {
            "L'hai letto? Scrivi s e Invio. Dice che l'hai letto, non che sei d'accordo.".to_owned()
        }
        Text::NoticeUnread { asked: true } => {
            "Il desktop si apre quando avrai letto ciò che il tuo ufficio ti chiede di leggere.".to_owned()
        }
        Text::NoticeUnread { asked: false } => {
            "C'è qualcosa da leggere prima che si apra il desktop, e nessuno che possa dire di averlo letto. Avvia una volta `deskgate connect` in un terminale, senza --password-stdin.".to_owned()
        }
        Text::TraceAsked { seconds, answer_s } => format!(
            "Il tuo ufficio chiede di registrare questa sessione, per al massimo {}, per provare come si riconosce che non c'è nessuno al lavoro.\n\
             Si registrano dimensioni e orari dei pacchetti: mostrano quando premi un tasto o muovi il mouse, non quale né dove, e niente di ciò che vedi, scrivi o dici.\n\
             La registrazione si cancella dopo sette giorni, e puoi terminarla in ogni momento.\n\
             Acconsenti? Scrivi s e Invio entro {}. Ogni altra risposta, o nessuna, è un no.",
            span(*seconds),
            span(*answer_s)
        ),
        Text::TraceUnasked => {
            "Il tuo ufficio ha chiesto di registrare dimensioni e orari dei pacchetti di questa sessione. Qui non era possibile chiedertelo, perciò non si registra niente.".into()
        }
        Text::TraceRefused => "Non si registra niente.".into(),
        Text::TraceTakenBack => "La domanda è ritirata: non si registra niente.".into(),
        Text::TraceBegun { seconds, by_key } => format!(
            "*** Si registrano dimensioni e orari dei pacchetti di questa sessione, per al massimo {}. {} ***",
            span(*seconds),
            if *by_key { "Premi Invio qui per terminare." } else { "Chiudi la sessione per terminare." }
        ),
        Text::TraceEnded => "*** La registrazione è finita. ***".into(),
        Text::AssistanceAsked { technician, reason, seconds, answer_s } => format!(
            "{technician}, tecnico del tuo ufficio, chiede di raggiungere il tuo computer in ufficio per al massimo {}: per vedere che cosa mostra, e per usarlo.\n\
             Perché: «{reason}»\n\
             Questo e quando è avvenuto viene registrato, e puoi terminare in ogni momento.\n\
             Acconsenti? Scrivi s e Invio entro {}. Ogni altra risposta, o nessuna, è un no.",
            span(*seconds),
            span(*answer_s)
        ),
        Text::AssistanceUnasked { technician } => format!(
            "{technician} ha chiesto di raggiungere il tuo computer in ufficio. Qui non era possibile chiedertelo, perciò la risposta è stata no."
        ),
        Text::AssistanceRefused => "Nessun tecnico raggiunge il tuo computer in ufficio.".into(),
        Text::AssistanceTakenBack => "La domanda è ritirata: nessun tecnico raggiunge il tuo computer in ufficio.".into(),
        Text::AssistanceBegun { technician, until, by_key } => format!(
            "*** {technician} raggiunge il tuo computer in ufficio, al massimo fino alle {until}. {} ***",
            if *by_key { "Premi Invio qui per terminare." } else { "Chiudi la sessione per terminare." }
        ),
        Text::AssistanceEnded => {
            "*** L'assistenza è finita: nessun tecnico raggiunge più il tuo computer in ufficio. ***".into()
        }
        Text::NoteAssistanceAsked => {
            "Un tecnico chiede di raggiungere il tuo computer in ufficio: rispondi in Deskgate, per favore.".into()
        }
        Text::NoteAssistanceBegun => {
            "Ora un tecnico raggiunge il tuo computer in ufficio. Deskgate mostra chi è, e termina quando vuoi.".into()
        }
        Text::NoNotifications => {
            "Gli avvisi non si possono mostrare sopra il tuo desktop. Guarda ogni tanto questa finestra: stanno qui.".into()
        }
        Text::NoteAssistanceEnded => {
            "L'assistenza è finita: nessun tecnico raggiunge più il tuo computer in ufficio.".into()
        }
        Text::WorkstationRefused { workstation, port } => format!(
            "{workstation} rifiuta il collegamento (porta {port}). Forse il desktop remoto è spento: chiedi all'assistenza."
        ),
        Text::WorkstationSilent { workstation, port } => format!(
            "{workstation} non risponde (porta {port}). Forse è spento: chiedi a qualcuno in ufficio, o all'assistenza."
        ),
        Text::WorkstationAnswers { workstation } => format!("{workstation} ora risponde."),
        Text::Unreached { workstation, number, how: Unreached::Refused } => format!(
            "{workstation} ha rifiutato il collegamento, e la sessione è stata chiusa. Se è stato appena acceso, riprova tra qualche minuto. Altrimenti il desktop remoto può essere disattivato: chiama l'assistenza; il numero di sessione è {number}."
        ),
        Text::Unreached { workstation, number, how: Unreached::Silent } => format!(
            "{workstation} non ha risposto, e la sessione è stata chiusa. È acceso? Chiedi a qualcuno in ufficio, o chiama l'assistenza; il numero di sessione è {number}."
        ),
        Text::Left => {
            "Questo computer è rimasto bloccato per un minuto, perciò la sessione è stata chiusa. I tuoi programmi in ufficio sono ancora aperti. Accedi di nuovo.".into()
        }
        Text::Closing => "Chiudo la sessione…".into(),
        Text::Ended { reason, idle_minutes } => ended(*reason, *idle_minutes),
        Text::NotTold => "Non è stato possibile avvisare il gateway: chiuderà la sessione da sé entro pochi minuti.".into(),
        Text::SupportNumber { number } => format!("Numero per l'assistenza: {number}"),
        Text::HelpDesk { phone } => format!("Assistenza: {phone}"),
        Text::Found { finding } => (doctor::words(Language::It).say)(finding),
        Text::FoundUnsent { finding } => {
            format!("{} La tua password non è stata inviata.", (doctor::words(Language::It).say)(finding))
        }
        Text::NotUnderstood { support } => format!(
            "Il gateway del tuo ufficio non ha capito questo programma (Deskgate {}). Riprova una volta. Se si ripete, il programma è più nuovo del gateway: chiama l'assistenza, perché il gateway va aggiornato. Numero per l'assistenza: {support}",
            env!("CARGO_PKG_VERSION")
        ),
        Text::Unreachable { server, cause } => {
            format!("{server} non risponde ({cause}). Controlla la tua linea Internet e riprova tra qualche minuto.", cause = cause::italian(cause))
        }
        Text::NotAGateway { server, cause } => format!(
            "{server} risponde, ma non come un gateway Deskgate ({cause}). Controlla il nome; la rete di un albergo o di un treno può chiedere prima un accesso.", cause = cause::italian(cause)
        ),
        Text::Untrusted { server, cause } => format!(
            "Il certificato di {server} non è quello dell'ufficio ({cause}). La tua password non è stata inviata. Non proseguire: chiama l'assistenza.", cause = cause::italian(cause)
        ),
        Text::Refused { message, support } => format!("{message} Numero per l'assistenza: {support}"),
        Text::NoTunnel { endpoint } => format!(
            "L'accesso è riuscito, ma i pacchetti cifrati non passano né direttamente (UDP verso {endpoint}) né per il collegamento web protetto. Prova un'altra rete, per esempio quella del telefono."
        ),
        Text::NothingGranted => {
            "L'accesso è riuscito, ma del computer dell'ufficio non ti è stato aperto niente che questo programma possa portare. Chiedi all'assistenza.".into()
        }
        Text::NoRdpProgram => {
            "Non è stato trovato nessun programma di desktop remoto. Installa FreeRDP (pacchetto freerdp2-x11 o freerdp3-x11; su un Mac va bene anche Windows App), o indica un altro programma con --run.".into()
        }
        Text::ProgramMissing { program, cause } => format!("Non è stato possibile avviare il programma {program}: {cause}.", cause = cause::italian(cause)),
        Text::ProgramFailed { program, status } => format!(
            "Il programma {program} è terminato subito con un errore ({status}), e con lui la sessione. Quello che ha detto si legge qui sopra."
        ),
        Text::ProgramBroke { program, status } => format!(
            "Il collegamento con il desktop si è interrotto ({program}, {status}): la sessione è stata chiusa. I tuoi programmi in ufficio sono ancora aperti. Accedi di nuovo."
        ),
        Text::PasswordWanted { workstation, again: false } => {
            format!("{workstation} vuole la tua password prima di mostrare il desktop:")
        }
        Text::PasswordWanted { workstation, again: true } => {
            format!("{workstation} non ha accettato quella password. Ancora una volta:")
        }
        Text::WorkstationUntrusted { workstation } => format!(
            "{workstation} mostra un certificato diverso dall'ultima volta, o il collegamento protetto non è riuscito, perciò il desktop non è stato aperto. Chiama l'assistenza: sa se il computer è stato cambiato."
        ),
        Text::WorkstationNotNamed { workstation, number } => format!(
            "Il computer che ha risposto come {workstation} non ha mostrato il certificato indicato dal tuo ufficio. Il desktop non è stato aperto e la sessione è stata chiusa. Chiama l'assistenza; il numero della sessione è {number}."
        ),
        Text::LogonRefused { workstation } => format!(
            "{workstation} non ha accettato il tuo nome utente e la password, perciò la sessione è stata chiusa. Se hai cambiato la password, accedi con quella nuova; altrimenti chiama l'assistenza."
        ),
        Text::LockedOut { workstation } => format!(
            "Il tuo account è bloccato su {workstation}, perciò la sessione è stata chiusa. Chiama l'assistenza."
        ),
        Text::Desktop { why, names } => desktop::italian(*why, names),
        Text::ProgramWentAway { program } => format!(
            "Il programma {program} è terminato subito, e con lui la sessione. Se apre solo una finestra e poi esce, usa --no-run e avvialo tu."
        ),
        Text::PasswordEmpty => "Non è stata data nessuna password.".into(),
        Text::PasswordTooLong => "È troppo lunga per essere una password.".into(),
        Text::PasswordUnreadable { cause } => {
            format!("Non è stato possibile leggere la password ({cause}). Avvia il programma in un terminale, o usa --password-stdin.", cause = cause::italian(cause))
        }
        Text::NobodyToAsk { option } => format!("Non c'è un terminale dove chiedere: indica {option}, o un profilo."),
        Text::Unwritable { path, cause } => format!("Non è stato possibile scrivere {path}: {cause}.", cause = cause::italian(cause)),
        Text::Broken { cause } => format!("Questo computer ha rifiutato qualcosa di necessario al programma: {cause}.", cause = cause::italian(cause)),
        Text::ProfileUnsigned { path } => format!(
            "Il profilo {path} non è firmato: non si può sapere chi l'ha scritto. Non viene usato. Chiedi all'ufficio un profilo firmato."
        ),
        Text::ProfileBroken { path } => format!(
            "Il profilo {path} è stato cambiato, o si è rovinato per strada, dopo la firma dell'ufficio. Non viene usato. Chiedi all'ufficio un'altra copia."
        ),
        Text::ProfileWrong { path } => format!(
            "Il profilo {path} è fatto male, o per una versione più nuova di questo programma. Non viene usato. Chiedine un altro al tuo ufficio."
        ),
        Text::ProfileNewer { path } => {
            format!("Il profilo {path} è fatto per una versione più nuova di questo programma. Aggiorna il programma.")
        }
        Text::ProfileForeign { path, forget } => format!(
            "Il profilo {path} è firmato da un ufficio che non è il tuo. Non viene usato. Se è arrivato per posta, avvisa il tuo ufficio, a un numero di telefono che avevi già. Se ora lavori per un altro ufficio, prima {}.",
            by(*forget)
        ),
        Text::ProfileOld { path, forget: None } => format!(
            "Il profilo {path} è più vecchio dell'ultimo che hai usato. Non viene usato. Prendi quello più recente, o chiedilo all'ufficio."
        ),
        Text::ProfileOld { path, forget: Some(forget) } => format!(
            "Il profilo {path} è più vecchio dell'ultimo che hai usato, e quello ha una data nel futuro: un orologio era sbagliato, o lo è quello di questo computer. Questo non viene usato. Controlla la data di questo computer; se è giusta, {}, e confronta di nuovo le sei parole di questo profilo.",
            by(*forget)
        ),
        Text::ProfilesBeside { names } => format!(
            "Accanto al programma c'è più di un profilo: {names}. Non ne viene usato nessuno. Lascia lì l'ultimo che ti ha mandato l'ufficio, e metti altrove gli altri."
        ),
        Text::ProfileAhead { path, signed_at, now } => format!(
            "Il profilo {path} è firmato con la data {}, e per l'orologio di questo computer oggi è il {}: uno dei due orologi è sbagliato. Non viene usato. Controlla la data di questo computer; se è giusta, di' al tuo ufficio di regolare il suo orologio e di firmare di nuovo il profilo.",
            day(*signed_at),
            day(*now)
        ),
        Text::OfficeWords { words } => format!(
            "È il primo profilo su questo computer. Confronta queste sei parole con quelle nella lettera del tuo ufficio:\n\n    {words}\n\nSe anche una sola è diversa, il profilo non è del tuo ufficio. Non chiamare un numero di telefono arrivato insieme al profilo."
        ),
        Text::AskOffice => "Sono uguali, tutte e sei? Scrivi s e Invio: ".into(),
        Text::OfficeRefused => {
            "Il profilo non viene usato. Avvisa il tuo ufficio, al numero di telefono della sua lettera: qualcuno può averti mandato un profilo falso.".into()
        }
        Text::OfficeUnasked => {
            "È il primo profilo su questo computer, e non c'è nessuno a cui chiedere se è del tuo ufficio. Indica con --trust le sei parole della lettera dell'ufficio.".into()
        }
        Text::WordsDiffer { path } => {
            format!("Le sei parole del profilo {path} non sono quelle indicate con --trust. Non viene usato.")
        }
        Text::NothingToCompare => "Non c'è un profilo con cui confrontare le parole di --trust.".into(),
        Text::OfficeForgotten => {
            "La chiave del tuo ufficio è dimenticata. Le sei parole del prossimo profilo saranno di nuovo da confrontare con la lettera.".into()
        }
        Text::NoOffice => "Su questo computer non era nota la chiave di nessun ufficio.".into(),
    }
}

fn by(forget: Forget) -> String {
    match forget {
        Forget::Command => "esegui `deskgate office forget`".to_owned(),
        Forget::Button => format!("premi qui sotto il pulsante «{}»", labels(Language::It).forget_office),
    }
}

fn factor_news(what: Happened, at: i64) -> String {
    let when = moment(at);
    let happened = match what {
        Happened::Enrolled => "è stata registrata un'app di autenticazione per il tuo account",
        Happened::Reset => "l'ufficio ha ritirato la tua app di autenticazione, perché tu ne registri un'altra",
        Happened::Removed => "l'ufficio ha tolto la tua app di autenticazione",
        Happened::RecoveryCodeUsed => "qualcuno ha fatto l'accesso a tuo nome con uno dei tuoi codici di recupero",
    };
    format!("Attenzione: il {when} {happened}. Se non ne sai nulla, chiama subito l'assistenza.")
}

/// A moment in Unix seconds.
pub(super) fn moment(at: i64) -> String {
    clock::shown(at, "%d/%m/%Y alle %H:%M")
}

/// The day of a moment in Unix seconds.
fn day(at: i64) -> String {
    clock::shown(at, DAY)
}

/// A day that the gateway wrote, such as `2026-11-22`.
pub(super) fn day_of(written: &str) -> String {
    clock::day(written, DAY)
}

pub(super) fn span(seconds: u32) -> String {
    Span::new(seconds).say(["ora", "ore"], ["minuto", "minuti"], ["secondo", "secondi"], " e ")
}

fn warning(limit: Limit, left: &str) -> String {
    match limit {
        Limit::Idle => {
            format!(
                "Sembra che tu sia assente: la sessione si chiude tra {left}. Muovi il mouse sul tuo desktop per restare."
            )
        }
        Limit::AgreementEnded => {
            format!("Il tuo orario finisce tra {left}: salva il lavoro. Poi la sessione si chiude.")
        }
        Limit::GatewayStopped => {
            format!("Il gateway si spegne tra {left}: salva il lavoro. Poi la sessione si chiude.")
        }
        Limit::LongestSession => {
            format!("La sessione dura da molto: si chiude tra {left}. Salva il lavoro; dopo puoi accedere di nuovo.")
        }
        Limit::NeverUsed => {
            format!(
                "Il computer dell'ufficio non è ancora stato raggiunto: la sessione si chiude tra {left}, se il tuo desktop non si apre."
            )
        }
        Limit::WorkstationGone => {
            format!("Il computer dell'ufficio non risponde più: la sessione si chiude tra {left}, se non torna.")
        }
    }
}

fn lifted(limit: Limit) -> &'static str {
    match limit {
        Limit::Idle => "Bentornato: la sessione continua.",
        Limit::NeverUsed | Limit::WorkstationGone => "Il computer dell'ufficio risponde: la sessione continua.",
        Limit::AgreementEnded | Limit::LongestSession | Limit::GatewayStopped => "La sessione continua.",
    }
}

fn ended(reason: CloseReason, idle_minutes: u32) -> String {
    match reason {
        CloseReason::ProgramEnded => "Hai chiuso il desktop: la sessione è chiusa. Arrivederci.".into(),
        CloseReason::WorkerClosed => "La sessione è chiusa. Arrivederci.".into(),
        CloseReason::Idle => format!(
            "Sei stato assente per {}: la sessione è stata chiusa. I tuoi programmi in ufficio sono ancora aperti. Accedi di nuovo.",
            span(idle_minutes.saturating_mul(60))
        ),
        CloseReason::AgreementEnded => {
            "Il tuo orario è finito: la sessione è stata chiusa. I tuoi programmi in ufficio sono ancora aperti. Accedi di nuovo quando il tuo orario ricomincia.".into()
        }
        CloseReason::LongestSession => {
            "La sessione ha raggiunto la durata massima ed è stata chiusa. I tuoi programmi sono ancora aperti. Accedi di nuovo.".into()
        }
        CloseReason::Replaced => {
            "Hai fatto l'accesso altrove, perciò questa sessione è stata chiusa. Se non sei stato tu, chiama subito l'assistenza.".into()
        }
        CloseReason::Leaver => {
            "Il tuo account dell'ufficio non è in regola: la sessione è stata chiusa. Chiedi all'assistenza.".into()
        }
        CloseReason::PolicyWithdrawn => {
            "L'ufficio ha ritirato o cambiato il tuo permesso: la sessione è stata chiusa. Chiedi in ufficio.".into()
        }
        CloseReason::DeviceRevoked => {
            "Questo computer non è più ammesso dall'ufficio: la sessione è stata chiusa. Chiedi all'assistenza.".into()
        }
        CloseReason::RoamUnconfirmed => {
            "Il tuo computer ha cambiato rete e non ha potuto confermarlo: la sessione è stata chiusa. Accedi di nuovo.".into()
        }
        CloseReason::WorkstationGone => {
            "Il computer dell'ufficio non risponde più: la sessione è stata chiusa. Chiedi a qualcuno in ufficio di guardarlo.".into()
        }
        CloseReason::DirectoryDeadline => {
            "Per troppo tempo l'ufficio non ha potuto controllare il tuo account: la sessione è stata chiusa. Riprova più tardi.".into()
        }
        CloseReason::AssistanceEnded => {
            "L'assistenza è finita: il lavoratore l'ha terminata o non è più collegato. Se serve ancora, chiedi di nuovo.".into()
        }
        CloseReason::Technician => {
            "Il tecnico ha chiuso la sessione, come concordato con te. Accedi di nuovo se vuoi continuare.".into()
        }
        CloseReason::Administrator => {
            "Un amministratore ha chiuso la sessione. Chiedi il motivo all'assistenza.".into()
        }
        CloseReason::NeverUsed => {
            "Niente ha mai raggiunto il computer dell'ufficio: la sessione è stata chiusa. Accedi di nuovo; se si ripete, chiama l'assistenza.".into()
        }
        CloseReason::NotWoken => {
            "Il computer dell'ufficio non si è svegliato: la sessione è stata chiusa. Chiedi a qualcuno in ufficio di accenderlo, o chiama l'assistenza.".into()
        }
        CloseReason::ClientLost => {
            "Il collegamento con il gateway è mancato troppo a lungo: la sessione è stata chiusa. I tuoi programmi sono ancora aperti. Accedi di nuovo.".into()
        }
        CloseReason::GatewayStopped => {
            "Il gateway è stato spento: la sessione è stata chiusa. Riprova più tardi.".into()
        }
    }
}

//! The doctor's words in Italian.

use gateway_api::login::Language;

use super::Words;
use crate::{
    doctor::{Check, Finding, Verdict},
    words::{cause, moment, span},
};

pub(super) static WORDS: Words = Words {
    verdict: |verdict| match verdict {
        Verdict::Good => "bene",
        Verdict::Note => "nota",
        Verdict::Bad => "MALE",
        Verdict::Skipped => "-",
    },
    check: |check| match check {
        Check::Profile => "Profilo",
        Check::Names => "Nome",
        Check::Gateway => "Gateway",
        Check::Certificate => "Certificato",
        Check::Clock => "Orologio",
        Check::Protocol => "Versione",
        Check::Udp => "UDP",
        Check::Workstation => "Postazione",
        Check::Door => "Porta",
        Check::RdpProgram => "Desktop",
        Check::Keyring => "Portachiavi",
        Check::Notifications => "Notifiche",
        Check::Folder => "File",
        Check::Disk => "Disco",
    },
    say,
    title: |number| format!("Deskgate esamina questo computer. Numero di questo rapporto: {number}"),
    well: "C'è tutto ciò che serve a una sessione.",
    unwell: |bad, number| match bad {
        1 => format!("Una cosa non va. L'assistenza ti chiederà il numero {number}."),
        _ => format!("{bad} cose non vanno. L'assistenza ti chiederà il numero {number}."),
    },
    written: |file| {
        format!(
            "Il rapporto è in {file}. Non contiene password, né il tuo nome, né indirizzi completi di casa: mandalo all'assistenza."
        )
    },
    unwritten: |file, cause| {
        format!("Non è stato possibile scrivere il rapporto in {file}: {cause}.", cause = cause::italian(cause))
    },
};

fn say(finding: &Finding) -> String {
    match finding {
        Finding::Profile => "È del tuo ufficio, e nessuno l'ha cambiato.".into(),
        Finding::NoProfile => "Non c'è; ciò che direbbe è stato indicato a mano.".into(),
        Finding::ProfileRefused { why } => why.clone(),
        Finding::ProfileUnknown => {
            "Su questo computer nessuno ha ancora confrontato le sue sei parole. Avvia una volta il programma e confrontale con la lettera dell'ufficio.".into()
        }
        Finding::NoServer => "Niente dice dov'è il tuo ufficio. Apri il file che l'ufficio ti ha mandato.".into(),
        Finding::Names { server, addresses: 1 } => format!("{server} ha un indirizzo."),
        Finding::Names { server, addresses } => format!("{server} ha {addresses} indirizzi."),
        Finding::NoNetwork => "Questo computer non è in rete. Collega il cavo, o la rete senza fili.".into(),
        Finding::NameUnknown { server } => format!(
            "{server} non si trova, anche se una rete c'è. Controlla se si aprono le pagine web; se si aprono, chiama l'assistenza."
        ),
        Finding::Gateway { from } => format!("Risponde. L'indirizzo di questo computer comincia con {from}"),
        Finding::OtherName { server, cause } => format!(
            "{server} non risponde ({cause}). Il tuo ufficio ha un altro nome per il gateway: si prova quello.", cause = cause::italian(cause)
        ),
        Finding::Unreachable { server, cause } => format!(
            "{server} non risponde ({cause}). Controlla se si aprono le pagine web; può esserci di mezzo un firewall, a casa o in albergo. Altrimenti chiama l'assistenza.", cause = cause::italian(cause)
        ),
        Finding::Portal => {
            "Questa rete chiede prima qualcosa a te. Apri una pagina qualsiasi nel browser, fai quello che chiede e riprova.".into()
        }
        Finding::Certificate => "Chi risponde è il gateway del tuo ufficio.".into(),
        Finding::Untrusted { cause } => format!(
            "Chi risponde non è il gateway del tuo ufficio ({cause}). Non dare la password a nessuno. Prova un'altra rete, e chiama l'assistenza.", cause = cause::italian(cause)
        ),
        Finding::UntrustedAtPortal { cause } => format!(
            "Chi risponde non è il gateway del tuo ufficio ({cause}). Non dare la password dell'ufficio a nessuno, neanche a una pagina web. Questa rete mostra prima una pagina sua, come fa un albergo: fai quello che chiede, senza quella password, e riprova. Se non cambia niente, chiama l'assistenza.", cause = cause::italian(cause)
        ),
        Finding::TrustUnreadable { cause } => format!(
            "Qui non si può leggere da che cosa si riconosce il gateway del tuo ufficio ({cause}). Chiama l'assistenza, o chiedi di nuovo all'ufficio il suo profilo; non è stato inviato niente.", cause = cause::italian(cause)
        ),
        Finding::NotTls { cause } => format!(
            "Fra te e l'ufficio c'è qualcosa che non lascia passare la cifratura ({cause}). Controlla la rete, o provane un'altra.", cause = cause::italian(cause)
        ),
        Finding::Clock { .. } => "È giusto.".into(),
        Finding::ClockWrong { off_s, behind } => format!(
            "È {} di {}. Regola data, ora e fuso orario, o lascia che li regoli il sistema: altrimenti codici e certificati non valgono.",
            if *behind { "indietro" } else { "avanti" },
            span(*off_s, Language::It)
        ),
        Finding::ClockDoubtful { now } => format!(
            "Secondo l'orologio di questo computer ({}) il certificato del gateway non vale, e non gli è stato inviato niente. Controlla giorno e anno; se sono giusti, chiama l'assistenza.",
            moment(*now, Language::It)
        ),
        Finding::Protocol => "Programma e gateway si capiscono.".into(),
        Finding::OtherProtocol => "Il gateway parla un'altra versione. Aggiorna questo programma.".into(),
        Finding::NotAGateway { cause } => {
            format!("È del tuo ufficio, ma non risponde come un gateway ({cause}). Chiama l'assistenza.", cause = cause::italian(cause))
        }
        Finding::Udp => "Il collegamento veloce passa.".into(),
        Finding::ByChannel => {
            "Questa rete blocca il collegamento veloce (UDP). Il desktop passa per il collegamento web protetto, e funziona lo stesso.".into()
        }
        Finding::NoSession { why } => why.clone(),
        Finding::UdpUntried => {
            "Non provato: il gateway risponde solo in una sessione. --sign-in ne apre una per un momento.".into()
        }
        Finding::Workstation { woken_s: None } => "Il tuo computer dell'ufficio risponde.".into(),
        Finding::Workstation { woken_s: Some(seconds) } => format!(
            "Il tuo computer dell'ufficio dormiva; l'ufficio l'ha svegliato, e dopo {} ha risposto.",
            span(*seconds, Language::It)
        ),
        Finding::WorkstationRefuses { port, session } => format!(
            "Il tuo computer dell'ufficio rifiuta il collegamento (porta {port}). Se è stato appena acceso, riprova tra qualche minuto. Altrimenti il suo desktop remoto può essere disattivato. Chiama l'assistenza; il numero di sessione è {session}."
        ),
        Finding::WorkstationSilent { port, session } => format!(
            "Il tuo computer dell'ufficio non risponde (porta {port}). Chiedi a qualcuno in ufficio se è acceso e sveglio, o chiama l'assistenza; il numero di sessione è {session}."
        ),
        Finding::WorkstationAsleep { session } => format!(
            "L'ufficio sta svegliando il tuo computer dell'ufficio, che ancora non risponde: dorme, si sta avviando, o il suo desktop remoto è disattivato. Riprova tra qualche minuto; se non risponde neanche allora, chiama l'assistenza; il numero di sessione è {session}."
        ),
        Finding::WorkstationUnheard => {
            "Il tentativo di raggiungerla non è uscito da questo computer. Controlla se lo vieta un programma di sicurezza, o chiama l'assistenza.".into()
        }
        Finding::SessionLost { why } => why.clone(),
        Finding::WorkstationUntried => {
            "Non provata: si raggiunge solo in una sessione. --sign-in prova a raggiungerla.".into()
        }
        Finding::Door => "I programmi di questo computer si raggiungono fra loro.".into(),
        Finding::NoDoor { cause } => format!(
            "I programmi di questo computer non si raggiungono fra loro ({cause}). Controlla se lo vieta un programma di sicurezza, o chiama l'assistenza.", cause = cause::italian(cause)
        ),
        Finding::RdpProgram { version } => format!("{version}."),
        Finding::NoRdpProgram => {
            "Manca il programma che mostra il tuo desktop. Installa FreeRDP (pacchetto freerdp2-x11 o freerdp3-x11; su un Mac va bene anche Windows App), o chiedi all'assistenza.".into()
        }
        Finding::RdpProgramBroken { program, cause } => {
            format!("{program} c'è e non parte ({cause}). Installalo di nuovo, o chiama l'assistenza.", cause = cause::italian(cause))
        }
        Finding::Keyring => "Risponde.".into(),
        Finding::NoKeyring => "Non c'è, o è chiuso. Serve solo ai computer gestiti dall'ufficio.".into(),
        Finding::Notifications => "Il tuo desktop le mostra.".into(),
        Finding::NoNotifications => {
            "Il tuo desktop non ha un servizio che le mostri: gli avvisi stanno nella finestra o nel terminale del programma.".into()
        }
        Finding::Folder => "Si possono scrivere.".into(),
        Finding::NoFolder { cause } => {
            format!("I file del programma non si possono scrivere ({cause}). Libera spazio, o chiama l'assistenza.", cause = cause::italian(cause))
        }
        Finding::Disk { free_mib } => format!("Sono liberi {free_mib} MiB."),
        Finding::DiskFull { free_mib } => format!("Sono liberi solo {free_mib} MiB. Libera spazio."),
        Finding::NotLooked(_) => "Non esaminato.".into(),
    }
}

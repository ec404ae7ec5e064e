//! The page in Italian.

use gateway_api::login::Language;
use gateway_core::Phase;
use gateway_record::{
    Journal, Kind,
    review::{Act, Refusal, Role, SHORTEST_REASON, Stage, figures::Cause},
};

use super::{super::page::Tab, Words};

/// All sentences without an argument.
pub(super) const WORDS: Words = Words {
    language: Language::It,
    tag: "it",
    name: "Italiano",
    moment: "%d/%m/%Y, %H:%M",
    day: "%d/%m/%Y",
    skip: "Vai al contenuto",
    menu: "Pagine",
    languages: "Lingua",
    footer: "Deskgate. Quanto si fa qui viene registrato.",
    signed_in_as: "Accesso di",
    sign_out: "Esci",
    sign_in: "Accedi",
    go_on: "Continua da qui",
    not_done: "Non eseguito",
    optional: "(facoltativo)",
    unavailable: "Il gateway ora non può farlo. Riprovi tra qualche minuto; il motivo è nel suo log.",
    foreign_form: "Questo modulo non appartiene alla Sua visita: è rimasto aperto troppo a lungo, o l'ha inviato un'altra pagina. Torni indietro, ricarichi la pagina e ripeta l'operazione.",
    unreadable_form: "Quanto inviato non si può leggere. Torni indietro e riprovi.",
    not_found: "Questa pagina non esiste.",
    login_lead: "Per chi ha un ruolo nel gateway, e per chi vuole leggere che cosa è registrato su di sé.",
    user: "Nome utente dell'ufficio",
    password: "Password dell'ufficio",
    code: "Codice del secondo fattore",
    code_hint: "Le sei cifre mostrate dall'app di autenticazione, oppure un codice di recupero.",
    code_again: "Richiesto ogni volta. Il codice usato per l'accesso vale una volta sola: attenda il prossimo.",
    code_wrong: "Il codice non è corretto, o è già stato usato. Attenda il prossimo.",
    support: "numero di assistenza",
    visit_over: "La visita è terminata: dieci minuti senza richieste, oppure un'ora in tutto. Acceda di nuovo.",
    visit_changed: "I Suoi ruoli o il Suo account sono cambiati. Acceda di nuovo.",
    visit_refused: "La visita è terminata: troppo di quanto ha chiesto si è dovuto rifiutare. Potrà accedere di nuovo tra qualche minuto.",
    signed_out: "Accesso terminato.",
    overview: "Panoramica",
    sessions: "Sessioni in corso",
    figures: "Dati aggregati",
    requests: "Richieste",
    notices: "Avvisi generali",
    record: "Registro",
    policy: "Regole",
    own: "I miei dati",
    your_roles: "I Suoi ruoli",
    no_roles: "Nessuno: qui legge che cosa è registrato su di Lei.",
    since: "dal",
    new_roles: "Ruoli nuovi",
    new_roles_lead: "Negli ultimi trenta giorni il gateway ha visto per la prima volta queste persone con questi ruoli. Un'approvazione vale dopo sette giorni.",
    what_you_may: "Che cosa può fare qui",
    session: "Sessione",
    structure: "Struttura",
    structures: "Strutture",
    state: "Stato",
    opened: "Aperta",
    ends: "Termina al più tardi",
    profile: "Profilo",
    way: "Percorso",
    sessions_caption: "Sessioni aperte",
    sessions_lead: "Per numero e struttura. Di chi sia una sessione, su questa pagina non c'è scritto.",
    sessions_open: "Aperte",
    no_sessions: "Nessuno è collegato.",
    no_such_session: "Questa sessione non c'è: è terminata, o non è mai esistita.",
    close_session: "Chiudi la sessione",
    close_lead: "Chi lavora viene scollegato subito e sa che l'ha chiusa un amministratore. Motivo e nome vengono registrati, sigillati.",
    why: "Motivo",
    close_why: "Almeno cinque caratteri. Non nomini nessuno.",
    close_why_missing: "Scriva un motivo da 5 a 500 caratteri.",
    session_ending: "La sessione sta terminando, e questo non è ancora registrato. Il log del gateway dice perché.",
    figures_lead: "Periodi fissi di due mesi, pubblicati una volta e mai ricalcolati.",
    figures_rules: "«<5» sta per meno di cinque persone, o per un dato che le farebbe ricavare. Un'anomalia è più del doppio della media dei periodi precedenti della stessa struttura, e almeno dieci in più: riguarda la struttura, mai una persona.",
    no_figures: "Nulla è ancora pubblicato: un periodo di due mesi deve concludersi.",
    figures_pdf: "Il rapporto come PDF",
    figures_caption: "dati pubblicati",
    refused_logins: "Accessi rifiutati",
    sessions_had: "Sessioni",
    assistances: "Assistenze",
    assists: "assiste",
    workers: "Lavoratori",
    period: "Periodo",
    anomaly: "Anomalia",
    not_shown: "non mostrato (<5)",
    none: "nessuna",
    requests_lead: "Ogni passo è di un'altra persona, giudicato dalle regole e registrato.",
    requests_caption: "Richieste che può leggere",
    no_requests: "Non ci sono richieste che può leggere.",
    no_such_request: "Non c'è una richiesta con questo numero che possa leggere.",
    request: "Richiesta",
    number: "Numero",
    days: "Giorni",
    ground: "Presupposto",
    asked_by: "Richiesta da",
    new_request: "Nuova richiesta",
    new_request_lead: "Una richiesta dice di chi sono i dati, quali giorni, su quale presupposto e perché. Una seconda persona la approva; l'ufficio revisore la apre; chi lavora viene informato.",
    worker: "Lavoratore",
    worker_hint: "Il nome utente nella directory. Lo lasci vuoto se nessuno sa di chi fosse una sessione.",
    of_sessions: "Sessioni",
    of_sessions_hint: "Al posto del lavoratore: i loro numeri, separati da spazi.",
    structure_of_worker: "Quella dell'accordo del lavoratore",
    first_day: "Primo giorno",
    last_day: "Ultimo giorno, compreso",
    events: "Solo questi tipi di registrazione",
    events_hint: "Parole del registro, come session_opened; vuoto per tutti.",
    ground_hint: "Una delle quattro lettere dell'articolo 11 del regolamento.",
    reason: "Motivazione",
    reason_hint: "Almeno venti caratteri.",
    send_request: "Invia la richiesta",
    no_such_event: "Una di queste parole non è un tipo di registrazione.",
    no_session_number: "Uno di questi non è un numero di sessione.",
    no_date: "Scriva un giorno, come 2026-11-30.",
    steps: "Passi",
    step_requested: "Richiesta",
    step_approved: "Approvata",
    step_refused: "Respinta",
    step_opened: "Aperta",
    step_kept: "Estratto conservato",
    records: "Registrazioni",
    opens_until: "si apre fino al",
    kept_until: "Fino al",
    message: "Comunicazione al lavoratore:",
    message_read: "letta",
    message_mailed: "inviata per posta:",
    message_off: "rinviata fino al",
    message_overdue: "non letta, e in ritardo: lo informi in altro modo",
    message_waits: "al prossimo accesso, entro il",
    minute: "Verbale",
    answer: "Risposta",
    approve: "Approva",
    approve_lead: "Ha letto richiesta e motivazione, e ne risponde come seconda persona.",
    refuse: "Respingi",
    open: "Apertura",
    open_lead: "Riceve un file con le sole registrazioni indicate dalla richiesta, sigillate per entrambi i detentori delle chiavi. Nello stesso momento si scrive il verbale, che compare qui quando ricarica la pagina.",
    open_button: "Apri e conserva il file",
    extract: "Estratto per un procedimento",
    extract_lead: "Le stesse registrazioni, conservate fino al termine di un procedimento disciplinare.",
    extract_until: "Termine del procedimento",
    extract_why: "Quale procedimento",
    extract_button: "Conserva l'estratto",
    postpone: "Rinvia la comunicazione",
    postpone_lead: "Il lavoratore saprà dell'apertura più tardi. Il motivo viene registrato.",
    postpone_until: "Fino al",
    notices_lead: "Ciò che viene prima di guardare chiunque: tutti nella struttura leggono l'avviso prima della prossima sessione, per sessanta giorni.",
    notices_caption: "Avvisi dati",
    no_notices: "Non ne è stato dato nessuno.",
    give_notice: "Dai un avviso",
    given: "Dato",
    text: "Testo",
    text_italian: "Testo in italiano",
    text_english: "Testo in inglese",
    text_hint: "Almeno in una lingua.",
    text_missing: "Scriva il testo almeno in una lingua.",
    text_too_long: "Questo testo è troppo lungo: al massimo 5000 byte.",
    record_lead: "Se il registro è come fu scritto, e che cosa lo prova.",
    record_now: "Ora",
    verification: "Verifica di tutti i registri",
    signed_at: "Fine firmata l'ultima volta",
    checkpoint: "Punto di controllo",
    witness: "Testimone esterno",
    no_witness: "nessuno: la fine del registro non è provata",
    witness_elsewhere: "Quello che il testimone conserva non è su questa macchina, e la verifica qui sotto non prova la fine. Porti il file del testimone sul gateway e lì dia il comando:",
    witness_strangers: "Righe di qualcun altro nel testimone, che nessuna chiave del gateway ha firmato e che non contano nulla:",
    not_yet: "non ancora",
    names_sealed: "I nomi sono sigillati per",
    sealed_to_nobody: "nessuno: gli amministratori possono leggerli",
    witness_trouble: "Il testimone non accetta punti di controllo.",
    disk_full: "Il disco è pieno: finché non c'è spazio non si apre nessuna sessione.",
    clock_behind: "L'orologio è indietro rispetto a quanto già registrato.",
    not_verified: "Non verificato da quando il gateway è stato avviato.",
    verified_at: "Verificato",
    verify_failed: "La verifica non si è potuta fare.",
    verifying: "Una verifica è in corso: ricarichi la pagina tra poco. È iniziata",
    verify_now: "Verifica ora",
    record_whole: "Nulla è stato alterato, tolto dall'interno o spostato.",
    record_not_whole: "Il registro non è come fu scritto.",
    gateway: "Gateway",
    checkpoints_hold: "punti di controllo validi",
    of_witness: "del testimone",
    journals_caption: "Registri",
    journal: "Registro",
    begins: "Inizia",
    from_first: "dalla prima registrazione",
    at_cut: "dal taglio",
    signed_to: "Firmato fino a",
    end: "Fine",
    outcome: "Esito",
    whole: "integro",
    not_whole: "non integro",
    end_proven: "provata,",
    end_proven_to: "provata fino alla registrazione",
    end_not_proven: "non provata",
    policy_in_force: "In vigore",
    since_when: "Dal",
    agreements: "Accordi",
    timezone: "Fuso orario",
    hash: "Impronta dei file",
    policy_rejected: "Una versione successiva è stata lasciata da parte.",
    policy_folder: "La cartella in questo momento",
    policy_mistakes: "Questi file non sono regole valide. Restano in vigore le ultime valide.",
    policy_same: "I file sono quelli in vigore, e non hanno errori.",
    policy_other: "I file non hanno errori e non sono in vigore: `deskgate-gateway policy apply` li mette in vigore.",
    policy_left_out: "File che non ne fanno parte:",
    policy_warnings: "Che cosa probabilmente non intendono:",
    own_lead: "Ogni registrazione che La nomina, com'è nel registro, e ogni apertura che L'ha riguardata. Anche il Suo nome, i computer e gli indirizzi sono in queste registrazioni, sigillati.",
    who_looked: "Chi ha guardato",
    nobody_looked: "Nessuno ha guardato registrazioni che La riguardano.",
    own_records: "Registrazioni",
    own_caption: "Registrazioni che La nominano, dalla più recente",
    no_own_records: "Non ce ne sono.",
    own_page: "Pagina",
    own_of: "di",
    own_newer: "Più recenti",
    own_older: "Meno recenti",
    when: "Quando",
    what: "Che cosa",
    details: "Dettagli",
    opened_on: "Aperta",
    asked_as: "Richiesta come",
    approved_as: "Approvata come",
};

pub(super) fn about(tab: Tab) -> &'static str {
    match tab {
        Tab::Overview => "Chi è Lei qui.",
        Tab::Sessions => "Quali sessioni sono aperte; chiuderne una, con un motivo.",
        Tab::Figures => "Dati anonimi delle strutture, su periodi fissi di due mesi.",
        Tab::Requests => "Richieste sui dati di una persona: chiedere, rispondere, aprire, leggere i verbali.",
        Tab::Notices => "Dire qualcosa a tutti in una struttura, prima di guardare chiunque.",
        Tab::Record => "Se il registro è come fu scritto; farlo verificare.",
        Tab::Policy => "Quali regole sono in vigore, e che cosa non va nei file.",
        Tab::Own => "Che cosa è registrato su di Lei, e chi l'ha guardato.",
    }
}

pub(super) fn role(role: &Role) -> &'static str {
    match role {
        Role::Administrator => "Amministratore",
        Role::Technician => "Tecnico",
        Role::ExternalTechnician => "Tecnico di un'altra ditta",
        Role::DirectorGeneral => "Direttore generale",
        Role::HeadOfStructure(_) => "Dirigente di struttura",
        Role::ServiceHead(_) => "Responsabile del servizio",
        Role::ReviewerOffice => "Ufficio revisore",
    }
}

pub(super) fn refusal(refusal: Refusal) -> String {
    match refusal {
        Refusal::NotLawful => {
            "Manca l'adozione del regolamento: senza `[lawful]` nelle regole non si consultano i dati di nessuno.".to_owned()
        }
        Refusal::NotLawfulYet(from) => {
            format!("Il regolamento non è ancora in vigore: lo sarà dal {from}, e prima non si consultano i dati di nessuno.")
        }
        Refusal::BeforeTheRules(from) => format!(
            "Quanto accaduto prima del {from}, quando il regolamento è entrato in vigore, non si consulta: il periodo inizi da lì."
        ),
        Refusal::NoRight(act) => format!(
            "Manca il ruolo: nessuno di quelli che ha in `[roles]` dà il diritto di {} per questa struttura.",
            infinitive(act)
        ),
        Refusal::Administrator => {
            "Manca una persona che non amministri il gateway: Lei è tra i suoi amministratori.".to_owned()
        }
        Refusal::Requester => "Manca la seconda persona: chi chiede non approva.".to_owned(),
        Refusal::Subject => "Manca una persona che non sia interessata: questi dati sono Suoi.".to_owned(),
        Refusal::HeldTooShort(until) => format!("Mancano sette giorni con il ruolo: potrà approvare dal {until}."),
        Refusal::NoReason => format!("Manca la motivazione: ne scriva una di almeno {SHORTEST_REASON} caratteri."),
        Refusal::NoPeriod => {
            "Manca il periodo: il primo giorno viene prima dell'ultimo, che non è dopo oggi.".to_owned()
        }
        Refusal::NoSubject => "Manca di chi siano i dati: indichi un lavoratore o una sessione.".to_owned(),
        Refusal::NoNotice => "Manca l'avviso generale: per la lettera a) l'anomalia persiste dopo che la struttura ne ha avuto uno, e il periodo va oltre.".to_owned(),
        Refusal::NoAnomaly => {
            "Mancano i dati aggregati: per la lettera c) quelli pubblicati della struttura mostrano un'anomalia.".to_owned()
        }
        Refusal::NotApproved => "Manca l'approvazione di una seconda persona.".to_owned(),
        Refusal::Answered => "Ha già avuto risposta: serve un'altra richiesta.".to_owned(),
        Refusal::Refused => "Manca l'approvazione: la seconda persona l'ha respinta.".to_owned(),
        Refusal::Over(since) => format!("Il suo tempo è finito dal {since}: serve un'altra richiesta."),
        Refusal::NotOpened => "Manca l'apertura.".to_owned(),
        Refusal::NotMinuted => "Manca il verbale: apra di nuovo la richiesta perché sia scritto.".to_owned(),
        Refusal::Minuted => "Il verbale è già scritto.".to_owned(),
        Refusal::MessageRead => "Il lavoratore ha già letto la comunicazione.".to_owned(),
        Refusal::TooLate(latest) => {
            format!("La comunicazione si rinvia a un momento futuro, al più tardi il {latest}.")
        }
        Refusal::KeptTooLong(latest) => {
            format!("Manca il termine del procedimento: un giorno futuro, al più tardi il {latest}.")
        }
    }
}

fn infinitive(act: Act) -> &'static str {
    match act {
        Act::Request => "chiedere dati",
        Act::Approve => "rispondere a una richiesta",
        Act::Open => "aprire quanto è stato approvato",
        Act::Postpone => "rinviare una comunicazione",
        Act::Notice => "dare un avviso",
        Act::Figures => "pubblicare dati aggregati",
        Act::Read => "leggere le richieste",
        Act::Run => "amministrare il gateway",
        Act::Verify => "verificare il registro",
    }
}

pub(super) fn stage(stage: &Stage) -> &'static str {
    match stage {
        Stage::Requested => "attende risposta",
        Stage::Refused { .. } => "respinta",
        Stage::Approved { .. } => "approvata",
        Stage::Opened { .. } => "aperta, manca il verbale",
        Stage::Minuted { .. } => "aperta e verbalizzata",
    }
}

pub(super) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "in apertura",
        Phase::Attached => "collegata",
        Phase::Away => "assente",
    }
}

pub(super) fn way(is_udp: Option<bool>) -> &'static str {
    match is_udp {
        Some(true) => "UDP",
        Some(false) => "canale di sessione (TLS)",
        None => "ancora nessuno",
    }
}

pub(super) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Credentials => "Credenziali",
        Cause::Hours => "Fuori orario",
        Cause::Agreement => "Accordo",
        Cause::Device => "Computer",
        Cause::Other => "Altro",
    }
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::LoginRefused => "Accesso rifiutato",
        Kind::PasswordChanged => "Password cambiata",
        Kind::FactorEnrolled => "Secondo fattore registrato",
        Kind::RecoveryCodeUsed => "Codice di recupero usato",
        Kind::DeviceEnrolled => "Computer registrato",
        Kind::NoticeRead => "Avviso letto",
        Kind::SessionOpened => "Sessione aperta",
        Kind::ChannelLost => "Collegamento perso",
        Kind::ChannelResumed => "Collegamento ripreso",
        Kind::SessionResumed => "Sessione ripresa",
        Kind::GrantChanged => "Concessione cambiata",
        Kind::SessionAssisted => "Assistenza di un tecnico",
        Kind::SessionClosed => "Sessione chiusa",
        other => other.word(),
    }
}

pub(super) fn journal(journal: Journal) -> &'static str {
    match journal {
        Journal::Workers => "Lavoratori",
        Journal::Administrators => "Amministratori",
        Journal::Reviews => "Consultazioni",
    }
}

pub(super) fn key_role(word: &str) -> &'static str {
    if word == gateway_record::Role::Controllers.word() { "chi controlla" } else { "l'ufficio revisore" }
}

//! The window's labels in Italian.

use super::Labels;

pub(super) static LABELS: Labels = Labels {
    other_language: "English",
    appearance: "Aspetto",
    light: "Chiaro",
    dark: "Scuro",
    contrast: "Contrasto elevato",
    larger: "Testo più grande",
    smaller: "Testo più piccolo",

    first_use_title: "È il tuo ufficio?",
    first_use_task: "Confronta queste sei parole con quelle nella lettera del tuo ufficio.",
    first_use_warning: "Se anche una sola è diversa, il profilo può averlo mandato qualcun altro. Non chiamare un numero di telefono arrivato insieme.",
    words_are_same: "Sono uguali, tutte e sei",
    words_are_others: "Sono diverse, o non ho una lettera",
    profile: "Profilo di Deskgate",
    other_profile: |name| {
        format!(
            "Hai aperto {name}, ma questa finestra segue un altro profilo. Per usare quello, chiudi questa finestra e aprilo di nuovo."
        )
    },

    forget_office: "Dimentica l'ufficio",
    forget_question: "Dimenticare l'ufficio che conosci?",
    forget_consequence: "Di' di sì se hai cambiato ufficio, o se te l'ha detto il tuo ufficio, a un numero di telefono che avevi già. Il suo profilo viene cancellato da questo computer.",
    forget_no: "No, tienilo",
    forget_yes: "Sì, dimenticalo",
    forgotten_title: "L'ufficio è dimenticato",
    forgotten_task: "Chiudi questa finestra, e apri ancora una volta il profilo del tuo ufficio.",

    sign_in_title: "Vai al tuo computer in ufficio",
    server: "Gateway del tuo ufficio",
    server_hint: "come nella lettera dell'ufficio",
    user: "Nome utente dell'ufficio",
    password: "Password dell'ufficio",
    workstation_password: "Password del tuo computer in ufficio",
    hand_over: "Continua",
    code: "Codice dal telefono",
    code_hint: "lascia vuoto se non ne hai",
    sign_in: "Accedi",
    fill_screen: "Il desktop occupa tutto lo schermo",
    way_back: "Per tornare: la barra in alto; in FreeRDP anche Ctrl+Alt+Invio.",
    change_password: "Cambia la password",
    set_up_code: "Prepara il codice dal telefono",
    show_record: "Cosa è registrato su di te",
    back: "Indietro",

    change_title: "Cambia la password dell'ufficio",
    present_password: "Password attuale",
    new_password: "Nuova password",
    new_password_again: "Di nuovo la nuova password",
    change: "Cambia password",
    password_expired: "La tua password è scaduta, o va prima cambiata. Scegline un'altra qui, poi accedi con quella.",
    asking: "Sto chiedendo al tuo ufficio…",

    enrol_title: "Prepara il codice dal telefono",
    enrolment_code: "Codice monouso dell'ufficio",
    enrolment_code_hint: "quello che ti ha consegnato l'ufficio",
    enrolment_code_missing: "Scrivi il codice monouso che ti ha consegnato l'ufficio. Se non ne hai, chiedi all'assistenza.",
    enrol: "Mostrami il disegno",
    picture: "Disegno per l'app di autenticazione; la chiave qui sotto dice lo stesso",
    first_code: "Il codice che l'app mostra ora",
    confirm: "Conferma",
    enrolled_title: "Il tuo telefono è pronto",
    written_down: "Li ho scritti",

    server_missing: "Scrivi il nome del gateway come sta nella lettera dell'ufficio.",
    user_missing: "Scrivi il tuo nome utente dell'ufficio.",
    new_password_missing: "Scrivi la nuova password, due volte.",

    connecting_title: "Verso il tuo computer in ufficio",
    step_reach: "Raggiungere l'ufficio",
    step_sign_in: "Verificare chi sei",
    step_way: "Aprire la via protetta",
    step_wake: "Svegliare il computer dell'ufficio",
    step_desktop: "Aprire il desktop",
    done: "fatto",
    under_way: "in corso",
    under_way_for: |time| format!("in corso, {time}"),
    to_come: "da fare",
    cancel: "Annulla",

    reading_title: "Prima leggi questo, per favore",
    reading_meaning: "Il pulsante dice che l'hai letto, non che sei d'accordo.",
    read: "L'ho letto",
    not_read: "Non ora",

    at_work: |workstation| format!("Sei su {workstation}"),
    until: |time, left| format!("al massimo fino alle {time}, ancora {left}"),
    desktop_is_open: "Il desktop è nella sua finestra. Chiudila quando hai finito, oppure premi il pulsante qui sotto.",
    line_well: "Il collegamento con l'ufficio funziona.",
    session_number: |number| format!("Numero di sessione {number}"),
    close: "Chiudi la sessione",
    trace_question: |length, answer| {
        format!(
            "Il tuo ufficio chiede di registrare questa sessione per al massimo {length}, per provare come riconosce che nessuno è al lavoro.\n\
             Si registrano dimensioni e orari dei pacchetti: mostrano quando premi un tasto o muovi il mouse, ma non quale né dove, e niente di ciò che vedi, scrivi o dici.\n\
             La registrazione è cancellata dopo sette giorni, e puoi terminarla in ogni momento.\n\
             Nessuna risposta entro {answer} vale come un no."
        )
    },
    question_waits: "Il tuo ufficio ti chiede qualcosa: guarda la finestra di Deskgate, per favore.",
    agree: "Sono d'accordo",
    disagree: "No",
    trace_agreed: "Hai acconsentito: la registrazione comincia.",
    trace_running: |length| {
        format!("Si stanno registrando dimensioni e orari dei pacchetti di questa sessione, per al massimo {length}.")
    },
    end_trace: "Termina la registrazione",
    assistance_question: |technician, reason, length, answer| {
        format!(
            "{technician}, tecnico del tuo ufficio, chiede di raggiungere il tuo computer in ufficio per al massimo {length}: per vedere che cosa mostra, e per usarlo.\n\
             Perché: «{reason}»\n\
             Questo e quando è avvenuto viene registrato, e puoi terminare in ogni momento.\n\
             Nessuna risposta entro {answer} vale come un no."
        )
    },
    allow_assistance: "Sì, il tecnico può",
    refuse_assistance: "No, non ora",
    assistance_agreed: "Hai acconsentito: il tecnico arriva tra un momento.",
    assistance_running: |technician, until| {
        format!("{technician} raggiunge il tuo computer in ufficio, al massimo fino alle {until}.")
    },
    end_assistance: "Termina l'assistenza",

    ended_title: "La sessione è chiusa",
    failed_title: "Qualcosa non ha funzionato",
    sign_in_again: "Accedi di nuovo",
    leave: "Chiudi questa finestra",
    program_failed: |program, status| {
        format!(
            "Il programma che mostra il desktop ({program}) è terminato subito con un errore ({status}), e la sessione con lui. Riprova; se si ripete, chiama l'assistenza."
        )
    },
    program_went_away: |program| {
        format!(
            "Il programma che mostra il desktop ({program}) è terminato subito, e la sessione con lui. Chiedi all'assistenza un programma che resti aperto."
        )
    },
    no_rdp_program: "Su questo computer non è installato il programma che mostra il desktop. Installa FreeRDP (pacchetto freerdp2-x11 o freerdp3-x11; su un Mac va bene anche Windows App), o chiedi all'assistenza.",

    close_question: "Chiudere la sessione?",
    close_consequence: "La via verso il computer dell'ufficio viene chiusa. I tuoi programmi lì restano aperti.",
    stay: "Resta al lavoro",

    record_title: "Cosa è registrato su di te",
    record_sealed: "Anche il tuo nome e gli indirizzi sono in queste registrazioni, sigillati.",
    record_left_off: |records| match records {
        1 => "1 più vecchia non è mostrata.".to_owned(),
        _ => format!("{records} più vecchie non sono mostrate."),
    },
    kind: |word| {
        Some(match word {
            "login_refused" => "Un accesso è stato rifiutato",
            "password_changed" => "Hai cambiato la password",
            "factor_enrolled" => "Hai registrato un'app di autenticazione",
            "recovery_code_used" => "È stato usato un codice di recupero",
            "device_enrolled" => "Un computer è diventato gestito",
            "notice_read" => "Hai segnato un testo come letto",
            "session_opened" => "Si è aperta una sessione",
            "session_assisted" => "Un tecnico ha raggiunto il tuo computer in ufficio",
            "channel_lost" => "Il collegamento è mancato",
            "channel_resumed" => "Il collegamento è tornato",
            "session_resumed" => "La sessione è continuata dopo un riavvio",
            "grant_changed" => "Il tuo permesso è cambiato",
            "session_closed" => "Una sessione è stata chiusa",
            _ => return None,
        })
    },

    no_screen: "non c'è uno schermo",
    no_window: |cause| {
        format!("Qui non si può aprire una finestra ({cause}). In un terminale, `deskgate connect` fa lo stesso senza.")
    },
    window_gone: "Lo schermo non c'è più, e con esso la finestra. Una sessione aperta è stata chiusa.",
};

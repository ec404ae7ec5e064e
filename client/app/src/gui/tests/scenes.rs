//! Every scene of the window, in either language: looked through for what cannot be read (`legible.rs`), and drawn (`pictures.rs`).

use gateway_api::{
    factor::{Happened, News as FactorNews},
    login::{Refusal, RefusalCode},
    record::Opening,
};

use super::*;
use crate::{answers::About, gui::state::Field, rdp::Why, words::desktop::Names};

/// The scenes by their names, each with the longest that it says.
pub(super) fn scenes(language: Language) -> Vec<(String, State)> {
    let mut scenes = on_the_way(language);
    scenes.extend(at_the_desk(language));
    scenes.extend(questions(language));
    scenes.extend(forms(language));
    scenes.extend(second_factor(language));
    scenes.push(("record", recorded(language, records(), vec![opening()])));
    scenes.push(("record-empty", recorded(language, Vec::new(), Vec::new())));
    scenes.extend(failures(language));
    let ends = CloseReason::ALL.into_iter().map(|reason| {
        let outcome = Outcome::Ended { reason, idle_minutes: 15 };
        (format!("ended-{}", reason.word().replace('_', "-")), over(at_work(language, Vec::new()), outcome))
    });
    scenes.into_iter().map(|(name, state)| (name.to_owned(), state)).chain(ends).collect()
}

type Scenes = Vec<(&'static str, State)>;

/// From the program's first start to the desktop.
fn on_the_way(language: Language) -> Scenes {
    let notice = |text: String| Event::Notice { name: "privacy".to_owned(), text };
    let mut waking = after(language, vec![Event::Reached, signed_in()]);
    let begun = now().checked_sub(Duration::from_secs(125)).expect("now is late enough");
    waking.take(News::Told(Event::Waking { workstation: "anagrafe-07".to_owned() }), begun);
    let mut other = signed_out(language);
    other.knock_with_another(Path::new("/home/x/comune.deskgate"));
    let foreign = Text::ProfileForeign { path: "comune.deskgate".to_owned(), forget: Forget::Button }.say(language);
    vec![
        ("first-use", State::first_use(language, Look::Light, Secret::new(&[1; 32]).public().words(language))),
        ("another-profile", other),
        ("another-office", State::stranger(language, Look::Light, foreign)),
        ("on-the-way", after(language, vec![Event::Reached])),
        ("waking", waking),
        ("reading", after(language, vec![notice(said(language, NOTICE).repeat(5))])),
    ]
}

const NOTICE: [&str; 2] = [
    "L'ufficio registra quando comincia e quando finisce ogni sessione, e perché. Non registra mai che cosa fai.\n\n",
    "Your office records when each session begins and ends, and why. It never records what you do.\n\n",
];

fn at_the_desk(language: Language) -> Scenes {
    let warning = |limit, seconds| Event::Warning { limit, seconds };
    let mut leaving = at_work(language, Vec::new());
    leaving.act(Act::Leave);
    let used = FactorNews { what: Happened::RecoveryCodeUsed, at: evening() };
    vec![
        ("at-work", at_work(language, Vec::new())),
        ("warned", at_work(language, vec![warning(Limit::AgreementEnded, 300), warning(Limit::Idle, 47)])),
        (
            "trouble",
            at_work(
                language,
                vec![
                    Event::ByChannel,
                    Event::ChannelLost,
                    warning(Limit::Idle, 61),
                    Event::WorkstationSilent { workstation: "anagrafe-07".to_owned(), port: 3389 },
                    Event::FactorNews(used),
                ],
            ),
        ),
        ("no-notifications", at_work(language, vec![warning(Limit::Idle, 300), Event::NoNotifications])),
        ("close-question", leaving),
    ]
}

fn questions(language: Language) -> Scenes {
    let trace = || Event::TraceAsked { question: 1, seconds: 600, answer_s: 60 };
    let technician = |reason: &str| {
        let (technician, reason) = ("g.neri".to_owned(), reason.to_owned());
        Event::AssistanceAsked { question: 2, technician, reason, seconds: 900, answer_s: 60 }
    };
    let reason = said(language, ["la stampante del secondo piano", "the printer of the second floor"]);
    let assisted =
        Event::AssistanceBegun { technician: "g.neri".to_owned(), seconds: 900, ends_at: evening(), by_key: false };
    let mut agreed = asked(language, technician(reason));
    agreed.act(Act::Press(Button::Answer { about: About::Assistance, question: 2, yes: true }));
    vec![
        ("recording-asked", asked(language, trace())),
        ("recorded", at_work(language, vec![Event::TraceBegun { seconds: 600, by_key: false }])),
        ("assistance-asked", asked(language, technician(reason))),
        ("assistance-agreed", agreed),
        // Just now, so that a yes does not count yet.
        ("asked-twice", at_work(language, vec![trace(), technician(&[reason; 8].join(", "))])),
        ("assisted", at_work(language, vec![assisted, Event::ByChannel, Event::ChannelLost])),
    ]
}

fn forms(language: Language) -> Scenes {
    let wrong = [
        "Nome utente, password o codice non corretti, oppure account bloccato. Controllali e riprova; poi rivolgiti all'assistenza.",
        "User name, password or code are not right, or the account is locked. Check them and try again; after that, ask the help desk.",
    ];
    let mut filled = signed_out(language);
    filled.act(Act::Show(Screen::Full));
    if let Scene::Form(form) = &mut filled.scene {
        form.user = "m.rossi".to_owned();
        form.password.insert("secret", 0);
        "123456".clone_into(&mut form.code);
        form.focus = Some(Field::Code);
    }
    let mut changed = signed_out(language);
    changed.take(News::PasswordChanged, now());
    let mut scenes = vec![
        ("sign-in", signed_out(language)),
        ("sign-in-filled", filled),
        ("sign-in-without-profile", State::new(language, Look::Light, None, Known::default())),
        ("wrong-password", refused(language, RefusalCode::WrongCredentials, wrong)),
        ("password-expired", refused(language, RefusalCode::PasswordExpired, ["", ""])),
        ("password-changed", changed),
    ];
    for (name, purpose) in
        [("change-password", Purpose::ChangePassword), ("ask-record", Purpose::ShowRecord), ("enrol", Purpose::Enrol)]
    {
        let mut state = signed_out(language);
        state.act(Act::Turn(purpose));
        state.act(Act::Submit);
        scenes.push((name, state));
    }
    scenes
}

fn second_factor(language: Language) -> Scenes {
    let mut phone = after(language, Vec::new());
    let secret = Code::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned());
    phone.take(News::Secret { office: "gw.comune.example".to_owned(), secret }, now());
    let mut codes = signed_out(language);
    let ten = (0..10).map(|at| Code::new(format!("RRRR-SSSS-{at}{at}{at}{at}"))).collect();
    codes.take(News::Enrolled(ten), now());
    vec![("phone", phone), ("recovery-codes", codes)]
}

fn recorded(language: Language, records: Vec<Record>, openings: Vec<Opening>) -> State {
    let mut state = signed_out(language);
    let left_off = if records.is_empty() { 0 } else { 2 };
    state.take(News::Record(Own { records, left_off, openings }), now());
    state
}

fn records() -> Vec<Record> {
    let record = |kind: &str, minutes: i64, fields: &[(&str, &str)]| Record {
        at: evening() + 60 * minutes,
        kind: kind.to_owned(),
        session: Some(SessionNumber::new(7)),
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    vec![
        record("session_opened", -240, &[("device", "personal"), ("workstation", "anagrafe-07")]),
        record("session_assisted", -65, &[("technician", "g.neri")]),
        record("session_closed", 0, &[("reason", "program_ended")]),
    ]
}

fn opening() -> Opening {
    Opening {
        request: 3,
        minute: 2,
        at: evening(),
        from: "2026-11-01".to_owned(),
        until: "2026-11-15".to_owned(),
        ground: "b".to_owned(),
        requested_as: "director_general".to_owned(),
        approved_as: "data_protection_officer".to_owned(),
        records: 12,
    }
}

/// What fails before there is a desktop, or takes it away.
fn failures(language: Language) -> Scenes {
    let no_agreement = [
        "Non risulta un accordo di lavoro agile. Chiedi al tuo ufficio se dovrebbe esserci.",
        "You have no agreement to work from home. Ask your office if there should be one.",
    ];
    let workstation = || "anagrafe-07".to_owned();
    let failed = |outcome| over(at_work(language, Vec::new()), outcome);
    vec![
        ("refused", refused(language, RefusalCode::NoAgreement, no_agreement)),
        ("not-woken", failed(Outcome::NotWoken { workstation: workstation(), number: SessionNumber::new(7) })),
        (
            "unreached",
            failed(Outcome::Unreached {
                workstation: workstation(),
                number: SessionNumber::new(7),
                how: Unreached::Silent,
            }),
        ),
        (
            "not-named",
            failed(Outcome::WorkstationNotNamed { workstation: workstation(), number: SessionNumber::new(7) }),
        ),
        ("password-wanted", at_work(language, vec![password_wanted(false)])),
        ("password-wanted-again", at_work(language, vec![password_wanted(true)])),
        ("sign-in-broke", failed(desktop(Why::SignInBroke))),
        ("taken-elsewhere", failed(desktop(Why::Replaced))),
        ("untrusted", never_began(language, Outcome::Untrusted { cause: "UnknownIssuer".to_owned() })),
        (
            "untrusted-at-portal",
            never_began(language, Outcome::UntrustedAtPortal { cause: "UnknownIssuer".to_owned() }),
        ),
        ("portal", never_began(language, Outcome::Portal)),
        (
            "program-failed",
            failed(Outcome::ProgramFailed { program: "xfreerdp3".to_owned(), status: "status 131".to_owned() }),
        ),
        ("unreachable", never_began(language, Outcome::Unreachable { cause: "timed out".to_owned() })),
    ]
}

fn password_wanted(again: bool) -> Event {
    Event::PasswordWanted { workstation: "anagrafe-07".to_owned(), again }
}

fn desktop(why: Why) -> Outcome {
    let (workstation, program) = ("anagrafe-07".to_owned(), "xfreerdp".to_owned());
    Outcome::Desktop { why, names: Names { workstation, program, status: "status 147".to_owned() } }
}

fn over(mut state: State, outcome: Outcome) -> State {
    state.take(News::Over { outcome, server: "gw.comune.example".to_owned(), support: None }, now());
    state
}

/// What fails before there is a session.
fn never_began(language: Language, outcome: Outcome) -> State {
    let (server, support) = ("gw.comune.example".to_owned(), Some(SessionNumber::new(9)));
    let mut state = after(language, Vec::new());
    state.take(News::Over { outcome, server, support }, now());
    state
}

/// Signing in, when the gateway says no in these words.
fn refused(language: Language, code: RefusalCode, message: [&str; 2]) -> State {
    let message = said(language, message);
    let (message, support) = (message.to_owned(), "K7QM-2F9D".to_owned());
    let refusal = Refusal { code, message, support, retry_after_s: None };
    over(after(language, Vec::new()), Outcome::Refused(Box::new(refusal)))
}

/// What somebody else says, in the worker's language.
fn said(language: Language, [italian, english]: [&str; 2]) -> &str {
    match language {
        Language::It => italian,
        Language::En => english,
    }
}

//! The window driven without a screen: what stands in each state, in both languages, found and pressed as a screen reader or a keyboard
//! does it.

mod legible;
mod pictures;
mod raster;
mod scenes;
mod screen;

use std::{
    path::Path,
    sync::LazyLock,
    time::{Duration, Instant},
};

use egui::{
    Key,
    accesskit::{Live, Role},
};
use egui_kittest::{
    Harness,
    kittest::{NodeT as _, Queryable as _},
};
use gateway_api::{
    CloseReason, SessionNumber,
    login::{Code, Language},
    profile::Secret,
    record::{Own, Record},
    session::Limit,
};

use super::{
    state::{Act, Known, Look, News, Purpose, Scene, State, Wish},
    theme, view,
    window::SIZE,
};
use crate::{
    answers::Button,
    clock,
    config::Server,
    rdp::Screen,
    session::{Event, Outcome, Unreached},
    words::{Forget, Text, window::labels},
};

/// When everything here happens: it takes no time. Late enough that something can have been before.
fn now() -> Instant {
    static NOW: LazyLock<Instant> = LazyLock::new(|| Instant::now() + Duration::from_secs(3600));
    *NOW
}

/// When sessions end, in Unix seconds: half past seven by this computer's clock, wherever it is.
fn evening() -> i64 {
    clock::of_wall("2026-11-19 19:30")
}

/// The window's inside, and the wishes it had.
struct Inside {
    state: State,
    wishes: Vec<&'static str>,
    dressed: Option<Look>,
}

fn name(wish: &Wish) -> &'static str {
    match wish {
        Wish::Follow => "follow",
        Wish::Forget => "forget",
        Wish::Begin(_) => "begin",
        Wish::Press(Button::Read(true) | Button::Answer { yes: true, .. }) => "yes",
        Wish::Press(Button::Read(false) | Button::Answer { yes: false, .. }) => "no",
        Wish::Press(Button::End(_)) => "end",
        Wish::Code(_) => "code",
        Wish::Password(_) => "password",
        Wish::Enough => "enough",
        Wish::Remember(_) => "remember",
        Wish::Go => "go",
    }
}

fn window(state: State) -> Harness<'static, Inside> {
    sized(state, SIZE, 1.0)
}

/// What the harness leaves free around what it shows, in points.
const MARGIN: f32 = 8.0;

/// The same in another size, in points, and scaled by the system.
fn sized(state: State, size: [f32; 2], scale: f32) -> Harness<'static, Inside> {
    let inside = Inside { state, wishes: Vec::new(), dressed: None };
    // A turn of the wheel takes some frames.
    let builder = Harness::builder()
        .with_size(size.map(|side| side + 2.0 * MARGIN))
        .with_pixels_per_point(scale)
        .with_max_steps(12);
    let mut harness = builder.build_ui_state(
        |ui, inside: &mut Inside| {
            // As in the window, nothing is drawn undressed.
            if inside.dressed != Some(inside.state.look) {
                theme::dress(ui.ctx(), inside.state.look);
                inside.dressed = Some(inside.state.look);
                ui.ctx().request_repaint();
                return;
            }
            if let Some(act) = view::draw(ui, &mut inside.state, now()) {
                let wish = inside.state.act(act);
                inside.wishes.extend(wish.as_ref().map(name));
            }
        },
        inside,
    );
    harness.run();
    harness
}

fn signed_out(language: Language) -> State {
    let known = Known { server: Server::parse("gw.comune.example"), screen: Some(Screen::Window), ..Known::default() };
    State::new(language, Look::Light, Some("06 1234567".to_owned()), known)
}

/// A state as it is after all this happened.
fn after(language: Language, events: Vec<Event>) -> State {
    let mut state = signed_out(language);
    if let Scene::Form(form) = &mut state.scene {
        form.user = "m.rossi".to_owned();
        form.password.insert("secret", 0);
    }
    state.act(Act::Submit);
    for event in events {
        state.take(News::Told(event), now());
    }
    state
}

fn signed_in() -> Event {
    let session = SessionNumber::new(7);
    Event::SignedIn {
        session,
        workstation: "anagrafe-07".to_owned(),
        ends_at: evening(),
        remaining_s: 3600,
        assists: None,
    }
}

fn at_work(language: Language, more: Vec<Event>) -> State {
    let mut events = vec![Event::Reached, signed_in(), Event::DesktopBegins];
    events.extend(more);
    after(language, events)
}

/// All that a screen reader finds, as one text.
fn heard(harness: &Harness<'_, Inside>) -> String {
    let all = harness.root().children_recursive();
    all.filter_map(|node| {
        let node = node.accesskit_node();
        node.label().or_else(|| node.value())
    })
    .collect::<Vec<_>>()
    .join("\n")
}

#[track_caller]
fn assert_heard(state: State, words: &[&str]) {
    let harness = window(state);
    let heard = heard(&harness);
    for word in words {
        assert!(heard.contains(word), "`{word}` is not in:\n{heard}");
    }
}

#[test]
fn signing_in_takes_a_keyboard_and_nothing_else() {
    let mut harness = window(signed_out(Language::En));
    assert!(harness.get_by_label("Office user name").is_focused(), "the first empty field");
    harness.get_by_label("Office user name").type_text("m.rossi");
    harness.run();
    harness.key_press(Key::Tab);
    harness.run();
    assert!(harness.get_by_label("Office password").is_focused());
    harness.get_by_label("Office password").type_text("secret");
    harness.run();
    let password = harness.get_by_label("Office password");
    assert_eq!(password.accesskit_node().role(), Role::PasswordInput);
    assert!(!heard(&harness).contains("secret"));
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().wishes, ["begin"]);
    assert!(heard(&harness).contains("On the way to your office computer"));
}

#[test]
fn every_field_and_button_is_reached_by_tab_in_the_order_it_is_read() {
    let mut harness = window(signed_out(Language::En));
    let mut reached = Vec::new();
    for _ in 0..9 {
        let focused = harness.root().children_recursive().find(egui_kittest::Node::is_focused);
        let label = focused.and_then(|node| {
            let node = node.accesskit_node();
            node.label().or_else(|| node.labelled_by().next().and_then(|label| label.value()))
        });
        reached.extend(label);
        harness.key_press(Key::Tab);
        harness.run();
    }
    let expected = [
        "Office user name",
        "Office password",
        "Code from your phone",
        "Sign in",
        "The desktop fills the screen",
        "Change your password",
        "Set up the code from your phone",
        "What is recorded about you",
    ];
    assert_eq!(reached.get(..expected.len()), Some(&expected.map(str::to_owned)[..]), "{reached:?}");
}

#[test]
fn each_state_says_what_it_is_in_both_languages() {
    assert_heard(signed_out(Language::En), &["Go to your office computer", "Help desk: 06 1234567", "Italiano"]);
    assert_heard(signed_out(Language::It), &["Vai al tuo computer in ufficio", "Assistenza: 06 1234567", "English"]);
    assert_heard(
        after(Language::En, vec![Event::Reached]),
        &["Reach your office", "done", "Check who you are", "under way", "Open your desktop", "to come", "Cancel"],
    );
    assert_heard(after(Language::It, vec![Event::Reached]), &["Raggiungere l'ufficio", "fatto", "in corso", "Annulla"]);
    let waking = || vec![Event::Reached, signed_in(), Event::Waking { workstation: "anagrafe-07".to_owned() }];
    assert_heard(
        after(Language::En, waking()),
        &["Wake your office computer", "under way, 0 seconds", "your desktop opens by itself", "Cancel"],
    );
    assert_heard(
        after(Language::It, waking()),
        &["Svegliare il computer dell'ufficio", "in corso, 0 secondi", "si apre da sé", "Annulla"],
    );
    let woken = Event::Woken { workstation: "anagrafe-07".to_owned(), seconds: 42 };
    let awake = after(Language::En, [waking(), vec![woken]].concat());
    let text = heard(&window(awake));
    assert!(!text.contains("is asleep"), "{text}");
    let idle = || Event::Warning { limit: Limit::Idle, seconds: 60 };
    assert_heard(
        at_work(Language::En, vec![idle()]),
        &["You are at anagrafe-07", "1 hour from now", "You seem to be away", "Close the session", "0000-0007"],
    );
    assert_heard(at_work(Language::It, vec![idle()]), &["Sei su anagrafe-07", "ancora 1 ora", "Chiudi la sessione"]);
    let notice = || Event::Notice { name: "privacy".to_owned(), text: "All of the text.\nTo its end.".to_owned() };
    assert_heard(
        after(Language::En, vec![notice()]),
        &["All of the text.\nTo its end.", "I have read it", "not that you agree"],
    );
    assert_heard(
        after(Language::It, vec![notice()]),
        &["All of the text.\nTo its end.", "L'ho letto", "non che sei d'accordo"],
    );
    for (language, words) in [
        (Language::En, ["You were away for 15 minutes", "Sign in again", "Close this window"]),
        (Language::It, ["15 minuti", "Accedi di nuovo", "Chiudi questa finestra"]),
    ] {
        let mut state = at_work(language, Vec::new());
        let outcome = Outcome::Ended { reason: CloseReason::Idle, idle_minutes: 15 };
        state.take(News::Over { outcome, server: "gw".to_owned(), support: None }, now());
        assert_heard(state, &words);
    }
}

#[test]
fn the_six_words_of_an_office_are_accepted_by_a_deliberate_key_or_refused_for_good() {
    let words = |language| Secret::new(&[1; 32]).public().words(language);
    for (language, said) in [
        (
            Language::En,
            [
                "Is this your office?",
                "with those in your office's letter",
                "somebody else may have sent you this profile",
                "All six are the same",
                "They are others, or I have no letter",
            ],
        ),
        (
            Language::It,
            [
                "È il tuo ufficio?",
                "con quelle nella lettera del tuo ufficio",
                "può averlo mandato qualcun altro",
                "Sono uguali, tutte e sei",
                "Sono diverse, o non ho una lettera",
            ],
        ),
    ] {
        let state = State::first_use(language, Look::Light, words(language));
        let all: Vec<String> = (1..).zip(words(language).each()).map(|(at, word)| format!("{at}. {word}")).collect();
        let mut expected: Vec<&str> = all.iter().map(String::as_str).collect();
        expected.extend(said);
        assert_heard(state, &expected);
    }
    let first_use = || window(State::first_use(Language::En, Look::Light, words(Language::En)));
    let mut harness = first_use();
    assert!(!heard(&harness).contains("Help desk"), "nothing of the profile counts yet");
    harness.key_press(Key::Enter);
    harness.run();
    assert!(harness.state().wishes.is_empty(), "Enter alone accepts nothing");
    harness.get_by_label("All six are the same").focus();
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().wishes, ["follow"]);
    let known = Known { server: Server::parse("gw.comune.example"), ..Known::default() };
    harness.state_mut().state.follow(Some("06 1234567".to_owned()), known);
    harness.run();
    assert!(heard(&harness).contains("Help desk: 06 1234567"));
    assert!(harness.get_by_label("Office user name").is_focused());

    let mut harness = first_use();
    harness.key_press(Key::Escape);
    harness.run();
    let after = heard(&harness);
    assert!(after.contains("The profile is not used") && !after.contains("Sign in again"), "{after}");
    assert!(harness.state().wishes.is_empty());

    let mut harness = window(State::first_use(Language::It, Look::Light, words(Language::It)));
    harness.get_by_label("Sono diverse, o non ho una lettera").click();
    harness.run();
    assert!(heard(&harness).contains("Il profilo non viene usato"), "{}", heard(&harness));
    assert!(harness.state().wishes.is_empty());
}

#[test]
fn an_office_is_forgotten_by_a_deliberate_yes_and_by_no_enter() {
    for language in [Language::En, Language::It] {
        let words = labels(language);
        let sentence = Text::ProfileForeign { path: "new.deskgate".to_owned(), forget: Forget::Button }.say(language);
        assert!(sentence.contains(words.forget_office), "{sentence}");
        let mut harness = window(State::stranger(language, Look::Light, sentence));
        harness.key_press(Key::Enter);
        harness.run();
        assert_eq!(harness.state().wishes, ["go"], "Enter leaves");
        let press = |harness: &mut Harness<'_, Inside>, label: &str| {
            harness.get_by_label(label).click();
            harness.run();
        };
        press(&mut harness, words.forget_office);
        assert!(heard(&harness).contains(words.forget_question));
        press(&mut harness, words.forget_no);
        assert!(heard(&harness).contains("new.deskgate"));
        press(&mut harness, words.forget_office);
        press(&mut harness, words.forget_yes);
        assert_eq!(harness.state().wishes, ["go", "forget"]);
        harness.state_mut().state.take(News::Forgotten, Instant::now());
        harness.run();
        assert!(heard(&harness).contains(words.forgotten_task));
    }
}

#[test]
fn an_office_that_could_not_be_forgotten_leaves_nothing_to_sign_in_to() {
    let mut state = State::stranger(Language::En, Look::Light, "foreign".to_owned());
    state.act(Act::Forget);
    state.act(Act::Forgets(true));
    state.take(News::Stopped(Text::Broken { cause: "read-only file system".to_owned() }), Instant::now());
    let harness = window(state);
    let words = labels(Language::En);
    assert!(heard(&harness).contains("read-only file system"), "{}", heard(&harness));
    assert!(harness.query_by_label(words.sign_in_again).is_none() && harness.query_by_label(words.leave).is_some());
}

#[test]
fn a_password_that_the_workstation_wants_is_written_here_and_the_way_goes_on() {
    let wanted = |again| Event::PasswordWanted { workstation: "anagrafe-07".to_owned(), again };
    let mut harness = window(at_work(Language::En, vec![wanted(false)]));
    assert!(heard(&harness).contains("anagrafe-07 wants your password before it shows your desktop"));
    // It has the keyboard.
    harness.key_press(Key::Enter);
    harness.run();
    assert!(heard(&harness).contains("No password was given") && harness.state().wishes.is_empty());
    harness.event(egui::Event::Text("pw-desk".to_owned()));
    harness.run();
    assert!(!heard(&harness).contains("pw-desk"), "{}", heard(&harness));
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().wishes, ["password"]);
    assert!(!heard(&harness).contains("wants your password"));
    harness.state_mut().state.take(News::Told(wanted(true)), Instant::now());
    harness.run();
    assert!(heard(&harness).contains("did not take that password"));
    harness.get_by_label(labels(Language::En).cancel).click();
    harness.run();
    assert_eq!(harness.state().wishes, ["password", "enough"]);
    harness.state_mut().state.take(News::Told(Event::DesktopBegins), Instant::now());
    harness.run();
    assert!(heard(&harness).contains("You are at anagrafe-07"));
}

#[test]
fn another_profile_is_told_of_until_something_is_done() {
    let mut state = at_work(Language::En, Vec::new());
    state.knock_with_another(Path::new("/home/x/other.deskgate"));
    let mut harness = window(state);
    assert!(
        heard(&harness).contains("You opened other.deskgate") && heard(&harness).contains("You are at anagrafe-07")
    );
    harness.get_by_label("Italiano").click();
    harness.run();
    assert!(!heard(&harness).contains("other.deskgate"));
}

#[test]
fn the_record_shows_each_entry_in_words_and_as_it_stands() {
    let record = Record {
        at: evening(),
        kind: "session_opened".to_owned(),
        session: Some(SessionNumber::new(7)),
        fields: [("device".to_owned(), "personal".to_owned())].into(),
    };
    let own = Own { records: vec![record], left_off: 2, openings: Vec::new() };
    let mut state = signed_out(Language::En);
    state.take(News::Record(own.clone()), now());
    assert_heard(
        state,
        &["A session opened", "session_opened  0000-0007  device=personal", "2 older ones", "Nobody has looked"],
    );
    let mut state = signed_out(Language::It);
    state.take(News::Record(own), now());
    let mut harness = window(state);
    assert!(heard(&harness).contains("Si è aperta una sessione"));
    harness.key_press(Key::Escape);
    harness.run();
    assert!(matches!(&harness.state().state.scene, Scene::Form(form) if form.purpose == Purpose::SignIn));
}

#[test]
fn a_phone_is_set_up_by_keyboard_and_the_picture_has_a_name() {
    for (language, words) in [
        (Language::En, ["Picture for the authenticator app", "scan the picture", "GEZD GNBV", "The code that the app"]),
        (Language::It, ["Disegno per l'app", "inquadra il disegno", "GEZD GNBV", "Il codice che l'app"]),
    ] {
        let mut state = signed_out(language);
        let secret = Code::new("GEZDGNBVGY3TQOJQ".to_owned());
        state.take(News::Secret { office: "gw.comune.example".to_owned(), secret }, now());
        assert_heard(state, &words);
    }
    let mut state = signed_out(Language::En);
    let secret = Code::new("GEZDGNBVGY3TQOJQ".to_owned());
    state.take(News::Secret { office: "gw.comune.example".to_owned(), secret }, now());
    let mut harness = window(state);
    harness.get_by_label("The code that the app shows now").type_text("123456");
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().wishes, ["code"]);
    assert!(heard(&harness).contains("Asking your office"));

    // Enter and Escape, pressed once too often, take nothing away that is told only once.
    let codes = ["RRRR-1111", "SSSS-2222"].map(|code| Code::new(code.to_owned()));
    harness.state_mut().state.take(News::Enrolled(codes.into()), now());
    for key in [Key::Enter, Key::Escape] {
        harness.run();
        harness.key_press(key);
    }
    harness.run();
    assert!(heard(&harness).contains("RRRR-1111") && heard(&harness).contains("SSSS-2222"));
    harness.get_by_label("I have written them down").click();
    harness.run();
    assert!(matches!(&harness.state().state.scene, Scene::Form(form) if form.purpose == Purpose::SignIn));
}

#[test]
fn the_question_before_the_end_is_answered_by_keyboard() {
    let mut state = at_work(Language::En, Vec::new());
    state.act(Act::Leave);
    let mut harness = window(state);
    assert!(heard(&harness).contains("Close the session?"));
    harness.key_press(Key::Escape);
    harness.run();
    assert!(!harness.state().state.close_asked && harness.state().wishes.is_empty());
    harness.state_mut().state.act(Act::Leave);
    harness.run();
    harness.get_by_label("Close the session").focus();
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().wishes, ["enough"]);
}

/// At work, and asked this some seconds ago.
fn asked(language: Language, event: Event) -> State {
    let mut state = at_work(language, Vec::new());
    state.take(News::Told(event), now().checked_sub(Duration::from_secs(5)).expect("now is late enough"));
    state
}

fn assistance_asked() -> Event {
    let (technician, reason) = ("g.neri".to_owned(), "the printer".to_owned());
    Event::AssistanceAsked { question: 1, technician, reason, seconds: 900, answer_s: 60 }
}

#[test]
fn the_offices_question_is_answered_with_a_button_and_no_is_first() {
    let mut harness = window(asked(Language::En, Event::TraceAsked { question: 1, seconds: 600, answer_s: 60 }));
    let heard = heard(&harness);
    assert!(heard.contains("up to 10 minutes") && !heard.contains("Type y"), "{heard}");
    let (no, yes) = (harness.get_by_label("No").rect(), harness.get_by_label("I agree").rect());
    assert!(no.top() < yes.top());
    harness.get_by_label("I agree").click();
    harness.run();
    assert_eq!(harness.state().wishes, ["yes"]);
}

#[test]
fn a_technicians_question_says_who_why_and_how_long_and_takes_no_keyboard() {
    for (language, words, yes, no) in [
        (
            Language::En,
            ["g.neri, a technician", "What for: “the printer”", "15 minutes", "within 1 minute"],
            "Yes, the technician may",
            "No, not now",
        ),
        (
            Language::It,
            ["g.neri, tecnico", "Perché: «the printer»", "15 minuti", "entro 1 minuto"],
            "Sì, il tecnico può",
            "No, non ora",
        ),
    ] {
        let mut harness = window(asked(language, assistance_asked()));
        let heard = heard(&harness);
        words.into_iter().for_each(|word| assert!(heard.contains(word), "`{word}` is not in:\n{heard}"));
        assert!(harness.get_by_label(no).rect().top() < harness.get_by_label(yes).rect().top());
        assert!(!harness.get_by_label(yes).is_focused() && !harness.get_by_label(no).is_focused());
        harness.key_press(Key::Enter);
        harness.run();
        assert!(harness.state().wishes.is_empty(), "Enter alone agrees to nothing");
        let below = harness.get_by_label(yes).rect().center();
        harness.get_by_label(yes).click();
        harness.run();
        assert_eq!(harness.state().wishes, ["yes"]);
        // What was agreed to stands there until it begins, and can be ended; its end is not where the yes was.
        let (agreed, end) = match language {
            Language::En => ("You agreed", "End the assistance"),
            Language::It => ("Hai acconsentito", "Termina l'assistenza"),
        };
        assert!(self::heard(&harness).contains(agreed));
        assert!(!harness.get_by_label(end).rect().contains(below));
        harness.get_by_label(end).click();
        harness.run();
        assert_eq!(harness.state().wishes, ["yes", "end"]);
    }
}

#[test]
fn a_press_that_was_meant_for_something_else_lets_nobody_in() {
    let mut harness = window(at_work(Language::En, vec![assistance_asked()]));
    harness.get_by_label("Yes, the technician may").click();
    harness.step();
    assert!(harness.state().wishes.is_empty());
    harness.get_by_label("No, not now").click();
    harness.step();
    assert_eq!(harness.state().wishes, ["no"], "a no counts at once");
}

#[test]
fn who_assists_stands_there_all_the_time_and_one_press_ends_it() {
    let begun =
        || Event::AssistanceBegun { technician: "g.neri".to_owned(), seconds: 900, ends_at: evening(), by_key: false };
    for (language, words, end) in [
        (Language::En, "g.neri reaches your office computer, until ", "End the assistance"),
        (Language::It, "g.neri raggiunge il tuo computer in ufficio, al massimo fino alle ", "Termina l'assistenza"),
    ] {
        let mut harness = window(at_work(language, vec![begun()]));
        assert!(heard(&harness).contains(words), "{}", heard(&harness));
        // The question before the end of the session hides it from nobody.
        harness.state_mut().state.act(Act::Leave);
        harness.run();
        assert!(harness.state().state.close_asked && heard(&harness).contains(words));
        let technician = "g.neri".to_owned();
        let moved = Event::AssistanceMoved { technician, seconds: 60, ends_at: 1_795_003_000, by_key: false };
        let before = heard(&harness);
        harness.state_mut().state.take(News::Told(moved), Instant::now());
        harness.run();
        assert!(heard(&harness).contains(words) && heard(&harness) != before, "another time");
        harness.get_by_label(end).click();
        harness.run();
        assert_eq!(harness.state().wishes, ["end"]);
        harness.state_mut().state.take(News::Told(Event::AssistanceEnded), now());
        harness.run();
        assert!(!heard(&harness).contains("g.neri"));
    }
}

#[test]
fn language_and_look_change_at_once_and_are_to_be_remembered() {
    let mut harness = window(signed_out(Language::En));
    harness.get_by_label("Italiano").click();
    harness.run();
    assert!(heard(&harness).contains("Vai al tuo computer in ufficio"));
    harness.get_by_label("Aspetto").click();
    harness.run();
    harness.get_by_label("Contrasto elevato").click();
    harness.run();
    assert_eq!(harness.state().wishes, ["remember", "remember"]);
    assert_eq!(harness.state().dressed, Some(Look::Contrast));
}

/// What a screen reader says by itself.
fn announced(state: State) -> String {
    let harness = window(state);
    let all = harness.root().children_recursive().map(|node| node.accesskit_node());
    let live = all.filter(|node| node.live() != Live::Off && node.role() != Role::TextRun);
    live.filter_map(|node| node.label().or_else(|| node.value())).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_happens_by_itself_is_announced_by_a_screen_reader() {
    let language = Language::En;
    assert_eq!(announced(signed_out(language)), "", "nothing happened");
    let mut refused = signed_out(language);
    refused.act(Act::Submit);
    assert!(announced(refused).contains("Write your office user name."));
    let warned = at_work(language, vec![Event::Warning { limit: Limit::Idle, seconds: 95 }]);
    let said = announced(warned);
    assert!(said.contains("in 2 minutes") && !said.contains("seconds"), "{said}");
    assert!(announced(asked(language, assistance_asked())).contains("g.neri, a technician of your office"));
    let mut over = at_work(language, Vec::new());
    let (workstation, number) = ("anagrafe-07".to_owned(), SessionNumber::new(7));
    let outcome = Outcome::Unreached { workstation, number, how: Unreached::Silent };
    over.take(News::Over { outcome, server: "gw.comune.example".to_owned(), support: None }, Instant::now());
    assert!(announced(over).contains("anagrafe-07 did not answer"));
}

#[test]
fn nothing_moves_while_nothing_happens() {
    for state in
        [signed_out(Language::En), after(Language::En, vec![Event::Reached]), at_work(Language::En, Vec::new())]
    {
        let mut harness = window(state);
        harness.step();
        let wait = harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
        assert!(wait >= Duration::from_secs(1), "drawn again after {wait:?}");
    }
}

#[test]
fn twice_as_large_nothing_is_out_of_reach() {
    let mut harness = window(signed_out(Language::It));
    harness.ctx.set_zoom_factor(2.0);
    harness.run();
    harness.get_by_label("Accedi").focus();
    harness.run();
    harness.run();
    let (button, window) = (harness.get_by_label("Accedi").rect(), harness.ctx.content_rect());
    assert!(window.contains_rect(button), "{button:?} in {window:?}");
}

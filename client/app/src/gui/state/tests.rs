use std::collections::BTreeSet;

use gateway_api::{
    CloseReason, SessionNumber,
    login::{LONGEST_CODE, Refusal, RefusalCode},
    session::Limit,
};
use zeroize::Zeroizing;

use super::*;
use crate::{
    rdp::Why,
    session::Unreached,
    words::{Forget, desktop::Names},
};

pub(super) fn state() -> State {
    let known = Known { server: Server::parse("gw.comune.example"), ..Known::default() };
    State::new(Language::En, Look::Light, Some("06 1234567".to_owned()), known)
}

pub(super) fn form(state: &mut State) -> &mut Form {
    match &mut state.scene {
        Scene::Form(form) => form,
        _ => panic!("no form"),
    }
}

pub(super) fn working(state: &State) -> &Working {
    match &state.scene {
        Scene::Working(working) => working,
        _ => panic!("not at work"),
    }
}

fn ended(state: &State) -> &Ended {
    match &state.scene {
        Scene::Ended(ended) => ended,
        _ => panic!("not ended"),
    }
}

pub(super) fn fill(state: &mut State) {
    let form = form(state);
    form.user = "m.rossi".to_owned();
    form.password.insert("secret", 0);
}

pub(super) fn over(state: &mut State, outcome: Outcome) -> Option<Wish> {
    let server = "gw.comune.example".to_owned();
    state.take(News::Over { outcome, server, support: None }, Instant::now())
}

#[test]
fn a_desktop_that_was_there_ends_well_and_one_that_never_was_does_not() {
    for (why, is_well) in
        [(Why::LoggedOff, true), (Why::Replaced, true), (Why::Unshown, false), (Why::Unreached, false)]
    {
        let mut state = state();
        fill(&mut state);
        state.act(Act::Submit);
        let names = Names { workstation: "anagrafe-07".into(), program: "mstsc.exe".into(), status: "status 0".into() };
        over(&mut state, Outcome::Desktop { why, names });
        let ended = ended(&state);
        assert!(ended.well == is_well && ended.sentence.contains("anagrafe-07"), "{ended:?}");
    }
}

pub(super) fn refused(state: &mut State, code: RefusalCode) {
    let refusal =
        Refusal { code, message: "The gateway's words.".into(), support: "K7QM-2F9D".into(), retry_after_s: None };
    assert!(over(state, Outcome::Refused(Box::new(refusal))).is_none());
}

pub(super) fn signed_in() -> Event {
    let session = SessionNumber::new(7);
    Event::SignedIn { session, workstation: "anagrafe-07".into(), ends_at: 0, remaining_s: 3600, assists: None }
}

/// Signed in, and no desktop yet.
fn on_the_way(now: Instant) -> State {
    let mut state = state();
    fill(&mut state);
    assert!(matches!(state.act(Act::Submit), Some(Wish::Begin(_))));
    for event in [Event::Reached, signed_in()] {
        state.take(News::Told(event), now);
    }
    state
}

/// Signed in, the desktop open.
pub(super) fn at_work(now: Instant) -> State {
    let mut state = state();
    fill(&mut state);
    assert!(matches!(state.act(Act::Submit), Some(Wish::Begin(_))));
    let told = [
        Event::Reaching { server: "gw".into() },
        Event::Reached,
        signed_in(),
        Event::Open { workstation: "anagrafe-07".into(), doors: Vec::new() },
        Event::DesktopBegins,
    ];
    for event in told {
        state.take(News::Told(event), now);
    }
    state
}

#[test]
fn the_passwords_leave_the_form_with_the_errand() {
    let mut state = state();
    fill(&mut state);
    form(&mut state).code = Zeroizing::new(" 123 456 ".to_owned());
    let Some(Wish::Begin(errand)) = state.act(Act::Submit) else { panic!("nothing begun") };
    assert_eq!((errand.user.as_str(), errand.password.expose()), ("m.rossi", "secret"));
    assert_eq!(errand.code.as_ref().map(Code::expose), Some("123 456"));
    assert!(matches!(errand.what, What::Work(None)));
    assert!(matches!(state.scene, Scene::Connecting(_)));
    refused(&mut state, RefusalCode::WrongCredentials);
    let form = form(&mut state);
    assert!(form.password.is_empty() && form.code.is_empty());
    assert_eq!((form.user.as_str(), form.focus), ("m.rossi", Some(Field::Password)));
    assert_eq!(
        form.said.as_ref().map(|said| said.sentence.as_str()),
        Some("The gateway's words. Support number: K7QM-2F9D")
    );
}

#[test]
fn what_is_wanting_is_asked_for_where_it_is_wanting() {
    let mut state = State::new(Language::It, Look::Light, None, Known::default());
    let wanting = |state: &mut State, expected| {
        assert!(state.act(Act::Submit).is_none());
        let form = form(state);
        assert!(form.said.as_ref().is_some_and(|said| said.tone == Tone::Bad && !said.sentence.is_empty()));
        assert_eq!(form.focus, Some(expected));
    };
    wanting(&mut state, Field::Server);
    form(&mut state).server = Some("gw.comune.example".to_owned());
    wanting(&mut state, Field::User);
    form(&mut state).user = " m.rossi ".to_owned();
    wanting(&mut state, Field::Password);
    form(&mut state).password.insert("secret", 0);
    *form(&mut state).code = "1".repeat(LONGEST_CODE + 1);
    wanting(&mut state, Field::Code);
    form(&mut state).code.clear();
    assert!(matches!(state.act(Act::Submit), Some(Wish::Begin(_))));
    refused(&mut state, RefusalCode::WrongCredentials);
    assert_eq!(form(&mut state).server.as_deref(), Some("gw.comune.example"), "written once, and still to be mended");
}

#[test]
fn an_expired_password_is_changed_where_it_is_told() {
    let mut state = state();
    fill(&mut state);
    state.act(Act::Submit);
    refused(&mut state, RefusalCode::PasswordExpired);
    assert_eq!(form(&mut state).purpose, Purpose::ChangePassword);
    let said = form(&mut state).said.clone().expect("why").sentence;
    assert!(said.contains("has expired") && said.ends_with("Support number: K7QM-2F9D"), "{said}");
    form(&mut state).password.insert("old", 0);
    form(&mut state).new_password.insert("new one", 0);
    form(&mut state).new_password_again.insert("new 0ne", 0);
    assert!(state.act(Act::Submit).is_none(), "they differ");
    assert!(form(&mut state).new_password.is_empty() && !form(&mut state).password.is_empty());
    form(&mut state).new_password.insert("new one", 0);
    form(&mut state).new_password_again.insert("new one", 0);
    let Some(Wish::Begin(errand)) = state.act(Act::Submit) else { panic!("nothing begun") };
    assert!(matches!(&errand.what, What::ChangePassword(new) if new.expose() == "new one"));
    assert!(form(&mut state).asking);
    assert!(state.act(Act::Submit).is_none(), "one at a time");
    refused(&mut state, RefusalCode::PasswordNotTaken);
    assert_eq!(form(&mut state).purpose, Purpose::ChangePassword, "try another");
    state.take(News::PasswordChanged, Instant::now());
    let form = form(&mut state);
    assert_eq!(form.purpose, Purpose::SignIn);
    assert!(form.said.as_ref().is_some_and(|said| said.tone == Tone::Good));
}

#[test]
fn the_steps_follow_what_really_happened() {
    let mut state = state();
    fill(&mut state);
    state.act(Act::Submit);
    let step = |state: &State| match &state.scene {
        Scene::Connecting(connecting) => connecting.step,
        _ => panic!("not on the way"),
    };
    let now = Instant::now();
    assert_eq!(step(&state), Step::Reach);
    state.take(News::Told(Event::Reached), now);
    assert_eq!(step(&state), Step::SignIn);
    let signed_in = Event::SignedIn {
        session: SessionNumber::new(7),
        workstation: "w".into(),
        ends_at: 0,
        remaining_s: 60,
        assists: None,
    };
    state.take(News::Told(signed_in), now);
    assert_eq!(step(&state), Step::Way);
    state.take(News::Told(Event::ByChannel), now);
    state.take(News::Told(Event::Open { workstation: "w".into(), doors: Vec::new() }), now);
    state.take(News::Told(Event::ProgramStarted { program: "p".into() }), now);
    assert_eq!(step(&state), Step::Desktop, "a program that was started has shown nothing yet");
    state.take(News::Told(Event::DesktopBegins), now);
    assert!(working(&state).by_channel, "what was told on the way is not forgotten");
}

#[test]
fn a_workstation_that_sleeps_is_a_step_of_its_own_with_its_time_and_its_end() {
    let mut state = state();
    fill(&mut state);
    state.act(Act::Submit);
    let now = Instant::now();
    let later = now + Duration::from_millis(42_300);
    let steps = |state: &State| match &state.scene {
        Scene::Connecting(connecting) => {
            (connecting.steps().collect::<Vec<_>>(), connecting.step, connecting.waking_for(later))
        }
        _ => panic!("not on the way"),
    };
    assert!(!steps(&state).0.contains(&Step::Wake), "only where somebody sleeps");
    for event in [Event::Reached, signed_in(), Event::Waking { workstation: "w".into() }] {
        state.take(News::Told(event), now);
    }
    let all = vec![Step::Reach, Step::SignIn, Step::Way, Step::Wake, Step::Desktop];
    assert_eq!(steps(&state), (all.clone(), Step::Wake, Some(42)));
    let next = state.next_change(later).expect("the time goes on");
    assert!(next > Duration::from_millis(700) && next < Duration::from_millis(800), "{next:?}");
    state.take(News::Told(Event::Warning { limit: Limit::NeverUsed, seconds: 30 }), now);
    let Scene::Connecting(connecting) = &state.scene else { panic!("not on the way") };
    assert!(connecting.said(Language::En, now)[0].sentence.contains("unless your desktop opens"));
    state.take(News::Told(Event::Woken { workstation: "w".into(), seconds: 42 }), later);
    assert_eq!(steps(&state), (all, Step::Desktop, None));
    assert_eq!(state.next_change(later), None);
    over(&mut state, Outcome::NotWoken { workstation: "w".into(), number: SessionNumber::new(7) });
    let Scene::Ended(ended) = &state.scene else { panic!("it is over") };
    assert!(!ended.well && ended.again && ended.sentence.contains("0000-0007"), "{ended:?}");
}

#[test]
fn a_notice_is_read_before_the_way_goes_on() {
    let mut state = state();
    fill(&mut state);
    state.act(Act::Submit);
    let now = Instant::now();
    for name in ["privacy", "security"] {
        state.take(News::Told(Event::Notice { name: name.into(), text: "Read me.".into() }), now);
    }
    state.take(News::Told(Event::NoticeAsked), now);
    assert!(matches!(&state.scene, Scene::Reading(texts) if texts.len() == 2));
    assert!(matches!(state.act(Act::Press(Button::Read(true))), Some(Wish::Press(Button::Read(true)))));
    assert!(matches!(state.scene, Scene::Connecting(_)));
    state.take(News::Told(Event::Notice { name: "third".into(), text: "Read me.".into() }), now);
    assert!(matches!(state.act(Act::Press(Button::Read(false))), Some(Wish::Press(Button::Read(false)))));
    over(&mut state, Outcome::NoticeUnread { asked: true });
    assert!(form(&mut state).said.is_some());
}

#[test]
fn a_warning_counts_down_and_goes() {
    let now = Instant::now();
    let mut state = at_work(now);
    let after = |seconds| now + Duration::from_secs(seconds);
    let said = |state: &State, now| working(state).said(Language::En, now);
    assert!(said(&state, now).is_empty());
    state.take(News::Told(Event::Warning { limit: Limit::AgreementEnded, seconds: 900 }), now);
    state.take(News::Told(Event::Warning { limit: Limit::Idle, seconds: 300 }), now);
    let both = said(&state, after(10));
    assert!(both[0].sentence.contains("5 minutes.") && both[1].sentence.contains("15 minutes:"), "{both:?}");
    assert!(both.iter().all(|said| said.tone == Tone::Warning));
    assert!(said(&state, after(295))[0].sentence.contains("in 5 seconds"));
    state.take(News::Told(Event::WarningLifted { limit: Limit::Idle }), after(296));
    assert_eq!(said(&state, after(296)).len(), 1);
}

#[test]
fn a_countdown_is_announced_by_minutes_and_not_by_seconds() {
    let now = Instant::now();
    let mut state = at_work(now);
    state.take(News::Told(Event::Warning { limit: Limit::Idle, seconds: 90 }), now);
    let announced: BTreeSet<String> = (0..90)
        .filter_map(|second| working(&state).said(Language::En, now + Duration::from_secs(second)).remove(0).announced)
        .collect();
    assert_eq!(announced.len(), 2, "{announced:?}");
}

#[test]
fn the_window_is_drawn_again_when_a_number_changes_and_not_before() {
    let now = Instant::now();
    let mut state = at_work(now);
    let about = |wait: Option<Duration>, seconds: u64| {
        let wait = wait.expect("something counts down").as_millis();
        assert!((u128::from(seconds) * 1000..u128::from(seconds) * 1000 + 100).contains(&wait), "{wait}");
    };
    about(state.next_change(now + Duration::from_secs(13)), 47);
    state.take(News::Told(Event::Warning { limit: Limit::Idle, seconds: 60 }), now);
    about(state.next_change(now + Duration::from_millis(1)), 1);
    assert!(state.next_change(now + Duration::from_millis(100)) > Some(Duration::from_millis(800)));
    over(&mut state, Outcome::Ended { reason: CloseReason::Idle, idle_minutes: 15 });
    assert_eq!(state.next_change(now), None, "nothing counts down");
}

#[test]
fn that_nothing_is_shown_over_the_desktop_stays_said() {
    let now = Instant::now();
    let mut state = at_work(now);
    state.take(News::Told(Event::NoNotifications), now);
    let said = working(&state).said(Language::En, now + Duration::from_secs(3600));
    assert_eq!(said, [Said::new(Tone::Warning, Text::NoNotifications.say(Language::En))]);
}

#[test]
fn the_line_is_well_once_all_of_it_is() {
    let now = Instant::now();
    let mut state = at_work(now);
    for event in [Event::ChannelLost, Event::TunnelSilent, Event::ChannelBack] {
        state.take(News::Told(event), now);
    }
    assert!(!working(&state).line_is_well());
    state.take(News::Told(Event::TunnelBack), now);
    assert!(working(&state).line_is_well());
}

#[test]
fn the_windows_cross_asks_once_and_then_closes_session_and_window() {
    let now = Instant::now();
    let mut state = at_work(now);
    assert!(state.act(Act::Leave).is_none() && state.close_asked, "one question");
    assert!(state.act(Act::Stay).is_none() && !state.close_asked);
    assert!(state.act(Act::Leave).is_none());
    assert!(matches!(state.act(Act::Leave), Some(Wish::Enough)));
    assert!(working(&state).closing && !state.close_asked);
    let end = Outcome::Ended { reason: CloseReason::WorkerClosed, idle_minutes: 15 };
    assert!(matches!(over(&mut state, end), Some(Wish::Go)));
    assert!(matches!(state.act(Act::Leave), Some(Wish::Go)), "going, it is asked by the system once more");
}

#[test]
fn a_session_that_is_closing_is_closed_once_and_the_window_goes_with_it() {
    let mut state = at_work(Instant::now());
    assert!(matches!(state.act(Act::Close), Some(Wish::Enough)));
    for _ in 0..2 {
        assert!(state.act(Act::Leave).is_none() && !state.close_asked, "a second word would cut it short");
    }
    let end = Outcome::Ended { reason: CloseReason::WorkerClosed, idle_minutes: 15 };
    assert!(matches!(over(&mut state, end), Some(Wish::Go)));
}

#[test]
fn that_the_gateway_could_not_be_told_is_told() {
    let now = Instant::now();
    let mut state = at_work(now);
    state.act(Act::Close);
    state.take(News::Told(Event::NotTold), now);
    over(&mut state, Outcome::Ended { reason: CloseReason::WorkerClosed, idle_minutes: 15 });
    assert!(ended(&state).sentence.contains("could not be told"));
}

#[test]
fn whoever_turns_away_while_the_office_is_asked_gives_it_up_first() {
    let mut state = state();
    state.act(Act::Turn(Purpose::ShowRecord));
    fill(&mut state);
    assert!(matches!(state.act(Act::Submit), Some(Wish::Begin(_))));
    assert!(matches!(state.act(Act::Back), Some(Wish::Enough)));
    assert!(form(&mut state).asking, "until its end is known");
    over(&mut state, Outcome::Ended { reason: CloseReason::WorkerClosed, idle_minutes: 0 });
    assert_eq!((form(&mut state).purpose, form(&mut state).asking), (Purpose::SignIn, false));

    state.act(Act::Turn(Purpose::ChangePassword));
    fill(&mut state);
    form(&mut state).new_password.insert("new one", 0);
    form(&mut state).new_password_again.insert("new one", 0);
    assert!(matches!(state.act(Act::Submit), Some(Wish::Begin(_))));
    assert!(state.act(Act::Back).is_none(), "it may hold already");
    assert_eq!(form(&mut state).purpose, Purpose::ChangePassword);
}

#[test]
fn the_workstations_trouble_is_said_for_a_minute() {
    let now = Instant::now();
    let mut state = at_work(now);
    state.take(News::Told(Event::WorkstationSilent { workstation: "anagrafe-07".into(), port: 3389 }), now);
    let said = |state: &State, after| working(state).said(Language::En, now + Duration::from_secs(after)).len();
    assert_eq!((said(&state, 59), said(&state, 60)), (1, 0));
    state.take(News::Told(Event::WorkstationAnswers { workstation: "anagrafe-07".into(), port: 3389 }), now);
    assert_eq!(said(&state, 1), 0, "it answers");
}

#[test]
fn the_button_closes_the_session_and_leaves_the_window() {
    let mut state = at_work(Instant::now());
    assert!(matches!(state.act(Act::Close), Some(Wish::Enough)));
    assert!(over(&mut state, Outcome::Ended { reason: CloseReason::WorkerClosed, idle_minutes: 15 }).is_none());
    assert!(ended(&state).well && ended(&state).sentence.contains("Goodbye"));
    assert!(state.act(Act::Back).is_none());
    assert_eq!(form(&mut state).user, "m.rossi");
    assert!(matches!(state.act(Act::Leave), Some(Wish::Go)), "nothing is open: no question");
}

#[test]
fn an_end_by_itself_is_told_with_what_to_do_and_takes_the_question_back() {
    let mut state = at_work(Instant::now());
    state.act(Act::Leave);
    over(&mut state, Outcome::Ended { reason: CloseReason::Idle, idle_minutes: 15 });
    assert!(!state.close_asked);
    assert!(
        ended(&state).well
            && ended(&state).sentence.contains("15 minutes")
            && ended(&state).sentence.contains("Sign in again")
    );
}

#[test]
fn who_locked_the_computer_and_left_finds_out_why_it_is_over() {
    let mut state = at_work(Instant::now());
    state.take(News::Told(Event::Left), Instant::now());
    over(&mut state, Outcome::Ended { reason: CloseReason::WorkerClosed, idle_minutes: 15 });
    assert!(ended(&state).well && ended(&state).sentence.contains("locked for a minute"));
    // Also where the desktop was not there yet: waking takes minutes.
    let mut state = on_the_way(Instant::now());
    state.take(News::Told(Event::Waking { workstation: "w".into() }), Instant::now());
    state.take(News::Told(Event::Left), Instant::now());
    over(&mut state, Outcome::Ended { reason: CloseReason::WorkerClosed, idle_minutes: 15 });
    assert!(ended(&state).well && ended(&state).sentence.contains("locked for a minute"));
}

#[test]
fn an_end_that_the_office_moves_is_the_one_that_is_shown() {
    let now = Instant::now();
    let mut state = at_work(now);
    let before = working(&state).until.clone();
    assert_eq!(working(&state).left(now), 3600);
    state.take(News::Told(Event::EndMoved { ends_at: 7200 + 7 * 60, remaining_s: 420 }), now);
    assert_eq!(working(&state).left(now), 420);
    assert_ne!(working(&state).until, before);

    // A warning of an end goes with that end.
    for limit in [Limit::AgreementEnded, Limit::Idle] {
        state.take(News::Told(Event::Warning { limit, seconds: 300 }), now);
    }
    assert_eq!(working(&state).said(Language::En, now).len(), 2);
    state.take(News::Told(Event::EndMoved { ends_at: 7200 + 3600, remaining_s: 3600 }), now);
    let said = working(&state).said(Language::En, now);
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn a_countdown_goes_on_also_before_the_desktop_is_there() {
    let now = Instant::now();
    let mut state = on_the_way(now);
    assert_eq!(state.next_change(now), None);
    state.take(News::Told(Event::Warning { limit: Limit::NeverUsed, seconds: 30 }), now);
    let later = now + Duration::from_millis(500);
    let next = state.next_change(later).expect("the seconds go on");
    assert!(next > Duration::from_millis(500) && next < Duration::from_millis(550), "{next:?}");
}

#[test]
fn an_end_that_needs_the_help_desk_has_the_sessions_number() {
    let (w, p) = (|| "anagrafe-07".to_owned(), || "xfreerdp".to_owned());
    for outcome in [
        Outcome::ProgramFailed { program: p(), status: "status 131".into() },
        Outcome::ProgramBroke { program: p(), status: "status 131".into() },
        Outcome::ProgramWentAway { program: p() },
        Outcome::ProgramMissing { program: p(), cause: "gone".into() },
        Outcome::LogonRefused { workstation: w() },
        Outcome::LockedOut { workstation: w() },
        Outcome::WorkstationUntrusted { workstation: w() },
        Outcome::NoTunnel { endpoint: ([192, 0, 2, 1], 51820).into() },
        Outcome::NothingGranted,
        Outcome::NotWoken { workstation: w(), number: SessionNumber::new(7) },
        Outcome::Unreached { workstation: w(), number: SessionNumber::new(7), how: Unreached::Silent },
        Outcome::Unreached { workstation: w(), number: SessionNumber::new(7), how: Unreached::Refused },
    ] {
        let mut state = at_work(Instant::now());
        over(&mut state, outcome);
        let ended = ended(&state);
        let said = format!("{} {}", ended.sentence, ended.number.map(|number| number.to_string()).unwrap_or_default());
        assert_eq!(said.matches("0000-0007").count(), 1, "{ended:?}");
    }
}

#[test]
fn what_fails_before_a_session_has_a_number_of_its_own() {
    let support = Some(SessionNumber::new(9));
    let said = |mut state: State, news| {
        state.take(news, Instant::now());
        ended(&state).sentence.clone()
    };
    let unreached = |cause: &str| News::Over {
        outcome: Outcome::NotAGateway { cause: cause.to_owned() },
        server: "gw.comune.example".to_owned(),
        support,
    };
    let mut began = state();
    fill(&mut began);
    began.act(Act::Submit);
    let sentence = said(began, unreached("status 500"));
    assert!(sentence.ends_with("Support number: 0000-0009"), "{sentence}");
    let mut began = state();
    fill(&mut began);
    began.act(Act::Submit);
    let news = News::Over { outcome: Outcome::NoRdpProgram, server: String::new(), support };
    let sentence = said(began, news);
    assert!(sentence.contains("FreeRDP") && sentence.ends_with("Support number: 0000-0009"), "{sentence}");
    let sentence = said(at_work(Instant::now()), unreached("its UDP address is none"));
    assert!(!sentence.contains("0000-0009"), "a session has its own number: {sentence}");
}

#[test]
fn only_an_end_that_workers_make_or_expect_has_no_number() {
    let number = |outcome| {
        let mut state = at_work(Instant::now());
        over(&mut state, outcome);
        ended(&state).number
    };
    for reason in CloseReason::ALL {
        let expected =
            matches!(reason.word(), "worker_closed" | "program_ended" | "idle" | "agreement_ended" | "longest_session");
        let shown = number(Outcome::Ended { reason, idle_minutes: 15 });
        assert_eq!(shown.is_none(), expected, "{reason:?}");
    }
    for why in Why::ALL {
        let names = Names { workstation: "w".into(), program: "xfreerdp".into(), status: "status 11".into() };
        assert_eq!(number(Outcome::Desktop { why, names }).is_none(), why == Why::Away, "{why:?}");
    }
}

#[test]
fn no_sentence_in_the_window_sends_anybody_to_a_terminal() {
    let outcomes = || {
        [
            Outcome::ProgramFailed { program: "p".into(), status: "exit code 1".into() },
            Outcome::ProgramWentAway { program: "p".into() },
            Outcome::ProgramBroke { program: "p".into(), status: "exit code 1".into() },
            Outcome::ProgramMissing { program: "p".into(), cause: "gone".into() },
            Outcome::NoNetwork,
            Outcome::Unresolved,
            Outcome::Untimely,
            Outcome::OtherVersion,
            Outcome::Unreachable { cause: "no answer".into() },
            Outcome::Untrusted { cause: "another key".into() },
            Outcome::UntrustedAtPortal { cause: "another key".into() },
            Outcome::Portal,
        ]
    };
    for language in [Language::En, Language::It] {
        let mut sentences = Vec::new();
        for outcome in outcomes() {
            let mut state = at_work(Instant::now());
            state.language = language;
            over(&mut state, outcome);
            assert!(!ended(&state).well);
            sentences.push(ended(&state).sentence.clone());
        }
        let mut state = at_work(Instant::now());
        state.language = language;
        over(&mut state, Outcome::NoRdpProgram);
        sentences.push(ended(&state).sentence.clone());
        let path = || "new.deskgate".to_owned();
        let profiles = [
            Text::ProfileUnsigned { path: path() },
            Text::ProfileBroken { path: path() },
            Text::ProfileNewer { path: path() },
            Text::ProfileWrong { path: path() },
            Text::ProfileForeign { path: path(), forget: Forget::Button },
            Text::ProfileOld { path: path(), forget: None },
            Text::ProfileOld { path: path(), forget: Some(Forget::Button) },
            Text::ProfileAhead { path: path(), signed_at: 1_795_000_000, now: 1_790_000_000 },
        ];
        sentences.extend(profiles.map(|text| text.say(language)));
        for sentence in sentences {
            assert!(!sentence.contains("`deskgate"), "{sentence}");
            assert!(
                !sentence.contains("--") && !sentence.contains("above") && !sentence.contains("sopra"),
                "{sentence}"
            );
        }
    }
}

use super::{
    super::{
        Act, News,
        tests::{at_work, fill, signed_in, state, working},
    },
    *,
};

fn answer(about: About, question: u32, yes: bool) -> Act {
    Act::Press(Button::Answer { about, question, yes })
}

#[test]
fn nothing_is_recorded_without_a_yes_and_a_recording_is_ended_here() {
    let now = Instant::now();
    let mut state = at_work(now);
    let asked = |question| News::Told(Event::TraceAsked { question, seconds: 600, answer_s: 60 });
    state.take(asked(1), now);
    assert!(matches!(state.act(answer(About::Trace, 1, false)), Some(Wish::Press(Button::Answer { yes: false, .. }))));
    assert_eq!(working(&state).consents.trace, None);
    state.take(asked(2), now);
    assert!(matches!(state.act(answer(About::Trace, 2, true)), Some(Wish::Press(Button::Answer { yes: true, .. }))));
    state.take(News::Told(Event::TraceBegun { seconds: 600, by_key: false }), now);
    assert_eq!(working(&state).consents.trace, Some(Consent::Running(Running::Trace { seconds: 600 })));
    assert!(matches!(state.act(Act::Press(Button::End(About::Trace))), Some(Wish::Press(Button::End(About::Trace)))));
    state.take(News::Told(Event::TraceEnded), now);
    assert_eq!(working(&state).consents.trace, None);
}

fn assistance_asked(question: u32) -> News {
    let (technician, reason) = ("g.neri".into(), "the printer".into());
    News::Told(Event::AssistanceAsked { question, technician, reason, seconds: 900, answer_s: 60 })
}

fn assistance_begun() -> News {
    News::Told(Event::AssistanceBegun { technician: "g.neri".into(), seconds: 900, ends_at: 0, by_key: false })
}

#[test]
fn a_technician_comes_by_a_yes_and_is_shown_until_the_end() {
    let now = Instant::now();
    let mut state = at_work(now);
    state.take(assistance_asked(1), now);
    state.take(News::Told(Event::TraceAsked { question: 1, seconds: 600, answer_s: 60 }), now);
    state.act(answer(About::Trace, 1, false));
    assert!(matches!(working(&state).consents.assistance, Some(Consent::Asked(_))), "the other question stands");
    state.act(answer(About::Assistance, 1, true));
    assert!(matches!(working(&state).consents.assistance, Some(Consent::Agreed(_))));
    state.take(assistance_begun(), now);
    let is_shown = |state: &State| {
        let running = working(state).consents.assistance.clone();
        matches!(running, Some(Consent::Running(Running::Assistance { technician, .. })) if technician == "g.neri")
    };
    assert!(is_shown(&state));
    state.act(Act::Press(Button::End(About::Assistance)));
    assert!(is_shown(&state), "until the gateway says that it is over");
    state.take(News::Told(Event::AssistanceEnded), now);
    assert_eq!(working(&state).consents.assistance, None);
}

#[test]
fn a_yes_to_a_question_that_is_gone_agrees_to_no_other() {
    let now = Instant::now();
    let mut state = at_work(now);
    state.take(assistance_asked(1), now);
    state.take(News::Told(Event::AssistanceTakenBack), now);
    state.take(assistance_asked(2), now);
    state.act(answer(About::Assistance, 1, true));
    assert!(matches!(&working(&state).consents.assistance, Some(Consent::Asked(asked)) if asked.question == 2));
}

#[test]
fn a_yes_counts_once_there_was_time_to_read() {
    let now = Instant::now();
    let mut state = at_work(now);
    state.take(assistance_asked(1), now);
    let counts = |state: &State, now| match &working(state).consents.assistance {
        Some(Consent::Asked(asked)) => asked.counts(now),
        other => panic!("{other:?}"),
    };
    let wait = working(&state).consents.next_change(now).expect("the button counts then");
    assert!(state.next_change(now) <= Some(wait), "the window is drawn by then");
    assert!(!counts(&state, now) && counts(&state, now + wait));
    assert_eq!(wait, Duration::from_secs(1));
}

#[test]
fn a_technician_who_comes_while_the_workstation_wakes_is_shown_there_too() {
    let now = Instant::now();
    let mut state = state();
    fill(&mut state);
    state.act(Act::Submit);
    for event in [signed_in(), Event::Waking { workstation: "anagrafe-07".into() }] {
        state.take(News::Told(event), now);
    }
    state.take(assistance_asked(1), now);
    state.act(answer(About::Assistance, 1, true));
    state.take(assistance_begun(), now);
    let shown = state.working().expect("a session").consents.shown().count();
    assert_eq!((matches!(state.scene, Scene::Connecting(_)), shown), (true, 1));
    state.take(News::Told(Event::DesktopBegins), now);
    assert_eq!(working(&state).consents.shown().count(), 1);
}

use std::time::Instant;

use gateway_api::{
    CloseReason,
    login::{Refusal, RefusalCode},
};

use super::{
    super::{
        Act, Field, News, Purpose, Scene, State, What,
        tests::{fill, form, over, refused, state},
    },
    *,
};
use crate::session::Outcome;

/// Name, password and the office's code are right: the app is shown its secret.
fn enrolling() -> State {
    let mut state = state();
    state.act(Act::Turn(Purpose::Enrol));
    fill(&mut state);
    assert!(state.act(Act::Submit).is_none(), "nobody enrols without a code from the office");
    assert_eq!(form(&mut state).focus, Some(Field::Code));
    *form(&mut state).code = " AAAA-BBBB ".to_owned();
    let Some(Wish::Begin(errand)) = state.act(Act::Submit) else { panic!("nothing begun") };
    assert!(errand.code.is_none() && matches!(&errand.what, What::Enrol(code) if code.expose() == "AAAA-BBBB"));
    let secret = Code::new("GEZDGNBVGY3TQOJQ".to_owned());
    state.take(News::Secret { office: "gw.comune.example".into(), secret }, Instant::now());
    state
}

fn shown(state: &mut State) -> &mut Enrolling {
    match &mut state.scene {
        Scene::Enrolling(enrolling) => enrolling,
        _ => panic!("no secret is shown"),
    }
}

/// The worker writes what the app shows.
fn write(state: &mut State, code: &str) -> Option<Wish> {
    *shown(state).code = code.to_owned();
    state.act(Act::Submit)
}

fn not_confirmed(state: &mut State) -> Option<Wish> {
    let refusal = Refusal {
        code: RefusalCode::FactorNotConfirmed,
        message: "Not the code.".into(),
        support: "K7QM-2F9D".into(),
        retry_after_s: None,
    };
    state.take(News::NotConfirmed(refusal), Instant::now())
}

#[test]
fn a_phone_is_set_up_with_the_offices_code_and_the_apps() {
    let mut state = enrolling();
    assert_eq!(shown(&mut state).key.as_str(), "GEZD GNBV GY3T QOJQ");
    assert!(shown(&mut state).picture.is_some());
    assert!(write(&mut state, " ").is_none() && shown(&mut state).said.is_some());
    assert!(write(&mut state, &"1".repeat(LONGEST_CODE + 1)).is_none() && shown(&mut state).said.is_some());
    assert!(matches!(write(&mut state, " 123456 "), Some(Wish::Code(code)) if code.expose() == "123456"));
    assert!(shown(&mut state).code.is_empty() && shown(&mut state).said.is_none());
    assert!(write(&mut state, "654321").is_none(), "one at a time");
    assert!(not_confirmed(&mut state).is_none());
    let said = shown(&mut state).said.clone().expect("why");
    assert!(said.tone == Tone::Bad && said.sentence.contains("Not the code."), "{said:?}");
    assert!(write(&mut state, "654321").is_some(), "and once more");
    state.take(News::Enrolled(vec![Code::new("RRRR-1111".to_owned())]), Instant::now());
    assert!(matches!(&state.scene, Scene::Enrolled(codes) if codes.len() == 1));
    state.act(Act::Back);
    assert_eq!((form(&mut state).purpose, form(&mut state).user.as_str()), (Purpose::SignIn, "m.rossi"));
}

#[test]
fn recovery_codes_are_seen_by_whoever_wanted_to_leave_meanwhile() {
    let mut state = enrolling();
    write(&mut state, "123456");
    assert!(state.act(Act::Back).is_none() && state.act(Act::Leave).is_none(), "the answer may be the codes");
    state.take(News::Enrolled(vec![Code::new("RRRR-1111".to_owned())]), Instant::now());
    assert!(matches!(state.scene, Scene::Enrolled(_)));
    assert!(matches!(state.act(Act::Leave), Some(Wish::Go)));

    let mut state = enrolling();
    write(&mut state, "123456");
    state.act(Act::Leave);
    assert!(matches!(not_confirmed(&mut state), Some(Wish::Go)), "nothing is left to see");
}

#[test]
fn setting_a_phone_up_is_given_up_or_refused_back_to_a_form() {
    let given_up = || Outcome::Ended { reason: CloseReason::WorkerClosed, idle_minutes: 0 };
    let mut state = enrolling();
    assert!(matches!(state.act(Act::Back), Some(Wish::Enough)));
    over(&mut state, given_up());
    assert_eq!(form(&mut state).purpose, Purpose::SignIn);
    let mut state = enrolling();
    write(&mut state, "123456");
    refused(&mut state, RefusalCode::WrongCredentials);
    assert_eq!(form(&mut state).purpose, Purpose::Enrol, "the office's code had its time");
    assert!(form(&mut state).said.is_some());
}

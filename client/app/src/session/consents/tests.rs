use super::*;

fn after(seconds: u64, now: Instant) -> Instant {
    now + Duration::from_secs(seconds)
}

fn trace(number: u32, now: Instant) -> Question {
    Question { number, matter: Matter::Trace { seconds: 600 }, until: after(60, now) }
}

fn assistance(number: u32, now: Instant) -> Question {
    let (technician, reason) = ("g.neri".to_owned(), "the printer".to_owned());
    Question { number, matter: Matter::Assistance { technician, reason, seconds: 900 }, until: after(60, now) }
}

fn assistance_asked(question: u32, answer_s: u32) -> Step {
    let (technician, reason) = ("g.neri".to_owned(), "the printer".to_owned());
    Step::Tell(Event::AssistanceAsked { question, technician, reason, seconds: 900, answer_s })
}

fn trace_asked(question: u32, answer_s: u32) -> Step {
    Step::Tell(Event::TraceAsked { question, seconds: 600, answer_s })
}

fn there(technician: &str, seconds: u32, ends_at: i64) -> Running {
    Running::Assistance { technician: technician.to_owned(), seconds, ends_at }
}

fn begun_event(technician: &str) -> Event {
    there(technician, 900, 0).begun(true)
}

fn begin(consents: &mut Consents, technician: &str, now: Instant) -> Vec<Step> {
    consents.begun(there(technician, 900, 0), true, now)
}

fn begin_trace(consents: &mut Consents, now: Instant) -> Vec<Step> {
    consents.begun(Running::Trace { seconds: 600 }, true, now)
}

const YES: Answer = Answer::Line(Line::Yes);
const ENTER: Answer = Answer::Line(Line::Empty);
const NO: Answer = Answer::Line(Line::Other);

fn button(about: About, question: u32, yes: bool) -> Answer {
    Answer::Button(Button::Answer { about, question, yes })
}

fn said(about: About, question: u32, consent: bool) -> Step {
    Step::Request(answer(about, question, consent))
}

#[test]
fn a_technician_is_asked_for_let_in_shown_and_sent_away_by_a_key() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    let steps = consents.asked(assistance(7, now), Asking::OneByOne, now);
    assert_eq!(steps, [Step::Listen, assistance_asked(7, 60)]);
    assert_eq!(consents.answered(YES, after(1, now)), [said(About::Assistance, 7, true)]);
    assert_eq!(consents.answered(YES, after(1, now)), [], "answered once");
    assert_eq!(begin(&mut consents, "g.neri", now), [Step::Listen, Step::Tell(begun_event("g.neri"))]);
    assert_eq!(consents.answered(ENTER, now), [Step::Request(Request::EndAssistance)]);
    assert_eq!(consents.ended(About::Assistance, now), [Step::Tell(Event::AssistanceEnded), Step::Stop]);
    assert_eq!(consents.answered(ENTER, now), []);
}

#[test]
fn only_a_yes_is_a_yes_and_a_question_may_be_taken_back() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    for line in [NO, ENTER] {
        consents.asked(assistance(7, now), Asking::OneByOne, now);
        let refused = [said(About::Assistance, 7, false), Step::Tell(Event::AssistanceRefused), Step::Stop];
        assert_eq!(consents.answered(line, now), refused);
    }
    consents.asked(assistance(8, now), Asking::OneByOne, now);
    assert_eq!(consents.ended(About::Assistance, now), [Step::Tell(Event::AssistanceTakenBack), Step::Stop]);
    assert_eq!(consents.answered(YES, after(1, now)), [], "too late");
}

#[test]
fn where_nobody_can_be_asked_the_answer_is_no_at_once() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    let told = Step::Tell(Event::AssistanceUnasked { technician: "g.neri".to_owned() });
    let steps = consents.asked(assistance(7, now), Asking::Nobody, now);
    assert_eq!(steps, [said(About::Assistance, 7, false), told]);
    let steps = consents.asked(trace(8, now), Asking::Nobody, now);
    assert_eq!(steps, [said(About::Trace, 8, false), Step::Tell(Event::TraceUnasked)]);
}

#[test]
fn at_a_terminal_the_second_question_waits_for_its_turn() {
    for first_answer in [YES, NO] {
        let (mut consents, now) = (Consents::default(), Instant::now());
        consents.asked(trace(1, now), Asking::OneByOne, now);
        assert_eq!(consents.asked(assistance(2, now), Asking::OneByOne, now), []);
        let steps = consents.answered(first_answer, after(20, now));
        assert_eq!(steps[0], said(About::Trace, 1, first_answer == YES));
        let its_turn = [Step::Listen, assistance_asked(2, 40)];
        assert_eq!(steps[steps.len() - 2..], its_turn, "what was typed before is forgotten");
        assert_eq!(consents.answered(YES, after(21, now)), [said(About::Assistance, 2, true)]);
    }
}

#[test]
fn a_question_whose_time_is_over_before_its_turn_is_a_no_and_told() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    consents.asked(assistance(1, now), Asking::OneByOne, now);
    consents.asked(trace(2, now), Asking::OneByOne, now);
    let steps = consents.answered(YES, after(61, now));
    let no = [said(About::Trace, 2, false), Step::Tell(Event::TraceUnasked)];
    assert_eq!(steps[1..], no);
    consents.asked(trace(3, now), Asking::OneByOne, now);
    assert_eq!(consents.ended(About::Trace, now), [Step::Tell(Event::TraceTakenBack)]);
}

#[test]
fn a_question_that_is_taken_back_lets_the_next_one_be_asked() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    consents.asked(assistance(1, now), Asking::OneByOne, now);
    consents.asked(trace(2, now), Asking::OneByOne, now);
    let steps = consents.ended(About::Assistance, now);
    assert_eq!(steps, [Step::Tell(Event::AssistanceTakenBack), Step::Listen, trace_asked(2, 60)]);
}

#[test]
fn in_a_window_each_question_has_its_own_buttons_and_none_answers_a_later_one() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    assert_eq!(consents.asked(trace(1, now), Asking::SideBySide, now).len(), 2);
    assert_eq!(consents.asked(assistance(2, now), Asking::SideBySide, now).len(), 2);
    assert_eq!(consents.answered(button(About::Assistance, 1, true), now), [], "the other's number");
    assert_eq!(consents.answered(button(About::Trace, 1, true), now), [said(About::Trace, 1, true)]);
    consents.ended(About::Assistance, now);
    consents.asked(assistance(3, now), Asking::SideBySide, now);
    assert_eq!(consents.answered(button(About::Assistance, 2, true), now), [], "pressed for the one before");
    assert_eq!(consents.answered(Answer::Button(Button::End(About::Assistance)), now), [], "nothing goes on");
    assert_eq!(consents.answered(button(About::Assistance, 3, true), now), [said(About::Assistance, 3, true)]);
    begin(&mut consents, "g.neri", now);
    let end = Answer::Button(Button::End(About::Assistance));
    assert_eq!(consents.answered(end, now), [Step::Request(Request::EndAssistance)]);
}

#[test]
fn enter_ends_what_goes_on_and_never_answers_a_question_meanwhile() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    begin_trace(&mut consents, now);
    consents.asked(assistance(1, now), Asking::OneByOne, now);
    assert_eq!(consents.answered(ENTER, now), [Step::Request(Request::EndTrace)]);
    assert_eq!(consents.answered(YES, after(1, now)), [said(About::Assistance, 1, true)], "the question stands");
    consents.ended(About::Trace, now);
    begin(&mut consents, "g.neri", now);
    begin_trace(&mut consents, now);
    assert_eq!(consents.answered(ENTER, now), [Step::Request(Request::EndAssistance)], "the line that stands last");
    assert_eq!(consents.answered(ENTER, now), [Step::Request(Request::EndTrace)]);
}

#[test]
fn a_yes_that_is_typed_before_the_question_could_be_read_is_none_and_it_is_asked_again() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    consents.asked(assistance(7, now), Asking::OneByOne, now);
    let soon = now + TO_READ - Duration::from_millis(1);
    assert_eq!(consents.answered(YES, soon), [Step::Listen, assistance_asked(7, 60)]);
    let late = Answer::Line(Line::Late);
    assert_eq!(consents.answered(late, after(3, now)), [Step::Listen, assistance_asked(7, 57)], "meant for another");
    assert_eq!(consents.answered(YES, now + TO_READ), [said(About::Assistance, 7, true)]);
    assert_eq!([YES, late].map(|twice| consents.answered(twice, now)), [vec![], vec![]], "a yes ends nothing");
    // A no counts at once.
    consents.asked(assistance(8, now), Asking::OneByOne, now);
    assert_eq!(consents.answered(NO, now)[0], said(About::Assistance, 8, false));
}

#[test]
fn a_yes_outlives_a_lost_line_for_the_technician_may_be_there_meanwhile() {
    let agreed = |now| {
        let mut consents = Consents::default();
        consents.asked(assistance(1, now), Asking::OneByOne, now);
        consents.answered(YES, after(1, now));
        assert_eq!(consents.lost(now), [], "nobody knows whether one comes");
        assert_eq!(consents.poll_timeout(), None);
        consents.attached(now);
        consents
    };
    let now = Instant::now();
    let mut came = agreed(now);
    assert_eq!(begin(&mut came, "g.neri", now), [Step::Listen, Step::Tell(begun_event("g.neri"))]);
    assert_eq!(came.poll_timeout(), None);

    let mut stayed_away = agreed(now);
    let until = stayed_away.poll_timeout().unwrap();
    assert_eq!(until, now + TOLD_AGAIN);
    assert_eq!(stayed_away.handle_timeout(until), [Step::Tell(Event::AssistanceTakenBack), Step::Stop]);
}

#[test]
fn a_yes_is_taken_back_before_the_technician_comes() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    consents.asked(assistance(1, now), Asking::OneByOne, now);
    consents.answered(YES, after(1, now));
    assert_eq!(consents.answered(ENTER, now), [], "a second Enter by habit");
    let end = Answer::Button(Button::End(About::Assistance));
    assert_eq!(consents.answered(end, now), [Step::Request(Request::EndAssistance)]);
    // One who comes all the same, as the line was lost, is sent away.
    let sent_away = Step::Request(Request::EndAssistance);
    assert_eq!(begin(&mut consents, "g.neri", now)[2..], [sent_away]);
    assert_eq!(consents.ended(About::Assistance, now), [Step::Tell(Event::AssistanceEnded), Step::Stop]);
}

#[test]
fn a_technician_outlives_a_lost_line_and_a_question_does_not() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    consents.asked(assistance(1, now), Asking::OneByOne, now);
    assert_eq!(consents.lost(now), [Step::Tell(Event::AssistanceTakenBack), Step::Stop]);

    begin(&mut consents, "g.neri", now);
    begin_trace(&mut consents, now);
    assert_eq!(consents.lost(now), [Step::Tell(Event::TraceEnded)], "it stays shown");
    consents.attached(now);
    assert_eq!(begin(&mut consents, "g.neri", now), [], "told again");
    assert_eq!(consents.poll_timeout(), None);
}

#[test]
fn an_end_that_the_lost_line_swallowed_is_asked_for_again() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    begin(&mut consents, "g.neri", now);
    consents.answered(ENTER, now);
    consents.lost(now);
    consents.attached(now);
    assert_eq!(begin(&mut consents, "g.neri", now), [Step::Request(Request::EndAssistance)]);
}

#[test]
fn who_left_while_the_line_was_lost_is_told_to_be_gone() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    begin(&mut consents, "g.neri", now);
    consents.lost(now);
    consents.attached(now);
    let until = consents.poll_timeout().unwrap();
    assert_eq!(consents.handle_timeout(now), []);
    assert_eq!(consents.handle_timeout(until), [Step::Tell(Event::AssistanceEnded), Step::Stop]);
    assert_eq!(consents.poll_timeout(), None);

    begin(&mut consents, "g.neri", now);
    let steps = begin(&mut consents, "x.bianchi", now);
    assert_eq!(steps[0], Step::Tell(Event::AssistanceEnded), "another one is another assistance");
    let steps = consents.asked(assistance(4, now), Asking::OneByOne, now);
    assert_eq!(steps[0], Step::Tell(Event::AssistanceEnded), "whoever asks is not there yet");
}

#[test]
fn an_end_that_moves_is_said_once_and_the_same_end_again_is_not() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    begin(&mut consents, "g.neri", now);
    assert_eq!(consents.begun(there("g.neri", 895, 5), true, now), [], "it took its time");
    let moved = |seconds, ends_at| {
        Step::Tell(Event::AssistanceMoved { technician: "g.neri".to_owned(), seconds, ends_at, by_key: true })
    };
    assert_eq!(consents.begun(there("g.neri", 300, -600), true, now), [moved(300, -600)]);
    assert_eq!(consents.begun(there("g.neri", 299, -600), true, now), []);
    assert_eq!(consents.begun(there("g.neri", 900, 1), true, now), [moved(900, 1)], "later again");
    assert_eq!(consents.answered(ENTER, now), [Step::Request(Request::EndAssistance)]);
    let asked_again = Step::Request(Request::EndAssistance);
    assert_eq!(consents.begun(there("g.neri", 60, -840), true, now), [moved(60, -840), asked_again]);
}

#[test]
fn an_end_that_moved_while_the_line_was_lost_is_said_when_it_is_back() {
    let (mut consents, now) = (Consents::default(), Instant::now());
    begin(&mut consents, "g.neri", now);
    consents.lost(now);
    consents.attached(now);
    let technician = "g.neri".to_owned();
    let moved = Event::AssistanceMoved { technician, seconds: 60, ends_at: -840, by_key: true };
    assert_eq!(consents.begun(there("g.neri", 60, -840), true, now), [Step::Tell(moved)]);
    assert_eq!(consents.poll_timeout(), None, "confirmed as well");
}

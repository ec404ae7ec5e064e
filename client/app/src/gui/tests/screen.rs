//! Whether the desktop fills the screen: chosen by keyboard, and kept.

use super::*;
use crate::gui::state::{Choice, What};

#[test]
fn that_the_desktop_fills_the_screen_is_chosen_by_keyboard_with_the_way_back_beside_it() {
    for language in [Language::It, Language::En] {
        let words = labels(language);
        let mut harness = window(signed_out(language));
        assert!(!heard(&harness).contains(words.way_back));
        harness.get_by_label(words.fill_screen).focus();
        harness.run();
        harness.key_press(Key::Space);
        harness.run();
        assert_eq!(harness.state().wishes, ["remember"]);
        assert!(heard(&harness).contains(words.way_back), "{}", heard(&harness));
        harness.key_press(Key::Space);
        harness.run();
        assert!(!heard(&harness).contains(words.way_back));
    }
}

#[test]
fn what_was_chosen_goes_with_each_sign_in_from_then_on() {
    let mut state = signed_out(Language::En);
    let wish = state.act(Act::Show(Screen::Full));
    assert!(matches!(wish, Some(Wish::Remember(Choice::Screen(Screen::Full)))));
    state.act(Act::Turn(Purpose::ShowRecord));
    state.act(Act::Back);
    let Scene::Form(form) = &mut state.scene else { panic!("no form") };
    form.user = "m.rossi".to_owned();
    form.password.insert("secret", 0);
    let Some(Wish::Begin(errand)) = state.act(Act::Submit) else { panic!("nothing begun") };
    assert!(matches!(errand.what, What::Work(Some(Screen::Full))));
}

#[test]
fn nothing_is_to_be_chosen_where_it_would_do_nothing() {
    let offered = |state: State| heard(&window(state)).contains(labels(Language::En).fill_screen);
    assert!(offered(signed_out(Language::En)));
    let given = Known { server: Server::parse("gw.comune.example"), ..Known::default() };
    assert!(!offered(State::new(Language::En, Look::Light, None, given)), "a command of the person's");
    for purpose in [Purpose::ChangePassword, Purpose::ShowRecord, Purpose::Enrol] {
        let mut state = signed_out(Language::En);
        state.act(Act::Turn(purpose));
        assert!(!offered(state), "{purpose:?}");
    }
}

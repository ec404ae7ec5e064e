//! What is wrong with a profile that is none of the office which is known, and the question whether that one is to be forgotten.

use egui::Ui;
use gateway_api::login::Language;

use super::{
    super::{
        state::{Act, Said, Stranger, StrangerStep, Tone},
        theme::Palette,
    },
    parts,
};
use crate::words::{Text, window::Labels};

/// No button that forgets has the keyboard from the start: somebody may have sent the profile to have just that pressed.
pub(super) fn draw(
    ui: &mut Ui,
    look: &Palette,
    labels: &Labels,
    language: Language,
    stranger: &Stranger,
) -> Option<Act> {
    match stranger.step {
        StrangerStep::Told => {
            parts::title(ui, labels.failed_title);
            parts::sentence(ui, look, &Said::new(Tone::Bad, stranger.sentence.as_str()));
            ui.add_space(10.0);
            let leave = parts::with_keyboard(parts::first_button(ui, look, labels.leave)).clicked();
            let forget = parts::button(ui, labels.forget_office).clicked();
            leave.then_some(Act::Leave).or(forget.then_some(Act::Forget))
        }
        StrangerStep::Asked => {
            parts::title(ui, labels.forget_question);
            parts::sentence(ui, look, &Said::new(Tone::Warning, labels.forget_consequence));
            ui.add_space(10.0);
            let no = parts::with_keyboard(parts::first_button(ui, look, labels.forget_no)).clicked();
            let yes = parts::button(ui, labels.forget_yes).clicked();
            let no = no || parts::escape(ui);
            no.then_some(Act::Forgets(false)).or(yes.then_some(Act::Forgets(true)))
        }
        StrangerStep::Forgotten => {
            parts::title(ui, labels.forgotten_title);
            parts::sentence(ui, look, &Said::new(Tone::Good, Text::OfficeForgotten.say(language)));
            ui.label(labels.forgotten_task);
            ui.add_space(10.0);
            let leave = parts::with_keyboard(parts::first_button(ui, look, labels.leave));
            leave.clicked().then_some(Act::Leave)
        }
    }
}

//! Whether the profile is the office's: six words, to be compared with its letter.

use egui::{Grid, RichText, Ui};
use gateway_api::profile::Words;

use super::{
    super::{
        state::{Act, Said, Tone},
        theme::Palette,
    },
    parts,
};
use crate::words::window::Labels;

/// The button that says yes has not the keyboard from the start: nobody accepts an office by pressing Enter once too often.
pub(super) fn draw(ui: &mut Ui, look: &Palette, labels: &Labels, words: &Words) -> Option<Act> {
    parts::title(ui, labels.first_use_title);
    ui.label(labels.first_use_task);
    ui.add_space(4.0);
    parts::card(ui, look, |ui| {
        Grid::new("words").num_columns(2).spacing([28.0, 8.0]).show(ui, |ui| {
            for (at, word) in words.each().into_iter().enumerate() {
                ui.label(RichText::new(format!("{}. {word}", at + 1)).size(22.0).strong());
                if at % 2 == 1 {
                    ui.end_row();
                }
            }
        });
    });
    ui.add_space(4.0);
    parts::sentence(ui, look, &Said { tone: Tone::Warning, sentence: labels.first_use_warning.to_owned() });
    ui.add_space(6.0);
    if parts::first_button(ui, look, labels.words_are_same).clicked() {
        return Some(Act::Compare(true));
    }
    let other = parts::button(ui, labels.words_are_others).clicked() || parts::escape(ui);
    other.then_some(Act::Compare(false))
}

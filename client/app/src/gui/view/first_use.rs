//! Whether the profile is the office's: six words, to be compared with its letter.

use egui::{FontId, Grid, RichText, Ui};
use gateway_api::profile::Words;

use super::{
    super::{
        state::{Act, Said, Tone},
        theme::Palette,
    },
    parts,
};
use crate::words::window::Labels;

/// How large the words are, in points.
const SIZE: f32 = 22.0;
/// Between two columns of words, in points.
const BETWEEN: f32 = 28.0;

/// The button that says yes has not the keyboard from the start: nobody accepts an office by pressing Enter once too often.
pub(super) fn draw(ui: &mut Ui, look: &Palette, labels: &Labels, words: &Words) -> Option<Act> {
    parts::title(ui, labels.first_use_title);
    ui.label(labels.first_use_task);
    ui.add_space(4.0);
    parts::card(ui, look, |ui| {
        let lines: Vec<String> = (1..).zip(words.each()).map(|(at, word)| format!("{at}. {word}")).collect();
        let width_of = |line: &String| parts::width_of(ui, line, FontId::proportional(SIZE));
        let widest = lines.iter().map(width_of).fold(0.0, f32::max);
        let columns = if 2.0 * widest + BETWEEN <= ui.available_width() { 2 } else { 1 };
        Grid::new("words").num_columns(columns).spacing([BETWEEN, 8.0]).show(ui, |ui| {
            for row in lines.chunks(columns) {
                for line in row {
                    ui.label(RichText::new(line).size(SIZE).strong());
                }
                ui.end_row();
            }
        });
    });
    ui.add_space(4.0);
    parts::sentence(ui, look, &Said::new(Tone::Warning, labels.first_use_warning));
    ui.add_space(6.0);
    if parts::first_button(ui, look, labels.words_are_same).clicked() {
        return Some(Act::Compare(true));
    }
    let other = parts::button(ui, labels.words_are_others).clicked() || parts::escape(ui);
    other.then_some(Act::Compare(false))
}

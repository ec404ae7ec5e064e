//! What is long: the texts that the office wants read, and what is recorded about the worker.

use egui::{RichText, Ui};
use gateway_api::{
    login::Language,
    record::{Own, Record},
};

use super::{
    super::{
        state::{Act, Said, Tone},
        theme::Palette,
    },
    parts,
};
use crate::{
    answers::Button,
    words::{self, Text, window::Labels},
};

/// Each in full; the buttons come after the last line.
pub(super) fn notices(ui: &mut Ui, look: &Palette, labels: &Labels, texts: &[(String, String)]) -> Option<Act> {
    parts::title(ui, labels.reading_title);
    for (name, text) in texts {
        parts::card(ui, look, |ui| {
            parts::small(ui, look, name);
            ui.label(text.trim());
        });
        ui.add_space(6.0);
    }
    ui.label(labels.reading_meaning);
    if parts::first_button(ui, look, labels.read).clicked() {
        return Some(Act::Press(Button::Read(true)));
    }
    let not_now = parts::button(ui, labels.not_read).clicked() || parts::escape(ui);
    not_now.then_some(Act::Press(Button::Read(false)))
}

/// Who looked, then what there is, the newest first.
pub(super) fn record(ui: &mut Ui, look: &Palette, labels: &Labels, language: Language, own: &Own) -> Option<Act> {
    parts::title(ui, labels.record_title);
    let back = parts::button(ui, labels.back).clicked() || parts::escape(ui);
    let mut say = |tone, sentence: String| parts::sentence(ui, look, &Said::new(tone, sentence));
    for opening in &own.openings {
        let text = Text::Looked { opening: Box::new(opening.clone()) };
        say(Tone::Warning, text.say(language));
    }
    if own.openings.is_empty() {
        say(Tone::Good, Text::NobodyLooked.say(language));
    }
    if own.records.is_empty() {
        say(Tone::Plain, Text::OwnRecord { records: 0, left_off: 0 }.say(language));
    } else {
        parts::small(ui, look, labels.record_sealed);
    }
    for record in own.records.iter().rev() {
        entry(ui, look, labels, language, record);
    }
    if own.left_off > 0 {
        parts::small(ui, look, &(labels.record_left_off)(own.left_off));
    }
    back.then_some(Act::Back)
}

/// One record: what it is in words, and exactly what stands in the log.
fn entry(ui: &mut Ui, look: &Palette, labels: &Labels, language: Language, record: &Record) {
    parts::card(ui, look, |ui| {
        let what = (labels.kind)(&record.kind).unwrap_or(&record.kind);
        ui.label(RichText::new(format!("{}   {what}", words::moment(record.at, language))));
        let session = record.session.map(|number| number.to_string()).unwrap_or_default();
        let fields: String = record.fields.iter().map(|(name, value)| format!("  {name}={value}")).collect();
        parts::small(ui, look, format!("{}  {session}{fields}", record.kind).trim());
    });
}

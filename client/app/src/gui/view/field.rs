//! Fields to write in, each under its label.

use std::ops::Range;

use egui::{Align2, Key, RichText, TextBuffer, TextEdit, TextStyle, Ui, text::CharIndex};

use super::{
    super::{theme::Palette, typed::Typed},
    parts,
};

/// Between a field's edge and what is written in it, in points.
const SIDE: i8 = 10;

/// A field for text. True if Enter was pressed in it.
pub(super) fn line(
    ui: &mut Ui,
    look: &Palette,
    (label, hint): (&str, &str),
    text: &mut dyn TextBuffer,
    focus: bool,
) -> bool {
    let hint_width = parts::width_of(ui, hint, TextStyle::Body.resolve(ui.style()));
    let hint = RichText::new(hint).color(look.muted);
    let edit = TextEdit::singleline(text);
    if hint_width <= ui.available_width() - 2.0 * f32::from(SIDE) {
        named(ui, (label, None), edit.hint_text(hint), focus)
    } else {
        // In the field it would be cut short.
        named(ui, (label, Some(hint.small())), edit, focus)
    }
}

/// A field for a password. True if Enter was pressed in it.
pub(super) fn password(ui: &mut Ui, label: &str, typed: &mut Typed, focus: bool) -> bool {
    named(ui, (label, None), TextEdit::singleline(typed).password(true), focus)
}

fn named(ui: &mut Ui, (label, hint): (&str, Option<RichText>), edit: TextEdit<'_>, focus: bool) -> bool {
    let label = ui.label(label);
    if let Some(hint) = hint {
        ui.label(hint);
    }
    let edit = edit.desired_width(f32::INFINITY).margin(egui::Margin::symmetric(SIDE, 9)).align(Align2::LEFT_CENTER);
    let response = parts::seen(ui.add(edit).labelled_by(label.id));
    if focus {
        response.request_focus();
    }
    ui.add_space(4.0);
    response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter))
}

/// What draws the field sees dots.
impl TextBuffer for Typed {
    fn is_mutable(&self) -> bool {
        true
    }

    fn as_str(&self) -> &str {
        self.dots()
    }

    fn insert_text(&mut self, text: &str, place: CharIndex) -> usize {
        self.insert(text, place.0)
    }

    fn delete_char_range(&mut self, range: Range<CharIndex>) {
        self.remove(range.start.0, range.end.0);
    }

    /// Only what takes typing back does this, and all it has is dots: a password is written anew, not taken back.
    fn replace_with(&mut self, _: &str) {}

    fn take(&mut self) -> String {
        self.clear();
        String::new()
    }

    fn type_id(&self) -> std::any::TypeId {
        std::any::TypeId::of::<Self>()
    }
}

//! Draws what the model shows and tells what a person did. It decides nothing and remembers nothing.
//!
//! Everything has a name for screen readers; each field is named by the label above it. What a sign or a colour says, a word says too.

mod consents;
mod enrolling;
mod field;
mod first_use;
mod form;
mod parts;
mod reading;
mod session;
mod stranger;

use std::time::Instant;

use egui::{Align, Key, Layout, RichText, ScrollArea, Ui};
use gateway_api::login::Language;

use super::{
    state::{Act, Look, Scene, State},
    theme::{Palette, palette},
};
use crate::words::Text;

/// How wide lines get, in points: longer ones are hard to read.
const WIDTH: f32 = 440.0;
/// From how wide a head on the name stands in it, in points.
const NAMED: f32 = 310.0;
/// How far a key scrolls, in points.
const LINE: f32 = 40.0;

/// Draws the window. What the person did, if anything.
pub(crate) fn draw(ui: &mut Ui, state: &mut State, now: Instant) -> Option<Act> {
    let look = palette(state.look);
    let mut act = None;
    egui::Panel::top("head").show_separator_line(false).show(ui, |ui| act = head(ui, state, look));
    if let Some(phone) = state.help.clone() {
        egui::Panel::bottom("help").show_separator_line(false).show(ui, |ui| {
            ui.add_space(4.0);
            ui.vertical_centered(|ui| parts::small(ui, look, &Text::HelpDesk { phone }.say(state.language)));
            ui.add_space(4.0);
        });
    }
    egui::CentralPanel::default().show(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            scroll_by_keys(ui);
            let margin = ((ui.available_width() - WIDTH) / 2.0).max(8.0);
            ui.horizontal_top(|ui| {
                ui.add_space(margin);
                ui.vertical(|ui| {
                    ui.set_width((ui.available_width() - margin).min(WIDTH));
                    if let Some(said) = &state.aside {
                        parts::sentence(ui, look, said);
                    }
                    act = act.or(scene(ui, state, look, now));
                });
            });
        });
    });
    act
}

fn scene(ui: &mut Ui, state: &mut State, look: &Palette, now: Instant) -> Option<Act> {
    let (labels, screen) = (state.labels(), state.screen());
    let pressed =
        state.working().and_then(|working| consents::draw(ui, look, labels, state.language, &working.consents, now));
    if state.close_asked {
        return pressed.or(session::close_question(ui, look, labels));
    }
    let act = match &mut state.scene {
        Scene::FirstUse(words) => first_use::draw(ui, look, labels, words),
        Scene::Stranger(stranger) => stranger::draw(ui, look, labels, state.language, stranger),
        Scene::Form(form) => form::draw(ui, look, labels, form, screen),
        Scene::Connecting(connecting) => session::connecting(ui, look, labels, state.language, connecting, now),
        Scene::Reading(texts) => reading::notices(ui, look, labels, texts),
        Scene::Working(working) => session::working(ui, look, labels, state.language, working, now),
        Scene::Ended(ended) => session::ended(ui, look, labels, ended),
        Scene::Enrolling(enrolling) => enrolling::draw(ui, look, labels, state.language, enrolling),
        Scene::Enrolled(codes) => enrolling::recovery_codes(ui, look, labels, state.language, codes),
        Scene::Record(own) => reading::record(ui, look, labels, state.language, own),
    };
    pressed.or(act)
}

/// The program's name, the language and the look.
fn head(ui: &mut Ui, state: &State, look: &Palette) -> Option<Act> {
    let labels = state.labels();
    let mut act = None;
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        // The window's title says it as well.
        if ui.available_width() >= NAMED {
            parts::emblem(ui, look);
            ui.label(RichText::new("Deskgate").size(18.0));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let other = match state.language {
                Language::It => Language::En,
                Language::En => Language::It,
            };
            if ui.button(labels.other_language).clicked() {
                act = Some(Act::Speak(other));
            }
            ui.menu_button(labels.appearance, |ui| {
                for (look, label) in
                    [(Look::Light, labels.light), (Look::Dark, labels.dark), (Look::Contrast, labels.contrast)]
                {
                    if ui.radio(state.look == look, label).clicked() {
                        act = Some(Act::Look(look));
                    }
                }
                ui.separator();
                if ui.button(labels.larger).clicked() {
                    egui::gui_zoom::zoom_in(ui.ctx());
                }
                if ui.button(labels.smaller).clicked() {
                    egui::gui_zoom::zoom_out(ui.ctx());
                }
            });
        });
    });
    ui.add_space(2.0);
    act
}

/// Arrows and page keys scroll, where no field wants them.
fn scroll_by_keys(ui: &mut Ui) {
    if ui.ctx().text_edit_focused() {
        return;
    }
    let page = ui.clip_rect().height() - LINE;
    let by = ui.input(|input| {
        let keys = [(Key::ArrowDown, -LINE), (Key::ArrowUp, LINE), (Key::PageDown, -page), (Key::PageUp, page)];
        keys.into_iter().filter(|(key, _)| input.key_pressed(*key)).map(|(_, by)| by).sum::<f32>()
    });
    if by != 0.0 {
        ui.scroll_with_delta(egui::vec2(0.0, by));
    }
}

//! The way to the desktop, the work, the question before the end, and the end.

use std::{cmp::Ordering, time::Instant};

use egui::{Align, Layout, RichText, TextStyle, Ui, Vec2};
use gateway_api::login::Language;

use super::{
    super::{
        state::{Act, Connecting, Ended, Said, Step, Tone, Wanted, Working},
        theme::Palette,
    },
    field, parts,
};
use crate::words::{self, Text, window::Labels};

/// The steps: which is done, which is under way.
pub(super) fn connecting(
    ui: &mut Ui,
    look: &Palette,
    labels: &Labels,
    language: Language,
    connecting: &mut Connecting,
    now: Instant,
) -> Option<Act> {
    parts::title(ui, labels.connecting_title);
    parts::card(ui, look, |ui| {
        for step in connecting.steps() {
            let under_way = match connecting.waking_for(now) {
                Some(seconds) => (labels.under_way_for)(&words::span(seconds, language)),
                None => labels.under_way.to_owned(),
            };
            step_line(ui, look, labels, (step, connecting.step), &under_way);
        }
    });
    ui.add_space(8.0);
    for said in connecting.said(language, now) {
        parts::sentence(ui, look, &said);
    }
    if connecting.closing {
        ui.label(Text::Closing.say(language));
        return None;
    }
    if let Some(wanted) = &mut connecting.wanted
        && password_wanted(ui, look, labels, language, wanted)
    {
        return Some(Act::Submit);
    }
    let pressed = parts::button(ui, labels.cancel).clicked() || parts::escape(ui);
    pressed.then_some(Act::Close)
}

/// The field for the workstation's password. True if it was handed over.
fn password_wanted(ui: &mut Ui, look: &Palette, labels: &Labels, language: Language, wanted: &mut Wanted) -> bool {
    parts::sentence(ui, look, &wanted.said(language));
    ui.add_space(4.0);
    let focus = std::mem::take(&mut wanted.focus);
    let mut entered = field::password(ui, labels.workstation_password, &mut wanted.password, focus);
    ui.add_space(2.0);
    entered |= parts::first_button(ui, look, labels.hand_over).clicked();
    ui.add_space(6.0);
    entered
}

fn step_line(ui: &mut Ui, look: &Palette, labels: &Labels, (step, present): (Step, Step), under_way: &str) {
    let name = match step {
        Step::Reach => labels.step_reach,
        Step::SignIn => labels.step_sign_in,
        Step::Way => labels.step_way,
        Step::Wake => labels.step_wake,
        Step::Desktop => labels.step_desktop,
    };
    let [good, _] = look.tone(Tone::Good);
    let (word, colour) = match step.cmp(&present) {
        Ordering::Less => (labels.done, look.text),
        Ordering::Equal => (under_way, look.text),
        Ordering::Greater => (labels.to_come, look.muted),
    };
    let texts = [(name, TextStyle::Body), (word, TextStyle::Small)];
    let wide: f32 = texts.into_iter().map(|(text, style)| parts::width_of(ui, text, style.resolve(ui.style()))).sum();
    let on_one_line = parts::SIGN + wide + 2.0 * ui.spacing().item_spacing.x <= ui.available_width();
    let layout = if on_one_line { Layout::left_to_right(Align::Center) } else { Layout::left_to_right(Align::Min) };
    let space = Vec2::new(ui.available_width(), ui.spacing().interact_size.y);
    ui.allocate_ui_with_layout(space, layout, |ui| {
        match step.cmp(&present) {
            Ordering::Less => parts::sign(ui, Tone::Good, good, look.card, parts::SIGN),
            Ordering::Equal => parts::ring(ui, look.accent, true, parts::SIGN),
            Ordering::Greater => parts::ring(ui, look.muted, false, parts::SIGN),
        }
        let name = RichText::new(name).color(colour);
        if on_one_line {
            ui.label(name);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| parts::small(ui, look, word));
        } else {
            ui.vertical(|ui| {
                ui.label(name);
                parts::small(ui, look, word);
            });
        }
    });
}

/// Whose desktop, until when, what is to be known, and the way out.
pub(super) fn working(
    ui: &mut Ui,
    look: &Palette,
    labels: &Labels,
    language: Language,
    working: &Working,
    now: Instant,
) -> Option<Act> {
    parts::title(ui, &(labels.at_work)(&working.workstation));
    let left = words::span(working.left(now).div_ceil(60) * 60, language);
    ui.label((labels.until)(&working.until, &left));
    ui.add_space(6.0);
    for said in working.said(language, now) {
        parts::sentence(ui, look, &said);
    }
    parts::card(ui, look, |ui| {
        if working.line_is_well() {
            let [good, _] = look.tone(Tone::Good);
            parts::beside_sign(ui, Tone::Good, [good, look.card], labels.line_well);
        }
        ui.label(labels.desktop_is_open);
        parts::small(ui, look, &(labels.session_number)(&working.number.to_string()));
    });
    ui.add_space(10.0);
    if working.closing {
        ui.label(Text::Closing.say(language));
        return None;
    }
    parts::first_button(ui, look, labels.close).clicked().then_some(Act::Close)
}

/// The one question before the session ends with the window.
pub(super) fn close_question(ui: &mut Ui, look: &Palette, labels: &Labels) -> Option<Act> {
    parts::title(ui, labels.close_question);
    ui.label(labels.close_consequence);
    ui.add_space(10.0);
    if parts::with_keyboard(parts::first_button(ui, look, labels.close)).clicked() {
        return Some(Act::Leave);
    }
    let stays = parts::button(ui, labels.stay).clicked() || parts::escape(ui);
    stays.then_some(Act::Stay)
}

/// Why it is over, and what to do.
pub(super) fn ended(ui: &mut Ui, look: &Palette, labels: &Labels, ended: &Ended) -> Option<Act> {
    let (title, tone) = if ended.well { (labels.ended_title, Tone::Plain) } else { (labels.failed_title, Tone::Bad) };
    parts::title(ui, title);
    parts::sentence(ui, look, &Said::new(tone, ended.sentence.as_str()));
    if let Some(number) = ended.number {
        parts::small(ui, look, &(labels.session_number)(&number.to_string()));
    }
    ui.add_space(10.0);
    if ended.again && parts::with_keyboard(parts::first_button(ui, look, labels.sign_in_again)).clicked() {
        return Some(Act::Back);
    }
    parts::button(ui, labels.leave).clicked().then_some(Act::Leave)
}

//! What the worker is asked, and what goes on since: above whatever else there is to see of a session.

use std::time::Instant;

use egui::{Ui, accesskit::Live};
use gateway_api::login::Language;

use super::{
    super::{
        state::{Act, Asked, Consent, Consents, Matter, Running, Said, Tone},
        theme::Palette,
    },
    parts,
};
use crate::{
    answers::{About, Button},
    words::{self, window::Labels},
};

pub(super) fn draw(
    ui: &mut Ui,
    look: &Palette,
    labels: &Labels,
    language: Language,
    consents: &Consents,
    now: Instant,
) -> Option<Act> {
    let mut pressed = None;
    for (about, consent) in consents.shown() {
        let button = match consent {
            Consent::Agreed(asked) => parts::card(ui, look, |ui| agreed(ui, look, labels, language, (about, asked))),
            Consent::Asked(asked) => parts::card(ui, look, |ui| question(ui, labels, language, (about, asked), now)),
            Consent::Running(running) => goes_on(ui, look, labels, language, running).then_some(Button::End(about)),
        };
        ui.add_space(8.0);
        pressed = pressed.or(button);
    }
    pressed.map(Act::Press)
}

/// The question, no before yes.
fn question(
    ui: &mut Ui,
    labels: &Labels,
    language: Language,
    (about, asked): (About, &Asked),
    now: Instant,
) -> Option<Button> {
    let (no, yes) = match &asked.matter {
        Matter::Trace => (labels.disagree, labels.agree),
        Matter::Assistance { .. } => (labels.refuse_assistance, labels.allow_assistance),
    };
    parts::announce(&ui.label(text(labels, language, asked)), Live::Assertive);
    let no = parts::button(ui, no).clicked();
    let yes = ui.add_enabled_ui(asked.counts(now), |ui| parts::button(ui, yes)).inner.clicked();
    (yes || no).then_some(Button::Answer { about, question: asked.question, yes })
}

/// What was agreed to, until it begins. It stands as it stood, the end in the place of the no: a second press on the yes presses nothing.
fn agreed(
    ui: &mut Ui,
    look: &Palette,
    labels: &Labels,
    language: Language,
    (about, asked): (About, &Asked),
) -> Option<Button> {
    let (end, sentence) = match &asked.matter {
        Matter::Trace => (labels.end_trace, labels.trace_agreed),
        Matter::Assistance { .. } => (labels.end_assistance, labels.assistance_agreed),
    };
    ui.label(text(labels, language, asked));
    let end = parts::button(ui, end).clicked();
    parts::sentence(ui, look, &Said::new(Tone::Plain, sentence));
    end.then_some(Button::End(about))
}

fn text(labels: &Labels, language: Language, asked: &Asked) -> String {
    let (length, answer) = (words::span(asked.seconds, language), words::span(asked.answer_s, language));
    match &asked.matter {
        Matter::Trace => (labels.trace_question)(&length, &answer),
        Matter::Assistance { technician, reason } => (labels.assistance_question)(technician, reason, &length, &answer),
    }
}

/// What goes on, and whether it is to end.
fn goes_on(ui: &mut Ui, look: &Palette, labels: &Labels, language: Language, running: &Running) -> bool {
    let (sentence, end) = match running {
        Running::Trace { seconds } => ((labels.trace_running)(&words::span(*seconds, language)), labels.end_trace),
        Running::Assistance { technician, until } => {
            ((labels.assistance_running)(technician, until), labels.end_assistance)
        }
    };
    parts::sentence(ui, look, &Said::new(Tone::Warning, sentence));
    parts::button(ui, end).clicked()
}

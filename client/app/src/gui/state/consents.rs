//! What the worker is asked while the session lasts, and what goes on since, as the window shows it.

use std::time::{Duration, Instant};

use super::{Connecting, Scene, State, Step, Wish, Working};
use crate::{
    answers::{About, Button, TO_READ},
    clock,
    session::Event,
};

/// What is asked, or goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Consent {
    Asked(Asked),
    /// The answer was yes.
    Agreed(Asked),
    Running(Running),
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) question: u32,
    pub(crate) matter: Matter,
    /// How long it lasts at most.
    pub(crate) seconds: u32,
    /// How long there was to answer.
    pub(crate) answer_s: u32,
    since: Instant,
}

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Matter {
    Trace,
    Assistance { technician: String, reason: String },
}

/// What goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Running {
    /// A recording, for so many seconds at most.
    Trace { seconds: u32 },
    /// A technician is there, at most until the clock on the wall shows this.
    Assistance { technician: String, until: String },
}

/// Both consents of a session.
#[derive(Debug, Default)]
pub(crate) struct Consents {
    pub(super) trace: Option<Consent>,
    pub(super) assistance: Option<Consent>,
}

impl Consents {
    /// What there is to show, the more urgent first.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (About, &Consent)> {
        let both = [(About::Assistance, &self.assistance), (About::Trace, &self.trace)];
        both.into_iter().filter_map(|(about, consent)| consent.as_ref().map(|consent| (about, consent)))
    }

    /// Takes an event, unless it is about something else.
    pub(super) fn told(&mut self, event: Event, now: Instant) {
        let asked = |question, matter, seconds, answer_s| {
            Some(Consent::Asked(Asked { question, matter, seconds, answer_s, since: now }))
        };
        match event {
            Event::TraceAsked { question, seconds, answer_s } => {
                self.trace = asked(question, Matter::Trace, seconds, answer_s);
            }
            Event::TraceBegun { seconds, .. } => self.trace = Some(Consent::Running(Running::Trace { seconds })),
            Event::TraceRefused | Event::TraceTakenBack | Event::TraceEnded => self.trace = None,
            Event::AssistanceAsked { question, technician, reason, seconds, answer_s } => {
                self.assistance = asked(question, Matter::Assistance { technician, reason }, seconds, answer_s);
            }
            Event::AssistanceBegun { technician, ends_at, .. } | Event::AssistanceMoved { technician, ends_at, .. } => {
                let until = clock::wall(ends_at);
                self.assistance = Some(Consent::Running(Running::Assistance { technician, until }));
            }
            Event::AssistanceRefused | Event::AssistanceTakenBack | Event::AssistanceEnded => self.assistance = None,
            _ => {}
        }
    }

    /// The worker answers a question that stands.
    fn answered(&mut self, about: About, question: u32, yes: bool) {
        let consent = match about {
            About::Trace => &mut self.trace,
            About::Assistance => &mut self.assistance,
        };
        if let Some(Consent::Asked(asked)) = consent
            && asked.question == question
        {
            *consent = yes.then(|| Consent::Agreed(asked.clone()));
        }
    }

    /// How long until a yes counts.
    pub(super) fn next_change(&self, now: Instant) -> Option<Duration> {
        let waits = |(_, consent): (About, &Consent)| match consent {
            Consent::Asked(asked) if !asked.counts(now) => Some((asked.since + TO_READ).saturating_duration_since(now)),
            _ => None,
        };
        self.shown().filter_map(waits).min()
    }
}

impl Asked {
    /// Whether a yes counts.
    pub(crate) fn counts(&self, now: Instant) -> bool {
        now >= self.since + TO_READ
    }
}

impl State {
    pub(super) fn press(&mut self, button: Button) -> Option<Wish> {
        match button {
            Button::Read(true) => {
                self.scene = Scene::Connecting(Connecting { step: Step::SignIn, ..Connecting::default() });
            }
            Button::Answer { about, question, yes } => self.working_mut()?.consents.answered(about, question, yes),
            // Its end is shown once the gateway says so.
            Button::Read(false) | Button::End(_) => {}
        }
        Some(Wish::Press(button))
    }

    /// The session, on the way to its desktop too.
    pub(crate) fn working(&self) -> Option<&Working> {
        match &self.scene {
            Scene::Working(working) => Some(working),
            Scene::Connecting(connecting) => connecting.working.as_deref(),
            _ => None,
        }
    }

    fn working_mut(&mut self) -> Option<&mut Working> {
        match &mut self.scene {
            Scene::Working(working) => Some(working),
            Scene::Connecting(connecting) => connecting.working.as_deref_mut(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

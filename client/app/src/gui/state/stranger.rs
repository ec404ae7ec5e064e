//! A profile that is none of the office which this computer knows: what is wrong with it, and the way out for whoever changed offices.
//!
//! ```text
//!  Told ── "forget the office" ──> Asked ── yes ──> Forgotten: the profile is opened anew, and its words are compared
//!   ▲                                │
//!   └────────────── no ──────────────┘
//! ```

use gateway_api::login::Language;

use super::{Look, Scene, State, Wish};

/// How far it is.
pub(crate) struct Stranger {
    /// What is wrong with the profile.
    pub(crate) sentence: String,
    pub(crate) step: Step,
}

/// See [`Stranger`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Told,
    Asked,
    Forgotten,
}

impl State {
    /// One that says what is wrong with the profile; nothing can be begun with it.
    pub(crate) fn stranger(language: Language, look: Look, sentence: String) -> Self {
        let mut state = Self::stopped(language, look, String::new());
        state.scene = Scene::Stranger(Stranger { sentence, step: Step::Told });
        state
    }

    pub(super) fn asks_to_forget(&mut self) -> Option<Wish> {
        self.step_on(Step::Told, Step::Asked);
        None
    }

    pub(super) fn forgets(&mut self, yes: bool) -> Option<Wish> {
        let is_asked = matches!(&self.scene, Scene::Stranger(stranger) if stranger.step == Step::Asked);
        if !yes {
            self.step_on(Step::Asked, Step::Told);
        }
        (yes && is_asked).then_some(Wish::Forget)
    }

    pub(super) fn forgotten(&mut self) -> Option<Wish> {
        self.step_on(Step::Asked, Step::Forgotten);
        None
    }

    fn step_on(&mut self, from: Step, to: Step) {
        if let Scene::Stranger(stranger) = &mut self.scene
            && stranger.step == from
        {
            stranger.step = to;
        }
    }
}

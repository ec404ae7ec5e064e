//! How it ended, in words: the last scene of a session, or the form once more where another try may set it right.

use gateway_api::{CloseReason, SessionNumber, login::RefusalCode};

use super::{Purpose, Scene, State, Tone, Wish};
use crate::{rdp::Why, session::Outcome, telling, words::Text};

/// Why it is over.
#[derive(Debug)]
pub(crate) struct Ended {
    /// There was a session, and it came to its end.
    pub(crate) well: bool,
    /// Whether signing in again makes sense.
    pub(crate) again: bool,
    pub(crate) sentence: String,
    /// For the help desk, where the sentence does not say it.
    pub(crate) number: Option<SessionNumber>,
}

impl State {
    pub(super) fn over(&mut self, outcome: Outcome, server: String, support: Option<SessionNumber>) -> Option<Wish> {
        if self.leaving {
            return self.go();
        }
        self.close_asked = false;
        let not_told = std::mem::take(&mut self.not_told).then(|| Text::NotTold.say(self.language));
        if let Outcome::Refused(refusal) = &outcome {
            let purpose = match (&self.scene, refusal.code) {
                (_, RefusalCode::PasswordExpired) => Some(Purpose::ChangePassword),
                (Scene::Form(form), _) => Some(form.purpose),
                (Scene::Enrolling(_), _) => Some(Purpose::Enrol),
                // What another try may set right.
                (
                    _,
                    RefusalCode::WrongCredentials
                    | RefusalCode::TooManyAttempts
                    | RefusalCode::AlreadyConnected
                    | RefusalCode::LoginOver,
                ) => Some(Purpose::SignIn),
                _ => None,
            };
            if let Some(purpose) = purpose {
                let text = if refusal.code == RefusalCode::PasswordExpired {
                    let message = self.labels().password_expired.to_owned();
                    Text::Refused { message, support: refusal.support.clone() }
                } else {
                    telling::outcome(outcome, server).1
                };
                self.turn(purpose, Some((Tone::Bad, text.say(self.language))));
                return None;
            }
        }
        // The worker went back before there was a desktop.
        if matches!(outcome, Outcome::Ended { reason: CloseReason::WorkerClosed, .. })
            && !matches!(self.scene, Scene::Working(_))
            && !self.was_left()
        {
            self.turn(Purpose::SignIn, not_told.map(|sentence| (Tone::Warning, sentence)));
            return None;
        }
        if matches!(outcome, Outcome::NoticeUnread { .. }) {
            let text = Text::NoticeUnread { asked: true }.say(self.language);
            self.turn(Purpose::SignIn, Some((Tone::Plain, text)));
            return None;
        }
        let purpose = match &self.scene {
            Scene::Form(form) => Some(form.purpose),
            Scene::Enrolling(_) => Some(Purpose::Enrol),
            _ => None,
        };
        let sentence = self.sentence(&outcome);
        let well = match &outcome {
            Outcome::Ended { .. } => true,
            Outcome::Desktop { why, .. } => why.is_well(),
            _ => false,
        };
        let number = self.working().filter(|_| wants_number(&outcome)).map(|working| working.number);
        let (_, text) = telling::outcome(outcome, server);
        let sentence = sentence.unwrap_or_else(|| text.say(self.language));
        let sentence = telling::numbered(sentence, support.filter(|_| number.is_none()), self.language);
        let sentence = not_told.into_iter().fold(sentence, |sentence, more| format!("{sentence} {more}"));
        match purpose {
            Some(purpose) => self.turn(purpose, Some((Tone::Bad, sentence))),
            None => self.scene = Scene::Ended(Ended { well, again: true, sentence, number }),
        }
        None
    }

    /// Where the terminal's words would send to a terminal, or the scene knows better.
    fn sentence(&self, outcome: &Outcome) -> Option<String> {
        let labels = self.labels();
        match outcome {
            Outcome::Ended { reason: CloseReason::WorkerClosed, .. } if self.was_left() => {
                Some(Text::Left.say(self.language))
            }
            Outcome::ProgramFailed { program, status } => Some((labels.program_failed)(program, status)),
            Outcome::ProgramWentAway { program } => Some((labels.program_went_away)(program)),
            Outcome::NoRdpProgram => Some(labels.no_rdp_program.to_owned()),
            _ => None,
        }
    }

    /// Whether this computer's screen was locked for too long, on the way to the desktop too.
    fn was_left(&self) -> bool {
        self.working().is_some_and(|working| working.left)
    }

    pub(super) fn fail(&mut self, sentence: String) {
        match &self.scene {
            Scene::Form(form) => self.turn(form.purpose, Some((Tone::Bad, sentence))),
            scene => {
                // With a stranger's profile nothing can be begun.
                let again = !matches!(scene, Scene::Stranger(_));
                self.scene = Scene::Ended(Ended { well: false, again, sentence, number: None });
            }
        }
    }
}

/// Whether the session's number is to stand below the sentence: not where the sentence says it, nor where the end is one that workers make
/// themselves, or expect.
fn wants_number(outcome: &Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::NotWoken { .. }
            | Outcome::Unreached { .. }
            | Outcome::WorkstationNotNamed { .. }
            | Outcome::Desktop { why: Why::Away, .. }
            | Outcome::Ended {
                reason: CloseReason::WorkerClosed
                    | CloseReason::ProgramEnded
                    | CloseReason::Idle
                    | CloseReason::AgreementEnded
                    | CloseReason::LongestSession,
                ..
            }
    )
}

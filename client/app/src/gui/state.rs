//! What the window shows and what comes of it: news and acts in, a scene and a wish out.
//!
//! ```text
//!  FirstUse ── the words are the letter's ──> Form; ── they are not ──> Ended.  Stranger ── forget the office? ──> the window's end
//!             ┌────────────── back, "sign in again" ───────────────┐
//!             ▼                                                    │
//!  Form ── sign in ──> Connecting ──> (Reading) ──> Working ──> Ended
//!   │ ▲                     │                          │
//!   │ └── wrong password ───┘      the window's cross: one question, then closed
//!   ├── change password, record ──> Form or Record
//!   └── set up the code ──> Enrolling ──> Enrolled ──> Form
//! ```
//!
//! It asks nobody anything: time is an argument, what it wants done is a [`Wish`]. It knows no window either; `view.rs` draws it.

mod consents;
mod ended;
mod enrolling;
mod form;
mod known;
mod session;
mod stranger;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use gateway_api::{
    SessionNumber,
    login::{Code, Language, Password, Refusal},
    profile::Words,
    record::Own,
};

use crate::{
    answers::Button,
    config::Server,
    rdp::Screen,
    session::{Event, Outcome},
    telling,
    words::{
        Text,
        window::{Labels, labels},
    },
};
pub(crate) use consents::{Asked, Consent, Consents, Matter, Running};
pub(crate) use ended::Ended;
pub(crate) use enrolling::Enrolling;
pub(crate) use form::{Field, Form, Purpose};
pub(crate) use known::{Choice, Known, Look};
pub(crate) use session::{Connecting, Step, Wanted, Working};
pub(crate) use stranger::{Step as StrangerStep, Stranger};

/// The whole window.
pub(crate) struct State {
    pub(crate) language: Language,
    pub(crate) look: Look,
    /// The help desk's phone.
    pub(crate) help: Option<String>,
    pub(crate) scene: Scene,
    /// What is said above the scene until something is done.
    pub(crate) aside: Option<Said>,
    /// Whether closing is asked about, whatever the scene is.
    pub(crate) close_asked: bool,
    /// The session ends because the window does.
    leaving: bool,
    /// The window may go: nothing is asked any more.
    done: bool,
    /// The gateway could not be told that the session is over.
    not_told: bool,
    /// Where to, and who, for the next form.
    known: Known,
}

/// What stands in the window.
pub(crate) enum Scene {
    /// Whether the profile is the office's.
    FirstUse(Words),
    /// The profile is none of the office that is known.
    Stranger(Stranger),
    Form(Form),
    Connecting(Connecting),
    /// What the office wants read: names and texts.
    Reading(Vec<(String, String)>),
    Working(Working),
    Ended(Ended),
    Record(Own),
    /// The authenticator app is being shown its secret.
    Enrolling(Enrolling),
    /// The recovery codes, which are told only here.
    Enrolled(Vec<Code>),
}

/// A sentence, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) tone: Tone,
    pub(crate) sentence: String,
    /// What a screen reader says of it by itself, where the sentence changes too often for that.
    pub(crate) announced: Option<String>,
}

impl Said {
    pub(crate) fn new(tone: Tone, sentence: impl Into<String>) -> Self {
        Self { tone, sentence: sentence.into(), announced: None }
    }
}

/// What a sentence means. Told by a sign and a word, and by colour on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Plain,
    Warning,
    Bad,
}

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// The profile's words are those of the letter, or not.
    Compare(bool),
    /// The office that is known shall be forgotten: asks whether it really shall.
    Forget,
    /// The answer.
    Forgets(bool),
    Speak(Language),
    Look(Look),
    /// The desktop is to begin so.
    Show(Screen),
    Turn(Purpose),
    Submit,
    /// Says what was read; agrees to something, or not; or ends what goes on.
    Press(Button),
    /// The button.
    Close,
    /// The window's cross.
    Leave,
    /// The answer to the one question.
    Stay,
    Back,
}

/// What the window wants done.
pub(crate) enum Wish {
    /// The profile is the office's.
    Follow,
    /// The office that was known is to be forgotten.
    Forget,
    Begin(Errand),
    /// Tells the session what was pressed.
    Press(Button),
    /// Shows the office what the app shows.
    Code(Code),
    /// Hands the password to what shows the desktop.
    Password(Password),
    /// Ends the session, or the way to it.
    Enough,
    /// This was chosen, and is to be remembered.
    Remember(Choice),
    /// Nothing is left to do: the window may go.
    Go,
}

/// What the office is asked for.
pub(crate) struct Errand {
    pub(crate) server: Server,
    pub(crate) user: String,
    pub(crate) password: Password,
    pub(crate) code: Option<Code>,
    pub(crate) language: Language,
    pub(crate) what: What,
}

/// See [`Errand`].
pub(crate) enum What {
    /// With the desktop begun so, where that was chosen.
    Work(Option<Screen>),
    ChangePassword(Password),
    ShowRecord,
    /// With the office's one-time code.
    Enrol(Code),
}

/// What became of an errand.
#[derive(Debug)]
pub(crate) enum News {
    Told(Event),
    /// The session, or the way to it, is over; or the office did not do what it was asked for.
    Over {
        outcome: Outcome,
        server: String,
        /// Under which it is noted here, where the gateway gave no number.
        support: Option<SessionNumber>,
    },
    /// This computer lacks something: there was no session.
    Stopped(Text),
    PasswordChanged,
    Record(Own),
    /// What the authenticator app is to know: the office by its gateway's name, and the secret.
    Secret {
        office: String,
        secret: Code,
    },
    /// The app's code is not right; what the office says.
    NotConfirmed(Refusal),
    /// The recovery codes.
    Enrolled(Vec<Code>),
    /// The office is forgotten.
    Forgotten,
    /// The system wants the program to end.
    Go,
}

impl State {
    pub(crate) fn new(language: Language, look: Look, help: Option<String>, known: Known) -> Self {
        let scene = Scene::Form(Form::new(Purpose::SignIn, &known));
        Self {
            language,
            look,
            help,
            scene,
            aside: None,
            close_asked: false,
            leaving: false,
            done: false,
            not_told: false,
            known,
        }
    }

    /// One that asks whether the profile is the office's, and shows nothing of it before: not even where it says that help is.
    pub(crate) fn first_use(language: Language, look: Look, words: Words) -> Self {
        let mut state = Self::new(language, look, None, Known::default());
        state.scene = Scene::FirstUse(words);
        state
    }

    /// It is.
    pub(crate) fn follow(&mut self, help: Option<String>, known: Known) {
        self.scene = Scene::Form(Form::new(Purpose::SignIn, &known));
        (self.help, self.known) = (help, known);
    }

    /// One that has nothing but a sentence: the profile makes no sense.
    pub(crate) fn stopped(language: Language, look: Look, sentence: String) -> Self {
        let mut state = Self::new(language, look, None, Known::default());
        state.scene = Scene::Ended(Ended { well: false, again: false, sentence, number: None });
        state
    }

    pub(crate) fn labels(&self) -> &'static Labels {
        labels(self.language)
    }

    /// Whom to remember.
    pub(crate) fn user(&self) -> Option<&str> {
        self.known.user.as_deref()
    }

    /// How the desktop begins, where that can be chosen.
    pub(crate) fn screen(&self) -> Option<Screen> {
        self.known.screen
    }

    /// The program was started again, with another profile than this window's.
    pub(crate) fn knock_with_another(&mut self, profile: &Path) {
        let name = profile.file_name().unwrap_or(profile.as_os_str()).to_string_lossy();
        self.aside = Some(Said::new(Tone::Plain, (self.labels().other_profile)(&name)));
    }

    /// A person did something.
    pub(crate) fn act(&mut self, act: Act) -> Option<Wish> {
        self.aside = None;
        match act {
            Act::Speak(language) => {
                self.language = language;
                Some(Wish::Remember(Choice::Language(language)))
            }
            Act::Look(look) => {
                self.look = look;
                Some(Wish::Remember(Choice::Look(look)))
            }
            Act::Show(screen) => {
                self.known.screen = Some(screen);
                Some(Wish::Remember(Choice::Screen(screen)))
            }
            // What was asked for is given up first, and its end brings the next form. A new password may hold already: its answer is awaited.
            Act::Turn(_) | Act::Back if self.asks_for(Purpose::ChangePassword) => None,
            Act::Turn(_) | Act::Back if self.asks_for(Purpose::ShowRecord) || self.asks_for(Purpose::Enrol) => {
                Some(Wish::Enough)
            }
            // Its answer may be the recovery codes.
            Act::Back if self.is_confirming() => None,
            Act::Back if matches!(self.scene, Scene::Enrolling(_)) => Some(Wish::Enough),
            Act::Turn(purpose) => {
                self.turn(purpose, None);
                None
            }
            Act::Compare(true) => Some(Wish::Follow),
            Act::Compare(false) => {
                let sentence = Text::OfficeRefused.say(self.language);
                self.scene = Scene::Ended(Ended { well: false, again: false, sentence, number: None });
                None
            }
            Act::Forget => self.asks_to_forget(),
            Act::Forgets(yes) => self.forgets(yes),
            Act::Submit => self.submit(),
            Act::Press(button) => self.press(button),
            Act::Close => self.close(),
            Act::Leave => self.leave(),
            Act::Stay => {
                self.close_asked = false;
                None
            }
            Act::Back => {
                self.turn(Purpose::SignIn, None);
                None
            }
        }
    }

    /// Something happened.
    pub(crate) fn take(&mut self, news: News, now: Instant) -> Option<Wish> {
        match news {
            News::Told(event) => {
                self.told(event, now);
                None
            }
            News::Over { outcome, server, support } => self.over(outcome, server, support),
            News::Stopped(text) => {
                self.fail(text.say(self.language));
                if self.leaving { self.go() } else { None }
            }
            News::PasswordChanged => {
                self.turn(Purpose::SignIn, Some((Tone::Good, Text::PasswordChanged.say(self.language))));
                None
            }
            News::Record(own) => {
                self.scene = Scene::Record(own);
                None
            }
            News::Secret { office, secret } => {
                let user = self.known.user.as_deref().unwrap_or_default();
                self.scene = Scene::Enrolling(Enrolling::new(&office, user, &secret));
                None
            }
            News::NotConfirmed(refusal) => self.not_confirmed(refusal),
            News::Enrolled(codes) => {
                // Whoever wanted to leave meanwhile wants to see these first: they are told only now.
                self.leaving = false;
                self.scene = Scene::Enrolled(codes);
                None
            }
            News::Forgotten => self.forgotten(),
            News::Go => self.go(),
        }
    }

    /// How long until a countdown shows something else. None while there is none.
    pub(crate) fn next_change(&self, now: Instant) -> Option<Duration> {
        match &self.scene {
            Scene::Working(working) => working.next_change(now),
            Scene::Connecting(connecting) => connecting.next_change(now),
            _ => None,
        }
    }

    /// Another form, with the names of the last one.
    fn turn(&mut self, purpose: Purpose, said: Option<(Tone, String)>) {
        let mut form = Form::new(purpose, &self.known);
        if let Scene::Form(before) = &self.scene {
            form.server.clone_from(&before.server);
            form.user.clone_from(&before.user);
            form.focus = Some(form.first_empty());
        }
        form.said = said.map(|(tone, sentence)| Said::new(tone, sentence));
        self.scene = Scene::Form(form);
    }

    /// Whether the office is asked for something, from a form.
    fn asks_for(&self, purpose: Purpose) -> bool {
        matches!(&self.scene, Scene::Form(form) if form.asking && form.purpose == purpose)
    }

    fn submit(&mut self) -> Option<Wish> {
        let (language, labels) = (self.language, self.labels());
        let form = match &mut self.scene {
            Scene::Form(form) => form,
            Scene::Enrolling(enrolling) => return enrolling.submit(language),
            Scene::Connecting(connecting) => return connecting.submit(),
            _ => return None,
        };
        if form.asking {
            return None;
        }
        match form.errand(&self.known, language, labels) {
            Ok(errand) => {
                // The names stay for the next form; the password is gone with the errand.
                self.known.user = Some(errand.user.clone());
                self.known.written = form.server.clone().unwrap_or_default();
                if matches!(errand.what, What::Work(_)) {
                    self.scene = Scene::Connecting(Connecting::default());
                } else {
                    (form.asking, form.said) = (true, None);
                }
                Some(Wish::Begin(errand))
            }
            Err((field, sentence)) => {
                form.said = Some(Said::new(Tone::Bad, sentence));
                form.focus = Some(field);
                None
            }
        }
    }

    /// Whether the office looks at what the app shows.
    fn is_confirming(&self) -> bool {
        matches!(&self.scene, Scene::Enrolling(enrolling) if enrolling.asking)
    }

    fn not_confirmed(&mut self, refusal: Refusal) -> Option<Wish> {
        if self.leaving {
            return self.go();
        }
        let (_, text) = telling::outcome(Outcome::Refused(Box::new(refusal)), String::new());
        if let Scene::Enrolling(enrolling) = &mut self.scene {
            enrolling.once_more(text.say(self.language));
        }
        None
    }

    /// "Enough", at the session or on the way to it.
    fn close(&mut self) -> Option<Wish> {
        self.close_asked = false;
        match &mut self.scene {
            Scene::Connecting(connecting) => connecting.closing = true,
            Scene::Working(working) => working.closing = true,
            Scene::Reading(_) => {}
            _ => return None,
        }
        Some(Wish::Enough)
    }

    /// The window's cross, and the answer yes to the question that follows it.
    fn leave(&mut self) -> Option<Wish> {
        let is_closing = match &self.scene {
            Scene::Connecting(connecting) => connecting.closing,
            Scene::Working(working) => working.closing,
            Scene::Reading(_) => self.leaving,
            Scene::Enrolling(enrolling) => enrolling.asking,
            _ => false,
        };
        match &self.scene {
            _ if self.done => self.go(),
            // A second word would cut the way short on which the gateway is told.
            _ if is_closing => {
                self.leaving = true;
                None
            }
            Scene::FirstUse(_)
            | Scene::Stranger(_)
            | Scene::Form(_)
            | Scene::Ended(_)
            | Scene::Record(_)
            | Scene::Enrolling(_)
            | Scene::Enrolled(_) => self.go(),
            Scene::Working(_) if !self.close_asked => {
                self.close_asked = true;
                None
            }
            Scene::Connecting(_) | Scene::Reading(_) | Scene::Working(_) => {
                self.leaving = true;
                self.close()
            }
        }
    }

    fn told(&mut self, event: Event, now: Instant) {
        match (event, &mut self.scene) {
            (Event::NotTold, _) => self.not_told = true,
            (Event::Notice { name, text }, Scene::Reading(texts)) => texts.push((name, text)),
            (Event::Notice { name, text }, scene @ Scene::Connecting(_)) => {
                *scene = Scene::Reading(vec![(name, text)]);
            }
            (Event::DesktopBegins, scene @ Scene::Connecting(_)) => {
                if let Scene::Connecting(Connecting { working: Some(working), closing, .. }) = scene {
                    working.closing |= *closing;
                    let working = std::mem::replace(&mut **working, Working::nothing(now));
                    *scene = Scene::Working(working);
                }
            }
            (Event::PasswordWanted { workstation, again }, scene @ Scene::Working(_)) => {
                if let Scene::Working(working) = scene {
                    let working = std::mem::replace(working, Working::nothing(now));
                    *scene = Scene::Connecting(Connecting::back(working, workstation, again));
                }
                self.close_asked = false;
            }
            (event, Scene::Connecting(connecting)) => connecting.told(event, now),
            (event, Scene::Working(working)) => working.told(event, now),
            _ => {}
        }
    }

    fn go(&mut self) -> Option<Wish> {
        self.done = true;
        Some(Wish::Go)
    }
}

#[cfg(test)]
#[path = "state/tests.rs"]
mod tests;

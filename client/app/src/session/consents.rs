//! What a worker is asked while the session lasts, and what goes on since: a recording of sizes and times, a technician's assistance.
//!
//! ```text
//!  Waiting ──> Asked ── yes ──> Agreed ── begun ──> Running ── ended ──> nothing
//!     │          └── no, taken back, line lost ──> nothing       (a technician agreed to may come while the line is lost)
//!     └── at a terminal, until the question before it is answered
//! ```
//!
//! INVARIANT: no answer is about anything else than what stood there when it was given. A button names its question; at a terminal one
//! question stands at a time, what was typed before it is forgotten, and a yes before it could be read is no yes. Enter alone ends what goes on, the
//! assistance before the recording, and answers a question only where nothing goes on.
//!
//! It asks nobody anything: time is an argument, and what is to be done comes back as [`Step`]s.

use std::time::{Duration, Instant};

use gateway_api::{
    login::{LONGEST_REASON, LONGEST_USER},
    session::{self, Request},
};

use super::{Event, readable::one_line};
use crate::answers::{About, Answer, Asking, Button, Line, TO_READ};

/// How long a gateway whose channel came back has to say again that a technician is there.
const TOLD_AGAIN: Duration = Duration::from_secs(5);

/// In seconds: an end that is told again is the same one so far, for what is told takes its time.
pub(super) const SAME_END: u64 = 10;

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Tell(Event),
    Request(Request),
    /// Forget what was typed, and listen to what will be.
    Listen,
    /// Listen no more.
    Stop,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Matter {
    /// To record for so many seconds at most.
    Trace { seconds: u32 },
    /// That a technician may come, for so many seconds at most.
    Assistance { technician: String, reason: String, seconds: u32 },
}

/// A question of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    /// To be named in the answer.
    number: u32,
    matter: Matter,
    /// How long the answer is waited for.
    until: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Consent {
    /// Another question stands at the terminal.
    Waiting(Question),
    /// It stands, since then.
    Asked(Question, Instant),
    /// The answer was yes.
    Agreed(Yes),
    Running(Running, Yes),
}

/// What goes on, for so many seconds at most.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Running {
    Trace {
        seconds: u32,
    },
    /// A technician is there, until `ends_at` (Unix seconds, by this computer's clock) at most.
    Assistance {
        technician: String,
        seconds: u32,
        ends_at: i64,
    },
}

/// The worker's yes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Yes {
    /// The worker has ended it, and the gateway does not say so yet.
    ending: bool,
    /// Until when the gateway has to say again what became of it, after its channel was lost.
    unconfirmed: Option<Instant>,
}

/// Both consents of a session.
#[derive(Debug, Default)]
pub(super) struct Consents {
    trace: Option<Consent>,
    assistance: Option<Consent>,
}

impl Consents {
    /// The gateway tells something of either; of anything else it is not to be told. The moment comes in Unix seconds too, for showing.
    pub(super) fn told(&mut self, event: session::Event, asking: Asking, (now, unix): (Instant, i64)) -> Vec<Step> {
        let by_key = matches!(asking, Asking::OneByOne | Asking::Password);
        let until = |answer_s: u32| now + Duration::from_secs(answer_s.into());
        match event {
            session::Event::TraceAsked { question: number, seconds, answer_s } => {
                let matter = Matter::Trace { seconds };
                self.asked(Question { number, matter, until: until(answer_s) }, asking, now)
            }
            session::Event::TraceBegun { seconds } => self.begun(Running::Trace { seconds }, by_key, now),
            session::Event::TraceEnded => self.ended(About::Trace, now),
            session::Event::AssistanceAsked { question: number, technician, reason, seconds, answer_s } => {
                let technician = one_line(&technician, LONGEST_USER);
                let matter = Matter::Assistance { technician, reason: one_line(&reason, LONGEST_REASON), seconds };
                self.asked(Question { number, matter, until: until(answer_s) }, asking, now)
            }
            session::Event::AssistanceBegun { technician, seconds } => {
                let technician = one_line(&technician, LONGEST_USER);
                let ends_at = unix.saturating_add(seconds.into());
                self.begun(Running::Assistance { technician, seconds, ends_at }, by_key, now)
            }
            session::Event::AssistanceEnded => self.ended(About::Assistance, now),
            _ => Vec::new(),
        }
    }

    /// The gateway asks.
    fn asked(&mut self, question: Question, asking: Asking, now: Instant) -> Vec<Step> {
        let about = question.matter.about();
        // One of a kind at a time: what stood here is over, though nobody heard it.
        let mut steps = Vec::from_iter(self.take(about));
        match asking {
            Asking::Nobody | Asking::Password => steps.extend(question.unasked()),
            Asking::OneByOne if self.standing().is_some() => *self.of(about) = Some(Consent::Waiting(question)),
            Asking::OneByOne | Asking::SideBySide => steps.extend(self.ask(question, now)),
        }
        steps
    }

    /// It has begun, or the gateway says so again: to a new channel, or because its end is another one.
    fn begun(&mut self, running: Running, by_key: bool, now: Instant) -> Vec<Step> {
        let about = running.about();
        let mut steps = Vec::new();
        let mut ending = false;
        match self.of(about) {
            Some(Consent::Running(known, yes)) if known.is_same(&running) => {
                yes.unconfirmed = None;
                steps.extend(known.moved(running, by_key).map(Step::Tell));
                // What was asked of the lost channel nobody heard.
                steps.extend(yes.ending.then(|| Step::Request(end(about))));
                return steps;
            }
            Some(Consent::Running(..)) => steps.extend(self.take(about)),
            Some(Consent::Agreed(yes)) => ending = yes.ending,
            Some(Consent::Waiting(_) | Consent::Asked(..)) | None => {}
        }
        let event = running.begun(by_key);
        *self.of(about) = Some(Consent::Running(running, Yes { ending, unconfirmed: None }));
        if self.standing().is_none() {
            steps.push(Step::Listen);
        }
        steps.push(Step::Tell(event));
        if ending {
            steps.push(Step::Request(end(about)));
        }
        self.settle(&mut steps, now);
        steps
    }

    /// It is over, or the question is taken back.
    fn ended(&mut self, about: About, now: Instant) -> Vec<Step> {
        let mut steps = Vec::from_iter(self.take(about));
        self.settle(&mut steps, now);
        steps
    }

    /// The channel is lost. The gateway asks, and records, only whom it hears; a technician who is there stays, and one agreed to may come.
    pub(super) fn lost(&mut self, now: Instant) -> Vec<Step> {
        let mut steps = Vec::from_iter(self.take(About::Trace));
        if self.yes(About::Assistance).is_none() {
            steps.extend(self.take(About::Assistance));
        }
        self.settle(&mut steps, now);
        steps
    }

    /// The channel is there, or there again: a technician who is there by now is told again.
    pub(super) fn attached(&mut self, now: Instant) {
        if let Some(yes) = self.yes(About::Assistance) {
            yes.unconfirmed = Some(now + TOLD_AGAIN);
        }
    }

    /// Whether something is asked, or was agreed to and has not begun.
    pub(super) fn is_asked(&self) -> bool {
        [&self.trace, &self.assistance].into_iter().flatten().any(|consent| !matches!(consent, Consent::Running(..)))
    }

    /// When to call [`Self::handle_timeout`].
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.assistance {
            Some(Consent::Agreed(yes) | Consent::Running(_, yes)) => yes.unconfirmed,
            Some(Consent::Waiting(_) | Consent::Asked(..)) | None => None,
        }
    }

    /// The technician was not told again: whoever was there left while the line was lost, and who was agreed to did not come.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<Step> {
        match self.poll_timeout() {
            Some(until) if until <= now => self.ended(About::Assistance, now),
            _ => Vec::new(),
        }
    }

    /// The worker says something.
    pub(super) fn answered(&mut self, answer: Answer, now: Instant) -> Vec<Step> {
        match answer {
            Answer::Button(Button::Answer { about, question, yes })
                if self.question(about).is_some_and(|(asked, _)| asked.number == question) =>
            {
                self.answer(about, question, yes, now)
            }
            Answer::Button(Button::Read(_) | Button::Answer { .. }) => Vec::new(),
            Answer::Button(Button::End(about)) => self.end(about),
            Answer::Line(line) => self.typed(line, now),
        }
    }

    fn typed(&mut self, line: Line, now: Instant) -> Vec<Step> {
        let goes_on = self.goes_on();
        match (self.standing(), goes_on) {
            (_, Some(about)) if line == Line::Empty => self.end(about),
            // It was meant for something else, or nobody has read it yet: it is said again.
            (Some((question, since)), _) if line == Line::Late || (line == Line::Yes && now < since + TO_READ) => {
                let event = question.event(now);
                vec![Step::Listen, Step::Tell(event)]
            }
            (Some((question, _)), _) => {
                let (about, number) = (question.matter.about(), question.number);
                self.answer(about, number, line == Line::Yes, now)
            }
            // A yes that is said twice ends nothing.
            (None, Some(about)) if matches!(line, Line::Empty | Line::Other) => self.end(about),
            (None, _) => Vec::new(),
        }
    }

    fn of(&mut self, about: About) -> &mut Option<Consent> {
        match about {
            About::Trace => &mut self.trace,
            About::Assistance => &mut self.assistance,
        }
    }

    /// The worker's yes, before and after what it is about has begun.
    fn yes(&mut self, about: About) -> Option<&mut Yes> {
        match self.of(about) {
            Some(Consent::Agreed(yes) | Consent::Running(_, yes)) => Some(yes),
            Some(Consent::Waiting(_) | Consent::Asked(..)) | None => None,
        }
    }

    /// What is asked of one kind, and since when.
    fn question(&self, about: About) -> Option<(&Question, Instant)> {
        let consent = if about == About::Trace { &self.trace } else { &self.assistance };
        match consent {
            Some(Consent::Asked(question, since)) => Some((question, *since)),
            _ => None,
        }
    }

    /// Whether something is asked about this.
    pub(super) fn stands(&self, about: About) -> bool {
        self.question(about).is_some()
    }

    /// The question that stands. At a terminal there is never more than one.
    fn standing(&self) -> Option<(&Question, Instant)> {
        self.question(About::Trace).or_else(|| self.question(About::Assistance))
    }

    /// What Enter ends: what stands last at the terminal. Not a yes of which nothing has come yet: a second Enter after it means nothing.
    fn goes_on(&mut self) -> Option<About> {
        let runs = |consent: &Option<Consent>| matches!(consent, Some(Consent::Running(_, yes)) if !yes.ending);
        [About::Assistance, About::Trace].into_iter().find(|about| runs(self.of(*about)))
    }

    fn ask(&mut self, question: Question, now: Instant) -> [Step; 2] {
        let event = question.event(now);
        let about = question.matter.about();
        *self.of(about) = Some(Consent::Asked(question, now));
        [Step::Listen, Step::Tell(event)]
    }

    fn answer(&mut self, about: About, question: u32, consent: bool, now: Instant) -> Vec<Step> {
        *self.of(about) = consent.then(|| Consent::Agreed(Yes::default()));
        let mut steps = vec![Step::Request(answer(about, question, consent))];
        if !consent {
            steps.push(Step::Tell(match about {
                About::Trace => Event::TraceRefused,
                About::Assistance => Event::AssistanceRefused,
            }));
        }
        self.settle(&mut steps, now);
        steps
    }

    fn end(&mut self, about: About) -> Vec<Step> {
        let Some(yes) = self.yes(about) else { return Vec::new() };
        yes.ending = true;
        vec![Step::Request(end(about))]
    }

    /// Takes away what there is, and says so.
    fn take(&mut self, about: About) -> Option<Step> {
        Some(Step::Tell(match (self.of(about).take()?, about) {
            (Consent::Running(..), About::Trace) => Event::TraceEnded,
            (Consent::Running(..), About::Assistance) => Event::AssistanceEnded,
            (Consent::Asked(..) | Consent::Agreed(_), About::Trace) => Event::TraceTakenBack,
            (Consent::Asked(..) | Consent::Agreed(_), About::Assistance) => Event::AssistanceTakenBack,
            // Nobody has heard of it.
            (Consent::Waiting(question), _) => question.matter.unasked(),
        }))
    }

    /// What waited for its turn has it.
    fn settle(&mut self, steps: &mut Vec<Step>, now: Instant) {
        for about in [About::Assistance, About::Trace] {
            if self.standing().is_none()
                && let Some(Consent::Waiting(question)) = self.of(about).take_if(|it| matches!(it, Consent::Waiting(_)))
            {
                if now < question.until {
                    steps.extend(self.ask(question, now));
                } else {
                    steps.extend(question.unasked());
                }
            }
        }
        if self.trace.is_none() && self.assistance.is_none() {
            steps.push(Step::Stop);
        }
    }
}

impl Running {
    fn about(&self) -> About {
        match self {
            Self::Trace { .. } => About::Trace,
            Self::Assistance { .. } => About::Assistance,
        }
    }

    fn begun(&self, by_key: bool) -> Event {
        match self.clone() {
            Self::Trace { seconds } => Event::TraceBegun { seconds, by_key },
            Self::Assistance { technician, seconds, ends_at } => {
                Event::AssistanceBegun { technician, seconds, ends_at, by_key }
            }
        }
    }

    /// Whether this goes on, whenever it ends.
    fn is_same(&self, told: &Self) -> bool {
        match (self, told) {
            (Self::Trace { .. }, Self::Trace { .. }) => true,
            (Self::Assistance { technician: one, .. }, Self::Assistance { technician: other, .. }) => one == other,
            (Self::Trace { .. }, Self::Assistance { .. }) | (Self::Assistance { .. }, Self::Trace { .. }) => false,
        }
    }

    /// Takes over what is told again of the same. Says so where a technician's end is another one.
    fn moved(&mut self, told: Self, by_key: bool) -> Option<Event> {
        match (&*self, &told) {
            (Self::Assistance { ends_at: before, .. }, Self::Assistance { technician, seconds, ends_at })
                if before.abs_diff(*ends_at) > SAME_END =>
            {
                let (technician, seconds, ends_at) = (technician.clone(), *seconds, *ends_at);
                *self = told;
                Some(Event::AssistanceMoved { technician, seconds, ends_at, by_key })
            }
            _ => None,
        }
    }
}

impl Question {
    fn event(&self, now: Instant) -> Event {
        let left = self.until.saturating_duration_since(now).as_secs_f64().ceil();
        let (question, answer_s) = (self.number, left as u32);
        match self.matter.clone() {
            Matter::Trace { seconds } => Event::TraceAsked { question, seconds, answer_s },
            Matter::Assistance { technician, reason, seconds } => {
                Event::AssistanceAsked { question, technician, reason, seconds, answer_s }
            }
        }
    }

    /// Nobody answers for the worker: where nobody can be asked the answer is no.
    fn unasked(&self) -> [Step; 2] {
        [Step::Request(answer(self.matter.about(), self.number, false)), Step::Tell(self.matter.unasked())]
    }
}

impl Matter {
    fn about(&self) -> About {
        match self {
            Self::Trace { .. } => About::Trace,
            Self::Assistance { .. } => About::Assistance,
        }
    }

    fn unasked(&self) -> Event {
        match self {
            Self::Trace { .. } => Event::TraceUnasked,
            Self::Assistance { technician, .. } => Event::AssistanceUnasked { technician: technician.clone() },
        }
    }
}

fn answer(about: About, question: u32, consent: bool) -> Request {
    match about {
        About::Trace => Request::AnswerTrace { question, consent },
        About::Assistance => Request::AnswerAssistance { question, consent },
    }
}

fn end(about: About) -> Request {
    match about {
        About::Trace => Request::EndTrace,
        About::Assistance => Request::EndAssistance,
    }
}

#[cfg(test)]
#[path = "consents/tests.rs"]
mod tests;

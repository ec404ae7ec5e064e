//! Assistance: a technician asks, the worker answers by the session channel, and only after a yes a session opens.
//!
//! ```text
//!   asked, recorded ─► told to the worker ─┬─► yes, recorded ─► the technician's session (ledger)
//!                                          └─► no, no answer, taken back, nobody there ─► refused, recorded
//! ```
//!
//! Who may ask is decided before (`control/assist.rs`); what a session does once it is open, in `ledger/assisting.rs`. How often a
//! worker was asked is not kept over a restart.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gateway_api::{SessionNumber, session};
use gateway_record::{Draft, Fields, Kind};
use tokio::sync::oneshot;

use crate::{
    clock,
    ledger::{Assisted, Ledger},
    store::StoreError,
    tally::Tally,
};

/// For the worker to answer.
const ANSWERING: Duration = Duration::from_secs(60);
/// Whoever was asked so often within such a span, and never said yes, is left in peace for the rest of it.
const MOST_IN_VAIN: usize = 3;
const PEACE: Duration = Duration::from_secs(3600);

/// Who is asked, who was, and what became of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assistances {
    live: Arc<Mutex<Live>>,
    outcomes: Arc<Tally>,
}

#[derive(Debug, Default)]
struct Live {
    /// By the worker's session, until the technician's is open or refused.
    asked: HashMap<SessionNumber, Asked>,
    /// When a worker, by the directory's identity, was asked since the last yes.
    in_vain: HashMap<Arc<str>, Vec<Instant>>,
    questions: u32,
}

#[derive(Debug)]
struct Asked {
    question: u32,
    /// None once it was given.
    answer: Option<oneshot::Sender<Answer>>,
    /// What took the yes back, until the session is open.
    withdrawn: Option<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    /// Nobody is there to answer.
    Gone,
}

/// Why a technician has no session with a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotAssisted {
    /// No role lets them assist.
    NotTechnician,
    /// The policy does not say what technicians reach.
    NotProvided,
    /// For longer than policy allows, which is this.
    TooLong(Duration),
    /// The worker has no session, or their client is not heard.
    NotConnected,
    /// It is the technician's own session.
    Own,
    /// Somebody assists that worker already, or asks to.
    Busy,
    /// The worker was asked too often; for how long it is over now.
    LeftInPeace(Duration),
    /// The worker said no.
    No,
    /// The worker did not answer.
    NoAnswer,
    /// The worker's client went.
    Gone,
    /// Whoever asked hung up.
    TakenBack,
}

impl NotAssisted {
    /// The record's word for a refused login.
    pub(crate) fn truth(&self) -> &'static str {
        match self {
            Self::NotTechnician => "assistance_not_technician",
            Self::NotProvided => "assistance_not_provided",
            Self::TooLong(_) => "assistance_too_long",
            Self::NotConnected => "assistance_not_connected",
            Self::Own => "assistance_own",
            Self::Busy => "assistance_busy",
            Self::LeftInPeace(_) => "assistance_left_in_peace",
            Self::No => "assistance_no",
            Self::NoAnswer => "assistance_no_answer",
            Self::Gone => "assistance_no_channel",
            Self::TakenBack => "assistance_taken_back",
        }
    }

    /// The record's word for a question that came to nothing.
    pub(crate) fn why(&self) -> &'static str {
        self.truth().trim_start_matches("assistance_")
    }
}

impl From<policy::NoAssistance> for NotAssisted {
    fn from(why: policy::NoAssistance) -> Self {
        match why {
            policy::NoAssistance::NotTechnician => Self::NotTechnician,
            policy::NoAssistance::NotProvided | policy::NoAssistance::OtherServices => Self::NotProvided,
        }
    }
}

/// Why nobody was asked, or the answer does not count.
#[derive(Debug)]
pub(crate) enum NotAsked {
    /// For a reason that the technician is told.
    Refused(NotAssisted),
    /// It cannot be recorded.
    Store(StoreError),
}

impl Assistances {
    /// The worker's answer. One to another question is none.
    pub(crate) fn answer(&self, number: SessionNumber, question: u32, consent: bool) {
        if let Some(asked) = self.live().asked.get_mut(&number)
            && asked.question == question
            && let Some(answer) = asked.answer.take()
        {
            let _ = answer.send(if consent { Answer::Yes } else { Answer::No });
        }
    }

    /// The worker's client is not heard any more, or the session is over: that is no yes, and takes one back.
    pub(crate) fn channel_lost(&self, number: SessionNumber) {
        self.take_back(number, Answer::Gone);
    }

    /// The worker wants no assistance after all, also where a yes is on its way.
    pub(crate) fn withdraw(&self, number: SessionNumber) {
        self.take_back(number, Answer::No);
    }

    fn take_back(&self, number: SessionNumber, with: Answer) {
        let mut live = self.live();
        let Some(asked) = live.asked.get_mut(&number) else { return };
        match asked.answer.take() {
            Some(answer) => drop(answer.send(with)),
            None => drop(asked.withdrawn.get_or_insert(with)),
        }
    }

    /// Why a yes of a worker counts no more, if it does not.
    pub(crate) fn withdrawn(&self, number: SessionNumber) -> Option<NotAssisted> {
        let withdrawn = self.live().asked.get(&number)?.withdrawn?;
        Some(if withdrawn == Answer::No { NotAssisted::No } else { NotAssisted::Gone })
    }

    /// The last question counts for nothing: it was our own disk that failed.
    fn forgive(&self, worker_id: &str) {
        if let Some(in_vain) = self.live().in_vain.get_mut(worker_id) {
            in_vain.pop();
        }
    }

    /// What became of questions since the start.
    pub(crate) fn outcomes(&self) -> &Tally {
        &self.outcomes
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker who is being asked, or has said yes; free to be asked again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    assistances: Assistances,
    number: SessionNumber,
    question: u32,
}

impl Place {
    /// Takes the place of the one question, unless another has it or the worker is to be left in peace.
    fn take(
        assistances: &Assistances,
        assisted: &Assisted,
        now: Instant,
    ) -> Result<(Self, oneshot::Receiver<Answer>), NotAssisted> {
        let mut live = assistances.live();
        let number = assisted.session;
        if live.asked.contains_key(&number) {
            return Err(NotAssisted::Busy);
        }
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < PEACE;
        live.in_vain.retain(|_, asked| {
            asked.retain(is_recent);
            !asked.is_empty()
        });
        let in_vain = live.in_vain.entry(Arc::clone(&assisted.worker_id)).or_default();
        if in_vain.len() >= MOST_IN_VAIN {
            let oldest = in_vain.first().map_or(Duration::ZERO, |at| now.saturating_duration_since(*at));
            return Err(NotAssisted::LeftInPeace(PEACE.saturating_sub(oldest)));
        }
        in_vain.push(now);
        if live.questions == 0 {
            // An answer to a question of an earlier run is to be none to this one's.
            let mut random = [0; 4];
            let _ = getrandom::fill(&mut random);
            live.questions = u32::from_be_bytes(random);
        }
        live.questions = live.questions.wrapping_add(1);
        let question = live.questions;
        let (answer, answered) = oneshot::channel();
        live.asked.insert(number, Asked { question, answer: Some(answer), withdrawn: None });
        Ok((Self { assistances: assistances.clone(), number, question }, answered))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.assistances.live().asked.remove(&self.number);
    }
}

/// What a technician asks.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) assisted: Assisted,
    /// The technician's name in the directory.
    pub(crate) technician: Arc<str>,
    /// What for, as typed.
    pub(crate) reason: String,
    /// For so long at most.
    pub(crate) span: Duration,
}

/// Asks the worker; the place is held until the session is open. `gone` ends when whoever asks is there no more, and the question with
/// it.
pub(crate) async fn ask(
    ledger: &Ledger,
    question: &Question,
    gone: impl Future<Output = ()>,
) -> Result<Place, NotAsked> {
    let Question { assisted, technician, reason, span } = question;
    let (place, answered) = match Place::take(ledger.assistances(), assisted, clock::now().instant) {
        Ok(taken) => taken,
        Err(why) => {
            // Whoever tries learns that the worker is there: that is recorded like a question.
            not_asked(ledger, Some(assisted), (technician, &assisted.worker), why.why()).await?;
            return Err(NotAsked::Refused(why));
        }
    };
    let seconds = whole(*span);
    let names = Fields::default()
        .with("worker", &*assisted.worker)
        .with("technician", &**technician)
        .with("reason", reason.as_str());
    let fields = Fields::default().with("seconds", i64::from(seconds));
    let asking = note(ledger, Some(assisted), Kind::AssistanceAsked, (fields, names)).await;
    asking.inspect_err(|_| ledger.assistances().forgive(&assisted.worker_id))?;
    let asked = session::Event::AssistanceAsked {
        question: place.question,
        technician: technician.to_string(),
        reason: reason.clone(),
        seconds,
        answer_s: whole(ANSWERING),
    };
    let refused = match ledger.tell(assisted.session, asked) {
        false => NotAssisted::Gone,
        true => tokio::select! {
            biased;
            () = gone => NotAssisted::TakenBack,
            answer = answered => match answer {
                Ok(Answer::Yes) => {
                    let names = (Fields::default(), people(technician, &assisted.worker));
                    let consented = note(ledger, Some(assisted), Kind::AssistanceConsented, names).await;
                    consented.inspect_err(|_| {
                        ledger.assistances().forgive(&assisted.worker_id);
                        ledger.tell(assisted.session, session::Event::AssistanceEnded);
                    })?;
                    ledger.assistances().live().in_vain.remove(&assisted.worker_id);
                    ledger.assistances().outcomes.count("consented");
                    return Ok(place);
                }
                Ok(Answer::No) => NotAssisted::No,
                Ok(Answer::Gone) | Err(_) => NotAssisted::Gone,
            },
            () = tokio::time::sleep(ANSWERING) => NotAssisted::NoAnswer,
        },
    };
    refuse(ledger, question, refused.why()).await?;
    Err(NotAsked::Refused(refused))
}

/// A question came to nothing: told to the worker, counted and recorded.
pub(crate) async fn refuse(ledger: &Ledger, question: &Question, why: &'static str) -> Result<(), NotAsked> {
    ledger.tell(question.assisted.session, session::Event::AssistanceEnded);
    let Question { assisted, technician, .. } = question;
    not_asked(ledger, Some(assisted), (technician, &assisted.worker), why).await
}

/// A technician named a worker, and nobody is asked, or no more: counted and recorded, with the worker's session if there is one.
pub(crate) async fn not_asked(
    ledger: &Ledger,
    assisted: Option<&Assisted>,
    (technician, worker): (&str, &str),
    why: &'static str,
) -> Result<(), NotAsked> {
    ledger.assistances().outcomes.count(why);
    let fields = Fields::default().with("why", why);
    note(ledger, assisted, Kind::AssistanceRefused, (fields, people(technician, worker))).await
}

fn people(technician: &str, worker: &str) -> Fields {
    Fields::default().with("worker", worker).with("technician", technician)
}

fn whole(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

async fn note(
    ledger: &Ledger,
    assisted: Option<&Assisted>,
    kind: Kind,
    (fields, names): (Fields, Fields),
) -> Result<(), NotAsked> {
    let draft = Draft {
        session: assisted.map(|assisted| assisted.session),
        structure: assisted.map(|assisted| assisted.structure.to_string()),
        fields,
        names,
        ..Draft::new(kind, clock::now().wall)
    };
    ledger.store().note(draft).await.map_err(NotAsked::Store)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assisted() -> Assisted {
        Assisted {
            session: SessionNumber::new(1),
            worker_id: "id-1".into(),
            worker: "m.rossi".into(),
            structure: "Tributi".into(),
        }
    }

    #[test]
    fn only_the_answer_to_this_question_counts_and_only_the_first() {
        let assistances = Assistances::default();
        let (place, mut answered) = Place::take(&assistances, &assisted(), Instant::now()).unwrap();
        assert_eq!(Place::take(&assistances, &assisted(), Instant::now()).unwrap_err(), NotAssisted::Busy);
        assistances.answer(SessionNumber::new(1), place.question + 1, true);
        assistances.answer(SessionNumber::new(2), place.question, true);
        assert!(answered.try_recv().is_err(), "not answered");
        assistances.answer(SessionNumber::new(1), place.question, false);
        assert_eq!(answered.try_recv(), Ok(Answer::No));
        assistances.answer(SessionNumber::new(1), place.question, true);
    }

    #[test]
    fn a_yes_is_taken_back_until_the_session_is_open() {
        let assistances = Assistances::default();
        let number = SessionNumber::new(1);
        for (withdrawn, take_back) in [
            (NotAssisted::No, Assistances::withdraw as fn(&Assistances, SessionNumber)),
            (NotAssisted::Gone, Assistances::channel_lost),
        ] {
            let (place, mut answered) = Place::take(&assistances, &assisted(), Instant::now()).unwrap();
            assistances.answer(number, place.question, true);
            assert_eq!((answered.try_recv(), assistances.withdrawn(number)), (Ok(Answer::Yes), None));
            take_back(&assistances, number);
            assert_eq!(assistances.withdrawn(number), Some(withdrawn));
            drop(place);
            assert_eq!(assistances.withdrawn(number), None);
        }
    }

    #[test]
    fn a_client_that_is_gone_agrees_to_nothing() {
        let assistances = Assistances::default();
        let (_place, mut answered) = Place::take(&assistances, &assisted(), Instant::now()).unwrap();
        assistances.channel_lost(SessionNumber::new(1));
        assert_eq!(answered.try_recv(), Ok(Answer::Gone));
    }

    #[test]
    fn who_was_asked_three_times_in_vain_is_left_in_peace_for_the_hour() {
        let assistances = Assistances::default();
        let begin = Instant::now();
        let minute = |minutes: u64| begin + Duration::from_secs(minutes * 60);
        for minutes in [0, 10, 20] {
            drop(Place::take(&assistances, &assisted(), minute(minutes)).unwrap());
        }
        let refused = Place::take(&assistances, &assisted(), minute(45)).unwrap_err();
        assert_eq!(refused, NotAssisted::LeftInPeace(Duration::from_secs(15 * 60)));
        let other = Assisted { session: SessionNumber::new(2), worker_id: "id-2".into(), ..assisted() };
        assert!(Place::take(&assistances, &other, minute(45)).is_ok(), "another worker");
        let again = Assisted { session: SessionNumber::new(3), ..assisted() };
        assert!(Place::take(&assistances, &again, minute(45)).is_err(), "the same worker, in another session");
        assert!(Place::take(&assistances, &assisted(), minute(60)).is_ok());
    }
}

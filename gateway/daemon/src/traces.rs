//! Recordings of sessions for trying the idle rule: asked for, agreed to, under way, over.
//!
//! ```text
//!             a worker: the question goes to the client            agreed      begun, recorded
//!  ordered ─┬───────────────────────────────────────────► asked ──────────► running ────────► over
//!           │                                               │ no, or no answer, or taken back
//!           └── an account that policy has for trials ──────┼────────────────────┘
//!                                                           └─► refused
//! ```
//!
//! A recording holds sizes and times of packets and lengths of TLS records. The data plane hands it over piece by piece; a thread of
//! its own writes it (`traces/files.rs`). Refuses to know what the idle rule makes of it.

pub(crate) mod files;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gateway_api::{SessionNumber, session};
use gateway_core::{LONGEST_TRACE, TraceEnd, Traced};
use gateway_record::{Draft, Fields, Kind};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use self::files::{Name, Written};
use crate::{clock, ledger::Ledger};

/// For the worker to answer.
const ANSWERING: Duration = Duration::from_secs(60);
/// For the last piece to come and be written, once a recording was ended.
const LAST_PIECE: Duration = Duration::from_secs(10);
/// The shortest recording.
const SHORTEST: Duration = Duration::from_secs(1);

/// Whose recordings are asked for or under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traces(Arc<Mutex<Live>>);

#[derive(Debug, Default)]
struct Live {
    stages: HashMap<SessionNumber, Stage>,
    questions: u32,
}

#[derive(Debug)]
enum Stage {
    /// Nobody is asked yet, or nobody has to be.
    Ordered,
    /// The worker is asked, or has answered.
    Asked { question: u32, answer: Option<oneshot::Sender<Answer>> },
    /// It is going on.
    Running { pieces: mpsc::UnboundedSender<Traced>, ended: watch::Sender<Option<Cause>> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    /// Nobody is there to answer.
    Gone,
}

/// Who or what ends a recording before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The worker, from the client.
    Worker,
    /// Whoever ordered it hung up.
    Administrator,
    /// Its worker's client is not heard any more.
    ChannelLost,
}

impl Cause {
    fn word(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Administrator => "administrator",
            Self::ChannelLost => "channel_lost",
        }
    }
}

fn word(end: TraceEnd) -> &'static str {
    match end {
        TraceEnd::Ordered => "administrator",
        TraceEnd::TimeOver => "time_over",
        TraceEnd::Full => "full",
        TraceEnd::SessionClosed => "session_closed",
    }
}

impl Traces {
    /// The worker's answer. One to another question is none.
    pub(crate) fn answer(&self, number: SessionNumber, question: u32, consent: bool) {
        if let Some(Stage::Asked { question: asked, answer }) = self.live().stages.get_mut(&number)
            && *asked == question
            && let Some(answer) = answer.take()
        {
            let _ = answer.send(if consent { Answer::Yes } else { Answer::No });
        }
    }

    /// Ends a session's recording, if there is one, or its question.
    pub(crate) fn end(&self, number: SessionNumber, cause: Cause) {
        match self.live().stages.get_mut(&number) {
            Some(Stage::Running { ended, .. }) => {
                ended.send_if_modified(|before| before.is_none() && before.replace(cause).is_none());
            }
            Some(Stage::Asked { answer, .. }) if cause == Cause::ChannelLost => {
                if let Some(answer) = answer.take() {
                    let _ = answer.send(Answer::Gone);
                }
            }
            Some(Stage::Asked { .. } | Stage::Ordered) | None => {}
        }
    }

    /// A piece of a recording, from the data plane.
    pub(crate) fn piece(&self, number: SessionNumber, traced: Traced) {
        if let Some(Stage::Running { pieces, .. }) = self.live().stages.get(&number) {
            // A writer that failed has said so already.
            let _ = pieces.send(traced);
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's place among them, free again when it is dropped.
struct Place {
    traces: Traces,
    number: SessionNumber,
}

impl Place {
    /// None if it is taken.
    fn take(traces: &Traces, number: SessionNumber) -> Option<Self> {
        let mut live = traces.live();
        if live.stages.contains_key(&number) {
            return None;
        }
        live.stages.insert(number, Stage::Ordered);
        Some(Self { traces: traces.clone(), number })
    }

    fn move_on(&self, stage: Stage) {
        self.traces.live().stages.insert(self.number, stage);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.traces.live().stages.remove(&self.number);
    }
}

/// What is to be recorded, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) number: SessionNumber,
    /// For so long at most.
    pub(crate) span: Duration,
    /// The system user who wants it.
    pub(crate) uid: u32,
    /// Whether policy has the account for trials: then nobody is asked.
    pub(crate) is_test_account: bool,
}

/// Reads how long a recording is to be.
pub(crate) fn span(seconds: u32) -> Result<Duration, String> {
    let span = Duration::from_secs(seconds.into());
    if (SHORTEST..=LONGEST_TRACE).contains(&span) {
        Ok(span)
    } else {
        Err("a recording lasts 1 second to 1 hour".to_owned())
    }
}

/// Records a session from the question to the last line on disk. `tell` is given what happens meanwhile; `gone` ends when whoever
/// ordered it is there no more, and the recording with it.
pub(crate) async fn record(
    ledger: &Ledger,
    folder: &Path,
    order: &Order,
    tell: &mpsc::UnboundedSender<Value>,
    gone: impl Future<Output = ()>,
) -> Result<Value, String> {
    let mut gone = std::pin::pin!(gone);
    let place = Place::take(ledger.traces(), order.number)
        .ok_or_else(|| format!("session {} is being recorded already, or its worker is being asked", order.number))?;
    if !order.is_test_account {
        ask(ledger, order, &place, tell, gone.as_mut()).await?;
    }
    let (pieces, received) = mpsc::unbounded_channel();
    let (ended, mut end) = watch::channel(None);
    place.move_on(Stage::Running { pieces, ended });
    let name = Name::new(order.number, clock::now().wall);
    let fields = Fields::default()
        .with("uid", i64::from(order.uid))
        .with("seconds", order.span.as_secs())
        .with("trace", name.to_string())
        .with("by", if order.is_test_account { "test_account" } else { "consent" });
    note(ledger, order, Kind::TraceBegun, fields).await?;
    let seconds = u32::try_from(order.span.as_secs()).unwrap_or(u32::MAX);
    // Nobody is recorded who is not told.
    let is_told = ledger.tell(order.number, session::Event::TraceBegun { seconds });
    if !is_told || !ledger.data_plane().begin_trace(order.number, order.span).await.unwrap_or(false) {
        ledger.tell(order.number, session::Event::TraceEnded);
        over(ledger, order, &name, "no_channel", None).await;
        return Err("nothing is recorded: the session's client is not connected".to_owned());
    }
    let mut writer = files::write(folder, &name, received);
    let _ = tell.send(json!({ "step": "begun", "trace": name.to_string(), "seconds": seconds }));

    let cause = tokio::select! {
        // Its last piece came by itself, or it cannot be written.
        written = &mut writer => return finish(ledger, order, &name, None, written).await,
        () = tokio::time::sleep(order.span) => None,
        () = &mut gone => Some(Cause::Administrator),
        cause = async { end.wait_for(Option::is_some).await.ok().and_then(|cause| *cause) } => cause,
    };
    // False if it ended by itself just now: then its last piece is on the way as well.
    let _ = ledger.data_plane().end_trace(order.number).await;
    let written =
        tokio::time::timeout(LAST_PIECE, writer).await.unwrap_or_else(|_| Ok(Err("it takes too long".to_owned())));
    let cause = cause.map_or("time_over", Cause::word);
    finish(ledger, order, &name, Some(cause), written).await
}

/// Asks the worker. An error is an answer that is no yes.
async fn ask(
    ledger: &Ledger,
    order: &Order,
    place: &Place,
    tell: &mpsc::UnboundedSender<Value>,
    gone: impl Future<Output = ()>,
) -> Result<(), String> {
    let seconds = u32::try_from(order.span.as_secs()).unwrap_or(u32::MAX);
    let answer_s = u32::try_from(ANSWERING.as_secs()).unwrap_or(u32::MAX);
    let fields = Fields::default().with("uid", i64::from(order.uid)).with("seconds", i64::from(seconds));
    note(ledger, order, Kind::TraceAsked, fields).await?;
    let (answer, answered) = oneshot::channel();
    let question = {
        let mut live = ledger.traces().live();
        live.questions = live.questions.wrapping_add(1);
        live.questions
    };
    place.move_on(Stage::Asked { question, answer: Some(answer) });
    let (why, words) = if ledger.tell(order.number, session::Event::TraceAsked { question, seconds, answer_s }) {
        let _ = tell.send(json!({ "step": "asked", "answer_s": answer_s }));
        tokio::select! {
            answer = answered => match answer {
                Ok(Answer::Yes) => return note(ledger, order, Kind::TraceConsented, Fields::default()).await,
                Ok(Answer::No) => ("no", "the worker does not agree"),
                Ok(Answer::Gone) | Err(_) => ("no_channel", "the worker's client is not connected any more"),
            },
            () = tokio::time::sleep(ANSWERING) => ("no_answer", "the worker did not answer, which is a no"),
            () = gone => ("taken_back", "the question was taken back"),
        }
    } else {
        ("no_channel", "the worker's client is not connected: nobody can be asked")
    };
    place.move_on(Stage::Ordered);
    ledger.tell(order.number, session::Event::TraceEnded);
    note(ledger, order, Kind::TraceRefused, Fields::default().with("why", why)).await?;
    Err(format!("nothing is recorded: {words}"))
}

type Outcome = Result<Result<Written, String>, tokio::task::JoinError>;

async fn finish(
    ledger: &Ledger,
    order: &Order,
    name: &Name,
    cause: Option<&'static str>,
    written: Outcome,
) -> Result<Value, String> {
    let written = written.unwrap_or_else(|error| Err(error.to_string()));
    ledger.tell(order.number, session::Event::TraceEnded);
    match written {
        Ok(written) => {
            let why = cause.unwrap_or(word(written.end));
            over(ledger, order, name, why, Some(&written)).await;
            Ok(json!({
                "trace": name.to_string(),
                "folder": written.folder,
                "why": why,
                "packets": written.packets,
                "connections": written.connections,
            }))
        }
        Err(error) => {
            let _ = ledger.data_plane().end_trace(order.number).await;
            over(ledger, order, name, "not_written", None).await;
            Err(format!("nothing is kept: the recording cannot be written: {error}"))
        }
    }
}

async fn over(ledger: &Ledger, order: &Order, name: &Name, why: &str, written: Option<&Written>) {
    let mut fields = Fields::default().with("trace", name.to_string()).with("why", why);
    if let Some(written) = written {
        fields = fields.with("packets", written.packets);
    }
    // It is over whether or not that can be recorded.
    if let Err(error) = note(ledger, order, Kind::TraceEnded, fields).await {
        tracing::error!(session = %order.number, error, "the end of a recording is not recorded");
    }
}

async fn note(ledger: &Ledger, order: &Order, kind: Kind, fields: Fields) -> Result<(), String> {
    let draft = Draft { session: Some(order.number), fields, ..Draft::new(kind, clock::now().wall) };
    ledger.store().note(draft).await.map_err(|error| error.to_string())
}

/// Deletes what is older than it may be, at the start and every hour. At the start there may be what an earlier run left unfinished.
pub(crate) async fn keep_short(ledger: Ledger, folder: std::path::PathBuf) {
    let mut ticks = tokio::time::interval(files::LOOK);
    let mut at_start = true;
    loop {
        ticks.tick().await;
        let (folder, now, all) = (folder.clone(), clock::now().wall, std::mem::take(&mut at_start));
        let swept: JoinHandle<_> = tokio::task::spawn_blocking(move || files::sweep(&folder, now, all));
        match swept.await {
            Ok(Ok(swept)) => {
                for name in swept.unfinished {
                    let fields = Fields::default().with("trace", name.to_string()).with("why", "gateway_stopped");
                    record_swept(&ledger, Kind::TraceEnded, &name, fields).await;
                }
                for name in swept.old {
                    let fields = Fields::default().with("trace", name.to_string());
                    record_swept(&ledger, Kind::TraceDeleted, &name, fields).await;
                }
            }
            Ok(Err(error)) => tracing::error!(error, "old recordings not deleted"),
            Err(error) => tracing::error!(%error, "old recordings not deleted"),
        }
    }
}

async fn record_swept(ledger: &Ledger, kind: Kind, name: &Name, fields: Fields) {
    tracing::info!(trace = %name, kind = kind.word(), "recording deleted");
    let draft = Draft { session: Some(name.session), fields, ..Draft::new(kind, clock::now().wall) };
    if let Err(error) = ledger.store().note(draft).await {
        tracing::error!(%error, "record not written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> SessionNumber {
        SessionNumber::new(1)
    }

    fn asked(traces: &Traces) -> (Place, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        let place = Place::take(traces, number()).unwrap();
        place.move_on(Stage::Asked { question: 7, answer: Some(answer) });
        assert!(Place::take(traces, number()).is_none(), "one at a time");
        (place, answered)
    }

    fn running(traces: &Traces) -> (Place, watch::Receiver<Option<Cause>>) {
        let (pieces, _) = mpsc::unbounded_channel();
        let (ended, end) = watch::channel(None);
        let place = Place::take(traces, number()).unwrap();
        place.move_on(Stage::Running { pieces, ended });
        (place, end)
    }

    #[test]
    fn only_the_answer_to_this_question_counts() {
        let traces = Traces::default();
        let (_place, mut answered) = asked(&traces);
        traces.answer(number(), 6, true);
        traces.end(number(), Cause::Worker);
        assert!(answered.try_recv().is_err(), "not answered");
        traces.answer(number(), 7, false);
        assert_eq!(answered.try_recv(), Ok(Answer::No));
        traces.answer(number(), 7, true);
    }

    #[test]
    fn a_client_that_is_gone_agrees_to_nothing_and_is_not_recorded_any_more() {
        let traces = Traces::default();
        let (place, mut answered) = asked(&traces);
        traces.end(number(), Cause::ChannelLost);
        assert_eq!(answered.try_recv(), Ok(Answer::Gone));
        drop(place);
        let (_place, end) = running(&traces);
        traces.end(number(), Cause::ChannelLost);
        traces.end(number(), Cause::Worker);
        assert_eq!(*end.borrow(), Some(Cause::ChannelLost), "the first cause");
    }

    #[test]
    fn a_recording_lasts_a_second_to_an_hour() {
        assert!(span(1).is_ok() && span(3600).is_ok());
        assert!(span(0).is_err() && span(3601).is_err());
    }
}

//! Steps of reviews over the administrators' socket. Who may use the socket gives nobody a right here: whoever takes a step signs in for
//! it.

use gateway_api::SessionNumber;
use gateway_record::review::{Act, Ground, Message, Review, Signed, Stage};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Desk;
use crate::{
    clock,
    control::{self, SignIn},
    directory::Person,
    reviews::{HandedOut, Mistake, NotTaken, Office, Wanted},
};

/// What somebody wants to do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Step {
    /// Ask for the records of a person.
    Request {
        /// By their name in the directory,
        worker: Option<String>,
        /// or by sessions.
        sessions: Vec<SessionNumber>,
        structure: Option<String>,
        events: Vec<String>,
        from: Option<Date>,
        until: Option<Date>,
        ground: Ground,
        reason: String,
    },
    /// Say yes to a request.
    Approve { request: u64 },
    /// Say no.
    Refuse { request: u64, why: String },
    /// Have what was approved handed out.
    Open { request: u64 },
    /// Keep what was opened for a procedure.
    Extract { request: u64, until: Date, why: String },
    /// Put the message to the worker off.
    Postpone { request: u64, until: Date, why: String },
    /// The requests that they may read.
    Requests,
    /// Published figures.
    Figures,
    /// A minute by its number.
    Minute { minute: u64 },
    /// Give a structure a general notice.
    Notice { structure: String, italian: Option<String>, english: Option<String> },
}

impl Step {
    fn act(&self) -> (Act, Option<u64>) {
        match self {
            Self::Request { .. } => (Act::Request, None),
            Self::Approve { request } | Self::Refuse { request, .. } => (Act::Approve, Some(*request)),
            Self::Open { request } | Self::Extract { request, .. } => (Act::Open, Some(*request)),
            Self::Postpone { request, .. } => (Act::Postpone, Some(*request)),
            Self::Requests | Self::Minute { .. } => (Act::Read, None),
            Self::Notice { .. } => (Act::Notice, None),
            Self::Figures => (Act::Figures, None),
        }
    }
}

/// Lets somebody take a step, if they are who they say and the rules let them. What is refused is counted as on the web page, and
/// together with that.
pub(super) async fn take(desk: &Desk, sign_in: SignIn, step: Step) -> Result<Value, String> {
    let person = control::sign_in(&desk.api, sign_in).await?;
    let counted = desk.api.throttle.begin_step(&person.id).await.map_err(|wait| {
        format!("too much of what you asked for had to be refused: try again in {} seconds", wait.as_secs() + 1)
    })?;
    let outcome = signed_step(desk, &person, step).await;
    if !matches!(outcome, Err(NotTaken::Refused(_) | NotTaken::Mistaken(_))) {
        counted.taken();
    }
    outcome.map_err(|error| match error {
        NotTaken::Failed(why) => why,
        NotTaken::Mistaken(mistake) => mistake.to_string(),
        NotTaken::Refused(refusal) => refusal.to_string(),
    })
}

async fn signed_step(desk: &Desk, person: &Person, step: Step) -> Result<Value, NotTaken> {
    let office = Office { policy: desk.change.policy().current(), now: clock::now().wall };
    let who = desk.reviews.signed(&office, person).await.map_err(NotTaken::Failed)?;
    self::step(desk, &office, &who, step).await
}

/// A step by somebody who has signed in. What the rules refuse is recorded.
pub(crate) async fn step(desk: &Desk, office: &Office, who: &Signed, step: Step) -> Result<Value, NotTaken> {
    let act = step.act();
    let outcome = taken(desk, office, who, step).await;
    if let Err(NotTaken::Refused(refusal)) = &outcome {
        desk.reviews.denied(act, who, *refusal, office.now).await;
    }
    outcome
}

async fn taken(desk: &Desk, office: &Office, who: &Signed, step: Step) -> Result<Value, NotTaken> {
    let (reviews, now) = (&desk.reviews, office.now);
    match step {
        Step::Request { worker, sessions, structure, events, from, until, ground, reason } => {
            // Before anybody is looked up: who has no part in reviews learns nothing by asking.
            if office.policy.lawful().is_some() {
                who.acts_somewhere(Act::Request)?;
            }
            let worker = match worker {
                Some(name) => {
                    let found = desk.directory.person(name.trim()).await.map_err(NotTaken::Failed)?;
                    Some(found.ok_or(Mistake::NoSuchWorker(name))?)
                }
                None => None,
            };
            let wanted = Wanted { worker, structure, sessions, events, from, until, ground, reason };
            reviews.request(office, who, wanted).await.map(|review| shown(&review, now))
        }
        Step::Approve { request } => reviews.approve(office, who, request).await.map(|review| shown(&review, now)),
        Step::Refuse { request, why } => {
            reviews.refuse(office, who, request, &why).await.map(|review| shown(&review, now))
        }
        Step::Open { request } => Ok(handed_out(request, &reviews.open_request(office, who, request).await?)),
        Step::Extract { request, until, why } => {
            Ok(handed_out(request, &reviews.extract(office, who, request, (until, &why)).await?))
        }
        Step::Postpone { request, until, why } => {
            reviews.postpone(office, who, request, (until, &why)).await.map(|review| shown(&review, now))
        }
        Step::Requests => {
            who.acts_somewhere(Act::Read)?;
            let requests = reviews.readable(who, now).await;
            let holders = reviews.new_holders(who, now).await;
            let requests: Vec<Value> = requests.iter().map(|review| shown(review, now)).collect();
            let holders: Vec<Value> = holders
                .iter()
                .map(|holder| {
                    json!({
                        "name": holder.name,
                        "role": holder.held.role.word(),
                        "structure": holder.held.role.structure(),
                        "since": holder.held.since,
                    })
                })
                .collect();
            let roles: Vec<Value> = who
                .roles
                .iter()
                .map(
                    |held| json!({ "role": held.role.word(), "structure": held.role.structure(), "since": held.since }),
                )
                .collect();
            Ok(json!({ "you": { "name": who.name, "roles": roles }, "requests": requests, "new_roles": holders }))
        }
        Step::Figures => Ok(json!(reviews.figures(office, who).await?)),
        Step::Minute { minute } => {
            let (request, written) = reviews.read_minute(who, minute, now).await?;
            Ok(json!({ "request": request, "minute": minute, "sha256": written.hash, "text": written.text }))
        }
        Step::Notice { structure, italian, english } => {
            let notice = reviews.give_notice(office, who, structure.trim(), (italian, english)).await?;
            Ok(json!({ "notice": notice.number, "structure": notice.structure }))
        }
    }
}

fn handed_out(request: u64, handed: &HandedOut) -> Value {
    json!({
        "request": request,
        "records": handed.records,
        "minute": handed.minute,
        "text": handed.text,
        "file": handed.file,
    })
}

/// A request for those who may read it.
fn shown(review: &Review, now: Timestamp) -> Value {
    let asked = &review.asked;
    let mut value = json!({
        "request": review.number,
        "stage": stage(&review.stage),
        "structure": asked.structure,
        "from": asked.from,
        "until": asked.until,
        "ground": asked.ground.letter(),
        "reason": asked.reason,
        "requested_by": review.by.name,
        "requested_as": review.by.role.word(),
        "requested_at": review.by.at,
    });
    let mut add = |name: &str, said: Value| {
        if let Value::Object(fields) = &mut value {
            fields.insert(name.to_owned(), said);
        }
    };
    if let Some(name) = &asked.subject.name {
        add("worker", json!(name));
    }
    if !asked.subject.sessions.is_empty() {
        add("sessions", json!(asked.subject.sessions));
    }
    if !asked.events.is_empty() {
        add("events", json!(asked.events));
    }
    match &review.stage {
        Stage::Requested => {}
        Stage::Refused { by, why } => {
            add("refused_by", json!(by.name));
            add("refused_at", json!(by.at));
            add("why", json!(why));
        }
        Stage::Approved { by } => {
            add("approved_by", json!(by.name));
            add("approved_at", json!(by.at));
        }
        Stage::Opened { approved, opening } | Stage::Minuted { approved, opening, .. } => {
            add("approved_by", json!(approved.name));
            add("approved_at", json!(approved.at));
            add("opened_by", json!(opening.by.name));
            add("opened_at", json!(opening.by.at));
            add("records", json!(opening.records.len()));
            add("opens_until", json!(opening.until));
        }
    }
    if let Stage::Minuted { minute, message, .. } = &review.stage {
        add("minute", json!(minute.number));
        add("message", json!(told(message, now)));
        if !asked.subject.sessions.is_empty() && message.read_at.is_none() {
            let unread = asked.subject.tags.iter().filter(|tag| !message.read_by.contains(tag));
            add("message_unread_of_sessions", json!(unread.count()));
        }
        if !message.mailed.is_empty() {
            add("message_mailed_to", json!(message.mailed.len()));
        }
        add("message_due", json!(message.due));
    }
    if !review.extracts.is_empty() {
        let extracts = review.extracts.iter().map(|extract| format!("until {} ({})", extract.until, extract.why));
        add("extracts", extracts.collect());
    }
    value
}

fn stage(stage: &Stage) -> &'static str {
    match stage {
        Stage::Requested => "requested",
        Stage::Refused { .. } => "refused",
        Stage::Approved { .. } => "approved",
        Stage::Opened { .. } => "opened",
        Stage::Minuted { .. } => "minuted",
    }
}

fn told(message: &Message, now: Timestamp) -> String {
    match (&message.read_at, &message.postponed) {
        (Some(at), _) => format!("read at {at}"),
        (None, Some(postponed)) if now < postponed.until => format!("put off until {}", postponed.until),
        (None, _) if message.due < now => "not read, and overdue: tell the worker otherwise".to_owned(),
        (None, _) => "shown at the next login".to_owned(),
    }
}

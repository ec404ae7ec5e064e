//! Requests for a person's records and what becomes of them: asking, a second person's answer, the opening, the minute, the
//! message. Each step is the command's own, and the opening asks for another code.

use axum::{extract::Path, http::StatusCode, response::Response};
use gateway_api::SessionNumber;
use gateway_record::{
    Kind,
    review::{Act, By, Ground, Message, Refusal, Review, Stage},
};
use jiff::civil::Date;
use maud::{Markup, html};
use serde_json::Value;

use super::{
    login::role,
    page::{self, Fields, Input, Problem, Tab},
    visitor::{Sent, Visitor, see},
    words::{self, Words},
};
use crate::{
    admin::reviews::{self, Step},
    reviews::NotTaken,
};

/// The forms of a request's page.
const APPROVE: &str = "approve";
const REFUSE: &str = "refuse";
const POSTPONE: &str = "postpone";
/// Those that hand records out.
const OPEN: &str = "open";
const EXTRACT: &str = "extract";

/// What was typed into the form of a request.
#[derive(Default)]
struct Typed {
    worker: String,
    sessions: String,
    structure: String,
    events: String,
    from: String,
    until: String,
    ground: String,
    reason: String,
}

/// A form of a request's page that comes back: which, what was typed, and what was wrong.
struct Back {
    of: &'static str,
    why: String,
    until: String,
    problem: Problem,
}

/// `GET /requests`
pub(super) async fn list(visitor: Visitor) -> Response {
    if let Err(answer) = visitor.right(Act::Read).await {
        return answer;
    }
    let words = visitor.words();
    let requests = visitor.desk().reviews.readable(&visitor.who, visitor.office.now).await;
    let table = html! {
        table {
            caption { (words.requests_caption) }
            thead {
                tr {
                    th scope="col" { (words.number) }
                    th scope="col" { (words.state) }
                    th scope="col" { (words.structure) }
                    th scope="col" { (words.days) }
                    th scope="col" { (words.ground) }
                    th scope="col" { (words.asked_by) }
                }
            }
            tbody {
                @for review in requests.iter().rev() {
                    tr {
                        th scope="row" { a href=(path(review.number)) { (review.number) } }
                        td { span.state.(class(&review.stage)) { (words::stage(words, &review.stage)) } }
                        td { (review.asked.structure) }
                        td { (page::days(words, review.asked.from, review.asked.until)) }
                        td { (review.asked.ground.letter()) ")" }
                        td { (review.by.name) }
                    }
                }
            }
        }
    };
    let content = html! {
        p.lead { (words.requests_lead) }
        @if visitor.may(Act::Request) { p { a.button href="/requests/new" { (words.new_request) } } }
        @if requests.is_empty() { p { (words.no_requests) } } @else { (page::wide(words.requests_caption, &table)) }
    };
    visitor.frame().tab(Tab::Requests, &content)
}

/// `GET /requests/new`
pub(super) async fn blank(visitor: Visitor) -> Response {
    if let Err(answer) = visitor.right(Act::Request).await {
        return answer;
    }
    let today = visitor.office.today().to_string();
    form(&visitor, StatusCode::OK, &Typed { until: today, ..Typed::default() }, None)
}

fn form(visitor: &Visitor, status: StatusCode, typed: &Typed, problem: Option<&Problem>) -> Response {
    let words = visitor.words();
    let fields = Fields { of: "request", words, problem };
    let own = std::iter::once((String::new(), words.structure_of_worker.to_owned()));
    let structures: Vec<(String, String)> =
        own.chain(visitor.office.policy.structures().iter().map(|name| (name.to_string(), name.to_string()))).collect();
    let grounds = Ground::ALL.map(|ground| (ground.letter().to_owned(), words::ground_in_full(words, ground)));
    let sessions = Input::line("sessions", words.of_sessions, &typed.sessions).hint(words.of_sessions_hint);
    let content = html! {
        p { a href=(Tab::Requests.path()) { "← " (words.requests) } }
        p.lead { (words.new_request_lead) }
        form.card method="post" action="/requests/new" {
            (page::form_key(visitor))
            (fields.problem())
            (fields.input(Input::line("worker", words.worker, &typed.worker).hint(words.worker_hint).optional()))
            (fields.input(sessions.optional()))
            (fields.select("structure", words.structure, None, &typed.structure, &structures))
            (fields.input(Input::day("from", words.first_day, &typed.from).optional()))
            (fields.input(Input::day("until", words.last_day, &typed.until).optional()))
            (fields.input(Input::line("events", words.events, &typed.events).hint(words.events_hint).optional()))
            (fields.select("ground", words.ground, Some(words.ground_hint), &typed.ground, &grounds))
            (fields.input(Input::text("reason", words.reason, &typed.reason).hint(words.reason_hint)))
            button type="submit" { (words.send_request) }
        }
    };
    visitor.frame().page(status, (Some(Tab::Requests), words.new_request), &content)
}

/// `POST /requests/new`
pub(super) async fn ask(Sent { visitor, form: sent }: Sent) -> Response {
    if let Err(answer) = visitor.right(Act::Request).await {
        return answer;
    }
    let text = |name| sent.text(name).to_owned();
    let typed = Typed {
        worker: text("worker"),
        sessions: text("sessions"),
        structure: text("structure"),
        events: text("events"),
        from: text("from"),
        until: text("until"),
        ground: text("ground"),
        reason: text("reason").replace("\r\n", "\n"),
    };
    let words = visitor.words();
    let step = match typed.step(words) {
        Ok(step) => step,
        Err(problem) => return form(&visitor, StatusCode::UNPROCESSABLE_ENTITY, &typed, Some(&problem)),
    };
    match reviews::step(visitor.desk(), &visitor.office, &visitor.who, step).await {
        Ok(review) => see(&path(review.get("request").and_then(Value::as_u64).unwrap_or_default())),
        Err(error) => {
            let (status, problem) = not_taken(words, error);
            form(&visitor, status, &typed, Some(&problem))
        }
    }
}

impl Typed {
    fn step(&self, words: &Words) -> Result<Step, Problem> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let list = |text: &str| -> Vec<String> {
            text.split(|c: char| c.is_whitespace() || c == ',')
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let sessions: Option<_> = list(&self.sessions).iter().map(|number| SessionNumber::parse(number)).collect();
        let events = list(&self.events);
        if !events.iter().all(|event| Kind::from_word(event).is_some()) {
            return Err(Problem::new(words.no_such_event, Some("events")));
        }
        Ok(Step::Request {
            worker: some(&self.worker),
            sessions: sessions.ok_or_else(|| Problem::new(words.no_session_number, Some("sessions")))?,
            structure: some(&self.structure),
            events,
            from: date(words, &self.from, "from")?,
            until: date(words, &self.until, "until")?,
            ground: Ground::from_letter(&self.ground).ok_or_else(|| Problem::new(words.ground_hint, Some("ground")))?,
            reason: self.reason.clone(),
        })
    }
}

fn date(words: &Words, text: &str, field: &'static str) -> Result<Option<Date>, Problem> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Problem::new(words.no_date, Some(field))),
    }
}

/// Why a step was not taken, for its page.
pub(super) fn not_taken(words: &Words, error: NotTaken) -> (StatusCode, Problem) {
    match error {
        NotTaken::Mistaken(mistake) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Problem::new(mistake.on_page(words.language), mistake.field()))
        }
        // Whoever runs the gateway reads why.
        NotTaken::Failed(why) => {
            tracing::error!(why, "a step of a review could not be taken");
            (StatusCode::SERVICE_UNAVAILABLE, Problem::new(words.unavailable, None))
        }
        NotTaken::Refused(refusal) => {
            let field = field(refusal);
            let status = if field.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::FORBIDDEN };
            (status, Problem::new(words::refusal(words, refusal), field))
        }
    }
}

/// The field that a refusal is about, where a form has it.
fn field(refusal: Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::NoReason => Some("reason"),
        Refusal::NoPeriod | Refusal::BeforeTheRules(_) => Some("from"),
        Refusal::NoSubject => Some("worker"),
        Refusal::NoNotice | Refusal::NoAnomaly => Some("ground"),
        Refusal::TooLate(_) | Refusal::KeptTooLong(_) => Some("until"),
        Refusal::NotLawful
        | Refusal::NotLawfulYet(_)
        | Refusal::NoRight(_)
        | Refusal::Administrator
        | Refusal::Requester
        | Refusal::Subject
        | Refusal::HeldTooShort(_)
        | Refusal::NotApproved
        | Refusal::Answered
        | Refusal::Refused
        | Refusal::Over(_)
        | Refusal::NotOpened
        | Refusal::NotMinuted
        | Refusal::Minuted
        | Refusal::MessageRead => None,
    }
}

/// `GET /requests/NUMBER`
pub(super) async fn show(visitor: Visitor, Path(number): Path<String>) -> Response {
    if let Err(answer) = visitor.right(Act::Read).await {
        return answer;
    }
    one(&visitor, &number, StatusCode::OK, None).await
}

async fn one(visitor: &Visitor, number: &str, status: StatusCode, back: Option<&Back>) -> Response {
    let (words, now) = (visitor.words(), visitor.office.now);
    let found = match number.parse() {
        Ok(number) => visitor.desk().reviews.read_one(&visitor.who, number, now).await,
        Err(_) => None,
    };
    let offered = found.as_ref().map(|review| offered(visitor, review)).unwrap_or_default();
    let review = match (found, back) {
        // Who sent what was not offered learns what the rules say of it.
        (_, Some(back)) if !offered.contains(&back.of) => return visitor.frame().refusal(status, &back.problem.said),
        (Some(review), _) => review,
        (None, _) => return visitor.frame().refusal(StatusCode::NOT_FOUND, words.no_such_request),
    };
    let content = html! {
        p { a href=(Tab::Requests.path()) { "← " (words.requests) } }
        p { span.state.(class(&review.stage)) { (words::stage(words, &review.stage)) } }
        (facts(visitor, &review))
        (steps(visitor, &review))
        (forms(visitor, &review, (&offered, back)))
        @if let Stage::Minuted { minute, .. } = &review.stage {
            section {
                h2 { (words.minute) " " (minute.number) }
                (page::wide(words.minute, &html! { pre { (minute.text) } }))
                p { "SHA-256 " code.hash { (minute.hash) } }
            }
        }
    };
    let title = format!("{} {}", words.request, review.number);
    visitor.frame().page(status, (Some(Tab::Requests), &title), &content)
}

fn facts(visitor: &Visitor, review: &Review) -> Markup {
    let (words, asked) = (visitor.words(), &review.asked);
    html! {
        dl.facts {
            (page::fact(words.structure, &asked.structure))
            @if let Some(name) = &asked.subject.name { (page::fact(words.worker, name)) }
            @if !asked.subject.sessions.is_empty() {
                @let numbers: Vec<String> = asked.subject.sessions.iter().map(ToString::to_string).collect();
                (page::fact(words.of_sessions, numbers.join(" ")))
            }
            (page::fact(words.days, page::days(words, asked.from, asked.until)))
            @if !asked.events.is_empty() {
                (page::fact(words.events, asked.events.join(" ")))
            }
            (page::fact(words.ground, words::ground_in_full(words, asked.ground)))
            (page::fact(words.reason, html! { span.said { (asked.reason) } }))
        }
    }
}

/// What was done, by whom, in order.
fn steps(visitor: &Visitor, review: &Review) -> Markup {
    let words = visitor.words();
    let by = |done: &str, by: &By| {
        html! {
            li {
                strong { (done) } " " (page::moment(&visitor.office, words, by.at)) ", "
                (by.name) " (" (role(words, &by.role)) ")"
            }
        }
    };
    html! {
        section {
            h2 { (words.steps) }
            ol.steps {
                (by(words.step_requested, &review.by))
                @match &review.stage {
                    Stage::Requested => {},
                    Stage::Refused { by: refused, why } => {
                        (by(words.step_refused, refused))
                        li.said { (words.why) ": " (why) }
                    },
                    Stage::Approved { by: approved } => (by(words.step_approved, approved)),
                    Stage::Opened { approved, opening } | Stage::Minuted { approved, opening, .. } => {
                        (by(words.step_approved, approved))
                        (by(words.step_opened, &opening.by))
                        li {
                            (words.records) ": " (opening.records.len()) "; " (words.opens_until) " "
                            (page::moment(&visitor.office, words, opening.until))
                        }
                    },
                }
                @if let Stage::Minuted { message, .. } = &review.stage {
                    li {
                        strong { (words.message) } " " (told(visitor, message))
                        @if !message.mailed.is_empty() { "; " (words.message_mailed) " " (message.mailed.len()) }
                    }
                }
                @for extract in &review.extracts {
                    (by(words.step_kept, &extract.by))
                    li.said {
                        (words.kept_until) " " (page::moment(&visitor.office, words, extract.until)) ": " (extract.why)
                    }
                }
            }
        }
    }
}

fn told(visitor: &Visitor, message: &Message) -> Markup {
    let (words, office) = (visitor.words(), &visitor.office);
    match (message.read_at, &message.postponed) {
        (Some(at), _) => html! { (words.message_read) " " (page::moment(office, words, at)) },
        (None, Some(off)) if office.now < off.until => {
            html! { (words.message_off) " " (page::moment(office, words, off.until)) ": " (off.why) }
        }
        (None, _) if message.due < office.now => html! { strong { (words.message_overdue) } },
        (None, _) => html! { (words.message_waits) " " (page::moment(office, words, message.due)) },
    }
}

/// The forms of what this visitor may do with it now.
fn offered(visitor: &Visitor, review: &Review) -> Vec<&'static str> {
    let may = |act| visitor.who.acts(act, &review.asked.structure, visitor.office.now).is_ok();
    let mut offered = Vec::new();
    match &review.stage {
        Stage::Requested if may(Act::Approve) && review.by.id != visitor.who.id => offered.extend([APPROVE, REFUSE]),
        Stage::Approved { .. } | Stage::Opened { .. } if may(Act::Open) => offered.push(OPEN),
        Stage::Minuted { message, .. } => {
            if may(Act::Open) {
                offered.extend([OPEN, EXTRACT]);
            }
            if may(Act::Postpone) && message.read_at.is_none() {
                offered.push(POSTPONE);
            }
        }
        Stage::Requested | Stage::Refused { .. } | Stage::Approved { .. } | Stage::Opened { .. } => {}
    }
    offered
}

fn forms(visitor: &Visitor, review: &Review, (offered, back): (&[&str], Option<&Back>)) -> Markup {
    html! {
        @if offered.contains(&APPROVE) { (answer_form(visitor, review, back)) }
        @if offered.contains(&OPEN) { (open_form(visitor, review, back)) }
        @if offered.contains(&EXTRACT) { (extract_form(visitor, review, back)) }
        @if offered.contains(&POSTPONE) { (postpone_form(visitor, review, back)) }
    }
}

/// The fields of one of the page's forms; what was typed is there again where that form came back.
fn fields<'a>(words: &'a Words, of: &'static str, back: Option<&'a Back>) -> (Fields<'a>, &'a str, &'a str) {
    let back = back.filter(|back| back.of == of);
    let problem = back.map(|back| &back.problem);
    (Fields { of, words, problem }, back.map_or("", |back| &back.why), back.map_or("", |back| &back.until))
}

fn answer_form(visitor: &Visitor, review: &Review, back: Option<&Back>) -> Markup {
    let words = visitor.words();
    let (approve, ..) = fields(words, APPROVE, back);
    let (refuse, why, _) = fields(words, REFUSE, back);
    html! {
        section {
            h2 { (words.answer) }
            form.card method="post" action=(format!("{}/approve", path(review.number))) {
                (page::form_key(visitor))
                (approve.problem())
                p { (words.approve_lead) }
                button type="submit" { (words.approve) }
            }
            form.card method="post" action=(format!("{}/refuse", path(review.number))) {
                (page::form_key(visitor))
                (refuse.problem())
                (refuse.input(Input::text("reason", words.why, why).hint(words.reason_hint)))
                button.danger type="submit" { (words.refuse) }
            }
        }
    }
}

fn open_form(visitor: &Visitor, review: &Review, back: Option<&Back>) -> Markup {
    let words = visitor.words();
    let (fields, ..) = fields(words, OPEN, back);
    html! {
        section {
            h2 { (words.open) }
            form.card method="post" action=(format!("{}/open", path(review.number))) {
                (page::form_key(visitor))
                (fields.problem())
                p { (words.open_lead) }
                (fields.code())
                button type="submit" { (words.open_button) }
            }
        }
    }
}

fn extract_form(visitor: &Visitor, review: &Review, back: Option<&Back>) -> Markup {
    let words = visitor.words();
    let (fields, why, until) = fields(words, EXTRACT, back);
    html! {
        section {
            h2 { (words.extract) }
            form.card method="post" action=(format!("{}/extract", path(review.number))) {
                (page::form_key(visitor))
                (fields.problem())
                p { (words.extract_lead) }
                (fields.input(Input::day("until", words.extract_until, until)))
                (fields.input(Input::text("reason", words.extract_why, why).hint(words.reason_hint)))
                (fields.code())
                button type="submit" { (words.extract_button) }
            }
        }
    }
}

fn postpone_form(visitor: &Visitor, review: &Review, back: Option<&Back>) -> Markup {
    let words = visitor.words();
    let (fields, why, until) = fields(words, POSTPONE, back);
    html! {
        section {
            h2 { (words.postpone) }
            form.card method="post" action=(format!("{}/postpone", path(review.number))) {
                (page::form_key(visitor))
                (fields.problem())
                p { (words.postpone_lead) }
                (fields.input(Input::day("until", words.postpone_until, until)))
                (fields.input(Input::text("reason", words.why, why).hint(words.reason_hint)))
                button type="submit" { (words.postpone) }
            }
        }
    }
}

/// `POST /requests/NUMBER/approve`
pub(super) async fn approve(Path(number): Path<String>, sent: Sent) -> Response {
    act(&number, APPROVE, sent, |request, _, _| Ok(Step::Approve { request })).await
}

/// `POST /requests/NUMBER/refuse`
pub(super) async fn refuse(Path(number): Path<String>, sent: Sent) -> Response {
    act(&number, REFUSE, sent, |request, why, _| Ok(Step::Refuse { request, why })).await
}

/// `POST /requests/NUMBER/postpone`
pub(super) async fn postpone(Path(number): Path<String>, sent: Sent) -> Response {
    act(&number, POSTPONE, sent, |request, why, until| Ok(Step::Postpone { request, until: until?, why })).await
}

/// `POST /requests/NUMBER/open`
pub(super) async fn open(Path(number): Path<String>, sent: Sent) -> Response {
    act(&number, OPEN, sent, |request, _, _| Ok(Step::Open { request })).await
}

/// `POST /requests/NUMBER/extract`
pub(super) async fn extract(Path(number): Path<String>, sent: Sent) -> Response {
    act(&number, EXTRACT, sent, |request, why, until| Ok(Step::Extract { request, until: until?, why })).await
}

/// Takes a step with a request, from the form of that name: back on its page where it was not taken.
async fn act(
    number: &str,
    of: &'static str,
    Sent { visitor, mut form }: Sent,
    step: impl FnOnce(u64, String, Result<Date, Problem>) -> Result<Step, Problem>,
) -> Response {
    let words = visitor.words();
    let no_such = || visitor.frame().refusal(StatusCode::NOT_FOUND, words.no_such_request);
    let Ok(request) = number.parse() else { return no_such() };
    // Whoever may not read it learns not even that it is there.
    if visitor.desk().reviews.read_one(&visitor.who, request, visitor.office.now).await.is_none() {
        return no_such();
    }
    let (why, until) = (form.text("reason").replace("\r\n", "\n"), form.text("until").to_owned());
    let again = async |(status, problem)| {
        let back = Back { of, why: why.clone(), until: until.clone(), problem };
        one(&visitor, number, status, Some(&back)).await
    };
    let day =
        date(words, &until, "until").and_then(|day| day.ok_or_else(|| Problem::new(words.no_date, Some("until"))));
    let step = match step(request, why.clone(), day) {
        Ok(step) => step,
        Err(problem) => return again((StatusCode::UNPROCESSABLE_ENTITY, problem)).await,
    };
    // Each opening takes another code.
    if matches!(of, OPEN | EXTRACT)
        && let Err(refused) = visitor.show_code(&mut form).await
    {
        return again(refused).await;
    }
    match reviews::step(visitor.desk(), &visitor.office, &visitor.who, step).await {
        Ok(mut done) => match done.get_mut("file").map(Value::take) {
            Some(Value::String(file)) => page::download(&format!("review-{request}-{of}.json"), file),
            _ => see(&path(request)),
        },
        Err(error) => again(not_taken(words, error)).await,
    }
}

fn path(number: u64) -> String {
    format!("{}/{number}", Tab::Requests.path())
}

fn class(stage: &Stage) -> &'static str {
    match stage {
        Stage::Requested => "pending",
        Stage::Refused { .. } => "refused",
        Stage::Approved { .. } => "approved",
        Stage::Opened { .. } | Stage::Minuted { .. } => "done",
    }
}

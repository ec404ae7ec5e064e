//! Live sessions, by number and structure: whose they are is not said here. An administrator closes one with a reason and another
//! code.

use axum::{extract::Path, http::StatusCode, response::Response};
use gateway_api::SessionNumber;
use gateway_core::{Phase, View, Way};
use gateway_record::{Draft, Fields, Kind, review::Act};
use maud::html;

use super::{
    page::{self, Fields as FormFields, Input, Problem, Tab},
    visitor::{Sent, Visitor, see},
    words,
};
use crate::admin::{self, NotClosed};

/// The longest reason, in characters.
const LONGEST_WHY: usize = 500;
/// The shortest.
const SHORTEST_WHY: usize = 5;

/// `GET /sessions`
pub(super) async fn list(visitor: Visitor) -> Response {
    if let Err(answer) = visitor.right(Act::Run).await {
        return answer;
    }
    let words = visitor.words();
    let Some(mut views) = visitor.desk().ledger.sessions().await else {
        return visitor.frame().refusal(StatusCode::SERVICE_UNAVAILABLE, words.unavailable);
    };
    views.sort_by_key(|view| view.opened_at);
    let assisting = visitor.desk().ledger.assisting();
    let of = |phase: Phase| views.iter().filter(|view| view.phase == phase).count();
    let office = &visitor.office;
    let table = html! {
        table {
            caption { (words.sessions_caption) }
            thead {
                tr {
                    th scope="col" { (words.session) }
                    th scope="col" { (words.structure) }
                    th scope="col" { (words.state) }
                    th scope="col" { (words.opened) }
                    th scope="col" { (words.ends) }
                }
            }
            tbody {
                @for view in &views {
                    tr {
                        th scope="row" { a href=(path(view.number)) { (view.number) } }
                        td {
                            (view.grant.structure)
                            @if let Some(assisted) = assisting.get(&view.number) {
                                ", " (words.assists) " " a href=(path(*assisted)) { (assisted) }
                            }
                        }
                        td { span.state.(class(view.phase)) { (words::phase(words, view.phase)) } }
                        td { (page::moment(office, words, view.opened_at)) }
                        td { (page::moment(office, words, view.grant.ends_at)) }
                    }
                }
            }
        }
    };
    let content = html! {
        p.lead { (words.sessions_lead) }
        dl.figures {
            div { dt { (words.sessions_open) } dd { (views.len()) } }
            div { dt { (words::phase(words, Phase::Attached)) } dd { (of(Phase::Attached)) } }
            div { dt { (words::phase(words, Phase::Away)) } dd { (of(Phase::Away)) } }
        }
        @if views.is_empty() { p { (words.no_sessions) } } @else { (page::wide(words.sessions_caption, &table)) }
    };
    visitor.frame().tab(Tab::Sessions, &content)
}

/// `GET /sessions/NUMBER`
pub(super) async fn show(visitor: Visitor, Path(number): Path<String>) -> Response {
    if let Err(answer) = visitor.right(Act::Run).await {
        return answer;
    }
    one(&visitor, &number, StatusCode::OK, ("", None)).await
}

async fn one(
    visitor: &Visitor,
    number: &str,
    status: StatusCode,
    (why, problem): (&str, Option<&Problem>),
) -> Response {
    let words = visitor.words();
    let view = match SessionNumber::parse(number) {
        Some(number) => visitor.desk().ledger.sessions().await.and_then(|views| find(views, number)),
        None => None,
    };
    let Some(view) = view else { return visitor.frame().refusal(StatusCode::NOT_FOUND, words.no_such_session) };
    let fields = FormFields { of: "close", words, problem };
    let office = &visitor.office;
    let is_udp = view.endpoint.map(|way| matches!(way, Way::Udp(_)));
    let content = html! {
        p { a href=(Tab::Sessions.path()) { "← " (words.sessions) } }
        dl.facts {
            (page::fact(words.structure, &view.grant.structure))
            (page::fact(words.profile, &view.grant.profile))
            (page::fact(words.state, words::phase(words, view.phase)))
            (page::fact(words.way, words::way(words, is_udp)))
            (page::fact(words.opened, page::moment(office, words, view.opened_at)))
            (page::fact(words.ends, page::moment(office, words, view.grant.ends_at)))
        }
        section {
            h2 { (words.close_session) }
            p { (words.close_lead) }
            form.card method="post" action=(format!("{}/close", path(view.number))) {
                (page::form_key(visitor))
                (fields.problem())
                (fields.input(Input::line("why", words.why, why).hint(words.close_why)))
                (fields.code())
                button.danger type="submit" { (words.close_session) }
            }
        }
    };
    let title = format!("{} {}", words.session, view.number);
    visitor.frame().page(status, (Some(Tab::Sessions), &title), &content)
}

/// `POST /sessions/NUMBER/close`
pub(super) async fn close(Path(number): Path<String>, Sent { visitor, mut form }: Sent) -> Response {
    if let Err(answer) = visitor.right(Act::Run).await {
        return answer;
    }
    let words = visitor.words();
    let why = form.text("why").to_owned();
    let again = async |status, problem: Problem| one(&visitor, &number, status, (&why, Some(&problem))).await;
    if !(SHORTEST_WHY..=LONGEST_WHY).contains(&why.chars().count()) {
        return again(StatusCode::UNPROCESSABLE_ENTITY, Problem::new(words.close_why_missing, Some("why"))).await;
    }
    if let Err((status, problem)) = visitor.show_code(&mut form).await {
        return again(status, problem).await;
    }
    let Some(session) = SessionNumber::parse(&number) else {
        return visitor.frame().refusal(StatusCode::NOT_FOUND, words.no_such_session);
    };
    let names = Fields::default().with("by", visitor.who.name.as_str()).with("why", why.as_str());
    let by = Draft {
        session: Some(session),
        fields: Fields::default().with("by", "console"),
        names,
        ..Draft::new(Kind::SessionClosedByOrder, visitor.office.now)
    };
    match admin::close_session(visitor.desk(), session, by).await {
        Ok(()) => see(Tab::Sessions.path()),
        Err(NotClosed::Gone(_)) => visitor.frame().refusal(StatusCode::NOT_FOUND, words.no_such_session),
        Err(NotClosed::Ending(_)) => visitor.frame().refusal(StatusCode::SERVICE_UNAVAILABLE, words.session_ending),
        // Whoever runs the gateway reads why.
        Err(error @ (NotClosed::Stopping | NotClosed::NotRecorded(_))) => {
            tracing::error!(%error, "a session was not closed from the web page");
            again(StatusCode::SERVICE_UNAVAILABLE, Problem::new(words.unavailable, None)).await
        }
    }
}

fn find(views: Vec<View>, number: SessionNumber) -> Option<View> {
    views.into_iter().find(|view| view.number == number)
}

fn path(number: SessionNumber) -> String {
    format!("{}/{number}", Tab::Sessions.path())
}

fn class(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "pending",
        Phase::Attached => "attached",
        Phase::Away => "away",
    }
}

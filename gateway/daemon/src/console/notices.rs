//! General notices: what comes before a person is looked at. Everybody in the structure reads one before their next
//! session.

use axum::{http::StatusCode, response::Response};
use gateway_record::review::Act;
use maud::html;

use super::{
    page::{self, Fields, Input, Problem, Tab},
    requests::not_taken,
    visitor::{Sent, Visitor, see},
};
use crate::admin::reviews::{self, Step};

/// The longest text of a notice, in bytes, as the command has it.
const LONGEST: usize = 5000;

/// What was typed.
#[derive(Default)]
struct Typed {
    structure: String,
    italian: String,
    english: String,
}

/// `GET /notices`
pub(super) async fn blank(visitor: Visitor) -> Response {
    if let Err(answer) = visitor.right(Act::Notice).await {
        return answer;
    }
    page(&visitor, StatusCode::OK, &Typed::default(), None).await
}

async fn page(visitor: &Visitor, status: StatusCode, typed: &Typed, problem: Option<&Problem>) -> Response {
    let words = visitor.words();
    let may = |structure: &str| visitor.who.acts(Act::Notice, structure, visitor.office.now).is_ok();
    let structures: Vec<(String, String)> = visitor
        .office
        .policy
        .structures()
        .iter()
        .filter(|structure| may(structure))
        .map(|s| (s.to_string(), s.to_string()))
        .collect();
    let given = visitor.desk().reviews.given(&visitor.who, visitor.office.now).await;
    let fields = Fields { of: "notice", words, problem };
    let table = html! {
        table {
            caption { (words.notices_caption) }
            thead {
                tr {
                    th scope="col" { (words.number) }
                    th scope="col" { (words.structure) }
                    th scope="col" { (words.given) }
                    th scope="col" { (words.text) }
                }
            }
            tbody {
                @for notice in &given {
                    tr {
                        th scope="row" { (notice.number) }
                        td { (notice.structure) }
                        td { (page::moment(&visitor.office, words, notice.by.at)) }
                        td {
                            @if let Some(text) = &notice.italian { p.said lang="it" { (text) } }
                            @if let Some(text) = &notice.english { p.said lang="en" { (text) } }
                        }
                    }
                }
            }
        }
    };
    let content = html! {
        p.lead { (words.notices_lead) }
        section {
            h2 { (words.give_notice) }
            form.card method="post" action=(Tab::Notices.path()) {
                (page::form_key(visitor))
                (fields.problem())
                (fields.select("structure", words.structure, None, &typed.structure, &structures))
                (fields.input(Input::text("italian", words.text_italian, &typed.italian).hint(words.text_hint).optional()))
                (fields.input(Input::text("english", words.text_english, &typed.english).optional()))
                button type="submit" { (words.give_notice) }
            }
        }
        section {
            h2 { (words.notices_caption) }
            @if given.is_empty() { p { (words.no_notices) } } @else { (page::wide(words.notices_caption, &table)) }
        }
    };
    visitor.frame().page(status, (Some(Tab::Notices), Tab::Notices.title(words)), &content)
}

/// `POST /notices`
pub(super) async fn give(Sent { visitor, form }: Sent) -> Response {
    if let Err(answer) = visitor.right(Act::Notice).await {
        return answer;
    }
    let words = visitor.words();
    let text = |name| form.text(name).replace("\r\n", "\n");
    let typed =
        Typed { structure: form.text("structure").to_owned(), italian: text("italian"), english: text("english") };
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let (italian, english) = (some(&typed.italian), some(&typed.english));
    let unusable = StatusCode::UNPROCESSABLE_ENTITY;
    if italian.is_none() && english.is_none() {
        return page(&visitor, unusable, &typed, Some(&Problem::new(words.text_missing, Some("italian")))).await;
    }
    for (text, field) in [(&typed.italian, "italian"), (&typed.english, "english")] {
        if text.len() > LONGEST {
            return page(&visitor, unusable, &typed, Some(&Problem::new(words.text_too_long, Some(field)))).await;
        }
    }
    let step = Step::Notice { structure: typed.structure.clone(), italian, english };
    match reviews::step(visitor.desk(), &visitor.office, &visitor.who, step).await {
        Ok(_) => see(Tab::Notices.path()),
        Err(error) => {
            let (status, problem) = not_taken(words, error);
            page(&visitor, status, &typed, Some(&problem)).await
        }
    }
}

//! What is recorded about whoever is signed in, as `deskgate record` shows it at home: they have shown all factors.

use axum::{http::StatusCode, response::Response};
use gateway_record::review::{Review, Stage};
use maud::{Markup, html};

use super::{
    login::role,
    page::{self, Tab},
    visitor::Visitor,
    words::{self, Words},
};
use crate::store::Kept;

/// How many records a page has.
const PAGE: usize = 100;

/// `GET /own`, with `?page=` from the second on: the newest first.
pub(super) async fn show(visitor: Visitor) -> Response {
    let words = visitor.words();
    let kept = match visitor.desk().reviews.own(&visitor.office, &visitor.person).await {
        Ok(kept) => kept,
        Err(error) => {
            tracing::error!(%error, "a person's own records not read");
            return visitor.frame().refusal(StatusCode::SERVICE_UNAVAILABLE, words.unavailable);
        }
    };
    let count = kept.len().div_ceil(PAGE);
    let asked = visitor.stranger.query.strip_prefix("page=").and_then(|number| number.parse().ok());
    let number: usize = asked.unwrap_or(1).clamp(1, count.max(1));
    let openings = visitor.desk().reviews.of_person(&visitor.office, &visitor.person).await;
    let content = html! {
        p.lead { (words.own_lead) }
        section {
            h2 { (words.who_looked) }
            @let looked: Vec<Markup> = openings.iter().filter_map(|review| opening(&visitor, review)).collect();
            @if looked.is_empty() { p.told { (words.nobody_looked) } }
            @for looked in looked { (looked) }
        }
        section {
            h2 id="records" { (words.own_records) " (" (kept.len()) ")" }
            @if kept.is_empty() {
                p { (words.no_own_records) }
            } @else {
                (page::wide(words.own_records, &table(&visitor, kept.iter().rev().skip((number - 1) * PAGE).take(PAGE))))
                @if count > 1 { (pages(words, number, count)) }
            }
        }
    };
    visitor.frame().tab(Tab::Own, &content)
}

/// The way to the pages before and after one.
fn pages(words: &Words, number: usize, count: usize) -> Markup {
    let to = |number: usize| format!("/own?page={number}#records");
    html! {
        nav.pages aria-label=(words.own_records) {
            @if number > 1 { a rel="prev" href=(to(number - 1)) { "← " (words.own_newer) } " " }
            span { (words.own_page) " " (number) " " (words.own_of) " " (count) }
            @if number < count { " " a rel="next" href=(to(number + 1)) { (words.own_older) " →" } }
        }
    }
}

fn table<'k>(visitor: &Visitor, kept: impl Iterator<Item = &'k Kept>) -> Markup {
    let words = visitor.words();
    html! {
        table {
            caption { (words.own_caption) }
            thead {
                tr {
                    th scope="col" { (words.when) }
                    th scope="col" { (words.what) }
                    th scope="col" { (words.session) }
                    th scope="col" { (words.details) }
                }
            }
            tbody {
                @for Kept { record, .. } in kept {
                    tr {
                        th scope="row" { (page::moment(&visitor.office, words, record.time)) }
                        td { (words::kind(words, record.kind)) }
                        td { @if let Some(session) = record.session { (session) } }
                        td.detail {
                            @for (name, value) in record.fields.iter() { code { (name) "=" (value.to_string()) } " " }
                        }
                    }
                }
            }
        }
    }
}

/// An opening that reached them: roles, and no names.
fn opening(visitor: &Visitor, review: &Review) -> Option<Markup> {
    let words = visitor.words();
    let Stage::Minuted { approved, opening, minute, .. } = &review.stage else { return None };
    let asked = &review.asked;
    Some(html! {
        dl.facts {
            (page::fact(words.opened_on, page::moment(&visitor.office, words, opening.by.at)))
            (page::fact(words.days, page::days(words, asked.from, asked.until)))
            (page::fact(words.ground, words::ground_in_full(words, asked.ground)))
            (page::fact(words.asked_as, role(words, &review.by.role)))
            (page::fact(words.approved_as, role(words, &approved.role)))
            (page::fact(words.records, opening.records.len()))
            (page::fact(words.minute, minute.number))
        }
    })
}

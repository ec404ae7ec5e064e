//! Published figures of structures, with their charts: of the structures that the visitor's roles are for.

use axum::{http::StatusCode, response::Response};
use gateway_record::review::{
    Act,
    figures::{Cause, Figures, Row},
};
use maud::{Markup, PreEscaped, html};

use super::{
    page::{self, Tab},
    visitor::Visitor,
    words::{self, Words},
};
use crate::reviews::{NotTaken, report};

/// `GET /figures`
pub(super) async fn show(visitor: Visitor) -> Response {
    let words = visitor.words();
    let figures = match visitor.desk().reviews.figures(&visitor.office, &visitor.who).await {
        Ok(figures) => figures,
        Err(NotTaken::Refused(refusal)) => {
            visitor.desk().reviews.denied((Act::Figures, None), &visitor.who, refusal, visitor.office.now).await;
            return visitor.frame().refusal(StatusCode::FORBIDDEN, &words::refusal(words, refusal));
        }
        Err(NotTaken::Failed(why)) => {
            tracing::error!(why, "figures cannot be shown");
            return visitor.frame().refusal(StatusCode::SERVICE_UNAVAILABLE, words.unavailable);
        }
    };
    let content = html! {
        p.lead { (words.figures_lead) }
        p { (words.figures_rules) }
        @if figures.is_empty() { p.told { (words.no_figures) } }
        @for structure in report::structures(&figures) { (section(words, structure, &figures)) }
    };
    visitor.frame().tab(Tab::Figures, &content)
}

fn section(words: &Words, structure: &str, figures: &[Figures]) -> Markup {
    let rows = report::rows(figures, structure);
    let refused = report::chart(words.refused_logins, &rows, |row| row.refused_in_all, Row::is_anomalous);
    let sessions = report::chart(words.sessions_had, &rows, |row| row.sessions, |_| false);
    let caption = format!("{structure}: {}", words.figures_caption);
    let name = |title: &str| format!("{structure}: {title}");
    html! {
        section {
            h2 { (structure) }
            div.charts {
                (page::wide(&name(words.refused_logins), &PreEscaped(refused)))
                (page::wide(&name(words.sessions_had), &PreEscaped(sessions)))
            }
            p.legend aria-hidden="true" {
                span.key.anomaly-key {} (words.anomaly) " " span.key.hidden-key {} (words.not_shown)
            }
            (page::wide(&caption, &table(words, &caption, &rows)))
        }
    }
}

fn table(words: &Words, caption: &str, rows: &[(&Figures, &Row)]) -> Markup {
    let count = |count: Option<u64>| html! { td.number { (report::number(count)) } };
    html! {
        table {
            caption { (caption) }
            thead {
                tr {
                    th scope="col" { (words.period) }
                    th scope="col" { (words.workers) }
                    th scope="col" { (words.sessions_had) }
                    th scope="col" { (words.refused_logins) }
                    @for cause in Cause::ALL { th scope="col" { (words::cause(words, cause)) } }
                    th scope="col" { (words.anomaly) }
                }
            }
            tbody {
                @for (period, row) in rows {
                    tr {
                        th scope="row" { (report::months(period)) }
                        (count(row.workers))
                        (count(row.sessions))
                        (count(row.refused_in_all))
                        @for cause in Cause::ALL { (count(row.refused.get(&cause).copied().flatten())) }
                        td {
                            @if row.is_anomalous() { strong { (anomalies(words, row)) } } @else { (words.none) }
                        }
                    }
                }
            }
        }
    }
}

/// What of a row is an anomaly.
fn anomalies(words: &Words, row: &Row) -> String {
    let sum = row.anomaly.then_some(words.refused_logins);
    row.anomalies.iter().map(|cause| words::cause(words, *cause)).chain(sum).collect::<Vec<_>>().join(", ")
}

//! Published figures of structures, with their charts: of the structures that the visitor's roles are for.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
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
    let figures = match figures(&visitor).await {
        Ok(figures) => figures,
        Err(answer) => return *answer,
    };
    let content = html! {
        p.lead { (words.figures_lead) }
        p { (words.figures_rules) }
        p { a href="/figures.pdf" download { (words.figures_pdf) } }
        @if figures.is_empty() { p.told { (words.no_figures) } }
        @for structure in report::structures(&figures) { (section(words, structure, &figures)) }
    };
    visitor.frame().tab(Tab::Figures, &content)
}

/// `GET /figures.pdf`: the report for the file, in the language of the page.
pub(super) async fn pdf(visitor: Visitor) -> Response {
    match figures(&visitor).await {
        Ok(figures) => {
            let report = report::pdf(&figures, visitor.words().language);
            let name = [(header::CONTENT_DISPOSITION, "attachment; filename=\"figures.pdf\"")];
            (name, [(header::CONTENT_TYPE, "application/pdf")], report).into_response()
        }
        Err(answer) => *answer,
    }
}

/// What the visitor may read, or the page that says why that is nothing.
async fn figures(visitor: &Visitor) -> Result<Vec<Figures>, Box<Response>> {
    let words = visitor.words();
    let refused = |status, why: &str| Box::new(visitor.frame().refusal(status, why));
    match visitor.desk().reviews.figures(&visitor.office, &visitor.who).await {
        Ok(figures) => Ok(figures),
        Err(NotTaken::Refused(refusal)) => {
            visitor.desk().reviews.denied((Act::Figures, None), &visitor.who, refusal, visitor.office.now).await;
            Err(refused(StatusCode::FORBIDDEN, &words::refusal(words, refusal)))
        }
        Err(NotTaken::Mistaken(mistake)) => {
            Err(refused(StatusCode::UNPROCESSABLE_ENTITY, &mistake.on_page(words.language)))
        }
        Err(NotTaken::Failed(why)) => {
            tracing::error!(why, "figures cannot be shown");
            Err(refused(StatusCode::SERVICE_UNAVAILABLE, words.unavailable))
        }
    }
}

fn section(words: &Words, structure: &str, figures: &[Figures]) -> Markup {
    let rows = report::rows(figures, structure);
    let caption = format!("{structure}: {}", words.figures_caption);
    html! {
        section {
            h2 { (structure) }
            div.charts {
                @for (title, chart) in charts(words, &rows) {
                    (page::wide(&format!("{structure}: {title}"), &PreEscaped(chart)))
                }
            }
            p.legend aria-hidden="true" {
                span.key.anomaly-key {} (words.anomaly) " " span.key.hidden-key {} (words.not_shown)
            }
            (page::wide(&caption, &table(words, &caption, &rows)))
        }
    }
}

/// Sessions, assistances, and refused logins by each cause of which anything is shown. Their sum is seldom: it would tell the causes that are not.
fn charts(words: &Words, rows: &[(&Figures, &Row)]) -> Vec<(String, String)> {
    let sessions = report::chart(words.sessions_had, rows, |row| row.sessions, |_| false);
    let assistances = report::chart(words.assistances, rows, |row| row.assistances, |_| false);
    let mut charts = vec![(words.sessions_had.to_owned(), sessions), (words.assistances.to_owned(), assistances)];
    for cause in Cause::ALL {
        let count = |row: &Row| row.refused.get(&cause).copied().flatten();
        if rows.iter().any(|(_, row)| count(row).is_some()) {
            let title = format!("{}: {}", words.refused_logins, words::cause(words, cause));
            let chart = report::chart(&title, rows, count, |row| row.anomalies.contains(&cause));
            charts.push((title, chart));
        }
    }
    if charts.len() == 2 || rows.iter().any(|(_, row)| row.refused_in_all.is_some()) {
        let sum = report::chart(words.refused_logins, rows, |row| row.refused_in_all, |row| row.anomaly);
        charts.push((words.refused_logins.to_owned(), sum));
    }
    charts
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
                    th scope="col" { (words.assistances) }
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
                        (count(row.assistances))
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

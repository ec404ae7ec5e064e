//! The report of figures: for a terminal, as a page with charts that asks nobody for anything (no script, no foreign resource), and as PDF.

mod letters;
mod pdf;
mod sheets;
mod words;

use std::fmt::Write as _;

use gateway_api::login::Language;
use gateway_record::review::figures::{Cause, FEWEST, Figures, Row};

pub(crate) use self::pdf::pdf;

/// What stands in the place of a figure that is not shown.
const HIDDEN: &str = "<5";
/// The most periods in a chart.
const MOST: usize = 12;

/// For a terminal.
pub(crate) fn text(figures: &[Figures]) -> String {
    let mut text = String::new();
    for period in figures {
        let _ = writeln!(text, "{}", months(period));
        for (structure, row) in &period.structures {
            let causes: String = Cause::ALL
                .iter()
                .map(|cause| format!("  {} {}", cause.word(), cell(row.refused.get(cause).copied())))
                .collect();
            let _ = writeln!(
                text,
                "  {structure}: workers {}, sessions {}, assistances {}, logins refused {} ({}){}",
                number(row.workers),
                number(row.sessions),
                number(row.assistances),
                number(row.refused_in_all),
                causes.trim(),
                if row.is_anomalous() { format!("  ANOMALY: {}", anomalies(row)) } else { String::new() },
            );
        }
    }
    if text.is_empty() { "nothing is published yet: a period of two months has to be over".to_owned() } else { text }
}

/// As a page, in Italian and English.
pub(crate) fn html(figures: &[Figures]) -> String {
    let mut page = String::from(HEAD);
    for structure in structures(figures) {
        let rows = rows(figures, structure);
        let _ = write!(page, "<section><h2>{}</h2>", escaped(structure));
        page += &chart("Accessi rifiutati / Logins refused", &rows, |row| row.refused_in_all, Row::is_anomalous);
        page += &chart("Sessioni / Sessions", &rows, |row| row.sessions, |_| false);
        page += &chart("Assistenze / Assistances", &rows, |row| row.assistances, |_| false);
        page += &table(&rows);
        page += "</section>";
    }
    if figures.is_empty() {
        page += "<p>Nessun periodo è ancora concluso. / No period is over yet.</p>";
    }
    page + "</main></body></html>\n"
}

/// A structure's figures, of the last periods that a chart has room for.
pub(crate) fn rows<'a>(figures: &'a [Figures], structure: &str) -> Vec<(&'a Figures, &'a Row)> {
    let all = figures.iter().filter_map(|period| Some((period, period.structures.get(structure)?)));
    let mut rows: Vec<_> = all.collect();
    rows.drain(..rows.len().saturating_sub(MOST));
    rows
}

/// The structures that have figures, by name.
pub(crate) fn structures(figures: &[Figures]) -> Vec<&str> {
    let mut all: Vec<&str> = figures.iter().flat_map(|period| period.structures.keys().map(String::as_str)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A period, as `2026-09/10`.
pub(crate) fn months(figures: &Figures) -> String {
    let first = figures.period.first();
    format!("{:04}-{:02}/{:02}", first.year(), first.month(), first.month() + 1)
}

/// A figure, or what stands in its place.
pub(crate) fn number(count: Option<u64>) -> String {
    count.map_or(HIDDEN.to_owned(), |count| count.to_string())
}

fn cell(count: Option<Option<u64>>) -> String {
    number(count.flatten())
}

fn anomalies(row: &Row) -> String {
    let sum = row.anomaly.then_some("all");
    row.anomalies.iter().map(|cause| cause.word()).chain(sum).collect::<Vec<_>>().join(", ")
}

/// A bar for each period; what is not shown is hatched, what is an anomaly has another colour and says so by a mark. The title is
/// trusted.
pub(crate) fn chart(
    title: &str,
    rows: &[(&Figures, &Row)],
    value: impl Fn(&Row) -> Option<u64>,
    is_anomaly: impl Fn(&Row) -> bool,
) -> String {
    let most = rows.iter().filter_map(|(_, row)| value(row)).max().unwrap_or(0).max(1);
    let width = 60 + 64 * rows.len().max(1);
    let mut svg = format!(
        "<figure><figcaption>{title}</figcaption><svg role=\"img\" viewBox=\"0 0 {width} 190\" width=\"{width}\" height=\"190\"><title>{title}</title>"
    );
    for (place, (period, row)) in rows.iter().enumerate() {
        let left = 40 + 64 * place;
        let height = value(row).map_or(12, |count| count.saturating_mul(120) / most);
        let top = 140 - height;
        let class = match (value(row), is_anomaly(row)) {
            (None, _) => "hidden",
            (Some(_), true) => "anomaly",
            (Some(_), false) => "bar",
        };
        let mark = if class == "anomaly" { " !" } else { "" };
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"40\" height=\"{height}\"/>\
             <text x=\"{middle}\" y=\"{above}\">{said}{mark}</text><text x=\"{middle}\" y=\"160\">{year}</text>\
             <text x=\"{middle}\" y=\"176\">{months}</text>",
            middle = left + 20,
            above = top.saturating_sub(5),
            said = escaped(&number(value(row))),
            year = period.period.first().year(),
            months = format_args!("{:02}/{:02}", period.period.first().month(), period.period.first().month() + 1),
        );
    }
    svg + "</svg></figure>"
}

fn table(rows: &[(&Figures, &Row)]) -> String {
    let mut table = String::from(
        "<table><thead><tr><th scope=\"col\">Periodo / Period</th><th scope=\"col\">Lavoratori / Workers</th>\
         <th scope=\"col\">Sessioni / Sessions</th><th scope=\"col\">Assistenze / Assistances</th>\
         <th scope=\"col\">Rifiuti / Refused</th>",
    );
    for cause in Cause::ALL {
        let _ = write!(table, "<th scope=\"col\">{}</th>", both(cause));
    }
    table += "<th scope=\"col\">Anomalia / Anomaly</th></tr></thead><tbody>";
    for (period, row) in rows {
        let _ = write!(table, "<tr><th scope=\"row\">{}</th>", months(period));
        let causes = Cause::ALL.map(|cause| cell(row.refused.get(&cause).copied()));
        let first = [row.workers, row.sessions, row.assistances, row.refused_in_all].map(number);
        for said in first.iter().chain(&causes) {
            let _ = write!(table, "<td>{}</td>", escaped(said));
        }
        let _ = write!(table, "<td>{}</td></tr>", if row.is_anomalous() { anomalies(row) } else { "-".to_owned() });
    }
    table + "</tbody></table>"
}

fn both(cause: Cause) -> String {
    format!("{} / {}", words::cause(Language::It, cause), words::cause(Language::En, cause))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

const _: () = assert!(FEWEST == 5, "the words of this page say five");

const HEAD: &str = "<!doctype html>\n<html lang=\"it\"><head><meta charset=\"utf-8\">\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
<title>Lavoro da casa: dati aggregati</title><style>\
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1c2430;background:#fff}\
h2{margin-top:2.5rem;border-bottom:1px solid #c4ccd6}figure{margin:1rem 0;overflow-x:auto}figcaption{font-weight:600}\
svg text{font-size:13px;text-anchor:middle;fill:#1c2430}.bar{fill:#2f6690}.anomaly{fill:#b3261e}.hidden{fill:#c4ccd6}\
table{border-collapse:collapse;font-size:.9rem}th,td{border:1px solid #c4ccd6;padding:.3rem .5rem;text-align:right}th{background:#eef2f6}\
@media print{@page{size:A4 landscape;margin:12mm}body{margin:0;max-width:none;padding:0}figure,tr{break-inside:avoid}h2{break-after:avoid}}\
</style></head><body><main><h1>Lavoro da casa: dati aggregati per struttura</h1>\
<p>Periodi fissi di due mesi, pubblicati una volta. «&lt;5»: meno di cinque persone, oppure un dato che le farebbe ricavare. \
Anomalia (!): più del doppio della media dei periodi precedenti della stessa struttura, e almeno dieci in più.</p>\
<p lang=\"en\">Fixed periods of two months, published once. “&lt;5”: fewer than five people, or a figure that would tell them. \
Anomaly (!): more than twice the mean of the same structure's earlier periods, and ten more at least.</p>";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gateway_record::review::figures::Period;

    use super::*;

    fn figures(refused: Option<u64>, anomaly: bool) -> Figures {
        let row = Row {
            workers: Some(12),
            sessions: Some(240),
            assistances: Some(17),
            refused: Cause::ALL.into_iter().map(|cause| (cause, None)).collect(),
            refused_in_all: refused,
            anomalies: Vec::new(),
            anomaly,
        };
        let structures = BTreeMap::from([("Tributi <script>".to_owned(), row)]);
        Figures { period: Period::of("2026-09-01".parse().unwrap()), structures }
    }

    #[test]
    fn a_report_has_charts_and_tables_and_runs_nothing() {
        let page = html(&[figures(None, false), figures(Some(40), true)]);
        assert!(
            page.contains("<svg role=\"img\"")
                && page.contains("class=\"anomaly\"")
                && page.contains("class=\"hidden\"")
        );
        assert!(page.contains("2026-09/10") && page.contains("<td>240</td><td>17</td>") && page.contains("40 !"));
        assert!(page.contains("Tributi &lt;script&gt;") && !page.contains("<script"), "{page}");
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src=\""));
    }

    #[test]
    fn a_terminal_is_told_the_same() {
        let said = text(&[figures(Some(40), true)]);
        assert!(
            said.contains("sessions 240, assistances 17, logins refused 40")
                && said.contains("hours <5")
                && said.contains("ANOMALY: all"),
            "{said}"
        );
        assert!(text(&[]).contains("nothing is published yet"));
    }
}

//! The report of figures as PDF, on A4: what stands where.

use gateway_api::login::Language;
use gateway_record::review::figures::{Cause, Figures, Row};
use pdf_writer::Content;

use super::{
    letters, months, number, rows,
    sheets::{self, Align, Face, MARGIN, Role, Sheets, Text},
    structures,
    words::{self, Words},
};

const TITLE: f32 = 18.0;
const HEADING: f32 = 13.0;
const BODY: f32 = 9.5;
const SMALL: f32 = 8.0;
/// What is written is as wide as this.
const BREADTH: f32 = sheets::WIDTH - 2.0 * MARGIN;

/// A chart's bars: how high the highest is, how wide each, and from one to the next.
const BAR_HEIGHT: f32 = 64.0;
const BAR: f32 = 26.0;
const BAR_STEP: f32 = BREADTH / 12.0;
/// How high a bar is that stands for what is not shown.
const HIDDEN_HEIGHT: f32 = 6.0;
/// A chart with its title and the periods below.
const CHART_HEIGHT: f32 = BAR_HEIGHT + 56.0;

/// Where a table's columns of numbers end on the right: workers, sessions, assistances, refusals and their causes.
const COLUMNS: [f32; 9] = [140.0, 176.0, 222.0, 255.0, 300.0, 354.0, 397.0, 432.0, 455.0];
/// Where the column that says what is an anomaly begins.
const LAST_COLUMN: f32 = 462.0;
const ROW_PAD: f32 = 3.5;

const PLAIN: [u8; 3] = [0x2f, 0x66, 0x90];
const ANOMALY: [u8; 3] = [0xb3, 0x26, 0x1e];
const HIDDEN: [u8; 3] = [0xc4, 0xcc, 0xd6];
const TINT: [u8; 3] = [0xee, 0xf2, 0xf6];
const LINE: [u8; 3] = [0xc4, 0xcc, 0xd6];

/// The report in a language: tagged for screen readers, without a script, a font or anything from elsewhere.
pub(crate) fn pdf(figures: &[Figures], language: Language) -> Vec<u8> {
    let words = words::of(language);
    let mut paper = Paper { sheets: Sheets::new(), left: sheets::HEIGHT - MARGIN, language, words };
    paper.say(Role::Title, words.title, (Face::Bold, TITLE));
    // Of what is shown below: a structure shows no more than its latest.
    let structures = structures(figures);
    let shown = || structures.iter().flat_map(|structure| rows(figures, structure)).map(|(period, _)| period);
    let by_time = |period: &&Figures| period.period.first();
    if let Some((first, last)) = shown().min_by_key(by_time).zip(shown().max_by_key(by_time)) {
        paper.say(
            Role::Paragraph,
            &format!("{}: {} – {}", words.periods, months(first), months(last)),
            (Face::Regular, HEADING),
        );
    }
    paper.say(Role::Paragraph, words.lead, (Face::Regular, BODY));
    paper.say(Role::Paragraph, words.rules, (Face::Regular, BODY));
    if figures.is_empty() {
        paper.say(Role::Paragraph, words.nothing, (Face::Bold, BODY));
    }
    for structure in &structures {
        paper.section(structure, &rows(figures, structure));
    }
    paper.sheets.finish(words.title, words.tag, |sheet, of| format!("{}   {} {sheet}/{of}", words.title, words.sheet))
}

struct Paper {
    sheets: Sheets,
    /// The height that is left, from the lower edge of the sheet.
    left: f32,
    language: Language,
    words: &'static Words,
}

impl Paper {
    /// Goes to another sheet unless this one has room for so much.
    fn need(&mut self, height: f32) {
        if self.left - height < MARGIN {
            self.sheets.turn();
            self.left = sheets::HEIGHT - MARGIN;
        }
    }

    /// A text as wide as the sheet.
    fn say(&mut self, role: Role, text: &str, (face, size): (Face, f32)) {
        // Bold letters are up to a tenth wider than those whose widths are known.
        let most = if face == Face::Bold { BREADTH / 1.1 } else { BREADTH };
        let lines = letters::lines(text, size, most);
        let height = Text::leading(size) * count(lines.len());
        self.need(height);
        let at = (MARGIN, self.left - size);
        self.sheets.say(role, &Text { lines: &lines, at, face, size, align: Align::Left });
        self.left -= height + size / 2.0;
    }

    fn section(&mut self, structure: &str, rows: &[(&Figures, &Row)]) {
        self.sheets.begin(Role::Section);
        self.need(HEADING * 3.0 + 2.0 * CHART_HEIGHT);
        self.left -= HEADING;
        self.say(Role::Heading, structure, (Face::Bold, HEADING));
        self.chart(self.words.refused_logins, rows, |row| row.refused_in_all, Row::is_anomalous);
        self.chart(self.words.sessions, rows, |row| row.sessions, |_| false);
        self.chart(self.words.assistances, rows, |row| row.assistances, |_| false);
        self.table(rows);
        self.sheets.end();
    }

    /// A bar for each period; what is not shown is a low grey one, what is an anomaly is red and has a mark.
    fn chart(
        &mut self,
        title: &str,
        rows: &[(&Figures, &Row)],
        value: impl Fn(&Row) -> Option<u64>,
        is_anomaly: impl Fn(&Row) -> bool,
    ) {
        self.need(CHART_HEIGHT);
        let said = |row: &Row| {
            let mark = if value(row).is_some() && is_anomaly(row) { " !" } else { "" };
            format!("{}{mark}", number(value(row)))
        };
        let all: Vec<String> = rows.iter().map(|(period, row)| format!("{} {}", months(period), said(row))).collect();
        let top = self.left - BODY;
        let ground = top - BODY - 8.0 - BAR_HEIGHT;
        let most = rows.iter().filter_map(|(_, row)| value(row)).max().unwrap_or(0).max(1);
        self.sheets.begin(Role::Chart);
        self.sheets.describe(&format!("{title}: {}", all.join("; ")));
        self.sheets.draw(|content| {
            text(content, title, (MARGIN, top), (Face::Bold, BODY), Align::Left);
            sheets::fill(content, (MARGIN, ground - 0.5, BREADTH, 0.5), LINE);
            for (place, (period, row)) in rows.iter().enumerate() {
                let middle = MARGIN + BAR_STEP * (count(place) + 0.5);
                let height = value(row).map_or(HIDDEN_HEIGHT, |value| share(value, most) * BAR_HEIGHT);
                let colour = match (value(row), is_anomaly(row)) {
                    (None, _) => HIDDEN,
                    (Some(_), true) => ANOMALY,
                    (Some(_), false) => PLAIN,
                };
                sheets::fill(content, (middle - BAR / 2.0, ground, BAR, height), colour);
                text(content, &said(row), (middle, ground + height + 3.0), (Face::Regular, SMALL), Align::Middle);
                let first = period.period.first();
                let (year, months) =
                    (first.year().to_string(), format!("{:02}/{:02}", first.month(), first.month() + 1));
                text(content, &year, (middle, ground - 10.0), (Face::Regular, SMALL - 1.0), Align::Middle);
                text(content, &months, (middle, ground - 19.0), (Face::Regular, SMALL - 1.0), Align::Middle);
            }
        });
        self.sheets.end();
        self.left -= CHART_HEIGHT;
    }

    fn table(&mut self, rows: &[(&Figures, &Row)]) {
        // Its head is never alone at the foot of a sheet.
        self.need(4.0 * row_height(1));
        self.sheets.begin(Role::Table);
        self.head();
        for (period, row) in rows {
            let anomalies = match row.is_anomalous() {
                true => self.anomalies(row),
                false => self.words.none.to_owned(),
            };
            let anomalies = letters::lines(&anomalies, SMALL, MARGIN + BREADTH - LAST_COLUMN);
            let height = row_height(anomalies.len());
            if self.left - height < MARGIN {
                self.need(height + 1.0);
                self.head();
            }
            self.row(period, row, (&anomalies, height));
        }
        self.sheets.end();
        self.left -= HEADING;
    }

    fn head(&mut self) {
        let words = self.words;
        let causes = Cause::ALL.map(|cause| words::cause(self.language, cause));
        let numbers = [words.workers, words.sessions, words.assistances, words.refused].into_iter().chain(causes);
        let (height, baseline) = (row_height(1), self.left - ROW_PAD - SMALL);
        let below = self.left - height;
        self.sheets.decorate(|content| sheets::fill(content, (MARGIN, below, BREADTH, height), TINT));
        self.sheets.begin(Role::Row);
        self.cell((Role::ColumnHead, Align::Left), &[words.period.to_owned()], (MARGIN + 2.0, baseline));
        for (title, right) in numbers.zip(COLUMNS) {
            self.cell((Role::ColumnHead, Align::Right), &[title.to_owned()], (right, baseline));
        }
        self.cell((Role::ColumnHead, Align::Left), &[words.anomaly.to_owned()], (LAST_COLUMN, baseline));
        self.sheets.end();
        self.left = below;
    }

    fn row(&mut self, period: &Figures, row: &Row, (anomalies, height): (&[String], f32)) {
        let baseline = self.left - ROW_PAD - SMALL;
        let below = self.left - height;
        self.sheets.begin(Role::Row);
        self.cell((Role::RowHead, Align::Left), &[months(period)], (MARGIN + 2.0, baseline));
        let causes = Cause::ALL.map(|cause| row.refused.get(&cause).copied().flatten());
        let numbers = [row.workers, row.sessions, row.assistances, row.refused_in_all].into_iter().chain(causes);
        for (shown, right) in numbers.zip(COLUMNS) {
            self.cell((Role::Cell, Align::Right), &[number(shown)], (right, baseline));
        }
        self.cell((Role::Cell, Align::Left), anomalies, (LAST_COLUMN, baseline));
        self.sheets.end();
        self.sheets.decorate(|content| sheets::fill(content, (MARGIN, below, BREADTH, 0.5), LINE));
        self.left = below;
    }

    fn cell(&mut self, (role, align): (Role, Align), lines: &[String], at: (f32, f32)) {
        self.sheets.say(role, &Text { lines, at, face: Face::Regular, size: SMALL, align });
    }

    /// What of a row is an anomaly.
    fn anomalies(&self, row: &Row) -> String {
        let sum = row.anomaly.then_some(self.words.in_all);
        row.anomalies.iter().map(|cause| words::cause(self.language, *cause)).chain(sum).collect::<Vec<_>>().join(", ")
    }
}

fn text(content: &mut Content, said: &str, at: (f32, f32), (face, size): (Face, f32), align: Align) {
    Text { lines: &[said.to_owned()], at, face, size, align }.draw(content);
}

fn row_height(lines: usize) -> f32 {
    2.0 * ROW_PAD + SMALL + Text::leading(SMALL) * (count(lines.max(1)) - 1.0)
}

/// Few enough to be exact.
fn count(number: usize) -> f32 {
    f32::from(u16::try_from(number).unwrap_or(u16::MAX))
}

/// How much of `most`: a thousandth is less than can be seen.
fn share(value: u64, most: u64) -> f32 {
    count(usize::try_from(u128::from(value) * 1000 / u128::from(most)).unwrap_or(1000)) / 1000.0
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, process::Command};

    use gateway_record::review::figures::Period;

    use super::{super::html, *};

    /// So many periods of two months of three structures; every fifth figure is not shown, the last refusals are an anomaly.
    fn figures(periods: u64) -> Vec<Figures> {
        let period = |number: u64| {
            let (year, month) = (2025 + i16::try_from(number / 6).unwrap(), i8::try_from(number % 6 * 2 + 1).unwrap());
            let shown = |salt: u64| Some((number + 1) * salt % 97).filter(|_| !(number + salt).is_multiple_of(5));
            let row = |salt: u64| Row {
                workers: shown(salt + 11),
                sessions: shown(salt + 600).map(|count| count * 1000),
                assistances: shown(salt + 70),
                refused: Cause::ALL.into_iter().zip(1..).map(|(cause, place)| (cause, shown(salt + place))).collect(),
                refused_in_all: shown(salt + 40),
                anomalies: if number + 1 == periods { Cause::ALL.to_vec() } else { Vec::new() },
                anomaly: number + 1 == periods,
            };
            let structures = ["Servizi Demografici", "Tributi & Città", "Čas (Ж)"];
            let structures = structures.into_iter().zip(1..).map(|(name, salt)| (name.to_owned(), row(salt)));
            Figures {
                period: Period::of(jiff::civil::date(year, month, 1)),
                structures: structures.collect::<BTreeMap<_, _>>(),
            }
        };
        (0..periods).map(period).collect()
    }

    /// What a program that reads PDF says of it, from its standard output.
    fn read(report: &[u8], program: &str, before: &[&str], after: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.pdf");
        std::fs::write(&file, report).unwrap();
        let run = Command::new(program).args(before).arg(&file).args(after).output();
        let run = run.unwrap_or_else(|error| panic!("{program}: {error}; see tests/machine.sh"));
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(run.status.success(), "{program}: {said}{}", String::from_utf8_lossy(&run.stderr));
        said
    }

    /// The cells of each row of the page's tables, from the period on, without what is an anomaly.
    fn of_page(figures: &[Figures]) -> Vec<Vec<String>> {
        let page = html(figures);
        let rows =
            page.split("<tr><th scope=\"row\">").skip(1).map(|row| row.split("</tr>").next().unwrap().to_owned());
        let cells = |row: String| {
            let row = row.replace("</th><td>", "|").replace("</td><td>", "|").replace("</td>", "").replace("&lt;", "<");
            row.split('|').take(9).map(str::to_owned).collect()
        };
        rows.map(cells).collect()
    }

    #[test]
    fn the_report_on_paper_says_what_the_page_says() {
        for (language, first) in [(Language::It, "Lavoro da casa"), (Language::En, "Working from home")] {
            for periods in [1, 2, 14] {
                let figures = figures(periods);
                let report = pdf(&figures, language);
                read(&report, "qpdf", &["--check"], &[]);
                let text = read(&report, "pdftotext", &["-layout"], &["-"]);
                assert!(text.trim_start().starts_with(first), "{text}");
                let rows: Vec<Vec<String>> = text
                    .lines()
                    .map(|line| line.split_whitespace().take(9).map(str::to_owned).collect::<Vec<_>>())
                    .filter(|cells| cells.len() == 9 && cells[0].len() == 10 && cells[0].contains('/'))
                    .collect();
                assert_eq!(rows, of_page(&figures), "{text}");
                let [first, last] = [rows.iter().min(), rows.iter().max()].map(|row| row.unwrap()[0].clone());
                assert!(text.contains(&format!("{first} – {last}")), "the periods that are shown: {text}");
                for structure in ["Servizi Demografici", "Tributi & Città"] {
                    assert!(text.contains(structure), "{text}");
                }
            }
        }
    }

    #[test]
    fn whoever_does_not_see_it_is_told_what_it_shows() {
        let report = pdf(&figures(3), Language::It);
        let about = read(&report, "pdfinfo", &[], &[]);
        assert!(about.contains("Lavoro da casa: dati aggregati per struttura") && about.contains("A4"), "{about}");
        assert!(about.lines().any(|line| line.starts_with("Tagged:") && line.ends_with("yes")), "{about}");
        assert!(about.lines().any(|line| line.starts_with("JavaScript:") && line.ends_with("no")), "{about}");
        let structure = read(&report, "pdfinfo", &["-struct-text"], &[]);
        for said in ["H1", "H2", "Figure", "Table", "TH", "TD", "Servizi Demografici", "Credenziali", "2025-05/06"] {
            assert!(structure.contains(said), "{said}: {structure}");
        }
        assert!(
            structure.contains("un dato che le farebbe ricavare. Anomalia (!): più del doppio della media dei periodi")
        );
        let raw = String::from_utf8_lossy(&report).into_owned();
        // Letters that are not in the fonts are in the structure, in UTF-16.
        let hidden: String = "Čas (Ж)".encode_utf16().map(|unit| format!("{unit:04X}")).collect();
        assert!(raw.to_uppercase().contains(&format!("<FEFF{hidden}>")), "{raw}");
        assert!(raw.contains("/Lang (it)") && !raw.contains("/FontFile") && !raw.contains("/URI"), "{raw}");
    }

    #[test]
    fn nothing_published_is_a_report_too() {
        let text = read(&pdf(&[], Language::En), "pdftotext", &["-layout"], &["-"]);
        assert!(text.contains("No period is over yet.") && text.contains("Page 1/1"), "{text}");
    }
}

//! Mistakes in policy files, told so that whoever wrote them can mend them: where, what, and what to write instead.
//!
//! A mistake is built where it is noticed and told here alone, as text in the manner of a compiler or as fields for an
//! editor. What people typed is shown between backticks, shortened and without control characters, so that a file can
//! say nothing to the terminal it is shown on.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle};

use crate::source::{Place, Sources, Span};

/// More mistakes than these are counted and not told.
const MOST_TOLD: usize = 500;

/// Whether a mistake makes the policy unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The policy cannot be used.
    Error,
    /// The policy can be used, and probably does not say what was meant.
    Warning,
}

impl Severity {
    /// The word in text and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    severity: Severity,
    message: String,
    span: Option<Span>,
    label: String,
    related: Vec<(Span, String)>,
    advice: Option<String>,
    follows: bool,
    trial: bool,
    unreadable: bool,
}

impl Mistake {
    pub(crate) fn error(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, Some(span), message.into())
    }

    pub(crate) fn warning(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, Some(span), message.into())
    }

    /// A mistake of the whole folder, at no place in it.
    pub(crate) fn nowhere(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, None, message.into())
    }

    fn new(severity: Severity, span: Option<Span>, message: String) -> Self {
        Self {
            severity,
            message,
            span,
            label: String::new(),
            related: Vec::new(),
            advice: None,
            follows: false,
            trial: false,
            unreadable: false,
        }
    }

    /// What stands beside the underlined text.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Another place that belongs to the mistake.
    pub(crate) fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// What to do.
    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Marks a mistake that may be nothing but the consequence of text that could not be read.
    pub(crate) fn follows(mut self) -> Self {
        self.follows = true;
        self
    }

    /// Marks a wrong answer to one of the policy's own tests.
    pub(crate) fn of_trial(mut self) -> Self {
        self.trial = true;
        self
    }

    /// Whether it is a wrong answer to one of the policy's own tests, rather than a mistake in what was written.
    pub fn is_failed_test(&self) -> bool {
        self.trial
    }

    /// Whether it makes the policy unusable.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What stands beside the underlined text; may be empty.
    pub fn detail(&self) -> &str {
        &self.label
    }

    /// What to write instead or to do.
    pub fn remedy(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// Where it is, unless it concerns the folder as a whole.
    pub fn place(&self, sources: &Sources) -> Option<Place> {
        self.span.map(|span| sources.place(span))
    }

    /// Further places, each with what it has to do with the mistake.
    pub fn related_places<'m>(&'m self, sources: &'m Sources) -> impl Iterator<Item = (Place, &'m str)> {
        self.related.iter().map(|(span, label)| (sources.place(*span), label.as_str()))
    }
}

/// Mistakes, sorted by file and line once they are complete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mistakes {
    list: Vec<Mistake>,
    untold: usize,
    unreadable: Vec<Span>,
}

impl Mistakes {
    /// Those that are told, by file and line.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.list.iter()
    }

    /// How many there are, told or not.
    pub fn len(&self) -> usize {
        self.list.len() + self.untold
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many were counted and not kept.
    pub fn untold(&self) -> usize {
        self.untold
    }

    /// Whether one of them makes the policy unusable.
    pub fn any_error(&self) -> bool {
        self.list.iter().any(|mistake| mistake.severity == Severity::Error)
    }

    pub(crate) fn push(&mut self, mistake: Mistake) {
        if self.list.len() < MOST_TOLD * 4 {
            self.list.push(mistake);
        } else {
            self.untold += 1;
        }
    }

    /// Text that could not be read at all: what else is said about it, or follows from its absence, helps nobody.
    pub(crate) fn push_unreadable(&mut self, mut mistake: Mistake) {
        mistake.unreadable = true;
        self.unreadable.extend(mistake.span);
        self.push(mistake);
    }

    /// Sorts by file and line and leaves out what only follows from unreadable text.
    pub(crate) fn settle(&mut self) {
        let unreadable = std::mem::take(&mut self.unreadable);
        if !unreadable.is_empty() {
            let beside = |span: Span| unreadable.iter().any(|other| other.touches(span));
            self.list.retain(|mistake| mistake.unreadable || !(mistake.follows || mistake.span.is_some_and(beside)));
        }
        self.list.sort_by(|one, other| {
            (one.span, one.severity, &one.message).cmp(&(other.span, other.severity, &other.message))
        });
        self.list.dedup();
        // Errors first to the limit: a flood of warnings must not hide the one error.
        if self.list.len() > MOST_TOLD {
            let mut left = MOST_TOLD.saturating_sub(self.list.iter().filter(|m| m.severity == Severity::Error).count());
            let mut errors = MOST_TOLD;
            let before = self.list.len();
            self.list.retain(|mistake| {
                let room = if mistake.severity == Severity::Error { &mut errors } else { &mut left };
                let told = *room > 0;
                *room = room.saturating_sub(1);
                told
            });
            self.untold += before - self.list.len();
        }
    }

    /// All of them as text for people.
    pub fn render(&self, sources: &Sources, style: Style) -> String {
        let mut text = String::new();
        for mistake in &self.list {
            text.push_str(&mistake.render(sources, style));
            text.push_str("\n\n");
        }
        if self.untold > 0 {
            text.push_str(&format!("and {} more\n\n", self.untold));
        }
        text
    }
}

impl<'m> IntoIterator for &'m Mistakes {
    type Item = &'m Mistake;
    type IntoIter = std::slice::Iter<'m, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// How mistakes look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Style {
    /// Without colours: for files, pipes and logs.
    Plain,
    /// With terminal colours.
    Colour,
}

impl Mistake {
    /// As text for people: file, line, the text underlined, and the advice.
    pub fn render(&self, sources: &Sources, style: Style) -> String {
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Colour => Renderer::styled(),
        };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let pieces = self.pieces(sources);
        let title = level.primary_title(self.message.as_str());
        let mut group = Group::with_title(title);
        for piece in &pieces {
            group = group.element(piece.snippet());
        }
        if let Some(advice) = &self.advice {
            group = group.element(Level::HELP.message(advice.as_str()));
        }
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }

    /// The lines to show, one piece for each file or distant part of one.
    fn pieces<'m>(&'m self, sources: &'m Sources) -> Vec<Piece<'m>> {
        let mut pieces: Vec<Piece<'m>> = Vec::new();
        let first = self.span.map(|span| (span, self.label.as_str(), AnnotationKind::Primary));
        let others = self.related.iter().map(|(span, label)| (*span, label.as_str(), AnnotationKind::Context));
        for (span, label, kind) in first.into_iter().chain(others) {
            let Some(file) = sources.file(span.file) else { continue };
            let note = Note { span: span.range(), label, kind };
            match pieces.iter_mut().find(|piece| piece.takes(&file.name, &note.span)) {
                Some(piece) => piece.widen(&file.text, note),
                None => pieces.push(Piece::new(&file.name, &file.text, note)),
            }
        }
        pieces
    }
}

/// Lines of one file, cut out so that showing one line of a file of megabytes does not cost megabytes.
struct Piece<'m> {
    path: &'m str,
    text: &'m str,
    start: usize,
    first_line: usize,
    notes: Vec<Note<'m>>,
}

struct Note<'m> {
    span: std::ops::Range<usize>,
    label: &'m str,
    kind: AnnotationKind,
}

/// Bytes within which two notes are shown in one piece.
const NEAR: usize = 4_000;

impl<'m> Piece<'m> {
    fn new(path: &'m str, text: &'m str, note: Note<'m>) -> Self {
        let mut piece = Self { path, text: "", start: 0, first_line: 1, notes: Vec::new() };
        piece.notes.push(note);
        piece.cut(text);
        piece
    }

    fn takes(&self, path: &str, span: &std::ops::Range<usize>) -> bool {
        let end = self.start + self.text.len();
        self.path == path && span.start + NEAR > self.start && span.start < end + NEAR
    }

    fn widen(&mut self, text: &'m str, note: Note<'m>) {
        self.notes.push(note);
        self.cut(text);
    }

    fn cut(&mut self, text: &'m str) {
        let from = self.notes.iter().map(|note| note.span.start).min().unwrap_or(0).min(text.len());
        let to = self.notes.iter().map(|note| note.span.end).max().unwrap_or(0).min(text.len());
        let before = text.get(..text.floor_char_boundary(from)).unwrap_or_default();
        self.start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let after = text.get(text.floor_char_boundary(to)..).unwrap_or_default();
        let end = after.find('\n').map_or(text.len(), |newline| to + newline);
        self.text = text.get(self.start..end).unwrap_or(text);
        self.first_line = 1 + text.get(..self.start).unwrap_or_default().bytes().filter(|byte| *byte == b'\n').count();
    }

    fn snippet(&self) -> Snippet<'m, annotate_snippets::Annotation<'m>> {
        let annotations = self.notes.iter().map(|note| {
            let within = |offset: usize| self.text.floor_char_boundary(offset.saturating_sub(self.start));
            let span = within(note.span.start)..within(note.span.end);
            let annotation = note.kind.span(span);
            if note.label.is_empty() { annotation } else { annotation.label(note.label) }
        });
        Snippet::source(self.text).path(self.path).line_start(self.first_line).annotations(annotations)
    }
}

/// What somebody typed, fit to be shown: in backticks, shortened, control characters escaped.
pub(crate) fn typed(text: &str) -> Typed<'_> {
    Typed(text)
}

/// See [`typed`].
pub(crate) struct Typed<'t>(&'t str);

impl fmt::Display for Typed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`")?;
        for (place, letter) in self.0.chars().enumerate() {
            if place == 60 {
                f.write_str("…")?;
                break;
            }
            let hidden = letter.is_control()
                || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            match hidden {
                true => write!(f, "{}", letter.escape_unicode())?,
                false => write!(f, "{letter}")?,
            }
        }
        f.write_str("`")
    }
}

/// `one`, `other` or `third`, as a list in a sentence.
pub(crate) fn any_of<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    listed(names, "or")
}

/// `one`, `other` and `third`, as a list in a sentence.
pub(crate) fn all_of(names: &[&str]) -> String {
    listed(names.iter().copied(), "and")
}

fn listed<'n>(names: impl IntoIterator<Item = &'n str>, word: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

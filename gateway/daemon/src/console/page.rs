//! What is around every page and inside every form: landmarks, headings, labels, and mistakes tied to their fields.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use gateway_record::review::Act;
use jiff::{Timestamp, civil::Date};
use maud::{DOCTYPE, Markup, Render, html};

use super::{
    visitor::{LOGIN, Stranger, Visitor},
    words::{self, Words},
};
use crate::reviews::Office;

/// Where the style is.
pub(super) const STYLE: &str = "/style.css";
/// The field that ties a form to its visit.
pub(super) const FORM_KEY: &str = "form";

/// The pages of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Sessions,
    Figures,
    Requests,
    Notices,
    Record,
    Policy,
    Own,
}

impl Tab {
    const ALL: [Self; 8] = [
        Self::Overview,
        Self::Sessions,
        Self::Figures,
        Self::Requests,
        Self::Notices,
        Self::Record,
        Self::Policy,
        Self::Own,
    ];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Sessions => "/sessions",
            Self::Figures => "/figures",
            Self::Requests => "/requests",
            Self::Notices => "/notices",
            Self::Record => "/record",
            Self::Policy => "/policy",
            Self::Own => "/own",
        }
    }

    /// What it takes to see it; none: to be signed in.
    pub(super) fn act(self) -> Option<Act> {
        match self {
            Self::Overview | Self::Own => None,
            Self::Sessions | Self::Policy => Some(Act::Run),
            Self::Figures => Some(Act::Figures),
            Self::Requests => Some(Act::Read),
            Self::Notices => Some(Act::Notice),
            Self::Record => Some(Act::Verify),
        }
    }

    pub(super) fn title(self, words: &Words) -> &'static str {
        match self {
            Self::Overview => words.overview,
            Self::Sessions => words.sessions,
            Self::Figures => words.figures,
            Self::Requests => words.requests,
            Self::Notices => words.notices,
            Self::Record => words.record,
            Self::Policy => words.policy,
            Self::Own => words.own,
        }
    }

    /// Those that somebody may see.
    pub(super) fn of(visitor: &Visitor) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|tab| tab.act().is_none_or(|act| visitor.may(act)))
    }
}

/// What is around a page.
pub(super) struct Frame<'a> {
    stranger: &'a Stranger,
    visitor: Option<&'a Visitor>,
}

impl<'a> Frame<'a> {
    /// For whoever it is.
    pub(super) fn of(stranger: &'a Stranger) -> Self {
        Self { stranger, visitor: None }
    }

    /// For somebody who is signed in.
    pub(super) fn for_visitor(self, visitor: &'a Visitor) -> Self {
        Self { visitor: Some(visitor), ..self }
    }

    /// A page of the menu.
    pub(super) fn tab(&self, tab: Tab, content: &Markup) -> Response {
        self.page(StatusCode::OK, (Some(tab), tab.title(self.stranger.words)), content)
    }

    /// A page: where it is in the menu, what its heading says, what is below.
    pub(super) fn page(&self, status: StatusCode, (tab, title): (Option<Tab>, &str), content: &Markup) -> Response {
        let words = self.stranger.words;
        let page = html! {
            (DOCTYPE)
            html lang=(words.tag) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " · Deskgate" }
                    link rel="stylesheet" href=(STYLE);
                }
                body {
                    a.skip href="#content" { (words.skip) }
                    (self.head())
                    @if let Some(visitor) = self.visitor { (menu(visitor, tab)) }
                    main #content tabindex="-1" {
                        h1 { (title) }
                        (content)
                    }
                    footer { p { (words.footer) } }
                }
            }
        };
        html_response(status, page)
    }

    /// A page that says why there is none.
    pub(super) fn refusal(&self, status: StatusCode, why: &str) -> Response {
        let words = self.stranger.words;
        let content = html! {
            p.problem role="alert" { (why) }
            p { a href=(if self.visitor.is_some() { "/" } else { LOGIN }) { (words.go_on) } }
        };
        self.page(status, (None, words.not_done), &content)
    }

    fn head(&self) -> Markup {
        let words = self.stranger.words;
        html! {
            header {
                p.brand { span.mark aria-hidden="true" { "D" } "Deskgate" }
                nav.languages aria-label=(words.languages) {
                    ul {
                        @for other in words::ALL {
                            li {
                                @if other.tag == words.tag {
                                    span lang=(other.tag) aria-current="true" { (other.name) }
                                } @else {
                                    a lang=(other.tag) hreflang=(other.tag) href=(self.in_language(other)) {
                                        (other.name)
                                    }
                                }
                            }
                        }
                    }
                }
                @if let Some(visitor) = self.visitor {
                    form.out method="post" action="/logout" {
                        (form_key(visitor))
                        span { (words.signed_in_as) " " strong { (visitor.who.name) } }
                        button.quiet type="submit" { (words.sign_out) }
                    }
                }
            }
        }
    }

    /// Where the same page is had in another language.
    fn in_language(&self, other: &Words) -> String {
        let to: String = form_urlencoded::byte_serialize(self.stranger.path.as_bytes()).collect();
        format!("/language/{}?to={to}", other.tag)
    }
}

fn menu(visitor: &Visitor, here: Option<Tab>) -> Markup {
    let words = visitor.words();
    html! {
        nav.menu aria-label=(words.menu) {
            ul {
                @for tab in Tab::of(visitor) {
                    @let current = (here == Some(tab)).then_some("page");
                    li { a href=(tab.path()) aria-current=[current] { (tab.title(words)) } }
                }
            }
        }
    }
}

fn html_response(status: StatusCode, page: Markup) -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    (status, [(header::CONTENT_TYPE, kind)], page.into_string()).into_response()
}

/// A file to be kept.
pub(super) fn download(name: &str, file: String) -> Response {
    let kind = HeaderValue::from_static("application/octet-stream");
    let mut response = (StatusCode::OK, [(header::CONTENT_TYPE, kind)], file).into_response();
    if let Ok(as_file) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, as_file);
    }
    response
}

/// What ties a form to its visit.
pub(super) fn form_key(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name=(FORM_KEY) value=(visitor.visit.form_text()); }
}

/// A moment as the office's clock shows it.
pub(super) fn moment(office: &Office, words: &Words, at: Timestamp) -> Markup {
    html! { time datetime=(at.to_string()) { (office.policy.local(at).strftime(words.moment).to_string()) } }
}

/// Some days, both included.
pub(super) fn days(words: &Words, from: Date, until: Date) -> Markup {
    let day = |day: Date| html! { time datetime=(day.to_string()) { (day.strftime(words.day).to_string()) } };
    html! { (day(from)) " – " (day(until)) }
}

/// One line of a list of facts.
pub(super) fn fact(what: &str, said: impl Render) -> Markup {
    html! { div { dt { (what) } dd { (said) } } }
}

/// Something that went wrong, told in English wherever it comes from.
pub(super) fn trouble(what: &str, why: &str) -> Markup {
    html! { div.problem { p { strong { (what) } } p lang="en" { (why) } } }
}

/// What is wider than a small screen, and scrolls there: reached by the keyboard, and named.
pub(super) fn wide(name: &str, content: &Markup) -> Markup {
    html! { div.wide role="region" aria-label=(name) tabindex="0" { (content) } }
}

/// Why something was not done: above its form, and beside the field that it is about.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    /// In words.
    pub(super) said: String,
    /// The name of the field, where it is about one.
    pub(super) field: Option<&'static str>,
}

impl Problem {
    /// In the page's words.
    pub(super) fn new(said: impl Into<String>, field: Option<&'static str>) -> Self {
        Self { said: said.into(), field }
    }
}

/// A form of a page, with the names that its fields have there.
pub(super) struct Fields<'a> {
    /// Before the names, so that each is on its page once.
    pub(super) of: &'a str,
    pub(super) words: &'a Words,
    pub(super) problem: Option<&'a Problem>,
}

/// What somebody types.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    name: &'static str,
    label: &'a str,
    hint: Option<&'a str>,
    value: &'a str,
    /// As HTML names it.
    kind: &'static str,
    autocomplete: &'static str,
    is_needed: bool,
}

/// The kind that has more than a line.
const TEXT: &str = "textarea";

impl<'a> Input<'a> {
    /// One line, which has to be written.
    pub(super) fn line(name: &'static str, label: &'a str, value: &'a str) -> Self {
        Self { name, label, hint: None, value, kind: "text", autocomplete: "off", is_needed: true }
    }

    /// More than one line.
    pub(super) fn text(name: &'static str, label: &'a str, value: &'a str) -> Self {
        Self { kind: TEXT, ..Self::line(name, label, value) }
    }

    /// A day.
    pub(super) fn day(name: &'static str, label: &'a str, value: &'a str) -> Self {
        Self { kind: "date", ..Self::line(name, label, value) }
    }

    /// What nobody is to read, and the page never has.
    pub(super) fn secret(name: &'static str, label: &'a str) -> Self {
        Self { kind: "password", ..Self::line(name, label, "") }
    }

    /// The same with something said about it.
    pub(super) fn hint(self, hint: &'a str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// The same with what browsers and password managers know it by.
    pub(super) fn known_as(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    /// The same where it may be left empty.
    pub(super) fn optional(self) -> Self {
        Self { is_needed: false, ..self }
    }
}

impl Fields<'_> {
    /// What went wrong, above the fields.
    pub(super) fn problem(&self) -> Markup {
        let Some(problem) = self.problem else { return html! {} };
        html! {
            div.problem role="alert" tabindex="-1" autofocus {
                p { strong { (self.words.not_done) } }
                p {
                    @match problem.field {
                        Some(field) => a href=(format!("#{}", self.id(field))) { (problem.said) },
                        None => (problem.said),
                    }
                }
            }
        }
    }

    /// One field.
    pub(super) fn input(&self, input: Input<'_>) -> Markup {
        let (id, wrong, described) = self.of_field(input.name, input.hint);
        html! {
            div.field {
                label for=(id) { (input.label) @if !input.is_needed { " " span.optional { (self.words.optional) } } }
                (self.notes(&id, input.hint, wrong))
                @if input.kind == TEXT {
                    textarea id=(id) name=(input.name) rows="4" required[input.is_needed] aria-describedby=[described]
                        aria-invalid=[wrong.map(|_| "true")] { (input.value) }
                } @else {
                    input id=(id) name=(input.name) type=(input.kind) value=(input.value) required[input.is_needed]
                        autocomplete=(input.autocomplete) aria-describedby=[described] aria-invalid=[wrong.map(|_| "true")];
                }
            }
        }
    }

    /// One of a list: what is sent, and what is shown.
    pub(super) fn select(
        &self,
        name: &'static str,
        label: &str,
        hint: Option<&str>,
        chosen: &str,
        all: &[(String, String)],
    ) -> Markup {
        let (id, wrong, described) = self.of_field(name, hint);
        html! {
            div.field {
                label for=(id) { (label) }
                (self.notes(&id, hint, wrong))
                select id=(id) name=(name) aria-describedby=[described] aria-invalid=[wrong.map(|_| "true")] {
                    @for (value, shown) in all { option value=(value) selected[value == chosen] { (shown) } }
                }
            }
        }
    }

    /// The code of the second factor, which opening and closing ask for each time.
    pub(super) fn code(&self) -> Markup {
        self.input(Input::line(CODE, self.words.code, "").hint(self.words.code_again).known_as("one-time-code"))
    }

    /// The field's place on the page, what is wrong with it, and what describes it.
    fn of_field(&self, name: &str, hint: Option<&str>) -> (String, Option<&str>, Option<String>) {
        let id = self.id(name);
        let wrong = self.problem.filter(|problem| problem.field == Some(name)).map(|problem| problem.said.as_str());
        let notes = [hint.map(|_| format!("{id}-hint")), wrong.map(|_| format!("{id}-wrong"))];
        let described: Vec<String> = notes.into_iter().flatten().collect();
        (id, wrong, (!described.is_empty()).then(|| described.join(" ")))
    }

    fn notes(&self, id: &str, hint: Option<&str>, wrong: Option<&str>) -> Markup {
        html! {
            @if let Some(hint) = hint { p.hint id=(format!("{id}-hint")) { (hint) } }
            @if let Some(wrong) = wrong { p.wrong id=(format!("{id}-wrong")) { (wrong) } }
        }
    }

    fn id(&self, name: &str) -> String {
        format!("{}-{name}", self.of)
    }
}

/// The field of a second factor's code.
pub(super) const CODE: &str = "code";

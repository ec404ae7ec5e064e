//! Signing in and out, the language, and the first page.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use gateway_api::login::{Code, Password};
use gateway_record::{Kind, review::Role};
use maud::{Markup, html};

use super::{
    Console,
    page::{self, CODE, Fields, Frame, Input, Problem, Tab},
    visitor::{LOGIN, Sent, Stranger, Visitor, chosen, forgotten, read, remembered, see},
    visits::{Ended, Visit},
    words,
};
use crate::{
    clock,
    control::{self, SignIn},
    reviews::Office,
};

/// `GET /login`
pub(super) async fn form(stranger: Stranger) -> Response {
    let words = stranger.words;
    let said = match &*stranger.query {
        "over" => Some(words.visit_over),
        "changed" => Some(words.visit_changed),
        "refused" => Some(words.visit_refused),
        "out" => Some(words.signed_out),
        _ => None,
    };
    page(&stranger, StatusCode::OK, ("", said), None)
}

fn page(
    stranger: &Stranger,
    status: StatusCode,
    (user, said): (&str, Option<&str>),
    problem: Option<&Problem>,
) -> Response {
    let words = stranger.words;
    let fields = Fields { of: "login", words, problem };
    let content = html! {
        @if let Some(said) = said { p.told role="status" { (said) } }
        p.lead { (words.login_lead) }
        form.card method="post" action=(LOGIN) {
            (fields.problem())
            (fields.input(Input::line("user", words.user, user).known_as("username")))
            (fields.input(Input::secret("password", words.password).known_as("current-password")))
            (fields.input(Input::line(CODE, words.code, "").hint(words.code_hint).known_as("one-time-code")))
            button type="submit" { (words.sign_in) }
        }
    };
    Frame::of(stranger).page(status, (None, words.sign_in), &content)
}

/// `POST /login`
pub(super) async fn sign_in(
    State(console): State<Arc<Console>>,
    stranger: Stranger,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut form = match read(&stranger, &headers, body).await {
        Ok(form) => form,
        Err(answer) => return answer,
    };
    let (words, user) = (stranger.words, form.text("user").to_owned());
    let shown =
        SignIn { user: user.clone(), password: Password::new(form.take("password")), code: Code::new(form.take(CODE)) };
    drop(form);
    let person = match control::sign_in_from(&console.desk.api, shown, (stranger.from, words.language)).await {
        Ok(person) => person,
        Err(refused) => {
            let problem = Problem::new(words::with_support(words, &refused), None);
            return page(&stranger, refused.status(), (&user, None), Some(&problem));
        }
    };
    let now = clock::now();
    let office = Office { policy: console.desk.change.policy().current(), now: now.wall };
    let signed = console.desk.reviews.signed(&office, &person).await;
    let unavailable = |why: &str| {
        tracing::error!(why, "nobody can sign in to the web page");
        Frame::of(&stranger).refusal(StatusCode::SERVICE_UNAVAILABLE, words.unavailable)
    };
    let roles: Vec<Role> = match signed {
        Ok(who) => who.roles.into_iter().map(|held| held.role).collect(),
        Err(why) => return unavailable(&why),
    };
    // Another visit each time: whoever left a cookie in this browser learns nothing by it.
    if let Some(before) = stranger.key.and_then(|key| console.visits.end(key)) {
        console.left(&before, Ended::SignedOut).await;
    }
    let Some((secret, visit)) = Visit::new(person, roles, now.instant) else {
        return unavailable("there are no random bytes");
    };
    // Recorded before it is true.
    if let Err(why) = console.note(Kind::ConsoleEntered, &visit, None).await {
        return unavailable(&why);
    }
    if !console.visits.begin(&secret, visit.clone()) {
        console.left(&visit, Ended::NoRoom).await;
        return unavailable("too many are signed in");
    }
    let mut response = see("/");
    if let Some(cookie) = remembered(&secret) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// `POST /logout`
pub(super) async fn sign_out(Sent { visitor, .. }: Sent) -> Response {
    if let Some(visit) = visitor.stranger.key.and_then(|key| visitor.console.visits.end(key)) {
        visitor.console.left(&visit, Ended::SignedOut).await;
    }
    let mut response = see("/login?out");
    response.headers_mut().append(header::SET_COOKIE, forgotten());
    response
}

/// `GET /language/it?to=/requests`
pub(super) async fn language(stranger: Stranger, Path(code): Path<String>) -> Response {
    let Some(language) = words::language(&code) else { return super::visitor::nothing(stranger).await };
    let asked = form_urlencoded::parse(stranger.query.as_bytes()).find(|(name, _)| name == "to");
    let to = asked.map(|(_, to)| to.into_owned()).filter(|to| is_path(to));
    let mut response = see(to.as_deref().unwrap_or("/"));
    response.headers_mut().append(header::SET_COOKIE, chosen(language));
    response
}

/// Whether it is a path of this page's own shape, and nothing that leads elsewhere.
fn is_path(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-');
    text.starts_with('/') && !text.starts_with("//") && text.bytes().all(is_plain)
}

/// `GET /`
pub(super) async fn overview(visitor: Visitor) -> Response {
    let words = visitor.words();
    let held = &visitor.who.roles;
    let new = visitor.desk().reviews.new_holders(&visitor.who, visitor.office.now).await;
    let content = html! {
        section {
            h2 { (words.your_roles) }
            @if held.is_empty() {
                p { (words.no_roles) }
            } @else {
                ul.plain {
                    @for held in held {
                        li {
                            (role(words, &held.role)) ", " (words.since) " "
                            (page::moment(&visitor.office, words, held.since))
                        }
                    }
                }
            }
        }
        @if !new.is_empty() {
            section.notice {
                h2 { (words.new_roles) }
                p { (words.new_roles_lead) }
                ul.plain {
                    @for holder in &new {
                        li {
                            strong { (holder.name) } ": " (role(words, &holder.held.role)) ", " (words.since) " "
                            (page::moment(&visitor.office, words, holder.held.since))
                        }
                    }
                }
            }
        }
        section {
            h2 { (words.what_you_may) }
            ul.cards {
                @for tab in Tab::of(&visitor).filter(|tab| *tab != Tab::Overview) {
                    li {
                        h3 { a href=(tab.path()) { (tab.title(words)) } }
                        p { (words::about(words, tab)) }
                    }
                }
            }
        }
    };
    visitor.frame().tab(Tab::Overview, &content)
}

/// A role with its structure.
pub(super) fn role(words: &words::Words, role: &Role) -> Markup {
    html! { (words::role(words, role)) @if let Some(structure) = role.structure() { ", " (structure) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_leads_nowhere_else() {
        assert!(is_path("/requests/12") && is_path("/"));
        for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a?b", "/%2f"] {
            assert!(!is_path(elsewhere), "{elsewhere}");
        }
    }
}

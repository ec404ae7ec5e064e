//! Whoever asks for a page: signed in, with the roles of this very moment; and what they send, from a form of this visit.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use axum::{
    RequestExt as _,
    body::Body,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use gateway_api::login::{Code, Language};
use gateway_record::review::{Act, Signed};

use super::{
    Console,
    form::{Form, Unread},
    page::{self, CODE, Frame, Problem},
    visits::{Ended, Found, Key, Visit},
    words::{self, Words},
};
use crate::{
    admin::Desk,
    clock, control,
    directory::{Inquiry, Person, Standing},
    https::Peer,
    reviews::Office,
};

/// Where people sign in.
pub(super) const LOGIN: &str = "/login";
/// The cookie of a visit; its prefix ties it to this host, path and TLS.
const VISIT: &str = "__Host-deskgate";
/// The cookie of a language.
const LANGUAGE: &str = "__Host-language";

/// What is known of a request whoever sends it.
pub(super) struct Stranger {
    /// What the page says.
    pub(super) words: &'static Words,
    /// From where.
    pub(super) from: IpAddr,
    /// The path that was asked for.
    pub(super) path: String,
    /// What follows it, behind the question mark.
    pub(super) query: String,
    /// The visit that its cookie names, if it names any.
    pub(super) key: Option<Key>,
}

/// Somebody who is signed in.
pub(super) struct Visitor {
    pub(super) console: Arc<Console>,
    pub(super) stranger: Stranger,
    pub(super) person: Person,
    pub(super) who: Signed,
    pub(super) office: Office,
    pub(super) visit: Visit,
}

/// Something that somebody who is signed in sends, by a form of this visit.
pub(super) struct Sent {
    pub(super) visitor: Visitor,
    pub(super) form: Form,
}

impl FromRequestParts<Arc<Console>> for Stranger {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Console>) -> Result<Self, Infallible> {
        let from = parts.extensions.get::<Peer>().map(Peer::address);
        Ok(Self {
            words: words::of(language(&parts.headers)),
            // Every connection has one; without it, nobody is let in more often than one address is.
            from: from.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            key: cookie(&parts.headers, VISIT).map(Key::of),
        })
    }
}

impl FromRequestParts<Arc<Console>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Response> {
        let Ok(stranger) = Stranger::from_request_parts(parts, console).await;
        let Some(key) = stranger.key else { return Err(see(LOGIN)) };
        let visit = match console.visits.find(key, clock::now().instant) {
            Found::Visit(visit) => *visit,
            Found::Over(visit, why) => {
                console.left(&visit, why).await;
                return Err(over(why));
            }
            Found::Nothing => return Err(see(LOGIN)),
        };
        match current(console, key, &visit).await {
            Ok((person, office, who)) => {
                Ok(Self { console: Arc::clone(console), stranger, person, who, office, visit })
            }
            Err(NotCurrent::Ended(why)) => {
                if let Some(visit) = console.visits.end(key) {
                    console.left(&visit, why).await;
                }
                Err(over(why))
            }
            Err(NotCurrent::Failed(why)) => {
                tracing::error!(why, "the web page cannot be shown");
                let words = stranger.words;
                Err(Frame::of(&stranger).refusal(StatusCode::SERVICE_UNAVAILABLE, words.unavailable))
            }
        }
    }
}

impl FromRequest<Arc<Console>> for Sent {
    type Rejection = Response;

    async fn from_request(mut request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let visitor: Visitor = request.extract_parts_with_state(console).await?;
        let (parts, body) = request.into_parts();
        let form = read(&visitor.stranger, &parts.headers, body).await?;
        match visitor.visit.is_own_form(form.text(page::FORM_KEY)) {
            true => Ok(Self { visitor, form }),
            false => Err(unread(&visitor.stranger, Unread::Foreign)),
        }
    }
}

/// A form of this page, or what is answered instead.
pub(super) async fn read(stranger: &Stranger, headers: &HeaderMap, body: Body) -> Result<Form, Response> {
    Form::read(headers, body).await.map_err(|why| unread(stranger, why))
}

fn unread(stranger: &Stranger, why: Unread) -> Response {
    let (status, words) = match why {
        Unread::Foreign => (StatusCode::FORBIDDEN, stranger.words.foreign_form),
        Unread::Unreadable => (StatusCode::BAD_REQUEST, stranger.words.unreadable_form),
    };
    tracing::warn!(path = stranger.path, ?why, "a form was not taken by the web page");
    Frame::of(stranger).refusal(status, words)
}

/// Why a visitor is none at the moment.
enum NotCurrent {
    Ended(Ended),
    Failed(String),
}

/// Who it is and what they are now: roles that the policy or the directory took back end the visit. While the directory does not answer,
/// what it said last holds, for no longer than a visit lasts.
async fn current(console: &Console, key: Key, visit: &Visit) -> Result<(Person, Office, Signed), NotCurrent> {
    let desk = &console.desk;
    let now = clock::now();
    let office = Office { policy: desk.change.policy().current(), now: now.wall };
    let mut person = visit.person.clone();
    if visit.is_to_look(now.instant) {
        match standing(desk, &office, &person).await {
            Some(Standing::InOrder(groups)) => {
                console.visits.looked(key, &groups, now.instant);
                person.groups = groups;
            }
            Some(Standing::Left(_)) => return Err(NotCurrent::Ended(Ended::AccountGone)),
            None => {}
        }
    }
    if desk.blocked.holds(&person) {
        return Err(NotCurrent::Ended(Ended::AccountGone));
    }
    let who = desk.reviews.signed(&office, &person).await.map_err(NotCurrent::Failed)?;
    // Also a role that is new: who came in without it has not been recorded with it.
    if !who.roles.iter().map(|held| &held.role).eq(&visit.roles) {
        return Err(NotCurrent::Ended(Ended::RoleGone));
    }
    Ok((person, office, who))
}

/// How the account stands; none if nobody knows.
async fn standing(desk: &Desk, office: &Office, person: &Person) -> Option<Standing> {
    let accounts = [(Arc::clone(&person.id), Arc::clone(&person.name))].into_iter().collect();
    let groups = office.policy.groups().iter().map(ToString::to_string).collect();
    match desk.directory.standings(&Inquiry { accounts, groups, at: office.now }).await {
        Ok((mut standings, _)) => standings.remove(&person.id),
        Err(why) => {
            tracing::warn!(why, "the directory does not say how a visitor's account stands");
            None
        }
    }
}

impl Visitor {
    pub(super) fn desk(&self) -> &Desk {
        &self.console.desk
    }

    pub(super) fn words(&self) -> &'static Words {
        self.stranger.words
    }

    /// Whether any role of theirs gives the right to an act.
    pub(super) fn may(&self, act: Act) -> bool {
        self.who.acts_somewhere(act).is_ok()
    }

    /// The same; whoever may not is told so, and that is recorded.
    pub(super) async fn right(&self, act: Act) -> Result<(), Response> {
        let Err(refusal) = self.who.acts_somewhere(act) else { return Ok(()) };
        self.desk().reviews.denied((act, None), &self.who, refusal, self.office.now).await;
        let said = words::refusal(self.words(), refusal);
        Err(self.frame().refusal(StatusCode::FORBIDDEN, &said))
    }

    /// Whether they show their second factor once more; else what is said of it. Tried, limited and recorded as at a login.
    pub(super) async fn show_code(&self, form: &mut Form) -> Result<(), (StatusCode, Problem)> {
        let code = Code::new(form.take(CODE));
        let from = (self.stranger.from, self.words().language);
        let shown = control::show_code(&self.desk().api, &self.person, code, from).await;
        shown.map_err(|refused| {
            (refused.status(), Problem::new(words::code_refused(self.words(), &refused), Some(CODE)))
        })
    }

    /// What is around their pages.
    pub(super) fn frame(&self) -> Frame<'_> {
        Frame::of(&self.stranger).for_visitor(self)
    }
}

/// Counts what is refused, for each person; what is under way holds its place until then, so neither requests side by side nor another visit go
/// round the limit. Too much of it ends all their visits.
pub(super) async fn count_refused(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let key = cookie(request.headers(), VISIT).map(Key::of);
    let Some(person) = key.and_then(|key| console.visits.person(key)) else { return next.run(request).await };
    let Ok(step) = console.desk.api.throttle.begin_step(&person).await else {
        return put_out(&console, &person).await;
    };
    let answer = next.run(request).await;
    if !answer.status().is_client_error() {
        step.taken();
        return answer;
    }
    match step.refused() {
        true => put_out(&console, &person).await,
        false => answer,
    }
}

async fn put_out(console: &Console, person: &str) -> Response {
    for visit in console.visits.end_those_of(person) {
        console.left(&visit, Ended::Refused).await;
    }
    over(Ended::Refused)
}

/// What is at no path.
pub(super) async fn nothing(stranger: Stranger) -> Response {
    let words = stranger.words;
    Frame::of(&stranger).refusal(StatusCode::NOT_FOUND, words.not_found)
}

/// Sends the browser to another page, by GET.
pub(super) fn see(path: &str) -> Response {
    let to = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

fn over(why: Ended) -> Response {
    let mut response = see(match why {
        Ended::SignedOut | Ended::NoRoom | Ended::Stopped => LOGIN,
        Ended::Idle | Ended::TooLong => "/login?over",
        Ended::RoleGone | Ended::AccountGone => "/login?changed",
        Ended::Refused => "/login?refused",
    });
    response.headers_mut().append(header::SET_COOKIE, forgotten());
    response
}

/// The cookie of a visit that begins.
pub(super) fn remembered(secret: &str) -> Option<HeaderValue> {
    let mut value =
        HeaderValue::try_from(format!("{VISIT}={secret}; Path=/; Secure; HttpOnly; SameSite=Strict")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The cookie of none.
pub(super) fn forgotten() -> HeaderValue {
    HeaderValue::from_static("__Host-deskgate=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// The cookie of a language, for a year.
pub(super) fn chosen(language: Language) -> HeaderValue {
    match language {
        Language::It => {
            HeaderValue::from_static("__Host-language=it; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000")
        }
        Language::En => {
            HeaderValue::from_static("__Host-language=en; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000")
        }
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(named, value)| (named == name).then_some(value))
}

/// The one that was chosen, else the one that the browser likes best of the two.
fn language(headers: &HeaderMap) -> Language {
    if let Some(chosen) = cookie(headers, LANGUAGE).and_then(words::language) {
        return chosen;
    }
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let liked = accepted.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let language = words::language(parts.next()?.split('-').next()?)?;
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        Some((language, quality))
    });
    let best = liked.reduce(|best, next| if best.1 < next.1 { next } else { best });
    best.map_or(Language::En, |(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_chosen_one_or_the_browsers() {
        let of = |accepted: &'static str, cookie: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
            headers.insert(header::COOKIE, HeaderValue::from_static(cookie));
            language(&headers)
        };
        assert_eq!(of("it-IT,it;q=0.9,en;q=0.8", ""), Language::It);
        assert_eq!(of("de,en;q=0.7,it;q=0.8", ""), Language::It);
        assert_eq!(of("de", ""), Language::En);
        assert_eq!(of("it", "a=b; __Host-language=en"), Language::En);
        assert_eq!(of("it", "__Host-language=xx"), Language::It);
    }
}

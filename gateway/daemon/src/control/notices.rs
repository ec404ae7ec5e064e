//! Logins that wait until their notices are read: there is no session yet, no peer and no address.
//!
//! Kept in memory alone: a gateway that starts again asks for another login. One for each person, and not for long.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use gateway_api::{
    Token,
    login::Language,
    notice::{self, Pending, Version},
    proof,
};
use gateway_record::{Draft, Fields, Kind};
use policy::Notice;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{
    Agreed, Api,
    error::Refused,
    login::{Asked, Attempt, Failure, Opened, admit, answer_opened, read},
    session::shown,
};
use crate::{
    clock,
    https::Peer,
    notices,
    reviews::{self, Office},
};

/// How long a login waits for its reader.
const HOLDS: Duration = Duration::from_secs(15 * 60);

/// One login that waits.
#[derive(Debug)]
struct Waiting {
    asked: Asked,
    /// What was shown.
    notices: Vec<Arc<Notice>>,
    language: Language,
    until: Instant,
}

/// All of them, by the SHA-256 of their tokens.
#[derive(Debug, Default)]
pub(crate) struct PendingLogins(Mutex<HashMap<[u8; 32], Waiting>>);

impl PendingLogins {
    /// Keeps a login until its notices are read; one of the same person that waited before is over.
    pub(super) fn wait(&self, asked: Asked, notices: Vec<Arc<Notice>>, language: Language) -> Result<Pending, Refused> {
        let mut token = [0; 32];
        getrandom::fill(&mut token).map_err(|error| {
            tracing::error!(%error, "login refused: no random numbers");
            Refused::Unavailable("random_failed")
        })?;
        let now = Instant::now();
        let texts = notices.iter().map(|notice| in_words(notice, language)).collect();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, other| other.until > now && other.asked.person.id != asked.person.id);
        waiting.insert(Sha256::digest(token).into(), Waiting { asked, notices, language, until: now + HOLDS });
        let expires_in_s = u32::try_from(HOLDS.as_secs()).unwrap_or(u32::MAX);
        Ok(Pending { token: Token::new(token), notices: texts, expires_in_s })
    }

    /// The login whose token is used, if that is proved. It waits no more.
    fn take(&self, proof: &[u8], shown: &proof::Use<'_>) -> Option<Waiting> {
        let hash: [u8; 32] = Sha256::digest(shown.token.expose()).into();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = waiting.get(&hash)?;
        if found.until <= Instant::now() || !found.asked.session_key.holds(proof, shown) {
            return None;
        }
        waiting.remove(&hash)
    }
}

fn in_words(notice: &Notice, language: Language) -> notice::Notice {
    let (asked_for, other) = match language {
        Language::It => (&notice.italian, &notice.english),
        Language::En => (&notice.english, &notice.italian),
    };
    notice::Notice {
        name: notice.name.to_string(),
        version: notices::version(notice),
        text: asked_for.as_ref().or(other.as_ref()).map(ToString::to_string).unwrap_or_default(),
    }
}

/// `POST /v1/notices`
pub(super) async fn mark(
    State(api): State<Arc<Api>>,
    Extension(Peer(peer)): Extension<Peer>,
    Extension(agreed): Extension<Agreed>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut attempt = Attempt::new(peer, &headers);
    let outcome = mark_now(&api, &mut attempt, (agreed, &uri, &headers), body).await;
    answer_opened(&api, attempt, outcome).await
}

async fn mark_now(
    api: &Arc<Api>,
    attempt: &mut Attempt,
    (agreed, uri, headers): (Agreed, &Uri, &HeaderMap),
    body: Body,
) -> Result<Opened, Failure> {
    let request: notice::Read = read(body).await?;
    let taken = shown(&Method::POST, uri, headers, agreed, |proof, shown| api.pending.take(proof, shown));
    let Waiting { asked, notices, language, .. } = taken.ok_or(Refused::LoginOver)?;
    attempt.language = language;
    let is_read = |notice: &&Arc<Notice>| {
        let version = Version { name: notice.name.to_string(), version: notices::version(notice) };
        request.read.contains(&version)
    };
    let read: Vec<Arc<Notice>> = notices.iter().filter(is_read).cloned().collect();
    note(api, &asked, &read).await.map_err(|refused| Failure::of(&asked.person.name, refused))?;
    admit(api, asked, language).await
}

/// Recorded first, then kept, then believed.
async fn note(api: &Api, asked: &Asked, read: &[Arc<Notice>]) -> Result<(), Refused> {
    let (now, person) = (clock::now().wall, &asked.person);
    // Whom a review concerned is nothing that administrators or the session log should tell: reviews keep it themselves.
    let (messages, read): (Vec<_>, Vec<_>) = read.iter().cloned().partition(|notice| reviews::is_message(&notice.name));
    for notice in &read {
        let fields = Fields::default().with("notice", &*notice.name).with("version", notices::version(notice));
        let names = Fields::default()
            .with("worker", &*person.name)
            .with("worker_id", &*person.id)
            .with("from", asked.from.to_string());
        let recorded = api.ledger.store().note(Draft { fields, names, ..Draft::new(Kind::NoticeRead, now) }).await;
        recorded.map_err(|error| {
            tracing::error!(%error, "login refused: what was read cannot be recorded");
            api.unrecorded()
        })?;
    }
    let unkept = |why: String| {
        tracing::error!(why, "login refused: what was read cannot be kept");
        api.unrecorded()
    };
    let office = Office { policy: api.change.policy().current(), now };
    api.reviews.has_read(&office, person, messages.iter().map(|message| &*message.name)).await.map_err(unkept)?;
    if read.is_empty() {
        return Ok(());
    }
    let (kept, person) = (Arc::clone(&api.notices), person.clone());
    let marked = tokio::task::spawn_blocking(move || kept.mark(&person, &read, now)).await;
    marked.unwrap_or_else(|error| Err(error.to_string())).map_err(unkept)
}

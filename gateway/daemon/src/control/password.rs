//! A change of the office password, also of one that has expired. It is tried, limited, answered and recorded as a login is.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use gateway_api::{login::LONGEST_PASSWORD, password::Request};
use gateway_record::{Draft, Fields, Kind};

use super::{
    Api, Peer,
    error::Refused,
    login::{Attempt, Failure, judged, note_answer, read, refuse, too_many},
};
use crate::{clock, directory::Change, store};

/// `POST /v1/password`
pub(super) async fn change(
    State(api): State<Arc<Api>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut attempt = Attempt::new(peer, &headers);
    match change_now(&api, &mut attempt, body).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(failure) => refuse(&api, attempt, failure).await,
    }
}

async fn change_now(api: &Api, attempt: &mut Attempt, body: Body) -> Result<(), Failure> {
    let (from, support) = (attempt.from, attempt.support);
    api.throttle.admit(from, clock::now().instant, support).map_err(too_many)?;
    let request: Request = read(body).await.inspect_err(|_| api.throttle.failed(from, clock::now().instant))?;
    attempt.language = request.language;
    check(&request)?;
    let user = request.user.trim();
    api.throttle.try_user(user, from, clock::now().instant, support).map_err(too_many)?;
    match api.directory.change_password(user, request.password, request.new_password).await {
        Change::Done(worker) => {
            api.throttle.right(user, from, clock::now().instant);
            tracing::info!("a worker changed the office password");
            let names = Fields::default().with("worker", &*worker).with("from", from.to_string());
            let private = store::private(names).map_err(|_| Refused::Unavailable("record_failed"))?;
            let draft = Draft { private, ..Draft::new(Kind::PasswordChanged, clock::now().wall) };
            if let Err(error) = api.ledger.store().note(draft).await {
                // Done is done: the worker must know which password holds now.
                tracing::error!(%error, "changed password not recorded");
            }
            Ok(())
        }
        Change::NotTaken(worker, why) => {
            api.throttle.unchecked(user);
            Err(Failure::of(&worker, Refused::PasswordNotTaken(why)))
        }
        Change::Refused(answer) => {
            note_answer(api, user, from, &answer);
            judged(answer).map(|_| ())
        }
    }
}

fn check(request: &Request) -> Result<(), Refused> {
    let new = request.new_password.expose();
    let fits = (1..=LONGEST_PASSWORD).contains(&new.len()) && !new.chars().any(char::is_control);
    let user = request.user.len() <= gateway_api::login::LONGEST_USER;
    match fits && user && request.password.expose().len() <= LONGEST_PASSWORD {
        true => Ok(()),
        false => Err(Refused::BadRequest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_is_something_and_no_control_characters() {
        let checked = |new: &str| {
            let text = serde_json::json!({ "user": "m.rossi", "password": "old", "new_password": new }).to_string();
            check(&serde_json::from_str(&text).unwrap()).is_ok()
        };
        assert!(checked("Casa mia è là 1"));
        assert!(!checked("") && !checked("a\nb") && !checked(&"x".repeat(1025)));
    }
}

//! A change of the office password, also of one that has expired. It is tried, limited, answered and recorded as a login is.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use gateway_api::{
    login::{LONGEST_PASSWORD, Password},
    password::Request,
};
use gateway_record::{Draft, Fields, Kind};

use super::{
    Api,
    authentication::{Shown, authenticate, code_fits, unknown},
    error::Refused,
    login::{Attempt, Failure, read, refuse},
};
use crate::{
    clock,
    devices::Chain,
    directory::{Answer, Change},
    https::Peer,
};

/// `POST /v1/password`
pub(super) async fn change(
    State(api): State<Arc<Api>>,
    Extension(Peer(peer)): Extension<Peer>,
    Extension(chain): Extension<Chain>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut attempt = Attempt::new(peer, &headers);
    match change_now(&api, &mut attempt, &chain, body).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(failure) => refuse(&api, attempt, failure).await,
    }
}

async fn change_now(api: &Api, attempt: &mut Attempt, chain: &Chain, body: Body) -> Result<(), Failure> {
    let from = attempt.from;
    let request: Request = read(body).await?;
    attempt.language = request.language;
    check(&request)?;
    let (user, policy) = (request.user.trim(), api.change.policy().current());
    // Asked twice, so that nothing is changed before all factors were shown.
    let password = Password::new(request.password.expose().to_owned());
    let shown = Shown::SecondFactor(&policy, request.second_factor.as_ref(), chain);
    let (person, must_act) = authenticate(api, user, password, &[], shown, attempt).await?;
    if let Some(what) = must_act.filter(|what| !what.is_mended_by_a_new_password()) {
        return Err(Failure::of(&person.name, Refused::MustAct(what)));
    }
    match api.directory.change_password(user, request.password, request.new_password).await {
        Change::Done(worker) => {
            api.throttle.right(user, from, clock::now().instant);
            record(api, &worker, from).await;
            Ok(())
        }
        Change::NotTaken(worker, why) => Err(Failure::of(&worker, Refused::PasswordNotTaken(why))),
        Change::Refused(Answer::MustAct(person, what)) => Err(Failure::of(&person.name, Refused::MustAct(what))),
        Change::Refused(Answer::Unknown(why)) => Err(unknown(&why)),
        // It held a moment ago.
        Change::Refused(Answer::Wrong(_) | Answer::Valid(_)) => Err(unknown("a password changed while it was changed")),
    }
}

async fn record(api: &Api, worker: &str, from: IpAddr) {
    tracing::info!("a worker changed the office password");
    let names = Fields::default().with("worker", worker).with("from", from.to_string());
    let draft = Draft { names, ..Draft::new(Kind::PasswordChanged, clock::now().wall) };
    if let Err(error) = api.ledger.store().note(draft).await {
        // Done is done: the worker must know which password holds now.
        tracing::error!(%error, "changed password not recorded");
    }
}

fn check(request: &Request) -> Result<(), Refused> {
    let new = request.new_password.expose();
    let fits = (1..=LONGEST_PASSWORD).contains(&new.len()) && !new.chars().any(char::is_control);
    let user = request.user.len() <= gateway_api::login::LONGEST_USER && code_fits(request.second_factor.as_ref());
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

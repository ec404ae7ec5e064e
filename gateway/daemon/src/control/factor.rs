//! The enrolment of a second factor. It is tried, limited, answered and recorded as a login is, and asks for more: beside the
//! password the code that the office handed over.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::HeaderMap, response::Response};
use gateway_api::{
    factor::{Begin, Begun, Confirm, Confirmed},
    login::{Code, LONGEST_PASSWORD, LONGEST_USER, Password},
};

use super::{
    Api,
    authentication::{Shown, authenticate, code_fits},
    error::Refused,
    login::{Attempt, Failure, answer, read},
};
use crate::{clock, directory::Person, factor::NotConfirmed, https::Peer};

/// `POST /v1/factor`
pub(super) async fn begin(
    State(api): State<Arc<Api>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut attempt = Attempt::new(peer, &headers);
    let begun = begin_now(&api, &mut attempt, body).await;
    answer(&api, attempt, begun).await
}

/// `POST /v1/factor/confirmation`
pub(super) async fn confirm(
    State(api): State<Arc<Api>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut attempt = Attempt::new(peer, &headers);
    let confirmed = confirm_now(&api, &mut attempt, body).await;
    answer(&api, attempt, confirmed).await
}

async fn begin_now(api: &Api, attempt: &mut Attempt, body: Body) -> Result<Begun, Failure> {
    let request: Begin = read(body).await?;
    attempt.language = request.language;
    check(&request.user, &request.password, [&request.enrolment_code])?;
    let person = enroller(api, &request.user, request.password, &request.enrolment_code, attempt).await?;
    let secret = api.factors.begin(&person).await.map_err(|error| not_confirmed(api, &person, error))?;
    Ok(Begun { secret })
}

async fn confirm_now(api: &Api, attempt: &mut Attempt, body: Body) -> Result<Confirmed, Failure> {
    let from = attempt.from;
    let request: Confirm = read(body).await?;
    attempt.language = request.language;
    check(&request.user, &request.password, [&request.enrolment_code, &request.code])?;
    let person = enroller(api, &request.user, request.password, &request.enrolment_code, attempt).await?;
    let confirmed = api.factors.confirm(&person, &request.code, from, clock::now().wall).await;
    let recovery_codes = confirmed.map_err(|error| not_confirmed(api, &person, error))?;
    tracing::info!("a worker enrolled a second factor");
    Ok(Confirmed { recovery_codes })
}

/// Who enrols: somebody with the password, also one that must be changed, and the office's code.
async fn enroller(
    api: &Api,
    user: &str,
    password: Password,
    code: &Code,
    attempt: &Attempt,
) -> Result<Person, Failure> {
    let (person, must_act) = authenticate(api, user.trim(), password, &[], Shown::Enrolment(code), attempt).await?;
    if let Some(what) = must_act.filter(|what| !what.is_mended_by_a_new_password()) {
        return Err(Failure::of(&person.name, Refused::MustAct(what)));
    }
    if api.blocked.holds(&person) {
        return Err(Failure::of(&person.name, Refused::Blocked));
    }
    Ok(person)
}

fn check<const N: usize>(user: &str, password: &Password, codes: [&Code; N]) -> Result<(), Refused> {
    let fits = user.len() <= LONGEST_USER && password.expose().len() <= LONGEST_PASSWORD;
    if fits && codes.into_iter().all(|code| code_fits(Some(code))) { Ok(()) } else { Err(Refused::BadRequest) }
}

fn not_confirmed(api: &Api, person: &Person, error: NotConfirmed) -> Failure {
    let refused = match error {
        NotConfirmed::OtherCode(clock_off_s) => Refused::FactorNotConfirmed(clock_off_s),
        // The office took it back in the middle, or another request was first.
        NotConfirmed::NothingBegun => Refused::FactorNotConfirmed(None),
        NotConfirmed::Failed(error) => {
            tracing::error!(%error, "a second factor cannot be kept");
            api.unrecorded()
        }
    };
    Failure::of(&person.name, refused)
}

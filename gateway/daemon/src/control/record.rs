//! What is recorded about a worker, for that worker. It is tried, limited and answered as a login is.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::HeaderMap, response::Response};
use gateway_api::{
    login::{LONGEST_PASSWORD, LONGEST_USER},
    record::{MOST_RECORDS, Opening, Own, Record, Request},
};
use gateway_record::review::{Review, Stage};

use super::{
    Api,
    authentication::{Shown, authenticate, code_fits},
    error::Refused,
    login::{Attempt, Failure, answer, read},
};
use crate::{clock, devices::Chain, https::Peer, reviews::Office, store::Kept};

/// `POST /v1/record`
pub(super) async fn own(
    State(api): State<Arc<Api>>,
    Extension(Peer(peer)): Extension<Peer>,
    Extension(chain): Extension<Chain>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut attempt = Attempt::new(peer, &headers);
    let own = own_now(&api, &mut attempt, &chain, body).await;
    answer(&api, attempt, own).await
}

async fn own_now(api: &Api, attempt: &mut Attempt, chain: &Chain, body: Body) -> Result<Own, Failure> {
    let request: Request = read(body).await?;
    attempt.language = request.language;
    let fits = request.user.len() <= LONGEST_USER && request.password.expose().len() <= LONGEST_PASSWORD;
    if !fits || !code_fits(request.second_factor.as_ref()) {
        return Err(Refused::BadRequest.into());
    }
    let policy = api.change.policy().current();
    let shown = Shown::AllFactors(&policy, request.second_factor.as_ref(), chain);
    let (person, must_act) = authenticate(api, request.user.trim(), request.password, &[], shown, attempt).await?;
    if let Some(what) = must_act {
        return Err(Failure::of(&person.name, Refused::MustAct(what)));
    }
    let office = Office { policy: Arc::clone(&policy), now: clock::now().wall };
    let kept = api.reviews.own(&office, &person).await.map_err(|error| {
        tracing::error!(%error, "a worker's own records not read");
        Failure::of(&person.name, Refused::Unavailable("record_failed"))
    })?;
    let openings = api.reviews.of_person(&office, &person).await;
    let left_off = kept.len().saturating_sub(MOST_RECORDS);
    Ok(Own {
        records: kept.iter().skip(left_off).map(record).collect(),
        left_off: u32::try_from(left_off).unwrap_or(u32::MAX),
        openings: openings.iter().filter_map(opening).collect(),
    })
}

fn record(Kept { record, .. }: &Kept) -> Record {
    Record {
        at: record.time.as_second(),
        kind: record.kind.word().to_owned(),
        session: record.session,
        fields: record.fields.iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect(),
    }
}

fn opening(review: &Review) -> Option<Opening> {
    let Stage::Minuted { approved, opening, minute, .. } = &review.stage else { return None };
    Some(Opening {
        request: review.number,
        minute: minute.number,
        at: opening.by.at.as_second(),
        from: review.asked.from.to_string(),
        until: review.asked.until.to_string(),
        ground: review.asked.ground.letter().to_owned(),
        requested_as: review.by.role.word().to_owned(),
        approved_as: approved.role.word().to_owned(),
        records: u32::try_from(opening.records.len()).unwrap_or(u32::MAX),
    })
}

//! People of the office who take a step in a review: they sign in as workers do, with the second factor whatever the policy asks of
//! workers, each time anew. Tried, limited, counted and recorded as a login is.

use std::net::{Ipv4Addr, SocketAddr};

use axum::http::HeaderMap;
use gateway_api::login::{Code, LONGEST_PASSWORD, LONGEST_USER, Language, Password};
use serde::{Deserialize, Serialize};

use super::{
    Api,
    error::Refused,
    login::{Attempt, Failure, Shown, authenticate, code_fits, settle},
};
use crate::directory::Person;

/// What somebody shows of themselves.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    pub(crate) user: String,
    pub(crate) password: Password,
    pub(crate) code: Code,
}

/// Who it is, with those of the policy's groups that they are in; or why nobody, in words.
pub(crate) async fn sign_in(api: &Api, shown: SignIn) -> Result<Person, String> {
    // Who asks has come to the gateway's own machine.
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let attempt = Attempt::new(here, &HeaderMap::new());
    match factors_shown(api, shown, &attempt).await {
        Ok(person) => Ok(person),
        Err(failure) => {
            let (refused, support) = settle(api, attempt, failure).await;
            Err(format!("{} (support number {support})", refused.words(Language::En)))
        }
    }
}

async fn factors_shown(
    api: &Api,
    SignIn { user, password, code }: SignIn,
    attempt: &Attempt,
) -> Result<Person, Failure> {
    let fits = user.len() <= LONGEST_USER && password.expose().len() <= LONGEST_PASSWORD && code_fits(Some(&code));
    if !fits {
        return Err(Refused::BadRequest.into());
    }
    let groups: Vec<String> = api.change.policy().current().groups().iter().map(ToString::to_string).collect();
    let shown = Shown::Always(&code);
    let (person, must_act) = authenticate(api, user.trim(), password, &groups, shown, attempt).await?;
    if let Some(what) = must_act {
        return Err(Failure::of(&person.name, Refused::MustAct(what)));
    }
    if api.blocked.holds(&person) {
        return Err(Failure::of(&person.name, Refused::Blocked));
    }
    Ok(person)
}

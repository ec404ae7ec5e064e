//! People of the office who take a step in a review: they sign in as workers do, with the second factor whatever the policy asks of
//! workers, each time anew. Tried, limited, counted and recorded as a login is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::{HeaderMap, StatusCode};
use gateway_api::{
    SessionNumber,
    login::{Code, LONGEST_PASSWORD, LONGEST_USER, Language, Password},
};
use serde::{Deserialize, Serialize};

use super::{
    Api,
    authentication::{Shown, authenticate, code_fits, show_again},
    error::Refused,
    login::{Attempt, Failure, settle, too_many_of},
};
use crate::{clock, directory::Person};

/// What somebody shows of themselves.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    pub(crate) user: String,
    pub(crate) password: Password,
    pub(crate) code: Code,
}

/// Why somebody is not let in, and the number that finds the truth in the record.
#[derive(Debug)]
pub(crate) struct NotIn {
    refused: Refused,
    pub(crate) support: SessionNumber,
}

impl NotIn {
    /// For people.
    pub(crate) fn words(&self, language: Language) -> String {
        self.refused.words(language)
    }

    /// For browsers.
    pub(crate) fn status(&self) -> StatusCode {
        self.refused.status()
    }

    /// Whether what was shown is not right.
    pub(crate) fn is_wrong(&self) -> bool {
        matches!(self.refused, Refused::WrongCredentials(_))
    }
}

/// Who it is, with those of the policy's groups that they are in; or why nobody, in words.
pub(crate) async fn sign_in(api: &Api, shown: SignIn) -> Result<Person, String> {
    // Who asks has come to the gateway's own machine.
    let signed = sign_in_from(api, shown, (Ipv4Addr::LOCALHOST.into(), Language::En)).await;
    signed.map_err(|refused| format!("{} (support number {})", refused.words(Language::En), refused.support))
}

/// The same from another computer.
pub(crate) async fn sign_in_from(api: &Api, shown: SignIn, from: (IpAddr, Language)) -> Result<Person, NotIn> {
    let attempt = attempt(from);
    match factors_shown(api, shown, &attempt).await {
        Ok(person) => Ok(person),
        Err(failure) => Err(not_in(api, attempt, failure).await),
    }
}

/// Whether somebody who has signed in shows the second factor once more.
pub(crate) async fn show_code(api: &Api, person: &Person, code: Code, from: (IpAddr, Language)) -> Result<(), NotIn> {
    let attempt = attempt(from);
    let shown = match code_fits(Some(&code)) {
        true => show_again(api, person, &code, &attempt).await,
        false => Err(Refused::BadRequest.into()),
    };
    match shown {
        Ok(()) => Ok(()),
        Err(failure) => Err(not_in(api, attempt, failure).await),
    }
}

fn attempt((from, language): (IpAddr, Language)) -> Attempt {
    let mut attempt = Attempt::new(SocketAddr::from((from, 0)), &HeaderMap::new());
    attempt.language = language;
    attempt
}

async fn not_in(api: &Api, attempt: Attempt, failure: Failure) -> NotIn {
    let (refused, support) = settle(api, attempt, failure).await;
    NotIn { refused, support }
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
    // Whose steps were refused again and again does not go on by signing in anew.
    let steps = api.throttle.look_at_steps(&person.id, clock::now().instant, attempt.support);
    steps.map_err(|limit| too_many_of(&person.name, limit))?;
    Ok(person)
}

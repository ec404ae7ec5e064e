//! What people show of themselves: the password, and beside it whatever the policy or the errand asks for. The same for a login, an
//! enrolment, a new password, a look at one's record and the steps of a review.

use std::net::IpAddr;

use gateway_api::login::{Code, LONGEST_CODE, Password};
use policy::{Device, Policy, SecondFactor};

use super::{
    Api,
    error::Refused,
    login::{Attempt, Failure, too_many},
};
use crate::{
    clock,
    devices::Chain,
    directory::{Answer, MustAct, Person},
    factor::NotShown,
};

/// The record's word for another, a used or an old code for a home computer.
pub(super) const WRONG_DEVICE_CODE: &str = "wrong_device_code";

/// Whether a code is no longer than any can be.
pub(super) fn code_fits(code: Option<&Code>) -> bool {
    code.is_none_or(|code| code.expose().len() <= LONGEST_CODE)
}

/// What is shown besides the password.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown<'a> {
    /// The second factor, where this policy asks for one on such a computer; an empty one is none.
    SecondFactor(&'a Policy, Option<&'a Code>, &'a Chain),
    /// The same, and where this policy asks for none: what the person has enrolled.
    AllFactors(&'a Policy, Option<&'a Code>, &'a Chain),
    /// The office's code for an enrolment.
    Enrolment(&'a Code),
    /// The office's code for a home computer.
    DeviceCode(&'a Code),
    /// The second factor, whatever the policy asks of workers.
    Always(&'a Code),
}

impl Shown<'_> {
    /// What was typed, if anything was.
    fn code(&self) -> Option<&Code> {
        match self {
            Self::SecondFactor(_, code, _) | Self::AllFactors(_, code, _) => {
                code.filter(|code| !code.expose().trim().is_empty())
            }
            Self::Enrolment(code) => Some(code),
            Self::Always(code) => Some(*code).filter(|code| !code.expose().trim().is_empty()),
            Self::DeviceCode(_) => None,
        }
    }
}

/// Who it is, once all factors were shown, and what the directory wants done first. The attempt is charged to the user before, and
/// given back unless something that was shown is wrong.
pub(super) async fn authenticate(
    api: &Api,
    user: &str,
    password: Password,
    groups: &[String],
    shown: Shown<'_>,
    &Attempt { from, support, .. }: &Attempt,
) -> Result<(Person, Option<MustAct>), Failure> {
    api.throttle.try_user(user, from, clock::now().instant, support).map_err(too_many)?;
    let (person, must_act) = match api.directory.authenticate(user, password, groups).await {
        Answer::Valid(person) => (person, None),
        Answer::MustAct(person, what) => (person, Some(what)),
        Answer::Wrong(wrong) => {
            // The same work as for whoever's password holds.
            api.factors.show_in_vain(shown.code()).await;
            let refused = Refused::WrongCredentials(wrong.word());
            return Err(match wrong.name() {
                Some(name) => {
                    api.throttle.wrong(user, name, clock::now().instant);
                    Failure::of(name, refused)
                }
                None => refused.into(),
            });
        }
        Answer::Unknown(why) => {
            api.throttle.unchecked(user);
            return Err(unknown(&why));
        }
    };
    charged(api, (user, &person), show(api, &person, shown, from).await)?;
    match must_act {
        None => api.throttle.right(user, from, clock::now().instant),
        Some(_) => api.throttle.unchecked(user),
    }
    Ok((person, must_act))
}

/// Whether somebody who has signed in shows the second factor once more. Charged to the user as a login's is.
pub(super) async fn show_again(
    api: &Api,
    person: &Person,
    code: &Code,
    &Attempt { from, support, .. }: &Attempt,
) -> Result<(), Failure> {
    let user = &*person.name;
    api.throttle.try_user(user, from, clock::now().instant, support).map_err(too_many)?;
    charged(api, (user, person), show(api, person, Shown::Always(code), from).await)?;
    api.throttle.right(user, from, clock::now().instant);
    Ok(())
}

/// What is wrong is charged to the user; what the gateway could not do is not.
fn charged(api: &Api, (user, person): (&str, &Person), shown: Result<(), NotShown>) -> Result<(), Failure> {
    match shown {
        Ok(()) => Ok(()),
        Err(NotShown::Wrong(truth)) => {
            // The directory has forgotten its wrong passwords over this right one; here they are still counted, and this one too.
            api.throttle.wrong(user, &person.name, clock::now().instant);
            Err(Failure::of(&person.name, Refused::WrongCredentials(truth)))
        }
        Err(NotShown::Failed(error)) => {
            tracing::error!(%error, "login refused: its second factor cannot be used up");
            api.throttle.unchecked(user);
            Err(Failure::of(&person.name, api.unrecorded()))
        }
    }
}

/// Whether what this person has to show besides the password holds.
async fn show(api: &Api, person: &Person, shown: Shown<'_>, from: IpAddr) -> Result<(), NotShown> {
    let now = clock::now().wall;
    match shown {
        Shown::SecondFactor(policy, _, chain) | Shown::AllFactors(policy, _, chain) => {
            // What is wrong with a certificate is told once all factors were shown; until then its computer is a personal one.
            let device = match api.devices.judge(chain, person, now) {
                Ok(Some(_)) => Device::Managed,
                Ok(None) | Err(_) => Device::Personal,
            };
            let all = matches!(shown, Shown::AllFactors(..));
            match policy.second_factor(&person.name, device, now) {
                SecondFactor::None if !all || !api.factors.is_enrolled(person).await => Ok(()),
                SecondFactor::None | SecondFactor::Totp => api.factors.show(person, shown.code(), from, now).await,
            }
        }
        Shown::DeviceCode(code) => match api.devices.knows(code.expose(), person, now) {
            true => Ok(()),
            false => Err(NotShown::Wrong(WRONG_DEVICE_CODE)),
        },
        Shown::Enrolment(code) => api.factors.show_enrolment(person, code, now).await,
        Shown::Always(_) => api.factors.show(person, shown.code(), from, now).await,
    }
}

pub(super) fn unknown(why: &str) -> Failure {
    tracing::warn!(why, "directory gives no answer");
    Refused::Unavailable("directory_unknown").into()
}

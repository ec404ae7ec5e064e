//! A technician's login, from where all factors were shown: whether they may assist, whom, and what the worker says to it.
//!
//! ```text
//!   role and policy ─► worker connected? ─► the worker is asked ─► policy and person once more ─► ledger
//! ```
//!
//! Needs no agreement. Each refusal says which of these it was: who gets here has shown who they are.

use std::{convert::Infallible, sync::Arc, time::Duration};

use gateway_api::{
    hides,
    login::{Assist, LONGEST_REASON, LONGEST_USER},
};
use policy::Policy;
use tokio::sync::oneshot;

use super::{
    Api,
    error::Refused,
    heard::heard,
    login::{Asked, Failure, For, NoSession, Opened, check_supported, is_welcome, not_opened, open_session},
};
use crate::{
    assistance::{self, NotAsked, NotAssisted, Question},
    clock, devices,
    ledger::NotOpened,
};

/// Whether a request can be read as one for assistance: one line of a reason, in which nothing is hidden.
pub(super) fn fits(assist: &Assist) -> bool {
    let reason = assist.reason.trim();
    assist.worker.len() <= LONGEST_USER
        && !reason.is_empty()
        && reason.len() <= LONGEST_REASON
        && !reason.chars().any(hides)
        && assist.minutes != Some(0)
}

/// The session for which a worker gives their consent, or why there is none. Whoever hangs up takes the question back; what was
/// consented to by then is opened, and closed again.
pub(super) async fn assist(api: &Arc<Api>, asked: Asked, assist: Assist) -> Result<Opened, Failure> {
    let name = Arc::clone(&asked.person.name);
    let failure = |refused| Failure::of(&name, refused);
    let question = match question(api, &asked, &assist).await {
        Ok(question) => question,
        Err(refused) => {
            record_vain(api, &asked.person.name, &assist, &refused).await.map_err(failure)?;
            return Err(failure(refused));
        }
    };
    let (here, gone) = oneshot::channel();
    let opened = heard(api, ask_and_open(Arc::clone(api), asked, question, gone)).await;
    drop(here);
    opened.map_err(failure)
}

async fn ask_and_open(
    api: Arc<Api>,
    asked: Asked,
    question: Question,
    gone: oneshot::Receiver<Infallible>,
) -> Result<Opened, Refused> {
    let hung_up = async {
        let _ = gone.await;
    };
    let _place = assistance::ask(&api.ledger, &question, hung_up).await.map_err(|why| match why {
        NotAsked::Refused(why) => why.into(),
        NotAsked::Store(error) => {
            tracing::error!(%error, "login refused: it cannot be recorded");
            api.unrecorded()
        }
    })?;
    let (refused, was_open) = match open(&api, asked, &question).await {
        Ok(opened) => return Ok(opened),
        Err(NotLetIn { refused, was_open }) => (refused, was_open),
    };
    if !was_open {
        // What it says is recorded with the refused login; here, that no session followed the consent.
        if let Err(NotAsked::Store(error)) = assistance::refuse(&api.ledger, &question, "not_opened").await {
            tracing::error!(%error, "record not written");
        }
    }
    Err(refused)
}

/// Whoever names a worker learns whether that one is there: recorded, like an administrator's look, where the name is a worker's.
async fn record_vain(api: &Api, technician: &str, assist: &Assist, refused: &Refused) -> Result<(), Refused> {
    let worker = assist.worker.trim();
    let why = match refused {
        Refused::Assistance(why @ (NotAssisted::NotConnected | NotAssisted::Busy)) => why.why(),
        Refused::KeyExchange => "key_exchange",
        _ => return Ok(()),
    };
    if api.change.policy().current().structures_of(worker).is_empty() {
        return Ok(());
    }
    assistance::not_asked(&api.ledger, None, (technician, worker), why).await.map_err(|_| api.unrecorded())
}

/// What the worker is to be asked, if this person may.
async fn question(api: &Api, asked: &Asked, assist: &Assist) -> Result<Question, Refused> {
    let policy = api.change.policy().current();
    let longest = may_assist(&policy, asked)?;
    let span = assist.minutes.map_or(longest, |minutes| Duration::from_secs(60 * u64::from(minutes)));
    if span > longest {
        return Err(NotAssisted::TooLong(longest).into());
    }
    if asked.wireguard_config {
        return Err(Refused::WireguardConfigNotAllowed);
    }
    // The agreement that would name its computer is no technician's.
    if asked.device.as_ref().is_some_and(|device| device.anybodys) {
        return Err(Refused::Device(devices::Trouble::AnotherWorker));
    }
    let assisted = api.ledger.assistable(assist.worker.trim(), &asked.person.id)?;
    let (held, _) = api.ledger.granted(assisted.session).await.ok_or(NotAssisted::NotConnected)?;
    // Nobody is asked for what could not be given.
    let now = clock::now().wall;
    let grant = policy.assist(&held, now, span).map_err(NotAssisted::from)?;
    check_supported(&grant, asked.wireguard_config, asked.key_exchange)?;
    let span = Duration::try_from(grant.ends_at.duration_since(now)).unwrap_or_default().min(span);
    let technician = Arc::clone(&asked.person.name);
    Ok(Question { assisted, technician, reason: assist.reason.trim().to_owned(), span })
}

fn may_assist(policy: &Policy, asked: &Asked) -> Result<Duration, NotAssisted> {
    Ok(policy.may_assist(&asked.person.groups, clock::now().wall)?)
}

/// Why a consent led to nothing, and whether there was a session for a moment.
struct NotLetIn {
    refused: Refused,
    was_open: bool,
}

impl<R: Into<Refused>> From<R> for NotLetIn {
    fn from(refused: R) -> Self {
        Self { refused: refused.into(), was_open: false }
    }
}

/// The session, by what holds now: policy, person and computer may be others than before the question.
async fn open(api: &Api, asked: Asked, question: &Question) -> Result<Opened, NotLetIn> {
    let policy = api.change.policy().current();
    let session = question.assisted.session;
    let span = question.span.min(may_assist(&policy, &asked)?);
    let (held, workstation) = api.ledger.granted(session).await.ok_or(NotAssisted::Gone)?;
    let grant = policy.assist(&held, clock::now().wall, span).map_err(NotAssisted::from)?;
    check_supported(&grant, asked.wireguard_config, asked.key_exchange)?;
    is_welcome(api, &asked.person, asked.device.as_ref())?;
    let assists = Some(question.assisted.clone());
    let opened = open_session(api, &policy, asked, For { grant, workstation, look: None, assists }).await;
    opened.map_err(|none| match none {
        // The worker's session ended meanwhile, their client went, or they took the yes back.
        NoSession::NotOpened(NotOpened::Ended) => {
            api.ledger.assistances().withdrawn(session).unwrap_or(NotAssisted::Gone).into()
        }
        NoSession::NotOpened(error) => not_opened(error).into(),
        NoSession::Closed(refused) => NotLetIn { refused, was_open: true },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_in_which_nothing_is_hidden() {
        let request =
            |reason: &str| Assist { worker: "m.rossi".to_owned(), reason: reason.to_owned(), minutes: Some(15) };
        assert!(fits(&request("la stampante, già due volte")));
        for wrong in ["", "  ", "two\nlines", "a\u{202e}b", "a\u{2028}b", &"x".repeat(LONGEST_REASON + 1)] {
            assert!(!fits(&request(wrong)), "{wrong:?}");
        }
        assert!(!fits(&Assist { minutes: Some(0), ..request("x") }));
        assert!(!fits(&Assist { worker: "x".repeat(LONGEST_USER + 1), ..request("x") }));
    }
}

//! Sessions of technicians: which worker's session each is for. They are told to that worker, and over when it is.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_api::{CloseReason, SessionNumber, session};
use gateway_record::{Draft, Fields, Kind};
use policy::Grant;
use tokio::sync::mpsc;

use super::{Channel, Ledger, Opening, RETRY, Session, draft, ending};
use crate::{assistance::NotAssisted, store::StoreError};

/// How long an assistance goes on that the worker cannot see, and cannot end, after the channel was lost and after a restart of ours.
pub(super) const UNSEEN: Duration = Duration::from_secs(15);
pub(super) const UNSEEN_AT_START: Duration = Duration::from_secs(30);
/// The number of a channel that an earlier run lost: they count from one.
pub(super) const EARLIER: u64 = 0;
/// For how long the end of an assistance is tried to be written.
const WRITING: Duration = Duration::from_secs(3600);

/// The worker's session that a technician's is for.
#[derive(Debug, Clone)]
pub(crate) struct Assisted {
    pub(crate) session: SessionNumber,
    /// Stays the same when the account is renamed.
    pub(crate) worker_id: Arc<str>,
    /// The worker's name in the directory.
    pub(crate) worker: Arc<str>,
    pub(crate) structure: Arc<str>,
}

/// Whose place in the data plane a session takes: the person's own, or one beside it for each worker they assist, so that none
/// replaces the other. No directory's identity begins with such a byte.
pub(super) fn place(person: &Arc<str>, assists: Option<SessionNumber>) -> Arc<str> {
    match assists {
        None => Arc::clone(person),
        Some(session) => format!("\0assists {session}").into(),
    }
}

impl Ledger {
    /// The session in which this technician could assist a worker, if there is one.
    pub(crate) fn assistable(&self, worker: &str, technician_id: &str) -> Result<Assisted, NotAssisted> {
        let number = self.session_of(worker).ok_or(NotAssisted::NotConnected)?;
        let live = self.live();
        let session = live.sessions.get(&number).ok_or(NotAssisted::NotConnected)?;
        if *session.worker_id == *technician_id {
            return Err(NotAssisted::Own);
        }
        if live.closing || session.is_over || !matches!(session.channel, Channel::Attached(..)) {
            return Err(NotAssisted::NotConnected);
        }
        if live.sessions.values().any(|other| other.assists == Some(number)) {
            return Err(NotAssisted::Busy);
        }
        Ok(Assisted {
            session: number,
            worker_id: Arc::clone(&session.worker_id),
            worker: Arc::clone(&session.worker),
            structure: Arc::clone(&session.structure),
        })
    }

    /// What a session holds, and where its workstation is. None if it is over.
    pub(crate) async fn granted(&self, number: SessionNumber) -> Option<(Grant, IpAddr)> {
        let view = self.sessions().await?.into_iter().find(|view| view.number == number)?;
        self.goes_on(number).then_some((view.grant, view.workstation))
    }

    /// The sessions of technicians, each with the worker's that it is for.
    pub(crate) fn assisting(&self) -> BTreeMap<SessionNumber, SessionNumber> {
        let live = self.live();
        live.sessions.iter().filter_map(|(number, session)| Some((*number, session.assists?))).collect()
    }

    /// The worker's channel `lost` is gone: if none has come after `patience`, whoever assists is out.
    pub(super) fn end_unseen(&self, number: SessionNumber, lost: u64, patience: Duration) {
        if !self.live().sessions.values().any(|session| session.assists == Some(number)) {
            return;
        }
        let ledger = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(patience).await;
            let is_lost = |session: &Session| matches!(session.channel, Channel::Lost(which) if which == lost);
            let is_still_lost = ledger.live().sessions.get(&number).is_some_and(is_lost);
            if is_still_lost {
                ledger.end_assistance(number);
            }
        });
    }

    /// The worker ends the assistance of their session.
    pub(crate) fn end_assistance(&self, number: SessionNumber) {
        self.assistances.withdraw(number);
        for (assisting, _) in self.assisting().into_iter().filter(|(_, assisted)| *assisted == number) {
            let ledger = self.clone();
            tokio::spawn(async move { ledger.close(assisting, CloseReason::AssistanceEnded).await });
        }
    }

    /// A session is over: whoever assists in it is out, and the worker whom it assisted is told.
    pub(super) fn end_with(&self, number: SessionNumber) {
        let assisted = {
            let mut live = self.live();
            let Some(session) = live.sessions.get_mut(&number) else { return };
            session.is_over = true;
            session.assists
        };
        self.assistances.channel_lost(number);
        self.end_assistance(number);
        if let Some(assisted) = assisted {
            self.tell(assisted, session::Event::AssistanceEnded);
        }
    }

    /// Whether a session is open, and not about to be closed.
    pub(super) fn goes_on(&self, number: SessionNumber) -> bool {
        self.live().sessions.get(&number).is_some_and(|session| !session.is_over)
    }

    /// Tells a worker who assists them. False if the worker's client does not hear it.
    pub(super) fn tell_assisted(&self, number: SessionNumber) -> bool {
        let live = self.live();
        let Some(Channel::Attached(_, events)) = live.sessions.get(&number).map(|session| &session.channel) else {
            return false;
        };
        tell(live.sessions.values(), number, events)
    }

    /// Records with the worker's session that a technician's is for it, so that both the worker and a review find it there.
    pub(super) async fn record_assisted(&self, number: SessionNumber, opening: &Opening) -> Result<(), StoreError> {
        let Some(assisted) = &opening.assists else { return Ok(()) };
        let fields =
            Fields::default().with("by", number.to_string()).with("ends_at", opening.grant.ends_at.to_string());
        let names = Fields::default().with("worker", &*assisted.worker).with("technician", &*opening.person.name);
        let draft = draft(Kind::SessionAssisted, assisted.session, &assisted.structure);
        self.store.note(Draft { fields, names, ..draft }).await
    }

    /// At once, so that whoever is told of the end finds it recorded; where that fails, by and by, and nobody waits for it.
    pub(super) async fn record_assistance_ended(
        &self,
        number: SessionNumber,
        assisted: SessionNumber,
        structure: &str,
        reason: CloseReason,
    ) {
        let ended = ended(number, assisted, structure, reason);
        let Err(mut error) = self.store.note(ended.clone()).await else { return };
        let (store, last) = (self.store.clone(), Instant::now() + WRITING);
        tokio::spawn(async move {
            while Instant::now() < last {
                tracing::error!(session = %number, %error, "end of an assistance not recorded yet");
                tokio::time::sleep(RETRY).await;
                match store.note(ended.clone()).await {
                    Ok(()) => return,
                    Err(again) => error = again,
                }
            }
        });
    }
}

/// The record of an assistance's end.
pub(super) fn ended(number: SessionNumber, assisted: SessionNumber, structure: &str, reason: CloseReason) -> Draft {
    let fields = Fields::default().with("by", number.to_string()).with("why", reason.word());
    Draft { fields, ..draft(Kind::AssistanceEnded, assisted, structure) }
}

/// Tells a channel of the session `number` who assists there. False where it takes nothing, or nobody does.
pub(super) fn tell<'s>(
    sessions: impl Iterator<Item = &'s Session>,
    number: SessionNumber,
    events: &mpsc::Sender<session::Event>,
) -> bool {
    let mut assisting = sessions.filter(|other| other.assists == Some(number) && !other.is_over);
    let begun = assisting.next().map(|session| {
        let (technician, seconds) = (session.worker.to_string(), ending::seconds_until(session.ends_at));
        session::Event::AssistanceBegun { technician, seconds }
    });
    begun.is_some_and(|begun| events.try_send(begun).is_ok())
}

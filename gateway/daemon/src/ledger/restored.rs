//! What an earlier run of the gateway left open, taken up again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use gateway_api::{CloseReason, SessionNumber};
use gateway_core::{NotRestored, Open, Pools, Restore, Traffic};
use gateway_record::Kind;

use super::{Channel, Ledger, assisting, closing_draft, draft, stopping};
use crate::{
    fence::NotOpen,
    kept_sessions::{self, KeptSession},
    store::{Change, StoreError},
    wake,
};

/// Sessions taken up at a time: each waits for firewall, loop and disk, one after the other.
const AT_A_TIME: usize = 64;

impl Ledger {
    /// Takes up what an earlier run left open, before anybody is answered: sessions that were kept go on, those whose grant
    /// ended meanwhile get the end that they had, the rest ended with their gateway. How many go on, and how many do not.
    pub(crate) async fn restore(&self, mut kept: Vec<KeptSession>, pools: Pools) -> Result<(usize, usize), StoreError> {
        let mut left: BTreeMap<SessionNumber, String> = self.store.left_open().await?.into_iter().collect();
        let (mut resumed, mut ended) = (0, 0);
        // Of two sessions of one worker, the later one stays: the gateway ended while it replaced the other.
        // A technician's comes after the worker's that it is for.
        kept.sort_by_key(|session| (session.assists.is_some(), std::cmp::Reverse(session.opened_at)));
        let mut workers = BTreeSet::new();
        let (mut going_on, mut technicians) = (Vec::new(), Vec::new());
        for session in kept {
            let number = session.number;
            if left.contains_key(&number) && !workers.insert(assisting::place(&session.worker_id, session.assists)) {
                left.remove(&number);
                let draft =
                    closing_draft(number, &session.grant.structure, CloseReason::Replaced, session.standing.traffic);
                self.store.write(Change::Close(CloseReason::Replaced), draft).await?;
                self.kept.note(kept_sessions::Change::Ended(number));
                ended += 1;
            } else if left.remove(&number).is_none() {
                self.kept.note(kept_sessions::Change::Ended(number));
            } else if session.assists.is_none() {
                going_on.push(session);
            } else {
                technicians.push(session);
            }
        }
        // Many at a time, for ten thousand are to be back within seconds.
        let mut restoring =
            stream::iter(going_on).map(|session| self.restore_one(session, &pools)).buffer_unordered(AT_A_TIME);
        while let Some(goes_on) = restoring.try_next().await? {
            if goes_on { resumed += 1 } else { ended += 1 }
        }
        for session in technicians {
            let goes_on = match session.assists.filter(|assisted| !self.goes_on(*assisted)) {
                Some(assisted) => self.not_assisting_any_more(session, assisted).await?,
                None => self.restore_one(session, &pools).await?,
            };
            if goes_on { resumed += 1 } else { ended += 1 }
        }
        for (number, structure) in left {
            let draft = closing_draft(number, &structure, CloseReason::GatewayStopped, Traffic::default());
            self.store.write(Change::Close(CloseReason::GatewayStopped), draft).await?;
            ended += 1;
        }
        Ok((resumed, ended))
    }

    /// The session that it was for did not go on. False, for nor does this one.
    async fn not_assisting_any_more(&self, session: KeptSession, assisted: SessionNumber) -> Result<bool, StoreError> {
        let (number, structure, reason) =
            (session.number, Arc::clone(&session.grant.structure), CloseReason::AssistanceEnded);
        self.store.note(assisting::ended(number, assisted, &structure, reason)).await?;
        let draft = closing_draft(number, &structure, reason, session.standing.traffic);
        self.store.write(Change::Close(reason), draft).await?;
        self.kept.note(kept_sessions::Change::Ended(number));
        Ok(false)
    }

    async fn restore_one(&self, session: KeptSession, pools: &Pools) -> Result<bool, StoreError> {
        let (number, structure, ends_at) =
            (session.number, Arc::clone(&session.grant.structure), session.grant.ends_at);
        let assists = session.assists;
        let traffic = session.standing.traffic;
        let unheard = (!session.standing.used).then(|| (session.grant.clone(), session.workstation));
        let was_woken = session.standing.used && session.grant.wake.is_some();
        let _ = self.enter(&session, Channel::Lost(assisting::EARLIER));
        if was_woken {
            // The word of it may have been lost with the gateway that was.
            self.note_awake(number);
        }
        if let Err(NotOpen(why)) = self.fence.open(number, session.address, session.workstation, &session.grant).await {
            tracing::error!(session = %number, why, "the firewall lets nothing of this session pass");
        }
        let restored = self.data_plane.restore(restore(session), pools).await.map_err(|_| stopping())?;
        let (reason, ended_at) = match restored {
            Ok(()) => {
                self.store.note(draft(Kind::SessionResumed, number, &structure)).await?;
                tracing::info!(session = %number, "session goes on");
                if let Some((grant, workstation)) = unheard {
                    wake::resume(self, number, &grant, workstation);
                }
                if let Some(assisted) = assists {
                    self.end_unseen(assisted, assisting::EARLIER, assisting::UNSEEN_AT_START);
                }
                return Ok(true);
            }
            Err(NotRestored::Over(reason)) => (reason, Some(ends_at)),
            Err(NotRestored::NoAddress | NotRestored::Taken) => {
                tracing::warn!(session = %number, "session ends: its tunnel address is no longer lent");
                (CloseReason::GatewayStopped, None)
            }
        };
        let mut draft = closing_draft(number, &structure, reason, traffic);
        if let Some(ended_at) = ended_at {
            draft.fields = draft.fields.with("ended_at", ended_at.to_string());
        }
        if let Some(assisted) = assists {
            self.store.note(assisting::ended(number, assisted, &structure, reason)).await?;
        }
        self.store.write(Change::Close(reason), draft).await?;
        tracing::info!(session = %number, reason = reason.word(), "session closed");
        self.forget(number, reason);
        Ok(false)
    }
}

fn restore(session: KeptSession) -> Restore {
    Restore {
        address: session.address,
        opened_at: session.opened_at,
        initiation: session.initiation.and_then(|bytes| bytes.try_into().ok()),
        standing: session.standing,
        open: Open {
            number: session.number,
            worker: assisting::place(&session.worker_id, session.assists),
            grant: session.grant,
            workstation: session.workstation,
            public_key: session.public_key,
            preshared_key: session.preshared_key,
        },
    }
}

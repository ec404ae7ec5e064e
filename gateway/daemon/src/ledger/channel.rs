//! Session channels: which one a session has, what goes to it, and what comes from it.

use std::sync::Arc;

use gateway_api::{SessionNumber, probe::Nonce, session};
use gateway_record::Kind;
use tokio::sync::mpsc;

use super::{Channel, Holder, Ledger, assisting, draft};
use crate::{
    channel_queue::{self, Batch, Outgoing},
    traces::Cause,
};

/// How many events wait for a channel that does not take them; the rest is dropped with the channel.
const CHANNEL_QUEUE: usize = 32;

/// The number of those that were let go of: no channel's.
const LET_GO: u64 = u64::MAX;

/// A channel that was attached.
#[derive(Debug)]
pub(crate) struct Attached {
    id: u64,
    pub(crate) number: SessionNumber,
    /// Ends when another channel takes its place, or the session is closed.
    pub(crate) events: mpsc::Receiver<session::Event>,
    /// WireGuard datagrams for the client, where they take this way.
    pub(crate) outgoing: Outgoing,
    ledger: Ledger,
}

impl Ledger {
    /// Makes a channel the session's own, in the place of an earlier one. None if the session ended meanwhile.
    pub(crate) async fn attach(&self, holder: Holder) -> Option<Attached> {
        let number = holder.number();
        let (sender, events) = mpsc::channel(CHANNEL_QUEUE);
        let (outlet, outgoing) = channel_queue::outlet();
        // Told under the lock, so that coming and going reach the data plane in the order they happened.
        let (id, resumed, is_replaced, told) = {
            let mut live = self.live();
            live.next_channel += 1;
            let id = live.next_channel;
            assisting::tell(live.sessions.values(), number, &sender);
            let session = live.sessions.get_mut(&number)?;
            // A queue that nobody could fill yet has room.
            let told = session.workstation.told().into_iter().chain(session.end_told());
            told.for_each(|event| drop(sender.try_send(event)));
            let before = std::mem::replace(&mut session.channel, Channel::Attached(id, sender));
            let resumed = matches!(before, Channel::Lost(_)).then(|| Arc::clone(&session.structure));
            let is_replaced = matches!(before, Channel::Attached(..));
            (id, resumed, is_replaced, self.data_plane.channel(number, Some(outlet)))
        };
        if is_replaced {
            // Its client knows of the loss before we do, and has dropped what was asked.
            self.traces.end(number, Cause::ChannelLost);
            self.assistances.channel_lost(number);
        }
        if !told.await.unwrap_or(false) {
            return None;
        }
        if let Some(structure) = resumed {
            tracing::info!(session = %number, "channel resumed");
            self.note(draft(Kind::ChannelResumed, number, &structure)).await;
        }
        Some(Attached { id, number, events, outgoing, ledger: self.clone() })
    }

    /// A channel is gone: if it was still the session's, its grace runs.
    pub(crate) async fn detach(&self, number: SessionNumber, channel: u64) {
        let (structure, told) = {
            let mut live = self.live();
            let Some(session) = live.sessions.get_mut(&number) else { return };
            match &session.channel {
                Channel::Attached(id, _) if *id == channel => {}
                Channel::Attached(..) | Channel::Awaited | Channel::Lost(_) => return,
            }
            session.channel = Channel::Lost(channel);
            (Arc::clone(&session.structure), self.data_plane.channel(number, None))
        };
        // Whoever cannot see that they are recorded, and cannot end it, is not.
        self.traces.end(number, Cause::ChannelLost);
        self.assistances.channel_lost(number);
        self.end_unseen(number, channel, assisting::UNSEEN);
        if told.await.unwrap_or(false) {
            tracing::info!(session = %number, "channel lost");
            self.note(draft(Kind::ChannelLost, number, &structure)).await;
        }
    }

    /// An event for a channel. False if there is none, or it takes nothing any more.
    pub(crate) fn tell(&self, number: SessionNumber, event: session::Event) -> bool {
        let live = self.live();
        let Some(Channel::Attached(id, events)) = live.sessions.get(&number).map(|session| &session.channel) else {
            return false;
        };
        let told = events.try_send(event).is_ok();
        if !told {
            tracing::debug!(session = %number, channel = id, "channel takes no events");
        }
        told
    }

    /// Lets go of every channel, for the gateway stops and its sessions go on without it: their clients come back.
    pub(crate) fn let_go(&self) {
        let numbers: Vec<SessionNumber> = {
            let mut live = self.live();
            live.sessions.values_mut().for_each(|session| session.channel = Channel::Lost(LET_GO));
            live.sessions.keys().copied().collect()
        };
        numbers.into_iter().for_each(|number| self.assistances.channel_lost(number));
    }
}

impl Attached {
    /// Which channel this is.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Hands WireGuard datagrams of the client to the data plane.
    pub(crate) fn inlet(&self) -> Inlet {
        Inlet { number: self.number, ledger: self.ledger.clone() }
    }
}

/// The way from a channel to its session in the data plane.
#[derive(Debug)]
pub(crate) struct Inlet {
    number: SessionNumber,
    ledger: Ledger,
}

impl Inlet {
    /// The client says that a probe reached it. Returns once the data plane knows: nobody can make it wait for more than one.
    /// False when the data plane is gone.
    pub(crate) async fn confirm(&self, nonce: Nonce) -> bool {
        let confirmed = self.ledger.data_plane.confirm(self.number, nonce).await;
        tracing::debug!(session = %self.number, known = confirmed == Ok(true), "probe answered");
        confirmed.is_ok()
    }

    /// The worker's answer to a question whether they may be recorded.
    pub(crate) fn answer_trace(&self, question: u32, consent: bool) {
        self.ledger.traces.answer(self.number, question, consent);
    }

    /// The worker ends a recording.
    pub(crate) fn end_trace(&self) {
        self.ledger.traces.end(self.number, Cause::Worker);
    }

    /// The worker's answer to a question whether a technician may reach the workstation.
    pub(crate) fn answer_assistance(&self, question: u32, consent: bool) {
        self.ledger.assistances.answer(self.number, question, consent);
    }

    /// The worker ends the assistance.
    pub(crate) fn end_assistance(&self) {
        self.ledger.end_assistance(self.number);
    }

    /// False when the data plane is gone.
    pub(crate) fn carry(&self, batch: Batch) -> bool {
        self.ledger.data_plane.carry(self.number, batch).is_ok()
    }
}

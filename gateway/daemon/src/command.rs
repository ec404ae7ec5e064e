//! The closed list of what other tasks may ask of the event loops that own sessions, sockets and TUN.
//!
//! Each question is one message there and one back: to the loop that owns the session, or to each where it is about all
//! of them. A loop never waits for anybody: an answer that nobody takes is
//! dropped, and a caller that is gone leaves nothing behind. A question is put when its method is called, not when the
//! answer is awaited: questions put under one lock reach the loop in that order.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use gateway_api::{CloseReason, SessionNumber, probe::Nonce};
use gateway_core::{
    Census, Counters, DroppedHeaders, Family, INITIATION_SIZE, NotRestored, Open, OpenError, Opened, Pools, Restore,
    View,
};
use policy::Grant;
use tokio::sync::oneshot;

use crate::{
    channel_queue::{Batch, Outlet},
    shards::Shards,
};

/// One question to an event loop.
#[derive(Debug)]
pub(crate) enum Command {
    /// Hold a place: address and worker, no peer yet.
    Open(Box<Open>, oneshot::Sender<Result<Opened, OpenError>>),
    /// Take up a session of an earlier run.
    Restore(Box<Restore>, oneshot::Sender<Result<(), NotRestored>>),
    /// A client's initiation is kept: answer it.
    Release(SessionNumber, Box<[u8; INITIATION_SIZE]>, oneshot::Sender<()>),
    /// The opening is durable: give the session its peer, ending the one it replaces. False if it is gone.
    Admit(SessionNumber, oneshot::Sender<bool>),
    /// Put a session under another grant for the same workstation. False if there is no such session.
    ChangeGrant(SessionNumber, Box<Grant>, oneshot::Sender<bool>),
    /// A session's workstation slept until now: wait for it anew. False if there is no such session.
    WaitAnew(SessionNumber, oneshot::Sender<bool>),
    /// End a session. False if there is none.
    Close(SessionNumber, CloseReason, oneshot::Sender<bool>),
    /// Its session channel came, with the way to it, or went. False if there is no such session.
    Channel(SessionNumber, Option<Outlet>, oneshot::Sender<bool>),
    /// By its session channel the client says that the probe with this nonce reached it. False if there is no such probe.
    Confirm(SessionNumber, Nonce, oneshot::Sender<bool>),
    /// Record sizes and times of a session's packets, for so long at most. False if there is no such session, or it is being recorded.
    BeginTrace(SessionNumber, Duration, oneshot::Sender<bool>),
    /// End that. False if there is none.
    EndTrace(SessionNumber, oneshot::Sender<bool>),
    /// Keep the headers of a session's dropped packets, for so long at most. False if there is no such session, or they are kept already.
    BeginLook(SessionNumber, Duration, oneshot::Sender<bool>),
    /// What was kept since the last time. None if nothing is being kept.
    DroppedHeaders(SessionNumber, oneshot::Sender<Option<DroppedHeaders>>),
    /// End that. False if there is none.
    EndLook(SessionNumber, oneshot::Sender<bool>),
    /// WireGuard datagrams that came by a session's channel.
    Carry(SessionNumber, Batch),
    /// All sessions, by number.
    List(oneshot::Sender<Vec<View>>),
    /// The gateway's packet counters, and how many sessions there are.
    Counters(oneshot::Sender<(Counters, Census)>),
    /// End every session and stop.
    Stop(CloseReason, oneshot::Sender<()>),
    /// Tell where every session stands, end none, and stop.
    Leave(oneshot::Sender<()>),
}

/// An event loop is gone; the daemon is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

/// How one event loop is reached.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    commands: mpsc::Sender<Command>,
    waker: Arc<mio::Waker>,
}

impl Lane {
    /// Over a loop's command queue and the waker that makes it look there.
    pub(crate) fn new(commands: mpsc::Sender<Command>, waker: Arc<mio::Waker>) -> Self {
        Self { commands, waker }
    }

    fn ask<T, C>(&self, command: C) -> impl Future<Output = Result<T, Stopped>> + use<T, C>
    where
        C: FnOnce(oneshot::Sender<T>) -> Command,
    {
        let (reply, answer) = oneshot::channel();
        let asked = self.tell(command(reply));
        async move {
            asked?;
            answer.await.map_err(|_| Stopped)
        }
    }

    fn tell(&self, command: Command) -> Result<(), Stopped> {
        self.commands.send(command).map_err(|_| Stopped)?;
        self.waker.wake().map_err(|_| Stopped)
    }
}

/// How other tasks reach the event loops.
#[derive(Debug, Clone)]
pub(crate) struct DataPlane {
    lanes: Arc<[Lane]>,
    shards: Arc<Shards>,
}

impl DataPlane {
    /// Over the loops, each in the place that its shard has, and over what says whose a session is.
    pub(crate) fn new(lanes: impl IntoIterator<Item = Lane>, shards: Arc<Shards>) -> Self {
        Self { lanes: lanes.into_iter().collect(), shards }
    }

    /// Holds a place for a session: its address, its worker; no peer exists yet.
    pub(crate) fn open(&self, open: Open) -> impl Future<Output = Result<Result<Opened, OpenError>, Stopped>> + use<> {
        let family = Family::of(open.workstation);
        let shard = self.shards.give(open.number, open.public_key, &open.worker, family);
        // Whose session it is stands in the shards as soon as the question is put; a loop that refuses takes that back.
        let asked = shard.map(|shard| self.ask(shard, move |reply| Command::Open(Box::new(open), reply)));
        async move {
            match asked {
                Ok(asked) => asked.await,
                Err(error) => Ok(Err(error)),
            }
        }
    }

    /// Takes up a session of an earlier run, in the loop that now lends its address out of `pools`.
    pub(crate) fn restore(
        &self,
        restore: Restore,
        pools: &Pools,
    ) -> impl Future<Output = Result<Result<(), NotRestored>, Stopped>> + use<> {
        let open = &restore.open;
        let loops = u8::try_from(self.lanes.len()).unwrap_or(u8::MAX);
        let shard = pools.owner(loops, restore.address).ok_or(NotRestored::NoAddress);
        let shard = shard.and_then(|shard| {
            let place = (shard, Family::of(restore.address));
            let placed = self.shards.place(open.number, open.public_key, &open.worker, place);
            placed.then_some(shard).ok_or(NotRestored::Taken)
        });
        let asked = shard.map(|shard| self.ask(shard, move |reply| Command::Restore(Box::new(restore), reply)));
        async move {
            match asked {
                Ok(asked) => asked.await,
                Err(why) => Ok(Err(why)),
            }
        }
    }

    /// Answers a client's initiation, now that it is kept.
    pub(crate) fn release(
        &self,
        number: SessionNumber,
        initiation: Box<[u8; INITIATION_SIZE]>,
    ) -> impl Future<Output = Result<(), Stopped>> + use<> {
        self.ask_owner(number, move |reply| Command::Release(number, initiation, reply))
    }

    /// Gives a pending session its peer, once its opening is durable. False if the session is gone.
    pub(crate) fn admit(&self, number: SessionNumber) -> impl Future<Output = Result<bool, Stopped>> + use<> {
        self.ask_owner(number, move |reply| Command::Admit(number, reply))
    }

    /// Puts a session under another grant for the same workstation. False if there is no such session.
    pub(crate) async fn change_grant(&self, number: SessionNumber, grant: Grant) -> Result<bool, Stopped> {
        self.ask_owner(number, move |reply| Command::ChangeGrant(number, Box::new(grant), reply)).await
    }

    /// Waits anew for a session's workstation, which slept until now. False if there is no such session.
    pub(crate) async fn wait_anew(&self, number: SessionNumber) -> Result<bool, Stopped> {
        self.ask_owner(number, move |reply| Command::WaitAnew(number, reply)).await
    }

    /// Ends a session. False if there is none.
    pub(crate) fn close(
        &self,
        number: SessionNumber,
        reason: CloseReason,
    ) -> impl Future<Output = Result<bool, Stopped>> + use<> {
        self.ask_owner(number, move |reply| Command::Close(number, reason, reply))
    }

    /// Tells that a session's channel came, with the way to it, or went. False if there is no such session.
    pub(crate) fn channel(
        &self,
        number: SessionNumber,
        outlet: Option<Outlet>,
    ) -> impl Future<Output = Result<bool, Stopped>> + use<> {
        self.ask_owner(number, move |reply| Command::Channel(number, outlet, reply))
    }

    /// Tells which probe reached the client. False if no such probe is under way.
    pub(crate) async fn confirm(&self, number: SessionNumber, nonce: Nonce) -> Result<bool, Stopped> {
        self.ask_owner(number, move |reply| Command::Confirm(number, nonce, reply)).await
    }

    /// Records sizes and times of a session's packets, told as [`gateway_core::Event::Traced`], for `span` at most. False if there
    /// is no such session, or it is being recorded already.
    pub(crate) async fn begin_trace(&self, number: SessionNumber, span: Duration) -> Result<bool, Stopped> {
        self.ask_owner(number, move |reply| Command::BeginTrace(number, span, reply)).await
    }

    /// Ends a recording; its last piece is told. False if there is none.
    pub(crate) async fn end_trace(&self, number: SessionNumber) -> Result<bool, Stopped> {
        self.ask_owner(number, move |reply| Command::EndTrace(number, reply)).await
    }

    /// Keeps the headers of a session's dropped packets for `span` at most. False if there is no such session, or they are kept already.
    pub(crate) async fn begin_look(&self, number: SessionNumber, span: Duration) -> Result<bool, Stopped> {
        self.ask_owner(number, move |reply| Command::BeginLook(number, span, reply)).await
    }

    /// What was kept since the last time. None if nothing is being kept.
    pub(crate) async fn dropped_headers(&self, number: SessionNumber) -> Result<Option<DroppedHeaders>, Stopped> {
        self.ask_owner(number, move |reply| Command::DroppedHeaders(number, reply)).await
    }

    /// Ends that. False if there is none.
    pub(crate) async fn end_look(&self, number: SessionNumber) -> Result<bool, Stopped> {
        self.ask_owner(number, move |reply| Command::EndLook(number, reply)).await
    }

    /// Hands over datagrams that came by a session's channel. The batch's place is free again once the loop has taken them.
    pub(crate) fn carry(&self, number: SessionNumber, batch: Batch) -> Result<(), Stopped> {
        let owner = self.shards.owner(number).unwrap_or_default();
        self.lanes.get(usize::from(owner)).ok_or(Stopped)?.tell(Command::Carry(number, batch))
    }

    /// All sessions, by number.
    pub(crate) async fn sessions(&self) -> Result<Vec<View>, Stopped> {
        let mut sessions: Vec<View> = self.ask_all(Command::List).await?.into_iter().flatten().collect();
        sessions.sort_by_key(|session| session.number);
        Ok(sessions)
    }

    /// The gateway's packet counters and its sessions' number, those of all loops together. Answered only if every loop answers.
    pub(crate) async fn counters(&self) -> Result<(Counters, Census), Stopped> {
        let mut sum = (Counters::default(), Census::default());
        for (counters, census) in self.ask_all(Command::Counters).await? {
            sum.0.add(&counters);
            sum.1.add(&census);
        }
        Ok(sum)
    }

    /// Ends every session and stops the loops.
    pub(crate) async fn stop(&self, reason: CloseReason) -> Result<(), Stopped> {
        self.ask_all(|reply| Command::Stop(reason, reply)).await.map(drop)
    }

    /// Stops the loops and leaves every session to the next run.
    pub(crate) async fn leave(&self) -> Result<(), Stopped> {
        self.ask_all(Command::Leave).await.map(drop)
    }

    /// A session that no shard has is asked for in the first, which says that there is none.
    fn ask_owner<T, C>(&self, number: SessionNumber, command: C) -> impl Future<Output = Result<T, Stopped>> + use<T, C>
    where
        C: FnOnce(oneshot::Sender<T>) -> Command,
    {
        self.ask(self.shards.owner(number).unwrap_or_default(), command)
    }

    fn ask<T, C>(&self, shard: u8, command: C) -> impl Future<Output = Result<T, Stopped>> + use<T, C>
    where
        C: FnOnce(oneshot::Sender<T>) -> Command,
    {
        let asked = self.lanes.get(usize::from(shard)).map(|lane| lane.ask(command));
        async move { asked.ok_or(Stopped)?.await }
    }

    async fn ask_all<T>(&self, command: impl Fn(oneshot::Sender<T>) -> Command) -> Result<Vec<T>, Stopped> {
        // Put to all before the first answer is waited for.
        let asked: Vec<_> = self.lanes.iter().map(|lane| lane.ask(&command)).collect();
        let mut answers = Vec::with_capacity(asked.len());
        for answer in asked {
            answers.push(answer.await?);
        }
        Ok(answers)
    }
}

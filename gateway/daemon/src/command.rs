//! The closed list of what other tasks may ask of the event loop that owns sessions, sockets and TUN.
//!
//! Each question is one message there and one back. The loop never waits for anybody: an answer that nobody takes is
//! dropped, and a caller that is gone leaves nothing behind. A question is put when its method is called, not when the
//! answer is awaited: questions put under one lock reach the loop in that order.

use gateway_api::{CloseReason, SessionNumber};
use gateway_core::{Counters, Open, OpenError, Opened, View};
use policy::Grant;
use tokio::sync::oneshot;

use crate::channel_queue::{Batch, Outlet};

/// One question to the event loop.
#[derive(Debug)]
pub(crate) enum Command {
    /// Hold a place: address and worker, no peer yet.
    Open(Box<Open>, oneshot::Sender<Result<Opened, OpenError>>),
    /// The opening is durable: give the session its peer, ending the one it replaces. False if it is gone.
    Admit(SessionNumber, oneshot::Sender<bool>),
    /// Put a session under another grant for the same workstation. False if there is no such session.
    ChangeGrant(SessionNumber, Box<Grant>, oneshot::Sender<bool>),
    /// End a session. False if there is none.
    Close(SessionNumber, CloseReason, oneshot::Sender<bool>),
    /// Its session channel came, with the way to it, or went. False if there is no such session.
    Channel(SessionNumber, Option<Outlet>, oneshot::Sender<bool>),
    /// WireGuard datagrams that came by a session's channel.
    Carry(SessionNumber, Batch),
    /// All sessions, by number.
    List(oneshot::Sender<Vec<View>>),
    /// The gateway's packet counters.
    Counters(oneshot::Sender<Counters>),
    /// End every session and stop.
    Stop(CloseReason, oneshot::Sender<()>),
}

/// The event loop is gone; the daemon is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

/// How other tasks reach the event loop.
#[derive(Debug, Clone)]
pub(crate) struct DataPlane {
    commands: std::sync::mpsc::Sender<Command>,
    waker: std::sync::Arc<mio::Waker>,
}

impl DataPlane {
    /// Over the loop's command queue and the waker that makes it look there.
    pub(crate) fn new(commands: std::sync::mpsc::Sender<Command>, waker: std::sync::Arc<mio::Waker>) -> Self {
        Self { commands, waker }
    }

    /// Holds a place for a session: its address, its worker; no peer exists yet.
    pub(crate) fn open(&self, open: Open) -> impl Future<Output = Result<Result<Opened, OpenError>, Stopped>> + use<> {
        self.ask(move |reply| Command::Open(Box::new(open), reply))
    }

    /// Gives a pending session its peer, once its opening is durable. False if the session is gone.
    pub(crate) fn admit(&self, number: SessionNumber) -> impl Future<Output = Result<bool, Stopped>> + use<> {
        self.ask(move |reply| Command::Admit(number, reply))
    }

    /// Puts a session under another grant for the same workstation. False if there is no such session.
    pub(crate) async fn change_grant(&self, number: SessionNumber, grant: Grant) -> Result<bool, Stopped> {
        self.ask(move |reply| Command::ChangeGrant(number, Box::new(grant), reply)).await
    }

    /// Ends a session. False if there is none.
    pub(crate) fn close(
        &self,
        number: SessionNumber,
        reason: CloseReason,
    ) -> impl Future<Output = Result<bool, Stopped>> + use<> {
        self.ask(move |reply| Command::Close(number, reason, reply))
    }

    /// Tells that a session's channel came, with the way to it, or went. False if there is no such session.
    pub(crate) fn channel(
        &self,
        number: SessionNumber,
        outlet: Option<Outlet>,
    ) -> impl Future<Output = Result<bool, Stopped>> + use<> {
        self.ask(move |reply| Command::Channel(number, outlet, reply))
    }

    /// Hands over datagrams that came by a session's channel. The batch's place is free again once the loop has taken them.
    pub(crate) fn carry(&self, number: SessionNumber, batch: Batch) -> Result<(), Stopped> {
        self.commands.send(Command::Carry(number, batch)).map_err(|_| Stopped)?;
        self.waker.wake().map_err(|_| Stopped)
    }

    /// All sessions, by number.
    pub(crate) fn sessions(&self) -> impl Future<Output = Result<Vec<View>, Stopped>> + use<> {
        self.ask(Command::List)
    }

    /// The gateway's packet counters.
    pub(crate) fn counters(&self) -> impl Future<Output = Result<Counters, Stopped>> + use<> {
        self.ask(Command::Counters)
    }

    /// Ends every session and stops the loop.
    pub(crate) fn stop(&self, reason: CloseReason) -> impl Future<Output = Result<(), Stopped>> + use<> {
        self.ask(move |reply| Command::Stop(reason, reply))
    }

    fn ask<T, C>(&self, command: C) -> impl Future<Output = Result<T, Stopped>> + use<T, C>
    where
        C: FnOnce(oneshot::Sender<T>) -> Command,
    {
        let (reply, answer) = oneshot::channel();
        let asked = self.commands.send(command(reply)).is_ok() && self.waker.wake().is_ok();
        async move { if asked { answer.await.map_err(|_| Stopped) } else { Err(Stopped) } }
    }
}

//! The closed list of what other tasks may ask of the event loop that owns sessions, sockets and TUN.
//!
//! Each question is one message there and one back. The loop never waits for anybody: an answer that nobody takes is
//! dropped, and a caller that is gone leaves nothing behind.

use gateway_api::{CloseReason, SessionNumber};
use gateway_core::{Counters, Open, OpenError, Opened, View};
use policy::Grant;
use tokio::sync::oneshot;

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
    /// Its session channel came (true) or went (false). False if there is no such session.
    Channel(SessionNumber, bool, oneshot::Sender<bool>),
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
    pub(crate) async fn open(&self, open: Open) -> Result<Result<Opened, OpenError>, Stopped> {
        self.ask(|reply| Command::Open(Box::new(open), reply)).await
    }

    /// Gives a pending session its peer, once its opening is durable. False if the session is gone.
    pub(crate) async fn admit(&self, number: SessionNumber) -> Result<bool, Stopped> {
        self.ask(|reply| Command::Admit(number, reply)).await
    }

    /// Puts a session under another grant for the same workstation. False if there is no such session.
    pub(crate) async fn change_grant(&self, number: SessionNumber, grant: Grant) -> Result<bool, Stopped> {
        self.ask(|reply| Command::ChangeGrant(number, Box::new(grant), reply)).await
    }

    /// Ends a session. False if there is none.
    pub(crate) async fn close(&self, number: SessionNumber, reason: CloseReason) -> Result<bool, Stopped> {
        self.ask(|reply| Command::Close(number, reason, reply)).await
    }

    /// Tells that a session's channel came or went. False if there is no such session.
    pub(crate) async fn channel(&self, number: SessionNumber, attached: bool) -> Result<bool, Stopped> {
        self.ask(|reply| Command::Channel(number, attached, reply)).await
    }

    /// All sessions, by number.
    pub(crate) async fn sessions(&self) -> Result<Vec<View>, Stopped> {
        self.ask(Command::List).await
    }

    /// The gateway's packet counters.
    pub(crate) async fn counters(&self) -> Result<Counters, Stopped> {
        self.ask(Command::Counters).await
    }

    /// Ends every session and stops the loop.
    pub(crate) async fn stop(&self, reason: CloseReason) -> Result<(), Stopped> {
        self.ask(|reply| Command::Stop(reason, reply)).await
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| Stopped)?;
        self.waker.wake().map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

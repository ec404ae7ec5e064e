//! Workstations that sleep when their session opens: which ones, and the word that they are awake.
//!
//! ```text
//!  Awake                     of whom nobody knows better, and the policy of most
//!  Waking ── it answers ──> Woken
//!    └── the session ends as `never_used` or `idle`: it is called `not_woken`
//! ```
//!
//! Who looks, and how, is `wake.rs`; how long a session waits for its workstation is the policy's `unused`, whether it sleeps or not.

use gateway_api::{CloseReason, SessionNumber, session};

use super::Ledger;

/// What is known of a session's workstation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Workstation {
    /// It is not being woken.
    Awake,
    /// It sleeps, for all that is known, and is being woken.
    Waking,
    /// It slept, and answers.
    Woken,
}

impl Workstation {
    /// What a channel is to be told of it when it comes: the one before may have missed it.
    pub(super) fn told(self) -> Option<session::Event> {
        match self {
            Self::Awake | Self::Waking => None,
            Self::Woken => Some(session::Event::WorkstationReady),
        }
    }
}

impl Ledger {
    /// The workstation of a session is being woken.
    pub(crate) fn begin_waking(&self, number: SessionNumber) {
        if let Some(session) = self.live().sessions.get_mut(&number) {
            session.workstation = Workstation::Waking;
        }
    }

    /// A workstation that may have slept when its session opened answers: each channel that comes is told.
    pub(super) fn note_awake(&self, number: SessionNumber) {
        if let Some(session) = self.live().sessions.get_mut(&number) {
            session.workstation = Workstation::Woken;
        }
    }

    /// Whether it still is: not once it answers, or the session is over.
    pub(crate) fn is_waking(&self, number: SessionNumber) -> bool {
        self.live().sessions.get(&number).is_some_and(|session| session.workstation == Workstation::Waking)
    }

    /// The workstation answers: the client is told, and the session waits anew for what its program does now.
    pub(crate) async fn woken(&self, number: SessionNumber) {
        {
            let mut live = self.live();
            let Some(session) = live.sessions.get_mut(&number) else { return };
            if session.workstation != Workstation::Waking {
                return;
            }
            session.workstation = Workstation::Woken;
        }
        tracing::info!(session = %number, "workstation woken");
        // Before the client is: what it does then counts from here.
        let _ = self.data_plane.wait_anew(number).await;
        self.tell(number, session::Event::WorkstationReady);
    }

    /// A session that waited in vain for a workstation which was being woken has an end of its own name.
    pub(super) fn true_end(&self, number: SessionNumber, reason: CloseReason) -> CloseReason {
        match reason {
            // Who has no desktop yet leaves no marks: where `idle` is as short as `unused`, that comes first.
            CloseReason::NeverUsed | CloseReason::Idle if self.is_waking(number) => CloseReason::NotWoken,
            reason => reason,
        }
    }
}

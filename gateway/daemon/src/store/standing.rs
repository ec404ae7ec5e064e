//! How the record stands: whether the disk is full, and what waits to be written. Asked by whoever tells administrators.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Kept by the writing task, read by anybody.
#[derive(Debug, Default)]
pub(crate) struct Standing(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    full_since: Option<Timestamp>,
    closes_waiting: usize,
    clock_behind: Option<SignedDuration>,
}

impl Standing {
    /// Since when the disk has been full.
    pub(crate) fn full_since(&self) -> Option<Timestamp> {
        self.inner().full_since
    }

    /// How many closes are in the reserve because of that.
    pub(crate) fn closes_waiting(&self) -> usize {
        self.inner().closes_waiting
    }

    /// By how much the clock stands before what was recorded already.
    pub(crate) fn clock_behind(&self) -> Option<SignedDuration> {
        self.inner().clock_behind
    }

    /// Told once for each time that it went back.
    pub(super) fn clock_is_behind(&self, behind: Option<SignedDuration>) {
        let mut inner = self.inner();
        if let (Some(behind), None) = (behind, inner.clock_behind) {
            tracing::error!(
                seconds = behind.as_secs(),
                "THE CLOCK STANDS BEFORE WHAT WAS RECORDED: see `timedatectl`. Records keep their order, and nothing is deleted before its time"
            );
        }
        inner.clock_behind = behind;
    }

    /// The disk is full. The alarm is raised once.
    pub(super) fn fill(&self, now: Timestamp) {
        let mut inner = self.inner();
        if inner.full_since.is_none() {
            inner.full_since = Some(now);
            tracing::error!(
                "THE DISK IS FULL: make room. Until then no session opens; those that are open go on, and their ends are kept in the reserve"
            );
        }
    }

    /// There is room again.
    pub(super) fn empty(&self) {
        let mut inner = self.inner();
        inner.closes_waiting = 0;
        if inner.full_since.take().is_some() {
            tracing::warn!("there is room on the disk again: sessions open, and every end is recorded");
        }
    }

    pub(super) fn wait(&self, closes: usize) {
        self.inner().closes_waiting = closes;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

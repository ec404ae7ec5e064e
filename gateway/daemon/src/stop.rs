//! The steps of a stop, each with its time. Whatever hangs, a disk, a witness, a thread, all of them together are over before the service
//! manager kills what is left: `TimeoutStopSec` in its unit is more than their sum.
//!
//! What it refuses to know: what the steps do.

use std::time::Duration;

use crate::{clock, systemd};

/// One step, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The packet threads let go of their sessions, or end them.
    Sessions,
    /// Closes that are on the way reach the record.
    Closes,
    /// Where people sign in from is kept.
    Addresses,
    /// Visits to the web page end.
    Visits,
    /// The stop is recorded.
    LastRecord,
    /// The record's end is signed and handed to the witness.
    Checkpoint,
    /// The database is closed in order.
    Database,
    /// The packet threads are told to end, also where nothing came to be stopped.
    Loops,
    /// Tasks that still run end.
    Tasks,
    /// The firewall's keeper shuts all ways and ends.
    Keeper,
    /// The packet threads end.
    Threads,
}

impl Step {
    /// The most that it takes.
    pub(crate) fn most(self) -> Duration {
        Duration::from_secs(match self {
            // A disk that takes nothing is no reason never to end: the next start closes what should have been.
            Self::Closes => 10,
            // Signing is one transaction; the rest is for a witness that is slow.
            Self::Checkpoint => 8,
            Self::Database | Self::Keeper => 5,
            Self::LastRecord => 3,
            Self::Sessions | Self::Visits => 2,
            Self::Addresses | Self::Loops | Self::Tasks | Self::Threads => 1,
        })
    }

    /// What is not, if its time was not enough.
    fn undone(self) -> &'static str {
        match self {
            Self::Sessions | Self::Loops => "a packet thread does not answer",
            Self::Closes => "not every close could be recorded",
            Self::Addresses => "where people sign in from is not kept",
            Self::Visits => "not every end of a visit to the web page could be recorded",
            Self::LastRecord => "the stop could not be recorded",
            Self::Checkpoint => "the record's end is not signed, or the witness does not have it",
            Self::Database => "the database was not closed in order",
            Self::Tasks => "a task does not end",
            Self::Keeper => "the firewall's keeper does not end",
            Self::Threads => "a packet thread does not end",
        }
    }
}

/// Takes a step. None if its time was not enough, which is told.
pub(crate) async fn take<T>(step: Step, work: impl Future<Output = T>) -> Option<T> {
    // Nobody else says any more that the gateway lives.
    systemd::alive();
    let done = tokio::time::timeout(step.most(), work).await.ok();
    if done.is_none() {
        tell_undone(step);
    }
    done
}

/// Waits for something that no task waits for. False if the step's time was not enough, which is told.
pub(crate) fn wait_for(step: Step, mut is_done: impl FnMut() -> bool) -> bool {
    let since = clock::now().instant;
    while !is_done() {
        if clock::now().instant.duration_since(since) > step.most() {
            tell_undone(step);
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

fn tell_undone(step: Step) {
    tracing::error!(step = ?step, "the stop goes on: {}", step.undone());
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Step; 11] = [
        Step::Sessions,
        Step::Closes,
        Step::Addresses,
        Step::Visits,
        Step::LastRecord,
        Step::Checkpoint,
        Step::Database,
        Step::Loops,
        Step::Tasks,
        Step::Keeper,
        Step::Threads,
    ];

    /// Seconds that the unit says.
    fn unit(key: &str) -> u64 {
        const UNIT: &str = include_str!("../../../deploy/systemd/deskgate-gateway.service");
        let line = UNIT.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap().parse().unwrap()
    }

    #[test]
    fn a_stop_is_over_before_the_service_manager_kills() {
        let all: Duration = ALL.into_iter().map(Step::most).sum();
        let room = Duration::from_secs(5);
        assert!(all + room <= Duration::from_secs(unit("TimeoutStopSec")), "all steps together take {all:?}");
        let longest = ALL.into_iter().map(Step::most).max().unwrap();
        assert!(longest + room < Duration::from_secs(unit("WatchdogSec")), "each step says that the gateway lives");
    }

    #[tokio::test]
    async fn what_hangs_ends_with_its_step() {
        assert_eq!(take(Step::Addresses, async { 7 }).await, Some(7));
        assert_eq!(take(Step::Addresses, std::future::pending::<()>()).await, None);
        assert!(wait_for(Step::Threads, || true) && !wait_for(Step::Threads, || false));
    }
}

//! What waits between a session's channel and the loop that owns the session: WireGuard datagrams, both ways, bounded.
//!
//! For home, what finds no room is dropped, as on any line that is full: the loop waits for nobody, and the newest are the ones
//! that TCP misses least. From home the channel's task waits instead, so that the client's own TCP slows down.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use gateway_api::datagrams::{self, Run};
use gateway_core::Transmit;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Bytes for home that wait for a channel at most: what a fast line (100 Mbit/s, 20 ms) has under way, once.
const MOST_WAITING: usize = 256 * 1024;
/// Runs that wait at most; small ones, or the bytes would be reached first.
const MOST_RUNS: usize = 256;
/// Batches from one channel that wait for the loop at most.
const MOST_BATCHES: usize = 2;

/// The loop's end: where datagrams for home go.
#[derive(Debug)]
pub(crate) struct Outlet {
    runs: mpsc::Sender<Run>,
    waiting: Arc<AtomicUsize>,
}

impl Outlet {
    /// Leaves datagrams for the channel: as many, from the first, as there is room for. How many there was none for, all if
    /// nobody is there.
    pub(crate) fn offer(&self, transmit: &Transmit<'_>) -> u64 {
        let segment = transmit.segment.max(1);
        let room = MOST_WAITING.saturating_sub(self.waiting.load(Ordering::Relaxed));
        let all = transmit.datagrams;
        let fits = if all.len() <= room { all.len() } else { room / segment * segment };
        let (fitting, rest) = all.split_at(fits.min(all.len()));
        let datagrams = |bytes: &[u8]| bytes.len().div_ceil(segment) as u64;
        if fitting.is_empty() {
            return datagrams(all);
        }
        let run = Run { bytes: fitting.to_vec(), segment: transmit.segment };
        // Counted before it can be taken, so that the count never falls below nothing.
        self.waiting.fetch_add(fitting.len(), Ordering::Relaxed);
        if self.runs.try_send(run).is_err() {
            self.waiting.fetch_sub(fitting.len(), Ordering::Relaxed);
            return datagrams(all);
        }
        datagrams(rest)
    }
}

/// The task's end of the same.
#[derive(Debug)]
pub(crate) struct Outgoing {
    runs: mpsc::Receiver<Run>,
    waiting: Arc<AtomicUsize>,
}

impl Outgoing {
    /// The next run for home; none when the loop has let go of the channel.
    pub(crate) async fn next(&mut self) -> Option<Run> {
        let run = self.runs.recv().await?;
        Some(self.taken(run))
    }

    /// The same, if one waits already.
    pub(crate) fn take(&mut self) -> Option<Run> {
        let run = self.runs.try_recv().ok()?;
        Some(self.taken(run))
    }

    fn taken(&self, run: Run) -> Run {
        self.waiting.fetch_sub(run.bytes.len(), Ordering::Relaxed);
        run
    }
}

/// Both ends of a queue for home.
pub(crate) fn outlet() -> (Outlet, Outgoing) {
    let (sender, receiver) = mpsc::channel(MOST_RUNS);
    let waiting = Arc::<AtomicUsize>::default();
    (Outlet { runs: sender, waiting: Arc::clone(&waiting) }, Outgoing { runs: receiver, waiting })
}

/// Datagrams from home. They hold one of their channel's places until they are dropped.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) datagrams: datagrams::Batch,
    _place: OwnedSemaphorePermit,
}

/// The places that one channel's batches have.
#[derive(Debug)]
pub(crate) struct Places(Arc<Semaphore>);

impl Places {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MOST_BATCHES)))
    }

    /// An empty batch, once there is a place for it. None only if the semaphore were closed, which nobody does.
    pub(crate) async fn batch(&self) -> Option<Batch> {
        let place = Arc::clone(&self.0).acquire_owned().await.ok()?;
        Some(Batch { datagrams: datagrams::Batch::default(), _place: place })
    }
}

#[cfg(test)]
mod tests {
    use gateway_api::SessionNumber;
    use gateway_core::Way;

    use super::*;

    fn offer(outlet: &Outlet, datagrams: &[u8]) -> bool {
        lost(outlet, datagrams) == 0
    }

    fn lost(outlet: &Outlet, datagrams: &[u8]) -> u64 {
        outlet.offer(&Transmit { to: Way::Channel(SessionNumber::new(1)), datagrams, segment: 1000 })
    }

    #[test]
    fn a_channel_that_takes_nothing_holds_a_bounded_queue_and_no_more() {
        let (outlet, mut outgoing) = outlet();
        let offered = (0..1000).filter(|_| offer(&outlet, &[7; 1000])).count();
        assert!(offered <= MOST_WAITING / 1000 && offered > 200, "{offered}");
        for _ in 0..offered {
            assert_eq!(outgoing.take().unwrap().bytes.len(), 1000);
        }
        assert!(offer(&outlet, &[7; 60_000]), "there is room again");
        drop(outgoing);
        assert!(!offer(&outlet, &[7; 10]), "nobody is there");
    }

    #[test]
    fn of_a_run_that_does_not_fit_as_much_is_taken_as_does() {
        let (outlet, mut outgoing) = outlet();
        for _ in 0..5 {
            assert!(offer(&outlet, &[7; 50_000]));
        }
        assert_eq!(lost(&outlet, &[7; 50_500]), 51 - 12, "{MOST_WAITING} bytes in all");
        let taken: Vec<usize> = std::iter::from_fn(|| outgoing.take().map(|run| run.bytes.len())).collect();
        assert_eq!(taken, [50_000, 50_000, 50_000, 50_000, 50_000, 12_000]);
        drop(outgoing);
        assert_eq!(lost(&outlet, &[7; 2500]), 3, "nobody is there");
    }

    #[tokio::test]
    async fn a_channel_that_sends_faster_than_the_loop_takes_must_wait() {
        let places = Places::new();
        let mut held = Vec::new();
        for _ in 0..MOST_BATCHES {
            held.push(places.batch().await.unwrap());
        }
        assert!(futures_util::FutureExt::now_or_never(places.batch()).is_none());
        held.pop();
        assert!(futures_util::FutureExt::now_or_never(places.batch()).is_some());
    }
}

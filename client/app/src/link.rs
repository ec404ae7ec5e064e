//! What waits between the session channel (a task) and the loop that owns the packets: WireGuard datagrams, both ways, bounded.
//!
//! Neither side loses anything here: while the channel takes nothing, what should leave waits in TCP, where it can be held back;
//! while the loop is behind, the channel is not read.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use client_core::Transmit;
use gateway_api::{
    datagrams::{Batch, Run},
    probe::Nonce,
};
use mio::Waker;
use tokio::sync::mpsc;

use crate::udp::Progress;

/// Bytes for the gateway that wait for the channel at most: one batch on its way, one behind it.
const MOST_WAITING: usize = 128 << 10;
/// Runs for the gateway, and batches from it, that wait at most.
const MOST_RUNS: usize = 128;
const MOST_BATCHES: usize = 4;

/// Confirmations that wait at most. More probes than a few never wait: each is repeated.
const MOST_CONFIRMATIONS: usize = 8;

/// What both ends see.
#[derive(Default)]
struct Shared {
    /// Bytes for the gateway that wait.
    waiting: AtomicUsize,
    /// The loop found no room, and wants to be woken once there is.
    blocked: AtomicBool,
    /// There once the loop runs.
    waker: OnceLock<Arc<Waker>>,
}

/// The loop's end.
pub(crate) struct LoopEnd {
    runs: mpsc::Sender<Run>,
    confirmations: mpsc::Sender<Nonce>,
    batches: mpsc::Receiver<Batch>,
    shared: Arc<Shared>,
}

/// The channel's end.
pub(crate) struct ChannelEnd {
    runs: mpsc::Receiver<Run>,
    confirmations: mpsc::Receiver<Nonce>,
    batches: mpsc::Sender<Batch>,
    shared: Arc<Shared>,
}

/// What is to leave by the channel.
#[derive(Debug)]
pub(crate) enum Leaving {
    /// Datagrams.
    Run(Run),
    /// The word that a probe came.
    Confirmation(Nonce),
}

/// Both ends.
pub(crate) fn link() -> (LoopEnd, ChannelEnd) {
    let (run_sender, runs) = mpsc::channel(MOST_RUNS);
    let (batch_sender, batches) = mpsc::channel(MOST_BATCHES);
    let (confirmation_sender, confirmations) = mpsc::channel(MOST_CONFIRMATIONS);
    let shared = Arc::<Shared>::default();
    let loop_end =
        LoopEnd { runs: run_sender, confirmations: confirmation_sender, batches, shared: Arc::clone(&shared) };
    (loop_end, ChannelEnd { runs, confirmations, batches: batch_sender, shared })
}

impl LoopEnd {
    /// How the loop is woken when something came, or there is room again.
    pub(crate) fn wake_by(&self, waker: Arc<Waker>) {
        let _ = self.shared.waker.set(waker);
    }

    /// Leaves datagrams for the gateway. After [`Progress::Wait`] the loop is woken when there is room.
    pub(crate) fn send(&self, transmit: &Transmit<'_>) -> Progress {
        let Shared { waiting, blocked, .. } = &*self.shared;
        let full = || waiting.load(SeqCst) + transmit.contents.len() > MOST_WAITING || self.runs.capacity() == 0;
        if full() {
            blocked.store(true, SeqCst);
            // Room may have come before the other side could see that it is waited for.
            if full() {
                return Progress::Wait;
            }
        }
        waiting.fetch_add(transmit.contents.len(), SeqCst);
        let run = Run { bytes: transmit.contents.to_vec(), segment: transmit.segment_size };
        if let Err(mpsc::error::TrySendError::Closed(run) | mpsc::error::TrySendError::Full(run)) =
            self.runs.try_send(run)
        {
            // The session channel has ended for good.
            waiting.fetch_sub(run.bytes.len(), SeqCst);
        }
        Progress::Done
    }

    /// Says that a probe came. What finds no room is said when the probe is repeated.
    pub(crate) fn confirm(&self, nonce: Nonce) {
        let _ = self.confirmations.try_send(nonce);
    }

    /// The next batch from the gateway, if one came.
    pub(crate) fn receive(&mut self) -> Option<Batch> {
        self.batches.try_recv().ok()
    }
}

impl ChannelEnd {
    /// What is to leave next; never anything, once the loop has ended.
    pub(crate) async fn next(&mut self) -> Leaving {
        let Self { runs, confirmations, .. } = self;
        tokio::select! {
            biased;
            Some(nonce) = confirmations.recv() => Leaving::Confirmation(nonce),
            Some(run) = runs.recv() => Leaving::Run(self.taken(run)),
            else => std::future::pending().await,
        }
    }

    /// Lets go of everything that waits: it was for a channel that is gone, and says what may not be true any more.
    pub(crate) fn forget(&mut self) {
        while self.take().is_some() {}
        while self.confirmations.try_recv().is_ok() {}
    }

    /// The next run, if one waits already.
    pub(crate) fn take(&mut self) -> Option<Run> {
        let run = self.runs.try_recv().ok()?;
        Some(self.taken(run))
    }

    fn taken(&self, run: Run) -> Run {
        self.shared.waiting.fetch_sub(run.bytes.len(), SeqCst);
        if self.shared.blocked.swap(false, SeqCst) {
            self.wake();
        }
        run
    }

    /// The half that hands datagrams to the loop.
    pub(crate) fn inlet(&self) -> Inlet {
        Inlet { batches: self.batches.clone(), shared: Arc::clone(&self.shared) }
    }

    fn wake(&self) {
        if let Some(waker) = self.shared.waker.get() {
            let _ = waker.wake();
        }
    }
}

/// The way from the channel to the loop.
pub(crate) struct Inlet {
    batches: mpsc::Sender<Batch>,
    shared: Arc<Shared>,
}

impl Inlet {
    /// Hands over a batch, once there is room for it. Without a loop there is nobody whom it could be for.
    pub(crate) async fn carry(&self, batch: Batch) {
        if let Some(waker) = self.shared.waker.get()
            && self.batches.send(batch).await.is_ok()
        {
            let _ = waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use client_core::Way;

    use super::*;

    #[test]
    fn a_channel_that_takes_nothing_holds_the_loop_back_and_wakes_it_when_there_is_room() {
        let (loop_end, mut channel_end) = link();
        let mut poll = mio::Poll::new().unwrap();
        loop_end.wake_by(Arc::new(Waker::new(poll.registry(), mio::Token(1)).unwrap()));
        let transmit = Transmit { way: Way::Channel, contents: &[7; 60_000], segment_size: 1000 };
        let left = (0..100).take_while(|_| loop_end.send(&transmit) == Progress::Done).count();
        assert_eq!(left, 2);
        assert_eq!(channel_end.take().unwrap().bytes.len(), 60_000);
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, Some(std::time::Duration::from_secs(30))).unwrap();
        assert_eq!(events.iter().count(), 1);
        assert_eq!(loop_end.send(&transmit), Progress::Done);
    }

    #[tokio::test]
    async fn what_was_left_for_a_channel_that_is_gone_is_not_said_by_the_next() {
        let (loop_end, mut channel_end) = link();
        let nonce = |n| Nonce([n; 16]);
        loop_end.confirm(nonce(1));
        loop_end.send(&Transmit { way: Way::Channel, contents: &[7; 100], segment_size: 100 });
        channel_end.forget();
        loop_end.send(&Transmit { way: Way::Channel, contents: &[7; 100], segment_size: 100 });
        loop_end.confirm(nonce(2));
        assert!(matches!(channel_end.next().await, Leaving::Confirmation(said) if said == nonce(2)));
        assert!(matches!(channel_end.next().await, Leaving::Run(_)));
    }

    #[tokio::test]
    async fn datagrams_from_the_gateway_keep_their_order_and_bounds() {
        let (mut loop_end, channel_end) = link();
        let inlet = channel_end.inlet();
        let mut batch = Batch::default();
        batch.add(b"nobody");
        inlet.carry(batch).await;
        assert!(loop_end.receive().is_none(), "before the loop runs nothing is for it");
        let poll = mio::Poll::new().unwrap();
        loop_end.wake_by(Arc::new(Waker::new(poll.registry(), mio::Token(1)).unwrap()));
        let mut batch = Batch::default();
        batch.add(b"one");
        batch.add(b"");
        batch.add(b"three");
        inlet.carry(batch).await;
        let batch = loop_end.receive().unwrap();
        assert_eq!((batch.count(), batch.datagrams().collect::<Vec<_>>()), (3, vec![&b"one"[..], b"", b"three"]));
    }
}

//! What one loop hands over to another: handshakes and answers from the office that arrived at the wrong one.
//!
//! Bounded queues without locks, and a wake-up only for a loop that was not called yet: whoever hands over waits for
//! nobody, and what finds no room is dropped and counted by who had it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
    mpsc::{Receiver, SyncSender, sync_channel},
};

use gateway_core::Stray;

/// Handshakes and packets that may wait for a loop. A handshake takes a fifth of a millisecond to answer; a packet may be
/// 64 KiB.
const MOST_STRAYS: usize = 4096;
const MOST_PACKETS: usize = 256;

/// A packet from the office as it was read from the TUN, virtio header first.
pub(crate) type Answer = Box<[u8]>;

/// A loop as its neighbours see it.
#[derive(Debug, Clone)]
pub(crate) struct Neighbour {
    strays: SyncSender<Stray>,
    answers: SyncSender<Answer>,
    called: Arc<AtomicBool>,
    waker: Arc<mio::Waker>,
}

/// Where a loop finds what was handed over to it.
#[derive(Debug)]
pub(crate) struct Letterbox {
    pub(crate) strays: Receiver<Stray>,
    pub(crate) answers: Receiver<Answer>,
    called: Arc<AtomicBool>,
}

/// A letterbox, and the way to put something into it.
pub(crate) fn letterbox(waker: Arc<mio::Waker>) -> (Neighbour, Letterbox) {
    let (to_strays, strays) = sync_channel(MOST_STRAYS);
    let (to_answers, answers) = sync_channel(MOST_PACKETS);
    let called = Arc::new(AtomicBool::new(false));
    let neighbour = Neighbour { strays: to_strays, answers: to_answers, called: Arc::clone(&called), waker };
    (neighbour, Letterbox { strays, answers, called })
}

impl Neighbour {
    /// Hands a handshake over. False if there is no room, or nobody any more.
    pub(crate) fn take_stray(&self, stray: Stray) -> bool {
        self.strays.try_send(stray).is_ok() && self.call()
    }

    /// Hands a packet over. False if there is no room, or nobody any more.
    pub(crate) fn take_answer(&self, answer: Answer) -> bool {
        self.answers.try_send(answer).is_ok() && self.call()
    }

    /// Makes the loop look around, for whatever reason.
    pub(crate) fn wake(&self) {
        // A loop that is gone needs no waking.
        let _ = self.waker.wake();
    }

    /// One system call for whatever is put in until the loop looks.
    fn call(&self) -> bool {
        self.called.swap(true, Ordering::AcqRel) || self.waker.wake().is_ok()
    }
}

impl Letterbox {
    /// To be called before looking: what is put in from now on calls again.
    pub(crate) fn open(&self) -> bool {
        self.called.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_letterbox_takes_no_more_and_takes_again_once_emptied() {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let (neighbour, letterbox) = letterbox(waker);
        let answer = || Box::from([0u8; 20]);
        for _ in 0..MOST_PACKETS {
            assert!(neighbour.take_answer(answer()));
        }
        assert!(!neighbour.take_answer(answer()));
        assert!(letterbox.open());
        assert_eq!(letterbox.answers.try_iter().count(), MOST_PACKETS);
        assert!(!letterbox.open());
        assert!(neighbour.take_answer(answer()));
        assert!(letterbox.open());
    }
}

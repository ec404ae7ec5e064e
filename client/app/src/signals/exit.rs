//! An end of the program that nobody here decided: a library calls `exit`, as that of X does when the X server is gone. The thread that works
//! a session would be gone in the middle of it.

#![allow(unsafe_code, reason = "one call of the system, with why it is sound")]

use std::{
    sync::{Condvar, LazyLock, Mutex, Once, PoisonError},
    time::Duration,
};

use nix::libc::atexit;
use tokio::sync::watch;

use super::told;

/// For those who hear of it to end in order.
const PATIENCE: Duration = Duration::from_secs(4);

struct Exit {
    told: watch::Sender<()>,
    listeners: Mutex<usize>,
    fewer: Condvar,
}

static EXIT: LazyLock<Exit> =
    LazyLock::new(|| Exit { told: watch::Sender::new(()), listeners: Mutex::new(0), fewer: Condvar::new() });

/// Hears of it, and is waited for as long as it lives.
pub(super) struct Listener {
    news: watch::Receiver<()>,
}

impl Listener {
    /// Listens from now on.
    pub(super) fn new() -> Self {
        static REGISTERED: Once = Once::new();
        REGISTERED.call_once(|| {
            // SAFETY: the function is part of the program, asks for nothing, and does not unwind.
            let refused = unsafe { atexit(before) };
            if refused != 0 {
                tracing::debug!("nobody hears of an exit");
            }
        });
        *EXIT.listeners.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self { news: EXIT.told.subscribe() }
    }

    /// Waits for it.
    pub(super) async fn hear(&mut self) {
        told(&mut self.news).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        *EXIT.listeners.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        EXIT.fewer.notify_all();
    }
}

/// Called before the program ends. Where it ends by itself, nobody listens any more.
extern "C" fn before() {
    let listeners = EXIT.listeners.lock().unwrap_or_else(PoisonError::into_inner);
    if *listeners > 0 {
        EXIT.told.send_replace(());
        drop(EXIT.fewer.wait_timeout_while(listeners, PATIENCE, |listeners| *listeners > 0));
    }
}

//! Openings of sessions, which go on to their end when whoever asked hangs up in the middle. A session that nobody hears of is closed
//! again at once: its token is lost, and until its grace is over it would be somebody's one session.
//!
//! An answer that was handed to the connection counts as heard; whether it arrives, only the session channel shows.

use std::sync::Arc;

use gateway_api::CloseReason;
use tokio::sync::oneshot;

use super::{Api, error::Refused, login::Opened};

/// What comes of an opening.
pub(super) async fn heard<E>(
    api: &Arc<Api>,
    opening: impl Future<Output = Result<Opened, E>> + Send + 'static,
) -> Result<Opened, E>
where
    E: From<Refused> + Send + 'static,
{
    let ledger = api.ledger.clone();
    let undo = |opened: &Result<Opened, E>| {
        let number = match opened {
            Ok(Opened::Session(session)) => Some(session.number),
            _ => None,
        };
        async move {
            if let Some(number) = number {
                ledger.close(number, CloseReason::ClientLost).await;
            }
        }
    };
    let opened = heard_or_undone(opening, undo).await;
    opened.unwrap_or_else(|| Err(Refused::Unavailable("gateway_stopping").into()))
}

/// Works to the end; what nobody has heard of is undone. None where that end never comes.
async fn heard_or_undone<T: Send + 'static, U: Future<Output = ()> + Send>(
    work: impl Future<Output = T> + Send + 'static,
    undo: impl FnOnce(&T) -> U + Send + 'static,
) -> Option<T> {
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let done = work.await;
        let undone = undo(&done);
        // It goes with its receipt: told to somebody who hangs up before they look, both are lost.
        let (receipt, heard) = oneshot::channel();
        let _ = tell.send((done, receipt));
        if heard.await.is_err() {
            undone.await;
        }
    });
    let (done, receipt) = told.await.ok()?;
    let _ = receipt.send(());
    Some(done)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_heard_stays_and_what_is_not_is_undone() {
        let undone = Arc::new(AtomicU32::new(0));
        let (done, waits) = oneshot::channel::<u32>();
        let begin = |done: oneshot::Receiver<u32>| {
            let undone = Arc::clone(&undone);
            heard_or_undone(async move { done.await.unwrap_or(0) }, move |what: &u32| {
                let what = *what;
                async move { undone.store(what, Ordering::Relaxed) }
            })
        };
        done.send(7).unwrap();
        assert_eq!(begin(waits).await, Some(7));
        assert_eq!(undone.load(Ordering::Relaxed), 0);

        let (done, waits) = oneshot::channel();
        let mut hangs_up = Box::pin(begin(waits));
        assert!((&mut hangs_up).now_or_never().is_none(), "it is not done");
        drop(hangs_up);
        done.send(8).unwrap();
        while undone.load(Ordering::Relaxed) != 8 {
            tokio::task::yield_now().await;
        }

        // It was told, and nobody had looked.
        let (done, waits) = oneshot::channel();
        let mut hangs_up = Box::pin(begin(waits));
        assert!((&mut hangs_up).now_or_never().is_none(), "it is not done");
        done.send(9).unwrap();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(undone.load(Ordering::Relaxed), 8, "somebody may look yet");
        drop(hangs_up);
        while undone.load(Ordering::Relaxed) != 9 {
            tokio::task::yield_now().await;
        }
    }
}

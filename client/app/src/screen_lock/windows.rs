//! On Windows the lock is told to a window. It is asked for at first, since only changes are told, and all the time where Windows does
//! not tell.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use std::{ptr::null_mut, time::Duration};

use tokio::{
    sync::{mpsc::UnboundedSender, watch},
    task::JoinSet,
    time::sleep,
};
use windows_sys::Win32::System::RemoteDesktop::{
    WTS_CURRENT_SERVER_HANDLE, WTS_CURRENT_SESSION, WTS_SESSIONSTATE_LOCK, WTS_SESSIONSTATE_UNLOCK, WTSFreeMemory,
    WTSINFOEXW, WTSQuerySessionInformationW, WTSSessionInfoEx,
};

use crate::logon;

/// Between two questions: short beside the minute that a locked screen leaves.
const PAUSE: Duration = Duration::from_secs(3);

/// Tells each change.
pub(super) fn watch(sender: &UnboundedSender<bool>) -> JoinSet<()> {
    let mut watchers = JoinSet::new();
    let (to, lock) = (sender.clone(), logon::lock());
    watchers.spawn(async move {
        follow(lock, &to).await;
        ask(&to).await;
    });
    watchers
}

/// Passes on what is told, until nobody tells.
async fn follow(mut lock: watch::Receiver<Option<bool>>, to: &UnboundedSender<bool>) {
    while lock.changed().await.is_ok() {
        let told = *lock.borrow_and_update();
        if let Some(is_locked) = told.or_else(is_locked) {
            let _ = to.send(is_locked);
        }
    }
}

async fn ask(to: &UnboundedSender<bool>) {
    let mut last = None;
    loop {
        let now = is_locked();
        if let (true, Some(is_locked)) = (now != last, now) {
            let _ = to.send(is_locked);
            last = now;
        }
        sleep(PAUSE).await;
    }
}

/// Whether the screen of this user's session is locked. None where the system does not say.
fn is_locked() -> Option<bool> {
    let (mut answer, mut length) = (null_mut(), 0);
    let session = WTS_CURRENT_SESSION;
    // SAFETY: there is a place for the answer and for its length.
    let said = unsafe {
        WTSQuerySessionInformationW(
            WTS_CURRENT_SERVER_HANDLE,
            session,
            WTSSessionInfoEx,
            &raw mut answer,
            &raw mut length,
        )
    };
    if said == 0 || answer.is_null() {
        return None;
    }
    let is_whole = length as usize >= size_of::<WTSINFOEXW>();
    // SAFETY: so long an answer is one of these, made by the system and aligned for it.
    let info = is_whole.then(|| unsafe { *answer.cast::<WTSINFOEXW>() });
    // SAFETY: the answer is ours to give back, and not used again.
    unsafe { WTSFreeMemory(answer.cast()) };
    let info = info.filter(|info| info.Level == 1)?;
    // SAFETY: level 1 means this member.
    let flags = unsafe { info.Data.WTSInfoExLevel1.SessionFlags }.cast_unsigned();
    match flags {
        WTS_SESSIONSTATE_LOCK => Some(true),
        WTS_SESSIONSTATE_UNLOCK => Some(false),
        _ => None,
    }
}

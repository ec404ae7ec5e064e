//! On Windows the lock is asked for: being told takes a window and a thread of its own, and being asked costs next to nothing.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use std::{ptr::null_mut, time::Duration};

use tokio::{sync::mpsc::UnboundedSender, task::JoinSet, time::sleep};
use windows_sys::Win32::System::RemoteDesktop::{
    WTS_CURRENT_SERVER_HANDLE, WTS_CURRENT_SESSION, WTS_SESSIONSTATE_LOCK, WTS_SESSIONSTATE_UNLOCK, WTSFreeMemory,
    WTSINFOEXW, WTSQuerySessionInformationW, WTSSessionInfoEx,
};

/// Between two questions: short beside the minute that a locked screen leaves.
const PAUSE: Duration = Duration::from_secs(3);

/// Tells each change.
pub(super) fn watch(sender: &UnboundedSender<bool>) -> JoinSet<()> {
    let mut watchers = JoinSet::new();
    let to = sender.clone();
    watchers.spawn(async move {
        let mut last = None;
        loop {
            let now = is_locked();
            if let (true, Some(is_locked)) = (now != last, now) {
                let _ = to.send(is_locked);
                last = now;
            }
            sleep(PAUSE).await;
        }
    });
    watchers
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

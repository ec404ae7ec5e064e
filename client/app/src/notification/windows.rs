//! On Windows it is a notification of an icon beside the clock, which is there only as long as its words.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use std::{
    ptr::{null, null_mut},
    sync::Arc,
    thread,
    time::Duration,
};

use windows_sys::Win32::UI::{
    Shell::{
        NIF_ICON, NIF_INFO, NIF_SHOWTIP, NIF_TIP, NIIF_INFO, NIIF_WARNING, NIM_ADD, NIM_DELETE, NOTIFYICONDATAW,
        Shell_NotifyIconW,
    },
    WindowsAndMessaging::{CreateWindowExW, DestroyWindow, HWND_MESSAGE, IDI_INFORMATION, LoadIconW},
};

use super::{Unshown, Urgency};
use crate::win32::wide;

/// The words go with the icon.
const SHOWN: Duration = Duration::from_secs(15);

/// Shows a sentence, or tells that nothing does.
pub(super) fn show(sentence: &str, urgency: Urgency, unshown: Arc<Unshown>) {
    let sentence = sentence.to_owned();
    let not_there = Arc::clone(&unshown);
    let showing = thread::Builder::new().name("notification".to_owned()).spawn(move || {
        if !is_shown_beside_the_clock(&sentence, urgency) {
            not_there.tell();
        }
    });
    if let Err(error) = showing {
        tracing::debug!(%error, "no notification");
        unshown.tell();
    }
}

/// Comes back when the words are gone again. False if there is nothing beside the clock.
fn is_shown_beside_the_clock(sentence: &str, urgency: Urgency) -> bool {
    let class = wide("STATIC");
    // An icon belongs to a window; this one is never seen and gets no messages.
    // SAFETY: a class of the system's own, and its name lives on.
    let window = unsafe {
        CreateWindowExW(0, class.as_ptr(), null(), 0, 0, 0, 0, 0, HWND_MESSAGE, null_mut(), null_mut(), null())
    };
    if window.is_null() {
        return false;
    }
    let mut icon = NOTIFYICONDATAW {
        cbSize: size_of::<NOTIFYICONDATAW>() as u32,
        hWnd: window,
        uID: 1,
        uFlags: NIF_ICON | NIF_INFO | NIF_TIP | NIF_SHOWTIP,
        // SAFETY: an icon of the system's own, by its number.
        hIcon: unsafe { LoadIconW(null_mut(), IDI_INFORMATION) },
        dwInfoFlags: match urgency {
            Urgency::Normal => NIIF_INFO,
            Urgency::Critical(_) => NIIF_WARNING,
        },
        ..NOTIFYICONDATAW::default()
    };
    write(&mut icon.szTip, "Deskgate");
    write(&mut icon.szInfoTitle, "Deskgate");
    write(&mut icon.szInfo, sentence);
    // SAFETY: the structure says how large it is.
    let is_shown = unsafe { Shell_NotifyIconW(NIM_ADD, &raw const icon) } != 0;
    if is_shown {
        thread::sleep(SHOWN);
        // SAFETY: as above.
        unsafe { Shell_NotifyIconW(NIM_DELETE, &raw const icon) };
    }
    // SAFETY: made above, by this thread.
    unsafe { DestroyWindow(window) };
    is_shown
}

/// As much as there is room for, and a zero at its end.
fn write(place: &mut [u16], text: &str) {
    let room = place.len().saturating_sub(1);
    place.iter_mut().zip(text.encode_utf16().take(room)).for_each(|(place, unit)| *place = unit);
}

//! On Windows a screen is always there, and a terminal often is not: then a small window of the system's own says it.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use std::{io::Write as _, ptr::null_mut};

use windows_sys::Win32::{
    System::Console::{GetStdHandle, STD_ERROR_HANDLE},
    UI::WindowsAndMessaging::{MB_ICONERROR, MB_OK, MessageBoxW},
};

use crate::win32::wide;

/// Whether there is a screen.
pub(crate) fn is_there() -> bool {
    true
}

/// Whether what is written for people gets anywhere.
pub(crate) fn has_terminal() -> bool {
    // SAFETY: only a number goes in.
    !unsafe { GetStdHandle(STD_ERROR_HANDLE) }.is_null()
}

/// A sentence for somebody who wanted a window.
pub(crate) fn say(sentence: &str) {
    if has_terminal() {
        let _ = writeln!(std::io::stderr(), "{sentence}");
    } else {
        let (text, title) = (wide(sentence), wide("Deskgate"));
        // SAFETY: both texts live on.
        unsafe { MessageBoxW(null_mut(), text.as_ptr(), title.as_ptr(), MB_OK | MB_ICONERROR) };
    }
}

//! A console of Windows shows what is typed only while somebody reads: so reading begins with the first key.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use std::{io, ptr::from_mut};

use windows_sys::Win32::{
    Foundation::{HANDLE, WAIT_OBJECT_0, WAIT_TIMEOUT},
    System::{
        Console::{
            FlushConsoleInputBuffer, GetStdHandle, INPUT_RECORD, KEY_EVENT, PeekConsoleInputW, ReadConsoleInputW,
            STD_INPUT_HANDLE,
        },
        Threading::WaitForSingleObject,
    },
};

use zeroize::Zeroizing;

use crate::win32::done;

/// How long one look waits, in milliseconds.
const MOMENT: u32 = 200;

/// Throws away what was typed and not read yet.
pub(super) fn forget_typed() {
    // SAFETY: a handle that is no console's is refused.
    unsafe { FlushConsoleInputBuffer(input()) };
}

/// Whether somebody has begun to type; waits a moment for it. An error where nothing will come any more.
pub(super) fn is_line_there() -> io::Result<bool> {
    // SAFETY: the program's own handle, which it never closes.
    match unsafe { WaitForSingleObject(input(), MOMENT) } {
        WAIT_TIMEOUT => return Ok(false),
        WAIT_OBJECT_0 => {}
        _ => return Err(io::Error::last_os_error()),
    }
    // Keys that are let go, the mouse, a window that changes its size: none of it is typed, and it would keep the wait short for ever.
    loop {
        let (mut event, mut count) = (INPUT_RECORD::default(), 0);
        // SAFETY: there is room for one event.
        done(unsafe { PeekConsoleInputW(input(), from_mut(&mut event), 1, &raw mut count) })?;
        if count == 0 {
            return Ok(false);
        }
        // SAFETY: an event of this kind has this member.
        if u32::from(event.EventType) == KEY_EVENT && unsafe { event.Event.KeyEvent.bKeyDown } != 0 {
            return Ok(true);
        }
        // SAFETY: as above.
        done(unsafe { ReadConsoleInputW(input(), from_mut(&mut event), 1, &raw mut count) })?;
    }
}

/// The line that is being typed, without its end. Ctrl-Z alone is an empty one: more may come.
pub(super) fn read_line() -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().read_line(&mut line)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}

/// What is typed is never hidden here: mstsc asks for a password by itself, and no other program is given one.
#[derive(Debug)]
pub(super) enum Hidden {}

impl Hidden {
    pub(super) fn begin() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn input() -> HANDLE {
    // SAFETY: only a number goes in.
    unsafe { GetStdHandle(STD_INPUT_HANDLE) }
}

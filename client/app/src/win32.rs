//! What several files need to speak with Windows itself: its letters, its handles, and whose a process is.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use std::{
    ffi::{OsStr, OsString},
    io,
    os::windows::{
        ffi::{OsStrExt as _, OsStringExt as _},
        io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle},
    },
    ptr::null_mut,
};

use windows_sys::Win32::{
    Foundation::{ERROR_INVALID_PARAMETER, HANDLE, INVALID_HANDLE_VALUE, LocalFree, WAIT_OBJECT_0},
    Security::{Authorization::ConvertSidToStringSidW, GetTokenInformation, TOKEN_QUERY, TOKEN_USER, TokenUser},
    System::Threading::{
        GetCurrentProcess, OpenProcess, OpenProcessToken, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
        WaitForSingleObject,
    },
};

/// A text as the system takes it: UTF-16 with a zero at its end.
pub(crate) fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

/// What a call said that answers with zero where it failed.
pub(crate) fn done(answer: i32) -> io::Result<()> {
    if answer == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What a call has just made for its caller, who keeps no copy.
pub(crate) fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and nobody else closes it.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// The account that this program runs as, `S-1-5-…`.
pub(crate) fn our_account() -> Option<String> {
    // SAFETY: it makes nothing and asks for nothing.
    account(unsafe { GetCurrentProcess() })
}

/// The account that a process runs as. None where the system does not tell us.
pub(crate) fn account_of(process: u32) -> Option<String> {
    // SAFETY: only numbers go in.
    let process = owned(unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, process) }).ok()?;
    account(process.as_raw_handle())
}

/// Whether a process runs. Where the system does not tell us, it may.
pub(crate) fn runs(process: u32) -> bool {
    // SAFETY: only numbers go in.
    match owned(unsafe { OpenProcess(PROCESS_SYNCHRONIZE, 0, process) }) {
        // SAFETY: it is open. One that has ended is no longer waited for.
        Ok(process) => unsafe { WaitForSingleObject(process.as_raw_handle(), 0) != WAIT_OBJECT_0 },
        Err(error) => error.raw_os_error() != Some(ERROR_INVALID_PARAMETER as i32),
    }
}

fn account(process: HANDLE) -> Option<String> {
    let mut token = null_mut();
    // SAFETY: the process is open, and there is a place for the answer.
    done(unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) }).ok()?;
    let token = owned(token).ok()?;
    // A pointer and flags, and behind them the identifier of 68 bytes at most; aligned as pointers are.
    let mut user = [0_usize; 32];
    let (space, mut length) = (size_of_val(&user) as u32, 0);
    let into = user.as_mut_ptr().cast();
    // SAFETY: the token is open, and what is written fits or is not written.
    done(unsafe { GetTokenInformation(token.as_raw_handle(), TokenUser, into, space, &raw mut length) }).ok()?;
    // SAFETY: the call wrote one of these there.
    let user = unsafe { &*user.as_ptr().cast::<TOKEN_USER>() };
    let mut text = null_mut();
    // SAFETY: the identifier lies in `user`, which lives on.
    done(unsafe { ConvertSidToStringSidW(user.User.Sid, &raw mut text) }).ok()?;
    // SAFETY: the call made a text that ends with a zero, ours to give back.
    let account = unsafe { text_at(text) };
    // SAFETY: as above; it is not used again.
    unsafe { LocalFree(text.cast()) };
    account.into_string().ok()
}

/// A text of the system's.
///
/// # Safety
/// There must be a text that ends with a zero.
pub(crate) unsafe fn text_at(text: *const u16) -> OsString {
    let mut length = 0;
    // SAFETY: all places up to the zero belong to the text.
    while unsafe { *text.add(length) } != 0 {
        length += 1;
    }
    // SAFETY: as above.
    OsString::from_wide(unsafe { std::slice::from_raw_parts(text, length) })
}

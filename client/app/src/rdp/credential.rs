//! The password, where mstsc looks for it: in the Credential Manager of Windows, for the door's address without its port.
//!
//! mstsc takes no password from who starts it. What is put there stays in memory, ends with this logon of the person to Windows
//! whatever becomes of us, and is deleted when mstsc has ended. Its comment says that it is ours, and of which process: nothing else is
//! ever deleted. It is a generic one, as `cmdkey /generic` makes: those that mstsc saves
//! itself are refused, on computers of a domain, for hosts that no domain vouches for, as a loopback address. So other programs of the
//! same person can read it meanwhile.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use std::{io, net::IpAddr, ptr::null_mut};

use gateway_api::login::Password;
use windows_sys::Win32::Security::Credentials::{
    CRED_PERSIST_SESSION, CRED_TYPE_GENERIC, CREDENTIALW, CredDeleteW, CredFree, CredReadW, CredWriteW,
};
use zeroize::Zeroizing;

use crate::win32::{done, runs, text_at, wide};

/// Begins the comment; the process number follows.
const OURS: &str = "deskgate ";

/// A password that lies ready, and gone when it is dropped.
pub(super) struct Credential {
    target: Vec<u16>,
}

impl Credential {
    /// Puts it there. None if the person keeps one of their own there, which is left alone.
    pub(super) fn keep(host: IpAddr, user: &str, password: &Password) -> io::Result<Option<Self>> {
        let mut target = target(host);
        if is_there(&target) {
            return Ok(None);
        }
        let (mut user, mut comment) = (wide(user), wide(comment(std::process::id())));
        // Room for all of it: growing would leave copies behind.
        let mut secret = Zeroizing::new(Vec::with_capacity(password.expose().len()));
        secret.extend(password.expose().encode_utf16());
        let credential = CREDENTIALW {
            Type: CRED_TYPE_GENERIC,
            TargetName: target.as_mut_ptr(),
            Comment: comment.as_mut_ptr(),
            CredentialBlobSize: size_of_val(secret.as_slice()) as u32,
            CredentialBlob: secret.as_mut_ptr().cast(),
            Persist: CRED_PERSIST_SESSION,
            UserName: user.as_mut_ptr(),
            ..CREDENTIALW::default()
        };
        // SAFETY: the texts end with a zero, the secret is as long as said, and all live until the call is over, which copies them.
        done(unsafe { CredWriteW(&raw const credential, 0) })?;
        Ok(Some(Self { target }))
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        if owner(&self.target) == Some(std::process::id()) {
            delete(&self.target);
        }
    }
}

/// Deletes what a killed program of ours left there. What another one of ours needs, or a person keeps, stays.
pub(super) fn forget_left(host: IpAddr) {
    let target = target(host);
    // We have put nothing there yet: our own number is that of one before us, used again.
    if owner(&target).is_some_and(|process| process == std::process::id() || !runs(process)) {
        delete(&target);
    }
}

/// The name that mstsc looks for, with a zero at its end.
fn target(host: IpAddr) -> Vec<u16> {
    wide(format!("TERMSRV/{host}"))
}

/// What the comment says of one of ours.
fn comment(process: u32) -> String {
    format!("{OURS}{process}")
}

fn is_there(target: &[u16]) -> bool {
    look(target, |_| ()).is_some()
}

/// The process of ours that put it there. None if there is nothing, or something of somebody else.
fn owner(target: &[u16]) -> Option<u32> {
    let comment = look(target, |found| {
        // SAFETY: where there is a comment it ends with a zero.
        (!found.Comment.is_null()).then(|| unsafe { text_at(found.Comment) })
    })??;
    comment.to_str()?.strip_prefix(OURS)?.parse().ok()
}

/// Looks at what is there.
fn look<T>(target: &[u16], at: impl FnOnce(&CREDENTIALW) -> T) -> Option<T> {
    let mut found = null_mut();
    // SAFETY: the text ends with a zero, and there is a place for the answer.
    done(unsafe { CredReadW(target.as_ptr(), CRED_TYPE_GENERIC, 0, &raw mut found) }).ok()?;
    // SAFETY: the call said that it made one of these.
    let seen = at(unsafe { &*found });
    // SAFETY: it is ours to give back, and not used again.
    unsafe { CredFree(found.cast()) };
    Some(seen)
}

fn delete(target: &[u16]) {
    // SAFETY: the text ends with a zero. Nothing there is as good.
    unsafe { CredDeleteW(target.as_ptr(), CRED_TYPE_GENERIC, 0) };
}

//! What macOS knows of the login that this program runs in: whether there is a screen, and whether it is locked.

#![allow(unsafe_code, reason = "a look into a dictionary of the system, with why it is sound")]

use objc2_core_foundation::{CFBoolean, CFString, CFType};
use objc2_core_graphics::CGSessionCopyCurrentDictionary;

/// What stands in a login's dictionary while its screen is locked. Apple describes it nowhere; browsers rely on it.
const LOCKED: &str = "CGSSessionScreenIsLocked";

/// Whether this login has a screen.
pub(crate) fn has_screen() -> bool {
    CGSessionCopyCurrentDictionary().is_some()
}

/// Whether its screen is locked. None where there is none.
pub(crate) fn screen_is_locked() -> Option<bool> {
    let login = CGSessionCopyCurrentDictionary()?;
    let key = CFString::from_static_str(LOCKED);
    // SAFETY: the keys of this dictionary are texts, and this one lives until the call is over.
    let value = unsafe { login.value((&raw const *key).cast()) };
    // SAFETY: it is null, or an object that lives as long as the dictionary.
    let value = unsafe { value.cast::<CFType>().as_ref() };
    Some(value.is_some_and(|value| value.downcast_ref::<CFBoolean>().is_none_or(CFBoolean::as_bool)))
}

//! On Windows a crash is reported without memory. Other programs of the same user may look in all the same.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use windows_sys::Win32::System::{
    Diagnostics::Debug::{SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SetErrorMode},
    ErrorReporting::{WER_FAULT_REPORTING_FLAG_NOHEAP, WerSetFlags},
};

/// No memory of this program in what is reported, or kept, of a crash. A system that does not know how is no reason to refuse work.
pub(crate) fn hide() {
    // SAFETY: only numbers go in.
    unsafe {
        SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
        WerSetFlags(WER_FAULT_REPORTING_FLAG_NOHEAP);
    }
}

//! On Windows a list says it, which nothing is inherited into: this account, the system, the administrators.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use std::{
    fs::{self, File},
    io,
    path::Path,
    ptr::null_mut,
};

use windows_sys::Win32::{
    Foundation::LocalFree,
    Security::{
        Authorization::{ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1},
        SECURITY_ATTRIBUTES,
    },
    Storage::FileSystem::{CREATE_NEW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_GENERIC_WRITE},
};

use crate::win32::{done, our_account, owned, wide};

/// A new file; what is there already is an error.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let account = our_account().ok_or(io::ErrorKind::PermissionDenied)?;
    let list = wide(format!("D:P(A;;FA;;;{account})(A;;FA;;;SY)(A;;FA;;;BA)"));
    let mut list_read = null_mut();
    // SAFETY: the text ends with a zero, and there is a place for what it is read into.
    done(unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            list.as_ptr(),
            SDDL_REVISION_1,
            &raw mut list_read,
            null_mut(),
        )
    })?;
    let security = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: list_read,
        bInheritHandle: 0,
    };
    let name = wide(path);
    // SAFETY: name and list live on; nobody else may open it while it is written.
    let file = owned(unsafe {
        CreateFileW(
            name.as_ptr(),
            FILE_GENERIC_WRITE,
            0,
            &raw const security,
            CREATE_NEW,
            FILE_ATTRIBUTE_NORMAL,
            null_mut(),
        )
    });
    // SAFETY: made above, ours to give back, and not used again.
    unsafe { LocalFree(list_read) };
    file.map(File::from)
}

/// A folder and those above it, as far as they are not there. It lies in the user's own folder, and is as private as that.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

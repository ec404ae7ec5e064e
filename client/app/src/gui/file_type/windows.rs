//! On Windows the program says it itself, for this user alone: in two keys of its own under `HKEY_CURRENT_USER\\Software\\Classes`, which hold where it
//! lies, and which it writes again where that, or the language, is another one.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use std::{
    io,
    path::Path,
    ptr::{null, null_mut},
};

use windows_sys::Win32::{
    Foundation::{ERROR_SUCCESS, WIN32_ERROR},
    System::Registry::{HKEY_CURRENT_USER, REG_SZ, RRF_RT_REG_SZ, RegGetValueW, RegSetKeyValueW},
    UI::Shell::{SHCNE_ASSOCCHANGED, SHCNF_IDLIST, SHChangeNotify},
};

use crate::win32::wide;

/// What the ending leads to.
const KIND: &str = "Deskgate.Profile";
/// The program for a console has no business with a double click.
const OF_CONSOLE: &str = "-console";
/// So many letters of a value are looked at: more than any of ours has.
const LONGEST: usize = 1024;

/// Says it, with what the kind of file is called. Where the system does not let us, the worker opens the file with the program.
pub(crate) fn register(kind: &str) {
    let Ok(program) = std::env::current_exe() else { return };
    if program.file_stem().is_some_and(|name| name.to_string_lossy().ends_with(OF_CONSOLE)) {
        return;
    }
    match write(&values(&program, kind)) {
        Ok(false) => {}
        // SAFETY: the event is one that goes with nothing.
        Ok(true) => unsafe { SHChangeNotify(SHCNE_ASSOCCHANGED as i32, SHCNF_IDLIST, null(), null()) },
        Err(error) => tracing::debug!(%error, "the file type is not registered"),
    }
}

/// Keys and what stands in each.
fn values(program: &Path, kind: &str) -> [(String, String); 4] {
    let program = program.display();
    let key = |below: &str| format!(r"Software\Classes\{below}");
    [
        (key(".deskgate"), KIND.to_owned()),
        (key(KIND), kind.to_owned()),
        (key(&format!(r"{KIND}\DefaultIcon")), format!("\"{program}\",0")),
        (key(&format!(r"{KIND}\shell\open\command")), format!("\"{program}\" \"%1\"")),
    ]
}

/// Writes what is not there yet. Whether anything was.
fn write(values: &[(String, String)]) -> io::Result<bool> {
    let mut changed = false;
    for (key, value) in values {
        let (key, value) = (wide(key), wide(value));
        if read(&key).as_deref() == Some(value.as_slice()) {
            continue;
        }
        let bytes = size_of_val(value.as_slice()) as u32;
        // SAFETY: both texts live on and end with a zero; the second is so many bytes long.
        answered(unsafe {
            RegSetKeyValueW(HKEY_CURRENT_USER, key.as_ptr(), null(), REG_SZ, value.as_ptr().cast(), bytes)
        })?;
        changed = true;
    }
    Ok(changed)
}

/// What stands in a key, with its zero.
fn read(key: &[u16]) -> Option<Vec<u16>> {
    let mut value = vec![0; LONGEST];
    let mut bytes = size_of_val(value.as_slice()) as u32;
    let (kind, into) = (null_mut(), value.as_mut_ptr().cast());
    // SAFETY: the key's name lives on and ends with a zero, and what is written fits or is not written.
    let answer =
        unsafe { RegGetValueW(HKEY_CURRENT_USER, key.as_ptr(), null(), RRF_RT_REG_SZ, kind, into, &raw mut bytes) };
    answered(answer).ok()?;
    value.truncate(bytes as usize / size_of::<u16>());
    Some(value)
}

fn answered(answer: WIN32_ERROR) -> io::Result<()> {
    if answer == ERROR_SUCCESS { Ok(()) } else { Err(io::Error::from_raw_os_error(answer as i32)) }
}

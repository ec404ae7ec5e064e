//! What programs are on every Unix: found along `PATH`, ended with all that they started, ended with a status or by a signal, and gone.

use std::{
    ffi::OsStr,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill, killpg},
    unistd::{AccessFlags, Pid, access},
};
use tokio::process::Child;

/// In a command that the person gives.
pub(super) const BACKSLASH_ESCAPES: bool = true;

/// A running program.
pub(super) type Running = Child;

/// A program and all that it started, while the program has not been seen to end.
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) fn of(running: &Running) -> Self {
        Self(running.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    pub(super) fn ask_to_end(&self) {
        self.send(Signal::SIGTERM);
    }

    pub(super) fn end(&self) {
        self.send(Signal::SIGKILL);
    }

    fn send(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // Nobody left in it is as good.
            let _ = killpg(group, signal);
        }
    }
}

/// An exit status in words.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// Whether a process runs; somebody else's is no business of ours, and runs too.
pub(super) fn runs(process: u32) -> bool {
    i32::try_from(process).is_ok_and(|process| kill(Pid::from_raw(process), None) != Err(Errno::ESRCH))
}

/// Finds a program as the shell would: a path as it is, a name along `PATH`.
pub(super) fn search(program: &OsStr) -> Option<PathBuf> {
    let is_program = |path: &Path| access(path, AccessFlags::X_OK).is_ok() && path.is_file();
    if program.as_encoded_bytes().contains(&b'/') {
        return Some(PathBuf::from(program)).filter(|path| is_program(path));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| is_program(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_along_the_path_and_folders_are_none() {
        assert!(search(OsStr::new("sh")).is_some());
        assert!(search(OsStr::new("/bin/sh")).is_some());
        assert_eq!(search(OsStr::new("/bin")), None);
        assert_eq!(search(OsStr::new("no-such-program-anywhere")), None);
    }
}

//! How programs are found, started and ended on Linux.
//!
//! A program gets a session of its own (`setsid`): a Ctrl-C at our terminal is for us to act on, a program in the
//! background that asks at the terminal would be stopped there for ever, and all that it starts can be ended together.
//! It also dies with us, whatever we die of. Both are done by this very program, started again for that purpose: a
//! process may only do them to itself, between fork and exec, where Rust has no safe way in.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::fd::AsFd as _,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use nix::{
    sys::{
        prctl,
        signal::{Signal, killpg},
    },
    unistd::{Pid, getppid, setsid},
};
use tokio::process::{Child, Command};

/// In a command that the person gives.
pub(super) const BACKSLASH_ESCAPES: bool = true;
/// FreeRDP answers `--version` and does nothing else.
pub(super) const PROGRAMS_TELL_VERSIONS: bool = true;
/// The first argument by which this program knows that it was started to become another one.
const BECOME: &str = "become-program";
/// FreeRDP's programs, the better one first.
const PROGRAMS: [&str; 3] = ["xfreerdp3", "xfreerdp", "wlfreerdp"];

/// Starts programs.
#[derive(Debug)]
pub(crate) struct Launcher {
    ourselves: PathBuf,
}

impl Launcher {
    pub(crate) fn new() -> Self {
        // Still the same program after an upgrade has replaced the file.
        Self { ourselves: PathBuf::from("/proc/self/exe") }
    }

    /// `environment` is added to ours.
    pub(super) fn start(
        &self,
        program: &OsStr,
        arguments: &[OsString],
        environment: Vec<(&'static str, PathBuf)>,
        input: Stdio,
    ) -> io::Result<Running> {
        // Found before starting: the go-between could only say so with an exit status.
        let program = search(program).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "not found"))?;
        let mut command = Command::new(&self.ourselves);
        command.envs(environment);
        command
            .arg0("deskgate")
            .arg(BECOME)
            .arg(std::process::id().to_string())
            .arg(program)
            .args(arguments)
            .stdin(input)
            .kill_on_drop(true)
            // Standard output is for the door's address alone.
            .stdout(io::stderr().as_fd().try_clone_to_owned()?)
            .spawn()
    }
}

/// Becomes another program, if this one was started for that purpose. Returns only if it was not, or if it failed.
pub(crate) fn become_program() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(BECOME)) {
        return Ok(());
    }
    let (Some(parent), Some(program)) = (arguments.next(), arguments.next()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    setsid()?;
    prctl::set_pdeathsig(Signal::SIGTERM)?;
    // Died in between: nobody is left to end us.
    if parent.to_str().and_then(|parent| parent.parse().ok()) != Some(getppid().as_raw()) {
        return Err(io::ErrorKind::NotConnected.into());
    }
    Err(std::process::Command::new(program).args(arguments).exec())
}

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

/// Finds a program as the shell would: a path as it is, a name along `PATH`.
fn search(program: &OsStr) -> Option<PathBuf> {
    let is_program = |path: &Path| nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok() && path.is_file();
    if program.as_encoded_bytes().contains(&b'/') {
        return Some(PathBuf::from(program)).filter(|path| is_program(path));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| is_program(path))
}

/// Looks for an RDP program.
pub(super) fn find() -> Option<PathBuf> {
    PROGRAMS.iter().find_map(|name| search(OsStr::new(name)))
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

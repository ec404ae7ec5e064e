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
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use nix::{
    sys::{prctl, signal::Signal},
    unistd::{getppid, setsid},
};
use tokio::process::Command;

use super::Screen;
pub(super) use super::unix::{BACKSLASH_ESCAPES, Group, Running, describe, search};

/// The first argument by which this program knows that it was started to become another one.
const BECOME: &str = "become-program";
/// FreeRDP's programs, the better one first.
const PROGRAMS: [&str; 3] = ["xfreerdp3", "xfreerdp", "wlfreerdp"];
/// FreeRDP's.
pub(super) const USUAL_SCREEN: Screen = Screen::Window;

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

/// FreeRDP answers `--version` and does nothing else.
pub(super) fn tells_version(_: &Path) -> bool {
    true
}

/// Looks for an RDP program.
pub(super) fn find() -> Option<PathBuf> {
    PROGRAMS.iter().find_map(|name| search(OsStr::new(name)))
}

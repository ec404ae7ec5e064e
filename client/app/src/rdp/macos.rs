//! How programs are found, started and ended on macOS.
//!
//! An application (a folder `NAME.app`) is opened by the system, which starts it and says when it has ended; we end only who waits for that.
//! Any other program gets a session of its own, as on Linux and for the same reasons. Nothing here dies with us when we are killed: what
//! goes with us is the door, and with it what the program shows.

#![allow(unsafe_code, reason = "what a program does to itself before it becomes another one, with why it is sound")]

use std::{
    ffi::{OsStr, OsString},
    io,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use nix::unistd::setsid;
use tokio::process::Command;

pub(super) use super::unix::{BACKSLASH_ESCAPES, Group, Running, describe, runs};
use super::{Screen, unix::search};

/// What opens applications; the system's own, whatever `PATH` says.
const OPEN: &str = "/usr/bin/open";
/// FreeRDP's programs, the better one first: whoever put one there wants it, and its end is seen when its window is closed.
const PROGRAMS: [&str; 4] = ["sdl-freerdp", "sdl3-freerdp", "xfreerdp3", "xfreerdp"];
/// Where Homebrew and MacPorts put programs: what is started without a terminal does not have them in its `PATH`.
const FOLDERS: [&str; 3] = ["/opt/homebrew/bin", "/usr/local/bin", "/opt/local/bin"];
/// Microsoft's application under its names, today's first.
const APPLICATIONS: [&str; 2] = ["Windows App.app", "Microsoft Remote Desktop.app"];
/// That of Microsoft's application.
pub(super) const USUAL_SCREEN: Screen = Screen::Full;

/// Starts programs.
#[derive(Debug)]
pub(crate) struct Launcher;

impl Launcher {
    pub(crate) fn new() -> Self {
        Self
    }

    /// `environment` is added to ours.
    pub(super) fn start(
        &self,
        program: &OsStr,
        arguments: &[OsString],
        environment: Vec<(&'static str, PathBuf)>,
        input: Stdio,
    ) -> io::Result<Running> {
        let mut command = match Path::new(program) {
            application if is_application(application) => opening(application),
            _ => Command::new(search(program).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "not found"))?),
        };
        command
            .args(arguments)
            .envs(environment)
            .stdin(input)
            .kill_on_drop(true)
            // Standard output is for the door's address alone.
            .stdout(io::stderr().as_fd().try_clone_to_owned()?);
        // SAFETY: between fork and exec it makes one call of the system, which takes no lock and no memory.
        unsafe { command.pre_exec(|| setsid().map(drop).map_err(io::Error::from)) };
        command.spawn()
    }
}

/// Opens one more of it, were one there already, and ends when that does.
fn opening(application: &Path) -> Command {
    let mut command = Command::new(OPEN);
    command.args(["-W", "-n", "-a"]).arg(application);
    command
}

/// Whether it is one that the system opens.
pub(super) fn is_application(program: &Path) -> bool {
    program.extension().is_some_and(|extension| extension == "app") && program.is_dir()
}

/// Nothing has to become another program here.
pub(crate) fn become_program() -> io::Result<()> {
    Ok(())
}

/// FreeRDP answers `--version` and does nothing else; an application would open its window.
pub(super) fn tells_version(program: &Path) -> bool {
    !is_application(program)
}

/// Looks for an RDP program.
pub(super) fn find() -> Option<PathBuf> {
    let in_folders = |name| FOLDERS.iter().find_map(|folder| search(Path::new(folder).join(name).as_os_str()));
    PROGRAMS.iter().find_map(|name| search(OsStr::new(name)).or_else(|| in_folders(name))).or_else(application)
}

/// Looks for an application, everybody's first and then this person's own.
fn application() -> Option<PathBuf> {
    let own = std::env::var_os("HOME").map(|home| Path::new(&home).join("Applications"));
    let folders: Vec<PathBuf> = [PathBuf::from("/Applications")].into_iter().chain(own).collect();
    let places = APPLICATIONS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|place| is_application(place))
}

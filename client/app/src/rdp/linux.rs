//! How programs are found, started and ended on Linux, and how FreeRDP is spoken to.
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

use gateway_api::login::Redirection;
use nix::{
    sys::{
        prctl,
        signal::{Signal, killpg},
    },
    unistd::{Pid, getppid, setsid},
};
use tokio::process::{Child, Command};

use super::Desktop;

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

    pub(super) fn start(&self, program: &OsStr, arguments: &[OsString]) -> io::Result<Child> {
        // Found before starting: the go-between could only say so with an exit status.
        let program = search(program).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "not found"))?;
        Command::new(&self.ourselves)
            .arg0("deskgate")
            .arg(BECOME)
            .arg(std::process::id().to_string())
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
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

fn group(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw)
}

pub(super) fn ask_to_end(child: &Child) {
    if let Some(group) = group(child) {
        let _ = killpg(group, Signal::SIGTERM);
    }
}

pub(super) fn end(child: &mut Child) {
    if let Some(group) = group(child) {
        let _ = killpg(group, Signal::SIGKILL);
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

/// An RDP program of this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found(PathBuf);

impl Found {
    /// What people know it by.
    pub(crate) fn name(&self) -> String {
        self.0.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Looks for an RDP program.
pub(crate) fn find() -> Option<Found> {
    PROGRAMS.iter().find_map(|name| search(OsStr::new(name))).map(Found)
}

/// What FreeRDP is told; the same words mean the same to its versions 2 and 3.
pub(super) fn command(found: &Found, desktop: &Desktop<'_>) -> io::Result<Vec<OsString>> {
    let mut words: Vec<OsString> = vec![found.0.clone().into()];
    words.extend(arguments(desktop).into_iter().map(OsString::from));
    Ok(words)
}

fn arguments(desktop: &Desktop<'_>) -> Vec<String> {
    let Desktop { door, user, workstation, redirect } = desktop;
    let granted = |what: Redirection| redirect.contains(&what);
    let mut arguments = vec![
        format!("/v:{door}"),
        format!("/u:{user}"),
        format!("/t:{workstation}"),
        // A certificate seen for the first time is remembered under the workstation's name; another one later is
        // refused. Neither asks, for there may be nobody to answer.
        format!("/cert:tofu,deny,name:{workstation}"),
        "-multitransport".to_owned(), // TCP only: the tunnel grants nothing else
        "+auto-reconnect".to_owned(),
        "/auto-reconnect-max-retries:20".to_owned(),
        "/dynamic-resolution".to_owned(),
    ];
    arguments.push(if granted(Redirection::Clipboard) { "+clipboard" } else { "-clipboard" }.to_owned());
    for (redirection, argument) in [
        (Redirection::Drives, "+home-drive"),
        (Redirection::Printers, "/printer"),
        (Redirection::Audio, "/sound"),
        (Redirection::Microphone, "/microphone"),
        (Redirection::Smartcards, "/smartcard"),
    ] {
        if granted(redirection) {
            arguments.push(argument.to_owned());
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desktop(redirect: &[Redirection]) -> Desktop<'_> {
        Desktop { door: ([127, 0, 0, 1], 4711).into(), user: "m.rossi", workstation: "anagrafe-07", redirect }
    }

    #[test]
    fn nothing_is_shared_unless_granted() {
        let nothing = arguments(&desktop(&[]));
        assert!(nothing.contains(&"-clipboard".to_owned()) && nothing.contains(&"-multitransport".to_owned()));
        for word in ["+clipboard", "+home-drive", "+drives", "/printer", "/sound", "/microphone", "/smartcard"] {
            assert!(!nothing.contains(&word.to_owned()), "{word}");
        }
        let some = arguments(&desktop(&[Redirection::Clipboard, Redirection::Audio]));
        assert!(some.contains(&"+clipboard".to_owned()) && some.contains(&"/sound".to_owned()));
        assert!(!some.contains(&"+home-drive".to_owned()));
    }

    #[test]
    fn the_certificate_is_never_ignored() {
        assert!(arguments(&desktop(&[])).iter().all(|word| !word.contains("ignore")));
    }

    #[test]
    fn programs_are_found_along_the_path_and_folders_are_none() {
        assert!(search(OsStr::new("sh")).is_some());
        assert!(search(OsStr::new("/bin/sh")).is_some());
        assert_eq!(search(OsStr::new("/bin")), None);
        assert_eq!(search(OsStr::new("no-such-program-anywhere")), None);
    }
}

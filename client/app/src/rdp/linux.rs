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
pub(super) use super::unix::{BACKSLASH_ESCAPES, Group, Running, describe, runs, search};

/// The first argument by which this program knows that it was started to become another one.
const BECOME: &str = "become-program";
/// FreeRDP's programs, the better one first.
const PROGRAMS: [&str; 3] = ["xfreerdp3", "xfreerdp", "wlfreerdp"];
/// What is taken where there is none of them.
const REMMINA: &str = "remmina";
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

/// FreeRDP answers `--version` and does nothing else; Remmina makes itself at home in the person's folders first.
pub(super) fn tells_version(program: &Path) -> bool {
    !is_remmina(program)
}

/// Looks for an RDP program.
pub(super) fn find() -> Option<PathBuf> {
    let remmina = || search(OsStr::new(REMMINA)).filter(|program| speaks_rdp(program));
    PROGRAMS.iter().find_map(|name| search(OsStr::new(name))).or_else(remmina)
}

/// Whether it is the one that is told everything in a profile.
pub(super) fn is_remmina(program: &Path) -> bool {
    program.file_name() == Some(OsStr::new(REMMINA))
}

/// Whether a Remmina has its part for RDP, which is a package of its own. One out of a sandbox (a snap) has it elsewhere, and could not read
/// what it is told.
fn speaks_rdp(remmina: &Path) -> bool {
    let place = remmina.parent().and_then(Path::parent).unwrap_or(remmina);
    let debian = format!("lib/{}-linux-gnu", std::env::consts::ARCH);
    let plugin = |library| place.join(library).join("remmina/plugins/remmina-plugin-rdp.so");
    [debian.as_str(), "lib64", "lib"].into_iter().any(|library| plugin(library).is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_remmina_without_its_part_for_rdp_is_none() {
        let place = tempfile::tempdir().unwrap();
        let remmina = place.path().join("bin/remmina");
        assert!(is_remmina(&remmina) && !is_remmina(Path::new("/usr/bin/xfreerdp")));
        assert!(!speaks_rdp(&remmina));
        let plugins = place.path().join("lib64/remmina/plugins");
        fs::create_dir_all(&plugins).unwrap();
        fs::write(plugins.join("remmina-plugin-rdp.so"), "").unwrap();
        assert!(speaks_rdp(&remmina));
    }
}

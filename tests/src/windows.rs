//! A home computer with Windows, as far as Wine is one: the real programs for it, and stand-ins for what Wine has not.
//!
//! Its disk lies in the world's folder and its processes are the home computer's, so that all of it goes with the world.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{gateway::label, netns::Computer, screen::Screen, wait, world::World};

/// Wine's own program, without the script around it: what is started is the process that becomes the program of Windows.
const WINE: &str = "/usr/lib/wine/wine64";
/// Makes programs for Windows.
const COMPILER: &str = "x86_64-w64-mingw32-gcc";

/// A computer's Windows.
#[derive(Debug)]
pub struct Windows<'w> {
    computer: &'w Computer,
    /// All disks, as Wine keeps them.
    prefix: PathBuf,
    /// Where the worker has unpacked the zip.
    unpacked: PathBuf,
}

impl<'w> Windows<'w> {
    /// Installs it on the home computer, whose screen is on: with mstsc, which is ours, and our programs in a folder.
    ///
    /// # Panics
    /// When something is missing: `./check windows` brings it.
    pub fn install(world: &'w World) -> Self {
        let folder = world.folder();
        let windows = Self { computer: &world.home, prefix: folder.join("windows"), unpacked: folder.join("unpacked") };
        fs::create_dir(&windows.unpacked).expect("the world's folder is writable");
        for program in ["deskgate.exe", "deskgate-console.exe"] {
            let built = tree().join("../target/windows/debug").join(program);
            fs::copy(&built, windows.unpacked.join(program))
                .unwrap_or_else(|e| panic!("`{}`: {e}: run `./check windows`", built.display()));
        }
        make("echo.c", &windows.unpacked.join("echo.exe"), &["-lws2_32"]);
        make("credential.c", &windows.unpacked.join("credential.exe"), &["-ladvapi32"]);
        let mut command = windows.wine();
        command.args(["wineboot.exe", "--init"]);
        let mut installing = windows.computer.spawn(&label("wineboot"), command, "");
        let status = installing.wait(4 * wait::SOON);
        assert!(status.success(), "no Windows: {}", installing.stderr());
        let system = windows.prefix.join("drive_c/windows/system32");
        make("mstsc.c", &system.join("mstsc.exe"), &["-municode", "-mwindows", "-lws2_32"]);
        let random = system.join("bcryptprimitives.dll");
        if !random.exists() {
            make("bcryptprimitives.c", &random, &["-shared", "-ladvapi32"]);
        }
        windows
    }

    /// A program of the unpacked zip, or one beside it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.wine();
        command.arg(self.unpacked.join(program));
        command
    }

    /// Logs the person off: all windows are told, and whoever owns one is ended once they have answered. It is over then.
    ///
    /// # Panics
    /// When somebody holds it up.
    pub fn log_off(&self) {
        let mut command = self.wine();
        command.args(["wineboot.exe", "--end-session", "--shutdown"]);
        let mut leaving = self.computer.spawn(&label("wineboot"), command, "");
        let status = leaving.wait(wait::SOON);
        assert!(status.success(), "nobody is logged off: {}", leaving.stderr());
    }

    /// Shows everybody the file types that are this user's own. Windows itself lays these over the others; Wine 8 has only the others.
    ///
    /// # Panics
    /// When it cannot be done.
    pub fn merge_file_types(&self) {
        let [own, all] = ["HKCU", "HKLM"].map(|root| format!(r"{root}\Software\Classes"));
        let output = self.wine().args(["reg.exe", "copy", &own, &all, "/s", "/f"]).output().expect("wine starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// Opens a file as a double click does: with the program that its ending leads to.
    pub fn open(&self, path: &Path) -> Command {
        let mut command = self.wine();
        command.args(["start.exe", "/wait", &self.path(path)]);
        command
    }

    fn wine(&self) -> Command {
        let mut command = self.computer.command(WINE);
        command.env("WINEPREFIX", &self.prefix).env("DISPLAY", Screen::DISPLAY);
        // There is no graphics card in the world.
        command.env("LIBGL_ALWAYS_SOFTWARE", "1").env_remove("WAYLAND_DISPLAY");
        // What Wine wants to say, and to fetch from the Internet, nobody here needs.
        command.env("WINEDEBUG", "-all").env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=");
        command
    }

    /// How programs of this Windows name a file that everybody else names `path`.
    pub fn path(&self, path: &Path) -> String {
        format!("Z:{}", path.display()).replace('/', "\\")
    }

    /// A program beside ours, as this Windows names it.
    pub fn beside(&self, program: &str) -> String {
        self.path(&self.unpacked.join(program))
    }

    /// The files that our program keeps for its user.
    ///
    /// # Panics
    /// When nobody can look.
    pub fn own_files(&self) -> String {
        let users = self.prefix.join("drive_c/users");
        self.computer.sh(&format!("find '{}' -path '*/AppData/Local/deskgate/*' -type f", users.display()))
    }

    /// What lies ready for mstsc in the Credential Manager: user, bytes of the password, and 1 where it goes with the logon; `nothing`
    /// where there is nothing.
    ///
    /// # Panics
    /// When nobody can look.
    pub fn credential(&self) -> String {
        let output = self.command("credential.exe").output().expect("wine starts");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Whether a program runs at this moment.
    pub fn runs(&self, program: &str) -> bool {
        !self.pids(program).is_empty()
    }

    /// For how many seconds a program has been running. None where it does not.
    pub fn age(&self, program: &str) -> Option<u64> {
        let listed = self.computer.sh(&format!("ps -o etimes= -p '{}' || true", self.pids(program).join(",")));
        listed.lines().filter_map(|line| line.trim().parse().ok()).min()
    }

    /// Ends a program without a word to it.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&self, program: &str) {
        let pids = self.pids(program);
        assert!(!pids.is_empty(), "`{program}` does not run");
        self.computer.sh(&format!("kill -9 {}", pids.join(" ")));
    }

    /// The program's processes, as the computer numbers them, without those that nobody has waited for. Wine gives a process the name
    /// of its program.
    fn pids(&self, program: &str) -> Vec<String> {
        self.computer
            .sh(&format!("pgrep --runstates D,R,S --exact '{program}' || true"))
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

/// This package, where it was built.
fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Builds a stand-in.
fn make(source: &str, to: &Path, more: &[&str]) {
    let mut command = Command::new(COMPILER);
    command
        .args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(to)
        .arg(tree().join("windows").join(source))
        .args(more);
    let output = command.output().unwrap_or_else(|e| panic!("`{COMPILER}`: {e}: run `./check windows`"));
    assert!(output.status.success(), "{source}: {}", String::from_utf8_lossy(&output.stderr));
}

//! The worker's program as a window: on a screen, driven by keyboard and mouse, looked at in pixels.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use gateway_api::{
    login::Language,
    profile::{Signed, Words},
};

use crate::{
    gateway::{CONTROL_PORT, Gateway, at, label},
    netns::{Computer, Process},
    screen::{FEW_COLOURS, Screen},
    wait,
    world::{GATEWAY, World, program, programs},
};

/// The sign beside a sentence that is bad news, in the light look.
pub const BAD_NEWS: [u8; 3] = [0x9b, 0x1c, 0x17];
/// The sign beside one that warns.
pub const WARNING: [u8; 3] = [0x7a, 0x48, 0x00];

/// What a sentence that is neither stands on.
pub const NEWS: [u8; 3] = [0xe8, 0xf0, 0xf9];

/// The colour of the button that most people want, in the light look.
const BUTTON: [u8; 3] = [0x12, 0x4f, 0x8f];
/// The share of the screen that it takes at least: a third of it is enough.
const ENOUGH: f64 = 0.004;

/// A running window.
#[derive(Debug)]
pub struct Window<'a> {
    computer: &'a Computer,
    process: Process,
}

/// The file that an office would send to its workers, with more lines of it, signed as an office signs it.
///
/// # Panics
/// When the world's folder cannot be written, or the gateway's program does not sign.
pub fn profile(world: &World, gateway: &Gateway<'_>, more: &str) -> PathBuf {
    signed(world, gateway, &format!("server = \"{}\"\n{more}", at(GATEWAY, CONTROL_PORT)))
}

/// The same where it gives the gateway these names.
pub fn profile_of_names(world: &World, gateway: &Gateway<'_>, names: &[&str]) -> PathBuf {
    signed(world, gateway, &format!("servers = {names:?}"))
}

fn signed(world: &World, gateway: &Gateway<'_>, more: &str) -> PathBuf {
    let folder = world.folder();
    let [text, key, signed] = ["text", "key", "deskgate"].map(|end| folder.join(format!("{}.{end}", label("comune"))));
    let pin = gateway.fingerprint();
    let language = if more.contains("language =") { "" } else { "language = \"en\"\n" };
    let lines = format!("fingerprints = [\"{pin}\"]\nhelp = \"06 1234567\"\n{language}{more}\n");
    std::fs::write(&text, lines).expect("the world's folder is writable");
    office(&[OsStr::new("key"), key.as_os_str(), OsStr::new("--no-passphrase")]);
    let [sign, by, to] = ["sign", "--key", "--to"].map(OsStr::new);
    office(&[sign, text.as_os_str(), by, key.as_os_str(), to, signed.as_os_str()]);
    signed
}

/// `deskgate-gateway profile …`, on a computer that is no gateway.
fn office(arguments: &[&OsStr]) {
    let output = Command::new(program("deskgate-gateway")).arg("profile").args(arguments).output();
    let output = output.expect("the program is built");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What the office's letter says about a profile.
///
/// # Panics
/// When it is no profile.
pub fn letter(profile: &Path) -> Words {
    let text = std::fs::read_to_string(profile).expect("it was written");
    let signed = Signed::read(&text).expect("it is signed");
    let language = if signed.body.contains("language = \"it\"") { Language::It } else { Language::En };
    signed.origin.key.words(language)
}

/// Where pictures of the whole screen go, to be looked at.
///
/// # Panics
/// When it cannot be made.
pub fn pictures() -> PathBuf {
    let folder = programs().join("pictures-of-the-window");
    std::fs::create_dir_all(&folder).expect("beside the programs");
    folder
}

impl<'a> Window<'a> {
    /// Starts the program on a computer with a screen, for a worker who has compared the six words; `run` takes the place of the RDP program.
    pub fn start(computer: &'a Computer, profile: &Path, run: &str) -> Self {
        Self::start_with(computer, profile, &["--trust", &letter(profile).to_string(), "--run", run])
    }

    /// The same for one who has not, and with other arguments.
    pub fn start_with(computer: &'a Computer, profile: &Path, more: &[&str]) -> Self {
        let mut command = computer.command(program("deskgate"));
        command.arg("window").arg(profile).args(more);
        Self::start_as(computer, command)
    }

    /// The same by a command that names the program and its arguments already.
    pub fn start_as(computer: &'a Computer, mut command: Command) -> Self {
        // As a login makes it: for one user and nobody else.
        computer.sh("install -d -m 700 /tmp/runtime");
        command.env("DISPLAY", Screen::DISPLAY).env("XDG_RUNTIME_DIR", "/tmp/runtime");
        // There is no graphics card in the world.
        command.env("LIBGL_ALWAYS_SOFTWARE", "1").env_remove("WAYLAND_DISPLAY");
        // What draws in its place takes memory for each processor.
        command.env("LP_NUM_THREADS", "2");
        Self { computer, process: computer.spawn(&label("window"), command, "") }
    }

    /// Waits until it is drawn, with a button to press in it.
    ///
    /// # Panics
    /// When it is not; what the program said is shown.
    pub fn wait_for_button(&self, screen: &Screen<'_>) {
        let drawn = wait::within(2 * wait::SOON, || (screen.share_of_colour(BUTTON) > ENOUGH).then_some(()));
        assert!(drawn.is_some(), "no window: {}", self.said());
    }

    /// Brings it to the front and gives it the keyboard, as a click on it would.
    pub fn activate(&self) {
        self.computer
            .sh(&format!("DISPLAY={} xdotool search --name '^Deskgate$' windowactivate --sync", Screen::DISPLAY));
    }

    /// The title of the window that has the keyboard.
    pub fn active(computer: &Computer) -> String {
        let line = format!("DISPLAY={} xdotool getactivewindow getwindowname || true", Screen::DISPLAY);
        computer.sh(&line).trim().to_owned()
    }

    /// Draws it for the manual, frame and all, into the folder `DESKGATE_PICTURES`; nowhere where that is not set (`tests/pictures`).
    ///
    /// # Panics
    /// When there is no window, or the folder cannot be written.
    pub fn draw(&self, name: &str) {
        let Some(folder) = std::env::var_os("DESKGATE_PICTURES") else { return };
        let line = format!(
            "import -silent -frame -window $(xdotool search --onlyvisible --name '^Deskgate$') {FEW_COLOURS} png8:-"
        );
        let mut command = self.computer.command("sh");
        command.args(["-c", &line]).env("DISPLAY", Screen::DISPLAY);
        let drawn = command.output().expect("nsenter is part of util-linux");
        assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), drawn.stdout).expect("the folder is writable");
    }

    /// All it said to the terminal.
    pub fn said(&self) -> String {
        self.process.stdout() + &self.process.stderr()
    }

    /// Waits for its end: the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.process.wait(wait::SOON).code()
    }

    /// The process, seen from outside the computer.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

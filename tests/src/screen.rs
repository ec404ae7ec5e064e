//! The worker's screen, keyboard and mouse: an X server that draws into memory, looked at in pixels.

use std::path::Path;

use nix::sys::signal::Signal;

use crate::{
    netns::{Computer, Process},
    rdp::Wallpaper,
    wait,
};

/// Width and height of the screen, in pixels.
const SIZE: (usize, usize) = (1280, 900);

/// What ImageMagick makes a small picture with.
pub(crate) const FEW_COLOURS: &str = "+dither -colors 64";

/// One X server on one computer.
#[derive(Debug)]
pub struct Screen<'a> {
    computer: &'a Computer,
    /// Dropped before the server they talk to.
    notifications: Option<Process>,
    programs: Vec<Process>,
    server: Process,
}

impl<'a> Screen<'a> {
    /// The name that programs on its computer find it by. Each computer has its own `/tmp`, so one number serves all.
    pub const DISPLAY: &'static str = ":7";

    /// Switches the screen on.
    ///
    /// # Panics
    /// When there is no picture soon.
    pub fn start(computer: &'a Computer) -> Self {
        computer.sh("install -d -m 1777 /tmp/.X11-unix");
        let mut command = computer.command("Xvfb");
        let size = format!("{}x{}x24", SIZE.0, SIZE.1);
        command.args([Self::DISPLAY, "-screen", "0", &size, "-nolisten", "tcp", "-noreset", "-ac"]);
        let server = computer.spawn(&format!("{}.screen", computer.name()), command, "");
        let screen = Self { computer, notifications: None, programs: Vec::new(), server };
        wait::until("the screen", wait::SOON, || screen.picture().map(|_| ()));
        screen
    }

    /// Takes the screen away from all programs at once, as at a logout.
    pub fn take_away(self) {
        self.server.signal(Signal::SIGKILL);
    }

    /// Gives windows their frames, and the screen a colour of its own.
    ///
    /// # Panics
    /// When the window manager does not come up.
    pub fn manage_windows(&mut self) {
        let mut command = self.computer.command("openbox");
        command.env("DISPLAY", Self::DISPLAY);
        self.programs.push(self.computer.spawn(&format!("{}.windows", self.computer.name()), command, ""));
        let display = Self::DISPLAY;
        wait::until("the window manager", wait::SOON, || {
            self.computer.succeeds(&format!("DISPLAY={display} wmctrl -m")).then_some(())
        });
        // The mouse away from where windows come up, which show what it is over.
        self.computer.sh(&format!("export DISPLAY={display}; xsetroot -solid '#3b3f46'; xdotool mousemove 0 0"));
    }

    /// Shows notifications as desktops do, by a real service for them. What it was given can be read from then on.
    ///
    /// # Panics
    /// When the service does not come up.
    pub fn take_notifications(&mut self) {
        let bus = Bus::start(self.computer);
        let mut command = self.computer.command("dunst");
        command.arg("-print").env("DISPLAY", Self::DISPLAY);
        self.notifications = Some(self.computer.spawn(&format!("{}.notifications", self.computer.name()), command, ""));
        bus.wait_for("org.freedesktop.Notifications");
        self.programs.push(bus.server);
    }

    /// All notifications that were shown, as their service prints them.
    pub fn notified(&self) -> String {
        self.notifications.as_ref().map(Process::stdout).unwrap_or_default()
    }

    /// Opens a terminal that shows a file as it grows, at `geometry` as X has it.
    pub fn show_file(&mut self, title: &str, file: &Path, geometry: &str) {
        let mut command = self.computer.command("xterm");
        command.env("DISPLAY", Self::DISPLAY);
        command.args(["-title", title, "-fa", "Monospace", "-fs", "10", "-bg", "#14181d", "-fg", "#dde3ea"]);
        command.args(["-geometry", geometry, "-e", "tail", "-q", "-n", "+1", "-f"]).arg(file);
        self.programs.push(self.computer.spawn(&format!("{}.terminal", self.computer.name()), command, ""));
    }

    /// Brings a window to the front and gives it the keyboard, as a click on it would.
    pub fn activate(&self, title: &str) {
        self.computer.sh(&format!(
            "DISPLAY={} xdotool search --onlyvisible --name '^{title}$' windowactivate --sync",
            Self::DISPLAY
        ));
    }

    /// Whether a window fills the screen, as the window manager knows it.
    pub fn is_filled_by(&self, title: &str) -> bool {
        let state = format!("DISPLAY={} xprop -name '{title}' _NET_WM_STATE", Self::DISPLAY);
        self.computer.succeeds(&format!("{state} | grep -q FULLSCREEN"))
    }

    /// Puts a window away, as its frame's other button does.
    pub fn minimise(&self, title: &str) {
        self.computer.sh(&format!("DISPLAY={} xdotool search --name '^{title}$' windowminimize --sync", Self::DISPLAY));
    }

    /// Closes a window by its frame's button, so to speak: the program is asked to, not killed.
    pub fn close_window(&self, title: &str) {
        self.computer.sh(&format!("DISPLAY={} wmctrl -c '{title}'", Self::DISPLAY));
    }

    /// The share of the screen that a desktop's wallpaper covers, 0 to 1.
    pub fn share_of(&self, wallpaper: Wallpaper) -> f64 {
        self.share(wallpaper, 0)
    }

    /// The share of the screen that has a colour.
    pub fn share_of_colour(&self, colour: [u8; 3]) -> f64 {
        self.share(Wallpaper(colour), 0)
    }

    /// The share of pixels whose colours are at most `distance` from the wallpaper's.
    fn share(&self, wallpaper: Wallpaper, distance: u8) -> f64 {
        let picture = self.picture().unwrap_or_default();
        let pixels = picture.chunks_exact(3);
        let all = pixels.len().max(1);
        let near = |pixel: &&[u8]| pixel.iter().zip(wallpaper.0).all(|(seen, meant)| seen.abs_diff(meant) <= distance);
        pixels.filter(near).count() as f64 / all as f64
    }

    /// Waits until a desktop with that wallpaper is on the screen.
    ///
    /// # Panics
    /// When it does not come within a minute.
    pub fn wait_for(&self, wallpaper: Wallpaper) {
        wait::until("the desktop, in pixels", 2 * wait::SOON, || (self.share_of(wallpaper) > 0.2).then_some(()));
    }

    /// Waits until a desktop fills the screen: its wallpaper is wherever no window of its own stands.
    ///
    /// # Panics
    /// When it does not within a minute.
    pub fn wait_until_filled(&self, wallpaper: Wallpaper) {
        wait::until("a desktop everywhere", 2 * wait::SOON, || (self.share_of(wallpaper) > 0.95).then_some(()));
    }

    /// The same for a codec that does not keep colours exactly.
    ///
    /// # Panics
    /// When it does not come within a minute.
    pub fn wait_for_about(&self, wallpaper: Wallpaper) {
        wait::until("the desktop, in pixels", 2 * wait::SOON, || (self.share(wallpaper, 6) > 0.2).then_some(()));
    }

    /// Saves what the screen shows as PNG, with few colours, so that it is small.
    pub fn save(&self, to: &Path) {
        let display = Self::DISPLAY;
        let to = to.display();
        self.computer.sh(&format!("DISPLAY={display} import -silent -window root {FEW_COLOURS} 'png8:{to}'"));
    }

    /// What a phone reads that is held before the screen; none while there is nothing to read.
    pub fn scan(&self) -> Option<String> {
        let mut command = self.computer.command("sh");
        command.env("DISPLAY", Self::DISPLAY);
        command.args(["-c", "import -silent -window root png:- | zbarimg --quiet --raw -"]);
        let read = String::from_utf8(command.output().ok()?.stdout).ok()?;
        (!read.is_empty()).then(|| read.trim_end().to_owned())
    }

    /// Types on the keyboard into whatever has the focus.
    pub fn type_text(&self, text: &str) {
        self.computer.sh(&format!("DISPLAY={} xdotool mousemove 400 400 type --delay 20 '{text}'", Self::DISPLAY));
    }

    /// Presses one key, by its X name, such as `Next` for page down.
    pub fn press(&self, key: &str) {
        self.computer.sh(&format!("DISPLAY={} xdotool mousemove 400 400 key '{key}'", Self::DISPLAY));
    }

    /// Presses keys whose effect shows, each once that of whatever was pressed or typed before is seen: two in one picture would be one step.
    ///
    /// # Panics
    /// When nothing changes.
    pub fn press_one_by_one(&self, keys: &[&str]) {
        for key in keys {
            let before = self.still_picture();
            self.press(key);
            wait::until("the key to show", wait::SOON, || (self.picture() != before).then_some(()));
        }
    }

    /// The first picture that equals the one before it: all that was typed is drawn.
    fn still_picture(&self) -> Option<Vec<u8>> {
        let mut last = self.picture();
        wait::until("the screen to stand still", wait::SOON, || {
            let picture = self.picture();
            let stands = picture.is_some() && picture == last;
            last = picture;
            stands.then_some(())
        });
        last
    }

    /// Red, green and blue of all pixels, row by row. None while there is no picture.
    pub fn picture(&self) -> Option<Vec<u8>> {
        let mut command = self.computer.command("import");
        command.env("DISPLAY", Self::DISPLAY).args(["-silent", "-window", "root", "-depth", "8", "rgb:-"]);
        let pixels = command.output().ok()?.stdout;
        (pixels.len() == SIZE.0 * SIZE.1 * 3).then_some(pixels)
    }
}

/// The bus by which programs of a computer's desktop find each other.
#[derive(Debug)]
pub struct Bus<'a> {
    computer: &'a Computer,
    server: Process,
}

impl<'a> Bus<'a> {
    /// Starts it where every program of the computer looks for it.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(computer: &'a Computer) -> Self {
        let mut command = computer.command("dbus-daemon");
        command.args(["--session", "--nofork", "--nopidfile", "--address", Computer::BUS]);
        let bus = Self { computer, server: computer.spawn(&format!("{}.bus", computer.name()), command, "") };
        bus.wait_for("org.freedesktop.DBus");
        bus
    }

    /// Waits for a service by its name on the bus.
    ///
    /// # Panics
    /// When it does not come.
    pub fn wait_for(&self, service: &str) {
        let question = format!(
            "dbus-send --session --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
             org.freedesktop.DBus.NameHasOwner string:{service} | grep -q 'boolean true'"
        );
        wait::until(service, wait::SOON, || self.computer.succeeds(&question).then_some(()));
    }

    /// Waits until some program listens for whether the screen is locked.
    ///
    /// # Panics
    /// When none does.
    pub fn wait_for_listener_to_the_lock(&self) {
        let question = "dbus-send --session --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
                        org.freedesktop.DBus.Debug.Stats.GetAllMatchRules | grep -q ActiveChanged";
        wait::until("a listener to the lock", wait::SOON, || self.computer.succeeds(question).then_some(()));
    }

    /// Tells that the screen is locked, or is not any more, as a desktop's screen saver does.
    pub fn tell_lock(&self, is_locked: bool) {
        self.computer.sh(&format!(
            "dbus-send --session --type=signal /org/freedesktop/ScreenSaver \
             org.freedesktop.ScreenSaver.ActiveChanged boolean:{is_locked}"
        ));
    }
}

//! A real desktop: xrdp on a workstation, with an account of its own and a wallpaper to know it by.
//!
//! The account exists only on that computer: its `passwd` and `shadow` are copies, laid over the real ones.
//! xrdp's traps are written at the lines that avoid them.

use std::{net::IpAddr, process::Command};

use crate::{
    netns::{Computer, Process},
    wait,
    world::World,
};

/// The wallpaper of a desktop, unlike anything else on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wallpaper(pub [u8; 3]);

/// The first worker's.
pub const BLUE: Wallpaper = Wallpaper([0x33, 0x66, 0x99]);
/// The second worker's.
pub const GREEN: Wallpaper = Wallpaper([0x2e, 0x7d, 0x52]);

/// A running xrdp.
#[derive(Debug)]
pub struct Desktop {
    user: String,
    sessions: Process,
    xrdp: Process,
}

impl Desktop {
    /// Starts xrdp on `computer`, port 3389, with one account. The desktop runs `program` (a line of shell) in front of
    /// the wallpaper.
    ///
    /// # Panics
    /// When it does not listen soon.
    pub fn start(
        world: &World,
        computer: &Computer,
        user: &str,
        password: &str,
        wallpaper: Wallpaper,
        program: &str,
    ) -> Self {
        let [red, green, blue] = wallpaper.0;
        let colour = format!("#{red:02x}{green:02x}{blue:02x}");
        let private = world.folder().join(computer.name());
        computer.sh(&format!(
            r#"
mkdir -p {private}; cd {private}
for file in passwd shadow group; do cp -p /etc/$file .; done
echo '{user}:x:54301:54301::/home/{user}:/bin/sh' >> passwd
echo "{user}:$(echo '{password}' | openssl passwd -6 -stdin):19000:0:99999:7:::" >> shadow
echo '{user}:x:54301:' >> group
for file in passwd shadow group; do mount --bind $file /etc/$file; done
mkdir /home/{user}
cat > /home/{user}/startwm.sh <<'SCRIPT'
#!/bin/sh
xsetroot -solid '{colour}'
{program} &
exec openbox
SCRIPT
chmod 755 /home/{user}/startwm.sh
chown -R 54301:54301 /home/{user}
# xrdp ends without a word when it may not write its log, and sessions fail without these folders.
install -o xrdp -g adm -m 640 /dev/null /var/log/xrdp.log
install -d -o root -g xrdp -m 2775 /run/xrdp
install -d -o root -g xrdp -m 3777 /run/xrdp/sockdir
install -d -m 1777 /tmp/.X11-unix /tmp/.ICE-unix
"#,
            private = private.display()
        ));
        let mut command = computer.command("xrdp-sesman");
        command.arg("--nodaemon");
        let sessions = computer.spawn(&format!("{}.sesman", computer.name()), command, "");
        // Only the group ssl-cert may read the key; without it xrdp offers no TLS and no client stays.
        let mut command = computer.command("setpriv");
        command.args(["--reuid=xrdp", "--regid=xrdp", "--groups=xrdp,ssl-cert", "xrdp", "--nodaemon"]);
        let xrdp = computer.spawn(&format!("{}.xrdp", computer.name()), command, "");
        wait::until("xrdp to listen", wait::SOON, || computer.succeeds("ss -Hltn | grep -q :3389").then_some(()));
        Self { user: user.to_owned(), sessions, xrdp }
    }

    /// How many connections are established with clients at this moment.
    pub fn connections(&self, computer: &Computer) -> usize {
        computer.sh("ss -Htn state established '( sport = :3389 )'").lines().count()
    }

    /// Its certificate's fingerprint, as an administrator reads it and writes it into the policy.
    pub fn fingerprint(computer: &Computer) -> String {
        let shown = computer.sh("openssl x509 -in /etc/xrdp/cert.pem -noout -fingerprint -sha256");
        format!("sha256:{}", shown.trim().rsplit('=').next().unwrap_or_default())
    }

    /// Whose desktop it is.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Switches the computer's desktop service off, as a crash would.
    pub fn stop(&mut self) {
        self.xrdp.stop();
        self.sessions.stop();
    }
}

/// A workstation that wants name and password before it shows anything (NLA), as Windows does: FreeRDP's own server, before a screen with
/// a wallpaper.
#[derive(Debug)]
pub struct Guarded {
    _screen: Process,
    _server: Process,
}

impl Guarded {
    /// Starts it on `computer`, port 3389, with one account.
    ///
    /// # Panics
    /// When it does not listen soon.
    pub fn start(computer: &Computer, user: &str, password: &str, wallpaper: Wallpaper) -> Self {
        const DISPLAY: &str = ":9";
        let [red, green, blue] = wallpaper.0;
        // The hash of a password as Windows keeps it: MD4 of its UTF-16.
        computer.sh(&format!(
            "install -d -m 1777 /tmp/.X11-unix
hash=$(printf %s '{password}' | iconv -t utf-16le | openssl dgst -provider legacy -md4 -r | cut -d' ' -f1)
echo '{user}:::'$hash':::' > /tmp/accounts"
        ));
        let mut command = computer.command("Xvfb");
        command.args([DISPLAY, "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset", "-ac"]);
        let screen = computer.spawn(&format!("{}.guarded-screen", computer.name()), command, "");
        let paint = format!("DISPLAY={DISPLAY} xsetroot -solid '#{red:02x}{green:02x}{blue:02x}'");
        wait::until("its screen", wait::SOON, || computer.succeeds(&paint).then_some(()));
        let mut command = computer.command("freerdp-shadow-cli");
        command.env("DISPLAY", DISPLAY).env("HOME", "/tmp");
        command.args(["/port:3389", "+auth", "/sec:nla", "/sam-file:/tmp/accounts"]);
        let server = computer.spawn(&format!("{}.guarded", computer.name()), command, "");
        wait::until("it to listen", wait::SOON, || computer.succeeds("ss -Hltn | grep -q :3389").then_some(()));
        Self { _screen: screen, _server: server }
    }
}

/// The RDP program, straight to `host:port`, with nothing of ours between.
pub fn xfreerdp(home: &Computer, display: &str, host: IpAddr, port: u16, user: &str, password: &str) -> Command {
    let mut command = home.command("xfreerdp");
    command.env("DISPLAY", display).args([
        &format!("/v:{host}:{port}"),
        &format!("/u:{user}"),
        &format!("/p:{password}"),
        "/cert:ignore",
        "/sec:tls",
        "/size:1024x768",
        "/bpp:32",
        "-clipboard",
    ]);
    command
}

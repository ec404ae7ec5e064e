//! Computers that do not exist: namespaces of network, mounts, processes and name, and the wires between them.
//!
//! A [`Computer`] is held by one process, its init, which sleeps on a pipe from us. When we let go of the pipe (the
//! test ends, panics, or is killed with no word) init ends, the kernel ends every process of that computer, and with
//! the last of them go its interfaces, routes and mounts. Nothing has a name outside and so nothing can be left behind
//! or collide: there is no list of worlds to sweep.
//!
//! Knows nothing of gateways or desktops. Needs root.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sched::{CloneFlags, setns},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::wait;

/// What init does before it sleeps. Programs with fixed folders (xrdp, X) find them empty and their own; the folders
/// in "$@" stay visible even where one of those covers them. Names are known from the file `hosts` in the first of
/// them, and there is nobody to ask for others (a resolver that waits for this machine's name server takes a minute).
const INIT: &str = r#"
set -eu
name=$1; shift
fd=3; for keep; do eval "exec $fd<\"\$keep\""; fd=$((fd + 1)); done
for folder in /tmp /run /home /var/log /mnt; do mount -t tmpfs -o mode=755 tmpfs $folder; done
chmod 1777 /tmp
fd=3; for keep; do mkdir -p "$keep"; mount -c --bind /proc/self/fd/$fd "$keep"; fd=$((fd + 1)); done
mount -t sysfs sysfs /sys
mount --bind "$1/hosts" /etc/hosts
if [ -e /etc/resolv.conf ]; then mount --bind /dev/null /etc/resolv.conf; fi
hostname "$name"
ip link set lo up
echo ready
exec cat
"#;

/// One computer of the world.
#[derive(Debug)]
pub struct Computer {
    name: &'static str,
    pid: Pid,
    logs: PathBuf,
    holder: Child,
    /// Dropped first, which is what ends init.
    pipe: Option<ChildStdin>,
}

impl Computer {
    /// Where its programs look for their desktop's services, if any run: each computer has a `/tmp` of its own.
    pub const BUS: &'static str = "unix:path=/tmp/desktop-bus";

    /// Switches a computer on. `folder` receives what its programs print and holds the file `hosts`; the computer sees
    /// it, and the folders `keep`, under the same paths as we do.
    ///
    /// # Panics
    /// When the namespaces cannot be made, mostly for want of root.
    pub fn start(name: &'static str, folder: &Path, keep: &[&Path]) -> Self {
        let mut holder = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--mount-proc", "--propagation", "private"])
            .args(["sh", "-c", INIT, "init", name])
            .arg(folder)
            .args(keep)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join(format!("{name}.init.log"))).expect("world folder is writable"))
            .spawn()
            .expect("unshare is part of util-linux");
        let pipe = holder.stdin.take();
        let mut ready = [0; 6];
        let mut stdout = holder.stdout.take().expect("piped above");
        if std::io::Read::read_exact(&mut stdout, &mut ready).is_err() {
            let log = fs::read_to_string(folder.join(format!("{name}.init.log"))).unwrap_or_default();
            panic!("cannot make the computer `{name}` (the world needs root and network namespaces): {log}");
        }
        let pid = wait::until("the computer's init", wait::SOON, || only_child(holder.id()));
        Self { name, pid, logs: folder.to_owned(), holder, pipe }
    }

    /// The name given at the start.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A program to be run on this computer. Run it with [`Self::spawn`], which knows the pid behind `nsenter`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.pid))
            .args(["--net", "--mount", "--pid", "--ipc", "--uts", "--"])
            .arg(program)
            .env("HOME", "/home")
            .env("LC_ALL", "C.UTF-8")
            .env("DBUS_SESSION_BUS_ADDRESS", Self::BUS)
            .env_remove("DISPLAY");
        command
    }

    /// Runs a line of shell to its end and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn sh(&self, line: &str) -> String {
        let output = self.command("sh").args(["-euc", line]).output().expect("nsenter is part of util-linux");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "on `{}`: {line}\n{out}{err}", self.name);
        out.into_owned()
    }

    /// Whether a line of shell succeeds.
    pub fn succeeds(&self, line: &str) -> bool {
        let status = self.command("sh").args(["-c", line]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.expect("nsenter is part of util-linux").success()
    }

    /// Starts a program made by [`Self::command`]; its output goes to `LABEL.log` in the world's folder.
    pub fn spawn(&self, label: &str, mut command: Command, stdin: &str) -> Process {
        let log = self.logs.join(format!("{label}.log"));
        let out = File::create(&log).expect("world folder is writable");
        let err = File::create(self.logs.join(format!("{label}.err"))).expect("world folder is writable");
        let mut child = command.stdin(Stdio::piped()).stdout(out).stderr(err).spawn().expect("nsenter starts");
        let mut pipe = child.stdin.take().expect("piped above");
        // A program that ends without reading is its own affair: the tests look at how it ended.
        let _ = pipe.write_all(stdin.as_bytes());
        drop(pipe);
        let pid = wait::until("a pid", wait::SOON, || {
            let ended = matches!(child.try_wait(), Ok(Some(_)));
            only_child(child.id()).map(Some).or(ended.then_some(None))
        });
        Process { label: label.to_owned(), child, pid, out: log.clone(), err: log.with_extension("err") }
    }

    /// The processes of this computer that run a file, by the ids that they have outside.
    ///
    /// # Panics
    /// Without `/proc`.
    pub fn running(&self, file: &str) -> Vec<Pid> {
        let own = fs::read_link(format!("/proc/{}/ns/pid", self.pid)).expect("init lives as long as the computer");
        let all = fs::read_dir("/proc").expect("mounted").flatten();
        // One that has ended, and that nobody asked about, runs no file any more.
        let runs = |pid: &i32| {
            let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).ok();
            link("exe").is_some_and(|exe| exe == Path::new(file)) && link("ns/pid").as_ref() == Some(&own)
        };
        all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(runs).map(Pid::from_raw).collect()
    }

    /// Does something in this computer's network, on a thread of its own. Sockets made there stay there, whoever uses
    /// them later.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let network = File::open(format!("/proc/{}/ns/net", self.pid)).expect("init lives as long as the computer");
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(network, CloneFlags::CLONE_NEWNET).expect("root may enter its own namespaces");
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Gives this computer lines of `ip -batch`, all or nothing.
    pub fn ip(&self, lines: &str) {
        self.sh(&format!("ip -batch - <<'LINES'\n{lines}\nLINES"));
    }
}

impl Drop for Computer {
    fn drop(&mut self) {
        self.pipe = None;
        let _ = self.holder.wait();
    }
}

/// Lays a wire between two computers: interface `a.1` on `a.0`, `b.1` on `b.0`, both up.
pub fn wire(a: (&Computer, &str), b: (&Computer, &str)) {
    // Pids in `ip` are those of the caller, so this runs outside; both ends are born in their own network and their
    // names never meet ours.
    let status = Command::new("ip")
        .args(["link", "add", a.1, "netns", &a.0.pid.to_string(), "type", "veth"])
        .args(["peer", "name", b.1, "netns", &b.0.pid.to_string()])
        .status()
        .expect("ip is part of iproute2");
    assert!(status.success(), "no wire between `{}` and `{}`", a.0.name, b.0.name);
    for (computer, interface) in [a, b] {
        computer.ip(&format!("link set {interface} up"));
    }
}

/// A program running on a computer. Ended when dropped.
#[derive(Debug)]
pub struct Process {
    label: String,
    child: Child,
    /// The program itself; `child` is the `nsenter` that waits for it. None if it ended at once.
    pid: Option<Pid>,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    /// The program's process id, as seen from outside. None if it ended at once.
    pub fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// What it printed so far.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.out).unwrap_or_default()).into_owned()
    }

    /// The file that receives what it complains of.
    pub fn words(&self) -> &Path {
        &self.err
    }

    /// What it complained of so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.err).unwrap_or_default()).into_owned()
    }

    /// Sends it a signal; one that has ended already receives none.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            let _ = kill(pid, signal);
        }
        // The `nsenter` that waits for it has stopped with it, and would go on waiting for ever.
        if matches!(signal, Signal::SIGCONT | Signal::SIGKILL) {
            let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGCONT);
        }
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our own child")
    }

    /// How it ended.
    ///
    /// # Panics
    /// When it has not within `limit`; its output is shown.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        wait::within(limit, || self.ended()).unwrap_or_else(|| {
            panic!("`{}` still runs after {limit:?}:\n{}{}", self.label, self.stdout(), self.stderr())
        })
    }

    /// Sends SIGTERM, then SIGKILL to whom it did not move.
    pub fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        if wait::within(Duration::from_secs(5), || self.ended()).is_none() {
            self.signal(Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

/// The one child of a process that forks once and waits.
fn only_child(pid: u32) -> Option<Pid> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok().map(Pid::from_raw)
}

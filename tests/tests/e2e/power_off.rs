//! The office's own task: a workstation that nobody uses in the evening is switched off, and no other.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use e2e::world::program;

/// A workstation as its task sees it: what its system answers, and what it was told to do.
struct Workstation {
    folder: tempfile::TempDir,
}

impl Workstation {
    /// One that nobody uses.
    fn new() -> Self {
        let workstation = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        workstation
            .answers("loginctl", "case $1 in list-sessions) echo 'c1 120 gdm seat0 tty1' ;; *) echo greeter ;; esac");
        workstation.answers("ss", "true");
        workstation.answers("systemctl", &format!("echo \"$@\" >> {}", workstation.path("told").display()));
        workstation
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// From now on a program of the system does this.
    fn answers(&self, program: &str, script: &str) {
        fs::write(self.path(program), format!("#!/bin/sh\n{script}\n")).expect("our own folder");
        fs::set_permissions(self.path(program), Permissions::from_mode(0o755)).expect("our own file");
    }

    /// One look at a time of day, so many minutes after the first: its exit code, what it said, and what the system was told.
    fn look(&self, time: &str, minutes: u64, arguments: &[&str]) -> (Option<i32>, String, String) {
        self.answers(
            "date",
            &format!("case $1 in +%s) echo {} ;; *) echo {time} ;; esac", 1_800_000_000 + 60 * minutes),
        );
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/workstation/power-off/deskgate-power-off");
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").expect("a path"));
        let mut command = Command::new(shipped);
        command.args(arguments).env("PATH", path).env("RUNTIME_DIRECTORY", self.folder.path());
        command.env("SLEEPS", self.path("sleeps"));
        let output = command.output().expect("a shell runs it");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let told = fs::read_to_string(self.path("told")).unwrap_or_default();
        (output.status.code(), said, told)
    }

    #[track_caller]
    fn assert_stays(&self, time: &str, minutes: u64, words: &str) {
        let (code, said, told) = self.look(time, minutes, &[]);
        assert!(code == Some(0) && said.contains(words) && told.is_empty(), "{code:?} {said} {told}");
    }
}

#[test]
fn who_is_not_used_for_half_an_hour_of_the_evening_is_switched_off() {
    let workstation = Workstation::new();
    for minutes in [0, 10, 20, 29] {
        workstation.assert_stays("20:10", minutes, "only for");
    }
    let (code, said, told) = workstation.look("20:40", 30, &[]);
    assert_eq!((code, told.as_str()), (Some(0), "poweroff --check-inhibitors=yes\n"), "{said}");
    // It was woken again: whoever it was for has the same half hour.
    let (_, said, told) = workstation.look("20:50", 40, &["--suspend"]);
    assert!(said.contains("only for 0 minutes") && told.lines().count() == 1, "{said}");
    for minutes in [50, 60] {
        workstation.look("21:00", minutes, &["--suspend"]);
    }
    let (_, said, told) = workstation.look("21:20", 70, &["--suspend"]);
    assert!(told.ends_with("suspend --check-inhibitors=yes\n"), "{said}");
}

#[test]
fn by_day_it_stays_on_whatever_the_night_is() {
    let workstation = Workstation::new();
    for time in ["06:00", "08:09", "19:59"] {
        workstation.assert_stays(time, 0, "it is");
    }
    for time in ["20:00", "23:59", "00:00", "05:59"] {
        let (_, said, _) = Workstation::new().look(time, 0, &[]);
        assert!(said.contains("only for"), "{time}: {said}");
    }
    let (_, said, _) = workstation.look("08:09", 0, &["--after", "08:00", "--before", "09:00"]);
    assert!(said.contains("only for"), "{said}");
}

#[test]
fn whoever_comes_or_is_still_there_keeps_it_on_and_the_wait_begins_anew() {
    let workstation = Workstation::new();
    workstation.assert_stays("20:00", 0, "only for 0");
    workstation.answers("ss", "echo '0 0 10.20.3.47:3389 10.20.3.1:50000'");
    workstation.assert_stays("20:20", 20, "connected to port 3389");
    workstation.answers("ss", "true");
    workstation.answers("loginctl", "case $1 in list-sessions) echo '3 1000 m.rossi' ;; *) echo user ;; esac");
    workstation.assert_stays("20:40", 40, "somebody is signed in");
    workstation.answers("loginctl", "exit 1");
    workstation.assert_stays("20:45", 45, "does not say");
    workstation.answers("loginctl", "true");
    workstation.assert_stays("20:50", 50, "only for 0 minutes");
    workstation.answers("loginctl", "case $1 in list-sessions) echo '3 1000 m.rossi' ;; *) exit 1 ;; esac");
    workstation.assert_stays("20:55", 55, "somebody is signed in");
    workstation.answers("loginctl", "true");
    for minutes in [60, 70, 80] {
        workstation.assert_stays("21:00", minutes, "only for");
    }
    // Asleep for longer than between two looks; and shorter, which the system counts.
    workstation.assert_stays("22:00", 100, "only for 0 minutes");
    for minutes in [110, 120] {
        workstation.assert_stays("22:10", minutes, "only for");
    }
    fs::write(workstation.path("sleeps"), "1\n").expect("our own folder");
    workstation.assert_stays("22:30", 130, "only for 0 minutes");
}

/// What the task is told by the line that the gateway's program prints for a workstation, read as systemd reads it.
fn printed_for(workstation: &str, policy: &Path) -> Vec<String> {
    let mut command = Command::new(program("deskgate-gateway"));
    command.args(["policy", "power-off", workstation, "--system", "linux", "--policy"]).arg(policy);
    let output = command.output().expect("the gateway's program runs");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("a line of text");
    let options = printed.strip_prefix("OPTIONS=\"").and_then(|rest| rest.strip_suffix("\"\n"));
    options.expect("one line of options").split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_evening_begins_when_the_policy_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (time, by_day, in_the_evening) in
        [("18:15", "18:14", "18:15"), ("21.45", "21:44", "21:45"), ("24:00", "23:59", "00:00")]
    {
        let policy = format!(
            "timezone = \"Europe/Rome\"\n[services.rdp]\ntcp = [3389]\n[workstations.anagrafe-07]\naddress = \"10.20.3.47\"\n\
             services = [\"rdp\"]\nmac = \"00:11:22:33:44:55\"\npower_off_after = \"{time}\"\n"
        );
        fs::write(folder.path().join("policy.toml"), policy).expect("our own folder");
        let options = printed_for("anagrafe-07", folder.path());
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let workstation = Workstation::new();
        let (code, said, told) = workstation.look(by_day, 0, &options);
        assert!(code == Some(0) && said.contains("it is") && told.is_empty(), "{time}: {said}");
        for minutes in [0, 10, 20] {
            let (code, said, told) = workstation.look(in_the_evening, minutes, &options);
            assert!(code == Some(0) && said.contains("only for") && told.is_empty(), "{time}: {said}");
        }
        let (_, said, told) = workstation.look(in_the_evening, 30, &options);
        assert_eq!(told, "poweroff --check-inhibitors=yes\n", "{time}: {said}");
    }
}

#[test]
fn what_is_misspelt_is_told_and_nothing_is_done() {
    for arguments in [&["--after", "8pm"][..], &["--quiet", "soon"], &["--now"]] {
        let (code, said, told) = Workstation::new().look("21:00", 0, arguments);
        assert!(
            code == Some(2) && said.starts_with("deskgate-power-off: ") && told.is_empty(),
            "{arguments:?}: {said}"
        );
    }
}

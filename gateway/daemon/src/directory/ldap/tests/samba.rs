//! A throwaway Active Directory: Samba's domain controller, in a network of the test's own.
//!
//! Its ports cannot be chosen, so that the test's thread moves into a network namespace where 127.0.0.1 is nobody else's. Making
//! a domain takes ten seconds and more: it is made once, packed under `target/`, and unpacked by each test. Everybody's
//! password is `pw-NAME-1`. Needs root and Debian's samba packages (see `tests/machine.sh`).

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// The tree's root.
pub(super) const BASE: &str = "DC=azienda,DC=test";
const PEOPLE: &str = include_str!("samba.py");
const ADMINISTRATOR: &str = "Adm1n-Passw0rd!";
/// A packed domain is made anew before passwords in it become too old.
const OLDEST: Duration = Duration::from_secs(20 * 24 * 3600);

pub(super) struct Samba {
    folder: TempDir,
    server: Child,
}

impl Samba {
    /// Starts one with its people in it. The calling thread is in a network of its own from here on, as are the programs it
    /// starts: use a runtime of one thread.
    pub(super) fn start() -> Self {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a network of its own; run as root");
        run("ip", &["link", "set", "lo", "up"]);
        let folder = folder();
        run("tar", &["-xf", &packed().display().to_string(), "-C", &folder.path().display().to_string()]);
        super::openldap::certificates(folder.path());
        let secret = |name: &str| {
            fs::set_permissions(folder.path().join(name), Permissions::from_mode(0o600)).unwrap();
        };
        secret("server.key");
        fs::write(folder.path().join("svc.password"), "pw-svc-1\n").unwrap();
        secret("svc.password");
        fs::write(folder.path().join("run.conf"), configuration(folder.path())).unwrap();
        let server = serve(folder.path());
        let mut started = Self { folder, server };
        started.wait();
        started
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Changes entries as the domain's administrator does.
    pub(super) fn modify(&self, ldif: &str) {
        let file = self.path("change.ldif");
        fs::write(&file, ldif).unwrap();
        let output = self.tool("ldapmodify").arg("-f").arg(file).output().expect("install ldap-utils");
        assert!(output.status.success(), "ldapmodify: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LDAPTLS_CACERT", self.path("ca.pem"));
        command.args(["-x", "-H", "ldaps://127.0.0.1", "-D", "Administrator@azienda.test", "-w", ADMINISTRATOR]);
        command
    }

    fn wait(&mut self) {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let asked = self.tool("ldapsearch").args(["-b", BASE, "-s", "base"]).output().expect("install ldap-utils");
            if asked.status.success() {
                return;
            }
            assert!(self.server.try_wait().unwrap().is_none(), "samba ended: {}", self.said());
            assert!(Instant::now() < until, "samba does not answer: {}", self.said());
            std::thread::yield_now();
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.path("samba.out")).unwrap_or_default()
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// In memory where there is such a place: the database asks for extended attributes, and writes a lot.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let builder = || tempfile::Builder::new();
    if memory.is_dir() { builder().prefix("deskgate-ad-").tempdir_in(memory) } else { builder().tempdir() }.unwrap()
}

/// The packed domain, made if it is not there or is another one's.
fn packed() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().find(|folder| folder.ends_with("target")).unwrap_or(Path::new("/tmp"));
    let digest: [u8; 32] = Sha256::digest(PEOPLE.as_bytes()).into();
    let name: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let packed = target.join(format!("samba-{name}.tar"));
    let lock = File::create(target.join("samba.lock")).unwrap();
    lock.lock().unwrap();
    let young = |file: fs::Metadata| file.modified().unwrap().elapsed().is_ok_and(|age| age < OLDEST);
    if !fs::metadata(&packed).is_ok_and(young) {
        let folder = folder();
        provision(folder.path());
        let (made, from) = (target.join("samba.part"), folder.path().display().to_string());
        run("tar", &["-cf", &made.display().to_string(), "-C", &from, "."]);
        fs::rename(made, &packed).unwrap();
    }
    packed
}

fn provision(folder: &Path) {
    let at = folder.display();
    fs::write(folder.join("empty.conf"), "").unwrap();
    run(
        "samba-tool",
        &[
            "domain",
            "provision",
            &format!("--configfile={at}/empty.conf"),
            &format!("--targetdir={at}"),
            "--realm=AZIENDA.TEST",
            "--domain=AZIENDA",
            "--server-role=dc",
            "--dns-backend=NONE",
            "--host-name=dc1",
            "--host-ip=127.0.0.1",
            &format!("--adminpass={ADMINISTRATOR}"),
            "--option=interfaces=lo",
            "--option=bind interfaces only=yes",
        ],
    );
    for place in ["cache", "lock", "run", "ncalrpc"] {
        fs::create_dir_all(folder.join(place)).unwrap();
    }
    fs::write(folder.join("run.conf"), configuration(folder)).unwrap();
    fs::write(folder.join("people.py"), PEOPLE).unwrap();
    run("/usr/bin/python3", &[&format!("{at}/people.py"), &at.to_string()]);
}

fn configuration(folder: &Path) -> String {
    let at = folder.display();
    format!(
        "[global]
netbios name = DC1
realm = AZIENDA.TEST
workgroup = AZIENDA
server role = active directory domain controller
server services = ldap
interfaces = lo
bind interfaces only = yes
private dir = {at}/private
state directory = {at}/state
cache directory = {at}/cache
lock directory = {at}/lock
binddns dir = {at}/bind-dns
pid directory = {at}/run
ncalrpc dir = {at}/ncalrpc
log file = {at}/samba.log
tls enabled = yes
tls keyfile = {at}/server.key
tls certfile = {at}/server.pem
tls cafile = {at}/ca.pem
"
    )
}

/// All of it in one process, which also ends by itself if a test is killed.
fn serve(folder: &Path) -> Child {
    let said = File::create(folder.join("samba.out")).unwrap();
    Command::new("/usr/sbin/samba")
        .args(["-F", "-M", "single", "--no-process-group", "--maximum-runtime=600", "-s"])
        .arg(folder.join("run.conf"))
        .stdin(Stdio::null())
        .stdout(said.try_clone().unwrap())
        .stderr(said)
        .spawn()
        .expect("install Debian's samba and samba-ad-dc")
}

fn run(program: &str, arguments: &[&str]) {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program).args(arguments).env("PATH", path).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; see tests/machine.sh for the packages"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

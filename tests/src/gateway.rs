//! The gateway under test: its folders, its configuration, its process, and what its own commands tell.

use std::{
    fs::{self, Permissions},
    net::IpAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use jiff::Timestamp;
use nix::{sys::signal::Signal, unistd::Pid};
use serde_json::Value;

use crate::{
    ldap,
    netns::Process,
    wait,
    world::{GATEWAY, OTHER_WORKSTATION, SERVERS, WORKSTATION, WORKSTATION_V6, World, program},
};

/// Where the control API and the tunnel are reached.
pub const CONTROL_PORT: u16 = 443;
/// The tunnel's UDP port.
pub const TUNNEL_PORT: u16 = 51820;
/// A workstation's port for UDP, where it has one.
pub const UDP_PORT: u16 = 3390;
/// Everybody's password in the directories of the world.
pub fn password(user: &str) -> String {
    format!("pw-{user}")
}

/// A gateway to be: change what the test is about, then [`Setup::start`].
#[derive(Debug, Clone)]
pub struct Setup {
    /// Lines of `[profiles.standard]` besides its groups.
    pub profile: Vec<String>,
    /// Days and hours of every agreement: lines of `[[agreements]]`.
    pub when: String,
    /// `host:port` that clients are told for login and tunnel.
    pub public: (String, String),
    /// `[directory]` as written.
    pub directory: String,
    /// The directory's name for the workers' group.
    pub group: String,
    /// Where the workstation of m.rossi is: an address or a name.
    pub workstation: String,
    /// The network card by which that is woken.
    pub mac: Option<String>,
    /// The one certificate that it may show.
    pub certificate: Option<String>,
    /// Whether workstations may be pinged.
    pub echo: bool,
    /// Whether workstations are reached by UDP too, at [`UDP_PORT`].
    pub udp: bool,
    /// Whether workstations see the gateway's own address.
    pub masquerade: bool,
    /// The network that tunnel addresses are lent from.
    pub pool: String,
    /// The same of IPv6; none for an office without.
    pub pool_ipv6: Option<String>,
    /// Where both sockets listen, towards the Internet.
    pub listen: &'static str,
    /// Accounts that are recorded without being asked.
    pub test_accounts: Vec<&'static str>,
    /// Handshakes that each of the two loops lets in a second before it asks for cookies.
    pub handshakes: u32,
    /// Further tables of the configuration.
    pub tables: String,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            profile: vec![
                r#"idle = "15m""#.into(),
                r#"longest = "10h""#.into(),
                r#"grace = "5s""#.into(),
                r#"second_login = "replace""#.into(),
            ],
            when: ALWAYS.to_owned(),
            public: (format!("{GATEWAY}:{CONTROL_PORT}"), format!("{GATEWAY}:{TUNNEL_PORT}")),
            directory: "kind = \"file\"\nfile = \"people.toml\"".to_owned(),
            group: "smart".to_owned(),
            workstation: WORKSTATION.to_string(),
            mac: None,
            certificate: None,
            echo: false,
            udp: false,
            masquerade: true,
            pool: "100.96.0.0/20".to_owned(),
            pool_ipv6: None,
            listen: "0.0.0.0",
            test_accounts: Vec::new(),
            handshakes: 1000,
            tables: String::new(),
        }
    }
}

/// An agreement that holds at any moment.
pub const ALWAYS: &str = r#"from = 2020-01-01
until = 2099-12-31
days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
hours = "00:00-24:00""#;

impl Setup {
    /// The same where m.rossi's workstation is reached by IPv6.
    #[must_use]
    pub fn by_ipv6(self) -> Self {
        Self { workstation: WORKSTATION_V6.to_string(), pool_ipv6: Some("fd64::/64".to_owned()), ..self }
    }

    /// The same with one line of the profile replaced or added.
    #[must_use]
    pub fn profile(mut self, key: &str, value: &str) -> Self {
        self.profile.retain(|line| !line.starts_with(&format!("{key} ")));
        self.profile.push(format!("{key} = {value}"));
        self
    }

    /// The same with other days and hours.
    #[must_use]
    pub fn when(mut self, lines: &str) -> Self {
        self.when = lines.to_owned();
        self
    }

    /// The same against the directory server of [`crate::ldap`], by LDAPS.
    #[must_use]
    pub fn ldap(mut self, directory: &ldap::Directory) -> Self {
        self.directory = format!(
            "kind = \"ldap\"\nservers = [\"ldaps://{SERVERS}\"]\nca = \"{}\"\n\
             bind_dn = \"uid=svc,ou=people,{base}\"\nbind_password_file = \"bind-password\"\n\
             search_bases = [\"{base}\"]\nuser_filter = \"(uid={{user}})\"\n",
            directory.authority().display(),
            base = ldap::BASE
        );
        self.group = ldap::GROUP.to_owned();
        self
    }

    /// The same with a second server of that directory behind the first.
    #[must_use]
    pub fn and_ldap(mut self, second: &ldap::Directory) -> Self {
        let first = format!("\"ldaps://{SERVERS}\"");
        self.directory = self.directory.replace(&first, &format!("{first}, \"ldaps://{}\"", second.address()));
        self
    }

    /// The policy that this setup means.
    pub fn policy(&self) -> String {
        let mut text = format!(
            r#"timezone = "UTC"
test_accounts = {:?}

[services.rdp]
tcp = [3389]
{}{}
[workstations.anagrafe-07]
address = "{}"
services = ["rdp"]
{}

[workstations.tributi-02]
address = "{OTHER_WORKSTATION}"
services = ["rdp"]

[profiles.standard]
groups = ["{}"]
{}
"#,
            self.test_accounts,
            if self.udp { format!("udp = [{UDP_PORT}]\n") } else { String::new() },
            if self.echo { "echo = true\n" } else { "" },
            self.workstation,
            [("mac", &self.mac), ("certificate", &self.certificate)]
                .iter()
                .filter_map(|(key, value)| value.as_ref().map(|value| format!("{key} = \"{value}\"\n")))
                .collect::<String>(),
            self.group,
            self.profile.join("\n")
        );
        for (worker, workstation) in [("m.rossi", "anagrafe-07"), ("g.verdi", "tributi-02")] {
            text += &format!(
                "\n[[agreements]]\nworker = \"{worker}\"\nstructure = \"Servizi Demografici\"\n\
                 workstation = \"{workstation}\"\nprofile = \"standard\"\n{}\n",
                self.when
            );
        }
        text
    }

    /// Writes configuration, policy and people into `FOLDER/gateway`, starts nothing.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn write(&self, world: &World) -> Files {
        let files = Files { folder: world.folder().join("gateway") };
        fs::create_dir_all(files.policy_folder()).expect("the world's folder is writable");
        files.set_policy(&self.policy());
        files.write_secret("bind-password", "pw-svc\n");
        fs::write(files.config(), self.config()).expect("the world's folder is writable");
        files
    }

    /// Writes, registers the people of the embedded directory, starts, and waits until logins are answered.
    ///
    /// # Panics
    /// When the gateway does not come up.
    pub fn start<'w>(&self, world: &'w World) -> Gateway<'w> {
        let files = self.write(world);
        if self.directory.contains("people.toml") {
            for user in ["m.rossi", "g.verdi", "n.agreement"] {
                files.add_person(world, user);
            }
        }
        Gateway::start(world, files)
    }

    fn config(&self) -> String {
        let pool_ipv6 = self.pool_ipv6.as_ref().map(|pool| format!("pool_ipv6 = \"{pool}\"\n")).unwrap_or_default();
        format!(
            "state = \"state\"\npolicy = \"policy\"\n\n\
             [control]\nlisten = \"{listen}:{CONTROL_PORT}\"\npublic = \"{}\"\n\n\
             [tunnel]\nlisten = \"{listen}:{TUNNEL_PORT}\"\npublic = \"{}\"\npool = \"{}\"\n{pool_ipv6}loops = 2\nhandshakes = {}\n\n\
             [office]\ndevice = \"deskgate0\"\nmasquerade = {}\nfirewall = true\n\n\
             [directory]\n{}\n\n\
             [admin]\nsocket = \"admin.sock\"\n\n\
             [log]\nformat = \"json\"\n\n{}",
            self.public.0,
            self.public.1,
            self.pool,
            self.handshakes,
            self.masquerade,
            self.directory,
            self.tables,
            listen = self.listen
        )
    }
}

/// The files of one gateway.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.folder.join("gateway.toml")
    }

    /// The folder they are all in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of the policy.
    pub fn policy_folder(&self) -> PathBuf {
        self.folder.join("policy")
    }

    /// Replaces the policy.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn set_policy(&self, text: &str) {
        fs::write(self.policy_folder().join("office.toml"), text).expect("the world's folder is writable");
    }

    /// Writes a file that only its owner may read.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn write_secret(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("the world's folder is writable");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("our own file");
    }

    /// Enters a person of the group into the embedded directory.
    ///
    /// # Panics
    /// When the command fails.
    pub fn add_person(&self, world: &World, user: &str) {
        let output =
            self.command(world, &["directory", "add", user, "--group", "smart", "--password-stdin"], &password(user));
        assert!(output.status.success(), "directory add: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs one of the gateway's commands to its end, with `--config` for these files.
    ///
    /// # Panics
    /// When it does not end within half a minute.
    pub fn command(&self, world: &World, arguments: &[&str], stdin: &str) -> Output {
        self.command_as("command", world, arguments, stdin)
    }

    fn command_as(&self, name: &str, world: &World, arguments: &[&str], stdin: &str) -> Output {
        let mut command = world.gateway.command(program("deskgate-gateway"));
        command.args(arguments).arg("--config").arg(self.config());
        let mut process = world.gateway.spawn(&label(name), command, stdin);
        let status = process.wait(wait::SOON);
        Output { status, stdout: process.stdout().into_bytes(), stderr: process.stderr().into_bytes() }
    }

    /// Starts one of the gateway's commands without waiting for its end.
    pub fn begin(&self, world: &World, arguments: &[&str]) -> Process {
        let mut command = world.gateway.command(program("deskgate-gateway"));
        command.args(arguments).arg("--config").arg(self.config());
        world.gateway.spawn(&label("command"), command, "")
    }

    /// Starts the daemon without waiting for anything.
    pub fn serve(&self, world: &World) -> Process {
        self.serve_through(world, &["env"])
    }

    /// The same by way of another program, which takes it away some right.
    pub fn serve_through(&self, world: &World, wrapper: &[&str]) -> Process {
        let mut command = world.gateway.command("env");
        command.args(wrapper).arg(program("deskgate-gateway")).arg("serve").arg("--config").arg(self.config());
        world.gateway.spawn(&label("gateway"), command, "")
    }
}

/// A name for log files, not used before.
pub(crate) fn label(name: &str) -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn wait_for(world: &World, process: &mut Process) {
    wait::until("the gateway to listen", wait::SOON, || {
        if let Some(status) = process.ended() {
            panic!("the gateway ended ({status}):\n{}{}", process.stdout(), process.stderr());
        }
        world.gateway.succeeds(&format!("ss -Hltn | grep -q :{CONTROL_PORT}")).then_some(())
    });
}

/// A gateway that answers logins.
#[derive(Debug)]
pub struct Gateway<'w> {
    world: &'w World,
    files: Files,
    process: Process,
}

impl<'w> Gateway<'w> {
    /// Starts the daemon and waits until it listens.
    ///
    /// # Panics
    /// When it ends or does not listen soon; its log is shown.
    pub fn start(world: &'w World, files: Files) -> Self {
        let process = files.serve(world);
        Self::over(world, files, process)
    }

    /// Over a daemon that was started already.
    ///
    /// # Panics
    /// When it ends or does not listen soon; its log is shown.
    pub fn over(world: &'w World, files: Files, mut process: Process) -> Self {
        wait_for(world, &mut process);
        Self { world, files, process }
    }

    /// Its files.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// What the daemon said so far, for people who keep it running.
    pub fn log(&self) -> String {
        self.process.stdout() + &self.process.stderr()
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<Pid> {
        self.process.pid()
    }

    /// The process that keeps its firewall, while it runs.
    pub fn keeper(&self) -> Option<Pid> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid()?)).ok()?.flatten();
        let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        children
            .flat_map(|pids| pids.split(' ').filter_map(|pid| pid.trim().parse().ok()).collect::<Vec<_>>())
            .find_map(|pid: i32| {
                let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
                line.split(|byte| *byte == 0).any(|word| word == b"fence").then(|| Pid::from_raw(pid))
            })
    }

    /// Runs a command that must succeed, and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = self.files.command(self.world, arguments, "");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(
            output.status.success(),
            "deskgate-gateway {arguments:?}: {}\n{out}{err}\n{}",
            output.status,
            self.log()
        );
        out.into_owned()
    }

    /// The code that `factor enrol` or `factor reset` prints for a worker. What it printed is kept in a file of its own name.
    ///
    /// # Panics
    /// When it prints none.
    pub fn hands_over(&self, order: &str, user: &str) -> String {
        let output = self.files.command_as("handed-over", self.world, &["factor", order, user, "--json"], "");
        let value: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("no code for {user} ({e}): {}", String::from_utf8_lossy(&output.stderr)));
        value["code"].as_str().expect("a code").to_owned()
    }

    /// The same, for commands that print JSON.
    ///
    /// # Panics
    /// When it fails or prints something else.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.command(arguments);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{arguments:?} printed no JSON ({e}): {text}"))
    }

    /// What a client pins: `sha256:HEX`.
    pub fn fingerprint(&self) -> String {
        self.command(&["fingerprint"]).trim().to_owned()
    }

    /// The sessions open at this moment.
    pub fn sessions(&self) -> Vec<Value> {
        match self.json(&["session", "list", "--json"]) {
            Value::Array(sessions) => sessions,
            other => panic!("session list is no list: {other}"),
        }
    }

    /// The number of the one session that is open.
    ///
    /// # Panics
    /// When there is another number of sessions soon.
    pub fn only_session(&self) -> String {
        self.one_session("one open session", |_| true)
    }

    /// The number of the one session that is open, once its client holds the session channel: a door is open by the tunnel alone.
    ///
    /// # Panics
    /// When there is none soon.
    pub fn held_session(&self) -> String {
        self.one_session("one session with its channel", |session| session["phase"] == "attached")
    }

    fn one_session(&self, what: &str, is_wanted: impl Fn(&Value) -> bool) -> String {
        wait::until(what, wait::SOON, || match self.sessions().as_slice() {
            [session] if is_wanted(session) => session["number"].as_str().map(str::to_owned),
            _ => None,
        })
    }

    /// Waits until no session is open.
    pub fn wait_empty(&self, limit: Duration) {
        wait::until("no open session", limit, || self.sessions().is_empty().then_some(()));
    }

    /// The records of the workers' journal, oldest first.
    pub fn records(&self) -> Vec<Value> {
        match self.json(&["log", "show", "--json"]) {
            Value::Array(records) => records,
            other => panic!("log show is no list: {other}"),
        }
    }

    /// What administrators did about one session, oldest first: kind and fields.
    ///
    /// # Panics
    /// When the log is none.
    pub fn acts(&self, number: &str) -> Vec<(String, Value)> {
        let records = self.json(&["log", "show", "--journal", "administrators", "--json"]);
        let records = records.as_array().expect("the log is a list").iter();
        let about = records.filter(|record| record["session"].as_str() == Some(number));
        about.map(|record| (record["kind"].as_str().unwrap_or_default().to_owned(), record["fields"].clone())).collect()
    }

    /// Starts a command of the gateway's program that goes on for a while.
    pub fn begin(&self, arguments: &[&str]) -> Process {
        self.files.begin(self.world, arguments)
    }

    /// The kinds of the records about one session, oldest first.
    pub fn story(&self, number: &str) -> Vec<String> {
        let about = |record: &Value| record["session"].as_str() == Some(number);
        self.records().iter().filter(|r| about(r)).filter_map(|r| r["kind"].as_str().map(str::to_owned)).collect()
    }

    /// Waits for the end of a session and returns its reason.
    pub fn close_reason(&self, number: &str, limit: Duration) -> String {
        wait::until(&format!("the end of {number}"), limit, || {
            let records = self.records();
            let closed = records.iter().find(|r| r["session"] == number && r["kind"] == "session_closed")?;
            closed["fields"]["reason"].as_str().map(str::to_owned)
        })
    }

    /// Why the sessions that have ended did, in the order of their ends.
    pub fn close_reasons(&self) -> Vec<String> {
        let records = self.records();
        let closed = records.iter().filter(|record| record["kind"] == "session_closed");
        closed.filter_map(|record| record["fields"]["reason"].as_str().map(str::to_owned)).collect()
    }

    /// When a session was opened, by the record.
    ///
    /// # Panics
    /// When the record knows no such session.
    pub fn opened_at(&self, number: &str) -> Timestamp {
        self.time_of(number, "session_opened")
    }

    /// When a session ended, by the record.
    ///
    /// # Panics
    /// When the record knows no end.
    pub fn closed_at(&self, number: &str) -> Timestamp {
        self.time_of(number, "session_closed")
    }

    fn time_of(&self, number: &str, kind: &str) -> Timestamp {
        let records = self.records();
        let found = records.iter().find(|record| record["session"] == number && record["kind"] == kind);
        let time = found.and_then(|record| record["time"].as_str()).unwrap_or_else(|| panic!("{number}: no {kind}"));
        time.parse().expect("a time as RFC 3339 has it")
    }

    /// Changes the record behind the gateway's back.
    ///
    /// # Panics
    /// When SQLite refuses.
    pub fn tamper(&self, statement: &str) {
        let database = self.files.folder().join("state").join("deskgate.sqlite");
        self.world.gateway.sh(&format!("sqlite3 {} \"{statement}\"", database.display()));
    }

    /// How often one session was refused packets for `reason`.
    pub fn drops(&self, number: &str, reason: &str) -> u64 {
        self.json(&["session", "show", number, "--json"])["drops"][reason].as_u64().unwrap_or(0)
    }

    /// Ends the daemon without a word, as a crash would.
    pub fn kill(&mut self) {
        self.process.signal(Signal::SIGKILL);
        self.process.wait(wait::SOON);
    }

    /// Starts the daemon again over the same files, and waits until it listens.
    ///
    /// # Panics
    /// When it ends or does not listen soon; its log is shown.
    pub fn start_again(&mut self) {
        self.process = self.files.serve(self.world);
        wait_for(self.world, &mut self.process);
    }

    /// Waits for the end of a daemon that was told to stop, and returns its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.process.wait(wait::SOON).code()
    }

    /// Ends the daemon in order and returns its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.process.signal(Signal::SIGTERM);
        self.process.wait(wait::SOON).code()
    }

    /// Asserts that nothing of any session is left: no session, no peer, no flow, no address, no route.
    ///
    /// # Panics
    /// When something is.
    pub fn assert_nothing_left(&self) {
        self.wait_empty(wait::SOON);
        let status = self.json(&["status", "--json"]);
        for what in ["sessions", "peers", "addresses", "flows"] {
            assert_eq!(status[what].as_u64(), Some(0), "{what} are left: {status}");
        }
    }
}

/// An address and a port as written in commands.
pub fn at(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

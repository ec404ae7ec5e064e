//! A network namespace with a gateway in it, and what a client at home would say to it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_api::{Token, proof};
use nix::{
    sched::{CloneFlags, unshare},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A connection to the gateway.
pub(crate) type Line = TlsStream<TcpStream>;

pub(crate) const SOON: Duration = Duration::from_secs(20);
const CONTROL: &str = "127.0.0.1:443";

/// Folders of one gateway, in a network of its own.
pub(crate) struct House {
    folder: tempfile::TempDir,
}

impl House {
    /// Takes this thread into a network where a gateway can live, and writes a gateway's files.
    pub(crate) fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
            .expect("a network namespace; these tests need root");
        sh("mount --make-rprivate /");
        sh(
            "ip link set lo up && ip link add office0 type veth peer name office1 && ip addr add 10.20.3.1/24 dev office0 && ip link set office0 up",
        );
        sh("echo 1 > /proc/sys/net/ipv4/conf/office0/forwarding");
        let house = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(house.path("policy")).unwrap();
        fs::write(house.path("gateway.toml"), CONFIG).unwrap();
        house.set_policy(POLICY);
        for user in ["m.rossi", "g.verdi", "n.agreement"] {
            let added =
                house.run(&["directory", "add", user, "--group", "smart", "--password-stdin"], &format!("pw-{user}"));
            assert!(added.status.success(), "{}", text(&added.stderr));
        }
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn set_policy(&self, text: &str) {
        fs::write(self.path("policy/office.toml"), text).unwrap();
    }

    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    /// Runs a command to its end, which must come within a minute.
    pub(crate) fn run(&self, arguments: &[&str], stdin: &str) -> Output {
        use std::io::Write as _;
        let mut command = Command::new("timeout");
        command.arg("60").arg(env!("CARGO_BIN_EXE_deskgate-gateway"));
        let mut child = self.with(command, arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.says(arguments)).unwrap()
    }

    /// Runs `serve`, which must end by itself: its exit code, and what it said.
    pub(crate) fn refused_start(&self) -> (i32, String) {
        self.refused_start_as(&[])
    }

    /// The same with flags.
    pub(crate) fn refused_start_as(&self, flags: &[&str]) -> (i32, String) {
        let output = self.run(&[&["serve"], flags].concat(), "");
        (output.status.code().unwrap(), text(&output.stderr))
    }

    fn with(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path("gateway.toml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts the daemon and waits for nothing.
    pub(crate) fn start(&self) -> Gateway {
        self.start_with(Command::new(env!("CARGO_BIN_EXE_deskgate-gateway")), &[])
    }

    /// Starts the daemon and waits until it answers.
    pub(crate) fn serve(&self) -> Gateway {
        self.serve_as(&[])
    }

    /// The same with flags.
    pub(crate) fn serve_as(&self, flags: &[&str]) -> Gateway {
        self.serve_with(Command::new(env!("CARGO_BIN_EXE_deskgate-gateway")), flags)
    }

    /// The same with a wall clock that is some days behind.
    pub(crate) fn serve_days_ago(&self, days: i64) -> Gateway {
        let (source, library) = (self.path("clock.c"), self.path("clock.so"));
        fs::write(&source, CLOCK).unwrap();
        sh(&format!("cc -shared -fPIC -o {} {} -ldl", library.display(), source.display()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_deskgate-gateway"));
        command.env("LD_PRELOAD", library).env("CLOCK_IS_BEHIND_S", (days * 24 * 3600).to_string());
        self.serve_with(command, &[])
    }

    fn start_with(&self, command: Command, flags: &[&str]) -> Gateway {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        Gateway {
            child: self.with(command, &[&["serve"], flags].concat()).stdout(Stdio::null()).stderr(log).spawn().unwrap(),
        }
    }

    fn serve_with(&self, command: Command, flags: &[&str]) -> Gateway {
        let mut gateway = self.start_with(command, flags);
        wait("the gateway to answer", || {
            let ended = gateway.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {}", self.log());
            self.run(&["status"], "").status.success()
        });
        gateway
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The workers' journal as `kind reason`, oldest first.
    pub(crate) fn story(&self) -> Vec<String> {
        let records = self.json(&["log", "show", "--json"]);
        let line = |record: &Value| {
            let reason = record["fields"]["reason"].as_str().map(|reason| format!(" {reason}")).unwrap_or_default();
            format!("{}{reason}", record["kind"].as_str().unwrap())
        };
        records.as_array().unwrap().iter().map(line).collect()
    }

    /// Puts the state folder on a disk of its own, of which a test can use all.
    pub(crate) fn small_disk(&self) {
        fs::create_dir(self.path("state")).unwrap();
        sh(&format!("mount -t tmpfs -o size=8M,mode=700 tmpfs {}", self.path("state").display()));
    }

    /// Takes all room that the disk has, until the gateway has noticed.
    pub(crate) fn fill_disk(&self) {
        self.take_all_room();
        // The database's own log may have some room left; each refused login uses a little of it.
        wait("the gateway to notice", || {
            block_on(login("n.agreement", "pw-n.agreement"));
            !self.json(&["status", "--json"])["record"]["disk_full_since"].is_null()
        });
    }

    pub(crate) fn take_all_room(&self) {
        sh(&format!("head -c 16M /dev/zero > {} 2>/dev/null; true", self.path("state/filler").display()));
    }

    pub(crate) fn give_room(&self) {
        fs::remove_file(self.path("state/filler")).unwrap();
    }

    pub(crate) fn open_sessions(&self) -> usize {
        self.json(&["session", "list", "--json"]).as_array().unwrap().len()
    }
}

/// The running daemon; killed with the value.
pub(crate) struct Gateway {
    child: Child,
}

impl Gateway {
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its exit code, None if a signal ended it.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let mut code = None;
        wait("the gateway to end", || match self.child.try_wait().unwrap() {
            Some(status) => {
                code = status.code();
                true
            }
            None => false,
        });
        code
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

pub(crate) fn sh(line: &str) {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", text(&output.stderr));
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs an async test on this thread alone, which is the one in the namespace.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A wall clock that is behind, for a process that is started with it.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t) {
    int (*real)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, t);
    const char *behind = getenv("CLOCK_IS_BEHIND_S");
    if (result == 0 && id == CLOCK_REALTIME && behind) t->tv_sec -= atol(behind);
    return result;
}
"#;

const CONFIG: &str = r#"
state = "state"
policy = "policy"
[control]
listen = "127.0.0.1:443"
public = "127.0.0.1:443"
[tunnel]
listen = "127.0.0.1:51820"
public = "127.0.0.1:51820"
[office]
masquerade = false
firewall = false
[admin]
socket = "admin.sock"
"#;

pub(crate) const POLICY: &str = r#"
timezone = "UTC"
[services.rdp]
tcp = [3389]
[workstations.anagrafe-07]
address = "10.20.3.47"
services = ["rdp"]
[workstations.tributi-02]
address = "10.20.3.48"
services = ["rdp"]
[profiles.standard]
groups = ["smart"]
idle = "15m"
longest = "10h"
grace = "10m"
[[agreements]]
worker = "m.rossi"
structure = "Servizi Demografici"
workstation = "anagrafe-07"
profile = "standard"
from = 2020-01-01
until = 2099-12-31
days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
hours = "00:00-24:00"
[[agreements]]
worker = "g.verdi"
structure = "Tributi"
workstation = "tributi-02"
profile = "standard"
from = 2020-01-01
until = 2020-12-31
days = ["Mon"]
hours = "08:00-18:00"
"#;

/// A TLS connection as a client opens it; which certificate it shows is another test's matter.
pub(crate) async fn connect() -> TlsStream<TcpStream> {
    connect_with(tls()).await
}

/// The same to another of the gateway's addresses.
pub(crate) async fn connect_to(address: &str) -> TlsStream<TcpStream> {
    try_connect_to(address, tls()).await.unwrap()
}

/// One that knows nothing newer than elliptic curves.
pub(crate) async fn connect_classically() -> TlsStream<TcpStream> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519];
    connect_with(tls_of(provider)).await
}

/// The same to a gateway that may be gone.
pub(crate) async fn try_connect() -> std::io::Result<TlsStream<TcpStream>> {
    try_connect_with(tls()).await
}

async fn connect_with(tls: Arc<ClientConfig>) -> TlsStream<TcpStream> {
    try_connect_with(tls).await.unwrap()
}

async fn try_connect_with(tls: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    try_connect_to(CONTROL, tls).await
}

async fn try_connect_to(address: &str, tls: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(tls).connect(name, stream).await
}

pub(crate) fn tls() -> Arc<ClientConfig> {
    tls_of(rustls::crypto::aws_lc_rs::default_provider())
}

fn tls_of(provider: CryptoProvider) -> Arc<ClientConfig> {
    let provider = Arc::new(provider);
    let versions =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    Arc::new(versions.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))).with_no_client_auth())
}

/// An answer: status, headers in one piece, body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// One request on a connection of its own.
pub(crate) async fn request(head: &str, body: &[u8]) -> Answer {
    request_on(connect().await, head, body).await
}

/// The same on this connection.
pub(crate) async fn request_on(mut stream: TlsStream<TcpStream>, head: &str, body: &[u8]) -> Answer {
    let head = format!("{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    // An answer may come before all of it is taken; without one the status is none.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body).await;
    let _ = stream.flush().await;
    read_answer(stream).await
}

pub(crate) async fn read_answer(mut stream: TlsStream<TcpStream>) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = text(&bytes[..end]);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head, body: bytes.get(end + 4..).unwrap_or_default().to_vec() }
}

/// What proves each use of a token here.
pub(crate) fn session_key() -> proof::Secret {
    proof::Secret::new(&[42; 32])
}

/// The headers that use a token on a connection.
pub(crate) fn proved(
    stream: &TlsStream<TcpStream>,
    method: &str,
    target: &str,
    token: &str,
) -> [(&'static str, String); 2] {
    let binding = stream.get_ref().1.export_keying_material([0; 32], proof::BINDING_LABEL, Some(&[])).unwrap();
    let shown = Token::parse(token).unwrap();
    let shown = proof::Use { method, target, token: &shown, binding: proof::Binding(binding) };
    [("Authorization", format!("Bearer {token}")), (proof::HEADER, session_key().prove(&shown))]
}

/// A login as the client puts it.
pub(crate) fn login_body(user: &str, password: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    key[8..12].copy_from_slice(&std::process::id().to_be_bytes());
    let key = gateway_api::PublicKey(key);
    serde_json::json!({ "user": user, "password": password, "public_key": key, "session_key": session_key().public() })
        .to_string()
}

pub(crate) async fn login(user: &str, password: &str) -> Answer {
    request("POST /v1/login HTTP/1.1", login_body(user, password).as_bytes()).await
}

/// A login that must succeed: its token and number.
pub(crate) async fn open(user: &str) -> (String, String) {
    let answer = login(user, &format!("pw-{user}")).await;
    assert_eq!(answer.status, 200, "{answer:?} {}", text(&answer.body));
    let session = answer.json();
    (session["token"].as_str().unwrap().to_owned(), session["number"].as_str().unwrap().to_owned())
}

pub(crate) async fn close(token: &str, query: &str) -> u16 {
    close_on(connect().await, token, query).await
}

pub(crate) async fn close_on(stream: Line, token: &str, query: &str) -> u16 {
    let target = format!("/v1/session{query}");
    let headers =
        proved(&stream, "DELETE", &target, token).map(|(name, value)| format!("\r\n{name}: {value}")).concat();
    request_on(stream, &format!("DELETE {target} HTTP/1.1{headers}"), b"").await.status
}

#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        panic!("TLS 1.2 must never be spoken")
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

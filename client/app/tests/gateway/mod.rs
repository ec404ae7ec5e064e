//! A small gateway for tests: TLS, the three requests of the API, the session channel, and an office behind WireGuard.
//! It remembers what it was asked, and can be told to misbehave.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use gateway_api::{Token, proof};
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role as Side},
};

use crate::{
    office::{Office, Role, WORKER, WORKSTATION},
    running::until,
};

pub(crate) const PASSWORD: &str = "Segreto! 42";
pub(crate) const PRESHARED: [u8; 32] = [5; 32];
const TOKEN: u8 = 6;

/// How the gateway behaves.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    /// Ports of the workstation, all of one service unless `services` says otherwise.
    pub(crate) ports: Vec<(u16, Role)>,
    pub(crate) services: Value,
    /// Whether it sleeps when the session opens.
    pub(crate) asleep: bool,
    /// Whether the password may be handed on.
    pub(crate) single_sign_on: bool,
    /// Whether UDP is answered.
    pub(crate) udp: bool,
    /// Whether WireGuard is answered by the channel.
    pub(crate) by_channel: bool,
    pub(crate) grace_s: u32,
    /// How many channels may attach; the others are hung up on.
    pub(crate) channels: usize,
    /// Sent in place of every answer to a login.
    pub(crate) login: Option<(u16, String)>,
    /// What is answered to who asks whether it is a gateway.
    pub(crate) greets: Greets,
    /// Whether its certificate is one of years ago.
    pub(crate) expired: bool,
}

/// See [`Manners::greets`].
#[derive(Debug, Clone)]
pub(crate) struct Greets {
    pub(crate) status: u16,
    /// By how many seconds its clock is ahead.
    pub(crate) off_s: i64,
}

impl Default for Greets {
    fn default() -> Self {
        Self { status: 405, off_s: 0 }
    }
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            ports: vec![(3389, Role::Echo)],
            services: json!([{ "name": "rdp", "tcp": [3389] }]),
            asleep: false,
            single_sign_on: false,
            udp: true,
            by_channel: true,
            grace_s: 30,
            channels: usize::MAX,
            login: None,
            greets: Greets::default(),
            expired: false,
        }
    }
}

/// What the gateway was asked, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Login(Value),
    Attached,
    /// A request by the channel.
    Request(Value),
    /// With the reason given.
    Closed(String),
    /// Anything else: its first line.
    Other(String),
}

#[derive(Debug, Clone)]
enum Say {
    Text(String),
    HangUp,
}

#[derive(Default)]
struct Log {
    asked: Mutex<Vec<Asked>>,
    changed: Condvar,
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: String,
    pub(crate) certificate: String,
    log: Arc<Log>,
    say: broadcast::Sender<Say>,
    consent: watch::Sender<Option<bool>>,
    stop: Arc<AtomicBool>,
    /// Bytes that sinks of the workstation took.
    pub(crate) sunk: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    log: Arc<Log>,
    say: broadcast::Sender<Say>,
    /// The answer of a worker whom a technician wants to assist.
    consent: watch::Receiver<Option<bool>>,
    manners: Manners,
    udp: SocketAddr,
    client: Arc<Mutex<Option<[u8; 32]>>>,
    /// What proves each use of the token.
    session_key: Mutex<Option<proof::Public>>,
    /// Tokens that were given out with channels.
    channels: AtomicU64,
    /// Datagrams that came by the channel, and those that go by it.
    came: mpsc::Sender<Vec<u8>>,
    goes: broadcast::Sender<Vec<u8>>,
}

impl Gateway {
    pub(crate) fn start(manners: Manners) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let fingerprint = format!("sha256:{}", hex(&Sha256::digest(key.subject_public_key_info())));
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        if manners.expired {
            parameters.not_before = rcgen::date_time_ymd(2019, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let certificate = parameters.self_signed(&key).unwrap();
        let tls = tls(certificate.der().clone(), key.serialize_der());
        let udp_socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (log, stop) = (Arc::new(Log::default()), Arc::new(AtomicBool::new(false)));
        let (say, _) = broadcast::channel(16);
        let (consent, answer) = watch::channel(None);
        let sunk = Arc::new(AtomicU64::new(0));
        let client = Arc::new(Mutex::new(None));
        let (came, by_channel) = mpsc::channel();
        let (goes, _) = broadcast::channel(4096);
        let shared = Arc::new(Shared {
            log: Arc::clone(&log),
            say: say.clone(),
            consent: answer,
            manners: manners.clone(),
            udp: udp_socket.local_addr().unwrap(),
            client: Arc::clone(&client),
            session_key: Mutex::default(),
            channels: AtomicU64::new(0),
            came,
            goes: goes.clone(),
        });
        let control = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || control(listener, &tls, &shared, &stop)
        });
        let data = std::thread::spawn({
            let (stop, sunk) = (Arc::clone(&stop), Arc::clone(&sunk));
            move || data(&udp_socket, &manners, &client, &sunk, &stop, (&by_channel, &goes))
        });
        Self {
            address,
            fingerprint,
            certificate: certificate.pem(),
            log,
            say,
            consent,
            stop,
            sunk,
            threads: vec![control, data],
        }
    }

    /// Sends an event to whoever holds the channel, once somebody does.
    pub(crate) fn tell(&self, event: &Value) {
        self.say(&Say::Text(event.to_string()));
    }

    /// The worker answers the technician whose login waits.
    pub(crate) fn answer(&self, consent: bool) {
        self.consent.send(Some(consent)).unwrap();
    }

    /// Cuts the session channel.
    pub(crate) fn hang_up(&self) {
        self.say(&Say::HangUp);
    }

    fn say(&self, what: &Say) {
        until("the channel", || self.say.send(what.clone()).ok());
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.log.asked.lock().unwrap().clone()
    }

    /// Waits until it was asked so.
    pub(crate) fn wait_for(&self, what: &str, done: impl Fn(&[Asked]) -> bool) {
        let asked = self.log.asked.lock().unwrap();
        let (asked, timeout) =
            self.log.changed.wait_timeout_while(asked, Duration::from_secs(30), |asked| !done(asked)).unwrap();
        assert!(!timeout.timed_out(), "{what} never came: {asked:?}");
    }

    /// The reasons of all closes.
    pub(crate) fn closes(&self) -> Vec<String> {
        let closed = |asked| if let Asked::Closed(reason) = asked { Some(reason) } else { None };
        self.asked().into_iter().filter_map(closed).collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tls(certificate: rustls_pki_types::CertificateDer<'static>, key: Vec<u8>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], rustls_pki_types::PrivatePkcs8KeyDer::from(key).into())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn control(listener: std::net::TcpListener, tls: &TlsAcceptor, shared: &Arc<Shared>, stop: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).unwrap();
        while !stop.load(Ordering::Relaxed) {
            let accepted = tokio::time::timeout(Duration::from_millis(20), listener.accept()).await;
            let Ok(Ok((tcp, _))) = accepted else { continue };
            let (tls, shared) = (tls.clone(), Arc::clone(shared));
            tokio::spawn(async move {
                if let Ok(stream) = tls.accept(tcp).await {
                    answer(stream, shared).await;
                }
            });
        }
    });
}

impl Shared {
    /// The latest token, and the one before.
    fn tokens(&self) -> [[u8; 32]; 2] {
        let given = u8::try_from(self.channels.load(Ordering::Relaxed)).unwrap();
        [[TOKEN + given; 32], [TOKEN + given.saturating_sub(1); 32]]
    }

    /// Another one for each channel.
    fn next_token(&self) -> [u8; 32] {
        self.channels.fetch_add(1, Ordering::Relaxed);
        self.tokens()[0]
    }

    fn note(&self, asked: Asked) {
        self.log.asked.lock().unwrap().push(asked);
        self.log.changed.notify_all();
    }
}

async fn answer(mut stream: TlsStream<TcpStream>, shared: Arc<Shared>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let first = head.lines().next().unwrap().to_owned();
    let shown = header("authorization").unwrap_or_default();
    // The former one counts as long as the next one may be on its way.
    let token = shared.tokens().into_iter().find(|token| shown == format!("Bearer {}", STANDARD.encode(token)));
    let authorized = token.is_some_and(|token| proves(&shared, &stream, &first, token, header(proof::HEADER)));
    match first.split(' ').take(2).collect::<Vec<_>>()[..] {
        ["POST", "/v1/login"] => {
            let mut body = vec![0; header("content-length").unwrap().parse().unwrap()];
            stream.read_exact(&mut body).await.unwrap();
            let request: Value = serde_json::from_slice(&body).unwrap();
            shared.note(Asked::Login(request.clone()));
            let (status, body) = match request["assist"].is_object() && !agrees(shared.consent.clone()).await {
                true => {
                    (403, json!({ "code": "assistance_refused", "message": "Said no.", "support": "S-78" }).to_string())
                }
                false => login(&shared, &request),
            };
            respond(&mut stream, status, &body).await;
        }
        ["GET", "/v1/session"] if authorized => {
            let attached = |asked: &&Asked| **asked == Asked::Attached;
            if shared.log.asked.lock().unwrap().iter().filter(attached).count() >= shared.manners.channels {
                return;
            }
            let key = derive_accept_key(header("sec-websocket-key").unwrap().as_bytes());
            let next = format!("{}: {}", proof::NEXT_TOKEN, STANDARD.encode(shared.next_token()));
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {key}\r\n{next}\r\n\r\n"
            );
            let say = shared.say.subscribe();
            stream.write_all(head.as_bytes()).await.unwrap();
            let socket = WebSocketStream::from_raw_socket(stream, Side::Server, None).await;
            channel(socket, &shared, say).await;
        }
        ["DELETE", path] if authorized => {
            shared.note(Asked::Closed(path.strip_prefix("/v1/session?reason=").unwrap_or(path).to_owned()));
            respond(&mut stream, 204, "").await;
        }
        ["GET", "/v1/login"] => {
            let Greets { status, off_s } = shared.manners.greets;
            let date = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(off_s);
            let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT");
            let answer = format!("HTTP/1.1 {status} X\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        _ => {
            shared.note(Asked::Other(first));
            respond(&mut stream, 401, "").await;
        }
    }
}

/// Whether a request proves that its token was given to who sends it.
fn proves(shared: &Shared, stream: &TlsStream<TcpStream>, first: &str, token: [u8; 32], proof: Option<String>) -> bool {
    let binding = stream.get_ref().1.export_keying_material([0; 32], proof::BINDING_LABEL, Some(&[])).unwrap();
    let (binding, token) = (proof::Binding(binding), Token::new(token));
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some(proof)) = (words.next(), words.next(), proof) else { return false };
    let key = *shared.session_key.lock().unwrap();
    key.is_some_and(|key| key.holds(proof.as_bytes(), &proof::Use { method, target, token: &token, binding }))
}

async fn respond(stream: &mut TlsStream<TcpStream>, status: u16, body: &str) {
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Waits for the worker's answer.
async fn agrees(mut consent: watch::Receiver<Option<bool>>) -> bool {
    consent.wait_for(Option::is_some).await.is_ok_and(|answer| *answer == Some(true))
}

fn login(shared: &Shared, request: &Value) -> (u16, String) {
    let password = request["password"] == PASSWORD;
    let with_code = request["second_factor"].is_string();
    let key = STANDARD.decode(request["public_key"].as_str().unwrap()).unwrap();
    *shared.session_key.lock().unwrap() = serde_json::from_value(request["session_key"].clone()).ok();
    if let Some((status, body)) = &shared.manners.login {
        return (*status, body.clone());
    }
    if !password {
        let refusal =
            json!({ "code": "wrong_credentials", "message": "Nope.", "support": "S-77", "retry_after_s": 60 });
        return (401, refusal.to_string());
    }
    let news = match with_code {
        true => json!([{ "what": "recovery_code_used", "at": 1_700_000_000 }]),
        false => json!([]),
    };
    *shared.client.lock().unwrap() = Some(key.try_into().unwrap());
    let mut session = json!({
        "number": "K7QM-2F9D",
        "token": STANDARD.encode(shared.tokens()[0]),
        "gateway": { "public_key": STANDARD.encode(Office::public_key()), "endpoint": shared.udp.to_string() },
        "preshared_key": STANDARD.encode(PRESHARED),
        "address": WORKER,
        "mtu": 1420,
        "workstation": { "name": "anagrafe-07", "address": WORKSTATION, "services": shared.manners.services },
        "limits": { "idle_s": 900, "remaining_s": 3600, "ends_at": 1_700_000_000, "grace_s": shared.manners.grace_s },
        "redirect": [],
        "factor_news": news,
        "told_by_a_newer_gateway": true,
    });
    if shared.manners.single_sign_on {
        session["single_sign_on"] = json!(true);
    }
    if shared.manners.asleep {
        session["workstation"]["state"] = json!("waking");
    }
    (200, session.to_string())
}

async fn channel(
    mut socket: WebSocketStream<TlsStream<TcpStream>>,
    shared: &Shared,
    mut say: broadcast::Receiver<Say>,
) {
    let mut goes = shared.goes.subscribe();
    let _ = socket.send(Message::text(r#"{"event":"attached"}"#)).await;
    shared.note(Asked::Attached);
    loop {
        tokio::select! {
            said = say.recv() => match said {
                Ok(Say::Text(text)) => drop(socket.send(Message::text(text)).await),
                Ok(Say::HangUp) | Err(_) => return,
            },
            datagram = goes.recv() => match datagram {
                Ok(datagram) => drop(socket.send(Message::binary(datagram)).await),
                // Some were lost, as on any line; those behind them wait to be sent.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Binary(datagram))) => drop(shared.came.send(datagram.to_vec())),
                Some(Ok(Message::Text(text))) => shared.note(Asked::Request(serde_json::from_str(&text).unwrap())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

fn data(
    socket: &UdpSocket,
    manners: &Manners,
    client: &Mutex<Option<[u8; 32]>>,
    sunk: &AtomicU64,
    stop: &AtomicBool,
    (came, goes): (&mpsc::Receiver<Vec<u8>>, &broadcast::Sender<Vec<u8>>),
) {
    let mut office: Option<([u8; 32], Office)> = None;
    // Where the last datagram came from; none is the channel.
    let mut peer = None;
    let mut buffer = [0; 2048];
    socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    while !stop.load(Ordering::Relaxed) {
        let received = socket.recv_from(&mut buffer);
        if let Some(key) = *client.lock().unwrap()
            && office.as_ref().is_none_or(|(known, _)| *known != key)
        {
            office = Some((key, Office::with_preshared(key, PRESHARED, &manners.ports, 8, Instant::now())));
        }
        let Some((_, office)) = &mut office else { continue };
        if let Ok((length, from)) = received
            && manners.udp
        {
            peer = Some(from);
            office.handle_datagram(&buffer[..length], Instant::now());
        }
        for datagram in came.try_iter().filter(|_| manners.by_channel) {
            peer = None;
            office.handle_datagram(&datagram, Instant::now());
        }
        office.poll(Instant::now());
        sunk.store(office.sunk, Ordering::Relaxed);
        for datagram in office.out.drain(..) {
            match peer {
                Some(peer) => drop(socket.send_to(&datagram, peer)),
                None => drop(goes.send(datagram)),
            }
        }
    }
}

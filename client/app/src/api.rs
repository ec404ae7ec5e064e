//! Speaks the control API: login, session channel, close. The only file that names an HTTP client.
//!
//! Each request has a connection of its own: there are few of them, and none has to care for what became of another.
//! Who the gateway is, is settled in `api/trust.rs` before a byte of a request leaves.

pub(crate) mod channel;
pub(crate) mod credential;
pub(crate) mod look;
pub(crate) mod portal;
pub(crate) mod trust;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gateway_api::{
    DEVICE, DEVICE_RENEWAL, FACTOR, FACTOR_CONFIRMATION, GatewayName, LARGEST_BODY, LOGIN, NOTICES, PASSWORD, RECORD,
    SESSION, device, factor,
    login::{Refusal, Request, Session},
    notice, password, record,
    session::ClientReason,
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, StatusCode,
    body::Bytes,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use zeroize::Zeroizing;

use crate::{config::Server, device::Device, udp};
use credential::Credential;
use trust::Distrust;

/// How long finding the gateway and agreeing on keys may take, each.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long the gateway may take over a login: it asks the directory, and may have to wait for it.
const LOGIN_TIME: Duration = Duration::from_secs(60);
/// How long a worker has to answer whether a technician may come, by the gateway's clock; a technician's login waits for that as well.
pub(crate) const CONSENT_TIME: Duration = Duration::from_secs(60);
/// How long it may take to be told of an end. Nobody waits gladly for that.
const CLOSE_TIME: Duration = Duration::from_secs(3);
/// The largest answer read, in bytes.
const LARGEST_ANSWER: usize = 512 << 10;

/// What went wrong with a request.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing leads out of this computer.
    NoNetwork,
    /// The gateway's name has no address.
    Unresolved,
    /// Nobody answers there.
    Unreachable(String),
    /// Who answers does not show the office's certificate. Nothing was told to them.
    Untrusted(String),
    /// The same, in a network that wants something of the person first. Nothing was told to them.
    UntrustedAtPortal(String),
    /// The network wants something of the person first, and lets nobody through before.
    Portal,
    /// Their certificate does not hold at this computer's time. Nothing was told to them.
    Untimely,
    /// Who answers does not speak this API.
    NotAGateway(String),
    /// It is a gateway, and does not know the path: it speaks another version.
    OtherVersion,
    /// The gateway refused the login.
    Refused(Box<Refusal>),
    /// The gateway does not know the session, or not any more.
    Gone,
}

impl Failure {
    /// Of an attempt to reach the gateway: how far it came where nobody has shown a certificate, more being further. None if somebody has.
    fn silent_after(&self) -> Option<u8> {
        match self {
            Self::NoNetwork | Self::Portal => Some(0),
            Self::Unresolved => Some(1),
            Self::Unreachable(_) => Some(2),
            Self::NotAGateway(_) => Some(3),
            Self::Untrusted(_)
            | Self::UntrustedAtPortal(_)
            | Self::Untimely
            | Self::OtherVersion
            | Self::Refused(_)
            | Self::Gone => None,
        }
    }
}

/// What a login comes to.
pub(crate) enum Opened {
    /// A session.
    Session(Box<Session>),
    /// Something to be read first.
    Pending(notice::Pending),
}

/// A gateway, and how to know it.
#[derive(Clone)]
pub(crate) struct Client {
    server: Server,
    /// The first of its names at which somebody showed a certificate. All that follows goes there, whoever of the clones asks: a session is held
    /// by the line that it began on.
    answered: Arc<OnceLock<GatewayName>>,
    /// Which of its names is told where none has answered, counted from 0: the one that was reached the furthest.
    told: Arc<AtomicUsize>,
    tls: Arc<rustls::ClientConfig>,
    /// The same, showing this computer's certificate, for where a password is shown too.
    managed: Option<(Arc<rustls::ClientConfig>, Device)>,
}

impl Client {
    /// `tls` says whom to trust: see [`trust::config`]. `device` is shown at logins.
    pub(crate) fn new(server: Server, tls: Arc<rustls::ClientConfig>, device: Option<Device>) -> Self {
        let managed = device.map(|device| {
            let mut shows = (*tls).clone();
            shows.client_auth_cert_resolver = device.identity();
            (Arc::new(shows), device)
        });
        Self { server, answered: Arc::default(), told: Arc::default(), tls, managed }
    }

    /// The gateway, with all its names.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The name by which the gateway answered. Before that the first, or where all were silent the one that was reached the furthest.
    pub(crate) fn name(&self) -> &GatewayName {
        let told = || self.server.names().nth(self.told.load(Ordering::Relaxed));
        self.answered.get().or_else(told).unwrap_or(self.server.first())
    }

    /// Where datagrams go that the gateway wants at `told`. It tells one of its names to all: whoever reached it by another line sends them there.
    pub(crate) fn endpoint(&self, told: &str) -> Option<GatewayName> {
        let told = GatewayName::parse(told)?;
        let is_own = self.server.names().any(|name| name.is_at(&told));
        Some(if is_own { self.name().with_port(told.port()) } else { told })
    }

    /// Signs in, and tells at which of its addresses the gateway was reached; `reached` is told as soon as it was.
    pub(crate) async fn login(&self, request: Request, reached: impl FnOnce()) -> Result<(Opened, IpAddr), Failure> {
        let patience = patience(&request);
        let (status, answer, gateway) = self.post_telling(LOGIN, request, patience, reached).await?;
        Ok((self.opened(status, &answer)?, gateway))
    }

    /// Says what was read, for the login that waits for it.
    pub(crate) async fn mark(&self, credential: &Credential, read: &notice::Read) -> Result<Opened, Failure> {
        let stream = self.dial().await?;
        let body = serde_json::to_vec(read).map_err(|error| Failure::NotAGateway(error.to_string()))?;
        let message = hyper::Request::post(NOTICES)
            .header(HOST, self.name().host_header())
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, body.len());
        let message = credential
            .show(message, &stream, &Method::POST, NOTICES)?
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Failure::NotAGateway(error.to_string()))?;
        let (status, answer) = exchange(stream, message, LOGIN_TIME).await?;
        self.opened(status, &answer)
    }

    /// What a login came to.
    fn opened(&self, status: StatusCode, answer: &[u8]) -> Result<Opened, Failure> {
        if status == StatusCode::ACCEPTED {
            return read(StatusCode::OK, answer).map(Opened::Pending);
        }
        let mut session: Session = read(status, answer)?;
        self.renew(session.device_certificate.take());
        Ok(Opened::Session(Box::new(session)))
    }

    /// Makes this computer a managed one; it shows the key that the certificate is to be for.
    pub(crate) async fn enrol(&self, request: device::Request) -> Result<device::Enrolled, Failure> {
        let (status, answer, _) = self.post(DEVICE, request).await?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&answer).map_err(|error| Failure::NotAGateway(error.to_string()));
        }
        Err(refused(status, &answer))
    }

    /// Another certificate for this computer's key, if it is time; the present one is shown.
    pub(crate) async fn renew_device(&self) -> Result<Option<device::Enrolled>, Failure> {
        let (status, answer, _) = self.post(DEVICE_RENEWAL, ()).await?;
        if status == StatusCode::NO_CONTENT { Ok(None) } else { read(status, &answer).map(Some) }
    }

    /// Keeps a new certificate. One that cannot be kept comes again at the next login.
    fn renew(&self, certificate: Option<String>) {
        if let (Some(certificate), Some((_, device))) = (certificate, &self.managed)
            && let Err(why) = device.keep(&certificate)
        {
            tracing::warn!(why, "renewed certificate not kept");
        }
    }

    /// Gives the office account another password.
    pub(crate) async fn change_password(&self, request: password::Request) -> Result<(), Failure> {
        let (status, answer, _) = self.post(PASSWORD, request).await?;
        if status == StatusCode::NO_CONTENT { Ok(()) } else { Err(refused(status, &answer)) }
    }

    /// What is recorded about the worker.
    pub(crate) async fn own_record(&self, request: record::Request) -> Result<record::Own, Failure> {
        let (status, answer, _) = self.post(RECORD, request).await?;
        read(status, &answer)
    }

    /// Asks for the secret of a second factor.
    pub(crate) async fn begin_factor(&self, request: factor::Begin) -> Result<factor::Begun, Failure> {
        let (status, answer, _) = self.post(FACTOR, request).await?;
        read(status, &answer)
    }

    /// Shows the first code of a second factor.
    pub(crate) async fn confirm_factor(&self, request: factor::Confirm) -> Result<factor::Confirmed, Failure> {
        let (status, answer, _) = self.post(FACTOR_CONFIRMATION, request).await?;
        read(status, &answer)
    }

    async fn post(
        &self,
        path: &str,
        request: impl Serialize,
    ) -> Result<(StatusCode, Zeroizing<Vec<u8>>, IpAddr), Failure> {
        self.post_telling(path, request, LOGIN_TIME, || ()).await
    }

    /// Sends what holds a password. The request is cleared before the answer is waited for. Tells where the gateway is, too.
    async fn post_telling(
        &self,
        path: &str,
        request: impl Serialize,
        patience: Duration,
        reached: impl FnOnce(),
    ) -> Result<(StatusCode, Zeroizing<Vec<u8>>, IpAddr), Failure> {
        let tls = self.managed.as_ref().map_or(&self.tls, |(shows, _)| shows);
        let stream = match self.dial_with(tls).await {
            Ok(stream) => stream,
            Err(failure) => {
                drop(request);
                return Err(self.explain(failure).await);
            }
        };
        reached();
        let gateway = stream.get_ref().0.peer_addr().map_err(|error| Failure::Unreachable(plain(&error)))?.ip();
        // Room for the largest: growing would leave copies of the password behind.
        let mut body = Zeroizing::new(Vec::with_capacity(LARGEST_BODY));
        serde_json::to_writer(&mut *body, &request).map_err(|error| Failure::NotAGateway(error.to_string()))?;
        drop(request);
        let message = hyper::Request::post(path)
            .header(HOST, self.name().host_header())
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, body.len())
            .body(Full::new(Bytes::from_owner(Wiped(body))))
            .map_err(|error| Failure::NotAGateway(error.to_string()))?;
        let (status, answer) = exchange(stream, message, patience).await?;
        Ok((status, answer, gateway))
    }

    /// Tells the gateway that the session is over. A session it no longer knows is over as well.
    pub(crate) async fn close(&self, credential: &Credential, reason: ClientReason) -> Result<(), Failure> {
        let word = gateway_api::CloseReason::from(reason).word();
        let target = format!("{SESSION}?reason={word}");
        let exchange = async {
            let stream = self.dial().await?;
            let message = hyper::Request::delete(&target).header(HOST, self.name().host_header());
            let message = credential
                .show(message, &stream, &Method::DELETE, &target)?
                .body(Full::new(Bytes::new()))
                .map_err(|error| Failure::NotAGateway(error.to_string()))?;
            exchange(stream, message, CLOSE_TIME).await
        };
        let (status, _) =
            timeout(CLOSE_TIME, exchange).await.map_err(|_| Failure::Unreachable("no answer in time".into()))??;
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            status if status.is_success() => Ok(()),
            status => Err(Failure::NotAGateway(format!("status {}", status.as_u16()))),
        }
    }

    /// A connection on which the gateway has shown who it is.
    async fn dial(&self) -> Result<TlsStream<TcpStream>, Failure> {
        self.dial_with(&self.tls).await
    }

    /// Tries the names in their order. Whoever shows a certificate has answered, and a foreign one is told: passing it over would hide from the
    /// office that somebody stands at its name, and from the worker a network that wants something first. Where all are silent, the one
    /// that was reached the furthest is told, or the first of such: a name that nobody has any more would hide what is wrong with the others.
    async fn dial_with(&self, tls: &Arc<rustls::ClientConfig>) -> Result<TlsStream<TcpStream>, Failure> {
        if let Some(name) = self.answered.get() {
            return dial_at(name, tls).await;
        }
        let mut furthest = None;
        for (index, name) in self.server.names().enumerate() {
            let answer = dial_at(name, tls).await;
            let Some(reached) = answer.as_ref().err().and_then(Failure::silent_after) else {
                let _ = self.answered.set(name.clone());
                return answer;
            };
            tracing::info!(%name, failure = ?answer.as_ref().err(), "no answer by this name");
            if furthest.as_ref().is_none_or(|(before, _)| reached > *before) {
                self.told.store(index, Ordering::Relaxed);
                furthest = Some((reached, answer));
            }
        }
        furthest.map_or(Err(Failure::Unresolved), |(_, answer)| answer)
    }
}

/// A connection to a name on which the gateway has shown who it is.
async fn dial_at(name: &GatewayName, tls: &Arc<rustls::ClientConfig>) -> Result<TlsStream<TcpStream>, Failure> {
    let nowhere = || if udp::leads_out() { Failure::Unresolved } else { Failure::NoNetwork };
    let addresses = resolve(name).await.map_err(|_| nowhere())?;
    let tcp = match first_of(&addresses).await {
        None => return Err(nowhere()),
        Some(Err(error)) if portal::is_no_network(&error, &addresses) => return Err(Failure::NoNetwork),
        Some(Err(error)) => return Err(Failure::Unreachable(plain(&error))),
        Some(Ok(tcp)) => tcp,
    };
    let _ = tcp.set_nodelay(true);
    Ok(shake_hands(name, tls, tcp).await?)
}

/// The addresses of a name.
pub(crate) async fn resolve(name: &GatewayName) -> io::Result<Vec<SocketAddr>> {
    let found = timeout(CONNECT_TIME, tokio::net::lookup_host((name.host(), name.port())));
    Ok(found.await.map_err(|_| io::ErrorKind::TimedOut)??.collect())
}

async fn shake_hands(
    name: &GatewayName,
    tls: &Arc<rustls::ClientConfig>,
    tcp: TcpStream,
) -> Result<TlsStream<TcpStream>, Distrust> {
    let name =
        ServerName::try_from(name.host().to_owned()).map_err(|error| Distrust::Certificate(error.to_string()))?;
    let handshake = TlsConnector::from(Arc::clone(tls)).connect(name, tcp);
    match timeout(CONNECT_TIME, handshake).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(trust::classify(&error)),
        Err(_) => Err(Distrust::Protocol("no answer to the TLS greeting".into())),
    }
}

/// How long the answer to a login is waited for. A technician's comes once the worker has answered.
fn patience(request: &Request) -> Duration {
    if request.assist.is_some() { LOGIN_TIME + CONSENT_TIME } else { LOGIN_TIME }
}

/// A connection to the first address that answers, or why the last one did not. None if there are no addresses.
async fn first_of(addresses: &[SocketAddr]) -> Option<io::Result<TcpStream>> {
    let mut failure = None;
    for address in addresses {
        failure = match timeout(CONNECT_TIME, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Some(Ok(tcp)),
            Ok(Err(error)) => Some(Err(error)),
            Err(_) => Some(Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"))),
        };
    }
    failure
}

/// What the system says about an error, without its number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

fn read<T: DeserializeOwned>(status: StatusCode, answer: &[u8]) -> Result<T, Failure> {
    match status {
        StatusCode::OK => serde_json::from_slice(answer).map_err(|error| Failure::NotAGateway(error.to_string())),
        status => Err(refused(status, answer)),
    }
}

fn refused(status: StatusCode, answer: &[u8]) -> Failure {
    match serde_json::from_slice::<Refusal>(answer) {
        Ok(refusal) => Failure::Refused(Box::new(refusal)),
        Err(_) if status == StatusCode::NOT_FOUND => Failure::OtherVersion,
        Err(_) => Failure::NotAGateway(format!("status {}", status.as_u16())),
    }
}

/// One request, one answer: its status and its body, which is cleared when dropped.
async fn exchange(
    stream: TlsStream<TcpStream>,
    message: hyper::Request<Full<Bytes>>,
    patience: Duration,
) -> Result<(StatusCode, Zeroizing<Vec<u8>>), Failure> {
    let not_a_gateway = |error: hyper::Error| Failure::NotAGateway(error.to_string());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(not_a_gateway)?;
    let talk = async {
        let response = sender.send_request(message).await.map_err(not_a_gateway)?;
        let status = response.status();
        let mut body = Limited::new(response.into_body(), LARGEST_ANSWER);
        let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST_ANSWER));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Failure::NotAGateway(error.to_string()))?;
            bytes.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
        }
        Ok((status, bytes))
    };
    let answer = driven(connection, timeout(patience, talk)).await;
    answer.unwrap_or_else(|_| Err(Failure::NotAGateway("no answer in time".into())))
}

/// Talks by a connection, which does the work; it ends by itself once nobody asks any more.
async fn driven<T>(connection: impl Future, talk: impl Future<Output = T>) -> T {
    let drive = async {
        connection.await;
        std::future::pending().await
    };
    tokio::select! {
        answer = talk => answer,
        never = drive => never,
    }
}

/// Bytes that are cleared when the HTTP client is done with them.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use gateway_api::{
        PublicKey,
        login::{Assist, Language, Password},
        proof,
    };

    use super::*;

    #[test]
    fn datagrams_take_the_line_by_which_the_gateway_answered_unless_it_sends_them_elsewhere() {
        let server =
            Server::of(["gw", "gw2:8443"].iter().filter_map(|name| GatewayName::parse(name)).collect()).unwrap();
        let client = Client::new(server, trust::config(&trust::Trust::Pinned(Vec::new())).unwrap(), None);
        let endpoint = |told: &str| client.endpoint(told).map(|name| (name.host().to_owned(), name.port()));
        let at = |host: &str| Some((host.to_owned(), 51820));
        assert_eq!(endpoint("gw:51820"), at("gw"));
        client.answered.set(GatewayName::parse("gw2:8443").unwrap()).unwrap();
        for (told, expected) in [
            ("gw:51820", at("gw2")),
            ("GW2:51820", at("gw2")),
            ("udp.comune.example:51820", at("udp.comune.example")),
            ("[2001:db8::1]:51820", at("2001:db8::1")),
            ("gw/", None),
        ] {
            assert_eq!(endpoint(told), expected, "{told}");
        }
    }

    #[test]
    fn a_technicians_login_waits_for_the_worker_and_as_long_as_any_other_beyond() {
        let request = |assist| Request {
            user: "g.neri".to_owned(),
            password: Password::new("x".to_owned()),
            second_factor: None,
            public_key: PublicKey([1; 32]),
            session_key: proof::Secret::new(&[7; 32]).public(),
            language: Language::En,
            client: String::new(),
            wireguard_config: false,
            assist,
        };
        let assist = Assist { worker: "m.rossi".to_owned(), reason: "x".to_owned(), minutes: None };
        assert_eq!(patience(&request(Some(assist))), patience(&request(None)) + CONSENT_TIME);
    }
}

//! What a login sends and receives.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Fingerprint, PresharedKey, PublicKey, SessionNumber, Token, factor::News, proof};

/// The longest user name read, in bytes of UTF-8.
pub const LONGEST_USER: usize = 256;
/// The longest password read, in bytes of UTF-8.
pub const LONGEST_PASSWORD: usize = 1024;
/// The longest code read, in bytes of UTF-8: of a second factor, or of its enrolment.
pub const LONGEST_CODE: usize = 64;
/// The longest reason for an assistance read, in bytes of UTF-8.
pub const LONGEST_REASON: usize = 256;

/// A password on its way from the prompt to one request; neither prints nor clones, cleared when dropped.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Takes the password over; the caller keeps no copy.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The password itself, for the one place that checks it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A second factor as typed: the digits of an authenticator app, or a recovery code. Neither prints nor clones, cleared when
/// dropped. An empty one is none.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct Code(String);

impl Code {
    /// Takes the code over; the caller keeps no copy.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The code itself, for the one place that checks it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(…)")
    }
}

/// The language of the words that come back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English, also for whoever asks for neither.
    #[default]
    En,
    /// Italian.
    It,
}

/// `POST /v1/login`
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// As typed: `m.rossi`, at most [`LONGEST_USER`] bytes.
    pub user: String,
    /// At most [`LONGEST_PASSWORD`] bytes; an empty one is refused before it reaches the directory.
    pub password: Password,
    /// At most [`LONGEST_CODE`] bytes. Anybody may leave it out: whether it is asked for is told to nobody who has not shown it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<Code>,
    /// The client's WireGuard key, made for this session and forgotten with it.
    pub public_key: PublicKey,
    /// The key that each use of the token will be proved with, made for this session and forgotten with it.
    pub session_key: proof::Public,
    /// The language for refusals.
    #[serde(default)]
    pub language: Language,
    /// The client's name and version, for the gateway's log: at most 64 bytes are kept.
    #[serde(default)]
    pub client: String,
    /// Whether the client wants to hand this session to another WireGuard program.
    #[serde(default)]
    pub wireguard_config: bool,
    /// A technician's: the session is to be for another's workstation. The answer comes once that worker has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assist: Option<Assist>,
}

/// Whom a technician asks to assist, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Assist {
    /// The worker, who is connected now: `m.rossi`, at most [`LONGEST_USER`] bytes.
    pub worker: String,
    /// What for, shown to the worker and recorded: one line, 1 to [`LONGEST_REASON`] bytes.
    pub reason: String,
    /// How long it is to last, in minutes: 1 to what the policy allows, which is also what it is without a word of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u16>,
}

/// A login that succeeded: a session, open and recorded.
#[derive(Debug, Deserialize, Serialize)]
pub struct Session {
    /// The number a worker reads to the help desk.
    pub number: SessionNumber,
    /// What the session channel and the close ask for, with a [`proof`] each time.
    pub token: Token,
    /// The gateway's end of the tunnel.
    pub gateway: GatewayPeer,
    /// Mixed into the handshake, so that the tunnel inherits the strength of this TLS exchange.
    pub preshared_key: PresharedKey,
    /// The session's own address inside the tunnel.
    pub address: IpAddr,
    /// The largest IP packet inside the tunnel, in bytes: 1280 to 1420.
    pub mtu: u16,
    /// The one computer this session reaches.
    pub workstation: Workstation,
    /// When and why the session will end.
    pub limits: Limits,
    /// What the RDP program may redirect; empty means nothing.
    pub redirect: Vec<Redirection>,
    /// Whether the password may be handed over to the RDP program, so that it is typed once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub single_sign_on: bool,
    /// What became of the worker's second factor lately, for the worker to know if it was not them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factor_news: Vec<News>,
    /// A new certificate of this computer in the place of the one it showed, which ends soon; PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_certificate: Option<String>,
}

/// Where the tunnel goes.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct GatewayPeer {
    /// The gateway's WireGuard key.
    pub public_key: PublicKey,
    /// `host:port` for UDP as seen from the Internet; the host may be a name.
    pub endpoint: String,
}

/// The granted workstation.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Workstation {
    /// Its name in the policy.
    pub name: String,
    /// Its address as resolved by the gateway at login.
    pub address: IpAddr,
    /// What may be reached there, in the policy's order; never empty.
    pub services: Vec<Service>,
    /// Whether it can be used yet.
    #[serde(default, skip_serializing_if = "WorkstationState::is_ready")]
    pub state: WorkstationState,
    /// Of the one certificate that it may show to the RDP program, whole (DER); nothing where the policy names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Fingerprint>,
}

/// The name of the service that the worker's program is for. Where none has it, the first that was granted is.
pub const RDP: &str = "rdp";

/// Whether a workstation can be used when its session opens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkstationState {
    /// For all that the gateway knows; also what a gateway means that says nothing of it.
    #[default]
    Ready,
    /// It sleeps, and the gateway wakes it: the session channel tells when it answers
    /// ([`WorkstationReady`](crate::session::Event::WorkstationReady)).
    Waking,
}

impl WorkstationState {
    fn is_ready(&self) -> bool {
        *self == Self::Ready
    }
}

/// One way into the workstation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Service {
    /// Its name in the policy, such as `rdp`.
    pub name: String,
    /// TCP ports, 1 to 65535.
    #[serde(default)]
    pub tcp: Vec<u16>,
    /// UDP ports, 1 to 65535.
    #[serde(default)]
    pub udp: Vec<u16>,
}

/// When a session will end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub struct Limits {
    /// Seconds without a person at keyboard or mouse after which it ends.
    pub idle_s: u32,
    /// Seconds from now to the end of the grant: the agreement's hours or the longest session, whichever is first.
    pub remaining_s: u32,
    /// The same moment in Unix seconds, for showing.
    pub ends_at: i64,
    /// Seconds a session outlives its session channel.
    pub grace_s: u32,
}

/// What an RDP program may share with the workstation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Redirection {
    /// Copy and paste.
    Clipboard,
    /// Home folders.
    Drives,
    /// Printers at home.
    Printers,
    /// Sound from the workstation.
    Audio,
    /// The home microphone.
    Microphone,
    /// Smart cards at home.
    Smartcards,
}

/// A login that was refused. The HTTP status says as much as the code: 400, 401, 403, 409, 429 or 503.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people, in the language asked for: one or two sentences.
    pub message: String,
    /// Finds the true reason in the gateway's log.
    pub support: String,
    /// Seconds to wait before trying again, where waiting helps: for programs, since the message says so in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
}

/// Why a login was refused, as far as the outside may know. "The password was right" means the second factor too, where one is
/// asked for: who shows less is told [`RefusalCode::WrongCredentials`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The request could not be read.
    BadRequest,
    /// Name, password or second factor: which of them is not told, nor whether the account is locked.
    WrongCredentials,
    /// The password was right, but somebody at the office has to do something first (expired, disabled or blocked account).
    AccountNeedsAttention,
    /// The password was right, but another one must take its place first.
    PasswordExpired,
    /// The present password was right, and the directory does not take the new one.
    PasswordNotTaken,
    /// All was right, but the first code of a new second factor is not the one expected.
    FactorNotConfirmed,
    /// The password was right, but nothing in the policy lets this person work from home.
    NoAgreement,
    /// The password was right, and the agreement does not cover this moment.
    OutsideHours,
    /// The password was right, and this kind of home computer is not admitted.
    DeviceNotAdmitted,
    /// The password was right; the certificate of this computer is expired, revoked, or not for this worker and office.
    CertificateNotAccepted,
    /// The password was right; a session of the same worker is open and policy keeps it.
    AlreadyConnected,
    /// The password was right; the workstation's name does not resolve.
    WorkstationUnknown,
    /// The password was right; policy does not let this session be carried by another WireGuard program.
    WireguardConfigNotAllowed,
    /// The password was right; the connection's keys were not agreed on in the way that policy asks for.
    KeyExchangeNotAccepted,
    /// The login that waited for its notices counts no more: it is to be made again.
    LoginOver,
    /// All was right, but this person is no technician, or nobody may assist that worker now: the message says which.
    AssistanceNotPossible,
    /// All was right; the worker said no, or did not answer in time.
    AssistanceRefused,
    /// Too many attempts; `retry_after_s` says how long to wait.
    TooManyAttempts,
    /// The gateway cannot ask its directory, write its record or open another session now.
    Unavailable,
    /// One that only later versions of this know: the message says what people need. No gateway sends it.
    #[serde(other)]
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";

    fn request(more: &str) -> Result<Request, serde_json::Error> {
        let key = serde_json::to_string(&proof::Secret::new(&[7; 32]).public()).unwrap();
        serde_json::from_str(&format!(
            r#"{{"user":"m.rossi","password":"x","public_key":"{KEY}","session_key":{key}{more}}}"#
        ))
    }

    #[test]
    fn a_request_needs_user_password_and_key_and_nothing_else() {
        let read = request("").unwrap();
        assert_eq!((read.user.as_str(), read.password.expose(), read.language), ("m.rossi", "x", Language::En));
        assert!(!read.wireguard_config && read.client.is_empty() && read.second_factor.is_none());
        assert_eq!(request(r#","language":"it""#).unwrap().language, Language::It);
        assert!(serde_json::from_str::<Request>(&format!(r#"{{"user":"m.rossi","public_key":"{KEY}"}}"#)).is_err());
    }

    #[test]
    fn a_technician_names_whom_to_assist_and_why() {
        assert!(!serde_json::to_string(&request("").unwrap()).unwrap().contains("assist"), "older gateways know none");
        let read = request(r#","assist":{"worker":"m.rossi","reason":"the printer"}"#).unwrap().assist.unwrap();
        assert_eq!((read.worker.as_str(), read.reason.as_str(), read.minutes), ("m.rossi", "the printer", None));
        assert!(request(r#","assist":{"worker":"m.rossi"}"#).is_err());
        assert!(request(r#","assist":{"worker":"m.rossi","reason":"x","forever":true}"#).is_err());
    }

    #[test]
    fn a_request_refuses_what_it_does_not_know() {
        assert!(request(r#","admin":true"#).unwrap_err().to_string().contains("unknown field `admin`"));
        assert!(request(r#","language":"de""#).is_err());
        assert!(request(r#","user":"twice""#).is_err());
    }

    #[test]
    fn a_request_reads_back_as_it_was_written() {
        let text = serde_json::to_string(
            &request(r#","client":"deskgate 0.1.0","wireguard_config":true,"second_factor":"123456""#).unwrap(),
        )
        .unwrap();
        let read: Request = serde_json::from_str(&text).unwrap();
        assert_eq!(read.second_factor.as_ref().map(Code::expose), Some("123456"));
        assert!(!format!("{read:?}").contains("123456"), "a code does not print");
        assert!(
            !serde_json::to_string(&request("").unwrap()).unwrap().contains("second_factor"),
            "older gateways know none"
        );
        assert_eq!((read.client.as_str(), read.wireguard_config), ("deskgate 0.1.0", true));
        assert!(!format!("{read:?}").contains("\"x\""), "a password does not print");
    }

    #[test]
    fn a_workstation_is_ready_unless_the_gateway_says_that_it_is_being_woken() {
        let text = r#"{"name":"anagrafe-07","address":"10.20.3.47","services":[]}"#;
        let workstation: Workstation = serde_json::from_str(text).unwrap();
        assert_eq!(workstation.state, WorkstationState::Ready);
        assert_eq!(serde_json::to_string(&workstation).unwrap(), text, "older clients know no state");
        let text = text.replace('}', r#","state":"waking"}"#);
        let workstation: Workstation = serde_json::from_str(&text).unwrap();
        assert_eq!(workstation.state, WorkstationState::Waking);
        assert_eq!(serde_json::to_string(&workstation).unwrap(), text);
    }

    #[test]
    fn an_answer_may_say_more_than_a_client_knows() {
        let refusal: Refusal = serde_json::from_str(
            r#"{"code":"outside_hours","message":"later","support":"K7QM-2F9D","next":"2026-11-24T07:30"}"#,
        )
        .unwrap();
        assert_eq!((refusal.code, refusal.retry_after_s), (RefusalCode::OutsideHours, None));
        assert!(!serde_json::to_string(&refusal).unwrap().contains("retry_after_s"));
        let refusal: Refusal =
            serde_json::from_str(r#"{"code":"full_moon","message":"Not tonight.","support":"K7QM-2F9D"}"#).unwrap();
        assert_eq!((refusal.code, refusal.message.as_str()), (RefusalCode::Other, "Not tonight."));
    }
}

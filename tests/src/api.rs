//! The control API spoken by hand, with curl and a WireGuard key of our own: what anybody on the Internet can do.
//!
//! It is how tests send what our own client never would, and how the hostile home computer comes by a real session.

use std::fs;

use gateway_api::{
    PublicKey,
    login::{Assist, Code, Language, Password, Refusal, Request, Session},
    proof,
};

use crate::{
    gateway::{CONTROL_PORT, label, password},
    netns::Computer,
    wireguard::{Config, PrivateKey},
    world::{GATEWAY, World},
};

/// What proves each use of a token that was asked for here, as [`proof::Secret`] takes it.
pub const SESSION_KEY: [u8; 32] = [42; 32];

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status; 0 when there was no answer at all.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The refusal it is.
    ///
    /// # Panics
    /// When it is none.
    pub fn refusal(&self) -> Refusal {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("no refusal ({e}): {self:?}"))
    }
}

/// Calls curl on a computer, against the gateway. `arguments` are curl's.
pub fn call(world: &World, from: &Computer, path: &str, arguments: &[&str], body: &[u8]) -> Answer {
    let file = world.folder().join(label("body"));
    fs::write(&file, body).expect("the world's folder is writable");
    let answer = file.with_extension("answer");
    let mut command = from.command("curl");
    command.args(["--silent", "--insecure", "--max-time", "30", "--write-out", "%{http_code}", "--output"]);
    command.arg(&answer).args(arguments);
    if !body.is_empty() {
        command.args(["--header", "Content-Type: application/json", "--data-binary"]);
        command.arg(format!("@{}", file.display()));
    }
    command.arg(format!("https://{GATEWAY}:{CONTROL_PORT}{path}"));
    let output = command.output().expect("curl is installed");
    Answer {
        status: String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0),
        body: fs::read_to_string(&answer).unwrap_or_default(),
    }
}

/// The body of a login.
pub fn login_body(user: &str, password: &str, code: Option<&str>, key: PublicKey) -> Vec<u8> {
    body_of(&request(user, password, code, key))
}

fn body_of(request: &Request) -> Vec<u8> {
    serde_json::to_vec(request).expect("plain data")
}

fn request(user: &str, password: &str, code: Option<&str>, key: PublicKey) -> Request {
    Request {
        user: user.to_owned(),
        password: Password::new(password.to_owned()),
        second_factor: code.map(|code| Code::new(code.to_owned())),
        public_key: key,
        session_key: proof::Secret::new(&SESSION_KEY).public(),
        language: Language::En,
        client: "e2e".to_owned(),
        wireguard_config: false,
        assist: None,
    }
}

/// A technician's login, which is answered once the worker has answered, or given up after so many seconds.
pub fn assist(
    world: &World,
    from: &Computer,
    (technician, code): (&str, &str),
    assist: Assist,
    patience_s: u32,
) -> (Answer, PrivateKey) {
    let key = PrivateKey::random();
    let request = request(technician, &password(technician), Some(code), key.public());
    let body = body_of(&Request { assist: Some(assist), ..request });
    // Of two limits curl takes the later one.
    (call(world, from, gateway_api::LOGIN, &["--max-time", &patience_s.to_string()], &body), key)
}

/// Signs in with a fresh key.
pub fn login(world: &World, from: &Computer, user: &str, password: &str) -> (Answer, PrivateKey) {
    login_with(world, from, user, password, None)
}

/// The same with a second factor.
pub fn login_with(
    world: &World,
    from: &Computer,
    user: &str,
    password: &str,
    code: Option<&str>,
) -> (Answer, PrivateKey) {
    let key = PrivateKey::random();
    let answer = call(world, from, gateway_api::LOGIN, &[], &login_body(user, password, code, key.public()));
    (answer, key)
}

/// Signs in with the right password: the session, and the tunnel it may open.
///
/// # Panics
/// When the login is refused.
pub fn session(world: &World, from: &Computer, user: &str) -> (Session, Config) {
    let (answer, key) = login(world, from, user, &password(user));
    let session: Session =
        serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("{user} was refused ({e}): {answer:?}"));
    let config = Config::of(&session, &key);
    (session, config)
}

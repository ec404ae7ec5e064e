//! The control API on the wire: every path and version on one page.
//!
//! Spoken over TLS 1.3 only, JSON in UTF-8. What arrives is parsed once, here, into types that cannot be wrong;
//! behind this border nobody checks again. Requests refuse unknown keys, answers ignore them, so that a newer gateway
//! may tell an older client more than it understands.
//!
//! | method and path      | who         | body                | answer                                         |
//! |----------------------|-------------|---------------------|------------------------------------------------|
//! | `POST /v1/login`     | anybody     | [`login::Request`]  | [`login::Session`] or [`login::Refusal`]       |
//! | `POST /v1/factor`    | anybody     | [`factor::Begin`]   | [`factor::Begun`] or [`login::Refusal`]        |
//! | `POST /v1/factor/confirmation` | anybody | [`factor::Confirm`] | [`factor::Confirmed`] or [`login::Refusal`] |
//! | `POST /v1/password`  | anybody     | [`password::Request`] | `204`, after which the new one holds, or [`login::Refusal`] |
//! | `POST /v1/device`    | anybody     | [`device::Request`] | [`device::Enrolled`] or [`login::Refusal`]      |
//! | `GET /v1/session`    | token       | WebSocket upgrade   | the session channel: [`session::Event`] and [`session::Request`] as text frames; WireGuard datagrams ([`datagrams`]) as binary ones |
//! | `DELETE /v1/session` | token       | none                | `204`, after which the session is closed       |
//!
//! The token travels as `Authorization: Bearer …` and nowhere else.

pub mod datagrams;
pub mod device;
pub mod factor;
pub mod key;
pub mod login;
pub mod password;
pub mod probe;
pub mod session;

pub use key::{PresharedKey, PublicKey, Token};
pub use session::{CloseReason, SessionNumber};

/// Where a worker signs in.
pub const LOGIN: &str = "/v1/login";
/// Where a worker changes the office password.
pub const PASSWORD: &str = "/v1/password";
/// Where a worker begins to enrol a second factor.
pub const FACTOR: &str = "/v1/factor";
/// Where a worker shows that the second factor works, which completes its enrolment.
pub const FACTOR_CONFIRMATION: &str = "/v1/factor/confirmation";
/// Where a home computer becomes a managed one.
pub const DEVICE: &str = "/v1/device";
/// The session channel (GET) and the session's end (DELETE).
pub const SESSION: &str = "/v1/session";
/// The largest request body the gateway reads, in bytes.
pub const LARGEST_BODY: usize = 16 * 1024;

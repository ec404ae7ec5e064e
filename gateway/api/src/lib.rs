//! The control API on the wire: every path and version on one page.
//!
//! Spoken over TLS 1.3 only, JSON in UTF-8. What arrives is parsed once, here, into types that cannot be wrong;
//! behind this border nobody checks again. Requests refuse unknown keys, answers ignore them, so that a newer gateway
//! may tell an older client more than it understands.
//!
//! | method and path      | who         | body                | answer                                         |
//! |----------------------|-------------|---------------------|------------------------------------------------|
//! | `POST /v1/login`     | anybody     | [`login::Request`]  | [`login::Session`], with status 202 [`notice::Pending`], or [`login::Refusal`] |
//! | `POST /v1/notices`   | token       | [`notice::Read`]    | what the login would have had                  |
//! | `POST /v1/factor`    | anybody     | [`factor::Begin`]   | [`factor::Begun`] or [`login::Refusal`]        |
//! | `POST /v1/factor/confirmation` | anybody | [`factor::Confirm`] | [`factor::Confirmed`] or [`login::Refusal`] |
//! | `POST /v1/password`  | anybody     | [`password::Request`] | `204`, after which the new one holds, or [`login::Refusal`] |
//! | `POST /v1/device`    | anybody     | [`device::Request`] | [`device::Enrolled`] or [`login::Refusal`]      |
//! | `POST /v1/device/renewal` | managed computer | none   | [`device::Enrolled`], `204` where it is not time yet, or [`login::Refusal`] |
//! | `POST /v1/record`    | anybody     | [`record::Request`] | [`record::Own`] or [`login::Refusal`]          |
//! | `GET /v1/session`    | token       | WebSocket upgrade   | the session channel: [`session::Event`] and [`session::Request`] as text frames; WireGuard datagrams ([`datagrams`]) as binary ones |
//! | `DELETE /v1/session` | token       | none                | `204`, after which the session is closed       |
//!
//! The token travels as `Authorization: Bearer …` and nowhere else, and each use of it carries a [`proof`] of possession. Whoever
//! resumes (a channel of a session that had one before) gets another token in the header [`proof::NEXT_TOKEN`] of the answer; the
//! former one counts until the new one is used.
//!
//! What goes from the office to its workers before any of this is a file, the [`profile`].

pub mod datagrams;
pub mod device;
pub mod factor;
mod fingerprint;
pub mod key;
mod letters;
pub mod login;
mod name;
pub mod notice;
pub mod password;
pub mod probe;
pub mod profile;
pub mod proof;
pub mod record;
pub mod session;

pub use fingerprint::Fingerprint;
pub use key::{PresharedKey, PublicKey, Token};
pub use letters::hides;
pub use name::GatewayName;
pub use session::{CloseReason, SessionNumber};

/// Where a worker signs in.
pub const LOGIN: &str = "/v1/login";
/// Where a worker marks notices as read.
pub const NOTICES: &str = "/v1/notices";
/// Where a worker changes the office password.
pub const PASSWORD: &str = "/v1/password";
/// Where a worker begins to enrol a second factor.
pub const FACTOR: &str = "/v1/factor";
/// Where a worker shows that the second factor works, which completes its enrolment.
pub const FACTOR_CONFIRMATION: &str = "/v1/factor/confirmation";
/// Where a home computer becomes a managed one.
pub const DEVICE: &str = "/v1/device";
/// Where a managed computer gets another certificate for its key before its own ends.
pub const DEVICE_RENEWAL: &str = "/v1/device/renewal";
/// Where a worker sees what is recorded about them.
pub const RECORD: &str = "/v1/record";
/// The session channel (GET) and the session's end (DELETE).
pub const SESSION: &str = "/v1/session";
/// The largest request body the gateway reads, in bytes.
pub const LARGEST_BODY: usize = 16 * 1024;

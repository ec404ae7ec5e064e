//! Who may reach what, when, for how long.

mod grant;
mod request;

pub use grant::{Address, End, Grant, Redirection, SecondFactor, SecondLogin, Service};
pub use request::{Device, Request};

//! Who may reach what, when, for how long.

mod grant;
mod request;

pub use grant::{
    Address, End, Grant, IdleRule, Jiggler, Notice, Redirection, SecondFactor, SecondLogin, Service, UnknownClient,
    Wake,
};
pub use request::{Device, Request};

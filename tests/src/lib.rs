//! The world that the promises are kept in, by the real programs.
//!
//! ```text
//!   home ──────────┐                    ┌─ gateway ─┐                 ┌─ workstation        10.20.3.47
//!   198.51.100.2   ├──── internet ──────┤           ├──── office ─────┤
//!   other_home ────┘     (a router)     └───────────┘    (a switch,   └─ other_workstation  10.20.3.48
//!   198.51.101.2                  203.0.113.2  10.20.3.1  the directory
//!                                                         10.20.3.5)
//! ```
//!
//! Each name is a [`netns::Computer`]: namespaces of network, mounts and processes, made without a name and gone with
//! the test that made them, so that any number of worlds live side by side. Every test makes its own.
//!
//! - [`netns`], [`world`], [`wait`]: computers, how they are wired, and how anything is waited for
//! - [`gateway`], [`client`]: the programs under test, as processes
//! - [`factor`]: a worker's phone, and how it is enrolled
//! - [`menu`]: a home computer with the program in its menu; [`windows`]: one with Windows, as far as Wine is one
//! - [`echo`], [`rdp`], [`screen`], [`ldap`]: what stands around them: a plain server, a real desktop, a worker's screen,
//!   a real directory
//! - [`relay`]: who holds the directory's questions back
//! - [`session_channel`], [`tls`]: a session's channel spoken by hand
//! - [`capture`], [`copier`], [`api`], [`packets`], [`wireguard`], [`super_datagram`], [`device`]: who watches the wire, and
//!   who misuses it
//! - [`cost`]: what a program takes of its computer

pub mod api;
pub mod capture;
pub mod client;
pub mod copier;
pub mod cost;
pub mod device;
pub mod echo;
pub mod factor;
pub mod gateway;
pub mod ldap;
pub mod menu;
pub mod netns;
pub mod packets;
pub mod rdp;
pub mod relay;
pub mod screen;
pub mod session_channel;
pub mod super_datagram;
pub mod tls;
pub mod wait;
pub mod window;
pub mod windows;
pub mod wireguard;
pub mod world;

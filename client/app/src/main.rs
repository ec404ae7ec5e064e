//! The program at home: picks a front end, runs it, and turns what came of it into an exit code.

mod answers;
mod api;
mod cli;
mod clock;
mod config;
mod device;
mod doctor;
mod enrolment;
mod event_loop;
mod failures;
mod gui;
mod keyring;
mod link;
mod listener;
#[cfg(any(windows, test))]
mod logon;
#[cfg(target_os = "macos")]
mod macos;
mod memory;
mod notification;
mod office;
mod private;
mod qr;
mod rdp;
mod runtime;
mod screen_lock;
mod secret;
mod session;
mod signals;
mod telling;
mod terminal;
mod udp;
#[cfg(windows)]
mod win32;
mod wireguard;
mod words;

use std::process::ExitCode;

/// What the program came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// A session was had, and ended.
    Ended = 0,
    /// Something did not work.
    Failed = 1,
    /// The flags, the profile or the answers make no sense.
    Usage = 2,
    /// The gateway refused the login.
    Refused = 3,
    /// The gateway could not be reached, or not any more; or the workstation did not wake.
    Unreachable = 4,
}

impl Exit {
    /// The word for programs.
    fn word(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }
}

fn main() -> ExitCode {
    memory::hide();
    if let Err(error) = rdp::become_program() {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "deskgate: {}", api::plain(&error));
        return ExitCode::from(126);
    }
    // For the help desk: `DESKGATE_LOG=debug`. It never holds names, passwords or keys.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("DESKGATE_LOG"))
        .with_writer(std::io::stderr)
        .try_init();
    ExitCode::from(cli::run() as u8)
}

//! `deskgate password`: gives the office account another password, also when the present one has expired.

use std::io;

use clap::Args;
use gateway_api::{login::Password, password::Request};

use super::{Connect, Front, Office, Stop, ask, second_factor, without_desktop};
use crate::{
    Exit,
    api::{Client, trust},
    config::{self, Config, Server},
    device::Device,
    secret::{self, NoPassword},
    session::Outcome,
    words::Text,
};

/// Flags of `password`.
#[derive(Debug, Args)]
pub(crate) struct ChangePassword {
    #[command(flatten)]
    office: Office,
    /// Read the present password and the new one from two lines of standard input
    #[arg(long)]
    password_stdin: bool,
    /// Read the code of the second factor from the third line of standard input
    #[arg(long, requires = "password_stdin")]
    code_stdin: bool,
}

/// Runs the command.
pub(super) fn run(flags: ChangePassword) -> Exit {
    without_desktop(&flags.office.connect(flags.password_stdin, flags.code_stdin), change)
}

fn change(config: Config, flags: &Connect, front: &Front) -> Result<Exit, Stop> {
    let broken = |cause| Stop { exit: Exit::Failed, text: Text::Broken { cause } };
    let tls = trust::config(&config.trust).map_err(broken)?;
    let server: Server = match config.server {
        Some(server) => server,
        None => ask(front, flags, &Text::AskServer, "--server", config::parse_server)?,
    };
    let user = match config.user {
        Some(user) => user,
        None => ask(front, flags, &Text::AskUser, "--user", config::parse_user)?,
    };
    let password = super::password(front, flags, &user)?;
    let new_password = new_password(front, flags)?;
    let second_factor = second_factor(front, flags)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| broken(error.to_string()))?;
    let device = Device::load(&server).map_err(broken)?;
    let client = Client::new(server.clone(), tls, device);
    let request = Request { user, password, second_factor, new_password, language: config.language };
    Ok(match runtime.block_on(client.change_password(request)) {
        Ok(()) => {
            front.say(&Text::PasswordChanged);
            Exit::Ended
        }
        Err(failure) => front.end(Outcome::from(failure), server.to_string()),
    })
}

/// Asked for twice, so that a slip of the finger is noticed.
fn new_password(front: &Front, flags: &Connect) -> Result<Password, Stop> {
    if flags.password_stdin {
        return secret::read(&mut io::stdin().lock()).map_err(none);
    }
    loop {
        let first = secret::ask(&Text::AskNewPassword.say(front.language)).map_err(none)?;
        let second = secret::ask(&Text::AskNewPasswordAgain.say(front.language)).map_err(none)?;
        if first.expose() == second.expose() {
            return Ok(first);
        }
        front.say(&Text::PasswordsDiffer);
    }
}

fn none(none: NoPassword) -> Stop {
    Stop::usage(super::no_password(none))
}

//! `deskgate password`: gives the office account another password, also when the present one has expired.

use std::io;

use clap::Args;
use gateway_api::{login::Password, password::Request};

use super::{Connect, Front, Office, Stop, ask_server, ask_user, second_factor, wait_for, without_desktop};
use crate::{
    Exit,
    api::{Client, trust},
    config::Config,
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
    let tls = trust::config(&config.trust).map_err(Stop::broken)?;
    let server = ask_server(config.server, front, flags)?;
    let user = ask_user(config.user, front, flags)?;
    let password = super::password(front, flags, &user)?;
    let new_password = new_password(front, flags)?;
    let second_factor = second_factor(front, flags)?;
    let device = Device::load(&server).map_err(Stop::broken)?;
    let client = Client::new(server, tls, device);
    let request = Request { user, password, second_factor, new_password, language: config.language };
    Ok(match wait_for(client.change_password(request))? {
        Ok(()) => {
            front.say(&Text::PasswordChanged);
            Exit::Ended
        }
        Err(failure) => front.end(Outcome::from(failure), client.name().to_string()),
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

//! `deskgate device`: makes this computer one that the office manages, or a personal one again.

use clap::{Args, Subcommand};
use gateway_api::device::Request;

use super::{Connect, Front, Office, Stop, ask_server, ask_user, factor, password, wait_for, without_desktop};
use crate::{
    Exit,
    api::{Client, plain, trust},
    config::Config,
    device::{self, Device},
    session::Outcome,
    words::Text,
};

/// What to do with this computer.
#[derive(Debug, Subcommand)]
pub(crate) enum DeviceCommand {
    /// Make this computer a managed one, with the one-time code that your office gave you
    Enrol(Enrol),
    /// Get another certificate before this computer's own ends; logins do that by themselves
    ///
    /// For computers that nobody signs in at for months: let the system run it once a week. It asks for no password.
    Renew(Renew),
    /// Delete this computer's key and certificate: it is a personal one again
    Forget(Forget),
}

/// Flags of `device enrol`.
#[derive(Debug, Args)]
pub(crate) struct Enrol {
    #[command(flatten)]
    office: Office,
    /// Read the password and the code from two lines of standard input
    #[arg(long)]
    password_stdin: bool,
}

/// Flags of `device renew`.
#[derive(Debug, Args)]
pub(crate) struct Renew {
    #[command(flatten)]
    office: Office,
}

/// Flags of `device forget`.
#[derive(Debug, Args)]
pub(crate) struct Forget {
    #[command(flatten)]
    office: Office,
}

/// Runs the command.
pub(super) fn run(command: DeviceCommand) -> Exit {
    match command {
        DeviceCommand::Enrol(flags) => without_desktop(&flags.office.connect(flags.password_stdin, false), enrol),
        DeviceCommand::Renew(flags) => without_desktop(&flags.office.connect(false, false), renew),
        DeviceCommand::Forget(flags) => without_desktop(&flags.office.connect(false, false), forget),
    }
}

fn enrol(config: Config, flags: &Connect, front: &Front) -> Result<Exit, Stop> {
    let tls = trust::config(&config.trust).map_err(Stop::broken)?;
    let server = ask_server(config.server, front, flags)?;
    let user = ask_user(config.user, front, flags)?;
    let password = password(front, flags, &user)?;
    let code = factor::code(front, flags, &Text::AskEnrolmentCode)?;
    let device = Device::fresh(&server).map_err(Stop::broken)?;
    let client = Client::new(server.clone(), tls, Some(device.clone()));
    let request = Request { user, password, code, language: config.language };
    match wait_for(client.enrol(request))? {
        Ok(enrolled) => {
            device.keep_first(&server, &enrolled.certificate).map_err(Stop::broken)?;
            front.say(&Text::Managed { name: enrolled.name, ends_at: enrolled.ends_at });
            Ok(Exit::Ended)
        }
        Err(failure) => Ok(front.end(Outcome::from(failure), client.name().to_string())),
    }
}

fn renew(config: Config, flags: &Connect, front: &Front) -> Result<Exit, Stop> {
    let tls = trust::config(&config.trust).map_err(Stop::broken)?;
    let server = ask_server(config.server, front, flags)?;
    let Some(device) = Device::load(&server).map_err(Stop::broken)? else {
        front.say(&Text::NotManaged);
        return Ok(Exit::Failed);
    };
    let client = Client::new(server.clone(), tls, Some(device.clone()));
    match wait_for(client.renew_device())? {
        Ok(Some(renewed)) => {
            device.keep(&renewed.certificate).map_err(Stop::broken)?;
            front.say(&Text::Managed { name: renewed.name, ends_at: renewed.ends_at });
            Ok(Exit::Ended)
        }
        Ok(None) => {
            front.say(&Text::NothingToRenew);
            Ok(Exit::Ended)
        }
        Err(failure) => Ok(front.end(Outcome::from(failure), client.name().to_string())),
    }
}

fn forget(config: Config, flags: &Connect, front: &Front) -> Result<Exit, Stop> {
    let server = ask_server(config.server, front, flags)?;
    let forgotten = device::forget(&server).map_err(|error| Stop::broken(plain(&error)))?;
    front.say(if forgotten { &Text::Forgotten } else { &Text::NothingToForget });
    Ok(Exit::Ended)
}

//! `deskgate password`: gives the office account another password, also when the present one has expired.

use std::{io, path::PathBuf};

use clap::Args;
use gateway_api::{
    login::{Language, Password},
    password::Request,
};

use super::{Connect, Front, Stop, ask, complain, parse_language};
use crate::{
    Exit,
    api::{Client, trust},
    config::{self, Config, Server},
    secret::{self, NoPassword},
    session::Outcome,
    words::Text,
};

/// Flags of `password`.
#[derive(Debug, Args)]
pub(crate) struct ChangePassword {
    /// The office's gateway; port 443 unless given
    #[arg(long, value_name = "HOST[:PORT]")]
    server: Option<String>,
    /// Your office user name
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The file your office sent you [default: deskgate.toml beside the program, then ~/.config/deskgate/profile.toml]
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Know the gateway by the certificate authority in this PEM file
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Know the gateway by the SHA-256 of its public key; may be given for the present key and the next
    #[arg(long, value_name = "sha256:HEX")]
    fingerprint: Vec<String>,
    /// Read the present password and the new one from two lines of standard input
    #[arg(long)]
    password_stdin: bool,
    /// The language of what is said [default: that of the system]
    #[arg(long, value_name = "it|en", value_parser = parse_language)]
    language: Option<Language>,
}

/// Runs the command.
pub(super) fn run(flags: ChangePassword) -> Exit {
    // The same gateway is asked in the same way; no desktop is opened.
    let flags = Connect {
        server: flags.server,
        user: flags.user,
        profile: flags.profile,
        ca: flags.ca,
        fingerprint: flags.fingerprint,
        password_stdin: flags.password_stdin,
        run: None,
        no_run: true,
        wireguard_config: None,
        language: flags.language,
        json: false,
    };
    let config = match Config::new(&flags) {
        Ok(config) => config,
        Err(mistake) => {
            complain(&format!("deskgate: {mistake}"));
            return Exit::Usage;
        }
    };
    let (help, front) = (config.help.clone(), Front { language: config.language, json: false, door: false });
    let exit = change(config, &flags, &front).unwrap_or_else(|Stop { exit, text }| {
        front.say(&text);
        exit
    });
    if let (Some(phone), true) = (help, exit != Exit::Ended) {
        front.say(&Text::HelpDesk { phone });
    }
    exit
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| broken(error.to_string()))?;
    let client = Client::new(server.clone(), tls);
    let request = Request { user, password, second_factor: None, new_password, language: config.language };
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

//! `deskgate factor enrol`: an authenticator app as second factor, with the code that the office handed over.

use std::io::{self, IsTerminal as _, Write as _};

use clap::{Args, Subcommand};
use gateway_api::login::{Code, RefusalCode};

use super::{Connect, Front, Office, Stop, ask_server, ask_user, no_password, wait_for, without_desktop};
use crate::{
    Exit,
    api::{Client, Failure, trust},
    config::{Config, Server},
    enrolment::Enrolment,
    qr::{self, Picture},
    secret,
    session::Outcome,
    words::Text,
};

#[derive(Debug, Subcommand)]
pub(crate) enum FactorCommand {
    /// Make an authenticator app on your phone your second factor, with the one-time code that your office gave you
    Enrol(Enrol),
}

/// Flags of `factor enrol`.
#[derive(Debug, Args)]
pub(crate) struct Enrol {
    #[command(flatten)]
    office: Office,
    /// Read the password, the office's code and the app's first code from lines of standard input, each once it is needed
    #[arg(long)]
    password_stdin: bool,
}

/// Runs the command.
pub(super) fn run(command: FactorCommand) -> Exit {
    match command {
        FactorCommand::Enrol(flags) => without_desktop(&flags.office.connect(flags.password_stdin, false), enrol),
    }
}

fn enrol(config: Config, flags: &Connect, front: &Front) -> Result<Exit, Stop> {
    let tls = trust::config(&config.trust).map_err(Stop::broken)?;
    let server = ask_server(config.server, front, flags)?;
    let user = ask_user(config.user, front, flags)?;
    let password = super::password(front, flags, &user)?;
    let enrolment_code = code(front, flags, &Text::AskEnrolmentCode)?;
    let enrolment = Enrolment { user, password, enrolment_code, language: front.language };
    let client = Client::new(server, tls, None);
    match wait_for(client.begin_factor(enrolment.begin()))? {
        Ok(begun) => show_secret(front, client.server(), &enrolment.user, &begun.secret),
        Err(failure) => return Ok(front.end(Outcome::from(failure), client.name().to_string())),
    }
    confirm(front, flags, &client, &enrolment)
}

/// Until the app shows the right code, or nobody answers any more.
fn confirm(front: &Front, flags: &Connect, client: &Client, enrolment: &Enrolment) -> Result<Exit, Stop> {
    loop {
        let request = enrolment.confirm(code(front, flags, &Text::AskFirstCode)?);
        match wait_for(client.confirm_factor(request))? {
            Ok(confirmed) => {
                front.say(&Text::Enrolled);
                let mut stderr = io::stderr().lock();
                let _ = writeln!(stderr);
                for code in &confirmed.recovery_codes {
                    let _ = writeln!(stderr, "    {}", code.expose());
                }
                return Ok(Exit::Ended);
            }
            Err(Failure::Refused(refusal)) if refusal.code == RefusalCode::FactorNotConfirmed => {
                super::complain(&refusal.message);
            }
            Err(failure) => return Ok(front.end(Outcome::from(failure), client.name().to_string())),
        }
    }
}

/// The picture for the app, where somebody looks at it, and the secret in letters.
fn show_secret(front: &Front, server: &Server, user: &str, secret: &Code) {
    if io::stderr().is_terminal()
        && let Some(picture) = Picture::of(&qr::address(server.first().host(), user, secret))
    {
        let _ = write!(io::stderr(), "\n{}\n", *picture.lines());
    }
    front.say(&Text::ForTheApp);
    let _ = writeln!(io::stderr(), "\n    {}\n", secret.expose());
}

/// A code, typed where it can be seen: it is long, and of use only once.
pub(super) fn code(front: &Front, flags: &Connect, question: &Text) -> Result<Code, Stop> {
    if !flags.password_stdin {
        if !io::stdin().is_terminal() {
            return Err(Stop::usage(Text::NobodyToAsk { option: "--password-stdin" }));
        }
        let _ = write!(io::stderr(), "{}", question.say(front.language));
    }
    let code = secret::read_code(&mut io::stdin().lock()).map_err(|none| Stop::usage(no_password(none)))?;
    code.ok_or(Stop::usage(Text::CodeEmpty))
}

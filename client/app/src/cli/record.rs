//! `deskgate record`: what the office's gateway has recorded about you, and who looked at it.

use std::io::{self, Write as _};

use clap::Args;
use gateway_api::record::{Own, Request};

use super::{Connect, Front, Office, Stop, ask_server, ask_user, print_json, second_factor, wait_for, without_desktop};
use crate::{
    Exit,
    api::{Client, trust},
    clock,
    config::Config,
    device::Device,
    session::Outcome,
    words::Text,
};

/// Flags of `record`.
#[derive(Debug, Args)]
pub(crate) struct ShowRecord {
    #[command(flatten)]
    office: Office,
    /// Read the password from one line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// Read the code of the second factor from the next line of standard input
    #[arg(long, requires = "password_stdin")]
    code_stdin: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(flags: ShowRecord) -> Exit {
    let json = flags.json;
    let connect = flags.office.connect(flags.password_stdin, flags.code_stdin);
    without_desktop(&connect, |config, flags, front| show(config, (flags, json), front))
}

fn show(config: Config, (flags, json): (&Connect, bool), front: &Front) -> Result<Exit, Stop> {
    let tls = trust::config(&config.trust).map_err(Stop::broken)?;
    let server = ask_server(config.server, front, flags)?;
    let user = ask_user(config.user, front, flags)?;
    let password = super::password(front, flags, &user)?;
    let second_factor = second_factor(front, flags)?;
    let device = Device::load(&server).map_err(Stop::broken)?;
    let client = Client::new(server, tls, device);
    let request = Request { user, password, second_factor, language: config.language };
    Ok(match wait_for(client.own_record(request))? {
        Ok(own) if json => {
            print_json(&own);
            Exit::Ended
        }
        Ok(own) => {
            tell(&own, front);
            Exit::Ended
        }
        Err(failure) => front.end(Outcome::from(failure), client.name().to_string()),
    })
}

/// Records are lines on standard output, in the words of the session log; sentences are for people.
fn tell(own: &Own, front: &Front) {
    front.say(&Text::OwnRecord { records: own.records.len(), left_off: own.left_off });
    let mut stdout = io::stdout().lock();
    for record in &own.records {
        let session = record.session.map(|number| number.to_string()).unwrap_or_default();
        let fields: String = record.fields.iter().map(|(name, value)| format!("  {name}={value}")).collect();
        let _ = writeln!(stdout, "{}  {:<18} {session:<9}{fields}", clock::day_and_time(record.at), record.kind);
    }
    let _ = stdout.flush();
    if own.openings.is_empty() {
        front.say(&Text::NobodyLooked);
    }
    for opening in &own.openings {
        front.say(&Text::Looked { opening: Box::new(opening.clone()) });
    }
}

//! The gateway: daemon and administrator's commands in one program.
//!
//! `serve` builds the parts and runs them; everything else is a command that looks at files, or asks the running gateway over the
//! administrators' socket. What a command prints is its own room's business; here it becomes an exit code.

mod admin;
mod assistance;
mod blocked;
mod channel_queue;
mod checkpoints;
mod cli;
mod clock;
mod command;
mod config;
mod console;
mod control;
mod day_keys;
mod device_commands;
mod devices;
mod directory;
mod directory_commands;
mod event_loop;
mod export;
mod factor;
mod factor_commands;
mod fence;
mod firewall;
#[cfg(test)]
mod fixtures;
mod forwarding;
mod handover;
mod https;
mod identity;
mod idle_commands;
mod kept_sessions;
mod key_file;
mod known_addresses;
mod leavers;
mod ledger;
mod log_commands;
mod mail;
mod metrics;
mod norms;
mod notices;
mod passphrase;
mod policy_change;
mod policy_commands;
mod policy_files;
mod policy_follow;
mod policy_in_force;
mod privileges;
mod profile_commands;
mod profile_key;
mod review_commands;
mod review_keys;
mod reviews;
mod secret_file;
mod serve;
mod session_commands;
mod shards;
mod short_turns;
mod stop;
mod store;
mod store_commands;
mod systemd;
mod tally;
mod traces;
mod trust;
mod tun;
mod udp;
mod unix_socket;
mod wake;
mod witness;
mod worker_commands;
mod workstation;

use std::{io::IsTerminal as _, process::ExitCode};

use clap::Parser as _;
use tracing_subscriber::{Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{
    cli::{Cli, Command, ConfigCommand},
    config::{Config, LogFormat},
};

/// Why a command did not do what was asked, in words that say what to do.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something failed: exit code 1.
    Failed(String),
    /// Files, or the arguments, cannot be used as they are: exit code 64.
    Unusable(String),
}

impl Failure {
    fn tell(&self) -> ExitCode {
        let (words, code) = match self {
            Self::Failed(words) => (words, 1),
            Self::Unusable(words) => (words, 64),
        };
        // Reports that were rendered in full begin with their own mark.
        let mark = if words.starts_with("error") { "" } else { "error: " };
        eprintln!("{mark}{words}");
        ExitCode::from(code)
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, everything else is a mistake; whoever closed the pipe wants neither.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 64 } else { 0 });
        }
    };
    run(cli).unwrap_or_else(|failure| failure.tell())
}

fn run(Cli { config: path, command }: Cli) -> Result<ExitCode, Failure> {
    // Read where it is needed: some commands look at other files alone.
    let config = || Config::read(&path).map_err(|error| Failure::Unusable(error.to_string()));
    match command {
        Command::Idle(command) => idle_commands::run(command, config),
        Command::Policy(command) => policy_commands::run(command, config),
        Command::Profile(command) => profile_commands::run(command),
        Command::Serve(serve) => {
            let mut config = config()?;
            serve.change(&mut config).map_err(Failure::Unusable)?;
            start_log(config.log);
            serve::serve(config, &path)
        }
        Command::Fence => fence::keep(&config()?),
        Command::Status(output) => session_commands::status(&config()?, output),
        Command::Reload(output) => session_commands::reload(&config()?, output),
        Command::Stop { end_sessions, warn, output } => session_commands::stop(&config()?, end_sessions, warn, output),
        Command::Session(command) => session_commands::run(&config()?, command),
        Command::Worker(command) => worker_commands::run(&config()?, command),
        Command::Factor(command) => factor_commands::run(&config()?, command),
        Command::Device(command) => device_commands::run(&config()?, command),
        Command::Log(command) => log_commands::run(config, command),
        Command::Review(command) => review_commands::run(config, command),
        Command::Directory(command) => directory_commands::run(&config()?, command),
        Command::Fingerprint => {
            let (config, now) = (config()?, clock::now().wall);
            let fingerprint = control::configured_fingerprint(&config.control, &config.state, now);
            println!("{}", fingerprint.map_err(Failure::Unusable)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Config(ConfigCommand::Check) => {
            serve::check(&config()?)?;
            println!("`{}` and the files that it names are in order", path.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Backup { file } => store_commands::backup(&config()?, &file),
        Command::Restore { file, force } => store_commands::restore(&config()?, &file, force),
    }
}

/// The daemon's log on standard error: fields, not sentences; never a person's name.
fn start_log(log: config::Log) {
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let layer = match log.format {
        LogFormat::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    // What the libraries below us have to say is for those who look closer.
    let ours = tracing_subscriber::filter::Targets::new()
        .with_default(log.level.min(tracing::level_filters::LevelFilter::WARN))
        .with_target("deskgate_gateway", log.level)
        .with_target("gateway_core", log.level);
    tracing_subscriber::registry().with(layer.with_filter(ours)).init();
}

//! `deskgate assist`: a technician asks a worker who is connected, and reaches that worker's office computer if the answer is yes.

use clap::Args;
use gateway_api::login::{Assist, LONGEST_REASON};

use super::{Connect, connect};
use crate::{Exit, config};

/// Flags of `assist`.
#[derive(Debug, Args)]
#[command(mut_arg("wireguard_config", |argument| argument.hide(true)))]
pub(crate) struct AssistWorker {
    /// The worker's office user name
    #[arg(value_name = "WORKER", value_parser = config::parse_user, conflicts_with = "wireguard_config")]
    worker: String,
    /// What it is for: one line, which the worker reads and the office records
    #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
    reason: String,
    /// For how long [default: as long as the office's policy lets it last]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=120))]
    minutes: Option<u16>,
    #[command(flatten)]
    connect: Connect,
}

/// Runs the command.
pub(super) fn run(flags: AssistWorker) -> Exit {
    let AssistWorker { worker, reason, minutes, connect: flags } = flags;
    connect(&flags, Some(Assist { worker, reason, minutes }))
}

fn parse_reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST_REASON || text.contains(char::is_control) {
        return Err(format!("expected one line of 1 to {LONGEST_REASON} bytes"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{
        super::{Cli, Command},
        *,
    };

    fn flags(line: &[&str]) -> Option<AssistWorker> {
        match Cli::try_parse_from(["deskgate", "assist"].iter().chain(line)).ok()?.command {
            Some(Command::Assist(flags)) => Some(flags),
            _ => panic!("another command"),
        }
    }

    #[test]
    fn who_assists_says_whom_and_why() {
        let read = flags(&["m.rossi", "--reason", " the printer ", "--server", "gw", "--no-run"]).expect("well formed");
        assert_eq!((read.worker.as_str(), read.reason.as_str(), read.minutes), ("m.rossi", "the printer", None));
        assert!(read.connect.no_run && read.connect.server.as_deref() == Some("gw"));
        assert_eq!(flags(&["m.rossi", "--reason", "x", "--minutes", "15"]).and_then(|read| read.minutes), Some(15));
        let long = "x".repeat(LONGEST_REASON + 1);
        for wrong in [
            &["m.rossi"][..],
            &["--reason", "x"],
            &["m.rossi", "--reason", " "],
            &["m.rossi", "--reason", "two\nlines"],
            &["m.rossi", "--reason", &long],
            &["m.rossi", "--reason", "x", "--minutes", "0"],
            &["m.rossi", "--reason", "x", "--minutes", "121"],
            &["m.rossi", "--reason", "x", "--wireguard-config", "-"],
        ] {
            assert!(flags(wrong).is_none(), "{wrong:?}");
        }
    }
}

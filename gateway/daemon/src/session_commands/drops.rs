//! `session drops`: writes the headers of a session's dropped packets to a capture file, while they come.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{json, parse, pcapng, say};
use crate::{
    Failure,
    admin::{
        Question,
        client::{self, AskError},
    },
    config::Config,
};

/// What is asked of a session's drops.
#[derive(Debug, clap::Args)]
pub(crate) struct Drops {
    /// Its number, as the worker reads it out
    number: String,
    /// How long: `10s`, `5m`, up to `10m`
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = span)]
    span: Duration,
    /// The file, in pcapng, for tcpdump and Wireshark; must not exist
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// A dropped packet as the gateway tells it.
#[derive(Debug, Deserialize)]
struct Row {
    at: Timestamp,
    from: String,
    reason: String,
    length: u32,
    header: Vec<u8>,
}

impl Drops {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode, Failure> {
        let number = parse(&self.number)?;
        let mut file = create(&self.output).map_err(|error| cannot_write(&self.output, &error))?;
        let seconds = u32::try_from(self.span.as_secs()).unwrap_or(u32::MAX);
        if !self.json {
            eprintln!("looking for {seconds} seconds; Ctrl-C ends it and keeps what there is");
        }
        let mut written = 0u64;
        let question = Question::SessionDrops { number, seconds };
        let answer = client::ask_rows(&config.admin.socket, &question, |row| {
            let row: Row = serde_json::from_value(row).map_err(|error| error.to_string())?;
            written += 1;
            write(&mut file, &row).map_err(|error| format!("cannot write `{}`: {error}", self.output.display()))
        });
        let answer = answer.map_err(|error| {
            if written == 0 {
                // Best effort: an empty file tells nothing.
                let _ = std::fs::remove_file(&self.output);
            }
            match error {
                AskError::NotRunning(why) => Failure::Failed(format!("no gateway is running ({why})")),
                AskError::Failed(why) => Failure::Failed(why),
            }
        })?;
        if self.json {
            return json(&answer);
        }
        let packets = answer.get("packets").and_then(Value::as_u64).unwrap_or_default();
        say(&format!("{packets} dropped packets, headers only, in {}", self.output.display()))
    }
}

/// For its owner alone: it shows what a person's computer tried to reach.
fn create(path: &Path) -> std::io::Result<BufWriter<File>> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut file = BufWriter::new(file);
    file.write_all(&pcapng::begin())?;
    file.flush()?;
    Ok(file)
}

fn write(file: &mut BufWriter<File>, row: &Row) -> std::io::Result<()> {
    let packet = pcapng::Packet {
        at: row.at,
        is_from_home: row.from == "home",
        comment: &row.reason,
        length: row.length,
        header: &row.header,
    };
    file.write_all(&pcapng::packet(&packet))?;
    // Whoever ends it early keeps what there is.
    file.flush()
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("cannot write `{}`: {error}", path.display()))
}

fn span(text: &str) -> Result<Duration, String> {
    let written = text.parse::<jiff::SignedDuration>().ok().and_then(|written| Duration::try_from(written).ok());
    written
        .filter(|span| (Duration::from_secs(1)..=gateway_core::LONGEST_LOOK).contains(span))
        .ok_or_else(|| "write a time of 1 second to 10 minutes with its unit, such as `30s` or `5m`".into())
}

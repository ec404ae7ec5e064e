//! `deskgate-gateway idle …`: lets an office check the idle rule against its own desktops before trusting it.
//!
//! `replay` reads a folder of recordings (`index.csv`, and for each of its names `NAME.csv.gz` and `NAME.events.csv`; the
//! format and what is scored stand beside the recordings that we ship) and puts them through the meter that the
//! gateway runs. `record` has the running gateway make one. Refuses to know how the rule works and how it is scored: that is `gateway_core::activity`.

mod record;
mod report;

use std::{
    fmt::Display,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use flate2::read::GzDecoder;
use gateway_core::activity::replay::{Entry, Score, Trace, read_index, replay};

use crate::{Failure, clock, config::Config};
use record::Record;
use report::Report;

/// The most that one recording may unpack to, in bytes: a working day of a busy screen is a tenth of it.
const LARGEST: u64 = 1 << 30;
/// The longest idle limit that means anything.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// Exit code for files that cannot be used.
const UNUSABLE_FILES: u8 = 64;

/// What may be asked about the idle rule.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum IdleCommand {
    /// Replay recorded desktops through the idle rule: which input it saw, which idleness it took for input
    Replay {
        /// Folder with `index.csv` and the recordings it names
        folder: PathBuf,
        /// Idle limit of the timer that is replayed: `100s`, `15m`
        #[arg(long, default_value = "100s", value_parser = timeout)]
        timeout: Duration,
        /// Print JSON for programs instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Record sizes and times of a live session's packets, no content: of a test account, or once its worker agrees
    Record(Record),
}

/// Does it. `config` is read where it is needed.
pub(crate) fn run(command: IdleCommand, config: impl FnOnce() -> Result<Config, Failure>) -> Result<ExitCode, Failure> {
    match command {
        IdleCommand::Replay { folder, timeout, json } => Ok(score_folder(&folder, timeout, json)),
        IdleCommand::Record(record) => record.run(&config()?),
    }
}

/// Tells the outcome on standard output and what is wrong on standard error. Exit code 0, or 64 where a
/// recording cannot be used, or 1 where the answer cannot be written.
fn score_folder(folder: &Path, timeout: Duration, json: bool) -> ExitCode {
    let report = match read(folder, timeout) {
        Ok(report) => report,
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
            return ExitCode::from(UNUSABLE_FILES);
        }
    };
    let text = if json { report.json() } else { report.to_string() };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough: `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write the answer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let written = text.parse::<jiff::SignedDuration>().ok().and_then(|written| Duration::try_from(written).ok());
    written
        .filter(|timeout| *timeout > Duration::ZERO && *timeout <= LONGEST_TIMEOUT)
        .ok_or_else(|| "write a time up to a day with its unit, such as `100s` or `15m`".into())
}

/// Reads and scores all recordings of a folder, or tells everything that is wrong with it.
fn read(folder: &Path, timeout: Duration) -> Result<Report, Vec<String>> {
    let path = folder.join("index.csv");
    let index = fs::read_to_string(&path).map_err(|error| vec![cannot_read(&path, &error)])?;
    let index = read_index(&index).map_err(|mistake| vec![at(&path, &mistake)])?;
    let mut report = Report::new(timeout);
    let mut mistakes = Vec::new();
    for entry in index {
        match score(folder, &entry, timeout) {
            Ok(score) => report.add(entry, score),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(report) } else { Err(mistakes) }
}

fn score(folder: &Path, entry: &Entry, timeout: Duration) -> Result<Score, String> {
    let path = folder.join(format!("{}.csv.gz", entry.name));
    let packets = unpack(&path).map_err(|error| cannot_read(&path, &error))?;
    let packets = Trace::read_packets(&packets).map_err(|mistake| at(&path, &mistake))?;
    let path = folder.join(format!("{}.events.csv", entry.name));
    let events = fs::read_to_string(&path).map_err(|error| cannot_read(&path, &error))?;
    let trace = Trace::new(packets, &events).map_err(|mistake| at(&path, &mistake))?;
    Ok(replay(&trace, entry.cipher, timeout, clock::now().instant))
}

fn unpack(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = GzDecoder::new(File::open(path)?).take(LARGEST).read_to_string(&mut text)?;
    if read as u64 == LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it unpacks to more than a gigabyte"));
    }
    Ok(text)
}

fn cannot_read(path: &Path, error: &dyn Display) -> String {
    format!("cannot read `{}`: {error}", path.display())
}

fn at(path: &Path, mistake: &dyn Display) -> String {
    format!("`{}`: {mistake}", path.display())
}

#[cfg(test)]
mod tests;

//! `deskgate-gateway policy …`: what an administrator asks of policy files before they count.
//!
//! All of it works offline on a folder, changes nothing, and prints for people or, with `--json`, for programs. The exit
//! code is the answer: 0 for yes, 1 for no, 64 for files that cannot be used.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Subcommand, ValueEnum};
use gateway_core::Pools;
use jiff::{
    Timestamp,
    civil::{DateTime, Time},
};
use policy::{Decision, Device, Mistakes, Policy, Request, Sources, Style};
use serde_json::{Value, json};

use crate::{
    Failure,
    cli::Output,
    config::Config,
    policy_files::{self, LoadError, Loaded},
    policy_in_force,
};

mod apply;
mod json;
mod text;

/// What an administrator may ask of policy files.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Tell every mistake of every file
    Check(Folder),
    /// Say whether a worker is let in, by which rules, and when that changes
    Explain {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        question: Question,
    },
    /// Run the tests that the policy holds about itself
    Test(Folder),
    /// Prove that nobody ever reaches anything but their own workstation
    Prove(Folder),
    /// Show when a worker may be connected, day by day
    Calendar {
        #[command(flatten)]
        folder: Folder,
        /// The worker's directory name
        worker: String,
        /// The month, such as 2026-03 [default: the present one]
        #[arg(long, value_name = "YYYY-MM", value_parser = month)]
        month: Option<(i16, i8)>,
    },
    /// Print the line that gives a workstation's own task the time of the policy's `power_off_after`
    ///
    /// The gateway switches nothing off: the task does (deploy/workstation), once the line is on the workstation. For Linux it is that
    /// of /etc/default/deskgate-power-off, for Windows the command that makes the task.
    PowerOff {
        #[command(flatten)]
        folder: Folder,
        /// The workstation's name in the policy
        workstation: String,
        /// What runs on the workstation
        #[arg(long, value_enum)]
        system: System,
    },
    /// Say who gains and who loses from one folder to another
    Diff {
        /// The folder as it was
        old: PathBuf,
        /// The folder as it would be
        new: PathBuf,
        /// From when on, by the new policy's clock, such as 2026-03-03T09:00 [default: now]
        #[arg(long, value_name = "TIME", value_parser = moment)]
        from: Option<DateTime>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Put the gateway's policy folder into force, ending only the sessions that it no longer grants
    Apply {
        /// Only say which live sessions would end or change, and by which rules; that you asked is recorded
        #[arg(long)]
        dry_run: bool,
        /// Also if it ends more live sessions than `brake` in the configuration allows
        #[arg(long, conflicts_with = "dry_run")]
        yes: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Print the JSON Schema of the files, for editors
    Schema,
}

/// Which files, and for whom to print.
#[derive(Debug, Args)]
pub(crate) struct Folder {
    /// The policy folder [default: the one that the configuration names]
    #[arg(long = "policy", value_name = "DIR")]
    path: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A [`Folder`] whose place is known.
struct Files {
    path: PathBuf,
    json: bool,
    /// What the gateway lends tunnel addresses from, where its configuration was read.
    pools: Option<Pools>,
}

impl Folder {
    /// The configuration is read only where no folder was named: other folders are looked at before a gateway is there.
    fn or_configured(self, config: impl FnOnce() -> Result<Config, Failure>) -> Result<Files, Failure> {
        let json = self.json;
        match self.path {
            Some(path) => Ok(Files { path, json, pools: None }),
            None => config().map(|config| Files { path: config.policy, json, pools: Some(config.tunnel.pools) }),
        }
    }
}

/// Who asks to be let in, when, from what.
#[derive(Debug, Args)]
pub(crate) struct Question {
    /// The worker's directory name
    worker: String,
    /// When, by the policy's clock, such as 2026-03-03T09:00 [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<DateTime>,
    /// The kind of home computer
    #[arg(long, value_enum, default_value_t = DeviceKind::Managed)]
    device: DeviceKind,
    /// The name on the computer's certificate [default: the one the agreement names]
    #[arg(long, value_name = "NAME")]
    device_name: Option<String>,
    /// A directory group of the worker; may be repeated [default: those the agreement asks for]
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// On how many days of the quota's period the worker was connected already
    #[arg(long, value_name = "DAYS", default_value_t = 0)]
    days_used: u32,
}

/// The kinds of home computer, as flags name them.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DeviceKind {
    /// Shows a certificate of the office
    Managed,
    /// Anything else
    Personal,
}

/// The systems of workstations, as flags name them.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum System {
    /// With systemd
    Linux,
    /// With PowerShell
    Windows,
}

impl System {
    /// The line with which its task, as deploy/workstation ships it, begins the evening at this time.
    fn power_off_line(self, after: Time) -> String {
        let after = after.strftime("%H:%M");
        match self {
            Self::Linux => format!("OPTIONS=\"--after {after}\""),
            Self::Windows => format!(".\\deskgate-power-off.ps1 -Install -After {after}"),
        }
    }
}

/// What a command's answer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Yes,
    No,
    Unusable,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Yes => Self::SUCCESS,
            Outcome::No => Self::FAILURE,
            Outcome::Unusable => Self::from(64),
        }
    }
}

/// Runs one command. Prints the answer on standard output, and what is wrong with the files on standard error.
pub(crate) fn run(
    command: PolicyCommand,
    config: impl FnOnce() -> Result<Config, Failure>,
) -> Result<ExitCode, Failure> {
    let outcome = match command {
        PolicyCommand::Apply { dry_run, yes, output } => return apply::run(&config()?, dry_run, yes, output),
        PolicyCommand::Check(folder) => check(&folder.or_configured(config)?),
        PolicyCommand::Explain { folder, question } => explain(&folder.or_configured(config)?, &question),
        PolicyCommand::Test(folder) => test(&folder.or_configured(config)?),
        PolicyCommand::Prove(folder) => prove(&folder.or_configured(config)?),
        PolicyCommand::Calendar { folder, worker, month } => calendar(&folder.or_configured(config)?, &worker, month),
        PolicyCommand::PowerOff { folder, workstation, system } => {
            power_off(&folder.or_configured(config)?, &workstation, system)
        }
        PolicyCommand::Diff { old, new, from, json } => diff(old, new, from, json),
        PolicyCommand::Schema => {
            print(&policy::json_schema());
            Outcome::Yes
        }
    };
    Ok(outcome.into())
}

fn check(folder: &Files) -> Outcome {
    let loaded = match policy_files::load(&folder.path) {
        Ok(loaded) => loaded,
        Err(error) => return unusable(&error, folder.json),
    };
    let passed = loaded.policy.passed(loaded.policy.local(crate::clock::now().wall).date());
    let out_of_reach = folder.pools.map(|pools| policy_in_force::out_of_reach(&loaded.policy, &pools));
    let warnings = [&loaded.warnings, &passed, &out_of_reach.unwrap_or_default()];
    if folder.json {
        print_json(&json::checked(&loaded, &warnings));
    } else {
        warnings.iter().for_each(|warnings| complain(warnings, &loaded.sources));
        print(&text::checked(&loaded, warnings.iter().map(|warnings| warnings.len()).sum()));
    }
    Outcome::Yes
}

fn explain(folder: &Files, question: &Question) -> Outcome {
    let Loaded { policy, sources, .. } = match policy_files::load(&folder.path) {
        Ok(loaded) => loaded,
        Err(error) => return unusable(&error, folder.json),
    };
    let at = question.at.map_or_else(|| crate::clock::now().wall, |at| policy.instant(at));
    let named = policy.named_device(&question.worker, at);
    let (device, device_name) = match question.device {
        DeviceKind::Managed => (Device::Managed, question.device_name.as_deref().or(named.as_deref())),
        DeviceKind::Personal => (Device::Personal, None),
    };
    let assumed = policy.expected_groups(&question.worker);
    let groups = if question.groups.is_empty() { &assumed } else { &question.groups };
    let request = Request { worker: &question.worker, groups, device, device_name, days_used: question.days_used, at };
    let explanation = policy.explain(&request);
    if folder.json {
        print_json(&json::explained(&policy, &sources, &request, &explanation));
    } else {
        print(&text::explained(&policy, &sources, &request, &explanation, question.groups.is_empty()));
    }
    match explanation.decision {
        Decision::Permit(_) => Outcome::Yes,
        Decision::Refuse(_) => Outcome::No,
    }
}

fn test(folder: &Files) -> Outcome {
    let error = match policy_files::load(&folder.path) {
        Ok(loaded) => {
            let asked = loaded.policy.test_count();
            if folder.json {
                print_json(&json!({"ok": true, "asked": asked}));
            } else if asked == 0 {
                print("the policy holds no tests; `[[tests]]` tables say who may and who may not\n");
            } else {
                print(&format!("all {asked} answers are as expected\n"));
            }
            return Outcome::Yes;
        }
        Err(error) => error,
    };
    let failed = match &error {
        LoadError::Mistakes(mistakes, _) => mistakes.iter().any(policy::Mistake::is_failed_test),
        LoadError::Folder(..) | LoadError::Files(..) => false,
    };
    let outcome = unusable(&error, folder.json);
    if failed { Outcome::No } else { outcome }
}

fn prove(folder: &Files) -> Outcome {
    let Loaded { policy, sources, .. } = match policy_files::load(&folder.path) {
        Ok(loaded) => loaded,
        Err(error) => return unusable(&error, folder.json),
    };
    let proof = policy.prove();
    match folder.json {
        true => print_json(&json::proved(&policy, &sources, &proof)),
        false => print(&text::proved(&policy, &sources, &proof)),
    }
    if proof.counterexample.is_none() { Outcome::Yes } else { Outcome::No }
}

fn calendar(folder: &Files, worker: &str, month: Option<(i16, i8)>) -> Outcome {
    let Loaded { policy, .. } = match policy_files::load(&folder.path) {
        Ok(loaded) => loaded,
        Err(error) => return unusable(&error, folder.json),
    };
    let today = policy.local(crate::clock::now().wall).date();
    let (year, month) = month.unwrap_or((today.year(), today.month()));
    let days = policy.calendar(worker, year, month);
    match folder.json {
        true => print_json(&json::calendar(worker, &days)),
        false => print(&text::calendar(worker, (year, month), &days)),
    }
    if days.iter().any(|day| !day.windows.is_empty()) { Outcome::Yes } else { Outcome::No }
}

fn power_off(folder: &Files, workstation: &str, system: System) -> Outcome {
    let Loaded { policy, .. } = match policy_files::load(&folder.path) {
        Ok(loaded) => loaded,
        Err(error) => return unusable(&error, folder.json),
    };
    let line = policy.power_off_after(workstation).map(|after| system.power_off_line(after));
    let is_known = policy.workstations().any(|(name, _)| name == workstation);
    match (folder.json, &line) {
        (true, _) => print_json(&json!({"workstation": workstation, "known": is_known, "line": line})),
        (false, Some(line)) => print(&format!("{line}\n")),
        (false, None) if is_known => print_error(&format!("workstation `{workstation}` has no `power_off_after`\n")),
        (false, None) => print_error(&format!("there is no workstation `{workstation}`\n")),
    }
    if line.is_some() { Outcome::Yes } else { Outcome::No }
}

fn diff(old: PathBuf, new: PathBuf, from: Option<DateTime>, json: bool) -> Outcome {
    let load = |path: PathBuf| policy_files::load(&path).map_err(|error| unusable(&error, json));
    let (old, new) = match (load(old), load(new)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(outcome), _) | (_, Err(outcome)) => return outcome,
    };
    let from = from.map_or_else(|| crate::clock::now().wall, |from| new.policy.instant(from));
    let differences = new.policy.differences(&old.policy, from);
    match json {
        true => print_json(&json::differences(&new.policy, from, &differences)),
        false => print(&text::differences(&new.policy, from, &differences)),
    }
    if differences.is_empty() { Outcome::Yes } else { Outcome::No }
}

fn unusable(error: &LoadError, json: bool) -> Outcome {
    match json {
        true => print_json(&json::unusable(error)),
        false => print_error(&text::unusable(error, style())),
    }
    Outcome::Unusable
}

fn complain(mistakes: &Mistakes, sources: &Sources) {
    print_error(&mistakes.render(sources, style()));
}

/// Colours where a person looks, unless the person asked for none (no-color.org).
fn style() -> Style {
    let wanted = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted { Style::Colour } else { Style::Plain }
}

/// A closed pipe is no failure: whoever reads has read enough.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

fn print_error(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn print_json(value: &Value) {
    print(&format!("{value:#}\n"));
}

fn moment(text: &str) -> Result<DateTime, String> {
    text.parse().map_err(|_| "expected a local date and time, `2026-03-03T09:00`".to_owned())
}

fn month(text: &str) -> Result<(i16, i8), String> {
    let month: Option<jiff::civil::Date> = format!("{text}-01").parse().ok();
    month.map(|first| (first.year(), first.month())).ok_or_else(|| "expected a month, `2026-03`".to_owned())
}

/// A moment as JSON has it: with the policy's offset, to the second.
fn rfc3339(policy: &Policy, at: Timestamp) -> String {
    policy.local(at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests;

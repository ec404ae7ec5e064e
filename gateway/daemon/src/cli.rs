//! The flags: what may be asked of the program, and what its help says.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;

use crate::{
    config, idle_commands::IdleCommand, passphrase::PassphraseSource, policy_commands::PolicyCommand,
    profile_commands::ProfileCommand, review_commands::SignInSource, session_commands::Drops,
};

/// Lets each worker reach their own workstation, and nothing else.
#[derive(Debug, Parser)]
#[command(name = "deskgate-gateway", version, about, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The configuration
    #[arg(long, global = true, value_name = "FILE", default_value = config::DEFAULT_FILE)]
    pub(crate) config: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway until SIGTERM or SIGINT; SIGHUP reads policy and certificate again
    Serve(Serve),
    /// Keep the firewall for a daemon, which starts this by itself
    #[command(hide = true)]
    Fence,
    /// How the running gateway stands
    Status(Output),
    /// Have the running gateway read policy and certificate again
    Reload(Output),
    /// Stop the running gateway; sessions go on with the next start
    Stop {
        /// For good: end every session, with the reason `gateway_stopped`, once their workers were warned
        #[arg(long)]
        end_sessions: bool,
        /// Between the warning and the end, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "end_sessions", value_parser = clap::value_parser!(u32).range(0..=3600))]
        warn: u32,
        #[command(flatten)]
        output: Output,
    },
    /// The sessions open at this moment
    #[command(subcommand)]
    Session(SessionCommand),
    /// Who may not come in, whatever directory and policy say
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// Second factors: who has one, and codes with which workers enrol one
    #[command(subcommand)]
    Factor(FactorCommand),
    /// Home computers that the office manages, and their certificates
    #[command(subcommand)]
    Device(DeviceCommand),
    /// The session log
    #[command(subcommand)]
    Log(LogCommand),
    /// Reviews: who asks for a person's records and why, who approves, and what both key holders open
    #[command(subcommand)]
    Review(ReviewCommand),
    /// The embedded directory, or the way to the one that is configured
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// The fingerprint of the certificate, as clients are given it
    Fingerprint,
    /// Policy files: check them, ask them, prove them
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// The file that workers get: make the office's key for it, sign it, check it; needs no gateway and no configuration
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// The idle rule: make recordings, and try it on them
    #[command(subcommand)]
    Idle(IdleCommand),
    /// Check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Copy the database, also of a running gateway, to a new file
    ///
    /// The copy holds sessions, records and second factors, these sealed. Not in it, and to be kept apart: the configuration, the
    /// policy, the embedded directory's people, and the keys in the state folder (wireguard-key, tls-key.pem, factors-key,
    /// reviews-key).
    /// Without tls-key.pem, clients that pin the fingerprint must be given a new one; without factors-key, all workers
    /// a new second factor.
    Backup {
        /// Where to; must not exist
        file: PathBuf,
    },
    /// Put a copy made by `backup` in the place of the database; the gateway must be stopped
    Restore {
        /// The copy
        file: PathBuf,
        /// Put it in the place of a database that is there, which is kept beside it
        #[arg(long)]
        force: bool,
    },
}

/// What a start may change of the configuration.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Serve {
    /// Threads that carry packets, instead of what the configuration says: 1 to 16, the number of processors by default
    #[arg(long, value_name = "N")]
    loops: Option<u8>,
}

impl Serve {
    pub(crate) fn change(self, config: &mut config::Config) -> Result<(), String> {
        let Some(loops) = self.loops else { return Ok(()) };
        if !(1..=config.tunnel.most_loops()).contains(&loops) {
            let most = config.tunnel.most_loops();
            return Err(format!("`--loops {loops}`: with these pools of tunnel addresses write 1 to {most}"));
        }
        config.tunnel.loops = loops;
        Ok(())
    }
}

/// How to tell the answer.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// All of them: number, structure, phase
    List(Output),
    /// One of them
    Show {
        /// Its number, as the worker reads it out
        #[arg(required_unless_present = "worker")]
        number: Option<String>,
        /// The session of this worker; that you asked is recorded
        #[arg(long, conflicts_with = "number", value_name = "NAME")]
        worker: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Write the headers of one session's dropped packets to a capture file; that you did is recorded
    ///
    /// Shows what the worker's computer tried and why it went no further: IP and TCP, UDP or ICMP headers, never what they carried.
    /// Ask the worker first.
    Drops(Drops),
    /// End one, with the reason `administrator`; that you did is recorded
    Close {
        /// Its number
        number: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkerCommand {
    /// End a worker's session and refuse every login until `unblock`; that you did is recorded
    Block {
        /// As agreements write it
        name: String,
    },
    /// Let a worker in again; that you did is recorded
    Unblock {
        /// As it was written to `block`
        name: String,
    },
    /// Who is blocked
    List(Output),
    /// Who has read which notice of the policy, in which version and when
    Notices {
        /// Of this worker alone
        name: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum FactorCommand {
    /// Print a one-time code with which a worker enrols an authenticator app; that you did is recorded
    ///
    /// Hand it over in person, or in another way that a thief of the worker's password does not read. It ends after seven days, and
    /// with the next code for the same worker.
    Enrol {
        /// The worker's name in the directory
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Take a worker's second factor back at once, and print a code for another; that you did is recorded
    Reset {
        /// The worker's name in the directory
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Remove a worker's second factor, or code for one; that you did is recorded
    Remove {
        /// The worker's name in the directory, or as `list` shows it
        name: String,
    },
    /// Who has a second factor, since when, and who has a code for one
    List(Output),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeviceCommand {
    /// Make a one-time code by which a worker makes a home computer a managed one; that you did is recorded
    Enrol {
        /// As agreements write it
        worker: String,
        /// What the computer is called, such as its inventory number; agreements may name it
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Those that were enrolled: name, worker, serial number, until when
    List(Output),
    /// End the sessions of a computer and refuse its certificate; that you did is recorded
    Revoke {
        /// Its name, or the serial number of its certificate
        #[arg(value_name = "NAME|SERIAL")]
        which: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Show records, oldest first; also when no gateway runs
    Show {
        /// Whose log: `workers` (sessions and logins), `administrators` (what they and the gateway did) or `reviews` (who looked at names)
        #[arg(long, default_value = "workers", value_parser = ["workers", "administrators", "reviews"])]
        journal: String,
        /// Of one session only
        #[arg(long, value_name = "NUMBER")]
        session: Option<String>,
        /// The refused login with this support number
        #[arg(long, value_name = "NUMBER", conflicts_with = "session")]
        support: Option<String>,
        /// From this moment on: `2026-11-21`, `2026-11-21T08:00` (local time), or `2h`, `3d` ago
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Before this moment
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Name people, computers and addresses where they are sealed to nobody; that you did is recorded. What is sealed to the
        /// reviewers' keys opens by `review open` alone
        #[arg(long)]
        names: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Write records for other programs, oldest first, without names: what stands for them is another word each day; also when no gateway runs
    Export {
        /// `jsonl` (a JSON object a line), `csv` (with a head), or `cef` (ArcSight's Common Event Format)
        #[arg(long, value_parser = ["jsonl", "csv", "cef"])]
        format: String,
        /// Whose log: `workers`, `administrators` or `reviews`
        #[arg(long, default_value = "workers", value_parser = ["workers", "administrators", "reviews"])]
        journal: String,
        /// From this moment on: `2026-11-21`, `2026-11-21T08:00` (local time), or `2h`, `3d` ago
        #[arg(long, value_name = "TIME", visible_alias = "from")]
        since: Option<String>,
        /// Before this moment
        #[arg(long, value_name = "TIME", visible_alias = "to")]
        until: Option<String>,
    },
    /// Check that nothing was altered, removed, moved or written anew, and how far the end is proven; also while the gateway runs
    Verify {
        /// A copy of the database instead of the gateway's own; needs no configuration
        #[arg(long, value_name = "FILE")]
        database: Option<PathBuf>,
        /// What the witness holds, or a copy of it, instead of the file that `[record]` names
        #[arg(long, value_name = "FILE")]
        witness: Option<PathBuf>,
        /// What `log key` showed on the gateway, instead of the key in its state folder; may be given several times
        #[arg(long = "key", value_name = "KEY")]
        keys: Vec<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Begin a new record where the one before is lost or damaged, and say so for ever; the gateway must be stopped
    ///
    /// What there is of the database is kept beside the new one. The new record's word, which every record, checkpoint and line of the
    /// witness carries, ends in its number: `.2` for the second.
    BeginAnew {
        /// Why, in words; recorded
        #[arg(long, value_name = "WORDS")]
        why: String,
    },
    /// The rules on collecting, handling, keeping and destroying logs as this configuration makes them, for the office to adopt; with
    /// their hash, and whether they are those that were adopted
    Norms {
        /// `it` or `en`
        #[arg(long, default_value = "it", value_parser = ["it", "en"])]
        language: String,
    },
    /// Show the key that checks the gateway's signatures, to be kept where its administrators cannot change it
    Key,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    /// The keys that names are sealed to, by their fingerprints, and how many records are sealed to each
    Keys(Keys),
    /// Ask for the records of a person, with a ground and a reason; whoever asks signs in, and a second person has to approve
    Request(ReviewRequest),
    /// Approve the request of another person, as the second one
    Approve {
        /// Its number
        request: u64,
        #[command(flatten)]
        sign_in: SignInSource,
        #[command(flatten)]
        output: Output,
    },
    /// Refuse the request of another person, as the second one
    Refuse {
        /// Its number
        request: u64,
        /// Why, in words; recorded
        #[arg(long, value_name = "WORDS")]
        why: String,
        #[command(flatten)]
        sign_in: SignInSource,
        #[command(flatten)]
        output: Output,
    },
    /// Open the records of an approved request, or certain ones, with one private key of each role; that this was done is recorded first
    ///
    /// With `--request` the reviewer office signs in; the records are written to a file (`--to`), which opens elsewhere, or are opened here.
    /// With `--file` such a file is opened, on any computer, without a gateway. With `--session` or `--support` both holders open records
    /// that no request names: be root or the gateway's own user. The private keys are read here and handed to nobody.
    Open(OpenNames),
    /// The requests that you may read, and how far each has come
    Requests {
        #[command(flatten)]
        sign_in: SignInSource,
        #[command(flatten)]
        output: Output,
    },
    /// The minute of an opening
    Minute {
        /// Its number
        minute: u64,
        #[command(flatten)]
        sign_in: SignInSource,
        #[command(flatten)]
        output: Output,
    },
    /// Keep the records of an opening for a procedure, sealed as they are, in a file that opens until its end
    Extract {
        /// The request's number
        request: u64,
        /// Where they go; must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// The first day on which it opens no more; five years at most
        #[arg(long, value_name = "DATE")]
        until: Date,
        /// For which procedure, in words; recorded
        #[arg(long, value_name = "WORDS")]
        why: String,
        #[command(flatten)]
        sign_in: SignInSource,
        #[command(flatten)]
        output: Output,
    },
    /// Put the message to the worker off, with a reason
    Postpone {
        /// The request's number
        request: u64,
        /// The first day on which the worker gets it; 90 days after the opening at most
        #[arg(long, value_name = "DATE")]
        until: Date,
        /// Why, in words; recorded
        #[arg(long, value_name = "WORDS")]
        why: String,
        #[command(flatten)]
        sign_in: SignInSource,
        #[command(flatten)]
        output: Output,
    },
    /// The figures of structures, period by period, as they were published
    Figures {
        /// Write a report with charts to this file (HTML); must not exist
        #[arg(long, value_name = "FILE", conflicts_with = "json")]
        html: Option<PathBuf>,
        /// Write it as PDF to this file; must not exist
        #[arg(long, value_name = "FILE", conflicts_with = "json")]
        pdf: Option<PathBuf>,
        /// The language of the PDF: `it` or `en`
        #[arg(long, default_value = "it", value_parser = ["it", "en"], requires = "pdf")]
        language: String,
        #[command(flatten)]
        sign_in: SignInSource,
        #[command(flatten)]
        output: Output,
    },
    /// Give everybody in a structure a general notice, which each reads before their next session
    Notice {
        /// As agreements write it
        structure: String,
        /// A file with the Italian text
        #[arg(long, value_name = "FILE", required_unless_present = "en")]
        it: Option<PathBuf>,
        /// A file with the English text
        #[arg(long, value_name = "FILE")]
        en: Option<PathBuf>,
        #[command(flatten)]
        sign_in: SignInSource,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ReviewRequest {
    /// Whose records: a worker, by the name in the directory
    #[arg(long, value_name = "NAME", required_unless_present = "sessions", conflicts_with = "sessions")]
    pub(crate) worker: Option<String>,
    /// Or those of this session, where nobody knows whose it was; may be given several times
    #[arg(long = "session", value_name = "NUMBER")]
    pub(crate) sessions: Vec<String>,
    /// The worker's structure, where their agreements name more than one
    #[arg(long, value_name = "NAME")]
    pub(crate) structure: Option<String>,
    /// Records of this kind alone, such as `session_opened`; may be given several times
    #[arg(long = "event", value_name = "KIND")]
    pub(crate) events: Vec<String>,
    /// The first day
    #[arg(long, value_name = "DATE", required_unless_present = "sessions")]
    pub(crate) from: Option<Date>,
    /// The last day [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<Date>,
    /// The letter of the rules' article 11: an anomaly that persists after a notice (a), a harmful event or an alarm (b), an anomaly of
    /// an aggregate analysis (c), a motivated request about logs of navigation or access (d)
    #[arg(long, value_parser = ["a", "b", "c", "d"])]
    pub(crate) ground: String,
    /// Why, in words; recorded
    #[arg(long, value_name = "WORDS")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) sign_in: SignInSource,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: Option<KeysCommand>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make the key pair of one role; best on its holder's own computer, where no gateway is
    ///
    /// Without files both halves are printed. The public one goes to the gateway, the private one stays with its holder: without it, and
    /// one of the other role, nobody reads the names that are sealed to it.
    Make {
        /// Whose: `controllers` (director general and heads) or `reviewers` (the reviewer office)
        #[arg(value_parser = ["controllers", "reviewers"])]
        role: String,
        /// Where the private half goes, readable by its owner alone; must not exist
        #[arg(long, value_name = "FILE")]
        private: Option<PathBuf>,
        /// Where the public half goes; must not exist
        #[arg(long, value_name = "FILE")]
        public: Option<PathBuf>,
        #[command(flatten)]
        passphrase: PassphraseSource,
    },
}

#[derive(Debug, Args)]
pub(crate) struct OpenNames {
    /// The records of this approved request
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["sessions", "supports", "file", "database"])]
    pub(crate) request: Option<u64>,
    /// Where the records of the request go, sealed as they are; must not exist
    #[arg(long, value_name = "FILE", requires = "request")]
    pub(crate) to: Option<PathBuf>,
    /// A file that `--to` wrote; needs no configuration
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sessions", "supports", "database"], requires = "keys")]
    pub(crate) file: Option<PathBuf>,
    /// The records of this session; may be given several times
    #[arg(long = "session", value_name = "NUMBER", required_unless_present_any = ["supports", "request", "file"], requires = "keys")]
    pub(crate) sessions: Vec<String>,
    /// The refused login with this support number; may be given several times
    #[arg(long = "support", value_name = "NUMBER", requires = "keys")]
    pub(crate) supports: Vec<String>,
    /// A private key's file: one of each role at least
    #[arg(long = "key", value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    /// Read the passphrases from standard input, a line each in the order of the keys, instead of asking for them
    #[arg(long)]
    pub(crate) passphrase_stdin: bool,
    /// A copy of the database instead of the gateway's own
    #[arg(long, value_name = "FILE")]
    pub(crate) database: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sign_in: SignInSource,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DirectoryCommand {
    /// Add somebody to the embedded directory
    Add {
        /// The user name
        user: String,
        /// A group that profiles may name; may be given several times
        #[arg(long = "group", value_name = "NAME")]
        groups: Vec<String>,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Give somebody in the embedded directory a new password
    Passwd {
        /// The user name
        user: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Who is in the embedded directory
    List(Output),
    /// Walk the whole way of a login up to the policy, and say in words what is wrong
    Test {
        /// Also sign in as this user, and show the groups
        user: Option<String>,
        #[command(flatten)]
        password: PasswordSource,
    },
}

/// Where a password comes from.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct PasswordSource {
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Tell every mistake in the configuration and in the files that it names: policy, certificate, people, secrets
    Check,
}

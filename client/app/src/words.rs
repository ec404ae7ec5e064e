//! Every sentence a worker may read, named here and written in `words/italian.rs` and `words/english.rs`.
//!
//! A sentence says what happened and what to do. Adding one here without writing it in both languages does not compile.

mod cause;
pub(crate) mod desktop;
pub(crate) mod doctor;
mod english;
mod italian;
pub(crate) mod window;

use std::net::SocketAddr;

use gateway_api::{CloseReason, SessionNumber, factor::Happened, login::Language, record::Opening, session::Limit};

use crate::{doctor::Finding, rdp::Why, session::Unreached};
use desktop::Names;

/// One thing to say.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    /// Asked where no server was given.
    AskServer,
    /// Asked where no user was given.
    AskUser,
    /// Asked for the password.
    AskPassword {
        user: String,
    },
    /// Asked for the second factor.
    AskCode,
    /// Asked for it where nobody gets in without one.
    AskNeededCode,
    /// Asked for the office's code for an enrolment.
    AskEnrolmentCode,
    /// Above the secret for the authenticator app, and below its picture, if there is a terminal.
    ForTheApp,
    /// Asked for the first code that the app shows.
    AskFirstCode,
    /// The second factor counts. The recovery codes come below.
    Enrolled,
    /// What was typed is too long for a code.
    CodeTooLong,
    /// No code was given where one is needed.
    CodeEmpty,
    /// Something happened to the second factor.
    FactorNews {
        what: Happened,
        /// In Unix seconds, as all that is called so.
        at: i64,
    },
    /// Asked for a new one.
    AskNewPassword,
    /// Asked for it again.
    AskNewPasswordAgain,
    /// The two were not the same.
    PasswordsDiffer,
    /// The new one holds.
    PasswordChanged,
    /// Above the records about the worker.
    OwnRecord {
        records: usize,
        left_off: u32,
    },
    /// No review reached them.
    NobodyLooked,
    /// A review did.
    Looked {
        opening: Box<Opening>,
    },
    /// This computer is a managed one, until its certificate ends.
    Managed {
        name: String,
        ends_at: i64,
    },
    /// This computer has no certificate that could be renewed.
    NotManaged,
    /// Its certificate holds for long enough.
    NothingToRenew,
    /// This computer's key and certificate are deleted.
    Forgotten,
    /// There was no key and no certificate.
    NothingToForget,
    /// The gateway is being asked.
    Reaching {
        server: String,
    },
    /// What the office wants read before there is a session.
    Notice {
        name: String,
        text: String,
    },
    /// Whether it was read is asked.
    NoticeAsked,
    /// It was not marked as read; `asked` says whether there was anybody to ask.
    NoticeUnread {
        asked: bool,
    },
    /// A technician's login waits for the worker.
    AssistanceWaits {
        worker: String,
        seconds: u32,
    },
    /// The worker said yes.
    Assisting {
        worker: String,
        workstation: String,
        number: SessionNumber,
        until: String,
    },
    /// The time that the worker agreed to will be over.
    AssistanceOverSoon {
        seconds: u32,
    },
    /// It is.
    AssistanceOver,
    /// The login succeeded.
    SignedIn {
        workstation: String,
        number: SessionNumber,
        until: String,
    },
    /// The session ends at another moment.
    EndMoved {
        until: String,
    },
    /// The office wakes the workstation.
    Waking {
        workstation: String,
    },
    /// It answers, after so long.
    Woken {
        workstation: String,
        seconds: u32,
    },
    /// It did not wake.
    NotWoken {
        workstation: String,
        number: SessionNumber,
    },
    /// The RDP program was started.
    Starting {
        program: String,
    },
    /// A door is open and nothing is started.
    DoorOpen {
        workstation: String,
    },
    /// Above a configuration for another WireGuard program.
    WireguardSecret,
    /// The configuration was handed over; this program holds the session.
    Holding {
        workstation: String,
    },
    /// The session will end soon.
    Warning {
        limit: Limit,
        seconds: u32,
    },
    /// The end that was warned of does not come.
    WarningLifted {
        limit: Limit,
    },
    /// Nothing comes back from the gateway.
    TunnelSilent,
    /// Something came back again.
    TunnelBack,
    /// UDP does not get through: packets take the session channel.
    ByChannel,
    /// Packets take UDP again.
    ByUdp,
    /// The session channel was lost.
    ChannelLost,
    /// The session channel is back.
    ChannelBack,
    /// The office asks to record sizes and times of the session's packets.
    TraceAsked {
        seconds: u32,
        answer_s: u32,
    },
    /// It asked, and nobody can be asked.
    TraceUnasked,
    /// The worker said no.
    TraceRefused,
    /// The question does not stand any more.
    TraceTakenBack,
    /// The recording goes on.
    TraceBegun {
        seconds: u32,
        by_key: bool,
    },
    /// The recording is over.
    TraceEnded,
    /// A technician asks to reach the workstation.
    AssistanceAsked {
        technician: String,
        reason: String,
        seconds: u32,
        answer_s: u32,
    },
    /// One asked, and nobody can be asked.
    AssistanceUnasked {
        technician: String,
    },
    /// The worker said no.
    AssistanceRefused,
    /// The question does not stand any more.
    AssistanceTakenBack,
    /// A technician reaches the workstation.
    AssistanceBegun {
        technician: String,
        until: String,
        by_key: bool,
    },
    /// No technician reaches it any more.
    AssistanceEnded,
    /// A notification: a question waits.
    NoteAssistanceAsked,
    /// A notification: a technician is there.
    NoteAssistanceBegun,
    /// A notification: none is there any more.
    NoteAssistanceEnded,
    /// A notification was not shown.
    NoNotifications,
    /// The workstation refuses.
    WorkstationRefused {
        workstation: String,
        port: u16,
    },
    /// The workstation does not answer.
    WorkstationSilent {
        workstation: String,
        port: u16,
    },
    /// It answers, after it refused or did not.
    WorkstationAnswers {
        workstation: String,
    },
    /// The workstation was not there when the program last knocked.
    Unreached {
        workstation: String,
        number: SessionNumber,
        how: Unreached,
    },
    /// The screen of this computer has been locked for too long.
    Left,
    /// The session is being closed from here.
    Closing,
    /// The session is over.
    Ended {
        reason: CloseReason,
        idle_minutes: u32,
    },
    /// The gateway could not be told that the session is over.
    NotTold,
    /// Under which number this computer noted a failure, for the help desk.
    SupportNumber {
        number: SessionNumber,
    },
    /// Where help is.
    HelpDesk {
        phone: String,
    },
    /// Something on the way to the gateway, in the doctor's words.
    Found {
        finding: Finding,
    },
    /// The same, where who answers is not believed: the password was not sent.
    FoundUnsent {
        finding: Finding,
    },
    /// The gateway could not read what was sent.
    NotUnderstood {
        support: String,
    },
    /// Nobody answers at the gateway's address.
    Unreachable {
        server: String,
        cause: String,
    },
    /// Somebody answers, but not in the way a gateway does.
    NotAGateway {
        server: String,
        cause: String,
    },
    /// The certificate is not the office's.
    Untrusted {
        server: String,
        cause: String,
    },
    /// The gateway refused the login, in its own words, which say when to try again.
    Refused {
        message: String,
        support: String,
    },
    /// Packets do not get through.
    NoTunnel {
        endpoint: SocketAddr,
    },
    /// The grant names no port that this program could open a door to.
    NothingGranted,
    /// No RDP program is installed.
    NoRdpProgram,
    /// The program does not start.
    ProgramMissing {
        program: String,
        cause: String,
    },
    /// The program ended at once, with an error.
    ProgramFailed {
        program: String,
        status: String,
    },
    /// The program ended with an error after a while.
    ProgramBroke {
        program: String,
        status: String,
    },
    /// The workstation wants the password first, which its program cannot ask for.
    PasswordWanted {
        workstation: String,
        /// It did not take the last one.
        again: bool,
    },
    /// The workstation shows another certificate than before.
    WorkstationUntrusted {
        workstation: String,
    },
    /// The workstation shows another certificate than the one that the policy names.
    WorkstationNotNamed {
        workstation: String,
        number: SessionNumber,
    },
    /// The workstation does not take name and password.
    LogonRefused {
        workstation: String,
    },
    /// The account is locked at the workstation.
    LockedOut {
        workstation: String,
    },
    /// The desktop ended, or never began.
    Desktop {
        why: Why,
        names: Names,
    },
    /// The program ended at once, without one.
    ProgramWentAway {
        program: String,
    },
    /// Nothing was typed.
    PasswordEmpty,
    /// What was typed is too long.
    PasswordTooLong,
    /// There is nobody to ask.
    PasswordUnreadable {
        cause: String,
    },
    /// There is nobody to ask for server or user.
    NobodyToAsk {
        option: &'static str,
    },
    /// The configuration could not be written.
    Unwritable {
        path: String,
        cause: String,
    },
    /// This computer refuses something the program needs.
    Broken {
        cause: String,
    },
    /// Nobody signed the profile.
    ProfileUnsigned {
        path: String,
    },
    /// Its signature does not hold.
    ProfileBroken {
        path: String,
    },
    /// It was made for a later version of this program.
    ProfileNewer {
        path: String,
    },
    ProfileWrong {
        path: String,
    },
    /// It is signed by another office than the one that was accepted.
    ProfileForeign {
        path: String,
        forget: Forget,
    },
    /// It is the office's, but a later one was followed already.
    ProfileOld {
        path: String,
        /// Where the one used last is from the future.
        forget: Option<Forget>,
    },
    /// Several lie beside the program, and none was given.
    ProfilesBeside {
        names: String,
    },
    /// It was signed in the future.
    ProfileAhead {
        path: String,
        signed_at: i64,
        now: i64,
    },
    /// Above the question whether it is the office's.
    OfficeWords {
        words: String,
    },
    /// Whether the words are the letter's.
    AskOffice,
    /// They are not.
    OfficeRefused,
    /// Nobody can be asked whether they are.
    OfficeUnasked,
    /// What `--trust` says are others.
    WordsDiffer {
        path: String,
    },
    /// There is `--trust` and no profile.
    NothingToCompare,
    /// The office's key is forgotten.
    OfficeForgotten,
    /// None was known.
    NoOffice,
}

/// By what a person has the office forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forget {
    /// In a terminal.
    Command,
    /// In the window.
    Button,
}

impl Text {
    /// The sentence in a language.
    pub(crate) fn say(&self, language: Language) -> String {
        match language {
            Language::It => italian::say(self),
            Language::En => english::say(self),
        }
    }
}

/// The language of the person at this computer: `LC_ALL`, `LC_MESSAGES`, `LANG`, or what the system says.
pub(crate) fn local_language() -> Language {
    let environment = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let locale = environment.or_else(sys_locale::get_locale).unwrap_or_default();
    language(&locale)
}

fn language(locale: &str) -> Language {
    let italian = locale.split(['_', '-', '.', '@']).next().is_some_and(|tag| tag.eq_ignore_ascii_case("it"));
    if italian { Language::It } else { Language::En }
}

/// A time in a language, such as `5 minutes`.
pub(crate) fn span(seconds: u32, language: Language) -> String {
    match language {
        Language::It => italian::span(seconds),
        Language::En => english::span(seconds),
    }
}

/// A moment in Unix seconds in a language, such as `19 Nov 2026 at 19:30`, by this computer's clock.
pub(crate) fn moment(unix_seconds: i64, language: Language) -> String {
    match language {
        Language::It => italian::moment(unix_seconds),
        Language::En => english::moment(unix_seconds),
    }
}

/// A time as people say it: the two larger units, none where one will do.
struct Span {
    hours: u32,
    minutes: u32,
    seconds: u32,
}

impl Span {
    fn new(seconds: u32) -> Self {
        Self { hours: seconds / 3600, minutes: seconds / 60 % 60, seconds: seconds % 60 }
    }

    /// In the words for one and for many of each unit.
    fn say(&self, hour: [&str; 2], minute: [&str; 2], second: [&str; 2], and: &str) -> String {
        let part = |count: u32, [one, many]: [&str; 2]| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{count} {many}")),
        };
        let seconds = if self.hours == 0 && self.minutes < 2 { part(self.seconds, second) } else { None };
        let parts: Vec<String> =
            [part(self.hours, hour), part(self.minutes, minute), seconds].into_iter().flatten().collect();
        if parts.is_empty() { format!("0 {}", second[1]) } else { parts.join(and) }
    }
}

#[cfg(test)]
mod tests;

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
mod tests {
    use super::*;
    use crate::clock;

    /// These, each as it would be written alone. One that is left out does not compile.
    macro_rules! texts {
        ($(Text::$text:ident $({ $($field:tt)* })?,)*) => {{
            #[expect(unreachable_patterns, reason = "some have more than one sample")]
            let _ = |text: &Text| match text {
                $(Text::$text { .. } => {})*
            };
            vec![$(Text::$text $({ $($field)* })?),*]
        }};
    }

    /// One of each at least.
    fn samples() -> Vec<Text> {
        let s = || "X-1".to_owned();
        // One that has a meaning in Italian.
        let cause = || "timed out".to_owned();
        let number = SessionNumber::new(1);
        let mut all = texts![
            Text::AskServer,
            Text::AskUser,
            Text::AskPassword { user: s() },
            Text::AskCode,
            Text::AskNeededCode,
            Text::AskEnrolmentCode,
            Text::ForTheApp,
            Text::AskFirstCode,
            Text::Enrolled,
            Text::CodeTooLong,
            Text::CodeEmpty,
            Text::FactorNews { what: Happened::Enrolled, at: 1_795_000_000 },
            Text::AskNewPassword,
            Text::AskNewPasswordAgain,
            Text::PasswordsDiffer,
            Text::PasswordChanged,
            Text::OwnRecord { records: 0, left_off: 0 },
            Text::OwnRecord { records: 3, left_off: 0 },
            Text::OwnRecord { records: 2000, left_off: 3 },
            Text::NobodyLooked,
            Text::Looked {
                opening: Box::new(Opening {
                    request: 7,
                    minute: 3,
                    at: 0,
                    from: s(),
                    until: s(),
                    ground: s(),
                    requested_as: s(),
                    approved_as: s(),
                    records: 5,
                }),
            },
            Text::Managed { name: s(), ends_at: 1_795_000_000 },
            Text::NotManaged,
            Text::NothingToRenew,
            Text::Forgotten,
            Text::NothingToForget,
            Text::Reaching { server: s() },
            Text::Notice { name: s(), text: s() },
            Text::NoticeAsked,
            Text::NoticeUnread { asked: true },
            Text::NoticeUnread { asked: false },
            Text::SignedIn { workstation: s(), number, until: s() },
            Text::Desktop { why: Why::ALL[0], names: Names { workstation: s(), program: s(), status: s() } },
            Text::EndMoved { until: s() },
            Text::Waking { workstation: s() },
            Text::Woken { workstation: s(), seconds: 42 },
            Text::NotWoken { workstation: s(), number },
            Text::Starting { program: s() },
            Text::DoorOpen { workstation: s() },
            Text::WireguardSecret,
            Text::Holding { workstation: s() },
            Text::Warning { limit: Limit::Idle, seconds: 300 },
            Text::WarningLifted { limit: Limit::Idle },
            Text::TunnelSilent,
            Text::TunnelBack,
            Text::ByChannel,
            Text::ByUdp,
            Text::ChannelLost,
            Text::ChannelBack,
            Text::TraceAsked { seconds: 600, answer_s: 60 },
            Text::TraceUnasked,
            Text::TraceRefused,
            Text::TraceTakenBack,
            Text::TraceBegun { seconds: 600, by_key: true },
            Text::TraceBegun { seconds: 600, by_key: false },
            Text::TraceEnded,
            Text::AssistanceWaits { worker: s(), seconds: 60 },
            Text::Assisting { worker: s(), workstation: s(), number, until: s() },
            Text::AssistanceOverSoon { seconds: 60 },
            Text::AssistanceOver,
            Text::AssistanceAsked { technician: s(), reason: s(), seconds: 900, answer_s: 60 },
            Text::AssistanceUnasked { technician: s() },
            Text::AssistanceRefused,
            Text::AssistanceTakenBack,
            Text::AssistanceBegun { technician: s(), until: s(), by_key: true },
            Text::AssistanceBegun { technician: s(), until: s(), by_key: false },
            Text::AssistanceEnded,
            Text::NoteAssistanceAsked,
            Text::NoteAssistanceBegun,
            Text::NoteAssistanceEnded,
            Text::NoNotifications,
            Text::NoNotifications,
            Text::WorkstationRefused { workstation: s(), port: 3389 },
            Text::WorkstationSilent { workstation: s(), port: 3389 },
            Text::WorkstationAnswers { workstation: s() },
            Text::Unreached { workstation: s(), number, how: Unreached::Refused },
            Text::Unreached { workstation: s(), number, how: Unreached::Silent },
            Text::Left,
            Text::Closing,
            Text::Ended { reason: CloseReason::Idle, idle_minutes: 15 },
            Text::NotTold,
            Text::SupportNumber { number },
            Text::HelpDesk { phone: s() },
            Text::Found { finding: Finding::NoNetwork },
            Text::FoundUnsent { finding: Finding::UntrustedAtPortal { cause: cause() } },
            Text::NotUnderstood { support: s() },
            Text::Unreachable { server: s(), cause: cause() },
            Text::NotAGateway { server: s(), cause: cause() },
            Text::Untrusted { server: s(), cause: cause() },
            Text::Refused { message: s(), support: s() },
            Text::NoTunnel { endpoint: ([192, 0, 2, 1], 51820).into() },
            Text::NothingGranted,
            Text::NoRdpProgram,
            Text::ProgramMissing { program: s(), cause: cause() },
            Text::ProgramFailed { program: s(), status: s() },
            Text::ProgramBroke { program: s(), status: s() },
            Text::PasswordWanted { workstation: s(), again: false },
            Text::PasswordWanted { workstation: s(), again: true },
            Text::WorkstationUntrusted { workstation: s() },
            Text::WorkstationNotNamed { workstation: s(), number },
            Text::LogonRefused { workstation: s() },
            Text::LockedOut { workstation: s() },
            Text::ProgramWentAway { program: s() },
            Text::PasswordEmpty,
            Text::PasswordTooLong,
            Text::PasswordUnreadable { cause: cause() },
            Text::NobodyToAsk { option: "--server" },
            Text::Unwritable { path: s(), cause: cause() },
            Text::Broken { cause: cause() },
            Text::ProfileUnsigned { path: s() },
            Text::ProfileBroken { path: s() },
            Text::ProfileNewer { path: s() },
            Text::ProfileWrong { path: s() },
            Text::ProfileForeign { path: s(), forget: Forget::Command },
            Text::ProfileForeign { path: s(), forget: Forget::Button },
            Text::ProfileOld { path: s(), forget: None },
            Text::ProfileOld { path: s(), forget: Some(Forget::Command) },
            Text::ProfileOld { path: s(), forget: Some(Forget::Button) },
            Text::ProfilesBeside { names: s() },
            Text::ProfileAhead { path: s(), signed_at: 1_795_000_000, now: 1_790_000_000 },
            Text::OfficeWords { words: s() },
            Text::AskOffice,
            Text::OfficeRefused,
            Text::OfficeUnasked,
            Text::WordsDiffer { path: s() },
            Text::NothingToCompare,
            Text::OfficeForgotten,
            Text::NoOffice,
        ];
        for limit in [
            Limit::Idle,
            Limit::AgreementEnded,
            Limit::LongestSession,
            Limit::GatewayStopped,
            Limit::NeverUsed,
            Limit::WorkstationGone,
        ] {
            all.push(Text::Warning { limit, seconds: 300 });
            all.push(Text::WarningLifted { limit });
        }
        for what in [Happened::Enrolled, Happened::Reset, Happened::Removed, Happened::RecoveryCodeUsed] {
            all.push(Text::FactorNews { what, at: 1_795_000_000 });
        }
        all.extend(
            Why::ALL.map(|why| Text::Desktop { why, names: Names { workstation: s(), program: s(), status: s() } }),
        );
        all.extend(CloseReason::ALL.map(|reason| Text::Ended { reason, idle_minutes: 15 }));
        all
    }

    #[test]
    fn every_text_is_written_in_both_languages_and_differs_between_them() {
        for text in samples() {
            let (italian, english) = (text.say(Language::It), text.say(Language::En));
            assert_ne!(italian, english, "{text:?}");
            assert!(!italian.contains("timed out"), "{italian}");
            for sentence in [italian, english] {
                assert!(sentence.len() > 3, "{text:?}: {sentence}");
                assert!(
                    !sentence.contains(['{', '}']) && !sentence.replace("\n    ", "").contains("  "),
                    "{text:?}: {sentence}"
                );
                assert_eq!(sentence.trim_end(), sentence.trim_end_matches('\n').trim_end(), "{text:?}: {sentence}");
            }
        }
    }

    #[test]
    fn every_end_is_told_in_its_own_words() {
        for language in [Language::It, Language::En] {
            let told: std::collections::BTreeSet<String> =
                CloseReason::ALL.map(|reason| Text::Ended { reason, idle_minutes: 15 }.say(language)).into();
            assert_eq!(told.len(), CloseReason::ALL.len());
        }
    }

    #[test]
    fn every_end_but_a_workers_own_says_what_to_do() {
        let names = || Names { workstation: "pc".to_owned(), program: "xfreerdp".to_owned(), status: "1".to_owned() };
        let own = [CloseReason::ProgramEnded, CloseReason::WorkerClosed];
        let ends = CloseReason::ALL.into_iter().filter(|reason| !own.contains(reason));
        let ends = ends.map(|reason| Text::Ended { reason, idle_minutes: 15 });
        let all: Vec<Text> = ends.chain(Why::ALL.map(|why| Text::Desktop { why, names: names() })).collect();
        let english = ["Sign in", "sign in", "Ask ", " ask ", "all the help desk", "Try again", "Start ", "Install "];
        let italian = ["Accedi", "accedi", "Chiedi ", "chiedi ", "hiama ", "Riprova", "Avvia ", "Installa "];
        for text in all {
            for (language, advice) in [(Language::En, english), (Language::It, italian)] {
                let said = text.say(language);
                let last = said.rsplit(". ").next().unwrap_or_default();
                assert!(advice.iter().any(|word| last.contains(word)), "{text:?}: {said}");
            }
        }
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let warning = |seconds| Text::Warning { limit: Limit::AgreementEnded, seconds };
        for (seconds, english, italian) in [
            (900, "15 minutes", "15 minuti"),
            (60, "1 minute", "1 minuto"),
            (61, "1 minute and 1 second", "1 minuto e 1 secondo"),
            (301, "5 minutes", "5 minuti"),
            (3720, "1 hour and 2 minutes", "1 ora e 2 minuti"),
            (0, "0 seconds", "0 secondi"),
        ] {
            assert!(warning(seconds).say(Language::En).contains(english), "{seconds}");
            assert!(warning(seconds).say(Language::It).contains(italian), "{seconds}");
        }
    }

    #[test]
    fn days_and_times_are_written_as_the_language_writes_them() {
        let at = clock::of_wall("2026-03-09 07:05");
        assert_eq!(moment(at, Language::En), "9 Mar 2026 at 07:05");
        assert_eq!(moment(at, Language::It), "09/03/2026 alle 07:05");
        let managed = Text::Managed { name: "pc".to_owned(), ends_at: at };
        assert!(managed.say(Language::En).contains("until 9 Mar 2026,"));
        assert!(managed.say(Language::It).contains("fino al 09/03/2026 e"));
        let clock = Text::Found { finding: Finding::ClockDoubtful { now: at } };
        assert!(clock.say(Language::En).contains("(9 Mar 2026 at 07:05)"));
        assert!(clock.say(Language::It).contains("(09/03/2026 alle 07:05)"));
        assert_eq!(english::day_of("2026-11-01"), "1 Nov 2026");
        assert_eq!(italian::day_of("in November"), "in November", "what is no day stays");
    }

    #[test]
    fn the_locale_picks_the_language() {
        for (locale, expected) in [
            ("it_IT.UTF-8", Language::It),
            ("it", Language::It),
            ("it-CH", Language::It),
            ("en_GB.UTF-8", Language::En),
            ("C", Language::En),
            ("", Language::En),
            ("italian", Language::En),
        ] {
            assert_eq!(language(locale), expected, "{locale}");
        }
    }
}
